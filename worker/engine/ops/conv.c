/*
 * Conv and ConvTranspose: shapes, and the choice and launch of a kernel.
 *
 * CPUs: conv.cl, winograd.cl, depthwise.cl or conv_narrow.cl; GPUs: conv_tiles.c; where these do not fit, and
 * groups whose channels fill no vector: conv_any.cl.
 */
#include "worker/engine/ops/conv.h"

#include <stdio.h>
#include <string.h>

#include "worker/engine/ops.h"
#include "worker/engine/ops/conv_choose.h"
#include "worker/engine/ops/conv_tiles.h"

#define NARROW_MOST 4     /* channels */
#define NARROW_PIXELS 256 /* GROUP_PIXELS of conv_narrow.cl */
#define POOL_TILE 64           /* positions of a group, at least where rows allow */
#define POOL_BYTES_MAX (256u << 10)
#define JOINED_OPERATIONS 1e6 /* that a core does more to save a launch: some 20 µs of a depthwise one */

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

static void define_phases(struct step *step, const char *letter, const struct conv_axis *axis)
{
    char offsets[CONV_PHASES_MAX * 12] = "", taps[CONV_PHASES_MAX * 12] = "";
    size_t o = 0, t = 0;
    for (int p = 0; p < axis->phases; p++) {
        const char *comma = p ? "," : "";
        o += (size_t)snprintf(offsets + o, sizeof offsets - o, "%s%d", comma, axis->offset[p]);
        t += (size_t)snprintf(taps + t, sizeof taps - t, "%s%d", comma, conv_phase_taps(axis, p));
    }
    step_define(step, "-DOFF%s=%s -DTAPS%s=%s", letter, offsets, letter, taps);
}

void conv_define_shape(struct step *step, const struct conv *conv)
{
    step_define(step, "-DCI=%d -DCIN=%d -DCO=%d -DGROUPS=%d", conv->channels_in / conv->groups,
                conv->channels_in, conv->channels_out, conv->groups);
    step_define(step, "-DHI=%d -DWI=%d -DHO=%d -DWO=%d", conv->y.in, conv->x.in, conv->y.out,
                conv->x.out);
    step_define(step, "-DISY=%d -DISX=%d -DOSY=%d -DOSX=%d", conv->y.in_step, conv->x.in_step,
                conv->y.phases, conv->x.phases);
    step_define(step, "-DTY=%d -DTX=%d -DDY=%d -DDX=%d", conv->y.taps, conv->x.taps,
                conv->y.tap_step, conv->x.tap_step);
    define_phases(step, "Y", &conv->y);
    define_phases(step, "X", &conv->x);
}

/* `panel` as conv_pack_weights; CONV_PANEL_ROWS: as conv_pack_rows. */
static int lower_packed(struct lowering *lowering, const struct conv *conv,
                        const struct fused *fused, int panel, int *weights, int *bias,
                        struct error *err)
{
    size_t elements;
    float *packed = panel == CONV_PANEL_ROWS ? conv_pack_rows(conv, fused, &elements)
                                        : conv_pack_weights(conv, fused, panel, &elements);
    if (!packed)
        return error_set(err, E_MEMORY, "no memory for weights");
    int failed = lower_constant(lowering, packed, elements, weights, err);
    if (failed)
        return failed;
    packed = conv_pack_bias(conv, fused, panel == CONV_PANEL_ROWS ? 0 : panel, &elements);
    if (!packed)
        return error_set(err, E_MEMORY, "no memory for a bias");
    return lower_constant(lowering, packed, elements, bias, err);
}

/* Taps over an axis, of all its outputs. */
static double all_taps(const struct conv_axis *axis)
{
    double taps = 0;
    for (int p = 0; p < axis->phases; p++)
        taps += (double)((axis->out - p + axis->phases - 1) / axis->phases) *
                conv_phase_taps(axis, p);
    return taps;
}

double conv_operations(const struct conv *conv)
{
    return 2.0 * conv->channels_out * (conv->channels_in / conv->groups) * all_taps(&conv->y) *
           all_taps(&conv->x);
}

