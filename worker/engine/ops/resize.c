/*
 * Resize and Upsample. Coordinates and weights become tables at load, so that all modes of all
 * opsets are two kernels: images, nearest or linear, in either layout, and any axes in any
 * mode, plain.
 */
#include "worker/engine/ops/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/lists.h"
#include "worker/engine/ops/move.h"
#include "worker/engine/ops/resize_axis.h"

#define SIZE_MAX_AXIS (1 << 20)

struct resize {
    struct resize_method method;
    struct resize_axis axes[ENGINE_RANK_MAX];
    size_t rank;
    float fill; /* of what is extrapolated */
};

/* The elements of a constant input, or NULL if it is absent or empty. */
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

/* Which of `names` the attribute is, `otherwise` if it is absent. */
static int read_name(const struct node *node, const char *name, const char *const *names,
                     size_t count, int otherwise, int *which, struct error *err)
{
    char text[64];
    attribute_text(node, name, text);
    *which = otherwise;
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0) {
            *which = (int)i;
            return 0;
        }
    if (attribute_present(node, name) && *text)
        return error_set(err, E_UNSUPPORTED, "%s %s", name, text);
    return 0;
}

static int read_method(const struct graph *graph, const struct node *node,
                       struct resize_method *method, struct error *err)
{
    static const char *const modes[] = {"nearest", "linear", "cubic", "bilinear"};
    static const char *const coordinates[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                              "asymmetric", "tf_half_pixel_for_nn",
                                              "tf_crop_and_resize", "half_pixel_symmetric"};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                            "ceil"};
    bool old = graph->opset < 11; /* before there was a choice */
    int mode = 0, coordinate = 0, rounding = 0;
    int failed = read_name(node, "mode", modes, 4, RESIZE_NEAREST, &mode, err);
    if (!failed)
        failed = read_name(node, "coordinate_transformation_mode", coordinates,
                           graph->opset < 19 ? 6 : 7,
                           old ? RESIZE_ASYMMETRIC : RESIZE_HALF_PIXEL, &coordinate, err);
    if (!failed)
        failed = read_name(node, "nearest_mode", roundings, 4,
                           old ? RESIZE_FLOOR : RESIZE_ROUND_PREFER_FLOOR, &rounding, err);
    *method = (struct resize_method){
        .mode = mode == 3 ? RESIZE_LINEAR : (enum resize_mode)mode,
        .coordinates = (enum resize_coordinates)coordinate,
        .rounding = (enum resize_rounding)rounding,
        .cubic = (double)attribute_float(node, "cubic_coeff_a", -0.75f),
        .exclude_outside = attribute_int(node, "exclude_outside", 0) != 0,
        .antialias = attribute_int(node, "antialias", 0) != 0,
    };
    return failed;
}

/* The axes that scales, sizes and regions are given for: all, or since opset 18 some. */
static int read_axes(const struct node *node, size_t rank, size_t axes[ENGINE_RANK_MAX],
                     size_t *count, struct error *err)
{
    const int64_t *list;
    size_t given = attribute_ints(node, "axes", &list);
    if (given > rank)
        return error_set(err, E_PARSE, "%zu axes for rank %zu", given, rank);
    *count = given ? given : rank;
    for (size_t i = 0; i < *count; i++) {
        int failed = list_axis(given ? list[i] : (int64_t)i, rank, &axes[i], err);
        if (failed)
            return failed;
    }
    return 0;
}

static int apply_scales(const float *scales, const size_t *axes, size_t count,
                        struct resize *resize, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct resize_axis *axis = &resize->axes[axes[i]];
        axis->scale = (double)scales[i];
        axis->length = (double)axis->in * axis->scale;
        if (!(axis->length >= 1 && axis->length <= SIZE_MAX_AXIS))
            return error_set(err, E_UNSUPPORTED, "scale %g of %lld", axis->scale,
                             (long long)axis->in);
        axis->out = (int64_t)floor(axis->length);
    }
    return 0;
}

/* The one scale that keeps proportions within the sizes, or covering them; 0: each axis its own. */
static int common_scale(const struct node *node, const int64_t *sizes, const size_t *axes,
                        size_t count, const struct resize *resize, double *scale,
                        struct error *err)
{
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};
    int policy;
    int failed = read_name(node, "keep_aspect_ratio_policy", policies, 3, 0, &policy, err);
    *scale = 0;
    for (size_t i = 0; !failed && policy && i < count; i++) {
        double own = (double)sizes[i] / (double)resize->axes[axes[i]].in;
        if (i == 0 || (policy == 1 ? own < *scale : own > *scale))
            *scale = own;
    }
    return failed;
}

