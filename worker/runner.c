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
#include "worker/pipeline_fit.h"
#include "worker/program_keeper.h"
#include "worker/tasks/found.h"

#define PIPELINES_KEPT 2
#define GPU_SHARE 0.8
#define HOST_SHARE 0.5
#define DEVICE_ERRORS_BORNE                                                                        \
    3 /* tasks in sequence; a device that fails more is no better than lost */

struct kept_pipeline {
    char bundle[DIGEST_HEX_BYTES];
    struct pipeline *pipeline;
    struct cache_hold *hold; /* of the bundle's folder, or NULL: it is in the store */
    enum pipeline_noise noise;
    uint64_t bytes;          /* on the device */
};

struct runner {
    struct runner_options options;
    const struct inputs *inputs;
    const atomic_bool *cancelled;
    struct device *device; /* NULL after an error of the device, until the next task */
    struct device_info info;
    uint64_t memory;                                /* of the device, to use at most */
    size_t batch;                                   /* what memory has allowed so far */
    unsigned device_errors;                         /* tasks that failed by E_DEVICE in sequence */
    struct kept_pipeline pipelines[PIPELINES_KEPT]; /* the one used last first */
    char directions_spec[DIGEST_HEX_BYTES];
    uint64_t directions_position;
    struct directions *directions;
    struct photos *photos; /* of the stage that read some last */
    struct latent_rows *latents; /* likewise */
};

/* ---- device ---- */

uint64_t runner_memory(const struct runner_options *options, const struct device_info *info)
{
    double share = info->kind == DEVICE_GPU ? GPU_SHARE : HOST_SHARE;
    if (options->device.share > 0)
        share *= options->device.share;
    if (info->memory_bytes == 0) /* a driver that does not tell: its refusals will */
        return options->memory > 0 ? options->memory : UINT64_MAX;
    if (options->memory > 0)
        return options->memory < info->memory_bytes ? options->memory : info->memory_bytes;
    return (uint64_t)(share * (double)info->memory_bytes);
}

static size_t full_batch(const struct runner *runner)
{
    return runner->options.batch > 0 ? runner->options.batch : RUNNER_BATCH;
}

static int open_device(struct runner *runner, struct error *err)
{
    if (runner->device)
        return 0;
    const struct device_choice *choice = &runner->options.device;
    int failed = device_open(choice->index, &choice->options, &runner->device, err);
    if (failed)
        return failed;
    device_stop_by(runner->device, runner->cancelled);
    runner->info = *device_describe(runner->device);
    runner->memory = runner_memory(&runner->options, &runner->info);
    return 0;
}

static void drop_pipeline(struct kept_pipeline *kept)
{
    pipeline_close(&kept->pipeline);
    cache_release(&kept->hold);
}

static void drop_pipelines(struct runner *runner)
{
    for (size_t i = 0; i < PIPELINES_KEPT; i++)
        drop_pipeline(&runner->pipelines[i]);
}

static void close_device(struct runner *runner)
{
    drop_pipelines(runner);
    device_close(&runner->device);
}

int runner_reopen(struct runner *runner, struct error *err)
{
    close_device(runner);
    int failed = open_device(runner, err);
    if (!failed)
        failed = device_check(runner->device, err);
    if (failed) {
        close_device(runner);
        return failed;
    }
    runner->batch = full_batch(runner);
    return 0;
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
    opened->batch = full_batch(opened);
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
    close_device(*runner);
    directions_free(&(*runner)->directions);
    photos_close(&(*runner)->photos);
    latent_rows_close(&(*runner)->latents);
    free(*runner);
    *runner = NULL;
}

double runner_take_operations(struct runner *runner)
{
    return runner->device ? device_take_operations(runner->device) : 0;
}

const struct device_info *runner_device(const struct runner *runner)
{
    return &runner->info;
}

/* ---- bundles ---- */

/* Fetches a folder of the broker's store, unless it is in the cache. */
static int take_folder(const struct runner *runner, const char *kind, const char *hash,
                       struct cache_hold **hold, struct error *err)
{
    if (!runner->options.cache || !runner->inputs->transfer)
        return error_set(err, E_STATE, "%s/%.12s is not in a store of ours, and there is no cache",
                         kind, hash);
    return cache_take(runner->options.cache, runner->inputs->transfer, kind, hash, hold, err);
}

/* Bundles are named by hash; anything else must not reach a path. *hold receives what is held where
 * it is one of the cache. */
