/* Whose task is next, with a time that the test makes up: shares, priorities, deadlines,
 * interactive jobs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/farm.h"

struct bench {
    struct farm farm;
    struct farm_worker *worker;
    int64_t jobs;
};

static int open_bench(void **state)
{
    static const char *const names[] = {"Smiling", "Male"};
    struct bench *b = calloc(1, sizeof *b);
    struct farm_bundle *added;
    struct bundle *bundle = calloc(1, sizeof *bundle);
    struct socket_identity identity = {.size = 1, .bytes = {1}};
    bundle->attributes = (const char **)(uintptr_t)names;
    bundle->attributes_count = 2;
    bundle->generator.latent.dimension = 8;
    assert_int_equal(farm_add_bundle(&b->farm, 1, "hash", &bundle, &added, NULL), 0);
    assert_int_equal(farm_add_worker(&b->farm, 1, &b->worker, NULL), 0);
    b->worker->state = FARM_ALIVE;
    b->worker->credit = 1;
    farm_connect(&b->farm, b->worker, &identity);
    *state = b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    free(b->farm.bundles->bundle); /* its texts are not its own */
    b->farm.bundles->bundle = NULL;
    farm_free(&b->farm);
    free(b);
    return 0;
}

static struct farm_job *add_needy(struct bench *b, const char *owner, int priority, unsigned count,
                                  const char *needs)
{
    char yaml[512];
    struct error err = {0};
    struct spec *spec = NULL;
    struct farm_job *job = NULL;
    snprintf(yaml, sizeof yaml,
             "format: facefarm-job/1\nname: j\nbundle: b\nstages:\n"
             "  - {kind: label, name: a, count: %u, task_size: 10, needs: {%s}}\n",
             count, needs);
    if (spec_parse(yaml, strlen(yaml), &spec, &err) < 0 ||
        farm_make_job(b->farm.bundles, &spec, yaml, &job, &err) < 0)
        fail_msg("%s", err.text);
    job->id = ++b->jobs;
    snprintf(job->owner, sizeof job->owner, "%s", owner);
    job->priority = priority;
    job->stages[0].id = job->id * 10;
    job->stages[0].state = STATES_STAGE_RUNNING;
    assert_int_equal(farm_add_job(&b->farm, job, NULL), 0);
    return job;
}

static struct farm_job *add_job(struct bench *b, const char *owner, int priority, unsigned count)
{
    return add_needy(b, owner, priority, count, "");
}

static void describe(struct bench *b, struct farm_worker *worker, const char *kind, uint64_t memory,
                     const char *labels)
{
    struct error err;
    const struct farm_description description = {"w", "h", "d", kind, labels, memory};
    assert_int_equal(farm_describe_worker(&b->farm, worker, &description, &err), 0);
}

/* The next task is leased and done; returns its job, or NULL. */
static struct farm_job *work(struct bench *b)
{
    struct farm_lease *lease;
    if (farm_lease(&b->farm, b->worker, 0, &lease, NULL) <= 0)
        return NULL;
    struct farm_job *job = lease->stage->job;
    assert_int_equal(plan_done(&lease->stage->plan, lease->start, lease->count, NULL), 0);
    assert_int_equal(farm_release(b->worker, lease, NULL), 0);
    return job;
}

static void shares_divide_the_farm(void **state)
{
    struct bench *b = *state;
    struct farm_user *anna;
    assert_int_equal(farm_user(&b->farm, "anna", &anna, NULL), 0);
    anna->share = 3;
    add_job(b, "anna", 0, 100000);
    add_job(b, "bert", 0, 100000);
    add_job(b, "bert", 0, 100000); /* two jobs are no larger share than one */
    int of_anna = 0;
    for (int i = 0; i < 400; i++)
        of_anna += work(b)->user == anna;
    assert_in_range(of_anna, 299, 301);
}

/* Seconds are shared, not tasks. */
static void long_tasks_count_more(void **state)
{
    struct bench *b = *state;
    struct farm_job *slow = add_job(b, "anna", 0, 100000), *quick = add_job(b, "bert", 0, 100000);
    farm_took(&slow->stages[0], 10, 9);
    farm_took(&quick->stages[0], 10, 1);
    int of_slow = 0;
    for (int i = 0; i < 200; i++)
        of_slow += work(b) == slow;
    assert_in_range(of_slow, 19, 21);
}

