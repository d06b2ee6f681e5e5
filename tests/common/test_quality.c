/* Confusion counts, area under the curve with ties, median: against definitions. */
#include "tests/common/check.h"

#include <math.h>

#include "common/latent.h"
#include "common/quality.h"

static struct error err;

/* The definition: the share of pairs in which the positive scores higher, ties counting half. */
static double auc_by_pairs(const float *scores, const signed char *labels, size_t count)
{
    double won = 0, pairs = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            if (labels[i] > 0 && labels[j] < 0) {
                pairs++;
                won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            }
    return won / pairs;
}

static void auc_is_the_share_of_pairs(void **state)
{
    (void)state;
    float scores[400];
    signed char labels[400];
    for (int ties = 0; ties < 2; ties++) {
        latent_sample(5, 0, 1, 400, LATENT_AS_DRAWN, scores);
        for (size_t i = 0; i < 400; i++) {
            labels[i] = i % 7 == 0 ? 0 : (double)scores[i] + (i % 3 ? 1 : -1) > 0 ? 1 : -1;
            if (ties)
                scores[i] = roundf(scores[i] * 2) / 2;
        }
        double auc = 0;
        assert_ok(quality_auc(scores, labels, 400, 1, &auc, &err));
        assert_true(fabs(auc - auc_by_pairs(scores, labels, 400)) < 1e-12);
    }
}

/* Several labellings of scores that are sorted once, with ties and with scores that are no numbers. */
static void auc_by_one_order(void **state)
{
    (void)state;
    float scores[300];
    signed char labels[300];
    uint32_t order[300];
    latent_sample(5, 1, 1, 300, LATENT_AS_DRAWN, scores);
    for (size_t i = 0; i < 300; i++)
        scores[i] = i % 11 == 0 ? NAN : roundf(scores[i] * 4) / 4;
    assert_ok(quality_order(scores, 300, 1, order, &err));
    for (size_t i = 1; i < 300; i++)
        assert_true(isnan(scores[order[i]]) || scores[order[i - 1]] <= scores[order[i]]);
    for (size_t part = 2; part < 6; part++) {
        size_t counted = 0;
        float kept[300];
        signed char of[300];
        for (size_t i = 0; i < 300; i++) {
            labels[i] = i % part == 0 ? 0 : i % 7 < 3 ? 1 : -1;
            kept[counted] = scores[i];
            of[counted] = labels[i];
            counted += !isnan(scores[i]);
        }
        double auc = quality_auc_of(scores, labels, order, 300, 1);
        assert_true(fabs(auc - auc_by_pairs(kept, of, counted)) < 1e-12);
        double sorted = 0;
        assert_ok(quality_auc(scores, labels, 300, 1, &sorted, &err));
        assert_true(sorted == auc);
    }
}

static void auc_at_its_ends(void **state)
{
    (void)state;
    const float scores[] = {1, 2, 3, 4}, same[] = {2, 2, 2, 2};
    const signed char up[] = {-1, -1, 1, 1}, down[] = {1, 1, -1, -1}, one[] = {1, 1, 0, 1};
    double auc = 0;
    assert_ok(quality_auc(scores, up, 4, 1, &auc, &err));
    assert_true(auc == 1);
    assert_ok(quality_auc(scores, down, 4, 1, &auc, &err));
    assert_true(auc == 0);
    assert_ok(quality_auc(same, up, 4, 1, &auc, &err));
    assert_true(auc == 0.5);
    assert_ok(quality_auc(scores, one, 4, 1, &auc, &err));
    assert_true(auc == -1);
    assert_ok(quality_auc(scores, one, 0, 1, &auc, &err));
    assert_true(auc == -1);
}

static void counts_skip_what_has_no_label(void **state)
{
    (void)state;
    const float scores[] = {1, 9, -1, 9, 1, 9, -1, 9, 5, 9, 0, 9}; /* stride 2 */
    const signed char labels[] = {1, 7, 1, 7, -1, 7, -1, 7, 0, 7, 1, 7};
    struct quality_counts counts = {0};
    for (size_t i = 0; i < 6; i++)
        quality_add(&counts, scores[2 * i], labels[2 * i]);
    assert_int_equal(counts.true_positives, 1);
    assert_int_equal(counts.false_negatives, 2);
    assert_int_equal(counts.false_positives, 1);
    assert_int_equal(counts.true_negatives, 1);
}

static void median_of_odd_even_and_nothing(void **state)
{
    (void)state;
    float odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2}, holes[] = {NAN, 2, NAN, 8}, none[] = {NAN};
    assert_true(quality_median(odd, 3) == 3);
    assert_true(quality_median(even, 4) == 2.5);
    assert_true(quality_median(holes, 4) == 5);
    assert_true(quality_median(none, 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auc_is_the_share_of_pairs),
        cmocka_unit_test(auc_by_one_order),
        cmocka_unit_test(auc_at_its_ends),
        cmocka_unit_test(counts_skip_what_has_no_label),
        cmocka_unit_test(median_of_odd_even_and_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
