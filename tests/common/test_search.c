/* Searching along an edit: roots are found within the tolerance and the limit, brackets only
 * shrink, and what is not reached is said and is the best that was seen. */
#include "tests/common/check.h"

#include <math.h>

#include "common/search.h"

typedef double (*curve)(double alpha);

static double line(double a)
{
    return a - 3;
}
static double falling(double a)
{
    return 2 - a;
}
static double bent(double a)
{
    return a * a * a / 9 + a / 10 - 2;
}
static double late(double a)
{
    return a < 7 ? -1 : 4 * (a - 7) - 1;
} /* flat at first */
static double wavy(double a)
{
    return a - 2.5 + sin(3 * a);
} /* several roots */
static double never(double a)
{
    return 1 + a * a;
}
static double away(double a)
{
    return -1 - 0.01 * (a - 1) * (a - 1);
} /* highest at 1, below 0 */
/* Falls at first, and has its only root behind: what a first step on either side promises is wrong.
 */
static double behind(double a)
{
    return a > 0 ? -2 + 0.5 * sin(a) : -2 - sin(a) + 0.04 * a * a;
}
/* Better ahead at first, never there, and met far behind after a dip. */
static double back(double a)
{
    return a >= 0 ? -1 + a / (2 + a) : -1 - 0.6 * sin(-a) + 0.05 * a * a;
}
static double jump(double a)
{
    return a < 1.2345 ? -1 : 1;
}
static double there(double a)
{
    return 0.001 * a;
}
static double broken(double a)
{
    return a > 0 ? NAN : -1;
}

struct run {
    enum move_end end;
    double alpha;
    unsigned asked;
    bool shrank; /* the bracket, at every question */
};

static struct run run(curve f, int side, double limit, double tolerance, unsigned most)
{
    struct search search = {.limit = limit, .tolerance = tolerance, .most = most};
    struct run found = {.shrank = true};
    double alpha, width = INFINITY;
    search_begin(&search, f(0), side);
    while (search_next(&search, &alpha)) {
        assert_true(fabs(alpha) <= limit);
        if (search.bracketed) {
            assert_true(alpha > fmin(search.near, search.far) &&
                        alpha < fmax(search.near, search.far));
            assert_true((f(search.near) < 0) != (f(search.far) < 0));
            found.shrank = found.shrank && fabs(search.far - search.near) < width;
            width = fabs(search.far - search.near);
        }
        search_take(&search, f(alpha));
    }
    found.end = search_result(&search, &found.alpha);
    found.asked = search.asked;
    assert_true(found.asked <= most);
    return found;
}

static void roots_are_found(void **state)
{
    (void)state;
    const struct {
        curve f;
        int side;
    } cases[] = {{line, 1}, {line, -1},  {falling, -1}, {falling, 1}, {bent, 1}, {late, 1},
                 {wavy, 1}, {behind, 1}, {behind, -1},  {back, 1},    {back, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run found = run(cases[i].f, cases[i].side, 10, 1e-6, 40);
        assert_int_equal(found.end, MOVE_REACHED);
        assert_true(fabs(cases[i].f(found.alpha)) <= 1e-6);
        assert_true(found.shrank);
        assert_true(found.asked <= 24);
    }
    assert_true(run(line, 1, 10, 1e-9, 40).asked <= 7); /* a line is solved by the first chord */
    assert_true(run(there, 1, 10, 0.01, 40).asked == 1);
    assert_true(run(there, 1, 10, 0.01, 40).alpha == 0);
}

static void what_is_not_reached_is_said(void **state)
{
    (void)state;
    struct run found = run(line, 1, 2, 1e-3, 40);
    assert_true(found.end == MOVE_LIMIT && found.alpha == 2);
    found = run(line, -1, 2, 1e-3, 40); /* turned round after a step the wrong way */
    assert_true(found.end == MOVE_LIMIT && found.alpha == 2);
    found = run(never, 1, 10, 1e-3, 40);
    assert_true(found.end == MOVE_LIMIT && found.alpha == 0);
    found = run(away, 1, 16, 1e-3, 40);
    assert_true(found.end == MOVE_LIMIT && found.alpha == 1);
    found = run(back, 1, 2, 1e-3, 40); /* both sides to their limits: 1 + 5 + 5 questions */
    assert_true(found.end == MOVE_LIMIT && found.alpha == 2 && found.asked == 11);
    found = run(bent, 1, 10, 1e-12, 5);
    assert_true(found.end == MOVE_EVALUATIONS && found.asked == 5);
    found = run(jump, 1, 10, 1e-3, 100);
    assert_true(found.end == MOVE_NOWHERE);
    found = run(broken, 1, 10, 1e-3, 64);
    assert_true(found.end != MOVE_REACHED && found.alpha == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_found),
        cmocka_unit_test(what_is_not_reached_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
