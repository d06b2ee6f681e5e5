/*
 * Workers: who they are, when they are silent, what they fetch, and handing out tasks. What they
 * deliver is in deliveries.c.
 *
 * A worker is its session: it may come back over another connection and keeps its leases. A message
 * from a connection that has not said hello is refused (E_STATE), and the worker says hello again:
 * that is how it learns that the broker was started anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "db/events.h"
#include "db/workers.h"

static int unknown(const char *what, struct error *err)
{
    return error_set(err, E_STATE, "%s from a worker that is not known: say hello first", what);
}

static const char *worker_state_name(const struct farm_worker *worker)
{
    switch (worker->state) {
    case FARM_ALIVE:
        return "alive";
    case FARM_LOST:
        return "lost";
    case FARM_GONE:
        return "gone";
    }
    return "";
}

/* Notes in the database what a worker is and when it was seen last; a failure dooms. */
static void write_seen(struct broker *b, const struct farm_worker *worker)
{
    struct error err;
    int rc = broker_write(b, &err);
    if (rc == 0)
        rc = workers_seen(b->db, worker->id, worker_state_name(worker), worker->last_seen_ms, &err);
    if (rc < 0)
        broker_doomed(b, rc, &err);
}

/* A worker's coming, going, silence; a failure dooms. */
static void note(struct broker *b, const struct farm_worker *worker, const char *event,
                 const char *text)
{
    struct error err;
    (void)!journal(b, &(struct events_row){.worker = worker->id, .event = event, .text = text},
                   &err);
}

/* True where it was not thought alive. */
static bool see(struct broker *b, struct farm_worker *worker)
{
    int64_t due;
    bool found = worker->state != FARM_ALIVE;
    worker->last_seen = clock_now();
    worker->last_seen_ms = clock_wall_ms();
    worker->state = FARM_ALIVE;
    due = worker->last_seen + b->options.silence_ms * CLOCK_MILLISECOND;
    if (due < b->next_expiry)
        b->next_expiry = due;
    if (found) {
        write_seen(b, worker);
        farm_hungry(worker);
    }
    return found;
}

void peer_seen(struct broker *b, struct farm_worker *worker)
{
    if (see(b, worker))
        note(b, worker, "worker_back", NULL);
}

/* ---- hello, heartbeat, goodbye ---- */

/* Whether a hello changes what the worker is: it comes, or loses or regains its device. */
static bool is_news(const struct farm_worker *worker, const struct wire_hello *hello)
{
    return worker->state != FARM_ALIVE || !worker->identity.size ||
           (worker->credit > 0) != (hello->credit > 0);
}

static void note_hello(struct broker *b, const struct farm_worker *worker)
{
    char text[400];
    snprintf(text, sizeof text, "%s on %s, %s, credit %u", worker->name, worker->host,
             worker->device, worker->credit);
    text_scrub(text); /* it may have been cut */
    note(b, worker, "worker_hello", text);
}

int peer_hello(struct broker *b, const struct socket_identity *from, const struct wire_hello *hello,
               struct error *err)
{
    struct farm_worker *worker = farm_find_session(&b->farm, hello->session);
    if (worker && worker->identity.user[0] && strcmp(worker->identity.user, from->user) != 0)
        return error_set(err, E_DENIED, "hello: session %llu is another key's",
                         (unsigned long long)hello->session);
    struct labels labels;
    int rc = labels_parse(hello->labels, &labels, err);
    if (rc < 0)
        return error_prefix(err, rc, "hello");
    rc = farm_add_worker(&b->farm, hello->session, &worker, err);
    if (rc == 0)
        rc = farm_describe_worker(&b->farm, worker,
                                  &(struct farm_description){hello->name, hello->host,
                                                             hello->device, hello->device_kind,
                                                             hello->labels, hello->memory},
                                  err);
    if (rc < 0)
        return rc;
    rc = broker_write(b, err);
    if (rc == 0)
        rc = workers_upsert(b->db, hello, worker->labels, clock_wall_ms(), &worker->id, err);
    if (rc < 0)
        return broker_doomed(b, rc, err);
    bool same = worker->identity.size == from->size &&
                memcmp(worker->identity.bytes, from->bytes, from->size) == 0;
    bool news = is_news(worker, hello);
    farm_connect(&b->farm, worker, from);
    worker->shares_store = strcmp(hello->store, b->store_id) == 0;
    if (worker->expected) {
        worker->expected = false;
        b->expected -= b->expected > 0;
    }
    worker->credit = (uint32_t)hello->credit;
    farm_hungry(worker);
    farm_stir(&b->farm); /* what was left to it, if it wants nothing now */
    see(b, worker);
    if (news)
        note_hello(b, worker);
    log_about(LOG_INFO, &(struct log_ids){.worker_id = worker->id, .worker = worker->name},
              "%s, %s, says hello, credit %u", worker->host, worker->device, worker->credit);
    outbox_put(b, &(struct reply){.to = *from, .type = WIRE_WELCOME, .id = (uint64_t)worker->id},
               NULL);
    rc = reconcile(b, worker, hello, same, err);
    return rc < 0 ? broker_doomed(b, rc, err) : 0;
}

