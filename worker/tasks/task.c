/* What handlers share: latents of a range, their variants, batches, paths. Runs on the compute
 * thread. */
#include "worker/tasks/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/latent.h"
#include "common/move.h"

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

int task_edit_variant(const struct task *task, uint64_t target, bool projected, double distance,
                      struct variant *variant, const char **name, struct error *err)
{
    *variant = (struct variant){.distance = distance};
    int failed = directions_find(task->directions, target, projected, &variant->direction, name, err);
    if (!failed)
        failed = directions_find(task->directions, target, false, &variant->normal, NULL, err);
    return failed ? failed : directions_offset(task->directions, target, &variant->offset, err);
}

/* Where a variant of one face lies; move[2] (may be NULL) as task_variants says. */
static void place(const struct task *task, const struct variant *variant, const float *drawn,
                  float *z, float *move)
{
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    const struct latent_law *law = &bundle->generator.latent.law; /* all zero in w and w+ */
    size_t d = bundle_latent_size(bundle);
    double distance = 0, radius = law->radius > 0 ? law->radius : sqrt((double)d);
    bool reached = true;
    const struct move how = {
        .mode = task->stage->reach,
        .d = d,
        .direction = variant->direction,
        .normal = variant->normal,
        .offset = variant->offset,
        .amount = variant->distance,
        .limit = task->stage->limit,
        .radius = law->normalisation == LATENT_SPHERE ? radius : 0,
    };
    if (variant->direction)
        reached = move_latent(&how, drawn, z, &distance);
    else
        memcpy(z, drawn, d * sizeof *z);
    if (move) {
        move[0] = (float)distance;
        move[1] = reached;
    }
}

/* z[faces][variants][dimension] from drawn[faces][dimension]. */
static void place_all(const struct task *task, const float *drawn, size_t faces,
                      const struct variant *variants, size_t count, float *z, float *moves)
{
    size_t dimension = bundle_latent_size(pipeline_bundle(task->pipeline));
    for (size_t face = 0; face < faces; face++)
        for (size_t v = 0; v < count; v++) {
            size_t row = face * count + v;
            place(task, &variants[v], drawn + face * dimension, z + row * dimension,
                  moves ? moves + 2 * row : NULL);
        }
}

int task_variants(const struct task *task, uint64_t first, size_t faces,
                  const struct variant *variants, size_t variant_count, float *scores,
                  uint8_t *pixels, float *moves, struct error *err)
{
    struct wire_stage_metrics *metrics = &task->outcome->metrics;
    size_t dimension = bundle_latent_size(pipeline_bundle(task->pipeline)), rows = faces * variant_count;
    int failed = task_check(task, err);
    if (failed)
        return failed;
    int64_t since = clock_now();
    float *drawn = malloc(faces * dimension * sizeof *drawn);
    float *z = malloc(rows * dimension * sizeof *z);
    if (drawn && z) {
        failed = pipeline_latents(task->pipeline, task->spec->seed, first, faces, drawn, err);
        place_all(task, drawn, faces, variants, variant_count, z, moves);
        metrics->latents_ms += task_elapsed_ms(&since);
        if (!failed)
            failed = pipeline_faces(task->pipeline, z, rows, scores, pixels, metrics, err);
    } else {
        failed = error_set(err, E_MEMORY, "no memory for %zu latents", rows);
    }
    free(drawn);
    free(z);
    return failed;
}

float *task_moves(const struct task *task, size_t row)
{
    return task->outcome->moves ? task->outcome->moves + 2 * row : NULL;
}

int task_rows(struct task *task, size_t variant_count, struct error *err)
{
    int failed = outcome_scores(task->outcome, variant_count, pipeline_columns(task->pipeline), err);
    if (!failed && spec_stage_moves(task->stage))
        failed = outcome_moves(task->outcome, err);
    return failed;
}

int task_measure(struct task *task, const struct variant *variants, size_t variant_count,
                 struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    size_t columns = pipeline_columns(task->pipeline);
    size_t chunk = task_chunk(task, variant_count);
    int failed = task_rows(task, variant_count, err);
    for (size_t done = 0; !failed && done < range->count; done += chunk) {
        size_t faces = range->count - done < chunk ? range->count - done : chunk;
        failed = task_variants(task, task->stage->start + range->start + done, faces, variants,
                               variant_count,
                               task->outcome->scores + done * variant_count * columns, NULL,
                               task_moves(task, done * variant_count), err);
    }
    return failed;
}
