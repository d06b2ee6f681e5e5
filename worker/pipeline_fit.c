/*
 * A pipeline is prepared at a batch, asked what it needs, and prepared anew at a smaller batch if that is too much.
 * Memory that does not grow with the batch makes a shrunken batch need more than its share, so each guess is
 * asked again.
 */
#include "worker/pipeline_fit.h"

/* A smaller batch, which might fit: the share that does, rounded down to a power of two. */
static size_t shrink(size_t from, const struct pipeline_need *need, uint64_t memory, uint64_t buffer)
{
    double share = (double)memory / (double)need->bytes;
    double buffer_share = (double)buffer / (double)need->buffer_bytes;
    double most = (double)from * (buffer_share < share ? buffer_share : share);
    size_t batch = 1;
    while (batch * 2 < from && (double)batch * 2 <= most)
        batch *= 2;
    return batch;
}

static int too_large(const struct pipeline *pipeline, const struct pipeline_need *need, uint64_t memory,
                     const struct device_info *info, uint64_t buffer, struct error *err)
{
    return error_set(err, E_LIMIT,
                     "bundle %s needs %.1f MiB for one face at a time, in buffers of up to "
                     "%.1f MiB: this worker may use %.1f MiB of %s in buffers of up to "
                     "%.1f MiB",
                     pipeline_bundle(pipeline)->name, (double)need->bytes / 0x1p20,
                     (double)need->buffer_bytes / 0x1p20, (double)memory / 0x1p20, info->name,
                     (double)buffer / 0x1p20);
}

int pipeline_fit(struct device *device, const char *folder, size_t batch, uint64_t memory,
                 enum pipeline_noise noise, struct pipeline **pipeline, struct error *err)
{
    const struct device_info *info = device_describe(device);
    uint64_t buffer = info->buffer_bytes > 0 ? info->buffer_bytes : UINT64_MAX;
    for (;;) {
        struct pipeline *prepared = NULL;
        struct pipeline_need need;
        int failed = pipeline_prepare(device, folder, batch, noise, &prepared, err);
        if (failed == E_LIMIT && batch > 1) { /* beyond what the engine counts to */
            batch /= 2;
            continue;
        }
        if (failed)
            return failed;
        pipeline_need(prepared, &need);
        if (need.bytes <= memory && need.buffer_bytes <= buffer) {
            *pipeline = prepared;
            return 0;
        }
        if (batch == 1)
            failed = too_large(prepared, &need, memory, info, buffer, err);
        pipeline_close(&prepared);
        if (failed)
            return failed;
        batch = shrink(batch, &need, memory, buffer);
    }
}
