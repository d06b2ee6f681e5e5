/*
 * The pipeline's buffers are made once, at the batch it was opened for. Labellers that want the
 * image in another form than the generator makes share one converted copy per form in sequence: the
 * queue is in order, so one buffer of the largest form is enough.
 */
#include "worker/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/limits.h"

struct labeller {
    struct engine_network *network;
    struct engine_image form;
    bool convert;           /* the generator's form differs */
    size_t column, columns; /* where its outputs stand in a row of scores */
    cl_mem output;          /* [batch][columns] */
};

struct pipeline {
    struct device *device;
    struct bundle *bundle;
    size_t batch, columns;
    struct engine_network *generator;
    struct engine_image form;
    cl_mem z, image, converted, pixels;
    struct labeller labellers[1 + LIMIT_ESTIMATORS];
    size_t labeller_count;
    float *rows; /* [batch][widest labeller], where outputs land on the host */
};

/* ---- what bundle.yaml says of each network ---- */

static int64_t image_channels(const struct bundle_image *image)
{
    return image->channels == BUNDLE_GRAY ? 1 : 3;
}

static void image_dims(const struct bundle_image *image, int64_t dims[4])
{
    dims[0] = image_channels(image);
    dims[1] = image->height;
    dims[2] = image->width;
    dims[3] = 0;
}

size_t pipeline_network_count(const struct bundle *bundle)
{
    return 2 + bundle->age_estimators_count;
}

void pipeline_network(const struct bundle *bundle, size_t i, struct pipeline_network *network)
{
    *network = (struct pipeline_network){.tolerance = bundle->tolerance};
    if (i == 0) {
        network->file = bundle->generator.file;
        network->input = bundle->generator.input;
        network->output = bundle->generator.output.tensor;
        network->input_dims[0] = bundle->generator.latent.dimension;
        image_dims(&bundle->generator.output, network->output_dims);
        return;
    }
    const struct bundle_estimator *estimator = i > 1 ? &bundle->age_estimators[i - 2] : NULL;
    const struct bundle_image *input = estimator ? &estimator->input : &bundle->classifier.input;
    network->file = estimator ? estimator->file : bundle->classifier.file;
    network->input = input->tensor;
    image_dims(input, network->input_dims);
    network->output = estimator ? estimator->output : bundle->classifier.output;
    network->output_dims[0] = estimator ? 1 : bundle->classifier.attributes_count;
}

/* ---- loading ---- */

static void print_dims(const int64_t *dims, size_t rank, char text[128])
{
    size_t length = (size_t)snprintf(text, 128, "[N");
    for (size_t i = 0; i < rank && length < 100; i++)
        length += (size_t)snprintf(text + length, 128 - length, ",%lld", (long long)dims[i]);
    snprintf(text + length, 128 - length, "]");
}

static int check_tensor(const char *file, const char *what, const struct engine_tensor_info *found,
                        const int64_t expected[4], struct error *err)
{
    size_t rank = 0;
    int64_t elements = 1;
    for (; rank < 4 && expected[rank] != 0; rank++)
        elements *= expected[rank];
    /* [N] is as good as [N,1]: dense rows of one element. */
    bool same = found->rank == rank + 1 || (elements == 1 && found->rank == 1);
    for (size_t i = 0; same && i < rank && i + 1 < found->rank; i++)
        same = found->dims[i + 1] == expected[i];
    if (same)
        return 0;
    char wanted[128], is[128];
    print_dims(expected, rank, wanted);
    print_dims(found->dims + 1, found->rank > 0 ? found->rank - 1 : 0, is);
    return error_set(err, E_INVALID, "%s: %s %s is %s, " BUNDLE_FILE " says %s", file, what,
                     found->name, is, wanted);
}

static int check_network(const struct pipeline_network *described,
                         const struct engine_network *network, struct error *err)
{
    int input = engine_find_input(network, described->input);
    if (input < 0)
        return error_set(err, E_INVALID, "%s: no input %s, which " BUNDLE_FILE " names",
                         described->file, described->input);
    if (engine_input_count(network) != 1)
        return error_set(err, E_UNSUPPORTED, "%s: %zu inputs, expected one", described->file,
                         engine_input_count(network));
    int output = engine_find_output(network, described->output);
    if (output < 0)
        return error_set(err, E_INVALID, "%s: no output %s, which " BUNDLE_FILE " names",
                         described->file, described->output);
    int failed = check_tensor(described->file, "input", engine_input(network, (size_t)input),
                              described->input_dims, err);
    return failed ? failed
                  : check_tensor(described->file, "output", engine_output(network, (size_t)output),
                                 described->output_dims, err);
}

