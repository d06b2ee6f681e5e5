/*
 * MaxPool, AveragePool and LpPool. Largest and mean over one or two axes have a kernel of constant
 * shapes, for either layout; three axes and norms take one whose shapes are arguments, plain.
 */
#include <math.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"

#define AXES 3

struct pool {
    /* z, y, x */
    int64_t kernel[AXES], stride[AXES], dilation[AXES], begin[AXES], end[AXES], in[AXES], out[AXES];
    bool ceil;
};

enum pooling { /* as kernels/pool_nd.cl numbers them */
    POOL_AVERAGE,
    POOL_MAX,
    POOL_NORM,
};

static int read_list(const struct node *node, const char *name, size_t expected, int64_t least,
                     int64_t *out, struct error *err)
{
    const int64_t *ints;
    size_t count = attribute_ints(node, name, &ints);
    if (count && count != expected)
        return error_set(err, E_PARSE, "%s has %zu entries (expected %zu)", name, count, expected);
    for (size_t i = 0; i < count; i++) {
        if (ints[i] < least || ints[i] > 4096)
            return error_set(err, E_UNSUPPORTED, "%s contains %lld (expected %lld to 4096)", name,
                             (long long)ints[i], (long long)least);
        out[i] = ints[i];
    }
    return 0;
}

static int pad_axis(const struct node *node, struct pool *pool, int a, struct error *err)
{
    int64_t reach = (pool->kernel[a] - 1) * pool->dilation[a] + 1;
    bool lower = attribute_is(node, "auto_pad", "SAME_LOWER", false);
    bool none = attribute_is(node, "auto_pad", "NOTSET", true);
    if (lower || attribute_is(node, "auto_pad", "SAME_UPPER", false)) {
        int64_t out = (pool->in[a] + pool->stride[a] - 1) / pool->stride[a];
        int64_t total = (out - 1) * pool->stride[a] + reach - pool->in[a];
        total = total > 0 ? total : 0;
        pool->begin[a] = lower ? total - total / 2 : total / 2;
        pool->end[a] = total - pool->begin[a];
    } else if (!none && !attribute_is(node, "auto_pad", "VALID", false)) {
        return error_set(err, E_UNSUPPORTED, "its auto_pad");
    }
    int64_t room = pool->in[a] + pool->begin[a] + pool->end[a] - reach;
    if (pool->begin[a] >= reach || pool->end[a] >= reach || room < 0)
        return error_set(err, E_UNSUPPORTED, "a window of %lld over %lld with pads %lld and %lld",
                         (long long)reach, (long long)pool->in[a], (long long)pool->begin[a],
                         (long long)pool->end[a]);
    pool->out[a] = (room + (pool->ceil ? pool->stride[a] - 1 : 0)) / pool->stride[a] + 1;
    /* No window may begin beyond the image and its leading padding. */
    if (pool->ceil && (pool->out[a] - 1) * pool->stride[a] >= pool->in[a] + pool->begin[a])
        pool->out[a]--;
    return 0;
}

static int read_pool(const struct graph *graph, const struct node *node, struct pool *pool,
                     struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    if (in->type != VALUE_FLOAT || in->rank < 3 || in->rank > 2 + AXES)
        return error_set(err, E_UNSUPPORTED, "input of rank %zu (expected float, 3 to 5)",
                         in->rank);
    size_t axes = in->rank - 2, first = AXES - axes;
    int64_t pads[2 * AXES] = {0};
    *pool = (struct pool){.kernel = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1},
                          .in = {1, 1, 1}};
    pool->ceil = attribute_int(node, "ceil_mode", 0) != 0;
    if (!attribute_present(node, "kernel_shape"))
        return error_set(err, E_PARSE, "kernel_shape is missing");
    int failed = read_list(node, "kernel_shape", axes, 1, pool->kernel + first, err);
    if (!failed)
        failed = read_list(node, "strides", axes, 1, pool->stride + first, err);
    if (!failed)
        failed = read_list(node, "dilations", axes, 1, pool->dilation + first, err);
    if (!failed)
        failed = read_list(node, "pads", 2 * axes, 0, pads, err);
    for (size_t i = 0; !failed && i < axes; i++) {
        pool->begin[first + i] = pads[i];
        pool->end[first + i] = pads[axes + i];
        pool->in[first + i] = in->dims[2 + i];
    }
    for (int a = 0; !failed && a < AXES; a++)
        failed = pad_axis(node, pool, a, err);
    return failed;
}

