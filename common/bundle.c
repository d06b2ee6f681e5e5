/* bundle.yaml: schema, checks, hashes. A loaded bundle is read-only. */
#include "common/bundle.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/limits.h"
#include "common/document.h"

/* A tolerance below float32's own errors promises too much, one above is no result. */
#define TOLERANCE_LEAST 1e-6
#define TOLERANCE_MOST 1e-2

static const cyaml_strval_t channel_names[] = {
    {"rgb", BUNDLE_RGB}, {"bgr", BUNDLE_BGR}, {"gray", BUNDLE_GRAY}};
static const cyaml_strval_t prior_names[] = {{"normal", BUNDLE_NORMAL}};
static const cyaml_strval_t normalisation_names[] = {{"none", LATENT_AS_DRAWN},
                                                     {"sphere", LATENT_SPHERE}};
static const cyaml_strval_t role_names[] = {{"fit", BUNDLE_FIT}, {"judge", BUNDLE_JUDGE}};

#define TEXT_FIELD(key, type, field, most)                                                         \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, field, 1, most)
#define NAMED_FIELD(key, type, field, names)                                                       \
    CYAML_FIELD_ENUM(key, CYAML_FLAG_STRICT, type, field, names, CYAML_ARRAY_LEN(names))

static const cyaml_schema_value_t number = {CYAML_VALUE_FLOAT(CYAML_FLAG_DEFAULT, float)};

static const cyaml_schema_field_t image_fields[] = {
    TEXT_FIELD("tensor", struct bundle_image, tensor, LIMIT_NAME_BYTES),
    NAMED_FIELD("channels", struct bundle_image, channels, channel_names),
    CYAML_FIELD_INT("height", CYAML_FLAG_DEFAULT, struct bundle_image, height),
    CYAML_FIELD_INT("width", CYAML_FLAG_DEFAULT, struct bundle_image, width),
    CYAML_FIELD_SEQUENCE("range", CYAML_FLAG_POINTER, struct bundle_image, range, &number, 2, 2),
    CYAML_FIELD_END};

static const cyaml_schema_field_t latent_fields[] = {
    TEXT_FIELD("space", struct bundle_latent, space, LIMIT_NAME_BYTES),
    CYAML_FIELD_INT("dimension", CYAML_FLAG_DEFAULT, struct bundle_latent, dimension),
    NAMED_FIELD("prior", struct bundle_latent, prior, prior_names),
    NAMED_FIELD("normalisation", struct bundle_latent, normalisation, normalisation_names),
    CYAML_FIELD_END};

static const cyaml_schema_field_t generator_fields[] = {
    TEXT_FIELD("file", struct bundle_generator, file, LIMIT_PATH_BYTES),
    TEXT_FIELD("sha256", struct bundle_generator, sha256, 64),
    TEXT_FIELD("input", struct bundle_generator, input, LIMIT_NAME_BYTES),
    CYAML_FIELD_MAPPING("latent", CYAML_FLAG_DEFAULT, struct bundle_generator, latent,
                        latent_fields),
    CYAML_FIELD_MAPPING("output", CYAML_FLAG_DEFAULT, struct bundle_generator, output,
                        image_fields),
    CYAML_FIELD_END};

static const cyaml_schema_value_t attribute = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, LIMIT_NAME_BYTES)};

static const cyaml_schema_field_t classifier_fields[] = {
    TEXT_FIELD("file", struct bundle_classifier, file, LIMIT_PATH_BYTES),
    TEXT_FIELD("sha256", struct bundle_classifier, sha256, 64),
    CYAML_FIELD_MAPPING("input", CYAML_FLAG_DEFAULT, struct bundle_classifier, input, image_fields),
    TEXT_FIELD("output", struct bundle_classifier, output, LIMIT_NAME_BYTES),
    CYAML_FIELD_SEQUENCE("attributes", CYAML_FLAG_POINTER, struct bundle_classifier, attributes,
                         &attribute, 1, LIMIT_ATTRIBUTES),
    CYAML_FIELD_END};

static const cyaml_schema_field_t bins_fields[] = {
    CYAML_FIELD_INT("first", CYAML_FLAG_DEFAULT, struct bundle_bins, first),
    CYAML_FIELD_INT("last", CYAML_FLAG_DEFAULT, struct bundle_bins, last),
    CYAML_FIELD_INT("step", CYAML_FLAG_DEFAULT, struct bundle_bins, step), CYAML_FIELD_END};

static const cyaml_schema_field_t estimator_fields[] = {
    TEXT_FIELD("name", struct bundle_estimator, name, LIMIT_NAME_BYTES),
    NAMED_FIELD("role", struct bundle_estimator, role, role_names),
    TEXT_FIELD("file", struct bundle_estimator, file, LIMIT_PATH_BYTES),
    TEXT_FIELD("sha256", struct bundle_estimator, sha256, 64),
    CYAML_FIELD_MAPPING("input", CYAML_FLAG_DEFAULT, struct bundle_estimator, input, image_fields),
    TEXT_FIELD("output", struct bundle_estimator, output, LIMIT_NAME_BYTES),
    CYAML_FIELD_MAPPING_PTR("bins", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                            struct bundle_estimator, bins, bins_fields),
    CYAML_FIELD_END};

