/* What keys bundle.yaml has, and of which type: libcyaml's schema. */
#include "common/bundle_priv.h"
#include "common/limits.h"

static const cyaml_strval_t channel_names[] = {
    {"rgb", BUNDLE_RGB}, {"bgr", BUNDLE_BGR}, {"gray", BUNDLE_GRAY}};
static const cyaml_strval_t layout_names[] = {{"nchw", BUNDLE_NCHW}, {"nhwc", BUNDLE_NHWC}};
static const cyaml_strval_t prior_names[] = {{"normal", LATENT_NORMAL},
                                             {"uniform", LATENT_UNIFORM},
                                             {"hypersphere", LATENT_HYPERSPHERE}};
static const cyaml_strval_t normalisation_names[] = {{"none", LATENT_AS_DRAWN},
                                                     {"sphere", LATENT_SPHERE}};
const cyaml_strval_t bundle_noise_names[BUNDLE_NOISES] = {{"constant", BUNDLE_NOISE_CONSTANT},
                                                          {"none", BUNDLE_NOISE_NONE},
                                                          {"seeded", BUNDLE_NOISE_SEEDED}};
static const cyaml_strval_t weights_names[] = {{"float32", BUNDLE_FLOAT32}, {"float16", BUNDLE_FLOAT16}};
/* libcyaml takes every word but a few for true. */
static const cyaml_strval_t truths[] = {{"false", 0}, {"true", 1}, {"no", 0}, {"yes", 1}};
static const cyaml_strval_t role_names[] = {{"fit", BUNDLE_FIT}, {"judge", BUNDLE_JUDGE}};
static const cyaml_strval_t embedding_names[] = {{"identity", BUNDLE_IDENTITY},
                                                 {"features", BUNDLE_FEATURES}};
static const cyaml_strval_t values_names[] = {
    {"logits", BUNDLE_LOGITS},
    {"probabilities", BUNDLE_PROBABILITIES},
    {"softmax", BUNDLE_SOFTMAX},
    {"softmax_logits", BUNDLE_SOFTMAX_LOGITS},
    {"pairs", BUNDLE_PAIRS},
    {"years", BUNDLE_YEARS},
    {"year_probabilities", BUNDLE_YEAR_PROBABILITIES},
    {"year_logits", BUNDLE_YEAR_LOGITS},
};

const char *bundle_noise_name(enum bundle_noise noise)
{
    return bundle_noise_names[noise].str;
}

