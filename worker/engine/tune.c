/*
 * Tuning: every convolution of a network that runs in a transform domain is run alone in the ways that the
 * cost model likes best. A way whose result differs by a bit from the model's first choice is an
 * error; of the others the fastest is kept (tuning.h).
 */
#include <stdlib.h>
#include <string.h>

#include "worker/engine/network.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/conv_choose.h"
#include "worker/engine/target.h"
#include "worker/engine/tuning.h"

#define WAYS_EACH 6 /* of either kind, whole and staged */
#define REPEATS 7

struct tuner {
    struct device *device;
    size_t rows;
    struct lowering_target target;
    struct tuning *tuning;
    FILE *out;
};

/* One convolution as a network: its input, its residual if it has one, its output. */
struct alone {
    const struct graph *graph;
    const struct node *node;
    struct conv conv;
    bool whole;
    float *reference;
};

static int copy_value(const struct value *from, struct graph *to, int *number, struct error *err)
{
    int made = graph_add_value(to);
    if (made < 0)
        return error_set(err, E_MEMORY, "no memory for a value");
    struct value *value = &to->values[made];
    char *name = value->name;
    *value = *from;
    value->name = name;
    value->producer = -1;
    value->data = NULL;
    if (from->data) {
        int failed = value_allocate(value, err);
        if (failed)
            return failed;
        memcpy(value->data, from->data, (size_t)value_elements(from) * sizeof(float));
    }
    *number = made;
    return 0;
}

static int fill_graph(const struct alone *alone, struct graph *graph, struct error *err)
{
    const struct node *from = alone->node;
    struct node *node = graph->nodes;
    *node = *from;
    node->fused.scale = node->fused.shift = NULL; /* they cost nothing at run time */
    node->inputs = calloc(from->input_count, sizeof *node->inputs);
    node->outputs = calloc(1, sizeof *node->outputs);
    if (!node->inputs || !node->outputs)
        return error_set(err, E_MEMORY, "no memory for a node");
    graph->node_count = 1;
    int failed = 0;
    for (size_t i = 0; !failed && i < from->input_count; i++) {
        node->inputs[i] = -1;
        if (from->inputs[i] >= 0)
            failed = copy_value(&alone->graph->values[from->inputs[i]], graph, &node->inputs[i], err);
    }
    graph->inputs[graph->input_count++] = node->inputs[0];
    if (!failed && from->fused.residual) {
        int residual;
        failed = copy_value(&alone->graph->values[from->fused.residual - 1], graph, &residual, err);
        node->fused.residual = residual + 1;
        graph->inputs[graph->input_count++] = residual;
    }
    if (!failed)
        failed = copy_value(&alone->graph->values[from->outputs[0]], graph, node->outputs, err);
    if (failed)
        return failed;
    graph->values[node->outputs[0]].producer = 0;
    graph->outputs[graph->output_count++] = node->outputs[0];
    graph_count_uses(graph);
    return 0;
}

static int make_graph(const struct alone *alone, struct graph **graph, struct error *err)
{
    struct graph *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for a graph");
    made->opset = alone->graph->opset;
    made->batch = alone->graph->batch;
    made->nodes = calloc(1, sizeof *made->nodes);
    made->inputs = calloc(2, sizeof *made->inputs);
    made->outputs = calloc(1, sizeof *made->outputs);
    int failed = made->nodes && made->inputs && made->outputs
                     ? fill_graph(alone, made, err)
                     : error_set(err, E_MEMORY, "no memory for a graph");
    if (failed)
        graph_free(&made);
    else
        *graph = made;
    return failed;
}

/* The first result becomes the reference, each other must be its equal. */
static int check_result(struct tuner *tuner, struct alone *alone, cl_mem result, size_t elements,
                        struct error *err)
{
    float *data = malloc(elements * sizeof *data);
    if (!data)
        return error_set(err, E_MEMORY, "no memory for a result");
    int failed = device_read(tuner->device, result, 0, data, elements * sizeof *data, err);
    if (!failed && alone->reference && memcmp(data, alone->reference, elements * sizeof *data) != 0)
        failed = error_set(err, E_DEVICE, "two ways of one form differ (expected equal bits)");
    if (!failed && !alone->reference) {
        alone->reference = data;
        return 0;
    }
    free(data);
    return failed;
}

