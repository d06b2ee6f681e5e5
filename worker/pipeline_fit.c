/*
 * The networks are planned, not loaded; what stands between them is counted from bundle.yaml as
 * pipeline.c makes it. Memory that does not grow with the batch makes a shrunken batch need more
 * than its share, so each guess is measured again.
 */
#include "worker/pipeline_fit.h"

#include <stdio.h>

#include "common/limits.h"
#include "worker/engine/engine.h"
#include "worker/pipeline.h"

static void add_buffer(struct pipeline_need *need, uint64_t bytes)
{
    need->bytes += bytes;
    if (bytes > need->buffer_bytes)
        need->buffer_bytes = bytes;
}

static uint64_t image_floats(const struct bundle_image *image)
{
    return (uint64_t)(image->channels == BUNDLE_GRAY ? 1 : 3) * image->height * image->width;
}

static bool same_image(const struct bundle_image *a, const struct bundle_image *b)
{
    return a->channels == b->channels && a->height == b->height && a->width == b->width &&
           a->range[0] == b->range[0] && a->range[1] == b->range[1];
}

/* The buffers of one batch that are no network's. */
static void add_faces(struct pipeline_need *need, const struct bundle *bundle)
{
    const struct bundle_image *made = &bundle->generator.output;
    uint64_t floats = need->batch * sizeof(float), converted = 0;
    for (size_t i = 1; i < pipeline_network_count(bundle); i++) {
        const struct bundle_image *input =
            i == 1 ? &bundle->classifier.input : &bundle->age_estimators[i - 2].input;
        if (!same_image(input, made) && image_floats(input) > converted)
            converted = image_floats(input);
        add_buffer(need, floats * (i == 1 ? bundle->classifier.attributes_count : 1));
    }
    add_buffer(need, floats * bundle->generator.latent.dimension);
    add_buffer(need, floats * image_floats(made));
    add_buffer(need, floats * converted);
    add_buffer(need, need->batch * made->height * made->width * 3); /* 8-bit pixels */
}

int pipeline_measure(struct device *device, const char *folder, const struct bundle *bundle,
                     size_t batch, struct pipeline_need *need, struct error *err)
{
    struct pipeline_need sum = {.batch = batch};
    for (size_t i = 0; i < pipeline_network_count(bundle); i++) {
        char path[2 * LIMIT_PATH_BYTES];
        struct pipeline_network described;
        struct engine_cost cost;
        pipeline_network(bundle, i, &described);
        int length = snprintf(path, sizeof path, "%s/%s", folder, described.file);
        if (length < 0 || (size_t)length >= sizeof path)
            return error_set(err, E_LIMIT, "path too long: %s/%s", folder, described.file);
        const struct engine_options options = {.tolerance = described.tolerance};
        int failed = engine_estimate(device, path, batch, &options, &cost, err);
        if (failed)
            return failed;
        sum.bytes += cost.parameter_bytes + cost.scratch_bytes;
        if (cost.buffer_bytes > sum.buffer_bytes)
            sum.buffer_bytes = cost.buffer_bytes;
    }
    add_faces(&sum, bundle);
    *need = sum;
    return 0;
}

/* A smaller batch, which might fit: the share that does, rounded down to a power of two. */
static size_t shrink(const struct pipeline_need *need, uint64_t memory, uint64_t buffer)
{
    double share = (double)memory / (double)need->bytes;
    double buffer_share = (double)buffer / (double)need->buffer_bytes;
    double most = (double)need->batch * (buffer_share < share ? buffer_share : share);
    size_t batch = 1;
    while (batch * 2 < need->batch && (double)batch * 2 <= most)
        batch *= 2;
    return batch;
}

static int fit(struct device *device, const char *folder, const struct bundle *bundle,
               uint64_t memory, struct pipeline_need *need, struct error *err)
{
    const struct device_info *info = device_describe(device);
    uint64_t buffer = info->buffer_bytes > 0 ? info->buffer_bytes : UINT64_MAX;
    for (;;) {
        int failed = pipeline_measure(device, folder, bundle, need->batch, need, err);
        if (failed == E_LIMIT && need->batch > 1) { /* beyond what the engine counts to */
            need->batch /= 2;
            continue;
        }
        if (failed)
            return failed;
        if (need->bytes <= memory && need->buffer_bytes <= buffer)
            return 0;
        if (need->batch == 1)
            return error_set(err, E_LIMIT,
                             "bundle %s needs %.1f MiB for one face at a time, in buffers of up to "
                             "%.1f MiB: this worker may use %.1f MiB of %s in buffers of up to "
                             "%.1f MiB",
                             bundle->name, (double)need->bytes / 0x1p20,
                             (double)need->buffer_bytes / 0x1p20, (double)memory / 0x1p20,
                             info->name, (double)buffer / 0x1p20);
        need->batch = shrink(need, memory, buffer);
    }
}

int pipeline_fit(struct device *device, const char *folder, size_t batch, uint64_t memory,
                 struct pipeline_need *need, struct error *err)
{
    struct bundle *bundle = NULL;
    struct pipeline_need found = {.batch = batch};
    int failed = bundle_load(folder, &bundle, NULL, err);
    if (failed)
        return failed;
    failed = fit(device, folder, bundle, memory, &found, err);
    bundle_free(&bundle);
    if (!failed)
        *need = found;
    return failed;
}
