/* Distances of edits: closed forms are met, on the sphere as well, and what cannot be reached is said. */
#include "tests/common/check.h"

#include <math.h>

#include "common/latent.h"
#include "common/move.h"

enum { D = 96, N = 200 };

static float z[N][D], u[D], n[D], moved[D];
static double alpha;

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < D; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void unit(float *v)
{
    double norm = sqrt(dot(v, v));
    for (int i = 0; i < D; i++)
        v[i] = (float)((double)v[i] / norm);
}

/* u and n with a cosine near `gain`. */
static void draw(double gain, enum latent_normalisation normalisation)
{
    static float two[2][D];
    latent_sample(3, 0, N, D, normalisation, &z[0][0]);
    latent_sample(4, 0, 2, D, LATENT_AS_DRAWN, &two[0][0]);
    unit(two[0]);
    double along = dot(two[0], two[1]);
    for (int i = 0; i < D; i++)
        two[1][i] = (float)((double)two[1][i] - along * (double)two[0][i]);
    unit(two[1]);
    for (int i = 0; i < D; i++) {
        n[i] = two[0][i];
        u[i] = (float)(gain * (double)two[0][i] + sqrt(1 - gain * gain) * (double)two[1][i]);
    }
}

static struct move make(enum move_mode mode, double amount, double radius)
{
    return (struct move){.mode = mode,
                         .d = D,
                         .direction = u,
                         .normal = n,
                         .offset = 0.3,
                         .amount = amount,
                         .limit = 1000,
                         .radius = radius};
}

static void relative_is_a_step(void **state)
{
    (void)state;
    draw(1, LATENT_AS_DRAWN);
    struct move move = make(MOVE_RELATIVE, -2.5, 0);
    assert_true(move_latent(&move, z[0], moved, &alpha));
    assert_true(alpha == -2.5);
    for (int i = 0; i < D; i++)
        assert_true(fabs((double)moved[i] - ((double)z[0][i] - 2.5 * (double)u[i])) < 1e-6);
}

static void absolute_is_a_distance_to_the_hyperplane(void **state)
{
    (void)state;
    draw(1, LATENT_AS_DRAWN);
    struct move move = make(MOVE_ABSOLUTE, 3, 0);
    for (int i = 0; i < N; i++) {
        assert_true(move_latent(&move, z[i], moved, &alpha));
        assert_true(fabs(dot(u, moved) - 3) < 1e-5);
        assert_true(fabs(alpha - (3 - dot(u, z[i]))) < 1e-9);
    }
}

static void score_is_reached_along_a_projected_direction(void **state)
{
    (void)state;
    draw(0.4, LATENT_AS_DRAWN);
    struct move move = make(MOVE_SCORE, 3, 0);
    for (int i = 0; i < N; i++) {
        assert_true(move_latent(&move, z[i], moved, &alpha));
        assert_true(fabs(dot(n, moved) + 0.3 - 3) < 1e-5);
        /* 1/gain times as far */
        assert_true(fabs(alpha - (3 - 0.3 - dot(n, z[i])) / 0.4) < 1e-4);
    }
}

/* The great-circle edit in its own words, to a score that a linear edit put back would miss. */
static void the_sphere_is_kept(void **state)
{
    (void)state;
    const double radius = sqrt(D);
    draw(1, LATENT_SPHERE);
    struct move move = make(MOVE_SCORE, 3.3, radius);
    for (int i = 0; i < N; i++) {
        double at = dot(n, z[i]), tau = 3;
        double factor = sqrt((D - tau * tau) / (D - at * at));
        assert_true(move_latent(&move, z[i], moved, &alpha));
        for (int j = 0; j < D; j++)
            assert_true(fabs((double)moved[j] - (tau * (double)n[j] + ((double)z[i][j] -
                                                 at * (double)n[j]) * factor)) < 1e-5);
        assert_true(fabs(sqrt(dot(moved, moved)) - radius) < 1e-5);
    }
}

static void projected_scores_are_reached_on_the_sphere(void **state)
{
    (void)state;
    draw(0.6, LATENT_SPHERE);
    for (double amount = -2; amount <= 4; amount += 1.5) {
        struct move move = make(MOVE_SCORE, amount, sqrt(D));
        for (int i = 0; i < N; i++) {
            assert_true(move_latent(&move, z[i], moved, &alpha));
            assert_true(fabs(dot(n, moved) + 0.3 - amount) < 1e-5);
            /* It lies on the way of the relative edit by that α. */
            struct move step = make(MOVE_RELATIVE, alpha, sqrt(D));
            float again[D];
            double same;
            assert_true(move_latent(&step, z[i], again, &same));
            for (int j = 0; j < D; j++)
                assert_true(again[j] == moved[j]);
        }
    }
}

static void a_relative_step_is_put_back(void **state)
{
    (void)state;
    draw(1, LATENT_SPHERE);
    struct move move = make(MOVE_RELATIVE, 3, sqrt(D));
    assert_true(move_latent(&move, z[0], moved, &alpha));
    assert_true(alpha == 3 && fabs(dot(moved, moved) - D) < 1e-3);
}

static void what_is_not_reached_is_said(void **state)
{
    (void)state;
    draw(0.5, LATENT_SPHERE);
    struct move move = make(MOVE_SCORE, 50, sqrt(D)); /* no point of the sphere has it */
    move.limit = 7;
    assert_false(move_latent(&move, z[0], moved, &alpha));
    assert_true(alpha == 7);
    move.amount = -50;
    assert_false(move_latent(&move, z[0], moved, &alpha));
    assert_true(alpha == -7);
    move.radius = 0; /* on the line: beyond the limit */
    assert_false(move_latent(&move, z[0], moved, &alpha));
    assert_true(alpha == -7);
    move.limit = 1000;
    assert_true(move_latent(&move, z[0], moved, &alpha));
    draw(0, LATENT_AS_DRAWN); /* along u the score does not change */
    memset(u, 0, sizeof u);
    memset(n, 0, sizeof n);
    u[0] = n[1] = 1;
    assert_false(move_latent(&move, z[0], moved, &alpha));
    assert_true(isfinite(moved[0]) && isfinite(alpha));
    memcpy(z[0], u, sizeof u); /* at the pole: every step leads back to it */
    move.radius = 1;
    assert_false(move_latent(&move, z[0], moved, &alpha));
    assert_true(isfinite(moved[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relative_is_a_step),
        cmocka_unit_test(absolute_is_a_distance_to_the_hyperplane),
        cmocka_unit_test(score_is_reached_along_a_projected_direction),
        cmocka_unit_test(the_sphere_is_kept),
        cmocka_unit_test(projected_scores_are_reached_on_the_sphere),
        cmocka_unit_test(a_relative_step_is_put_back),
        cmocka_unit_test(what_is_not_reached_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
