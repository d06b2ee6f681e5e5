/* Against numpy's and scipy's values: tests/oracles/statistics.py prints them. */
#include "tests/common/check.h"

#include <math.h>

#include "common/distances.h"

#define COUNT 60
#define WIDTH 5

static struct error err;
static double a[COUNT * WIDTH], b[COUNT * WIDTH];

static int fill(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < WIDTH; k++) {
            a[i * WIDTH + k] = (i * 37 + k * 53) % 101 / 16.0 + k * (i * 29 % 17) / 8.0;
            b[i * WIDTH + k] = (i * 31 + k * 71) % 97 / 20.0 + i * 13 % 19 / 8.0;
        }
    return 0;
}

static void near(double found, double expected, double share)
{
    if (!(fabs(found - expected) <= share * fabs(expected)))
        fail_msg("%.17g, expected %.17g", found, expected);
}

static void frechet_is_scipys(void **state)
{
    (void)state;
    double distance;
    assert_ok(distances_frechet(a, b, COUNT, WIDTH, &distance, &err));
    near(distance, 36.00479214147577, 1e-9);
    assert_ok(distances_frechet_unbiased(a, b, COUNT, WIDTH, &distance, &err));
    near(distance, 32.59960215163852, 1e-9);
    assert_ok(distances_frechet(a, a, COUNT, WIDTH, &distance, &err));
    assert_true(fabs(distance) < 1e-6);
    assert_error(distances_frechet(a, b, 1, WIDTH, &distance, &err), E_INVALID, "2 or more");
}

/* Fewer rows than numbers, and one number that never changes. */
static void frechet_of_few_rows_is_numpys(void **state)
{
    (void)state;
    static double x[20 * 33], y[20 * 33];
    double distance;
    for (int i = 0; i < 20; i++)
        for (int k = 0; k < 33; k++) {
            x[i * 33 + k] = k == 5 ? 2 : (i * 37 + k * 53 + i * k * 11) % 101 / 16.0;
            y[i * 33 + k] = k == 5 ? 2 : (i * 31 + k * 71 + i * k * 7) % 97 / 20.0;
        }
    assert_ok(distances_frechet(x, y, 20, 33, &distance, &err));
    near(distance, 95.42172671905507, 1e-8);
    assert_ok(distances_frechet(x, x, 20, 33, &distance, &err));
    assert_true(fabs(distance) < 1e-5);
    assert_ok(distances_frechet(x, y, 60, 11, &distance, &err)); /* the same numbers as 60 rows of 11 */
    assert_true(distance > 0);
}

static void kernel_is_numpys(void **state)
{
    (void)state;
    near(distances_kernel(a, b, COUNT, WIDTH), 24089.58388055323, 1e-11);
}

static void sliced_is_scipys(void **state)
{
    (void)state;
    double distance;
    assert_ok(distances_sliced(a, b, COUNT, WIDTH, 16, 42, &distance, &err));
    near(distance, 1.9442656499662943, 1e-6); /* the directions are rounded to float32 */
    assert_ok(distances_sliced(a, a, COUNT, WIDTH, 16, 42, &distance, &err));
    assert_true(distance == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frechet_is_scipys, fill),
        cmocka_unit_test(frechet_of_few_rows_is_numpys),
        cmocka_unit_test_setup(kernel_is_numpys, fill),
        cmocka_unit_test_setup(sliced_is_scipys, fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
