/* The projections' properties, on random vectors and at their edges. */
#include "tests/common/check.h"

#include <math.h>

#include "common/latent.h"
#include "common/projection.h"

enum { D = 64, K = 12 };

static struct error err;

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < D; i++)
        sum += a[i] * b[i];
    return sum;
}

static void unit(double *v)
{
    double scale = 1 / sqrt(dot(v, v));
    for (int i = 0; i < D; i++)
        v[i] *= scale;
}

static double target[D], conditions[K + 2][D], direction[D], other[D], weights[K + 2];
static struct projection_result result;

/* Correlated unit vectors: noise and a part that all share. */
static void draw(double weight)
{
    static float z[K + 2][D];
    latent_sample(11, 0, K + 2, D, LATENT_AS_DRAWN, &z[0][0]);
    for (int k = 0; k <= K; k++) {
        double *v = k < K ? conditions[k] : target;
        for (int i = 0; i < D; i++)
            v[i] = (double)z[k][i] + 0.7 * (double)z[K + 1][i];
        unit(v);
    }
    for (int k = 0; k < K + 2; k++)
        weights[k] = weight;
}

static int solve(enum projection_method method, size_t k, double *u)
{
    const struct projection p = {method, D, k, target, &conditions[0][0], weights};
    return projection_solve(&p, u, &result, &err);
}

static void expect_equal(const double *a, const double *b, double bound)
{
    for (int i = 0; i < D; i++)
        if (!(fabs(a[i] - b[i]) <= bound))
            fail_msg("element %d: %.17g and %.17g", i, a[i], b[i]);
}

static void each_condition_keeps_its_share(void **state)
{
    (void)state;
    draw(0);
    for (int k = 0; k < K; k++)
        weights[k] = k / (double)(K - 1);
    assert_ok(solve(PROJECTION_EXACT, K, direction));
    /* C n' = (I − Λ) r with n' = ‖n'‖ u */
    for (int k = 0; k < K; k++)
        assert_true(fabs(dot(conditions[k], direction) * result.norm -
                         (1 - weights[k]) * dot(conditions[k], target)) < 1e-12);
    assert_true(result.residual < 1e-12);
    assert_true(fabs(dot(direction, direction) - 1) < 1e-12);
    assert_true(fabs(result.gain - dot(target, direction)) < 1e-12);
    assert_true(fabs(result.leak - fabs(dot(conditions[result.leaking], direction))) < 1e-12);
}

/* No vector with the same drifts is nearer to t: n' − t lies in the span of the conditions. */
static void the_change_is_the_least(void **state)
{
    (void)state;
    double complement[D], change[D];
    draw(1);
    assert_ok(solve(PROJECTION_EXACT, K, complement)); /* orthogonal to all conditions */
    for (int k = 0; k < K; k++)
        weights[k] = k / (double)(K - 1);
    assert_ok(solve(PROJECTION_EXACT, K, direction));
    for (int i = 0; i < D; i++)
        change[i] = direction[i] * result.norm - target[i];
    assert_true(fabs(dot(change, complement)) < 1e-12);
}

static void uniform_discounts_have_a_closed_form(void **state)
{
    (void)state;
    draw(1);
    assert_ok(solve(PROJECTION_EXACT, K, direction));
    double explained = 1 - result.norm * result.norm; /* rᵀ G⁻¹ r */
    assert_true(fabs(result.gain - result.norm) < 1e-12);
    for (double lambda = 0; lambda <= 1; lambda += 0.25) {
        draw(lambda);
        assert_ok(solve(PROJECTION_EXACT, K, direction));
        double square = 1 - (2 * lambda - lambda * lambda) * explained;
        assert_true(fabs(result.norm * result.norm - square) < 1e-12);
        assert_true(fabs(result.gain - (1 - lambda * explained) / sqrt(square)) < 1e-12);
    }
}

/* The element (t, t) of the inverse of N Nᵀ, N = all normals, by Gauss–Jordan. */
static double inverse_element(void)
{
    static double a[K + 1][2 * (K + 1)];
    for (int i = 0; i <= K; i++)
        for (int j = 0; j <= K; j++) {
            a[i][j] = dot(i < K ? conditions[i] : target, j < K ? conditions[j] : target);
            a[i][K + 1 + j] = i == j;
        }
    for (int p = 0; p <= K; p++)
        for (int i = 0; i <= K; i++) {
            double factor = a[i][p] / a[p][p];
            for (int j = 0; i != p && j < 2 * (K + 1); j++)
                a[i][j] -= factor * a[p][j];
        }
    return a[K][2 * K + 1] / a[K][K];
}

