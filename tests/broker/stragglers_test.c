/* Which tasks are lent a second time, with a time that the test makes up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/stragglers.h"

struct bench {
    struct farm farm;
    struct farm_job *job;
    struct farm_worker *slow, *idle;
    int64_t now; /* wall clock, ms */
};

static struct farm_worker *add_worker(struct bench *b, uint64_t session, uint32_t credit)
{
    struct farm_worker *worker;
    struct socket_identity identity = {.size = 1, .bytes = {(uint8_t)session}};
    assert_int_equal(farm_add_worker(&b->farm, session, &worker, NULL), 0);
    worker->id = (int64_t)session;
    worker->state = FARM_ALIVE;
    worker->credit = credit;
    farm_connect(&b->farm, worker, &identity);
    return worker;
}

/* Three tasks of ten, with which the slow worker is busy, and one that has nothing. */
static int open_bench(void **state)
{
    static const char *const names[] = {"Smiling", "Male"};
    static const char yaml[] = "format: facefarm-job/1\nname: j\nbundle: b\nstages:\n"
                               "  - {kind: label, name: a, count: 30, task_size: 10}\n";
    struct bench *b = calloc(1, sizeof *b);
    struct error err = {0};
    struct farm_bundle *added;
    struct spec *spec = NULL;
    struct bundle *bundle = calloc(1, sizeof *bundle);
    struct farm_lease *lease;
    bundle->attributes = (const char **)(uintptr_t)names;
    bundle->attributes_count = 2;
    bundle->generator.latent.dimension = 8;
    assert_int_equal(farm_add_bundle(&b->farm, 1, "hash", &bundle, &added, NULL), 0);
    if (spec_parse(yaml, strlen(yaml), &spec, &err) < 0 ||
        farm_make_job(b->farm.bundles, &spec, yaml, &b->job, &err) < 0)
        fail_msg("%s", err.text);
    b->job->id = 1;
    b->job->stages[0].id = 10;
    b->job->stages[0].state = STATES_STAGE_RUNNING;
    assert_int_equal(farm_add_job(&b->farm, b->job, NULL), 0);
    b->now = 1000000;
    b->slow = add_worker(b, 1, 3);
    b->idle = add_worker(b, 2, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(farm_lease(&b->farm, b->slow, b->now, &lease, NULL), 1);
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

/* Start of what is lent again now, or −1; *due receives when there may be something, from now on.
 */
static int64_t lend(struct bench *b, struct farm_worker *worker, int64_t *due)
{
    struct farm_lease *lease = NULL;
    int64_t due_ms;
    int rc = stragglers_lend(&b->farm, worker, b->now, &lease, &due_ms, NULL);
    assert_true(rc >= 0);
    if (due)
        *due = due_ms == INT64_MAX ? -1 : due_ms - b->now;
    return rc > 0 ? (int64_t)lease->start : -1;
}

static void what_waits_goes_first_and_once(void **state)
{
    struct bench *b = *state;
    int64_t due;
    farm_took(&b->job->stages[0], 10, 5); /* a task takes 5 s */
    assert_int_equal(lend(b, b->idle, &due), -1);
    assert_int_equal(due, STRAGGLERS_WAIT_MS);
    b->now += due;
    assert_int_equal(lend(b, b->idle, NULL), 20); /* the last in its queue */
    assert_int_equal(b->job->stages[0].plan.leased_count, 30);
    assert_int_equal(lend(b, b->idle, NULL), -1); /* it is not idle any more */
    struct farm_worker *third = add_worker(b, 3, 1);
    assert_int_equal(lend(b, third, NULL), 10);
    struct farm_worker *fourth = add_worker(b, 4, 1);
    assert_int_equal(lend(b, fourth, &due), -1); /* what runs is left until it is overdue */
    assert_int_equal(due, 2 * 5000 + STRAGGLERS_SLACK_MS - STRAGGLERS_WAIT_MS);
    b->now += due;
    assert_int_equal(lend(b, fourth, NULL), 0);
    b->now += 1000000;
    assert_int_equal(lend(b, add_worker(b, 5, 1), &due), -1); /* never a third lease */
    assert_int_equal(due, -1);
}

static void short_queues_are_left(void **state)
{
    struct bench *b = *state;
    int64_t due;
    farm_took(&b->job->stages[0], 10, 0.01);
    assert_int_equal(lend(b, b->idle, &due), -1);
    assert_int_equal(due, STRAGGLERS_SLACK_MS + 20);
    b->slow->delivered_ms = b->now + 500; /* it works */
    assert_int_equal(lend(b, b->idle, &due), -1);
    assert_int_equal(due, STRAGGLERS_SLACK_MS + 520);
}

static void the_unknown_gets_a_minute(void **state)
{
    struct bench *b = *state;
    struct farm_lease *lease;
    int64_t due;
    for (lease = b->slow->leases; b->slow->held > 1; lease = b->slow->leases) {
        assert_int_equal(plan_done(&lease->stage->plan, lease->start, lease->count, NULL), 0);
        assert_int_equal(farm_release(b->slow, lease, NULL), 0);
    }
    assert_int_equal(lend(b, b->idle, &due), -1);
    assert_int_equal(due, STRAGGLERS_UNKNOWN_MS + STRAGGLERS_SLACK_MS);
}

static void some_are_never_lent_again(void **state)
{
    struct bench *b = *state;
    struct farm_stage *stage = &b->job->stages[0];
    b->now += 1000000;
    b->idle->credit = 0;
    assert_int_equal(lend(b, b->idle, NULL), -1);
    b->idle->credit = 1;
    b->idle->draining = true;
    assert_int_equal(lend(b, b->idle, NULL), -1);
    b->idle->draining = false;
    for (struct farm_lease *lease = b->slow->leases; lease; lease = lease->next)
        lease->urgent = true;
    assert_int_equal(lend(b, b->idle, NULL), -1);
    for (struct farm_lease *lease = b->slow->leases; lease; lease = lease->next)
        lease->urgent = false;
    b->job->state = STATES_JOB_PAUSED;
    assert_int_equal(lend(b, b->idle, NULL), -1);
    b->job->state = STATES_JOB_RUNNING;
    assert_true(plan_failed(&stage->plan, 20, 10, 3, 1, NULL) >= 0);
    assert_int_equal(plan_done(&stage->plan, 10, 10, NULL), 0); /* by a late result */
    assert_int_equal(lend(b, b->idle, NULL), 0);
}

/* Whoever of the two gives up, the range stays lent; with both gone it is free, and was tried once.
 */
static void two_leases_are_one_range(void **state)
{
    struct bench *b = *state;
    struct plan *plan = &b->job->stages[0].plan;
    b->now += STRAGGLERS_WAIT_MS;
    assert_int_equal(lend(b, b->idle, NULL), 20);
    struct farm_lease *second = b->idle->leases, *first = second->twin;
    assert_ptr_equal(first->twin, second);
    assert_int_equal(first->worker->id, 1);
    assert_true(second->epoch > first->epoch);
    assert_int_equal(b->farm.lent, 4);
    assert_int_equal(farm_release(b->idle, second, NULL), 0);
    assert_null(first->twin);
    assert_int_equal(plan->leased_count, 30);
    assert_false(plan_has_work(plan));
    assert_int_equal(lend(b, b->idle, NULL), 10); /* another; the first was tried */
    assert_int_equal(farm_release(b->slow, first, NULL), 0);
    assert_int_equal(plan->leased_count, 20);
    assert_true(plan_has_work(plan));
    first = b->idle->leases->twin;
    assert_int_equal(farm_release(b->slow, first, NULL), 0);
    assert_int_equal(plan->leased_count, 20);
    assert_true(farm_drop_leases(b->idle, &b->job->stages[0]));
    assert_int_equal(b->farm.lent, 1);
}

/* What a worker kept over the broker's restart may be a straggler as well. */
static void adopted_leases_are_lent_again(void **state)
{
    struct bench *b = *state;
    struct farm_stage *stage = &b->job->stages[0];
    while (b->slow->leases)
        assert_int_equal(farm_release(b->slow, b->slow->leases, NULL), 0);
    for (uint64_t start = 0; start < 30; start += 10) {
        const struct wire_held_task held = {10, start, 10, 7, 0};
        assert_int_equal(farm_adopt(&b->farm, b->slow, stage, &held, b->now, NULL), 1);
    }
    farm_took(stage, 10, 5);
    assert_int_equal(lend(b, b->idle, NULL), -1);
    b->now += STRAGGLERS_WAIT_MS;
    assert_int_equal(lend(b, b->idle, NULL), 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(what_waits_goes_first_and_once), TEST(short_queues_are_left),
        TEST(the_unknown_gets_a_minute),      TEST(some_are_never_lent_again),
        TEST(two_leases_are_one_range),       TEST(adopted_leases_are_lent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
