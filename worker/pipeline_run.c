/* Running a pipeline, batch by batch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/pipeline_priv.h"

#define OUTPUTS_MOST 64       /* of a network */
#define SPHERE_TOLERANCE 1e-5 /* of a given latent's norm, which has been rounded */

static double elapsed_ms(int64_t *since)
{
    int64_t now = clock_now();
    double ms = (double)(now - *since) / 1e6;
    *since = now;
    return ms;
}

/* Runs a network on its inputs and the outputs called `names`; what else it has is not wanted. */
static int run_inputs(struct engine_network *network, const struct pipeline_tensor *wanted,
                      size_t count, size_t rows, const cl_mem *from, const cl_mem *to,
                      struct error *err)
{
    cl_mem outputs[OUTPUTS_MOST] = {0};
    if (engine_output_count(network) > OUTPUTS_MOST)
        return error_set(err, E_LIMIT, "a network with %zu outputs, at most %d",
                         engine_output_count(network), OUTPUTS_MOST);
    for (size_t i = 0; i < count; i++)
        outputs[engine_find_output(network, wanted[i].name)] = to[i];
    return engine_run(network, rows, from, outputs, err);
}

static int run_network(struct engine_network *network, const struct pipeline_tensor *wanted,
                       size_t count, size_t rows, cl_mem from, const cl_mem *to, struct error *err)
{
    return run_inputs(network, wanted, count, rows, &from, to, err);
}

/* On pipeline->latents and the noise. */
static int run_generator(struct pipeline *pipeline, size_t rows, struct error *err)
{
    const struct pipeline_tensor picture = {pipeline->bundle->generator.output.tensor, {0}};
    cl_mem inputs[LIMIT_NOISES + 1] = {0};
    int latents = engine_find_input(pipeline->generator, pipeline->bundle->generator.input);
    inputs[latents] = pipeline->latents;
    for (size_t i = 0; i < pipeline->noise_count; i++)
        inputs[pipeline->noise[i].input] = pipeline->noise[i].rows;
    return run_inputs(pipeline->generator, &picture, 1, rows, inputs, &pipeline->image, err);
}

/* ---- latents ---- */

/* Vector `layer` of a generator's input from w. */
static void truncate(const struct pipeline *pipeline, size_t layer, const float *w, float *to)
{
    size_t dimension = pipeline->bundle->generator.latent.dimension;
    if (pipeline->set.psi == 1 || layer >= pipeline->set.truncated) {
        memcpy(to, w, dimension * sizeof *to);
        return;
    }
    float psi = (float)pipeline->set.psi;
    for (size_t i = 0; i < dimension; i++)
        to[i] = pipeline->average[i] + psi * (w[i] - pipeline->average[i]);
}

/* The generator's vectors from those of w, of which there is one, or one a layer. */
static void spread(const struct pipeline *pipeline, const float *from, size_t from_size,
                   size_t rows, float *to)
{
    const struct bundle_latent *latent = &pipeline->bundle->generator.latent;
    for (size_t i = 0; i < rows; i++, from += from_size)
        for (size_t layer = 0; layer < latent->layers; layer++, to += latent->dimension)
            truncate(pipeline, layer,
                     from + (from_size > latent->dimension ? layer * latent->dimension : 0), to);
}

/* What the mapping gives as latents: in w its first vector, as it is (it is truncated on its way
 * into the generator, as an edited one is); in w+ every layer's, truncated. */
