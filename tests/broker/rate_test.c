/* Token buckets by a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "broker/rate.h"
#include "common/clock.h"

static struct socket_identity peer(uint32_t number)
{
    struct socket_identity identity = {.size = 5};
    memcpy(identity.bytes + 1, &number, sizeof number);
    return identity;
}

static void a_burst_is_fine_and_then_a_rate(void **state)
{
    struct rates rates = {0};
    struct socket_identity one = peer(1), other = peer(2);
    int64_t now = 1000 * CLOCK_SECOND;
    (void)state;
    for (int i = 0; i < LIMIT_RATE_BURST; i++) {
        assert_int_equal(rate_look(&rates, &one, now), RATE_FINE);
        rate_take(&rates, &one, 1, now);
    }
    for (int i = 0; i <= LIMIT_RATE_REFUSALS; i++) {
        assert_int_equal(rate_look(&rates, &one, now), RATE_REFUSE);
        rate_take(&rates, &one, 1, now);
    }
    assert_int_equal(rate_look(&rates, &one, now), RATE_DROP);
    assert_int_equal(rate_look(&rates, &other, now), RATE_FINE);
    for (int i = 0; i < 1000000; i++)
        rate_take(&rates, &one, 1, now);
    /* However long it went on: heard again soon after. */
    now += CLOCK_SECOND * (2 * LIMIT_RATE_REFUSALS + 2) / LIMIT_RATE;
    assert_int_equal(rate_look(&rates, &one, now), RATE_FINE);
    now += 3600 * CLOCK_SECOND;
    rate_take(&rates, &one, LIMIT_RATE_BURST, now);
    assert_int_equal(rate_look(&rates, &one, now), RATE_REFUSE);
    rates_free(&rates);
}

static void connections_are_forgotten(void **state)
{
    struct rates rates = {0};
    (void)state;
    for (uint32_t i = 0; i < 3 * LIMIT_RATE_CONNECTIONS; i++) {
        struct socket_identity from = peer(i);
        rate_take(&rates, &from, 2 * LIMIT_RATE_BURST, CLOCK_SECOND);
        assert_int_equal(rate_look(&rates, &from, CLOCK_SECOND), RATE_DROP);
    }
    /* The first have gone: they begin anew. */
    struct socket_identity first = peer(0);
    assert_int_equal(rate_look(&rates, &first, CLOCK_SECOND), RATE_FINE);
    rates_free(&rates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_fine_and_then_a_rate),
        cmocka_unit_test(connections_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
