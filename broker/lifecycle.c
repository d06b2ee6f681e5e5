/*
 * The life of a job: a stage starts when the stage it takes from is done, ends when its indices are
 * done or set aside, and the job ends with its stages. All of it in the round's transaction; memory
 * follows what was written, and where a write fails the broker ends, so that the two cannot differ.
 */
#include <stdio.h>
#include <stdlib.h>

#include "broker/broker_priv.h"
#include "common/text.h"
#include "common/clock.h"
#include "common/log.h"
#include "db/events.h"

#define EVENT_TEXT 500 /* the whole of it is in the table failure */

static int apply_stage(struct broker *b, struct farm_stage *stage, enum states_stage_event event,
                       const char *text, struct error *err)
{
    struct states_stage_change change = {
        .job = stage->job->id,
        .stage = stage->id,
        .event = event,
        .text = text,
        .done = stage->plan.done_count,
        .now_ms = clock_wall_ms(),
    };
    stage->job->version++;
    log_about(LOG_INFO,
              &(struct log_ids){.job = change.job, .stage_id = stage->id, .stage = stage->spec->name},
              "%s%s%s", states_stage_event_name(event), text ? ": " : "", text ? text : "");
    int rc = states_stage_apply(b->db, &change, &stage->state, err);
    return rc < 0 ? rc : farm_wake(&b->farm, stage->job, err);
}

/* The stage runs no more: its leases end here and at the workers. */
static void revoke(struct broker *b, struct farm_stage *stage)
{
    struct farm_worker *worker, *next;
    HASH_ITER (by_session, b->farm.sessions, worker, next)
        if (farm_drop_leases(worker, stage) && worker->identity.size)
            outbox_put(b,
                       &(struct reply){
                           .to = worker->identity, .type = WIRE_REVOKE, .id = (uint64_t)stage->id},
                       NULL);
}

/* ---- the end of a job ---- */

static enum states_stage_event end_event(enum states_job_event event)
{
    return event == STATES_JOB_COMPLETE ? STATES_STAGE_COMPLETE : STATES_STAGE_CANCEL;
}

static void note_followers(struct broker *b, const struct farm_job *ended)
{
    for (struct farm_job *job = b->farm.jobs; job; job = job->by_id.next)
        if (job->after == ended->id && job->after_state == FARM_AFTER_OPEN) {
            job->after_state =
                ended->state == STATES_JOB_DONE ? FARM_AFTER_NOTHING : FARM_AFTER_ENDED;
            b->follow = true;
        }
}

/* Ends a job: what has not ended is cancelled. Frees it. */
static int end_job(struct broker *b, struct farm_job *job, enum states_job_event event,
                   struct error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < job->spec->stages_count; i++) {
        struct farm_stage *stage = &job->stages[i];
        revoke(b, stage);
        transfers_stage_over(b, stage->id);
        if (states_stage_next(stage->state, end_event(event)) >= 0)
            rc = apply_stage(b, stage, end_event(event), NULL, err);
    }
    if (rc == 0)
        rc = states_job_apply(b->db, job->id, &job->state, event, b->actor, clock_wall_ms(), err);
    if (rc < 0)
        return rc;
    log_about(LOG_INFO, &(struct log_ids){.job = job->id}, "%s", states_job_name(job->state));
    note_followers(b, job);
    farm_remove_job(&b->farm, job);
    farm_free_job(&job);
    return 0;
}

void lifecycle_cancel(struct broker *b, struct farm_job *job)
{
    struct error err;
    int rc = broker_write(b, &err);
    if (rc == 0)
        rc = end_job(b, job, STATES_JOB_CANCEL, &err);
    if (rc < 0)
        broker_doomed(b, rc, &err);
}

/* ---- stages ---- */

int lifecycle_directions(const struct farm_stage *stage, bool layers[LIMIT_LAYERS],
                         struct directions_order *order, struct error *err)
{
    const struct farm_bundle *bundle = stage->job->bundle;
    uint32_t layer_count = stage->spec->layers ? bundle->bundle->generator.latent.layers : 0;
    int rc = layer_count ? spec_layers(stage->spec, layer_count, layers, err) : 0;
    *order = (struct directions_order){
        .id = stage->id,
        .fit = stage->input->id,
        .spec = stage->spec,
        .names = bundle->boundaries,
        .count = bundle->boundary_count,
        .dimension = bundle_latent_size(bundle->bundle),
        .layers = layers,
        .layer_count = layer_count,
    };
    return rc;
}

