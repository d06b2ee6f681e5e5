/*
 * The networks are planned, not loaded; what stands between them is counted from bundle.yaml as
 * pipeline.c makes it. Memory that does not grow with the batch makes a shrunken batch need more
 * than its share, so each guess is measured again.
 */
#include "worker/pipeline_fit.h"

#include "worker/pipeline_network.h"

static void add_buffer(struct pipeline_need *need, uint64_t bytes)
{
    need->bytes += bytes;
    if (bytes > need->buffer_bytes)
        need->buffer_bytes = bytes;
}

/* The buffers of one batch that are no network's. */
static void add_faces(struct pipeline_need *need, const struct bundle *bundle)
{
    const struct bundle_image *made = &bundle->generator.output;
    uint64_t floats = need->batch * sizeof(float), converted = 0;
    for (size_t i = 0; i < pipeline_network_count(bundle); i++) {
        struct pipeline_network network;
        pipeline_network(bundle, i, &network);
        const struct bundle_image *input = network.picture;
        if (input && !pipeline_takes(input, made) && pipeline_form_elements(input) > converted)
            converted = pipeline_form_elements(input);
        for (size_t k = 0; k < network.output_count; k++)
            if (network.use != PIPELINE_GENERATOR)
                add_buffer(need, floats * (uint64_t)network.outputs[k].dims[0]);
    }
    const struct bundle_latent *latent = &bundle->generator.latent;
    add_buffer(need, floats * latent->dimension * latent->layers);
    if (bundle->mapping)
        add_buffer(need, floats * (bundle->mapping->dimension + latent->dimension * latent->layers));
    add_buffer(need, floats * pipeline_form_elements(made));
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
        const struct engine_options options = {.tolerance = described.tolerance};
        int failed = pipeline_network_path(folder, &described, path, err);
        if (!failed)
            failed = engine_estimate(device, path, batch, &options, &cost, err);
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
