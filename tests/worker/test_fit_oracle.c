/* The fit and its measures beside LIBLINEAR, scikit-learn and scipy: tests/oracles/fit.py. */
#include "worker_test.h"

#include <math.h>

#include "tests/oracles/fit.h"
#include "tests/oracles/fit_words.h"
#include "worker/fit.h"
#include "common/quality.h"
#include "common/quality_bootstrap.h"

static struct error err;
static struct device *device;

struct data {
    float *x;
    signed char *labels; /* [ORACLE_ROWS][ORACLE_COLUMNS] */
};

/* samples() of fit.py. */
static struct data make_data(void)
{
    struct data data = {calloc(ORACLE_ROWS * ORACLE_FEATURES, sizeof(float)),
                        calloc(ORACLE_ROWS * ORACLE_COLUMNS, 1)};
    int64_t normals[ORACLE_COLUMNS][ORACLE_FEATURES];
    uint32_t seeds[] = {1, 2, 3};
    for (int k = 0; k < ORACLE_COLUMNS; k++)
        for (int j = 0; j < ORACLE_FEATURES; j++)
            normals[k][j] = (int64_t)(oracle_word(&seeds[1]) >> 24) - 128;
    for (size_t i = 0; i < ORACLE_ROWS; i++) {
        int64_t x[ORACLE_FEATURES];
        for (int j = 0; j < ORACLE_FEATURES; j++) {
            x[j] = (int64_t)(oracle_word(&seeds[0]) >> 8) - (1 << 23);
            data.x[i * ORACLE_FEATURES + (size_t)j] = (float)x[j] / (float)(1 << 23);
        }
        for (int k = 0; k < ORACLE_COLUMNS; k++) {
            int64_t noise = (int64_t)(oracle_word(&seeds[2]) >> 8) - (1 << 23);
            int64_t score = 400 * noise - (int64_t)k * 150 * (1 << 23);
            for (int j = 0; j < ORACLE_FEATURES; j++)
                score += x[j] * normals[k][j];
            data.labels[i * ORACLE_COLUMNS + (size_t)k] = score > 0 ? 1 : -1;
        }
    }
    return data;
}

static int give_rows(void *state, uint64_t first, size_t count, float *x, struct error *e)
{
    (void)e;
    const struct data *data = state;
    memcpy(x, data->x + first * ORACLE_FEATURES, count * ORACLE_FEATURES * sizeof *x);
    return 0;
}

/* Of the first ORACLE_TRAIN only. */
static int give_labels(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       signed char *labels, struct error *e)
{
    (void)e;
    const struct data *data = state;
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < lanes; k++)
            labels[i * lanes + k] =
                first + i < ORACLE_TRAIN
                    ? data->labels[(first + i) * ORACLE_COLUMNS + first_lane + k]
                    : 0;
    return 0;
}

static int right(const struct data *data, const struct fit_boundary *boundary, size_t k)
{
    int count = 0;
    for (size_t i = ORACLE_TRAIN; i < ORACLE_ROWS; i++) {
        double score = boundary->offset;
        for (size_t j = 0; j < ORACLE_FEATURES; j++)
            score += (double)boundary->normal[j] * (double)data->x[i * ORACLE_FEATURES + j];
        count += (score > 0) == (data->labels[i * ORACLE_COLUMNS + k] > 0);
    }
    return count;
}

static void compare(struct fit_set *set, struct data *data, bool balanced, const double *normals,
                    const double *offsets, const int *rights)
{
    const struct fit_labels labels = {data, give_labels};
    struct fit_lane lanes[ORACLE_COLUMNS];
    struct fit_boundary found[ORACLE_COLUMNS];
    float memory[ORACLE_COLUMNS * ORACLE_FEATURES];
    for (size_t k = 0; k < ORACLE_COLUMNS; k++) {
        lanes[k] = (struct fit_lane){oracle_cost, balanced, k};
        found[k] = (struct fit_boundary){.normal = memory + k * ORACLE_FEATURES};
    }
    assert_ok(fit_solve(set, &labels, lanes, ORACLE_COLUMNS, found, &err));
    for (size_t k = 0; k < ORACLE_COLUMNS; k++) {
        double cosine = 0;
        for (size_t j = 0; j < ORACLE_FEATURES; j++)
            cosine += normals[k * ORACLE_FEATURES + j] * (double)found[k].normal[j];
        if (!(cosine >= 0.9999) ||
            abs(right(data, &found[k], k) - rights[k]) > 0.001 * (ORACLE_ROWS - ORACLE_TRAIN) ||
            !(fabs(found[k].offset - offsets[k]) < 2e-3 * (1 + fabs(offsets[k]))))
            fail_msg("column %zu: cosine to LIBLINEAR's %.7f, offset %g for %g, %d right for %d", k,
                     cosine, found[k].offset, offsets[k], right(data, &found[k], k), rights[k]);
    }
}

