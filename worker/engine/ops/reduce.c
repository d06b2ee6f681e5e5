/*
 * Reductions and global pools: any axes, read in whatever layout the input has, written plain. Of constants, integers among
 * them, they are made at load: weights that are normalised, shapes' products.
 */
#include <math.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/axes.h"
#include "worker/engine/ops/reduce.h"

#define PIXEL_CHANNELS 64 /* of a group, as in the kernel */

enum reduction { /* as kernels/reduce.cl numbers them */
    REDUCE_SUM,
    REDUCE_MEAN,
    REDUCE_MAX,
    REDUCE_MIN,
    REDUCE_PRODUCT,
    REDUCE_L1,
    REDUCE_L2,
    REDUCE_SQUARES,
    REDUCE_LOG_SUM,
    REDUCE_LOG_SUM_EXP,
    REDUCE_GLOBAL = 16, /* added: over all axes from the third on, dimensions kept */
};

static int mark_axes(const int64_t *axes, size_t count, size_t rank, unsigned *mask,
                     struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + (int64_t)rank : axes[i];
        if (axis < 0 || axis >= (int64_t)rank)
            return error_set(err, E_PARSE, "axis %lld of a tensor of rank %zu",
                             (long long)axes[i], rank);
        *mask |= 1u << axis;
    }
    return 0;
}

int reduce_axes(const struct graph *graph, const struct node *node, unsigned *mask,
                struct error *err)
{
    const struct value *in = node_input(graph, node, 0), *given = node_input(graph, node, 1);
    unsigned all = (1u << in->rank) - 1;
    const int64_t *axes;
    size_t count = attribute_ints(node, "axes", &axes);
    if (node->op->variant >= REDUCE_GLOBAL) {
        *mask = all & ~3u;
        return in->rank > 2 ? 0 : error_set(err, E_PARSE, "input of rank %zu", in->rank);
    }
    if (given) {
        if (!given->data || given->type != VALUE_INT64 || given->rank != 1)
            return error_set(err, E_UNSUPPORTED, "axes are computed (expected a constant)");
        axes = given->data;
        count = (size_t)given->dims[0];
    }
    unsigned marked = 0;
    int failed = mark_axes(axes, count, in->rank, &marked, err);
    if (failed)
        return failed;
    bool none = attribute_int(node, "noop_with_empty_axes", 0) != 0;
    *mask = count ? marked : none ? 0 : all;
    return 0;
}

/* Those whose result is an integer. */
static bool takes_integers(const struct node *node)
{
    int reduction = node->op->variant;
    return reduction == REDUCE_SUM || (reduction >= REDUCE_MAX && reduction <= REDUCE_PRODUCT);
}

static int infer_reduce(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    bool keep = node->op->variant >= REDUCE_GLOBAL || attribute_int(node, "keepdims", 1) != 0;
    unsigned mask;
    int64_t dims[ENGINE_RANK_MAX];
    size_t rank = 0;
    bool whole = in->type == VALUE_INT64 && in->data && takes_integers(node);
    if (in->type != VALUE_FLOAT && !whole)
        return error_set(err, E_UNSUPPORTED, "an integer input (expected float)");
    if (attribute_int(node, "p", 2) != 2)
        return error_set(err, E_UNSUPPORTED, "p of %lld (expected 2)",
                         (long long)attribute_int(node, "p", 2));
    int failed = reduce_axes(graph, node, &mask, err);
    if (failed)
        return failed;
    if (in->batched && mask & 1)
        return error_set(err, E_UNSUPPORTED, "reducing dimension 0 would mix samples");
    for (size_t i = 0; i < in->rank; i++)
        if (keep || !(mask >> i & 1))
            dims[rank++] = mask >> i & 1 ? 1 : in->dims[i];
    failed = value_set_shape(graph, node_output(graph, node, 0), rank, dims, in->batched, err);
    if (!failed)
        node_output(graph, node, 0)->type = in->type;
    return failed;
}

static double add(int reduction, double sum, double x)
{
    switch (reduction) {
    case REDUCE_MAX: return fmax(sum, x);
    case REDUCE_MIN: return fmin(sum, x);
    case REDUCE_PRODUCT: return sum * x;
    case REDUCE_L1: return sum + fabs(x);
    case REDUCE_L2:
    case REDUCE_SQUARES: return sum + x * x;
    default: return sum + x; /* SUM, MEAN, LOG_SUM; LOG_SUM_EXP adds up exponentials */
    }
}

