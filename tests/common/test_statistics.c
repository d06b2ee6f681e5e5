/* Against numpy's and scipy's values: tests/oracles/statistics.py prints them. */
#include "tests/common/check.h"

#include <math.h>

#include "common/statistics.h"

#define COUNT 57

static void fill(float *values)
{
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)(i * 37 % 101) / 8 - 5;
}

static void near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-12 * fmax(fabs(expected), 1)))
        fail_msg("%.17g, expected %.17g", found, expected);
}

static void quantiles_are_numpys(void **state)
{
    (void)state;
    static const double expected[][2] = {{0, -5},      {0.05, -4.425}, {0.25, -2.125},
                                         {0.5, 1.125}, {0.975, 7.075}, {1, 7.5}};
    float values[COUNT];
    double sorted[COUNT];
    fill(values);
    for (int i = 0; i < COUNT; i++)
        sorted[i] = (double)values[i];
    statistics_sort(sorted, COUNT);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        near(statistics_quantile(sorted, COUNT, expected[i][0]), expected[i][1]);
    near(statistics_quantile((double[]){3}, 1, 0.5), 3);
}

static void a_resample_is_a_function_of_its_numbers(void **state)
{
    (void)state;
    static const uint32_t expected[13] = {1, 1, 1, 0, 2, 1, 1, 0, 2, 0, 1, 3, 0};
    uint32_t times[13];
    statistics_resample(0x123456789ABCDEF, 7, 3, 13, times);
    assert_memory_equal(times, expected, sizeof expected);
    statistics_resample(1, 0, 0, 1, times);
    assert_int_equal(times[0], 1);
}

static void the_percentile_interval_is_numpys(void **state)
{
    (void)state;
    float values[COUNT];
    uint32_t times[COUNT];
    double means[400];
    fill(values);
    for (uint32_t r = 0; r < 400; r++) {
        statistics_resample(42, 0, r, COUNT, times);
        means[r] = statistics_weighted_mean(values, times, COUNT);
    }
    near(means[0], 0.7850877192982456);
    near(means[399], 0.706140350877193);
    struct statistics_interval interval = statistics_percentile(means, 400);
    near(interval.low, 0.22746710526315791);
    near(interval.high, 2.2435307017543855);
}

static void wilson_is_the_formula(void **state)
{
    (void)state;
    static const struct {
        uint64_t hits, count;
        double low, high;
    } expected[] = {{0, 10, 0, 0.2775401687666165},
                    {3, 92, 0.011150975342623229, 0.09153512338694722},
                    {92, 92, 0.9599171967079014, 1},
                    {12345, 100000, 0.12142558082067012, 0.12550334915755587}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct statistics_interval found = statistics_wilson(expected[i].hits, expected[i].count);
        near(found.low, expected[i].low);
        near(found.high, expected[i].high);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_numpys),
        cmocka_unit_test(a_resample_is_a_function_of_its_numbers),
        cmocka_unit_test(the_percentile_interval_is_numpys),
        cmocka_unit_test(wilson_is_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
