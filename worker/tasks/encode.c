/*
 * encode: photos to latents by the bundle's encoder, and how well the generator gives them back:
 * scores of the photo (variant 0) and of its reconstruction (variant 1), identity between them, the
 * error of their pixels. The first photos and their reconstructions lie in the store side by side.
 * Label with images: the photo's scores only.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "worker/png_file.h"
#include "worker/sheet.h"
#include "worker/tasks/measured.h"
#include "worker/tasks/task.h"

#define PAIRS 24 /* photos of a stage that are shown */

/* A batch of photos and what was made of it, [photos][…]. */
struct encode {
    struct task *task;
    float *before, *after; /* scores */
    uint8_t *photos, *made;
    uint64_t *samples;  /* photos by their place in the list, whose noise reconstructions have */
    float *embedded[2]; /* of photos, of reconstructions; NULL without a network for identity */
};

static size_t embedding_size(const struct task *task)
{
    int which = task->networks.identity;
    return which < 0 ? 0 : pipeline_bundle(task->pipeline)->embedders[which].dimension;
}

static int open_encode(struct encode *encode, size_t batch, struct error *err)
{
    const struct task *task = encode->task;
    size_t columns = batch * pipeline_columns(task->pipeline) * sizeof(float);
    size_t pixels = batch * pipeline_pixel_bytes(task->pipeline);
    size_t size = batch * embedding_size(task) * sizeof(float);
    encode->before = malloc(columns);
    encode->after = malloc(columns);
    encode->photos = malloc(pixels);
    encode->made = malloc(pixels);
    encode->samples = malloc(batch * sizeof *encode->samples);
    for (size_t i = 0; i < 2 && size > 0; i++)
        encode->embedded[i] = malloc(size);
    bool all = encode->before && encode->after && encode->photos && encode->made &&
               encode->samples && (size == 0 || (encode->embedded[0] && encode->embedded[1]));
    return all ? 0 : error_set(err, E_MEMORY, "no memory for %zu photos", batch);
}

static void close_encode(struct encode *encode)
{
    free(encode->before);
    free(encode->after);
    free(encode->photos);
    free(encode->made);
    free(encode->samples);
    free(encode->embedded[0]);
    free(encode->embedded[1]);
}

/* Root mean square of the difference of `bytes` pixels' values. */
static double pixel_error(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes; i++) {
        int difference = a[i] - b[i];
        sum += (uint64_t)(difference * difference);
    }
    return sqrt((double)sum / (double)bytes);
}

/* Photo and reconstruction side by side: jobs/J/STAGE/000012.png of index 12. */
static int write_pair(const struct encode *encode, uint64_t index, size_t i, struct error *err)
{
    struct task *task = encode->task;
    const struct bundle_image *form = &pipeline_bundle(task->pipeline)->generator.output;
    size_t bytes = pipeline_pixel_bytes(task->pipeline);
    char name[32];
    struct sheet sheet = {0};
    int failed = sheet_init(&sheet, 1, 2, form->height, form->width, err);
    if (failed)
        return failed;
    sheet_put(&sheet, 0, 0, encode->photos + i * bytes);
    sheet_put(&sheet, 0, 1, encode->made + i * bytes);
    snprintf(name, sizeof name, "%06llu.png", (unsigned long long)index);
    const struct wire_file file = {.kind = "pair", .target = "", .start = index, .count = 1};
    failed = task_write_sheet(task, &sheet, name, &file, err);
    sheet_free(&sheet);
    return failed;
}

