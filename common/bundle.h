/*
 * A bundle: a folder with bundle.yaml and ONNX files, named by the hash of its content.
 *
 * bundle.yaml holds the SHA-256 of every file, so the bundle's hash is the SHA-256 of bundle.yaml.
 */
#ifndef COMMON_BUNDLE_H
#define COMMON_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/error.h"
#include "common/latent.h"

#define BUNDLE_FORMAT "facefarm-bundle/1"
#define BUNDLE_FILE "bundle.yaml"

enum bundle_channels {
    BUNDLE_RGB,
    BUNDLE_BGR,
    BUNDLE_GRAY,
};

struct bundle_image {
    char *tensor;
    enum bundle_channels channels;
    uint32_t height, width;
    float *range; /* two values: what black and white are in the tensor */
    uint32_t range_count;
};

enum bundle_prior {
    BUNDLE_NORMAL,
};

struct bundle_latent {
    char *space; /* "z" */
    uint32_t dimension;
    enum bundle_prior prior;
    enum latent_normalisation normalisation;
};

struct bundle_generator {
    char *file, *sha256;
    char *input;
    struct bundle_latent latent;
    struct bundle_image output;
};

struct bundle_classifier {
    char *file, *sha256;
    struct bundle_image input;
    char *output; /* logits [N, attributes] */
    char **attributes;
    uint32_t attributes_count;
};

enum bundle_role {
    BUNDLE_FIT,   /* boundaries are fitted on its ages */
    BUNDLE_JUDGE, /* edits are judged by its ages */
};

struct bundle_bins {
    uint32_t first, last, step; /* years */
};

struct bundle_estimator {
    char *name;
    enum bundle_role role;
    char *file, *sha256;
    struct bundle_image input;
    char *output; /* age in years [N, 1] */
    struct bundle_bins *bins; /* what the expectation runs over, or NULL: a regression */
};

struct bundle {
    char *format, *name, *description, *licence;
    double tolerance; /* what the engine may be off by, of an output's range; 0: as the engine likes */
    struct bundle_generator generator;
    struct bundle_classifier classifier;
    struct bundle_estimator *age_estimators;
    uint32_t age_estimators_count;
};

/* Parses and checks the YAML text of a bundle.yaml (unknown keys, types, limits, names, ranges). The
 * error says line and column where the YAML itself is wrong. The caller frees. */
MUST_CHECK int bundle_parse(const char *yaml, size_t size, struct bundle **bundle,
                            struct error *err);

/* Reads FOLDER/bundle.yaml, and checks that every file is there with its SHA-256. `hash` (may be
 * NULL) receives the bundle's hash. */
MUST_CHECK int bundle_load(const char *folder, struct bundle **bundle, char hash[DIGEST_HEX_BYTES],
                           struct error *err);
void bundle_free(struct bundle **bundle);

/* The scores of a face are one row of float32: attribute logits, then an age per estimator. */
size_t bundle_score_columns(const struct bundle *bundle);
/* Column of an attribute's logit, or -1. */
int bundle_attribute(const struct bundle *bundle, const char *name);
/* Column of the age by the estimator with that role (the first of any role if there is none), or -1
 * where the bundle has no estimator. */
int bundle_age_column(const struct bundle *bundle, enum bundle_role role);

#endif
