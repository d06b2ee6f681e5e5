/* Workers and their leases in memory. A lease stands in the list and in the map of exactly one
 * worker. The ring of hungry workers holds every usable one with credit left, and perhaps others:
 * who is found to want nothing is taken out. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "broker/farm.h"
#include "common/text.h"

/* ---- workers ---- */

void farm_free_worker(struct farm_worker *worker)
{
    HASH_CLEAR(by_range, worker->ranges);
    while (worker->leases) {
        struct farm_lease *next = worker->leases->next;
        free(worker->leases);
        worker->leases = next;
    }
    free(worker->name);
    free(worker->host);
    free(worker->device);
    free(worker->device_kind);
    free(worker->labels);
    free(worker->log);
    free(worker->aside);
    free(worker);
}

static void forget_worker(struct farm *farm, struct farm_worker *worker)
{
    farm_connect(farm, worker, NULL);
    farm_sated(worker);
    HASH_DELETE(by_session, farm->sessions, worker);
    farm_free_worker(worker);
}

static int make_room(struct farm *farm, struct error *err)
{
    struct farm_worker *worker, *next, *oldest = NULL;
    if (HASH_CNT(by_session, farm->sessions) < LIMIT_WORKERS)
        return 0;
    HASH_ITER (by_session, farm->sessions, worker, next)
        if (worker->state != FARM_ALIVE && !worker->leases &&
            (!oldest || worker->last_seen_ms < oldest->last_seen_ms))
            oldest = worker;
    if (!oldest)
        return error_set(err, E_LIMIT, "%d workers are connected, more are not allowed",
                         LIMIT_WORKERS);
    forget_worker(farm, oldest);
    return 0;
}

int farm_add_worker(struct farm *farm, uint64_t session, struct farm_worker **worker,
                    struct error *err)
{
    struct farm_worker *found = farm_find_session(farm, session);
    if (!found) {
        int rc = make_room(farm, err);
        if (rc < 0)
            return rc;
        found = calloc(1, sizeof *found);
        if (!found)
            return error_set(err, E_MEMORY, "no memory for a worker");
        found->session = session;
        found->farm = farm;
        found->state = FARM_LOST;
        farm_classify(farm, found);
        HASH_ADD(by_session, farm->sessions, session, sizeof found->session, found);
    }
    *worker = found;
    return 0;
}

/* With what a worker says of itself: it stands in lines of logs and of tables. */
static int replace_text(char **text, const char *with, struct error *err)
{
    char *copy = strdup(with);
    if (!copy)
        return error_set(err, E_MEMORY, "no memory for a worker's name");
    text_scrub_line(copy);
    free(*text);
    *text = copy;
    return 0;
}

int farm_describe_worker(struct farm *farm, struct farm_worker *worker,
                         const struct farm_description *description, struct error *err)
{
    struct labels labels;
    int rc = labels_parse(description->labels, &labels, err);
    if (rc == 0)
        rc = replace_text(&worker->labels, labels.text, err);
    if (rc == 0)
        rc = replace_text(&worker->name, description->name, err);
    if (rc == 0)
        rc = replace_text(&worker->host, description->host, err);
    if (rc == 0)
        rc = replace_text(&worker->device, description->device, err);
    if (rc == 0)
        rc = replace_text(&worker->device_kind, description->device_kind, err);
    if (rc < 0)
        return rc;
    worker->memory = description->memory;
    farm_classify(farm, worker);
    return 0;
}

struct farm_worker *farm_find_session(struct farm *farm, uint64_t session)
{
    struct farm_worker *worker = NULL;
    HASH_FIND(by_session, farm->sessions, &session, sizeof session, worker);
    return worker;
}

struct farm_worker *farm_find_identity(struct farm *farm, const struct socket_identity *identity)
{
    struct farm_worker *worker = NULL;
    HASH_FIND(by_identity, farm->identities, identity->bytes, identity->size, worker);
    return worker && strcmp(worker->identity.user, identity->user) == 0 ? worker : NULL;
}

