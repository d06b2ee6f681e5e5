/*
 * LayerNormalization, RMSNormalization, GroupNormalization, MeanVarianceNormalization, LpNormalization and LRN, in the
 * plain layout. Scales and shifts are constants, spread at load over what is normalised, so that
 * one index finds both whatever they were broadcast from.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/axes.h"
#include "worker/engine/ops/broadcast.h"
#include "worker/engine/ops/lists.h"

enum normalization {
    NORMALIZE_LAYER,
    NORMALIZE_GROUP, /* a scale a group; since opset 21 a channel, as NORMALIZE_GROUP_CHANNELS */
    NORMALIZE_GROUP_CHANNELS,
    NORMALIZE_MEAN_VARIANCE,
    NORMALIZE_LP,
    NORMALIZE_RMS,
};

/* MeanVarianceNormalization adds 1e-9 to the deviation; this is that square, within the root. */
#define DEVIATION_LEAST_SQUARED 1e-18f

/* The input as the kernel sees it, and which of its dimensions are normalised together. */
struct normalization_plan {
    struct value shape; /* no data */
    unsigned mask;
    int64_t inner, channels; /* index of the scale: offset / inner % channels */
    float epsilon;
};

static int plan_axes(const struct node *node, const struct value *in,
                     struct normalization_plan *plan, struct error *err)
{
    static const int64_t images[] = {0, 2, 3}, last[] = {-1};
    const int64_t *axes, one = attribute_int(node, "axis", -1);
    size_t count = attribute_ints(node, "axes", &axes), axis = 0;
    if (node->op->variant == NORMALIZE_LP) {
        axes = attribute_present(node, "axis") ? &one : last;
        count = 1;
    } else if (count == 0) {
        axes = images;
        count = 3;
    }
    int failed = 0;
    for (size_t i = 0; !failed && i < count; i++) {
        failed = list_axis(axes[i], in->rank, &axis, err);
        plan->mask |= 1u << axis;
    }
    return failed;
}

/* [N, C, …] as [N, groups, C/groups·…]. */
static int plan_groups(const struct node *node, const struct value *in,
                       struct normalization_plan *plan, struct error *err)
{
    int64_t groups = attribute_int(node, "num_groups", 0);
    if (in->rank < 2 || groups < 1 || in->dims[1] % groups)
        return error_set(err, E_PARSE, "%lld groups of %lld channels", (long long)groups,
                         (long long)(in->rank < 2 ? 0 : in->dims[1]));
    plan->channels = in->dims[1];
    plan->inner = dims_elements(in->rank - 2, in->dims + 2);
    plan->shape.rank = 3;
    plan->shape.dims[1] = groups;
    plan->shape.dims[2] = in->dims[1] / groups * plan->inner;
    plan->mask = 4;
    return 0;
}

static int make_plan(const struct graph *graph, const struct node *node,
                     struct normalization_plan *plan, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    size_t axis = 0;
    int failed = 0;
    *plan = (struct normalization_plan){.shape = *in, .inner = 1, .channels = 1};
    plan->shape.data = NULL;
    plan->epsilon = attribute_float(node, "epsilon", 1e-5f);
    if (in->type != VALUE_FLOAT || in->rank == 0)
        return error_set(err, E_UNSUPPORTED, "input is not a float tensor of rank 1 or more");
    switch ((enum normalization)node->op->variant) {
    case NORMALIZE_LAYER:
    case NORMALIZE_RMS:
        failed = list_axis(attribute_int(node, "axis", -1), in->rank, &axis, err);
        plan->mask = (1u << in->rank) - (1u << axis);
        plan->channels = dims_elements(in->rank - axis, in->dims + axis);
        break;
    case NORMALIZE_GROUP:
    case NORMALIZE_GROUP_CHANNELS:
        failed = plan_groups(node, in, plan, err);
        break;
    case NORMALIZE_MEAN_VARIANCE:
        plan->epsilon = DEVIATION_LEAST_SQUARED;
        failed = plan_axes(node, in, plan, err);
        break;
    case NORMALIZE_LP:
        failed = plan_axes(node, in, plan, err);
        break;
    }
    if (!failed && in->batched && plan->mask & 1)
        failed = error_set(err, E_UNSUPPORTED, "normalising dimension 0 would mix samples");
    return failed;
}

