/* The encoder's threads call add_sheet, one at a time: of what it reads, a record is complete before its sheet is put;
 * the outcome's files and bytes are theirs until the encoder has ended. */
#include "worker/tasks/sheet_files.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "worker/encoder.h"

struct record {
    char path[LIMIT_PATH_BYTES];
    char *target;
    struct wire_file file; /* but its path and target */
};

struct sheet_files {
    struct outcome *outcome;
    const char *store;
    char folder[LIMIT_PATH_BYTES]; /* in the store, with a '/' behind */
    struct encoder_way way;
    struct encoder *encoder; /* from the first sheet on, whose size it has */
    size_t count, most;
    struct record records[];
};

static int add_sheet(void *state, uint64_t image, const void *png, size_t size, struct error *err)
{
    struct sheet_files *files = state;
    const struct record *record = &files->records[image];
    char full[2 * LIMIT_PATH_BYTES], sha256[DIGEST_HEX_BYTES];
    snprintf(full, sizeof full, "%s/%s", files->store, record->path);
    int failed = buffer_write_file(full, png, size, err);
    if (failed)
        return failed;
    digest_bytes(png, size, sha256);
    struct wire_file file = record->file;
    file.path = record->path;
    file.target = record->target;
    file.bytes = size;
    file.sha256 = sha256;
    files->outcome->metrics.bytes += size;
    return outcome_add_file(files->outcome, &file, err);
}

int sheet_files_begin(const struct task *task, size_t most, struct sheet_files **files,
                      struct error *err)
{
    struct sheet_files *begun = calloc(1, sizeof *begun + most * sizeof *begun->records);
    if (!begun)
        return error_set(err, E_MEMORY, "no memory for %zu sheets", most);
    begun->outcome = task->outcome;
    begun->store = task->store;
    begun->way = encoder_way(device_describe(task->device));
    begun->most = most;
    int failed = task_path(task, "", begun->folder, err);
    if (failed) {
        free(begun);
        return failed;
    }
    *files = begun;
    return 0;
}

int sheet_files_put(struct sheet_files *files, struct sheet *sheet, const char *name,
                    const struct wire_file *file, struct error *err)
{
    assert(files->count < files->most);
    struct record *record = &files->records[files->count];
    int failed = files->encoder ? 0
                                : encoder_begin(&files->way, sheet->height, sheet->width,
                                                add_sheet, files, &files->encoder, err);
    if (failed)
        return failed;
    if (snprintf(record->path, sizeof record->path, "%s%s", files->folder, name) >= LIMIT_PATH_BYTES)
        return error_set(err, E_LIMIT, "the path of sheet %s: LIMIT_PATH_BYTES is %d", name,
                         LIMIT_PATH_BYTES);
    record->file = *file;
    record->target = strdup(file->target);
    if (!record->target)
        return error_set(err, E_MEMORY, "no memory for a sheet's target");
    files->count++;
    return encoder_put(files->encoder, &sheet->pixels, 1, err);
}

void sheet_files_abandon(struct sheet_files **files)
{
    struct sheet_files *abandoned = *files;
    if (!abandoned)
        return;
    *files = NULL;
    encoder_abandon(&abandoned->encoder); /* first: its threads read the rest */
    for (size_t i = 0; i < abandoned->count; i++)
        free(abandoned->records[i].target);
    free(abandoned);
}

static int finish(struct outcome *outcome, void *state, struct error *err)
{
    struct sheet_files *files = state;
    assert(outcome == files->outcome);
    int failed = files->encoder ? encoder_end(&files->encoder, err) : 0;
    sheet_files_abandon(&files);
    return failed;
}

void sheet_files_defer(struct sheet_files **files)
{
    (*files)->outcome->finish = finish;
    (*files)->outcome->finish_state = *files;
    *files = NULL;
}
