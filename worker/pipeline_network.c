/* What bundle.yaml says of each network, and whether the file agrees. No state. */
#include "worker/pipeline_network.h"

#include <stdio.h>
#include <string.h>

/* ---- descriptions ---- */

static struct pipeline_tensor picture(const struct bundle_image *image)
{
    int64_t channels = image->channels == BUNDLE_GRAY ? 1 : 3;
    if (image->layout == BUNDLE_NHWC)
        return (struct pipeline_tensor){image->tensor, {image->height, image->width, channels}};
    return (struct pipeline_tensor){image->tensor, {channels, image->height, image->width}};
}

static struct pipeline_tensor vector(const char *name, size_t elements)
{
    return (struct pipeline_tensor){name, {(int64_t)elements}};
}

/* Numbers that the generator takes a face. */
static size_t generator_input(const struct bundle *bundle)
{
    const struct bundle_latent *latent = &bundle->generator.latent;
    return (size_t)latent->layers * latent->dimension;
}

static void describe_generator(const struct bundle *bundle, struct pipeline_network *network)
{
    network->name = "generator";
    network->file = bundle->generator.file.file;
    network->input = vector(bundle->generator.input, generator_input(bundle));
    network->outputs[network->output_count++] = picture(&bundle->generator.output);
    network->noise =
        (struct engine_noise){bundle->generator.noise, bundle->generator.noise_count, false};
    network->noisy = bundle->generator.noisy;
}

/* The mapping's output may have one vector or the generator's layers; its shape is checked where it is
 * loaded (0: any). */
static void describe_mapping(const struct bundle_mapping *mapping, struct pipeline_network *network)
{
    network->use = PIPELINE_MAPPING;
    network->name = "mapping";
    network->file = mapping->file.file;
    network->input = vector(mapping->input, mapping->dimension);
    network->outputs[network->output_count++] = vector(mapping->output, 0);
}

static void describe_labeller(const struct bundle *bundle, uint32_t i,
                              struct pipeline_network *network)
{
    const struct bundle_labeller *labeller = &bundle->labellers[i];
    network->use = PIPELINE_LABELLER;
    network->name = labeller->name;
    network->position = i;
    network->file = labeller->file.file;
    network->picture = &labeller->input;
    network->input = picture(&labeller->input);
    for (uint32_t k = 0; k < labeller->outputs_count; k++)
        network->outputs[network->output_count++] =
            vector(labeller->outputs[k].tensor, labeller->outputs[k].width);
}

static void describe_embedder(const struct bundle *bundle, uint32_t i,
                              struct pipeline_network *network)
{
    const struct bundle_embedder *embedder = &bundle->embedders[i];
    network->use = PIPELINE_EMBEDDER;
    network->name = embedder->name;
    network->position = i;
    network->file = embedder->file.file;
    network->picture = &embedder->input;
    network->input = picture(&embedder->input);
    network->outputs[network->output_count++] = vector(embedder->output, embedder->dimension);
}

static void describe_encoder(const struct bundle *bundle, struct pipeline_network *network)
{
    network->use = PIPELINE_ENCODER;
    network->name = "encoder";
    network->file = bundle->encoder->file.file;
    network->picture = &bundle->encoder->input;
    network->input = picture(&bundle->encoder->input);
    network->outputs[network->output_count++] =
        vector(bundle->encoder->output, bundle_latent_size(bundle));
}

size_t pipeline_network_first(const struct bundle *bundle, enum pipeline_use use)
{
    size_t mappings = bundle->mapping ? 1 : 0;
    switch (use) {
    case PIPELINE_GENERATOR:
        return 0;
    case PIPELINE_MAPPING:
        return 1;
    case PIPELINE_LABELLER:
        return 1 + mappings;
    case PIPELINE_EMBEDDER:
        return 1 + mappings + bundle->labellers_count;
    case PIPELINE_ENCODER:
        return 1 + mappings + bundle->labellers_count + bundle->embedders_count;
    }
    return 0;
}

size_t pipeline_network_count(const struct bundle *bundle)
{
    return pipeline_network_first(bundle, PIPELINE_ENCODER) + (bundle->encoder ? 1 : 0);
}

void pipeline_network(const struct bundle *bundle, size_t i, struct pipeline_network *network)
{
    size_t labellers = pipeline_network_first(bundle, PIPELINE_LABELLER);
    size_t embedders = pipeline_network_first(bundle, PIPELINE_EMBEDDER);
    *network = (struct pipeline_network){.tolerance = bundle->tolerance,
                                         .half_weights = bundle->weights == BUNDLE_FLOAT16};
    if (i == 0)
        describe_generator(bundle, network);
    else if (i < labellers)
        describe_mapping(bundle->mapping, network);
    else if (i < embedders)
        describe_labeller(bundle, (uint32_t)(i - labellers), network);
    else if (i < embedders + bundle->embedders_count)
        describe_embedder(bundle, (uint32_t)(i - embedders), network);
    else
        describe_encoder(bundle, network);
}