static void take_mapped(const struct pipeline *pipeline, const float *mapped, size_t rows,
                        float *latents)
{
    size_t dimension = pipeline->bundle->generator.latent.dimension;
    if (pipeline->bundle->generator.latent.space == BUNDLE_W_PLUS) {
        spread(pipeline, mapped, pipeline->mapped, rows, latents);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        memcpy(latents + i * dimension, mapped + i * pipeline->mapped, dimension * sizeof *latents);
}

/* mapped[rows][pipeline->mapped] of drawn[rows][mapping's dimension], at most a batch */
static int map_drawn(struct pipeline *pipeline, const float *drawn, size_t rows, float *mapped,
                     struct error *err)
{
    const struct bundle_mapping *mapping = pipeline->bundle->mapping;
    const struct pipeline_tensor output = {mapping->output, {0}};
    int failed = device_write(pipeline->device, pipeline->drawn, 0, drawn,
                              rows * mapping->dimension * sizeof *drawn, err);
    if (!failed)
        failed =
            run_network(pipeline->mapping, &output, 1, rows, pipeline->drawn, &pipeline->w, err);
    return failed ? failed
                  : device_read(pipeline->device, pipeline->w, 0, mapped,
                                rows * pipeline->mapped * sizeof *mapped, err);
}

/* mapped[rows][pipeline->mapped] of samples `start` … */
static int map_samples(struct pipeline *pipeline, uint64_t seed, uint64_t start, size_t rows,
                       float *mapped, struct error *err)
{
    const struct bundle_mapping *mapping = pipeline->bundle->mapping;
    float *drawn = malloc(rows * mapping->dimension * sizeof *drawn);
    if (!drawn)
        return error_set(err, E_MEMORY, "no memory for %zu latents", rows);
    latent_draw(&mapping->law, seed, start, rows, mapping->dimension, drawn);
    int failed = map_drawn(pipeline, drawn, rows, mapped, err);
    free(drawn);
    return failed;
}

static int map_batch(struct pipeline *pipeline, uint64_t seed, uint64_t start, size_t rows,
                     float *latents, struct error *err)
{
    float *mapped = malloc(rows * pipeline->mapped * sizeof *mapped);
    int failed = mapped ? map_samples(pipeline, seed, start, rows, mapped, err)
                        : error_set(err, E_MEMORY, "no memory for %zu latents", rows);
    if (!failed)
        take_mapped(pipeline, mapped, rows, latents);
    free(mapped);
    return failed;
}

/* ---- latents that are given ---- */

/* Puts rows onto the law's sphere that are not on it; those that are keep their bits. */
static void settle(const struct latent_law *law, size_t count, size_t dimension, float *z)
{
    double squared = law->radius > 0 ? law->radius * law->radius : (double)dimension;
    for (size_t i = 0; i < count; i++, z += dimension) {
        double sum = 0;
        for (size_t k = 0; k < dimension; k++)
            sum += (double)z[k] * (double)z[k];
        if (sum > 0 && fabs(sqrt(sum / squared) - 1) > SPHERE_TOLERANCE)
            latent_normalise(law, 1, dimension, z);
    }
}

static int take_batch(struct pipeline *pipeline, enum bundle_space space, const float *given,
                      size_t rows, float *latents, struct error *err)
{
    const struct bundle_latent *latent = &pipeline->bundle->generator.latent;
    const struct bundle_mapping *mapping = pipeline->bundle->mapping;
    size_t size = bundle_latent_size(pipeline->bundle);
    if (space == BUNDLE_W && latent->space == BUNDLE_W_PLUS) {
        spread(pipeline, given, latent->dimension, rows, latents);
        return 0;
    }
    if (space == latent->space) {
        memcpy(latents, given, rows * size * sizeof *latents);
        if (space == BUNDLE_Z)
            settle(&latent->law, rows, size, latents);
        return 0;
    }
    float *drawn = malloc(rows * mapping->dimension * sizeof *drawn);
    float *mapped = malloc(rows * pipeline->mapped * sizeof *mapped);
    int failed = drawn && mapped ? 0 : error_set(err, E_MEMORY, "no memory for %zu latents", rows);
    if (!failed) {
        memcpy(drawn, given, rows * mapping->dimension * sizeof *drawn);
        settle(&mapping->law, rows, mapping->dimension, drawn);
        failed = map_drawn(pipeline, drawn, rows, mapped, err);
    }
    if (!failed)
        take_mapped(pipeline, mapped, rows, latents);
    free(drawn);
    free(mapped);
    return failed;
}

int pipeline_take(struct pipeline *pipeline, enum bundle_space space, const float *rows,
                  size_t count, float *latents, struct error *err)
{
    const struct bundle *bundle = pipeline->bundle;
    size_t size = bundle_latent_size(bundle), width = bundle->generator.latent.dimension;
    if (space == BUNDLE_W_PLUS)
        width = size;
    else if (space != bundle->generator.latent.space && space == BUNDLE_Z)
        width = bundle->mapping->dimension;
    int failed = 0;
    for (size_t done = 0; !failed && done < count; done += pipeline->batch) {
        size_t some = count - done < pipeline->batch ? count - done : pipeline->batch;
        failed = take_batch(pipeline, space, rows + done * width, some, latents + done * size, err);
    }
    return failed;
}

/* Adds a batch's first vectors to sums. */
static int add_batch(struct pipeline *pipeline, uint64_t start, size_t rows, float *mapped,
                     double *sums, struct error *err)
{
    size_t dimension = pipeline->bundle->generator.latent.dimension;
    int failed = map_samples(pipeline, 0, start, rows, mapped, err);
    for (size_t i = 0; !failed && i < rows; i++)
        for (size_t k = 0; k < dimension; k++)
            sums[k] += (double)mapped[i * pipeline->mapped + k];
    return failed;
}

int pipeline_find_average(struct pipeline *pipeline, struct error *err)
{
    size_t dimension = pipeline->bundle->generator.latent.dimension;
    double *sums = calloc(dimension, sizeof *sums);
    float *mapped = malloc(pipeline->batch * pipeline->mapped * sizeof *mapped);
    float *average = malloc(dimension * sizeof *average);
    int failed =
        sums && mapped && average ? 0 : error_set(err, E_MEMORY, "no memory for the mean of w");
    for (size_t done = 0; !failed && done < PIPELINE_AVERAGED; done += pipeline->batch) {
        size_t left = PIPELINE_AVERAGED - done;
        failed = add_batch(pipeline, done, left < pipeline->batch ? left : pipeline->batch, mapped,
                           sums, err);
    }
    for (size_t k = 0; !failed && k < dimension; k++)
        average[k] = (float)(sums[k] / PIPELINE_AVERAGED);
    free(sums);
    free(mapped);
    if (failed)
        free(average);
    else
        pipeline->average = average;
    return failed;
}

int pipeline_latents(struct pipeline *pipeline, uint64_t seed, uint64_t start, size_t count,
                     float *latents, struct error *err)
{
    size_t size = bundle_latent_size(pipeline->bundle);
    int failed = 0;
    if (!pipeline->mapping) {
        latent_draw(bundle_law(pipeline->bundle), seed, start, count, size, latents);
        return 0;
    }
    for (size_t done = 0; !failed && done < count; done += pipeline->batch) {
        size_t rows = count - done < pipeline->batch ? count - done : pipeline->batch;
        failed = map_batch(pipeline, seed, start + done, rows, latents + done * size, err);
    }
    return failed;
}

/* The same in w, with some layers from other vectors. */
static void spread_mixed(const struct pipeline *pipeline, const float *from,
                         const struct pipeline_wanted *wanted, size_t rows, float *to)
{
    const struct bundle_latent *latent = &pipeline->bundle->generator.latent;
    for (size_t i = 0; i < rows; i++)
        for (size_t layer = 0; layer < latent->layers; layer++, to += latent->dimension)
            truncate(pipeline, layer,
                     (wanted->layers[i] >> layer & 1 ? wanted->others : from) +
                         i * latent->dimension,
                     to);
}

/* The generator's input: in w, the latent as often as there are layers, truncated. */
static int write_latents(struct pipeline *pipeline, const float *latents, size_t rows,
                         const struct pipeline_wanted *wanted, struct error *err)
{
    if (wanted->others) {
        spread_mixed(pipeline, latents, wanted, rows, pipeline->rows);
        latents = pipeline->rows;
    } else if (pipeline->bundle->generator.latent.space == BUNDLE_W) {
        spread(pipeline, latents, pipeline->bundle->generator.latent.dimension, rows,
               pipeline->rows);
        latents = pipeline->rows;
    }
    return device_write(pipeline->device, pipeline->latents, 0, latents,
                        rows * pipeline->taken * sizeof *latents, err);
}

/* ---- readers ---- */

/* Of an image in the reader's form. */
static int run_on(struct reader *reader, size_t count, cl_mem image, struct error *err)
{
    return run_network(reader->network, reader->described.outputs, reader->described.output_count,
                       count, image, reader->outputs, err);
}

/* Of the generator's picture. */
static int run_reader(struct pipeline *pipeline, struct reader *reader, size_t count,
                      struct error *err)
{
    cl_mem image = reader->convert ? pipeline->converted : pipeline->image;
    int failed = 0;
    if (reader->convert)
        failed = engine_image_convert(pipeline->device, count, pipeline->image, &pipeline->form,
                                      &reader->window, image, &reader->form, err);
    return failed ? failed : run_on(reader, count, image, err);
}

static int read_output(struct pipeline *pipeline, const struct reader *reader, size_t output,
                       size_t count, float *rows, struct error *err)
{
    size_t width = (size_t)reader->described.outputs[output].dims[0];
    return device_read(pipeline->device, reader->outputs[output], 0, rows,
                       count * width * sizeof *rows, err);
}

/* What a labeller's outputs hold becomes scores. */
static int read_scores(struct pipeline *pipeline, struct reader *reader, size_t count,
                       float *scores, struct error *err)
{
    int failed = 0;
    for (size_t k = 0; !failed && k < reader->described.output_count; k++) {
        failed = read_output(pipeline, reader, k, count, pipeline->rows, err);
        if (!failed)
            bundle_score_rows(pipeline->bundle, reader->described.position, (uint32_t)k,
                              pipeline->rows, count, scores);
    }
    return failed;
}

static int read_pixels(struct pipeline *pipeline, size_t count, uint8_t *pixels, struct error *err)
{
    int failed = engine_image_pixels(pipeline->device, count, pipeline->image, &pipeline->form,
                                     pipeline->pixels, err);
    return failed ? failed
                  : device_read(pipeline->device, pipeline->pixels, 0, pixels,
                                count * pipeline_pixel_bytes(pipeline), err);
}

/* Where a reader's numbers go; NULL: they are not wanted. A labeller's become scores. */
static float *rows_of(const struct reader *reader, const struct pipeline_wanted *wanted)
{
    switch (reader->described.use) {
    case PIPELINE_EMBEDDER:
        return wanted->embeddings[reader->described.position];
    case PIPELINE_ENCODER:
        return wanted->latents;
    case PIPELINE_LABELLER:
        return wanted->scores;
    case PIPELINE_GENERATOR:
    case PIPELINE_MAPPING:
        break;
    }
    return NULL;
}

static int run_readers(struct pipeline *pipeline, size_t count,
                       const struct pipeline_wanted *wanted, struct error *err)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < pipeline->reader_count; i++)
        if (rows_of(&pipeline->readers[i], wanted))
            failed = run_reader(pipeline, &pipeline->readers[i], count, err);
    return failed;
}

