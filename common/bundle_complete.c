/*
 * From bundle.yaml as it stands to struct bundle: checks, short forms, where each score comes from.
 *
 * `struct bundle_check` carries the place in the document ("labellers[1]: input"), from which bundle_wrong() finds line and
 * column; bundle_enter() and bundle_leave() keep it. Strings stay the source's.
 */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/bundle_priv.h"
#include "common/limits.h"

/* A tolerance below float32's own errors promises too much, one above is no result. */
#define TOLERANCE_LEAST 1e-6
#define TOLERANCE_MOST 1e-2

size_t bundle_enter(struct bundle_check *check, const char *key, int item)
{
    size_t mark = check->length;
    char number[16] = "";
    if (item >= 0)
        snprintf(number, sizeof number, "[%d]", item);
    int added = snprintf(check->place + mark, sizeof check->place - mark, "%s%s%s",
                         mark ? ": " : "", key, number);
    check->length = mark + (size_t)(added > 0 ? added : 0);
    if (check->length >= sizeof check->place)
        check->length = sizeof check->place - 1;
    return mark;
}

void bundle_leave(struct bundle_check *check, size_t mark)
{
    check->length = mark;
    check->place[mark] = '\0';
}

int bundle_wrong(struct bundle_check *check, int code, const char *key, const char *format, ...)
{
    char text[512];
    size_t line = 0, column = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t mark = *key ? bundle_enter(check, key, -1) : check->length;
    document_locate(check->yaml, check->size, check->place, &line, &column);
    int rc = error_set(check->err, code, "line %zu, column %zu: %s: %s", line, column,
                       check->place, text);
    bundle_leave(check, mark);
    return rc;
}

int bundle_take_number(struct bundle_check *check, const char *key, int64_t value, int64_t most,
                        uint32_t *into)
{
    if (value < 1 || value > most)
        return bundle_wrong(check, E_LIMIT, key, "is %lld, expected 1 to %lld", (long long)value,
                     (long long)most);
    *into = (uint32_t)value;
    return 0;
}

int bundle_check_name(struct bundle_check *check, const char *key, const char *name)
{
    return document_is_name(name)
               ? 0
               : bundle_wrong(check, E_INVALID, key,
                       "is \"%s\", expected letters, digits, _ . - and no leading . or -", name);
}

static int check_rising(struct bundle_check *check, const char *key, const float *range)
{
    bool good = isfinite(range[0]) && isfinite(range[1]) && range[0] < range[1] &&
                fabsf(range[0]) <= BUNDLE_NUMBER_MOST && fabsf(range[1]) <= BUNDLE_NUMBER_MOST;
    return good ? 0
                : bundle_wrong(check, E_INVALID, key, "is [%g, %g], expected two rising numbers",
                        (double)range[0], (double)range[1]);
}

/* A file of the bundle lies in its folder, nowhere else. */
int bundle_take_file(struct bundle_check *check, const char *file, const char *sha256,
                     struct bundle_file *into)
{
    int rc = bundle_check_name(check, "file", file);
    if (!rc && strcasecmp(file, BUNDLE_FILE) == 0)
        rc = bundle_wrong(check, E_INVALID, "file", "is %s itself, expected another file", file);
    if (!rc && (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64))
        rc = bundle_wrong(check, E_INVALID, "sha256", "is \"%s\", expected 64 hexadecimal digits",
                   sha256);
    *into = (struct bundle_file){file, sha256};
    return rc;
}

/* ---- pictures ---- */

/* mean or deviation: one number for all channels of the tensor, or one each. */
static int take_channels(struct bundle_check *check, const char *key, const float *given, uint32_t count,
                         bool gray, float absent, float least, float into[3])
{
    if (given && count != 1 && count != (gray ? 1 : 3))
        return bundle_wrong(check, E_INVALID, key, "has %u numbers, expected 1%s", count,
                     gray ? "" : " or 3, one a channel");
    for (int c = 0; c < 3; c++) {
        into[c] = !given ? absent : given[count == 1 ? 0 : c];
        if (!(into[c] >= least && into[c] <= (float)BUNDLE_NUMBER_MOST))
            return bundle_wrong(check, E_INVALID, key, "holds %g, expected %g to %g", (double)into[c],
                         (double)least, BUNDLE_NUMBER_MOST);
    }
    return 0;
}