/* ---- forms ---- */

struct engine_image pipeline_form(const struct bundle_image *image)
{
    static const enum engine_channels channels[] = {
        [BUNDLE_RGB] = ENGINE_RGB,
        [BUNDLE_BGR] = ENGINE_BGR,
        [BUNDLE_GRAY] = ENGINE_GRAY,
    };
    struct engine_image form = {channels[image->channels],
                                image->height,
                                image->width,
                                image->range[0],
                                image->range[1],
                                image->layout == BUNDLE_NHWC,
                                {0},
                                {0}};
    memcpy(form.mean, image->mean, sizeof form.mean);
    memcpy(form.deviation, image->deviation, sizeof form.deviation);
    return form;
}

/* Pixels `range` of `of` as those of `size`. */
static void scale_range(const uint32_t range[2], size_t of, size_t size, size_t *from, size_t *count)
{
    size_t low = (range[0] * size + of / 2) / of, high = (range[1] * size + of / 2) / of;
    if (high <= low) {
        low = low < size ? low : size - 1;
        high = low + 1;
    }
    *from = low;
    *count = high - low;
}

struct engine_window pipeline_window(const struct bundle_image *input,
                                     const struct bundle_image *made, size_t height, size_t width)
{
    struct engine_window window;
    uint32_t rows[2], columns[2];
    bundle_crop_rows(&input->crop, made->height, rows);
    bundle_crop_columns(&input->crop, made->width, columns);
    scale_range(rows, made->height, height, &window.top, &window.rows);
    scale_range(columns, made->width, width, &window.left, &window.columns);
    return window;
}

bool pipeline_takes(const struct bundle_image *input, const struct bundle_image *made)
{
    struct engine_window window = pipeline_window(input, made, made->height, made->width);
    bool plain = true;
    for (int c = 0; c < 3; c++)
        plain = plain && input->mean[c] == 0 && (input->deviation[c] == 1 || input->deviation[c] == 0);
    return plain && input->channels == made->channels && input->layout == made->layout &&
           input->height == made->height && input->width == made->width &&
           input->range[0] == made->range[0] && input->range[1] == made->range[1] &&
           window.rows == made->height && window.columns == made->width;
}

size_t pipeline_form_elements(const struct bundle_image *image)
{
    return (size_t)(image->channels == BUNDLE_GRAY ? 1 : 3) * image->height * image->width;
}

/* ---- loading ---- */

static void print_dims(const int64_t *dims, size_t rank, char text[128])
{
    size_t length = (size_t)snprintf(text, 128, "[N");
    for (size_t i = 0; i < rank && length < 100; i++)
        length += (size_t)snprintf(text + length, 128 - length, ",%lld", (long long)dims[i]);
    snprintf(text + length, 128 - length, "]");
}

static bool tensor_fits(const struct engine_tensor_info *found,
                        const struct pipeline_tensor *expected)
{
    if (!expected->dims[1]) /* numbers in any shape */
        return expected->dims[0] == 0 || (size_t)expected->dims[0] == found->row_elements;
    bool same = found->rank == 4;
    for (size_t i = 0; same && i < 3; i++)
        same = found->dims[i + 1] == expected->dims[i];
    return same;
}

/* Channels where height and width are expected: the picture is in the other layout. */
static const char *layout_hint(const struct engine_tensor_info *found,
                               const struct pipeline_tensor *expected)
{
    const int64_t *is = found->dims + 1, *dims = expected->dims;
    if (!dims[1] || found->rank != 4)
        return "";
    if (is[0] == dims[1] && is[1] == dims[2] && is[2] == dims[0])
        return " (its channels stand last: layout: nhwc)";
    if (is[1] == dims[0] && is[2] == dims[1] && is[0] == dims[2])
        return " (its channels stand first: layout: nchw)";
    if (is[1] == dims[1] && is[2] == dims[2] && (is[0] == 1 || is[0] == 3))
        return is[0] == 1 ? " (one channel: channels: gray)" : " (three channels: rgb or bgr)";
    return "";
}

static int check_tensor(const struct pipeline_network *described, const char *what,
                        const struct engine_tensor_info *found,
                        const struct pipeline_tensor *expected, struct error *err)
{
    if (tensor_fits(found, expected))
        return 0;
    char wanted[128], is[128];
    print_dims(expected->dims, expected->dims[1] ? 3 : 1, wanted);
    print_dims(found->dims + 1, found->rank > 0 ? found->rank - 1 : 0, is);
    return error_set(err, E_INVALID, "%s: %s %s is %s, " BUNDLE_FILE " says %s%s", described->file,
                     what, found->name, is, wanted, layout_hint(found, expected));
}

