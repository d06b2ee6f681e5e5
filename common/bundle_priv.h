/* bundle.yaml as it stands in the file; NULL is an absent key. */
#ifndef COMMON_BUNDLE_PRIV_H
#define COMMON_BUNDLE_PRIV_H

#include "common/bundle.h"
#include "common/document.h"

struct raw_crop {
    double *rows, *columns;
    uint32_t rows_count, columns_count;
};

struct raw_image {
    char *tensor;
    enum bundle_channels channels;
    enum bundle_layout *layout;
    int64_t height, width;
    float *range, *mean, *deviation;
    uint32_t range_count, mean_count, deviation_count;
    struct raw_crop *crop;
};

struct raw_latent {
    char *space;
    int64_t dimension;
    int64_t *layers;
    enum latent_prior *prior;
    enum latent_normalisation *normalisation;
    double *radius;
    float *range;
    uint32_t range_count;
};

struct raw_noise {
    char **inputs;
    uint32_t inputs_count;
    enum bundle_noise *mode;
};

struct raw_generator {
    char *file, *sha256, *input;
    struct raw_noise *noise;
    struct raw_latent latent;
    struct raw_image output;
};

struct raw_truncation {
    double psi;
    int64_t *layers;
};

struct raw_mapping {
    char *file, *sha256, *input, *output;
    struct raw_latent latent;
    struct raw_truncation *truncation;
};

struct raw_classifier {
    char *file, *sha256;
    struct raw_image input;
    char *output;
    char **attributes;
    uint32_t attributes_count;
};

struct raw_bins {
    int64_t first, last, step;
};

struct raw_estimator {
    char *name;
    enum bundle_role role;
    char *file, *sha256;
    struct raw_image input;
    char *output;
    enum bundle_values *values;
    struct raw_bins *bins;
    double *scale, *offset;
};

struct raw_attribute {
    char *name;
    char **of;
    uint32_t of_count;
    int *negate; /* 0 or 1 */
    double *threshold;
    double *abstain;
    uint32_t abstain_count;
    char *judges;
};

struct raw_output {
    char *tensor;
    enum bundle_values *values;
    char **columns;
    uint32_t columns_count;
    struct raw_attribute *attributes;
    uint32_t attributes_count;
    char *name;
    enum bundle_role *role;
    struct raw_bins *bins;
    double *scale, *offset;
};

struct raw_labeller {
    char *name;
    char *file, *sha256;
    struct raw_image input;
    struct raw_output *outputs;
    uint32_t outputs_count;
};

struct raw_embedder {
    char *name;
    enum bundle_embedding kind;
    char *file, *sha256;
    struct raw_image input;
    char *output;
    int64_t dimension;
};

struct raw_encoder {
    char *file, *sha256;
    struct raw_image input;
    char *output;
};

struct raw_data {
    char *file, *sha256;
};

struct bundle_source {
    char *format, *name, *description, *licence;
    double *tolerance;
    enum bundle_weights *weights;
    struct raw_generator generator;
    struct raw_mapping *mapping;
    struct raw_classifier *classifier;
    struct raw_labeller *labellers;
    uint32_t labellers_count;
    struct raw_estimator *age_estimators;
    uint32_t age_estimators_count;
    struct raw_embedder *embedders;
    uint32_t embedders_count;
    struct raw_encoder *encoder;
    struct raw_data *data;
    uint32_t data_count;
};

extern const cyaml_schema_value_t bundle_schema;
extern const cyaml_strval_t bundle_noise_names[BUNDLE_NOISES];

/* Fills `bundle` (zeroed but for its source; freed by the caller also on failure) from its source, whose
 * text is `yaml`. */
MUST_CHECK int bundle_complete(const char *yaml, size_t size, struct bundle *bundle,
                               struct error *err);

/* ---- checks, as the files of the bundle share them ---- */

#define BUNDLE_NUMBER_MOST 1e6 /* magnitude of anything written as a number */

struct bundle_check {
    const char *yaml;
    size_t size;
    char place[512];
    size_t length;
    struct error *err;
};

/* Goes into `key` (item: of a list, or -1) of the present place; returns what bundle_leave takes. */
size_t bundle_enter(struct bundle_check *check, const char *key, int item);
void bundle_leave(struct bundle_check *check, size_t mark);

/* The error of `key` at the present place (an empty key: of the place itself), with line and column. */
__attribute__((format(printf, 4, 5))) MUST_CHECK int bundle_wrong(struct bundle_check *check, int code,
                                                                  const char *key,
                                                                  const char *format, ...);

/* Checks of keys that several parts have; each fills `into` from what stands in the file. */
MUST_CHECK int bundle_take_number(struct bundle_check *check, const char *key, int64_t value,
                                  int64_t most, uint32_t *into);
MUST_CHECK int bundle_check_name(struct bundle_check *check, const char *key, const char *name);
MUST_CHECK int bundle_take_file(struct bundle_check *check, const char *file, const char *sha256,
                                struct bundle_file *into);
/* `made`: the generator's picture, of which an input is a form; NULL for that picture itself. */
MUST_CHECK int bundle_take_image(struct bundle_check *check, const char *key,
                                 const struct raw_image *raw, const struct bundle_image *made,
                                 struct bundle_image *image);

/* Labellers, attributes, age estimators and scores of `bundle`. */
MUST_CHECK int bundle_take_labellers(struct bundle_check *check, struct bundle_source *source,
                                     struct bundle *bundle);

/* The name in bundle.yaml of a kind of values. */
const char *bundle_values_name(enum bundle_values values);

#endif