const char *bundle_values_name(enum bundle_values values)
{
    return values_names[values].str;
}

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT_FIELD(key, type, flags, most)                                                         \
    CYAML_FIELD_STRING_PTR(#key, flags, struct type, key, 1, most)
#define NAME_FIELD(key, type) TEXT_FIELD(key, type, CYAML_FLAG_POINTER, LIMIT_NAME_BYTES)
#define TENSOR_FIELD(key, type) TEXT_FIELD(key, type, CYAML_FLAG_POINTER, LIMIT_TENSOR_BYTES)
#define ENUM_FIELD(key, type, names)                                                               \
    CYAML_FIELD_ENUM(#key, CYAML_FLAG_STRICT, struct type, key, names, CYAML_ARRAY_LEN(names))
#define MAY_ENUM_FIELD(key, type, names)                                                           \
    CYAML_FIELD_ENUM_PTR(#key, OPTIONAL | CYAML_FLAG_STRICT, struct type, key, names,              \
                         CYAML_ARRAY_LEN(names))
#define INT_FIELD(key, type) CYAML_FIELD_INT(#key, CYAML_FLAG_DEFAULT, struct type, key)
#define MAY_INT_FIELD(key, type) CYAML_FIELD_INT_PTR(#key, OPTIONAL, struct type, key)
#define MAY_REAL_FIELD(key, type) CYAML_FIELD_FLOAT_PTR(#key, OPTIONAL, struct type, key)
#define LIST_FIELD(key, type, flags, of, least, most)                                              \
    CYAML_FIELD_SEQUENCE(#key, flags, struct type, key, &(of), least, most)
#define MAP_FIELD(key, type, fields)                                                               \
    CYAML_FIELD_MAPPING(#key, CYAML_FLAG_DEFAULT, struct type, key, fields)
#define MAY_MAP_FIELD(key, type, fields)                                                           \
    CYAML_FIELD_MAPPING_PTR(#key, OPTIONAL, struct type, key, fields)
#define FILE_FIELDS(type)                                                                          \
    TEXT_FIELD(file, type, CYAML_FLAG_POINTER, LIMIT_PATH_BYTES),                                  \
        TEXT_FIELD(sha256, type, CYAML_FLAG_POINTER, 64)

static const cyaml_schema_value_t number = {CYAML_VALUE_FLOAT(CYAML_FLAG_DEFAULT, float)};
static const cyaml_schema_value_t wide_number = {CYAML_VALUE_FLOAT(CYAML_FLAG_DEFAULT, double)};
static const cyaml_schema_value_t name = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, LIMIT_NAME_BYTES)};

static const cyaml_schema_field_t crop_fields[] = {
    LIST_FIELD(rows, raw_crop, CYAML_FLAG_POINTER, wide_number, 2, 2),
    LIST_FIELD(columns, raw_crop, CYAML_FLAG_POINTER, wide_number, 2, 2), CYAML_FIELD_END};

static const cyaml_schema_field_t image_fields[] = {
    TENSOR_FIELD(tensor, raw_image),
    ENUM_FIELD(channels, raw_image, channel_names),
    MAY_ENUM_FIELD(layout, raw_image, layout_names),
    INT_FIELD(height, raw_image),
    INT_FIELD(width, raw_image),
    LIST_FIELD(range, raw_image, CYAML_FLAG_POINTER, number, 2, 2),
    LIST_FIELD(mean, raw_image, OPTIONAL, number, 1, 3),
    LIST_FIELD(deviation, raw_image, OPTIONAL, number, 1, 3),
    MAY_MAP_FIELD(crop, raw_image, crop_fields),
    CYAML_FIELD_END};

static const cyaml_schema_field_t latent_fields[] = {
    NAME_FIELD(space, raw_latent),
    INT_FIELD(dimension, raw_latent),
    MAY_INT_FIELD(layers, raw_latent),
    MAY_ENUM_FIELD(prior, raw_latent, prior_names),
    MAY_ENUM_FIELD(normalisation, raw_latent, normalisation_names),
    MAY_REAL_FIELD(radius, raw_latent),
    LIST_FIELD(range, raw_latent, OPTIONAL, number, 2, 2),
    CYAML_FIELD_END};

static const cyaml_schema_value_t tensor = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, LIMIT_TENSOR_BYTES)};

static const cyaml_schema_field_t noise_fields[] = {
    LIST_FIELD(inputs, raw_noise, OPTIONAL, tensor, 1, LIMIT_NOISES),
    CYAML_FIELD_ENUM_PTR("default", OPTIONAL | CYAML_FLAG_STRICT, struct raw_noise, mode,
                         bundle_noise_names, BUNDLE_NOISES),
    CYAML_FIELD_END};

static const cyaml_schema_field_t generator_fields[] = {
    FILE_FIELDS(raw_generator),
    TENSOR_FIELD(input, raw_generator),
    MAY_MAP_FIELD(noise, raw_generator, noise_fields),
    MAP_FIELD(latent, raw_generator, latent_fields),
    MAP_FIELD(output, raw_generator, image_fields),
    CYAML_FIELD_END};

static const cyaml_schema_field_t truncation_fields[] = {
    CYAML_FIELD_FLOAT("psi", CYAML_FLAG_DEFAULT, struct raw_truncation, psi),
    MAY_INT_FIELD(layers, raw_truncation), CYAML_FIELD_END};

static const cyaml_schema_field_t mapping_fields[] = {
    FILE_FIELDS(raw_mapping), TENSOR_FIELD(input, raw_mapping), TENSOR_FIELD(output, raw_mapping),
    MAP_FIELD(latent, raw_mapping, latent_fields),
    MAY_MAP_FIELD(truncation, raw_mapping, truncation_fields), CYAML_FIELD_END};

static const cyaml_schema_field_t classifier_fields[] = {
    FILE_FIELDS(raw_classifier), MAP_FIELD(input, raw_classifier, image_fields),
    TENSOR_FIELD(output, raw_classifier),
    LIST_FIELD(attributes, raw_classifier, CYAML_FLAG_POINTER, name, 1, LIMIT_ATTRIBUTES),
    CYAML_FIELD_END};

static const cyaml_schema_field_t bins_fields[] = {INT_FIELD(first, raw_bins),
                                                   INT_FIELD(last, raw_bins),
                                                   INT_FIELD(step, raw_bins), CYAML_FIELD_END};

static const cyaml_schema_field_t estimator_fields[] = {
    NAME_FIELD(name, raw_estimator),
    ENUM_FIELD(role, raw_estimator, role_names),
    FILE_FIELDS(raw_estimator),
    MAP_FIELD(input, raw_estimator, image_fields),
    TENSOR_FIELD(output, raw_estimator),
    MAY_ENUM_FIELD(values, raw_estimator, values_names),
    MAY_MAP_FIELD(bins, raw_estimator, bins_fields),
    MAY_REAL_FIELD(scale, raw_estimator),
    MAY_REAL_FIELD(offset, raw_estimator),
    CYAML_FIELD_END};

static const cyaml_schema_value_t estimator = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_estimator, estimator_fields)};

