/* Replies that are read when they are sent: what is committed, with the leases and rates of open
 * jobs that only memory knows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "broker/explain.h"
#include "common/clock.h"
#include "db/jobs.h"

/* ---- jobs ---- */

static uint64_t job_done(const struct farm_job *job)
{
    uint64_t done = 0;
    for (uint32_t i = 0; i < job->spec->stages_count; i++)
        done += job->stages[i].plan.done_count;
    return done;
}

static void overlay_stage(struct farm *farm, struct wire_stage_info *info)
{
    const struct farm_stage *stage = farm_find_stage(farm, (int64_t)info->stage);
    if (!stage)
        return;
    info->done = stage->plan.done_count;
    info->leased = stage->plan.leased_count;
    info->rate = farm_rate_of(&stage->rate, clock_now());
}

static void overlay_job(struct farm *farm, struct wire_job_info *info)
{
    const struct farm_job *job = farm_find_job(farm, (int64_t)info->job);
    if (job)
        info->done = job_done(job);
}

int answer_job(struct broker *b, const struct socket_identity *to, uint64_t request, int64_t job,
               struct error *err)
{
    struct wire_job_info *info = NULL;
    struct wire_stage_info *stages = NULL;
    size_t count = 0, stage_count = 0;
    int rc = jobs_list(b->db, job, 1, NULL, &info, &count, err);
    /* A job of another owner isn't there, so that numbers tell nothing. */
    if (rc == 0 &&
        (count == 0 || info->job != (uint64_t)job || !access_sees(&b->access, to, info->owner)))
        rc = error_set(err, E_NOT_FOUND, "there is no job %lld", (long long)job);
    if (rc == 0)
        rc = jobs_stages(b->db, job, &stages, &stage_count, err);
    if (rc == 0) {
        overlay_job(&b->farm, info);
        for (size_t i = 0; i < stage_count; i++)
            overlay_stage(&b->farm, &stages[i]);
        struct wire_job_state state = {request, WIRE_LIST(info, 1), WIRE_LIST(stages, stage_count),
                                       pause_notice(b)};
        rc = socket_send(b->socket, to, WIRE_JOB_STATE, &state, err);
    }
    jobs_info_free(info, count);
    jobs_stages_free(stages, stage_count);
    return rc;
}

