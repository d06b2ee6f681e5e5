/*
 * The journal of state changes, the table `audit`: written in the transaction of the change, read
 * by its ids, which grow. The newest EVENTS_KEPT are kept; a few of the oldest go with every few
 * that come, so that no transaction is long by it.
 */
#ifndef DB_EVENTS_H
#define DB_EVENTS_H

#include "common/wire.h"
#include "db/database.h"

#define EVENTS_KEPT 200000

struct events_row {
    int64_t job, stage, worker; /* 0: not about one */
    const char *event;
    const char *old, *new;    /* states, or NULL */
    const char *actor, *text; /* who ordered it, what is to be said of it; or NULL */
    int64_t at_ms;
};
/* Needs a transaction. */
MUST_CHECK int events_insert(struct database *db, const struct events_row *event,
                             struct error *err);
/* How many are kept from now on. */
void events_keep(struct database *db, int64_t count);
/* Grows with every event that this program inserts: whether there is something new costs no query.
 */
uint64_t events_inserted(const struct database *db);

struct events_query {
    int64_t since;     /* those with a greater id */
    int64_t job;       /* 0: all */
    const char *owner; /* of the jobs; NULL: also what is about no job */
};
struct events_page {
    struct wire_event *events; /* oldest first; texts are owned */
    size_t count;
    int64_t scanned; /* the next page begins behind this id */
    bool more;       /* there is one */
};
/* A page: at most `most`, of at most EVENTS_SCANNED rows looked at. The caller frees. */
#define EVENTS_SCANNED 10000
MUST_CHECK int events_list(struct database *db, const struct events_query *query, size_t most,
                           struct events_page *page, struct error *err);
void events_page_free(struct events_page *page);

#endif
