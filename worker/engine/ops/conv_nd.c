/*
 * Conv and ConvTranspose of three axes, and of weights that are computed, in the plain layout. It
 * stands before conv.c in the table of operators and hands on, at inference, the nodes that conv.c
 * runs: one or two axes with constant weights.
 */
#include "worker/engine/ops/conv_nd.h"

#include <string.h>

#include "worker/engine/lower.h"

#define AXES 3

struct convolution {
    bool transposed;
    size_t axes;
    int64_t ci, cg, groups; /* channels of a group: in, out */
    int64_t in[AXES], out[AXES], kernel[AXES], stride[AXES], dilation[AXES], pad[AXES];
};

/* What attributes say of padding and sizes, before it becomes `out` and `pad`. */
struct paddings {
    int64_t begin[AXES], end[AXES], output_pad[AXES], output[AXES]; /* output 0: not given */
};

static int read_ints(const struct node *node, const char *name, size_t expected, int64_t least,
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

static int read_channels(const struct node *node, const struct value *in,
                         const struct value *weights, struct convolution *conv, struct error *err)
{
    int64_t groups = attribute_int(node, "group", 1), channels = in->dims[1];
    int64_t w0 = weights->dims[0], w1 = weights->dims[1];
    if (groups < 1 || channels % groups || w0 % groups ||
        (conv->transposed ? w0 != channels : w1 * groups != channels))
        return error_set(err, E_PARSE,
                         "weights [%lld,%lld,…] in %lld groups do not fit %lld input channels",
                         (long long)w0, (long long)w1, (long long)groups, (long long)channels);
    conv->groups = groups;
    conv->ci = channels / groups;
    conv->cg = conv->transposed ? w1 : w0 / groups;
    return 0;
}

static int read_attributes(const struct node *node, struct convolution *conv,
                           struct paddings *paddings, struct error *err)
{
    size_t first = AXES - conv->axes;
    int64_t pads[2 * AXES] = {0};
    int failed = read_ints(node, "strides", conv->axes, 1, conv->stride + first, err);
    if (!failed)
        failed = read_ints(node, "dilations", conv->axes, 1, conv->dilation + first, err);
    if (!failed)
        failed = read_ints(node, "pads", 2 * conv->axes, 0, pads, err);
    if (!failed)
        failed = read_ints(node, "output_padding", conv->axes, 0, paddings->output_pad + first, err);
    if (!failed)
        failed = read_ints(node, "output_shape", conv->axes, 1, paddings->output + first, err);
    for (size_t i = 0; i < conv->axes; i++) {
        paddings->begin[first + i] = pads[i];
        paddings->end[first + i] = pads[conv->axes + i];
    }
    return failed;
}

/* The padding that makes out = ceil(in / stride), or in · stride where transposed. */
static int apply_auto_pad(const struct node *node, const struct convolution *conv, size_t a,
                          struct paddings *paddings, struct error *err)
{
    bool lower = attribute_is(node, "auto_pad", "SAME_LOWER", false);
    int64_t reach = (conv->kernel[a] - 1) * conv->dilation[a] + 1, stride = conv->stride[a];
    if (attribute_is(node, "auto_pad", "NOTSET", true) ||
        attribute_is(node, "auto_pad", "VALID", false))
        return 0;
    if (!lower && !attribute_is(node, "auto_pad", "SAME_UPPER", false))
        return error_set(err, E_UNSUPPORTED, "its auto_pad");
    int64_t total = conv->transposed
                        ? reach + paddings->output_pad[a] - stride
                        : ((conv->in[a] + stride - 1) / stride - 1) * stride + reach - conv->in[a];
    total = total > 0 ? total : 0;
    paddings->begin[a] = lower ? total - total / 2 : total / 2;
    paddings->end[a] = total - paddings->begin[a];
    return 0;
}

static int size_axis(struct convolution *conv, const struct paddings *paddings, size_t a,
                     struct error *err)
{
    int64_t reach = (conv->kernel[a] - 1) * conv->dilation[a] + 1;
    int64_t pads = paddings->begin[a] + paddings->end[a];
    int64_t full = (conv->in[a] - 1) * conv->stride[a] + paddings->output_pad[a] + reach;
    int64_t room = conv->in[a] + pads - reach;
    conv->pad[a] = paddings->begin[a];
    conv->out[a] = room < 0 ? 0 : room / conv->stride[a] + 1;
    if (conv->transposed)
        conv->out[a] = full - pads;
    if (conv->transposed && paddings->output[a]) { /* the padding follows from the size */
        conv->out[a] = paddings->output[a];
        conv->pad[a] = full > conv->out[a] ? (full - conv->out[a]) / 2 : 0;
    }
    return conv->out[a] >= 1 && conv->out[a] <= 1 << 20
               ? 0
               : error_set(err, E_UNSUPPORTED, "the output would be %lld long",
                           (long long)conv->out[a]);
}

static int check_operands(const struct graph *graph, const struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0), *weights = node_input(graph, node, 1);
    const struct value *bias = node_input(graph, node, 2);
    if (in->type != VALUE_FLOAT || weights->type != VALUE_FLOAT ||
        (bias && bias->type != VALUE_FLOAT))
        return error_set(err, E_UNSUPPORTED, "an operand that is not float");
    if (weights->batched || (bias && bias->batched))
        return error_set(err, E_UNSUPPORTED, "its weights differ between samples");
    if (in->rank < 3 || in->rank > 2 + AXES || weights->rank != in->rank)
        return error_set(err, E_UNSUPPORTED, "input of rank %zu, weights of rank %zu (expected 3 "
                         "to %d, both the same)", in->rank, weights->rank, 2 + AXES);
    return 0;
}

