/*
 * Resize and Upsample of the two image axes, nearest and linear: coordinates become tables at load,
 * so that every mode of every opset is the same kernel.
 */
#include "worker/engine/ops/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"

struct resize_axis {
    int64_t in, out;
    float scale;
    double length; /* of the result before rounding down, which align_corners divides by */
};

struct resize {
    struct resize_axis axes[2]; /* y, x */
    bool linear;
    char coordinates[64], nearest[64];
};

/* The floats of a constant input, or NULL if it is absent or empty. */
static int constant_list(const struct graph *graph, const struct node *node, size_t i,
                         enum value_type type, const void **list, size_t *count,
                         struct error *err)
{
    const struct value *value = node_input(graph, node, i);
    *list = NULL;
    *count = 0;
    if (!value || (value->data && value_elements(value) == 0))
        return 0;
    if (!value->data || value->type != type || value->rank != 1)
        return error_set(err, E_UNSUPPORTED, "input %zu is not a constant list", i);
    *list = value->data;
    *count = (size_t)value->dims[0];
    return 0;
}

static int apply_scales(const struct value *in, const float *scales, size_t count,
                        struct resize *resize, struct error *err)
{
    if (count != in->rank || scales[0] != 1.0f || scales[1] != 1.0f)
        return error_set(err, E_UNSUPPORTED, "%zu scales (expected %zu, the first two 1)", count,
                         in->rank);
    for (int a = 0; a < 2; a++) {
        struct resize_axis *axis = &resize->axes[a];
        axis->in = in->dims[2 + a];
        axis->scale = scales[2 + a];
        double out = floor((double)axis->in * (double)axis->scale);
        if (!(out >= 1 && out <= 1 << 20))
            return error_set(err, E_UNSUPPORTED, "scale %g of %lld", (double)axis->scale,
                             (long long)axis->in);
        axis->out = (int64_t)out;
        axis->length = (double)axis->in * (double)axis->scale;
    }
    return 0;
}

static int apply_sizes(const struct value *in, const int64_t *sizes, size_t count,
                       struct resize *resize, struct error *err)
{
    if (count != in->rank || sizes[0] != in->dims[0] || sizes[1] != in->dims[1])
        return error_set(err, E_UNSUPPORTED, "%zu sizes (expected %zu, the first two unchanged)",
                         count, in->rank);
    for (int a = 0; a < 2; a++) {
        struct resize_axis *axis = &resize->axes[a];
        axis->in = in->dims[2 + a];
        axis->out = sizes[2 + a];
        if (axis->out < 1 || axis->out > 1 << 20)
            return error_set(err, E_UNSUPPORTED, "a size of %lld", (long long)axis->out);
        axis->scale = (float)axis->out / (float)axis->in;
        axis->length = (double)axis->out;
    }
    return 0;
}

static int read_modes(const struct graph *graph, const struct node *node, struct resize *resize,
                      struct error *err)
{
    char mode[64];
    attribute_text(node, "mode", mode);
    resize->linear = strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0;
    if (!resize->linear && *mode && strcmp(mode, "nearest") != 0)
        return error_set(err, E_UNSUPPORTED, "mode %s (expected nearest or linear)", mode);
    attribute_text(node, "coordinate_transformation_mode", resize->coordinates);
    attribute_text(node, "nearest_mode", resize->nearest);
    if (graph->opset < 11) { /* before there was a choice */
        strcpy(resize->coordinates, "asymmetric");
        strcpy(resize->nearest, "floor");
    }
    if (!*resize->coordinates)
        strcpy(resize->coordinates, "half_pixel");
    if (!*resize->nearest)
        strcpy(resize->nearest, "round_prefer_floor");
    if (attribute_int(node, "exclude_outside", 0) || attribute_int(node, "antialias", 0) ||
        attribute_present(node, "axes") ||
        !attribute_is(node, "keep_aspect_ratio_policy", "stretch", true))
        return error_set(err, E_UNSUPPORTED,
                         "exclude_outside, antialias, axes or keep_aspect_ratio_policy");
    return 0;
}