int pipeline_load(struct device *device, const char *folder,
                  const struct pipeline_network *described, size_t batch,
                  struct engine_network **network, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/%s", folder, described->file);
    if (length < 0 || (size_t)length >= sizeof path)
        return error_set(err, E_LIMIT, "path too long: %s/%s", folder, described->file);
    struct engine_network *loaded = NULL;
    const struct engine_options options = {.tolerance = described->tolerance};
    int failed = engine_load(device, path, batch, &options, &loaded, err);
    if (failed)
        return failed;
    failed = check_network(described, loaded, err);
    if (failed) {
        engine_free(&loaded);
        return failed;
    }
    *network = loaded;
    return 0;
}

static struct engine_image image_form(const struct bundle_image *image)
{
    static const enum engine_channels channels[] = {
        [BUNDLE_RGB] = ENGINE_RGB,
        [BUNDLE_BGR] = ENGINE_BGR,
        [BUNDLE_GRAY] = ENGINE_GRAY,
    };
    return (struct engine_image){channels[image->channels], image->height, image->width,
                                 image->range[0], image->range[1]};
}

static bool same_form(const struct engine_image *a, const struct engine_image *b)
{
    return a->channels == b->channels && a->height == b->height && a->width == b->width &&
           a->low == b->low && a->high == b->high;
}

static size_t form_elements(const struct engine_image *form)
{
    return (form->channels == ENGINE_GRAY ? 1 : 3) * form->height * form->width;
}

static int load_labellers(struct pipeline *pipeline, const char *folder, struct error *err)
{
    const struct bundle *bundle = pipeline->bundle;
    size_t column = 0;
    for (size_t i = 1; i < pipeline_network_count(bundle); i++) {
        struct labeller *labeller = &pipeline->labellers[i - 1];
        struct pipeline_network described;
        pipeline_network(bundle, i, &described);
        labeller->form =
            image_form(i == 1 ? &bundle->classifier.input : &bundle->age_estimators[i - 2].input);
        labeller->convert = !same_form(&labeller->form, &pipeline->form);
        labeller->column = column;
        labeller->columns = (size_t)described.output_dims[0];
        column += labeller->columns;
        pipeline->labeller_count = i;
        int failed = pipeline_load(pipeline->device, folder, &described, pipeline->batch,
                                   &labeller->network, err);
        if (failed)
            return failed;
    }
    return 0;
}

static int load_networks(struct pipeline *pipeline, const char *folder, struct error *err)
{
    struct pipeline_network described;
    pipeline_network(pipeline->bundle, 0, &described);
    pipeline->form = image_form(&pipeline->bundle->generator.output);
    int failed = pipeline_load(pipeline->device, folder, &described, pipeline->batch,
                               &pipeline->generator, err);
    return failed ? failed : load_labellers(pipeline, folder, err);
}

static int make_buffers(struct pipeline *pipeline, struct error *err)
{
    struct device *device = pipeline->device;
    size_t batch = pipeline->batch, widest = 1, converted = 0;
    size_t floats = batch * sizeof(float);
    for (size_t i = 0; i < pipeline->labeller_count; i++) {
        struct labeller *labeller = &pipeline->labellers[i];
        int failed = device_buffer(device, floats * labeller->columns, &labeller->output, err);
        if (failed)
            return failed;
        widest = labeller->columns > widest ? labeller->columns : widest;
        if (labeller->convert && form_elements(&labeller->form) > converted)
            converted = form_elements(&labeller->form);
    }
    pipeline->rows = malloc(floats * widest);
    if (!pipeline->rows)
        return error_set(err, E_MEMORY, "no memory for %zu rows of scores", batch);
    int failed = device_buffer(device, floats * pipeline->bundle->generator.latent.dimension,
                               &pipeline->z, err);
    if (!failed)
        failed =
            device_buffer(device, floats * form_elements(&pipeline->form), &pipeline->image, err);
    if (!failed && converted > 0)
        failed = device_buffer(device, floats * converted, &pipeline->converted, err);
    if (!failed)
        failed =
            device_buffer(device, batch * pipeline_pixel_bytes(pipeline), &pipeline->pixels, err);
    return failed;
}

