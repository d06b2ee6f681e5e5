/*
 * What workers deliver: results and failures.
 *
 * The first committed result of a range counts, whoever brings it and whether it still holds the
 * lease. Every delivery that could be read is answered by `accepted`, which means: forget it. A
 * result that is wrong is a failed attempt of its range.
 */
#include <stdio.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "broker/result.h"
#include "common/clock.h"
#include "common/log.h"
#include "db/events.h"

/* ---- duplicates ---- */

/* Compares with the committed task of the same range, if there is one. */
static int compare(struct broker *b, const struct farm_worker *worker,
                   const struct wire_result *result, struct error *err)
{
    const struct wire_task *task = WIRE_ITEMS(result->task, task);
    char expected[DIGEST_HEX_BYTES], found[DIGEST_HEX_BYTES];
    uint64_t count = 0;
    int rc = results_find_task(b->db, (int64_t)result->stage, task->start, &count, expected, err);
    if (rc <= 0 || count != task->count)
        return rc < 0 ? rc : 0;
    rc = result_digest(result, found, err);
    if (rc < 0 || strcmp(expected, found) == 0)
        return rc;
    log_about(LOG_ERROR,
              &(struct log_ids){.stage_id = (int64_t)result->stage,
                                .start = task->start,
                                .count = task->count,
                                .worker_id = worker->id,
                                .worker = worker->name},
              "another result than the first");
    rc = broker_write(b, err);
    if (rc == 0)
        rc = results_insert_fault(b->db, (int64_t)result->stage, task->start, task->count,
                                  worker->id, expected, found, clock_wall_ms(), err);
    char text[64];
    b->metrics.faults++;
    snprintf(text, sizeof text, "%llu + %llu", (unsigned long long)task->start,
             (unsigned long long)task->count);
    if (rc == 0)
        rc = journal(b,
                     &(struct events_row){.stage = (int64_t)result->stage,
                                          .worker = worker->id,
                                          .event = "determinism_fault",
                                          .text = text},
                     err);
    return rc;
}

/* ---- results ---- */

static int check_new_files(struct broker *b, const struct farm_stage *stage,
                           const struct wire_result *result, struct error *err)
{
    const struct wire_file *files = WIRE_ITEMS(result->files, file);
    for (size_t i = 0; i < result->files.count; i++) {
        bool has = false;
        int rc = results_has_file(b->db, stage->id, files[i].path, &has, err);
        if (rc < 0)
            return broker_doomed(b, rc, err);
        if (has)
            return error_set(err, E_EXISTS, "files: \"%s\" belongs to another task", files[i].path);
    }
    return 0;
}

static int store(struct broker *b, struct farm_stage *stage, const struct farm_worker *worker,
                 const struct farm_lease *lease, const struct wire_result *result,
                 struct error *err)
{
    const struct wire_task *task = WIRE_ITEMS(result->task, task);
    char digest[DIGEST_HEX_BYTES];
    int64_t now = clock_wall_ms();
    struct results_task row = {
        .stage = stage->id,
        .start = task->start,
        .count = task->count,
        .epoch = task->epoch,
        .attempts = plan_attempts(&stage->plan, task->start) + 1,
        .worker = worker->id,
        .digest = digest,
        .leased_ms = lease ? lease->leased_ms : now,
        .committed_ms = now,
    };
    bool poisoned =
        interval_set_overlaps(&stage->plan.poisoned, task->start, task->start + task->count);
    int rc = result_digest(result, digest, err);
    if (rc == 0)
        rc = broker_write(b, err);
    if (rc == 0)
        rc = result_store(b->db, result, stage, &row, err);
    if (rc == 0 && poisoned)
        rc = results_delete_poison(b->db, stage->id, task->start, task->count, err);
    return rc < 0 ? rc : plan_done(&stage->plan, task->start, task->count, err);
}

/* What a worker needed for a task, without what it had to load first. */
static double seconds_of(const struct wire_stage_metrics *m)
{
    double ms = m->latents_ms + m->generate_ms + m->label_ms + m->solve_ms + m->encode_ms;
    return (ms > 0 ? ms : m->total_ms) / 1000;
}

/* A result of a range that is not done. Its stage may have ended when this returns. */
static void take(struct broker *b, struct farm_stage *stage, struct farm_worker *worker,
                 const struct farm_lease *lease, const struct wire_result *result)
{
    struct error err;
    int rc = store(b, stage, worker, lease, result, &err);
    if (rc < 0) {
        broker_doomed(b, rc, &err);
        return;
    }
    const struct wire_stage_metrics *said = WIRE_ITEMS(result->metrics, stage_metrics);
    metrics_result(&b->metrics, stage->spec->kind, WIRE_ITEMS(result->task, task)->count, said,
                   lease ? (double)(clock_wall_ms() - lease->leased_ms) / 1000 : -1);
    worker->tasks_done++;
    worker_succeeded(worker, stage);
    const struct wire_stage_metrics *metrics = WIRE_ITEMS(result->metrics, stage_metrics);
    farm_took(stage, WIRE_ITEMS(result->task, task)->count, metrics->total_ms / 1000);
    farm_paced(worker, stage, WIRE_ITEMS(result->task, task)->count, seconds_of(metrics));
    stage->job->version++;
    farm_rate_add(&stage->rate, clock_now(), WIRE_ITEMS(result->task, task)->count);
}

/* A wrong result: an attempt, if the worker was asked for it at all. */
static void reject(struct broker *b, struct farm_stage *stage, struct farm_worker *worker,
                   bool leased, const struct wire_task *task, const struct error *why)
{
    if (leased)
        lifecycle_attempt(b, stage,
                          &(struct attempt){*task, worker, error_name(why->code), why->text, ""});
    else
        log_about(LOG_WARNING,
                  &(struct log_ids){.stage_id = stage->id,
                                    .start = task->start,
                                    .count = task->count,
                                    .worker_id = worker->id,
                                    .worker = worker->name},
                  "a result that nobody asked for: %s", why->text);
}

