/*
 * Conv and ConvTranspose: shapes, and the choice and launch of a kernel.
 *
 * CPUs: conv.cl, or depthwise.cl; other devices, and groups whose channels fill no vector:
 * conv_any.cl. Tiles and register blocks depend on the shape alone, never on the batch.
 */
#include "worker/engine/ops/conv.h"

#include <stdio.h>
#include <string.h>

#include "worker/engine/ops.h"

/* A patch beyond this would push weights out of a 1 MB second-level cache. */
#define PATCH_BYTES_MAX (160u << 10)

static int infer_conv(struct graph *graph, struct node *node, struct error *err)
{
    struct conv conv;
    int failed = conv_read(graph, node, &conv, err);
    if (failed)
        return failed;
    const struct value *in = node_input(graph, node, 0);
    int64_t dims[4] = {in->dims[0], conv.channels_out, conv.y.out, conv.x.out};
    if (conv.rank == 3)
        dims[2] = conv.x.out;
    return value_set_shape(graph, node_output(graph, node, 0), conv.rank, dims, in->batched, err);
}

/* How conv.cl cuts the work. */
struct tiling {
    int block_y, block_x, vectors; /* a register block */
    int tile_y, tile_x;            /* positions of a group */
    int patch_y, patch_x, pitch;   /* its input in local memory */
    int least_y, least_x;          /* smallest offsets over the phases */
};

static int positions(const struct conv_axis *axis)
{
    return (axis->out + axis->phases - 1) / axis->phases;
}

/* Share of the fused multiply-adds' peak that a block can reach: loads, latency, idle positions. */
static double block_score(const struct conv *conv, int block_y, int block_x, int vectors)
{
    double accumulators = block_y * block_x * vectors;
    double loads = block_y * block_x + 2 * vectors; /* weights come from the second level */
    double cycles = loads > accumulators ? loads : accumulators;
    if (cycles < 8) /* latency of two pipes' multiply-adds */
        cycles = 8;
    int y = positions(&conv->y), x = positions(&conv->x);
    double covered = (double)round_up((size_t)y, (size_t)block_y) *
                     (double)round_up((size_t)x, (size_t)block_x);
    return accumulators / cycles * ((double)y * x / covered) + accumulators * 1e-4;
}

static void choose_block(const struct conv *conv, int registers, struct tiling *tiling)
{
    int blocks = (int)round_up((size_t)(conv->channels_out / conv->groups), CHANNEL_BLOCK) /
                 CHANNEL_BLOCK;
    double best = 0;
    tiling->block_y = tiling->block_x = tiling->vectors = 1;
    for (int v = 1; v <= 4; v++)
        for (int y = 1; blocks % v == 0 && y <= 8 && y <= positions(&conv->y); y++)
            for (int x = 1; x <= 16 && x <= positions(&conv->x); x++) {
                if (y * x * v > registers)
                    break;
                double score = block_score(conv, y, x, v);
                if (score > best) {
                    best = score;
                    tiling->block_y = y;
                    tiling->block_x = x;
                    tiling->vectors = v;
                }
            }
}

static void offset_range(const struct conv_axis *axis, int *least, int *most)
{
    *least = *most = axis->offset[0];
    for (int p = 1; p < axis->phases; p++) {
        *least = axis->offset[p] < *least ? axis->offset[p] : *least;
        *most = axis->offset[p] > *most ? axis->offset[p] : *most;
    }
}

static int patch_size(const struct conv_axis *axis, int tile)
{
    int least, most;
    offset_range(axis, &least, &most);
    return (tile - 1) * axis->in_step + (axis->taps - 1) * axis->tap_step + 1 + most - least;
}

static size_t patch_bytes(const struct conv *conv, const struct tiling *tiling, int tile_y,
                          int tile_x)
{
    return (size_t)patch_size(&conv->y, tile_y) * (size_t)patch_size(&conv->x, tile_x) *
           (size_t)tiling->pitch * sizeof(float);
}

/* Grows the tile, along x first, while the patch fits and the image is not covered. */
static bool choose_tiling(const struct lowering *lowering, const struct conv *conv,
                          struct tiling *tiling)
{
    size_t most = lowering->local_bytes < PATCH_BYTES_MAX ? lowering->local_bytes : PATCH_BYTES_MAX;
    int ignored;
    choose_block(conv, lowering->vector_registers, tiling);
    offset_range(&conv->y, &tiling->least_y, &ignored);
    offset_range(&conv->x, &tiling->least_x, &ignored);
    /* Pixels a power of two apart would fall on few cache sets. */
    tiling->pitch = conv->channels_in % 64 ? conv->channels_in : conv->channels_in + 16;
    int y = tiling->block_y, x = tiling->block_x;
    if (patch_bytes(conv, tiling, y, x) > lowering->local_bytes)
        return false;
    while (x < positions(&conv->x) && patch_bytes(conv, tiling, y, x + tiling->block_x) <= most)
        x += tiling->block_x;
    while (y < positions(&conv->y) && y < 16 &&
           patch_bytes(conv, tiling, y + tiling->block_y, x) <= most)
        y += tiling->block_y;
    tiling->tile_y = y;
    tiling->tile_x = x;
    tiling->patch_y = patch_size(&conv->y, y);
    tiling->patch_x = patch_size(&conv->x, x);
    return true;
}

