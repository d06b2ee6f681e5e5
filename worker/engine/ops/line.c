/* Hardmax and CumSum: along one axis, a line at a time, plain. */
#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/lists.h"

enum line_op { LINE_HARDMAX, LINE_CUMULATIVE_SUM };

/* Before opset 13 Hardmax saw all dimensions from its axis on as one. */
static int read_line(const struct graph *graph, const struct node *node, struct line *line,
                     struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    bool sum = node->op->variant == LINE_CUMULATIVE_SUM, coerced = !sum && graph->opset < 13;
    double axis = (double)attribute_int(node, "axis", coerced ? 1 : -1);
    if (in->type != VALUE_FLOAT || in->rank == 0)
        return error_set(err, E_UNSUPPORTED, "input is not a float tensor of rank 1 or more");
    int failed = sum ? list_number(graph, node, 1, &axis, err) : 0;
    return failed ? failed : list_line(in, (int64_t)axis, coerced, line, err);
}

static int infer_line(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct line line;
    int failed = read_line(graph, node, &line, err);
    if (failed)
        return failed;
    return value_set_shape(graph, node_output(graph, node, 0), in->rank, in->dims, in->batched,
                           err);
}

static int lower_line(struct lowering *lowering, struct node *node, struct error *err)
{
    bool sum = node->op->variant == LINE_CUMULATIVE_SUM;
    struct line line;
    struct step *step;
    int in, out;
    int failed = read_line(lowering->graph, node, &line, err);
    if (!failed)
        failed = lower_plain(lowering, node, "line.cl", sum ? "cumulative_sum" : "hardmax", &in, &out, &step, err);
    if (failed)
        return failed;
    struct count lines = lowering->tensors[out].elements;
    lines.each /= (size_t)line.count;
    step_tensor(step, in);
    step_tensor(step, out);
    step_int(step, line.count);
    step_int(step, line.inner);
    if (sum) {
        step_int(step, attribute_int(node, "exclusive", 0) != 0);
        step_int(step, attribute_int(node, "reverse", 0) != 0);
    }
    step_count(step, lines);
    step_linear(step, lines);
    return 0;
}

const struct op ops_line[] = {
    {"Hardmax", 1, OPSET_LAST, "axis:i", 1, 1, 1, LINE_HARDMAX, infer_line, NULL, lower_line},
    {"CumSum", 11, OPSET_LAST, "exclusive:i reverse:i", 2, 2, 1, LINE_CUMULATIVE_SUM, infer_line, NULL,
     lower_line},
    {0},
};