static void gain_under_full_lock_is_the_inflation_factor(void **state)
{
    (void)state;
    draw(1);
    assert_ok(solve(PROJECTION_EXACT, K, direction));
    assert_true(fabs(result.gain - 1 / sqrt(inverse_element())) < 1e-12);
    assert_true(result.leak < 1e-12);
}

static void no_discount_is_the_plain_edit(void **state)
{
    (void)state;
    draw(0);
    assert_ok(solve(PROJECTION_EXACT, K, direction));
    expect_equal(direction, target, 1e-15);
    assert_ok(solve(PROJECTION_SOFT, K, direction));
    expect_equal(direction, target, 1e-15);
    for (int method = 0; method < PROJECTION_METHODS; method++) {
        assert_ok(solve((enum projection_method)method, 0, direction));
        expect_equal(direction, target, 1e-15);
        assert_true(result.leak == 0);
    }
}

/* One and two conditions: the formulas that InterFaceGAN's project_boundary writes out. */
static void one_and_two_conditions_equal_the_published_formulas(void **state)
{
    (void)state;
    draw(1);
    double a = dot(target, conditions[0]);
    for (int i = 0; i < D; i++)
        other[i] = target[i] - a * conditions[0][i];
    unit(other);
    assert_ok(solve(PROJECTION_EXACT, 1, direction));
    expect_equal(direction, other, 1e-12);
    assert_ok(solve(PROJECTION_NAIVE, 1, direction)); /* one alone is right for it, too */
    expect_equal(direction, other, 1e-12);
    double b = dot(target, conditions[1]), c = dot(conditions[0], conditions[1]);
    double alpha = (a - b * c) / (1 - c * c), beta = (b - a * c) / (1 - c * c);
    for (int i = 0; i < D; i++)
        other[i] = target[i] - alpha * conditions[0][i] - beta * conditions[1][i];
    unit(other);
    assert_ok(solve(PROJECTION_EXACT, 2, direction));
    expect_equal(direction, other, 1e-12);
}

static void full_discount_is_idempotent(void **state)
{
    (void)state;
    draw(1);
    assert_ok(solve(PROJECTION_EXACT, K, direction));
    memcpy(target, direction, sizeof target);
    assert_ok(solve(PROJECTION_EXACT, K, other));
    expect_equal(other, direction, 1e-12);
}

/* The same conditions in another order, the first two again, one of them turned round. */
static void shuffle(void)
{
    static double kept[K][D];
    memcpy(kept, conditions, sizeof kept);
    for (int k = 0; k < K + 2; k++)
        memcpy(conditions[k], kept[(k * 5) % K], sizeof conditions[k]);
    for (int i = 0; i < D; i++)
        conditions[K][i] = -conditions[K][i];
}

static void order_and_duplicates_do_not_matter(void **state)
{
    (void)state;
    static const enum projection_method methods[] = {PROJECTION_EXACT, PROJECTION_CORRELATION};
    for (int i = 0; i < 2; i++) {
        draw(0.6);
        assert_ok(solve(methods[i], K, direction));
        shuffle();
        assert_ok(solve(methods[i], K, other));
        expect_equal(other, direction, 1e-12);
        assert_ok(solve(methods[i], K + 2, other));
        expect_equal(other, direction, 1e-12);
        assert_true(result.residual < 1e-12);
    }
}

/* Equal conditions with discounts 0.2 and 0.6: both get the mean, in either order, and it is said. */
static void contradictions_are_met_halfway(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        draw(0);
        memcpy(conditions[1], conditions[0], sizeof conditions[1]);
        weights[0] = order ? 0.6 : 0.2;
        weights[1] = order ? 0.2 : 0.6;
        assert_ok(solve(PROJECTION_EXACT, 2, order ? other : direction));
        assert_true(fabs(result.residual - 0.2 * fabs(dot(conditions[0], target))) < 1e-12);
    }
    expect_equal(other, direction, 1e-12);
    weights[0] = 0.4;
    assert_ok(solve(PROJECTION_EXACT, 1, direction));
    expect_equal(other, direction, 1e-12);
}

