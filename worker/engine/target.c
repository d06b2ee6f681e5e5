/*
 * What lowering is told of a device: for CPUs by the width of their vectors, the table below; for
 * GPUs by their vendor, gpu.c's.
 *
 * AVX-512: measured on PoCL, on the machine that conv_choose.c's constants were fitted on. AVX2:
 * NOT MEASURED, from what it has less: half as many registers, half as wide, so that a float16
 * takes two, and caches of half the size. vector_registers are what accumulators take: all but
 * four, which weights and inputs need (AVX-512), all but two (AVX2).
 */
#include "worker/engine/target.h"

static const struct {
    cl_uint width; /* floats of a vector, at least */
    struct lowering_target target;
} cpus[] = {
    {16,
     {.blocked = true,
      .vector_registers = 28,
      .registers = 32,
      .local_bytes = 1 << 20,
      .cores = 2,
      .block_rate = 1.0,
      .cache_bytes = 1.5e6,
      .stream_bytes = 10.0,
      .memory_bytes = 4.5,
      .tolerance = ENGINE_TOLERANCE}},
    {0,
     {.blocked = true,
      .vector_registers = 6,
      .registers = 8,
      .local_bytes = 1 << 18,
      .cores = 2,
      .block_rate = 1.0,
      .cache_bytes = 0.5e6,
      .stream_bytes = 5.0,
      .memory_bytes = 4.5,
      .tolerance = ENGINE_TOLERANCE}},
};

const struct lowering_target *target_unknown(void)
{
    return &cpus[0].target;
}

void target_of(const struct device *device, const struct network_options *options,
               struct lowering_target *target)
{
    const struct device_info *info = device_describe(device);
    cl_device_id id;
    cl_uint width = 0, megahertz = 0;
    if (clGetCommandQueueInfo(device_queue(device), CL_QUEUE_DEVICE, sizeof id, &id, NULL) ==
        CL_SUCCESS) {
        clGetDeviceInfo(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width, NULL);
        clGetDeviceInfo(id, CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof megahertz, &megahertz, NULL);
    }
    *target = cpus[width >= cpus[0].width ? 0 : 1].target;
    target->blocked = info->kind == DEVICE_CPU && !options->portable;
    target->gpu = options->gpu;
    if (!options->portable && info->kind != DEVICE_CPU)
        target->gpu = gpu_class_of(info->vendor);
    target->local_bytes = info->local_memory_bytes;
    target->group_items = info->group_items;
    target->cores = (int)info->compute_units;
    target->clock_hz = megahertz * 1e6;
    target->forced = options->forced;
    target->half_weights = options->engine.half_weights && target->gpu;
    if (options->engine.tolerance > 0)
        target->tolerance = options->engine.tolerance;
}
