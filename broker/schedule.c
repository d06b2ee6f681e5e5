/*
 * Whose task is next. Interactive jobs come before all others. Between users the share of the farm
 * that each has had decides: start-time fair queueing (Goyal et al. 1996) with the seconds that a
 * task is expected to take as its length, so a user who was away gains nothing by it and loses
 * nothing. Within a user: priority, then the earlier deadline, then turns.
 *
 * Heaps say who is next: of the users that may have work by what they have had, and of each user's
 * jobs that may have work; one of each for interactive jobs and one for the others. What gets work
 * is put in at once (farm_wake), what has none left is found out and taken out when it comes first.
 * So a task costs the logarithm of the jobs that wait, whatever else is open.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "broker/farm.h"

#define SECONDS_WEIGHT 0.25 /* of the newest task in a stage's mean */
#define PACE_WEIGHT 0.5     /* in a worker's */

/* ---- orders ---- */

static bool user_comes_first(const void *left, const void *right)
{
    const struct farm_user *a = left, *b = right;
    return a->used < b->used || (a->used <= b->used && a->turn < b->turn);
}

static bool job_comes_first(const void *left, const void *right)
{
    const struct farm_job *a = left, *b = right;
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->deadline_ms != b->deadline_ms)
        return b->deadline_ms == 0 || (a->deadline_ms != 0 && a->deadline_ms < b->deadline_ms);
    return a->turn < b->turn;
}

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
        for (int line = 0; line < FARM_LINES; line++)
            heap_init(&found->jobs[line], offsetof(struct farm_job, place), job_comes_first);
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

/* ---- how fast a worker is ---- */

static struct farm_pace *find_pace(struct farm_worker *worker, const struct farm_stage *stage)
{
    for (size_t i = 0; i < FARM_PACES; i++)
        if (worker->paces[i].stage == stage->id)
            return &worker->paces[i];
    return NULL;
}

static struct farm_pace pace_of(const struct farm_stage *stage)
{
    return (struct farm_pace){.stage = stage->id,
                              .bundle = stage->job->bundle->id,
                              .kind = stage->spec->kind,
                              .variants = stage->variants,
                              .photos = spec_stage_reads_photos(stage->spec)};
}

static bool is_like(const struct farm_pace *a, const struct farm_pace *b)
{
    return a->bundle == b->bundle && a->kind == b->kind && a->variants == b->variants &&
           a->photos == b->photos;
}

/* That of the newest stage like it, so that a job's first tasks are not small ones on a worker that knows such. */
static const struct farm_pace *find_like(const struct farm_worker *worker,
                                         const struct farm_stage *stage)
{
    const struct farm_pace wanted = pace_of(stage);
    for (unsigned i = 1; i <= FARM_PACES; i++) {
        const struct farm_pace *pace = &worker->paces[(worker->newest_pace - i) % FARM_PACES];
        if (pace->stage && is_like(pace, &wanted))
            return pace;
    }
    return NULL;
}

double farm_pace(const struct farm_worker *worker, const struct farm_stage *stage)
{
    const struct farm_pace *pace = find_pace((struct farm_worker *)worker, stage);
    if (!pace)
        pace = find_like(worker, stage);
    return pace ? pace->seconds : 0;
}

void farm_paced(struct farm_worker *worker, const struct farm_stage *stage, uint64_t count,
                double seconds)
{
    double each = seconds / (double)count;
    struct farm_pace *pace = find_pace(worker, stage);
    if (!(each > 0))
        return;
    if (!pace) {
        pace = &worker->paces[worker->newest_pace++ % FARM_PACES];
        *pace = pace_of(stage);
        pace->seconds = each;
    }
    pace->seconds += PACE_WEIGHT * (each - pace->seconds);
}

uint64_t farm_slots(struct farm *farm)
{
    if (farm->slots)
        return farm->slots;
    for (const struct farm_worker *worker = farm->identities; worker;
         worker = worker->by_identity.next)
        if (farm_is_usable(worker))
            farm->slots += worker->credit;
    return farm->slots;
}

/* ---- who waits ---- */

static bool stage_has_work(const struct farm_stage *stage)
{
    return stage->state == STATES_STAGE_RUNNING && plan_has_work(&stage->plan);
}

static bool has_work(const struct farm_job *job)
{
    for (uint32_t i = 0; job->state == STATES_JOB_RUNNING && i < job->spec->stages_count; i++)
        if (stage_has_work(&job->stages[i]))
            return true;
    return false;
}

static struct heap *waiting(struct farm *farm, int line)
{
    struct heap *heap = &farm->waiting[line];
    if (!heap->before)
        heap_init(heap,
                  line == FARM_URGENT ? offsetof(struct farm_user, urgent_place)
                                      : offsetof(struct farm_user, place),
                  user_comes_first);
    return heap;
}

