/* Searching along two edits at once: the root within tolerances and box, and an honest word where
 * there is none. */
#include "tests/common/check.h"

#include <math.h>

#include "common/search_pair.h"

typedef void (*values)(const double at[2], double f[2]);

static void flat(const double at[2], double f[2])
{
    f[0] = 2 * at[0] - at[1] - 3;
    f[1] = at[0] + 3 * at[1] + 2;
}

/* As networks are: each direction moves both, and less and less. */
static void bent(const double at[2], double f[2])
{
    f[0] = 3 * tanh(at[0] / 3 + 0.2 * sin(at[1])) + 0.4 * at[1] - 1.5;
    f[1] = 20 * tanh(at[1] / 5) - 2 * at[0] + 0.3 * at[0] * at[0] + 6;
}

static void alike(const double at[2], double f[2])
{
    f[0] = at[0] + at[1] - 1;
    f[1] = at[0] + at[1] + 1;
}

static void away(const double at[2], double f[2])
{
    f[0] = at[0] - 30;
    f[1] = at[1] - 1;
}

static enum move_end run(values of, unsigned most, double at[2], double f[2], unsigned *asked)
{
    struct search_pair s = {.limit = 10, .tolerance = {0.01, 0.1}, .most = most};
    double where[2] = {0, 0};
    of(where, f);
    search_pair_begin(&s, f);
    while (search_pair_next(&s, where)) {
        assert_true(fabs(where[0]) <= 10 && fabs(where[1]) <= 10);
        of(where, f);
        search_pair_take(&s, f);
    }
    assert_true(s.asked <= most);
    *asked = s.asked;
    enum move_end end = search_pair_result(&s, at);
    of(at, f);
    return end;
}

static void both_are_met(void **state)
{
    (void)state;
    const values cases[] = {flat, bent};
    for (size_t i = 0; i < 2; i++) {
        double at[2], f[2];
        unsigned asked;
        assert_int_equal(run(cases[i], 24, at, f, &asked), MOVE_REACHED);
        assert_true(fabs(f[0]) <= 0.01 && fabs(f[1]) <= 0.1);
        assert_true(i > 0 || asked == 4); /* a plane is known after a step each way */
    }
}

static void what_is_not_met_is_said(void **state)
{
    (void)state;
    double at[2], f[2];
    unsigned asked;
    assert_int_equal(run(alike, 24, at, f, &asked), MOVE_NOWHERE);
    assert_int_equal(run(away, 24, at, f, &asked), MOVE_LIMIT);
    assert_true(at[0] == 10 && fabs(f[1]) <= 0.1); /* as near as the box goes */
    assert_int_equal(run(bent, 3, at, f, &asked), MOVE_EVALUATIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_met),
        cmocka_unit_test(what_is_not_met_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
