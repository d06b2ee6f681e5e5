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
    .classifier = {.attributes_count = 40},
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
    assert_int_equal(plan_cut(plan, &range, NULL), 1);
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
    assert_int_equal(plan_cut(&plan, &range, NULL), 0);
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

static void attempts_add_up_and_poison_is_set_aside(void **state)
{
    (void)state;
    struct interval range;
    struct plan plan = make((struct spec_stage){.kind = SPEC_LABEL, .count = 1024});
    for (int attempt = 1; attempt <= 3; attempt++) {
        cut(&plan, 0, 512);
        assert_int_equal(plan_return(&plan, 0, 512, NULL), 0);
        assert_int_equal(plan_attempt(&plan, 0, 512, 1, NULL), attempt);
    }
    assert_int_equal(plan_poison(&plan, 0, 512, NULL), 0);
    cut(&plan, 512, 1024);
    assert_int_equal(plan_cut(&plan, &range, NULL), 0);
    assert_false(plan_is_over(&plan));
    assert_int_equal(plan_done(&plan, 512, 512, NULL), 0);
    assert_true(plan_is_over(&plan));
    assert_false(plan_is_complete(&plan));
    /* A late result of the poisoned range still counts. */
    assert_int_equal(plan_done(&plan, 0, 512, NULL), 0);
    assert_true(plan_is_complete(&plan));
    assert_int_equal(plan.poisoned_count, 0);
    assert_int_equal(plan.leased_count, 0);
    assert_int_equal(plan_attempts(&plan, 0), 0);
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
    struct bundle wide = {.classifier = {.attributes_count = 512}};
    struct spec_stage stage = {.kind = SPEC_EDIT,
                               .name = sheets,
                               .faces = 4096,
                               .targets_count = 1,
                               .targets = targets,
                               .conditions_count = 1,
                               .distances = {.steps = 64}};
    assert_int_equal(plan_init(&plan, &stage, &wide, &err), E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_tasks_by_kind),
        cmocka_unit_test(cuts_until_nothing_is_left),
        cmocka_unit_test(a_billion_costs_what_ten_costs),
        cmocka_unit_test(attempts_add_up_and_poison_is_set_aside),
        cmocka_unit_test(parts_of_a_lease_return),
        cmocka_unit_test(refuses_a_unit_that_fits_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