static int read_sizes(const struct graph *graph, const struct node *node, struct resize *resize,
                      struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    bool upsample = graph->opset < 11; /* Upsample, and Resize-10: input 1 is the scales */
    const void *scales, *sizes = NULL;
    size_t scale_count, size_count = 0;
    int failed = constant_list(graph, node, upsample ? 1 : 2, VALUE_FLOAT, &scales, &scale_count,
                               err);
    if (!failed && !upsample)
        failed = constant_list(graph, node, 3, VALUE_INT64, &sizes, &size_count, err);
    if (failed)
        return failed;
    if (scales && sizes)
        return error_set(err, E_PARSE, "both scales and sizes are given");
    if (scales)
        return apply_scales(in, scales, scale_count, resize, err);
    if (sizes)
        return apply_sizes(in, sizes, size_count, resize, err);
    return error_set(err, E_PARSE, "neither scales nor sizes are given");
}

/* The input coordinate of output i; false for a transformation we do not know. */
static bool coordinate(const struct resize *resize, const struct resize_axis *axis, int64_t i,
                       double *at)
{
    double scale = (double)axis->scale, x = (double)i;
    if (strcmp(resize->coordinates, "asymmetric") == 0)
        *at = x / scale;
    else if (strcmp(resize->coordinates, "half_pixel") == 0)
        *at = (x + 0.5) / scale - 0.5;
    else if (strcmp(resize->coordinates, "pytorch_half_pixel") == 0)
        *at = axis->out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    else if (strcmp(resize->coordinates, "align_corners") == 0)
        *at = axis->out > 1 ? x * (double)(axis->in - 1) / (axis->length - 1) : 0;
    else
        return false;
    return true;
}

static bool nearest(const struct resize *resize, double at, double *index)
{
    if (strcmp(resize->nearest, "floor") == 0)
        *index = floor(at);
    else if (strcmp(resize->nearest, "ceil") == 0)
        *index = ceil(at);
    else if (strcmp(resize->nearest, "round_prefer_floor") == 0)
        *index = ceil(at - 0.5);
    else if (strcmp(resize->nearest, "round_prefer_ceil") == 0)
        *index = floor(at + 0.5);
    else
        return false;
    return true;
}

static int32_t clamp(double index, int64_t in)
{
    return (int32_t)(index < 0 ? 0 : index > (double)(in - 1) ? (double)(in - 1) : index);
}

/* Both neighbours and the share of the second, for output i. */
static bool neighbours(const struct resize *resize, const struct resize_axis *axis, int64_t i,
                       int32_t pair[2], float *share)
{
    double at, index;
    if (!coordinate(resize, axis, i, &at))
        return false;
    if (resize->linear) {
        at = at < 0 ? 0 : at > (double)(axis->in - 1) ? (double)(axis->in - 1) : at;
        pair[0] = clamp(floor(at), axis->in);
        pair[1] = clamp(floor(at) + 1, axis->in);
        *share = (float)(at - floor(at));
        return true;
    }
    if (!nearest(resize, at, &index))
        return false;
    pair[0] = pair[1] = clamp(index, axis->in);
    *share = 0;
    return true;
}

static int read_resize(const struct graph *graph, const struct node *node, struct resize *resize,
                       struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    int32_t pair[2];
    float share;
    *resize = (struct resize){0};
    if (in->type != VALUE_FLOAT || in->rank != 4)
        return error_set(err, E_UNSUPPORTED, "input of rank %zu (expected float, 4)", in->rank);
    int failed = read_modes(graph, node, resize, err);
    if (!failed)
        failed = read_sizes(graph, node, resize, err);
    if (!failed && !neighbours(resize, &resize->axes[0], 0, pair, &share))
        failed = error_set(err, E_UNSUPPORTED, "coordinates %s with nearest_mode %s",
                           resize->coordinates, resize->nearest);
    return failed;
}

