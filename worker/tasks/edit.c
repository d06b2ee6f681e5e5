/*
 * edit: a sheet per target (rows faces, columns the distances of the sweep), and with conditions
 * one more along the projected direction, of photos with the photo in front; of two targets with `rows` a grid per face instead (rows
 * the distances of the second target). Every cell is scored too: variants are the cells of the
 * plain edit, then those of the projected one. Index = target · faces + face; a task covers whole
 * targets, and a grid is one. Sheets are encoded and written beside the device (sheet_files.h).
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/tasks/sheet_files.h"
#include "worker/tasks/ways.h"

struct edit {
    struct task *task;
    struct sheet_files *files;
    size_t rows, columns; /* cells of a face: rows 1, or a grid's */
    size_t kinds;         /* 1, or 2 with the projected edit */
    bool grid;
    uint64_t target;
    const char *name;
    struct ways *ways; /* of the target */
    struct sheet *sheets; /* [kinds]; of a grid [faces][kinds] */
    size_t sheet_count;
};

static size_t cells(const struct edit *edit)
{
    return edit->rows * edit->columns;
}

/* Of photos, a sheet's first column is the photo. */
static size_t photo_columns(const struct edit *edit)
{
    return edit->task->photos && !edit->grid ? 1 : 0;
}

static int open_ways(struct edit *edit, struct error *err)
{
    struct task *task = edit->task;
    size_t count = cells(edit) * edit->kinds;
    const float *unused;
    struct spec_variant *variants = calloc(count, sizeof *variants);
    if (!variants)
        return error_set(err, E_MEMORY, "no memory for %zu variants", count);
    for (size_t v = 0; v < count; v++) {
        variants[v] = spec_stage_variant(task->stage, (uint32_t)v);
        variants[v].target = (int64_t)edit->target;
    }
    int failed = directions_find(task->directions, edit->target, false, &unused, &edit->name, err);
    if (!failed)
        failed = ways_open(task, variants, count, &edit->ways, err);
    free(variants);
    return failed;
}

static int begin_target(struct edit *edit, struct error *err)
{
    const struct spec_stage *stage = edit->task->stage;
    const struct bundle_image *form = &pipeline_bundle(edit->task->pipeline)->generator.output;
    edit->sheet_count = edit->kinds * (edit->grid ? stage->faces : 1);
    edit->sheets = calloc(edit->sheet_count, sizeof *edit->sheets);
    int failed = edit->sheets ? open_ways(edit, err) : error_set(err, E_MEMORY, "no memory for sheets");
    for (size_t i = 0; !failed && i < edit->sheet_count; i++)
        failed = sheet_init(&edit->sheets[i], edit->grid ? edit->rows : stage->faces,
                            edit->columns + photo_columns(edit), form->height, form->width,
                            err);
    return failed;
}

static void end_target(struct edit *edit)
{
    for (size_t i = 0; edit->sheets && i < edit->sheet_count; i++)
        sheet_free(&edit->sheets[i]);
    free(edit->sheets);
    edit->sheets = NULL;
    ways_close(&edit->ways);
}

/* Where variant v of a face is seen. */
static void put(struct edit *edit, size_t face, size_t v, const uint8_t *pixels)
{
    size_t kind = v / cells(edit), cell = v % cells(edit);
    struct sheet *sheet = &edit->sheets[edit->grid ? face * edit->kinds + kind : kind];
    sheet_put(sheet, edit->grid ? cell / edit->columns : face,
              photo_columns(edit) + cell % edit->columns, pixels);
}

/* Renders faces first … first+faces−1 of the target into the sheets and scores them. */
static int render(struct edit *edit, size_t first, size_t faces, const struct task_made *made,
                  struct error *err)
{
    size_t variants = cells(edit) * edit->kinds;
    size_t bytes = pipeline_pixel_bytes(edit->task->pipeline);
    int failed = task_variants(edit->task, edit->ways, first, faces, made, err);
    for (size_t i = 0; !failed && i < faces * variants; i++)
        if (!made->skipped[i / variants])
            put(edit, first + i / variants, i % variants, made->pixels + i * bytes);
    for (size_t i = 0; !failed && photo_columns(edit) && i < faces * edit->kinds; i++)
        sheet_put(&edit->sheets[i % edit->kinds], first + i / edit->kinds, 0,
                  made->photos + i / edit->kinds * bytes);
    return failed;
}

