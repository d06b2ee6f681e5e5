/* What clients ask for that writes: a job to run, a job to end. */
#include <stdio.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "broker/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "db/jobs.h"

/* ---- submit ---- */

/* Variant 0 of a label or evaluate stage is the face itself. */
static int insert_variant(struct broker *b, const struct farm_stage *stage, uint32_t v,
                          const struct spec_variant *shows, struct error *err)
{
    struct buffer text;
    buffer_init(&text, LIMIT_TEXT_BYTES);
    int rc = stage->spec->kind == SPEC_EDIT || v > 0
                 ? spec_describe_distance(stage->spec, shows->distance, shows->projected, &text, err)
                 : buffer_printf(&text, err, "as sampled");
    if (rc == 0)
        rc = jobs_insert_variant(b->db, stage->id, v, shows, (const char *)text.data, err);
    buffer_free(&text);
    return rc;
}

/* The distances of a stage's score rows; see the table `variant`. */
static int insert_variants(struct broker *b, const struct farm_stage *stage, struct error *err)
{
    const struct spec_stage *spec = stage->spec;
    uint32_t steps = spec->kind == SPEC_EDIT ? spec->distances.steps : 0;
    int rc = 0;
    for (uint32_t v = 0; rc == 0 && v < stage->variants; v++) {
        struct spec_variant variant = {.target = -1};
        if (spec->kind == SPEC_EVALUATE) {
            variant = spec_stage_variant(spec, v);
        } else if (steps) {
            double share = steps > 1 ? (double)(v % steps) / (steps - 1) : 0;
            variant.distance =
                spec->distances.from + (spec->distances.to - spec->distances.from) * share;
            variant.projected = v >= steps;
        }
        rc = insert_variant(b, stage, v, &variant, err);
    }
    return rc;
}

static int insert_stage(struct broker *b, struct farm_stage *stage, struct error *err)
{
    struct jobs_stage row = {
        .job = stage->job->id,
        .position = stage->position,
        .name = stage->spec->name,
        .kind = spec_kind_name(stage->spec->kind),
        .input = stage->input ? stage->input->id : 0,
        .start = stage->spec->start,
        .total = stage->plan.total,
        .unit = spec_stage_unit(stage->spec),
        .variants = stage->variants,
    };
    int rc = jobs_insert_stage(b->db, &row, &stage->id, err);
    return rc < 0 ? rc : insert_variants(b, stage, err);
}

static int insert_job(struct broker *b, const char *owner, struct farm_job *job, struct error *err)
{
    struct jobs_row row = {
        .name = job->spec->name,
        .owner = owner,
        .bundle = job->bundle->id,
        .spec = job->text,
        .seed = job->spec->seed,
        .submitted_ms = clock_wall_ms(),
    };
    int rc = broker_write(b, err);
    if (rc == 0)
        rc = jobs_insert(b->db, &row, &job->id, err);
    if (rc == 0)
        rc = jobs_audit(b->db, job->id, 0, "submit", NULL, "running", row.submitted_ms, err);
    for (uint32_t i = 0; rc == 0 && i < job->spec->stages_count; i++)
        rc = insert_stage(b, &job->stages[i], err);
    return rc < 0 ? broker_doomed(b, rc, err) : 0;
}

/* A job in memory, of a text that has been checked as far as it can be. */
static int make_job(struct broker *b, const char *yaml, struct farm_job **job, struct error *err)
{
    struct spec *spec = NULL;
    struct farm_bundle *bundle;
    struct buffer text;
    buffer_init(&text, LIMIT_SPEC_BYTES);
    int rc = spec_parse(yaml, strlen(yaml), &spec, err);
    if (rc == 0 && HASH_CNT(by_id, b->farm.jobs) >= LIMIT_OPEN_JOBS)
        rc = error_set(err, E_LIMIT, "%d jobs are open, more are not allowed", LIMIT_OPEN_JOBS);
    if (rc == 0)
        rc = bundles_take(b, spec->bundle, &bundle, err);
    if (rc == 0)
        rc = check_spec(spec, bundle, err);
    if (rc == 0)
        rc = spec_print(spec, &text, err);
    if (rc == 0)
        rc = buffer_append(&text, "", 1, err);
    if (rc == 0)
        rc = farm_make_job(bundle, &spec, (const char *)text.data, job, err);
    spec_free(&spec);
    buffer_free(&text);
    return rc;
}