static double finish(int reduction, double sum, double count)
{
    switch (reduction) {
    case REDUCE_MEAN: return sum / count;
    case REDUCE_L2: return sqrt(sum);
    case REDUCE_LOG_SUM:
    case REDUCE_LOG_SUM_EXP: return log(sum);
    default: return sum;
    }
}

static int64_t add_whole(int reduction, int64_t sum, int64_t x)
{
    switch (reduction) {
    case REDUCE_MAX: return x > sum ? x : sum;
    case REDUCE_MIN: return x < sum ? x : sum;
    case REDUCE_PRODUCT: return (int64_t)((uint64_t)sum * (uint64_t)x);
    default: return (int64_t)((uint64_t)sum + (uint64_t)x);
    }
}

static size_t offset_of(int64_t i, size_t rank, const int32_t dims[8], const int32_t strides[8])
{
    size_t offset = 0;
    for (size_t r = rank; r-- > 0; i /= dims[r])
        offset += (size_t)(i % dims[r]) * (size_t)strides[r];
    return offset;
}

/* One result. */
static float fold_floats(int reduction, const struct axes_split *split, const float *from)
{
    bool exponentials = reduction == REDUCE_LOG_SUM_EXP; /* shifted by the largest, so that nothing overflows */
    double sum = reduction == REDUCE_MAX ? -INFINITY : reduction == REDUCE_MIN ? INFINITY : reduction == REDUCE_PRODUCT;
    double shift = exponentials ? (double)fold_floats(REDUCE_MAX, split, from) : 0;
    for (int64_t k = 0; k < split->elements; k++) {
        double x = (double)from[offset_of(k, split->count[1], split->dims[1], split->strides[1])];
        sum = add(reduction, sum, exponentials ? exp(x - shift) : x);
    }
    return (float)(finish(reduction, sum, (double)split->elements) + shift);
}

static int64_t fold_integers(int reduction, const struct axes_split *split, const int64_t *from)
{
    int64_t sum = reduction == REDUCE_MAX ? INT64_MIN : reduction == REDUCE_MIN ? INT64_MAX : reduction == REDUCE_PRODUCT;
    for (int64_t k = 0; k < split->elements; k++)
        sum = add_whole(reduction, sum, from[offset_of(k, split->count[1], split->dims[1], split->strides[1])]);
    return sum;
}

static int fold_reduce(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    struct axes_split split;
    unsigned mask;
    int failed = reduce_axes(graph, node, &mask, err);
    if (!failed)
        failed = value_allocate(out, err);
    if (failed)
        return failed;
    axes_split(in, LAYOUT_PLAIN, mask, &split);
    for (int64_t i = 0; i < value_elements(out); i++) {
        size_t from = offset_of(i, split.count[0], split.dims[0], split.strides[0]);
        if (in->type == VALUE_FLOAT)
            ((float *)out->data)[i] = fold_floats(node->op->variant % REDUCE_GLOBAL, &split, (const float *)in->data + from);
        else
            ((int64_t *)out->data)[i] =
                fold_integers(node->op->variant % REDUCE_GLOBAL, &split, (const int64_t *)in->data + from);
    }
    return 0;
}

/* Whether all pixels of a channels-last image become one by an operation that reduce_pixels has. */
static bool reduces_pixels(const struct lowering *lowering, const struct node *node,
                           const struct value *in, enum layout layout, unsigned mask)
{
    return lowering->target.blocked && layout == LAYOUT_CHANNELS_LAST && in->rank == 4 &&
           mask == 12 && node->op->variant % REDUCE_GLOBAL <= REDUCE_MIN;
}

/* `out` plain is [N][C], with or without the reduced dimensions. */
static int lower_pixels(struct lowering *lowering, const struct node *node, const struct value *in,
                        int from, int out, struct error *err)
{
    struct step *step;
    int failed = lower_step(lowering, "reduce.cl", "reduce_pixels", out, &step, err);
    if (failed)
        return failed;
    size_t pitch = round_up((size_t)in->dims[1], CHANNEL_BLOCK);
    step_define(step, "-DREDUCE=%d -DSIZE=%lld -DC=%lld -DCP=%zu",
                node->op->variant % REDUCE_GLOBAL, (long long)(in->dims[2] * in->dims[3]),
                (long long)in->dims[1], pitch);
    step_tensor(step, from);
    step_tensor(step, out);
    step->global[0].each = (pitch + PIXEL_CHANNELS - 1) / PIXEL_CHANNELS;
    step->global[1] = value_rows(in, 1);
    return 0;
}

