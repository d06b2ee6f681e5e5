/*
 * A thread that finishes tasks' files (outcome_finish: the last images encoded, written to disk for good) beside the
 * device, which runs the next task meanwhile. One task at a time.
 */
#ifndef WORKER_FINISHER_H
#define WORKER_FINISHER_H

#include "worker/outcome.h"

struct finisher; /* opaque; begun, given and ended by one thread */

/* Starts the thread, which puts what it has finished into `reports` as LETTER_DONE. */
MUST_CHECK int finisher_begin(struct mailbox *reports, struct finisher **finisher, struct error *err);

/* Waits until the thread has nothing to do. */
void finisher_wait(struct finisher *finisher);

/* Gives it an outcome; the thread must have nothing to do. */
void finisher_give(struct finisher *finisher, struct outcome *outcome);

/* Finishes what it was given, and ends. NULL is fine. */
void finisher_end(struct finisher **finisher);

#endif
