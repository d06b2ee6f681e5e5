/*
 * Binary element-wise operators with broadcasting (arithmetic, comparisons, logic), and Sum, Mean, Max
 * and Min of any number of operands, as a chain. Operands of one shape stay channels-last; others
 * meet in the plain layout. Integers exist at load only; truth values are floats on the device.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops/binary_blocked.h"
#include "worker/engine/ops/broadcast.h"
#include "worker/engine/ops/elementwise.h"

/*
 * Operand i in the shape that broadcasts as ONNX does today. Before opset 7 the second operand stood
 * at an axis of the first, or had its last dimensions, and `broadcast` had to be set; PRelu's
 * slopes belonged to dimension 1.
 */
static int align(const struct graph *graph, const struct node *node, size_t i,
                 struct value *operand, struct error *err)
{
    const struct value *first = node_input(graph, node, 0), *in = node_input(graph, node, i);
    bool slopes = node->op->variant == BINARY_PRELU && in->rank == 1 && in->dims[0] > 1;
    *operand = *in;
    if (i == 0 || graph->opset >= 7 || node->input_count > 2)
        return 0;
    bool same = in->rank == first->rank &&
                memcmp(in->dims, first->dims, in->rank * sizeof *in->dims) == 0;
    if (same)
        return 0;
    if (node->op->variant != BINARY_PRELU && !attribute_int(node, "broadcast", 0))
        return error_set(err, E_PARSE, "operands of different shapes without broadcast");
    int64_t axis = slopes ? 1 : attribute_int(node, "axis", (int64_t)first->rank -
                                                               (int64_t)in->rank);
    axis += axis < 0 ? (int64_t)first->rank : 0;
    if (axis < 0 || axis + (int64_t)in->rank > (int64_t)first->rank)
        return error_set(err, E_PARSE, "axis %lld of a tensor of rank %zu", (long long)axis,
                         first->rank);
    operand->rank = first->rank;
    for (size_t r = 0; r < first->rank; r++)
        operand->dims[r] = 1;
    memcpy(operand->dims + axis, in->dims, in->rank * sizeof *in->dims);
    return 0;
}

/* Where a float is raised to an integer constant, the constant becomes float. */
static int float_exponent(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *power = node_input(graph, node, 1);
    if (node->op->variant != BINARY_POW || power->type != VALUE_INT64 || !power->data ||
        node_input(graph, node, 0)->type != VALUE_FLOAT)
        return 0;
    int made = graph_add_value(graph);
    if (made < 0)
        return error_set(err, E_MEMORY, "no memory for a tensor");
    power = node_input(graph, node, 1);
    int failed = value_set_shape(graph, &graph->values[made], power->rank, power->dims, false, err);
    if (!failed)
        failed = value_allocate(&graph->values[made], err);
    for (int64_t i = 0; !failed && i < value_elements(power); i++)
        ((float *)graph->values[made].data)[i] = (float)((const int64_t *)power->data)[i];
    if (!failed)
        node->inputs[1] = made;
    return failed;
}

static int check_types(const struct graph *graph, const struct node *node, struct error *err)
{
    enum value_type type = node_input(graph, node, 0)->type;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        if (!in || in->type != type)
            return error_set(err, E_UNSUPPORTED, "operands of different types");
    }
    bool logical = node->op->variant >= BINARY_AND, any = node->op->variant == BINARY_EQUAL;
    if ((type == VALUE_BOOL) != logical && !any)
        return error_set(err, E_UNSUPPORTED, "operands that are %sboolean", logical ? "not " : "");
    return 0;
}

static int infer_binary(struct graph *graph, struct node *node, struct error *err)
{
    size_t rank = 0;
    int64_t dims[ENGINE_RANK_MAX];
    bool batched = false;
    struct value operand;
    int failed = node->input_count > 1 ? float_exponent(graph, node, err) : 0;
    if (!failed)
        failed = check_types(graph, node, err);
    for (size_t i = 0; !failed && i < node->input_count; i++) {
        failed = align(graph, node, i, &operand, err);
        if (!failed)
            failed = broadcast_dims(&rank, dims, &operand, err);
        batched |= operand.batched;
    }
    for (size_t i = 0; !failed && batched && i < node->input_count; i++) {
        failed = align(graph, node, i, &operand, err);
        if (!failed && !broadcast_keeps_rows(&operand, rank))
            failed = error_set(err, E_UNSUPPORTED, "broadcasting input %zu would mix samples", i);
    }
    if (!failed)
        failed = value_set_shape(graph, node_output(graph, node, 0), rank, dims, batched, err);
    if (!failed)
        node_output(graph, node, 0)->type = node->op->variant >= BINARY_LESS
                                                ? VALUE_BOOL
                                                : node_input(graph, node, 0)->type;
    return failed;
}

