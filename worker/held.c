/* Lists of assignments and outcomes. They are short (a worker's credit), so they are searched. */
#include "worker/held.h"

#include <assert.h>
#include <stdlib.h>

static void drop_waiting(struct held *held, struct assignment *before)
{
    struct assignment **link = before ? &before->next : &held->first;
    struct assignment *dropped = *link;
    *link = dropped->next;
    held->waiting--;
    assignment_free(&dropped);
}

static void drop_outcome(struct outcome **link)
{
    struct outcome *dropped = *link;
    *link = dropped->next;
    outcome_free(&dropped);
}

void held_free(struct held *held)
{
    assert(!held->running);
    while (held->first)
        drop_waiting(held, NULL);
    while (held->outcomes)
        drop_outcome(&held->outcomes);
}

static void take_epoch(struct wire_task *held, const struct wire_task *leased)
{
    held->epoch = leased->epoch;
    held->token = leased->token;
}

/* Whether the range is held; then it goes on under the new epoch. */
static bool renew(struct held *held, uint64_t stage, const struct wire_task *task)
{
    for (struct assignment *waiting = held->first; waiting; waiting = waiting->next)
        if (assignment_is(waiting, stage, task)) {
            take_epoch(&waiting->task, task);
            return true;
        }
    for (struct outcome *outcome = held->outcomes; outcome; outcome = outcome->next)
        if (outcome->code == 0 && assignment_is(outcome->assignment, stage, task)) {
            take_epoch(&outcome->assignment->task, task);
            outcome->sent = false;
            return true;
        }
    if (held->running && !held->running_revoked && held->running_stage == stage &&
        held->running_task.start == task->start && held->running_task.count == task->count) {
        held->running_again = true;
        held->running_epoch = task->epoch;
        held->running_token = task->token;
        return true;
    }
    return false;
}

static int append(struct held *held, const struct wire_lease *lease, size_t i, struct error *err)
{
    struct assignment *assignment = NULL;
    if (held->waiting == HELD_TASKS_MAX)
        return error_set(err, E_LIMIT, "%zu tasks wait already: HELD_TASKS_MAX is %d",
                         held->waiting, HELD_TASKS_MAX);
    int failed = assignment_copy(lease, i, &assignment, err);
    if (failed)
        return failed;
    /* Behind the last, or behind the last urgent one. */
    struct assignment **link = &held->first;
    while (*link && (!assignment->urgent || (*link)->urgent))
        link = &(*link)->next;
    assignment->next = *link;
    *link = assignment;
    held->waiting++;
    return 0;
}

int held_lease(struct held *held, const struct wire_lease *lease, struct error *err)
{
    for (size_t i = 0; i < lease->tasks.count; i++) {
        const struct wire_task *task = &WIRE_ITEMS(lease->tasks, task)[i];
        if (task->epoch > held->newest)
            held->newest = task->epoch;
        if (renew(held, lease->stage, task))
            continue;
        int failed = append(held, lease, i, err);
        if (failed)
            return failed;
    }
    return 0;
}

struct outcome *held_begin(struct held *held)
{
    if (held->running || !held->first)
        return NULL;
    struct assignment *next = held->first, *after = next->next;
    struct outcome *outcome = outcome_new(&next);
    if (!outcome)
        return NULL; /* memory is out: tried again at the next turn */
    outcome->assignment->next = NULL;
    held->first = after;
    held->waiting--;
    held->running = outcome;
    held->running_again = false;
    held->running_revoked = false;
    held->running_stage = outcome->assignment->stage;
    held->running_task = outcome->assignment->task;
    return outcome;
}

void held_finish(struct held *held, struct outcome *outcome)
{
    struct outcome **link = &held->outcomes;
    assert(outcome == held->running);
    held->running = NULL;
    if (held->running_again) {
        outcome->assignment->task.epoch = held->running_epoch;
        outcome->assignment->task.token = held->running_token;
    }
    while (*link)
        link = &(*link)->next;
    outcome->next = NULL;
    outcome->sent = false;
    *link = outcome;
}

bool held_accept(struct held *held, uint64_t stage, const struct wire_task *task)
{
    for (struct outcome **link = &held->outcomes; *link; link = &(*link)->next)
        if (assignment_is((*link)->assignment, stage, task) && (*link)->sent_epoch == task->epoch) {
            drop_outcome(link);
            return true;
        }
    return false;
}

void held_drop_newest(struct held *held)
{
    struct outcome **link = &held->outcomes;
    while (*link && (*link)->next)
        link = &(*link)->next;
    if (*link)
        drop_outcome(link);
}

size_t held_drop_waiting(struct held *held)
{
    size_t dropped = held->waiting;
    while (held->first)
        drop_waiting(held, NULL);
    return dropped;
}

static bool is_among(const struct wire_task *task, const struct wire_task *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tasks[i].start == task->start && tasks[i].count == task->count)
            return true;
    return count == 0;
}

void held_revoke(struct held *held, uint64_t stage, const struct wire_task *tasks, size_t count)
{
    struct assignment *before = NULL;
    for (struct assignment *at = held->first, *next; at; at = next) {
        next = at->next;
        if (at->stage == stage && is_among(&at->task, tasks, count))
            drop_waiting(held, before);
        else
            before = at;
    }
    if (held->running && held->running_stage == stage &&
        is_among(&held->running_task, tasks, count))
        held->running_revoked = true;
}

size_t held_list(const struct held *held, struct wire_held_task *list, size_t most)
{
    size_t n = 0;
    if (held->running && !held->running_revoked && n < most)
        list[n++] = (struct wire_held_task){
            held->running_stage, held->running_task.start, held->running_task.count,
            held->running_again ? held->running_epoch : held->running_task.epoch,
            held->running_again ? held->running_token : held->running_task.token};
    for (const struct assignment *at = held->first; at && n < most; at = at->next)
        list[n++] = (struct wire_held_task){at->stage, at->task.start, at->task.count,
                                            at->task.epoch, at->task.token};
    for (const struct outcome *at = held->outcomes; at && n < most; at = at->next)
        if (at->code == 0)
            list[n++] = (struct wire_held_task){at->assignment->stage, at->assignment->task.start,
                                                at->assignment->task.count,
                                                at->assignment->task.epoch,
                                                at->assignment->task.token};
    return n;
}

struct outcome *held_find_parcel(const struct held *held, uint64_t parcel)
{
    struct outcome *outcome = held->outcomes;
    while (outcome && outcome->parcel != parcel)
        outcome = outcome->next;
    return outcome;
}

void held_drop(struct held *held, struct outcome *outcome)
{
    struct outcome **link = &held->outcomes;
    while (*link && *link != outcome)
        link = &(*link)->next;
    if (*link)
        drop_outcome(link);
}

void held_unsend(struct held *held)
{
    for (struct outcome *outcome = held->outcomes; outcome; outcome = outcome->next)
        outcome->sent = outcome->uploaded = false;
}

struct outcome *held_oldest_result(const struct held *held)
{
    for (struct outcome *outcome = held->outcomes; outcome; outcome = outcome->next)
        if (outcome->code == 0 && outcome->sent)
            return outcome;
    return NULL;
}
