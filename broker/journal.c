/*
 * The journal of state changes, and clients that follow it: told after the commit, a page a round
 * each, so that a slow or a curious one costs the others little. A follower that cannot be told is
 * forgotten; it asks again, behind the last event that it has seen.
 */
#include "db/events.h"

#include <stdlib.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "common/clock.h"
#include "common/log.h"
#include "db/jobs.h"

#define PAGE 256 /* events in a message */
#define FOLLOWERS_MOST 1000

struct follower {
    struct follower *next;
    struct socket_identity to;
    uint64_t request;
    int64_t job, since;
    bool behind; /* there is more to tell */
    bool waits;  /* for a first answer */
};

/* ---- writing ---- */

int journal(struct broker *b, const struct events_row *event, struct error *err)
{
    struct events_row row = *event;
    row.at_ms = clock_wall_ms();
    int rc = broker_write(b, err);
    if (rc == 0)
        rc = events_insert(b->db, &row, err);
    return rc < 0 ? broker_doomed(b, rc, err) : 0;
}

/* ---- reading ---- */

/* Sends a page, an empty one only where the asker waits for an answer. */
static int send_page(struct broker *b, struct follower *asker, struct error *err)
{
    struct events_page page;
    const struct socket_identity *to = &asker->to;
    struct events_query query = {.since = asker->since, .job = asker->job};
    query.owner = access_is_local(&b->access, to) ? NULL : access_owner(&b->access, to, "");
    int rc = events_list(b->db, &query, PAGE, &page, err);
    if (rc < 0)
        return rc;
    const struct wire_events body = {asker->request, (uint64_t)page.scanned, page.more,
                                     WIRE_LIST(page.events, page.count)};
    if (page.count > 0 || asker->waits)
        rc = socket_send(b->socket, to, WIRE_EVENTS, &body, err);
    asker->since = page.scanned;
    asker->behind = page.more;
    asker->waits = false;
    events_page_free(&page);
    return rc;
}

int answer_events(struct broker *b, const struct reply *reply, struct error *err)
{
    struct follower once = {.to = reply->to,
                            .request = reply->request,
                            .job = (int64_t)reply->id,
                            .since = (int64_t)reply->task.start,
                            .waits = true};
    return send_page(b, &once, err);
}

/* ---- following ---- */

static struct follower *find(struct broker *b, const struct socket_identity *to, uint64_t request)
{
    struct follower *follower = b->followers;
    while (follower && (follower->request != request || follower->to.size != to->size ||
                        memcmp(follower->to.bytes, to->bytes, to->size) != 0))
        follower = follower->next;
    return follower;
}

static int follow(struct broker *b, const struct socket_identity *from,
                  const struct wire_event_list *list, struct error *err)
{
    struct follower *known = find(b, from, list->request);
    if (!known && b->follower_count >= FOLLOWERS_MOST)
        return error_set(err, E_LIMIT, "%d clients follow the events, more are not allowed",
                         FOLLOWERS_MOST);
    if (!known) {
        known = calloc(1, sizeof *known);
        if (!known)
            return error_set(err, E_MEMORY, "no memory for a follower");
        known->next = b->followers;
        b->followers = known;
        b->follower_count++;
    }
    known->to = *from;
    known->request = list->request;
    known->job = (int64_t)list->job;
    known->since = (int64_t)list->since;
    known->behind = known->waits = true;
    return 0;
}

static int check_known(struct broker *b, uint64_t job, struct error *err)
{
    struct wire_job_info *info = NULL;
    size_t count = 0;
    if (job == 0 || farm_find_job(&b->farm, (int64_t)job))
        return 0;
    int rc = jobs_list(b->db, (int64_t)job, 1, NULL, &info, &count, err);
    if (rc == 0 && (count == 0 || info->job != job))
        rc = error_set(err, E_NOT_FOUND, "there is no job %llu", (unsigned long long)job);
    jobs_info_free(info, count);
    return rc;
}

int client_event_list(struct broker *b, const struct socket_identity *from,
                      const struct wire_event_list *list, struct error *err)
{
    int rc = check_known(b, list->job, err);
    if (rc < 0)
        return rc;
    if (list->follow)
        return follow(b, from, list, err);
    outbox_put(b,
               &(struct reply){.to = *from,
                               .type = WIRE_EVENTS,
                               .request = list->request,
                               .id = list->job,
                               .task = {.start = list->since}},
               NULL);
    return 0;
}

static void drop(struct broker *b, struct follower **at)
{
    struct follower *follower = *at;
    *at = follower->next;
    free(follower);
    b->follower_count--;
}

/* False where it cannot be told any more: it is gone, or its key is. */
static bool tell(struct broker *b, struct follower *follower, bool news)
{
    struct error err = {0};
    if (!follower->behind && !news)
        return true;
    if (b->access.on && !access_entry(&b->access, &follower->to))
        return false;
    int rc = send_page(b, follower, &err);
    if (rc < 0)
        log_debug("a follower of the events is forgotten: %s", err.text);
    return rc == 0;
}

void journal_tell(struct broker *b)
{
    bool news = events_inserted(b->db) != b->events_told;
    struct follower **at = &b->followers;
    b->events_told = events_inserted(b->db);
    while (*at) {
        if (tell(b, *at, news))
            at = &(*at)->next;
        else
            drop(b, at);
    }
}

bool journal_is_behind(const struct broker *b)
{
    for (const struct follower *follower = b->followers; follower; follower = follower->next)
        if (follower->behind)
            return true;
    return false;
}

void journal_free(struct broker *b)
{
    while (b->followers)
        drop(b, &b->followers);
}
