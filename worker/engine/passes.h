/* The passes over a graph between reading and lowering. */
#ifndef WORKER_ENGINE_PASSES_H
#define WORKER_ENGINE_PASSES_H

#include "worker/engine/graph.h"

/* Gives every value its type and shape and folds what is constant; then counts uses. Node by node,
 * so that shapes computed from shapes are known in time. */
MUST_CHECK int pass_infer(struct graph *graph, struct error *err);

/* Whether an inferred graph can run: its outputs are float, and batched unless the graph is fixed. */
MUST_CHECK int pass_check_outputs(const struct graph *graph, struct error *err);

/* Fuses what kernels do in one go: batch norm, residual sums, activations and pixel norm into
 * convolutions and products, upsampling into the following convolution. Never changes results
 * beyond rounding. */
MUST_CHECK int pass_fuse(struct graph *graph, struct error *err);

/* Rounds the weights of convolutions and products to float16, with what fusion multiplies into them; after it. Weights that
 * float16 cannot hold at all are E_UNSUPPORTED. What else uses them sees the rounded ones. */
MUST_CHECK int pass_round_weights(struct graph *graph, struct error *err);

#endif