static int apply_sizes(const struct node *node, const int64_t *sizes, const size_t *axes,
                       size_t count, struct resize *resize, struct error *err)
{
    double common;
    int failed = common_scale(node, sizes, axes, count, resize, &common, err);
    for (size_t i = 0; !failed && i < count; i++) {
        struct resize_axis *axis = &resize->axes[axes[i]];
        double size = common > 0 ? floor(common * (double)axis->in + 0.5) : (double)sizes[i];
        if (!(size >= 1 && size <= SIZE_MAX_AXIS))
            return error_set(err, E_UNSUPPORTED, "a size of %g", size);
        axis->out = (int64_t)size;
        axis->length = size;
        axis->scale = common > 0 ? common : size / (double)axis->in;
    }
    return failed;
}

/* The regions of tf_crop_and_resize: all starts, then all ends. */
static int apply_regions(const struct graph *graph, const struct node *node, const size_t *axes,
                         size_t count, struct resize *resize, struct error *err)
{
    const void *list;
    size_t given;
    if (resize->method.coordinates != RESIZE_TF_CROP)
        return 0;
    int failed = constant_list(graph, node, 1, VALUE_FLOAT, &list, &given, err);
    if (!failed && given != 2 * count)
        failed = error_set(err, E_PARSE, "%zu ends of regions (expected %zu)", given, 2 * count);
    for (size_t i = 0; !failed && i < count; i++) {
        resize->axes[axes[i]].start = (double)((const float *)list)[i];
        resize->axes[axes[i]].end = (double)((const float *)list)[count + i];
    }
    return failed;
}

/* Upsample had its scales as attributes first: of height and width, then of all axes. */
static int attribute_scales(const struct graph *graph, const struct node *node, float *scales,
                            size_t *count, struct error *err)
{
    size_t rank = node_input(graph, node, 0)->rank;
    const float *list;
    *count = rank;
    if (graph->opset >= 7) {
        size_t given = attribute_floats(node, "scales", &list);
        for (size_t i = 0; i < given && i < rank; i++)
            scales[i] = list[i];
        return given == rank ? 0 : error_set(err, E_PARSE, "%zu scales for rank %zu", given, rank);
    }
    if (rank != 4)
        return error_set(err, E_UNSUPPORTED, "input of rank %zu (expected 4)", rank);
    scales[0] = scales[1] = 1;
    scales[2] = attribute_float(node, "height_scale", 1);
    scales[3] = attribute_float(node, "width_scale", 1);
    return 0;
}

static int read_sizes(const struct graph *graph, const struct node *node, struct resize *resize,
                      struct error *err)
{
    size_t axes[ENGINE_RANK_MAX], count = 0, scale_count = 0, size_count = 0;
    float attributes[ENGINE_RANK_MAX];
    const void *scales = attributes, *sizes = NULL;
    int failed = read_axes(node, resize->rank, axes, &count, err);
    if (!failed && graph->opset < 9)
        failed = attribute_scales(graph, node, attributes, &scale_count, err);
    else if (!failed) /* Upsample-9 and Resize-10: input 1 is the scales */
        failed = constant_list(graph, node, graph->opset < 11 ? 1 : 2, VALUE_FLOAT, &scales,
                               &scale_count, err);
    if (!failed && graph->opset >= 11)
        failed = constant_list(graph, node, 3, VALUE_INT64, &sizes, &size_count, err);
    if (failed)
        return failed;
    if (!scales == !sizes)
        return error_set(err, E_PARSE, "%s scales %s sizes are given", scales ? "both" : "neither",
                         scales ? "and" : "nor");
    if ((scales ? scale_count : size_count) != count)
        return error_set(err, E_PARSE, "%zu %s (expected %zu)", scales ? scale_count : size_count,
                         scales ? "scales" : "sizes", count);
    failed = scales ? apply_scales(scales, axes, count, resize, err)
                    : apply_sizes(node, sizes, axes, count, resize, err);
    return failed ? failed : apply_regions(graph, node, axes, count, resize, err);
}

static int read_resize(const struct graph *graph, const struct node *node, struct resize *resize,
                       struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    *resize = (struct resize){.rank = in->rank};
    resize->fill = attribute_float(node, "extrapolation_value", 0.0f);
    if (in->type != VALUE_FLOAT || in->rank == 0)
        return error_set(err, E_UNSUPPORTED, "input is not a float tensor of rank 1 or more");
    for (size_t r = 0; r < in->rank; r++)
        resize->axes[r] = (struct resize_axis){.in = in->dims[r], .out = in->dims[r], .scale = 1,
                                               .length = (double)in->dims[r], .end = 1};
    int failed = read_method(graph, node, &resize->method, err);
    if (!failed)
        failed = read_sizes(graph, node, resize, err);
    for (size_t r = 0; !failed && r < in->rank; r++) {
        if (r == 0 && in->batched && !resize_keeps(&resize->method, &resize->axes[0]))
            failed = error_set(err, E_UNSUPPORTED, "it resizes the batch");
        else if (resize_tap_count(&resize->method, &resize->axes[r]) == 0)
            failed = error_set(err, E_UNSUPPORTED, "antialiasing by more than %d taps",
                               RESIZE_TAPS_MAX);
    }
    return failed;
}