/* Frees the lease of a delivery: true if the worker held it. */
static bool release(struct broker *b, struct farm_worker *worker, struct farm_lease *lease)
{
    struct error err;
    if (lease && farm_release(worker, lease, &err) < 0)
        broker_doomed(b, err.code, &err);
    return lease != NULL;
}

/* The first result of a range has come: whoever else has it is to stop. */
static void revoke_twin(struct broker *b, const struct farm_lease *lease)
{
    struct farm_lease *twin = lease ? lease->twin : NULL;
    if (!twin)
        return;
    if (twin->worker->identity.size)
        outbox_put(b,
                   &(struct reply){.to = twin->worker->identity,
                                   .type = WIRE_REVOKE,
                                   .id = (uint64_t)twin->stage->id,
                                   .task = {twin->start, twin->count, twin->epoch, 0}},
                   NULL);
    release(b, twin->worker, twin);
}

static void deliver(struct broker *b, struct farm_stage *stage, struct farm_worker *worker,
                    const struct wire_result *result)
{
    struct error err = {0};
    const struct wire_task *task = WIRE_ITEMS(result->task, task);
    struct farm_lease *lease = farm_find_lease(worker, stage, task->start, task->count);
    int rc = result_check(result, stage, &err);
    if (rc == 0 &&
        (stage->state != STATES_STAGE_RUNNING ||
         interval_set_overlaps(&stage->plan.done, task->start, task->start + task->count))) {
        release(b, worker, lease);
        rc = compare(b, worker, result, &err);
        if (rc < 0)
            broker_doomed(b, rc, &err);
        return;
    }
    if (rc == 0)
        rc = check_new_files(b, stage, result, &err);
    if (rc == 0 && !worker->shares_store)
        rc = transfers_check_files(b, result, &err);
    if (b->doomed)
        return;
    if (rc < 0) {
        reject(b, stage, worker, release(b, worker, lease), task, &err);
        return;
    }
    take(b, stage, worker, lease, result);
    transfers_forget_files(b, result);
    revoke_twin(b, lease);
    release(b, worker, lease);
    if (!b->doomed)
        lifecycle_advance(b, stage->job);
}

/* What the table of messages cannot say. */
static int check_form(const struct wire_result *result, struct error *err)
{
    if (result->task.count != 1 || result->metrics.count != 1)
        return error_set(err, E_INVALID, "result: %zu tasks and %zu metrics, expected one of each",
                         result->task.count, result->metrics.count);
    return 0;
}

static int take_result(struct broker *b, struct farm_worker *worker,
                       const struct socket_identity *from, const struct wire_result *result,
                       struct error *err)
{
    const struct wire_task *task = WIRE_ITEMS(result->task, task);
    struct farm_stage *stage = farm_find_stage(&b->farm, (int64_t)result->stage);
    if (!access_held(&b->access, from, result->stage, task)) {
        log_about(LOG_WARNING,
                  &(struct log_ids){.stage_id = (int64_t)result->stage,
                                    .start = task->start,
                                    .count = task->count,
                                    .worker_id = worker->id,
                                    .worker = worker->name},
                  "a result that this key was never lent");
        b->refused++;
    } else if (stage)
        deliver(b, stage, worker, result);
    else if (compare(b, worker, result, err) < 0)
        return broker_doomed(b, err->code, err);
    outbox_accept(b, from, result->stage, task);
    return 0;
}

static int take_results(struct broker *b, const struct socket_identity *from,
                        const struct wire_result *results, size_t count, struct error *err)
{
    struct farm_worker *worker = farm_find_identity(&b->farm, from);
    int rc = worker ? 0
                    : error_set(err, E_STATE,
                                "result from a worker that is not known: say hello first");
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = check_form(&results[i], err);
    if (rc < 0)
        return rc;
    peer_seen(b, worker);
    worker->delivered_ms = worker->last_seen_ms;
    for (size_t i = 0; rc == 0 && !b->doomed && i < count; i++)
        rc = take_result(b, worker, from, &results[i], err);
    return rc;
}

int peer_result(struct broker *b, const struct socket_identity *from,
                const struct wire_result *result, struct error *err)
{
    return take_results(b, from, result, 1, err);
}

int peer_results(struct broker *b, const struct socket_identity *from,
                 const struct wire_results *results, struct error *err)
{
    return take_results(b, from, WIRE_ITEMS(results->results, result), results->results.count, err);
}

/* ---- failures ---- */

int peer_failed(struct broker *b, const struct socket_identity *from,
                const struct wire_failed *failed, struct error *err)
{
    struct farm_worker *worker = farm_find_identity(&b->farm, from);
    if (!worker)
        return error_set(err, E_STATE, "failed from a worker that is not known: say hello first");
    if (failed->task.count != 1)
        return error_set(err, E_INVALID, "failed: %zu tasks, expected one", failed->task.count);
    const struct wire_task *task = WIRE_ITEMS(failed->task, task);
    struct farm_stage *stage = farm_find_stage(&b->farm, (int64_t)failed->stage);
    struct farm_lease *lease =
        stage ? farm_find_lease(worker, stage, task->start, task->count) : NULL;
    peer_seen(b, worker);
    worker->delivered_ms = worker->last_seen_ms;
    if (lease && lease->epoch == task->epoch) {
        release(b, worker, lease);
        lifecycle_attempt(
            b, stage, &(struct attempt){*task, worker, failed->code, failed->text, failed->log});
    }
    outbox_accept(b, from, failed->stage, task);
    return 0;
}
