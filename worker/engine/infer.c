/*
 * Shape inference and constant folding, in one walk, on which modulation is rewritten. No state.
 *
 * A tensor without elements (a slice of a shape that leaves nothing) is a constant whatever it comes from:
 * devices have no empty buffers.
 */
#include "worker/engine/element.h"
#include "worker/engine/modulate.h"
#include "worker/engine/ops.h"
#include "worker/engine/passes.h"

#define FOLDED_MAX ((int64_t)1 << 24)

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

static int settle_empty(struct graph *graph, const struct node *node, struct error *err)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < node->output_count; i++) {
        struct value *out = node_output(graph, node, i);
        if (!out || !out->known || value_elements(out) > 0)
            continue;
        out->batched = false;
        failed = out->data ? 0 : value_allocate(out, err);
    }
    return failed;
}

/* A few bytes of a file must not become hours of filling memory: what is computed as it is read may be larger than what it
 * is computed from by FOLDED_MAX elements, no more. */
static int check_folded(struct graph *graph, const struct node *node, struct error *err)
{
    int64_t given = FOLDED_MAX, made = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        given += in ? value_elements(in) : 0;
    }
    for (size_t i = 0; i < node->output_count; i++) {
        const struct value *out = node_output(graph, node, i);
        made += out && out->known ? value_elements(out) : 0;
    }
    if (made <= given)
        return 0;
    return error_set(err, E_LIMIT, "a constant of %lld elements, at most %lld more than its inputs have (FOLDED_MAX) are "
                     "allowed", (long long)made, (long long)FOLDED_MAX);
}

static int infer_node(struct graph *graph, struct node *node, struct error *err)
{
    int failed = check_known(graph, node, err);
    if (!failed)
        failed = node->op->infer(graph, node, err);
    bool folds = !failed && node->op->fold && all_constant(graph, node);
    if (folds)
        failed = check_folded(graph, node, err);
    if (folds && !failed)
        failed = node->op->fold(graph, node, err);
    if (!failed)
        failed = settle_empty(graph, node, err);
    if (!failed)
        failed = element_pass_on(graph, node, err);
    return failed ? node_error(graph, node, failed, err) : 0;
}

int pass_check_outputs(const struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->output_count; i++) {
        const struct value *output = &graph->values[graph->outputs[i]];
        if (output->type != VALUE_FLOAT)
            return error_set(err, E_UNSUPPORTED, "output %.120s is not a float tensor",
                             output->name);
        if (output->known && value_elements(output) == 0)
            return error_set(err, E_UNSUPPORTED, "output %.120s is empty", output->name);
        if (!output->batched && !graph->fixed)
            return error_set(err, E_UNSUPPORTED, "output %.120s does not depend on the input",
                             output->name);
    }
    return 0;
}

/* After a problem, inputs without a shape come from it. Whether it matters shows in the end: modulation
 * does without what exporters compute weights with. */
static int infer_or_note(struct graph *graph, size_t at, struct error *err)
{
    struct error error = {0};
    struct node *node = &graph->nodes[at];
    if (!node->op->infer || (graph->problem_count && check_known(graph, node, &error)))
        return 0;
    int failed = infer_node(graph, node, &error);
    if (failed && failed != E_MEMORY)
        return graph_add_problem(graph, at, &error, err);
    return failed ? error_set(err, failed, "%s", error.text) : 0;
}

static int check_alive(const struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->problem_count; i++)
        if (!graph->nodes[graph->problems[i].node].dead)
            return error_set(err, graph->problems[i].error.code, "%s",
                             graph->problems[i].error.text);
    for (size_t i = 0; i < graph->node_count; i++)
        if (!graph->nodes[i].dead && check_known(graph, &graph->nodes[i], err))
            return node_error(graph, &graph->nodes[i], E_PARSE, err);
    return 0;
}

int pass_infer(struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        int failed = modulate_node(graph, i, err);
        if (!failed)
            failed = infer_or_note(graph, i, err);
        if (failed)
            return failed;
    }
    graph_count_uses(graph);
    return check_alive(graph, err);
}