/* The names that there are, for an error that says which is not. */
static void list_names(const struct engine_network *network, bool outputs, char text[256])
{
    size_t count = outputs ? engine_output_count(network) : engine_input_count(network), length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && length < 200; i++) {
        const struct engine_tensor_info *info =
            outputs ? engine_output(network, i) : engine_input(network, i);
        int added = snprintf(text + length, 256 - length, "%s%s", i ? ", " : "", info->name);
        length += added > 0 ? (size_t)added : 0;
    }
}

static int no_tensor(const struct pipeline_network *described, const struct engine_network *network,
                     bool output, const char *name, struct error *err)
{
    char names[256];
    list_names(network, output, names);
    return error_set(err, E_INVALID, "%s: no %s %s, which " BUNDLE_FILE " names; it has %s",
                     described->file, output ? "output" : "input", name, names);
}

/* One input, and beside it noise that bundle.yaml names. */
static int check_inputs(const struct pipeline_network *described,
                        const struct engine_network *network, struct error *err)
{
    size_t noise = 0, count = engine_input_count(network);
    char names[256];
    for (size_t i = 0; i < count; i++)
        noise += engine_input(network, i)->noise;
    list_names(network, false, names);
    if (count - noise != 1)
        return error_set(err, E_UNSUPPORTED, "%s: %zu inputs (%s), expected one%s", described->file,
                         count - noise, names,
                         described->use == PIPELINE_GENERATOR ? ", and noise that " BUNDLE_FILE
                                                                " names (generator: noise: inputs)"
                                                              : "");
    if (described->noisy && described->noise.vary && noise == 0)
        return error_set(err, E_INVALID,
                         "%s: " BUNDLE_FILE
                         " says that there is noise, but names no tensor of it and no node "
                         "is a RandomNormal",
                         described->file);
    return noise <= LIMIT_NOISES ? 0
                                 : error_set(err, E_LIMIT, "%s: %zu tensors of noise, at most %d",
                                             described->file, noise, LIMIT_NOISES);
}

static int check_network(const struct pipeline_network *described,
                         const struct engine_network *network, struct error *err)
{
    int input = engine_find_input(network, described->input.name);
    if (input < 0)
        return no_tensor(described, network, false, described->input.name, err);
    int failed = check_inputs(described, network, err);
    if (!failed)
        failed = check_tensor(described, "input", engine_input(network, (size_t)input),
                              &described->input, err);
    for (size_t i = 0; !failed && i < described->output_count; i++) {
        int output = engine_find_output(network, described->outputs[i].name);
        if (output < 0)
            return no_tensor(described, network, true, described->outputs[i].name, err);
        failed = check_tensor(described, "output", engine_output(network, (size_t)output),
                              &described->outputs[i], err);
    }
    return failed;
}

int pipeline_network_path(const char *folder, const struct pipeline_network *network,
                          char path[2 * LIMIT_PATH_BYTES], struct error *err)
{
    int length = snprintf(path, (size_t)2 * LIMIT_PATH_BYTES, "%s/%s", folder, network->file);
    return length < 0 || length >= 2 * LIMIT_PATH_BYTES
               ? error_set(err, E_LIMIT, "path too long: %s/%s", folder, network->file)
               : 0;
}

struct engine_options pipeline_options(const struct pipeline_network *described)
{
    struct engine_options options = {.tolerance = described->tolerance,
                                     .half_weights = described->half_weights,
                                     .noise = described->noise,
                                     .sizes = {.input = described->input.name}};
    memcpy(options.sizes.dims, described->input.dims, sizeof options.sizes.dims);
    return options;
}

int pipeline_prepare_network(struct device *device, const char *folder,
                             const struct pipeline_network *described, size_t batch,
                             struct engine_network **network, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    struct engine_network *prepared = NULL;
    const struct engine_options options = pipeline_options(described);
    int failed = pipeline_network_path(folder, described, path, err);
    if (!failed)
        failed = engine_prepare(device, path, batch, &options, &prepared, err);
    if (failed)
        return failed;
    failed = check_network(described, prepared, err);
    if (failed) {
        engine_free(&prepared);
        return failed;
    }
    *network = prepared;
    return 0;
}

int pipeline_load(struct device *device, const char *folder,
                  const struct pipeline_network *described, size_t batch,
                  struct engine_network **network, struct error *err)
{
    struct engine_network *loaded = NULL;
    int failed = pipeline_prepare_network(device, folder, described, batch, &loaded, err);
    if (!failed)
        failed = engine_commit(loaded, err);
    if (failed) {
        engine_free(&loaded);
        return failed;
    }
    *network = loaded;
    return 0;
}
