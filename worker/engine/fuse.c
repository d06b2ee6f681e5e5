/*
 * Fusion: patterns of nodes become one node with more in its `fused`.
 *
 * A node absorbs its only user by taking over the user's output; the user is then without outputs
 * and dies. Uses are recounted after each pass, so patterns see only what is alive. The order:
 * pixel norm is recognised first (its square has two uses of the tensor), then each convolution
 * or product absorbs, as its kernel applies them: scale and shift, residual, activation, pixel norm.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/engine/ops.h"
#include "worker/engine/ops/conv_nd.h"
#include "worker/engine/ops/elementwise.h"
#include "worker/engine/ops/norm.h"
#include "worker/engine/ops/reduce.h"
#include "worker/engine/ops/resize.h"
#include "worker/engine/passes.h"

#define UPSAMPLE_MOST 4
#define PAD_MOST 64

/* The live node that computes a value used `uses` times, or NULL. */
static struct node *producer(struct graph *graph, int value, int uses)
{
    if (value < 0 || graph->values[value].uses != uses || graph->values[value].producer < 0)
        return NULL;
    struct node *node = &graph->nodes[graph->values[value].producer];
    return node->dead ? NULL : node;
}

static bool is_output(const struct graph *graph, int value)
{
    for (size_t i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] == value)
            return true;
    return false;
}

static const float *scalar(const struct graph *graph, int value)
{
    const struct value *of = value < 0 ? NULL : &graph->values[value];
    bool fits = of && of->data && of->type == VALUE_FLOAT && value_elements(of) == 1;
    return fits ? of->data : NULL;
}

/* The one user of a node's one output, or NULL. */
static struct node *only_user(struct graph *graph, const struct node *node)
{
    int value = node->outputs[0];
    if (graph->values[value].uses != 1 || is_output(graph, value))
        return NULL;
    for (size_t i = 0; i < graph->node_count; i++) {
        struct node *user = &graph->nodes[i];
        for (size_t k = 0; !user->dead && k < user->input_count; k++)
            if (user->inputs[k] == value)
                return user;
    }
    return NULL;
}

/* `node` takes over the output of its only user, which dies. */
static void absorb(struct graph *graph, struct node *node, struct node *user)
{
    graph->values[node->outputs[0]].uses = 0;
    node->outputs[0] = user->outputs[0];
    graph->values[node->outputs[0]].producer = (int)(node - graph->nodes);
    for (size_t i = 0; i < user->input_count; i++)
        if (user->inputs[i] >= 0)
            graph->values[user->inputs[i]].uses--;
    user->output_count = 0;
    user->dead = true;
}

/* ---- pixel norm: x / Sqrt(ReduceMean(x·x, channels) + epsilon) ---- */

static bool is_square_of(struct graph *graph, const struct node *node, int x)
{
    if (node->inputs[0] != x)
        return false;
    if (node_is_binary(node, BINARY_MUL))
        return node->inputs[1] == x;
    const float *power = node_is_binary(node, BINARY_POW) ? scalar(graph, node->inputs[1]) : NULL;
    return power && *power == 2.0f;
}

static bool is_channel_mean(const struct graph *graph, const struct node *node)
{
    unsigned mask;
    return node_is_mean(node) && attribute_int(node, "keepdims", 1) &&
           reduce_axes(graph, node, &mask, NULL) == 0 && mask == 2;
}

/* True if `value` is Sqrt(ReduceMean(x²) + epsilon), each used once. */
static bool is_root_mean_square(struct graph *graph, int value, int x, float *epsilon)
{
    struct node *root = producer(graph, value, 1);
    if (!root || !node_is_unary(root, UNARY_SQRT))
        return false;
    struct node *sum = producer(graph, root->inputs[0], 1);
    if (!sum || !node_is_binary(sum, BINARY_ADD))
        return false;
    int constant = scalar(graph, sum->inputs[1]) != NULL;
    const float *added = scalar(graph, sum->inputs[constant]);
    struct node *mean = producer(graph, sum->inputs[!constant], 1);
    if (!added || !mean || !is_channel_mean(graph, mean))
        return false;
    struct node *square = producer(graph, mean->inputs[0], 1);
    *epsilon = *added;
    return square && is_square_of(graph, square, x);
}

/* The denominator of a node that divides its input x by something, or -1. */
static int denominator(struct graph *graph, const struct node *node, int *x)
{
    if (node_is_binary(node, BINARY_DIV)) {
        *x = node->inputs[0];
        return node->inputs[1];
    }
    for (int i = 0; node_is_binary(node, BINARY_MUL) && i < 2; i++) {
        struct node *inverse = producer(graph, node->inputs[i], 1);
        *x = node->inputs[!i];
        if (inverse && node_is_unary(inverse, UNARY_RECIPROCAL))
            return inverse->inputs[0];
        if (inverse && node_is_binary(inverse, BINARY_DIV)) {
            const float *one = scalar(graph, inverse->inputs[0]);
            if (one && *one == 1.0f)
                return inverse->inputs[1];
        }
    }
    return -1;
}