int conv_step(struct lowering *lowering, const struct node *node, int input, const struct conv *conv,
              const char *file, const char *kernel, int panel, enum layout in_layout,
              enum layout out_layout, struct step **step, struct error *err)
{
    int in, weights, bias = 0, residual, out;
    int failed = lower_input(lowering, input, in_layout, &in, err);
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
    (*step)->operations = conv_operations(conv);
    (*step)->executed = conv_operations(conv);
    return 0;
}

static int lower_any(struct lowering *lowering, struct node *node, const struct conv *conv,
                     struct error *err)
{
    struct step *step;
    int failed = conv_step(lowering, node, node->inputs[0], conv, "conv_any.cl", "conv_any", 0, LAYOUT_PLAIN,
                           LAYOUT_PLAIN, &step, err);
    if (failed)
        return failed;
    struct count total = value_count(node_output(lowering->graph, node, 0));
    conv_define_shape(step, conv);
    step_count(step, total);
    step_linear(step, total);
    return 0;
}

/* The numbers of depthwise.cl, each name with a prefix; kernels take the channels' pitch otherwise. */
static void define_depthwise(struct step *step, const char *prefix, const struct conv *conv)
{
    const struct {
        const char *name;
        int value;
    } numbers[] = {{"HI", conv->y.in},       {"WI", conv->x.in},       {"HO", conv->y.out},
                   {"WO", conv->x.out},      {"SY", conv->y.stride},   {"SX", conv->x.stride},
                   {"PY", conv->y.pad},      {"PX", conv->x.pad},      {"TY", conv->y.taps},
                   {"TX", conv->x.taps},     {"DY", conv->y.dilation}, {"DX", conv->x.dilation}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        step_define(step, "-D%s%s=%d", prefix, numbers[i].name, numbers[i].value);
}

static int lower_depthwise(struct lowering *lowering, struct node *node, const struct conv *conv,
                           struct error *err)
{
    struct conv packed = *conv; /* one panel of all channels, each with its one input */
    int pitch = (int)round_up((size_t)conv->channels_out, CHANNEL_BLOCK);
    struct step *step;
    int failed = conv_step(lowering, node, node->inputs[0], &packed, "depthwise.cl", "depthwise", pitch,
                           LAYOUT_CHANNELS_LAST, LAYOUT_CHANNELS_LAST, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DCP=%d", pitch);
    define_depthwise(step, "", conv);
    step->global[0] = (struct count){(size_t)conv->y.out, false};
    step->global[1] = value_rows(node_output(lowering->graph, node, 0), 1);
    return 0;
}

static void define_tiling(struct step *step, const struct conv *conv, const struct tiling *tiling)
{
    int pitch = (int)round_up((size_t)conv->channels_out, CHANNEL_BLOCK);
    int tiles_x = (conv_positions(&conv->x) + tiling->tile_x - 1) / tiling->tile_x;
    int tiles_y = (conv_positions(&conv->y) + tiling->tile_y - 1) / tiling->tile_y;
    int panels = pitch / CHANNEL_BLOCK / tiling->vectors;
    int part = tiling->panels < panels ? tiling->panels : panels;
    conv_define_shape(step, conv);
    step_define(step, "-DCINP=%zu -DCOP=%d -DCIP=%d",
                round_up((size_t)conv->channels_in, CHANNEL_BLOCK), pitch, tiling->pitch);
    step_define(step, "-DTILEY=%d -DTILEX=%d -DTILES_X=%d", tiling->tile_y, tiling->tile_x,
                tiles_x);
    step_define(step, "-DPATCHY=%d -DPATCHX=%d -DOFFY_LEAST=%d -DOFFX_LEAST=%d", tiling->patch_y,
                tiling->patch_x, tiling->least_y, tiling->least_x);
    step_define(step, "-DBY=%d -DBX=%d -DNV=%d -DPANELS=%d -DGROUP_PANELS=%d",
                tiling->block_y, tiling->block_x, tiling->vectors, panels, part);
    step->global[2].each = (size_t)((panels + part - 1) / part);
    step->global[0] = (struct count){(size_t)(tiles_y * tiles_x), false};
}

/* A depthwise convolution before a 1×1 one that makes its output on the way. */
struct front {
    const struct node *node;
    struct conv conv;
};

static int add_front(struct lowering *lowering, const struct front *front, size_t step,
                     struct error *err)
{
    int weights, bias, pitch = (int)round_up((size_t)front->conv.channels_out, CHANNEL_BLOCK);
    int failed = lower_packed(lowering, &front->conv, &front->node->fused, pitch, &weights, &bias, err);
    if (failed)
        return failed;
    struct step *made = &lowering->steps[step];
    char direct[sizeof made->algorithm];
    step_tensor(made, weights);
    step_tensor(made, bias);
    step_define(made, "-DFRONT");
    define_depthwise(made, "FRONT_", &front->conv);
    step_activation_of(made, "FRONT_", &front->node->fused.activation);
    made->operations += conv_operations(&front->conv);
    made->executed += conv_operations(&front->conv);
    memcpy(direct, made->algorithm, sizeof direct);
    snprintf(made->algorithm, sizeof made->algorithm, "depthwise, %.30s", direct);
    return 0;
}

static bool is_point(const struct conv *conv)
{
    return conv->rank == 4 && !conv->transposed && conv->y.kernel == 1 && conv->x.kernel == 1 &&
           conv->y.phases == 1 && conv->x.phases == 1 && conv->y.in == conv->y.out &&
           conv->x.in == conv->x.out && conv->y.stride == 1 && conv->x.stride == 1;
}

static bool all_are(const struct node *node, const char *name, int64_t wanted, int64_t otherwise)
{
    const int64_t *ints;
    size_t count = attribute_ints(node, name, &ints);
    for (size_t i = 0; i < count; i++)
        if (ints[i] != wanted)
            return false;
    return count > 0 || wanted == otherwise;
}

/* The pooling of 2×2 positions to their largest that alone reads what `node` makes, or NULL. */
static const struct node *find_pool(const struct lowering *lowering, const struct node *node)
{
    const struct graph *graph = lowering->graph;
    int value = node->outputs[0];
    const struct value *made = &graph->values[value];
    if (made->uses != 1 || made->rank != 4 || made->dims[2] % 2 || made->dims[3] % 2)
        return NULL;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *user = &graph->nodes[i];
        if (user->dead || user->input_count < 1 || user->inputs[0] != value)
            continue;
        bool halves = strcmp(user->op->type, "MaxPool") == 0 && user->output_count == 1 &&
                      all_are(user, "kernel_shape", 2, 0) && all_are(user, "strides", 2, 1) &&
                      all_are(user, "dilations", 1, 1) && all_are(user, "pads", 0, 0) &&
                      attribute_is(user, "auto_pad", "NOTSET", true);
        return halves ? user : NULL;
    }
    return NULL;
}

/* Makes tiles of whole pairs of rows, of `width` positions each, and of whole blocks; false if local memory does
 * not hold them. */
static bool fit_pool(const struct lowering *lowering, const struct conv *conv, int width,
                     struct tiling *tiling)
{
    int pair = 2 * width, positions = conv_positions(&conv->x), tile = pair;
    while (tile % tiling->block_x || (tile < POOL_TILE && tile + pair <= positions))
        tile += pair;
    size_t floats = (size_t)tile * (size_t)(tiling->pitch + CHANNEL_BLOCK * tiling->vectors);
    if (tiling->block_y != 1 || floats * sizeof(float) > POOL_BYTES_MAX ||
        floats * sizeof(float) > lowering->target.local_bytes)
        return false;
    tiling->tile_x = tiling->patch_x = tile;
    return true;
}

/* A pooling that the convolution before it does on the way: `choice` is then fit for that. */
static const struct node *join_pool(const struct lowering *lowering, const struct node *node,
                                    const struct conv *original, const struct conv *conv,
                                    struct conv_candidate *choice)
{
    if (!is_point(original) || node->fused.residual || node->fused.pixel_norm)
        return NULL;
    const struct node *pool = find_pool(lowering, node);
    return pool && fit_pool(lowering, conv, original->x.out, &choice->tiling) ? pool : NULL;
}

/* What the direct kernel does beside the convolution. */
struct beside {
    bool normalise;
    const struct front *front; /* NULL: none */
    const struct node *pool;   /* what is written is this node's output; NULL: none */
    int pool_width;
};

static int lower_tiled(struct lowering *lowering, const struct node *node, const struct conv *conv,
                       const struct conv_candidate *choice, const struct beside *beside,
                       struct error *err)
{
    const struct front *front = beside->front;
    struct node writer = *node;
    if (beside->pool)
        writer.outputs = beside->pool->outputs;
    int input = front ? front->node->inputs[0] : node->inputs[0];
    const struct tiling *tiling = &choice->tiling;
    bool out_plain = conv->rank != 4 || (!beside->normalise && !beside->pool &&
                                         lower_wants_plain(lowering, node->outputs[0]));
    bool in_last = front || lower_is_channels_last(lowering, input);
    struct step *step;
    int failed = conv_step(lowering, &writer, input, conv, "conv.cl", "conv",
                           CHANNEL_BLOCK * tiling->vectors,
                           in_last ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN,
                           out_plain ? LAYOUT_PLAIN : LAYOUT_CHANNELS_LAST, &step, err);
    if (failed)
        return failed;
    if (!in_last)
        step_define(step, "-DIN_PLAIN");
    if (out_plain)
        step_define(step, "-DOUT_PLAIN");
    if (beside->normalise)
        step_define(step, "-DPIXEL_NORM=(%af)", (double)node->fused.pixel_norm_epsilon);
    if (beside->pool)
        step_define(step, "-DPOOL=%d", beside->pool_width);
    define_tiling(step, conv, tiling);
    step->cycles = choice->cycles;
    snprintf(step->algorithm, sizeof step->algorithm, "direct %dx%dx%d%s", tiling->block_y,
             tiling->block_x, tiling->vectors, beside->pool ? ", pooled" : "");
    step->global[1] = value_rows(node_output(lowering->graph, node, 0), 1);
    return front ? add_front(lowering, front, lowering->step_count - 1, err) : 0;
}

/* 1×1 to a few channels that are wanted plain, as images are. */
static bool is_narrow(const struct lowering *lowering, const struct node *node,
                      const struct conv *conv)
{
    return lowering->target.blocked && is_point(conv) && conv->groups == 1 &&
           conv->channels_out <= NARROW_MOST && conv->channels_in >= CHANNEL_BLOCK &&
           !node->fused.pixel_norm && lower_wants_plain(lowering, node->outputs[0]);
}

static int lower_narrow(struct lowering *lowering, struct node *node, const struct conv *conv,
                        struct error *err)
{
    struct step *step;
    int size = conv->y.out * conv->x.out;
    int failed = conv_step(lowering, node, node->inputs[0], conv, "conv_narrow.cl", "conv_narrow", CONV_PANEL_ROWS,
                           LAYOUT_CHANNELS_LAST, LAYOUT_PLAIN, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DCO=%d -DCP=%zu -DSIZE=%d", conv->channels_out,
                round_up((size_t)conv->channels_in, CHANNEL_BLOCK), size);
    step->global[0] = (struct count){(size_t)(size + NARROW_PIXELS - 1) / NARROW_PIXELS, false};
    step->global[1] = value_rows(node_output(lowering->graph, node, 0), 1);
    return 0;
}

static bool is_depthwise(const struct lowering *lowering, const struct conv *conv)
{
    return lowering->target.blocked && conv->rank == 4 && !conv->transposed && conv->groups > 1 &&
           conv->groups == conv->channels_in && conv->groups == conv->channels_out &&
           conv->y.phases == 1;
}

/* It needs zeros in the padded channels. */
bool conv_normalises_inside(const struct node *node, const struct conv *conv)
{
    const struct activation *activation = &node->fused.activation;
    if (!node->fused.pixel_norm || conv->rank != 4)
        return false;
    return conv->channels_out % CHANNEL_BLOCK == 0 || activation->kind == ACT_NONE ||
           activation->kind == ACT_RELU || activation->kind == ACT_LEAKY;
}

/* A 1×1 convolution does not see where rows end: one long row leaves fewer blocks half empty. */
static void flatten(struct conv *conv)
{
    if (!is_point(conv))
        return;
    conv->x.in = conv->x.out = conv->y.in * conv->x.in;
    conv->y.in = conv->y.out = 1;
}

static bool choose(const struct lowering *lowering, const struct node *node, struct conv *conv,
                   bool whole, struct conv_candidate *choice)
{
    flatten(conv);
    return conv_choose(&lowering->target, conv, (size_t)node_output(lowering->graph, node, 0)->dims[0],
                       whole, choice);
}

/* The narrow convolution that alone reads what `node` makes, if there is one. */
static bool find_projection(const struct lowering *lowering, const struct node *node,
                            struct projection *projection)
{
    const struct graph *graph = lowering->graph;
    int value = node->outputs[0];
    if (graph->values[value].uses != 1)
        return false;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *user = &graph->nodes[i];
        struct error ignored;
        if (!user->dead && user->op == node->op && user->inputs[0] == value &&
            !user->fused.residual && conv_read(graph, user, &projection->conv, &ignored) == 0 &&
            is_narrow(lowering, user, &projection->conv)) {
            projection->node = user;
            return true;
        }
    }
    return false;
}