static bool is_waiting(const struct farm_user *user)
{
    return user->place.number || user->urgent_place.number;
}

/* Puts a job in line. Its user begins where the farm's clock is if it had nothing to do. */
static int enqueue(struct farm *farm, struct farm_job *job, struct error *err)
{
    struct farm_user *user = job->user;
    int line = job->interactive;
    int rc = heap_add(&user->jobs[line], job, err);
    job->line = line;
    if (rc < 0 || user->jobs[line].count > 1)
        return rc;
    if (!is_waiting(user) && user->used < farm->clock)
        user->used = farm->clock;
    return heap_add(waiting(farm, line), user, err);
}

void farm_sleep(struct farm *farm, struct farm_job *job)
{
    struct heap *jobs = &job->user->jobs[job->line];
    if (!job->place.number)
        return;
    heap_remove(jobs, job);
    if (jobs->count == 0)
        heap_remove(waiting(farm, job->line), job->user);
}

int farm_wake(struct farm *farm, struct farm_job *job, struct error *err)
{
    if (!job->user || !has_work(job)) /* not in the farm yet, or nothing to do */
        return 0;
    farm_stir(farm);
    return job->place.number ? 0 : enqueue(farm, job, err);
}

int farm_rank(struct farm *farm, struct farm_job *job, struct error *err)
{
    farm_sleep(farm, job);
    return farm_wake(farm, job, err);
}

/* Notes that a job got a task: its user has had more, and it has had its turn. */
static void charge(struct farm *farm, struct farm_job *job, double seconds)
{
    struct farm_user *user = job->user;
    if (farm->clock < user->used)
        farm->clock = user->used;
    user->used += seconds / user->share;
    job->turn = user->turn = ++farm->turns;
    heap_moved(&user->jobs[job->line], job);
    for (int line = 0; line < FARM_LINES; line++)
        if (user->jobs[line].count > 0)
            heap_moved(waiting(farm, line), user);
}

/* ---- whose turn it is ---- */

/* The first in line that has work; who has none leaves the line. */
static struct farm_job *next_of(struct farm *farm, int line)
{
    struct farm_user *user;
    while ((user = heap_first(waiting(farm, line)))) {
        struct farm_job *job = heap_first(&user->jobs[line]);
        if (has_work(job))
            return job;
        farm_sleep(farm, job);
    }
    return NULL;
}

static struct farm_job *next_job(struct farm *farm, bool only_interactive)
{
    struct farm_job *job = next_of(farm, FARM_URGENT);
    return job || only_interactive ? job : next_of(farm, FARM_BULK);
}

bool farm_has_work(struct farm *farm)
{
    return next_job(farm, false) != NULL;
}

/* Where the stage has failed tasks: who is to leave those that failed last on the worker to others;
 * 0: nobody, as there are none. */
static int64_t avoided(const struct farm *farm, const struct farm_worker *worker,
                       const struct farm_stage *stage)
{
    return stage->plan.suspects_count > 0 && !farm_is_alone(farm, worker, stage) ? worker->id : 0;
}

static int cut_job(struct farm *farm, struct farm_job *job, const struct farm_worker *worker,
                   struct farm_stage **stage, struct interval *range, struct error *err)
{
    for (uint32_t i = 0; i < job->spec->stages_count; i++) {
        *stage = &job->stages[i];
        if (!stage_has_work(*stage) || !farm_matches(worker, *stage))
            continue;
        uint64_t length = plan_length(&(*stage)->plan, farm_pace(worker, *stage), farm_slots(farm));
        int rc = plan_cut(&(*stage)->plan, avoided(farm, worker, *stage), length, range, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Puts those back in line that had nothing for the worker, though they have work. */
static int put_back(struct farm *farm, struct farm_job *passed, struct error *err)
{
    int rc = 0;
    for (; passed; passed = passed->passed) {
        int failed = enqueue(farm, passed, err);
        rc = rc ? rc : failed;
    }
    return rc;
}

int farm_cut(struct farm *farm, const struct farm_worker *worker, bool only_interactive,
             struct farm_stage **stage, struct interval *range, struct error *err)
{
    struct farm_job *job, *passed = NULL;
    int rc = 0;
    while (rc == 0 && (job = next_job(farm, only_interactive))) {
        rc = cut_job(farm, job, worker, stage, range, err);
        if (rc > 0)
            charge(farm, job, farm_seconds(*stage, range->end - range->start));
        if (rc != 0)
            break;
        farm_sleep(farm, job);
        job->passed = passed;
        passed = job;
    }
    int failed = put_back(farm, passed, err);
    return failed < 0 ? failed : rc;
}
