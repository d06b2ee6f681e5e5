/*
 * Checkpoints beside the writer. SQLite copies the write-ahead log back into the file during the
 * commit that makes it long, and the writer stands still meanwhile (7 to 18 ms a thousand pages
 * here). A thread with a connection of its own does the copying; the writer only copies the few
 * pages that came meanwhile, as the log begins anew only when all of it is copied while nobody
 * writes.
 *
 * A checkpoint that fails (a full disk, a reader that holds the log) fails nothing else: what is
 * committed is in the log, and it is tried again when the log has grown by as much again.
 */
#ifndef DB_CHECKPOINT_H
#define DB_CHECKPOINT_H

#include <sqlite3.h>

#include "common/error.h"

#define CHECKPOINT_PAGES 4000 /* of log, after which it is time for one: 16 MB */

struct checkpoint; /* opaque */

/* Has the connection's commits watched, instead of SQLite's own checkpoints. No thread yet: the
 * first long log starts it. `path` is borrowed. */
MUST_CHECK int checkpoint_open(sqlite3 *writer, const char *path, struct checkpoint **checkpoint,
                               struct error *err);
/* After every commit of the writer, by its thread: does what is due. */
void checkpoint_tend(struct checkpoint *checkpoint);
/* Pages in the log after the last commit. */
int checkpoint_pages(const struct checkpoint *checkpoint);
/* Ends the thread; before the writer is closed. */
void checkpoint_close(struct checkpoint **checkpoint);

#endif
