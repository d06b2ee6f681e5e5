/*
 * Rearrangements as strided copies: element (i0, i1, …) of the copy goes from
 * in[from + Σ i·in_stride] to out[to + Σ i·out_stride]. In a batched graph, dimension 0 is the rows.
 */
#ifndef WORKER_ENGINE_OPS_MOVE_H
#define WORKER_ENGINE_OPS_MOVE_H

#include "worker/engine/lower.h"

struct move {
    size_t rank;
    int64_t dims[ENGINE_RANK_MAX];
    int64_t in_strides[ENGINE_RANK_MAX], out_strides[ENGINE_RANK_MAX];
    int64_t from, to;
};

/* Strides of a dense tensor. */
void move_strides(size_t rank, const int64_t *dims, int64_t *strides);

/* On the host, for elements of 4 or 8 bytes. */
void move_run(const struct move *move, const void *in, void *out, size_t width);

/* As a step of the node being lowered, between plain tensors; `rows` is the value whose batching
 * dimension 0 follows. */
MUST_CHECK int move_step(struct lowering *lowering, const struct move *move, int in, int out,
                         const struct value *rows, struct error *err);

#endif