static int infer_resize(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct resize resize;
    int failed = read_resize(graph, node, &resize, err);
    if (failed)
        return failed;
    int64_t dims[4] = {in->dims[0], in->dims[1], resize.axes[0].out, resize.axes[1].out};
    return value_set_shape(graph, node_output(graph, node, 0), 4, dims, in->batched, err);
}

int resize_factor(const struct graph *graph, const struct node *node)
{
    struct resize resize;
    if (node->op->infer != infer_resize || read_resize(graph, node, &resize, NULL) != 0 ||
        resize.linear)
        return 0;
    int64_t factor = resize.axes[0].out / resize.axes[0].in;
    for (int a = 0; a < 2; a++) {
        const struct resize_axis *axis = &resize.axes[a];
        if (axis->out != factor * axis->in)
            return 0;
        for (int64_t i = 0; i < axis->out; i++) {
            int32_t pair[2];
            float share;
            if (!neighbours(&resize, axis, i, pair, &share) || pair[0] != i / factor)
                return 0;
        }
    }
    return (int)factor;
}

/* The axis' tables as constants: pairs of indices (their bits in floats), and shares. */
static int lower_axis(struct lowering *lowering, const struct resize *resize, int a, int *pairs,
                      int *shares, struct error *err)
{
    const struct resize_axis *axis = &resize->axes[a];
    size_t count = (size_t)axis->out;
    float *indices = malloc(2 * count * sizeof *indices), *parts = malloc(count * sizeof *parts);
    if (!indices || !parts) {
        free(indices);
        free(parts);
        return error_set(err, E_MEMORY, "no memory for a table");
    }
    for (size_t i = 0; i < count; i++) {
        int32_t pair[2] = {0, 0};
        parts[i] = 0;
        if (neighbours(resize, axis, (int64_t)i, pair, &parts[i]))
            memcpy(&indices[2 * i], pair, sizeof pair);
    }
    int failed = lower_constant(lowering, indices, 2 * count, pairs, err);
    if (failed) {
        free(parts);
        return failed;
    }
    return lower_constant(lowering, parts, count, shares, err);
}

static int lower_resize(struct lowering *lowering, struct node *node, struct error *err)
{
    const struct value *value = node_input(lowering->graph, node, 0);
    bool last = lower_is_channels_last(lowering, node->inputs[0]);
    enum layout layout = last ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN;
    struct resize resize;
    int in, out, tables[4];
    struct step *step;
    int failed = read_resize(lowering->graph, node, &resize, err);
    if (!failed)
        failed = lower_axis(lowering, &resize, 0, &tables[0], &tables[1], err);
    if (!failed)
        failed = lower_axis(lowering, &resize, 1, &tables[2], &tables[3], err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[0], layout, &in, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], layout, &out, err);
    if (!failed)
        failed = lower_step(lowering, "resize.cl", "resize", out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DC=%zu -DHI=%d -DWI=%d -DHO=%d -DWO=%d",
                last ? round_up((size_t)value->dims[1], CHANNEL_BLOCK) : (size_t)value->dims[1],
                (int)resize.axes[0].in, (int)resize.axes[1].in, (int)resize.axes[0].out,
                (int)resize.axes[1].out);
    if (last)
        step_define(step, "-DCHANNELS_LAST");
    if (resize.linear)
        step_define(step, "-DLINEAR");
    step_tensor(step, in);
    step_tensor(step, out);
    for (int i = 0; i < 4; i++)
        step_tensor(step, tables[i]);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

#define RESIZE_ATTRIBUTES                                                                          \
    "mode:s coordinate_transformation_mode:s nearest_mode:s cubic_coeff_a:f exclude_outside:i "    \
    "extrapolation_value:f antialias:i axes:I keep_aspect_ratio_policy:s"

const struct op ops_resize[] = {
    {"Upsample", 9, 9, "mode:s", 2, 2, 1, 0, infer_resize, NULL, lower_resize},
    {"Resize", 10, 10, "mode:s", 2, 2, 1, 0, infer_resize, NULL, lower_resize},
    {"Resize", 11, 18, RESIZE_ATTRIBUTES, 1, 4, 1, 0, infer_resize, NULL, lower_resize},
    {0},
};
