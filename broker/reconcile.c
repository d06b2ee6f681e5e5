/*
 * What a worker says it holds, against what we lent it. A hello may come over a new connection
 * (what was under way on the old one is lost), from a worker that was thought lost, or to a broker
 * that was started anew and knows of no lease; in each case this brings the two together again:
 *
 * - a lease that the worker does not list goes back to the queue, unless it may still be under way;
 * - a range that it lists and that is free is lent to it, under the epoch that it names;
 * - a range that it lists and that is done, lent to somebody else, or was never lent to its key, is revoked.
 */
#include "broker/broker_priv.h"
#include "common/clock.h"
#include "common/log.h"

static const struct wire_held_task *find_held(const struct wire_hello *hello,
                                              const struct farm_lease *lease)
{
    const struct wire_held_task *held = WIRE_ITEMS(hello->held, held_task);
    for (size_t i = 0; i < hello->held.count; i++)
        if (held[i].stage == (uint64_t)lease->stage->id && held[i].start == lease->start &&
            held[i].count == lease->count)
            return &held[i];
    return NULL;
}

/* Leases that never arrived. On the connection that they went over, what is newer than the newest
 * that the worker has seen is still to arrive. */
static int return_missing(struct farm_worker *worker, const struct wire_hello *hello,
                          bool same_connection, struct error *err)
{
    struct farm_lease *next;
    for (struct farm_lease *lease = worker->leases; lease; lease = next) {
        const struct wire_held_task *held = find_held(hello, lease);
        next = lease->next;
        if (lease->fresh || (same_connection && lease->epoch > hello->newest))
            continue; /* also of a range that it holds under an older epoch: it goes on under this one */
        if (held) {
            lease->epoch = held->epoch;
            continue;
        }
        lease->stage->job->version++;
        int rc = farm_release(worker, lease, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void revoke_task(struct broker *b, const struct farm_worker *worker,
                        const struct wire_held_task *held)
{
    outbox_put(b,
               &(struct reply){.to = worker->identity,
                               .type = WIRE_REVOKE,
                               .id = held->stage,
                               .task = {held->start, held->count, held->epoch, held->token}},
               NULL);
}

static int adopt(struct broker *b, struct farm_worker *worker, const struct wire_held_task *held,
                 struct error *err)
{
    struct farm_stage *stage = farm_find_stage(&b->farm, (int64_t)held->stage);
    const struct wire_task task = {held->start, held->count, held->epoch, held->token};
    if (stage && farm_find_lease(worker, stage, held->start, held->count))
        return 0;
    bool ours = access_held(&b->access, &worker->identity, held->stage, &task);
    int rc = stage && ours ? farm_adopt(&b->farm, worker, stage, held, clock_wall_ms(), err) : 0;
    if (rc == 0)
        revoke_task(b, worker, held);
    else if (rc > 0)
        stage->job->version++;
    return rc < 0 ? rc : 0;
}

int reconcile(struct broker *b, struct farm_worker *worker, const struct wire_hello *hello,
              bool same_connection, struct error *err)
{
    const struct wire_held_task *held = WIRE_ITEMS(hello->held, held_task);
    uint32_t before = worker->held;
    int rc = return_missing(worker, hello, same_connection, err);
    uint32_t kept = worker->held;
    for (size_t i = 0; rc == 0 && i < hello->held.count; i++)
        rc = adopt(b, worker, &held[i], err);
    if (rc == 0 && (before != kept || worker->held != kept))
        log_about(LOG_INFO, &(struct log_ids){.worker_id = worker->id, .worker = worker->name},
                  "%u leases went back, %u were adopted", before - kept,
                 worker->held - kept);
    return rc;
}
