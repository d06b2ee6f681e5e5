/* Shape inference and constant folding, in one walk, on which modulation is rewritten. No state. */
#include <stdlib.h>

#include "worker/engine/modulate.h"
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

/* Nodes that could not be inferred. They matter only if they are still used in the end: modulation does
 * without what exporters compute weights with. */
struct failures {
    struct failure {
        size_t node;
        struct error error;
    } *list;
    size_t count;
};

static int note_failure(struct failures *failures, size_t node, const struct error *error,
                        struct error *err)
{
    struct failure *grown = realloc(failures->list, (failures->count + 1) * sizeof *grown);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for an error");
    failures->list = grown;
    grown[failures->count++] = (struct failure){node, *error};
    return 0;
}

/* After a failure, inputs without a shape come from it. */
static int infer_or_note(struct graph *graph, size_t at, struct failures *failures,
                         struct error *err)
{
    struct error error = {0};
    if (failures->count && check_known(graph, &graph->nodes[at], &error))
        return 0;
    int failed = infer_node(graph, &graph->nodes[at], &error);
    if (failed && failed != E_MEMORY)
        return note_failure(failures, at, &error, err);
    return failed ? error_set(err, failed, "%s", error.text) : 0;
}

static int check_alive(const struct graph *graph, const struct failures *failures,
                       struct error *err)
{
    for (size_t i = 0; i < failures->count; i++)
        if (!graph->nodes[failures->list[i].node].dead)
            return error_set(err, failures->list[i].error.code, "%s",
                             failures->list[i].error.text);
    for (size_t i = 0; i < graph->node_count; i++)
        if (!graph->nodes[i].dead && check_known(graph, &graph->nodes[i], err))
            return node_error(graph, &graph->nodes[i], E_PARSE, err);
    return 0;
}

int pass_infer(struct graph *graph, struct error *err)
{
    struct failures failures = {NULL, 0};
    int failed = 0;
    for (size_t i = 0; !failed && i < graph->node_count; i++) {
        failed = modulate_node(graph, i, err);
        if (!failed)
            failed = infer_or_note(graph, i, &failures, err);
    }
    if (!failed) {
        graph_count_uses(graph);
        failed = check_alive(graph, &failures, err);
    }
    free(failures.list);
    return failed;
}
