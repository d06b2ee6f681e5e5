/*
 * Operators that move no element: they rename or reshape. On the device they are views; of
 * constants they are copies.
 */
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/origin.h"

enum view {
    VIEW_SAME, /* Identity, Dropout */
    VIEW_RESHAPE,
    VIEW_FLATTEN,
    VIEW_SQUEEZE,
    VIEW_UNSQUEEZE,
};

/* The axes or the shape: input 1 if it is there, else the attribute. */
static int list_of(const struct graph *graph, const struct node *node, const char *name,
                   const int64_t **list, size_t *count, struct error *err)
{
    const struct value *given = node_input(graph, node, 1);
    *count = attribute_ints(node, name, list);
    if (!given)
        return 0;
    if (!given->data || given->type != VALUE_INT64 || given->rank > 1)
        return error_set(err, E_UNSUPPORTED, "%s is computed (expected a constant)", name);
    *list = given->data;
    *count = (size_t)value_elements(given);
    return 0;
}

static int reshape_dims(const struct graph *graph, const struct node *node,
                        const struct value *in, size_t *rank, int64_t *dims, struct error *err)
{
    const int64_t *shape;
    size_t count, open = ENGINE_RANK_MAX;
    int64_t known = 1;
    int failed = list_of(graph, node, "shape", &shape, &count, err);
    if (failed)
        return failed;
    if (count > ENGINE_RANK_MAX)
        return error_set(err, E_UNSUPPORTED, "rank %zu exceeds %d", count, ENGINE_RANK_MAX);
    for (size_t i = 0; i < count; i++) {
        dims[i] = shape[i];
        if (shape[i] == 0 && i < in->rank && !attribute_int(node, "allowzero", 0))
            dims[i] = in->dims[i];
        /* The file speaks of its own number of rows, mostly one, and each is like it. */
        if (i == 0 && shape[i] > 0 && shape[i] <= GRAPH_ELEMENTS_MAX && in->batched && graph->own_batch > 0 &&
            shape[i] % graph->own_batch == 0 &&
            !origin_input_is_batch(graph, node, 1, 0))
            dims[i] = shape[i] / graph->own_batch * graph->batch;
        if (dims[i] == -1 && open == ENGINE_RANK_MAX)
            open = i;
        else if (dims[i] < 0 || dims[i] > GRAPH_ELEMENTS_MAX ||
                 (known *= dims[i]) > GRAPH_ELEMENTS_MAX)
            return error_set(err, E_PARSE, "entry %zu of the shape is %lld", i,
                             (long long)shape[i]);
    }
    if (open < ENGINE_RANK_MAX && known == 0)
        return error_set(err, E_PARSE, "a shape with -1 and 0 is of any size");
    if (open < ENGINE_RANK_MAX)
        dims[open] = value_elements(in) / known;
    *rank = count;
    return 0;
}

static int flatten_dims(const struct node *node, const struct value *in, size_t *rank,
                        int64_t *dims, struct error *err)
{
    int64_t axis = attribute_int(node, "axis", 1);
    if (axis < 0)
        axis += (int64_t)in->rank;
    if (axis < 0 || axis > (int64_t)in->rank)
        return error_set(err, E_PARSE, "axis %lld of a tensor of rank %zu", (long long)axis,
                         in->rank);
    size_t at = (size_t)axis;
    dims[0] = dims_elements(at, in->dims);
    dims[1] = dims_elements(in->rank - at, in->dims + at);
    *rank = 2;
    return 0;
}

static int axes_mask(const int64_t *axes, size_t count, size_t rank, unsigned *mask,
                     struct error *err)
{
    *mask = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + (int64_t)rank : axes[i];
        if (axis < 0 || axis >= (int64_t)rank || *mask >> axis & 1)
            return error_set(err, E_PARSE, "axis %lld of a tensor of rank %zu",
                             (long long)axes[i], rank);
        *mask |= 1u << axis;
    }
    return 0;
}

static int squeeze_dims(const struct graph *graph, const struct node *node,
                        const struct value *in, size_t *rank, int64_t *dims, struct error *err)
{
    const int64_t *axes;
    size_t count;
    unsigned mask = 0;
    int failed = list_of(graph, node, "axes", &axes, &count, err);
    if (!failed)
        failed = axes_mask(axes, count, in->rank, &mask, err);
    if (failed)
        return failed;
    *rank = 0;
    for (size_t i = 0; i < in->rank; i++) {
        bool drop = count ? mask >> i & 1 : in->dims[i] == 1 && !(i == 0 && in->batched);
        if (drop && in->dims[i] != 1)
            return error_set(err, E_PARSE, "dimension %zu is %lld (expected 1)", i,
                             (long long)in->dims[i]);
        if (drop && i == 0 && in->batched)
            return error_set(err, E_UNSUPPORTED, "it would drop the batch");
        if (!drop)
            dims[(*rank)++] = in->dims[i];
    }
    return 0;
}

static int unsqueeze_dims(const struct graph *graph, const struct node *node,
                          const struct value *in, size_t *rank, int64_t *dims, struct error *err)
{
    const int64_t *axes;
    size_t count, from = 0;
    unsigned mask = 0;
    int failed = list_of(graph, node, "axes", &axes, &count, err);
    if (!failed && in->rank + count > ENGINE_RANK_MAX)
        failed = error_set(err, E_UNSUPPORTED, "rank %zu exceeds %d", in->rank + count,
                           ENGINE_RANK_MAX);
    if (!failed)
        failed = axes_mask(axes, count, in->rank + count, &mask, err);
    if (failed)
        return failed;
    if (in->batched && mask & 1)
        return error_set(err, E_UNSUPPORTED, "a new first dimension would hide the batch");
    *rank = in->rank + count;
    for (size_t i = 0; i < *rank; i++)
        dims[i] = mask >> i & 1 ? 1 : in->dims[from++];
    return 0;
}

