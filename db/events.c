/* The journal in the database: binding, reading, and keeping it short. */
#include "db/events.h"

#include <stdlib.h>
#include <string.h>

#include "db/database_priv.h"

#define PRUNE_EVERY 256
#define PRUNE_MOST 1024

void events_keep(struct database *db, int64_t count)
{
    db->events_kept = count;
}

uint64_t events_inserted(const struct database *db)
{
    return db->events_inserted;
}

static int prune(struct database *db, int64_t newest, struct error *err)
{
    struct statement *q;
    int64_t kept = db->events_kept ? db->events_kept : EVENTS_KEPT;
    if (newest % PRUNE_EVERY != 0 || newest <= kept)
        return 0;
    int rc = database_query(db, "event_prune", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, newest - kept);
    statement_bind_int(q, 2, PRUNE_MOST);
    return statement_run(q, err);
}

int events_insert(struct database *db, const struct events_row *event, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "event_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, event->at_ms);
    statement_bind_int(q, 2, event->job);
    statement_bind_int(q, 3, event->stage);
    statement_bind_int(q, 4, event->worker);
    statement_bind_text(q, 5, event->event);
    statement_bind_text(q, 6, event->old);
    statement_bind_text(q, 7, event->new);
    statement_bind_text(q, 8, event->actor);
    statement_bind_text(q, 9, event->text);
    rc = statement_run(q, err);
    if (rc < 0)
        return rc;
    db->events_inserted++;
    return prune(db, database_last_id(db), err);
}

/* ---- reading ---- */

static int read_one(struct statement *q, struct wire_event *event, struct error *err)
{
    *event = (struct wire_event){
        .id = (uint64_t)statement_int(q, 0),
        .at_ms = statement_int(q, 1),
        .event = strdup(statement_text(q, 2)),
        .job = (uint64_t)statement_int(q, 3),
        .stage = strdup(statement_text(q, 4)),
        .worker = strdup(statement_text(q, 5)),
        .old = strdup(statement_text(q, 6)),
        .new = strdup(statement_text(q, 7)),
        .actor = strdup(statement_text(q, 8)),
        .text = strdup(statement_text(q, 9)),
    };
    bool whole = event->event && event->stage && event->worker && event->old && event->new &&
                 event->actor && event->text;
    return whole ? 0 : error_set(err, E_MEMORY, "no memory for events");
}

void events_page_free(struct events_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct wire_event *event = &page->events[i];
        free((char *)event->event);
        free((char *)event->stage);
        free((char *)event->worker);
        free((char *)event->old);
        free((char *)event->new);
        free((char *)event->actor);
        free((char *)event->text);
    }
    free(page->events);
    *page = (struct events_page){0};
}

static int ask_id(struct database *db, const char *which, int64_t *id, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, which, &q, err);
    if (rc == 0)
        rc = statement_run_int(q, id, err);
    if (rc == 0)
        statement_reset(q);
    return rc;
}

static int read_page(struct database *db, const struct events_query *query, int64_t until,
                     size_t most, struct events_page *page, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "event_list", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, page->scanned);
    statement_bind_int(q, 2, until);
    statement_bind_int(q, 3, query->job);
    statement_bind_text(q, 4, query->owner);
    statement_bind_int(q, 5, (int64_t)most);
    while (page->count < most && (rc = statement_step(q, err)) > 0) {
        rc = read_one(q, &page->events[page->count++], err);
        if (rc < 0)
            break;
    }
    statement_reset(q);
    return rc < 0 ? rc : 0;
}

int events_list(struct database *db, const struct events_query *query, size_t most,
                struct events_page *page, struct error *err)
{
    int64_t oldest = 0, newest = 0;
    *page = (struct events_page){0};
    int rc = ask_id(db, "event_oldest", &oldest, err);
    if (rc == 0)
        rc = ask_id(db, "event_newest", &newest, err);
    if (rc < 0)
        return rc;
    page->scanned = query->since < oldest   ? oldest - 1
                    : query->since > newest ? newest
                                            : query->since;
    if (page->scanned < 0)
        page->scanned = 0;
    int64_t until =
        newest - page->scanned > EVENTS_SCANNED ? page->scanned + EVENTS_SCANNED : newest;
    page->events = calloc(most, sizeof *page->events);
    if (!page->events)
        return error_set(err, E_MEMORY, "no memory for events");
    rc = read_page(db, query, until, most, page, err);
    if (rc < 0) {
        events_page_free(page);
        return rc;
    }
    page->scanned = page->count == most ? (int64_t)page->events[most - 1].id : until;
    page->more = page->scanned < newest;
    return 0;
}