static int bundle_folder(const struct runner *runner, const struct assignment *assignment,
                         char *path, size_t size, struct cache_hold **hold, struct error *err)
{
    const char *hash = assignment->bundle;
    size_t digits = 0;
    while (isdigit((unsigned char)hash[digits]) || (hash[digits] >= 'a' && hash[digits] <= 'f'))
        digits++;
    if (digits != DIGEST_HEX_BYTES - 1 || hash[digits] != '\0')
        return error_set(err, E_INVALID, "not a bundle's hash: %s", hash);
    int failed = assignment->travels ? take_folder(runner, "bundles", hash, hold, err) : 0;
    if (failed)
        return failed;
    int length = *hold ? snprintf(path, size, "%s", cache_path(*hold))
                       : snprintf(path, size, "%s/bundles/%s", runner->options.store, hash);
    return length < 0 || (size_t)length >= size
               ? error_set(err, E_LIMIT, "the store's path is too long")
               : 0;
}

static uint64_t kept_bytes(const struct runner *runner)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < PIPELINES_KEPT; i++)
        bytes += runner->pipelines[i].pipeline ? runner->pipelines[i].bytes : 0;
    return bytes;
}

/* Closes the pipeline used longest ago. False if there is none. */
static bool drop_oldest(struct runner *runner)
{
    for (size_t i = PIPELINES_KEPT; i-- > 0;)
        if (runner->pipelines[i].pipeline) {
            drop_pipeline(&runner->pipelines[i]);
            return true;
        }
    return false;
}

/* Makes room for a prepared pipeline at the expense of others, and commits it. A failed one is closed. */
static int commit_fitting(struct runner *runner, struct pipeline **pipeline, struct pipeline_need *need,
                          struct error *err)
{
    pipeline_need(*pipeline, need);
    while (need->bytes > runner->memory - kept_bytes(runner) && drop_oldest(runner))
        continue;
    int failed = pipeline_commit(*pipeline, err);
    if (failed)
        pipeline_close(pipeline);
    return failed;
}

/* Opens the bundle where the device has the memory, at the expense of other pipelines first, and then of
 * the batch. */
static int open_fitting(struct runner *runner, const char *folder, enum pipeline_noise noise,
                        struct pipeline_need *need, struct pipeline **pipeline, struct error *err)
{
    size_t batch = runner->batch;
    for (;;) {
        int failed =
            pipeline_fit(runner->device, folder, batch, runner->memory, noise, pipeline, err);
        if (failed)
            return failed;
        batch = pipeline_batch(*pipeline);
        failed = commit_fitting(runner, pipeline, need, err);
        if (failed != E_MEMORY && failed != E_LIMIT)
            return failed;
        if (failed == E_MEMORY && drop_oldest(runner)) {
            log_warning("%s; another bundle's networks are dropped", err->text);
        } else if (batch > 1) {
            batch /= 2;
            log_warning("%s; trying batches of %zu", err->text, batch);
        } else {
            runner->batch = 1; /* smaller ones need not be tried */
            return failed;
        }
    }
}

static int load_from(struct runner *runner, const char *hash, const char *folder,
                     struct kept_pipeline *loaded, struct error *err)
{
    struct pipeline_need need = {0};
    int64_t since = clock_now();
    int failed = open_fitting(runner, folder, loaded->noise, &need, &loaded->pipeline, err);
    if (failed)
        return failed;
    loaded->bytes = need.bytes;
    snprintf(loaded->bundle, sizeof loaded->bundle, "%s", hash);
    log_info("bundle %.12s loaded in %.0f ms for batches of %zu, %.1f of %.1f MiB on %s", hash,
             task_elapsed_ms(&since), pipeline_batch(loaded->pipeline), (double)need.bytes / 0x1p20,
             (double)runner->memory / 0x1p20, runner->info.name);
    return 0;
}

/* A cached bundle that has been damaged since it came is fetched once more. */
static int load_pipeline(struct runner *runner, const struct assignment *assignment,
                         struct kept_pipeline *loaded, struct error *err)
{
    char folder[2 * LIMIT_PATH_BYTES];
    int failed = E_DIGEST;
    for (int tries = 0; tries < 2 && (failed == E_DIGEST || failed == E_NOT_FOUND); tries++) {
        if (tries > 0 && !loaded->hold)
            break;
        cache_distrust(&loaded->hold);
        failed = bundle_folder(runner, assignment, folder, sizeof folder, &loaded->hold, err);
        if (!failed)
            failed = load_from(runner, assignment->bundle, folder, loaded, err);
    }
    if (failed)
        cache_release(&loaded->hold);
    return failed;
}