static int check_owner(const struct broker *b, const char *owner, struct error *err)
{
    size_t open = farm_jobs_of(&b->farm, owner);
    if (open < LIMIT_OWNER_JOBS)
        return 0;
    return error_set(
        err, E_LIMIT,
        "%s has %zu open jobs, more than LIMIT_OWNER_JOBS, which is %d, are not allowed", owner,
        open, LIMIT_OWNER_JOBS);
}

int client_submit(struct broker *b, const struct socket_identity *from,
                  const struct wire_submit *submit, struct error *err)
{
    struct farm_job *job = NULL;
    const char *owner = access_owner(&b->access, from, submit->owner);
    int rc = check_owner(b, owner, err);
    if (rc == 0)
        rc = make_job(b, submit->spec, &job, err);
    if (rc < 0)
        return rc;
    snprintf(job->owner, sizeof job->owner, "%s", owner);
    rc = insert_job(b, owner, job, err);
    if (rc < 0) {
        farm_free_job(&job);
        return rc;
    }
    farm_add_job(&b->farm, job);
    log_info("job %lld (%s) of %s: %u stages", (long long)job->id, job->spec->name, owner,
             job->spec->stages_count);
    outbox_put(b,
               &(struct reply){.to = *from,
                               .type = WIRE_SUBMITTED,
                               .request = submit->request,
                               .id = (uint64_t)job->id},
               NULL);
    lifecycle_advance(b, job);
    return 0;
}

/* ---- jobs that are there ---- */

static void tell_job(struct broker *b, const struct socket_identity *to, uint64_t request,
                     uint64_t job)
{
    outbox_put(b, &(struct reply){.to = *to, .type = WIRE_JOB_STATE, .request = request, .id = job},
               NULL);
}

/* A job that is not open: E_NOT_FOUND, or its state in the database. */
static int find_closed(struct broker *b, uint64_t job, char state[LIMIT_NAME_BYTES],
                       struct error *err)
{
    struct wire_job_info *info = NULL;
    size_t count = 0;
    int rc = jobs_list(b->db, (int64_t)job, 1, NULL, &info, &count, err);
    if (rc == 0 && (count == 0 || info->job != job))
        rc = error_set(err, E_NOT_FOUND, "there is no job %llu", (unsigned long long)job);
    else if (rc == 0)
        snprintf(state, LIMIT_NAME_BYTES, "%s", info->state);
    jobs_info_free(info, count);
    return rc;
}

int client_job_cancel(struct broker *b, const struct socket_identity *from,
                      const struct wire_job_cancel *cancel, struct error *err)
{
    struct farm_job *job = farm_find_job(&b->farm, (int64_t)cancel->job);
    char state[LIMIT_NAME_BYTES];
    if (job) {
        lifecycle_cancel(b, job);
        tell_job(b, from, cancel->request, cancel->job);
        return 0;
    }
    int rc = find_closed(b, cancel->job, state, err);
    return rc < 0 ? rc
                  : error_set(err, E_STATE, "job %llu is %s already",
                              (unsigned long long)cancel->job, state);
}

static int retry_failed(struct broker *b, uint64_t id, struct error *err)
{
    struct farm_job *job = NULL;
    char state[LIMIT_NAME_BYTES];
    int rc = find_closed(b, id, state, err);
    if (rc == 0 && strcmp(state, states_job_name(STATES_JOB_FAILED)) != 0)
        rc = error_set(err, E_STATE, "job %llu is %s: only what failed can be tried again",
                       (unsigned long long)id, state);
    if (rc == 0 && HASH_CNT(by_id, b->farm.jobs) >= LIMIT_OPEN_JOBS)
        rc = error_set(err, E_LIMIT, "%d jobs are open, more are not allowed", LIMIT_OPEN_JOBS);
    if (rc == 0)
        rc = resume_job(b, (int64_t)id, &job, err);
    if (rc == 0)
        lifecycle_retry(b, job, true);
    return rc;
}

int client_job_retry(struct broker *b, const struct socket_identity *from,
                     const struct wire_job_retry *retry, struct error *err)
{
    struct farm_job *job = farm_find_job(&b->farm, (int64_t)retry->job);
    if (job && !lifecycle_retry(b, job, false))
        return error_set(err, E_STATE, "job %llu is running and has nothing set aside",
                         (unsigned long long)retry->job);
    int rc = job ? 0 : retry_failed(b, retry->job, err);
    if (rc == 0)
        tell_job(b, from, retry->request, retry->job);
    return rc;
}