static int lower_transformed(struct lowering *lowering, struct node *node, const struct conv *conv,
                             const struct conv_candidate *choice, bool normalise, struct error *err)
{
    struct projection projection;
    bool projects = (normalise || !node->fused.pixel_norm) &&
                    winograd_projects(&lowering->target, conv, &choice->winograd) &&
                    find_projection(lowering, node, &projection);
    if (projects)
        lower_absorb(lowering, projection.node);
    return lower_winograd(lowering, node, conv, choice, normalise, projects ? &projection : NULL,
                          err);
}

struct point {
    const struct node *node;
    struct conv conv;
    struct conv_candidate choice;
};

static bool is_lowered(const struct lowering *lowering, int value)
{
    return lowering->of_value[value][LAYOUT_PLAIN] >= 0 ||
           lowering->of_value[value][LAYOUT_CHANNELS_LAST] >= 0;
}

/* Whether it costs less to make the depthwise output again for each part of the channels than to launch
 * a kernel for it. A part is all channels where rows and tiles alone keep the cores busy. */
static bool worth_joining(const struct lowering *lowering, const struct conv *depthwise,
                          size_t rows, struct point *point)
{
    struct tiling *tiling = &point->choice.tiling;
    double groups = (double)rows * ((conv_positions(&point->conv.x) + tiling->tile_x - 1) /
                                    tiling->tile_x);
    int panels = (point->conv.channels_out + CHANNEL_BLOCK * tiling->vectors - 1) /
                 (CHANNEL_BLOCK * tiling->vectors);
    if (groups >= 2 * lowering->target.cores)
        tiling->panels = panels;
    int again = (panels - 1) / tiling->panels;
    return again * (double)rows * conv_operations(depthwise) <
           JOINED_OPERATIONS * lowering->target.cores;
}

