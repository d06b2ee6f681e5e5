/* Dimensions split in two, those kept and those reduced, as kernels take them. */
#ifndef WORKER_ENGINE_OPS_AXES_H
#define WORKER_ENGINE_OPS_AXES_H

#include "worker/engine/lower.h"

/* Lists of 8, outermost first, filled up with dimensions of 1; [0] kept, [1] reduced. */
struct axes_split {
    int32_t dims[2][8], strides[2][8];
    size_t count[2]; /* at least 1 */
    int64_t elements; /* product of the reduced */
};

/* Splits a value's dimensions by `mask` (bit r: reduced), with strides in this layout. */
void axes_split(const struct value *value, enum layout layout, unsigned mask,
                struct axes_split *split);

/* The split's four vectors as arguments of a step: kept dims and strides, reduced dims and strides. */
void axes_arguments(struct step *step, const struct axes_split *split);

#endif