static bool is_mean(const struct node *node)
{
    return strcmp(node->op->type, "Mean") == 0;
}

bool node_is_binary(const struct node *node, enum binary which)
{
    return node->op->infer == infer_binary && node->op->variant == (int)which &&
           node->input_count == 2 && !is_mean(node);
}

static float combine(enum binary which, float x, float y)
{
    switch (which) {
    case BINARY_ADD: return x + y;
    case BINARY_SUB: return x - y;
    case BINARY_MUL: return x * y;
    case BINARY_DIV: return x / y;
    case BINARY_POW: return powf(x, y);
    case BINARY_MAX: return fmaxf(x, y);
    case BINARY_MIN: return fminf(x, y);
    case BINARY_PRELU: return x < 0 ? x * y : x;
    case BINARY_MOD: {
        float rest = fmodf(x, y);
        return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
    }
    case BINARY_FMOD: return fmodf(x, y);
    case BINARY_LESS: return x < y;
    case BINARY_LESS_EQUAL: return x <= y;
    case BINARY_GREATER: return x > y;
    case BINARY_GREATER_EQUAL: return x >= y;
    case BINARY_EQUAL: return x == y;
    case BINARY_AND: return x != 0 && y != 0;
    case BINARY_OR: return x != 0 || y != 0;
    case BINARY_XOR: return (x != 0) != (y != 0);
    }
    return 0;
}

/* Overflow wraps, as in the exporters' own arithmetic. */
static int64_t power_of(int64_t x, int64_t y)
{
    uint64_t result = 1, factor = (uint64_t)x;
    for (; y > 0; y >>= 1, factor *= factor)
        if (y & 1)
            result *= factor;
    return (int64_t)result;
}

/* The same of integers and truth values; *failed for what has no answer. */
static int64_t combine_integers(enum binary which, int64_t x, int64_t y, bool *failed)
{
    bool divides = y != 0 && !(y == -1 && x == INT64_MIN);
    switch (which) {
    case BINARY_ADD: return (int64_t)((uint64_t)x + (uint64_t)y);
    case BINARY_SUB: return (int64_t)((uint64_t)x - (uint64_t)y);
    case BINARY_MUL: return (int64_t)((uint64_t)x * (uint64_t)y);
    case BINARY_DIV: *failed |= !divides; return divides ? x / y : 0;
    case BINARY_MAX: return x > y ? x : y;
    case BINARY_MIN: return x < y ? x : y;
    case BINARY_POW: *failed |= y < 0; return power_of(x, y);
    case BINARY_PRELU: *failed = true; return 0;
    case BINARY_MOD:
        *failed |= !divides;
        return !divides ? 0 : x % y != 0 && (x % y < 0) != (y < 0) ? x % y + y : x % y;
    case BINARY_FMOD: *failed |= !divides; return divides ? x % y : 0;
    case BINARY_LESS: return x < y;
    case BINARY_LESS_EQUAL: return x <= y;
    case BINARY_GREATER: return x > y;
    case BINARY_GREATER_EQUAL: return x >= y;
    case BINARY_EQUAL: return x == y;
    case BINARY_AND: return x && y;
    case BINARY_OR: return x || y;
    case BINARY_XOR: return !x != !y;
    }
    return 0;
}

/* The node's function; Mod is C's where fmod is set. */
static enum binary function_of(const struct node *node)
{
    bool c = node->op->variant == BINARY_MOD && attribute_int(node, "fmod", 0) != 0;
    return c ? BINARY_FMOD : (enum binary)node->op->variant;
}

static size_t offset_of(int64_t i, size_t rank, const int64_t *dims, const int32_t *strides)
{
    size_t offset = 0;
    for (size_t r = rank; r-- > 0; i /= dims[r])
        offset += (size_t)(i % dims[r]) * (size_t)strides[r];
    return offset;
}

