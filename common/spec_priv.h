/* A spec as it stands in the file, before it is checked and completed: NULL is an absent key. */
#ifndef COMMON_SPEC_PRIV_H
#define COMMON_SPEC_PRIV_H

#include <cyaml/cyaml.h>

#include "common/spec.h"

struct raw_sweep {
    double *from, *to;
    int64_t *steps;
};

struct raw_truncation_of_stage {
    double *psi;
    int64_t *layers;
};

struct raw_mixing {
    char *layers, *with;
    int64_t *offset;
    double *probability;
};

struct raw_stop {
    double *off_target, *identity;
};

struct raw_condition {
    char *name;
    double *discount, *strength;
    bool *free;
};

struct raw_label {
    char *key, *value;
};

struct raw_needs {
    enum needs_device *device;
    char *memory;
    struct raw_label *labels;
    uint32_t labels_count;
};

struct raw_cell {
    char **of;
    uint32_t of_count;
    int64_t *faces;
    double *share;
};

struct raw_stage {
    enum spec_kind kind;
    char *name, *from, *files, *identity, *features, *images, *photos, *latents, *samples, *truth;
    int64_t *start, *count, *task_size, *faces;
    char **seeds;
    uint32_t seeds_count;
    struct raw_cell *mix;
    uint32_t mix_count;
    enum spec_output *output;
    enum spec_weights *weights;
    enum spec_method *method;
    enum spec_set *set;
    enum spec_method *compare;
    double *extremes, *costs;
    int64_t *folds, *learning_curve;
    uint32_t compare_count, costs_count;
    enum projection_method *projection;
    enum move_mode *reach;
    double *limit, *tolerance, *decay;
    int64_t *evaluations, *walk;
    char *estimator, *layers;
    bool *reproject, *per_layer;
    struct raw_stop *stop;
    struct raw_sweep *rows;
    double *train_share, *cost, *discount, *strength, *distance;
    char **targets;
    struct raw_condition *conditions;
    uint32_t targets_count, conditions_count;
    struct raw_sweep *distances;
    struct raw_needs *needs;
    enum bundle_noise *noise;
    struct raw_truncation_of_stage *truncation;
    struct raw_mixing *mixing;
};

struct raw_spec {
    char *format, *name, *bundle;
    int64_t *seed, *max_attempts;
    struct raw_stage *stages;
    uint32_t stages_count;
};

/* Fills `spec` (zeroed; freed by the caller also on failure) from `raw`. */
MUST_CHECK int spec_complete(const struct raw_spec *raw, struct spec *spec, struct error *err);

/*
 * `text` with every plain name in a sequence called conditions written out, Male as {name: Male},
 * every mapping called labels, {zone: a}, as a sequence, [{key: zone, value: a}], and every scalar called seeds as one
 * too, [0-9]. The caller frees both buffers, made with SPEC_SHORT_MAX; `insertions` is for spec_short_place.
 */
#define SPEC_SHORT_MAX ((size_t)64 << 20)
MUST_CHECK int spec_short_expand(const char *text, size_t size, struct buffer *expanded,
                                 struct buffer *insertions, struct error *err);
/* Moves the place in an error about the expanded text to that of the original. Returns `code`. */
int spec_short_place(const struct buffer *insertions, int code, struct error *err);

/* The same for targets with scores, {Young: -2, Smiling: 1.5} as "Young=-2,Smiling=1.5". */
MUST_CHECK int spec_scores_expand(const char *text, size_t size, struct buffer *expanded,
                                  struct buffer *changes, struct error *err);
int spec_scores_place(const struct buffer *changes, int code, struct error *err);

/* Which samples the stage's faces are: start and count from `start`, or `seeds`, which `start`, and a count or a number
 * of faces that says another, contradict. Of stages of samples only. */
MUST_CHECK int spec_complete_seeds(const struct raw_stage *raw, struct spec_stage *stage,
                                   struct error *err);
/* Which mix is looked for, and whose mix the faces are. */
MUST_CHECK int spec_complete_mix(const struct raw_stage *raw, struct spec_stage *stage,
                                 struct error *err);
MUST_CHECK int spec_complete_samples(const struct spec *spec, uint32_t position,
                                     const struct raw_stage *raw, struct spec_stage *stage,
                                     struct error *err);
/* Prints both, if they are anything. */
MUST_CHECK int spec_print_mix(struct buffer *out, const struct spec_stage *stage,
                              struct error *err);
void spec_free_mix(struct spec_stage *stage);
/* Whose rows they are, where not samples. */
MUST_CHECK int spec_complete_latents(const struct raw_stage *raw, struct spec_stage *stage,
                                     struct error *err);
MUST_CHECK int spec_print_latents(struct buffer *out, const struct spec_stage *stage,
                                  struct error *err);
/* Prints them, if they are no single range. */
MUST_CHECK int spec_print_seeds(struct buffer *out, const struct spec_stage *stage,
                                struct error *err);

/* Fills what the stage says about its conditions: names, projection and weights. */
MUST_CHECK int spec_complete_conditions(const struct raw_stage *raw, struct spec_stage *stage,
                                        struct error *err);

/* Fills what a fit stage says, but `from`. */
MUST_CHECK int spec_complete_fit(const struct raw_stage *raw, struct spec_stage *stage,
                                 struct error *err);
/* Prints it. */
MUST_CHECK int spec_print_fit(struct buffer *out, const struct spec_stage *stage,
                              struct error *err);

/* Fills what the stage says of the generator, of a stage whose `images` and `samples` are known;
 * where the samples are another stage's, what that one says and this one does not. */
MUST_CHECK int spec_complete_generator(const struct spec *spec, uint32_t position,
                                       const struct raw_stage *raw, struct spec_stage *stage,
                                       struct error *err);
/* Prints it, if it is anything. */
MUST_CHECK int spec_print_generator(struct buffer *out, const struct spec_stage *stage,
                                    struct error *err);

/* Fills what the stage needs of a worker; what no worker can have is E_INVALID. */
MUST_CHECK int spec_complete_needs(const struct raw_needs *raw, struct spec_stage *stage,
                                   struct error *err);
/* Prints it, if it is anything. */
MUST_CHECK int spec_print_needs(struct buffer *out, const struct spec_stage *stage,
                                struct error *err);

/* A number from the file, `absent` where there is none; E_LIMIT with the key outside of the range. */
MUST_CHECK int spec_take_real(const char *key, const double *raw, double absent, double least,
                              double most, double *value, struct error *err);
MUST_CHECK int spec_take_small(const char *key, const int64_t *raw, int64_t absent, int64_t least,
                               int64_t most, uint32_t *value, struct error *err);

extern const cyaml_strval_t spec_weight_names[2], spec_method_names[SPEC_METHODS],
    spec_set_names[4];

/* Fills what the stage says about its distances' meaning, of targets that are known. */
MUST_CHECK int spec_complete_reach(const struct raw_stage *raw, struct spec_stage *stage,
                                   struct error *err);

/* Prints it, and the rest of what an edit's own keys say. */
MUST_CHECK int spec_print_reach(struct buffer *out, const struct spec_stage *stage, struct error *err);

/* A sweep: with `absent` where a key is missing. */
MUST_CHECK int spec_take_sweep(const char *key, const struct raw_sweep *raw, struct spec_sweep absent,
                               struct spec_sweep *sweep, struct error *err);
MUST_CHECK int spec_print_sweep(struct buffer *out, const char *key, const struct spec_sweep *sweep,
                                struct error *err);

/* Whether a text has only characters that a direction can be made of. */
bool spec_is_expression(const char *text);

#endif
