/*
 * Where a worker that shares no store writes the files of its results, until the broker has them: a
 * folder of its own under the cache's, with the paths that they will have in the store. A process
 * that was killed leaves one, which the next removes.
 */
#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include "common/wire.h"

struct outbox; /* opaque */

/* Makes FOLDER/outbox/<some name>, and removes those of processes that are gone. */
MUST_CHECK int outbox_open(const char *folder, struct outbox **outbox, struct error *err);
/* Removes it with all that is in it. NULL is fine. */
void outbox_close(struct outbox **outbox);
const char *outbox_path(const struct outbox *outbox);

#endif
