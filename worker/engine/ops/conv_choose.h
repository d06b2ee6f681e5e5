/*
 * The choice of an algorithm for a convolution on a CPU, by a model of what each would cost.
 *
 * Sums are added in an order that follows from the form alone (direct, F(2×2), F(4×4), nine products),
 * so the form must not depend on the batch; blocks and tiles may.
 */
#ifndef WORKER_ENGINE_OPS_CONV_CHOOSE_H
#define WORKER_ENGINE_OPS_CONV_CHOOSE_H

#include "worker/engine/ops/conv_winograd.h"

#define CONV_CANDIDATES_MAX 256

struct conv_candidate {
    bool transformed; /* winograd.cl with `winograd`, or conv.cl with `tiling` */
    struct winograd winograd;
    struct tiling tiling;
    double cycles; /* predicted, of the whole step at the rows asked for */
};

/* True if the convolution has this form and the tolerance allows it. */
bool conv_form_allowed(const struct conv *conv, enum winograd_form form, double tolerance);

/* `whole`: one group makes all channels of its positions, as a pixel norm in the epilogue needs.
 *
 * All ways to run the convolution on `rows` rows that the target's tolerance and memory allow, the one
 * that is predicted to be fastest first. Returns how many were written, at most CONV_CANDIDATES_MAX. */
size_t conv_candidates(const struct lowering_target *target, const struct conv *conv, size_t rows,
                       bool whole, struct conv_candidate *candidates);

/* The way to run it on up to `rows` rows; false if there is none (conv_any.cl then does it). */
bool conv_choose(const struct lowering_target *target, const struct conv *conv, size_t rows,
                 bool whole, struct conv_candidate *choice);

#endif
