/*
 * Fits boundaries on samples in files, for tests/bench/fit/bench.py and the oracles.
 *
 *     bench_fit X.npy Y.npy COST [--method svm|ridge|mean_difference|least_squares] [--balanced]
 * [--threads N]
 *               [--rounds N] [--memory MIB] [--out W.npy]
 *
 * X[rows][features] float32, Y[rows][columns] float32 (labels by sign, 0: does not count; least
 * squares take the values). Prints the milliseconds of each round, the first being without
 * compiling, and writes W[columns][features + 1]: the unit normal and its offset.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/npy.h"
#include "worker/fit.h"

struct data {
    const float *x, *y;
    size_t rows, features, columns;
};

static int give_rows(void *state, uint64_t first, size_t count, float *x, struct error *err)
{
    (void)err;
    const struct data *data = state;
    memcpy(x, data->x + first * data->features, count * data->features * sizeof *x);
    return 0;
}

static int give_labels(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       signed char *labels, struct error *err)
{
    (void)err;
    const struct data *data = state;
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < lanes; k++) {
            float y = data->y[(first + i) * data->columns + first_lane + k];
            labels[i * lanes + k] = y > 0 ? 1 : y < 0 ? -1 : 0;
        }
    return 0;
}

static int give_values(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       float *values, struct error *err)
{
    (void)err;
    const struct data *data = state;
    for (size_t i = 0; i < rows; i++)
        memcpy(values + i * lanes, data->y + (first + i) * data->columns + first_lane,
               lanes * sizeof *values);
    return 0;
}

struct bench {
    struct device *device;
    struct data data;
    const char *method, *out;
    struct fit_lane lane;
    unsigned rounds;
    uint64_t memory;
    float *w; /* [columns][features + 1] */
    struct fit_boundary *boundaries;
};

static int fit(struct bench *bench, struct fit_set *set, const struct fit_lane *lanes,
               struct error *err)
{
    const struct fit_labels labels = {&bench->data, give_labels};
    const struct fit_values values = {&bench->data, give_values};
    size_t columns = bench->data.columns;
    if (strcmp(bench->method, "svm") == 0)
        return fit_solve(set, &labels, lanes, columns, bench->boundaries, err);
    if (strcmp(bench->method, "mean_difference") == 0)
        return fit_mean_difference(set, &labels, lanes, columns, bench->boundaries, err);
    bool ridge = strcmp(bench->method, "ridge") == 0;
    if (!ridge && strcmp(bench->method, "least_squares") != 0)
        return error_set(err, E_INVALID,
                         "--method %s: expected svm, ridge, least_squares or mean_difference",
                         bench->method);
    return fit_least_squares(set, &labels, ridge ? NULL : &values, lanes, columns,
                             bench->boundaries, err);
}

static int run_round(struct bench *bench, const struct fit_lane *lanes, double *ms,
                     struct error *err)
{
    const struct fit_source source = {&bench->data, give_rows, NULL};
    struct fit_set *set = NULL;
    int64_t since = clock_now();
    int failed = fit_set_open(bench->device, &source, bench->data.rows, bench->data.features,
                              bench->data.columns, bench->memory, &set, err);
    if (!failed)
        failed = fit(bench, set, lanes, err);
    fit_set_close(&set);
    *ms = (double)(clock_now() - since) / 1e6;
    return failed;
}

static int make_boundaries(struct bench *bench, struct fit_lane **lanes, struct error *err)
{
    size_t columns = bench->data.columns, width = bench->data.features + 1;
    *lanes = calloc(columns, sizeof **lanes);
    bench->w = calloc(columns * width, sizeof *bench->w);
    bench->boundaries = calloc(columns, sizeof *bench->boundaries);
    if (!*lanes || !bench->w || !bench->boundaries)
        return error_set(err, E_MEMORY, "no memory");
    for (size_t k = 0; k < columns; k++) {
        (*lanes)[k] = bench->lane;
        bench->boundaries[k].normal = bench->w + k * width;
    }
    return 0;
}

static int run(struct bench *bench, struct error *err)
{
    struct fit_lane *lanes = NULL;
    int failed = make_boundaries(bench, &lanes, err);
    for (unsigned i = 0; !failed && i < bench->rounds; i++) {
        double ms = 0;
        failed = run_round(bench, lanes, &ms, err);
        if (!failed)
            printf("%.3f\n", ms);
    }
    const uint64_t dims[] = {bench->data.columns, bench->data.features + 1};
    for (size_t k = 0; !failed && k < bench->data.columns; k++)
        bench->w[k * dims[1] + dims[1] - 1] = (float)bench->boundaries[k].offset;
    if (!failed && bench->out)
        failed = npy_write(bench->out, bench->w, 2, dims, err);
    free(lanes);
    free(bench->w);
    free(bench->boundaries);
    return failed;
}

static int read_data(const char *const *names, struct npy *x, struct npy *y, struct data *data,
                     struct error *err)
{
    int failed = npy_read(names[0], x, err);
    if (!failed)
        failed = npy_read(names[1], y, err);
    if (!failed && (x->rank != 2 || y->rank != 2 || x->dims[0] != y->dims[0]))
        return error_set(err, E_INVALID, "%s and %s: expected two matrices of as many rows",
                         names[0], names[1]);
    if (!failed)
        *data = (struct data){x->data, y->data, x->dims[0], x->dims[1], y->dims[1]};
    return failed;
}

static void usage(void)
{
    fprintf(stderr, "bench_fit X.npy Y.npy COST [--method svm|ridge|mean_difference|least_squares] "
                    "[--balanced]\n"
                    "          [--threads N] [--rounds N] [--memory MIB] [--out W.npy]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"method", required_argument, NULL, 'm'},
                                            {"balanced", no_argument, NULL, 'b'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"memory", required_argument, NULL, 'M'},
                                            {"out", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    struct bench bench = {.method = "svm", .rounds = 1, .memory = UINT64_MAX / 2};
    struct device_options device = {0};
    struct npy x = {0}, y = {0};
    struct error err = {0};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (c) {
        case 'm':
            bench.method = optarg;
            break;
        case 'b':
            bench.lane.balanced = true;
            break;
        case 't':
            device.threads = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            bench.rounds = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'M':
            bench.memory = strtoull(optarg, NULL, 10) << 20;
            break;
        case 'o':
            bench.out = optarg;
            break;
        default:
            usage();
        }
    if (argc - optind != 3)
        usage();
    bench.lane.cost = strtod(argv[optind + 2], NULL);
    int failed = read_data((const char *const *)argv + optind, &x, &y, &bench.data, &err);
    if (!failed)
        failed = device_open(0, &device, &bench.device, &err);
    if (!failed)
        failed = run(&bench, &err);
    device_close(&bench.device);
    npy_free(&x);
    npy_free(&y);
    if (failed)
        fprintf(stderr, "bench_fit: %s\n", err.text);
    return failed ? 1 : 0;
}