static const cyaml_schema_field_t attribute_fields[] = {
    NAME_FIELD(name, raw_attribute),
    LIST_FIELD(of, raw_attribute, OPTIONAL, name, 1, LIMIT_ATTRIBUTES),
    MAY_ENUM_FIELD(negate, raw_attribute, truths),
    MAY_REAL_FIELD(threshold, raw_attribute),
    LIST_FIELD(abstain, raw_attribute, OPTIONAL, wide_number, 2, 2),
    TEXT_FIELD(judges, raw_attribute, OPTIONAL, LIMIT_NAME_BYTES),
    CYAML_FIELD_END};

static const cyaml_schema_value_t attribute = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_attribute, attribute_fields)};

static const cyaml_schema_field_t output_fields[] = {
    TENSOR_FIELD(tensor, raw_output),
    MAY_ENUM_FIELD(values, raw_output, values_names),
    LIST_FIELD(columns, raw_output, OPTIONAL, name, 1, LIMIT_ATTRIBUTES),
    LIST_FIELD(attributes, raw_output, OPTIONAL, attribute, 1, LIMIT_ATTRIBUTES),
    TEXT_FIELD(name, raw_output, OPTIONAL, LIMIT_NAME_BYTES),
    MAY_ENUM_FIELD(role, raw_output, role_names),
    MAY_MAP_FIELD(bins, raw_output, bins_fields),
    MAY_REAL_FIELD(scale, raw_output),
    MAY_REAL_FIELD(offset, raw_output),
    CYAML_FIELD_END};

static const cyaml_schema_value_t output = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_output, output_fields)};

static const cyaml_schema_field_t labeller_fields[] = {
    NAME_FIELD(name, raw_labeller), FILE_FIELDS(raw_labeller),
    MAP_FIELD(input, raw_labeller, image_fields),
    LIST_FIELD(outputs, raw_labeller, CYAML_FLAG_POINTER, output, 1, LIMIT_OUTPUTS),
    CYAML_FIELD_END};

static const cyaml_schema_value_t labeller = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_labeller, labeller_fields)};

static const cyaml_schema_field_t embedder_fields[] = {
    NAME_FIELD(name, raw_embedder), ENUM_FIELD(kind, raw_embedder, embedding_names),
    FILE_FIELDS(raw_embedder), MAP_FIELD(input, raw_embedder, image_fields),
    TENSOR_FIELD(output, raw_embedder), INT_FIELD(dimension, raw_embedder), CYAML_FIELD_END};

static const cyaml_schema_value_t embedder = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_embedder, embedder_fields)};

static const cyaml_schema_field_t encoder_fields[] = {
    FILE_FIELDS(raw_encoder), MAP_FIELD(input, raw_encoder, image_fields),
    TENSOR_FIELD(output, raw_encoder), CYAML_FIELD_END};

static const cyaml_schema_field_t data_fields[] = {FILE_FIELDS(raw_data), CYAML_FIELD_END};

static const cyaml_schema_value_t data = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_data, data_fields)};

static const cyaml_schema_field_t bundle_fields[] = {
    NAME_FIELD(format, bundle_source),
    NAME_FIELD(name, bundle_source),
    TEXT_FIELD(description, bundle_source, CYAML_FLAG_POINTER, LIMIT_TEXT_BYTES),
    TEXT_FIELD(licence, bundle_source, CYAML_FLAG_POINTER, LIMIT_TEXT_BYTES),
    MAY_REAL_FIELD(tolerance, bundle_source),
    MAY_ENUM_FIELD(weights, bundle_source, weights_names),
    MAP_FIELD(generator, bundle_source, generator_fields),
    MAY_MAP_FIELD(mapping, bundle_source, mapping_fields),
    MAY_MAP_FIELD(classifier, bundle_source, classifier_fields),
    LIST_FIELD(labellers, bundle_source, OPTIONAL, labeller, 1, LIMIT_LABELLERS),
    LIST_FIELD(age_estimators, bundle_source, OPTIONAL, estimator, 0, LIMIT_ESTIMATORS),
    LIST_FIELD(embedders, bundle_source, OPTIONAL, embedder, 1, LIMIT_EMBEDDERS),
    MAY_MAP_FIELD(encoder, bundle_source, encoder_fields),
    LIST_FIELD(data, bundle_source, OPTIONAL, data, 1, LIMIT_DATA_FILES),
    CYAML_FIELD_END};

const cyaml_schema_value_t bundle_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct bundle_source, bundle_fields)};