static void define_offsets(struct step *step, const char *name, const struct conv_axis *axis)
{
    char text[CONV_PHASES_MAX * 12] = "";
    size_t used = 0;
    for (int p = 0; p < axis->phases; p++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", p ? "," : "",
                                 axis->offset[p]);
    step_define(step, "-D%s=%s", name, text);
}

static void define_shape(struct step *step, const struct conv *conv)
{
    step_define(step, "-DCI=%d -DCIN=%d -DCO=%d -DGROUPS=%d", conv->channels_in / conv->groups,
                conv->channels_in, conv->channels_out, conv->groups);
    step_define(step, "-DHI=%d -DWI=%d -DHO=%d -DWO=%d", conv->y.in, conv->x.in, conv->y.out,
                conv->x.out);
    step_define(step, "-DISY=%d -DISX=%d -DOSY=%d -DOSX=%d", conv->y.in_step, conv->x.in_step,
                conv->y.phases, conv->x.phases);
    step_define(step, "-DTY=%d -DTX=%d -DDY=%d -DDX=%d", conv->y.taps, conv->x.taps,
                conv->y.tap_step, conv->x.tap_step);
    define_offsets(step, "OFFY", &conv->y);
    define_offsets(step, "OFFX", &conv->x);
}

static int lower_packed(struct lowering *lowering, const struct conv *conv,
                        const struct fused *fused, int panel, int *weights, int *bias,
                        struct error *err)
{
    size_t elements;
    float *packed = conv_pack_weights(conv, fused, panel, &elements);
    if (!packed)
        return error_set(err, E_MEMORY, "no memory for weights");
    int failed = lower_constant(lowering, packed, elements, weights, err);
    if (failed)
        return failed;
    packed = conv_pack_bias(conv, fused, panel, &elements);
    if (!packed)
        return error_set(err, E_MEMORY, "no memory for a bias");
    return lower_constant(lowering, packed, elements, bias, err);
}

static double operations(const struct conv *conv)
{
    return 2.0 * conv->y.out * conv->x.out * conv->channels_out *
           (conv->channels_in / conv->groups) * conv->y.taps * conv->x.taps;
}

/* What every kernel of a convolution takes: in, weights, bias, residual (or again bias), out. */
static int conv_step(struct lowering *lowering, struct node *node, const struct conv *conv,
                     const char *file, const char *kernel, int panel, enum layout in_layout,
                     enum layout out_layout, struct step **step, struct error *err)
{
    int in, weights, bias = 0, residual, out;
    int failed = lower_input(lowering, node->inputs[0], in_layout, &in, err);
    if (!failed)
        failed = lower_packed(lowering, conv, &node->fused, panel, &weights, &bias, err);
    residual = bias;
    if (!failed && node->fused.residual)
        failed = lower_input(lowering, node->fused.residual - 1, out_layout, &residual, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], out_layout, &out, err);
    if (!failed)
        failed = lower_step(lowering, file, kernel, out, step, err);
    if (failed)
        return failed;
    step_tensor(*step, in);
    step_tensor(*step, weights);
    step_tensor(*step, bias);
    step_tensor(*step, residual);
    step_tensor(*step, out);
    if (node->fused.residual)
        step_define(*step, "-DRESIDUAL");
    step_activation(*step, &node->fused.activation);
    (*step)->operations = operations(conv);
    return 0;
}

static int lower_any(struct lowering *lowering, struct node *node, const struct conv *conv,
                     struct error *err)
{
    struct step *step;
    int failed = conv_step(lowering, node, conv, "conv_any.cl", "conv_any", 0, LAYOUT_PLAIN,
                           LAYOUT_PLAIN, &step, err);
    if (failed)
        return failed;
    struct count total = value_count(node_output(lowering->graph, node, 0));
    define_shape(step, conv);
    step_count(step, total);
    step_linear(step, total);
    return 0;
}

static int lower_depthwise(struct lowering *lowering, struct node *node, const struct conv *conv,
                           struct error *err)
{
    struct conv packed = *conv; /* one panel of all channels, each with its one input */
    int pitch = (int)round_up((size_t)conv->channels_out, CHANNEL_BLOCK);
    struct step *step;
    int failed = conv_step(lowering, node, &packed, "depthwise.cl", "depthwise", pitch,
                           LAYOUT_CHANNELS_LAST, LAYOUT_CHANNELS_LAST, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DCP=%d -DHI=%d -DWI=%d -DHO=%d -DWO=%d", pitch, conv->y.in, conv->x.in,
                conv->y.out, conv->x.out);
    step_define(step, "-DSY=%d -DSX=%d -DPY=%d -DPX=%d", conv->y.stride, conv->x.stride,
                conv->y.pad, conv->x.pad);
    step_define(step, "-DTY=%d -DTX=%d -DDY=%d -DDX=%d", conv->y.taps, conv->x.taps,
                conv->y.dilation, conv->x.dilation);
    step->global[0] = (struct count){(size_t)conv->y.out, false};
    step->global[1] = value_rows(node_output(lowering->graph, node, 0), 1);
    return 0;
}

