/*
 * A fit on more latents than memory holds: they are drawn anew at every pass, as a fit task draws
 * them, and nothing but their labels is kept.
 *
 *     bench_fit_stream COUNT DIMENSION COLUMNS COST [--lanes FIRST-LAST] [--threads N] [--memory
 * MIB]
 *                      [--seed S] [--out W.npy]
 *
 * Sample i is latent i of the seed on the sphere of radius √DIMENSION, and its label of column k
 * the sign of n_k·z_i + e_ik/2: n_k a unit vector and e_ik normal, both from streams of their own,
 * so that the samples and labels are the same in every process. --lanes fits these columns alone,
 * as one of several workers does; the rows that --out writes ([columns][DIMENSION + 1]: unit
 * normal, offset) are the same either way. Prints the cosines to the n_k, the time, the processor
 * time and the most memory that was held.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "common/clock.h"
#include "common/npy.h"
#include "worker/fit.h"
#include "worker/latent_device.h"
#include "worker/latent_threads.h"

#define ROWS 256 /* labelled at a time */

static const struct latent_law law = {.normalisation = LATENT_SPHERE};

struct stream {
    struct device *device;
    struct latent_device *drawer;
    size_t count, dimension, columns, first, lanes;
    unsigned threads;
    uint64_t seed, memory;
    const char *out;
    struct fit_lane lane;
    float *normals;   /* [columns][dimension] */
    float *turned;    /* [dimension][lanes]: those of the lanes */
    float *z, *noise; /* [ROWS][dimension], [ROWS][columns] */
    float *score;     /* [lanes] */
    float *w;         /* [lanes][dimension + 1] */
    struct fit_boundary *boundaries;
    uint64_t drawn; /* samples, by all passes */
};

static int give_rows(void *state, uint64_t first, size_t count, float *x, struct error *err)
{
    (void)err;
    struct stream *s = state;
    latent_draw_on(s->threads, &law, s->seed, first, count, s->dimension, x);
    s->drawn += count;
    return 0;
}

static int give_chunk(void *state, uint64_t first, size_t count, size_t rows, cl_mem x,
                      struct error *err)
{
    struct stream *s = state;
    uint64_t passes = s->drawn / s->count;
    s->drawn += count;
    if (s->drawn / s->count > passes)
        fprintf(stderr, "%.0f passes, %.0f s of processor\n", (double)s->drawn / (double)s->count,
                (double)clock() / CLOCKS_PER_SEC);
    return latent_device_draw(s->drawer, s->seed, first, count, rows, x, err);
}

/* Of at most ROWS samples. */
static void label_rows(struct stream *s, uint64_t first, size_t rows, size_t first_lane,
                       size_t lanes, signed char *labels)
{
    float *restrict score = s->score;
    latent_draw_on(s->threads, &law, s->seed, first, rows, s->dimension, s->z);
    latent_sample(s->seed + 2, first, rows, s->columns, LATENT_AS_DRAWN, s->noise);
    for (size_t i = 0; i < rows; i++) {
        memset(score, 0, s->lanes * sizeof *score);
        for (size_t j = 0; j < s->dimension; j++)
            for (size_t k = 0; k < s->lanes; k++)
                score[k] += s->z[i * s->dimension + j] * s->turned[j * s->lanes + k];
        for (size_t k = 0; k < lanes; k++) {
            float noise = s->noise[i * s->columns + s->first + first_lane + k] / 2;
            labels[i * lanes + k] = score[first_lane + k] + noise > 0 ? 1 : -1;
        }
    }
}

static int give_labels(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       signed char *labels, struct error *err)
{
    (void)err;
    for (size_t at = 0; at < rows; at += ROWS)
        label_rows(state, first + at, rows - at < ROWS ? rows - at : ROWS, first_lane, lanes,
                   labels + at * lanes);
    return 0;
}

static int make_truth(struct stream *s, struct error *err)
{
    size_t d = s->dimension;
    s->normals = calloc(s->columns * d, sizeof *s->normals);
    s->turned = calloc(s->lanes * d, sizeof *s->turned);
    s->z = calloc(ROWS * d, sizeof *s->z);
    s->noise = calloc(ROWS * s->columns, sizeof *s->noise);
    s->score = calloc(s->lanes, sizeof *s->score);
    s->w = calloc(s->lanes * (d + 1), sizeof *s->w);
    s->boundaries = calloc(s->lanes, sizeof *s->boundaries);
    if (!s->normals || !s->turned || !s->z || !s->noise || !s->score || !s->w || !s->boundaries)
        return error_set(err, E_MEMORY, "no memory for %zu columns", s->columns);
    const struct latent_law unit = {.normalisation = LATENT_SPHERE, .radius = 1};
    latent_draw(&unit, s->seed + 1, 0, s->columns, d, s->normals);
    for (size_t k = 0; k < s->lanes; k++)
        for (size_t j = 0; j < d; j++)
            s->turned[j * s->lanes + k] = s->normals[(s->first + k) * d + j];
    for (size_t k = 0; k < s->lanes; k++)
        s->boundaries[k].normal = s->w + k * (d + 1);
    return 0;
}