/* What a reader has made, once the device is done with it. */
static int read_reader(struct pipeline *pipeline, struct reader *reader, size_t count, float *rows,
                       struct error *err)
{
    return reader->described.use == PIPELINE_LABELLER
               ? read_scores(pipeline, reader, count, rows, err)
               : read_output(pipeline, reader, 0, count, rows, err);
}

static int read_readers(struct pipeline *pipeline, size_t count, const struct pipeline_wanted *wanted,
                      struct error *err)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < pipeline->reader_count; i++) {
        float *rows = rows_of(&pipeline->readers[i], wanted);
        if (rows)
            failed = read_reader(pipeline, &pipeline->readers[i], count, rows, err);
    }
    return failed;
}

/* ---- faces ---- */

/* Enqueues all of it before it waits for any, so that the device is never without work in between. */
static int run_faces(struct pipeline *pipeline, size_t count, const struct pipeline_wanted *wanted,
                     cl_event *generated, struct error *err)
{
    int failed = run_generator(pipeline, count, err);
    if (!failed && wanted->pixels)
        failed = read_pixels(pipeline, count, wanted->pixels, err);
    if (!failed)
        failed = device_mark(pipeline->device, generated, err);
    return failed ? failed : run_readers(pipeline, count, wanted, err);
}

/* At most a batch of faces. */
static int make_batch(struct pipeline *pipeline, const float *latents, size_t count,
                      const struct pipeline_wanted *wanted, struct wire_stage_metrics *metrics,
                      struct error *err)
{
    int64_t since = clock_now();
    cl_event generated = NULL;
    int failed = write_latents(pipeline, latents, count, wanted, err);
    if (!failed)
        failed = pipeline_noise_fill(pipeline, wanted->samples, count, err);
    if (failed)
        return failed;
    metrics->latents_ms += elapsed_ms(&since);
    failed = run_faces(pipeline, count, wanted, &generated, err);
    int unmarked = device_await(&generated, failed ? NULL : err);
    failed = failed ? failed : unmarked;
    metrics->generate_ms += elapsed_ms(&since);
    if (!failed)
        failed = read_readers(pipeline, count, wanted, err);
    metrics->label_ms += elapsed_ms(&since);
    metrics->faces += count;
    return failed;
}

