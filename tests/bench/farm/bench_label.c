/*
 * The bare engine at a label job's work: the default bundle's networks over samples 0 … COUNT − 1 of seed 1 in one
 * process, batch by batch: latents drawn and written, face, scores, ages, read back. Nothing else.
 *
 *     bench_label COUNT [THREADS [ROUNDS]]
 *
 * prints seconds, a line a round; the first batch, which compiles, runs before. For tests/bench/farm/overhead.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/bundle.h"
#include "common/latent.h"
#include "worker/engine/engine.h"

#define FOLDER "models/default"
#define BATCH 64
#define NETWORKS 4

struct bench {
    struct device *device;
    struct bundle *bundle;
    struct engine_network *networks[NETWORKS]; /* the generator, then those that read it */
    cl_mem latents, outputs[NETWORKS];
    size_t widths[NETWORKS];
    float *drawn, *rows;
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int open_network(struct bench *bench, size_t i, struct error *err)
{
    static const char *const files[NETWORKS] = {FOLDER "/generator.onnx", FOLDER "/attributes.onnx",
                                                FOLDER "/age_fit.onnx", FOLDER "/age_judge.onnx"};
    const struct engine_options options = {.tolerance = 1e-3}; /* the bundle's */
    int failed = engine_load(bench->device, files[i], BATCH, &options, &bench->networks[i], err);
    if (failed)
        return failed;
    bench->widths[i] = engine_output(bench->networks[i], 0)->row_elements;
    return device_buffer(bench->device, BATCH * bench->widths[i] * sizeof(float), &bench->outputs[i], err);
}

static int open_bench(struct bench *bench, unsigned threads, struct error *err)
{
    const struct device_options options = {.threads = threads};
    int failed = device_open(0, &options, &bench->device, err);
    if (!failed)
        failed = bundle_load(FOLDER, &bench->bundle, NULL, err);
    for (size_t i = 0; !failed && i < NETWORKS; i++)
        failed = open_network(bench, i, err);
    if (failed)
        return failed;
    size_t bytes = BATCH * bundle_latent_size(bench->bundle) * sizeof(float);
    bench->drawn = malloc(bytes);
    bench->rows = malloc(BATCH * bench->widths[0] * sizeof(float));
    return bench->drawn && bench->rows ? device_buffer(bench->device, bytes, &bench->latents, err)
                                       : error_set(err, E_MEMORY, "no memory");
}

static int run_batch(struct bench *bench, size_t first, size_t rows, struct error *err)
{
    size_t size = bundle_latent_size(bench->bundle);
    latent_draw(bundle_law(bench->bundle), 1, first, rows, size, bench->drawn);
    int failed = device_write(bench->device, bench->latents, 0, bench->drawn, rows * size * sizeof(float), err);
    for (size_t i = 0; !failed && i < NETWORKS; i++)
        failed = engine_run(bench->networks[i], rows, i ? &bench->outputs[0] : &bench->latents,
                            &bench->outputs[i], err);
    for (size_t i = 1; !failed && i < NETWORKS; i++)
        failed = device_read(bench->device, bench->outputs[i], 0, bench->rows,
                             rows * bench->widths[i] * sizeof(float), err);
    return failed;
}

static int run(struct bench *bench, size_t count, struct error *err)
{
    int failed = 0;
    for (size_t done = 0; !failed && done < count; done += BATCH)
        failed = run_batch(bench, done, count - done < BATCH ? count - done : BATCH, err);
    return failed;
}

static void close_bench(struct bench *bench)
{
    for (size_t i = 0; i < NETWORKS; i++) {
        engine_free(&bench->networks[i]);
        if (bench->outputs[i])
            clReleaseMemObject(bench->outputs[i]);
    }
    if (bench->latents)
        clReleaseMemObject(bench->latents);
    free(bench->drawn);
    free(bench->rows);
    bundle_free(&bench->bundle);
    device_close(&bench->device);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    struct error err = {0};
    long count = argc > 1 ? atol(argv[1]) : 0, threads = argc > 2 ? atol(argv[2]) : 0;
    long rounds = argc > 3 ? atol(argv[3]) : 1;
    if (count < 1 || threads < 0 || rounds < 1) {
        fprintf(stderr, "usage: bench_label COUNT [THREADS [ROUNDS]]\n");
        return 2;
    }
    if (threads == 0)
        device_keep_to_cores(); /* as a worker does */
    int failed = open_bench(&bench, (unsigned)threads, &err);
    if (!failed)
        failed = run(&bench, BATCH, &err);
    for (long i = 0; !failed && i < rounds; i++) {
        double since = seconds();
        failed = run(&bench, (size_t)count, &err);
        printf("%.4f\n", seconds() - since);
        fflush(stdout);
    }
    if (failed)
        fprintf(stderr, "bench_label: %s\n", err.text);
    close_bench(&bench);
    return failed != 0;
}