int pipeline_open(struct device *device, const char *folder, size_t batch,
                  struct pipeline **pipeline, struct error *err)
{
    struct pipeline *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for a pipeline");
    opened->device = device;
    opened->batch = batch;
    int failed = bundle_load(folder, &opened->bundle, NULL, err);
    if (!failed)
        failed = load_networks(opened, folder, err);
    if (!failed)
        failed = make_buffers(opened, err);
    if (failed) {
        pipeline_close(&opened);
        return failed;
    }
    opened->columns = bundle_score_columns(opened->bundle);
    *pipeline = opened;
    return 0;
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
    for (size_t i = 0; i < closed->labeller_count; i++) {
        engine_free(&closed->labellers[i].network);
        release(closed->labellers[i].output);
    }
    engine_free(&closed->generator);
    release(closed->z);
    release(closed->image);
    release(closed->converted);
    release(closed->pixels);
    free(closed->rows);
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

/* ---- running ---- */

static double elapsed_ms(int64_t *since)
{
    int64_t now = clock_now();
    double ms = (double)(now - *since) / 1e6;
    *since = now;
    return ms;
}

/* Runs network on one input and its output called `output`; what else it has is not wanted. */
static int run_network(struct engine_network *network, const char *output, size_t rows, cl_mem from,
                       cl_mem to, struct error *err)
{
    cl_mem outputs[16] = {0};
    int position = engine_find_output(network, output);
    if (engine_output_count(network) > 16)
        return error_set(err, E_LIMIT, "a network with %zu outputs, at most 16",
                         engine_output_count(network));
    outputs[position] = to;
    return engine_run(network, rows, &from, outputs, err);
}

static int label(struct pipeline *pipeline, size_t i, size_t count, float *scores,
                 struct error *err)
{
    struct labeller *labeller = &pipeline->labellers[i];
    struct pipeline_network described;
    pipeline_network(pipeline->bundle, i + 1, &described);
    cl_mem image = labeller->convert ? pipeline->converted : pipeline->image;
    int failed = 0;
    if (labeller->convert)
        failed = engine_image_convert(pipeline->device, count, pipeline->image, &pipeline->form,
                                      image, &labeller->form, err);
    if (!failed)
        failed =
            run_network(labeller->network, described.output, count, image, labeller->output, err);
    if (!failed)
        failed = device_read(pipeline->device, labeller->output, 0, pipeline->rows,
                             count * labeller->columns * sizeof(float), err);
    for (size_t row = 0; !failed && row < count; row++)
        memcpy(scores + row * pipeline->columns + labeller->column,
               pipeline->rows + row * labeller->columns, labeller->columns * sizeof(float));
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

/* At most a batch of faces. */
static int run_batch(struct pipeline *pipeline, const float *z, size_t count, float *scores,
                     uint8_t *pixels, struct wire_stage_metrics *metrics, struct error *err)
{
    size_t dimension = pipeline->bundle->generator.latent.dimension;
    int64_t since = clock_now();
    int failed =
        device_write(pipeline->device, pipeline->z, 0, z, count * dimension * sizeof(float), err);
    if (failed)
        return failed;
    metrics->latents_ms += elapsed_ms(&since);
    failed = run_network(pipeline->generator, pipeline->bundle->generator.output.tensor, count,
                         pipeline->z, pipeline->image, err);
    if (!failed && pixels)
        failed = read_pixels(pipeline, count, pixels, err);
    if (!failed)
        failed = device_finish(pipeline->device, err);
    metrics->generate_ms += elapsed_ms(&since);
    for (size_t i = 0; !failed && scores && i < pipeline->labeller_count; i++)
        failed = label(pipeline, i, count, scores, err);
    metrics->label_ms += elapsed_ms(&since);
    metrics->faces += count;
    return failed;
}

int pipeline_faces(struct pipeline *pipeline, const float *z, size_t count, float *scores,
                   uint8_t *pixels, struct wire_stage_metrics *metrics, struct error *err)
{
    size_t dimension = pipeline->bundle->generator.latent.dimension;
    size_t pixel_bytes = pipeline_pixel_bytes(pipeline);
    int failed = 0;
    for (size_t done = 0; !failed && done < count; done += pipeline->batch) {
        size_t rows = count - done < pipeline->batch ? count - done : pipeline->batch;
        failed = run_batch(pipeline, z + done * dimension, rows,
                           scores ? scores + done * pipeline->columns : NULL,
                           pixels ? pixels + done * pixel_bytes : NULL, metrics, err);
    }
    return failed;
}