/* What is wanted of the faces from number `done` on. */
static struct pipeline_wanted behind(const struct pipeline *pipeline,
                                     const struct pipeline_wanted *wanted, size_t done)
{
    struct pipeline_wanted rest = *wanted;
    if (rest.samples)
        rest.samples += done;
    if (rest.others) {
        rest.others += done * bundle_latent_size(pipeline->bundle);
        rest.layers += done;
    }
    if (rest.scores)
        rest.scores += done * pipeline->columns;
    if (rest.pixels)
        rest.pixels += done * pipeline_pixel_bytes(pipeline);
    for (uint32_t i = 0; i < pipeline->bundle->embedders_count; i++)
        if (rest.embeddings[i])
            rest.embeddings[i] += done * pipeline->bundle->embedders[i].dimension;
    return rest;
}

int pipeline_make(struct pipeline *pipeline, const float *latents, size_t count,
                  const struct pipeline_wanted *wanted, struct wire_stage_metrics *metrics,
                  struct error *err)
{
    size_t size = bundle_latent_size(pipeline->bundle);
    int failed = 0;
    for (size_t done = 0; !failed && done < count; done += pipeline->batch) {
        size_t rows = count - done < pipeline->batch ? count - done : pipeline->batch;
        struct pipeline_wanted rest = behind(pipeline, wanted, done);
        failed = make_batch(pipeline, latents + done * size, rows, &rest, metrics, err);
    }
    return failed;
}