/* Whether input i, a scale or shift, spreads over the normalised elements. */
static int check_parameter(const struct graph *graph, const struct node *node, size_t i,
                           const struct normalization_plan *plan, struct error *err)
{
    const struct value *in = node_input(graph, node, 0), *value = node_input(graph, node, i);
    size_t rank = 0;
    int64_t dims[ENGINE_RANK_MAX];
    if (!value)
        return 0;
    if (!value->data || value->type != VALUE_FLOAT)
        return error_set(err, E_UNSUPPORTED, "input %zu is computed (expected a constant)", i);
    bool groups = node->op->variant == NORMALIZE_GROUP;
    if (groups || node->op->variant == NORMALIZE_GROUP_CHANNELS) {
        int64_t expected = groups ? plan->shape.dims[1] : plan->channels;
        bool fits = value->rank == 1 && value->dims[0] == expected;
        return fits ? 0 : error_set(err, E_PARSE, "input %zu has not %lld elements, one a %s", i,
                                    (long long)expected, groups ? "group" : "channel");
    }
    for (size_t r = 0; r < in->rank; r++)
        if (plan->mask >> r & 1)
            dims[rank++] = in->dims[r];
    if (broadcast_dims(&rank, dims, value, NULL) != 0 || dims_elements(rank, dims) != plan->channels)
        return error_set(err, E_PARSE, "input %zu does not broadcast to what is normalised", i);
    return 0;
}

static int check_attributes(const struct node *node, struct error *err)
{
    int64_t p = attribute_int(node, "p", 2);
    if (p != 1 && p != 2)
        return error_set(err, E_UNSUPPORTED, "p of %lld (expected 1 or 2)", (long long)p);
    if (attribute_int(node, "stash_type", 1) != 1)
        return error_set(err, E_UNSUPPORTED, "stash_type %lld (expected 1, float)",
                         (long long)attribute_int(node, "stash_type", 1));
    return 0;
}

static int infer_normalize(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct normalization_plan plan;
    int64_t dims[ENGINE_RANK_MAX];
    int failed = make_plan(graph, node, &plan, err);
    if (!failed)
        failed = check_attributes(node, err);
    for (size_t i = 1; !failed && i < node->input_count; i++)
        failed = check_parameter(graph, node, i, &plan, err);
    if (!failed)
        failed = value_set_shape(graph, node_output(graph, node, 0), in->rank, in->dims,
                                 in->batched, err);
    for (size_t r = 0; r < in->rank; r++)
        dims[r] = plan.mask >> r & 1 ? 1 : in->dims[r];
    for (size_t i = 1; !failed && i < node->output_count; i++)
        if (node_output(graph, node, i))
            failed = value_set_shape(graph, node_output(graph, node, i), in->rank, dims,
                                     in->batched, err);
    return failed;
}

/* Input i spread over the plan's channels, as a constant; any tensor where it is absent. */
static int lower_parameter(struct lowering *lowering, const struct node *node, size_t i,
                           const struct normalization_plan *plan, int *tensor, struct error *err)
{
    const struct value *in = node_input(lowering->graph, node, 0);
    const struct value *value = node_input(lowering->graph, node, i);
    size_t rank = 0;
    int64_t dims[ENGINE_RANK_MAX];
    int32_t strides[8];
    if (!value)
        return 0;
    float *spread = malloc((size_t)plan->channels * sizeof *spread);
    if (!spread)
        return error_set(err, E_MEMORY, "no memory for its parameters");
    for (size_t r = 0; r < in->rank; r++)
        if (plan->mask >> r & 1)
            dims[rank++] = in->dims[r];
    bool groups = node->op->variant == NORMALIZE_GROUP;
    bool listed = groups || node->op->variant == NORMALIZE_GROUP_CHANNELS;
    if (!listed)
        broadcast_strides(value, rank, dims, strides);
    for (int64_t c = 0; c < plan->channels; c++) {
        int64_t rest = c, at = groups ? c * plan->shape.dims[1] / plan->channels : listed ? c : 0;
        for (size_t r = rank; !listed && r-- > 0; rest /= dims[r])
            at += rest % dims[r] * strides[r];
        spread[c] = ((const float *)value->data)[at];
    }
    return lower_constant(lowering, spread, (size_t)plan->channels, tensor, err);
}

/* Output i, if it is there, else the main one, which the kernel then does not touch. */
static int lower_statistic(struct lowering *lowering, const struct node *node, size_t i,
                           int otherwise, int *tensor, struct error *err)
{
    *tensor = otherwise;
    if (i >= node->output_count || node->outputs[i] < 0)
        return 0;
    return lower_output(lowering, node->outputs[i], LAYOUT_PLAIN, tensor, err);
}

static void step_split(struct step *step, const struct axes_split *split)
{
    axes_arguments(step, split);
    step_int(step, (int64_t)split->count[0]);
    step_int(step, (int64_t)split->count[1]);
    step_int(step, split->elements);
}

