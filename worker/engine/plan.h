/* The static memory plan: tensors whose lifetimes do not meet share memory. */
#ifndef WORKER_ENGINE_PLAN_H
#define WORKER_ENGINE_PLAN_H

#include "worker/engine/lower.h"

struct plan_block {
    size_t bytes;    /* a multiple of the alignment */
    int first, last; /* steps, both included */
    size_t offset;   /* the answer */
};

/* Gives each block an offset such that blocks whose lifetimes meet do not overlap; *arena is the
 * bytes needed. Largest first, each at the lowest offset that is free for its lifetime. */
MUST_CHECK int plan_blocks(struct plan_block *blocks, size_t count, size_t *arena,
                           struct error *err);

/* Places all arena and output tensors of a lowering at a batch of `rows`. */
MUST_CHECK int plan_tensors(struct lowering *lowering, size_t rows, size_t alignment,
                            size_t *arena, struct error *err);

#endif
