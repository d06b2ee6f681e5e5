/* Workers in the database: one row a session. What writes needs a transaction. */
#ifndef DB_WORKERS_H
#define DB_WORKERS_H

#include "common/wire.h"
#include "db/database.h"

/* Writes what a worker says of itself, with its labels in order; a session seen before keeps its id. */
MUST_CHECK int workers_upsert(struct database *db, const struct wire_hello *hello,
                              const char *labels, int64_t now_ms, int64_t *id, struct error *err);
/* `state`: alive, lost or gone. */
MUST_CHECK int workers_seen(struct database *db, int64_t id, const char *state, int64_t now_ms,
                            struct error *err);
/* `reason` NULL: it is not set aside any more. */
MUST_CHECK int workers_set_aside(struct database *db, int64_t id, const char *reason,
                                 struct error *err);

struct workers_row {
    int64_t id;
    uint64_t session;
    const char *name, *host, *device, *device_kind, *labels;
    uint64_t memory;
    int64_t last_seen_ms;
    uint64_t tasks_done, tasks_failed;
    bool alive;        /* when it was heard of last */
    const char *aside; /* or NULL */
};

/* Calls `each` for the `most` workers seen last, until it returns non-zero, which is handed on.
 * Reads every task: for the broker's start. */
MUST_CHECK int workers_each(struct database *db, size_t most,
                            int (*each)(void *context, const struct workers_row *row,
                                        struct error *err),
                            void *context, struct error *err);

#endif
