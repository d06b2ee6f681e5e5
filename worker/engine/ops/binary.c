/*
 * Binary element-wise operators with broadcasting, and Sum, Max and Min of any number of
 * operands, as a chain. Operands of one shape stay channels-last; others meet in the plain layout.
 */
#include <math.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops/broadcast.h"
#include "worker/engine/ops/elementwise.h"

static int check_rows(const struct graph *graph, const struct node *node, size_t rank,
                      struct error *err)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (!broadcast_keeps_rows(node_input(graph, node, i), rank))
            return error_set(err, E_UNSUPPORTED, "broadcasting input %zu would mix samples", i);
    return 0;
}

static int infer_binary(struct graph *graph, struct node *node, struct error *err)
{
    size_t rank = 0;
    int64_t dims[ENGINE_RANK_MAX];
    bool batched = false;
    enum value_type type = node_input(graph, node, 0)->type;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        if (!in || in->type != type)
            return error_set(err, E_UNSUPPORTED, "operands of different types");
        int failed = broadcast_dims(&rank, dims, in, err);
        if (failed)
            return failed;
        batched |= in->batched;
    }
    int failed = batched ? check_rows(graph, node, rank, err) : 0;
    if (!failed)
        failed = value_set_shape(graph, node_output(graph, node, 0), rank, dims, batched, err);
    if (!failed)
        node_output(graph, node, 0)->type = type;
    return failed;
}

bool node_is_binary(const struct node *node, enum binary which)
{
    return node->op->infer == infer_binary && node->op->variant == (int)which &&
           node->input_count == 2;
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
    }
    return 0;
}

/* Overflow wraps, as in the exporters' own arithmetic; *failed for what has no answer. */
static int64_t combine_integers(enum binary which, int64_t x, int64_t y, bool *failed)
{
    switch (which) {
    case BINARY_ADD: return (int64_t)((uint64_t)x + (uint64_t)y);
    case BINARY_SUB: return (int64_t)((uint64_t)x - (uint64_t)y);
    case BINARY_MUL: return (int64_t)((uint64_t)x * (uint64_t)y);
    case BINARY_DIV:
        if (y == 0 || (y == -1 && x == INT64_MIN))
            break;
        return x / y;
    case BINARY_MAX: return x > y ? x : y;
    case BINARY_MIN: return x < y ? x : y;
    case BINARY_POW:
    case BINARY_PRELU:
        break;
    }
    *failed = true;
    return 0;
}

static size_t offset_of(int64_t i, size_t rank, const int64_t *dims, const int32_t *strides)
{
    size_t offset = 0;
    for (size_t r = rank; r-- > 0; i /= dims[r])
        offset += (size_t)(i % dims[r]) * (size_t)strides[r];
    return offset;
}

static int fold_binary(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *a = node_input(graph, node, 0), *b = node_input(graph, node, 1);
    struct value *out = node_output(graph, node, 0);
    int32_t sa[8], sb[8];
    bool bad = false;
    if (node->input_count != 2)
        return error_set(err, E_UNSUPPORTED, "%zu constant operands (expected 2)",
                         node->input_count);
    int failed = value_allocate(out, err);
    if (failed)
        return failed;
    broadcast_strides(a, out->rank, out->dims, sa);
    broadcast_strides(b, out->rank, out->dims, sb);
    for (int64_t i = 0; i < value_elements(out); i++) {
        size_t x = offset_of(i, out->rank, out->dims, sa);
        size_t y = offset_of(i, out->rank, out->dims, sb);
        if (out->type == VALUE_FLOAT)
            ((float *)out->data)[i] = combine((enum binary)node->op->variant,
                                              ((float *)a->data)[x], ((float *)b->data)[y]);
        else
            ((int64_t *)out->data)[i] =
                combine_integers((enum binary)node->op->variant, ((int64_t *)a->data)[x],
                                 ((int64_t *)b->data)[y], &bad);
    }
    return bad ? error_set(err, E_UNSUPPORTED, "integers that it has no answer for") : 0;
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

static int operand(struct lowering *lowering, int value, enum layout layout, int *tensor,
                   struct error *err)
{
    if (is_scalar(&lowering->graph->values[value]))
        layout = LAYOUT_PLAIN;
    return lower_input(lowering, value, layout, tensor, err);
}

static int lower_binary(struct lowering *lowering, struct node *node, struct error *err)
{
    struct graph *graph = lowering->graph;
    enum layout layout = common_layout(lowering, node);
    const struct value *va = node_input(graph, node, 0);
    struct step *step = NULL;
    int so_far, out = -1;
    int failed = operand(lowering, node->inputs[0], layout, &so_far, err);
    for (size_t i = 1; !failed && i < node->input_count; i++) {
        int next;
        failed = operand(lowering, node->inputs[i], layout, &next, err);
        if (!failed)
            failed = lower_output(lowering, node->outputs[0], layout, &out, err);
        struct pair pair = {so_far, next, va, node_input(graph, node, i),
                            node_output(graph, node, 0), layout, (enum binary)node->op->variant};
        if (!failed)
            failed = pair_step(lowering, &pair, out, &step, err);
        so_far = out;
        va = node_output(graph, node, 0);
    }
    if (!failed && step)
        step_activation(step, &node->fused.activation);
    return failed;
}

#define BINARY(name, first, most, number)                                                          \
    {name, first, 18, "", 2, most, 1, number, infer_binary, fold_binary, lower_binary}

const struct op ops_binary[] = {
    BINARY("Add", 7, 2, BINARY_ADD),
    BINARY("Sub", 7, 2, BINARY_SUB),
    BINARY("Mul", 7, 2, BINARY_MUL),
    BINARY("Div", 7, 2, BINARY_DIV),
    BINARY("Pow", 7, 2, BINARY_POW),
    BINARY("PRelu", 7, 2, BINARY_PRELU),
    BINARY("Max", 8, 64, BINARY_MAX),
    BINARY("Min", 8, 64, BINARY_MIN),
    BINARY("Sum", 8, 64, BINARY_ADD),
    {0},
};