int pipeline_faces(struct pipeline *pipeline, const float *latents, size_t count, float *scores,
                   uint8_t *pixels, struct wire_stage_metrics *metrics, struct error *err)
{
    const struct pipeline_wanted wanted = {.scores = scores, .pixels = pixels};
    return pipeline_make(pipeline, latents, count, &wanted, metrics, err);
}

int pipeline_embed(struct pipeline *pipeline, uint32_t which, const float *latents,
                   const uint64_t *samples, size_t count, float *rows,
                   struct wire_stage_metrics *metrics, struct error *err)
{
    struct pipeline_wanted wanted = {.samples = samples};
    if (which >= pipeline->bundle->embedders_count)
        return error_set(err, E_INVALID, "embedder %u of %u", which,
                         pipeline->bundle->embedders_count);
    wanted.embeddings[which] = rows;
    return pipeline_make(pipeline, latents, count, &wanted, metrics, err);
}

/* ---- photos ---- */

/* Converts the photos into the reader's form; one that takes the generator's picture as it is gets them
 * where that would be. */
static int run_on_photos(struct pipeline *pipeline, struct reader *reader, cl_mem photos,
                         const struct engine_image *form, size_t count, struct error *err)
{
    const struct engine_window window = pipeline_window(
        reader->described.picture, &pipeline->bundle->generator.output, form->height, form->width);
    cl_mem image = reader->convert ? pipeline->converted : pipeline->image;
    int failed = engine_image_convert(pipeline->device, count, photos, form, &window, image,
                                      &reader->form, err);
    return failed ? failed : run_on(reader, count, image, err);
}

