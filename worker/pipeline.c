/*
 * Making a pipeline: networks are prepared, then what the whole needs is known, then it is committed. Its buffers are made once, at the batch it was opened for. Readers that want the
 * image in another form than the generator makes use one converted copy in sequence: the queue is in
 * order, so one buffer of the largest form is enough.
 */
#include <stdlib.h>

#include "worker/pipeline_priv.h"

static int prepare(struct pipeline *pipeline, const char *folder, size_t i,
                struct pipeline_network *described, struct engine_network **network,
                struct error *err)
{
    pipeline_network(pipeline->bundle, i, described);
    return pipeline_prepare_network(pipeline->device, folder, described, pipeline->batch, network, err);
}

/* A mapping gives one vector, or as many as the generator takes. */
static int prepare_mapping(struct pipeline *pipeline, const char *folder, struct error *err)
{
    const struct bundle *bundle = pipeline->bundle;
    const struct bundle_latent *latent = &bundle->generator.latent;
    struct pipeline_network described;
    if (!bundle->mapping)
        return 0;
    int failed = prepare(pipeline, folder, pipeline_network_first(bundle, PIPELINE_MAPPING),
                      &described, &pipeline->mapping, err);
    if (failed)
        return failed;
    int output = engine_find_output(pipeline->mapping, bundle->mapping->output);
    pipeline->mapped = engine_output(pipeline->mapping, (size_t)output)->row_elements;
    if (pipeline->mapped != latent->dimension && pipeline->mapped != pipeline->taken)
        return error_set(err, E_INVALID,
                         "%s: output %s has %zu numbers a face, " BUNDLE_FILE
                         " says %u, or %u vectors of them",
                         bundle->mapping->file.file, bundle->mapping->output, pipeline->mapped,
                         latent->dimension, latent->layers);
    return 0;
}

static int prepare_readers(struct pipeline *pipeline, const char *folder, struct error *err)
{
    const struct bundle *bundle = pipeline->bundle;
    const struct bundle_image *made = &bundle->generator.output;
    size_t first = pipeline_network_first(bundle, PIPELINE_LABELLER);
    size_t count = pipeline_network_count(bundle) - first;
    pipeline->readers = calloc(count + 1, sizeof *pipeline->readers);
    if (!pipeline->readers)
        return error_set(err, E_MEMORY, "no memory for a pipeline");
    for (size_t i = 0; i < count; i++) {
        struct reader *reader = &pipeline->readers[i];
        pipeline->reader_count = i + 1;
        int failed = prepare(pipeline, folder, first + i, &reader->described, &reader->network, err);
        if (failed)
            return failed;
        reader->form = pipeline_form(reader->described.picture);
        reader->window = pipeline_window(reader->described.picture, made, made->height, made->width);
        reader->convert = !pipeline_takes(reader->described.picture, made);
    }
    return 0;
}

static int prepare_networks(struct pipeline *pipeline, const char *folder, struct error *err)
{
    struct pipeline_network described;
    const struct bundle_latent *latent = &pipeline->bundle->generator.latent;
    pipeline->form = pipeline_form(&pipeline->bundle->generator.output);
    pipeline->taken = (size_t)latent->layers * latent->dimension;
    pipeline_network(pipeline->bundle, 0, &described);
    described.noise.vary = pipeline->noise_given;
    int failed = pipeline_prepare_network(pipeline->device, folder, &described, pipeline->batch,
                                          &pipeline->generator, err);
    if (!failed)
        failed = pipeline_noise_find(pipeline, err);
    if (!failed)
        failed = prepare_mapping(pipeline, folder, err);
    return failed ? failed : prepare_readers(pipeline, folder, err);
}

static int make_reader(struct pipeline *pipeline, struct reader *reader, size_t *widest,
                       size_t *converted, struct error *err)
{
    size_t elements = pipeline_form_elements(reader->described.picture);
    if (reader->convert && elements > *converted)
        *converted = elements;
    for (size_t k = 0; k < reader->described.output_count; k++) {
        size_t width = (size_t)reader->described.outputs[k].dims[0];
        int failed = device_buffer(pipeline->device, pipeline->batch * width * sizeof(float),
                                   &reader->outputs[k], err);
        if (failed)
            return failed;
        *widest = width > *widest ? width : *widest;
    }
    return 0;
}

