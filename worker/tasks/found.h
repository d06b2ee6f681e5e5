/* The samples of stages that take the faces of a mix: found while the job ran, so the spec cannot
 * say them. */
#ifndef WORKER_TASKS_FOUND_H
#define WORKER_TASKS_FOUND_H

#include "worker/tasks/task.h"

/*
 * Where the task's faces are those of a mix, asks which samples they are, and fills `seeds` of
 * their stage in `spec`, which the task's own points into: those of the task's range, or all where
 * a task is a sheet, or a fit. Else does nothing.
 */
MUST_CHECK int found_ask(const struct task *task, struct spec *spec, struct error *err);

#endif