/* Directions are made when the boundaries are there; *text is filled where they cannot be. */
static int prepare(struct broker *b, struct farm_stage *stage, bool *refused, struct error *err)
{
    *refused = false;
    if (stage->spec->kind != SPEC_EDIT && stage->spec->kind != SPEC_EVALUATE)
        return 0;
    bool layers[LIMIT_LAYERS] = {false};
    struct directions_order order;
    int rc = lifecycle_directions(stage, layers, &order, err);
    return rc < 0 ? rc : directions_make(b->db, &order, refused, err);
}

static int start_stage(struct broker *b, struct farm_stage *stage, bool *failed, struct error *err)
{
    bool refused;
    int rc = prepare(b, stage, &refused, err);
    if (rc == 0)
        return apply_stage(b, stage, STATES_STAGE_START, NULL, err);
    if (!refused)
        return rc;
    struct error told = *err;
    *failed = true;
    text_scrub(told.text);
    return apply_stage(b, stage, STATES_STAGE_FAIL, told.text, err);
}

/* Orders what the stage's rows come to, once what it reads is committed. */
static int order_reduction(struct broker *b, struct farm_stage *stage, struct error *err)
{
    struct reduction *order = calloc(1, sizeof *order);
    if (!order)
        return error_set(err, E_MEMORY, "no memory for a stage's end");
    *order = (struct reduction){.mail.next = (struct mail *)b->to_reduce,
                                .job = stage->job->id,
                                .stage = stage->id,
                                .ticket = ++b->reductions};
    b->to_reduce = order;
    stage->reducing = order->ticket;
    return 0;
}

/* It is reduced: done, or it fails by what came of that. */
static int end_stage(struct broker *b, struct farm_stage *stage, const struct reduction *reduction,
                     bool *failed, struct error *err)
{
    *failed = reduction->text[0] != '\0';
    return *failed ? apply_stage(b, stage, STATES_STAGE_FAIL, reduction->text, err)
                   : apply_stage(b, stage, STATES_STAGE_COMPLETE, NULL, err);
}

static int end_reduced(struct broker *b, struct farm_stage *stage, bool *failed, struct error *err)
{
    int rc = reduce_take(b->db, stage, stage->reduction, err);
    return rc < 0 ? rc : end_stage(b, stage, stage->reduction, failed, err);
}

static int end_here(struct broker *b, struct farm_stage *stage, bool *failed, struct error *err)
{
    struct reduction *reduction = calloc(1, sizeof *reduction);
    int rc = reduction ? reduce_here(b->db, b->options.store, stage, reduction, err)
                       : error_set(err, E_MEMORY, "no memory for a stage's end");
    if (rc == 0)
        rc = end_stage(b, stage, reduction, failed, err);
    reduction_free(&reduction);
    return rc;
}

/* Nothing of it is left to lease. Where its end takes long it comes here again with what it comes to. */
static int complete_stage(struct broker *b, struct farm_stage *stage, bool *failed,
                          struct error *err)
{
    if (stage->reduction)
        return end_reduced(b, stage, failed, err);
    if (stage->reducing)
        return 0;
    revoke(b, stage);
    return reduce_is_small(stage) ? end_here(b, stage, failed, err)
                                  : order_reduction(b, stage, err);
}

/* Says of the first unit set aside where it is, how often it failed, and how. */
static int fail_stage(struct broker *b, struct farm_stage *stage, struct error *err)
{
    char last[LIMIT_TEXT_BYTES], text[LIMIT_TEXT_BYTES];
    const struct plan *plan = &stage->plan;
    uint64_t start = plan->poisoned.items[0].start;
    int rc = results_last_failure(b->db, stage->id, start, last, sizeof last / 2, err);
    if (rc < 0)
        return rc;
    snprintf(text, sizeof text,
             "%llu of %llu indices are set aside, %llu are done; indices %llu to %llu failed %u "
             "times, last: %.2000s",
             (unsigned long long)plan->poisoned_count, (unsigned long long)plan->total,
             (unsigned long long)plan->done_count, (unsigned long long)start,
             (unsigned long long)(start + plan->unit - 1), stage->job->spec->max_attempts, last);
    text_scrub(text);
    return apply_stage(b, stage, STATES_STAGE_FAIL, text, err);
}

