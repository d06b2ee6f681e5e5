/* Cutting tasks and counting progress, alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/plan.h"
#include "common/clock.h"
#include "common/limits.h"

static struct bundle bundle = {
    .generator = {.latent = {.dimension = 128}},
    .attributes_count = 40,
    .age_estimators_count = 2,
};

static char letters[5][2] = {"a", "b", "c", "d", "e"};
static char *targets[5] = {letters[0], letters[1], letters[2], letters[3], letters[4]};
static char sheets[] = "sheets";

static struct plan make(struct spec_stage stage)
{
    struct plan plan;
    struct error err = {0};
    if (plan_init(&plan, &stage, &bundle, &err) < 0)
        fail_msg("%s", err.text);
    return plan;
}

static void cut(struct plan *plan, uint64_t start, uint64_t end)
{
    struct interval range;
    assert_int_equal(plan_cut(plan, 0, plan->size, &range, NULL), 1);
    assert_int_equal(range.start, start);
    assert_int_equal(range.end, end);
}

static void sizes_tasks_by_kind(void **state)
{
    (void)state;
    struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 20000});
    assert_int_equal(plan.size, 512);
    assert_int_equal(plan.total, 20000);
    plan = make((struct spec_stage){.kind = SPEC_FIT});
    assert_int_equal(plan.total, 41);
    assert_int_equal(plan.size, 11);
    plan = make((struct spec_stage){.kind = SPEC_EDIT,
                                    .faces = 3,
                                    .targets_count = 5,
                                    .targets = targets,
                                    .distances = {.steps = 7}});
    assert_int_equal(plan.total, 15);
    assert_int_equal(plan.size, 3);
    /* A task's size is a multiple of what may not be cut, and its scores fit into a message. */
    plan = make((struct spec_stage){.kind = SPEC_EDIT,
                                    .faces = 3,
                                    .targets_count = 5,
                                    .task_size = 8,
                                    .targets = targets,
                                    .distances = {.steps = 7}});
    assert_int_equal(plan.size, 6);
    plan = make((struct spec_stage){.kind = SPEC_EVALUATE, .count = 1000000, .task_size = 65536});
    assert_true(plan.size * 2 * 42 * 4 <= LIMIT_ROWS_BYTES);
}

static void cuts_until_nothing_is_left(void **state)
{
    (void)state;
    struct interval range;
    struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1100});
    cut(&plan, 0, 512);
    cut(&plan, 512, 1024);
    cut(&plan, 1024, 1100);
    assert_int_equal(plan_cut(&plan, 0, plan.size, &range, NULL), 0);
    assert_int_equal(plan.leased_count, 1100);
    assert_int_equal(plan_done(&plan, 0, 512, NULL), 0);
    assert_int_equal(plan_return(&plan, 512, 512, NULL), 0);
    cut(&plan, 512, 1024); /* as before */
    assert_int_equal(plan_done(&plan, 1024, 76, NULL), 0);
    assert_false(plan_is_complete(&plan));
    assert_int_equal(plan_done(&plan, 512, 512, NULL), 0);
    assert_true(plan_is_complete(&plan));
    assert_int_equal(plan.leased_count, 0);
    assert_int_equal(plan_return(&plan, 512, 512, NULL), 0); /* a second holder of a done range */
    assert_int_equal(plan.leased_count, 0);
    assert_true(plan_is_complete(&plan));
    plan_free(&plan);
}

static void a_billion_costs_what_ten_costs(void **state)
{
    (void)state;
    struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1000000000});
    for (int i = 0; i < 1000; i++)
        cut(&plan, (uint64_t)i * 512, (uint64_t)i * 512 + 512);
    assert_int_equal(plan.taken.count, 1);
    for (int i = 999; i >= 0; i--)
        assert_int_equal(plan_done(&plan, (uint64_t)i * 512, 512, NULL), 0);
    assert_int_equal(plan.done.count, 1);
    assert_int_equal(plan.done_count, 512000);
    plan_free(&plan);
}

/* Whether a sample fails wherever it runs. */
static bool is_bad(const uint64_t *bad, size_t count, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < count; i++)
        if (bad[i] >= start && bad[i] < end)
            return true;
    return false;
}

/* Runs a stage whose bad samples fail every task that holds them; returns how many attempts failed.
 */
