/*
 * The solver on synthetic latents with a known normal: against a plain float64 Newton on the host,
 * against the closed-form angles of least squares, and to the last bit against itself with other
 * columns beside.
 */
#include "worker_test.h"

#include <math.h>

#include "common/clock.h"
#include "common/latent.h"
#include "worker/fit.h"

static struct error err;
static struct device *device;

struct data {
    size_t rows, dimension, columns;
    float *x, *truth; /* [rows][dimension], [columns][dimension] */
    signed char *labels;
};

/* labels = sign(truth·x + shift + noise·ε), shift growing with the column so that some are rare. */
static struct data make_data(size_t rows, size_t dimension, size_t columns, double noise,
                             double shift)
{
    struct data data = {rows, dimension, columns, NULL, NULL, NULL};
    data.x = malloc(rows * dimension * sizeof(float));
    data.truth = malloc(columns * dimension * sizeof(float));
    data.labels = malloc(rows * columns);
    float *eps = malloc(rows * columns * sizeof(float));
    latent_sample(1, 0, rows, dimension, LATENT_SPHERE, data.x);
    latent_sample(2, 0, columns, dimension, LATENT_SPHERE, data.truth);
    latent_sample(3, 0, rows, columns, LATENT_AS_DRAWN, eps);
    for (size_t k = 0; k < columns; k++)
        for (size_t j = 0; j < dimension; j++)
            data.truth[k * dimension + j] /= (float)sqrt((double)dimension);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < columns; k++) {
            double score = noise * (double)eps[i * columns + k] - shift * (double)k;
            for (size_t j = 0; j < dimension; j++)
                score += (double)data.x[i * dimension + j] * (double)data.truth[k * dimension + j];
            data.labels[i * columns + k] = score > 0 ? 1 : -1;
        }
    free(eps);
    return data;
}

static void free_data(struct data *data)
{
    free(data->x);
    free(data->truth);
    free(data->labels);
}

static double cosine(const float *a, const float *b, size_t d)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t j = 0; j < d; j++) {
        ab += (double)a[j] * (double)b[j];
        aa += (double)a[j] * (double)a[j];
        bb += (double)b[j] * (double)b[j];
    }
    return ab / sqrt(aa * bb);
}

static int give_rows(void *state, uint64_t first, size_t count, float *x, struct error *e)
{
    (void)e;
    const struct data *data = state;
    assert_true(first + count <= data->rows);
    memcpy(x, data->x + first * data->dimension, count * data->dimension * sizeof *x);
    return 0;
}

static int give_labels(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       signed char *labels, struct error *e)
{
    (void)e;
    const struct data *data = state;
    for (size_t i = 0; i < rows; i++)
        memcpy(labels + i * lanes, data->labels + (first + i) * data->columns + first_lane, lanes);
    return 0;
}

#define PLENTY ((uint64_t)1 << 30)

static struct fit_set *open_set_within(struct data *data, uint64_t memory)
{
    struct fit_set *set = NULL;
    const struct fit_source source = {data, give_rows, NULL};
    assert_ok(fit_set_open(device, &source, data->rows, data->dimension, data->columns, memory,
                           &set, &err));
    return set;
}

static struct fit_set *open_set(struct data *data)
{
    return open_set_within(data, PLENTY);
}

/* All columns of `data` at one cost. */
static void solve(struct fit_set *set, struct data *data, double cost, bool balanced,
                  struct fit_boundary *found)
{
    const struct fit_labels labels = {data, give_labels};
    struct fit_lane *lanes = calloc(data->columns, sizeof *lanes);
    for (size_t k = 0; k < data->columns; k++)
        lanes[k] = (struct fit_lane){cost, balanced, k};
    assert_ok(fit_solve(set, &labels, lanes, data->columns, found, &err));
    free(lanes);
}

static struct fit_boundary *make_boundaries(size_t columns, size_t dimension)
{
    struct fit_boundary *boundaries = calloc(columns, sizeof *boundaries);
    for (size_t k = 0; k < columns; k++)
        boundaries[k].normal = calloc(dimension, sizeof(float));
    return boundaries;
}

static void free_boundaries(struct fit_boundary *boundaries, size_t columns)
{
    for (size_t k = 0; k < columns; k++)
        free(boundaries[k].normal);
    free(boundaries);
}

