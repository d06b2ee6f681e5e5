/*
 * A bundle: a folder with bundle.yaml and ONNX files, named by the hash of its content.
 *
 * bundle.yaml holds the SHA-256 of every file, so the bundle's hash is the SHA-256 of bundle.yaml.
 * models/README.md says what each key means. Short forms (`classifier`, `age_estimators`) become
 * labellers here, so that readers of this structure know one form only.
 */
#ifndef COMMON_BUNDLE_H
#define COMMON_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/error.h"
#include "common/latent.h"

#define BUNDLE_FORMAT "facefarm-bundle/1"
#define BUNDLE_FILE "bundle.yaml"

/* An ONNX file of the bundle. */
struct bundle_file {
    const char *file, *sha256;
};

enum bundle_channels {
    BUNDLE_RGB,
    BUNDLE_BGR,
    BUNDLE_GRAY,
};

enum bundle_layout {
    BUNDLE_NCHW,
    BUNDLE_NHWC,
};

/* A part of a picture: four whole numbers of pixels, or shares of its height and width (0 to 1). */
struct bundle_crop {
    bool given, shares;
    double top, bottom, left, right;
};

/* The form of a picture in a tensor. A labeller gets the generator's picture cropped, resized (bilinear,
 * half-pixel centres, no antialiasing: PyTorch's align_corners=False), in its channels, with black and
 * white at range[0] and range[1], and then (x − mean)/deviation a channel of the tensor. */
struct bundle_image {
    const char *tensor;
    enum bundle_channels channels;
    enum bundle_layout layout;
    uint32_t height, width;
    float range[2];
    float mean[3], deviation[3]; /* 0 and 1 where none are given */
    struct bundle_crop crop;     /* inputs only */
};

enum bundle_space {
    BUNDLE_Z,
    BUNDLE_W,      /* one vector a face, from the mapping network */
    BUNDLE_W_PLUS, /* one vector a layer of the generator */
};

/* What the generator takes: the latents that boundaries are fitted on and edits move. */
struct bundle_latent {
    enum bundle_space space;
    uint32_t dimension; /* of one vector */
    uint32_t layers;    /* vectors that the generator takes a face; in w all the same, in w+ each its own */
    struct latent_law law; /* space z: how z is drawn */
};

/* What a generator's noise is. */
enum bundle_noise {
    BUNDLE_NOISE_CONSTANT, /* the network's own, the same for every face */
    BUNDLE_NOISE_NONE,     /* zeros */
    BUNDLE_NOISE_SEEDED,   /* each face's own: latent_noise() of the job's seed and the sample */
};
#define BUNDLE_NOISES 3

struct bundle_generator {
    struct bundle_file file;
    const char *input;
    bool noisy; /* there is noise in the network, in these tensors and in what random nodes draw */
    const char *const *noise;
    uint32_t noise_count;
    enum bundle_noise noise_mode; /* where a stage says nothing */
    struct bundle_latent latent;
    struct bundle_image output;
};

/* z to w; there where the generator's space is w or w+. */
struct bundle_mapping {
    struct bundle_file file;
    const char *input, *output;
    uint32_t dimension;    /* of z */
    struct latent_law law; /* of z */
    /* w' = ŵ + psi (w − ŵ) in the first `truncated` vectors that the generator takes, ŵ the mean of w. 1: none. */
    double psi;
    uint32_t truncated;
};

/* What a tensor of scores holds, and the score s that is made of it; "of" are an attribute's columns. */
enum bundle_values {
    BUNDLE_LOGITS,         /* s = x */
    BUNDLE_PROBABILITIES,  /* s = ln(p / (1 − p)) */
    BUNDLE_SOFTMAX,        /* s = ln(Σ p of / Σ p of the other columns) */
    BUNDLE_SOFTMAX_LOGITS, /* the same of the softmax of the columns */
    BUNDLE_PAIRS,          /* two logits a column, no and yes: s = yes − no */
    BUNDLE_YEARS,          /* age = scale · x + offset */
    BUNDLE_YEAR_PROBABILITIES, /* age = Σ p year / Σ p over the bins */
    BUNDLE_YEAR_LOGITS,        /* the same of the softmax of the bins */
};

struct bundle_output {
    const char *tensor;
    enum bundle_values values;
    const char *const *columns; /* names; NULL for ages */
    uint32_t columns_count;
    uint32_t width; /* floats a face */
    double scale, offset; /* BUNDLE_YEARS */
};

struct bundle_labeller {
    const char *name;
    struct bundle_file file;
    struct bundle_image input;
    struct bundle_output *outputs;
    uint32_t outputs_count;
};

enum bundle_role {
    BUNDLE_FIT,   /* boundaries are fitted on its ages */
    BUNDLE_JUDGE, /* edits are judged by its ages */
};

struct bundle_bins {
    uint32_t first, last, step; /* years */
};

struct bundle_estimator {
    const char *name;
    enum bundle_role role;
    const struct bundle_bins *bins; /* what the expectation runs over, or NULL: a regression */
};

