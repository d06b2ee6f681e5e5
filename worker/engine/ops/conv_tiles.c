/*
 * The choice of a form for a convolution on a GPU, and its steps. All tensors are in the plain
 * layout: neighbouring work-items are neighbouring pixels.
 *
 * The form follows from shape, class and tolerance alone, as it decides in which order numbers are
 * added.
 */
#include "worker/engine/ops/conv_tiles.h"

#include <assert.h>

#include "worker/engine/ops/conv_choose.h"

/* Fewer channels would leave most rows of a tile empty; conv_any.cl reads what it needs through the
 * cache. */
#define CHANNELS_LEAST 8
/* Rows for which weights are read once, in the choice of a form. */
#define NOMINAL_ROWS 16

static double positions_of(const struct conv *conv)
{
    return (double)conv_positions(&conv->y) * conv_positions(&conv->x);
}

bool conv_tiles_fit(const struct lowering *lowering, const struct conv *conv)
{
    struct gpu_tile tile;
    int channels = conv->channels_out / conv->groups;
    return channels >= CHANNELS_LEAST &&
           lower_choose_tile(lowering, channels, positions_of(conv), &tile);
}

/* ---- the form ---- */

/* Multiply-adds of a row, where each float to or from memory counts as many as the device does
 * meanwhile. */
static double direct_cost(const struct conv *conv, double balance)
{
    double weights = (double)conv->y.phases * conv->x.phases * conv->y.taps * conv->x.taps *
                     conv->channels_in / conv->groups * conv->channels_out;
    return weights * (positions_of(conv) + balance / NOMINAL_ROWS);
}

/* Beside the multiplication, the transformed tensors are written and read. */
static double form_cost(const struct conv *conv, enum winograd_form form, double balance)
{
    double tiles = winograd_tiles(conv, form), products = winograd_products(form);
    double weights = products * conv->channels_in * conv->channels_out;
    double moved =
        2 * tiles *
        (winograd_inputs(form) * (double)conv->channels_in + products * (double)conv->channels_out);
    return weights * (tiles + balance / NOMINAL_ROWS) + balance * moved;
}

/* The cheapest form, 0 for direct. */
static int choose_form(const struct lowering_target *target, const struct conv *conv)
{
    static const enum winograd_form forms[] = {WINOGRAD_F2, WINOGRAD_F4, WINOGRAD_UPSAMPLED,
                                               WINOGRAD_UPSAMPLED_4};
    double least = direct_cost(conv, target->gpu->balance);
    int form = 0;
    if (target->forced)
        return target->forced->transformed && winograd_fits(conv, target->forced->winograd.form)
                   ? (int)target->forced->winograd.form
                   : 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (!conv_form_allowed(conv, forms[i], target->tolerance))
            continue;
        double cost = form_cost(conv, forms[i], target->gpu->balance);
        if (cost < least) {
            least = cost;
            form = (int)forms[i];
        }
    }
    return form;
}

/* ---- steps ---- */

static int lower_direct(struct lowering *lowering, struct node *node, const struct conv *conv,
                        struct error *err)
{
    struct gpu_tile tile = {0};
    struct step *step;
    const struct value *out = node_output(lowering->graph, node, 0);
    int channels = conv->channels_out / conv->groups, phases = conv->y.phases * conv->x.phases;
    size_t positions = (size_t)(conv_positions(&conv->y) * conv_positions(&conv->x));
    int failed = conv_step(lowering, node, node->inputs[0], conv, "tiles.cl", "conv_tiles",
                           channels, LAYOUT_PLAIN, LAYOUT_PLAIN, &step, err);
    if (failed)
        return failed;
    double rows = (double)out->dims[0] * phases * conv->groups;
    bool found = lower_choose_tile(lowering, channels, (double)positions * rows, &tile);
    assert(found); /* conv_tiles_fit */
    step_define(step, "-DCONV");
    conv_define_shape(step, conv);
    step_tile(step, "direct", &tile, value_rows(out, positions),
              (struct count){(size_t)channels, false});
    step->global[2].each = (size_t)(phases * conv->groups);
    step_count(step, value_rows(out, positions));
    lower_half_weights(lowering, step, step->args[1].as.tensor); /* conv_step's weights */
    return 0;
}

struct tensors {
    int in, weights, bias, residual, v, m, out;
};

static int make_constants(struct lowering *lowering, const struct node *node,
                          const struct conv *conv, enum winograd_form form, struct tensors *tensors,
                          struct error *err)
{
    size_t elements;
    float *packed =
        winograd_pack_weights(conv, &node->fused, form, (size_t)conv->channels_out, &elements);
    if (!packed)
        return error_set(err, E_MEMORY, "no memory for weights");
    int failed = lower_constant(lowering, packed, elements, &tensors->weights, err);
    if (failed)
        return failed;
    packed = conv_pack_bias(conv, &node->fused, 0, &elements);
    return packed ? lower_constant(lowering, packed, elements, &tensors->bias, err)
                  : error_set(err, E_MEMORY, "no memory for a bias");
}