static bool is_kept(const struct kept_pipeline *kept, const char *hash, enum pipeline_noise noise)
{
    return kept->pipeline && kept->noise == noise && strcmp(kept->bundle, hash) == 0;
}

/* The pipeline of a bundle, from the ones kept or loaded in place of the one used longest ago. */
static int find_pipeline(struct runner *runner, const struct assignment *assignment,
                         enum pipeline_noise noise, struct pipeline **pipeline, struct error *err)
{
    const char *hash = assignment->bundle;
    struct kept_pipeline *kept = runner->pipelines, found = {.noise = noise};
    size_t i = 0;
    while (i < PIPELINES_KEPT - 1 && !is_kept(&kept[i], hash, noise))
        i++;
    if (is_kept(&kept[i], hash, noise)) {
        found = kept[i];
    } else {
        drop_pipeline(&kept[i]); /* first, so that its memory is free for the new one */
        int failed = load_pipeline(runner, assignment, &found, err);
        if (failed)
            return failed;
    }
    memmove(kept + 1, kept, i * sizeof *kept);
    kept[0] = found;
    *pipeline = found.pipeline;
    return 0;
}

/* Finds it for a stage, and sets what the stage says of its generator. */
static int take_pipeline(struct runner *runner, const struct assignment *assignment,
                         const struct spec *spec, struct pipeline **pipeline, struct error *err)
{
    uint32_t position = (uint32_t)assignment->position;
    enum bundle_noise given;
    enum pipeline_noise noise = stage_generator_noise(spec, position, &given)
                                    ? pipeline_noise_of(given)
                                    : PIPELINE_NOISE_DEFAULT;
    struct stage_generator generator;
    int failed = find_pipeline(runner, assignment, noise, pipeline, err);
    if (!failed)
        failed = stage_generator(spec, position, pipeline_bundle(*pipeline), &generator, err);
    return failed ? failed : pipeline_set(*pipeline, &generator, err);
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
            bundle_latent_size(pipeline_bundle(task->pipeline)), &runner->directions, err);
        if (failed)
            return failed;
        memcpy(runner->directions_spec, spec, sizeof spec);
        runner->directions_position = assignment->position;
    }
    task->directions = runner->directions;
    return 0;
}

static int find_photos(struct runner *runner, struct task *task, struct error *err)
{
    const char *hash = task->stage->images;
    if (!hash)
        return 0;
    int failed = 0;
    bool travels = task->outcome->assignment->travels && runner->inputs->transfer;
    if (!runner->photos || !photos_are(runner->photos, hash)) {
        photos_close(&runner->photos);
        failed = travels ? photos_fetch(runner->inputs->transfer, hash, &runner->photos, err)
                         : photos_open(task->library, hash, &runner->photos, err);
    }
    task->photos = runner->photos;
    return failed;
}

/* The imported latents that the stage's faces are made of; of a fit, those of the stage that it
 * reads. */
static const char *latents_of(const struct task *task)
{
    int from = task->stage->kind == SPEC_FIT ? spec_find(task->spec, task->stage->from) : -1;
    return from < 0 ? task->stage->latents : task->spec->stages[from].latents;
}

static int find_latents(struct runner *runner, struct task *task, struct error *err)
{
    const char *hash = latents_of(task);
    bool travels = task->outcome->assignment->travels && runner->inputs->transfer;
    int failed = 0;
    if (!hash)
        return 0;
    if (!runner->latents || !latent_rows_are(runner->latents, hash)) {
        latent_rows_close(&runner->latents);
        failed = travels ? latent_rows_fetch(runner->inputs->transfer, hash, &runner->latents, err)
                         : latent_rows_open(task->library, hash, &runner->latents, err);
    }
    if (!failed)
        failed = latent_list_check(latent_rows_list(runner->latents),
                                   pipeline_bundle(task->pipeline), err);
    task->latents = runner->latents;
    return failed ? error_prefix(err, failed, "latents") : 0;
}

static int check_range(const struct task *task, struct error *err)
{
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    const struct wire_task *range = &task->outcome->assignment->task;
    uint64_t total = spec_stage_total(task->stage, bundle->attributes_count,
                                      bundle_age_column(bundle, BUNDLE_FIT) >= 0);
    if (range->count > 0 && range->start < total && range->count <= total - range->start)
        return 0;
    return error_set(err, E_INVALID, "range %llu+%llu is not within the stage's %llu",
                     (unsigned long long)range->start, (unsigned long long)range->count,
                     (unsigned long long)total);
}

/* A device that cannot be opened is as good as lost, whatever the reason. */
static int lost(int failed, struct error *err)
{
    error_prefix(err, failed, "the device cannot be opened");
    err->code = E_LOST;
    return E_LOST;
}

