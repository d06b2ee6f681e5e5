/* The tables of states, and the two functions that change one. */
#include "broker/states.h"

#include <string.h>

#include "db/events.h"
#include "db/jobs.h"

#define NO (-1)

static const char *const job_names[STATES_JOBS] = {"running", "done", "failed", "cancelled",
                                                   "paused"};
static const char *const job_events[STATES_JOB_EVENTS] = {"complete", "fail",  "cancel",
                                                          "retry",    "pause", "resume"};
static const int job_table[STATES_JOBS][STATES_JOB_EVENTS] = {
    /* complete, fail, cancel, retry, pause, resume */
    [STATES_JOB_RUNNING] = {STATES_JOB_DONE, STATES_JOB_FAILED, STATES_JOB_CANCELLED, NO,
                            STATES_JOB_PAUSED, NO},
    [STATES_JOB_DONE] = {NO, NO, NO, NO, NO, NO},
    [STATES_JOB_FAILED] = {NO, NO, NO, STATES_JOB_RUNNING, NO, NO},
    [STATES_JOB_CANCELLED] = {NO, NO, NO, NO, NO, NO},
    [STATES_JOB_PAUSED] = {STATES_JOB_DONE, STATES_JOB_FAILED, STATES_JOB_CANCELLED, NO, NO,
                           STATES_JOB_RUNNING},
};

static const char *const stage_names[STATES_STAGES] = {"waiting", "running", "done", "failed",
                                                       "cancelled"};
static const char *const stage_events[STATES_STAGE_EVENTS] = {"start", "complete", "fail", "cancel",
                                                              "retry"};
static const int stage_table[STATES_STAGES][STATES_STAGE_EVENTS] = {
    /* start, complete, fail, cancel, retry */
    [STATES_STAGE_WAITING] = {STATES_STAGE_RUNNING, NO, STATES_STAGE_FAILED, STATES_STAGE_CANCELLED,
                              NO},
    [STATES_STAGE_RUNNING] = {NO, STATES_STAGE_DONE, STATES_STAGE_FAILED, STATES_STAGE_CANCELLED,
                              NO},
    [STATES_STAGE_DONE] = {NO, NO, NO, NO, NO},
    [STATES_STAGE_FAILED] = {NO, NO, NO, NO, STATES_STAGE_WAITING},
    [STATES_STAGE_CANCELLED] = {NO, NO, NO, NO, STATES_STAGE_WAITING},
};

const char *states_job_name(enum states_job state)
{
    return job_names[state];
}

const char *states_stage_name(enum states_stage state)
{
    return stage_names[state];
}

const char *states_job_event_name(enum states_job_event event)
{
    return job_events[event];
}

const char *states_stage_event_name(enum states_stage_event event)
{
    return stage_events[event];
}

bool states_job_find(const char *name, enum states_job *state)
{
    for (int i = 0; i < STATES_JOBS; i++)
        if (strcmp(name, job_names[i]) == 0) {
            *state = (enum states_job)i;
            return true;
        }
    return false;
}

bool states_stage_find(const char *name, enum states_stage *state)
{
    for (int i = 0; i < STATES_STAGES; i++)
        if (strcmp(name, stage_names[i]) == 0) {
            *state = (enum states_stage)i;
            return true;
        }
    return false;
}

int states_job_next(enum states_job from, enum states_job_event event)
{
    return job_table[from][event];
}

int states_stage_next(enum states_stage from, enum states_stage_event event)
{
    return stage_table[from][event];
}

int states_job_apply(struct database *db, int64_t job, enum states_job *state,
                     enum states_job_event event, const char *actor, int64_t now_ms,
                     struct error *err)
{
    int next = job_table[*state][event];
    if (next == NO)
        return error_set(err, E_STATE, "job %lld is %s: %s is not possible", (long long)job,
                         job_names[*state], job_events[event]);
    int rc = jobs_set_state(db, job, job_names[next], now_ms, err);
    const struct events_row row = {.job = job,
                                   .event = job_events[event],
                                   .old = job_names[*state],
                                   .new = job_names[next],
                                   .actor = actor,
                                   .at_ms = now_ms};
    if (rc == 0)
        rc = events_insert(db, &row, err);
    if (rc == 0)
        *state = (enum states_job)next;
    return rc;
}

int states_stage_apply(struct database *db, const struct states_stage_change *change,
                       enum states_stage *state, struct error *err)
{
    int next = stage_table[*state][change->event];
    if (next == NO)
        return error_set(err, E_STATE, "stage %lld is %s: %s is not possible",
                         (long long)change->stage, stage_names[*state],
                         stage_events[change->event]);
    int rc = jobs_set_stage_state(db, change->stage, stage_names[next], change->text, change->done,
                                  change->now_ms, err);
    const struct events_row row = {.job = change->job,
                                   .stage = change->stage,
                                   .event = stage_events[change->event],
                                   .old = stage_names[*state],
                                   .new = stage_names[next],
                                   .text = change->text,
                                   .at_ms = change->now_ms};
    if (rc == 0)
        rc = events_insert(db, &row, err);
    if (rc == 0)
        *state = (enum states_stage)next;
    return rc;
}