static const cyaml_schema_value_t estimator = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct bundle_estimator, estimator_fields)};

static const cyaml_schema_field_t bundle_fields[] = {
    TEXT_FIELD("format", struct bundle, format, LIMIT_NAME_BYTES),
    TEXT_FIELD("name", struct bundle, name, LIMIT_NAME_BYTES),
    TEXT_FIELD("description", struct bundle, description, LIMIT_TEXT_BYTES),
    TEXT_FIELD("licence", struct bundle, licence, LIMIT_TEXT_BYTES),
    CYAML_FIELD_FLOAT("tolerance", CYAML_FLAG_OPTIONAL, struct bundle, tolerance),
    CYAML_FIELD_MAPPING("generator", CYAML_FLAG_DEFAULT, struct bundle, generator,
                        generator_fields),
    CYAML_FIELD_MAPPING("classifier", CYAML_FLAG_DEFAULT, struct bundle, classifier,
                        classifier_fields),
    CYAML_FIELD_SEQUENCE("age_estimators", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct bundle,
                         age_estimators, &estimator, 0, LIMIT_ESTIMATORS),
    CYAML_FIELD_END};

static const cyaml_schema_value_t bundle_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct bundle, bundle_fields)};

static int check_number(const char *key, uint32_t value, uint32_t most, struct error *err)
{
    if (value < 1 || value > most)
        return error_set(err, E_LIMIT, "%s is %d, expected 1 to %u", key, (int)value, most);
    return 0;
}

static int check_name(const char *key, const char *name, struct error *err)
{
    if (!document_is_name(name))
        return error_set(err, E_INVALID,
                         "%s \"%s\": expected letters, digits, _ . - and no leading . or -", key,
                         name);
    return 0;
}

static int check_image(const char *where, const struct bundle_image *image, struct error *err)
{
    int rc = check_number("height", image->height, LIMIT_IMAGE_SIDE, err);
    if (!rc)
        rc = check_number("width", image->width, LIMIT_IMAGE_SIDE, err);
    const float *range = image->range;
    if (!rc && (!isfinite(range[0]) || !isfinite(range[1]) || !(range[0] < range[1])))
        rc = error_set(err, E_INVALID, "range is [%g, %g], expected two rising numbers", range[0],
                       range[1]);
    return rc ? error_prefix(err, rc, "%s", where) : 0;
}

/* A file of the bundle lies in its folder, nowhere else. */
static int check_file(const char *where, const char *file, const char *sha256, struct error *err)
{
    int rc = check_name("file", file, err);
    if (!rc && (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64))
        rc = error_set(err, E_INVALID, "sha256 is \"%s\", expected 64 hexadecimal digits", sha256);
    return rc ? error_prefix(err, rc, "%s", where) : 0;
}

static int check_generator(const struct bundle_generator *generator, struct error *err)
{
    int rc = check_file("generator", generator->file, generator->sha256, err);
    if (!rc)
        rc = check_number("generator: latent: dimension", generator->latent.dimension,
                          LIMIT_LATENT_DIMENSION, err);
    if (!rc)
        rc = check_image("generator: output", &generator->output, err);
    if (!rc && generator->output.channels != BUNDLE_RGB)
        rc = error_set(err, E_UNSUPPORTED, "generator: output: channels: expected rgb");
    return rc;
}

/* Attributes become columns: letters, digits and _ only, different even without case, and none that
 * is a name of ours. */
static int check_attribute(char **names, uint32_t which, struct error *err)
{
    static const char *const reserved[] = {"age",   "stage_id", "stage",   "idx",  "variant",
                                           "job",   "sample",   "age_fit", "face", "age_judge",
                                           "target", "distance", "projected"};
    const char *name = names[which];
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            return error_set(err, E_INVALID,
                             "classifier: attribute \"%s\": expected letters, digits and _", name);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcasecmp(name, reserved[i]) == 0)
            return error_set(err, E_INVALID, "classifier: attribute \"%s\" is a reserved name",
                             name);
    for (uint32_t i = 0; i < which; i++)
        if (strcasecmp(name, names[i]) == 0)
            return error_set(err, E_INVALID, "classifier: attribute \"%s\" stands twice", name);
    return 0;
}

static int check_classifier(const struct bundle_classifier *classifier, struct error *err)
{
    int rc = check_file("classifier", classifier->file, classifier->sha256, err);
    if (!rc)
        rc = check_image("classifier: input", &classifier->input, err);
    for (uint32_t i = 0; !rc && i < classifier->attributes_count; i++)
        rc = check_attribute(classifier->attributes, i, err);
    return rc;
}

