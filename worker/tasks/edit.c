/*
 * edit: a sheet per target (rows faces, columns the distances of the sweep), and with conditions
 * one more along the projected direction. Every cell is scored too: variants are the steps of the
 * plain edit, then those of the projected one. Index = target · faces + face; a task covers whole
 * targets.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "worker/png_file.h"
#include "worker/sheet.h"
#include "worker/tasks/task.h"

struct edit {
    struct task *task;
    size_t steps, kinds; /* kinds: 1, or 2 with the projected edit */
    uint64_t target;
    const char *name;
    struct variant variants[2 * LIMIT_STEPS];
    struct sheet sheets[2];
};

static double step_distance(const struct spec_sweep *sweep, size_t step)
{
    if (sweep->steps < 2)
        return sweep->from;
    double share = (double)step / (double)(sweep->steps - 1);
    return sweep->from + (sweep->to - sweep->from) * share;
}

static int begin_target(struct edit *edit, struct error *err)
{
    const struct spec_stage *stage = edit->task->stage;
    const struct bundle_image *form = &pipeline_bundle(edit->task->pipeline)->generator.output;
    for (size_t kind = 0; kind < edit->kinds; kind++) {
        int failed = sheet_init(&edit->sheets[kind], stage->faces, edit->steps, form->height,
                                form->width, err);
        for (size_t step = 0; !failed && step < edit->steps; step++)
            failed = task_edit_variant(edit->task, edit->target, kind == 1,
                                       step_distance(&stage->distances, step),
                                       &edit->variants[kind * edit->steps + step], &edit->name, err);
        if (failed)
            return failed;
    }
    return 0;
}

/* Renders faces first … first+faces−1 of the target into the sheets and scores them. */
static int render(struct edit *edit, size_t first, size_t faces, const struct task_made *made,
                  struct error *err)
{
    size_t variants = edit->steps * edit->kinds;
    size_t bytes = pipeline_pixel_bytes(edit->task->pipeline);
    int failed = task_variants(edit->task, edit->task->stage->start + first, faces, edit->variants,
                               variants, made, err);
    for (size_t i = 0; !failed && i < faces * variants; i++) {
        size_t variant = i % variants;
        sheet_put(&edit->sheets[variant / edit->steps], first + i / variants, variant % edit->steps,
                  made->pixels + i * bytes);
    }
    return failed;
}

static int write_sheet(struct edit *edit, size_t kind, struct error *err)
{
    struct task *task = edit->task;
    const struct sheet *sheet = &edit->sheets[kind];
    char name[256], path[LIMIT_PATH_BYTES], full[2 * LIMIT_PATH_BYTES], sha256[DIGEST_HEX_BYTES];
    struct buffer png;
    buffer_init(&png, SIZE_MAX / 2);
    int64_t since = clock_now();
    sheet_name(edit->name, kind == 1 ? "_projected.png" : ".png", name, sizeof name);
    int failed = task_path(task, name, path, err);
    if (!failed)
        failed = png_file_encode(sheet->pixels, sheet->height, sheet->width, &png, err);
    snprintf(full, sizeof full, "%s/%s", task->store, path);
    if (!failed)
        failed = buffer_write_file(full, png.data, png.size, err);
    if (!failed) {
        digest_bytes(png.data, png.size, sha256);
        const struct wire_file file = {
            .path = path,
            .kind = "sheet",
            .target = edit->name,
            .projected = kind,
            .start = edit->target * task->stage->faces,
            .count = task->stage->faces,
            .bytes = png.size,
            .sha256 = sha256,
        };
        failed = outcome_add_file(task->outcome, &file, err);
        task->outcome->metrics.bytes += png.size;
    }
    task->outcome->metrics.encode_ms += task_elapsed_ms(&since);
    buffer_free(&png);
    return failed;
}

/* `row` is the first of its rows of scores. */
static int edit_target(struct edit *edit, size_t row, struct error *err)
{
    struct task *task = edit->task;
    size_t variants = edit->steps * edit->kinds, faces = task->stage->faces;
    size_t columns = pipeline_columns(task->pipeline), chunk = task_chunk(task, variants);
    uint8_t *pixels = malloc(chunk * variants * pipeline_pixel_bytes(task->pipeline));
    int failed =
        pixels ? 0 : error_set(err, E_MEMORY, "no memory for %zu images", chunk * variants);
    if (!failed)
        failed = begin_target(edit, err);
    for (size_t done = 0; !failed && done < faces; done += chunk, row += chunk * variants) {
        const struct task_made made = {
            .scores = task->outcome->scores + row * columns,
            .pixels = pixels,
            .moves = task_moves(task, row),
            .identity = task->outcome->identity ? task->outcome->identity + row : NULL,
        };
        failed = render(edit, done, faces - done < chunk ? faces - done : chunk, &made, err);
    }
    for (size_t kind = 0; !failed && kind < edit->kinds; kind++)
        failed = write_sheet(edit, kind, err);
    free(pixels);
    sheet_free(&edit->sheets[0]);
    sheet_free(&edit->sheets[1]);
    return failed;
}

static int make_folder(const struct task *task, struct error *err)
{
    char path[LIMIT_PATH_BYTES], full[2 * LIMIT_PATH_BYTES];
    int failed = task_path(task, "", path, err);
    snprintf(full, sizeof full, "%s/%s", task->store, path);
    return failed ? failed : buffer_make_folders(full, err);
}

int task_edit(struct task *task, struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    uint64_t faces = task->stage->faces;
    struct edit edit = {.task = task,
                        .steps = task->stage->distances.steps,
                        .kinds = task->stage->conditions_count > 0 ? 2 : 1};
    size_t variants = edit.steps * edit.kinds;
    if (faces == 0 || range->start % faces != 0 || range->count % faces != 0)
        return error_set(err, E_INVALID, "range %llu+%llu cuts a sheet of %llu faces",
                         (unsigned long long)range->start, (unsigned long long)range->count,
                         (unsigned long long)faces);
    if (edit.steps == 0 || edit.steps > LIMIT_STEPS)
        return error_set(err, E_LIMIT, "a sweep of %zu steps: LIMIT_STEPS is %d", edit.steps,
                         LIMIT_STEPS);
    int failed = task_rows(task, variants, err);
    if (!failed)
        failed = make_folder(task, err);
    for (uint64_t done = 0; !failed && done < range->count; done += faces) {
        edit.target = (range->start + done) / faces;
        failed = edit_target(&edit, done * variants, err);
    }
    return failed;
}
