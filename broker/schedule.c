/*
 * Whose task is next. Interactive jobs come before all others. Between users the share of the farm
 * that each has had decides: start-time fair queueing (Goyal et al. 1996) with the seconds that a
 * task is expected to take as its length, so a user who was away gains nothing by it and loses
 * nothing. Within a user: priority, then the earlier deadline, then turns.
 *
 * Looks at every open job for every task; there are at most LIMIT_OPEN_JOBS, and few with work.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/farm.h"

#define SECONDS_WEIGHT 0.25 /* of the newest task in a stage's mean */

/* ---- users ---- */

int farm_user(struct farm *farm, const char *name, struct farm_user **user, struct error *err)
{
    struct farm_user *found = NULL;
    HASH_FIND(by_name, farm->users, name, strlen(name), found);
    if (!found) {
        found = calloc(1, sizeof *found);
        if (!found)
            return error_set(err, E_MEMORY, "no memory for a user");
        strncpy(found->name, name, sizeof found->name - 1);
        found->share = 1;
        found->most_jobs = FARM_USER_JOBS;
        found->most_tasks = FARM_USER_TASKS;
        found->turn = ++farm->turns;
        HASH_ADD(by_name, farm->users, name, strlen(found->name), found);
    }
    *user = found;
    return 0;
}

uint64_t farm_user_jobs(const struct farm *farm, const struct farm_user *user)
{
    uint64_t jobs = 0;
    for (const struct farm_job *job = farm->jobs; job; job = job->by_id.next)
        jobs += job->user == user;
    return jobs;
}

uint64_t farm_job_tasks(const struct farm_job *job)
{
    uint64_t tasks = 0;
    for (uint32_t i = 0; i < job->spec->stages_count; i++) {
        const struct plan *plan = &job->stages[i].plan;
        uint64_t left = plan->total - plan->done_count - plan->poisoned_count;
        if (job->stages[i].state == STATES_STAGE_WAITING ||
            job->stages[i].state == STATES_STAGE_RUNNING)
            tasks += (left + plan->size - 1) / plan->size;
    }
    return tasks;
}

uint64_t farm_user_tasks(const struct farm *farm, const struct farm_user *user)
{
    uint64_t tasks = 0;
    for (const struct farm_job *job = farm->jobs; job; job = job->by_id.next)
        if (job->user == user)
            tasks += farm_job_tasks(job);
    return tasks;
}

/* ---- what a task costs ---- */

double farm_seconds(const struct farm_stage *stage, uint64_t count)
{
    double each = stage->seconds > 0 ? stage->seconds : 1.0 / (double)stage->plan.size;
    return each * (double)count;
}

void farm_took(struct farm_stage *stage, uint64_t count, double seconds)
{
    double each = seconds / (double)count;
    if (each > 0)
        stage->seconds =
            stage->seconds > 0 ? stage->seconds + SECONDS_WEIGHT * (each - stage->seconds) : each;
}

static double start_of(const struct farm *farm, const struct farm_user *user)
{
    return user->used > farm->clock ? user->used : farm->clock;
}

static void charge(struct farm *farm, struct farm_job *job, double seconds)
{
    farm->clock = start_of(farm, job->user);
    job->user->used = farm->clock + seconds / job->user->share;
    job->turn = job->user->turn = ++farm->turns;
}

/* ---- whose turn it is ---- */

static bool stage_has_work(const struct farm_stage *stage)
{
    return stage->state == STATES_STAGE_RUNNING && plan_has_work(&stage->plan);
}

uint64_t farm_work(const struct farm *farm)
{
    uint64_t classes = 0;
    for (const struct farm_job *job = farm->jobs; job; job = job->by_id.next)
        for (uint32_t i = 0; job->state == STATES_JOB_RUNNING && i < job->spec->stages_count; i++)
            if (stage_has_work(&job->stages[i]))
                classes |= (uint64_t)1 << job->stages[i].class;
    return classes;
}

static bool has_work(const struct farm_job *job, const struct farm_worker *worker)
{
    for (uint32_t i = 0; i < job->spec->stages_count; i++)
        if (stage_has_work(&job->stages[i]) && farm_matches(worker, &job->stages[i]))
            return true;
    return false;
}

static bool comes_before(const struct farm *farm, const struct farm_job *a,
                         const struct farm_job *b)
{
    if (a->interactive != b->interactive)
        return a->interactive;
    if (a->user != b->user) {
        double left = start_of(farm, a->user), right = start_of(farm, b->user);
        return left < right || (left <= right && a->user->turn < b->user->turn);
    }
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->deadline_ms != b->deadline_ms)
        return b->deadline_ms == 0 || (a->deadline_ms != 0 && a->deadline_ms < b->deadline_ms);
    return a->turn < b->turn;
}

static struct farm_job *next_job(const struct farm *farm, const struct farm_worker *worker,
                                 bool only_interactive)
{
    struct farm_job *best = NULL;
    for (struct farm_job *job = farm->jobs; job; job = job->by_id.next)
        if (job->passed != farm->rounds && job->state == STATES_JOB_RUNNING &&
            (job->interactive || !only_interactive) && (!best || comes_before(farm, job, best)) &&
            has_work(job, worker))
            best = job;
    return best;
}

/* Where the stage has failed tasks: who is to leave those that failed last on the worker to others;
 * 0: nobody, as there are none. */
static int64_t avoided(const struct farm *farm, const struct farm_worker *worker,
                       const struct farm_stage *stage)
{
    return stage->plan.suspects_count > 0 && !farm_is_alone(farm, worker, stage) ? worker->id : 0;
}

static int cut_job(const struct farm *farm, struct farm_job *job, const struct farm_worker *worker,
                   struct farm_stage **stage, struct interval *range, struct error *err)
{
    for (uint32_t i = 0; i < job->spec->stages_count; i++) {
        *stage = &job->stages[i];
        if (!stage_has_work(*stage) || !farm_matches(worker, *stage))
            continue;
        int rc = plan_cut(&(*stage)->plan, avoided(farm, worker, *stage), range, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int farm_cut(struct farm *farm, const struct farm_worker *worker, bool only_interactive,
             struct farm_stage **stage, struct interval *range, struct error *err)
{
    struct farm_job *job;
    farm->rounds++;
    if (only_interactive && farm->interactive == 0)
        return 0;
    while ((job = next_job(farm, worker, only_interactive))) {
        int rc = cut_job(farm, job, worker, stage, range, err);
        if (rc > 0)
            charge(farm, job, farm_seconds(*stage, range->end - range->start));
        if (rc != 0)
            return rc;
        job->passed = farm->rounds; /* not for this worker */
    }
    return 0;
}