/* Hands the task to its stage's handler, with what the stage reads of the store. */
static int handle(const struct runner *runner, struct task *task, struct error *err)
{
    struct cache_hold *hold = NULL;
    int failed = task->outcome->assignment->travels && task->stage->files
                     ? take_folder(runner, "boundaries", task->stage->files, &hold, err)
                     : 0;
    if (!failed)
        failed = task_handler_of(task->stage->kind)(task, err);
    cache_release(&hold);
    return failed;
}

static int run_stage(struct runner *runner, struct spec *spec, struct outcome *outcome,
                     struct error *err)
{
    const struct assignment *assignment = outcome->assignment;
    struct task task = {
        .spec = spec,
        .store = assignment->travels ? runner->options.outbox : runner->options.store,
        .library = runner->options.store,
        .inputs = runner->inputs,
        .cancelled = runner->cancelled,
        .outcome = outcome,
    };
    if (assignment->position >= spec->stages_count)
        return error_set(err, E_INVALID, "stage %llu of a spec with %u stages",
                         (unsigned long long)assignment->position, spec->stages_count);
    task.stage = &spec->stages[assignment->position];
    if (task.stage->kind == SPEC_PROBE)
        return 0; /* what it takes is the farm's own part: neither device nor bundle is asked */
    if (assignment->travels) {
        task.library = runner->options.cache ? cache_folder(runner->options.cache) : NULL;
        outcome->outbox = runner->options.outbox;
    }
    int failed = open_device(runner, err);
    if (failed)
        return lost(failed, err);
    failed = take_pipeline(runner, assignment, spec, &task.pipeline, err);
    task.device = runner->device;
    task.memory = runner->memory - kept_bytes(runner);
    if (!failed)
        failed = check_range(&task, err);
    if (!failed)
        failed = stage_networks(task.stage, pipeline_bundle(task.pipeline), &task.networks, err);
    if (!failed)
        failed = found_ask(&task, spec, err);
    if (!failed)
        failed = find_photos(runner, &task, err);
    if (!failed)
        failed = find_latents(runner, &task, err);
    bool directed = task.stage->kind == SPEC_EDIT || task.stage->kind == SPEC_EVALUATE;
    if (!failed && directed)
        failed = find_directions(runner, &task, err);
    return failed ? failed : handle(runner, &task, err);
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

/* Whether the device outlived a failure that may have been the last of it. E_LOST where not, with
 * what failed first in front. */
static int examine(struct runner *runner, int failed, struct error *err)
{
    struct error check = {0}, first = *err;
    if ((failed != E_DEVICE && failed != E_MEMORY) || !runner->device ||
        device_check(runner->device, &check) == 0)
        return failed;
    return error_set(err, E_LOST, "%.500s; %.400s", first.text, check.text);
}

/* Runs with ever smaller batches while memory runs out. */
static int run_halving(struct runner *runner, struct outcome *outcome, struct error *err)
{
    int failed = examine(runner, try_run(runner, outcome, err), err);
    while (failed == E_MEMORY && runner->batch > 1) {
        const struct pipeline *used = runner->pipelines[0].pipeline;
        runner->batch = (used ? pipeline_batch(used) : runner->batch) / 2;
        if (runner->batch == 0)
            runner->batch = 1;
        log_warning("%s; trying batches of %zu", err->text, runner->batch);
        drop_pipelines(runner);
        outcome_clear(outcome);
        failed = examine(runner, try_run(runner, outcome, err), err);
    }
    return failed == E_MEMORY ? error_prefix(err, failed, "one face at a time is too much")
                              : failed;
}

void runner_begin(struct runner *runner, struct outcome *outcome)
{
    struct error err = {0};
    int failed = run_halving(runner, outcome, &err);
    if (!failed)
        runner->device_errors = 0;
    if (!failed)
        return;
    outcome_clear(outcome);
    outcome->code = failed;
    snprintf(outcome->text, sizeof outcome->text, "%s", err.text);
    if (failed == E_DEVICE)
        runner->device_errors++;
    outcome->device_lost =
        failed == E_LOST || failed == E_MEMORY || runner->device_errors > DEVICE_ERRORS_BORNE;
    if (outcome->device_lost || failed == E_DEVICE)
        close_device(runner);
}

void runner_run(struct runner *runner, struct outcome *outcome)
{
    runner_begin(runner, outcome);
    outcome_finish(outcome);
}

bool runner_keep_program(struct runner *runner)
{
    return runner->device && device_keep_program(runner->device);
}
