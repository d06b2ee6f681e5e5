/* Convolutions whose weights are a constant times factors of the image (StyleGAN 2's modulation). */
#ifndef WORKER_ENGINE_MODULATE_H
#define WORKER_ENGINE_MODULATE_H

#include "worker/engine/graph.h"

/* Rewrites node `at`, whose predecessors' shapes are known, if it is a convolution with modulated weights
 * or the sum of their squares: conv(x, W·s·d) = d·conv(x·s, W) for s along the inputs, d along the outputs,
 * and Σ(W·s)² = s²·ΣW² (Karras et al. 2020, section 2.2). New nodes stand before and after it, so that the
 * walk goes on at `at`. Exact but for rounding; any other node stays as it is. Errors: E_MEMORY. */
MUST_CHECK int modulate_node(struct graph *graph, size_t at, struct error *err);

#endif
