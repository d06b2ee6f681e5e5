/* What clients ask for that writes: jobs to run, to end, to rank; users' shares. */
#include <stdio.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "broker/check.h"
#include "broker/dispatch.h"
#include "common/clock.h"
#include "common/log.h"
#include "db/events.h"
#include "db/jobs.h"
#include "db/users.h"

#define PRIORITY_MOST 100

/* A job that is not open: E_NOT_FOUND, or its state in the database. */
static int find_closed(struct broker *b, uint64_t job, char state[LIMIT_NAME_BYTES],
                       struct error *err);

/* ---- submit ---- */

/* Variant 0 of a label or evaluate stage is the face itself. */
static int insert_variant(struct broker *b, const struct farm_stage *stage, uint32_t v,
                          const struct spec_variant *shows, struct error *err)
{
    struct buffer text;
    buffer_init(&text, LIMIT_TEXT_BYTES);
    int rc =
        stage->spec->kind == SPEC_ENCODE
            ? buffer_printf(&text, err, v > 0 ? "reconstructed" : "as photographed")
        : stage->spec->kind == SPEC_EDIT || v > 0
            ? spec_describe_variant(stage->spec, shows, &text, err)
            : buffer_printf(&text, err, "as sampled");
    if (rc == 0)
        rc = jobs_insert_variant(b->db, stage->id, v, shows, (const char *)text.data, err);
    buffer_free(&text);
    return rc;
}

/* What a stage's score rows show; see the table `variant`. */
static int insert_variants(struct broker *b, const struct farm_stage *stage, struct error *err)
{
    const struct spec_stage *spec = stage->spec;
    bool edits = spec->kind == SPEC_EVALUATE || spec->kind == SPEC_EDIT;
    int rc = 0;
    for (uint32_t v = 0; rc == 0 && v < stage->variants; v++) {
        struct spec_variant variant = {.target = -1};
        if (edits)
            variant = spec_stage_variant(spec, v);
        rc = insert_variant(b, stage, v, &variant, err);
    }
    return rc;
}

static int insert_network(struct broker *b, const struct farm_stage *stage, const char *use,
                          int which, struct error *err)
{
    if (which < 0)
        return 0;
    const struct bundle_embedder *embedder = &stage->job->bundle->bundle->embedders[which];
    return jobs_insert_network(b->db, stage->id, use, embedder->name, embedder->dimension, err);
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
        .images = stage->spec->images,
        .latents = stage->spec->latents,
    };
    const struct seeds *seeds = &stage->spec->seeds;
    int rc = jobs_insert_stage(b->db, &row, &stage->id, err);
    for (size_t i = 0; rc == 0 && i < seeds->count; i++)
        rc = jobs_insert_samples(b->db, stage->id, &seeds->runs[i], err);
    if (rc == 0)
        rc = insert_network(b, stage, "identity", stage->networks.identity, err);
    if (rc == 0)
        rc = insert_network(b, stage, "features", stage->networks.features, err);
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
        .priority = job->priority,
        .interactive = job->interactive,
        .after = job->after,
        .deadline_ms = job->deadline_ms,
    };
    int rc = broker_write(b, err);
    if (rc == 0)
        rc = jobs_insert(b->db, &row, &job->id, err);
    if (rc == 0)
        rc = journal(b,
                     &(struct events_row){.job = job->id,
                                          .event = "submit",
                                          .new = states_job_name(STATES_JOB_RUNNING),
                                          .actor = b->actor,
                                          .text = job->spec->name},
                     err);
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
        rc = check_needs(spec, &b->fleet, &b->farm, err);
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

static int check_priority(int64_t priority, struct error *err)
{
    if (priority >= -PRIORITY_MOST && priority <= PRIORITY_MOST)
        return 0;
    return error_set(err, E_INVALID, "priority: %lld, expected %d to %d", (long long)priority,
                     -PRIORITY_MOST, PRIORITY_MOST);
}

