/* Taking up the work after a start: open jobs from their task, poison and failure rows, and the
 * workers that were known. Leases are not remembered: who holds one says so (reconcile.c), and
 * until all who were alive have said hello, or have been silent for too long, nothing is leased. */
#include "broker/broker_priv.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "db/jobs.h"
#include "db/users.h"
#include "db/workers.h"

/* ---- progress ---- */

static int add_done(void *context, uint64_t start, uint64_t count, int64_t worker,
                    struct error *err)
{
    (void)worker;
    return plan_done(&((struct farm_stage *)context)->plan, start, count, err);
}

/* What was spent was set aside in the same transaction, and is read as poison. */
static int add_failure(void *context, uint64_t start, uint64_t count, int64_t worker,
                       struct error *err)
{
    struct farm_stage *stage = context;
    if (interval_set_contains(&stage->plan.done, start, start + count))
        return 0;
    int rc = plan_failed(&stage->plan, start, count, stage->job->spec->max_attempts, worker, err);
    return rc < 0 ? rc : 0;
}

static int add_poison(void *context, uint64_t start, uint64_t count, int64_t worker,
                      struct error *err)
{
    (void)worker;
    return plan_poison(&((struct farm_stage *)context)->plan, start, count, err);
}

static int read_plan(struct broker *b, struct farm_stage *stage, struct error *err)
{
    int rc = results_each_range(b->db, stage->id, RESULTS_DONE, add_done, stage, err);
    if (rc == 0)
        rc = results_each_range(b->db, stage->id, RESULTS_POISON, add_poison, stage, err);
    if (rc == 0)
        rc = results_each_range(b->db, stage->id, RESULTS_FAILURES, add_failure, stage, err);
    plan_prune(&stage->plan);
    return rc;
}

static int read_stage(void *context, const struct jobs_stage_state *row, struct error *err)
{
    struct farm_job *job = context;
    if ((uint64_t)row->position >= job->spec->stages_count)
        return error_set(err, E_DATABASE, "job %lld: stage %lld is not in its spec",
                         (long long)job->id, (long long)row->position);
    struct farm_stage *stage = &job->stages[row->position];
    stage->id = row->id;
    if (!states_stage_find(row->state, &stage->state))
        return error_set(err, E_DATABASE, "stage %lld: state \"%s\"", (long long)row->id,
                         row->state);
    return 0;
}

/* ---- jobs ---- */

static enum farm_after after_state(const char *state)
{
    if (*state == '\0' || strcmp(state, states_job_name(STATES_JOB_DONE)) == 0)
        return FARM_AFTER_NOTHING;
    bool open = strcmp(state, states_job_name(STATES_JOB_RUNNING)) == 0 ||
                strcmp(state, states_job_name(STATES_JOB_PAUSED)) == 0;
    return open ? FARM_AFTER_OPEN : FARM_AFTER_ENDED;
}

/* A job with the ids and states of its stages, and without their progress. */
static int read_outline(struct database *db, struct farm *farm, const struct jobs_open *row,
                        struct farm_job **job, struct error *err)
{
    struct farm_bundle *bundle;
    struct spec *spec = NULL;
    int rc = bundles_read(db, farm, row->bundle, &bundle, err);
    if (rc == 0)
        rc = spec_parse(row->spec, strlen(row->spec), &spec, err);
    if (rc == 0)
        rc = farm_make_job(bundle, &spec, row->spec, job, err);
    spec_free(&spec);
    if (rc < 0)
        return rc;
    (*job)->id = row->id;
    return jobs_each_stage(db, row->id, read_stage, *job, err);
}

static int read_job(struct broker *b, const struct jobs_open *row, struct farm_job **job,
                    struct error *err)
{
    int rc = read_outline(b->db, &b->farm, row, job, err);
    if (rc < 0)
        return rc;
    snprintf((*job)->owner, sizeof(*job)->owner, "%s", row->owner);
    if (!states_job_find(row->state, &(*job)->state))
        return error_set(err, E_DATABASE, "job %lld: state \"%s\"", (long long)row->id, row->state);
    (*job)->priority = (int32_t)row->priority;
    (*job)->interactive = row->interactive;
    (*job)->deadline_ms = row->deadline_ms;
    (*job)->after = row->after;
    (*job)->after_state = after_state(row->after_state);
    for (uint32_t i = 0; rc == 0 && i < (*job)->spec->stages_count; i++)
        rc = read_plan(b, &(*job)->stages[i], err);
    return rc;
}

