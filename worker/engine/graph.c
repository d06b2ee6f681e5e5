/* Access to the graph's parts; building it is graph_build.c. No state, no threads. */
#include "worker/engine/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/onnx.h"
#include "worker/engine/ops.h"

int64_t dims_elements(size_t rank, const int64_t *dims)
{
    int64_t elements = 1;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] < 0 || dims[i] > GRAPH_ELEMENTS_MAX)
            return -1;
        elements *= dims[i]; /* both at most 2^29: no overflow */
        if (elements > GRAPH_ELEMENTS_MAX)
            return -1;
    }
    return elements;
}

double value_number(const struct value *value, int64_t i)
{
    return value->type == VALUE_FLOAT ? (double)((const float *)value->data)[i]
                                      : (double)((const int64_t *)value->data)[i];
}

int64_t value_elements(const struct value *value)
{
    return dims_elements(value->rank, value->dims);
}

int value_allocate(struct value *value, struct error *err)
{
    size_t elements = (size_t)value_elements(value);
    size_t width = value->type == VALUE_FLOAT ? sizeof(float) : sizeof(int64_t);
    value->data = calloc(elements + 1, width);
    return value->data ? 0 : error_set(err, E_MEMORY, "no memory for %zu elements", elements);
}

int value_set_shape(const struct graph *graph, struct value *value, size_t rank,
                    const int64_t *dims, bool batched, struct error *err)
{
    if (rank > ENGINE_RANK_MAX)
        return error_set(err, E_UNSUPPORTED, "the result's rank %zu exceeds %d", rank,
                         ENGINE_RANK_MAX);
    int64_t elements = dims_elements(rank, dims);
    if (elements < 0)
        return error_set(err, E_LIMIT, "the result has a negative dimension or more than %lld "
                         "elements", (long long)GRAPH_ELEMENTS_MAX);
    if (batched && (rank == 0 || dims[0] % graph->batch || (dims[0] == 0 && elements > 0)))
        return error_set(err, E_UNSUPPORTED, "the result's first dimension is %lld where the "
                         "batch (%lld) is expected: samples would mix",
                         (long long)(rank ? dims[0] : 0), (long long)graph->batch);
    value->type = VALUE_FLOAT;
    value->element = 0;
    value->rank = rank;
    memcpy(value->dims, dims, rank * sizeof *dims);
    value->batched = batched;
    value->group = batched ? dims[0] / graph->batch : 1;
    value->known = true;
    return 0;
}

struct value *node_input(const struct graph *graph, const struct node *node, size_t i)
{
    return i < node->input_count && node->inputs[i] >= 0 ? &graph->values[node->inputs[i]] : NULL;
}

struct value *node_output(const struct graph *graph, const struct node *node, size_t i)
{
    return i < node->output_count && node->outputs[i] >= 0 ? &graph->values[node->outputs[i]]
                                                           : NULL;
}

int node_error(const struct graph *graph, const struct node *node, int code, struct error *err)
{
    return error_prefix(err, code, "node %s (%s, opset %d)", node->name, node->op->type,
                        graph->opset);
}

static const Onnx__AttributeProto *find_attribute(const struct node *node, const char *name)
{
    return node->attributes ? onnx_attribute((const Onnx__NodeProto *)node->attributes, name) : NULL;
}

bool attribute_present(const struct node *node, const char *name)
{
    return find_attribute(node, name) != NULL;
}

int64_t attribute_int(const struct node *node, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *found = find_attribute(node, name);
    return found ? found->i : otherwise;
}

float attribute_float(const struct node *node, const char *name, float otherwise)
{
    const Onnx__AttributeProto *found = find_attribute(node, name);
    return found ? found->f : otherwise;
}

size_t attribute_ints(const struct node *node, const char *name, const int64_t **ints)
{
    const Onnx__AttributeProto *found = find_attribute(node, name);
    *ints = found ? found->ints : NULL;
    return found ? found->n_ints : 0;
}

size_t attribute_floats(const struct node *node, const char *name, const float **floats)
{
    const Onnx__AttributeProto *found = find_attribute(node, name);
    *floats = found ? found->floats : NULL;
    return found ? found->n_floats : 0;
}

