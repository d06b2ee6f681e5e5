/* Shape inference and constant folding, in one walk. No state. */
#include "worker/engine/ops.h"
#include "worker/engine/passes.h"

static bool all_constant(const struct graph *graph, const struct node *node)
{
    bool any = false;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        if (in && !in->data)
            return false;
        any |= in != NULL;
    }
    return any;
}

static int check_known(const struct graph *graph, const struct node *node, struct error *err)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        if (in && !in->known)
            return error_set(err, E_PARSE, "its input %zu has no shape", i);
    }
    return 0;
}

static int infer_node(struct graph *graph, struct node *node, struct error *err)
{
    int failed = check_known(graph, node, err);
    if (!failed)
        failed = node->op->infer(graph, node, err);
    if (!failed && node->op->fold && all_constant(graph, node))
        failed = node->op->fold(graph, node, err);
    return failed ? node_error(graph, node, failed, err) : 0;
}

int pass_check_outputs(const struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->output_count; i++) {
        const struct value *output = &graph->values[graph->outputs[i]];
        if (output->type != VALUE_FLOAT)
            return error_set(err, E_UNSUPPORTED, "output %.120s is not a float tensor",
                             output->name);
        if (!output->batched && !graph->fixed)
            return error_set(err, E_UNSUPPORTED, "output %.120s does not depend on the input",
                             output->name);
    }
    return 0;
}

int pass_infer(struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        int failed = infer_node(graph, &graph->nodes[i], err);
        if (failed)
            return failed;
    }
    graph_count_uses(graph);
    return 0;
}