/* Conditions 1e-4 apart are two still: each keeps its share. */
static void near_duplicates_are_two(void **state)
{
    (void)state;
    draw(0.5);
    for (int i = 0; i < D; i++)
        conditions[1][i] = conditions[0][i] + 1e-4 * conditions[2][i];
    unit(conditions[1]);
    assert_ok(solve(PROJECTION_EXACT, K, direction));
    assert_true(result.residual < 1e-9);
}

/* More conditions than dimensions: all are met as long as they do not contradict. */
static void more_conditions_than_dimensions(void **state)
{
    (void)state;
    static const double t[2] = {0.6, 0.8}, c[3][2] = {{1, 0}, {0, 1}, {0.8, 0.6}}, half[3] = {.5, .5, .5};
    double u[2];
    struct projection p = {PROJECTION_EXACT, 2, 3, t, &c[0][0], half};
    assert_ok(projection_solve(&p, u, &result, &err)); /* half of everything: the same direction */
    assert_true(fabs(u[0] - 0.6) < 1e-12 && fabs(u[1] - 0.8) < 1e-12 && result.residual < 1e-12);
}

static void a_target_in_the_span_is_an_error(void **state)
{
    (void)state;
    draw(1);
    for (int i = 0; i < D; i++)
        target[i] = conditions[0][i] - 0.3 * conditions[1][i];
    unit(target);
    assert_error(solve(PROJECTION_EXACT, K, direction), E_INVALID,
                 "nothing is left of the target: it lies in the span of the 12 conditions");
    assert_error(solve(PROJECTION_EXACT, 2, direction), E_INVALID, "nothing is left");
    weights[0] = 0.99; /* a little may remain: no error, and no NaN */
    assert_ok(solve(PROJECTION_EXACT, K, direction));
    assert_true(isfinite(result.gain));
}

static void soft_minimises_what_it_says(void **state)
{
    (void)state;
    draw(0);
    for (int k = 0; k < K; k++)
        weights[k] = 0.3 * k; /* the first is free */
    assert_ok(solve(PROJECTION_SOFT, K, direction));
    /* The gradient n − t + Σ μ_i (c_i·n) c_i vanishes. */
    for (int i = 0; i < D; i++) {
        double gradient = result.norm * direction[i] - target[i];
        for (int k = 0; k < K; k++)
            gradient += weights[k] * dot(conditions[k], direction) * result.norm * conditions[k][i];
        assert_true(fabs(gradient) < 1e-12);
    }
    draw(3); /* of one condition: λ = μ / (1 + μ) */
    assert_ok(solve(PROJECTION_SOFT, 1, direction));
    draw(0.75);
    assert_ok(solve(PROJECTION_EXACT, 1, other));
    expect_equal(direction, other, 1e-12);
}

static void soft_becomes_exact(void **state)
{
    (void)state;
    double before = 1;
    draw(1);
    assert_ok(solve(PROJECTION_EXACT, K, other));
    for (double mu = 1; mu <= 1e8; mu *= 100) {
        draw(mu);
        assert_ok(solve(PROJECTION_SOFT, K, direction));
        assert_true(result.leak < before);
        before = result.leak;
    }
    expect_equal(direction, other, 1e-7);
    memcpy(conditions[1], conditions[0], sizeof conditions[1]); /* well-posed all the same */
    assert_ok(solve(PROJECTION_SOFT, K, direction));
    assert_true(result.leak < 1e-7);
}

static void correlation_takes_its_discounts_from_the_cosines(void **state)
{
    (void)state;
    draw(0);
    assert_ok(solve(PROJECTION_CORRELATION, K, direction));
    for (int k = 0; k < K; k++)
        weights[k] = 1 - fabs(dot(conditions[k], target));
    assert_ok(solve(PROJECTION_EXACT, K, other));
    expect_equal(direction, other, 1e-15);
}

/*
 * On data: the mean change of condition i's score over edited latents is α (1 − λ_i) r_i / ‖n'‖, to
 * float32's rounding of the latents.
 */
static void scores_of_edited_latents_move_as_foretold(void **state)
{
    (void)state;
    enum { N = 10000 };
    static float z[N][D];
    const double alpha = 3;
    draw(0);
    for (int k = 0; k < K; k++)
        weights[k] = k / (double)(K - 1);
    assert_ok(solve(PROJECTION_EXACT, K, direction));
    latent_sample(5, 0, N, D, LATENT_AS_DRAWN, &z[0][0]);
    for (int k = 0; k < K; k++) {
        double change = 0;
        for (int n = 0; n < N; n++)
            for (int i = 0; i < D; i++) {
                float moved = z[n][i] + (float)alpha * (float)direction[i];
                change += conditions[k][i] * ((double)moved - (double)z[n][i]) / N;
            }
        double expected = alpha * (1 - weights[k]) * dot(conditions[k], target) / result.norm;
        assert_true(fabs(change - expected) < 1e-6);
    }
}