static int make_mapping(struct pipeline *pipeline, struct error *err)
{
    size_t floats = pipeline->batch * sizeof(float);
    if (!pipeline->mapping)
        return 0;
    int failed = device_buffer(pipeline->device, floats * pipeline->bundle->mapping->dimension,
                               &pipeline->drawn, err);
    return failed ? failed
                  : device_buffer(pipeline->device, floats * pipeline->mapped, &pipeline->w, err);
}

static int make_buffers(struct pipeline *pipeline, struct error *err)
{
    struct device *device = pipeline->device;
    size_t batch = pipeline->batch, widest = pipeline->taken, converted = 0;
    size_t floats = batch * sizeof(float);
    int failed = 0;
    for (size_t i = 0; !failed && i < pipeline->reader_count; i++)
        failed = make_reader(pipeline, &pipeline->readers[i], &widest, &converted, err);
    if (failed)
        return failed;
    pipeline->rows = malloc(floats * widest);
    if (!pipeline->rows)
        return error_set(err, E_MEMORY, "no memory for %zu rows of %zu numbers", batch, widest);
    failed = device_buffer(device, floats * pipeline->taken, &pipeline->latents, err);
    if (!failed)
        failed = device_buffer(device,
                               floats * pipeline_form_elements(&pipeline->bundle->generator.output),
                               &pipeline->image, err);
    if (!failed && converted > 0)
        failed = device_buffer(device, floats * converted, &pipeline->converted, err);
    if (!failed)
        failed =
            device_buffer(device, batch * pipeline_pixel_bytes(pipeline), &pipeline->pixels, err);
    if (!failed)
        failed = pipeline_noise_make(pipeline, err);
    return failed ? failed : make_mapping(pipeline, err);
}

/* The networks in the order of their numbers. */
static struct engine_network *numbered(const struct pipeline *pipeline, size_t i)
{
    size_t first = pipeline_network_first(pipeline->bundle, PIPELINE_LABELLER);
    if (i >= first)
        return pipeline->readers[i - first].network;
    return i == 0 ? pipeline->generator : pipeline->mapping;
}

static int commit_networks(struct pipeline *pipeline, struct error *err)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < pipeline_network_count(pipeline->bundle); i++)
        failed = engine_commit(numbered(pipeline, i), err);
    return failed;
}

int pipeline_prepare(struct device *device, const char *folder, size_t batch,
                     enum pipeline_noise noise, struct pipeline **pipeline, struct error *err)
{
    struct pipeline *prepared = calloc(1, sizeof *prepared);
    if (!prepared)
        return error_set(err, E_MEMORY, "no memory for a pipeline");
    prepared->device = device;
    prepared->batch = batch;
    int failed = bundle_load(folder, &prepared->bundle, NULL, err);
    if (!failed) {
        enum bundle_noise usual = prepared->bundle->generator.noise_mode;
        prepared->set = stage_generator_default(prepared->bundle);
        prepared->noise_given = prepared->bundle->generator.noisy &&
                                (noise == PIPELINE_NOISE_DEFAULT ? pipeline_noise_of(usual)
                                                                 : noise) == PIPELINE_NOISE_GIVEN;
        failed = prepare_networks(prepared, folder, err);
    }
    if (failed) {
        pipeline_close(&prepared);
        return failed;
    }
    prepared->columns = bundle_score_columns(prepared->bundle);
    *pipeline = prepared;
    return 0;
}

int pipeline_commit(struct pipeline *pipeline, struct error *err)
{
    int failed = commit_networks(pipeline, err);
    if (!failed)
        failed = make_buffers(pipeline, err);
    return failed || pipeline->set.psi == 1 ? failed : pipeline_find_average(pipeline, err);
}

int pipeline_set(struct pipeline *pipeline, const struct stage_generator *generator,
                 struct error *err)
{
    bool given = pipeline_noise_of(generator->noise) == PIPELINE_NOISE_GIVEN;
    if (pipeline->bundle->generator.noisy && given != pipeline->noise_given)
        return error_set(err, E_STATE, "bundle %s was not loaded for noise: %s",
                         pipeline->bundle->name, bundle_noise_name(generator->noise));
    if (generator->psi != 1 && !pipeline->average) {
        int failed = pipeline_find_average(pipeline, err);
        if (failed)
            return failed;
    }
    pipeline->set = *generator;
    return 0;
}