static int lower_standardize(struct lowering *lowering, struct node *node, struct error *err)
{
    struct normalization_plan plan;
    struct axes_split split;
    struct step *step;
    int in, out, parameters[2], statistics[2];
    int failed = make_plan(lowering->graph, node, &plan, err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, &in, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, &out, err);
    for (size_t i = 0; !failed && i < 2; i++) {
        parameters[i] = in;
        failed = lower_parameter(lowering, node, i + 1, &plan, &parameters[i], err);
        if (!failed)
            failed = lower_statistic(lowering, node, i + 1, out, &statistics[i], err);
    }
    if (!failed)
        failed = lower_step(lowering, "normalize.cl", "standardize", out, &step, err);
    if (failed)
        return failed;
    axes_split(&plan.shape, LAYOUT_PLAIN, plan.mask, &split);
    struct count groups = lowering->tensors[out].elements;
    groups.each /= (size_t)split.elements;
    if (node->op->variant == NORMALIZE_RMS)
        step_define(step, "-DABOUT_ZERO");
    if (parameters[0] != in)
        step_define(step, "-DSCALE");
    if (parameters[1] != in)
        step_define(step, "-DSHIFT");
    if (statistics[0] != out)
        step_define(step, "-DMEANS");
    if (statistics[1] != out)
        step_define(step, "-DINVERSES");
    step_tensor(step, in);
    step_tensor(step, out);
    step_tensor(step, parameters[0]);
    step_tensor(step, parameters[1]);
    step_tensor(step, statistics[0]);
    step_tensor(step, statistics[1]);
    step_split(step, &split);
    step_int(step, plan.inner);
    step_int(step, plan.channels);
    step_float(step, plan.epsilon);
    step_count(step, groups);
    step_linear(step, groups);
    return 0;
}

static int lower_unit(struct lowering *lowering, struct node *node, struct error *err)
{
    struct normalization_plan plan;
    struct axes_split split;
    struct step *step;
    int in, out;
    int failed = make_plan(lowering->graph, node, &plan, err);
    if (!failed)
        failed = lower_plain(lowering, node, "normalize.cl", "unit", &in, &out, &step, err);
    if (failed)
        return failed;
    axes_split(&plan.shape, LAYOUT_PLAIN, plan.mask, &split);
    struct count groups = lowering->tensors[out].elements;
    groups.each /= (size_t)split.elements;
    step_tensor(step, in);
    step_tensor(step, out);
    step_split(step, &split);
    step_int(step, attribute_int(node, "p", 2));
    step_count(step, groups);
    step_linear(step, groups);
    return 0;
}

static int infer_local_response(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    int64_t size = attribute_int(node, "size", 0);
    if (in->type != VALUE_FLOAT || in->rank < 2)
        return error_set(err, E_UNSUPPORTED, "input of rank %zu (expected float, 2 or more)",
                         in->rank);
    if (size < 1 || size > 65536)
        return error_set(err, E_PARSE, "size %lld (expected 1 to 65536)", (long long)size);
    return value_set_shape(graph, node_output(graph, node, 0), in->rank, in->dims, in->batched,
                           err);
}

static int lower_local_response(struct lowering *lowering, struct node *node, struct error *err)
{
    const struct value *value = node_input(lowering->graph, node, 0);
    struct step *step;
    int in, out;
    int failed = lower_plain(lowering, node, "normalize.cl", "local_response", &in, &out, &step, err);
    if (failed)
        return failed;
    step_tensor(step, in);
    step_tensor(step, out);
    step_int(step, value->dims[1]);
    step_int(step, dims_elements(value->rank - 2, value->dims + 2));
    step_int(step, attribute_int(node, "size", 0));
    step_float(step, attribute_float(node, "alpha", 0.0001f));
    step_float(step, attribute_float(node, "beta", 0.75f));
    step_float(step, attribute_float(node, "bias", 1.0f));
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

const struct op ops_normalize[] = {
    {"LayerNormalization", 17, OPSET_LAST, "axis:i epsilon:f stash_type:i", 2, 3, 3, NORMALIZE_LAYER,
     infer_normalize, NULL, lower_standardize},
    {"RMSNormalization", 23, OPSET_LAST, "axis:i epsilon:f stash_type:i", 2, 2, 1, NORMALIZE_RMS,
     infer_normalize, NULL, lower_standardize},
    {"GroupNormalization", 18, 20, "epsilon:f num_groups:i", 3, 3, 1, NORMALIZE_GROUP,
     infer_normalize, NULL, lower_standardize},
    {"GroupNormalization", 21, OPSET_LAST, "epsilon:f num_groups:i stash_type:i", 3, 3, 1,
     NORMALIZE_GROUP_CHANNELS, infer_normalize, NULL, lower_standardize},
    {"MeanVarianceNormalization", 9, OPSET_LAST, "axes:I", 1, 1, 1, NORMALIZE_MEAN_VARIANCE,
     infer_normalize, NULL, lower_standardize},
    {"LpNormalization", 1, OPSET_LAST, "axis:i p:i", 1, 1, 1, NORMALIZE_LP, infer_normalize, NULL,
     lower_unit},
    {"LRN", 1, OPSET_LAST, "alpha:f beta:f bias:f size:i", 1, 1, 1, 0, infer_local_response, NULL,
     lower_local_response},
    {0},
};