static int infer_resize(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct resize resize;
    int64_t dims[ENGINE_RANK_MAX];
    int failed = read_resize(graph, node, &resize, err);
    if (failed)
        return failed;
    for (size_t r = 0; r < in->rank; r++)
        dims[r] = resize.axes[r].out;
    return value_set_shape(graph, node_output(graph, node, 0), in->rank, dims, in->batched, err);
}

/* Of an image along height and width only, with one tap or two. */
static bool is_image(const struct resize *resize)
{
    const struct resize_method *method = &resize->method;
    return resize->rank == 4 && method->mode != RESIZE_CUBIC && !method->antialias &&
           !method->exclude_outside && method->coordinates != RESIZE_TF_CROP &&
           resize_keeps(method, &resize->axes[0]) && resize_keeps(method, &resize->axes[1]);
}

int resize_factor(const struct graph *graph, const struct node *node)
{
    struct resize resize;
    struct resize_taps taps;
    if (node->op->infer != infer_resize || read_resize(graph, node, &resize, NULL) != 0 ||
        resize.method.mode != RESIZE_NEAREST || !is_image(&resize))
        return 0;
    int64_t factor = resize.axes[2].out / resize.axes[2].in;
    for (int a = 2; a < 4; a++) {
        const struct resize_axis *axis = &resize.axes[a];
        if (axis->out != factor * axis->in)
            return 0;
        for (int64_t i = 0; i < axis->out; i++) {
            resize_taps(&resize.method, axis, i, &taps);
            if (taps.index[0] != i / factor)
                return 0;
        }
    }
    return (int)factor;
}

/* The axis' tables as constants: pairs of indices (their bits in floats), and shares of the second. */
static int lower_image_axis(struct lowering *lowering, const struct resize *resize, size_t a,
                            int *pairs, int *shares, struct error *err)
{
    const struct resize_axis *axis = &resize->axes[a];
    size_t count = (size_t)axis->out;
    float *indices = malloc(2 * count * sizeof *indices), *parts = malloc(count * sizeof *parts);
    struct resize_taps taps;
    if (!indices || !parts) {
        free(indices);
        free(parts);
        return error_set(err, E_MEMORY, "no memory for a table");
    }
    for (size_t i = 0; i < count; i++) {
        resize_taps(&resize->method, axis, (int64_t)i, &taps);
        int32_t pair[2] = {taps.index[0], taps.index[taps.count - 1]};
        parts[i] = taps.count > 1 ? taps.weight[1] : 0;
        memcpy(&indices[2 * i], pair, sizeof pair);
    }
    int failed = lower_constant(lowering, indices, 2 * count, pairs, err);
    if (failed) {
        free(parts);
        return failed;
    }
    return lower_constant(lowering, parts, count, shares, err);
}

static int lower_image(struct lowering *lowering, struct node *node, const struct resize *resize,
                       struct error *err)
{
    const struct value *value = node_input(lowering->graph, node, 0);
    bool last = lower_is_channels_last(lowering, node->inputs[0]);
    enum layout layout = last ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN;
    int in, out, tables[4];
    struct step *step;
    int failed = lower_image_axis(lowering, resize, 2, &tables[0], &tables[1], err);
    if (!failed)
        failed = lower_image_axis(lowering, resize, 3, &tables[2], &tables[3], err);
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
                (int)resize->axes[2].in, (int)resize->axes[3].in, (int)resize->axes[2].out,
                (int)resize->axes[3].out);
    if (last)
        step_define(step, "-DCHANNELS_LAST");
    if (resize->method.mode == RESIZE_LINEAR)
        step_define(step, "-DLINEAR");
    step_tensor(step, in);
    step_tensor(step, out);
    for (int i = 0; i < 4; i++)
        step_tensor(step, tables[i]);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

/* All axes' taps, one table after another. */
struct tap_tables {
    int32_t offsets[8], taps[8]; /* -1 and 1 for an axis that stays */
    int64_t combinations;
    float *indices, *weights; /* the indices' bits */
    size_t count;
};

