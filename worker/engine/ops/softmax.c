/* Softmax and LogSoftmax. Before opset 13 all dimensions from the axis on are one. */
#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/lists.h"

static int read_line(const struct graph *graph, const struct node *node, struct line *line,
                     struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    bool coerced = graph->opset < 13;
    if (in->type != VALUE_FLOAT || in->rank == 0)
        return error_set(err, E_UNSUPPORTED, "input is not a float tensor of rank 1 or more");
    return list_line(in, attribute_int(node, "axis", coerced ? 1 : -1), coerced, line, err);
}

static int infer_softmax(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct line line;
    int failed = read_line(graph, node, &line, err);
    if (failed)
        return failed;
    return value_set_shape(graph, node_output(graph, node, 0), in->rank, in->dims, in->batched,
                           err);
}

static int lower_softmax(struct lowering *lowering, struct node *node, struct error *err)
{
    struct line line;
    int in, out;
    struct step *step;
    int failed = read_line(lowering->graph, node, &line, err);
    if (!failed)
        failed = lower_plain(lowering, node, "softmax.cl", "softmax", &in, &out, &step, err);
    if (failed)
        return failed;
    struct count lines = lowering->tensors[out].elements;
    lines.each /= (size_t)line.count;
    step_define(step, "-DCOUNT=%lld -DINNER=%lld", (long long)line.count, (long long)line.inner);
    if (node->op->variant)
        step_define(step, "-DLOG");
    step_tensor(step, in);
    step_tensor(step, out);
    step_count(step, lines);
    step_linear(step, lines);
    return 0;
}

const struct op ops_softmax[] = {
    {"Softmax", 1, OPSET_LAST, "axis:i", 1, 1, 1, 0, infer_softmax, NULL, lower_softmax},
    {"LogSoftmax", 1, OPSET_LAST, "axis:i", 1, 1, 1, 1, infer_softmax, NULL, lower_softmax},
    {0},
};