void farm_connect(struct farm *farm, struct farm_worker *worker,
                  const struct socket_identity *identity)
{
    farm->slots = 0;
    if (worker->identity.size)
        HASH_DELETE(by_identity, farm->identities, worker);
    worker->identity.size = 0;
    if (!identity || !identity->size)
        return;
    struct farm_worker *before = NULL;
    HASH_FIND(by_identity, farm->identities, identity->bytes, identity->size, before);
    if (before) {
        HASH_DELETE(by_identity, farm->identities, before);
        before->identity.size = 0;
    }
    worker->identity = *identity;
    HASH_ADD_KEYPTR(by_identity, farm->identities, worker->identity.bytes, worker->identity.size,
                    worker);
    farm_hungry(worker);
}

/* ---- who wants tasks ---- */

void farm_hungry(struct farm_worker *worker)
{
    struct farm *farm = worker->farm;
    if (worker->hungry_next)
        return;
    struct farm_worker *first = farm->hungry ? farm->hungry : worker;
    struct farm_worker *last = farm->hungry ? first->hungry_before : worker;
    farm->hungry = first;
    worker->hungry_next = first;
    worker->hungry_before = last;
    first->hungry_before = last->hungry_next = worker;
    farm->hungry_count++;
}

void farm_sated(struct farm_worker *worker)
{
    struct farm *farm = worker->farm;
    if (!worker->hungry_next)
        return;
    worker->hungry_next->hungry_before = worker->hungry_before;
    worker->hungry_before->hungry_next = worker->hungry_next;
    if (farm->hungry == worker)
        farm->hungry = --farm->hungry_count ? worker->hungry_next : NULL;
    else
        farm->hungry_count--;
    worker->hungry_next = worker->hungry_before = NULL;
}

void farm_pass_over(struct farm_worker *worker)
{
    farm_sated(worker);
    worker->farm->passed_over = true;
}

void farm_stir(struct farm *farm)
{
    farm->slots = 0;
    if (!farm->passed_over)
        return;
    farm->passed_over = false;
    for (struct farm_worker *worker = farm->identities; worker; worker = worker->by_identity.next)
        farm_hungry(worker);
}

const char *farm_worker_state(const struct farm_worker *worker)
{
    switch (worker->state) {
    case FARM_ALIVE:
        if (worker->aside)
            return "aside";
        if (worker->draining)
            return "draining";
        return worker->held ? "busy" : "idle";
    case FARM_LOST:
        return "lost";
    case FARM_GONE:
        return "gone";
    }
    return "";
}

/* ---- leases ---- */

/* A range's key is its stage's address and its start, which stand side by side in a lease. */
#define RANGE_KEY                                                                                  \
    (offsetof(struct farm_lease, start) + sizeof(uint64_t) - offsetof(struct farm_lease, stage))

bool farm_is_usable(const struct farm_worker *worker)
{
    return worker->state == FARM_ALIVE && !worker->draining && !worker->aside;
}

bool farm_is_alone(const struct farm *farm, const struct farm_worker *worker,
                   const struct farm_stage *stage)
{
    for (const struct farm_worker *other = farm->identities; other; other = other->by_identity.next)
        if (other != worker && farm_is_usable(other) && other->credit > 0 &&
            farm_matches(other, stage))
            return false;
    return true;
}

/* The wire gives an epoch 32 bits; by the time it comes round, the leases of the last turn are
 * over. */
static uint64_t next_epoch(struct farm *farm)
{
    farm->epoch = farm->epoch % UINT32_MAX + 1;
    return farm->epoch;
}

/* Gives the worker a lease of a range that is taken already. */
static struct farm_lease *add_lease(struct farm_worker *worker, const struct farm_lease *lease,
                                    struct error *err)
{
    struct farm_lease *made = malloc(sizeof *made);
    if (!made) {
        error_set(err, E_MEMORY, "no memory for a lease");
        return NULL;
    }
    *made = *lease;
    made->before = NULL;
    made->worker = worker;
    worker->farm->lent++;
    made->next = worker->leases;
    if (made->next)
        made->next->before = made;
    worker->leases = made;
    HASH_ADD(by_range, worker->ranges, stage, RANGE_KEY, made);
    worker->held++;
    worker->urgent += made->urgent;
    return made;
}

