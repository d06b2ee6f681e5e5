/* Every reason why a stage runs or does not, from a farm that the test makes up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/explain.h"

struct bench {
    struct farm farm;
    struct explain_view view;
    int64_t jobs;
    uint64_t workers;
};

static int open_bench(void **state)
{
    static const char *const names[] = {"Smiling", "Male"};
    struct bench *b = calloc(1, sizeof *b);
    struct farm_bundle *added;
    struct bundle *bundle = calloc(1, sizeof *bundle);
    bundle->attributes = (const char **)(uintptr_t)names;
    bundle->attributes_count = 2;
    bundle->generator.latent.dimension = 8;
    assert_int_equal(farm_add_bundle(&b->farm, 1, "hash", &bundle, &added, NULL), 0);
    b->view = (struct explain_view){.all = true, .now_ms = 1000000};
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

/* A label stage that runs, and a fit that waits for it. */
static struct farm_job *add_job(struct bench *b, const char *owner, const char *needs)
{
    char yaml[512];
    struct error err = {0};
    struct spec *spec = NULL;
    struct farm_job *job = NULL;
    snprintf(yaml, sizeof yaml,
             "format: facefarm-job/1\nname: j\nbundle: b\nstages:\n"
             "  - {kind: label, name: labels, count: 100, task_size: 10, needs: {%s}}\n"
             "  - {kind: fit, name: planes}\n",
             needs);
    if (spec_parse(yaml, strlen(yaml), &spec, &err) < 0 ||
        farm_make_job(b->farm.bundles, &spec, yaml, &job, &err) < 0)
        fail_msg("%s", err.text);
    job->id = ++b->jobs;
    snprintf(job->owner, sizeof job->owner, "%s", owner);
    job->stages[0].id = job->id * 10;
    job->stages[1].id = job->id * 10 + 1;
    job->stages[0].state = STATES_STAGE_RUNNING;
    assert_int_equal(farm_add_job(&b->farm, job, NULL), 0);
    return job;
}

static struct farm_worker *add_worker(struct bench *b, const char *kind, uint64_t memory,
                                      const char *labels)
{
    struct error err;
    struct farm_worker *worker;
    char name[32];
    struct socket_identity identity = {.size = 1, .bytes = {(uint8_t)++b->workers}};
    snprintf(name, sizeof name, "w%d", (int)b->workers);
    const struct farm_description description = {name, "here", "device", kind, labels, memory};
    assert_int_equal(farm_add_worker(&b->farm, b->workers, &worker, &err), 0);
    assert_int_equal(farm_describe_worker(&b->farm, worker, &description, &err), 0);
    worker->id = (int64_t)b->workers;
    worker->state = FARM_ALIVE;
    worker->credit = 1;
    farm_connect(&b->farm, worker, &identity);
    return worker;
}

static void work(struct bench *b, struct farm_worker *worker)
{
    struct farm_lease *lease;
    assert_int_equal(farm_lease(&b->farm, worker, 0, &lease, NULL), 1);
}

/* The reasons of a job's stage are these: "code: text" a line; the text may be cut. */
static void expect(struct bench *b, const struct farm_job *job, uint32_t stage, const char *wanted)
{
    struct explanation told = {0};
    struct error err;
    char found[8192] = "";
    size_t size = 0;
    assert_int_equal(explain_job(&b->farm, job, &b->view, &told, &err), 0);
    for (size_t i = 0; i < told.count; i++)
        if (strcmp(told.reasons[i].stage, job->stages[stage].spec->name) == 0)
            size += (size_t)snprintf(found + size, sizeof found - size, "%s%s: %s",
                                     size ? "\n" : "", told.reasons[i].code, told.reasons[i].text);
    assert_string_equal(found, wanted);
    explain_free(&told);
}

