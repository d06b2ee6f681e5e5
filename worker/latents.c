/* Ranges of samples, one after the other, into one file. */
#include "worker/latents.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/npz.h"
#include "common/ranges.h"
#include "worker/device_select.h"
#include "worker/pipeline.h"
#include "worker/worker.h"

struct drawing {
    struct bundle *bundle;
    struct device *device;
    struct pipeline *pipeline; /* NULL in z, which needs no network */
    struct range *ranges;
    size_t range_count;
    uint64_t total;
    float *rows;
};

static int open_pipeline(struct drawing *drawing, const struct latents_options *options,
                         struct error *err)
{
    struct device_choice choices[DEVICE_CHOICES_MAX];
    size_t count = 0;
    if (!drawing->bundle->mapping)
        return 0;
    int failed = worker_choose_devices(options->device, 0, choices, &count, err);
    if (!failed)
        failed = device_open(choices[0].index, &choices[0].options, &drawing->device, err);
    return failed ? failed
                  : pipeline_open(drawing->device, options->bundle, options->batch,
                                  &drawing->pipeline, err);
}

static int draw(struct drawing *drawing, uint64_t seed, struct error *err)
{
    size_t size = bundle_latent_size(drawing->bundle);
    float *at = drawing->rows;
    int failed = 0;
    for (size_t i = 0; !failed && i < drawing->range_count; i++) {
        const struct range *range = &drawing->ranges[i];
        if (drawing->pipeline)
            failed = pipeline_latents(drawing->pipeline, seed, range->start, range->count, at, err);
        else
            latent_draw(bundle_law(drawing->bundle), seed, range->start, range->count, size, at);
        at += range->count * size;
    }
    return failed;
}

static int write_rows(const struct drawing *drawing, const char *path, struct error *err)
{
    const struct bundle_latent *latent = &drawing->bundle->generator.latent;
    bool plus = latent->space == BUNDLE_W_PLUS;
    const uint64_t dims[3] = {drawing->total, plus ? latent->layers : latent->dimension,
                              latent->dimension};
    size_t rank = plus ? 3 : 2, length = strlen(path);
    bool zip = length > 4 && strcmp(path + length - 4, ".npz") == 0;
    return zip ? npz_write(path, drawing->rows, rank, dims, err)
               : npy_write(path, drawing->rows, rank, dims, err);
}

int latents_write(const struct latents_options *options, struct error *err)
{
    struct drawing drawing = {0};
    int failed =
        ranges_parse(options->samples, &drawing.ranges, &drawing.range_count, &drawing.total, err);
    if (!failed)
        failed = bundle_load(options->bundle, &drawing.bundle, NULL, err);
    size_t size = failed ? 1 : bundle_latent_size(drawing.bundle);
    if (!failed && drawing.total > LIMIT_LATENTS / size)
        failed = error_set(
            err, E_LIMIT, "%llu samples of %zu numbers: LIMIT_LATENTS, %u, is the most in one file",
            (unsigned long long)drawing.total, size, LIMIT_LATENTS);
    if (!failed) {
        drawing.rows = malloc(drawing.total * size * sizeof *drawing.rows);
        failed = drawing.rows ? open_pipeline(&drawing, options, err)
                              : error_set(err, E_MEMORY, "no memory for %llu latents",
                                          (unsigned long long)drawing.total);
    }
    if (!failed)
        failed = draw(&drawing, options->seed, err);
    if (!failed)
        failed = write_rows(&drawing, options->output, err);
    free(drawing.rows);
    free(drawing.ranges);
    pipeline_close(&drawing.pipeline);
    device_close(&drawing.device);
    bundle_free(&drawing.bundle);
    return failed;
}
