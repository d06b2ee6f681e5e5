/* What handlers share: latents of a range, their variants, batches, paths. Runs on the compute
 * thread. */
#include "worker/tasks/ways.h"

#include <stdio.h>

#include "common/clock.h"

task_handler task_handler_of(enum spec_kind kind)
{
    static const task_handler handlers[SPEC_KINDS] = {
        [SPEC_SAMPLE] = task_sample, [SPEC_LABEL] = task_label,       [SPEC_FIT] = task_fit,
        [SPEC_EDIT] = task_edit,     [SPEC_EVALUATE] = task_evaluate,
    };
    return handlers[kind];
}

int task_check(const struct task *task, struct error *err)
{
    return atomic_load(task->cancelled) ? error_set(err, E_INTERRUPTED, "the worker is leaving")
                                        : 0;
}

double task_elapsed_ms(int64_t *since)
{
    int64_t now = clock_now();
    double ms = (double)(now - *since) / 1e6;
    *since = now;
    return ms;
}

int task_path(const struct task *task, const char *tail, char path[LIMIT_PATH_BYTES],
              struct error *err)
{
    int length =
        snprintf(path, LIMIT_PATH_BYTES, "jobs/%llu/%s/%s",
                 (unsigned long long)task->outcome->assignment->job, task->stage->name, tail);
    return length < 0 || length >= LIMIT_PATH_BYTES
               ? error_set(err, E_LIMIT, "path of %d bytes: LIMIT_PATH_BYTES is %d", length,
                           LIMIT_PATH_BYTES)
               : 0;
}

size_t task_chunk(const struct task *task, size_t variants)
{
    size_t faces = pipeline_batch(task->pipeline) / variants;
    return faces > 0 ? faces : 1;
}

float *task_moves(const struct task *task, size_t row)
{
    return task->outcome->moves ? task->outcome->moves + MOVE_NUMBERS * row : NULL;
}

int task_rows(struct task *task, size_t variant_count, struct error *err)
{
    struct outcome *outcome = task->outcome;
    const struct wire_task *range = &outcome->assignment->task;
    int failed = outcome_scores(outcome, variant_count, pipeline_columns(task->pipeline), err);
    if (!failed && spec_stage_moves(task->stage))
        failed = outcome_moves(outcome, err);
    if (!failed && task->networks.identity >= 0)
        failed = outcome_identity(outcome, err);
    size_t features = stage_networks_features(&task->networks, range->start, range->count);
    return failed || features == 0 ? failed : outcome_features(outcome, features, err);
}

/* Where the results of faces from number `done` of the task's range on go. */
static struct task_made made_of(const struct task *task, size_t done)
{
    const struct outcome *outcome = task->outcome;
    const struct stage_networks *networks = &task->networks;
    uint64_t start = outcome->assignment->task.start;
    size_t row = done * outcome->variants;
    struct task_made made = {
        .scores = outcome->scores + row * outcome->columns,
        .moves = task_moves(task, row),
        .identity = outcome->identity ? outcome->identity + row : NULL,
    };
    if (outcome->features && stage_networks_faces(networks, start + done, 1))
        made.features = outcome->features + stage_networks_features(networks, start, done);
    return made;
}

/* Edits that networks judge go round by round, and the rounds get smaller: many faces keep the batches
 * full. */
#define JUDGED_TIMES 16

int task_measure(struct task *task, const struct ways *ways, struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    size_t variants = ways ? ways_count(ways) : 1, faces = 0;
    bool judged = move_is_judged(task->stage->reach) || spec_stage_stops(task->stage);
    size_t chunk = task_chunk(task, variants) * (judged ? JUDGED_TIMES : 1);
    int failed = task_rows(task, variants, err);
    for (size_t done = 0; !failed && done < range->count; done += faces) {
        faces = range->count - done < chunk ? range->count - done : chunk;
        /* Faces with features and faces without are made apart. */
        uint64_t some = stage_networks_faces(&task->networks, range->start + done, faces);
        faces = some > 0 ? some : faces;
        const struct task_made made = made_of(task, done);
        failed = task_variants(task, ways, task->stage->start + range->start + done, faces, &made,
                               err);
    }
    return failed;
}