static int read_conv(const struct graph *graph, const struct node *node, struct convolution *conv,
                     struct error *err)
{
    const struct value *in = node_input(graph, node, 0), *weights = node_input(graph, node, 1);
    const struct value *bias = node_input(graph, node, 2);
    struct paddings paddings = {0};
    int failed = check_operands(graph, node, err);
    if (failed)
        return failed;
    *conv = (struct convolution){.transposed = strcmp(node->op->type, "ConvTranspose") == 0,
                                 .axes = in->rank - 2};
    for (size_t a = 0; a < AXES; a++) {
        bool there = a + conv->axes >= AXES;
        size_t r = there ? a + in->rank - AXES : 0;
        conv->in[a] = there ? in->dims[r] : 1;
        conv->kernel[a] = there ? weights->dims[r] : 1;
        conv->stride[a] = conv->dilation[a] = 1;
        if (conv->kernel[a] > 4096)
            return error_set(err, E_UNSUPPORTED, "a kernel of %lld", (long long)conv->kernel[a]);
    }
    failed = read_channels(node, in, weights, conv, err);
    if (!failed && bias && value_elements(bias) != conv->cg * conv->groups)
        failed = error_set(err, E_PARSE, "its bias has not %lld elements",
                           (long long)(conv->cg * conv->groups));
    if (!failed)
        failed = read_attributes(node, conv, &paddings, err);
    for (size_t a = 0; !failed && a < AXES; a++) {
        failed = apply_auto_pad(node, conv, a, &paddings, err);
        if (!failed)
            failed = size_axis(conv, &paddings, a, err);
    }
    return failed;
}

static bool is_ours(const struct graph *graph, const struct node *node)
{
    const struct value *weights = node_input(graph, node, 1), *bias = node_input(graph, node, 2);
    return node_input(graph, node, 0)->rank > 4 || !weights->data || (bias && !bias->data);
}

static int infer_conv_nd(struct graph *graph, struct node *node, struct error *err)
{
    if (!is_ours(graph, node)) {
        const struct op *op = ops_conv;
        while (strcmp(op->type, node->op->type) != 0)
            op++;
        node->op = op;
        return op->infer(graph, node, err);
    }
    struct convolution conv;
    int failed = read_conv(graph, node, &conv, err);
    if (failed)
        return failed;
    const struct value *in = node_input(graph, node, 0);
    int64_t dims[2 + AXES] = {in->dims[0], conv.cg * conv.groups};
    memcpy(dims + 2, conv.out + AXES - conv.axes, conv.axes * sizeof *dims);
    return value_set_shape(graph, node_output(graph, node, 0), in->rank, dims, in->batched, err);
}

bool node_is_conv_nd(const struct node *node)
{
    return node->op->infer == infer_conv_nd;
}

static void step_axes(struct step *step, const int64_t axes[AXES])
{
    step_bytes(step, (const int32_t[8]){(int32_t)axes[0], (int32_t)axes[1], (int32_t)axes[2]});
}

static int lower_conv_nd(struct lowering *lowering, struct node *node, struct error *err)
{
    bool biased = node_input(lowering->graph, node, 2) != NULL;
    struct convolution conv;
    int in, weights = 0, bias = 0, out;
    struct step *step;
    int failed = read_conv(lowering->graph, node, &conv, err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, &in, err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[1], LAYOUT_PLAIN, &weights, err);
    if (!failed && biased)
        failed = lower_input(lowering, node->inputs[2], LAYOUT_PLAIN, &bias, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, &out, err);
    if (!failed)
        failed = lower_step(lowering, "conv_nd.cl", "conv_nd", out, &step, err);
    if (failed)
        return failed;
    if (conv.transposed)
        step_define(step, "-DTRANSPOSED");
    step_tensor(step, in);
    step_tensor(step, weights);
    step_tensor(step, biased ? bias : weights);
    step_tensor(step, out);
    step_axes(step, conv.in);
    step_axes(step, conv.out);
    step_axes(step, conv.kernel);
    step_axes(step, conv.stride);
    step_axes(step, conv.dilation);
    step_axes(step, conv.pad);
    step_int(step, conv.ci);
    step_int(step, conv.cg);
    step_int(step, conv.groups);
    step_int(step, biased);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    step->operations = 2.0 * (double)lowering->tensors[out].elements.each * (double)conv.ci *
                       (double)(conv.kernel[0] * conv.kernel[1] * conv.kernel[2]);
    return 0;
}

#define CONV_ATTRIBUTES "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"

const struct op ops_conv_nd[] = {
    {"Conv", 1, OPSET_LAST, CONV_ATTRIBUTES, 2, 3, 1, 0, infer_conv_nd, NULL, lower_conv_nd},
    {"ConvTranspose", 1, OPSET_LAST, CONV_ATTRIBUTES " output_padding:I output_shape:I", 2, 3, 1, 0,
     infer_conv_nd, NULL, lower_conv_nd},
    {0},
};
