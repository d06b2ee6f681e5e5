/*
 * A job's specification: what a user submits as YAML, what the broker plans and a worker runs.
 *
 *     format: facefarm-job/1
 *     name: study
 *     bundle: default            # a registered bundle's name or hash
 *     seed: 1
 *     stages:
 *       - {kind: sample,   name: faces,      count: 2000, output: png}
 *       - {kind: label,    name: labels,     count: 20000}
 *       - {kind: fit,      name: boundaries, from: labels, train_share: 0.8, cost: 1, weights:
 * balanced}
 *       - {kind: edit,     name: sheets,     from: boundaries, faces: 3, targets: [Smiling,
 * -Young], distances: {from: -3, to: 3, steps: 7}, conditions: [Male], discount: 1}
 *       - {kind: evaluate, name: ageing,     from: boundaries, start: 1000000, count: 10000,
 *          targets: [age], distance: 3, distances: {from: -3, to: 3, steps: 7}, conditions: [Male],
 * discount: 1}
 *
 *       - {kind: encode,   name: photos,     images: 1f0c…, count: 500}
 *       - {kind: edit,     name: edited,     from: boundaries, photos: photos, faces: 8, targets:
 * [Smiling]}
 *
 * An encode stage makes latents of photos by the bundle's encoder, and measures how well the
 * generator gives them back; edit and evaluate stages with `photos` work on those instead of
 * samples.
 *
 * seeds: 0-9999,12000 instead of start and count (of an edit stage: faces) says which samples, one
 * by one or in ranges; sample 12000 is the same face in every list: see common/seeds.h.
 *
 * mix: [{faces: 50, of: [Male]}, {faces: 50, of: [-Male, Smiling]}] of a label stage looks among
 * its faces, in their order, for so many of each cell (or, with faces: 100 of the stage, for a
 * share: 0.5 of them each): a face goes to the first cell that it fits and that has room. Where
 * that is not reached the stage fails and says how far it got. samples: STAGE takes the faces
 * found, in the same order, made as there (mixing; noise and truncation unless the stage says
 * others).
 *
 * truth: 9b2e… beside the images: 1f0c… of a label stage judges the labellers by what is known of
 * the photos (common/truth_store.h). latents: 1f0c… takes rows of imported latents
 * (common/latent_list.h) where else samples are drawn.
 *
 * A condition may be written out, {name: Male, discount: 0.8}; {name: Bald, free: true} takes one
 * out of "all". projection: exact (each condition keeps 1 − discount of its drift), soft (strength
 * instead of discount), correlation (discount 1 − |cosine to the target|), naive (for comparison
 * with published code only): see common/projection.h. needs: {device: gpu, memory: 8G, labels:
 * {zone: a}} of any stage says which workers may have its tasks: see common/needs.h.
 *
 * reach says what a distance is: relative (z + distance · u), absolute (the signed distance
 * to the hyperplane), score (of the target's boundary), logit (of the classifier), years or
 * more_years (of an `estimator`); all but the first differ from face to face, and go no further
 * than `limit`: see common/move.h and, for what networks judge within `tolerance` by at most so
 * many `evaluations`, common/search.h.
 *
 * targets: {Young: -2, Smiling: 1.5} is one edit to several scores at once, as text
 * "Young=-2,Smiling=1.5" (reach: joint; distances are shares of the way): see common/meet.h.
 *
 * stop: {off_target: 0.5, identity: 0.6} looks at every face at `walk` steps on its way, of which
 * each is `decay` times as long as the one before, and stops where the other attributes' logits
 * have moved by more than 0.5 standard deviations in the mean, or the cosine of the identity
 * network's embeddings is below 0.6. reproject: true lets the scores of target and conditions go
 * exactly as without the sphere, on the sphere. In stages that make faces, noise: constant, none or
 * seeded says what the generator's noise is (bundle.h), truncation: {psi: 0.5, layers: 4} how far
 * its w is drawn to the mean: common/stage_generator.h. They mix styles by mixing: {layers: 4-7,
 * offset: 1000, probability: 0.5}: these layers of sample i are those of sample i + 1000 (layers:
 * random: from a cut-off on), also before an edit in w+; in a sample stage {layers: 0-3, with:
 * 100-104} makes a sheet of all pairs.
 *
 * per_layer: true of a fit stage in w+ fits a boundary on each layer's own numbers
 * (worker/tasks/fit_layers.h). layers: 0-7 moves these layers of w+ only. An edit stage of two
 * targets with rows: {from, to, steps} makes a grid a face: columns are the distances of the first
 * target, rows those of the second; where a network judges, rows are logits of the second target,
 * whatever the columns are.
 */
