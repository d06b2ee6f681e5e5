/* Jobs, workers and leases in memory, with a time that the test makes up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/farm.h"
#include "common/clock.h"

static struct farm_bundle *add_bundle(struct farm *farm)
{
    static const char *const names[] = {"Smiling", "Male"};
    struct farm_bundle *added = NULL;
    struct bundle *bundle = calloc(1, sizeof *bundle);
    bundle->attributes = (const char **)(uintptr_t)names;
    bundle->attributes_count = 2;
    bundle->generator.latent.dimension = 8;
    assert_int_equal(farm_add_bundle(farm, 1, "hash", &bundle, &added, NULL), 0);
    assert_int_equal(added->boundary_count, 2);
    return added;
}

/* What bundle_free must not see: the bundle is the test's own. */
static void free_farm(struct farm *farm)
{
    free(farm->bundles->bundle);
    farm->bundles->bundle = NULL;
    farm_free(farm);
}

static struct farm_job *add_job(struct farm *farm, int64_t id, int count)
{
    char yaml[512];
    struct error err = {0};
    struct spec *spec = NULL;
    struct farm_job *job = NULL;
    snprintf(yaml, sizeof yaml,
             "format: facefarm-job/1\nname: j\nbundle: b\nstages:\n"
             "  - {kind: label, name: a, count: %d, task_size: 10}\n"
             "  - {kind: label, name: b, count: 10, task_size: 10}\n",
             count);
    if (spec_parse(yaml, strlen(yaml), &spec, &err) < 0 ||
        farm_make_job(farm->bundles, &spec, yaml, &job, &err) < 0)
        fail_msg("%s", err.text);
    job->id = id;
    for (uint32_t i = 0; i < 2; i++) {
        job->stages[i].id = id * 10 + i;
        job->stages[i].state = STATES_STAGE_RUNNING;
    }
    assert_int_equal(farm_add_job(farm, job, NULL), 0);
    return job;
}

static struct farm_worker *add_worker(struct farm *farm, uint64_t session, uint32_t credit)
{
    struct farm_worker *worker = NULL;
    struct socket_identity identity = {4, {0, 0, 0, (uint8_t)session}, ""};
    assert_int_equal(farm_add_worker(farm, session, &worker, NULL), 0);
    worker->state = FARM_ALIVE;
    worker->credit = credit;
    farm_connect(farm, worker, &identity);
    return worker;
}

static struct farm_lease *lease(struct farm *farm, struct farm_worker *worker)
{
    struct farm_lease *made = NULL;
    return farm_lease(farm, worker, 7, &made, NULL) > 0 ? made : NULL;
}

static void jobs_take_turns_and_stages_do_not(void **state)
{
    struct farm farm = {0};
    (void)state;
    add_bundle(&farm);
    struct farm_job *one = add_job(&farm, 1, 20), *two = add_job(&farm, 2, 10);
    struct farm_worker *worker = add_worker(&farm, 1, 10);
    const struct farm_stage *expected[] = {&one->stages[0], &two->stages[0], &one->stages[0],
                                           &two->stages[1], &one->stages[1]};
    uint64_t epoch = 0;
    for (size_t i = 0; i < 5; i++) {
        struct farm_lease *made = lease(&farm, worker);
        assert_non_null(made);
        assert_ptr_equal(made->stage, expected[i]);
        assert_true(made->epoch > epoch);
        epoch = made->epoch;
    }
    assert_null(lease(&farm, worker));
    assert_int_equal(worker->held, 5);
    free_farm(&farm);
}

static void credit_bounds_and_release_returns(void **state)
{
    struct farm farm = {0};
    (void)state;
    add_bundle(&farm);
    struct farm_job *job = add_job(&farm, 1, 100);
    struct farm_worker *one = add_worker(&farm, 1, 2), *two = add_worker(&farm, 2, 1);
    struct farm_lease *first = lease(&farm, one);
    lease(&farm, one);
    assert_null(lease(&farm, one)); /* credit 2 */
    assert_int_equal(job->stages[0].plan.leased_count, 20);
    assert_int_equal(farm_release(one, first, NULL), 0);
    assert_int_equal(job->stages[0].plan.leased_count, 10);
    struct farm_lease *again = lease(&farm, two);
    assert_int_equal(again->start, 0);
    assert_int_equal(again->count, 10);
    assert_ptr_equal(farm_find_lease(two, &job->stages[0], 0, 10), again);
    assert_null(farm_find_lease(one, &job->stages[0], 0, 10));
    two->state = FARM_LOST;
    two->credit = 5;
    assert_null(lease(&farm, two));
    /* A stage that ends takes its leases along, whoever holds them. */
    assert_true(farm_drop_leases(one, &job->stages[0]));
    assert_false(farm_drop_leases(one, &job->stages[0]));
    assert_int_equal(one->held, 0);
    free_farm(&farm);
}

static void a_session_keeps_its_leases_over_connections(void **state)
{
    struct farm farm = {0};
    struct socket_identity elsewhere = {3, "xyz", ""};
    (void)state;
    add_bundle(&farm);
    add_job(&farm, 1, 100);
    struct farm_worker *one = add_worker(&farm, 1, 2), *same;
    lease(&farm, one);
    struct socket_identity before = one->identity;
    assert_int_equal(farm_add_worker(&farm, 1, &same, NULL), 0);
    assert_ptr_equal(same, one);
    farm_connect(&farm, same, &elsewhere);
    assert_null(farm_find_identity(&farm, &before));
    assert_ptr_equal(farm_find_identity(&farm, &elsewhere), one);
    assert_int_equal(one->held, 1);
    /* Another session on that connection: the first is no longer there. */
    struct farm_worker *two = add_worker(&farm, 2, 1);
    farm_connect(&farm, two, &elsewhere);
    assert_ptr_equal(farm_find_identity(&farm, &elsewhere), two);
    assert_int_equal(one->identity.size, 0);
    free_farm(&farm);
}

static void jobs_leave_the_ring(void **state)
{
    struct farm farm = {0};
    (void)state;
    add_bundle(&farm);
    struct farm_job *jobs[3];
    for (int i = 0; i < 3; i++)
        jobs[i] = add_job(&farm, i + 1, 100);
    struct farm_worker *worker = add_worker(&farm, 1, 60);
    assert_ptr_equal(lease(&farm, worker)->stage->job, jobs[0]);
    farm_remove_job(&farm, jobs[1]); /* whose turn it is */
    farm_free_job(&jobs[1]);
    assert_null(farm_find_job(&farm, 2));
    assert_null(farm_find_stage(&farm, 20));
    assert_ptr_equal(lease(&farm, worker)->stage->job, jobs[2]);
    assert_ptr_equal(lease(&farm, worker)->stage->job, jobs[0]);
    free_farm(&farm);
}

static void rates_are_of_the_last_seconds(void **state)
{
    struct farm_rate rate = {0};
    (void)state;
    assert_true(farm_rate_of(&rate, 0) == 0);
    for (int64_t s = 0; s < 100; s++)
        farm_rate_add(&rate, s * CLOCK_SECOND, 50);
    assert_true(farm_rate_of(&rate, 99 * CLOCK_SECOND) == 50);
    assert_true(farm_rate_of(&rate, 105 * CLOCK_SECOND) < 25);
    assert_true(farm_rate_of(&rate, 200 * CLOCK_SECOND) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_take_turns_and_stages_do_not),
        cmocka_unit_test(credit_bounds_and_release_returns),
        cmocka_unit_test(a_session_keeps_its_leases_over_connections),
        cmocka_unit_test(jobs_leave_the_ring),
        cmocka_unit_test(rates_are_of_the_last_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