/* The job that this one was to follow did not get done. */
static int orphan(struct broker *b, struct farm_stage *stage, struct error *err)
{
    char text[128];
    snprintf(text, sizeof text, "job %lld, which this one follows, has ended, and is not done",
             (long long)stage->job->after);
    return apply_stage(b, stage, STATES_STAGE_FAIL, text, err);
}

static int advance_stage(struct broker *b, struct farm_stage *stage, bool *failed,
                         struct error *err)
{
    int rc = 0;
    if (stage->job->after_state == FARM_AFTER_ENDED && stage->state == STATES_STAGE_WAITING) {
        *failed = true;
        return orphan(b, stage, err);
    }
    if (stage->state == STATES_STAGE_WAITING && stage->job->after_state == FARM_AFTER_NOTHING &&
        (!stage->input || stage->input->state == STATES_STAGE_DONE) &&
        (!stage->mix || stage->mix->state == STATES_STAGE_DONE))
        rc = start_stage(b, stage, failed, err);
    if (rc < 0 || stage->state != STATES_STAGE_RUNNING)
        return rc;
    if (plan_is_complete(&stage->plan))
        return complete_stage(b, stage, failed, err);
    if (plan_is_over(&stage->plan) || plan_is_hopeless(&stage->plan)) {
        *failed = true;
        return fail_stage(b, stage, err);
    }
    return 0;
}

bool lifecycle_advance(struct broker *b, struct farm_job *job)
{
    struct error err;
    bool failed = false, done = true;
    int rc = broker_write(b, &err);
    /* Stages stand behind their inputs, so one pass carries a change through. */
    for (uint32_t i = 0; rc == 0 && !failed && i < job->spec->stages_count; i++) {
        rc = advance_stage(b, &job->stages[i], &failed, &err);
        done = done && job->stages[i].state == STATES_STAGE_DONE;
    }
    bool ends = rc == 0 && (failed || done);
    if (ends)
        rc = end_job(b, job, failed ? STATES_JOB_FAIL : STATES_JOB_COMPLETE, &err);
    if (rc < 0)
        broker_doomed(b, rc, &err);
    return !ends;
}

/* ---- stages whose end takes long ---- */

static struct reduction *next_order(struct broker *b)
{
    struct reduction *order = b->to_reduce;
    if (order)
        b->to_reduce = (struct reduction *)order->mail.next;
    return order;
}

void lifecycle_send_reductions(struct broker *b)
{
    struct reduction *order;
    while ((order = next_order(b)))
        reducer_put(b->reducer, order);
}

void lifecycle_drop_reductions(struct broker *b)
{
    struct reduction *order;
    while ((order = next_order(b)))
        reduction_free(&order);
    while ((order = b->taking)) {
        b->taking = order->next;
        reduction_free(&order);
    }
}

/* The stage that waits for it; NULL where that was cancelled meanwhile, or read back after a pause. */
static struct farm_stage *waiting_for(struct broker *b, const struct reduction *reduction)
{
    struct farm_stage *stage = farm_find_stage(&b->farm, reduction->stage);
    return stage && stage->reducing == reduction->ticket ? stage : NULL;
}

/* Ends the stage, where all that takes long is written: a million faces of a mix come piece by piece, so that the loop
 * turns in between. True: there is nothing more to do with it. */
static bool take_reduction(struct broker *b, struct reduction *reduction)
{
    struct farm_stage *stage = waiting_for(b, reduction);
    bool done = true;
    if (!stage)
        return true;
    if (reduction->code == 0)
        reduction->code = broker_write(b, &reduction->err);
    if (reduction->code == 0 && stage->spec->mix_count > 0)
        reduction->code = selection_give(b->db, stage, &reduction->selection, SELECTION_PIECE,
                                         &done, &reduction->err);
    if (reduction->code < 0) {
        broker_doomed(b, reduction->code, &reduction->err);
        return true;
    }
    if (!done)
        return false;
    stage->reducing = 0;
    stage->reduction = reduction;
    if (lifecycle_advance(b, stage->job)) /* else the stage is gone with its job */
        stage->reduction = NULL;
    return true;
}