/* "Smiling_projected.png"; a grid's has its targets and its sample. */
static void name_sheet(const struct edit *edit, size_t sheet, char *name, size_t size)
{
    const struct spec_stage *stage = edit->task->stage;
    char target[LIMIT_PATH_BYTES], suffix[64];
    bool projected = sheet % edit->kinds == 1;
    snprintf(target, sizeof target, "%s", edit->name);
    if (edit->grid)
        snprintf(target, sizeof target, "%.400s_by_%.400s", edit->name, stage->targets[1]);
    if (edit->grid)
        snprintf(suffix, sizeof suffix, "_%09llu%s.png",
                 (unsigned long long)spec_stage_samples(stage, sheet / edit->kinds, 1).sample,
                 projected ? "_projected" : "");
    else
        snprintf(suffix, sizeof suffix, "%s", projected ? "_projected.png" : ".png");
    sheet_name(target, suffix, name, size);
}

static int put_sheet(struct edit *edit, size_t which, struct error *err)
{
    struct task *task = edit->task;
    char name[256];
    name_sheet(edit, which, name, sizeof name);
    const struct wire_file file = {
        .kind = edit->grid ? "grid" : "sheet",
        .target = edit->name,
        .projected = which % edit->kinds,
        .start = edit->grid ? which / edit->kinds : edit->target * task->stage->faces,
        .count = edit->grid ? 1 : task->stage->faces,
    };
    int64_t since = clock_now();
    int failed = sheet_files_put(edit->files, &edit->sheets[which], name, &file, err);
    task->outcome->metrics.encode_ms += task_elapsed_ms(&since);
    return failed;
}

/* `row` is the first of its rows of scores. */
static int edit_target(struct edit *edit, size_t row, struct error *err)
{
    struct task *task = edit->task;
    size_t variants = cells(edit) * edit->kinds, faces = task->stage->faces;
    size_t columns = pipeline_columns(task->pipeline), chunk = task_chunk(task, variants);
    size_t bytes = pipeline_pixel_bytes(task->pipeline);
    uint8_t *pixels = malloc(chunk * variants * bytes);
    uint8_t *photos = task->photos ? malloc(chunk * bytes) : NULL;
    int failed = pixels && (photos || !task->photos)
                     ? 0
                     : error_set(err, E_MEMORY, "no memory for %zu images", chunk * variants);
    if (!failed)
        failed = begin_target(edit, err);
    for (size_t done = 0; !failed && done < faces; done += chunk, row += chunk * variants) {
        const struct task_made made = {
            .scores = task->outcome->scores + row * columns,
            .pixels = pixels,
            .photos = photos,
            .skipped = task->outcome->skipped + row / variants,
            .moves = task_moves(task, row),
            .identity = task->outcome->identity ? task->outcome->identity + row : NULL,
        };
        failed = render(edit, done, faces - done < chunk ? faces - done : chunk, &made, err);
    }
    for (size_t i = 0; !failed && i < edit->sheet_count; i++)
        failed = put_sheet(edit, i, err);
    free(pixels);
    free(photos);
    end_target(edit);
    return failed;
}

static int check_steps(const char *key, uint32_t steps, struct error *err)
{
    return steps == 0 || steps > LIMIT_STEPS
               ? error_set(err, E_LIMIT, "%s: a sweep of %u steps: LIMIT_STEPS is %d", key, steps,
                           LIMIT_STEPS)
               : 0;
}

int task_edit(struct task *task, struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    const struct spec_stage *stage = task->stage;
    uint64_t faces = stage->faces;
    struct edit edit = {.task = task,
                        .rows = stage->rows.steps > 0 ? stage->rows.steps : 1,
                        .columns = stage->distances.steps,
                        .kinds = stage->conditions_count > 0 ? 2 : 1,
                        .grid = stage->rows.steps > 0};
    size_t variants = cells(&edit) * edit.kinds;
    if (faces == 0 || range->start % faces != 0 || range->count % faces != 0)
        return error_set(err, E_INVALID, "range %llu+%llu cuts a sheet of %llu faces",
                         (unsigned long long)range->start, (unsigned long long)range->count,
                         (unsigned long long)faces);
    int failed = check_steps("distances", stage->distances.steps, err);
    if (!failed && edit.grid)
        failed = check_steps("rows", stage->rows.steps, err);
    if (!failed)
        failed = task_rows(task, variants, err);
    if (!failed)
        failed = task_make_folder(task, err);
    if (!failed)
        failed = sheet_files_begin(task, edit.kinds * (edit.grid ? range->count : range->count / faces),
                                   &edit.files, err);
    for (uint64_t done = 0; !failed && done < range->count; done += faces) {
        edit.target = (range->start + done) / faces;
        failed = edit_target(&edit, done * variants, err);
    }
    if (!failed)
        sheet_files_defer(&edit.files);
    sheet_files_abandon(&edit.files);
    return failed;
}