/* Who comes late, or was away, neither catches up nor is behind. */
static void absence_earns_nothing(void **state)
{
    struct bench *b = *state;
    struct farm_job *first = add_job(b, "anna", 0, 100000);
    for (int i = 0; i < 100; i++)
        assert_ptr_equal(work(b), first);
    add_job(b, "bert", 0, 100000);
    int of_first = 0;
    for (int i = 0; i < 100; i++)
        of_first += work(b) == first;
    assert_in_range(of_first, 49, 51);
}

static void priority_then_deadline_then_turns(void **state)
{
    struct bench *b = *state;
    struct farm_job *low = add_job(b, "anna", -5, 20), *high = add_job(b, "anna", 7, 20);
    struct farm_job *late = add_job(b, "anna", 0, 20), *soon = add_job(b, "anna", 0, 20);
    struct farm_job *never = add_job(b, "anna", 0, 20), *neither = add_job(b, "anna", 0, 20);
    late->deadline_ms = 2000;
    soon->deadline_ms = 1000;
    assert_int_equal(farm_rank(&b->farm, late, NULL), 0);
    assert_int_equal(farm_rank(&b->farm, soon, NULL), 0);
    struct farm_job *const order[] = {high,  high,    soon,  soon,    late, late,
                                      never, neither, never, neither, low,  low};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        assert_ptr_equal(work(b), order[i]);
    assert_null(work(b));
}

/* Another user's priorities are their own affair. */
static void priority_is_within_a_user(void **state)
{
    struct bench *b = *state;
    struct farm_job *anna = add_job(b, "anna", 100, 1000), *bert = add_job(b, "bert", -100, 1000);
    int of_bert = 0;
    for (int i = 0; i < 100; i++) {
        struct farm_job *job = work(b);
        assert_true(job == anna || job == bert);
        of_bert += job == bert;
    }
    assert_int_equal(of_bert, 50);
}

static void interactive_jobs_overtake(void **state)
{
    struct bench *b = *state;
    struct farm_lease *bulk, *urgent;
    add_job(b, "anna", 100, 1000);
    assert_int_equal(farm_lease(&b->farm, b->worker, 0, &bulk, NULL), 1);
    assert_false(farm_wants(&b->farm, b->worker)); /* its credit is used up */
    struct farm_job *slider = add_job(b, "bert", -100, 1000);
    farm_remove_job(&b->farm, slider);
    slider->interactive = true;
    assert_int_equal(farm_add_job(&b->farm, slider, NULL), 0);
    assert_true(farm_wants(&b->farm, b->worker)); /* but for such a one */
    assert_int_equal(farm_lease(&b->farm, b->worker, 0, &urgent, NULL), 1);
    assert_ptr_equal(urgent->stage->job, slider);
    assert_false(farm_wants(&b->farm, b->worker));
    assert_int_equal(farm_release(b->worker, bulk, NULL), 0);
    assert_int_equal(farm_lease(&b->farm, b->worker, 0, &bulk, NULL), 1);
    assert_ptr_equal(bulk->stage->job, slider); /* which comes first for bulk credit, too */
}

static void paused_jobs_get_nothing(void **state)
{
    struct bench *b = *state;
    struct farm_job *job = add_job(b, "anna", 0, 1000);
    job->state = STATES_JOB_PAUSED;
    assert_null(work(b));
    job->state = STATES_JOB_RUNNING;
    assert_int_equal(farm_wake(&b->farm, job, NULL), 0);
    assert_ptr_equal(work(b), job);
}

static void queues_are_counted_in_tasks(void **state)
{
    struct bench *b = *state;
    struct farm_job *job = add_job(b, "anna", 0, 95);
    add_job(b, "anna", 0, 1000);
    add_job(b, "bert", 0, 7);
    assert_int_equal(farm_job_tasks(job), 10);
    assert_int_equal(farm_user_jobs(&b->farm, job->user), 2);
    assert_int_equal(farm_user_tasks(&b->farm, job->user), 110);
    assert_int_equal(plan_done(&job->stages[0].plan, 0, 90, NULL), 0);
    assert_int_equal(farm_user_tasks(&b->farm, job->user), 101);
}

/* ---- what stages need ---- */

