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
#include "worker/quality.h"

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

static struct fit_set *open_set(const struct data *data)
{
    struct fit_set *set = NULL;
    assert_ok(fit_set_open(device, data->rows, data->dimension, &set, &err));
    for (size_t i = 0; i < data->rows; i++)
        assert_ok(fit_set_add(set, data->x + i * data->dimension, &err));
    return set;
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
        const struct fit_options options = {.cost = costs[c / 2], .balanced = c % 2 == 0};
        struct fit_boundary *found = make_boundaries(data.columns, data.dimension);
        assert_ok(fit_solve(set, data.labels, data.columns, 0, &options, found, &err));
        for (size_t k = 0; k < data.columns; k++) {
            double w[21], norm = 0;
            float normal[20];
            reference(&data, k, options.cost, options.balanced, w);
            for (size_t j = 0; j < 20; j++)
                norm += w[j] * w[j];
            norm = sqrt(norm);
            for (size_t j = 0; j < 20; j++)
                normal[j] = (float)(w[j] / norm);
            double angle = 1 - cosine(normal, found[k].normal, 20);
            if (!(angle < 1e-6) || !(fabs(found[k].offset - w[20] / norm) < 2e-3))
                fail_msg("cost %g, column %zu: 1−cos %g, offset %g for %g", options.cost, k, angle,
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
    const struct fit_options options = {.cost = 1, .balanced = true};
    struct fit_boundary *found = make_boundaries(data.columns, dimension);
    assert_ok(fit_solve(set, data.labels, data.columns, 0, &options, found, &err));
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
    const struct fit_options options = {.cost = 1, .balanced = true};
    struct fit_boundary *all = make_boundaries(41, 128), *one = make_boundaries(1, 128);
    assert_ok(fit_solve(set, data.labels, 41, 0, &options, all, &err));
    signed char *column = malloc(data.rows);
    for (size_t k = 0; k < 41; k += 7) {
        for (size_t i = 0; i < data.rows; i++)
            column[i] = data.labels[i * 41 + k];
        assert_ok(fit_solve(set, column, 1, k, &options, one, &err));
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

/* Scores are normal·x + offset; the confusion counts add up. */
static void scores_are_signed_distances(void **state)
{
    (void)state;
    struct data data = make_data(700, 20, 3, 0.5, 0.3);
    struct fit_set *set = open_set(&data);
    const struct fit_options options = {.cost = 1, .balanced = true};
    struct fit_boundary *found = make_boundaries(3, 20);
    float *scores = malloc(700 * 3 * sizeof *scores);
    assert_ok(fit_solve(set, data.labels, 3, 0, &options, found, &err));
    assert_ok(fit_scores(set, found, 3, scores, &err));
    for (size_t i = 0; i < 700; i++)
        for (size_t k = 0; k < 3; k++) {
            double score = found[k].offset;
            for (size_t j = 0; j < 20; j++)
                score += (double)found[k].normal[j] * (double)data.x[i * 20 + j];
            assert_true(fabs(score - (double)scores[i * 3 + k]) < 1e-5);
        }
    struct quality_counts counts = quality_count(scores, data.labels, 700, 3);
    assert_int_equal(counts.true_positives + counts.false_positives + counts.true_negatives +
                         counts.false_negatives,
                     700);
    assert_true(counts.true_positives + counts.true_negatives > 550);
    free(scores);
    free_boundaries(found, 3);
    fit_set_close(&set);
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
    const struct fit_options options = {.cost = 1, .balanced = true};
    struct fit_boundary *found = make_boundaries(3, 20);
    assert_ok(fit_solve(set, data.labels, 3, 30, &options, found, &err));
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

static void refuses_nonsense(void **state)
{
    (void)state;
    struct fit_set *set = NULL;
    const float x[4] = {0};
    const signed char label = 1;
    struct fit_boundary boundary = {0};
    assert_error(fit_set_open(device, 0, 4, &set, &err), E_INVALID, "needs samples");
    assert_ok(fit_set_open(device, 1, 4, &set, &err));
    assert_error(fit_solve(set, &label, 1, 0, &(struct fit_options){1, true}, &boundary, &err),
                 E_STATE, "0 of 1 samples");
    assert_ok(fit_set_add(set, x, &err));
    assert_error(fit_set_add(set, x, &err), E_STATE, "full");
    assert_error(fit_solve(set, &label, 1, 0, &(struct fit_options){-1, true}, &boundary, &err),
                 E_INVALID, "cost");
    fit_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_plain_newton),
        cmocka_unit_test(meets_the_closed_form_angle),
        cmocka_unit_test(columns_do_not_touch_each_other),
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
