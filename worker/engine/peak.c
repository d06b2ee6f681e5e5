/* The multiply-adds a device can do in a second, measured. */
#include "common/clock.h"
#include "worker/engine/engine.h"

#define CHAINS 12
#define ITERATIONS 20000
#define GROUPS_PER_UNIT 8
#define REPEATS 25

static int run(struct device *device, cl_kernel kernel, cl_mem out, size_t groups,
               double *gflops, struct error *err)
{
    cl_int iterations = ITERATIONS;
    cl_float factor = 0.5f;
    size_t local = 1;
    struct device_arg args[] = {DEVICE_ARG(out), DEVICE_ARG(iterations), DEVICE_ARG(factor)};
    *gflops = 0;
    for (int r = 0; r <= REPEATS; r++) { /* the first compiles */
        int64_t start = clock_now();
        int failed = device_launch(device, kernel, 1, &groups, &local, args, 3, err);
        if (!failed)
            failed = device_finish(device, err);
        if (failed)
            return failed;
        double rate = 2.0 * 16 * CHAINS * ITERATIONS * (double)groups / (double)(clock_now() - start);
        if (r > 0 && rate > *gflops)
            *gflops = rate;
    }
    return 0;
}

int engine_peak(struct device *device, double *gflops, struct error *err)
{
    cl_kernel kernel = NULL;
    cl_mem out = NULL;
    size_t groups = (size_t)device_describe(device)->compute_units * GROUPS_PER_UNIT;
    int failed = device_kernel(device, "peak.cl", "", "peak", &kernel, err);
    if (!failed)
        failed = device_buffer(device, groups * sizeof(float), &out, err);
    if (!failed)
        failed = run(device, kernel, out, groups, gflops, err);
    if (out)
        clReleaseMemObject(out);
    if (kernel)
        clReleaseKernel(kernel);
    return failed;
}