static unsigned run_with(struct plan *plan, const uint64_t *bad, size_t count, uint32_t attempts)
{
    struct interval range;
    unsigned failures = 0;
    while (plan_cut(plan, 0, plan->size, &range, NULL) == 1) {
        uint64_t length = range.end - range.start;
        assert_int_equal(range.start % plan->unit, 0);
        if (!is_bad(bad, count, range.start, range.end)) {
            assert_int_equal(plan_done(plan, range.start, length, NULL), 0);
            continue;
        }
        failures++;
        assert_int_equal(plan_return(plan, range.start, length, NULL), 0);
        if (plan_failed(plan, range.start, length, attempts, 0, NULL) == PLAN_SPENT) {
            assert_int_equal(length, plan->unit);
            assert_int_equal(plan_poison(plan, range.start, length, NULL), 0);
        }
    }
    assert_true(plan_is_over(plan));
    assert_int_equal(plan->leased_count, 0);
    assert_int_equal(plan->suspects_count, 0);
    return failures;
}

static void a_bad_sample_ends_up_alone(void **state)
{
    (void)state;
    for (uint64_t bad = 0; bad < 1100; bad += 61) {
        struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1100});
        unsigned failures = run_with(&plan, &bad, 1, 3);
        assert_true(failures <= 2 + 9 + 3);
        assert_int_equal(plan.done_count, 1099);
        assert_int_equal(plan.poisoned.count, 1);
        assert_int_equal(plan.poisoned.items[0].start, bad);
        plan_free(&plan);
    }
    /* Wherever the bad ones are, they alone are set aside. */
    uint64_t many[40];
    for (size_t i = 0; i < 40; i++)
        many[i] = i * i * 3 % 5000;
    for (uint32_t attempts = 1; attempts < 4; attempts++) {
        struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 5000});
        run_with(&plan, many, 40, attempts);
        for (uint64_t i = 0; i < 5000; i++)
            assert_int_equal(interval_set_contains(&plan.poisoned, i, i + 1),
                             is_bad(many, 40, i, i + 1));
        plan_free(&plan);
    }
}

static void units_are_not_cut(void **state)
{
    (void)state;
    uint64_t bad = 7;
    struct plan plan = make((struct spec_stage){.kind = SPEC_EDIT,
                                                .faces = 3,
                                                .targets_count = 5,
                                                .task_size = 15,
                                                .targets = targets,
                                                .distances = {.steps = 7}});
    run_with(&plan, &bad, 1, 3);
    assert_int_equal(plan.poisoned.count, 1);
    assert_int_equal(plan.poisoned.items[0].start, 6);
    assert_int_equal(plan.poisoned.items[0].end, 9);
    plan_free(&plan);
}

static void what_failed_somewhere_is_left_to_others(void **state)
{
    (void)state;
    struct interval range;
    struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1024});
    cut(&plan, 0, 512);
    assert_int_equal(plan_return(&plan, 0, 512, NULL), 0);
    assert_int_equal(plan_failed(&plan, 0, 512, 3, 77, NULL), PLAN_AGAIN);
    assert_int_equal(plan_attempts(&plan, 5), 1);
    assert_int_equal(plan_cut(&plan, 77, plan.size, &range, NULL), 1);
    assert_int_equal(range.start, 512);
    assert_int_equal(plan_cut(&plan, 77, plan.size, &range, NULL), 0);
    cut(&plan, 0, 512);
    plan_free(&plan);
}

static void poison_may_be_forgiven_or_done(void **state)
{
    (void)state;
    uint64_t bad = 3;
    struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1024});
    run_with(&plan, &bad, 1, 3);
    assert_false(plan_is_complete(&plan));
    assert_int_equal(plan_forgive(&plan, NULL), 0);
    assert_int_equal(plan.poisoned_count, 0);
    assert_false(plan_is_over(&plan));
    cut(&plan, 3, 4);
    assert_int_equal(plan_return(&plan, 3, 1, NULL), 0);
    assert_int_equal(plan_poison(&plan, 3, 1, NULL), 0);
    /* A late result of the poisoned range still counts. */
    assert_int_equal(plan_done(&plan, 3, 1, NULL), 0);
    assert_true(plan_is_complete(&plan));
    assert_int_equal(plan.poisoned_count, 0);
    assert_int_equal(plan.leased_count, 0);
    plan_free(&plan);
}