static void define_tiling(struct step *step, const struct conv *conv, const struct tiling *tiling)
{
    int pitch = (int)round_up((size_t)conv->channels_out, CHANNEL_BLOCK);
    int tiles_x = (positions(&conv->x) + tiling->tile_x - 1) / tiling->tile_x;
    int tiles_y = (positions(&conv->y) + tiling->tile_y - 1) / tiling->tile_y;
    define_shape(step, conv);
    step_define(step, "-DCINP=%zu -DCOP=%d -DCIP=%d",
                round_up((size_t)conv->channels_in, CHANNEL_BLOCK), pitch, tiling->pitch);
    step_define(step, "-DTILEY=%d -DTILEX=%d -DTILES_X=%d", tiling->tile_y, tiling->tile_x,
                tiles_x);
    step_define(step, "-DPATCHY=%d -DPATCHX=%d -DOFFY_LEAST=%d -DOFFX_LEAST=%d", tiling->patch_y,
                tiling->patch_x, tiling->least_y, tiling->least_x);
    step_define(step, "-DBY=%d -DBX=%d -DNV=%d -DPANELS=%d", tiling->block_y, tiling->block_x,
                tiling->vectors, pitch / CHANNEL_BLOCK / tiling->vectors);
    step->global[0] = (struct count){(size_t)(tiles_y * tiles_x), false};
}

static int lower_tiled(struct lowering *lowering, struct node *node, const struct conv *conv,
                       const struct tiling *tiling, bool normalise, struct error *err)
{
    bool out_plain =
        conv->rank != 4 || (!normalise && lower_wants_plain(lowering, node->outputs[0]));
    bool in_last = lower_is_channels_last(lowering, node->inputs[0]);
    struct step *step;
    int failed = conv_step(lowering, node, conv, "conv.cl", "conv",
                           CHANNEL_BLOCK * tiling->vectors,
                           in_last ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN,
                           out_plain ? LAYOUT_PLAIN : LAYOUT_CHANNELS_LAST, &step, err);
    if (failed)
        return failed;
    if (!in_last)
        step_define(step, "-DIN_PLAIN");
    if (out_plain)
        step_define(step, "-DOUT_PLAIN");
    if (normalise)
        step_define(step, "-DPIXEL_NORM=(%af)", (double)node->fused.pixel_norm_epsilon);
    define_tiling(step, conv, tiling);
    step->global[1] = value_rows(node_output(lowering->graph, node, 0), 1);
    return 0;
}

static bool is_depthwise(const struct lowering *lowering, const struct conv *conv)
{
    return lowering->blocked && conv->rank == 4 && !conv->transposed && conv->groups > 1 &&
           conv->groups == conv->channels_in && conv->groups == conv->channels_out &&
           conv->y.phases == 1;
}

static bool fits_panels(const struct lowering *lowering, const struct conv *conv,
                        const struct tiling *tiling)
{
    return lowering->blocked &&
           (conv->groups == 1 ||
            conv->channels_out / conv->groups % (CHANNEL_BLOCK * tiling->vectors) == 0);
}

/* The pixel norm in the epilogue needs zeros in the padded channels. */
static bool keeps_zero(const struct conv *conv, const struct activation *activation)
{
    return conv->channels_out % CHANNEL_BLOCK == 0 || activation->kind == ACT_NONE ||
           activation->kind == ACT_RELU || activation->kind == ACT_LEAKY;
}

static int lower_conv(struct lowering *lowering, struct node *node, struct error *err)
{
    struct conv conv;
    struct tiling tiling;
    int failed = conv_read(lowering->graph, node, &conv, err);
    if (failed)
        return failed;
    bool inside = false;
    if (is_depthwise(lowering, &conv)) {
        failed = lower_depthwise(lowering, node, &conv, err);
    } else if (choose_tiling(lowering, &conv, &tiling) && fits_panels(lowering, &conv, &tiling)) {
        inside = node->fused.pixel_norm && conv.rank == 4 &&
                 keeps_zero(&conv, &node->fused.activation);
        failed = lower_tiled(lowering, node, &conv, &tiling, inside, err);
    } else {
        failed = lower_any(lowering, node, &conv, err);
    }
    if (!failed && node->fused.pixel_norm && !inside)
        failed = lower_pixel_norm(lowering, node->outputs[0], node->outputs[0],
                                  node->fused.pixel_norm_epsilon, err);
    return failed;
}

#define CONV_ATTRIBUTES                                                                            \
    "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"

const struct op ops_conv[] = {
    {"Conv", 1, 18, CONV_ATTRIBUTES, 2, 3, 1, 0, infer_conv, NULL, lower_conv},
    {"ConvTranspose", 1, 18, CONV_ATTRIBUTES " output_padding:I output_shape:I", 2, 3, 1, 0,
     infer_conv, NULL, lower_conv},
    {0},
};
