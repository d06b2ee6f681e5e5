/* Greedy offset assignment by size, over intervals of steps. No state, no threads. */
#include "worker/engine/plan.h"

#include <stdlib.h>

static int larger_first(const void *a, const void *b)
{
    const struct plan_block *x = *(struct plan_block *const *)a;
    const struct plan_block *y = *(struct plan_block *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : x > y; /* the order of the array, so that plans are reproducible */
}

static bool lifetimes_meet(const struct plan_block *a, const struct plan_block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which `block` overlaps none of the `placed` blocks alive with it. */
static size_t lowest_offset(const struct plan_block *block, struct plan_block *const *placed,
                            size_t count)
{
    size_t offset = 0;
    for (size_t i = 0; i < count;) {
        const struct plan_block *other = placed[i++];
        if (lifetimes_meet(block, other) && offset < other->offset + other->bytes &&
            other->offset < offset + block->bytes) {
            offset = other->offset + other->bytes;
            i = 0; /* offsets only grow, so this ends */
        }
    }
    return offset;
}

int plan_blocks(struct plan_block *blocks, size_t count, size_t *arena, struct error *err)
{
    struct plan_block **order = malloc((count + 1) * sizeof *order);
    if (!order)
        return error_set(err, E_MEMORY, "no memory for a plan of %zu tensors", count);
    for (size_t i = 0; i < count; i++)
        order[i] = &blocks[i];
    qsort(order, count, sizeof *order, larger_first);
    size_t needed = 0;
    for (size_t i = 0; i < count; i++) {
        order[i]->offset = lowest_offset(order[i], order, i);
        if (order[i]->offset + order[i]->bytes > needed)
            needed = order[i]->offset + order[i]->bytes;
    }
    free(order);
    *arena = needed;
    return 0;
}

static bool is_planned(const struct tensor *tensor)
{
    return tensor->first >= 0 &&
           (tensor->storage == STORAGE_ARENA || tensor->storage == STORAGE_OUTPUT);
}

int plan_tensors(struct lowering *lowering, size_t rows, size_t alignment, size_t *arena,
                 struct error *err)
{
    struct plan_block *blocks = calloc(lowering->tensor_count + 1, sizeof *blocks);
    if (!blocks)
        return error_set(err, E_MEMORY, "no memory for a plan");
    size_t count = 0;
    for (size_t i = 0; i < lowering->tensor_count; i++) {
        struct tensor *tensor = &lowering->tensors[i];
        if (!is_planned(tensor))
            continue;
        size_t elements = tensor->elements.each * (tensor->elements.per_row ? rows : 1);
        tensor->bytes = round_up((elements + tensor->slack) * sizeof(float), alignment);
        blocks[count++] = (struct plan_block){tensor->bytes, tensor->first, tensor->last, 0};
    }
    int failed = plan_blocks(blocks, count, arena, err);
    count = 0;
    for (size_t i = 0; !failed && i < lowering->tensor_count; i++)
        if (is_planned(&lowering->tensors[i]))
            lowering->tensors[i].offset = blocks[count++].offset;
    free(blocks);
    return failed;
}
