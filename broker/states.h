/*
 * The states of jobs and stages: numbers are append-only, the words are the schema's.
 *
 *     job:    running ── complete ──> done       stage:  waiting ── start ─────────────> running
 *             running ── fail ──────> failed             running ── complete ──────────> done
 *             running ── cancel ────> cancelled          waiting, running ── fail ─────> failed
 *             failed ─── retry ─────> running            waiting, running ── cancel ───> cancelled
 *             running ── pause ─────> paused             failed, cancelled ── retry ───> waiting
 *             paused ─── resume ────> running
 *             paused as running: complete (by what was under way), fail, cancel
 */
#ifndef BROKER_STATES_H
#define BROKER_STATES_H

#include "db/database.h"

enum states_job {
    STATES_JOB_RUNNING,
    STATES_JOB_DONE,
    STATES_JOB_FAILED,
    STATES_JOB_CANCELLED,
    STATES_JOB_PAUSED,
};
#define STATES_JOBS 5

enum states_job_event {
    STATES_JOB_COMPLETE,
    STATES_JOB_FAIL,
    STATES_JOB_CANCEL,
    STATES_JOB_RETRY,
    STATES_JOB_PAUSE,
    STATES_JOB_RESUME,
};
#define STATES_JOB_EVENTS 6

enum states_stage {
    STATES_STAGE_WAITING,
    STATES_STAGE_RUNNING,
    STATES_STAGE_DONE,
    STATES_STAGE_FAILED,
    STATES_STAGE_CANCELLED,
};
#define STATES_STAGES 5

enum states_stage_event {
    STATES_STAGE_START,
    STATES_STAGE_COMPLETE,
    STATES_STAGE_FAIL,
    STATES_STAGE_CANCEL,
    STATES_STAGE_RETRY,
};
#define STATES_STAGE_EVENTS 5

const char *states_job_name(enum states_job state);
const char *states_stage_name(enum states_stage state);
const char *states_job_event_name(enum states_job_event event);
const char *states_stage_event_name(enum states_stage_event event);

/* The job state called `name`; false if there is none. */
bool states_job_find(const char *name, enum states_job *state);
/* The stage state called `name`; false if there is none. */
bool states_stage_find(const char *name, enum states_stage *state);

/* The state that follows, or -1 where the event is not possible. */
int states_job_next(enum states_job from, enum states_job_event event);
int states_stage_next(enum states_stage from, enum states_stage_event event);

/*
 * Applies an event: the row and its event in the journal, in the caller's transaction, then *state. E_STATE where
 * the event is not possible in *state; nothing is written then. `actor`: who ordered it, or NULL.
 */
MUST_CHECK int states_job_apply(struct database *db, int64_t job, enum states_job *state,
                                enum states_job_event event, const char *actor, int64_t now_ms,
                                struct error *err);

struct states_stage_change {
    int64_t job, stage;
    enum states_stage_event event;
    const char *text; /* the error of a failed stage, or NULL */
    uint64_t done;    /* indices done */
    int64_t now_ms;
};
MUST_CHECK int states_stage_apply(struct database *db, const struct states_stage_change *change,
                                  enum states_stage *state, struct error *err);

#endif