static void a_stage_where_nothing_succeeds_is_hopeless(void **state)
{
    (void)state;
    struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1000000});
    for (uint64_t i = 0; i < PLAN_HOPELESS_UNITS; i++) {
        assert_false(plan_is_hopeless(&plan));
        assert_int_equal(plan_poison(&plan, i, 1, NULL), 0);
    }
    assert_true(plan_is_hopeless(&plan));
    assert_int_equal(plan_done(&plan, 5000, 1, NULL), 0);
    assert_false(plan_is_hopeless(&plan));
    for (uint64_t i = 0; i < PLAN_POISON_MOST; i++)
        assert_int_equal(plan_poison(&plan, i, 1, NULL), 0);
    assert_true(plan_is_hopeless(&plan));
    plan_free(&plan);
}

/* A result may cover another range than was leased: what is left of the lease goes back. */
static void parts_of_a_lease_return(void **state)
{
    (void)state;
    struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1024});
    cut(&plan, 0, 512);
    assert_int_equal(plan_done(&plan, 100, 500, NULL), 0);
    assert_int_equal(plan.leased_count, 100);
    assert_int_equal(plan_return(&plan, 0, 512, NULL), 0);
    assert_int_equal(plan.leased_count, 0);
    cut(&plan, 0, 100);
    cut(&plan, 600, 1024);
    assert_int_equal(plan_done(&plan, 0, 100, NULL), 0);
    assert_int_equal(plan_done(&plan, 600, 424, NULL), 0);
    assert_true(plan_is_complete(&plan));
    plan_free(&plan);
}

static void refuses_a_unit_that_fits_no_message(void **state)
{
    (void)state;
    struct plan plan;
    struct error err = {0};
    struct bundle wide = {.attributes_count = 512};
    struct spec_stage stage = {.kind = SPEC_EDIT,
                               .name = sheets,
                               .faces = 4096,
                               .targets_count = 1,
                               .targets = targets,
                               .conditions_count = 1,
                               .distances = {.steps = 64}};
    assert_int_equal(plan_init(&plan, &stage, &wide, &err), E_LIMIT);
}

/* Powers of two that take PLAN_SECONDS, whole batches where those are quick enough, and shorter near
 * the end. */
static void sizes_adapt(void **state)
{
    (void)state;
    struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1000000});
    assert_true(plan.adapts);
    assert_int_equal(plan_length(&plan, 0, 6), PLAN_FIRST);
    assert_int_equal(plan_length(&plan, 0.001, 6), 2048); /* of 4000 in four seconds */
    assert_int_equal(plan_length(&plan, 1, 6), 4);
    assert_int_equal(plan_length(&plan, 100, 6), 1);
    assert_int_equal(plan_length(&plan, 1e-9, 6), plan.most < 65536 ? plan.most : 65536);
    plan.done_count = 1000000 - 6000; /* 500 for each of the six, twice */
    assert_int_equal(plan_length(&plan, 0.001, 6), 256);
    plan.done_count = 1000000 - 100;
    assert_int_equal(plan_length(&plan, 0.001, 6), PLAN_BATCH);
    assert_int_equal(plan_length(&plan, 0.01, 6), 32); /* a batch takes longer than half a second */
    plan_free(&plan);
    plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1000000, .task_size = 48});
    assert_int_equal(plan_length(&plan, 0.001, 6), 48);
    plan_free(&plan);
    /* Its files bear its ranges. */
    plan = make((struct spec_stage){.kind = SPEC_SAMPLE, .count = 1000000});
    assert_int_equal(plan_length(&plan, 0.001, 6), plan.size);
    plan_free(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_tasks_by_kind),
        cmocka_unit_test(sizes_adapt),
        cmocka_unit_test(cuts_until_nothing_is_left),
        cmocka_unit_test(a_billion_costs_what_ten_costs),
        cmocka_unit_test(a_bad_sample_ends_up_alone),
        cmocka_unit_test(units_are_not_cut),
        cmocka_unit_test(what_failed_somewhere_is_left_to_others),
        cmocka_unit_test(poison_may_be_forgiven_or_done),
        cmocka_unit_test(a_stage_where_nothing_succeeds_is_hopeless),
        cmocka_unit_test(parts_of_a_lease_return),
        cmocka_unit_test(refuses_a_unit_that_fits_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