static int make_tensors(struct lowering *lowering, struct node *node, const struct conv *conv,
                        enum winograd_form form, struct tensors *tensors, struct error *err)
{
    const struct value *out = node_output(lowering->graph, node, 0);
    size_t tiles = (size_t)winograd_tiles(conv, form);
    size_t v = tiles * (size_t)(winograd_inputs(form) * conv->channels_in);
    size_t m = tiles * (size_t)(winograd_products(form) * conv->channels_out);
    int failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, &tensors->in, err);
    if (!failed)
        failed = make_constants(lowering, node, conv, form, tensors, err);
    tensors->residual = tensors->bias;
    if (!failed && node->fused.residual)
        failed =
            lower_input(lowering, node->fused.residual - 1, LAYOUT_PLAIN, &tensors->residual, err);
    if (!failed)
        failed = lower_scratch(lowering, value_rows(out, v), 0, &tensors->v, err);
    if (!failed)
        failed = lower_scratch(lowering, value_rows(out, m), 0, &tensors->m, err);
    return failed ? failed
                  : lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, &tensors->out, err);
}

/* The options of winograd_tiles.cl, and its last arguments: tiles, work-items. */
static void define_end(struct step *step, const struct node *node, const struct conv *conv,
                       enum winograd_form form, struct count tiles, int channels)
{
    struct count items = {tiles.each * (size_t)channels, tiles.per_row};
    step_define(step, "-DFORM=%d -DCI=%d -DCO=%d -DHI=%d -DWI=%d -DHO=%d -DWO=%d", (int)form,
                conv->channels_in, conv->channels_out, conv->y.in, conv->x.in, conv->y.out,
                conv->x.out);
    step_define(step, "-DPADY=%d -DPADX=%d -DTILES_X=%d -DTILES=%d", conv->y.pad, conv->x.pad,
                winograd_tiles_x(conv, form), winograd_tiles(conv, form));
    if (node->fused.residual)
        step_define(step, "-DRESIDUAL");
    step_activation(step, &node->fused.activation);
    step_count(step, tiles);
    step_count(step, items);
    step_linear(step, items);
}

static int lower_multiply(struct lowering *lowering, const struct conv *conv,
                          enum winograd_form form, struct count tiles, size_t rows,
                          const struct tensors *tensors, struct error *err)
{
    struct gpu_tile tile = {0};
    struct step *step;
    int products = winograd_products(form);
    int failed = lower_step(lowering, "tiles.cl", "multiply_tiles", tensors->m, &step, err);
    if (failed)
        return failed;
    bool found = lower_choose_tile(lowering, conv->channels_out,
                                   (double)tiles.each * (double)rows * products, &tile);
    assert(found); /* conv_tiles_fit */
    step_tensor(step, tensors->v);
    step_tensor(step, tensors->weights);
    step_tensor(step, tensors->m);
    step_count(step, tiles);
    step_define(step, "-DMULTIPLY -DFORM=%d -DCI=%d -DCO=%d -DCOP=%d", (int)form, conv->channels_in,
                conv->channels_out, conv->channels_out);
    step_tile(step, winograd_name(form), &tile, tiles,
              (struct count){(size_t)conv->channels_out, false});
    step->global[2].each = (size_t)products;
    step->operations = conv_operations(conv);
    step->executed = winograd_operations(conv, form);
    return 0;
}

static int lower_form(struct lowering *lowering, struct node *node, const struct conv *conv,
                      enum winograd_form form, struct error *err)
{
    struct tensors tensors;
    struct step *step;
    const struct value *out = node_output(lowering->graph, node, 0);
    struct count tiles = value_rows(out, (size_t)winograd_tiles(conv, form));
    size_t rows = tiles.per_row ? (size_t)out->dims[0] : 1;
    int failed = make_tensors(lowering, node, conv, form, &tensors, err);
    if (!failed)
        failed = lower_step(lowering, "winograd_tiles.cl", "input_tiles", tensors.v, &step, err);
    if (failed)
        return failed;
    step_tensor(step, tensors.in);
    step_tensor(step, tensors.v);
    define_end(step, node, conv, form, tiles, conv->channels_in);
    failed = lower_multiply(lowering, conv, form, tiles, rows, &tensors, err);
    if (!failed)
        failed = lower_step(lowering, "winograd_tiles.cl", "output_tiles", tensors.out, &step, err);
    if (failed)
        return failed;
    step_tensor(step, tensors.m);
    step_tensor(step, tensors.bias);
    step_tensor(step, tensors.residual);
    step_tensor(step, tensors.out);
    define_end(step, node, conv, form, tiles, conv->channels_out);
    return 0;
}

int lower_conv_tiles(struct lowering *lowering, struct node *node, const struct conv *conv,
                     struct error *err)
{
    int form = choose_form(&lowering->target, conv);
    return form ? lower_form(lowering, node, conv, (enum winograd_form)form, err)
                : lower_direct(lowering, node, conv, err);
}