/* Whether a group adds up such a reduction: nobody multiplies that many, and the other takes two passes. */
static bool has_group(int reduction)
{
    return reduction != REDUCE_PRODUCT && reduction != REDUCE_LOG_SUM_EXP;
}

static int lower_reduce(struct lowering *lowering, struct node *node, struct error *err)
{
    const struct value *in_value = node_input(lowering->graph, node, 0);
    enum layout layout = lower_is_channels_last(lowering, node->inputs[0]) ? LAYOUT_CHANNELS_LAST
                                                                           : LAYOUT_PLAIN;
    unsigned mask;
    int in, out;
    struct axes_split split;
    struct step *step;
    int failed = reduce_axes(lowering->graph, node, &mask, err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[0], layout, &in, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, &out, err);
    if (!failed && reduces_pixels(lowering, node, in_value, layout, mask))
        return lower_pixels(lowering, node, in_value, in, out, err);
    if (failed)
        return failed;
    axes_split(in_value, layout, mask, &split);
    bool grouped = lowering->target.gpu && split.elements >= GROUPED_LEAST &&
                   has_group(node->op->variant % REDUCE_GLOBAL);
    failed = lower_step(lowering, "reduce.cl", grouped ? "reduce_group" : "reduce", out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DREDUCE=%d -DKEPT=%zu -DREDUCED=%zu", node->op->variant % REDUCE_GLOBAL,
                split.count[0], split.count[1]);
    step_tensor(step, in);
    step_tensor(step, out);
    axes_arguments(step, &split);
    step_int(step, split.elements);
    step_count(step, lowering->tensors[out].elements);
    if (grouped)
        step_groups(step, lowering->tensors[out].elements);
    else
        step_linear(step, lowering->tensors[out].elements);
    return 0;
}

bool node_is_mean(const struct node *node)
{
    return node->op->infer == infer_reduce && node->op->variant == REDUCE_MEAN;
}

#define AXES "axes:I keepdims:i"
#define REDUCE_BOTH(name, number)                                                                  \
    {name, 1, 17, AXES, 1, 1, 1, number, infer_reduce, fold_reduce, lower_reduce},                        \
    {name, 18, OPSET_LAST, "keepdims:i noop_with_empty_axes:i", 1, 2, 1, number, infer_reduce, fold_reduce, \
     lower_reduce}

const struct op ops_reduce[] = {
    {"ReduceSum", 1, 12, AXES, 1, 1, 1, REDUCE_SUM, infer_reduce, fold_reduce, lower_reduce},
    {"ReduceSum", 13, OPSET_LAST, "keepdims:i noop_with_empty_axes:i", 1, 2, 1, REDUCE_SUM, infer_reduce,
     fold_reduce, lower_reduce},
    REDUCE_BOTH("ReduceMean", REDUCE_MEAN),
    REDUCE_BOTH("ReduceMax", REDUCE_MAX),
    REDUCE_BOTH("ReduceMin", REDUCE_MIN),
    REDUCE_BOTH("ReduceProd", REDUCE_PRODUCT),
    REDUCE_BOTH("ReduceL1", REDUCE_L1),
    REDUCE_BOTH("ReduceL2", REDUCE_L2),
    REDUCE_BOTH("ReduceSumSquare", REDUCE_SQUARES),
    REDUCE_BOTH("ReduceLogSum", REDUCE_LOG_SUM),
    REDUCE_BOTH("ReduceLogSumExp", REDUCE_LOG_SUM_EXP),
    {"GlobalAveragePool", 1, OPSET_LAST, "", 1, 1, 1, REDUCE_GLOBAL + REDUCE_MEAN, infer_reduce, fold_reduce,
     lower_reduce},
    {"GlobalLpPool", 2, OPSET_LAST, "p:i", 1, 1, 1, REDUCE_GLOBAL + REDUCE_L2, infer_reduce, fold_reduce,
     lower_reduce},
    {"GlobalMaxPool", 1, OPSET_LAST, "", 1, 1, 1, REDUCE_GLOBAL + REDUCE_MAX, infer_reduce, fold_reduce,
     lower_reduce},
    {0},
};
