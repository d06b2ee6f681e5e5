/*
 * Speed of the default bundle's networks, or of those named: faces a second and GFLOP/s (direct
 * algorithms' operations, after fusion) at several batches.
 *
 *     bench_engine [--json] [--plan] [--tune] [--rounds N] [--batch N] [--threads N] [--tolerance T]
 *                  [MODEL.onnx…]
 *
 * Without --batch at 1, 8 and 64 rows; --threads limits PoCL's. With --json, one line a measurement,
 * for bench.py; with --plan, also each step. Times are medians; peak_mib is the process's resident
 * memory so far.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "worker/engine/engine.h"

#define ROUNDS_MOST 1001

static const size_t batches[] = {1, 8, 64};

struct bench {
    struct device *device;
    bool json, plan, tune;
    struct engine_options options;
    int rounds, batch; /* batch 0: each of `batches` */
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int time_runs(struct bench *bench, struct engine_network *network, size_t batch,
                     const cl_mem *in, double *median, struct error *err)
{
    static double times[ROUNDS_MOST];
    const cl_mem out[16] = {NULL};
    for (int i = -1; i < bench->rounds; i++) { /* the first, which compiles, is not counted */
        double start = seconds();
        int failed = engine_run(network, batch, in, out, err);
        if (!failed)
            failed = device_finish(bench->device, err);
        if (failed)
            return failed;
        if (i >= 0)
            times[i] = seconds() - start;
    }
    qsort(times, (size_t)bench->rounds, sizeof *times, ascending);
    *median = times[bench->rounds / 2];
    return 0;
}

/* Not getrusage(): a process that vfork() started has its parent's there. 0 where it is not known. */
static double peak_mib(void)
{
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (status)
        fclose(status);
    return (double)kib / 1024.0;
}

static void print_line(const struct bench *bench, const char *path, size_t batch, double median,
                       const struct engine_cost *cost)
{
    double rate = (double)batch / median, gflops = cost->gflop_per_row * rate;
    if (bench->json)
        printf("{\"model\": \"%s\", \"batch\": %zu, \"ms\": %.4f, \"rows_per_s\": %.1f, "
               "\"gflops\": %.1f, \"peak_mib\": %.1f}\n",
               path, batch, median * 1e3, rate, gflops, peak_mib());
    else
        printf("%-36s batch %3zu  %9.3f ms  %9.0f rows/s  %7.1f GFLOP/s\n", path, batch,
               median * 1e3, rate, gflops);
}

static int print_plan(struct bench *bench, struct engine_network *network, size_t batch,
                      const cl_mem *in, struct error *err)
{
    const cl_mem out[16] = {NULL};
    double peak = 0;
    double *milliseconds = calloc(engine_step_count(network), sizeof *milliseconds);
    if (!milliseconds)
        return error_set(err, E_MEMORY, "no memory for times");
    int failed = engine_profile(network, batch, in, out, (size_t)bench->rounds, milliseconds, err);
    if (!failed)
        failed = engine_peak(bench->device, &peak, err);
    if (!failed)
        engine_print_plan(network, milliseconds, peak, stdout);
    free(milliseconds);
    return failed;
}

static int measure(struct bench *bench, const char *path, size_t batch, struct error *err)
{
    struct engine_network *network = NULL;
    struct engine_cost cost;
    cl_mem in[16] = {NULL};
    double median = 0;
    int failed = bench->tune ? engine_tune(bench->device, path, batch, &bench->options, stdout, err) : 0;
    if (failed)
        return failed;
    failed = engine_load(bench->device, path, batch, &bench->options, &network, err);
    if (failed)
        return failed;
    if (engine_input_count(network) > 16 || engine_output_count(network) > 16)
        failed = error_set(err, E_UNSUPPORTED, "%s has more than 16 inputs or outputs", path);
    for (size_t i = 0; !failed && i < engine_input_count(network); i++)
        failed = engine_fill_input(network, i, batch, &in[i], err);
    if (!failed)
        failed = time_runs(bench, network, batch, in, &median, err);
    engine_cost(network, &cost);
    if (!failed && bench->plan)
        failed = print_plan(bench, network, batch, in, err);
    if (!failed)
        print_line(bench, path, batch, median, &cost);
    for (size_t i = 0; i < 16; i++)
        if (in[i])
            clReleaseMemObject(in[i]);
    engine_free(&network);
    return failed;
}

static int measure_all(struct bench *bench, const char *path, struct error *err)
{
    if (bench->batch)
        return measure(bench, path, (size_t)bench->batch, err);
    int failed = 0;
    for (size_t i = 0; !failed && i < sizeof batches / sizeof *batches; i++)
        failed = measure(bench, path, batches[i], err);
    return failed;
}

/* The number after the option `name` at argv[*i], if that is what stands there. */
static bool read_number(int argc, char **argv, int *i, const char *name, int *number)
{
    if (strcmp(argv[*i], name) != 0 || *i + 1 >= argc)
        return false;
    *number = atoi(argv[++*i]);
    return true;
}

int main(int argc, char **argv)
{
    static const char *const defaults[] = {"models/default/generator.onnx",
                                     "models/default/attributes.onnx",
                                     "models/default/age_fit.onnx",
                                     "models/default/age_judge.onnx"};
    struct bench bench = {.rounds = 15};
    struct error err = {0};
    int first = 1, threads = 0;
    for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++) {
        if (strcmp(argv[first], "--json") == 0)
            bench.json = true;
        else if (strcmp(argv[first], "--tune") == 0)
            bench.tune = true;
        else if (strcmp(argv[first], "--plan") == 0)
            bench.plan = true;
        else if (strcmp(argv[first], "--tolerance") == 0 && first + 1 < argc)
            bench.options.tolerance = atof(argv[++first]);
        else if (!read_number(argc, argv, &first, "--rounds", &bench.rounds) &&
                 !read_number(argc, argv, &first, "--batch", &bench.batch) &&
                 !read_number(argc, argv, &first, "--threads", &threads))
            bench.rounds = 0;
    }
    if (bench.rounds < 1 || bench.rounds > ROUNDS_MOST || bench.batch < 0 || threads < 0) {
        fprintf(stderr, "usage: bench_engine [--json] [--plan] [--tune] [--rounds 1…%d] [--batch N] "
                        "[--threads N] [--tolerance T] [MODEL.onnx…]\n", ROUNDS_MOST);
        return 2;
    }
    if (threads == 0 || threads >= sysconf(_SC_NPROCESSORS_ONLN))
        device_keep_to_cores(); /* as a worker does */
    if (threads > 0) { /* both names that PoCL's releases have had */
        char text[16];
        snprintf(text, sizeof text, "%d", threads);
        setenv("POCL_MAX_PTHREAD_COUNT", text, 1);
        setenv("POCL_CPU_MAX_CU_COUNT", text, 1);
    }
    size_t count = first < argc ? (size_t)(argc - first) : sizeof defaults / sizeof *defaults;
    int failed = device_open(0, NULL, &bench.device, &err);
    for (size_t i = 0; !failed && i < count; i++)
        failed = measure_all(&bench, first < argc ? argv[first + (int)i] : defaults[i], &err);
    if (failed)
        fprintf(stderr, "bench_engine: %s\n", err.text);
    device_close(&bench.device);
    return failed != 0;
}