#ifndef COMMON_SPEC_H
#define COMMON_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/bundle.h"
#include "common/error.h"
#include "common/mixing.h"
#include "common/move.h"
#include "common/needs.h"
#include "common/projection.h"
#include "common/seeds.h"

#define SPEC_LOGIT_TOLERANCE 0.05 /* of a logit that is reached, unless a stage says another */
#define SPEC_FORMAT "facefarm-job/1"
#define SPEC_AGE "age" /* the boundary fitted on ages, beside the attributes */
#define SPEC_ALL "all" /* as the only target: every boundary; as a condition: every other */

enum spec_kind {
    SPEC_SAMPLE,
    SPEC_LABEL,
    SPEC_FIT,
    SPEC_EDIT,
    SPEC_EVALUATE,
    SPEC_PROBE, /* does nothing: what it takes is the farm's own part */
    SPEC_ENCODE,
};
#define SPEC_KINDS 7

enum spec_output {
    SPEC_PNG, /* a folder of PNG files */
    SPEC_TAR, /* one tar of PNG files, in WebDataset's naming */
};

enum spec_method { /* how a fit finds its boundaries; see worker/fit.h */
    SPEC_SVM,
    SPEC_LEAST_SQUARES,   /* on the scores themselves */
    SPEC_RIDGE,           /* least squares on the labels */
    SPEC_MEAN_DIFFERENCE, /* of the classes */
};
#define SPEC_METHODS 4
#define SPEC_IMPORTED ((enum spec_method)SPEC_METHODS) /* from files; no method of a spec's */
#define SPEC_COSTS_MOST 16
#define SPEC_FOLDS_MOST 20
#define SPEC_CURVE_MOST 12

enum spec_set { /* which samples a fit takes, attribute by attribute */
    SPEC_SET_ALL,
    SPEC_SET_BALANCED, /* as many of the frequent class as there are of the rare one */
    SPEC_SET_EXTREMES, /* the highest and the lowest scores, as InterFaceGAN does */
    SPEC_SET_STUDY,    /* at most ten times as many as there are positives */
};

enum spec_weights {
    SPEC_BALANCED, /* each class weighs half */
    SPEC_UNWEIGHTED,
};

/* What a condition says of itself beside its name. */
struct spec_weight {
    bool given;   /* else the stage's discount or strength */
    bool is_free; /* not held after all: taken out of "all" */
    double value; /* λ, of the soft projection μ */
};

struct spec_sweep {
    double from, to;
    uint32_t steps;
};

/* When a face's edit ends before its distance. */
struct spec_stop {
    double off_target; /* mean |change| of the other logits in standard deviations; 0: no such rule */
    double identity;   /* the least cosine; −1: no such rule */
    uint32_t walk;     /* steps on the way at which it is looked at */
    double decay;      /* step k is decay^k times as long as the first */
};

/* A part of a mix: so many faces that have, or with - in front have not, each of some attributes by the classifier. */
struct spec_cell {
    char **of; /* "Smiling", "-Male" */
    uint32_t of_count, faces;
};

/* One stage. A key that its kind does not know is refused; what is absent gets spec_parse's default, so
 * that a parsed spec has every value its kind needs. */