static int take_side(struct bundle_check *check, const char *key, const double *given, bool shares,
                     uint32_t size)
{
    double most = shares ? 1 : size;
    uint32_t range[2];
    const struct bundle_crop crop = {true, shares, given[0], given[1], 0, 1};
    if (!(given[0] >= 0 && given[0] < given[1] && given[1] <= most))
        return bundle_wrong(check, E_INVALID, key,
                     "is [%g, %g], expected two rising numbers from 0 to %g (%s)", given[0],
                     given[1], most, shares ? "shares of the picture" : "pixels of the generator's picture");
    if (!shares && (given[0] != floor(given[0]) || given[1] != floor(given[1])))
        return bundle_wrong(check, E_INVALID, key, "is [%g, %g], expected whole pixels, or shares up to 1",
                     given[0], given[1]);
    bundle_crop_rows(&crop, size, range);
    return range[0] < range[1] ? 0
                               : bundle_wrong(check, E_INVALID, key, "[%g, %g] of %u pixels is none",
                                       given[0], given[1], size);
}

/* `of`: the picture that it is cut from, or NULL where it is not known (photos). */
static int take_crop(struct bundle_check *check, const struct raw_crop *raw,
                     const struct bundle_image *of, struct bundle_crop *crop)
{
    if (!raw)
        return 0;
    size_t mark = bundle_enter(check, "crop", -1);
    *crop = (struct bundle_crop){
        .given = true,
        .shares = raw->rows[1] <= 1 && raw->columns[1] <= 1,
        .top = raw->rows[0],
        .bottom = raw->rows[1],
        .left = raw->columns[0],
        .right = raw->columns[1],
    };
    int rc = take_side(check, "rows", raw->rows, crop->shares, of->height);
    if (!rc)
        rc = take_side(check, "columns", raw->columns, crop->shares, of->width);
    if (!rc)
        bundle_leave(check, mark);
    return rc;
}

int bundle_take_image(struct bundle_check *check, const char *key, const struct raw_image *raw,
                      const struct bundle_image *made, struct bundle_image *image)
{
    size_t mark = bundle_enter(check, key, -1);
    bool gray = raw->channels == BUNDLE_GRAY;
    image->tensor = raw->tensor;
    image->channels = raw->channels;
    image->layout = raw->layout ? *raw->layout : BUNDLE_NCHW;
    int rc = bundle_take_number(check, "height", raw->height, LIMIT_IMAGE_SIDE, &image->height);
    if (!rc)
        rc = bundle_take_number(check, "width", raw->width, LIMIT_IMAGE_SIDE, &image->width);
    if (!rc)
        rc = check_rising(check, "range", raw->range);
    memcpy(image->range, raw->range, sizeof image->range);
    if (!rc)
        rc = take_channels(check, "mean", raw->mean, raw->mean_count, gray, 0,
                           -(float)BUNDLE_NUMBER_MOST, image->mean);
    if (!rc)
        rc = take_channels(check, "deviation", raw->deviation, raw->deviation_count, gray, 1,
                           1e-6f, image->deviation);
    if (!rc && !made && (raw->crop || raw->mean || raw->deviation))
        rc = bundle_wrong(check, E_INVALID, raw->crop ? "crop" : raw->mean ? "mean" : "deviation",
                   "belongs to the input of a labeller, not to what the generator gives");
    if (!rc && made)
        rc = take_crop(check, raw->crop, made, &image->crop);
    if (!rc)
        bundle_leave(check, mark);
    return rc;
}

/* ---- latents ---- */

static int take_law(struct bundle_check *check, const struct raw_latent *raw, struct latent_law *law)
{
    *law = (struct latent_law){.prior = raw->prior ? *raw->prior : LATENT_NORMAL,
                               .normalisation =
                                   raw->normalisation ? *raw->normalisation : LATENT_AS_DRAWN,
                               .low = -1,
                               .high = 1};
    if (law->prior == LATENT_HYPERSPHERE)
        law->normalisation = LATENT_SPHERE;
    if (raw->range && law->prior != LATENT_UNIFORM)
        return bundle_wrong(check, E_INVALID, "range", "belongs to the prior uniform");
    int rc = raw->range ? check_rising(check, "range", raw->range) : 0;
    if (!rc && raw->range) {
        law->low = (double)raw->range[0];
        law->high = (double)raw->range[1];
    }
    if (!rc && raw->radius && law->normalisation != LATENT_SPHERE)
        rc = bundle_wrong(check, E_INVALID, "radius",
                   "belongs to the prior hypersphere or to normalisation: sphere");
    if (!rc && raw->radius && !(*raw->radius >= 1e-3 && *raw->radius <= BUNDLE_NUMBER_MOST))
        rc = bundle_wrong(check, E_INVALID, "radius", "is %g, expected 0.001 to %g", *raw->radius,
                   BUNDLE_NUMBER_MOST);
    if (!rc && raw->radius)
        law->radius = *raw->radius;
    return rc;
}

