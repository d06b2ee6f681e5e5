/* Where: a choice between two operands, all three broadcast. The condition may be computed. */
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/broadcast.h"

static int infer_where(struct graph *graph, struct node *node, struct error *err)
{
    size_t rank = 0;
    int64_t dims[ENGINE_RANK_MAX];
    bool batched = false;
    enum value_type type = node_input(graph, node, 1)->type;
    if (node_input(graph, node, 0)->type != VALUE_BOOL || node_input(graph, node, 2)->type != type)
        return error_set(err, E_UNSUPPORTED, "operands of other types (expected a boolean and two "
                         "of one type)");
    for (size_t i = 0; i < 3; i++) {
        const struct value *in = node_input(graph, node, i);
        int failed = broadcast_dims(&rank, dims, in, err);
        if (failed)
            return failed;
        batched |= in->batched;
    }
    for (size_t i = 0; batched && i < 3; i++)
        if (!broadcast_keeps_rows(node_input(graph, node, i), rank))
            return error_set(err, E_UNSUPPORTED, "broadcasting input %zu would mix samples", i);
    int failed = value_set_shape(graph, node_output(graph, node, 0), rank, dims, batched, err);
    if (!failed)
        node_output(graph, node, 0)->type = type;
    return failed;
}

static int fold_where(struct graph *graph, struct node *node, struct error *err)
{
    struct value *out = node_output(graph, node, 0);
    size_t width = out->type == VALUE_FLOAT ? sizeof(float) : sizeof(int64_t);
    int32_t strides[3][8];
    int failed = value_allocate(out, err);
    for (size_t k = 0; k < 3; k++)
        broadcast_strides(node_input(graph, node, k), out->rank, out->dims, strides[k]);
    for (int64_t i = 0; !failed && i < value_elements(out); i++) {
        size_t at[3] = {0, 0, 0};
        int64_t rest = i;
        for (size_t r = out->rank; r-- > 0; rest /= out->dims[r])
            for (size_t k = 0; k < 3; k++)
                at[k] += (size_t)(rest % out->dims[r]) * (size_t)strides[k][r];
        const int64_t *condition = node_input(graph, node, 0)->data;
        size_t which = condition[at[0]] ? 1 : 2;
        memcpy((char *)out->data + (size_t)i * width,
               (const char *)node_input(graph, node, which)->data + at[which] * width, width);
    }
    return failed;
}

static int lower_where(struct lowering *lowering, struct node *node, struct error *err)
{
    const struct value *result = node_output(lowering->graph, node, 0);
    int32_t dims[8], strides[8];
    int in[3], out, failed = 0;
    struct step *step;
    for (size_t k = 0; !failed && k < 3; k++)
        failed = lower_input(lowering, node->inputs[k], LAYOUT_PLAIN, &in[k], err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, &out, err);
    if (!failed)
        failed = lower_step(lowering, "where.cl", "where", out, &step, err);
    if (failed)
        return failed;
    for (size_t k = 0; k < 3; k++)
        step_tensor(step, in[k]);
    step_tensor(step, out);
    broadcast_ints(result->rank, result->dims, dims);
    step_bytes(step, dims);
    for (size_t k = 0; k < 3; k++) {
        broadcast_strides(node_input(lowering->graph, node, k), result->rank, result->dims,
                          strides);
        step_bytes(step, strides);
    }
    step_int(step, (int64_t)result->rank);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

const struct op ops_where[] = {
    {"Where", 9, OPSET_LAST, "", 3, 3, 1, 0, infer_where, fold_where, lower_where},
    {0},
};