static void the_curve_is_made_of_solutions(void **state)
{
    (void)state;
    struct projection_point points[PROJECTION_POINTS];
    size_t count = 0, of[PROJECTION_METHODS] = {0};
    draw(0);
    const struct projection p = {PROJECTION_EXACT, D, K, target, &conditions[0][0], NULL};
    assert_ok(projection_curve(&p, points, &count, &err));
    for (size_t i = 0; i < count; i++) {
        of[points[i].method]++;
        for (int k = 0; k < K; k++)
            weights[k] = points[i].weight;
        assert_ok(solve(points[i].method, K, direction));
        assert_true(fabs(points[i].gain - result.gain) < 1e-12);
        assert_true(fabs(points[i].leak - result.leak) < 1e-12);
    }
    assert_int_equal(of[PROJECTION_EXACT], 21);
    assert_int_equal(of[PROJECTION_NAIVE], 21);
    assert_int_equal(of[PROJECTION_SOFT], 9);
    assert_int_equal(of[PROJECTION_CORRELATION], 1);
    memcpy(target, conditions[0], sizeof target); /* in the span: λ = 1 is left out */
    assert_ok(projection_curve(&p, points, &count, &err));
    assert_true(count > 0 && points[19].weight == 0.95 && points[20].weight != 1);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    draw(0);
    weights[3] = 1.5;
    assert_error(solve(PROJECTION_EXACT, K, direction), E_INVALID, "discount 3 is 1.5");
    assert_error(solve(PROJECTION_NAIVE, K, direction), E_INVALID, "discount 3 is 1.5");
    assert_ok(solve(PROJECTION_SOFT, K, direction));
    weights[3] = -1;
    assert_error(solve(PROJECTION_SOFT, K, direction), E_INVALID, "strength 3 is -1");
    weights[3] = NAN;
    assert_error(solve(PROJECTION_EXACT, K, direction), E_INVALID, "discount 3");
    target[0] = NAN;
    assert_error(solve(PROJECTION_EXACT, 0, direction), E_INVALID, "expected a unit vector");
    assert_error(projection_solve(&(struct projection){0}, direction, &result, &err), E_INVALID,
                 "dimension is 0");
}

static void directions_are_sums_of_names(void **state)
{
    (void)state;
    const char *names[] = {"Smiling", "Young", "5_o_Clock_Shadow"};
    const double *normals = &conditions[0][0];
    double sum[D];
    draw(0);
    assert_ok(projection_direction("-Young", names, 3, normals, D, direction, &err));
    assert_true(fabs(dot(direction, conditions[1]) + 1) < 1e-12);
    assert_ok(projection_direction("Smiling-0.5*Young+5_o_Clock_Shadow", names, 3, normals, D,
                                   direction, &err));
    for (int i = 0; i < D; i++)
        sum[i] = conditions[0][i] - 0.5 * conditions[1][i] + conditions[2][i];
    unit(sum);
    expect_equal(sum, direction, 1e-12);
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
        cmocka_unit_test(the_change_is_the_least),
        cmocka_unit_test(uniform_discounts_have_a_closed_form),
        cmocka_unit_test(gain_under_full_lock_is_the_inflation_factor),
        cmocka_unit_test(no_discount_is_the_plain_edit),
        cmocka_unit_test(one_and_two_conditions_equal_the_published_formulas),
        cmocka_unit_test(full_discount_is_idempotent),
        cmocka_unit_test(order_and_duplicates_do_not_matter),
        cmocka_unit_test(contradictions_are_met_halfway),
        cmocka_unit_test(near_duplicates_are_two),
        cmocka_unit_test(more_conditions_than_dimensions),
        cmocka_unit_test(a_target_in_the_span_is_an_error),
        cmocka_unit_test(soft_minimises_what_it_says),
        cmocka_unit_test(soft_becomes_exact),
        cmocka_unit_test(correlation_takes_its_discounts_from_the_cosines),
        cmocka_unit_test(scores_of_edited_latents_move_as_foretold),
        cmocka_unit_test(the_curve_is_made_of_solutions),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(directions_are_sums_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
