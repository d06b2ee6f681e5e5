/* Several scores at once: met to 1e-9, by the least step; on the sphere as the nearest point; for one
 * boundary the great-circle edit; dependent boundaries are named. */
#include "tests/common/check.h"

#include <math.h>

#include "common/latent.h"
#include "common/meet.h"
#include "common/move.h"

enum { D = 64, M = 5 };

static const char *const names[] = {"Young", "Smiling", "Male", "Bald", "Bangs"};
static double rows[M][D], z[D], other[D];

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < D; i++)
        sum += a[i] * b[i];
    return sum;
}

/* On the unit sphere or that of radius √D, in double. */
static void draw(uint64_t seed, double *x, bool unit)
{
    float drawn[D];
    latent_sample(seed, 0, 1, D, LATENT_AS_DRAWN, drawn);
    for (int i = 0; i < D; i++)
        x[i] = (double)drawn[i];
    double scale = (unit ? 1 : sqrt(D)) / sqrt(dot(x, x));
    for (int i = 0; i < D; i++)
        x[i] *= scale;
}

static void draw_all(void)
{
    for (uint64_t i = 0; i < M; i++)
        draw(10 + i, rows[i], true);
    for (int i = 0; i < D; i++) /* at a small angle */
        rows[1][i] = rows[0][i] + 0.6 * rows[1][i];
    draw(1, z, false);
    draw(2, other, false);
}

static struct meet *make(size_t m, const double *across)
{
    struct meet *meet = NULL;
    struct error err;
    assert_ok(meet_make(&(struct meet_rows){m, D, rows[0], across, m, names}, &meet, &err));
    return meet;
}

static const double goals[M] = {2, 1.5, -1, 0.25, 3};

static void scores_are_met_by_the_least_step(void **state)
{
    (void)state;
    draw_all();
    struct meet *meet = make(M, NULL);
    double change[M], step[D], moved[D], scores[M];
    meet_scores(meet, z, scores);
    for (int i = 0; i < M; i++)
        change[i] = goals[i] - scores[i];
    meet_step(meet, change, step);
    for (int i = 0; i < D; i++)
        moved[i] = z[i] + step[i];
    meet_scores(meet, moved, scores);
    for (int i = 0; i < M; i++)
        assert_true(fabs(scores[i] - goals[i]) < 1e-9);
    /* Least: the step is orthogonal to whatever changes no score. */
    double free[M], along[D];
    meet_scores(meet, other, free);
    meet_step(meet, free, along);
    for (int i = 0; i < D; i++)
        along[i] = other[i] - along[i];
    assert_true(fabs(dot(step, along)) < 1e-9);
    meet_free(&meet);
}

/* Σ = a diagonal: met as well, and least in its own norm. */
static void the_covariance_weighs_the_step(void **state)
{
    (void)state;
    draw_all();
    static double across[M][D];
    double variance[D], step[D], scores[M], free[M], along[D], sum = 0;
    for (int i = 0; i < D; i++)
        variance[i] = 0.1 + 0.05 * i;
    for (int r = 0; r < M; r++)
        for (int i = 0; i < D; i++)
            across[r][i] = rows[r][i] * variance[i];
    struct meet *meet = make(M, across[0]), *plain = make(M, NULL);
    meet_step(meet, goals, step);
    meet_scores(meet, step, scores);
    for (int i = 0; i < M; i++)
        assert_true(fabs(scores[i] - goals[i]) < 1e-9);
    meet_scores(plain, other, free);
    meet_step(plain, free, along);
    for (int i = 0; i < D; i++)
        sum += step[i] / variance[i] * (other[i] - along[i]);
    assert_true(fabs(sum) < 1e-8);
    meet_free(&meet);
    meet_free(&plain);
}

static void the_sphere_has_the_scores_too(void **state)
{
    (void)state;
    draw_all();
    struct meet *meet = make(M, NULL);
    double moved[D], scores[M], nearest;
    memcpy(moved, z, sizeof z);
    assert_true(meet_sphere(meet, goals, sqrt(D), moved));
    assert_true(fabs(dot(moved, moved) - D) < 1e-9);
    meet_scores(meet, moved, scores);
    for (int i = 0; i < M; i++)
        assert_true(fabs(scores[i] - goals[i]) < 1e-9);
    nearest = dot(moved, z); /* the nearest: any other point that has them is further */
    for (uint64_t k = 0; k < 50; k++) {
        double else_where[D];
        draw(100 + k, else_where, false);
        for (int i = 0; i < D; i++)
            else_where[i] = moved[i] + 0.1 * else_where[i];
        assert_true(meet_sphere(meet, goals, sqrt(D), else_where));
        assert_true(dot(else_where, z) <= nearest + 1e-9);
    }
    meet_free(&meet);
}

static void one_boundary_is_the_great_circle(void **state)
{
    (void)state;
    draw_all();
    struct meet *meet = make(1, NULL);
    const double tau = 2;
    double at = dot(rows[0], z), factor = sqrt((D - tau * tau) / (D - at * at)), moved[D];
    memcpy(moved, z, sizeof z);
    assert_true(meet_sphere(meet, &tau, sqrt(D), moved));
    for (int i = 0; i < D; i++)
        assert_true(fabs(moved[i] - (tau * rows[0][i] + (z[i] - at * rows[0][i]) * factor)) < 1e-9);
    meet_free(&meet);
}

static void what_no_point_has_is_said(void **state)
{
    (void)state;
    draw_all();
    struct meet *meet = make(1, NULL);
    const double tau = 50;
    double moved[D];
    memcpy(moved, z, sizeof z);
    assert_false(meet_sphere(meet, &tau, sqrt(D), moved));
    for (int i = 0; i < D; i++)
        assert_true(fabs(moved[i] - sqrt(D) * rows[0][i]) < 1e-9);
    for (int i = 0; i < D; i++) /* at the pole nothing says where to go */
        moved[i] = sqrt(D) * rows[0][i];
    assert_false(meet_sphere(meet, &(double){1}, sqrt(D), moved));
    assert_true(isfinite(moved[0]));
    meet_free(&meet);
}

static void dependent_boundaries_are_named(void **state)
{
    (void)state;
    struct meet *meet = NULL;
    struct error err;
    draw_all();
    for (int i = 0; i < D; i++)
        rows[3][i] = 0.6 * rows[0][i] - 0.8 * rows[2][i];
    struct meet_rows from = {4, D, rows[0], NULL, 4, names};
    assert_error(meet_make(&from, &meet, &err), E_INVALID,
                 "the boundary of Bald is a combination of Young, Male");
    from.required = 3; /* what need not count is left out, and holds all the same */
    assert_ok(meet_make(&from, &meet, &err));
    double change[4] = {0.5, 0.25, 1, 0.6 * 0.5 - 0.8}, step[D], scores[4];
    meet_step(meet, change, step);
    meet_scores(meet, step, scores);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(scores[i] - change[i]) < 1e-9);
    meet_free(&meet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_met_by_the_least_step),
        cmocka_unit_test(the_covariance_weighs_the_step),
        cmocka_unit_test(the_sphere_has_the_scores_too),
        cmocka_unit_test(one_boundary_is_the_great_circle),
        cmocka_unit_test(what_no_point_has_is_said),
        cmocka_unit_test(dependent_boundaries_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