/* The rows of photo `i` of the batch, which is number `at` of the task. */
static int take_photo(const struct encode *encode, size_t i, size_t at, struct error *err)
{
    struct outcome *outcome = encode->task->outcome;
    const struct bundle *bundle = pipeline_bundle(encode->task->pipeline);
    size_t columns = outcome->columns, bytes = pipeline_pixel_bytes(encode->task->pipeline);
    size_t size = embedding_size(encode->task);
    float *row = outcome->scores + 2 * at * columns;
    uint64_t index = outcome->assignment->task.start + at;
    if (outcome->skipped[at])
        return 0;
    memcpy(row, encode->before + i * columns, columns * sizeof *row);
    memcpy(row + columns, encode->after + i * columns, columns * sizeof *row);
    int failed = measured_check_scores(bundle, row, err);
    if (!failed)
        failed = measured_check_scores(bundle, row + columns, err);
    for (size_t k = 0; !failed && size > 0 && k < 2; k++) {
        failed = measured_check_embedding(bundle, encode->task->networks.identity,
                                          encode->embedded[k] + i * size, err);
        outcome->identity[2 * at + k] =
            measured_cosine(encode->embedded[0] + i * size, encode->embedded[k] + i * size, size);
    }
    outcome->photos[at].error =
        pixel_error(encode->photos + i * bytes, encode->made + i * bytes, bytes);
    if (failed)
        return error_prefix(err, failed, "photo %s", outcome->photos[at].name);
    return index < PAIRS ? write_pair(encode, index, i, err) : 0;
}

static int encode_batch(struct encode *encode, size_t done, size_t count, struct error *err)
{
    struct task *task = encode->task;
    struct outcome *outcome = task->outcome;
    int which = task->networks.identity;
    float *latents = outcome->latents + done * bundle_latent_size(pipeline_bundle(task->pipeline));
    struct pipeline_wanted wanted = {
        .scores = encode->before, .pixels = encode->photos, .latents = latents};
    if (which >= 0)
        wanted.embeddings[which] = encode->embedded[0];
    int failed = task_photos(task, done, count, &wanted, err);
    struct pipeline_wanted made = {
        .scores = encode->after, .pixels = encode->made, .samples = encode->samples};
    for (size_t i = 0; i < count; i++)
        encode->samples[i] = task->stage->start + outcome->assignment->task.start + done + i;
    if (which >= 0)
        made.embeddings[which] = encode->embedded[1];
    if (!failed)
        failed = measured_check_latents(latents, count,
                                        bundle_latent_size(pipeline_bundle(task->pipeline)), err);
    if (!failed)
        failed = pipeline_make(task->pipeline, latents, count, &made, &outcome->metrics, err);
    for (size_t i = 0; !failed && i < count; i++)
        failed = take_photo(encode, i, done + i, err);
    return failed;
}

int task_encode(struct task *task, struct error *err)
{
    struct encode encode = {.task = task};
    const struct wire_task *range = &task->outcome->assignment->task;
    size_t batch = pipeline_batch(task->pipeline);
    int failed = task_rows(task, 2, err);
    if (!failed)
        failed =
            outcome_photos(task->outcome, bundle_latent_size(pipeline_bundle(task->pipeline)), err);
    if (!failed)
        failed = open_encode(&encode, batch, err);
    if (!failed)
        failed = task_make_folder(task, err);
    for (size_t done = 0; !failed && done < range->count; done += batch) {
        failed = task_check(task, err);
        if (!failed)
            failed = encode_batch(&encode, done,
                                  range->count - done < batch ? range->count - done : batch, err);
    }
    close_encode(&encode);
    return failed;
}

int task_label_photos(struct task *task, struct error *err)
{
    struct outcome *outcome = task->outcome;
    const struct wire_task *range = &outcome->assignment->task;
    size_t batch = pipeline_batch(task->pipeline), columns = pipeline_columns(task->pipeline);
    int failed = task_rows(task, 1, err);
    if (!failed)
        failed = outcome_photos(outcome, 0, err);
    for (size_t done = 0; !failed && done < range->count; done += batch) {
        const struct pipeline_wanted wanted = {.scores = outcome->scores + done * columns};
        failed = task_check(task, err);
        if (!failed)
            failed =
                task_photos(task, done, range->count - done < batch ? range->count - done : batch,
                            &wanted, err);
    }
    for (size_t i = 0; !failed && i < range->count; i++) {
        failed = measured_check_scores(pipeline_bundle(task->pipeline),
                                       outcome->scores + i * columns, err);
        if (failed)
            error_prefix(err, failed, "photo %s", outcome->photos[i].name);
    }
    return failed;
}
