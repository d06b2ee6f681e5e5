/*
 * A sheet of style mixing, as StyleGAN's style_mixing.py draws it: in the first column the stage's samples, in the first
 * row those that they are mixed with, and where row and column meet the sample of the row with the named layers of the
 * column's. Noise is that of the row's sample, in the first row that of the column's.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/tasks/task.h"

struct mixed_sheet {
    struct task *task;
    size_t rows, columns; /* samples */
    size_t size;          /* numbers of a latent */
    uint64_t layers;
    float *down, *across; /* latents: [rows][size], [columns][size] */
    /* of a batch */
    float *own, *others;
    uint64_t *masks, *samples;
    uint8_t *pixels;
    struct sheet sheet;
};

static int open_sheet(struct mixed_sheet *s, size_t batch, struct error *err)
{
    const struct bundle_image *form = &pipeline_bundle(s->task->pipeline)->generator.output;
    s->down = malloc(s->rows * s->size * sizeof *s->down);
    s->across = malloc(s->columns * s->size * sizeof *s->across);
    s->own = malloc(batch * s->size * sizeof *s->own);
    s->others = malloc(batch * s->size * sizeof *s->others);
    s->masks = malloc(batch * sizeof *s->masks);
    s->samples = malloc(batch * sizeof *s->samples);
    s->pixels = malloc(batch * pipeline_pixel_bytes(s->task->pipeline));
    bool all = s->down && s->across && s->own && s->others && s->masks && s->samples && s->pixels;
    return all ? sheet_init(&s->sheet, s->rows + 1, s->columns + 1, form->height, form->width, err)
               : error_set(err, E_MEMORY, "no memory for a sheet of %zu by %zu faces", s->rows,
                           s->columns);
}

static void close_sheet(struct mixed_sheet *s)
{
    sheet_free(&s->sheet);
    free(s->down);
    free(s->across);
    free(s->own);
    free(s->others);
    free(s->masks);
    free(s->samples);
    free(s->pixels);
}

static int draw(struct mixed_sheet *s, struct error *err)
{
    struct task *task = s->task;
    int failed = task_latents(task, task->stage, 0, s->rows, s->down, err);
    for (size_t done = 0; !failed && done < s->columns;) {
        struct seeds_run run = seeds_find(&task->stage->mixing.with, done, s->columns - done);
        failed = pipeline_latents(task->pipeline, task->spec->seed, run.sample, run.count,
                                  s->across + done * s->size, err);
        done += run.count;
    }
    return failed;
}

/* Cell `at` of the sheet, which is not the empty corner, as face i of the batch. */
static void place(struct mixed_sheet *s, size_t at, size_t i)
{
    const struct spec_stage *stage = s->task->stage;
    size_t row = at / (s->columns + 1), column = at % (s->columns + 1);
    const float *other = s->across + (column > 0 ? column - 1 : 0) * s->size;
    const float *own = row > 0 ? s->down + (row - 1) * s->size : other;
    memcpy(s->own + i * s->size, own, s->size * sizeof *own);
    memcpy(s->others + i * s->size, other, s->size * sizeof *other);
    s->masks[i] = row > 0 && column > 0 ? s->layers : 0;
    s->samples[i] = row > 0 ? spec_stage_samples(stage, row - 1, 1).sample
                            : seeds_find(&stage->mixing.with, column - 1, 1).sample;
}

static int make(struct mixed_sheet *s, size_t first, size_t count, struct error *err)
{
    struct task *task = s->task;
    const struct bundle_latent *latent = &pipeline_bundle(task->pipeline)->generator.latent;
    struct pipeline_wanted wanted = {.pixels = s->pixels, .samples = s->samples};
    int failed = task_check(task, err);
    for (size_t i = 0; !failed && i < count; i++)
        place(s, first + i, i);
    if (latent->space == BUNDLE_W) {
        wanted.others = s->others;
        wanted.layers = s->masks;
    } else if (!failed) {
        mixing_apply(s->masks, count, latent->layers, latent->dimension, s->others, s->own);
    }
    if (!failed)
        failed =
            pipeline_make(task->pipeline, s->own, count, &wanted, &task->outcome->metrics, err);
    for (size_t i = 0; !failed && i < count; i++)
        sheet_put(&s->sheet, (first + i) / (s->columns + 1), (first + i) % (s->columns + 1),
                  s->pixels + i * pipeline_pixel_bytes(task->pipeline));
    return failed;
}

int task_mixed_sheet(struct task *task, struct error *err)
{
    const struct spec_stage *stage = task->stage;
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    const struct wire_task *range = &task->outcome->assignment->task;
    struct mixed_sheet s = {.task = task,
                            .rows = stage->count,
                            .columns = stage->mixing.with.total,
                            .size = bundle_latent_size(bundle)};
    size_t cells = (s.rows + 1) * (s.columns + 1), batch = pipeline_batch(task->pipeline);
    const struct wire_file file = {
        .kind = "mixing", .target = "", .start = range->start, .count = range->count};
    if (range->start != 0 || range->count != stage->count)
        return error_set(err, E_INVALID, "range %llu+%llu cuts a sheet of %llu rows",
                         (unsigned long long)range->start, (unsigned long long)range->count,
                         (unsigned long long)stage->count);
    int failed = mixing_layers(&stage->mixing, bundle->generator.latent.layers, &s.layers, err);
    if (!failed)
        failed = open_sheet(&s, batch, err);
    if (!failed)
        failed = draw(&s, err);
    for (size_t done = 1; !failed && done < cells; done += batch)
        failed = make(&s, done, cells - done < batch ? cells - done : batch, err);
    if (!failed)
        failed = task_make_folder(task, err);
    if (!failed)
        failed = task_write_sheet(task, &s.sheet, "mixing.png", &file, err);
    close_sheet(&s);
    return failed;
}