/* ---- one of them ---- */

struct outlining {
    struct database *db;
    struct farm *farm;
    struct farm_job *job;
};

static int outline_wanted(void *context, const struct jobs_open *row, struct error *err)
{
    struct outlining *outlining = context;
    return read_outline(outlining->db, outlining->farm, row, &outlining->job, err);
}

int resume_outline(struct database *db, struct farm *farm, int64_t id, struct farm_job **job,
                   struct error *err)
{
    struct outlining outlining = {.db = db, .farm = farm};
    int rc = jobs_one(db, id, outline_wanted, &outlining, err);
    if (rc < 0)
        farm_free_job(&outlining.job);
    else
        *job = outlining.job;
    return rc;
}

struct wanted {
    struct broker *b;
    struct farm_job *job;
};

static int read_wanted(void *context, const struct jobs_open *row, struct error *err)
{
    struct wanted *wanted = context;
    return read_job(wanted->b, row, &wanted->job, err);
}

int resume_job(struct broker *b, int64_t id, struct farm_job **job, struct error *err)
{
    struct wanted wanted = {.b = b};
    int rc = jobs_one(b->db, id, read_wanted, &wanted, err);
    if (rc < 0)
        farm_free_job(&wanted.job);
    else
        *job = wanted.job;
    return rc;
}

static int take_job(void *context, const struct jobs_open *row, struct error *err)
{
    struct broker *b = context;
    struct farm_job *job = NULL;
    int rc = read_job(b, row, &job, err);
    if (rc == 0)
        rc = farm_add_job(&b->farm, job, err);
    if (rc < 0) {
        farm_free_job(&job);
        return error_prefix(err, rc, "job %lld cannot be taken up", (long long)row->id);
    }
    log_about(LOG_INFO, &(struct log_ids){.job = job->id}, "%s is taken up", job->spec->name);
    return 0;
}

static int take_user(void *context, const struct users_row *row, struct error *err)
{
    struct farm_user *user;
    int rc = farm_user(&((struct broker *)context)->farm, row->name, &user, err);
    if (rc < 0)
        return rc;
    user->share = row->share;
    user->most_jobs = row->jobs;
    user->most_tasks = row->tasks;
    return 0;
}

/* ---- workers ---- */

static int take_worker(void *context, const struct workers_row *row, struct error *err)
{
    struct broker *b = context;
    struct farm_worker *worker = NULL;
    int rc = farm_add_worker(&b->farm, row->session, &worker, err);
    if (rc == 0)
        rc = farm_describe_worker(&b->farm, worker,
                                  &(struct farm_description){row->name, row->host, row->device,
                                                             row->device_kind, row->labels,
                                                             row->memory},
                                  err);
    if (rc < 0)
        return rc;
    worker->id = row->id;
    worker->last_seen_ms = row->last_seen_ms;
    worker->tasks_done = row->tasks_done;
    worker->tasks_failed = row->tasks_failed;
    if (row->aside && !(worker->aside = strdup(row->aside)))
        return error_set(err, E_MEMORY, "no memory for a worker");
    worker->expected = row->alive;
    b->expected += row->alive;
    return 0;
}

int resume(struct broker *b, struct error *err)
{
    int rc = users_each(b->db, take_user, b, err);
    if (rc == 0)
        rc = jobs_each_open(b->db, take_job, b, err);
    if (rc == 0)
        rc = workers_each(b->db, LIMIT_WORKERS / 2, take_worker, b, err);
    if (rc == 0)
        rc = results_newest_epoch(b->db, &b->farm.epoch, err);
    b->expected_until = clock_now() + b->options.silence_ms * CLOCK_MILLISECOND;
    return rc;
}