/* Makes the patch's pixels long enough for whole vectors of channels; false if local memory is too small. */
static bool fit_front(const struct lowering *lowering, const struct conv *conv, struct tiling *tiling)
{
    int whole = (int)round_up((size_t)conv->channels_in, CHANNEL_BLOCK);
    tiling->pitch = tiling->pitch > whole ? tiling->pitch : whole;
    return (size_t)tiling->patch_y * (size_t)tiling->patch_x * (size_t)tiling->pitch * sizeof(float) <=
           lowering->target.local_bytes;
}

/* The 1×1 convolution that alone reads what depthwise `node` makes and can make it on the way. */
static bool find_point(const struct lowering *lowering, const struct node *node,
                       const struct conv *conv, struct point *point)
{
    const struct graph *graph = lowering->graph;
    int value = node->outputs[0];
    size_t rows = (size_t)graph->values[value].dims[0];
    if (graph->values[value].uses != 1 || node->fused.residual || node->fused.pixel_norm)
        return false;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *user = &graph->nodes[i];
        struct error ignored;
        if (user->dead || user->op != node->op || user->inputs[0] != value)
            continue;
        if ((user->fused.residual && !is_lowered(lowering, user->fused.residual - 1)) ||
            user->fused.pixel_norm || conv_read(graph, user, &point->conv, &ignored) != 0 ||
            point->conv.groups != 1 || !is_point(&point->conv) ||
            is_narrow(lowering, user, &point->conv))
            return false;
        point->node = user;
        return choose(lowering, user, &point->conv, false, &point->choice) &&
               !point->choice.transformed && fit_front(lowering, &point->conv, &point->choice.tiling) &&
               worth_joining(lowering, conv, rows, point);
    }
    return false;
}