/* Keys that say how z is drawn, in a latent that is not drawn. */
static int refuse_law(struct bundle_check *check, const struct raw_latent *raw)
{
    const char *key = raw->prior           ? "prior"
                      : raw->normalisation ? "normalisation"
                      : raw->radius        ? "radius"
                      : raw->range         ? "range"
                                           : NULL;
    return key ? bundle_wrong(check, E_INVALID, key, "says how z is drawn, which is mapping's to say")
               : 0;
}

static int take_space(struct bundle_check *check, const char *text, enum bundle_space *space)
{
    static const enum bundle_space all[] = {BUNDLE_Z, BUNDLE_W, BUNDLE_W_PLUS};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(text, bundle_space_name(all[i])) == 0) {
            *space = all[i];
            return 0;
        }
    return bundle_wrong(check, E_INVALID, "space", "is \"%s\", expected z, w or w+", text);
}

static int take_latent(struct bundle_check *check, const struct raw_latent *raw, bool mapped,
                       struct bundle_latent *latent)
{
    size_t mark = bundle_enter(check, "latent", -1);
    latent->layers = 1;
    int rc = take_space(check, raw->space, &latent->space);
    if (!rc)
        rc = bundle_take_number(check, "dimension", raw->dimension, LIMIT_LATENT_DIMENSION,
                          &latent->dimension);
    if (!rc && raw->layers && latent->space == BUNDLE_Z)
        rc = bundle_wrong(check, E_INVALID, "layers", "belongs to the spaces w and w+");
    if (!rc && !raw->layers && latent->space == BUNDLE_W_PLUS)
        rc = bundle_wrong(check, E_INVALID, "layers", "missing, expected how many vectors of w+ there are");
    if (!rc && raw->layers)
        rc = bundle_take_number(check, "layers", *raw->layers, LIMIT_LAYERS, &latent->layers);
    if (!rc && (uint64_t)latent->layers * latent->dimension > LIMIT_LATENT_DIMENSION)
        rc = bundle_wrong(check, E_LIMIT, "layers", "times dimension is %llu, expected at most %d",
                   (unsigned long long)latent->layers * latent->dimension, LIMIT_LATENT_DIMENSION);
    if (!rc && mapped != (latent->space != BUNDLE_Z))
        rc = bundle_wrong(check, E_INVALID, "space",
                   mapped ? "is z, expected w or w+ where there is a mapping"
                          : "is %s, expected z where there is no mapping",
                   raw->space);
    if (!rc)
        rc = mapped ? refuse_law(check, raw) : take_law(check, raw, &latent->law);
    if (!rc)
        bundle_leave(check, mark);
    return rc;
}

/* Each tensor once, and none that is the latent or the picture. */
static int take_noise(struct bundle_check *check, const struct raw_generator *raw,
                      struct bundle_generator *generator)
{
    const struct raw_noise *noise = raw->noise;
    if (!noise)
        return 0;
    size_t mark = bundle_enter(check, "noise", -1);
    generator->noisy = true;
    generator->noise = (const char *const *)noise->inputs;
    generator->noise_count = noise->inputs_count;
    generator->noise_mode = noise->mode ? *noise->mode : BUNDLE_NOISE_CONSTANT;
    int rc = 0;
    for (uint32_t i = 0; !rc && i < noise->inputs_count; i++) {
        const char *name = noise->inputs[i];
        if (strcmp(name, raw->input) == 0 || strcmp(name, raw->output.tensor) == 0)
            rc = bundle_wrong(check, E_INVALID, "inputs", "names %s, which is no noise", name);
        for (uint32_t k = 0; !rc && k < i; k++)
            if (strcmp(name, noise->inputs[k]) == 0)
                rc = bundle_wrong(check, E_EXISTS, "inputs", "names %s twice", name);
    }
    if (!rc)
        bundle_leave(check, mark);
    return rc;
}

