/*
 * All methods at full size, on latents with known normals: 100,000 samples of dimension 512, 40
 * columns. With ρ the correlation of score and noisy score, κ = 2ρ²/π and M training samples, tan²
 * of the angle to the truth is d/(Mκ) for the difference of means, d(1−κ)/(Mκ) for least squares on
 * labels, d(1−ρ²)/(Mρ²) on scores; the best accuracy is 1 − arccos(ρ)/π. What the view
 * boundary_quality estimates from held-out samples is held against the truth, too.
 */
#include "worker_test.h"

#include <math.h>

#include "common/latent.h"
#include "worker/fit.h"

#define ROWS 100000
#define TRAIN 80000
#define DIMENSION 512
#define COLUMNS 40

static struct error err;
static struct device *device;

struct data {
    float *x, *truth, *scores; /* [ROWS][DIMENSION], [COLUMNS][DIMENSION], noisy: [ROWS][COLUMNS] */
};

static void make_data(struct data *data, double noise)
{
    float *eps = malloc(ROWS * COLUMNS * sizeof *eps);
    latent_sample(3, 0, ROWS, COLUMNS, LATENT_AS_DRAWN, eps);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < COLUMNS; k++) {
            const float *x = data->x + i * DIMENSION, *n = data->truth + k * DIMENSION;
            float sums[8] = {0};
            for (size_t j = 0; j < DIMENSION; j += 8)
                for (size_t l = 0; l < 8; l++)
                    sums[l] += x[j + l] * n[j + l];
            double score = 0;
            for (size_t l = 0; l < 8; l++)
                score += (double)sums[l];
            data->scores[i * COLUMNS + k] = (float)(score + noise * (double)eps[i * COLUMNS + k]);
        }
    free(eps);
}

static int give_rows(void *state, uint64_t first, size_t count, float *x, struct error *e)
{
    (void)e;
    const struct data *data = state;
    memcpy(x, data->x + first * DIMENSION, count * DIMENSION * sizeof *x);
    return 0;
}

static int give_labels(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       signed char *labels, struct error *e)
{
    (void)e;
    const struct data *data = state;
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < lanes; k++) {
            float score = data->scores[(first + i) * COLUMNS + first_lane + k];
            labels[i * lanes + k] = first + i >= TRAIN ? 0 : score > 0 ? 1 : -1;
        }
    return 0;
}

static int give_values(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       float *values, struct error *e)
{
    (void)e;
    const struct data *data = state;
    for (size_t i = 0; i < rows; i++)
        memcpy(values + i * lanes, data->scores + (first + i) * COLUMNS + first_lane,
               lanes * sizeof *values);
    return 0;
}

struct judging {
    const struct data *data;
    double right[COLUMNS], s[COLUMNS], y[COLUMNS], ss[COLUMNS], sy[COLUMNS];
};

static int take_scores(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       const float *scores, struct error *e)
{
    (void)e;
    struct judging *j = state;
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; first + i >= TRAIN && k < lanes; k++) {
            double s = (double)scores[i * lanes + k];
            double y = j->data->scores[(first + i) * COLUMNS + first_lane + k] > 0 ? 1 : -1;
            j->right[first_lane + k] += s * y > 0;
            j->s[first_lane + k] += s;
            j->y[first_lane + k] += y;
            j->ss[first_lane + k] += s * s;
            j->sy[first_lane + k] += s * y;
        }
    return 0;
}

static double cosine(const struct data *data, const struct fit_boundary *boundary, size_t k)
{
    double sum = 0;
    for (size_t j = 0; j < DIMENSION; j++)
        sum += (double)boundary->normal[j] * (double)data->truth[k * DIMENSION + j];
    return sum;
}

static double mean_cosine(const struct data *data, const struct fit_boundary *found, double least)
{
    double sum = 0;
    for (size_t k = 0; k < COLUMNS; k++) {
        double is = cosine(data, &found[k], k);
        if (!(is >= least))
            fail_msg("column %zu: cosine to the truth %g", k, is);
        sum += is;
    }
    return sum / COLUMNS;
}

static void expect(const char *what, double found, double expected, double most)
{
    print_message("%-40s %.4f, expected %.4f\n", what, found, expected);
    if (!(fabs(found - expected) < most))
        fail_msg("%s: %g, expected %g", what, found, expected);
}

static double cosine_of(double tan_squared)
{
    return 1 / sqrt(1 + tan_squared);
}

/* As the view boundary_quality does: κ of all samples from the held-out κ, and the cosine from
 * both. */