/* Whether Dropout is what it is in inference, or drops none of the elements. */
static bool drops_nothing(const struct graph *graph, const struct node *node)
{
    const struct value *ratio = node_input(graph, node, 1), *training = node_input(graph, node, 2);
    if (!training) /* since opset 12 */
        return true;
    bool off = training->data && training->type == VALUE_BOOL && value_elements(training) == 1 &&
               *(const int64_t *)training->data == 0;
    bool none = ratio && ratio->data && ratio->type == VALUE_FLOAT && value_elements(ratio) == 1 &&
                *(const float *)ratio->data == 0;
    return off || none;
}

static int same_dims(const struct graph *graph, const struct node *node, const struct value *in,
                     size_t *rank, int64_t *dims, struct error *err)
{
    if (attribute_int(node, "is_test", 1) == 0 && attribute_present(node, "is_test"))
        return error_set(err, E_UNSUPPORTED, "is_test 0");
    if (!drops_nothing(graph, node))
        return error_set(err, E_UNSUPPORTED, "training_mode 1 (expected 0, or a ratio of 0)");
    *rank = in->rank;
    memcpy(dims, in->dims, in->rank * sizeof *dims);
    return 0;
}

/* Dropout's mask, which keeps everything. Most files name it and never read it. */
static int make_mask(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *mask = node_output(graph, node, 1);
    if (!mask)
        return 0;
    if (!graph_names(graph, node->outputs[1])) {
        node->output_count = 1;
        return 0;
    }
    if (graph->opset < 7)
        return error_set(err, E_UNSUPPORTED, "its mask, which opset %d does not define", graph->opset);
    int failed = value_set_shape(graph, mask, in->rank, in->dims, false, err);
    if (!failed && graph->opset >= 10)
        mask->type = VALUE_BOOL;
    if (!failed)
        failed = value_allocate(mask, err);
    for (int64_t i = 0; !failed && i < value_elements(mask); i++)
        if (mask->type == VALUE_BOOL)
            ((int64_t *)mask->data)[i] = 1;
        else
            ((float *)mask->data)[i] = 1;
    return failed;
}

static int infer_view(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    int64_t dims[ENGINE_RANK_MAX] = {0};
    size_t rank = 0;
    int failed = 0;
    switch ((enum view)node->op->variant) {
    case VIEW_SAME:
        failed = same_dims(graph, node, in, &rank, dims, err);
        if (!failed)
            failed = make_mask(graph, node, err);
        break;
    case VIEW_RESHAPE:
        failed = reshape_dims(graph, node, in, &rank, dims, err);
        break;
    case VIEW_FLATTEN:
        failed = flatten_dims(node, in, &rank, dims, err);
        break;
    case VIEW_SQUEEZE:
        failed = squeeze_dims(graph, node, in, &rank, dims, err);
        break;
    case VIEW_UNSQUEEZE:
        failed = unsqueeze_dims(graph, node, in, &rank, dims, err);
        break;
    }
    if (failed)
        return failed;
    if (dims_elements(rank, dims) != value_elements(in))
        return error_set(err, E_PARSE, "%lld elements do not fit a shape of %lld",
                         (long long)value_elements(in), (long long)dims_elements(rank, dims));
    failed = value_set_shape(graph, out, rank, dims, in->batched, err);
    if (!failed)
        out->type = in->type;
    return failed;
}

static int fold_view(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    size_t width = in->type == VALUE_FLOAT ? sizeof(float) : sizeof(int64_t);
    int failed = value_allocate(out, err);
    if (!failed)
        memcpy(out->data, in->data, (size_t)value_elements(in) * width);
    return failed;
}

static int lower_view_node(struct lowering *lowering, struct node *node, struct error *err)
{
    int in;
    int failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, &in, err);
    return failed ? failed : lower_view(lowering, node->outputs[0], in, err);
}

#define VIEW(name, first, last, attributes, most, variant)                                         \
    {name, first, last, attributes, 1, most, 1, variant, infer_view, fold_view, lower_view_node}
#define DROPOUT(first, last, attributes, most)                                                     \
    {"Dropout", first, last, attributes, 1, most, 2, VIEW_SAME, infer_view, fold_view,             \
     lower_view_node}

const struct op ops_view[] = {
    VIEW("Identity", 1, OPSET_LAST, "", 1, VIEW_SAME),
    DROPOUT(1, 6, "is_test:i ratio:f consumed_inputs:I", 1),
    DROPOUT(7, 11, "ratio:f", 1),
    DROPOUT(12, OPSET_LAST, "seed:i", 3),
    VIEW("Reshape", 1, 4, "shape:I consumed_inputs:I", 1, VIEW_RESHAPE),
    VIEW("Reshape", 5, OPSET_LAST, "allowzero:i", 2, VIEW_RESHAPE),
    VIEW("Flatten", 1, OPSET_LAST, "axis:i", 1, VIEW_FLATTEN),
    VIEW("Squeeze", 1, 12, "axes:I", 1, VIEW_SQUEEZE),
    VIEW("Squeeze", 13, OPSET_LAST, "", 2, VIEW_SQUEEZE),
    VIEW("Unsqueeze", 1, 12, "axes:I", 1, VIEW_UNSQUEEZE),
    VIEW("Unsqueeze", 13, OPSET_LAST, "", 2, VIEW_UNSQUEEZE),
    {0},
};