static int take_generator(struct bundle_check *check, const struct bundle_source *source,
                          struct bundle_generator *generator)
{
    const struct raw_generator *raw = &source->generator;
    size_t mark = bundle_enter(check, "generator", -1);
    generator->input = raw->input;
    int rc = bundle_take_file(check, raw->file, raw->sha256, &generator->file);
    if (!rc)
        rc = take_latent(check, &raw->latent, source->mapping != NULL, &generator->latent);
    if (!rc)
        rc = bundle_take_image(check, "output", &raw->output, NULL, &generator->output);
    if (!rc)
        rc = take_noise(check, raw, generator);
    if (!rc)
        bundle_leave(check, mark);
    return rc;
}

static int take_truncation(struct bundle_check *check, const struct raw_truncation *raw,
                           uint32_t layers, struct bundle_mapping *mapping)
{
    mapping->psi = 1;
    mapping->truncated = layers;
    if (!raw)
        return 0;
    size_t mark = bundle_enter(check, "truncation", -1);
    mapping->psi = raw->psi;
    int rc = raw->psi >= 0 && raw->psi <= 2
                 ? 0
                 : bundle_wrong(check, E_INVALID, "psi", "is %g, expected 0 to 2", raw->psi);
    if (!rc && raw->layers)
        rc = bundle_take_number(check, "layers", *raw->layers, layers, &mapping->truncated);
    if (!rc)
        bundle_leave(check, mark);
    return rc;
}

static int take_mapping(struct bundle_check *check, const struct raw_mapping *raw,
                        struct bundle *bundle)
{
    if (!raw)
        return 0;
    size_t mark = bundle_enter(check, "mapping", -1), inner = 0;
    struct bundle_mapping *mapping = calloc(1, sizeof *mapping);
    if (!mapping)
        return error_set(check->err, E_MEMORY, "no memory for a bundle");
    bundle->mapping = mapping;
    mapping->input = raw->input;
    mapping->output = raw->output;
    int rc = bundle_take_file(check, raw->file, raw->sha256, &mapping->file);
    if (!rc) {
        inner = bundle_enter(check, "latent", -1);
        if (strcmp(raw->latent.space, "z") != 0)
            rc = bundle_wrong(check, E_INVALID, "space", "is \"%s\", expected z: what is mapped",
                       raw->latent.space);
        else if (raw->latent.layers)
            rc = bundle_wrong(check, E_INVALID, "layers", "belongs to generator: latent");
    }
    if (!rc)
        rc = bundle_take_number(check, "dimension", raw->latent.dimension, LIMIT_LATENT_DIMENSION,
                          &mapping->dimension);
    if (!rc)
        rc = take_law(check, &raw->latent, &mapping->law);
    if (!rc) {
        bundle_leave(check, inner);
        rc = take_truncation(check, raw->truncation, bundle->generator.latent.layers, mapping);
    }
    if (!rc)
        bundle_leave(check, mark);
    return rc;
}

/* ---- embedders and the encoder ---- */

static int take_embedder(struct bundle_check *check, const struct raw_embedder *raw,
                         struct bundle *bundle)
{
    struct bundle_embedder *embedder = &bundle->embedders[bundle->embedders_count];
    *embedder =
        (struct bundle_embedder){.name = raw->name, .kind = raw->kind, .output = raw->output};
    int rc = bundle_check_name(check, "name", raw->name);
    for (uint32_t i = 0; !rc && i < bundle->embedders_count; i++)
        if (strcmp(bundle->embedders[i].name, raw->name) == 0)
            rc = bundle_wrong(check, E_EXISTS, "name", "is \"%s\", as another embedder's", raw->name);
    if (!rc)
        rc = bundle_take_file(check, raw->file, raw->sha256, &embedder->file);
    if (!rc)
        rc = bundle_take_image(check, "input", &raw->input, &bundle->generator.output, &embedder->input);
    if (!rc)
        rc = bundle_take_number(check, "dimension", raw->dimension, LIMIT_EMBEDDING,
                          &embedder->dimension);
    bundle->embedders_count++;
    return rc;
}

static int take_embedders(struct bundle_check *check, const struct bundle_source *source,
                          struct bundle *bundle)
{
    int rc = 0;
    bundle->embedders = calloc(source->embedders_count + 1, sizeof *bundle->embedders);
    if (!bundle->embedders)
        return error_set(check->err, E_MEMORY, "no memory for a bundle");
    for (uint32_t i = 0; !rc && i < source->embedders_count; i++) {
        size_t mark = bundle_enter(check, "embedders", (int)i);
        rc = take_embedder(check, &source->embedders[i], bundle);
        if (!rc)
            bundle_leave(check, mark);
    }
    return rc;
}