void attribute_text(const struct node *node, const char *name, char text[64])
{
    const Onnx__AttributeProto *found = find_attribute(node, name);
    int length = found && found->s.len < 64 ? (int)found->s.len : 0;
    snprintf(text, 64, "%.*s", length, length ? (const char *)found->s.data : "");
}

bool attribute_is(const struct node *node, const char *name, const char *text, bool otherwise)
{
    const Onnx__AttributeProto *found = find_attribute(node, name);
    if (!found)
        return otherwise;
    return found->s.len == strlen(text) && memcmp(found->s.data, text, found->s.len) == 0;
}

int attribute_tensor(const struct node *node, const char *name, struct value *value,
                     struct error *err)
{
    const Onnx__AttributeProto *found = find_attribute(node, name);
    if (!found || !found->t)
        return error_set(err, E_PARSE, "attribute %s is missing", name);
    return onnx_tensor(found->t, value, err);
}

int graph_add_value(struct graph *graph)
{
    if (graph->value_count == graph->value_capacity) {
        size_t capacity = graph->value_capacity ? 2 * graph->value_capacity : 64;
        struct value *grown = realloc(graph->values, capacity * sizeof *grown);
        if (!grown)
            return -1;
        graph->values = grown;
        graph->value_capacity = capacity;
    }
    graph->values[graph->value_count] = (struct value){.producer = -1};
    return (int)graph->value_count++;
}

int graph_add_problem(struct graph *graph, size_t node, const struct error *error,
                      struct error *err)
{
    struct problem *grown = realloc(graph->problems, (graph->problem_count + 1) * sizeof *grown);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for an error");
    graph->problems = grown;
    grown[graph->problem_count++] = (struct problem){node, *error};
    return 0;
}

bool graph_names(const struct graph *graph, int value)
{
    for (size_t i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] == value)
            return true;
    for (size_t n = 0; n < graph->node_count; n++)
        for (size_t i = 0; i < graph->nodes[n].input_count; i++)
            if (graph->nodes[n].inputs[i] == value)
                return true;
    return false;
}

static void count_node(struct graph *graph, struct node *node)
{
    bool used = false;
    for (size_t i = 0; i < node->output_count; i++) {
        const struct value *output = node_output(graph, node, i);
        used |= output && output->uses > 0 && !output->data;
    }
    node->dead = !used;
    for (size_t i = 0; used && i < node->input_count; i++)
        if (node->inputs[i] >= 0)
            graph->values[node->inputs[i]].uses++;
    if (used && node->fused.residual)
        graph->values[node->fused.residual - 1].uses++;
}

void graph_count_uses(struct graph *graph)
{
    for (size_t i = 0; i < graph->value_count; i++)
        graph->values[i].uses = 0;
    for (size_t i = 0; i < graph->output_count; i++)
        graph->values[graph->outputs[i]].uses++;
    for (size_t i = graph->node_count; i-- > 0;)
        count_node(graph, &graph->nodes[i]);
}

void graph_drop_file(struct graph *graph)
{
    Onnx__ModelProto *model = graph->model;
    onnx_free(&model);
    graph->model = NULL;
    for (size_t i = 0; i < graph->node_count; i++)
        graph->nodes[i].attributes = NULL;
}

static void free_node(struct node *node)
{
    free(node->inputs);
    free(node->outputs);
    free(node->fused.scale);
    free(node->fused.shift);
}

void graph_free(struct graph **graph)
{
    struct graph *freed = *graph;
    if (!freed)
        return;
    *graph = NULL;
    for (size_t i = 0; i < freed->value_count; i++) {
        free(freed->values[i].name);
        free(freed->values[i].data);
    }
    for (size_t i = 0; i < freed->node_count; i++)
        free_node(&freed->nodes[i]);
    Onnx__ModelProto *model = freed->model;
    onnx_free(&model);
    free(freed->values);
    free(freed->nodes);
    free(freed->inputs);
    free(freed->noise);
    free(freed->outputs);
    free(freed->problems);
    free(freed);
}
