/*
 * The sheets of an edit task on their way to disk: encoded by the encoder's threads beside the device (all sheets of a
 * task have one size), written, and recorded as files of the outcome, in the order in which they were put.
 */
#ifndef WORKER_TASKS_SHEET_FILES_H
#define WORKER_TASKS_SHEET_FILES_H

#include "worker/sheet.h"
#include "worker/tasks/task.h"

struct sheet_files; /* opaque; outlives the task's handler, but not the task's store and outcome */

/* For at most `most` sheets of the task. */
MUST_CHECK int sheet_files_begin(const struct task *task, size_t most, struct sheet_files **files,
                                 struct error *err);

/* Takes the sheet's pixels, for a file `name` in the task's folder, which is there. `file` says what it is; its target is
 * copied, path, bytes and digest are found. */
MUST_CHECK int sheet_files_put(struct sheet_files *files, struct sheet *sheet, const char *name,
                               const struct wire_file *file, struct error *err);

/* Leaves what is not written yet to the outcome's `finish`, which frees. */
void sheet_files_defer(struct sheet_files **files);

/* Gives up. NULL is fine. */
void sheet_files_abandon(struct sheet_files **files);

#endif
