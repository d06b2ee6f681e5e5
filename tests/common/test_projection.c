/* The discounted projection's properties, on random vectors and at its edges. */
#include "tests/common/check.h"

#include <math.h>

#include "common/latent.h"
#include "common/projection.h"

enum { D = 64, K = 12 };

static struct error err;

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < D; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void unit(float *v)
{
    double scale = 1 / sqrt(dot(v, v));
    for (int i = 0; i < D; i++)
        v[i] = (float)(v[i] * scale);
}

/* Correlated unit vectors: noise and a part that all share. */
static void draw(float *target, float conditions[K][D])
{
    static float z[K + 2][D];
    latent_sample(11, 0, K + 2, D, LATENT_AS_DRAWN, &z[0][0]);
    for (int k = 0; k <= K; k++) {
        float *v = k < K ? conditions[k] : target;
        for (int i = 0; i < D; i++)
            v[i] = z[k][i] + 0.7f * z[K + 1][i];
        unit(v);
    }
}

static float target[D], conditions[K][D], direction[D];
static double discounts[K];
static struct projection_result result;

static void each_condition_keeps_its_share(void **state)
{
    (void)state;
    draw(target, conditions);
    for (int k = 0; k < K; k++)
        discounts[k] = k / (double)(K - 1);
    assert_ok(projection_discounted(target, D, &conditions[0][0], K, discounts, direction, &result,
                                    &err));
    /* C n' = (I − Λ) r, and u = n'/‖n'‖: the ratio ‖n'‖ is the same for all. */
    double norm = dot(conditions[0], target) / dot(conditions[0], direction);
    for (int k = 0; k < K; k++)
        assert_true(fabs(dot(conditions[k], direction) * norm -
                         (1 - discounts[k]) * dot(conditions[k], target)) < 1e-6);
    assert_true(fabs(dot(direction, direction) - 1) < 1e-6);
    assert_true(fabs(result.gain - dot(target, direction)) < 1e-7);
}

static void no_discount_is_the_plain_edit(void **state)
{
    (void)state;
    draw(target, conditions);
    memset(discounts, 0, sizeof discounts);
    assert_ok(projection_discounted(target, D, &conditions[0][0], K, discounts, direction, &result,
                                    &err));
    assert_true(fabs(result.gain - 1) < 1e-6);
    assert_ok(projection_discounted(target, D, NULL, 0, NULL, direction, &result, &err));
    assert_true(fabs(result.gain - 1) < 1e-6);
    assert_true(result.leak == 0);
}

static void full_discount_is_orthogonal_and_idempotent(void **state)
{
    (void)state;
    float twice[D];
    draw(target, conditions);
    for (int k = 0; k < K; k++)
        discounts[k] = 1;
    assert_ok(projection_discounted(target, D, &conditions[0][0], K, discounts, direction, &result,
                                    &err));
    assert_true(result.leak < 1e-6);
    assert_true(result.gain > 0 && result.gain < 1);
    assert_ok(projection_discounted(direction, D, &conditions[0][0], K, discounts, twice, &result,
                                    &err));
    for (int i = 0; i < D; i++)
        assert_true(fabsf(twice[i] - direction[i]) < 1e-6f);
}

static void order_and_duplicates_do_not_matter(void **state)
{
    (void)state;
    static float shuffled[K + 2][D];
    double doubled[K + 2], plain[K];
    float other[D];
    draw(target, conditions);
    for (int k = 0; k < K + 2; k++) {
        memcpy(shuffled[k], conditions[(k * 5) % K], sizeof shuffled[k]);
        doubled[k] = 0.6;
    }
    for (int i = 0; i < D; i++) /* antiparallel: the same condition */
        shuffled[K][i] = -shuffled[K][i];
    for (int k = 0; k < K; k++)
        plain[k] = 0.6;
    assert_ok(
        projection_discounted(target, D, &conditions[0][0], K, plain, direction, &result, &err));
    assert_ok(
        projection_discounted(target, D, &shuffled[0][0], K + 2, doubled, other, &result, &err));
    for (int i = 0; i < D; i++)
        assert_true(fabsf(other[i] - direction[i]) < 1e-5f);
}

static void a_target_in_the_span_is_an_error(void **state)
{
    (void)state;
    draw(target, conditions);
    for (int k = 0; k < K; k++)
        discounts[k] = 1;
    for (int i = 0; i < D; i++)
        target[i] = conditions[0][i] - 0.3f * conditions[1][i];
    unit(target);
    assert_error(projection_discounted(target, D, &conditions[0][0], K, discounts, direction,
                                       &result, &err),
                 E_INVALID, "nothing is left of the target");
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    draw(target, conditions);
    memset(discounts, 0, sizeof discounts);
    discounts[3] = 1.5;
    assert_error(projection_discounted(target, D, &conditions[0][0], K, discounts, direction,
                                       &result, &err),
                 E_INVALID, "discount 3 is 1.5");
    discounts[3] = NAN;
    assert_error(projection_discounted(target, D, &conditions[0][0], K, discounts, direction,
                                       &result, &err),
                 E_INVALID, "discount 3");
    target[0] = NAN;
    assert_error(projection_discounted(target, D, NULL, 0, NULL, direction, &result, &err),
                 E_INVALID, "expected a unit vector");
}

static void directions_are_sums_of_names(void **state)
{
    (void)state;
    const char *names[] = {"Smiling", "Young", "5_o_Clock_Shadow"};
    draw(target, conditions);
    const float *normals = &conditions[0][0];
    assert_ok(projection_direction("-Young", names, 3, normals, D, direction, &err));
    assert_true(fabs(dot(direction, conditions[1]) + 1) < 1e-6);
    assert_ok(projection_direction("Smiling-0.5*Young+5_o_Clock_Shadow", names, 3, normals, D,
                                   direction, &err));
    float sum[D];
    for (int i = 0; i < D; i++)
        sum[i] = conditions[0][i] - 0.5f * conditions[1][i] + conditions[2][i];
    unit(sum);
    for (int i = 0; i < D; i++)
        assert_true(fabsf(sum[i] - direction[i]) < 1e-6f);
    assert_error(projection_direction("Old", names, 3, normals, D, direction, &err), E_NOT_FOUND,
                 "no boundary is called \"Old\"; there are: Smiling, Young");
    assert_error(projection_direction("", names, 3, normals, D, direction, &err), E_PARSE,
                 "expected the name");
    assert_error(projection_direction("Young+", names, 3, normals, D, direction, &err), E_PARSE,
                 "expected the name");
    assert_error(projection_direction("x*Young", names, 3, normals, D, direction, &err), E_PARSE,
                 "is no factor");
    assert_error(projection_direction("Young-Young", names, 3, normals, D, direction, &err),
                 E_INVALID, "adds up to nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_keeps_its_share),
        cmocka_unit_test(no_discount_is_the_plain_edit),
        cmocka_unit_test(full_discount_is_orthogonal_and_idempotent),
        cmocka_unit_test(order_and_duplicates_do_not_matter),
        cmocka_unit_test(a_target_in_the_span_is_an_error),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(directions_are_sums_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
