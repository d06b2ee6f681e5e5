/*
 * Shape inference and constant folding, in one walk, on which modulation is rewritten. No state.
 *
 * A tensor without elements (a slice of a shape that leaves nothing) is a constant whatever it comes from:
 * devices have no empty buffers.
 */
#include <string.h>

#include "worker/engine/branch.h"
#include "worker/engine/counted.h"
#include "worker/engine/element.h"
#include "worker/engine/modulate.h"
#include "worker/engine/ops.h"
#include "worker/engine/passes.h"

#define FOLDED_MAX ((int64_t)1 << 24)

/* What was spread over the batch is one row for all samples, and stays so: a constant of the batch's size would be rows of
 * which each might differ. */
static bool gives_rows(const struct graph *graph, const struct node *node)
{
    for (size_t i = 0; i < node->output_count; i++) {
        const struct value *out = node_output(graph, node, i);
        if (out && out->known && out->batched)
            return true;
    }
    return false;
}

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

/* Rows meet rows of the same sample only where all have as many. */
static int check_groups(const struct graph *graph, const struct node *node, struct error *err)
{
    const struct value *first = NULL;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        if (!in || !in->batched)
            continue;
        if (first && first->group != in->group)
            return error_set(err, E_UNSUPPORTED, "an operand of %lld rows a sample meets one of %lld: samples would mix",
                             (long long)first->group, (long long)in->group);
        first = in;
    }
    return 0;
}

/* Whether a constant of the batch's size has the same row for each sample. */
static bool is_one_row(const struct graph *graph, const struct value *value, size_t rank)
{
    if (!value->data || value->batched || value->rank != rank || rank == 0 || value->dims[0] != graph->batch)
        return false;
    size_t width = value->type == VALUE_FLOAT ? sizeof(float) : sizeof(int64_t);
    size_t row = (size_t)(value_elements(value) / value->dims[0]) * width;
    for (int64_t i = 1; i < value->dims[0]; i++)
        if (memcmp(value->data, (const char *)value->data + (size_t)i * row, row) != 0)
            return false;
    return true;
}

/* The first row of input i alone, in its place. */
static int take_first_row(struct graph *graph, struct node *node, size_t i, struct error *err)
{
    int made = graph_add_value(graph);
    if (made < 0)
        return error_set(err, E_MEMORY, "no memory for a constant");
    struct value *row = &graph->values[made];
    const struct value *in = node_input(graph, node, i);
    int64_t dims[ENGINE_RANK_MAX];
    memcpy(dims, in->dims, sizeof dims);
    dims[0] = 1;
    int failed = value_set_shape(graph, row, in->rank, dims, false, err);
    row->type = in->type;
    row->element = in->element;
    if (!failed)
        failed = value_allocate(row, err);
    if (failed)
        return failed;
    memcpy(row->data, in->data,
           (size_t)value_elements(row) * (in->type == VALUE_FLOAT ? sizeof(float) : sizeof(int64_t)));
    node->inputs[i] = made;
    return 0;
}

/* What exporters compute for every sample alike, the embedding of a class that is always the same, becomes a constant of the
 * batch's size. Where it meets samples it is one row again, which broadcasts. */
static int unite_rows(struct graph *graph, struct node *node, struct error *err)
{
    static const char *const types[] = {"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Where",
                                        "Concat", "MatMul"};
    bool meets = false;
    size_t rank = 0;
    int failed = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        meets |= strcmp(node->op->type, types[i]) == 0;
    for (size_t i = 0; i < node->input_count && meets; i++) {
        const struct value *in = node_input(graph, node, i);
        if (in && in->batched && in->group == 1)
            rank = in->rank;
    }
    if (strcmp(node->op->type, "MatMul") == 0 && rank < 3)
        return 0; /* dimension 0 of a matrix is summed over */
    if (rank == 0 || graph->fixed || graph->batch == 1)
        return 0;
    for (size_t i = 0; !failed && i < node->input_count; i++)
        if (node_input(graph, node, i) && is_one_row(graph, node_input(graph, node, i), rank))
            failed = take_first_row(graph, node, i, err);
    return failed;
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
        failed = check_groups(graph, node, err);
    if (!failed)
        failed = unite_rows(graph, node, err);
    if (!failed)
        failed = counted_prepare(graph, node, err);
    if (!failed)
        failed = node->op->infer(graph, node, err);
    bool folds = !failed && node->op->fold && all_constant(graph, node) && !gives_rows(graph, node);
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
        if (output->batched && output->group != 1)
            return error_set(err, E_UNSUPPORTED, "output %.120s has %lld rows a sample (expected one)",
                             output->name, (long long)output->group);
        if (!output->batched && (!graph->fixed || (graph->single && output->data)))
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
        int failed = branch_node(graph, i, err);
        if (!failed)
            failed = modulate_node(graph, i, err);
        if (!failed)
            failed = infer_or_note(graph, i, err);
        if (failed)
            return failed;
    }
    graph_count_uses(graph);
    return check_alive(graph, err);
}
