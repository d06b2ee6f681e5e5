/* One kernel a law and dimension. */
#include "worker/latent_device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "worker/fit_priv.h"

#define DRAWN_ROWS 8 /* of a work-item, as in kernels/latent.cl */

struct latent_device {
    struct device *device;
    cl_kernel kernel;
    struct latent_law law;
    size_t dimension, width;
};

static bool has_doubles(struct device *device)
{
    cl_device_fp_config config = 0;
    cl_device_id id = NULL;
    const cl_device_fp_config needed =
        CL_FP_FMA | CL_FP_ROUND_TO_NEAREST | CL_FP_DENORM; /* of every device that has doubles */
    return clGetCommandQueueInfo(device_queue(device), CL_QUEUE_DEVICE, sizeof id, &id, NULL) ==
               CL_SUCCESS &&
           clGetDeviceInfo(id, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof config, &config, NULL) ==
               CL_SUCCESS &&
           (config & needed) == needed;
}

int latent_device_draw(struct latent_device *drawer, uint64_t seed, uint64_t start, size_t count,
                       size_t rows, cl_mem x, struct error *err)
{
    const struct latent_law *law = &drawer->law;
    cl_ulong first = start, samples = count;
    cl_uint2 key = {{(cl_uint)seed, (cl_uint)(seed >> 32)}};
    cl_double low = law->low, span = law->high - law->low;
    cl_double squared =
        law->radius > 0 ? law->radius * law->radius : (double)drawer->dimension;
    const struct device_arg args[] = {DEVICE_ARG(x),   DEVICE_ARG(first), DEVICE_ARG(samples),
                                      DEVICE_ARG(key), DEVICE_ARG(low),   DEVICE_ARG(span),
                                      DEVICE_ARG(squared)};
    size_t global = rows / DRAWN_ROWS;
    return device_launch(drawer->device, drawer->kernel, 1, &global, NULL, args,
                         sizeof args / sizeof *args, err);
}

/* A block's numbers against the host's, at a seed and an index that use all their bits. */
static int compare(struct latent_device *drawer, bool *same, struct error *err)
{
    const uint64_t seed = 0x9E3779B97F4A7C15u, start = 0xFFFFFFFFu - FIT_BLOCK / 2;
    size_t d = drawer->dimension, numbers = FIT_BLOCK * drawer->width, bytes = numbers * sizeof(float);
    cl_mem x = NULL;
    float *found = malloc(bytes), *expected = malloc(FIT_BLOCK * d * sizeof *expected);
    int failed = found && expected ? device_buffer(drawer->device, bytes, &x, err)
                                   : error_set(err, E_MEMORY, "no memory for a block of latents");
    if (!failed)
        failed = latent_device_draw(drawer, seed, start, FIT_BLOCK, FIT_BLOCK, x, err);
    if (!failed)
        failed = device_read(drawer->device, x, 0, found, bytes, err);
    if (!failed) {
        latent_draw(&drawer->law, seed, start, FIT_BLOCK, d, expected);
        *same = true;
        for (size_t row = 0; row < FIT_BLOCK; row++)
            for (size_t j = 0; j < d; j++)
                *same = *same && memcmp(&found[(j / FIT_PANEL * FIT_BLOCK + row) * FIT_PANEL +
                                               j % FIT_PANEL],
                                        &expected[row * d + j], sizeof(float)) == 0;
    }
    if (x)
        clReleaseMemObject(x);
    free(found);
    free(expected);
    return failed;
}

static int open_kernel(struct latent_device *drawer, struct error *err)
{
    char options[128];
    snprintf(options, sizeof options, "-DDIMENSION=%zu -DUNIFORM=%d -DSPHERE=%d", drawer->dimension,
             drawer->law.prior == LATENT_UNIFORM, drawer->law.normalisation == LATENT_SPHERE);
    return device_kernel(drawer->device, "latent.cl", options, "latent_draw", &drawer->kernel, err);
}

int latent_device_open(struct device *device, const struct latent_law *law, size_t dimension,
                       struct latent_device **drawer, struct error *err)
{
    bool same = false;
    *drawer = NULL;
    if (!has_doubles(device)) {
        log_debug("%s has no double precision: the host draws", device_describe(device)->name);
        return 0;
    }
    struct latent_device *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for drawing");
    *made = (struct latent_device){
        .device = device,
        .law = *law,
        .dimension = dimension,
        .width = (dimension / FIT_PANEL + 1) * FIT_PANEL,
    };
    int failed = open_kernel(made, err);
    if (failed == E_DEVICE) { /* a compiler that cannot: the host can */
        log_warning("%s; the host draws latents", err->text);
        latent_device_close(&made);
        return 0;
    }
    if (!failed)
        failed = compare(made, &same, err);
    if (!failed && !same)
        log_warning("%s draws other latents than the host: the host draws",
                    device_describe(device)->name);
    if (failed || !same)
        latent_device_close(&made);
    *drawer = made;
    return failed;
}

void latent_device_close(struct latent_device **drawer)
{
    if (!*drawer)
        return;
    if ((*drawer)->kernel)
        clReleaseKernel((*drawer)->kernel);
    free(*drawer);
    *drawer = NULL;
}