static void stages_wait_for_jobs_stages_and_people(void **state)
{
    struct bench *b = *state;
    struct farm_job *job = add_job(b, "anna", "");
    add_worker(b, "cpu", 0, "");
    assert_int_equal(plan_done(&job->stages[0].plan, 0, 30, NULL), 0);
    expect(b, job, 1, "input: it waits for stage labels: 30 of 100 indices are done");
    job->state = STATES_JOB_PAUSED;
    expect(b, job, 0, "paused: the job is paused; facefarm job resume lets it go on");
    job->state = STATES_JOB_RUNNING;
    job->stages[0].reducing = 1;
    expect(b, job, 0, "reducing: all of it is done, what its rows come to is being computed");
    job->stages[0].reducing = 0;
    job->stages[0].state = STATES_STAGE_WAITING;
    job->after = 7;
    job->after_state = FARM_AFTER_OPEN;
    expect(b, job, 0, "follows: the job follows job 7, which is not done yet");
    expect(b, job, 1, "follows: the job follows job 7, which is not done yet");
    job->stages[0].state = STATES_STAGE_DONE;
    expect(b, job, 0, "done: all of it is done");
}

static void nobody_is_there(void **state)
{
    struct bench *b = *state;
    struct farm_job *job = add_job(b, "anna", "");
    expect(b, job, 0, "no_worker: no worker is connected");
    struct farm_worker *worker = add_worker(b, "cpu", 0, "");
    worker->state = FARM_LOST;
    expect(b, job, 0,
           "no_worker: no worker is connected\n"
           "lost: worker w1 on here could, and is not connected any more");
    b->view.restarted = true;
    expect(b, job, 0,
           "restarted: the broker was started anew and waits for the workers that were connected "
           "before, as they may hold its tasks");
}

static void nobody_has_what_it_needs(void **state)
{
    struct bench *b = *state;
    struct farm_job *zone = add_job(b, "anna", "labels: {zone: a}");
    struct farm_job *gpu = add_job(b, "anna", "device: gpu, memory: 8G");
    struct farm_job *both = add_job(b, "anna", "device: cpu, labels: {rack: 3}");
    add_worker(b, "cpu", (uint64_t)4 << 30, "");
    expect(b, zone, 0, "no_match: 1 worker is connected, none has the label zone=a");
    add_worker(b, "other", (uint64_t)6 << 30, "rack=3");
    expect(
        b, gpu, 0,
        "no_match: 2 workers are connected, none has a device of kind gpu, none has 8G of memory "
        "(the most is 6.0G)");
    expect(
        b, both, 0,
        "no_match: 2 workers are connected, none has all that it needs: a device of kind cpu: 1, "
        "the label rack=3: 1");
    struct farm_worker *fit = add_worker(b, "cpu", 0, "rack=3");
    farm_connect(&b->farm, fit, NULL);
    fit->state = FARM_GONE;
    expect(
        b, both, 0,
        "no_match: 2 workers are connected, none has all that it needs: a device of kind cpu: 1, "
        "the label rack=3: 1\nlost: worker w3 on here could, and is not connected any more");
}

static void no_class_that_is_declared_has_it(void **state)
{
    static const char text[] = "laptops device=cpu memory=16G\ncards device=gpu memory=80G\n";
    struct bench *b = *state;
    struct fleet fleet = {0};
    struct error err;
    struct farm_job *job = add_job(b, "anna", "device: cpu, memory: 32G");
    struct farm_job *could = add_job(b, "anna", "device: gpu");
    assert_int_equal(fleet_parse(text, strlen(text), &fleet, &err), 0);
    b->view.fleet = &fleet;
    add_worker(b, "cpu", (uint64_t)4 << 30, "");
    expect(b, job, 0,
           "no_match: 1 worker is connected, none has 32G of memory (the most is 4.0G)\n"
           "no_class: no class of workers has all that it needs: device cpu: laptops; memory 32G: "
           "cards; the classes are laptops, cards");
    expect(b, could, 0, "no_match: 1 worker is connected, none has a device of kind gpu");
    fleet_free(&fleet);
}