bool farm_wants(const struct farm *farm, const struct farm_worker *worker)
{
    if (!farm_is_usable(worker))
        return false;
    return worker->held - worker->urgent < worker->credit ||
           (farm->interactive > 0 && worker->urgent < worker->credit);
}

int farm_lease(struct farm *farm, struct farm_worker *worker, int64_t now_ms,
               struct farm_lease **lease, struct error *err)
{
    struct farm_lease made = {.leased_ms = now_ms};
    struct interval range;
    if (!farm_wants(farm, worker))
        return 0;
    int rc = farm_cut(farm, worker, worker->held - worker->urgent >= worker->credit, &made.stage,
                      &range, err);
    if (rc <= 0)
        return rc;
    made.start = range.start;
    made.count = range.end - range.start;
    made.epoch = next_epoch(farm);
    made.urgent = made.stage->job->interactive;
    *lease = add_lease(worker, &made, err);
    return *lease ? 1 : E_MEMORY;
}

int farm_lend_again(struct farm *farm, struct farm_worker *worker, struct farm_lease *first,
                    int64_t now_ms, struct farm_lease **lease, struct error *err)
{
    const struct farm_lease made = {.stage = first->stage,
                                    .start = first->start,
                                    .count = first->count,
                                    .epoch = next_epoch(farm),
                                    .leased_ms = now_ms,
                                    .twin = first};
    *lease = add_lease(worker, &made, err);
    if (!*lease)
        return E_MEMORY;
    first->twin = *lease;
    return 1;
}

int farm_adopt(struct farm *farm, struct farm_worker *worker, struct farm_stage *stage,
               const struct wire_held_task *held, int64_t now_ms, struct error *err)
{
    if (stage->state != STATES_STAGE_RUNNING || stage->job->state != STATES_JOB_RUNNING ||
        worker->aside)
        return 0;
    int rc = plan_take(&stage->plan, held->start, held->count, err);
    if (rc <= 0)
        return rc;
    if (held->epoch > farm->epoch)
        farm->epoch = held->epoch;
    const struct farm_lease lease = {.stage = stage,
                                     .start = held->start,
                                     .count = held->count,
                                     .epoch = held->epoch,
                                     .leased_ms = now_ms,
                                     .urgent = stage->job->interactive};
    return add_lease(worker, &lease, err) ? 1 : E_MEMORY;
}

struct farm_lease *farm_find_lease(struct farm_worker *worker, const struct farm_stage *stage,
                                   uint64_t start, uint64_t count)
{
    struct farm_lease key = {.stage = (struct farm_stage *)stage, .start = start}, *found = NULL;
    HASH_FIND(by_range, worker->ranges, &key.stage, RANGE_KEY, found);
    return found && found->count == count ? found : NULL;
}

static void unlink_lease(struct farm_worker *worker, struct farm_lease *lease)
{
    *(lease->before ? &lease->before->next : &worker->leases) = lease->next;
    if (lease->next)
        lease->next->before = lease->before;
    HASH_DELETE(by_range, worker->ranges, lease);
    if (lease->twin) {
        lease->twin->tried = true;
        lease->twin->twin = NULL;
    }
    worker->farm->lent--;
    worker->held--;
    worker->urgent -= lease->urgent;
    free(lease);
    farm_hungry(worker);
}

int farm_release(struct farm_worker *worker, struct farm_lease *lease, struct error *err)
{
    struct farm_job *job = lease->stage->job;
    const struct plan *plan = &lease->stage->plan;
    uint64_t leased = plan->leased_count;
    if (lease->twin) { /* it is still lent */
        unlink_lease(worker, lease);
        return 0;
    }
    int rc = plan_return(&lease->stage->plan, lease->start, lease->count, err);
    bool returned = plan->leased_count < leased;
    unlink_lease(worker, lease);
    return rc < 0 || !returned ? rc : farm_wake(worker->farm, job, err);
}

bool farm_drop_leases(struct farm_worker *worker, const struct farm_stage *stage)
{
    bool any = false;
    struct farm_lease *next;
    for (struct farm_lease *lease = worker->leases; lease; lease = next) {
        next = lease->next;
        if (lease->stage == stage) {
            unlink_lease(worker, lease);
            any = true;
        }
    }
    return any;
}
