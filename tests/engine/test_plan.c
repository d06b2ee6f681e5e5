/* The memory plan: blocks that live at the same time never overlap, and memory is reused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "worker/engine/plan.h"

#define BLOCKS 60
#define STEPS 40

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* The most bytes alive at one step: no plan can need less. */
static size_t alive_most(const struct plan_block *blocks, size_t count)
{
    size_t most = 0;
    for (int step = 0; step < STEPS; step++) {
        size_t alive = 0;
        for (size_t i = 0; i < count; i++)
            if (blocks[i].first <= step && step <= blocks[i].last)
                alive += blocks[i].bytes;
        most = alive > most ? alive : most;
    }
    return most;
}

static void check_plan(const struct plan_block *blocks, size_t count, size_t arena)
{
    for (size_t i = 0; i < count; i++) {
        const struct plan_block *a = &blocks[i];
        assert_true(a->offset + a->bytes <= arena);
        assert_int_equal(a->offset % 128, 0);
        for (size_t k = 0; k < i; k++) {
            const struct plan_block *b = &blocks[k];
            int meet = a->first <= b->last && b->first <= a->last;
            int overlap = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
            assert_false(meet && overlap);
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (int round = 0; round < 500; round++) {
        struct plan_block blocks[BLOCKS];
        size_t count = next(&random) % BLOCKS + 1, arena = 0, sum = 0;
        for (size_t i = 0; i < count; i++) {
            int first = (int)(next(&random) % STEPS);
            int last = first + (int)(next(&random) % 6);
            blocks[i] = (struct plan_block){(next(&random) % 64 + 1) * 128, first,
                                            last < STEPS ? last : STEPS - 1, 0};
            sum += blocks[i].bytes;
        }
        assert_int_equal(plan_blocks(blocks, count, &arena, NULL), 0);
        check_plan(blocks, count, arena);
        assert_true(arena >= alive_most(blocks, count));
        assert_true(arena <= sum);
    }
}

/* A chain, where each tensor lives into the next step: two places are enough. */
static void test_chain(void **state)
{
    (void)state;
    struct plan_block blocks[BLOCKS];
    size_t arena = 0;
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = (struct plan_block){1024, i, i + 1, 0};
    assert_int_equal(plan_blocks(blocks, BLOCKS, &arena, NULL), 0);
    check_plan(blocks, BLOCKS, arena);
    assert_int_equal(arena, 2048);
}

static void test_none(void **state)
{
    (void)state;
    size_t arena = 1;
    assert_int_equal(plan_blocks(NULL, 0, &arena, NULL), 0);
    assert_int_equal(arena, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_chain),
                                       cmocka_unit_test(test_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
