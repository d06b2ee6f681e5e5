/*
 * The generator's noise: a buffer for each noise input, one row a face. Drawn on the host, row by
 * row; what does not differ by face is written once.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/pipeline_priv.h"

enum pipeline_noise pipeline_noise_of(enum bundle_noise noise)
{
    return noise == BUNDLE_NOISE_CONSTANT ? PIPELINE_NOISE_OWN : PIPELINE_NOISE_GIVEN;
}

int pipeline_noise_find(struct pipeline *pipeline, struct error *err)
{
    size_t count = engine_input_count(pipeline->generator);
    pipeline->noise = calloc(count + 1, sizeof *pipeline->noise);
    if (!pipeline->noise)
        return error_set(err, E_MEMORY, "no memory for a pipeline");
    for (size_t i = 0; i < count; i++) {
        const struct engine_tensor_info *info = engine_input(pipeline->generator, i);
        if (info->noise)
            pipeline->noise[pipeline->noise_count++] = (struct noise_input){
                .input = i, .row = info->row_elements, .mean = info->mean, .scale = info->scale};
    }
    return 0;
}

int pipeline_noise_make(struct pipeline *pipeline, struct error *err)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < pipeline->noise_count; i++)
        failed = device_buffer(pipeline->device,
                               pipeline->batch * pipeline->noise[i].row * sizeof(float),
                               &pipeline->noise[i].rows, err);
    return failed;
}

void pipeline_noise_release(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->noise_count; i++)
        if (pipeline->noise[i].rows)
            clReleaseMemObject(pipeline->noise[i].rows);
    free(pipeline->noise);
}

static enum noise_held wanted(const struct pipeline *pipeline)
{
    switch (pipeline->set.noise) {
    case BUNDLE_NOISE_CONSTANT:
        return NOISE_FIXED;
    case BUNDLE_NOISE_NONE:
        return NOISE_ZEROS;
    case BUNDLE_NOISE_SEEDED:
        return NOISE_DRAWN;
    }
    return NOISE_NOTHING;
}

/* A row of noise input `which`. */
static void draw(const struct pipeline *pipeline, size_t which, enum noise_held held,
                 uint64_t sample, float *row)
{
    const struct noise_input *noise = &pipeline->noise[which];
    bool own = held == NOISE_DRAWN;
    if (held == NOISE_ZEROS)
        memset(row, 0, noise->row * sizeof *row);
    else
        latent_noise(own ? pipeline->set.seed : 0, own ? sample : 0, (uint32_t)which, noise->row,
                     (double)noise->mean, (double)noise->scale, row);
}

/* A face's edits follow each other with one noise. */
static int fill(struct pipeline *pipeline, size_t which, enum noise_held held,
                const uint64_t *samples, size_t rows, struct error *err)
{
    size_t size = pipeline->noise[which].row;
    float *row = malloc(size * sizeof *row);
    int failed = row ? 0 : error_set(err, E_MEMORY, "no memory for noise of %zu numbers", size);
    for (size_t i = 0; !failed && i < rows; i++) {
        bool fresh = i == 0 || (held == NOISE_DRAWN && samples[i] != samples[i - 1]);
        if (fresh)
            draw(pipeline, which, held, held == NOISE_DRAWN ? samples[i] : 0, row);
        failed = device_write(pipeline->device, pipeline->noise[which].rows, i * size * sizeof *row,
                              row, size * sizeof *row, err);
    }
    free(row);
    return failed;
}

int pipeline_noise_fill(struct pipeline *pipeline, const uint64_t *samples, size_t rows,
                        struct error *err)
{
    enum noise_held held = wanted(pipeline);
    int failed = 0;
    if (pipeline->noise_count == 0 || (held != NOISE_DRAWN && held == pipeline->noise_held))
        return 0;
    if (held == NOISE_DRAWN && !samples)
        return error_set(err, E_STATE, "seeded noise of faces that are no samples");
    pipeline->noise_held = NOISE_NOTHING;
    for (size_t i = 0; !failed && i < pipeline->noise_count; i++)
        failed =
            fill(pipeline, i, held, samples, held == NOISE_DRAWN ? rows : pipeline->batch, err);
    if (!failed)
        pipeline->noise_held = held;
    return failed;
}
