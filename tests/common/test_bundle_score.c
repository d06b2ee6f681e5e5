/* Scores from what labellers give: each kind of values against its formula in libm. */
#include "tests/common/check.h"

#include <math.h>

#include "common/bundle.h"

static struct error err;

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define IMAGE "{tensor: image, channels: rgb, height: 8, width: 8, range: [-1, 1]}"
#define HEAD                                                                                       \
    "format: facefarm-bundle/1\nname: b\ndescription: d\nlicence: l\n"                             \
    "generator: {file: g.onnx, sha256: " HEX                                                       \
    ", input: z, latent: {space: z, dimension: 8}, output: " IMAGE "}\n"                           \
    "labellers:\n- name: l\n  file: l.onnx\n  sha256: " HEX "\n  input: " IMAGE "\n  outputs:\n"

static struct bundle *parse(const char *yaml)
{
    struct bundle *bundle = NULL;
    assert_ok(bundle_parse(yaml, strlen(yaml), &bundle, &err));
    return bundle;
}

static void near(float found, double expected)
{
    if (!(fabs((double)found - expected) <= 1e-6 * fmax(1, fabs(expected))))
        fail_msg("%.9g, expected %.9g", (double)found, expected);
}

static void logits_less_their_threshold(void **state)
{
    (void)state;
    struct bundle *bundle = parse(HEAD
                                  "  - {tensor: o, columns: [a, b, c], attributes: [{name: C, of: [c]}, "
                                  "{name: A, of: [a], threshold: 0.5, abstain: [0.25, 1]}, "
                                  "{name: NoA, of: [a], negate: true, threshold: 0.5, abstain: [0.25, 1]}]}\n");
    const float raw[2][3] = {{1, 2, 3}, {0.25f, -1, 0}};
    float scores[2][3];
    bundle_score_rows(bundle, 0, 0, &raw[0][0], 2, &scores[0][0]);
    const float wanted[2][3] = {{3, 0.5f, -0.5f}, {0, -0.25f, 0.25f}};
    assert_memory_equal(scores, wanted, sizeof wanted);
    assert_false(bundle_abstains(bundle, 0, 0));
    assert_true(bundle_abstains(bundle, 1, 0.4f) && bundle_abstains(bundle, 1, -0.2f));
    assert_false(bundle_abstains(bundle, 1, 0.5f) || bundle_abstains(bundle, 1, -0.25f));
    assert_true(bundle_abstains(bundle, 2, -0.4f) && bundle_abstains(bundle, 2, 0.2f));
    assert_false(bundle_abstains(bundle, 2, -0.5f) || bundle_abstains(bundle, 2, 0.25f));
    bundle_free(&bundle);
}

static void probabilities_become_log_odds(void **state)
{
    (void)state;
    struct bundle *bundle =
        parse(HEAD "  - {tensor: o, values: probabilities, columns: [A, B], attributes: [{name: A}, "
                   "{name: B, threshold: 0.9}]}\n");
    const float raw[4][2] = {{0.75f, 0.5f}, {1, 0}, {NAN, 0.25f}, {0.5f, 0.9f}};
    float scores[4][2];
    bundle_score_rows(bundle, 0, 0, &raw[0][0], 4, &scores[0][0]);
    near(scores[0][0], log(3));
    near(scores[0][1], -log(9));
    near(scores[1][0], 24 * log(2));
    near(scores[1][1], -24 * log(2) - log(9));
    assert_true(isnan(scores[2][0]));
    near(scores[2][1], -log(3) - log(9));
    near(scores[3][0], 0);
    near(scores[3][1], log((double)0.9f / (1 - (double)0.9f)) - log(9));
    bundle_free(&bundle);
}

/* The same face as probabilities and as logits; a class, two classes, all but one. */
static void classes_become_attributes(void **state)
{
    (void)state;
    static const char form[] =
        HEAD "  - {tensor: o, values: %s, columns: [neutral, happy, sad, angry], attributes: [{name: "
             "Smiling, of: [happy]}, {name: Gloomy, of: [sad, angry], threshold: 0.25}, {name: Moved, "
             "of: [neutral], negate: true}]}\n";
    const float logits[4] = {0.5f, 2, -1, -30};
    float probabilities[4], scores[2][3];
    double e[4], sum = 0;
    for (int i = 0; i < 4; i++)
        sum += e[i] = exp((double)logits[i]);
    for (int i = 0; i < 4; i++)
        probabilities[i] = (float)(e[i] / sum);
    for (int i = 0; i < 2; i++) {
        char yaml[2048];
        snprintf(yaml, sizeof yaml, form, i ? "softmax_logits" : "softmax");
        struct bundle *bundle = parse(yaml);
        bundle_score_rows(bundle, 0, 0, i ? logits : probabilities, 1, scores[i]);
        near(scores[i][0], log(e[1] / (e[0] + e[2] + e[3])));
        near(scores[i][1], log((e[2] + e[3]) / (e[0] + e[1])) + log(3));
        near(scores[i][2], -log(e[0] / (e[1] + e[2] + e[3])));
        bundle_free(&bundle);
    }
}

static void pairs_are_no_and_yes(void **state)
{
    (void)state;
    struct bundle *bundle = parse(HEAD "  - {tensor: o, values: pairs, columns: [A, B]}\n");
    const float raw[4] = {1, 3, 2, -1};
    float scores[2];
    assert_int_equal(bundle->labellers[0].outputs[0].width, 4);
    bundle_score_rows(bundle, 0, 0, raw, 1, scores);
    near(scores[0], 2);
    near(scores[1], -3);
    bundle_free(&bundle);
}

static void ages_are_years(void **state)
{
    (void)state;
    struct bundle *bundle = parse(
        HEAD "  - {tensor: l, columns: [A]}\n"
             "  - {tensor: r, values: years, name: r, role: fit, scale: 100, offset: 2}\n"
             "  - {tensor: p, values: year_probabilities, name: p, role: judge, bins: {first: 10, last: 30, step: 10}}\n"
             "  - {tensor: q, values: year_logits, name: q, role: judge, bins: {first: 10, last: 30, step: 10}}\n");
    const float regression[1] = {0.25f}, probabilities[3] = {0.25f, 0.25f, 0.5f};
    const float logits[3] = {-1, 0, 400};
    float scores[4] = {0};
    assert_int_equal(bundle_score_columns(bundle), 4);
    assert_int_equal(bundle_age_column(bundle, BUNDLE_FIT), 1);
    assert_int_equal(bundle_age_column(bundle, BUNDLE_JUDGE), 2);
    bundle_score_rows(bundle, 0, 1, regression, 1, scores);
    bundle_score_rows(bundle, 0, 2, probabilities, 1, scores);
    bundle_score_rows(bundle, 0, 3, logits, 1, scores);
    near(scores[0], 0);
    near(scores[1], 27);
    near(scores[2], 22.5);
    near(scores[3], 30);
    bundle_free(&bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_less_their_threshold),
        cmocka_unit_test(probabilities_become_log_odds),
        cmocka_unit_test(classes_become_attributes),
        cmocka_unit_test(pairs_are_no_and_yes),
        cmocka_unit_test(ages_are_years),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