static int check_estimator(const struct bundle_estimator *estimator_, struct error *err)
{
    int rc = check_name("name", estimator_->name, err);
    if (!rc)
        rc = check_file(estimator_->name, estimator_->file, estimator_->sha256, err);
    if (!rc)
        rc = check_image(estimator_->name, &estimator_->input, err);
    const struct bundle_bins *bins = estimator_->bins;
    if (!rc && bins && (bins->first > bins->last || bins->last > 1000 || bins->step < 1))
        rc = error_set(err, E_INVALID, "%s: bins %d to %d by %d, expected rising years",
                       estimator_->name, (int)bins->first, (int)bins->last, (int)bins->step);
    return rc ? error_prefix(err, rc, "age_estimators") : 0;
}

static int check(const struct bundle *bundle, struct error *err)
{
    int rc = 0;
    if (strcmp(bundle->format, BUNDLE_FORMAT) != 0)
        rc = error_set(err, E_VERSION, "format is \"%s\", expected %s", bundle->format,
                       BUNDLE_FORMAT);
    if (!rc)
        rc = check_name("name", bundle->name, err);
    if (!rc && bundle->tolerance != 0 &&
        !(bundle->tolerance >= TOLERANCE_LEAST && bundle->tolerance <= TOLERANCE_MOST))
        rc = error_set(err, E_INVALID, "tolerance is %g, expected %g to %g", bundle->tolerance,
                       TOLERANCE_LEAST, TOLERANCE_MOST);
    if (!rc)
        rc = check_generator(&bundle->generator, err);
    if (!rc)
        rc = check_classifier(&bundle->classifier, err);
    for (uint32_t i = 0; !rc && i < bundle->age_estimators_count; i++)
        rc = check_estimator(&bundle->age_estimators[i], err);
    return rc;
}

int bundle_parse(const char *yaml, size_t size, struct bundle **bundle, struct error *err)
{
    void *loaded = NULL;
    int rc = document_load(yaml, size, &bundle_schema, &loaded, err);
    if (rc)
        return rc;
    struct bundle *parsed = loaded;
    rc = check(parsed, err);
    if (rc) {
        bundle_free(&parsed);
        return rc;
    }
    *bundle = parsed;
    return 0;
}

static int check_content(const char *folder, const char *file, const char *sha256,
                         struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    char found[DIGEST_HEX_BYTES];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, file) >= sizeof path)
        return error_set(err, E_LIMIT, "%s: path longer than %zu bytes", folder, sizeof path);
    int rc = digest_file(path, found, err);
    if (!rc && strcmp(found, sha256) != 0)
        rc = error_set(err, E_DIGEST, "%s: SHA-256 is %s, %s says %s", path, found, BUNDLE_FILE,
                       sha256);
    return rc;
}

static int check_contents(const char *folder, const struct bundle *bundle, struct error *err)
{
    int rc = check_content(folder, bundle->generator.file, bundle->generator.sha256, err);
    if (!rc)
        rc = check_content(folder, bundle->classifier.file, bundle->classifier.sha256, err);
    for (uint32_t i = 0; !rc && i < bundle->age_estimators_count; i++)
        rc = check_content(folder, bundle->age_estimators[i].file,
                           bundle->age_estimators[i].sha256, err);
    return rc;
}

int bundle_load(const char *folder, struct bundle **bundle, char hash[DIGEST_HEX_BYTES],
                struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    struct buffer yaml;
    struct bundle *parsed = NULL;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, BUNDLE_FILE) >= sizeof path)
        return error_set(err, E_LIMIT, "%s: path longer than %zu bytes", folder, sizeof path);
    buffer_init(&yaml, LIMIT_BUNDLE_YAML_BYTES);
    int rc = buffer_read_file(&yaml, path, LIMIT_BUNDLE_YAML_BYTES, err);
    if (!rc) {
        rc = bundle_parse((const char *)yaml.data, yaml.size, &parsed, err);
        if (rc)
            error_prefix(err, rc, "%s", path);
    }
    if (!rc)
        rc = check_contents(folder, parsed, err);
    if (!rc && hash)
        digest_bytes(yaml.data, yaml.size, hash);
    buffer_free(&yaml);
    if (rc)
        bundle_free(&parsed);
    else
        *bundle = parsed;
    return rc;
}

void bundle_free(struct bundle **bundle)
{
    document_free(&bundle_schema, *bundle);
    *bundle = NULL;
}

size_t bundle_score_columns(const struct bundle *bundle)
{
    return (size_t)bundle->classifier.attributes_count + bundle->age_estimators_count;
}

int bundle_attribute(const struct bundle *bundle, const char *name)
{
    for (uint32_t i = 0; i < bundle->classifier.attributes_count; i++)
        if (strcmp(bundle->classifier.attributes[i], name) == 0)
            return (int)i;
    return -1;
}

int bundle_age_column(const struct bundle *bundle, enum bundle_role role)
{
    if (bundle->age_estimators_count == 0)
        return -1;
    uint32_t which = 0;
    for (uint32_t i = bundle->age_estimators_count; i-- > 0;)
        if (bundle->age_estimators[i].role == role)
            which = i;
    return (int)(bundle->classifier.attributes_count + which);
}
