/*
 * Exporters write If where Python's code asked for a shape: a squeeze of what may be one. The shape is known at load, and with it
 * the branch. No state, no threads.
 */
#include "worker/engine/branch.h"

#include "worker/engine/ops.h"
#include "worker/engine/ops/origin.h"

const struct op op_branch = {.type = "If", .attributes = ""};

/* Why the condition does not decide, or NULL. */
static const char *undecided(const struct graph *graph, const struct node *node)
{
    const struct value *condition = node_input(graph, node, 0);
    if (!condition->known || !condition->data || condition->type != VALUE_BOOL || value_elements(condition) != 1)
        return "its condition depends on the input's content (expected a constant)";
    if (!graph->fixed && origin_input_is_batch(graph, node, 0, 0))
        return "its condition depends on the number of rows";
    return NULL;
}

int branch_node(struct graph *graph, size_t at, struct error *err)
{
    struct node *node = &graph->nodes[at];
    bool exists;
    struct error refused = {0};
    if (node->op != &op_branch)
        return 0;
    const char *reason = undecided(graph, node);
    if (reason) {
        error_set(&refused, E_UNSUPPORTED, "%s", reason);
        node_error(graph, node, E_UNSUPPORTED, &refused);
        return graph_add_problem(graph, at, &refused, err);
    }
    bool taken = *(const int64_t *)node_input(graph, node, 0)->data != 0;
    node->inputs[0] = node->inputs[taken ? 1 : 2];
    node->input_count = 1;
    node->attributes = NULL;
    node->op = op_find("Identity", graph->opset, &exists);
    return 0;
}