/* out = which(so far, operand), element by element; `first` takes the operand as it is. */
static bool fold_operand(enum binary which, const struct value *operand, bool first,
                         struct value *out)
{
    int32_t strides[8];
    bool bad = false;
    broadcast_strides(operand, out->rank, out->dims, strides);
    for (int64_t i = 0; i < value_elements(out); i++) {
        size_t at = offset_of(i, out->rank, out->dims, strides);
        if (operand->type == VALUE_FLOAT) {
            float *so_far = &((float *)out->data)[i], y = ((const float *)operand->data)[at];
            *so_far = first ? y : combine(which, *so_far, y);
        } else {
            int64_t *so_far = &((int64_t *)out->data)[i];
            int64_t y = ((const int64_t *)operand->data)[at];
            *so_far = first ? y : combine_integers(which, *so_far, y, &bad);
        }
    }
    return !bad;
}

/* Comparisons of floats are made in floats, and become truth values last. */
static int truth_of_floats(struct value *out, struct error *err)
{
    float *floats = out->data;
    out->type = VALUE_BOOL;
    int failed = value_allocate(out, err);
    for (int64_t i = 0; !failed && i < value_elements(out); i++)
        ((int64_t *)out->data)[i] = floats[i] != 0;
    free(floats);
    return failed;
}

static int fold_binary(struct graph *graph, struct node *node, struct error *err)
{
    struct value *out = node_output(graph, node, 0), operand;
    enum value_type type = out->type;
    bool good = true;
    out->type = node_input(graph, node, 0)->type;
    int failed = value_allocate(out, err);
    for (size_t i = 0; !failed && good && i < node->input_count; i++) {
        failed = align(graph, node, i, &operand, err);
        if (!failed)
            good = fold_operand(function_of(node), &operand, i == 0, out);
    }
    if (!failed && !good)
        failed = error_set(err, E_UNSUPPORTED, "integers that it has no answer for");
    float count = (float)node->input_count;
    for (int64_t i = 0; !failed && is_mean(node) && i < value_elements(out); i++)
        ((float *)out->data)[i] /= count;
    if (!failed && type == VALUE_BOOL && out->type == VALUE_FLOAT)
        failed = truth_of_floats(out, err);
    out->type = type;
    return failed;
}

static bool same_shape(const struct value *a, const struct value *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

/* One element whatever the rows. */
static bool is_scalar(const struct value *value)
{
    return !value->batched && value_elements(value) == 1;
}

struct pair {
    int a, b;   /* tensors */
    const struct value *va, *vb, *out;
    enum layout layout;
    enum binary which;
};

static void add_broadcast(struct step *step, const struct pair *pair)
{
    int32_t dims[8], sa[8], sb[8];
    broadcast_ints(pair->out->rank, pair->out->dims, dims);
    broadcast_strides(pair->va, pair->out->rank, pair->out->dims, sa);
    broadcast_strides(pair->vb, pair->out->rank, pair->out->dims, sb);
    step_define(step, "-DRANK=%zu", pair->out->rank);
    step_bytes(step, dims);
    step_bytes(step, sa);
    step_bytes(step, sb);
}

static int pair_step(struct lowering *lowering, const struct pair *pair, int out,
                     struct step **made, struct error *err)
{
    bool a_scalar = is_scalar(pair->va), b_scalar = is_scalar(pair->vb);
    bool a_flat = a_scalar || same_shape(pair->va, pair->out);
    bool b_flat = b_scalar || same_shape(pair->vb, pair->out);
    struct step *step;
    int failed = lower_step(lowering, "elementwise.cl", a_flat && b_flat ? "flat" : "broadcast",
                            out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DBINARY=%d", (int)pair->which);
    step_tensor(step, pair->a);
    step_tensor(step, pair->b);
    step_tensor(step, out);
    if (a_flat && b_flat)
        step_define(step, "-DA_STEP=%d -DB_STEP=%d", !a_scalar, !b_scalar);
    else
        add_broadcast(step, pair);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    *made = step;
    return 0;
}

/* Channels-last if that needs no conversion of a full-sized operand. */
static enum layout common_layout(const struct lowering *lowering, const struct node *node)
{
    const struct value *out = node_output(lowering->graph, node, 0);
    bool any_last = false;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(lowering->graph, node, i);
        if (!same_shape(in, out) && !is_scalar(in))
            return LAYOUT_PLAIN;
        any_last |= lower_is_channels_last(lowering, node->inputs[i]);
    }
    return any_last && out->rank == 4 ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN;
}

static int lower_operand(struct lowering *lowering, int value, enum layout layout, int *tensor,
                         struct error *err)
{
    if (is_scalar(&lowering->graph->values[value]))
        layout = LAYOUT_PLAIN;
    return lower_input(lowering, value, layout, tensor, err);
}

/* One operand: the sum, the largest, the mean is the operand itself. */
static int lower_single(struct lowering *lowering, struct node *node, struct error *err)
{
    int in;
    int failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, &in, err);
    return failed ? failed : lower_view(lowering, node->outputs[0], in, err);
}