static void check_estimates(const struct data *data, const struct judging *j,
                            const struct fit_boundary *found, double kappa, double accuracy,
                            double most)
{
    const double n = ROWS - TRAIN, d = DIMENSION, m = TRAIN;
    double right = 0, faces = 0;
    for (size_t k = 0; k < COLUMNS; k++) {
        double vs = n * j->ss[k] - j->s[k] * j->s[k], vy = n * n - j->y[k] * j->y[k];
        double c = n * j->sy[k] - j->s[k] * j->y[k], tested = c * c / (vs * vy);
        double all =
            (tested * (m - d) + sqrt(tested * tested * (m - d) * (m - d) + 4 * m * tested * d)) /
            (2 * m);
        double estimate = sqrt(tested / all), is = cosine(data, &found[k], k);
        if (!(fabs(estimate - is) < most))
            fail_msg("column %zu: cosine %g, estimated %g", k, is, estimate);
        right += j->right[k] / n / COLUMNS;
        faces += d * (1 - all) / all * 0.9801 / 0.0199 / COLUMNS;
    }
    double wanted = d * (1 - kappa) / kappa * 0.9801 / 0.0199;
    expect("faces for cosine 0.99, of the truth's", faces / wanted, 1, 0.03);
    expect("accuracy on held-out samples", right, accuracy, 0.005);
}

static void check(struct data *data, struct fit_set *set, double noise, double least, double most)
{
    const double pi = acos(-1), rho = 1 / sqrt(1 + noise * noise), kappa = 2 / pi * rho * rho;
    const double d = DIMENSION, m = TRAIN;
    const struct fit_labels labels = {data, give_labels};
    const struct fit_values values = {data, give_values};
    struct fit_lane lanes[COLUMNS];
    struct fit_boundary found[COLUMNS];
    float *normals = calloc(COLUMNS * DIMENSION, sizeof *normals);
    for (size_t k = 0; k < COLUMNS; k++) {
        lanes[k] = (struct fit_lane){1, true, k};
        found[k] = (struct fit_boundary){.normal = normals + k * DIMENSION};
    }
    make_data(data, noise);
    print_message("rho = %.3f\n", rho);
    assert_ok(fit_mean_difference(set, &labels, lanes, COLUMNS, found, &err));
    expect("difference of means", mean_cosine(data, found, 0), cosine_of(d / (m * kappa)), most);
    assert_ok(fit_least_squares(set, &labels, &values, lanes, COLUMNS, found, &err));
    expect("least squares on scores", mean_cosine(data, found, least),
           cosine_of(d * (1 - rho * rho) / (m * rho * rho)), most);
    assert_ok(fit_least_squares(set, &labels, NULL, lanes, COLUMNS, found, &err));
    expect("least squares on labels", mean_cosine(data, found, least),
           cosine_of(d * (1 - kappa) / (m * kappa)), most);
    assert_ok(fit_solve(set, &labels, lanes, COLUMNS, found, &err));
    double svm = mean_cosine(data, found, least);
    expect("support vector machine", svm, cosine_of(d * (1 - kappa) / (m * kappa)), 2 * most);
    struct judging judging = {.data = data};
    const struct fit_sink sink = {&judging, take_scores};
    assert_ok(fit_scores(set, found, COLUMNS, &sink, &err));
    check_estimates(data, &judging, found, kappa, 1 - acos(rho * svm) / pi, 5 * most);
    free(normals);
}

static void angles_are_those_of_the_theory(void **state)
{
    (void)state;
    struct data data = {malloc((size_t)ROWS * DIMENSION * sizeof(float)),
                        malloc(COLUMNS * DIMENSION * sizeof(float)),
                        malloc((size_t)ROWS * COLUMNS * sizeof(float))};
    latent_sample(1, 0, ROWS, DIMENSION, LATENT_SPHERE, data.x);
    latent_sample(2, 0, COLUMNS, DIMENSION, LATENT_SPHERE, data.truth);
    for (size_t i = 0; i < COLUMNS * DIMENSION; i++)
        data.truth[i] /= (float)sqrt(DIMENSION);
    struct fit_set *set = NULL;
    const struct fit_source source = {&data, give_rows, NULL};
    assert_ok(
        fit_set_open(device, &source, ROWS, DIMENSION, COLUMNS, (uint64_t)1 << 30, &set, &err));
    check(&data, set, 0.5, 0.995, 5e-4);
    check(&data, set, 3.18, 0.9, 3e-3);
    fit_set_close(&set);
    free(data.x);
    free(data.truth);
    free(data.scores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(angles_are_those_of_the_theory)};
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