/* Where a column of scores comes from. */
struct bundle_score {
    uint32_t labeller, output; /* bundle->labellers[labeller].outputs[output] */
    uint32_t *of;              /* attributes: columns of that output whose mass is its own */
    uint32_t of_count;
    bool negate;                   /* the attribute is there where those columns are not */
    double threshold;              /* in log-odds, already subtracted from the score */
    double abstain_low, abstain_high; /* scores between them say nothing; both 0: all say something */
    int judges; /* the attribute that this one is another opinion on, or -1 */
};

enum bundle_embedding {
    BUNDLE_IDENTITY, /* the cosine of two faces says whether they are one person */
    BUNDLE_FEATURES, /* what a distance between distributions (FID, KID) is measured in */
};

struct bundle_embedder {
    const char *name;
    enum bundle_embedding kind;
    struct bundle_file file;
    struct bundle_image input;
    const char *output;
    uint32_t dimension;
};

/* Pictures to the generator's latents. */
struct bundle_encoder {
    struct bundle_file file;
    struct bundle_image input;
    const char *output;
};

/* What the networks' weights are rounded to. */
enum bundle_weights {
    BUNDLE_FLOAT32,
    BUNDLE_FLOAT16, /* only where the tolerance is BUNDLE_FLOAT16_TOLERANCE or more */
};
#define BUNDLE_FLOAT16_TOLERANCE 5e-3

struct bundle_source; /* the document that the strings belong to */

struct bundle {
    const char *format, *name, *description, *licence;
    double tolerance; /* what the engine may be off by, of an output's range; 0: as the engine likes */
    enum bundle_weights weights;
    struct bundle_generator generator;
    struct bundle_mapping *mapping; /* or NULL */
    struct bundle_labeller *labellers;
    uint32_t labellers_count;
    const char **attributes; /* of all labellers, in the order of bundle.yaml */
    uint32_t attributes_count;
    struct bundle_estimator *age_estimators;
    uint32_t age_estimators_count;
    struct bundle_score *scores; /* attributes, then an age an estimator */
    struct bundle_embedder *embedders;
    uint32_t embedders_count;
    struct bundle_encoder *encoder; /* or NULL */
    struct bundle_file *data;       /* files that networks keep weights in */
    uint32_t data_count;
    struct bundle_source *source;
};

/* Parses and checks the YAML text of a bundle.yaml (unknown keys, types, limits, names, ranges, what goes
 * with what). The error says line and column. The caller frees. */
MUST_CHECK int bundle_parse(const char *yaml, size_t size, struct bundle **bundle,
                            struct error *err);

/* Reads FOLDER/bundle.yaml, and checks that every file is there with its SHA-256. `hash` (may be
 * NULL) receives the bundle's hash. */
MUST_CHECK int bundle_load(const char *folder, struct bundle **bundle, char hash[DIGEST_HEX_BYTES],
                           struct error *err);
void bundle_free(struct bundle **bundle);

/* The bundle's files (ONNX, and what they keep weights in), each once, in the order of bundle.yaml; NULL from
 * bundle_file_count() on. */
const struct bundle_file *bundle_file(const struct bundle *bundle, size_t i);
size_t bundle_file_count(const struct bundle *bundle);

/* Numbers of a face's latent in the generator's space: dimension; in w+ layers · dimension. */
size_t bundle_latent_size(const struct bundle *bundle);
/* Numbers of what is drawn for a face (z), and its law: the mapping's where there is one. */
size_t bundle_drawn_size(const struct bundle *bundle);
const struct latent_law *bundle_law(const struct bundle *bundle);
const char *bundle_space_name(enum bundle_space space);
const char *bundle_noise_name(enum bundle_noise noise); /* "constant", … */

/* The scores of a face are one row of float32: attribute scores, then an age per estimator. An
 * attribute is there where its score is above 0: the score is its logit (log-odds) less its threshold. */
size_t bundle_score_columns(const struct bundle *bundle);
/* Column of an attribute's score, or -1. */
int bundle_attribute(const struct bundle *bundle, const char *name);
/* Column of the age by the estimator with that role (the first of any role if there is none), or -1
 * where the bundle has no estimator. */
int bundle_age_column(const struct bundle *bundle, enum bundle_role role);
/* Column of the age by the estimator of that name (NULL: the one of role fit), or -1. */
int bundle_years_column(const struct bundle *bundle, const char *name);
/* Whether a score of attribute column `column` lies in its abstain band: neither yes nor no. */
bool bundle_abstains(const struct bundle *bundle, size_t column, float score);
/* The first embedder of that kind, or -1. */
int bundle_embedder(const struct bundle *bundle, enum bundle_embedding kind);

/* The pixels [0] to [1] (not included) of `size` that a crop takes along one side. */
void bundle_crop_rows(const struct bundle_crop *crop, uint32_t size, uint32_t range[2]);
void bundle_crop_columns(const struct bundle_crop *crop, uint32_t size, uint32_t range[2]);

/*
 * Scores of `rows` faces from what labeller `labeller`'s output `output` gave: raw[rows][width] into
 * the columns of scores[rows][bundle_score_columns] that are made of it, the formula that of enum
 * bundle_values less the threshold. Probabilities and their sums count as at least 2^-24, so |s| ≤ 16.64
 * from probabilities. Only IEEE operations in a written order: the same bits everywhere.
 */
void bundle_score_rows(const struct bundle *bundle, uint32_t labeller, uint32_t output,
                       const float *raw, size_t rows, float *scores);

#endif