static int lower_joined(struct lowering *lowering, const struct node *node, const struct conv *conv,
                        const struct point *point, struct error *err)
{
    const struct front front = {node, *conv};
    lower_absorb(lowering, point->node);
    return lower_tiled(lowering, point->node, &point->conv, &point->choice,
                       &(struct beside){.front = &front}, err);
}

/* A direct convolution, with its pixel norm or the pooling behind it. */
static int lower_direct(struct lowering *lowering, const struct node *node, const struct conv *original,
                        const struct conv *conv, struct conv_candidate *choice, bool normalise,
                        struct error *err)
{
    struct beside beside = {.normalise = normalise, .pool_width = original->x.out};
    beside.pool = join_pool(lowering, node, original, conv, choice);
    if (beside.pool)
        lower_absorb(lowering, beside.pool);
    return lower_tiled(lowering, node, conv, choice, &beside, err);
}

static int lower_conv(struct lowering *lowering, struct node *node, struct error *err)
{
    struct point point;
    struct conv conv, original;
    struct conv_candidate choice;
    int failed = conv_read(lowering->graph, node, &conv, err);
    if (failed)
        return failed;
    original = conv;
    bool inside = conv_normalises_inside(node, &conv);
    if (is_depthwise(lowering, &conv)) {
        inside = false;
        failed = find_point(lowering, node, &conv, &point)
                     ? lower_joined(lowering, node, &conv, &point, err)
                     : lower_depthwise(lowering, node, &conv, err);
    } else if (is_narrow(lowering, node, &conv)) {
        failed = lower_narrow(lowering, node, &conv, err);
    } else if (lowering->target.blocked &&
               choose(lowering, node, &conv, inside, &choice)) {
        failed = choice.transformed
                     ? lower_transformed(lowering, node, &conv, &choice, inside, err)
                     : lower_direct(lowering, node, &original, &conv, &choice, inside, err);
    } else {
        inside = false;
        failed = conv_tiles_fit(lowering, &conv) ? lower_conv_tiles(lowering, node, &conv, err)
                                                 : lower_any(lowering, node, &conv, err);
    }
    if (!failed && node->fused.pixel_norm && !inside)
        failed = lower_pixel_norm(lowering, node->outputs[0], node->outputs[0],
                                  node->fused.pixel_norm_epsilon, err);
    return failed;
}

#define CONV_ATTRIBUTES                                                                            \
    "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"

const struct op ops_conv[] = {
    {"Conv", 1, OPSET_LAST, CONV_ATTRIBUTES, 2, 3, 1, 0, infer_conv, NULL, lower_conv},
    {"ConvTranspose", 1, OPSET_LAST, CONV_ATTRIBUTES " output_padding:I output_shape:I", 2, 3, 1, 0,
     infer_conv, NULL, lower_conv},
    {0},
};