int answer_jobs(struct broker *b, const struct reply *reply, struct error *err)
{
    struct wire_job_info *jobs = NULL;
    size_t count = 0;
    bool all = access_is_local(&b->access, &reply->to);
    const char *owner = all ? NULL : access_owner(&b->access, &reply->to, "");
    int rc = jobs_list(b->db, INT64_MAX, LIMIT_LIST, owner, &jobs, &count, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        overlay_job(&b->farm, &jobs[i]);
    struct wire_jobs body = {reply->request, WIRE_LIST(jobs, count), pause_notice(b)};
    rc = socket_send(b->socket, &reply->to, WIRE_JOBS, &body, err);
    jobs_info_free(jobs, count);
    return rc;
}

int answer_failures(struct broker *b, const struct reply *reply, struct error *err)
{
    struct wire_failure_info *failures = NULL;
    struct wire_job_info *job = NULL;
    size_t count = 0, jobs = 0;
    int rc = jobs_list(b->db, (int64_t)reply->id, 1, NULL, &job, &jobs, err);
    if (rc == 0 && (jobs == 0 || job->job != reply->id))
        rc = error_set(err, E_NOT_FOUND, "there is no job %llu", (unsigned long long)reply->id);
    if (rc == 0)
        rc = results_failures(b->db, (int64_t)reply->id, LIMIT_FAILURES, &failures, &count, err);
    if (rc == 0) {
        struct wire_failures body = {reply->request, WIRE_LIST(failures, count)};
        rc = socket_send(b->socket, &reply->to, WIRE_FAILURES, &body, err);
        results_failures_free(failures, count);
    }
    jobs_info_free(job, jobs);
    return rc;
}

/* ---- why ---- */

/* Of a job that has ended: what is in the database. */
static int explain_ended(struct broker *b, int64_t job, struct wire_stage_info **stages,
                         size_t *count, struct explanation *explanation, struct error *err)
{
    int rc = jobs_stages(b->db, job, stages, count, err);
    for (size_t i = 0; rc == 0 && i < *count; i++) {
        const struct wire_stage_info *s = &(*stages)[i];
        const char *text = s->error[0]                     ? s->error
                           : strcmp(s->state, "done") == 0 ? "all of it is done"
                                                           : "the job ended before";
        rc = explain_add(explanation, s->name, s->state, s->state, text, err);
    }
    return rc;
}

int answer_explanation(struct broker *b, const struct reply *reply, struct error *err)
{
    struct wire_job_info *info = NULL;
    struct wire_stage_info *stages = NULL;
    struct explanation explanation = {0};
    size_t jobs = 0, count = 0;
    int64_t id = (int64_t)reply->id;
    const struct farm_job *job = farm_find_job(&b->farm, id);
    const struct explain_view view = {.all = access_is_local(&b->access, &reply->to),
                                      .restarted = b->expected > 0,
                                      .now_ms = clock_wall_ms(),
                                      .fleet = &b->fleet,
                                      .notice = pause_notice(b)};
    int rc = jobs_list(b->db, id, 1, NULL, &info, &jobs, err);
    if (rc == 0 && (jobs == 0 || info->job != reply->id))
        rc = error_set(err, E_NOT_FOUND, "there is no job %llu", (unsigned long long)reply->id);
    if (rc == 0)
        rc = job ? explain_job(&b->farm, job, &view, &explanation, err)
                 : explain_ended(b, id, &stages, &count, &explanation, err);
    if (rc == 0) {
        overlay_job(&b->farm, info);
        struct wire_explanation body = {reply->request, WIRE_LIST(info, 1),
                                        WIRE_LIST(explanation.reasons, explanation.count)};
        rc = socket_send(b->socket, &reply->to, WIRE_EXPLANATION, &body, err);
    }
    explain_free(&explanation);
    jobs_stages_free(stages, count);
    jobs_info_free(info, jobs);
    return rc;
}

/* ---- users ---- */

int answer_users(struct broker *b, const struct reply *reply, struct error *err)
{
    size_t count = HASH_CNT(by_name, b->farm.users), n = 0;
    struct wire_user_info *infos = calloc(count ? count : 1, sizeof *infos);
    struct farm_user *user, *next;
    if (!infos)
        return error_set(err, E_MEMORY, "no memory for %zu users", count);
    HASH_ITER (by_name, b->farm.users, user, next)
        if (n < LIMIT_LIST)
            infos[n++] = (struct wire_user_info){
                .user = user->name,
                .share = user->share,
                .jobs = farm_user_jobs(&b->farm, user),
                .most_jobs = user->most_jobs,
                .tasks = farm_user_tasks(&b->farm, user),
                .most_tasks = user->most_tasks,
            };
    struct wire_users body = {reply->request, WIRE_LIST(infos, n)};
    int rc = socket_send(b->socket, &reply->to, WIRE_USERS, &body, err);
    free(infos);
    return rc;
}

/* ---- workers ---- */

int answer_workers(struct broker *b, const struct reply *reply, struct error *err)
{
    size_t count = HASH_CNT(by_session, b->farm.sessions), n = 0;
    struct wire_worker_info *infos = calloc(count ? count : 1, sizeof *infos);
    struct farm_worker *worker, *next;
    if (!infos)
        return error_set(err, E_MEMORY, "no memory for %zu workers", count);
    HASH_ITER (by_session, b->farm.sessions, worker, next)
        infos[n++] = (struct wire_worker_info){
            .worker = (uint64_t)worker->id,
            .name = worker->name,
            .host = worker->host,
            .device = worker->device,
            .device_kind = worker->device_kind,
            .memory = worker->memory,
            .labels = worker->labels,
            .state = farm_worker_state(worker),
            .reason = worker->aside ? worker->aside : "",
            .leased = worker->held,
            .tasks_done = worker->tasks_done,
            .tasks_failed = worker->tasks_failed,
            .last_seen_ms = worker->last_seen_ms,
        };
    struct wire_workers body = {reply->request, WIRE_LIST(infos, n), pause_notice(b)};
    int rc = socket_send(b->socket, &reply->to, WIRE_WORKERS, &body, err);
    free(infos);
    return rc;
}

/* ---- what workers fetch ---- */

/* Rows as they came over the wire: logits, then an age per estimator, by its role. */
static void join_row(const struct farm_bundle *bundle, const float *ages, const float *logits,
                     float *row)
{
    size_t attributes = bundle->layout.attributes;
    memcpy(row, logits, attributes * sizeof *row);
    for (uint32_t i = 0; i < bundle->bundle->age_estimators_count; i++) {
        bool judge = bundle->bundle->age_estimators[i].role == BUNDLE_JUDGE;
        row[attributes + i] = ages[judge ? 1 : 0];
    }
}

static int send_scores(struct broker *b, const struct reply *reply,
                       const struct farm_bundle *bundle, float *buffer, struct error *err)
{
    size_t count = (size_t)reply->task.count, columns = bundle->layout.columns;
    float *ages = buffer, *logits = ages + 2 * count;
    float *row = logits + count * bundle->layout.attributes, *rows = row + columns;
    int rc = results_read_scores(b->db, (int64_t)reply->id, &bundle->layout, reply->task.start,
                                 count, ages, logits, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++) {
        join_row(bundle, ages + 2 * i, logits + i * bundle->layout.attributes, row);
        memcpy(rows + i * reply->columns, row + reply->first_column, reply->columns * sizeof *row);
    }
    struct wire_scores body = {
        .request = reply->request,
        .stage = reply->id,
        .start = reply->task.start,
        .count = count,
        .columns = reply->columns,
        .scores = {(const uint8_t *)rows, count * reply->columns * sizeof *rows},
    };
    return socket_send(b->socket, &reply->to, WIRE_SCORES, &body, err);
}

int answer_scores(struct broker *b, const struct reply *reply, struct error *err)
{
    const struct farm_stage *stage = farm_find_stage(&b->farm, (int64_t)reply->id);
    if (!stage)
        return error_set(err, E_STATE, "stage %llu has ended", (unsigned long long)reply->id);
    const struct farm_bundle *bundle = stage->job->bundle;
    size_t values = bundle->layout.columns + bundle->layout.attributes + 2;
    float *buffer = calloc(((size_t)reply->task.count + 1) * values, sizeof *buffer);
    if (!buffer)
        return error_set(err, E_MEMORY, "no memory for scores");
    int rc = send_scores(b, reply, bundle, buffer, err);
    free(buffer);
    return rc;
}

int answer_samples(struct broker *b, const struct reply *reply, struct error *err)
{
    uint64_t count = reply->task.count;
    uint64_t *samples = malloc(count * sizeof *samples);
    if (!samples)
        return error_set(err, E_MEMORY, "no memory for samples");
    int rc = jobs_read_samples(b->db, (int64_t)reply->id, reply->task.start, count, samples, err);
    const struct wire_samples body = {
        reply->request,
        reply->id,
        reply->task.start,
        count,
        {(const uint8_t *)samples, count * sizeof *samples},
    };
    if (rc == 0)
        rc = socket_send(b->socket, &reply->to, WIRE_SAMPLES, &body, err);
    free(samples);
    return rc;
}

/* What a stage's worker needs beside directions. Everything is freed by the caller. */
struct extras {
    struct wire_normal *normals; /* names are borrowed from the bundle */
    size_t count;
    float *logits;
    size_t attributes;
};

/* data[d] as float32; NULL where there is no memory. */
static float *narrow(const double *data, size_t d)
{
    float *copy = malloc(d * sizeof *copy);
    for (size_t c = 0; copy && c < d; c++)
        copy[c] = (float)data[c];
    return copy;
}

static int take_normals(const struct moving *boundaries, const char *const *names,
                        struct extras *extras, struct error *err)
{
    size_t d = boundaries->dimension, bytes = d * sizeof(float);
    extras->normals = calloc(boundaries->count + 1, sizeof *extras->normals);
    for (size_t i = 0; extras->normals && i < boundaries->count; i++) {
        float *normal = narrow(boundaries->normals + i * d, d);
        float *across = boundaries->across ? narrow(boundaries->across + i * d, d) : NULL;
        extras->normals[extras->count++] =
            (struct wire_normal){i,
                                 names[i],
                                 {(uint8_t *)normal, bytes},
                                 boundaries->offsets[i],
                                 {(uint8_t *)across, across ? bytes : 0}};
        if (!normal || (boundaries->across && !across))
            return error_set(err, E_MEMORY, "no memory for a boundary");
    }
    return extras->normals ? 0 : error_set(err, E_MEMORY, "no memory for boundaries");
}

/* Boundaries as the stage's directions were made of them. */
static int find_normals(struct broker *b, const struct farm_stage *stage, struct extras *extras,
                        struct error *err)
{
    bool layers[LIMIT_LAYERS] = {false}, refused;
    struct directions_order order;
    struct moving boundaries = {0};
    int rc = lifecycle_directions(stage, layers, &order, err);
    if (rc == 0)
        rc = directions_boundaries(b->db, &order, &boundaries, &refused, err);
    if (rc == 0)
        rc = take_normals(&boundaries, order.names, extras, err);
    moving_free(&boundaries);
    return rc;
}

static void free_extras(struct extras *extras)
{
    for (size_t i = 0; i < extras->count; i++) {
        free((uint8_t *)extras->normals[i].normal.data);
        free((uint8_t *)extras->normals[i].across.data);
    }
    free(extras->normals);
    free(extras->logits);
}

/* Boundaries of the fit that the stage takes, and logits of the faces that it was fitted on. */
static int find_extras(struct broker *b, const struct farm_stage *stage, struct extras *extras,
                       struct error *err)
{
    const struct farm_stage *fit = stage ? stage->input : NULL, *label = fit ? fit->input : NULL;
    int rc = 0;
    if (fit && spec_stage_needs_boundaries(stage->spec))
        rc = find_normals(b, stage, extras, err);
    if (rc < 0 || !label || !spec_stage_stops(stage->spec))
        return rc;
    extras->attributes = stage->job->bundle->layout.attributes;
    extras->logits = calloc(2 * extras->attributes + 1, sizeof *extras->logits);
    if (!extras->logits)
        return error_set(err, E_MEMORY, "no memory for %zu attributes", extras->attributes);
    return results_logits(b->db, label->id, extras->attributes, extras->logits, err);
}

int answer_directions(struct broker *b, const struct reply *reply, struct error *err)
{
    struct wire_direction *directions = NULL;
    struct extras extras = {0};
    size_t count = 0;
    int rc = results_directions(b->db, (int64_t)reply->id, &directions, &count, err);
    if (rc < 0)
        return rc;
    rc = find_extras(b, farm_find_stage(&b->farm, (int64_t)reply->id), &extras, err);
    struct wire_directions body = {
        reply->request,
        reply->id,
        WIRE_LIST(directions, count),
        WIRE_LIST(extras.normals, extras.count),
        {(const uint8_t *)extras.logits, 2 * extras.attributes * sizeof(float)},
    };
    if (rc == 0)
        rc = socket_send(b->socket, &reply->to, WIRE_DIRECTIONS, &body, err);
    free_extras(&extras);
    results_directions_free(directions, count);
    return rc;
}