static int time_network(struct tuner *tuner, struct alone *alone, struct engine_network *network,
                        double *milliseconds, struct error *err)
{
    cl_mem in[2] = {NULL}, out = NULL;
    size_t elements = engine_output(network, 0)->row_elements * tuner->rows;
    double *steps = calloc(engine_step_count(network), sizeof *steps);
    int failed = steps ? device_buffer(tuner->device, elements * sizeof(float), &out, err)
                       : error_set(err, E_MEMORY, "no memory for times");
    for (size_t i = 0; !failed && i < engine_input_count(network); i++)
        failed = engine_fill_input(network, i, tuner->rows, &in[i], err);
    if (!failed)
        failed = engine_profile(network, tuner->rows, in, &out, REPEATS, steps, err);
    if (!failed)
        failed = check_result(tuner, alone, out, elements, err);
    *milliseconds = 0;
    for (size_t i = 0; !failed && i < engine_step_count(network); i++)
        if (strcmp(network->lowering.steps[i].type, "convert") != 0)
            *milliseconds += steps[i];
    for (int i = 0; i < 2; i++)
        if (in[i])
            clReleaseMemObject(in[i]);
    if (out)
        clReleaseMemObject(out);
    free(steps);
    return failed;
}

static int time_way(struct tuner *tuner, struct alone *alone, const struct conv_candidate *way,
                    double *milliseconds, struct error *err)
{
    struct graph *graph = NULL;
    struct engine_network *network = NULL;
    const struct network_options options = {.forced = way};
    int failed = make_graph(alone, &graph, err);
    if (!failed)
        failed = network_build(tuner->device, &graph, tuner->rows, &options, &network, err);
    if (!failed)
        failed = time_network(tuner, alone, network, milliseconds, err);
    engine_free(&network);
    graph_free(&graph);
    return failed;
}

static int try_ways(struct tuner *tuner, struct alone *alone, enum winograd_form form,
                    struct winograd *best, double *best_ms, double *first_ms, struct error *err)
{
    struct conv_candidate ways[CONV_CANDIDATES_MAX];
    size_t count = conv_candidates(&tuner->target, &alone->conv, tuner->rows, alone->whole, ways);
    int tried[2] = {0};
    for (size_t i = 0; i < count; i++) {
        double ms;
        if (!ways[i].transformed || ways[i].winograd.form != form ||
            tried[ways[i].winograd.staged]++ >= WAYS_EACH)
            continue;
        int failed = time_way(tuner, alone, &ways[i], &ms, err);
        if (failed)
            return failed;
        if (tried[0] + tried[1] == 1)
            *first_ms = *best_ms = ms;
        if (ms <= *best_ms) {
            *best_ms = ms;
            *best = ways[i].winograd;
        }
    }
    return 0;
}

static int tune_node(struct tuner *tuner, const struct graph *graph, const struct node *node,
                     struct error *err)
{
    struct alone alone = {.graph = graph, .node = node};
    struct conv_candidate choice;
    struct winograd best = {0};
    char key[TUNING_KEY_MAX];
    double best_ms = 0, first_ms = 0;
    int failed = conv_read(graph, node, &alone.conv, err);
    if (failed)
        return failed;
    alone.whole = conv_normalises_inside(node, &alone.conv);
    if (!conv_choose(&tuner->target, &alone.conv, tuner->rows, alone.whole, &choice) ||
        !choice.transformed)
        return 0;
    tuning_key(&alone.conv, choice.winograd.form, tuner->rows, alone.whole, key);
    if (tuning_find(tuner->tuning, key))
        return 0;
    failed = try_ways(tuner, &alone, choice.winograd.form, &best, &best_ms, &first_ms, err);
    free(alone.reference);
    if (!failed)
        failed = tuning_set(tuner->tuning, key, &best, err);
    if (!failed)
        fprintf(tuner->out, "%-80s %8.3f ms, untuned %8.3f ms\n", key, best_ms, first_ms);
    fflush(tuner->out);
    return failed;
}

static int tune_graph(struct tuner *tuner, const struct graph *graph, struct error *err)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        if (node->dead || strcmp(node->op->type, "Conv") != 0)
            continue;
        failed = tune_node(tuner, graph, node, err);
        if (failed)
            return node_error(graph, node, failed, err);
    }
    return failed;
}

int engine_tune(struct device *device, const char *path, size_t rows,
                const struct engine_options *options, FILE *out, struct error *err)
{
    struct tuner tuner = {.device = device, .rows = rows, .out = out};
    struct graph *graph = NULL;
    const struct network_options chosen = {.engine = options ? *options : (struct engine_options){0}};
    target_of(device, &chosen, &tuner.target);
    if (!tuner.target.blocked)
        return 0;
    int failed = network_read(path, (int64_t)rows, &chosen.engine.sizes, &graph, err);
    if (!failed && graph->single)
        tuner.rows = 1;
    if (!failed)
        failed = tuning_open(device_describe(device), &tuner.tuning, err);
    if (!failed)
        failed = tune_graph(&tuner, graph, err);
    if (!failed)
        failed = tuning_save(tuner.tuning, err);
    tuning_close(&tuner.tuning);
    graph_free(&graph);
    return failed ? error_prefix(err, failed, "%s", path) : 0;
}
