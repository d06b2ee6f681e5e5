/* BatchNormalization (inference), InstanceNormalization, and the pixel norm that fusion finds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/norm.h"

/* Inputs 1.. must be constant vectors of one element a channel. */
static int check_parameters(const struct graph *graph, const struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    if (in->rank < 2 || in->type != VALUE_FLOAT)
        return error_set(err, E_UNSUPPORTED, "input of rank %zu (expected float, 2 or more)",
                         in->rank);
    for (size_t i = 1; i < node->input_count; i++) {
        const struct value *value = node_input(graph, node, i);
        if (!value->data || value->type != VALUE_FLOAT)
            return error_set(err, E_UNSUPPORTED, "input %zu is computed (expected a constant)", i);
        if (value->rank != 1 || value->dims[0] != in->dims[1])
            return error_set(err, E_PARSE, "input %zu has not %lld elements", i,
                             (long long)in->dims[1]);
    }
    return 0;
}

static int infer_norm(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    int failed = check_parameters(graph, node, err);
    if (!failed && attribute_int(node, "training_mode", 0))
        failed = error_set(err, E_UNSUPPORTED, "training_mode 1");
    if (!failed && attribute_int(node, "spatial", 1) != 1)
        failed = error_set(err, E_UNSUPPORTED, "spatial 0");
    if (!failed && attribute_int(node, "is_test", 1) != 1 && graph->opset < 7)
        failed = error_set(err, E_UNSUPPORTED, "is_test 0");
    if (failed)
        return failed;
    return value_set_shape(graph, node_output(graph, node, 0), in->rank, in->dims, in->batched,
                           err);
}

int batch_norm_affine(const struct graph *graph, const struct node *node, float **scale,
                      float **shift, struct error *err)
{
    size_t channels = (size_t)node_input(graph, node, 0)->dims[1];
    const float *gamma = node_input(graph, node, 1)->data, *beta = node_input(graph, node, 2)->data;
    const float *mean = node_input(graph, node, 3)->data, *var = node_input(graph, node, 4)->data;
    double epsilon = (double)attribute_float(node, "epsilon", 1e-5f);
    float *a = malloc(channels * sizeof *a), *b = malloc(channels * sizeof *b);
    if (!a || !b) {
        free(a);
        free(b);
        return error_set(err, E_MEMORY, "no memory for %zu channels", channels);
    }
    for (size_t c = 0; c < channels; c++) {
        double by = (double)gamma[c] / sqrt((double)var[c] + epsilon);
        a[c] = (float)by;
        b[c] = (float)((double)beta[c] - (double)mean[c] * by);
    }
    *scale = a;
    *shift = b;
    return 0;
}

/* in, out, two constant vectors; sizes as norm.cl has them. */
static int lower_planes(struct lowering *lowering, struct node *node, const char *kernel,
                        float *scale, float *shift, struct count total, struct error *err)
{
    const struct value *value = node_input(lowering->graph, node, 0);
    size_t channels = (size_t)value->dims[1];
    int64_t plane = dims_elements(value->rank - 2, value->dims + 2);
    int in, out, a, b;
    struct step *step;
    int failed = lower_constant(lowering, scale, channels, &a, err);
    if (failed) {
        free(shift);
        return failed;
    }
    failed = lower_constant(lowering, shift, channels, &b, err);
    if (!failed)
        failed = lower_plain(lowering, node, "norm.cl", kernel, &in, &out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DC=%zu -DCP=%zu -DP=%lld", channels, channels, (long long)plane);
    step_define(step, "-DEPSILON=(%af)", (double)attribute_float(node, "epsilon", 1e-5f));
    step_tensor(step, in);
    step_tensor(step, out);
    step_tensor(step, a);
    step_tensor(step, b);
    step_count(step, total);
    step_linear(step, total);
    return 0;
}

static int lower_batch_norm(struct lowering *lowering, struct node *node, struct error *err)
{
    float *scale, *shift;
    int failed = batch_norm_affine(lowering->graph, node, &scale, &shift, err);
    if (failed)
        return failed;
    return lower_planes(lowering, node, "affine", scale, shift,
                        value_count(node_input(lowering->graph, node, 0)), err);
}

static float *copy_floats(const struct value *value)
{
    size_t bytes = (size_t)value_elements(value) * sizeof(float);
    float *copy = malloc(bytes + 1);
    return copy ? memcpy(copy, value->data, bytes) : NULL;
}

static int lower_instance_norm(struct lowering *lowering, struct node *node, struct error *err)
{
    const struct value *in = node_input(lowering->graph, node, 0);
    float *scale = copy_floats(node_input(lowering->graph, node, 1));
    float *shift = copy_floats(node_input(lowering->graph, node, 2));
    if (!scale || !shift) {
        free(scale);
        free(shift);
        return error_set(err, E_MEMORY, "no memory for its parameters");
    }
    struct count planes = value_rows(in, (size_t)in->dims[1]);
    int failed = lower_planes(lowering, node, "instance_norm", scale, shift, planes, err);
    if (!failed && lowering->target.gpu &&
        dims_elements(in->rank - 2, in->dims + 2) >= GROUPED_LEAST)
        step_groups(&lowering->steps[lowering->step_count - 1], planes);
    return failed;
}

int lower_pixel_norm(struct lowering *lowering, int from, int to, float epsilon,
                     struct error *err)
{
    const struct value *value = &lowering->graph->values[to];
    bool in_last = lower_is_channels_last(lowering, from);
    bool out_last = lowering->target.blocked && value->rank == 4;
    size_t channels = (size_t)value->dims[1];
    int64_t pixels = dims_elements(value->rank - 2, value->dims + 2);
    struct count total = value_rows(value, (size_t)pixels);
    int in, out;
    struct step *step;
    int failed = lower_input(lowering, from, in_last ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN, &in,
                             err);
    if (failed)
        return failed;
    /* Where a value is replaced, no other layout of the old one may be found. */
    lowering->of_value[to][0] = lowering->of_value[to][1] = -1;
    failed = lower_output(lowering, to, out_last ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN, &out, err);
    if (!failed)
        failed = lower_step(lowering, "norm.cl", "pixel_norm", out, &step, err);
    if (failed)
        return failed;
    step->type = "PixelNorm";
    step_define(step, "-DC=%zu -DCP=%zu -DP=%lld", channels, round_up(channels, CHANNEL_BLOCK),
                (long long)pixels);
    step_define(step, "-DEPSILON=(%af)", (double)epsilon);
    if (in_last)
        step_define(step, "-DIN_LAST");
    if (out_last)
        step_define(step, "-DOUT_LAST");
    step_tensor(step, in);
    step_tensor(step, out);
    step_count(step, total);
    step_linear(step, total);
    return 0;
}

static int lower_pixel_norm_node(struct lowering *lowering, struct node *node, struct error *err)
{
    return lower_pixel_norm(lowering, node->inputs[0], node->outputs[0],
                            node->fused.pixel_norm_epsilon, err);
}

const struct op op_pixel_norm = {
    "PixelNorm", 1, OPSET_LAST, "", 1, 1, 1, 0, NULL, NULL, lower_pixel_norm_node};

const struct op ops_norm[] = {
    {"BatchNormalization", 1, OPSET_LAST,
     "epsilon:f momentum:f training_mode:i spatial:i is_test:i consumed_inputs:I", 5, 5, 1, 0,
     infer_norm, NULL, lower_batch_norm},
    {"InstanceNormalization", 6, OPSET_LAST, "epsilon:f", 3, 3, 1, 0, infer_norm, NULL,
     lower_instance_norm},
    {0},
};