/* MaxPool's second output: where in the input each result stands, known where the input is. */
static int infer_indices(struct graph *graph, struct node *node, struct error *err)
{
    struct value *indices = node_output(graph, node, 1);
    const struct value *out = node_output(graph, node, 0);
    if (!indices)
        return 0;
    if (!graph_names(graph, node->outputs[1])) {
        node->output_count = 1;
        return 0;
    }
    if (!node_input(graph, node, 0)->data)
        return error_set(err, E_UNSUPPORTED,
                         "its indices are used, which would be integers computed from samples");
    int failed = value_set_shape(graph, indices, out->rank, out->dims, false, err);
    indices->type = VALUE_INT64;
    return failed;
}

static int infer_pool(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct pool pool;
    int failed = read_pool(graph, node, &pool, err);
    if (failed)
        return failed;
    int64_t dims[2 + AXES] = {in->dims[0], in->dims[1]};
    memcpy(dims + 2, pool.out + AXES + 2 - in->rank, (in->rank - 2) * sizeof *dims);
    failed = value_set_shape(graph, node_output(graph, node, 0), in->rank, dims, in->batched, err);
    return failed ? failed : infer_indices(graph, node, err);
}

static void define_pool(struct step *step, const struct pool *pool)
{
    step_define(step, "-DHI=%d -DWI=%d -DHO=%d -DWO=%d", (int)pool->in[1], (int)pool->in[2],
                (int)pool->out[1], (int)pool->out[2]);
    step_define(step, "-DKY=%d -DKX=%d -DSY=%d -DSX=%d", (int)pool->kernel[1],
                (int)pool->kernel[2], (int)pool->stride[1], (int)pool->stride[2]);
    step_define(step, "-DDY=%d -DDX=%d -DPY=%d -DPX=%d", (int)pool->dilation[1],
                (int)pool->dilation[2], (int)pool->begin[1], (int)pool->begin[2]);
    step_define(step, "-DPY_END=%d -DPX_END=%d", (int)pool->end[1], (int)pool->end[2]);
}

