/* Weights as float16: the network is the one whose weights are rounded, on every device. No state,
 * no threads. */
#include "worker/engine/half.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/element.h"
#include "worker/engine/ops.h"
#include "worker/engine/passes.h"

void half_from_floats(const float *from, size_t count, uint16_t *to)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        float magnitude = fabsf(from[i]);
        memcpy(&bits, &from[i], sizeof bits);
        uint32_t sign = bits >> 16 & 0x8000;
        if (magnitude < 0x1p-14f) /* of 2^-24s */
            to[i] = (uint16_t)(sign | (uint32_t)(magnitude * 0x1p24f));
        else
            to[i] = (uint16_t)(sign | ((bits >> 13 & 0x3ffff) - ((127 - 15) << 10)));
    }
}

bool half_holds(const float *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(numbers[i]) || element_round(ELEMENT_FLOAT16, numbers[i]) != numbers[i])
            return false;
    return true;
}

static bool has_weights(const struct node *node)
{
    static const char *const types[] = {"Conv", "ConvTranspose", "Gemm", "MatMul"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(node->op->type, types[i]) == 0)
            return true;
    return false;
}

static int round_numbers(float *data, int64_t count, struct error *err)
{
    for (int64_t i = 0; i < count; i++) {
        float rounded = element_round(ELEMENT_FLOAT16, data[i]);
        if (!isfinite(rounded))
            return error_set(err, E_UNSUPPORTED, "a weight of %g, which float16 cannot hold",
                             (double)data[i]);
        data[i] = rounded;
    }
    return 0;
}

/* The node's weights are its own from now on, as what is multiplied into them is. */
static int own_weights(struct graph *graph, struct node *node, struct error *err)
{
    int from = node->inputs[1], made;
    if (graph->values[from].uses == 1)
        return 0;
    made = graph_add_value(graph);
    if (made < 0)
        return error_set(err, E_MEMORY, "no memory for weights");
    const struct value *old = &graph->values[from];
    struct value *value = &graph->values[made];
    int failed = value_set_shape(graph, value, old->rank, old->dims, false, err);
    if (!failed)
        failed = value_allocate(value, err);
    if (failed)
        return failed;
    memcpy(value->data, old->data, (size_t)value_elements(old) * sizeof(float));
    value->uses = 1;
    graph->values[from].uses--;
    node->inputs[1] = made;
    return 0;
}

/* The output channel that element i of a convolution's weights belongs to. */
static int64_t channel_of(const struct node *node, const struct value *weights, int64_t i)
{
    int64_t taps = value_elements(weights) / weights->dims[0] / weights->dims[1];
    if (strcmp(node->op->type, "ConvTranspose") != 0)
        return i / taps / weights->dims[1];
    int64_t inputs = weights->dims[0] / attribute_int(node, "group", 1);
    return i / taps / weights->dims[1] / inputs * weights->dims[1] + i / taps % weights->dims[1];
}

/* What the convolution's packing would multiply into weights and bias, which are then rounded as
 * they are used: the scale goes into the weights, the bias into the shift, to the bits that it
 * would have had. */
static void apply_scale(struct graph *graph, struct node *node)
{
    const struct value *weights = node_input(graph, node, 1);
    struct value *bias = node_input(graph, node, 2);
    struct fused *fused = &node->fused;
    float *data = weights->data;
    int64_t last = channel_of(node, weights, value_elements(weights) - 1);
    for (int64_t i = 0; i < value_elements(weights); i++)
        data[i] *= fused->scale[channel_of(node, weights, i)];
    for (int64_t c = 0; c <= last; c++) {
        if (bias)
            fused->shift[c] = ((const float *)bias->data)[c] * fused->scale[c] + fused->shift[c];
        fused->scale[c] = 1.0f;
    }
    if (bias) {
        bias->uses--;
        node->inputs[2] = -1;
    }
}

static int round_node(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *bias = node_input(graph, node, 2);
    if (bias && !bias->data) /* lowering says what is wrong with it */
        return 0;
    int failed = node->fused.scale ? own_weights(graph, node, err) : 0;
    if (failed)
        return failed;
    if (node->fused.scale)
        apply_scale(graph, node);
    const struct value *weights = node_input(graph, node, 1);
    return round_numbers(weights->data, value_elements(weights), err);
}

int pass_round_weights(struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        struct node *node = &graph->nodes[i];
        const struct value *weights =
            node->dead || !has_weights(node) ? NULL : node_input(graph, node, 1);
        if (!weights || !weights->data || weights->type != VALUE_FLOAT)
            continue;
        int failed = round_node(graph, node, err);
        if (failed)
            return node_error(graph, node, failed, err);
    }
    return 0;
}
