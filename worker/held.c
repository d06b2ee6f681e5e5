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
    assert(!held_is_running(held));
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

static bool is_running(const struct held_run *run, uint64_t stage, const struct wire_task *task)
{
    return run->outcome && !run->revoked && run->stage == stage && run->task.start == task->start &&
           run->task.count == task->count;
}

static bool renew_run(struct held_run *run, uint64_t stage, const struct wire_task *task)
{
    if (!is_running(run, stage, task))
        return false;
    run->again = true;
    run->epoch = task->epoch;
    run->token = task->token;
    return true;
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
    return renew_run(&held->device, stage, task) || renew_run(&held->files, stage, task);
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
    if (held->device.outcome || !held->first)
        return NULL;
    struct assignment *next = held->first, *after = next->next;
    struct outcome *outcome = outcome_new(&next);
    if (!outcome)
        return NULL; /* memory is out: tried again at the next turn */
    outcome->assignment->next = NULL;
    held->first = after;
    held->waiting--;
    held->device = (struct held_run){.outcome = outcome,
                                     .stage = outcome->assignment->stage,
                                     .task = outcome->assignment->task};
    return outcome;
}

void held_free_device(struct held *held)
{
    assert(held->device.outcome && !held->files.outcome);
    held->files = held->device;
    held->device = (struct held_run){0};
}

bool held_is_running(const struct held *held)
{
    return held->device.outcome || held->files.outcome;
}

void held_finish(struct held *held, struct outcome *outcome)
{
    struct held_run *run = outcome == held->files.outcome ? &held->files : &held->device;
    struct outcome **link = &held->outcomes;
    assert(outcome == run->outcome);
    if (run->again) {
        outcome->assignment->task.epoch = run->epoch;
        outcome->assignment->task.token = run->token;
    }
    *run = (struct held_run){0};
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
    struct held_run *runs[] = {&held->device, &held->files};
    for (size_t i = 0; i < 2; i++)
        if (runs[i]->outcome && runs[i]->stage == stage && is_among(&runs[i]->task, tasks, count))
            runs[i]->revoked = true;
}

/* Appends a run to list[most], of which `n` are filled; returns how many are then. */
static size_t list_run(const struct held_run *run, struct wire_held_task *list, size_t n, size_t most)
{
    if (!run->outcome || run->revoked || n == most)
        return n;
    list[n] = (struct wire_held_task){run->stage, run->task.start, run->task.count,
                                      run->again ? run->epoch : run->task.epoch,
                                      run->again ? run->token : run->task.token};
    return n + 1;
}

size_t held_list(const struct held *held, struct wire_held_task *list, size_t most)
{
    size_t n = list_run(&held->device, list, 0, most);
    n = list_run(&held->files, list, n, most);
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
