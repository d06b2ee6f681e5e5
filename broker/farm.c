/* Jobs, stages and bundles in memory. Workers and leases are in farm_workers.c. */
#include "broker/farm.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* ---- bundles ---- */

static void free_bundle(struct farm_bundle *bundle)
{
    bundle_free(&bundle->bundle);
    free(bundle->boundaries);
    free(bundle);
}

static int name_boundaries(struct farm_bundle *b, struct error *err)
{
    size_t attributes = b->bundle->attributes_count;
    b->boundaries = calloc(attributes + 1, sizeof *b->boundaries);
    if (!b->boundaries)
        return error_set(err, E_MEMORY, "no memory for the names of a bundle");
    for (size_t i = 0; i < attributes; i++)
        b->boundaries[i] = b->bundle->attributes[i];
    b->boundary_count = attributes;
    if (b->bundle->age_estimators_count > 0)
        b->boundaries[b->boundary_count++] = SPEC_AGE;
    return 0;
}

int farm_add_bundle(struct farm *farm, int64_t id, const char *hash, struct bundle **bundle,
                    struct farm_bundle **added, struct error *err)
{
    struct farm_bundle *b = calloc(1, sizeof *b);
    if (!b)
        return error_set(err, E_MEMORY, "no memory for a bundle");
    b->bundle = *bundle;
    *bundle = NULL;
    b->id = id;
    strncpy(b->hash, hash, sizeof b->hash - 1);
    b->name = b->bundle->name;
    b->layout = (struct results_layout){
        .bundle = id,
        .attributes = b->bundle->attributes_count,
        .columns = bundle_score_columns(b->bundle),
        .fit_column = bundle_age_column(b->bundle, BUNDLE_FIT),
        .judge_column = bundle_age_column(b->bundle, BUNDLE_JUDGE),
    };
    int rc = name_boundaries(b, err);
    if (rc < 0) {
        free_bundle(b);
        return rc;
    }
    b->next = farm->bundles;
    farm->bundles = b;
    *added = b;
    return 0;
}

struct farm_bundle *farm_find_bundle(struct farm *farm, int64_t id)
{
    struct farm_bundle *b = farm->bundles;
    while (b && b->id != id)
        b = b->next;
    return b;
}

/* ---- jobs ---- */

static int make_stage(struct farm_job *job, uint32_t position, struct error *err)
{
    struct farm_stage *stage = &job->stages[position];
    stage->job = job;
    stage->position = position;
    stage->spec = &job->spec->stages[position];
    stage->state = STATES_STAGE_WAITING;
    stage->variants = spec_stage_variants(stage->spec, job->bundle->boundary_count);
    if (stage->spec->from) {
        int input = spec_find(job->spec, stage->spec->from);
        if (input < 0 || (uint32_t)input >= position)
            return error_set(err, E_INVALID, "stage %s: from: \"%s\" does not stand before it",
                             stage->spec->name, stage->spec->from);
        stage->input = &job->stages[input];
    }
    int mix = stage->spec->samples ? spec_find(job->spec, stage->spec->samples) : -1;
    stage->mix = mix < 0 ? NULL : &job->stages[mix];
    int rc = stage_networks(stage->spec, job->bundle->bundle, &stage->networks, err);
    return rc < 0 ? rc : plan_init(&stage->plan, stage->spec, job->bundle->bundle, err);
}

int farm_make_job(struct farm_bundle *bundle, struct spec **spec, const char *text,
                  struct farm_job **job, struct error *err)
{
    int rc = 0;
    struct farm_job *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for a job");
    made->bundle = bundle;
    made->spec = *spec;
    *spec = NULL;
    made->text = strdup(text);
    made->stages = calloc(made->spec->stages_count, sizeof *made->stages);
    if (!made->text || !made->stages)
        rc = error_set(err, E_MEMORY, "no memory for a job");
    for (uint32_t i = 0; rc == 0 && i < made->spec->stages_count; i++)
        rc = make_stage(made, i, err);
    if (rc < 0)
        farm_free_job(&made);
    else
        *job = made;
    return rc;
}

