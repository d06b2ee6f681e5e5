/* Transforming weights, and the steps of kernels/winograd.cl. */
#include "worker/engine/ops/conv_choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAPS 3
#define PROJECTED_MOST 64 /* channels that a projection reads */
#define EDGE_MAX 6
#define STREAMED_LEAST 3e6 /* bytes of an output that is not found in a second-level cache */

struct form {
    int edge, terms, made, step;    /* EDGE, TERMS, MADE, STEP of the kernel */
    double weights[EDGE_MAX][TAPS]; /* G, of terms rows */
};

static const struct form form_2 = {4, 4, 2, 2, {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}}};
static const struct form form_4 = {6,
                                   6,
                                   4,
                                   4,
                                   {{1.0 / 4, 0, 0},
                                    {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                    {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                    {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                    {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                    {0, 0, 1}}};
static const struct form form_9 = {3, 3, 2, 1, {{1, 0, 0}, {1, 1, 1}, {0, 0, 1}}};
/* The rows of form_4 for 0, 1, 2, −2 and ∞ by the factors that the input's rows were divided by. */
static const struct form form_25 = {4,
                                    5,
                                    4,
                                    2,
                                    {{1.0 / 4, 0, 0},
                                     {-1.0 / 3, -1.0 / 3, -1.0 / 3},
                                     {1.0 / 8, 1.0 / 4, 1.0 / 2},
                                     {-1.0 / 24, 1.0 / 12, -1.0 / 6},
                                     {0, 0, 1}}};

static const struct form *form_of(enum winograd_form form)
{
    switch (form) {
    case WINOGRAD_F2:
        return &form_2;
    case WINOGRAD_F4:
        return &form_4;
    case WINOGRAD_UPSAMPLED:
        return &form_9;
    case WINOGRAD_UPSAMPLED_4:
        return &form_25;
    }
    return NULL;
}

static bool axis_fits(const struct conv_axis *axis, enum winograd_form form)
{
    if (axis->kernel != TAPS || axis->stride != 1 || axis->dilation != 1)
        return false;
    if (form == WINOGRAD_UPSAMPLED || form == WINOGRAD_UPSAMPLED_4)
        return axis->phases == 2 && axis->pad == 1 && axis->out == 2 * axis->in;
    return axis->phases == 1;
}

bool winograd_fits(const struct conv *conv, enum winograd_form form)
{
    return conv->rank == 4 && !conv->transposed && conv->groups == 1 &&
           axis_fits(&conv->y, form) && axis_fits(&conv->x, form);
}

static int tiles_along(const struct conv_axis *axis, const struct form *form)
{
    return (axis->out + form->made - 1) / form->made;
}

int winograd_tiles(const struct conv *conv, enum winograd_form form)
{
    return tiles_along(&conv->y, form_of(form)) * tiles_along(&conv->x, form_of(form));
}

int winograd_tiles_x(const struct conv *conv, enum winograd_form form)
{
    return tiles_along(&conv->x, form_of(form));
}

int winograd_products(enum winograd_form form)
{
    return form_of(form)->terms * form_of(form)->terms;
}

int winograd_inputs(enum winograd_form form)
{
    return form_of(form)->edge * form_of(form)->edge;
}

double winograd_operations(const struct conv *conv, enum winograd_form form)
{
    return 2.0 * winograd_products(form) * winograd_tiles(conv, form) * conv->channels_in *
           (double)round_up((size_t)conv->channels_out, CHANNEL_BLOCK);
}

/* Rows of scratch a power of two apart would fall on few cache sets. */
static size_t pitch(int channels)
{
    size_t blocked = round_up((size_t)channels, CHANNEL_BLOCK);
    return blocked % 64 ? blocked : blocked + CHANNEL_BLOCK;
}

size_t winograd_local_bytes(const struct conv *conv, const struct winograd *winograd)
{
    size_t v = (size_t)winograd_inputs(winograd->form) * pitch(conv->channels_in);
    size_t m = (size_t)winograd_products(winograd->form) *
               (size_t)(CHANNEL_BLOCK * winograd->vectors);
    return (size_t)winograd->tiles * (v + m) * sizeof(float);
}

/* u = G w Gᵀ of one pair of channels */
static void transform_weights(const struct form *form, const float *w, double scale,
                              double u[EDGE_MAX][EDGE_MAX])
{
    double rows[EDGE_MAX][TAPS] = {{0}};
    for (int i = 0; i < form->terms; i++)
        for (int x = 0; x < TAPS; x++)
            for (int y = 0; y < TAPS; y++)
                rows[i][x] += form->weights[i][y] * scale * (double)w[y * TAPS + x];
    for (int i = 0; i < form->terms; i++)
        for (int j = 0; j < form->terms; j++) {
            u[i][j] = 0;
            for (int x = 0; x < TAPS; x++)
                u[i][j] += rows[i][x] * form->weights[j][x];
        }
}

float *winograd_pack_weights(const struct conv *conv, const struct fused *fused, enum winograd_form of,
                             size_t panel, size_t *elements)
{
    const struct form *form = form_of(of);
    size_t products = (size_t)(form->terms * form->terms), inputs = (size_t)conv->channels_in;
    *elements = round_up((size_t)conv->channels_out, panel) * products * inputs;
    float *packed = calloc(*elements, sizeof *packed);
    for (size_t co = 0; packed && co < (size_t)conv->channels_out; co++)
        for (size_t ci = 0; ci < inputs; ci++) {
            double u[EDGE_MAX][EDGE_MAX];
            transform_weights(form, conv->weights + (co * inputs + ci) * TAPS * TAPS,
                              fused->scale ? (double)fused->scale[co] : 1.0, u);
            for (size_t p = 0; p < products; p++)
                packed[((co / panel * products + p) * inputs + ci) * panel + co % panel] =
                    (float)u[p / (size_t)form->terms][p % (size_t)form->terms];
        }
    return packed;
}

struct tensors {
    int in, weights, bias, residual, projection, projection_bias, out, v, m;
};

/* Whether local memory holds finished pixels too: of all tiles if they wait for another panel. */
static bool can_keep(const struct lowering_target *target, const struct conv *conv,
                     const struct winograd *winograd)
{
    const struct form *form = form_of(winograd->form);
    size_t channels = round_up((size_t)conv->channels_out, CHANNEL_BLOCK);
    size_t tiles = channels > (size_t)(CHANNEL_BLOCK * winograd->vectors) ? (size_t)winograd->tiles
                                                                         : 1;
    size_t finished = tiles * (size_t)(form->made * form->made) * channels * sizeof(float);
    return !winograd->staged &&
           winograd_local_bytes(conv, winograd) + finished <= target->local_bytes;
}

bool winograd_streams(const struct lowering_target *target, const struct conv *conv,
                      const struct winograd *winograd, size_t rows)
{
    double pixels = (double)rows * conv->y.out * conv->x.out;
    size_t channels = round_up((size_t)conv->channels_out, CHANNEL_BLOCK);
    return can_keep(target, conv, winograd) &&
           pixels * (double)(channels * sizeof(float)) >= STREAMED_LEAST;
}

bool winograd_projects(const struct lowering_target *target, const struct conv *conv,
                       const struct winograd *winograd)
{
    return conv->channels_out <= PROJECTED_MOST && can_keep(target, conv, winograd);
}

static int make_projection(struct lowering *lowering, const struct projection *projection,
                           struct tensors *tensors, struct error *err)
{
    size_t elements;
    const struct fused *fused = &projection->node->fused;
    float *packed = conv_pack_rows(&projection->conv, fused, &elements);
    int failed = packed ? lower_constant(lowering, packed, elements, &tensors->projection, err)
                        : error_set(err, E_MEMORY, "no memory for weights");
    if (failed)
        return failed;
    packed = conv_pack_bias(&projection->conv, fused, 0, &elements);
    return packed ? lower_constant(lowering, packed, elements, &tensors->projection_bias, err)
                  : error_set(err, E_MEMORY, "no memory for a bias");
}

static int make_tensors(struct lowering *lowering, struct node *node, const struct conv *conv,
                        const struct winograd *winograd, const struct projection *projection,
                        struct tensors *tensors, struct error *err)
{
    size_t elements;
    int failed = lower_input(lowering, node->inputs[0], LAYOUT_CHANNELS_LAST, &tensors->in, err);
    float *packed = failed ? NULL
                           : winograd_pack_weights(conv, &node->fused, winograd->form,
                                                   (size_t)(CHANNEL_BLOCK * winograd->vectors),
                                                   &elements);
    if (!failed)
        failed = packed ? lower_constant(lowering, packed, elements, &tensors->weights, err)
                        : error_set(err, E_MEMORY, "no memory for weights");
    packed = failed ? NULL
                    : conv_pack_bias(conv, &node->fused, CHANNEL_BLOCK * winograd->vectors,
                                     &elements);
    if (!failed)
        failed = packed ? lower_constant(lowering, packed, elements, &tensors->bias, err)
                        : error_set(err, E_MEMORY, "no memory for a bias");
    tensors->residual = tensors->bias;
    if (!failed && node->fused.residual)
        failed = lower_input(lowering, node->fused.residual - 1, LAYOUT_CHANNELS_LAST,
                             &tensors->residual, err);
    if (!failed && projection)
        failed = make_projection(lowering, projection, tensors, err);
    if (!failed)
        failed = lower_output(lowering, (projection ? projection->node : node)->outputs[0],
                              projection ? LAYOUT_PLAIN : LAYOUT_CHANNELS_LAST, &tensors->out, err);
    return failed;
}

static int make_scratch(struct lowering *lowering, const struct value *out, const struct conv *conv,
                        const struct winograd *winograd, struct tensors *tensors,
                        struct error *err)
{
    size_t tiles = (size_t)winograd_tiles(conv, winograd->form);
    size_t v = (size_t)winograd_inputs(winograd->form) * pitch(conv->channels_in);
    size_t m = (size_t)winograd_products(winograd->form) * pitch(conv->channels_out);
    int failed = lower_scratch(lowering, value_rows(out, tiles * v), v * (size_t)winograd->tiles,
                               &tensors->v, err);
    return failed ? failed
                  : lower_scratch(lowering, value_rows(out, tiles * m),
                                  m * (size_t)winograd->tiles, &tensors->m, err);
}

const char *winograd_name(enum winograd_form form)
{
    switch (form) {
    case WINOGRAD_F2:
        return "F(2x2,3x3)";
    case WINOGRAD_F4:
        return "F(4x4,3x3)";
    case WINOGRAD_UPSAMPLED:
        return "9 products";
    case WINOGRAD_UPSAMPLED_4:
        return "25 products";
    }
    return "";
}

static void define_step(struct step *step, const struct node *node, const struct conv *conv,
                        const struct winograd *winograd, bool normalise, struct count tiles)
{
    const struct form *form = form_of(winograd->form);
    step_define(step, "-DFORM=%d -DCI=%d -DCINP=%zu -DCO=%d -DCOP=%zu", (int)winograd->form,
                conv->channels_in, round_up((size_t)conv->channels_in, CHANNEL_BLOCK),
                conv->channels_out, round_up((size_t)conv->channels_out, CHANNEL_BLOCK));
    step_define(step, "-DHI=%d -DWI=%d -DHO=%d -DWO=%d -DPADY=%d -DPADX=%d", conv->y.in, conv->x.in,
                conv->y.out, conv->x.out, conv->y.pad, conv->x.pad);
    step_define(step, "-DTILES_X=%d -DTILES=%d -DNV=%d -DMR=%d -DTB=%d -DLDV=%zu -DLDM=%zu",
                tiles_along(&conv->x, form), winograd_tiles(conv, winograd->form),
                winograd->vectors, winograd->block, winograd->tiles, pitch(conv->channels_in),
                pitch(conv->channels_out));
    if (winograd->staged)
        step_define(step, "-DSTAGED");
    if (node->fused.residual)
        step_define(step, "-DRESIDUAL");
    if (normalise)
        step_define(step, "-DPIXEL_NORM=(%af)", (double)node->fused.pixel_norm_epsilon);
    step_activation(step, &node->fused.activation);
    step_count(step, tiles);
    step->global[0] = tiles;
    step->divide[0] = (size_t)winograd->tiles;
    snprintf(step->algorithm, sizeof step->algorithm, "%s %s %dx%d/%d",
             winograd_name(winograd->form),
             winograd->staged ? "staged" : "whole", winograd->block, winograd->vectors,
             winograd->tiles);
}

static int lower_whole(struct lowering *lowering, struct node *node, const struct conv *conv,
                       const struct winograd *winograd, bool normalise,
                       const struct projection *projection, const struct tensors *tensors,
                       struct error *err)
{
    const struct value *out = node_output(lowering->graph, node, 0);
    struct step *step;
    int failed = lower_step(lowering, "winograd.cl", "winograd", tensors->out, &step, err);
    if (failed)
        return failed;
    step_tensor(step, tensors->in);
    step_tensor(step, tensors->weights);
    step_tensor(step, tensors->bias);
    step_tensor(step, tensors->residual);
    if (projection) {
        step_tensor(step, tensors->projection);
        step_tensor(step, tensors->projection_bias);
    }
    step_tensor(step, tensors->out);
    define_step(step, node, conv, winograd, normalise,
                value_rows(out, (size_t)winograd_tiles(conv, winograd->form)));
    step->operations = conv_operations(conv);
    step->executed = winograd_operations(conv, winograd->form);
    if (projection) {
        step_define(step, "-DPROJECT=%d", projection->conv.channels_out);
        step_activation_of(step, "PROJECT_", &projection->node->fused.activation);
        step->operations += conv_operations(&projection->conv);
        step->executed += conv_operations(&projection->conv);
        strncat(step->algorithm, " to image", sizeof step->algorithm - strlen(step->algorithm) - 1);
    } else if (winograd->streamed) {
        step_define(step, "-DSTREAM");
    }
    return 0;
}

static int lower_staged(struct lowering *lowering, struct node *node, const struct conv *conv,
                        const struct winograd *winograd, bool normalise, struct tensors *tensors,
                        struct error *err)
{
    const struct value *out = node_output(lowering->graph, node, 0);
    struct count tiles = value_rows(out, (size_t)winograd_tiles(conv, winograd->form));
    struct step *step;
    int failed = make_scratch(lowering, out, conv, winograd, tensors, err);
    if (!failed)
        failed = lower_step(lowering, "winograd.cl", "transform", tensors->v, &step, err);
    if (failed)
        return failed;
    step_tensor(step, tensors->in);
    step_tensor(step, tensors->v);
    define_step(step, node, conv, winograd, normalise, tiles);
    failed = lower_step(lowering, "winograd.cl", "multiply", tensors->m, &step, err);
    if (failed)
        return failed;
    step_tensor(step, tensors->v);
    step_tensor(step, tensors->weights);
    step_tensor(step, tensors->m);
    define_step(step, node, conv, winograd, normalise, tiles);
    step->global[1].each = round_up((size_t)conv->channels_out, CHANNEL_BLOCK) /
                           (size_t)(CHANNEL_BLOCK * winograd->vectors);
    step->global[2].each = (size_t)winograd_products(winograd->form);
    step->operations = conv_operations(conv);
    step->executed = winograd_operations(conv, winograd->form);
    failed = lower_step(lowering, "winograd.cl", "finish", tensors->out, &step, err);
    if (failed)
        return failed;
    step_tensor(step, tensors->m);
    step_tensor(step, tensors->bias);
    step_tensor(step, tensors->residual);
    step_tensor(step, tensors->out);
    define_step(step, node, conv, winograd, normalise, tiles);
    return 0;
}

int lower_winograd(struct lowering *lowering, struct node *node, const struct conv *conv,
                   const struct conv_candidate *choice, bool normalise,
                   const struct projection *projection, struct error *err)
{
    const struct winograd *winograd = &choice->winograd;
    struct tensors tensors = {0};
    int failed = make_tensors(lowering, node, conv, winograd, projection, &tensors, err);
    if (!failed)
        failed = winograd->staged
                     ? lower_staged(lowering, node, conv, winograd, normalise, &tensors, err)
                     : lower_whole(lowering, node, conv, winograd, normalise, projection, &tensors,
                                   err);
    if (failed)
        return failed;
    /* The prediction is for all stages together: it stands beside the multiplication. */
    lowering->steps[lowering->step_count - (winograd->staged ? 2 : 1)].cycles = choice->cycles;
    return 0;
}