int pipeline_open(struct device *device, const char *folder, size_t batch,
                  struct pipeline **pipeline, struct error *err)
{
    struct pipeline *opened = NULL;
    int failed = pipeline_prepare(device, folder, batch, PIPELINE_NOISE_DEFAULT, &opened, err);
    if (!failed)
        failed = pipeline_commit(opened, err);
    if (failed) {
        pipeline_close(&opened);
        return failed;
    }
    *pipeline = opened;
    return 0;
}

/* ---- what it needs ---- */

static void add_buffer(struct pipeline_need *need, uint64_t bytes)
{
    need->bytes += bytes;
    if (bytes > need->buffer_bytes)
        need->buffer_bytes = bytes;
}

/* The buffers of one batch that are no network's, as make_buffers makes them. */
static void add_faces(const struct pipeline *pipeline, struct pipeline_need *need)
{
    const struct bundle *bundle = pipeline->bundle;
    const struct bundle_image *made = &bundle->generator.output;
    uint64_t floats = pipeline->batch * sizeof(float), converted = 0;
    for (size_t i = 0; i < pipeline->reader_count; i++) {
        const struct reader *reader = &pipeline->readers[i];
        size_t elements = pipeline_form_elements(reader->described.picture);
        if (reader->convert && elements > converted)
            converted = elements;
        for (size_t k = 0; k < reader->described.output_count; k++)
            add_buffer(need, floats * (uint64_t)reader->described.outputs[k].dims[0]);
    }
    add_buffer(need, floats * pipeline->taken);
    if (bundle->mapping) {
        add_buffer(need, floats * bundle->mapping->dimension);
        add_buffer(need, floats * pipeline->mapped);
    }
    for (size_t i = 0; i < pipeline->noise_count; i++)
        add_buffer(need, floats * pipeline->noise[i].row);
    add_buffer(need, floats * pipeline_form_elements(made));
    add_buffer(need, floats * converted);
    add_buffer(need, pipeline->batch * made->height * made->width * 3); /* 8-bit pixels */
}

void pipeline_need(const struct pipeline *pipeline, struct pipeline_need *need)
{
    *need = (struct pipeline_need){0};
    for (size_t i = 0; i < pipeline_network_count(pipeline->bundle); i++) {
        struct engine_cost cost;
        engine_cost(numbered(pipeline, i), &cost);
        need->bytes += cost.parameter_bytes + cost.scratch_bytes;
        if (cost.buffer_bytes > need->buffer_bytes)
            need->buffer_bytes = cost.buffer_bytes;
    }
    add_faces(pipeline, need);
}

static void release(cl_mem buffer)
{
    if (buffer)
        clReleaseMemObject(buffer);
}

void pipeline_close(struct pipeline **pipeline)
{
    struct pipeline *closed = *pipeline;
    if (!closed)
        return;
    *pipeline = NULL;
    for (size_t i = 0; i < closed->reader_count; i++) {
        engine_free(&closed->readers[i].network);
        for (size_t k = 0; k < LIMIT_OUTPUTS; k++)
            release(closed->readers[i].outputs[k]);
    }
    engine_free(&closed->generator);
    engine_free(&closed->mapping);
    release(closed->latents);
    release(closed->image);
    release(closed->converted);
    release(closed->pixels);
    release(closed->drawn);
    release(closed->w);
    pipeline_noise_release(closed);
    free(closed->readers);
    free(closed->rows);
    free(closed->average);
    bundle_free(&closed->bundle);
    free(closed);
}

const struct bundle *pipeline_bundle(const struct pipeline *pipeline)
{
    return pipeline->bundle;
}

size_t pipeline_batch(const struct pipeline *pipeline)
{
    return pipeline->batch;
}

size_t pipeline_columns(const struct pipeline *pipeline)
{
    return pipeline->columns;
}

size_t pipeline_pixel_bytes(const struct pipeline *pipeline)
{
    return pipeline->form.height * pipeline->form.width * 3;
}