/* Channels-last on a CPU: a group makes a row. */
static int lower_blocked(struct lowering *lowering, struct node *node, const struct pool *pool,
                         struct error *err)
{
    const struct value *value = node_output(lowering->graph, node, 0);
    int in, out;
    struct step *step;
    int failed = lower_input(lowering, node->inputs[0], LAYOUT_CHANNELS_LAST, &in, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_CHANNELS_LAST, &out, err);
    if (!failed)
        failed = lower_step(lowering, "pool_blocked.cl", "pool_blocked", out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DCP=%zu", round_up((size_t)value->dims[1], CHANNEL_BLOCK));
    if (node->op->variant == POOL_MAX)
        step_define(step, "-DMAX");
    if (attribute_int(node, "count_include_pad", 0))
        step_define(step, "-DCOUNT_PADDING");
    define_pool(step, pool);
    step_tensor(step, in);
    step_tensor(step, out);
    step->global[0] = (struct count){(size_t)pool->out[1], false};
    step->global[1] = value_rows(value, 1);
    return 0;
}

/* The kernel of constant shapes for any device. */
static int lower_image_pool(struct lowering *lowering, struct node *node, const struct pool *pool,
                            struct error *err)
{
    const struct value *value = node_input(lowering->graph, node, 0);
    bool last = lower_is_channels_last(lowering, node->inputs[0]);
    enum layout layout = last ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN;
    int in, out;
    struct step *step;
    int failed = lower_input(lowering, node->inputs[0], layout, &in, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], layout, &out, err);
    if (!failed)
        failed = lower_step(lowering, "pool.cl", "pool", out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DC=%zu", last ? round_up((size_t)value->dims[1], CHANNEL_BLOCK)
                                      : (size_t)value->dims[1]);
    if (last)
        step_define(step, "-DCHANNELS_LAST");
    if (node->op->variant == POOL_MAX)
        step_define(step, "-DMAX");
    if (attribute_int(node, "count_include_pad", 0))
        step_define(step, "-DCOUNT_PADDING");
    define_pool(step, pool);
    step_tensor(step, in);
    step_tensor(step, out);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

static void step_axes(struct step *step, const int64_t axes[AXES])
{
    step_bytes(step, (const int32_t[8]){(int32_t)axes[0], (int32_t)axes[1], (int32_t)axes[2]});
}

static int lower_pool_nd(struct lowering *lowering, struct node *node, const struct pool *pool,
                         struct error *err)
{
    int in, out;
    struct step *step;
    int failed = lower_plain(lowering, node, "pool_nd.cl", "pool_nd", &in, &out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DPOOL=%d", node->op->variant);
    step_tensor(step, in);
    step_tensor(step, out);
    step_axes(step, pool->in);
    step_axes(step, pool->out);
    step_axes(step, pool->kernel);
    step_axes(step, pool->stride);
    step_axes(step, pool->dilation);
    step_axes(step, pool->begin);
    step_axes(step, pool->end);
    step_int(step, attribute_int(node, "count_include_pad", 0) != 0);
    step_float(step, (float)attribute_int(node, "p", 2));
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

static int lower_pool(struct lowering *lowering, struct node *node, struct error *err)
{
    struct pool pool;
    bool image = node_input(lowering->graph, node, 0)->rank <= 4 &&
                 node->op->variant != POOL_NORM;
    int failed = read_pool(lowering->graph, node, &pool, err);
    if (failed)
        return failed;
    if (!image)
        return lower_pool_nd(lowering, node, &pool, err);
    if (lowering->target.blocked && lower_is_channels_last(lowering, node->inputs[0]))
        return lower_blocked(lowering, node, &pool, err);
    return lower_image_pool(lowering, node, &pool, err);
}

/* One window of a constant: its result, and in *at the position of its largest element in the plane. */
static float fold_window(const struct node *node, const struct pool *pool, const float *plane,
                         const int64_t position[AXES], int64_t *at)
{
    bool largest = node->op->variant == POOL_MAX, padded = attribute_int(node, "count_include_pad", 0);
    double p = (double)attribute_int(node, "p", 2), sum = 0;
    float best = -INFINITY;
    int64_t count = 0, tap[AXES];
    for (tap[0] = 0; tap[0] < pool->kernel[0]; tap[0]++)
        for (tap[1] = 0; tap[1] < pool->kernel[1]; tap[1]++)
            for (tap[2] = 0; tap[2] < pool->kernel[2]; tap[2]++) {
                bool inside = true, within = true;
                int64_t index = 0;
                for (int a = 0; a < AXES; a++) {
                    int64_t from = position[a] * pool->stride[a] - pool->begin[a] +
                                   tap[a] * pool->dilation[a];
                    inside &= from >= 0 && from < pool->in[a];
                    within &= from < pool->in[a] + pool->end[a];
                    index = index * pool->in[a] + from;
                }
                count += padded ? within : inside;
                if (!inside)
                    continue;
                float x = plane[index];
                if (largest && (x > best || *at < 0)) {
                    best = x;
                    *at = index;
                }
                sum += node->op->variant == POOL_NORM ? pow(fabs((double)x), p) : (double)x;
            }
    return largest                             ? best
           : node->op->variant == POOL_NORM ? (float)pow(sum, 1 / p)
           : count                             ? (float)(sum / (double)count)
                                               : 0.0f;
}

/* `at` counts a plane row by row; ONNX's storage_order 1 counts it column by column. */
static int64_t stored_at(const struct node *node, const struct pool *pool, int64_t at)
{
    int64_t x = at % pool->in[2], y = at / pool->in[2] % pool->in[1];
    int64_t z = at / (pool->in[2] * pool->in[1]);
    return attribute_int(node, "storage_order", 0) ? (x * pool->in[1] + y) * pool->in[0] + z : at;
}

static int fold_pool(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0), *indices = node_output(graph, node, 1);
    struct pool pool;
    int failed = read_pool(graph, node, &pool, err);
    if (!failed)
        failed = value_allocate(out, err);
    if (!failed && indices)
        failed = value_allocate(indices, err);
    int64_t plane = pool.in[0] * pool.in[1] * pool.in[2];
    int64_t windows = pool.out[0] * pool.out[1] * pool.out[2];
    for (int64_t i = 0; !failed && i < value_elements(out); i++) {
        const int64_t position[AXES] = {i % windows / (pool.out[2] * pool.out[1]),
                                        i / pool.out[2] % pool.out[1], i % pool.out[2]};
        int64_t start = i / windows * plane, at = -1;
        ((float *)out->data)[i] =
            fold_window(node, &pool, (const float *)in->data + start, position, &at);
        if (indices)
            ((int64_t *)indices->data)[i] = start + stored_at(node, &pool, at);
    }
    return failed;
}

#define POOL_ATTRIBUTES "auto_pad:s kernel_shape:I pads:I strides:I"
#define POOL(name, first, last, attributes, outputs, variant)                                      \
    {name,      first,     last,      POOL_ATTRIBUTES attributes, 1, 1, outputs, variant,          \
     infer_pool, fold_pool, lower_pool}

const struct op ops_pool[] = {
    POOL("MaxPool", 1, 7, "", 1, POOL_MAX),
    POOL("MaxPool", 8, OPSET_LAST, " ceil_mode:i dilations:I storage_order:i", 2, POOL_MAX),
    POOL("AveragePool", 1, 18, " ceil_mode:i count_include_pad:i", 1, POOL_AVERAGE),
    POOL("AveragePool", 19, OPSET_LAST, " ceil_mode:i count_include_pad:i dilations:I", 1, POOL_AVERAGE),
    POOL("LpPool", 2, 17, " p:i", 1, POOL_NORM),
    POOL("LpPool", 18, OPSET_LAST, " p:i ceil_mode:i dilations:I", 1, POOL_NORM),
    {0},
};
