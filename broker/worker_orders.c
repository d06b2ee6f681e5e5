/*
 * Workers that get no tasks: drained ones, by an order, and those set aside, because everything
 * fails on them. Whether it is the worker's fault is judged by what else is known: see
 * worker_failed().
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

#define ASIDE_STREAK 4 /* ranges in a row */

/* Gives back all that the worker holds; nothing counts as an attempt. */
static int take_everything(struct broker *b, struct farm_worker *worker, struct error *err)
{
    while (worker->leases) {
        struct farm_lease *lease = worker->leases;
        lease->stage->job->version++;
        if (worker->identity.size)
            outbox_put(b,
                       &(struct reply){.to = worker->identity,
                                       .type = WIRE_REVOKE,
                                       .id = (uint64_t)lease->stage->id,
                                       .task = {lease->start, lease->count, lease->epoch, 0}},
                       NULL);
        int rc = farm_release(worker, lease, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int write_aside(struct broker *b, const struct farm_worker *worker, struct error *err)
{
    int rc = broker_write(b, err);
    if (rc == 0)
        rc = workers_set_aside(b->db, worker->id, worker->aside, err);
    const struct events_row row = {.worker = worker->id,
                                   .event = worker->aside ? "worker_aside" : "worker_restore",
                                   .actor = worker->aside ? NULL : b->actor,
                                   .text = worker->aside};
    return rc < 0 ? rc : journal(b, &row, err);
}

static void set_aside(struct broker *b, struct farm_worker *worker, const struct attempt *last)
{
    struct error err;
    char text[LIMIT_TEXT_BYTES];
    snprintf(text, sizeof text, "%u tasks failed here in a row, last: %s: %.2000s", worker->streak,
             last->code, last->text);
    text_scrub(text);
    log_about(LOG_WARNING, &(struct log_ids){.worker_id = worker->id, .worker = worker->name},
              "set aside: %s", text);
    worker->aside = strdup(text);
    farm_stir(&b->farm);
    int rc = worker->aside ? take_everything(b, worker, &err)
                           : error_set(&err, E_MEMORY, "no memory for a worker's state");
    if (rc == 0)
        rc = write_aside(b, worker, &err);
    if (rc < 0)
        broker_doomed(b, rc, &err);
}

/* Errors of the machine and its device rather than of what was asked for. */
static bool is_of_the_machine(const char *code)
{
    static const int codes[] = {E_DEVICE, E_LOST, E_MEMORY, E_IO, E_DIGEST};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code, error_name(codes[i])) == 0)
            return true;
    return false;
}

/*
 * A failing sample makes each range that holds it fail, down to itself: ranges inside of each other
 * are one failure here. Others count, and they are the worker's own fault where the machine is what
 * failed, or where somebody else has succeeded in the same stage.
 */
void worker_failed(struct broker *b, struct farm_worker *worker, const struct farm_stage *stage,
                   const struct attempt *attempt)
{
    const struct wire_task *task = &attempt->task;
    if (worker->state != FARM_ALIVE || worker->aside)
        return; /* what a lost worker held may not even have begun */
    bool same = worker->streak > 0 && worker->streak_stage == stage->id &&
                task->start < worker->streak_end &&
                task->start + task->count > worker->streak_start;
    bool others = stage->succeeded && stage->succeeded != worker->id;
    worker->streak_stage = stage->id;
    worker->streak_start = task->start;
    worker->streak_end = task->start + task->count;
    if (same)
        return;
    if (is_of_the_machine(attempt->code) || others)
        worker->streak++;
    if (worker->streak >= ASIDE_STREAK)
        set_aside(b, worker, attempt);
}

void worker_succeeded(struct farm_worker *worker, struct farm_stage *stage)
{
    worker->streak = 0;
    stage->succeeded = worker->id;
}

/* ---- orders ---- */

static int drain(struct broker *b, struct farm_worker *worker, struct error *err)
{
    log_about(LOG_INFO, &(struct log_ids){.worker_id = worker->id, .worker = worker->name}, "drains");
    worker->draining = true;
    farm_stir(&b->farm);
    outbox_put(b,
               &(struct reply){.to = worker->identity, .type = WIRE_DRAIN, .id = worker->session},
               NULL);
    return journal(b,
                   &(struct events_row){
                       .worker = worker->id, .event = "worker_drain", .actor = b->actor},
                   err);
}

static int restore(struct broker *b, struct farm_worker *worker, struct error *err)
{
    free(worker->aside);
    worker->aside = NULL;
    worker->streak = 0;
    farm_hungry(worker);
    farm_stir(&b->farm);
    log_about(LOG_INFO, &(struct log_ids){.worker_id = worker->id, .worker = worker->name},
              "taken back");
    return write_aside(b, worker, err);
}

static bool is_meant(const struct farm_worker *worker, const char *name)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)worker->id);
    return strcmp(name, "all") == 0 || strcmp(name, number) == 0 || strcmp(name, worker->name) == 0;
}

int client_worker_order(struct broker *b, const struct socket_identity *from,
                        const struct wire_worker_order *order, struct error *err)
{
    struct farm_worker *worker, *next;
    bool drains = strcmp(order->order, "drain") == 0, known = false, any = false;
    if (!drains && strcmp(order->order, "restore") != 0)
        return error_set(err, E_INVALID, "order: \"%s\", expected drain or restore", order->order);
    HASH_ITER (by_session, b->farm.sessions, worker, next) {
        if (!is_meant(worker, order->worker))
            continue;
        known = true;
        if (drains ? !worker->identity.size || worker->state != FARM_ALIVE : !worker->aside)
            continue;
        any = true;
        int rc = drains ? drain(b, worker, err) : restore(b, worker, err);
        if (rc < 0)
            return broker_doomed(b, rc, err);
    }
    if (!known)
        return error_set(err, E_NOT_FOUND, "there is no worker \"%s\"", order->worker);
    if (!any)
        return error_set(err, E_STATE, "worker %s is %s", order->worker,
                         drains ? "not connected" : "not set aside");
    outbox_put(b, &(struct reply){.to = *from, .type = WIRE_WORKERS, .request = order->request},
               NULL);
    return 0;
}
