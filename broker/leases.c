/*
 * Handing out tasks: one after the other round the workers that have credit, so that the last tasks
 * of a stage are spread; then one message a worker and stage. Leases are not written: they die with
 * the broker, and a restarted one leases again.
 */
#include <stdlib.h>

#include "broker/broker_priv.h"
#include "common/clock.h"
#include "common/log.h"

#define LEASE_MOST 64 /* tasks in a message, see messages.def */

/* Cuts at most one task for every worker; false where nothing more can be cut. */
static bool lease_round(struct broker *b, uint64_t *newest)
{
    uint64_t work = farm_work(&b->farm);
    struct error err;
    struct farm_worker *worker, *next;
    bool any = false;
    HASH_ITER (by_identity, b->farm.identities, worker, next) {
        struct farm_lease *lease;
        if (!(worker->classes & work) || !farm_wants(&b->farm, worker))
            continue;
        int rc = farm_lease(&b->farm, worker, clock_wall_ms(), &lease, &err);
        if (rc < 0)
            broker_doomed(b, rc, &err);
        if (rc < 0)
            return false;
        if (rc == 0)
            work = farm_work(&b->farm); /* another may have credit for what this one has not */
        if (rc == 0)
            continue;
        lease->fresh = true;
        lease->stage->job->version++;
        ++*newest;
        any = true;
    }
    return any;
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

/* Sends the fresh leases of the stage of `first`, oldest first. All fit, as credit is at most
 * LEASE_MOST. */
static int send_stage(struct broker *b, struct farm_worker *worker, struct farm_lease *first,
                      struct error *err)
{
    struct wire_task tasks[LEASE_MOST];
    size_t at = LEASE_MOST; /* bulk and urgent ones are of different stages */
    for (struct farm_lease *lease = first; lease && at > 0; lease = lease->next)
        if (lease->fresh && lease->stage == first->stage)
            tasks[--at] = lent(b, worker, lease);
    int rc = send_lease(b, worker, first->stage, tasks + at, LEASE_MOST - at, err);
    for (struct farm_lease *lease = first; rc == 0 && lease; lease = lease->next)
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

static void send_fresh(struct broker *b, struct farm_worker *worker)
{
    struct error err;
    for (struct farm_lease *lease = worker->leases; lease; lease = lease->next) {
        if (!lease->fresh)
            continue;
        if (send_stage(b, worker, lease, &err) < 0) {
            log_warning("worker %s: %s", worker->name, err.text);
            take_back(b, worker);
            return;
        }
    }
}

void peer_lease_all(struct broker *b)
{
    struct farm_worker *worker, *next;
    uint64_t leased = 0;
    if (b->expected && clock_now() < b->expected_until)
        return; /* who is to come may hold some of it */
    b->expected = 0;
    while (!b->doomed && lease_round(b, &leased))
        ;
    if (!leased)
        return;
    HASH_ITER (by_identity, b->farm.identities, worker, next)
        send_fresh(b, worker);
}