/* Divides what the chain has summed by the number of operands. */
static int lower_division(struct lowering *lowering, struct node *node, const struct pair *sum,
                          struct step **step, struct error *err)
{
    static const struct value scalar = {.type = VALUE_FLOAT};
    float *host = malloc(sizeof *host);
    struct pair pair = *sum;
    int out;
    if (!host)
        return error_set(err, E_MEMORY, "no memory for a constant");
    *host = (float)node->input_count;
    pair.vb = &scalar;
    pair.va = pair.out;
    pair.which = BINARY_DIV;
    pair.a = lowering->of_value[node->outputs[0]][pair.layout];
    int failed = lower_constant(lowering, host, 1, &pair.b, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], pair.layout, &out, err);
    return failed ? failed : pair_step(lowering, &pair, out, step, err);
}

static int lower_binary(struct lowering *lowering, struct node *node, struct error *err)
{
    struct graph *graph = lowering->graph;
    enum layout layout = common_layout(lowering, node);
    struct value first, next;
    struct pair pair = {.out = node_output(graph, node, 0), .layout = layout,
                        .va = &first, .vb = &next, .which = function_of(node)};
    struct step *step = NULL;
    int out = -1;
    if (node->input_count == 1)
        return lower_single(lowering, node, err);
    struct binary_blocked blocked;
    if (graph->opset >= 7 && !is_mean(node) &&
        binary_blocked_fits(lowering, node, pair.which, &blocked))
        return lower_binary_blocked(lowering, node, pair.which, &blocked, err);
    int failed = align(graph, node, 0, &first, err);
    if (!failed)
        failed = lower_operand(lowering, node->inputs[0], layout, &pair.a, err);
    for (size_t i = 1; !failed && i < node->input_count; i++) {
        failed = align(graph, node, i, &next, err);
        if (!failed)
            failed = lower_operand(lowering, node->inputs[i], layout, &pair.b, err);
        if (!failed)
            failed = lower_output(lowering, node->outputs[0], layout, &out, err);
        if (!failed)
            failed = pair_step(lowering, &pair, out, &step, err);
        pair.a = out;
        pair.va = pair.out;
    }
    if (!failed && is_mean(node))
        failed = lower_division(lowering, node, &pair, &step, err);
    if (!failed && step)
        step_activation(step, &node->fused.activation);
    return failed;
}

#define BINARY_ENTRY(name, first, last, attributes, least, most, number)                           \
    {name, first, last, attributes, least, most, 1, number, infer_binary, fold_binary, lower_binary}
/* Since opset 7 operands broadcast as in numpy; before, as `align` says. */
#define LEGACY "axis:i broadcast:i consumed_inputs:I"
#define BINARY(name, number)                                                                       \
    BINARY_ENTRY(name, 1, 6, LEGACY, 2, 2, number), BINARY_ENTRY(name, 7, OPSET_LAST, "", 2, 2, number)
#define VARIADIC(name, number)                                                                     \
    BINARY_ENTRY(name, 1, OPSET_LAST, "consumed_inputs:I", 1, 64, number)

const struct op ops_binary[] = {
    BINARY("Add", BINARY_ADD),
    BINARY("Sub", BINARY_SUB),
    BINARY("Mul", BINARY_MUL),
    BINARY("Div", BINARY_DIV),
    BINARY("Pow", BINARY_POW),
    BINARY("PRelu", BINARY_PRELU),
    BINARY_ENTRY("Mod", 10, OPSET_LAST, "fmod:i", 2, 2, BINARY_MOD),
    BINARY("Less", BINARY_LESS),
    BINARY("Greater", BINARY_GREATER),
    BINARY("Equal", BINARY_EQUAL),
    BINARY_ENTRY("LessOrEqual", 12, OPSET_LAST, "", 2, 2, BINARY_LESS_EQUAL),
    BINARY_ENTRY("GreaterOrEqual", 12, OPSET_LAST, "", 2, 2, BINARY_GREATER_EQUAL),
    BINARY("And", BINARY_AND),
    BINARY("Or", BINARY_OR),
    BINARY("Xor", BINARY_XOR),
    VARIADIC("Max", BINARY_MAX),
    VARIADIC("Min", BINARY_MIN),
    VARIADIC("Sum", BINARY_ADD),
    VARIADIC("Mean", BINARY_ADD),
    {0},
};