struct spec_stage {
    enum spec_kind kind;
    char *name;
    char *from;         /* fit: the label stage; edit, evaluate: the fit stage (default: the last before) */
    uint64_t start;     /* all but fit: first sample index (of seeds: the lowest); of photos, their place in the list */
    uint64_t count;     /* sample, label, evaluate, encode, probe: how many samples */
    struct seeds seeds; /* sample, label, edit, evaluate: the samples where they are no single range; else none */
    char *images; /* encode, label: photos in the store (common/photo_list.h) instead of samples, by their hash; edit,
                     evaluate: those of the encode stage */
    char *truth; /* label: what is known of its photos (common/truth_store.h), by its hash; NULL: nothing */
    struct spec_cell *mix; /* label: the faces that are looked for among the labelled ones, in the samples' order */
    uint32_t mix_count;
    char *samples; /* sample, label, edit, evaluate: the label stage whose mix its faces are; NULL: none. Its seeds are
                      filled in (and printed) when that stage is done */
    char *latents; /* sample, label, edit, evaluate: latents in the store (common/latent_list.h) instead of samples, by
                      their hash: start, count and seeds are rows of them; NULL: samples */
    char *photos; /* edit, evaluate: the encode stage whose photos are edited, NULL: samples are */
    uint32_t task_size; /* samples (fit: boundaries) in one task; 0: the planner's choice */
    struct needs needs; /* of a worker; its labels are the stage's own */
    enum spec_output output; /* sample */
    bool noise_given;        /* all that make faces: else the bundle's */
    enum bundle_noise noise;
    bool truncation_given;   /* all that make faces of samples: else the bundle's */
    double psi;
    uint32_t truncated;      /* layers; 0: as many as the bundle says */
    struct mixing mixing;    /* all that make faces of samples */
    double train_share;      /* fit, in (0, 1) */
    double cost;             /* fit: C of the SVM, for the mean loss (see worker/fit.h) */
    enum spec_weights weights; /* fit */
    enum spec_method method;   /* fit */
    unsigned compare;          /* fit: other methods to fit beside it, a bit 1 << method each */
    enum spec_set set;         /* fit */
    double extremes; /* fit, SPEC_SET_EXTREMES: a share of all (< 1) or a number for each side */
    uint32_t folds;  /* fit: of cross-validation, 0: none */
    uint32_t learning_curve; /* fit: how often the training set is halved */
    bool per_layer;          /* fit: in w+, a boundary on each layer's own numbers */
    char *files; /* fit: boundaries that were imported, by their digest; NULL: none */
    double *costs;           /* fit: C to choose from by cross-validation; none: `cost` */
    uint32_t costs_count;
    char **targets; /* edit, evaluate: directions, e.g. Smiling, -Young, Smiling+Eyeglasses, age */
    uint32_t targets_count;
    char **conditions; /* edit, evaluate: boundaries to leave alone; none = the plain edit only */
    uint32_t conditions_count;
    struct spec_weight *condition_weights; /* edit, evaluate: [conditions_count], or NULL: none is given */
    enum projection_method projection; /* edit, evaluate: how conditions are held */
    double discount;             /* edit, evaluate: λ of every condition, in [0, 1] */
    double strength;             /* edit, evaluate: μ of every condition, of the soft projection */
    uint32_t faces;              /* edit: faces (rows) of each target's sheet */
    struct spec_sweep distances; /* edit: α of each column; evaluate: a sweep besides `distance`, or 0 steps */
    double distance;             /* evaluate: α of the edit that is measured first */
    enum move_mode reach;        /* edit, evaluate: what a distance is */
    char *identity; /* edit, evaluate: the embedder that judges identity, "none", or NULL: the bundle's first */
    char *features; /* evaluate: the embedder for distances of distributions, likewise */
    double limit;                /* edit, evaluate: the most |α| of a face; relative does not read it */
    char *estimator;             /* edit, evaluate: of years; NULL: the one of role fit */
    double tolerance;            /* edit, evaluate: of a logit or of years */
    uint32_t evaluations;        /* edit, evaluate: of one face and edit by networks, at most */
    struct spec_stop stop;       /* edit, evaluate */
    bool reproject;              /* edit, evaluate */
    char *layers;                /* edit, evaluate: ranges of w+'s layers (common/ranges.h); NULL: all */
    struct spec_sweep rows;      /* edit: of the second target; no steps: no grid */
};

struct spec {
    char *format, *name, *bundle;
    uint64_t seed;
    uint32_t max_attempts;
    struct spec_stage *stages;
    uint32_t stages_count;
};

/* Parses, checks and completes a spec. Unknown keys, wrong types and values out of range are E_PARSE /
 * E_INVALID / E_LIMIT with line and column, or the stage and key. The caller frees. */
MUST_CHECK int spec_parse(const char *yaml, size_t size, struct spec **spec, struct error *err);
void spec_free(struct spec **spec);

/* The spec as YAML that spec_parse reads back equal. */
MUST_CHECK int spec_print(const struct spec *spec, struct buffer *yaml, struct error *err);

const char *spec_kind_name(enum spec_kind kind); /* "sample", … */
const char *spec_method_name(enum spec_method method); /* "svm", "least_squares", … */
/* Index of the stage called `name`, or -1. */
int spec_find(const struct spec *spec, const char *name);

