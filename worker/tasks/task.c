/* What handlers share: latents of a range, their variants, batches, paths. Runs on the compute
 * thread. */
#include "worker/tasks/ways.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "worker/png_file.h"

task_handler task_handler_of(enum spec_kind kind)
{
    static const task_handler handlers[SPEC_KINDS] = {
        [SPEC_SAMPLE] = task_sample, [SPEC_LABEL] = task_label,       [SPEC_FIT] = task_fit,
        [SPEC_EDIT] = task_edit,     [SPEC_EVALUATE] = task_evaluate,
        [SPEC_ENCODE] = task_encode,
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

int task_make_folder(const struct task *task, struct error *err)
{
    char path[LIMIT_PATH_BYTES], full[2 * LIMIT_PATH_BYTES];
    int failed = task_path(task, "", path, err);
    snprintf(full, sizeof full, "%s/%s", task->store, path);
    return failed ? failed : buffer_make_folders(full, err);
}

int task_write_sheet(struct task *task, const struct sheet *sheet, const char *name,
                     const struct wire_file *file, struct error *err)
{
    char path[LIMIT_PATH_BYTES], full[2 * LIMIT_PATH_BYTES], sha256[DIGEST_HEX_BYTES];
    struct buffer png;
    buffer_init(&png, SIZE_MAX / 2);
    int64_t since = clock_now();
    int failed = task_path(task, name, path, err);
    if (!failed)
        failed = png_file_encode(sheet->pixels, sheet->height, sheet->width, &png, err);
    snprintf(full, sizeof full, "%s/%s", task->store, path);
    if (!failed)
        failed = buffer_write_file(full, png.data, png.size, err);
    if (!failed) {
        struct wire_file record = *file;
        digest_bytes(png.data, png.size, sha256);
        record.path = path;
        record.bytes = png.size;
        record.sha256 = sha256;
        failed = outcome_add_file(task->outcome, &record, err);
        task->outcome->metrics.bytes += png.size;
    }
    task->outcome->metrics.encode_ms += task_elapsed_ms(&since);
    buffer_free(&png);
    return failed;
}

int task_photos(struct task *task, size_t done, size_t count, const struct pipeline_wanted *wanted,
                struct error *err)
{
    struct outcome *outcome = task->outcome;
    const struct photos_told told = {outcome->skipped + done, outcome->photos + done};
    return photos_measure(task->photos, task->pipeline,
                          task->stage->start + outcome->assignment->task.start + done, count, wanted,
                          &told, &outcome->metrics, err);
}

/* Rows of imported latents, in the generator's space. */
static int take_rows(struct task *task, uint64_t first, size_t count, float *latents,
                     struct error *err)
{
    const struct latent_list *list = latent_rows_list(task->latents);
    float *rows = malloc(count * latent_list_width(list) * sizeof *rows);
    int failed = rows ? latent_rows_read(task->latents, first, count, rows, err)
                      : error_set(err, E_MEMORY, "no memory for %zu latents", count);
    if (!failed)
        failed = pipeline_take(task->pipeline, list->space, rows, count, latents, err);
    free(rows);
    return failed;
}

/* Those of the samples `offset` behind the stage's. */
static int draw_latents(struct task *task, const struct spec_stage *stage, uint64_t offset,
                        uint64_t first, size_t count, float *latents, struct error *err)
{
    size_t size = bundle_latent_size(pipeline_bundle(task->pipeline));
    int failed = 0;
    for (size_t done = 0; !failed && done < count;) {
        struct seeds_run run = spec_stage_samples(stage, first + done, count - done);
        if (stage->latents)
            failed = take_rows(task, run.sample, run.count, latents + done * size, err);
        else
            failed = pipeline_latents(task->pipeline, task->spec->seed, run.sample + offset,
                                      run.count, latents + done * size, err);
        done += run.count;
    }
    return failed;
}

int task_others(struct task *task, const struct spec_stage *stage, uint64_t first, size_t count,
                float *latents, uint64_t *masks, struct error *err)
{
    uint32_t vectors = pipeline_bundle(task->pipeline)->generator.latent.layers;
    uint64_t layers = 0;
    int failed = mixing_layers(&stage->mixing, vectors, &layers, err);
    for (size_t i = 0; !failed && i < count; i++)
        masks[i] = mixing_of(&stage->mixing, layers, vectors, task->spec->seed,
                             spec_stage_samples(stage, first + i, 1).sample);
    return failed ? failed
                  : draw_latents(task, stage, stage->mixing.offset, first, count, latents, err);
}

/* In w+, rows[count][…] of the stage's faces become mixed. */
static int mix(struct task *task, const struct spec_stage *stage, uint64_t first, size_t count,
               float *rows, struct error *err)
{
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    const struct bundle_latent *latent = &bundle->generator.latent;
    float *others = malloc(count * bundle_latent_size(bundle) * sizeof *others);
    uint64_t *masks = malloc(count * sizeof *masks);
    int failed = others && masks ? task_others(task, stage, first, count, others, masks, err)
                                 : error_set(err, E_MEMORY, "no memory to mix %zu latents", count);
    if (!failed)
        mixing_apply(masks, count, latent->layers, latent->dimension, others, rows);
    free(others);
    free(masks);
    return failed;
}

static bool mixes(const struct task *task, const struct spec_stage *stage, enum bundle_space space)
{
    return stage->mixing.offset > 0 &&
           pipeline_bundle(task->pipeline)->generator.latent.space == space;
}

bool task_mixes_in_w(const struct task *task)
{
    return mixes(task, task->stage, BUNDLE_W);
}

int task_latents(struct task *task, const struct spec_stage *stage, uint64_t first, size_t count,
                 float *latents, struct error *err)
{
    int failed = draw_latents(task, stage, 0, first, count, latents, err);
    return failed || !mixes(task, stage, BUNDLE_W_PLUS)
               ? failed
               : mix(task, stage, first, count, latents, err);
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
        .skipped = outcome->skipped + done,
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
        failed = task_variants(task, ways, range->start + done, faces, &made, err);
    }
    return failed;
}