static int solve(struct stream *s, struct error *err)
{
    const struct fit_source source = {s, give_rows, s->drawer ? give_chunk : NULL};
    const struct fit_labels labels = {s, give_labels};
    struct fit_lane *lanes = calloc(s->lanes, sizeof *lanes);
    struct fit_set *set = NULL;
    int failed = lanes ? fit_set_open(s->device, &source, s->count, s->dimension, s->lanes,
                                      s->memory, &set, err)
                       : error_set(err, E_MEMORY, "no memory for %zu columns", s->lanes);
    for (size_t k = 0; !failed && k < s->lanes; k++)
        lanes[k] = s->lane;
    if (!failed)
        failed = fit_solve(set, &labels, lanes, s->lanes, s->boundaries, err);
    fit_set_close(&set);
    free(lanes);
    return failed;
}

static void print_cosines(const struct stream *s)
{
    double least = 1, sum = 0;
    for (size_t k = 0; k < s->lanes; k++) {
        double cosine = 0;
        for (size_t j = 0; j < s->dimension; j++)
            cosine += (double)s->boundaries[k].normal[j] *
                      (double)s->normals[(s->first + k) * s->dimension + j];
        least = fmin(least, cosine);
        sum += cosine;
    }
    printf("cosine to the truth: mean %.6f, least %.6f\n", sum / (double)s->lanes, least);
}

static void print_cost(const struct stream *s, int64_t since)
{
    struct rusage used;
    unsigned iterations = 0;
    getrusage(RUSAGE_SELF, &used);
    for (size_t k = 0; k < s->lanes; k++)
        iterations =
            s->boundaries[k].iterations > iterations ? s->boundaries[k].iterations : iterations;
    printf("Newton steps: %u at most; passes over the latents: %.2f\n", iterations,
           (double)s->drawn / (double)s->count);
    printf("seconds: %.1f, of processor: %.1f\n", (double)(clock_now() - since) / 1e9,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    printf("most memory: %.0f MiB\n", (double)used.ru_maxrss / 1024);
}

static int write_rows(struct stream *s, struct error *err)
{
    const uint64_t dims[] = {s->lanes, s->dimension + 1};
    for (size_t k = 0; k < s->lanes; k++)
        s->w[k * dims[1] + s->dimension] = (float)s->boundaries[k].offset;
    return s->out ? npy_write(s->out, s->w, 2, dims, err) : 0;
}

static int run(struct stream *s, const struct device_options *options, struct error *err)
{
    int64_t since = clock_now();
    int failed = device_open(0, options, &s->device, err);
    if (!failed)
        failed = latent_device_open(s->device, &law, s->dimension, &s->drawer, err);
    if (!failed)
        failed = make_truth(s, err);
    if (!failed)
        failed = solve(s, err);
    if (!failed) {
        print_cosines(s);
        print_cost(s, since);
        failed = write_rows(s, err);
    }
    latent_device_close(&s->drawer);
    device_close(&s->device);
    free(s->normals);
    free(s->turned);
    free(s->z);
    free(s->noise);
    free(s->score);
    free(s->w);
    free(s->boundaries);
    return failed;
}

static void usage(void)
{
    fprintf(stderr,
            "bench_fit_stream COUNT DIMENSION COLUMNS COST [--lanes FIRST-LAST] [--threads N]\n"
            "                 [--memory MIB] [--seed S] [--out W.npy]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"lanes", required_argument, NULL, 'l'},  {"threads", required_argument, NULL, 't'},
        {"memory", required_argument, NULL, 'm'}, {"seed", required_argument, NULL, 's'},
        {"out", required_argument, NULL, 'o'},    {NULL, 0, NULL, 0}};
    struct stream s = {.threads = 1, .seed = 1, .memory = UINT64_MAX / 2};
    size_t last = SIZE_MAX;
    struct error err = {0};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (c) {
        case 'l':
            if (sscanf(optarg, "%zu-%zu", &s.first, &last) != 2)
                usage();
            break;
        case 't':
            s.threads = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'm':
            s.memory = strtoull(optarg, NULL, 10) << 20;
            break;
        case 's':
            s.seed = strtoull(optarg, NULL, 10);
            break;
        case 'o':
            s.out = optarg;
            break;
        default:
            usage();
        }
    if (argc - optind != 4)
        usage();
    s.count = strtoull(argv[optind], NULL, 10);
    s.dimension = strtoull(argv[optind + 1], NULL, 10);
    s.columns = strtoull(argv[optind + 2], NULL, 10);
    s.lane.cost = strtod(argv[optind + 3], NULL);
    last = last < s.columns ? last : s.columns - 1;
    if (s.dimension == 0 || s.columns == 0 || s.first > last || s.threads == 0)
        usage();
    s.lanes = last - s.first + 1;
    if (run(&s, &(struct device_options){.threads = s.threads}, &err)) {
        fprintf(stderr, "bench_fit_stream: %s\n", err.text);
        return 1;
    }
    return 0;
}