void lifecycle_take_reductions(struct broker *b)
{
    struct reduction **at = &b->taking, *reduction;
    while (*at)
        at = &(*at)->next;
    while ((reduction = reducer_take(b->reducer))) {
        *at = reduction;
        at = &reduction->next;
    }
    at = &b->taking;
    while (!b->doomed && (reduction = *at)) {
        struct reduction *next = reduction->next;
        if (take_reduction(b, reduction)) {
            *at = next;
            reduction_free(&reduction);
        } else {
            at = &reduction->next;
        }
    }
}

/* ---- jobs that follow ---- */

void lifecycle_follow(struct broker *b)
{
    while (b->follow && !b->doomed) {
        struct farm_job *job, *next;
        b->follow = false; /* set again where a job ends by this */
        HASH_ITER (by_id, b->farm.jobs, job, next)
            if (job->after && job->after_state != FARM_AFTER_OPEN &&
                job->stages[0].state == STATES_STAGE_WAITING)
                lifecycle_advance(b, job);
    }
}

/* ---- pausing ---- */

/* What is lent of a stage goes back; its workers stop, and nothing counts as an attempt. */
static int recall(struct broker *b, struct farm_stage *stage, struct error *err)
{
    struct farm_worker *worker, *next;
    int rc = 0;
    HASH_ITER (by_session, b->farm.sessions, worker, next) {
        struct farm_lease *after;
        bool any = false;
        for (struct farm_lease *lease = worker->leases; rc == 0 && lease; lease = after) {
            after = lease->next;
            if (lease->stage != stage)
                continue;
            any = true;
            rc = farm_release(worker, lease, err);
        }
        if (any && worker->identity.size)
            outbox_put(b,
                       &(struct reply){
                           .to = worker->identity, .type = WIRE_REVOKE, .id = (uint64_t)stage->id},
                       NULL);
    }
    return rc;
}

int lifecycle_order(struct broker *b, struct farm_job *job, enum states_job_event event,
                    struct error *err)
{
    if (states_job_next(job->state, event) < 0)
        return error_set(err, E_STATE, "job %lld is %s: %s is not possible", (long long)job->id,
                         states_job_name(job->state), states_job_event_name(event));
    int rc = broker_write(b, err);
    if (rc == 0)
        rc = states_job_apply(b->db, job->id, &job->state, event, b->actor, clock_wall_ms(), err);
    if (rc == 0)
        rc = farm_wake(&b->farm, job, err);
    for (uint32_t i = 0; rc == 0 && event == STATES_JOB_PAUSE && i < job->spec->stages_count; i++)
        rc = recall(b, &job->stages[i], err);
    job->version++;
    log_about(LOG_INFO, &(struct log_ids){.job = job->id}, "%s", states_job_name(job->state));
    return rc < 0 ? broker_doomed(b, rc, err) : 0;
}

/* ---- attempts ---- */

static int set_aside(struct broker *b, struct farm_stage *stage, const struct wire_task *task,
                     struct error *err)
{
    char text[64];
    snprintf(text, sizeof text, "%llu + %llu", (unsigned long long)task->start,
             (unsigned long long)task->count);
    int rc = results_insert_poison(b->db, stage->id, task->start, task->count, err);
    if (rc == 0)
        rc = journal(b,
                     &(struct events_row){.job = stage->job->id,
                                          .stage = stage->id,
                                          .event = "poison",
                                          .text = text},
                     err);
    if (rc == 0)
        rc = plan_poison(&stage->plan, task->start, task->count, err);
    if (rc == 0)
        log_about(LOG_WARNING,
                  &(struct log_ids){.job = stage->job->id,
                                    .stage_id = stage->id,
                                    .stage = stage->spec->name,
                                    .start = task->start,
                                    .count = task->count},
                  "set aside");
    return rc;
}

static int note_event(struct broker *b, const struct farm_stage *stage,
                      const struct attempt *attempt, struct error *err)
{
    char text[EVENT_TEXT];
    snprintf(text, sizeof text, "%llu + %llu: %s: %s", (unsigned long long)attempt->task.start,
             (unsigned long long)attempt->task.count, attempt->code, attempt->text);
    text_scrub(text); /* it may have been cut */
    return journal(b,
                   &(struct events_row){.job = stage->job->id,
                                        .stage = stage->id,
                                        .worker = attempt->worker->id,
                                        .event = "attempt_failed",
                                        .text = text},
                   err);
}

