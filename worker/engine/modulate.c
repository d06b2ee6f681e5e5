/*
 * StyleGAN 2's modulation without a weight per image.
 *
 * A fused export computes weights W[1,O,I,k,k]·s[N,1,I,1,1]·d[N,O,1,1,1] and convolves with them as
 * [N·O,I,k,k], with a group for each image. A factor along the inputs scales the convolution's input, a
 * factor along the outputs its output, so that conv(x, W·s·d) = d·conv(x·s, W) with one W for all. What
 * stands between the product and the convolution (views, transpositions, flips) is evaluated once on the
 * elements' indices: that shows both that it keeps O and I apart and where each weight goes.
 *
 * Demodulation sums (W·s)² over I, k and k: that is s²·V, V[I,O] = Σ W² over k and k, a small product.
 */
#include "worker/engine/modulate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/ops.h"
#include "worker/engine/ops/elementwise.h"

#define CHAIN_MOST 16
#define FACTORS_MOST 8
#define INDICES_MOST (1 << 24) /* beyond, floats do not count */

static struct node *producer(const struct graph *graph, int value)
{
    int number = value < 0 ? -1 : graph->values[value].producer;
    return number < 0 ? NULL : &graph->nodes[number];
}

static bool is_op(const struct node *node, const char *type)
{
    return node && strcmp(node->op->type, type) == 0;
}

/* ---- recognising the product ---- */

struct product {
    int weights, style, demodulation; /* values; -1: none */
};

/* True for rows [N,a,b,1,1] of which one of a and b is 1. */
static bool is_factor(const struct value *value, bool along_inputs)
{
    return value->known && value->batched && value->group == 1 && !value->data && value->type == VALUE_FLOAT &&
           value->rank == 5 && value->dims[3] == 1 && value->dims[4] == 1 &&
           value->dims[along_inputs ? 1 : 2] == 1;
}

static bool claim(int *place, int value)
{
    if (*place >= 0)
        return false;
    *place = value;
    return true;
}

/* Splits a tree of multiplications into its leaves; false if there is another than we know. */
static bool split_product(const struct graph *graph, int value, int depth, struct product *product)
{
    const struct value *of = &graph->values[value];
    const struct node *node = producer(graph, value);
    if (of->data)
        return of->type == VALUE_FLOAT && of->rank == 5 && of->dims[0] == 1 &&
               claim(&product->weights, value);
    if (is_factor(of, true))
        return claim(&product->style, value);
    if (is_factor(of, false))
        return claim(&product->demodulation, value);
    return depth < FACTORS_MOST && node && node_is_binary(node, BINARY_MUL) &&
           split_product(graph, node->inputs[0], depth + 1, product) &&
           split_product(graph, node->inputs[1], depth + 1, product);
}

/* The leaves of a tree that has weights and a style that fit each other. */
static bool find_product(const struct graph *graph, int value, struct product *product)
{
    *product = (struct product){-1, -1, -1};
    if (!split_product(graph, value, 0, product) || product->weights < 0 || product->style < 0)
        return false;
    const int64_t *weights = graph->values[product->weights].dims;
    int64_t outputs = product->demodulation < 0
                          ? 1 : graph->values[product->demodulation].dims[1];
    return graph->values[product->style].dims[2] == weights[2] &&
           (outputs == 1 || outputs == weights[1]) &&
           value_elements(&graph->values[product->weights]) <= INDICES_MOST;
}

/* ---- new nodes and constants ---- */

static int add_constant(struct graph *graph, enum value_type type, size_t rank, const int64_t *dims,
                        int *made, struct error *err)
{
    int number = graph_add_value(graph);
    if (number < 0)
        return error_set(err, E_MEMORY, "no memory for a constant");
    struct value *value = &graph->values[number];
    int failed = value_set_shape(graph, value, rank, dims, false, err);
    value->type = type;
    if (!failed)
        failed = value_allocate(value, err);
    if (!failed)
        *made = number;
    return failed;
}

/* The shape [N, …] of `rank` dimensions whose second takes what there is; the others are 1. */
static int add_shape(struct graph *graph, int64_t rank, int *made, struct error *err)
{
    int failed = add_constant(graph, VALUE_INT64, 1, &rank, made, err);
    for (int64_t i = 0; !failed && i < rank; i++)
        ((int64_t *)graph->values[*made].data)[i] = i == 0 ? 0 : i == 1 ? -1 : 1;
    return failed;
}

