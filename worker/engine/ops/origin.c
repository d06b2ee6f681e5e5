/*
 * Shapes that exporters compute are constants once the batch is known: Shape, Gather, Concat and the like are folded away. What
 * still matters is which of their numbers stand for the batch. Nodes stay after folding, so that they can be asked. No state.
 */
#include "worker/engine/ops/origin.h"

#include <string.h>

#include "worker/engine/ops.h"

#define DEPTH_MOST 24

static bool follow(const struct graph *graph, int value, int64_t at, int depth);

static bool follow_input(const struct graph *graph, const struct node *node, size_t i, int64_t at, int depth)
{
    const struct value *in = node_input(graph, node, i);
    if (!in || !in->known)
        return false;
    return follow(graph, node->inputs[i], value_elements(in) == 1 ? 0 : at, depth + 1);
}

static bool is_any(const struct node *node, const char *const *types)
{
    for (; *types; types++)
        if (strcmp(node->op->type, *types) == 0)
            return true;
    return false;
}

/* Dimension `at` of Shape's result: of samples, or of a constant that was made in a shape that is asked in turn. */
static bool follow_shape(const struct graph *graph, const struct node *node, int64_t at, int depth)
{
    const struct value *in = node_input(graph, node, 0);
    const struct node *maker = in->producer < 0 ? NULL : &graph->nodes[in->producer];
    int64_t start = attribute_int(node, "start", 0);
    at += start < 0 ? start + (int64_t)in->rank : start;
    if (in->batched || !maker)
        return in->batched && at == 0;
    if (strcmp(maker->op->type, "ConstantOfShape") == 0)
        return follow_input(graph, maker, 0, at, depth);
    return strcmp(maker->op->type, "Expand") == 0 && node_input(graph, maker, 1)->known &&
           value_elements(node_input(graph, maker, 1)) == (int64_t)in->rank &&
           follow_input(graph, maker, 1, at, depth);
}

static bool follow_concat(const struct graph *graph, const struct node *node, int64_t at, int depth)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        int64_t count = in && in->known ? value_elements(in) : 0;
        if (at < count)
            return follow_input(graph, node, i, at, depth);
        at -= count;
    }
    return false;
}

/* Of a list; indices count from the end if they are negative. */
static bool follow_gather(const struct graph *graph, const struct node *node, int64_t at, int depth)
{
    const struct value *in = node_input(graph, node, 0), *indices = node_input(graph, node, 1);
    if (in->rank != 1 || !indices->data || indices->type != VALUE_INT64 || at >= value_elements(indices))
        return false;
    int64_t index = ((const int64_t *)indices->data)[at];
    return follow_input(graph, node, 0, index < 0 ? index + in->dims[0] : index, depth);
}

/* Of a list: whichever element the slice may have begun with, the batch is the first of a shape. */
static bool follow_slice(const struct graph *graph, const struct node *node, int64_t at, int depth)
{
    const struct value *starts = node_input(graph, node, 1), *in = node_input(graph, node, 0);
    const int64_t *list = starts ? starts->data : NULL;
    if (!starts)
        attribute_ints(node, "starts", &list);
    if (in->rank != 1 || !list)
        return false;
    return follow_input(graph, node, 0, at + (list[0] < 0 ? list[0] + in->dims[0] : list[0]), depth);
}

static bool follow_where(const struct graph *graph, const struct node *node, int64_t at, int depth)
{
    const struct value *which = node_input(graph, node, 0);
    if (!which->data)
        return false;
    bool first = ((const int64_t *)which->data)[value_elements(which) == 1 ? 0 : at] != 0;
    return follow_input(graph, node, first ? 1 : 2, at, depth);
}

static bool follow(const struct graph *graph, int value, int64_t at, int depth)
{
    static const char *const same[] = {"Unsqueeze", "Squeeze", "Cast", "Identity", "Reshape", "Expand", "Not", NULL};
    static const char *const either[] = {"Mul", "Add", "Sub", "Div", "Max", "Min", "Equal", "Less", "LessOrEqual", "Greater",
                                         "GreaterOrEqual", "And", "Or", NULL};
    const struct node *node = graph->values[value].producer < 0 ? NULL
                                                                 : &graph->nodes[graph->values[value].producer];
    if (!node || depth > DEPTH_MOST)
        return false;
    if (strcmp(node->op->type, "Shape") == 0)
        return follow_shape(graph, node, at, depth);
    if (strcmp(node->op->type, "Concat") == 0)
        return follow_concat(graph, node, at, depth);
    if (strcmp(node->op->type, "Gather") == 0)
        return follow_gather(graph, node, at, depth);
    if (strcmp(node->op->type, "Slice") == 0)
        return follow_slice(graph, node, at, depth);
    if (strcmp(node->op->type, "Where") == 0)
        return follow_where(graph, node, at, depth);
    if (is_any(node, either))
        return follow_input(graph, node, 0, at, depth) || follow_input(graph, node, 1, at, depth);
    return is_any(node, same) && follow_input(graph, node, 0, at, depth);
}

bool origin_is_batch(const struct graph *graph, int value, int64_t at)
{
    return follow(graph, value, at, 0);
}

bool origin_input_is_batch(const struct graph *graph, const struct node *node, size_t i, int64_t at)
{
    return node_input(graph, node, i) && follow(graph, node->inputs[i], at, 0);
}