static void tasks_go_where_their_needs_are_met(void **state)
{
    struct bench *b = *state;
    struct farm_job *other = add_needy(b, "anna", 5, 1000, "labels: {zone: b}");
    struct farm_job *job = add_needy(b, "anna", 0, 1000, "labels: {zone: a}, memory: 1K");
    assert_null(work(b));
    describe(b, b->worker, "cpu", 1024, "zone=a");
    assert_ptr_equal(work(b), job); /* though the other has priority */
    describe(b, b->worker, "cpu", 1023, "zone=a");
    assert_null(work(b));
    describe(b, b->worker, "gpu", 0, "zone=b");
    assert_ptr_equal(work(b), other);
    /* One that comes after the worker has said what it has. */
    struct farm_job *gpu = add_needy(b, "bert", 0, 1000, "device: gpu");
    assert_ptr_equal(work(b), gpu);
    struct farm_job *same = add_needy(b, "bert", 0, 1000, "labels: {zone: b}");
    assert_int_equal(same->stages[0].class, other->stages[0].class);
    farm_remove_job(&b->farm, other);
    farm_free_job(&other);
    farm_remove_job(&b->farm, gpu);
    farm_free_job(&gpu);
    assert_ptr_equal(work(b), same);
}

/* More different needs than numbers: the last number stands for all others. */
static void classes_run_out_and_come_back(void **state)
{
    struct bench *b = *state;
    struct farm_job *jobs[100];
    char needs[64];
    for (int i = 0; i < 100; i++) {
        snprintf(needs, sizeof needs, "labels: {n: %d}", i);
        jobs[i] = add_needy(b, "anna", 0, 10, needs);
    }
    assert_int_equal(jobs[99]->stages[0].class, FARM_CLASS_OTHERS);
    assert_int_equal(jobs[90]->stages[0].class, FARM_CLASS_OTHERS);
    describe(b, b->worker, "cpu", 0, "n=99");
    assert_ptr_equal(work(b), jobs[99]);
    assert_null(work(b));
    describe(b, b->worker, "cpu", 0, "n=3");
    assert_ptr_equal(work(b), jobs[3]);
    for (int i = 0; i < 100; i++) {
        farm_remove_job(&b->farm, jobs[i]);
        farm_free_job(&jobs[i]);
    }
    struct farm_job *job = add_needy(b, "anna", 0, 10, "labels: {n: 3}");
    assert_int_equal(job->stages[0].class, 1);
    assert_ptr_equal(work(b), job);
}

/* What failed on the only worker that may have it is tried there again, whoever else there is. */
static void others_must_match_to_be_waited_for(void **state)
{
    struct bench *b = *state;
    struct farm_worker *other;
    struct socket_identity identity = {.size = 1, .bytes = {2}};
    assert_int_equal(farm_add_worker(&b->farm, 2, &other, NULL), 0);
    other->state = FARM_ALIVE;
    other->credit = 1;
    farm_connect(&b->farm, other, &identity);
    b->worker->id = 7;
    other->id = 8;
    describe(b, b->worker, "gpu", 0, "");
    describe(b, other, "cpu", 0, "");
    struct farm_job *job = add_needy(b, "anna", 0, 10, "device: gpu");
    assert_true(plan_failed(&job->stages[0].plan, 0, 10, 3, 7, NULL) >= 0);
    assert_false(farm_matches(other, &job->stages[0]));
    assert_true(farm_is_alone(&b->farm, b->worker, &job->stages[0]));
    assert_ptr_equal(work(b), job);
    job = add_job(b, "anna", 0, 10);
    assert_true(plan_failed(&job->stages[0].plan, 0, 10, 3, 7, NULL) >= 0);
    assert_null(work(b)); /* left to the other */
}

/* ---- sizes ---- */

struct mate { /* a worker whose tasks take their time */
    struct farm_worker *worker;
    double seconds; /* an index */
    double free_at; /* when its next task begins */
};

/* Everyone gets what it wants. */
static void hand_out(struct farm *farm, struct mate *mates, size_t count)
{
    struct farm_lease *lease;
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < count; i++)
            any |= farm_lease(farm, mates[i].worker, 0, &lease, NULL) > 0;
    }
}

static struct farm_lease *oldest(struct farm_worker *worker)
{
    struct farm_lease *lease = worker->leases;
    while (lease && lease->next)
        lease = lease->next;
    return lease;
}

