/*
 * Noise that a network is given instead of having it: what the file draws or keeps becomes inputs
 * of the graph, one row a sample.
 */
#ifndef WORKER_ENGINE_NOISE_H
#define WORKER_ENGINE_NOISE_H

#include "worker/engine/graph.h"

/*
 * Marks the named tensors as noise, before shapes are inferred. An input stays one. With
 * noise->vary an initializer [1,…] becomes an input [N,…], and one of two dimensions [H,W] an input
 * [N,1,H,W]; what random nodes draw follows when they are inferred (noise_take). E_NOT_FOUND where
 * there is no such tensor, E_UNSUPPORTED where it is computed, has no such shape, or the graph is
 * fixed without being single.
 */
MUST_CHECK int noise_mark(struct graph *graph, const struct engine_noise *noise, struct error *err);

/* Whether the output of a random node, of this shape, is one row a sample or the same for all: then
 * it becomes one. */
bool noise_varies(const struct graph *graph, bool batched, size_t rank, const int64_t *dims);

/* The node's output becomes an input of shape [N, dims[1], …] that stands for mean + scale · a
 * normal number. */
MUST_CHECK int noise_take(struct graph *graph, struct node *node, size_t rank, const int64_t *dims,
                          float mean, float scale, struct error *err);

/* What is known of input `value` as noise, or NULL: it is none. */
const struct graph_noise *noise_find(const struct graph *graph, int value);

#endif