/* Makes a node that nothing describes but its operator, in the newest opset's meaning. */
static int set_node(struct graph *graph, size_t at, const char *type, int a, int b, int out,
                    struct error *err)
{
    bool exists;
    struct node *node = &graph->nodes[at];
    int *inputs = malloc(2 * sizeof *inputs), *outputs = malloc(sizeof *outputs);
    if (!inputs || !outputs) {
        free(inputs);
        free(outputs);
        return error_set(err, E_MEMORY, "no memory for a node");
    }
    free(node->inputs);
    free(node->outputs);
    inputs[0] = a;
    inputs[1] = b;
    outputs[0] = out;
    node->op = op_find(type, OPSET_LAST, &exists);
    node->attributes = NULL;
    node->inputs = inputs;
    node->outputs = outputs;
    node->input_count = 2;
    node->output_count = 1;
    graph->values[out].producer = (int)at;
    return 0;
}

/* Makes room for `count` nodes before node `at`, empty but for its name. */
static int insert_nodes(struct graph *graph, size_t at, size_t count, struct error *err)
{
    struct node *grown = realloc(graph->nodes,
                                 (graph->node_count + count + 1) * sizeof *grown);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for nodes");
    graph->nodes = grown;
    memmove(grown + at + count, grown + at, (graph->node_count - at) * sizeof *grown);
    memset(grown + at, 0, count * sizeof *grown);
    graph->node_count += count;
    for (size_t i = at; i < at + count; i++)
        memcpy(grown[i].name, grown[at + count].name, sizeof grown[i].name);
    for (size_t i = 0; i < graph->value_count; i++)
        if (graph->values[i].producer >= (int)at)
            graph->values[i].producer += (int)count;
    for (size_t i = 0; i < graph->problem_count; i++)
        if (graph->problems[i].node >= at)
            graph->problems[i].node += count;
    return 0;
}

/* Appends a value and makes node `at` compute it. */
static int add_result(struct graph *graph, size_t at, const char *type, int a, int b, int *out,
                      struct error *err)
{
    *out = graph_add_value(graph);
    if (*out < 0)
        return error_set(err, E_MEMORY, "no memory for a tensor");
    return set_node(graph, at, type, a, b, *out, err);
}

/* ---- from the product to the convolution's weights ---- */

static bool rearranges(const struct graph *graph, const struct node *node)
{
    static const char *const types[] = {"Reshape", "Transpose", "Slice", "Squeeze", "Unsqueeze",
                                        "Identity", "Flatten"};
    bool known = false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        known |= is_op(node, types[i]);
    for (size_t i = 1; known && i < node->input_count; i++)
        known = node->inputs[i] < 0 || graph->values[node->inputs[i]].data;
    return known && node->op->fold;
}

/* The nodes from the product to `value`, the last first; *from is the product. */
static size_t find_chain(const struct graph *graph, int value, int *nodes, int *from)
{
    size_t count = 0;
    while (count < CHAIN_MOST && rearranges(graph, producer(graph, value))) {
        nodes[count++] = graph->values[value].producer;
        value = producer(graph, value)->inputs[0];
    }
    *from = value;
    return count;
}

/* What node `number` makes of the constant `value`; that constant's elements are given up. */
static int apply_node(struct graph *graph, int number, int *value, struct error *err)
{
    int inputs[8], out = graph_add_value(graph);
    struct node copy = graph->nodes[number];
    if (out < 0)
        return error_set(err, E_MEMORY, "no memory for a tensor");
    if (copy.input_count > 8)
        return error_set(err, E_UNSUPPORTED, "%zu inputs", copy.input_count);
    memcpy(inputs, copy.inputs, copy.input_count * sizeof *inputs);
    inputs[0] = *value;
    copy.inputs = inputs;
    copy.outputs = &out;
    copy.output_count = 1;
    int failed = copy.op->infer(graph, &copy, err);
    if (!failed && !graph->values[out].data)
        failed = copy.op->fold(graph, &copy, err);
    free(graph->values[*value].data);
    graph->values[*value].data = NULL;
    graph->values[*value].known = false;
    *value = out;
    return failed;
}