/* What it follows is open, or done. */
static int take_after(struct broker *b, uint64_t after, struct farm_job *job, struct error *err)
{
    char state[LIMIT_NAME_BYTES];
    job->after = (int64_t)after;
    if (after == 0)
        return 0;
    if (farm_find_job(&b->farm, (int64_t)after)) {
        job->after_state = FARM_AFTER_OPEN;
        return 0;
    }
    int rc = find_closed(b, after, state, err);
    if (rc == 0 && strcmp(state, states_job_name(STATES_JOB_DONE)) != 0)
        rc = error_set(err, E_STATE, "after: job %llu is %s", (unsigned long long)after, state);
    return rc;
}

static int take_rank(struct broker *b, const struct wire_submit *submit, struct farm_job *job,
                     struct error *err)
{
    int rc = check_priority(submit->priority, err);
    if (rc == 0 && submit->deadline_ms && submit->deadline_ms <= clock_wall_ms())
        rc = error_set(err, E_INVALID, "deadline: lies %lld s in the past",
                       (long long)((clock_wall_ms() - submit->deadline_ms) / 1000));
    job->priority = (int32_t)submit->priority;
    job->interactive = submit->interactive;
    job->deadline_ms = submit->deadline_ms;
    return rc < 0 ? rc : take_after(b, submit->after, job, err);
}

static int check_limits(struct broker *b, const struct farm_job *job, struct error *err)
{
    struct farm_user *user;
    int rc = farm_user(&b->farm, job->owner, &user, err);
    if (rc < 0)
        return rc;
    uint64_t jobs = farm_user_jobs(&b->farm, user);
    uint64_t tasks = farm_user_tasks(&b->farm, user), more = farm_job_tasks(job);
    if (jobs >= user->most_jobs)
        return error_set(err, E_LIMIT, "%s has %llu open jobs, %llu are allowed", user->name,
                         (unsigned long long)jobs, (unsigned long long)user->most_jobs);
    if (more > user->most_tasks || tasks > user->most_tasks - more)
        return error_set(err, E_LIMIT,
                         "%s has %llu tasks queued and this job has %llu, %llu are allowed",
                         user->name, (unsigned long long)tasks, (unsigned long long)more,
                         (unsigned long long)user->most_tasks);
    return 0;
}

