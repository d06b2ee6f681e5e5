/*
 * The runner. Pipelines are kept for the bundles used last, because compiling one costs more than
 * many tasks; directions for the stage used last, which all its tasks share. Directions are a pure
 * function of the spec and the stage's position in it, so that is what they are remembered by:
 * stage numbers of another database might mean something else.
 */
#include "worker/runner.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define PIPELINES_KEPT 2

struct kept_pipeline {
    char bundle[DIGEST_HEX_BYTES];
    struct pipeline *pipeline;
};

struct runner {
    struct runner_options options;
    const struct inputs *inputs;
    const atomic_bool *cancelled;
    struct device *device; /* NULL after an error of the device, until the next task */
    struct device_info info;
    size_t batch;                                   /* what memory has allowed so far */
    struct kept_pipeline pipelines[PIPELINES_KEPT]; /* the one used last first */
    char directions_spec[DIGEST_HEX_BYTES];
    uint64_t directions_position;
    struct directions *directions;
};

/* ---- device ---- */

static int open_device(struct runner *runner, struct error *err)
{
    if (runner->device)
        return 0;
    int failed =
        device_open(runner->options.device, &(struct device_options){runner->options.threads},
                    &runner->device, err);
    if (!failed)
        runner->info = *device_describe(runner->device);
    return failed;
}

static void drop_pipelines(struct runner *runner)
{
    for (size_t i = 0; i < PIPELINES_KEPT; i++)
        pipeline_close(&runner->pipelines[i].pipeline);
}

int runner_open(const struct runner_options *options, const struct inputs *inputs,
                const atomic_bool *cancelled, struct runner **runner, struct error *err)
{
    struct runner *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for a runner");
    opened->options = *options;
    opened->inputs = inputs;
    opened->cancelled = cancelled;
    opened->batch = options->batch > 0 ? options->batch : RUNNER_BATCH;
    int failed = open_device(opened, err);
    if (failed) {
        free(opened);
        return failed;
    }
    *runner = opened;
    return 0;
}

void runner_close(struct runner **runner)
{
    if (!*runner)
        return;
    drop_pipelines(*runner);
    directions_free(&(*runner)->directions);
    device_close(&(*runner)->device);
    free(*runner);
    *runner = NULL;
}

const struct device_info *runner_device(const struct runner *runner)
{
    return &runner->info;
}

/* ---- bundles ---- */

/* Bundles are named by hash; anything else must not reach a path. */
static int bundle_folder(const struct runner *runner, const char *hash, char *path, size_t size,
                         struct error *err)
{
    size_t digits = 0;
    while (isdigit((unsigned char)hash[digits]) || (hash[digits] >= 'a' && hash[digits] <= 'f'))
        digits++;
    if (digits != DIGEST_HEX_BYTES - 1 || hash[digits] != '\0')
        return error_set(err, E_INVALID, "not a bundle's hash: %s", hash);
    int length = snprintf(path, size, "%s/bundles/%s", runner->options.store, hash);
    return length < 0 || (size_t)length >= size
               ? error_set(err, E_LIMIT, "the store's path is too long")
               : 0;
}

/* A batch too large for the engine's or the device's limits is halved, for this bundle. */
static int load_pipeline(struct runner *runner, const char *hash, struct pipeline **pipeline,
                         struct error *err)
{
    char folder[2 * LIMIT_PATH_BYTES];
    size_t batch = runner->batch;
    int failed = bundle_folder(runner, hash, folder, sizeof folder, err);
    if (failed)
        return failed;
    int64_t since = clock_now();
    while ((failed = pipeline_open(runner->device, folder, batch, pipeline, err)) &&
           (failed == E_MEMORY || failed == E_LIMIT) && batch > 1) {
        log_warning("%s; trying batches of %zu", err->text, batch / 2);
        batch /= 2;
    }
    if (!failed)
        log_info("bundle %.12s loaded in %.0f ms for batches of %zu", hash, task_elapsed_ms(&since),
                 batch);
    return failed;
}

