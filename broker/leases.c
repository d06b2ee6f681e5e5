/*
 * Handing out tasks: one after the other round the workers that want some, so that the last tasks
 * of a stage are spread; then one message a worker and stage. Who has no credit left, and workers
 * when there is nothing to do, cost nothing. Leases are not written: they die with the broker, and
 * a restarted one leases again.
 */
#include <stdlib.h>

#include "broker/broker_priv.h"
#include "broker/stragglers.h"
#include "common/clock.h"
#include "common/log.h"

/* Cuts a task for the first in the ring of those that want some, which goes last then: 1, 0 where
 * there was none for it and it goes out of the ring, or an error. */
static int lease_one(struct farm *farm, struct farm_worker **served, struct error *err)
{
    struct farm_worker *worker = farm->hungry;
    struct farm_lease *lease;
    farm_sated(worker);
    if (!worker->identity.size || !farm_wants(farm, worker))
        return 0;
    int rc = farm_lease(farm, worker, clock_wall_ms(), &lease, err);
    if (rc == 0)
        farm_pass_over(worker);
    if (rc <= 0)
        return rc;
    farm_hungry(worker);
    if (!worker->leases->next || !worker->leases->next->fresh) { /* its first of this round */
        worker->served = *served;
        *served = worker;
    }
    lease->fresh = true;
    lease->stage->job->version++;
    return 1;
}

/* Tasks go round those that want some, until none are left or nobody takes them; returns the
 * workers that got some. */
static struct farm_worker *lease_all(struct broker *b)
{
    struct error err;
    struct farm_worker *served = NULL;
    int rc = 0;
    while (rc >= 0 && b->farm.hungry && farm_has_work(&b->farm))
        rc = lease_one(&b->farm, &served, &err);
    if (rc < 0)
        broker_doomed(b, rc, &err);
    return served;
}

static struct wire_task lent(const struct broker *b, const struct farm_worker *worker,
                             const struct farm_lease *lease)
{
    return (struct wire_task){lease->start, lease->count, lease->epoch,
                              access_token(&b->access, worker->identity.user,
                                           (uint64_t)lease->stage->id, lease->start, lease->count,
                                           lease->epoch)};
}

static int send_lease(struct broker *b, const struct farm_worker *worker,
                      const struct farm_stage *stage, const struct wire_task *tasks, size_t count,
                      struct error *err)
{
    const struct wire_lease body = {
        .job = (uint64_t)stage->job->id,
        .stage = (uint64_t)stage->id,
        .position = stage->position,
        .input = stage->input ? (uint64_t)stage->input->id : 0,
        .bundle = stage->job->bundle->hash,
        .spec = stage->job->text,
        .urgent = stage->job->interactive,
        .tasks = WIRE_LIST(tasks, count),
    };
    return socket_send(b->socket, &worker->identity, WIRE_LEASE, &body, err);
}

/* Sends the fresh leases of the stage of `first`, which stand before `end`, oldest first. All fit,
 * as bulk and urgent ones are of different stages. */
static int send_stage(struct broker *b, struct farm_worker *worker, struct farm_lease *first,
                      const struct farm_lease *end, struct error *err)
{
    struct wire_task tasks[LIMIT_BATCH];
    size_t at = LIMIT_BATCH;
    _Static_assert(LIMIT_CREDIT <= LIMIT_BATCH, "a worker's tasks of a stage fit into one message");
    for (struct farm_lease *lease = first; lease != end && at > 0; lease = lease->next)
        if (lease->fresh && lease->stage == first->stage)
            tasks[--at] = lent(b, worker, lease);
    int rc = send_lease(b, worker, first->stage, tasks + at, LIMIT_BATCH - at, err);
    for (struct farm_lease *lease = first; rc == 0 && lease != end; lease = lease->next)
        if (lease->stage == first->stage)
            lease->fresh = false;
    return rc;
}

/* The peer is gone: it comes back under another identity, or is found silent. Its fresh leases
 * return. */