/* Takes the job over. */
static int take_job(struct broker *b, const struct socket_identity *from,
                    const struct wire_submit *submit, struct farm_job *job, struct error *err)
{
    const char *owner = access_owner(&b->access, from, submit->owner);
    snprintf(job->owner, sizeof job->owner, "%s", owner);
    int rc = take_rank(b, submit, job, err);
    if (rc == 0)
        rc = check_limits(b, job, err);
    if (rc == 0)
        rc = insert_job(b, owner, job, err);
    if (rc == 0 && (rc = farm_add_job(&b->farm, job, err)) < 0)
        broker_doomed(b, rc, err);
    if (rc < 0) {
        farm_free_job(&job);
        return rc;
    }
    log_about(LOG_INFO, &(struct log_ids){.job = job->id}, "%s of %s, %u stages",
              job->spec->name, owner,
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

/* A job whose lists have to be read first is made again when they have been. */
int client_submit(struct broker *b, const struct socket_identity *from,
                  const struct wire_submit *submit, struct error *err)
{
    struct farm_job *job = NULL;
    int rc = make_job(b, submit->spec, &job, err);
    if (rc < 0)
        return rc;
    if (!check_has_sources(job->spec))
        return take_job(b, from, submit, job, err);
    rc = transfers_check_submit(b, from, submit, job->bundle->hash, err);
    farm_free_job(&job);
    return rc;
}

int client_submit_checked(struct broker *b, const struct socket_identity *from,
                          const struct wire_submit *submit, struct error *err)
{
    struct farm_job *job = NULL;
    const struct key_entry *entry = access_entry(&b->access, from);
    int rc = dispatch_admit(b, from, WIRE_SUBMIT, err);
    if (rc == 0)
        rc = make_job(b, submit->spec, &job, err);
    b->actor = entry ? entry->owner : NULL;
    if (rc == 0)
        rc = take_job(b, from, submit, job, err);
    b->actor = NULL;
    return rc;
}

/* ---- jobs that are there ---- */

static void tell_job(struct broker *b, const struct socket_identity *to, uint64_t request,
                     uint64_t job)
{
    outbox_put(b, &(struct reply){.to = *to, .type = WIRE_JOB_STATE, .request = request, .id = job},
               NULL);
}

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

static int set_priority(struct broker *b, struct farm_job *job, int64_t priority, struct error *err)
{
    int rc = check_priority(priority, err);
    if (rc < 0)
        return rc;
    rc = broker_write(b, err);
    char text[64];
    snprintf(text, sizeof text, "%d -> %lld", job->priority, (long long)priority);
    if (rc == 0)
        rc = jobs_set_priority(b->db, job->id, priority, err);
    if (rc == 0)
        rc = journal(b,
                     &(struct events_row){
                         .job = job->id, .event = "priority", .actor = b->actor, .text = text},
                     err);
    if (rc < 0)
        return broker_doomed(b, rc, err);
    job->priority = (int32_t)priority;
    job->version++;
    rc = farm_rank(&b->farm, job, err);
    return rc < 0 ? broker_doomed(b, rc, err) : 0;
}

int client_job_order(struct broker *b, const struct socket_identity *from,
                     const struct wire_job_order *order, struct error *err)
{
    struct farm_job *job = farm_find_job(&b->farm, (int64_t)order->job);
    char state[LIMIT_NAME_BYTES];
    int rc = job ? 0 : find_closed(b, order->job, state, err);
    if (rc == 0 && !job)
        rc = error_set(err, E_STATE, "job %llu is %s already", (unsigned long long)order->job,
                       state);
    if (rc < 0)
        return rc;
    if (strcmp(order->order, "pause") == 0)
        rc = lifecycle_order(b, job, STATES_JOB_PAUSE, err);
    else if (strcmp(order->order, "resume") == 0)
        rc = lifecycle_order(b, job, STATES_JOB_RESUME, err);
    else if (strcmp(order->order, "priority") == 0)
        rc = set_priority(b, job, order->value, err);
    else
        rc = error_set(err, E_INVALID, "order: \"%s\", expected pause, resume or priority",
                       order->order);
    if (rc == 0)
        tell_job(b, from, order->request, order->job);
    return rc;
}

int client_user_set(struct broker *b, const struct socket_identity *from,
                    const struct wire_user_set *set, struct error *err)
{
    struct farm_user *user;
    const struct users_row row = {set->user, set->share, set->jobs, set->tasks};
    if (!(set->share >= 0.001 && set->share <= 1000))
        return error_set(err, E_INVALID, "share: %g, expected 0.001 to 1000", set->share);
    if (set->user[0] == '\0')
        return error_set(err, E_INVALID, "user: is empty");
    int rc = farm_user(&b->farm, set->user, &user, err);
    if (rc < 0)
        return rc;
    rc = broker_write(b, err);
    char text[200];
    snprintf(text, sizeof text, "%s: share %g, %llu jobs, %llu tasks", set->user, set->share,
             (unsigned long long)set->jobs, (unsigned long long)set->tasks);
    if (rc == 0)
        rc = users_set(b->db, &row, err);
    if (rc == 0)
        rc = journal(
            b, &(struct events_row){.event = "user_set", .actor = b->actor, .text = text}, err);
    if (rc < 0)
        return broker_doomed(b, rc, err);
    user->share = set->share;
    user->most_jobs = set->jobs;
    user->most_tasks = set->tasks;
    outbox_put(b, &(struct reply){.to = *from, .type = WIRE_USERS, .request = set->request}, NULL);
    return 0;
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