int farm_add_job(struct farm *farm, struct farm_job *job, struct error *err)
{
    int rc = farm_user(farm, job->owner, &job->user, err);
    if (rc < 0)
        return rc;
    HASH_ADD(by_id, farm->jobs, id, sizeof job->id, job);
    for (uint32_t i = 0; i < job->spec->stages_count; i++) {
        struct farm_stage *stage = &job->stages[i];
        HASH_ADD(by_id, farm->stages, id, sizeof stage->id, stage);
    }
    farm_take_classes(farm, job);
    job->turn = ++farm->turns;
    farm->interactive += job->interactive;
    /* Interactive work has a credit of its own, with workers that were full. */
    for (struct farm_worker *worker = job->interactive ? farm->identities : NULL; worker;
         worker = worker->by_identity.next)
        farm_hungry(worker);
    return farm_wake(farm, job, err);
}

void farm_remove_job(struct farm *farm, struct farm_job *job)
{
    farm_sleep(farm, job);
    HASH_DELETE(by_id, farm->jobs, job);
    for (uint32_t i = 0; i < job->spec->stages_count; i++)
        HASH_DELETE(by_id, farm->stages, &job->stages[i]);
    farm_return_classes(farm, job);
    farm->interactive -= job->interactive;
}

void farm_free_job(struct farm_job **job)
{
    struct farm_job *old = *job;
    if (!old)
        return;
    for (uint32_t i = 0; old->stages && i < old->spec->stages_count; i++)
        plan_free(&old->stages[i].plan);
    free(old->stages);
    free(old->text);
    spec_free(&old->spec);
    free(old);
    *job = NULL;
}

struct farm_job *farm_find_job(struct farm *farm, int64_t id)
{
    struct farm_job *job = NULL;
    HASH_FIND(by_id, farm->jobs, &id, sizeof id, job);
    return job;
}

struct farm_stage *farm_find_stage(struct farm *farm, int64_t id)
{
    struct farm_stage *stage = NULL;
    HASH_FIND(by_id, farm->stages, &id, sizeof id, stage);
    return stage;
}

/* ---- rates ---- */

void farm_rate_add(struct farm_rate *rate, int64_t now, uint64_t count)
{
    int64_t second = now / CLOCK_SECOND + 1;
    size_t slot = (size_t)(second % FARM_RATE_SECONDS);
    if (rate->seconds[slot] != second) {
        rate->seconds[slot] = second;
        rate->counts[slot] = 0;
    }
    rate->counts[slot] += count;
    if (!rate->first)
        rate->first = second;
}

double farm_rate_of(const struct farm_rate *rate, int64_t now)
{
    int64_t second = now / CLOCK_SECOND + 1;
    uint64_t sum = 0;
    for (size_t i = 0; i < FARM_RATE_SECONDS; i++)
        if (second - rate->seconds[i] < FARM_RATE_SECONDS)
            sum += rate->counts[i];
    int64_t seconds = second - rate->first + 1;
    if (!rate->first || !sum)
        return 0;
    return (double)sum / (double)(seconds < FARM_RATE_SECONDS ? seconds : FARM_RATE_SECONDS);
}

/* ---- the end ---- */

void farm_free(struct farm *farm)
{
    HASH_CLEAR(by_identity, farm->identities);
    struct farm_worker *worker, *next_worker;
    HASH_ITER (by_session, farm->sessions, worker, next_worker) {
        HASH_DELETE(by_session, farm->sessions, worker);
        farm_free_worker(worker);
    }
    while (farm->jobs) {
        struct farm_job *job = farm->jobs;
        farm_remove_job(farm, job);
        farm_free_job(&job);
    }
    struct farm_user *user, *next_user;
    HASH_ITER (by_name, farm->users, user, next_user) {
        HASH_DELETE(by_name, farm->users, user);
        for (int line = 0; line < FARM_LINES; line++)
            heap_free(&user->jobs[line]);
        free(user);
    }
    for (int line = 0; line < FARM_LINES; line++)
        heap_free(&farm->waiting[line]);
    while (farm->bundles) {
        struct farm_bundle *next = farm->bundles->next;
        free_bundle(farm->bundles);
        farm->bundles = next;
    }
}