static void take_back(struct broker *b, struct farm_worker *worker)
{
    struct error err;
    struct farm_lease *next;
    farm_connect(&b->farm, worker, NULL);
    for (struct farm_lease *lease = worker->leases; lease; lease = next) {
        next = lease->next;
        if (lease->fresh && farm_release(worker, lease, &err) < 0)
            broker_doomed(b, err.code, &err);
    }
}

/* Those that are fresh are the newest, and stand first. */
static void send_fresh(struct broker *b, struct farm_worker *worker)
{
    struct error err;
    struct farm_lease *end = worker->leases;
    while (end && end->fresh)
        end = end->next;
    for (struct farm_lease *lease = worker->leases; lease != end; lease = lease->next) {
        if (!lease->fresh)
            continue;
        if (send_stage(b, worker, lease, end, &err) < 0) {
            log_about(LOG_WARNING,
                      &(struct log_ids){.worker_id = worker->id, .worker = worker->name}, "%s",
                      err.text);
            take_back(b, worker);
            return;
        }
    }
}

/* ---- a second time ---- */

#define LOOK_INTERVAL (100 * CLOCK_MILLISECOND)
#define LOOK_WORKERS 16 /* that get something at a time: each looks at every lease */

/* Lends an idle worker a task a second time; *due_ms: when there may be one for it. */
static bool lend_again(struct broker *b, struct farm_worker *worker, int64_t *due_ms)
{
    struct error err;
    struct farm_lease *lease;
    int64_t due;
    int rc = stragglers_lend(&b->farm, worker, clock_wall_ms(), &lease, &due, &err);
    if (due < *due_ms)
        *due_ms = due;
    if (rc < 0)
        broker_doomed(b, rc, &err);
    if (rc <= 0)
        return false;
    lease->fresh = true;
    lease->stage->job->version++;
    b->metrics.second++;
    log_about(LOG_INFO,
              &(struct log_ids){.job = lease->stage->job->id,
                                .stage_id = lease->stage->id,
                                .stage = lease->stage->spec->name,
                                .start = lease->start,
                                .count = lease->count,
                                .worker_id = worker->id,
                                .worker = worker->name},
              "lent a second time; worker %s has it", lease->twin->worker->name);
    send_fresh(b, worker);
    return true;
}

/* When nothing is left to cut for somebody, what is lent may be lent again. Costs nothing while all
 * have work, or none is lent. */
static void lend_stragglers(struct broker *b)
{
    int64_t now = clock_now(), due_ms = INT64_MAX, wall = clock_wall_ms();
    struct farm_worker *worker, *next;
    int looked = 0;
    if (b->farm.lent == 0 || (!b->farm.hungry && !b->farm.passed_over)) {
        b->stragglers_at = INT64_MAX;
        return;
    }
    if (b->stragglers_at == INT64_MAX)
        b->stragglers_at = now + LOOK_INTERVAL;
    if (now < b->stragglers_at)
        return;
    HASH_ITER (by_identity, b->farm.identities, worker, next)
        if (worker->held == 0 && farm_is_usable(worker) && worker->credit > 0 && !b->doomed &&
            looked++ < LOOK_WORKERS)
            lend_again(b, worker, &due_ms);
    /* Where nothing is in sight the next round looks again, as something has happened then. */
    int64_t wait = due_ms == INT64_MAX ? 0 : (due_ms - wall) * CLOCK_MILLISECOND;
    if (wait < LOOK_INTERVAL)
        wait = LOOK_INTERVAL;
    b->stragglers_at = due_ms < INT64_MAX || looked > LOOK_WORKERS ? now + wait : INT64_MAX;
}

void peer_lease_all(struct broker *b)
{
    if (b->expected)
        return; /* who is to come, until peer_expire waits no more, may hold some of it */
    for (struct farm_worker *worker = lease_all(b); worker && !b->doomed; worker = worker->served)
        send_fresh(b, worker);
    if (!b->doomed)
        lend_stragglers(b);
}