/* The mate whose running task ends first. */
static struct mate *first_to_end(struct mate *mates, size_t count)
{
    struct mate *first = NULL;
    double least = 0;
    for (size_t i = 0; i < count; i++) {
        const struct farm_lease *lease = oldest(mates[i].worker);
        double ends = lease ? mates[i].free_at + mates[i].seconds * (double)lease->count : 0;
        if (lease && (!first || ends < least)) {
            first = &mates[i];
            least = ends;
        }
    }
    return first;
}

/* A GPU and a laptop's CPU share a job: it takes what their summed speed says. */
static void a_mixed_fleet_is_as_fast_as_its_sum(void **state)
{
    struct bench *b = *state;
    struct socket_identity identity = {.size = 1, .bytes = {2}};
    struct mate mates[] = {{.worker = b->worker, .seconds = 0.002}, {.seconds = 0.05}};
    assert_int_equal(farm_add_worker(&b->farm, 2, &mates[1].worker, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        mates[i].worker->id = 1 + (int64_t)i;
        mates[i].worker->state = FARM_ALIVE;
        mates[i].worker->credit = 3;
    }
    farm_connect(&b->farm, mates[1].worker, &identity);
    struct farm_job *job = add_job(b, "anna", 0, 100000);
    struct plan *plan = &job->stages[0].plan;
    plan->adapts = true;
    double end = 0;
    size_t tasks = 0;
    for (hand_out(&b->farm, mates, 2); !plan_is_complete(plan); hand_out(&b->farm, mates, 2)) {
        struct mate *mate = first_to_end(mates, 2);
        assert_non_null(mate);
        struct farm_lease *lease = oldest(mate->worker);
        double took = mate->seconds * (double)lease->count;
        end = mate->free_at += took;
        tasks++;
        farm_paced(mate->worker, lease->stage, lease->count, took);
        assert_int_equal(plan_done(plan, lease->start, lease->count, NULL), 0);
        assert_int_equal(farm_release(mate->worker, lease, NULL), 0);
    }
    double ideal = 100000 / (1 / mates[0].seconds + 1 / mates[1].seconds);
    if (end > 1.1 * ideal)
        fail_msg("%.1f s, expected at most %.1f", end, 1.1 * ideal);
    assert_in_range(tasks, 50, 250); /* of a few seconds each */
}

/* What a worker has taken for a stage says how large its first tasks of the next one like it are. */
static void a_stage_like_another_begins_at_its_pace(void **state)
{
    struct bench *b = *state;
    struct farm_stage *known = &add_job(b, "anna", 0, 100000)->stages[0];
    struct farm_stage *like = &add_job(b, "anna", 0, 100000)->stages[0];
    struct farm_stage *wider = &add_job(b, "anna", 0, 100000)->stages[0];
    wider->variants = known->variants + 1;
    assert_true(farm_pace(b->worker, like) <= 0);
    farm_paced(b->worker, known, 100, 0.2);
    assert_true(fabs(farm_pace(b->worker, like) - 0.002) < 1e-9);
    assert_true(farm_pace(b->worker, wider) <= 0);
    farm_paced(b->worker, like, 100, 0.4); /* from then on its own counts, */
    assert_true(fabs(farm_pace(b->worker, like) - 0.004) < 1e-9);
    assert_true(fabs(farm_pace(b->worker, known) - 0.002) < 1e-9);
    struct farm_stage *newest = &add_job(b, "anna", 0, 100000)->stages[0];
    assert_true(fabs(farm_pace(b->worker, newest) - 0.004) < 1e-9); /* and is what is newest */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(shares_divide_the_farm),    TEST(long_tasks_count_more),
        TEST(absence_earns_nothing),     TEST(priority_then_deadline_then_turns),
        TEST(priority_is_within_a_user), TEST(interactive_jobs_overtake),
        TEST(paused_jobs_get_nothing),   TEST(queues_are_counted_in_tasks),
        TEST(a_mixed_fleet_is_as_fast_as_its_sum),
        TEST(a_stage_like_another_begins_at_its_pace),
        TEST(tasks_go_where_their_needs_are_met),
        TEST(classes_run_out_and_come_back),
        TEST(others_must_match_to_be_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
