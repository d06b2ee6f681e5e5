/* Reading and checking Conv and ConvTranspose, and the arithmetic of their axes. */
#include <string.h>

#include "worker/engine/ops.h"
#include "worker/engine/ops/conv.h"

static int floor_div(int a, int b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/* out[o] = Σ_j w[j] · in[o·stride − pad + j·dilation] */
static void plain_axis(struct conv_axis *axis)
{
    axis->in_step = axis->stride;
    axis->phases = 1;
    axis->taps = axis->kernel;
    axis->tap_step = axis->dilation;
    axis->offset[0] = -axis->pad;
    for (int j = 0; j < axis->kernel; j++)
        axis->tap[0][j] = j;
}

/* The input is upsampled (nearest) by `factor` first: elements that fall on one input add up. */
static void upsampled_axis(struct conv_axis *axis, int factor)
{
    axis->in_step = 1;
    axis->phases = factor;
    axis->taps = 1;
    axis->tap_step = 1;
    for (int p = 0; p < factor; p++) {
        axis->offset[p] = floor_div(p - axis->pad, factor);
        for (int j = 0; j < axis->kernel; j++) {
            int tap = floor_div(p - axis->pad + j, factor) - axis->offset[p];
            axis->tap[p][j] = tap;
            if (tap + 1 > axis->taps)
                axis->taps = tap + 1;
        }
    }
}

/* in[i]·w[j] goes to out[i·stride − pad + j·dilation]; a phase sees the j that reach it. */
static void transposed_axis(struct conv_axis *axis)
{
    axis->in_step = 1;
    axis->phases = axis->stride;
    axis->taps = 1;
    axis->tap_step = 1;
    for (int p = 0; p < axis->phases; p++) {
        int least = 0;
        bool any = false;
        for (int j = 0; j < axis->kernel; j++) {
            int reach = p + axis->pad - j * axis->dilation;
            if (floor_div(reach, axis->stride) * axis->stride != reach)
                continue;
            int input = floor_div(reach, axis->stride);
            least = !any || input < least ? input : least;
            any = true;
        }
        axis->offset[p] = least;
        for (int j = 0; j < axis->kernel; j++) {
            int reach = p + axis->pad - j * axis->dilation;
            int tap = floor_div(reach, axis->stride) - least;
            bool reaches = floor_div(reach, axis->stride) * axis->stride == reach;
            axis->tap[p][j] = reaches ? tap : -1;
            if (reaches && tap + 1 > axis->taps)
                axis->taps = tap + 1;
        }
    }
}

int conv_phase_taps(const struct conv_axis *axis, int p)
{
    int taps = 0;
    for (int j = 0; j < axis->kernel; j++)
        if (axis->tap[p][j] >= taps)
            taps = axis->tap[p][j] + 1;
    return taps;
}

/* Attribute `name` must have `expected` positive (or, least 0, not negative) entries. */
static int read_ints(const struct node *node, const char *name, size_t expected, int64_t least,
                     int64_t most, int64_t *out, struct error *err)
{
    const int64_t *ints;
    size_t count = attribute_ints(node, name, &ints);
    if (count && count != expected)
        return error_set(err, E_PARSE, "%s has %zu entries (expected %zu)", name, count, expected);
    for (size_t i = 0; i < count; i++) {
        if (ints[i] < least || ints[i] > most)
            return error_set(err, E_UNSUPPORTED, "%s contains %lld (expected %lld to %lld)", name,
                             (long long)ints[i], (long long)least, (long long)most);
        out[i] = ints[i];
    }
    return 0;
}

struct conv_numbers { /* per axis; [2] entries for y and x */
    int64_t kernel[2], stride[2], dilation[2], pad_begin[2], pad_end[2], output_pad[2];
    int64_t output[2]; /* 0: not given */
};

static int read_numbers(const struct node *node, size_t axes, struct conv_numbers *numbers,
                        struct error *err)
{
    int64_t pads[4] = {0};
    size_t first = 2 - axes; /* with one axis it is x */
    int failed = read_ints(node, "strides", axes, 1, 1024, numbers->stride + first, err);
    if (!failed)
        failed = read_ints(node, "dilations", axes, 1, 1024, numbers->dilation + first, err);
    if (!failed)
        failed = read_ints(node, "pads", 2 * axes, 0, 4096, pads, err);
    if (!failed)
        failed = read_ints(node, "output_padding", axes, 0, 1024, numbers->output_pad + first, err);
    if (!failed)
        failed = read_ints(node, "output_shape", axes, 1, 1 << 20, numbers->output + first, err);
    int64_t kernel[2];
    memcpy(kernel, numbers->kernel, sizeof kernel);
    if (!failed)
        failed = read_ints(node, "kernel_shape", axes, 1, CONV_TAPS_MAX, kernel + first, err);
    if (!failed && memcmp(kernel, numbers->kernel, sizeof kernel) != 0)
        failed = error_set(err, E_PARSE, "kernel_shape differs from the weights' shape");
    for (size_t i = 0; i < axes; i++) {
        numbers->pad_begin[first + i] = pads[i];
        numbers->pad_end[first + i] = pads[axes + i];
    }
    return failed;
}

/* SAME_*: the padding that makes out = ceil(in / stride) (transposed: in · stride). */
static int apply_auto_pad(const struct node *node, const struct conv *conv, const int64_t in[2],
                          struct conv_numbers *numbers, struct error *err)
{
    if (attribute_is(node, "auto_pad", "NOTSET", true) || attribute_is(node, "auto_pad", "VALID", 0))
        return 0;
    bool lower = attribute_is(node, "auto_pad", "SAME_LOWER", false);
    if (!lower && !attribute_is(node, "auto_pad", "SAME_UPPER", false)) {
        char text[64];
        attribute_text(node, "auto_pad", text);
        return error_set(err, E_UNSUPPORTED, "auto_pad %s", text);
    }
    for (int a = 0; a < 2; a++) {
        int64_t reach = (numbers->kernel[a] - 1) * numbers->dilation[a] + 1;
        int64_t out = (in[a] + numbers->stride[a] - 1) / numbers->stride[a];
        int64_t total = conv->transposed
                            ? reach + numbers->output_pad[a] - numbers->stride[a]
                            : (out - 1) * numbers->stride[a] + reach - in[a];
        total = total > 0 ? total : 0;
        numbers->pad_begin[a] = lower ? total - total / 2 : total / 2;
        numbers->pad_end[a] = total - numbers->pad_begin[a];
    }
    return 0;
}

/* Padding by zeros that fusion took over from a Pad before the convolution. */
static void add_fused_pads(const struct fused *fused, struct conv_numbers *numbers)
{
    for (int a = 0; a < 2; a++) {
        numbers->pad_begin[a] += fused->pads[a];
        numbers->pad_end[a] += fused->pads[2 + a];
    }
}

static int output_size(const struct conv *conv, const struct conv_numbers *numbers, int a,
                       int64_t in, int64_t *pad, int64_t *out, struct error *err)
{
    int64_t reach = (numbers->kernel[a] - 1) * numbers->dilation[a] + 1;
    int64_t pads = numbers->pad_begin[a] + numbers->pad_end[a];
    *pad = numbers->pad_begin[a];
    if (conv->transposed) {
        int64_t full = (in - 1) * numbers->stride[a] + numbers->output_pad[a] + reach;
        *out = full - pads;
        if (numbers->output[a]) { /* the padding follows from the size */
            int64_t total = full - numbers->output[a];
            *out = numbers->output[a];
            *pad = total > 0 ? total / 2 : 0;
        }
    } else {
        *out = in + pads < reach ? 0 : (in + pads - reach) / numbers->stride[a] + 1;
    }
    if (*out < 1 || *out > 1 << 20)
        return error_set(err, E_UNSUPPORTED, "the output would be %lld long", (long long)*out);
    return 0;
}

static int make_axis(const struct conv *conv, const struct conv_numbers *numbers, int a,
                     int64_t in, int upsample, struct conv_axis *axis, struct error *err)
{
    int64_t pad, out;
    int failed = output_size(conv, numbers, a, in * (upsample ? upsample : 1), &pad, &out, err);
    if (failed)
        return failed;
    if (conv->transposed && numbers->stride[a] > CONV_PHASES_MAX)
        return error_set(err, E_UNSUPPORTED, "stride %lld (expected %d at most)",
                         (long long)numbers->stride[a], CONV_PHASES_MAX);
    *axis = (struct conv_axis){.in = (int)in,
                               .out = (int)out,
                               .kernel = (int)numbers->kernel[a],
                               .stride = (int)numbers->stride[a],
                               .dilation = (int)numbers->dilation[a],
                               .pad = (int)pad};
    if (conv->transposed)
        transposed_axis(axis);
    else if (upsample)
        upsampled_axis(axis, upsample);
    else
        plain_axis(axis);
    if (axis->taps > CONV_TAPS_MAX)
        return error_set(err, E_UNSUPPORTED, "a dilated kernel over %d inputs (expected %d at most)",
                         axis->taps, CONV_TAPS_MAX);
    return 0;
}

static int read_channels(const struct node *node, const struct value *in,
                         const struct value *weights, struct conv *conv, struct error *err)
{
    int64_t groups = attribute_int(node, "group", 1);
    int64_t w0 = weights->dims[0], w1 = weights->dims[1], channels = in->dims[1];
    if (groups < 1 || channels % groups || w0 % groups)
        return error_set(err, E_PARSE, "group %lld does not divide %lld input and %lld weight "
                         "channels", (long long)groups, (long long)channels, (long long)w0);
    if (conv->transposed ? w0 != channels : w1 * groups != channels)
        return error_set(err, E_PARSE, "weights [%lld,%lld,…] do not fit %lld input channels",
                         (long long)w0, (long long)w1, (long long)channels);
    conv->channels_in = (int)channels;
    conv->channels_out = (int)(conv->transposed ? w1 * groups : w0);
    conv->groups = (int)groups;
    return 0;
}

static int read_bias(const struct graph *graph, const struct node *node, struct conv *conv,
                     struct error *err)
{
    const struct value *bias = node_input(graph, node, 2);
    if (!bias)
        return 0;
    if (!bias->data || bias->type != VALUE_FLOAT)
        return error_set(err, E_UNSUPPORTED, "its bias is computed (expected a constant)");
    if (bias->rank != 1 || bias->dims[0] != conv->channels_out)
        return error_set(err, E_PARSE, "its bias has not %d elements", conv->channels_out);
    conv->bias = bias->data;
    return 0;
}

int conv_read(const struct graph *graph, const struct node *node, struct conv *conv,
              struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    const struct value *weights = node_input(graph, node, 1);
    if (!weights->data || weights->type != VALUE_FLOAT || in->type != VALUE_FLOAT)
        return error_set(err, E_UNSUPPORTED, "its weights are computed (expected a constant)");
    if (in->rank < 3 || in->rank > 4 || weights->rank != in->rank)
        return error_set(err, E_UNSUPPORTED, "input of rank %zu, weights of rank %zu (expected 3 "
                         "or 4, both the same)", in->rank, weights->rank);
    size_t axes = in->rank - 2;
    struct conv made = {.transposed = strcmp(node->op->type, "ConvTranspose") == 0,
                        .rank = in->rank,
                        .weights = weights->data};
    struct conv_numbers numbers = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {0, 0}, {0, 0}};
    int64_t size[2] = {1, 1};
    for (size_t i = 0; i < axes; i++) {
        size[2 - axes + i] = in->dims[2 + i];
        numbers.kernel[2 - axes + i] = weights->dims[2 + i];
        if (weights->dims[2 + i] < 1 || weights->dims[2 + i] > CONV_TAPS_MAX)
            return error_set(err, E_UNSUPPORTED, "a kernel of %lld (expected 1 to %d)",
                             (long long)weights->dims[2 + i], CONV_TAPS_MAX);
    }
    int failed = read_channels(node, in, weights, &made, err);
    if (!failed)
        failed = read_bias(graph, node, &made, err);
    if (!failed)
        failed = read_numbers(node, axes, &numbers, err);
    if (!failed)
        failed = apply_auto_pad(node, &made, size, &numbers, err);
    if (!failed)
        add_fused_pads(&node->fused, &numbers);
    if (!failed)
        failed = make_axis(&made, &numbers, 0, size[0], node->fused.upsample, &made.y, err);
    if (!failed)
        failed = make_axis(&made, &numbers, 1, size[1], node->fused.upsample, &made.x, err);
    if (!failed)
        *conv = made;
    return failed;
}