/* The weight (λ or μ) of condition `i` in the stage's own list. */
double spec_condition_weight(const struct spec_stage *stage, uint32_t i);
/* How the stage's projected edit holds its conditions, in words: "exact: Male, Eyeglasses (discount 0.5)". */
MUST_CHECK int spec_describe_conditions(const struct spec_stage *stage, struct buffer *text,
                                        struct error *err);
/* Whether each face of the stage is moved by a distance of its own. */
bool spec_stage_moves(const struct spec_stage *stage);
/* Whether faces are looked at on their way. */
bool spec_stage_stops(const struct spec_stage *stage);
/* Whether the worker needs the boundaries themselves, not only directions. */
bool spec_stage_needs_boundaries(const struct spec_stage *stage);
/* How much of the way lies behind after step k (1 … stop.walk) of it: 1 after the last. */
double spec_stop_share(const struct spec_stop *stop, uint32_t k);
/* Which layers an edit moves: layers[count], of a text that spec_parse took. */
MUST_CHECK int spec_layers(const struct spec_stage *stage, uint32_t count, bool *layers, struct error *err);
/* What an edit does, in words: "moved by 3", "moved to the score 3, projected". */
struct spec_variant;
MUST_CHECK int spec_describe_variant(const struct spec_stage *stage, const struct spec_variant *variant,
                                     struct buffer *text, struct error *err);
/* Whether the stage reads photos: some of its indices may have no rows, where one cannot be read. */
bool spec_stage_reads_photos(const struct spec_stage *stage);
/* A number in as few digits as read back as the same double. */
#define SPEC_NUMBER_BYTES 32
const char *spec_print_number(double value, char text[SPEC_NUMBER_BYTES]);

/* Faces of a mix. */
uint64_t spec_mix_faces(const struct spec_stage *stage);
/* "Smiling, -Male" */
MUST_CHECK int spec_print_cell(const struct spec_cell *cell, struct buffer *text, struct error *err);
/* Whether two stages number the same faces alike: both samples, or rows of the same latents. */
bool spec_stage_same_faces(const struct spec_stage *a, const struct spec_stage *b);
/* The samples of the stage's faces from `face` on that follow each other, `most` at most: face i of a stage is a
 * sample number start + i, or the one that `seeds` says. Of an edit stage faces are counted within a target. */
struct seeds_run spec_stage_samples(const struct spec_stage *stage, uint64_t face, uint64_t most);
/* Whether the stage is one sheet of samples by samples. */
bool spec_stage_is_mixed_sheet(const struct spec_stage *stage);
/* The sample behind the highest of the stage. */
uint64_t spec_stage_samples_end(const struct spec_stage *stage);

/* How many indices the stage covers: samples; fit: boundaries (attributes + the age, if any); edit:
 * targets × faces. `attributes` and `has_age` describe the bundle. */
uint64_t spec_stage_total(const struct spec_stage *stage, size_t attributes, bool has_age);
/* Indices that one task may not be cut inside of (edit: the faces of a sheet; else 1). */
uint64_t spec_stage_unit(const struct spec_stage *stage);
/* How many score rows a face of this stage has: label 1; encode 2, the photo and what the generator makes of its latent; edit: 1 a step, twice with conditions; evaluate: as
 * spec_stage_variant says; else 0. `boundaries` of the bundle are what the target "all" stands for. */
uint32_t spec_stage_variants(const struct spec_stage *stage, size_t boundaries);

/* What a score row of an evaluated face shows. */
struct spec_variant {
    int64_t target;  /* position among the targets; -1: the face as sampled */
    double distance; /* α, 0 where it is as sampled */
    bool projected;
    double second; /* of a grid: the distance of the second target */
};
/*
 * Row v of a face of an evaluate stage: 0 is the face as sampled; then, target by target, the edit by
 * `distance`, then by each other step of `distances` but 0. Each edit is plain, and with conditions
 * followed by its projected partner. So 1 and 2 are the first target's, whatever the sweep.
 *
 * Row v of a face of an edit stage: the steps of the plain edit, then those of the projected one; of a grid
 * row by row of it. `target` is −1, for it is the index that says which (0 of a grid).
 */
struct spec_variant spec_stage_variant(const struct spec_stage *stage, uint32_t v);

#endif