static void find_pixel_norm(struct graph *graph, struct node *node)
{
    int x = -1;
    float epsilon;
    int below = denominator(graph, node, &x);
    if (below < 0 || x < 0 || graph->values[x].rank < 2 || graph->values[x].data ||
        !is_root_mean_square(graph, below, x, &epsilon))
        return;
    node->op = &op_pixel_norm;
    node->inputs[0] = x;
    node->input_count = 1;
    node->fused.pixel_norm_epsilon = epsilon;
}

/* ---- into convolutions and products ---- */

static bool is_op(const struct node *node, const char *type)
{
    return strcmp(node->op->type, type) == 0;
}

static bool is_conv(const struct node *node)
{
    return !node_is_conv_nd(node) && (is_op(node, "Conv") || is_op(node, "ConvTranspose"));
}

/* A product whose weights and bias are constant, so that a scale goes into them. */
static bool is_dense(const struct graph *graph, const struct node *node)
{
    const struct value *b = node->input_count > 1 ? node_input(graph, node, 1) : NULL;
    const struct value *c = node_input(graph, node, 2);
    return (is_op(node, "Gemm") || is_op(node, "MatMul")) && b && b->data && b->rank == 2 &&
           (!c || c->data);
}

static int absorb_batch_norm(struct graph *graph, struct node *node, struct error *err)
{
    struct node *user = only_user(graph, node);
    if (!is_conv(node) || !user || !is_op(user, "BatchNormalization"))
        return 0;
    int failed = batch_norm_affine(graph, user, &node->fused.scale, &node->fused.shift, err);
    if (!failed)
        absorb(graph, node, user);
    return failed;
}

/* True if a value is a constant with one element for each of `channels` of an image. */
static bool is_per_channel(const struct value *value, int64_t channels)
{
    if (!value->data || value->type != VALUE_FLOAT || value->rank < 3 || value->rank > 4 ||
        value_elements(value) != channels)
        return false;
    return value->dims[value->rank - 3] == channels;
}

/* Conv + Add of a constant a channel, where exporters do not write the bias as the convolution's own. */
static int absorb_bias(struct graph *graph, struct node *node, struct error *err)
{
    struct node *user = only_user(graph, node);
    const struct value *out = node_output(graph, node, 0);
    const struct value *weights = node->input_count > 1 ? node_input(graph, node, 1) : NULL;
    if (!is_conv(node) || !user || out->rank != 4 || !weights || !weights->data ||
        !node_is_binary(user, BINARY_ADD) || user->input_count != 2 || is_op(user, "Mean") ||
        user->fused.activation.kind != ACT_NONE || graph->opset < 7 || node->fused.scale)
        return 0;
    const struct value *bias = node_input(graph, user, user->inputs[0] == node->outputs[0]);
    if (!is_per_channel(bias, out->dims[1]))
        return 0;
    size_t channels = (size_t)out->dims[1];
    node->fused.scale = malloc(channels * sizeof(float));
    node->fused.shift = malloc(channels * sizeof(float));
    if (!node->fused.scale || !node->fused.shift)
        return error_set(err, E_MEMORY, "no memory for a bias of %zu channels", channels);
    for (size_t c = 0; c < channels; c++) {
        node->fused.scale[c] = 1.0f;
        node->fused.shift[c] = ((const float *)bias->data)[c];
    }
    absorb(graph, node, user);
    return 0;
}

/* Conv + Add of a tensor that is there before the convolution runs. */
static void absorb_residual(struct graph *graph, struct node *node)
{
    struct node *user = only_user(graph, node);
    if (!is_conv(node) || !user || !node_is_binary(user, BINARY_ADD) ||
        user->fused.activation.kind != ACT_NONE)
        return;
    int other = user->inputs[user->inputs[0] == node->outputs[0]];
    const struct value *sum = node_output(graph, user, 0), *with = &graph->values[other];
    bool same = with->rank == sum->rank && with->batched == sum->batched && !with->data &&
                memcmp(with->dims, sum->dims, sum->rank * sizeof *sum->dims) == 0 &&
                memcmp(sum->dims, node_output(graph, node, 0)->dims,
                       sum->rank * sizeof *sum->dims) == 0;
    if (!same || with->producer >= (int)(node - graph->nodes))
        return;
    absorb(graph, node, user);
    graph->values[other].uses++;
    node->fused.residual = other + 1;
}

/* Views between a product and its activation do not matter to either. */
static bool is_view(const struct node *node)
{
    return is_op(node, "Reshape") || is_op(node, "Flatten") || is_op(node, "Squeeze") ||
           is_op(node, "Unsqueeze") || is_op(node, "Identity") || is_op(node, "Dropout");
}