/* Puts the weights where the indices in `value` say. False if O and I are not where they belong. */
static bool place_weights(const struct value *weights, bool transposed, struct value *value)
{
    int64_t taps = weights->dims[3] * weights->dims[4];
    const int64_t sizes[2] = {weights->dims[1], weights->dims[2]};
    if (!value->data || value->rank != 4 || value->dims[transposed] != sizes[0] ||
        value->dims[!transposed] != sizes[1])
        return false;
    float *elements = value->data;
    int64_t rest = value->dims[2] * value->dims[3];
    for (int64_t e = 0; e < value_elements(value); e++) {
        int64_t index = (int64_t)elements[e];
        int64_t at[2] = {e / rest / value->dims[1], e / rest % value->dims[1]};
        if (index / taps / sizes[1] != at[transposed] || index / taps % sizes[1] != at[!transposed])
            return false;
        elements[e] = ((const float *)weights->data)[index];
    }
    return true;
}

static int rearrange_weights(struct graph *graph, const struct product *product, const int *nodes,
                             size_t count, bool transposed, int *made, bool *fits,
                             struct error *err)
{
    int value;
    const struct value *weights = &graph->values[product->weights];
    int64_t dims[5], elements = value_elements(weights);
    memcpy(dims, weights->dims, sizeof dims);
    int failed = add_constant(graph, VALUE_FLOAT, 5, dims, &value, err);
    for (int64_t i = 0; !failed && i < elements; i++)
        ((float *)graph->values[value].data)[i] = (float)i;
    *fits = true;
    for (size_t i = count; !failed && *fits && i-- > 0;) {
        struct error refused = {0};
        int code = apply_node(graph, nodes[i], &value, &refused);
        *fits = code == 0;
        if (code == E_MEMORY)
            failed = error_set(err, code, "%s", refused.text);
    }
    if (!failed && *fits)
        *fits = place_weights(&graph->values[product->weights], transposed, &graph->values[value]);
    *made = value;
    return failed;
}

/* ---- the rewriting ---- */

static int scale_output(struct graph *graph, size_t at, int factor, struct error *err)
{
    int shape, rows, before = graph_add_value(graph), after = graph->nodes[at].outputs[0];
    if (before < 0)
        return error_set(err, E_MEMORY, "no memory for a tensor");
    int failed = insert_nodes(graph, at + 1, 2, err);
    if (!failed)
        failed = add_shape(graph, 4, &shape, err);
    if (failed)
        return failed;
    graph->nodes[at].outputs[0] = before;
    graph->values[before].producer = (int)at;
    for (size_t i = at + 1; i <= at + 2; i++)
        memcpy(graph->nodes[i].name, graph->nodes[at].name, sizeof graph->nodes[i].name);
    failed = add_result(graph, at + 1, "Reshape", factor, shape, &rows, err);
    return failed ? failed : set_node(graph, at + 2, "Mul", before, rows, after, err);
}

static int rewrite_conv(struct graph *graph, size_t at, const struct product *product, int weights,
                        struct error *err)
{
    int shape, rows, scaled, failed = 0;
    if (product->demodulation >= 0)
        failed = scale_output(graph, at, product->demodulation, err);
    if (!failed)
        failed = add_shape(graph, 4, &shape, err);
    if (!failed)
        failed = insert_nodes(graph, at, 2, err);
    if (!failed)
        failed = add_result(graph, at, "Reshape", product->style, shape, &rows, err);
    if (!failed)
        failed = add_result(graph, at + 1, "Mul", graph->nodes[at + 2].inputs[0], rows, &scaled,
                            err);
    if (failed)
        return failed;
    graph->nodes[at + 2].inputs[0] = scaled;
    graph->nodes[at + 2].inputs[1] = weights;
    return 0;
}

static int modulate_conv(struct graph *graph, size_t at, struct error *err)
{
    const struct node *node = &graph->nodes[at];
    struct product product;
    int chain[CHAIN_MOST], from, weights;
    bool fits;
    if (graph->own_batch != 1 || attribute_int(node, "group", 1) != 1)
        return 0;
    size_t count = find_chain(graph, node->inputs[1], chain, &from);
    if (!find_product(graph, from, &product) ||
        (product.demodulation >= 0 && node_input(graph, node, 2)))
        return 0;
    int failed = rearrange_weights(graph, &product, chain, count, is_op(node, "ConvTranspose"),
                                   &weights, &fits, err);
    return failed || !fits ? failed : rewrite_conv(graph, at, &product, weights, err);
}