static int take_encoder(struct bundle_check *check, const struct raw_encoder *raw, struct bundle *bundle)
{
    if (!raw)
        return 0;
    size_t mark = bundle_enter(check, "encoder", -1);
    bundle->encoder = calloc(1, sizeof *bundle->encoder);
    if (!bundle->encoder)
        return error_set(check->err, E_MEMORY, "no memory for a bundle");
    bundle->encoder->output = raw->output;
    int rc = bundle_take_file(check, raw->file, raw->sha256, &bundle->encoder->file);
    if (!rc)
        rc = bundle_take_image(check, "input", &raw->input, &bundle->generator.output,
                        &bundle->encoder->input);
    if (!rc)
        bundle_leave(check, mark);
    return rc;
}

/* ---- data files ---- */

static int take_data(struct bundle_check *check, const struct bundle_source *source, struct bundle *bundle)
{
    int rc = 0;
    bundle->data = calloc(source->data_count + 1, sizeof *bundle->data);
    if (!bundle->data)
        return error_set(check->err, E_MEMORY, "no memory for a bundle");
    for (uint32_t i = 0; !rc && i < source->data_count; i++) {
        size_t mark = bundle_enter(check, "data", (int)i);
        rc = bundle_take_file(check, source->data[i].file, source->data[i].sha256, &bundle->data[i]);
        bundle->data_count++;
        if (!rc)
            bundle_leave(check, mark);
    }
    return rc;
}

/* ---- the whole ---- */

static int take_head(struct bundle_check *check, const struct bundle_source *source,
                     struct bundle *bundle)
{
    bundle->format = source->format;
    bundle->name = source->name;
    bundle->description = source->description;
    bundle->licence = source->licence;
    bundle->tolerance = source->tolerance ? *source->tolerance : 0;
    bundle->weights = source->weights ? *source->weights : BUNDLE_FLOAT32;
    if (strcmp(bundle->format, BUNDLE_FORMAT) != 0)
        return bundle_wrong(check, E_VERSION, "format", "is \"%s\", expected %s", bundle->format,
                     BUNDLE_FORMAT);
    int rc = bundle_check_name(check, "name", bundle->name);
    if (!rc && source->tolerance &&
        !(bundle->tolerance >= TOLERANCE_LEAST && bundle->tolerance <= TOLERANCE_MOST))
        rc = bundle_wrong(check, E_INVALID, "tolerance", "is %g, expected %g to %g", bundle->tolerance,
                   TOLERANCE_LEAST, TOLERANCE_MOST);
    if (!rc && bundle->weights == BUNDLE_FLOAT16 && bundle->tolerance < BUNDLE_FLOAT16_TOLERANCE)
        rc = bundle_wrong(check, E_INVALID, "weights", "is float16, expected a tolerance of %g or more",
                          BUNDLE_FLOAT16_TOLERANCE);
    return rc;
}

/* A file that stands in two places has one content. */
static int check_files(const struct bundle *bundle, struct bundle_check *check)
{
    for (size_t i = 0; i < bundle_file_count(bundle); i++)
        for (size_t k = 0; k < i; k++) {
            const struct bundle_file *a = bundle_file(bundle, k), *b = bundle_file(bundle, i);
            if (strcmp(a->file, b->file) == 0)
                return bundle_wrong(check, E_INVALID, "",
                             "%s stands with two different sha256, %.8s… and %.8s…", a->file,
                             a->sha256, b->sha256);
        }
    return 0;
}

int bundle_complete(const char *yaml, size_t size, struct bundle *bundle, struct error *err)
{
    struct bundle_check check = {.yaml = yaml, .size = size, .err = err};
    struct bundle_source *source = bundle->source;
    int rc = take_head(&check, source, bundle);
    if (!rc)
        rc = take_generator(&check, source, &bundle->generator);
    if (!rc)
        rc = take_mapping(&check, source->mapping, bundle);
    if (!rc)
        rc = bundle_take_labellers(&check, source, bundle);
    if (!rc)
        rc = take_embedders(&check, source, bundle);
    if (!rc)
        rc = take_encoder(&check, source->encoder, bundle);
    if (!rc)
        rc = take_data(&check, source, bundle);
    return rc ? rc : check_files(bundle, &check);
}