/* The pipeline of a bundle, from the ones kept or loaded in place of the one used longest ago. */
static int find_pipeline(struct runner *runner, const char *hash, struct pipeline **pipeline,
                         struct error *err)
{
    struct kept_pipeline *kept = runner->pipelines;
    size_t i = 0;
    while (i < PIPELINES_KEPT - 1 && !(kept[i].pipeline && strcmp(kept[i].bundle, hash) == 0))
        i++;
    struct kept_pipeline found = kept[i];
    if (!found.pipeline || strcmp(found.bundle, hash) != 0) {
        pipeline_close(&kept[i].pipeline); /* first, so that its memory is free for the new one */
        found = (struct kept_pipeline){0};
        int failed = load_pipeline(runner, hash, &found.pipeline, err);
        if (failed)
            return failed;
        snprintf(found.bundle, sizeof found.bundle, "%s", hash);
    }
    memmove(kept + 1, kept, i * sizeof *kept);
    kept[0] = found;
    *pipeline = found.pipeline;
    return 0;
}

/* ---- tasks ---- */

static int find_directions(struct runner *runner, struct task *task, struct error *err)
{
    const struct assignment *assignment = task->outcome->assignment;
    char spec[DIGEST_HEX_BYTES];
    digest_bytes(assignment->spec, strlen(assignment->spec), spec);
    if (!runner->directions || strcmp(runner->directions_spec, spec) != 0 ||
        runner->directions_position != assignment->position) {
        directions_free(&runner->directions);
        int failed = runner->inputs->directions(
            runner->inputs->state, assignment->stage,
            pipeline_bundle(task->pipeline)->generator.latent.dimension, &runner->directions, err);
        if (failed)
            return failed;
        memcpy(runner->directions_spec, spec, sizeof spec);
        runner->directions_position = assignment->position;
    }
    task->directions = runner->directions;
    return 0;
}

static int check_range(const struct task *task, struct error *err)
{
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    const struct wire_task *range = &task->outcome->assignment->task;
    uint64_t total = spec_stage_total(task->stage, bundle->classifier.attributes_count,
                                      bundle_age_column(bundle, BUNDLE_FIT) >= 0);
    if (range->count > 0 && range->start < total && range->count <= total - range->start)
        return 0;
    return error_set(err, E_INVALID, "range %llu+%llu is not within the stage's %llu",
                     (unsigned long long)range->start, (unsigned long long)range->count,
                     (unsigned long long)total);
}

static int run_stage(struct runner *runner, const struct spec *spec, struct outcome *outcome,
                     struct error *err)
{
    const struct assignment *assignment = outcome->assignment;
    struct task task = {
        .spec = spec,
        .store = runner->options.store,
        .inputs = runner->inputs,
        .cancelled = runner->cancelled,
        .outcome = outcome,
    };
    if (assignment->position >= spec->stages_count)
        return error_set(err, E_INVALID, "stage %llu of a spec with %u stages",
                         (unsigned long long)assignment->position, spec->stages_count);
    task.stage = &spec->stages[assignment->position];
    int failed = open_device(runner, err);
    if (!failed)
        failed = find_pipeline(runner, assignment->bundle, &task.pipeline, err);
    task.device = runner->device;
    if (!failed)
        failed = check_range(&task, err);
    bool directed = task.stage->kind == SPEC_EDIT || task.stage->kind == SPEC_EVALUATE;
    if (!failed && directed)
        failed = find_directions(runner, &task, err);
    return failed ? failed : task_handler_of(task.stage->kind)(&task, err);
}

/* Runs once with the memory that there is. */
static int try_run(struct runner *runner, struct outcome *outcome, struct error *err)
{
    struct spec *spec = NULL;
    const char *text = outcome->assignment->spec;
    int64_t since = clock_now();
    int failed = spec_parse(text, strlen(text), &spec, err);
    if (!failed)
        failed = run_stage(runner, spec, outcome, err);
    outcome->metrics.total_ms = task_elapsed_ms(&since);
    spec_free(&spec);
    return failed;
}

void runner_run(struct runner *runner, struct outcome *outcome)
{
    struct error err = {0};
    int failed = try_run(runner, outcome, &err);
    while (failed == E_MEMORY && runner->batch > 1) {
        runner->batch /= 2;
        log_warning("%s; trying batches of %zu", err.text, runner->batch);
        drop_pipelines(runner);
        outcome_clear(outcome);
        failed = try_run(runner, outcome, &err);
    }
    if (!failed)
        return;
    outcome_clear(outcome);
    outcome->code = failed;
    snprintf(outcome->text, sizeof outcome->text, "%s", err.text);
    if (failed == E_DEVICE) {
        drop_pipelines(runner);
        device_close(&runner->device);
    }
}
