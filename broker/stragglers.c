/* A worker's tasks run one after the other, oldest first; so what is before a lease in that order
 * says when it will be done. Looks at every lease: the caller says how often. */
#include "broker/stragglers.h"

struct choice {
    struct farm_lease *lease;
    double score; /* milliseconds that the range may still take where it is */
    int64_t due_ms;
};

static bool may_be_lent_again(const struct farm_worker *to, const struct farm_lease *lease)
{
    const struct farm_stage *stage = lease->stage;
    return !lease->twin && !lease->tried && !lease->urgent &&
           stage->state == STATES_STAGE_RUNNING && stage->job->state == STATES_JOB_RUNNING &&
           !plan_has_work(&stage->plan) && farm_matches(to, stage) &&
           plan_attempts(&stage->plan, lease->start) == 0 &&
           !interval_set_overlaps(&stage->plan.done, lease->start, lease->start + lease->count);
}

/* Expected milliseconds. */
static double expected(const struct farm_lease *lease)
{
    return lease->stage->seconds > 0 ? 1000 * farm_seconds(lease->stage, lease->count)
                                     : STRAGGLERS_UNKNOWN_MS / (double)STRAGGLERS_FACTOR;
}

/* `ahead`: expected milliseconds of the tasks that its worker runs before it. */
static void consider(struct choice *choice, struct farm_lease *lease, double ahead, int64_t now_ms)
{
    const struct farm_worker *worker = lease->worker;
    double whole = ahead + expected(lease);
    int64_t since =
        worker->delivered_ms > lease->leased_ms ? worker->delivered_ms : lease->leased_ms;
    bool waits = ahead > 0 && whole >= STRAGGLERS_SLACK_MS;
    int64_t due = waits ? lease->leased_ms + STRAGGLERS_WAIT_MS
                        : since + (int64_t)(STRAGGLERS_FACTOR * whole) + STRAGGLERS_SLACK_MS;
    if (due > now_ms) {
        if (due < choice->due_ms)
            choice->due_ms = due;
        return;
    }
    double score = whole + (waits ? 0 : (double)(now_ms - due));
    if (!choice->lease || score > choice->score) {
        choice->lease = lease;
        choice->score = score;
    }
}

static void look_at(struct choice *choice, const struct farm_worker *to,
                    const struct farm_worker *worker, int64_t now_ms)
{
    struct farm_lease *lease = worker->leases;
    double ahead = 0;
    while (lease && lease->next)
        lease = lease->next;
    for (; lease; lease = lease->before) { /* oldest first */
        if (may_be_lent_again(to, lease))
            consider(choice, lease, ahead, now_ms);
        ahead += expected(lease);
    }
}

int stragglers_lend(struct farm *farm, struct farm_worker *worker, int64_t now_ms,
                    struct farm_lease **lease, int64_t *due_ms, struct error *err)
{
    struct choice choice = {.due_ms = INT64_MAX};
    *due_ms = INT64_MAX;
    if (!farm_is_usable(worker) || worker->credit == 0 || worker->held > 0)
        return 0;
    for (const struct farm_worker *other = farm->sessions; other; other = other->by_session.next)
        if (other != worker)
            look_at(&choice, worker, other, now_ms);
    *due_ms = choice.due_ms;
    return choice.lease ? farm_lend_again(farm, worker, choice.lease, now_ms, lease, err) : 0;
}