static void absorb_activation(struct graph *graph, struct node *node)
{
    struct activation activation;
    struct node *last = node, *user = only_user(graph, node);
    while (user && is_view(user)) {
        last = user;
        user = only_user(graph, user);
    }
    if (!user || !unary_activation(graph, user, &activation))
        return;
    node->fused.activation = activation;
    absorb(graph, last, user);
}

static void absorb_pixel_norm(struct graph *graph, struct node *node)
{
    struct node *user = only_user(graph, node);
    if (!is_conv(node) || !user || user->op != &op_pixel_norm ||
        graph->values[node->outputs[0]].rank != 4)
        return;
    node->fused.pixel_norm = true;
    node->fused.pixel_norm_epsilon = user->fused.pixel_norm_epsilon;
    absorb(graph, node, user);
}

static bool all_are(const struct node *node, const char *name, int64_t expected)
{
    const int64_t *ints;
    size_t count = attribute_ints(node, name, &ints);
    for (size_t i = 0; i < count; i++)
        if (ints[i] != expected)
            return false;
    return true;
}

static void absorb_upsample(struct graph *graph, struct node *node)
{
    int source = node->inputs[0];
    if (!is_op(node, "Conv") || graph->values[source].producer < 0 ||
        graph->values[source].rank != 4 || !all_are(node, "strides", 1) ||
        !all_are(node, "dilations", 1) || attribute_int(node, "group", 1) != 1 ||
        !attribute_is(node, "auto_pad", "NOTSET", true))
        return;
    const struct node *resize = &graph->nodes[graph->values[source].producer];
    int factor = resize->dead ? 0 : resize_factor(graph, resize);
    if (factor < 2 || factor > UPSAMPLE_MOST)
        return;
    node->inputs[0] = resize->inputs[0];
    node->fused.upsample = factor;
}

/* A Pad of zeros around an image's rows and columns, whose amounts are known. */
static bool zero_pads(const struct graph *graph, const struct node *pad, int64_t pads[4])
{
    const int64_t *amounts = NULL;
    const struct value *given = node_input(graph, pad, 1), *zero = node_input(graph, pad, 2);
    size_t count = attribute_ints(pad, "pads", &amounts);
    if (given && given->data && given->type == VALUE_INT64) {
        count = (size_t)value_elements(given);
        amounts = given->data;
    }
    bool zeros = attribute_is(pad, "mode", "constant", true) &&
                 attribute_float(pad, "value", 0) == 0 &&
                 (!zero || (zero->data && zero->type == VALUE_FLOAT && *(float *)zero->data == 0));
    if (count != 8 || !zeros || node_input(graph, pad, 3))
        return false;
    for (size_t i = 0; i < 8; i++)
        if (amounts[i] < 0 || amounts[i] > PAD_MOST || (i % 4 < 2 && amounts[i] != 0))
            return false;
    memcpy(pads, (int64_t[4]){amounts[2], amounts[3], amounts[6], amounts[7]}, 4 * sizeof *pads);
    return true;
}

static void absorb_pad(struct graph *graph, struct node *node)
{
    int64_t pads[4];
    const struct node *pad = producer(graph, node->inputs[0], 1);
    if (!is_op(node, "Conv") || !pad || !is_op(pad, "Pad") || node->fused.upsample ||
        graph->values[node->inputs[0]].rank != 4 ||
        !(attribute_is(node, "auto_pad", "NOTSET", true) ||
          attribute_is(node, "auto_pad", "VALID", false)) ||
        !zero_pads(graph, pad, pads))
        return;
    node->inputs[0] = pad->inputs[0];
    memcpy(node->fused.pads, pads, sizeof pads);
}

static int fuse_node(struct graph *graph, struct node *node, struct error *err)
{
    int failed = absorb_batch_norm(graph, node, err);
    if (!failed)
        failed = absorb_bias(graph, node, err);
    if (failed)
        return node_error(graph, node, failed, err);
    if (is_conv(node) || is_dense(graph, node)) {
        absorb_residual(graph, node);
        absorb_activation(graph, node);
        absorb_pixel_norm(graph, node);
        absorb_upsample(graph, node);
        absorb_pad(graph, node);
    } else if (node_is_binary(node, BINARY_ADD)) {
        absorb_activation(graph, node);
    }
    return 0;
}

int pass_fuse(struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->node_count; i++)
        if (!graph->nodes[i].dead)
            find_pixel_norm(graph, &graph->nodes[i]);
    graph_count_uses(graph);
    for (size_t i = 0; i < graph->node_count; i++) {
        int failed = graph->nodes[i].dead ? 0 : fuse_node(graph, &graph->nodes[i], err);
        if (failed)
            return failed;
    }
    graph_count_uses(graph);
    return 0;
}