/* An encoder need not know of the sphere. */
static void put_on_sphere(const struct pipeline *pipeline, float *latents, size_t count)
{
    const struct latent_law *law = &pipeline->bundle->generator.latent.law;
    size_t size = bundle_latent_size(pipeline->bundle);
    double radius = law->radius > 0 ? law->radius : sqrt((double)size);
    if (law->normalisation != LATENT_SPHERE)
        return;
    for (size_t i = 0; i < count; i++, latents += size) {
        double square = 0;
        for (size_t k = 0; k < size; k++)
            square += (double)latents[k] * (double)latents[k];
        for (size_t k = 0; square > 0 && k < size; k++)
            latents[k] = (float)((double)latents[k] * radius / sqrt(square));
    }
}

static int read_all(struct pipeline *pipeline, cl_mem photos, const struct engine_image *form,
                    size_t count, const struct pipeline_wanted *wanted, struct error *err)
{
    int failed = 0;
    if (wanted->latents && !pipeline->bundle->encoder)
        return error_set(err, E_UNSUPPORTED, "bundle %s has no encoder", pipeline->bundle->name);
    for (size_t i = 0; !failed && i < pipeline->reader_count; i++)
        if (rows_of(&pipeline->readers[i], wanted))
            failed = run_on_photos(pipeline, &pipeline->readers[i], photos, form, count, err);
    if (!failed)
        failed = read_readers(pipeline, count, wanted, err);
    if (!failed && wanted->latents)
        put_on_sphere(pipeline, wanted->latents, count);
    return failed;
}

int pipeline_photos(struct pipeline *pipeline, const uint8_t *pixels, size_t height, size_t width,
                    size_t count, const struct pipeline_wanted *wanted,
                    struct wire_stage_metrics *metrics, struct error *err)
{
    const struct engine_image form = {.channels = ENGINE_RGB,
                                      .height = height,
                                      .width = width,
                                      .low = 0,
                                      .high = 255,
                                      .nhwc = true};
    size_t elements = count * height * width * 3;
    int64_t since = clock_now();
    cl_mem photos = NULL;
    float *values = malloc(elements * sizeof *values);
    int failed = values ? 0 : error_set(err, E_MEMORY, "no memory for %zu photos", count);
    if (!failed && count > pipeline->batch)
        failed =
            error_set(err, E_LIMIT, "%zu photos, expected at most %zu", count, pipeline->batch);
    if (!failed)
        failed = device_buffer(pipeline->device, elements * sizeof *values, &photos, err);
    for (size_t i = 0; !failed && i < elements; i++)
        values[i] = pixels[i];
    if (!failed)
        failed = device_write(pipeline->device, photos, 0, values, elements * sizeof *values, err);
    if (!failed)
        failed = read_all(pipeline, photos, &form, count, wanted, err);
    if (photos)
        clReleaseMemObject(photos);
    free(values);
    metrics->label_ms += elapsed_ms(&since);
    metrics->faces += count;
    return failed;
}