static void who_could_gets_no_tasks(void **state)
{
    struct bench *b = *state;
    struct farm_job *job = add_job(b, "anna", "device: gpu");
    add_worker(b, "cpu", 0, "");
    struct farm_worker *one = add_worker(b, "gpu", 0, ""), *two = add_worker(b, "gpu", 0, ""),
                       *three = add_worker(b, "gpu", 0, "");
    one->draining = true;
    two->aside = strdup("4 tasks failed here in a row");
    three->credit = 0;
    expect(b, job, 0,
           "draining: worker w2 on here is draining: it finishes what runs and ends\n"
           "aside: worker w3 on here is set aside: 4 tasks failed here in a row\n"
           "unready: worker w4 on here wants no tasks: its device is lost, or it ends");
}

static void who_could_works_for_others(void **state)
{
    struct bench *b = *state;
    struct farm_job *job = add_job(b, "anna", ""), *other = add_job(b, "anna", "");
    struct farm_job *berts = add_job(b, "bert", "");
    struct farm_worker *one = add_worker(b, "cpu", 0, "");
    work(b, one);
    expect(b, job, 0, "running: 1 task is with 1 worker; 0 of 100 indices are done, 90 wait");
    expect(b, other, 0, "busy: the worker that could is busy: 1 task of job 1 (they take turns)");
    expect(b, berts, 0,
           "busy: the worker that could is busy: 1 task of job 1 (of anna, whose share is 1, "
           "bert's is 1)");
    b->view.all = false;
    expect(b, berts, 0, "busy: the worker that could is busy: 1 of other users, by their shares");
    job->priority = 5;
    expect(b, other, 0,
           "busy: the worker that could is busy: 1 task of job 1 (priority 5, this one's is 0)");
    job->priority = 0;
    job->deadline_ms = 2000000;
    expect(b, other, 0,
           "busy: the worker that could is busy: 1 task of job 1 (its deadline is earlier)");
    job->interactive = true;
    expect(b, other, 0, "busy: the worker that could is busy: 1 task of job 1 (it is interactive)");
    job->interactive = false;
    struct farm_worker *two = add_worker(b, "cpu", 0, "");
    work(b, two); /* bert's turn */
    expect(
        b, other, 0,
        "busy: the 2 workers that could are busy: 1 task of job 1 (its deadline is earlier), 1 of "
        "other users, by their shares");
    job->stages[1].state = STATES_STAGE_RUNNING;
    expect(b, job, 1,
           "busy: the 2 workers that could are busy: 1 of other users, by their shares, 1 of this "
           "job's other stages");
}

static void what_is_left_waits_for_somebody_else(void **state)
{
    struct bench *b = *state;
    struct farm_job *job = add_job(b, "anna", "");
    struct farm_worker *one = add_worker(b, "cpu", 0, "");
    add_worker(b, "cpu", 0, "");
    assert_int_equal(plan_done(&job->stages[0].plan, 0, 90, NULL), 0);
    assert_true(plan_failed(&job->stages[0].plan, 90, 10, 3, one->id, NULL) >= 0);
    expect(b, job, 0,
           "left: what is left failed on the workers that have room for it, and waits for another; "
           "facefarm job failures says how");
}

static void poison_limits_and_deadlines_are_told(void **state)
{
    struct bench *b = *state;
    struct farm_job *job = add_job(b, "anna", "");
    struct farm_worker *one = add_worker(b, "cpu", 0, "");
    assert_int_equal(plan_poison(&job->stages[0].plan, 5, 2, NULL), 0);
    work(b, one);
    job->deadline_ms = 940000;
    job->user->most_jobs = 1;
    expect(b, job, 0,
           "running: 1 task is with 1 worker; 0 of 100 indices are done, 93 wait\n"
           "poison: 2 of 100 indices are set aside after 3 attempts each; facefarm job failures 1 "
           "says why, facefarm job retry 1 --failed tries again\n"
           "deadline: its deadline passed 60 s ago: nothing ends by that, among equals it still "
           "comes first\n"
           "limit: anna has 1 open jobs, 1 are allowed: the next one will be refused");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(stages_wait_for_jobs_stages_and_people),
        TEST(nobody_is_there),
        TEST(nobody_has_what_it_needs),
        TEST(no_class_that_is_declared_has_it),
        TEST(who_could_gets_no_tasks),
        TEST(who_could_works_for_others),
        TEST(what_is_left_waits_for_somebody_else),
        TEST(poison_limits_and_deadlines_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