/* True if a reduction of five dimensions is over the last three. */
static bool sums_weights(const struct graph *graph, const struct node *node)
{
    const struct value *given = node_input(graph, node, 1);
    const int64_t *axes;
    size_t count = attribute_ints(node, "axes", &axes);
    unsigned mask = 0;
    if (given && given->data && given->type == VALUE_INT64) {
        axes = given->data;
        count = (size_t)value_elements(given);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + 5 : axes[i];
        mask |= axis >= 0 && axis < 5 ? 1u << axis : 1u;
    }
    return count == 3 && mask == 0x1c;
}

/* The value whose squares are summed, or -1. */
static int squared(const struct graph *graph, const struct node *node)
{
    if (is_op(node, "ReduceSumSquare"))
        return node->inputs[0];
    const struct node *square = producer(graph, node->inputs[0]);
    if (!square)
        return -1;
    if (node_is_binary(square, BINARY_MUL) && square->inputs[0] == square->inputs[1])
        return square->inputs[0];
    const struct value *power = node_is_binary(square, BINARY_POW)
                                    ? node_input(graph, square, 1) : NULL;
    bool two = power && power->data && power->type == VALUE_FLOAT && value_elements(power) == 1 &&
               *(const float *)power->data == 2.0f;
    return two ? square->inputs[0] : -1;
}

/* V[I,O] = Σ over the taps of W[1,O,I,k,k]² */
static int sum_squares(struct graph *graph, int weights, int *sums, struct error *err)
{
    int64_t outputs = graph->values[weights].dims[1], inputs = graph->values[weights].dims[2];
    int64_t taps = graph->values[weights].dims[3] * graph->values[weights].dims[4];
    int failed = add_constant(graph, VALUE_FLOAT, 2, (int64_t[]){inputs, outputs}, sums, err);
    if (failed)
        return failed;
    const float *from = graph->values[weights].data;
    float *to = graph->values[*sums].data;
    for (int64_t o = 0; o < outputs; o++)
        for (int64_t i = 0; i < inputs; i++) {
            double sum = 0;
            for (int64_t t = 0; t < taps; t++, from++)
                sum += (double)*from * (double)*from;
            to[i * outputs + o] = (float)sum;
        }
    return 0;
}

static int modulate_sum(struct graph *graph, size_t at, int of, struct error *err)
{
    struct product product;
    int shape, kept, sums, rows, squares, result, out = graph->nodes[at].outputs[0];
    if (!find_product(graph, of, &product) || product.demodulation >= 0)
        return 0;
    bool keep = attribute_int(&graph->nodes[at], "keepdims", 1) != 0;
    int failed = add_shape(graph, 2, &shape, err);
    if (!failed)
        failed = add_shape(graph, 5, &kept, err);
    if (!failed)
        failed = sum_squares(graph, product.weights, &sums, err);
    if (!failed)
        failed = insert_nodes(graph, at, 3, err);
    if (!failed)
        failed = add_result(graph, at, "Reshape", product.style, shape, &rows, err);
    if (!failed)
        failed = add_result(graph, at + 1, "Mul", rows, rows, &squares, err);
    if (!failed)
        failed = add_result(graph, at + 2, "MatMul", squares, sums, &result, err);
    if (failed)
        return failed;
    return set_node(graph, at + 3, "Reshape", result, keep ? kept : shape, out, err);
}

int modulate_node(struct graph *graph, size_t at, struct error *err)
{
    const struct node *node = &graph->nodes[at];
    if (!node->op->infer) /* refused; its attributes are not checked */
        return 0;
    if ((is_op(node, "Conv") || is_op(node, "ConvTranspose")) &&
        !graph->values[node->inputs[1]].data)
        return modulate_conv(graph, at, err);
    bool sum = is_op(node, "ReduceSum") || is_op(node, "ReduceSumSquare");
    int of = sum && sums_weights(graph, node) ? squared(graph, node) : -1;
    return of < 0 ? 0 : modulate_sum(graph, at, of, err);
}
