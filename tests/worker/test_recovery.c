/* A lost device's states, on a clock that the test moves. */
#include "tests/common/check.h"

#include "common/clock.h"
#include "worker/recovery.h"

static struct recovery begin(void)
{
    return (struct recovery){.options = {CLOCK_SECOND, 5 * CLOCK_SECOND, 4}};
}

static void a_device_comes_back(void **state)
{
    (void)state;
    struct recovery recovery = begin();
    assert_int_equal(recovery.state, RECOVERY_READY);
    assert_false(recovery_due(&recovery, 1000 * CLOCK_SECOND));
    recovery_lost(&recovery, 100);
    assert_int_equal(recovery.state, RECOVERY_AWAY);
    assert_false(recovery_due(&recovery, 100 + CLOCK_SECOND - 1));
    assert_true(recovery_due(&recovery, 100 + CLOCK_SECOND));
    assert_int_equal(recovery.state, RECOVERY_OPENING);
    assert_false(recovery_due(&recovery, 1000 * CLOCK_SECOND)); /* once */
    recovery_opened(&recovery, true, 200);
    assert_int_equal(recovery.state, RECOVERY_READY);
}

static void delays_grow_and_end(void **state)
{
    (void)state;
    struct recovery recovery = begin();
    const int64_t delays[] = {1, 2, 4, 5};
    int64_t now = 0;
    recovery_lost(&recovery, now);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(recovery.due_at - now, delays[i] * CLOCK_SECOND);
        now = recovery.due_at;
        assert_true(recovery_due(&recovery, now));
        recovery_opened(&recovery, false, now);
    }
    assert_int_equal(recovery.state, RECOVERY_GIVEN_UP);
    assert_false(recovery_due(&recovery, INT64_MAX));
}

static void only_work_clears_the_count(void **state)
{
    (void)state;
    struct recovery recovery = begin();
    for (unsigned i = 1; i <= 4; i++) {
        recovery_lost(&recovery, 0);
        assert_int_equal(recovery.losses, i);
        assert_true(recovery_due(&recovery, recovery.due_at));
        recovery_opened(&recovery, true, 0);
    }
    struct recovery worked = recovery;
    recovery_lost(&recovery, 0);
    assert_int_equal(recovery.state, RECOVERY_GIVEN_UP);
    recovery_worked(&worked);
    recovery_lost(&worked, 7);
    assert_int_equal(worked.state, RECOVERY_AWAY);
    assert_int_equal(worked.due_at, 7 + CLOCK_SECOND);
}

static void the_defaults_are_some_minutes(void **state)
{
    (void)state;
    struct recovery recovery = {.options = recovery_defaults};
    int64_t now = 0;
    recovery_lost(&recovery, now);
    while (recovery.state == RECOVERY_AWAY) {
        now = recovery.due_at;
        assert_true(recovery_due(&recovery, now));
        recovery_opened(&recovery, false, now);
    }
    assert_int_equal(now, (1 + 2 + 4 + 8 + 16 + 32 + 60 + 60) * CLOCK_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_comes_back),
        cmocka_unit_test(delays_grow_and_end),
        cmocka_unit_test(only_work_clears_the_count),
        cmocka_unit_test(the_defaults_are_some_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