/* ---- the reference: Newton with a dense Hessian in float64 ---- */

/* Solves the n×n system a x = b in place by Gaussian elimination with pivoting; x ends up in b. */
static void solve_dense(double *a, double *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t pivot = i;
        for (size_t r = i + 1; r < n; r++)
            if (fabs(a[r * n + i]) > fabs(a[pivot * n + i]))
                pivot = r;
        for (size_t c = 0; c < n; c++) {
            double swap = a[i * n + c];
            a[i * n + c] = a[pivot * n + c];
            a[pivot * n + c] = swap;
        }
        double swap = b[i];
        b[i] = b[pivot];
        b[pivot] = swap;
        for (size_t r = 0; r < n; r++) {
            double factor = r == i ? 0 : a[r * n + i] / a[i * n + i];
            for (size_t c = 0; c < n && r != i; c++)
                a[r * n + c] -= factor * a[i * n + c];
            b[r] -= factor * b[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        b[i] /= a[i * n + i];
}

/* w[dimension + 1] of column k; whole steps, which converge from 0 on these data. */
static void reference(const struct data *data, size_t k, double cost, bool balanced, double *w)
{
    size_t n = data->dimension + 1, count[2] = {0, 0};
    double *hessian = malloc(n * n * sizeof *hessian), *step = malloc(n * sizeof *step);
    for (size_t i = 0; i < data->rows; i++)
        count[data->labels[i * data->columns + k] > 0]++;
    memset(w, 0, n * sizeof *w);
    for (int iteration = 0; iteration < 30; iteration++) {
        memset(hessian, 0, n * n * sizeof *hessian);
        for (size_t j = 0; j < n; j++) {
            step[j] = j < data->dimension ? -w[j] : 0;
            hessian[j * n + j] = j < data->dimension ? 1 : 0;
        }
        for (size_t i = 0; i < data->rows; i++) {
            double y = data->labels[i * data->columns + k], score = w[n - 1];
            const float *x = data->x + i * data->dimension;
            for (size_t j = 0; j < n - 1; j++)
                score += w[j] * (double)x[j];
            double slack = 1 - y * score;
            double weight =
                balanced ? cost / (2.0 * (double)count[y > 0]) : cost / (double)data->rows;
            for (size_t a = 0; slack > 0 && a < n; a++) {
                double xa = a < n - 1 ? (double)x[a] : 1;
                step[a] += 2 * weight * y * slack * xa;
                for (size_t b = 0; b < n; b++)
                    hessian[a * n + b] += 2 * weight * xa * (b < n - 1 ? (double)x[b] : 1);
            }
        }
        solve_dense(hessian, step, n);
        for (size_t j = 0; j < n; j++)
            w[j] += step[j];
    }
    free(hessian);
    free(step);
}

static void agrees_with_plain_newton(void **state)
{
    (void)state;
    struct data data = make_data(1500, 20, 4, 0.5, 0.6);
    struct fit_set *set = open_set(&data);
    const double costs[] = {0.1, 1, 100};
    for (size_t c = 0; c < 6; c++) {
        const double cost = costs[c / 2];
        const bool balanced = c % 2 == 0;
        struct fit_boundary *found = make_boundaries(data.columns, data.dimension);
        solve(set, &data, cost, balanced, found);
        for (size_t k = 0; k < data.columns; k++) {
            double w[21], norm = 0;
            float normal[20];
            reference(&data, k, cost, balanced, w);
            for (size_t j = 0; j < 20; j++)
                norm += w[j] * w[j];
            norm = sqrt(norm);
            for (size_t j = 0; j < 20; j++)
                normal[j] = (float)(w[j] / norm);
            double angle = 1 - cosine(normal, found[k].normal, 20);
            if (!(angle < 1e-6) || !(fabs(found[k].offset - w[20] / norm) < 2e-3))
                fail_msg("cost %g, column %zu: 1−cos %g, offset %g for %g", cost, k, angle,
                         found[k].offset, w[20] / norm);
            assert_in_range(found[k].iterations, 1, 20);
        }
        free_boundaries(found, data.columns);
    }
    fit_set_close(&set);
    free_data(&data);
}

/* Least squares on labels: tan² angle = d(1−κ)/(Mκ), κ = (2/π)ρ², ρ² = 1/(1+noise²). */
static void meets_the_closed_form_angle(void **state)
{
    (void)state;
    const size_t rows = 16000, dimension = 128;
    struct data data = make_data(rows, dimension, 8, 0.5, 0);
    struct fit_set *set = open_set(&data);
    struct fit_boundary *found = make_boundaries(data.columns, dimension);
    solve(set, &data, 1, true, found);
    double kappa = 2 / acos(-1) / (1 + 0.25);
    double expected = cos(atan(sqrt((double)dimension * (1 - kappa) / ((double)rows * kappa))));
    for (size_t k = 0; k < data.columns; k++) {
        double is = cosine(found[k].normal, data.truth + k * dimension, dimension);
        if (!(fabs(is - expected) < 2e-3))
            fail_msg("column %zu: cosine to the truth %g, expected %g", k, is, expected);
        double norm = cosine(found[k].normal, found[k].normal, dimension);
        assert_true(fabs(norm - 1) < 1e-6);
    }
    free_boundaries(found, data.columns);
    fit_set_close(&set);
    free_data(&data);
}

/* Column 7 of 41 is the same to the last bit as column 7 alone. */
static void columns_do_not_touch_each_other(void **state)
{
    (void)state;
    struct data data = make_data(5000, 128, 41, 0.5, 0.05);
    struct fit_set *set = open_set(&data);
    struct fit_boundary *all = make_boundaries(41, 128), *one = make_boundaries(1, 128);
    solve(set, &data, 1, true, all);
    signed char *column = malloc(data.rows);
    for (size_t k = 0; k < 41; k += 7) {
        struct data alone = {data.rows, 128, 1, data.x, NULL, column};
        for (size_t i = 0; i < data.rows; i++)
            column[i] = data.labels[i * 41 + k];
        solve(set, &alone, 1, true, one);
        assert_memory_equal(one[0].normal, all[k].normal, 128 * sizeof(float));
        assert_memory_equal(&one[0].offset, &all[k].offset, sizeof(double));
        assert_int_equal(one[0].iterations, all[k].iterations);
    }
    free(column);
    free_boundaries(all, 41);
    free_boundaries(one, 1);
    fit_set_close(&set);
    free_data(&data);
}

/* To the last bit the same with memory for all samples, for one chunk of three in two rounds of
 * lanes, or for one at a time. */
static void memory_does_not_matter(void **state)
{
    (void)state;
    struct data data = make_data(6000, 600, 41, 0.5, 0.05);
    struct fit_boundary *expected = make_boundaries(41, 600), *found = make_boundaries(41, 600);
    struct fit_set *set = open_set(&data);
    solve(set, &data, 1, true, expected);
    fit_set_close(&set);
    const uint64_t memories[] = {(uint64_t)14 << 20, (uint64_t)9 << 20, (uint64_t)4 << 20};
    for (size_t m = 0; m < sizeof memories / sizeof *memories; m++) {
        assert_true(memories[m] < fit_memory(6000, 600, 41));
        set = open_set_within(&data, memories[m]);
        solve(set, &data, 1, true, found);
        for (size_t k = 0; k < 41; k++) {
            assert_memory_equal(found[k].normal, expected[k].normal, 600 * sizeof(float));
            assert_memory_equal(&found[k].offset, &expected[k].offset, sizeof(double));
        }
        fit_set_close(&set);
    }
    const struct fit_source source = {&data, give_rows, NULL};
    assert_error(fit_set_open(device, &source, 6000, 600, 41, 1 << 20, &set, &err), E_LIMIT, "MiB");
    free_boundaries(expected, 41);
    free_boundaries(found, 41);
    free_data(&data);
}

/* ---- the other methods ---- */

static int give_scores(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       float *values, struct error *e)
{
    (void)e;
    const struct data *data = state;
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < lanes; k++) {
            double score = 0;
            for (size_t j = 0; j < data->dimension; j++)
                score += (double)data->x[(first + i) * data->dimension + j] *
                         (double)data->truth[(first_lane + k) * data->dimension + j];
            values[i * lanes + k] = (float)(score - 0.25);
        }
    return 0;
}

/* w of ridge regression: a dense system in float64, offset last. */
static void reference_squares(const struct data *data, size_t k, const float *values, double cost,
                              double *w)
{
    size_t n = data->dimension + 1;
    double *matrix = calloc(n * n, sizeof *matrix);
    memset(w, 0, n * sizeof *w);
    for (size_t j = 0; j + 1 < n; j++)
        matrix[j * n + j] = 1;
    for (size_t i = 0; i < data->rows; i++)
        for (size_t a = 0; a < n; a++) {
            const float *x = data->x + i * data->dimension;
            double xa = a < n - 1 ? (double)x[a] : 1, weight = 2 * cost / (double)data->rows;
            w[a] += weight * xa *
                    (values ? (double)values[i * data->columns + k]
                            : (double)data->labels[i * data->columns + k]);
            for (size_t b = 0; b < n; b++)
                matrix[a * n + b] += weight * xa * (b < n - 1 ? (double)x[b] : 1);
        }
    solve_dense(matrix, w, n);
    free(matrix);
}

static void least_squares_agree_with_a_dense_solution(void **state)
{
    (void)state;
    struct data data = make_data(1500, 20, 3, 0.5, 0.6);
    struct fit_set *set = open_set(&data);
    const struct fit_labels labels = {&data, give_labels};
    const struct fit_values values = {&data, give_scores};
    const struct fit_lane lanes[] = {{2, false, 0}, {2, false, 1}, {2, false, 2}};
    float *scores = malloc(data.rows * 3 * sizeof *scores);
    assert_ok(give_scores(&data, 0, data.rows, 0, 3, scores, &err));
    for (int ridge = 0; ridge < 2; ridge++) {
        struct fit_boundary *found = make_boundaries(3, 20);
        assert_ok(fit_least_squares(set, &labels, ridge ? NULL : &values, lanes, 3, found, &err));
        for (size_t k = 0; k < 3; k++) {
            double w[21], norm = 0;
            float normal[20];
            reference_squares(&data, k, ridge ? NULL : scores, 2 * 1500 / 20.0, w);
            for (size_t j = 0; j < 20; j++)
                norm += w[j] * w[j];
            norm = sqrt(norm);
            for (size_t j = 0; j < 20; j++)
                normal[j] = (float)(w[j] / norm);
            assert_true(1 - cosine(normal, found[k].normal, 20) < 1e-9);
            assert_true(fabs(found[k].offset - w[20] / norm) < 1e-4);
        }
        free_boundaries(found, 3);
    }
    free(scores);
    fit_set_close(&set);
    free_data(&data);
}

static void mean_difference_is_that(void **state)
{
    (void)state;
    struct data data = make_data(1500, 20, 3, 0.5, 0.6);
    struct fit_set *set = open_set(&data);
    const struct fit_labels labels = {&data, give_labels};
    const struct fit_lane lanes[] = {{1, false, 0}, {1, false, 1}, {1, false, 2}};
    struct fit_boundary *found = make_boundaries(3, 20);
    assert_ok(fit_mean_difference(set, &labels, lanes, 3, found, &err));
    for (size_t k = 0; k < 3; k++) {
        double mean[2][20] = {{0}}, n[2] = {0}, norm = 0, middle = 0;
        float normal[20];
        for (size_t i = 0; i < data.rows; i++) {
            int class = data.labels[i * 3 + k] > 0;
            n[class] += 1;
            for (size_t j = 0; j < 20; j++)
                mean[class][j] += (double)data.x[i * 20 + j];
        }
        for (size_t j = 0; j < 20; j++) {
            double w = mean[1][j] / n[1] - mean[0][j] / n[0];
            norm += w * w;
            middle += w * (mean[1][j] / n[1] + mean[0][j] / n[0]) / 2;
            normal[j] = (float)w;
        }
        assert_true(1 - cosine(normal, found[k].normal, 20) < 1e-9);
        assert_true(fabs(found[k].offset + middle / sqrt(norm)) < 1e-4);
    }
    free_boundaries(found, 3);
    fit_set_close(&set);
    free_data(&data);
}

/* ---- scores ---- */

struct taken {
    float *scores;
    size_t columns;
};

static int take_scores(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       const float *scores, struct error *e)
{
    (void)e;
    const struct taken *taken = state;
    for (size_t i = 0; i < rows; i++)
        memcpy(taken->scores + (first + i) * taken->columns + first_lane, scores + i * lanes,
               lanes * sizeof *scores);
    return 0;
}

/* Scores are normal·x + offset, from one chunk or several, from one slab of lanes or several. */
static void scores_are_signed_distances(void **state)
{
    (void)state;
    struct data data = make_data(2100, 20, 67, 0.5, 0.01);
    struct fit_boundary *found = make_boundaries(67, 20);
    float *scores = malloc(2100 * 67 * sizeof *scores);
    const struct taken taken = {scores, 67};
    const struct fit_sink sink = {(void *)&taken, take_scores};
    for (int small = 0; small < 2; small++) {
        struct fit_set *set = open_set_within(&data, small ? (uint64_t)3 << 20 : PLENTY);
        solve(set, &data, 1, true, found);
        assert_ok(fit_scores(set, found, 67, &sink, &err));
        for (size_t i = 0; i < 2100; i++)
            for (size_t k = 0; k < 67; k++) {
                double score = found[k].offset;
                for (size_t j = 0; j < 20; j++)
                    score += (double)found[k].normal[j] * (double)data.x[i * 20 + j];
                assert_true(fabs(score - (double)scores[i * 67 + k]) < 1e-5);
            }
        fit_set_close(&set);
    }
    free(scores);
    free_boundaries(found, 67);
    free_data(&data);
}

/* One class only: an axis, an offset beyond every latent, no NaN; samples labelled 0 do not count.
 */
static void one_class_is_well_defined(void **state)
{
    (void)state;
    struct data data = make_data(600, 20, 3, 0.5, 0);
    for (size_t i = 0; i < data.rows; i++) {
        data.labels[i * 3] = 1;
        data.labels[i * 3 + 1] = i % 2 ? 0 : -1;
    }
    struct fit_set *set = open_set(&data);
    const struct fit_labels labels = {&data, give_labels};
    const struct fit_lane lanes[] = {{1, true, 30}, {1, true, 31}, {1, true, 32}};
    struct fit_boundary *found = make_boundaries(3, 20);
    assert_ok(fit_solve(set, &labels, lanes, 3, found, &err));
    for (size_t k = 0; k < 2; k++) {
        assert_true(found[k].degenerate);
        assert_true(found[k].normal[(30 + k) % 20] == 1.0f);
        assert_true(k == 0 ? found[k].offset > sqrt(20) : found[k].offset < -sqrt(20));
    }
    assert_false(found[2].degenerate);
    assert_true(cosine(found[2].normal, data.truth + 40, 20) > 0.95);
    free_boundaries(found, 3);
    fit_set_close(&set);
    free_data(&data);
}

static int give_nothing(void *state, uint64_t first, size_t count, float *x, struct error *e)
{
    (void)state;
    (void)first;
    (void)count;
    (void)x;
    return error_set(e, E_NOT_FOUND, "no such samples");
}

static void refuses_nonsense(void **state)
{
    (void)state;
    struct data data = make_data(600, 20, 1, 0.5, 0);
    struct fit_set *set = NULL;
    const struct fit_source source = {NULL, give_nothing, NULL};
    const struct fit_labels labels = {&data, give_labels};
    struct fit_boundary *found = make_boundaries(1, 20);
    assert_error(fit_set_open(device, &source, 0, 4, 1, PLENTY, &set, &err), E_INVALID,
                 "needs samples");
    assert_ok(fit_set_open(device, &source, 600, 20, 1, PLENTY, &set, &err));
    assert_error(fit_solve(set, &labels, &(struct fit_lane){1, true, 0}, 1, found, &err),
                 E_NOT_FOUND, "no such samples");
    assert_error(fit_solve(set, &labels, &(struct fit_lane){-1, true, 0}, 1, found, &err),
                 E_INVALID, "cost");
    assert_error(fit_solve(set, &labels, NULL, 0, found, &err), E_INVALID, "no boundaries");
    fit_set_close(&set);
    free_boundaries(found, 1);
    free_data(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_plain_newton),
        cmocka_unit_test(meets_the_closed_form_angle),
        cmocka_unit_test(columns_do_not_touch_each_other),
        cmocka_unit_test(memory_does_not_matter),
        cmocka_unit_test(least_squares_agree_with_a_dense_solution),
        cmocka_unit_test(mean_difference_is_that),
        cmocka_unit_test(scores_are_signed_distances),
        cmocka_unit_test(one_class_is_well_defined),
        cmocka_unit_test(refuses_nonsense),
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