static int make_tables(const struct resize *resize, struct tap_tables *tables, struct error *err)
{
    struct resize_taps taps;
    *tables = (struct tap_tables){.combinations = 1};
    for (size_t r = 0; r < 8; r++) {
        bool kept = r >= resize->rank || resize_keeps(&resize->method, &resize->axes[r]);
        tables->offsets[r] = kept ? -1 : (int32_t)tables->count;
        tables->taps[r] = kept ? 1 : resize_tap_count(&resize->method, &resize->axes[r]);
        tables->combinations *= tables->taps[r];
        if (tables->combinations > 1 << 24)
            return error_set(err, E_UNSUPPORTED, "more than 2^24 taps");
        tables->count += kept ? 0 : (size_t)(resize->axes[r].out * tables->taps[r]);
    }
    tables->indices = malloc((tables->count + 1) * sizeof *tables->indices);
    tables->weights = malloc((tables->count + 1) * sizeof *tables->weights);
    if (!tables->indices || !tables->weights) {
        free(tables->indices);
        free(tables->weights);
        return error_set(err, E_MEMORY, "no memory for a table");
    }
    for (size_t r = 0; r < resize->rank; r++)
        for (int64_t i = 0; tables->offsets[r] >= 0 && i < resize->axes[r].out; i++) {
            size_t at = (size_t)tables->offsets[r] + (size_t)(i * tables->taps[r]);
            resize_taps(&resize->method, &resize->axes[r], i, &taps);
            memcpy(tables->indices + at, taps.index, (size_t)taps.count * sizeof *taps.index);
            memcpy(tables->weights + at, taps.weight, (size_t)taps.count * sizeof *taps.weight);
        }
    return 0;
}

static int lower_any(struct lowering *lowering, struct node *node, const struct resize *resize,
                     struct error *err)
{
    const struct value *value = node_input(lowering->graph, node, 0);
    struct tap_tables tables;
    int32_t dims[8] = {1, 1, 1, 1, 1, 1, 1, 1}, strides[8] = {0};
    int64_t dense[ENGINE_RANK_MAX];
    int in, out, indices, weights;
    struct step *step;
    int failed = make_tables(resize, &tables, err);
    if (failed)
        return failed;
    failed = lower_constant(lowering, tables.indices, tables.count + 1, &indices, err);
    if (failed) {
        free(tables.weights);
        return failed;
    }
    failed = lower_constant(lowering, tables.weights, tables.count + 1, &weights, err);
    if (!failed)
        failed = lower_plain(lowering, node, "resize_nd.cl", "resize_nd", &in, &out, &step, err);
    if (failed)
        return failed;
    move_strides(value->rank, value->dims, dense);
    for (size_t r = 0; r < resize->rank; r++) {
        dims[r] = (int32_t)resize->axes[r].out;
        strides[r] = (int32_t)dense[r];
    }
    step_tensor(step, in);
    step_tensor(step, out);
    step_tensor(step, indices);
    step_tensor(step, weights);
    step_bytes(step, dims);
    step_bytes(step, strides);
    step_bytes(step, tables.offsets);
    step_bytes(step, tables.taps);
    step_int(step, (int64_t)resize->rank);
    step_int(step, tables.combinations);
    step_float(step, resize->fill);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

static int lower_resize(struct lowering *lowering, struct node *node, struct error *err)
{
    struct resize resize;
    int failed = read_resize(lowering->graph, node, &resize, err);
    if (failed)
        return failed;
    return is_image(&resize) ? lower_image(lowering, node, &resize, err)
                             : lower_any(lowering, node, &resize, err);
}

#define RESIZE_ATTRIBUTES                                                                          \
    "mode:s coordinate_transformation_mode:s nearest_mode:s cubic_coeff_a:f exclude_outside:i "    \
    "extrapolation_value:f"
#define RESIZE(name, first, last, attributes, least, most)                                         \
    {name, first, last, attributes, least, most, 1, 0, infer_resize, NULL, lower_resize}

const struct op ops_resize[] = {
    RESIZE("Upsample", 1, 6, "mode:s height_scale:f width_scale:f", 1, 1),
    RESIZE("Upsample", 7, 8, "mode:s scales:F", 1, 1),
    RESIZE("Upsample", 9, 9, "mode:s", 2, 2),
    RESIZE("Resize", 10, 10, "mode:s", 2, 2),
    RESIZE("Resize", 11, 17, RESIZE_ATTRIBUTES, 1, 4),
    RESIZE("Resize", 18, OPSET_LAST, RESIZE_ATTRIBUTES " antialias:i axes:I keep_aspect_ratio_policy:s",
           1, 4),
    {0},
};