/* Without memory for them the lines of before are kept. */
static void take_stats(struct farm_worker *worker, const struct wire_worker_stats *stats)
{
    char *log = stats->log[0] ? strdup(stats->log) : NULL;
    worker->health = (struct farm_health){stats->busy_us, stats->mflop, stats->millikelvin};
    if (!log)
        return;
    free(worker->log);
    worker->log = log;
}

int peer_heartbeat(struct broker *b, const struct socket_identity *from,
                   const struct wire_heartbeat *heartbeat, struct error *err)
{
    struct farm_worker *worker = farm_find_identity(&b->farm, from);
    if (!worker || worker->session != heartbeat->session)
        return unknown("heartbeat", err);
    peer_seen(b, worker);
    if (heartbeat->stats.count > 0)
        take_stats(worker, WIRE_ITEMS(heartbeat->stats, worker_stats));
    outbox_put(b, &(struct reply){.to = *from, .type = WIRE_HEARTBEAT, .id = heartbeat->session},
               NULL);
    return 0;
}

/* Its leases go back to the queue and count as nobody's attempt. */
static int part(struct broker *b, struct farm_worker *worker, const char *event, struct error *err)
{
    note(b, worker, event, NULL);
    while (worker->leases) {
        worker->leases->stage->job->version++;
        int rc = farm_release(worker, worker->leases, err);
        if (rc < 0)
            return broker_doomed(b, rc, err);
    }
    transfers_drop_session(b, worker->session);
    farm_connect(&b->farm, worker, NULL);
    farm_stir(&b->farm);
    worker->state = FARM_GONE;
    worker->draining = false;
    write_seen(b, worker);
    return 0;
}

int peer_goodbye(struct broker *b, const struct socket_identity *from,
                 const struct wire_goodbye *goodbye, struct error *err)
{
    struct farm_worker *worker = farm_find_identity(&b->farm, from);
    if (!worker || worker->session != goodbye->session)
        return unknown("goodbye", err);
    peer_seen(b, worker);
    int rc = part(b, worker, "worker_goodbye", err);
    if (rc == 0)
        log_about(LOG_INFO, &(struct log_ids){.worker_id = worker->id, .worker = worker->name},
                  "leaves");
    return rc;
}

void peer_dismiss_revoked(struct broker *b)
{
    struct error err;
    struct farm_worker *worker, *next;
    HASH_ITER (by_session, b->farm.sessions, worker, next) {
        const struct key_entry *entry = access_entry(&b->access, &worker->identity);
        if ((!worker->identity.size && !worker->leases) || (entry && entry->role == KEY_WORKER))
            continue;
        log_about(LOG_WARNING, &(struct log_ids){.worker_id = worker->id, .worker = worker->name},
                  "its key is not authorized any more");
        if (worker->identity.size)
            outbox_refuse(b, &worker->identity, 0, E_DENIED, "this key is not authorized any more");
        if (part(b, worker, "worker_dismissed", &err) < 0)
            return;
    }
}

/* ---- silence ---- */

/* Every task it holds counts as a failed attempt: it may be what killed the worker. */
static void lose(struct broker *b, struct farm_worker *worker)
{
    struct error err;
    char text[LIMIT_TEXT_BYTES];
    snprintf(text, sizeof text, "worker %s on %s was silent for %d ms", worker->name, worker->host,
             b->options.silence_ms);
    log_about(LOG_WARNING, &(struct log_ids){.worker_id = worker->id, .worker = worker->name},
              "%s, its %u tasks go back", text, worker->held);
    worker->state = FARM_LOST;
    transfers_drop_session(b, worker->session);
    farm_stir(&b->farm); /* what was left to it */
    write_seen(b, worker);
    note(b, worker, "worker_lost", text);
    while (worker->leases && !b->doomed) {
        struct farm_lease *lease = worker->leases;
        struct farm_stage *stage = lease->stage;
        struct wire_task task = {lease->start, lease->count, lease->epoch, 0};
        int rc = farm_release(worker, lease, &err);
        if (rc < 0)
            broker_doomed(b, rc, &err);
        else
            lifecycle_attempt(b, stage,
                              &(struct attempt){task, worker, error_name(E_TIMEOUT), text,
                                                worker->log ? worker->log : ""});
    }
}