static void fits_agree_with_liblinear(void **state)
{
    (void)state;
    struct data data = make_data();
    struct fit_set *set = NULL;
    const struct fit_source source = {&data, give_rows, NULL};
    assert_ok(fit_set_open(device, &source, ORACLE_ROWS, ORACLE_FEATURES, ORACLE_COLUMNS, 1 << 30,
                           &set, &err));
    compare(set, &data, false, liblinear_plain_normals, liblinear_plain_offsets,
            liblinear_plain_right);
    compare(set, &data, true, liblinear_balanced_normals, liblinear_balanced_offsets,
            liblinear_balanced_right);
    fit_set_close(&set);
    free(data.x);
    free(data.labels);
}

static void make_judged(float *scores, signed char *labels)
{
    uint32_t seeds[] = {4, 5};
    for (size_t i = 0; i < ORACLE_JUDGED; i++) {
        double lot, score = oracle_score(&seeds[0], &seeds[1], &lot);
        scores[i] = (float)score;
        labels[i] = lot < 1 / (1 + exp(-score + 1)) ? 1 : -1;
    }
}

static void measures_agree_with_scikit_learn(void **state)
{
    (void)state;
    float scores[ORACLE_JUDGED];
    signed char labels[ORACLE_JUDGED];
    struct quality_counts counts = {0};
    struct quality_intervals intervals;
    double auc = 0;
    make_judged(scores, labels);
    for (size_t i = 0; i < ORACLE_JUDGED; i++)
        quality_add(&counts, scores[i], labels[i]);
    assert_int_equal(counts.true_positives, judged_counts[0]);
    assert_int_equal(counts.false_positives, judged_counts[1]);
    assert_int_equal(counts.true_negatives, judged_counts[2]);
    assert_int_equal(counts.false_negatives, judged_counts[3]);
    assert_ok(quality_auc(scores, labels, ORACLE_JUDGED, 1, &auc, &err));
    assert_true(fabs(auc - judged_auc) < 1e-9);
    assert_ok(quality_bootstrap(scores, labels, ORACLE_JUDGED, 1, 1, 10, NULL, &intervals, &err));
    assert_true(fabs(intervals.auc - judged_auc) < 1e-9);
}

/* Percentiles of 1,000 resamples beside those of 20,000 others: their own error is a twentieth of
 * the interval's width at most, by the spread of a percentile at a normal's 2.5 %. */
static void intervals_agree_with_another_bootstrap(void **state)
{
    (void)state;
    float scores[2 * ORACLE_JUDGED];
    signed char labels[2 * ORACLE_JUDGED];
    struct quality_intervals found[2], alone, again[2];
    float one[ORACLE_JUDGED];
    signed char its[ORACLE_JUDGED];
    make_judged(one, its);
    for (size_t i = 0; i < ORACLE_JUDGED; i++) {
        scores[2 * i] = one[i];
        labels[2 * i] = its[i];
        scores[2 * i + 1] = -one[i];
        labels[2 * i + 1] = i % 3 ? its[i] : 0;
    }
    assert_int_equal(quality_resamples(ORACLE_JUDGED), 1000);
    assert_int_equal(quality_resamples(20000), 400);
    assert_int_equal(quality_resamples(2000000), 200);
    assert_ok(quality_bootstrap(scores, labels, ORACLE_JUDGED, 2, 1, 1000, NULL, found, &err));
    assert_ok(quality_bootstrap(scores, labels, ORACLE_JUDGED, 2, 1, 1000, NULL, again, &err));
    assert_ok(quality_bootstrap(one, its, ORACLE_JUDGED, 1, 1, 1000, NULL, &alone, &err));
    assert_memory_equal(found, again, sizeof found);
    assert_memory_equal(&found[0], &alone, sizeof alone);
    const struct quality_interval ours[] = {found[0].auc_interval, found[0].f1, found[0].mcc,
                                            found[0].balanced};
    for (size_t i = 0; i < 4; i++) {
        double low = bootstrap_percentiles[i], high = bootstrap_percentiles[4 + i],
               most = 0.08 * (high - low);
        if (!(fabs(ours[i].low - low) < most) || !(fabs(ours[i].high - high) < most))
            fail_msg("measure %zu: %g to %g, another bootstrap says %g to %g", i, ours[i].low,
                     ours[i].high, low, high);
    }
}

static void one_class_has_no_area(void **state)
{
    (void)state;
    const float scores[] = {1, 2, -1};
    const signed char labels[] = {1, 1, 1}, none[] = {0, 0, 0};
    struct quality_intervals found;
    assert_ok(quality_bootstrap(scores, labels, 3, 1, 1, 200, NULL, &found, &err));
    assert_true(found.auc == -1 && found.mcc.high == 0 && found.f1.high > 0.5);
    assert_ok(quality_bootstrap(scores, none, 3, 1, 1, 200, NULL, &found, &err));
    assert_true(found.auc == -1 && found.f1.high == 0);
    assert_ok(quality_bootstrap(scores, none, 0, 1, 1, 200, NULL, &found, &err));
    assert_true(found.auc == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits_agree_with_liblinear),
        cmocka_unit_test(measures_agree_with_scikit_learn),
        cmocka_unit_test(intervals_agree_with_another_bootstrap),
        cmocka_unit_test(one_class_has_no_area),
    };
    if (!have_device())
        return EXIT_SKIP;
    if (device_open(0, NULL, &device, &err)) {
        printf("%s\n", err.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    device_close(&device);
    return failed;
}
