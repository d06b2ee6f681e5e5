/* A spec as it stands in the file, before it is checked and completed: NULL is an absent key. */
#ifndef COMMON_SPEC_PRIV_H
#define COMMON_SPEC_PRIV_H

#include "common/spec.h"

struct raw_sweep {
    double *from, *to;
    int64_t *steps;
};

struct raw_stage {
    enum spec_kind kind;
    char *name, *from;
    int64_t *start, *count, *task_size, *faces;
    enum spec_output *output;
    enum spec_weights *weights;
    double *train_share, *cost, *discount, *distance;
    char **targets, **conditions;
    uint32_t targets_count, conditions_count;
    struct raw_sweep *distances;
};

struct raw_spec {
    char *format, *name, *bundle;
    int64_t *seed, *max_attempts;
    struct raw_stage *stages;
    uint32_t stages_count;
};

/* Fills `spec` (zeroed; freed by the caller also on failure) from `raw`. */
MUST_CHECK int spec_complete(const struct raw_spec *raw, struct spec *spec, struct error *err);

#endif