/* Those of the broker before that have not come are lost; what they held was leased to nobody since. */
static void miss_expected(struct broker *b)
{
    struct farm_worker *worker, *next;
    HASH_ITER (by_session, b->farm.sessions, worker, next) {
        if (!worker->expected || b->doomed)
            continue;
        worker->expected = false;
        log_warning("worker %s on %s has not come since the start", worker->name, worker->host);
        write_seen(b, worker);
        note(b, worker, "worker_lost", "it has not come since the broker's start");
    }
    b->expected = 0;
}

void peer_expire(struct broker *b, int64_t now)
{
    int64_t silence = b->options.silence_ms * CLOCK_MILLISECOND;
    struct farm_worker *worker, *next;
    if (b->expected && !b->pause.on && now >= b->expected_until)
        miss_expected(b);
    if (now < b->next_expiry)
        return;
    b->next_expiry = INT64_MAX;
    HASH_ITER (by_session, b->farm.sessions, worker, next) {
        if (worker->state != FARM_ALIVE)
            continue;
        if (now - worker->last_seen >= silence)
            lose(b, worker);
        else if (worker->last_seen + silence < b->next_expiry)
            b->next_expiry = worker->last_seen + silence;
    }
}

/* ---- what workers fetch ---- */

int peer_fetch_scores(struct broker *b, const struct socket_identity *from,
                      const struct wire_fetch_scores *fetch, struct error *err)
{
    const struct farm_stage *stage = farm_find_stage(&b->farm, (int64_t)fetch->stage);
    if (!stage || stage->spec->kind != SPEC_LABEL)
        return error_set(err, E_NOT_FOUND, "stage %llu is no label stage of an open job",
                         (unsigned long long)fetch->stage);
    uint64_t end = fetch->start + fetch->count;
    uint64_t bytes = fetch->count * stage->job->bundle->layout.columns * sizeof(float);
    if (fetch->count == 0 || bytes > LIMIT_ROWS_BYTES)
        return error_set(
            err, E_LIMIT, "count: %llu scores of %llu bytes, 1 to %u bytes are allowed",
            (unsigned long long)fetch->count, (unsigned long long)bytes, LIMIT_ROWS_BYTES);
    uint64_t all = stage->job->bundle->layout.columns;
    if (fetch->columns == 0 || fetch->first_column >= all ||
        fetch->columns > all - fetch->first_column)
        return error_set(err, E_LIMIT, "columns: %llu + %llu, a row of scores has %llu",
                         (unsigned long long)fetch->first_column,
                         (unsigned long long)fetch->columns, (unsigned long long)all);
    if (!interval_set_contains(&stage->plan.done, fetch->start, end))
        return error_set(err, E_STATE, "scores %llu to %llu of stage %llu are not there",
                         (unsigned long long)fetch->start, (unsigned long long)end,
                         (unsigned long long)fetch->stage);
    outbox_put(b,
               &(struct reply){.to = *from,
                               .type = WIRE_SCORES,
                               .request = fetch->request,
                               .id = fetch->stage,
                               .task = {fetch->start, fetch->count, 0, 0},
                               .first_column = fetch->first_column,
                               .columns = fetch->columns},
               NULL);
    return 0;
}

int peer_fetch_samples(struct broker *b, const struct socket_identity *from,
                       const struct wire_fetch_samples *fetch, struct error *err)
{
    const struct farm_stage *stage = farm_find_stage(&b->farm, (int64_t)fetch->stage);
    if (!stage || !stage->mix || stage->mix->state != STATES_STAGE_DONE)
        return error_set(err, E_NOT_FOUND,
                         "stage %llu is no stage of an open job whose mix has been found",
                         (unsigned long long)fetch->stage);
    uint64_t faces = spec_mix_faces(stage->mix->spec);
    if (fetch->count == 0 || fetch->start >= faces || fetch->count > faces - fetch->start)
        return error_set(err, E_LIMIT, "faces %llu + %llu, the stage has %llu",
                         (unsigned long long)fetch->start, (unsigned long long)fetch->count,
                         (unsigned long long)faces);
    outbox_put(b,
               &(struct reply){.to = *from,
                               .type = WIRE_SAMPLES,
                               .request = fetch->request,
                               .id = fetch->stage,
                               .task = {fetch->start, fetch->count, 0, 0}},
               NULL);
    return 0;
}

int peer_fetch_directions(struct broker *b, const struct socket_identity *from,
                          const struct wire_fetch_directions *fetch, struct error *err)
{
    const struct farm_stage *stage = farm_find_stage(&b->farm, (int64_t)fetch->stage);
    if (!stage || stage->state == STATES_STAGE_WAITING ||
        (stage->spec->kind != SPEC_EDIT && stage->spec->kind != SPEC_EVALUATE))
        return error_set(err, E_NOT_FOUND, "stage %llu is no running edit or evaluate stage",
                         (unsigned long long)fetch->stage);
    outbox_put(
        b,
        &(struct reply){
            .to = *from, .type = WIRE_DIRECTIONS, .request = fetch->request, .id = fetch->stage},
        NULL);
    return 0;
}