static int note_attempt(struct broker *b, const struct farm_stage *stage,
                        const struct attempt *attempt, struct error *err)
{
    const struct results_failure row = {
        .stage = stage->id,
        .task = attempt->task,
        .worker = attempt->worker->id,
        .code = attempt->code,
        .text = attempt->text,
        .log = attempt->log,
        .at_ms = clock_wall_ms(),
    };
    log_about(LOG_WARNING,
              &(struct log_ids){.job = stage->job->id,
                                .stage_id = stage->id,
                                .stage = stage->spec->name,
                                .start = attempt->task.start,
                                .count = attempt->task.count,
                                .worker_id = attempt->worker->id,
                                .worker = attempt->worker->name},
              "%s: %s", attempt->code, attempt->text);
    int rc = broker_write(b, err);
    if (rc == 0)
        rc = results_insert_failure(b->db, &row, err);
    return rc < 0 ? rc : note_event(b, stage, attempt, err);
}

void lifecycle_attempt(struct broker *b, struct farm_stage *stage, const struct attempt *attempt)
{
    struct error err;
    const struct wire_task *task = &attempt->task;
    if (stage->state != STATES_STAGE_RUNNING ||
        interval_set_overlaps(&stage->plan.done, task->start, task->start + task->count))
        return;
    /* Lent a second time, and the other goes on: what it comes to is what counts. */
    bool shared = plan_is_leased(&stage->plan, task->start, task->count);
    int rc = note_attempt(b, stage, attempt, &err);
    if (rc == 0 && !shared)
        rc = plan_failed(&stage->plan, task->start, task->count, stage->job->spec->max_attempts,
                         attempt->worker->id, &err);
    bool spent = rc == PLAN_SPENT;
    if (rc >= 0)
        metrics_failure(&b->metrics, attempt->code, (enum plan_verdict)rc, task->count);
    if (spent)
        rc = set_aside(b, stage, task, &err);
    attempt->worker->tasks_failed++;
    stage->job->version++;
    if (rc >= 0)
        worker_failed(b, attempt->worker, stage, attempt);
    if (rc < 0)
        broker_doomed(b, rc, &err);
    else if (spent)
        lifecycle_advance(b, stage->job);
}

/* ---- once more ---- */

static int retry_stage(struct broker *b, struct farm_stage *stage, bool failed, bool *any,
                       struct error *err)
{
    bool again = failed && states_stage_next(stage->state, STATES_STAGE_RETRY) >= 0;
    if (!again && stage->plan.poisoned_count == 0)
        return 0;
    *any = true;
    int rc = results_forgive(b->db, stage->id, again, err);
    if (rc == 0)
        rc = plan_forgive(&stage->plan, err);
    return rc < 0 || !again ? rc : apply_stage(b, stage, STATES_STAGE_RETRY, NULL, err);
}

bool lifecycle_retry(struct broker *b, struct farm_job *job, bool failed)
{
    struct error err;
    bool any = failed;
    int rc = broker_write(b, &err);
    if (rc == 0 && failed) {
        job->state = STATES_JOB_FAILED;
        rc = states_job_apply(b->db, job->id, &job->state, STATES_JOB_RETRY, b->actor, clock_wall_ms(), &err);
    }
    for (uint32_t i = 0; rc == 0 && i < job->spec->stages_count; i++)
        rc = retry_stage(b, &job->stages[i], failed, &any, &err);
    if (rc < 0) {
        broker_doomed(b, rc, &err);
        return true;
    }
    if (failed && farm_add_job(&b->farm, job, &err) < 0) {
        broker_doomed(b, err.code, &err);
        farm_free_job(&job);
        return true;
    }
    if (any && farm_wake(&b->farm, job, &err) < 0) {
        broker_doomed(b, err.code, &err);
        return true;
    }
    if (any) {
        job->version++;
        log_about(LOG_INFO, &(struct log_ids){.job = job->id},
                  "what was set aside is tried again");
        lifecycle_advance(b, job);
    }
    return any;
}
