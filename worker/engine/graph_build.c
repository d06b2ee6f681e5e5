/*
 * From the unpacked ONNX file to the graph.
 *
 * Nodes must come in topological order, as ONNX demands: an input that is not yet defined is
 * either missing or part of a cycle, and is refused either way. Each name is defined once. Names
 * live in an open-addressing table that exists only while the graph is built.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/element.h"
#include "worker/engine/graph.h"
#include "worker/engine/onnx.h"
#include "worker/engine/ops.h"

/* Far beyond any network of ours; keeps every count in an int. */
#define NODES_MAX 1000000

/* Of nodes that are refused. */
static const struct op no_op = {.type = "refused", .attributes = ""};

struct builder {
    struct graph *graph;
    const Onnx__GraphProto *proto;
    int *slots; /* value + 1; 0: free */
    size_t slot_count; /* a power of two, more than twice the names */
};

static size_t hash_name(const char *name)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(hash ^ hash >> 29);
}

static int *find_slot(const struct builder *builder, const char *name)
{
    size_t at = hash_name(name) & (builder->slot_count - 1);
    while (builder->slots[at] &&
           strcmp(builder->graph->values[builder->slots[at] - 1].name, name) != 0)
        at = (at + 1) & (builder->slot_count - 1);
    return &builder->slots[at];
}

static int define(struct builder *builder, const char *name, int *value, struct error *err)
{
    if (!name || !*name)
        return error_set(err, E_PARSE, "a tensor has no name");
    int *slot = find_slot(builder, name);
    if (*slot)
        return error_set(err, E_PARSE, "%.120s is defined twice", name);
    int made = graph_add_value(builder->graph);
    if (made < 0)
        return error_set(err, E_MEMORY, "no memory for a tensor");
    builder->graph->values[made].name = strdup(name);
    if (!builder->graph->values[made].name)
        return error_set(err, E_MEMORY, "no memory for a tensor");
    *slot = made + 1;
    *value = made;
    return 0;
}

static int add_initializers(struct builder *builder, struct error *err)
{
    if (builder->proto->n_sparse_initializer)
        return error_set(err, E_UNSUPPORTED, "sparse initializers");
    for (size_t i = 0; i < builder->proto->n_initializer; i++) {
        Onnx__TensorProto *tensor = builder->proto->initializer[i];
        int value = 0;
        int failed = define(builder, tensor->name, &value, err);
        if (!failed)
            failed = onnx_tensor(tensor, &builder->graph->values[value], err);
        if (failed)
            return failed;
        onnx_drop_elements(tensor); /* weights are most of what a process holds */
    }
    return 0;
}

/* The first dimensions of all inputs, of which there is no other yet, if they are the same. */
static void note_batch(struct graph *graph, int64_t first)
{
    if (graph->input_count == 0)
        graph->own_batch = first > 0 ? first : 0;
    else if (graph->own_batch != first)
        graph->own_batch = 0;
}

/* A first dimension that the file leaves open, or any other, becomes the batch. */
static int input_dims(const struct builder *builder, const Onnx__TypeProto__Tensor *type,
                      size_t *rank, int64_t *dims, struct error *err)
{
    const Onnx__TensorShapeProto *shape = type->shape;
    if (!shape)
        return error_set(err, E_UNSUPPORTED, "it has no shape");
    if (shape->n_dim > ENGINE_RANK_MAX)
        return error_set(err, E_UNSUPPORTED, "its rank %zu exceeds %d", shape->n_dim,
                         ENGINE_RANK_MAX);
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        bool given = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dims[i] = given ? dim->dim_value : 0;
        if (i == 0)
            note_batch(builder->graph, dims[i]);
        if (i == 0 && builder->graph->single && dims[i] > 1)
            return error_set(err, E_UNSUPPORTED, "its first dimension is %lld (expected 1, or none given)",
                             (long long)dims[i]);
        if (i == 0 && (!builder->graph->fixed || builder->graph->single))
            dims[i] = builder->graph->batch;
        if (dims[i] <= 0)
            return error_set(err, E_UNSUPPORTED, "its dimension %zu is not a positive number", i);
    }
    *rank = shape->n_dim;
    return 0;
}

static int add_input(struct builder *builder, const Onnx__ValueInfoProto *info, struct error *err)
{
    int64_t dims[ENGINE_RANK_MAX];
    size_t rank = 0;
    int value;
    struct graph *graph = builder->graph;
    if (info->name && *info->name && *find_slot(builder, info->name))
        return 0; /* an initializer that is listed as an input too, as before IR 4 */
    int failed = define(builder, info->name, &value, err);
    if (failed)
        return failed;
    if (!info->type || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
        !info->type->tensor_type)
        return error_set(err, E_UNSUPPORTED, "input %.120s is not a tensor", info->name);
    int element = info->type->tensor_type->elem_type;
    enum value_type held = VALUE_INT64;
    if (element_held_as(element, &held, err) || held != VALUE_FLOAT)
        return error_set(err, E_UNSUPPORTED,
                         "input %.120s: element type %d (expected 1, float, or 10, 11 or 16, which "
                         "are given as float)", info->name, element);
    failed = input_dims(builder, info->type->tensor_type, &rank, dims, err);
    if (!failed)
        failed = value_set_shape(graph, &graph->values[value], rank, dims,
                                 !graph->fixed && rank > 0, err);
    if (failed)
        return error_prefix(err, failed, "input %.120s", info->name);
    graph->values[value].element = element_code(element);
    graph->inputs[graph->input_count++] = value;
    return 0;
}

static int add_inputs(struct builder *builder, struct error *err)
{
    builder->graph->inputs = calloc(builder->proto->n_input + 1, sizeof(int));
    if (!builder->graph->inputs)
        return error_set(err, E_MEMORY, "no memory for inputs");
    for (size_t i = 0; i < builder->proto->n_input; i++) {
        int failed = add_input(builder, builder->proto->input[i], err);
        if (failed)
            return failed;
    }
    return 0;
}

static bool type_fits(const Onnx__AttributeProto *attribute, char type)
{
    switch (type) {
    case 'i':
        return attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    case 'f':
        return attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    case 's':
        return attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    case 'I':
        return attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    case 'F':
        return attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
    case 't':
        return attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    }
    return false;
}

/* The type letter that `list` ("axis:i pads:I") gives `name`, or 0. */
static char listed_type(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += length)
        if ((at == list || at[-1] == ' ') && at[length] == ':')
            return at[length + 1];
    return 0;
}

static int check_attributes(const struct node *node, const Onnx__NodeProto *proto,
                            struct error *err)
{
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const Onnx__AttributeProto *attribute = proto->attribute[i];
        if (!attribute->name || !*attribute->name)
            return error_set(err, E_PARSE, "an attribute has no name");
        char type = listed_type(node->op->attributes, attribute->name);
        if (!type || (attribute->ref_attr_name && *attribute->ref_attr_name))
            return error_set(err, E_UNSUPPORTED, "attribute %.80s (known: %s)", attribute->name,
                             node->op->attributes);
        if (!type_fits(attribute, type))
            return error_set(err, E_PARSE, "attribute %.80s has type %d (expected \"%c\" of %s)",
                             attribute->name, (int)attribute->type, type, node->op->attributes);
        for (size_t k = 0; k < i; k++)
            if (strcmp(proto->attribute[k]->name, attribute->name) == 0)
                return error_set(err, E_PARSE, "attribute %.80s is given twice", attribute->name);
    }
    return 0;
}

static int find_op(const struct graph *graph, const Onnx__NodeProto *proto, struct node *node,
                   struct error *err)
{
    bool exists = false;
    const char *type = proto->op_type ? proto->op_type : "";
    if (proto->domain && *proto->domain && strcmp(proto->domain, "ai.onnx") != 0)
        return error_set(err, E_UNSUPPORTED,
                         "node %s (%.60s, opset %d): domain %.60s (expected ai.onnx)", node->name,
                         type, graph->opset, proto->domain);
    node->op = op_find(type, graph->opset, &exists);
    if (!node->op)
        return error_set(err, E_UNSUPPORTED, "node %s (%.60s, opset %d): %s", node->name, type,
                         graph->opset, exists          ? "the operator is known, but not of this opset"
                                       : op_refusal(type) ? op_refusal(type)
                                                          : "unknown operator");
    return 0;
}

static int check_counts(const struct node *node, struct error *err)
{
    const struct op *op = node->op;
    if (node->input_count < (size_t)op->inputs_least ||
        node->input_count > (size_t)op->inputs_most)
        return error_set(err, E_PARSE, "%zu inputs (expected %d to %d)", node->input_count,
                         op->inputs_least, op->inputs_most);
    for (int i = 0; i < op->inputs_least; i++)
        if (node->inputs[i] < 0)
            return error_set(err, E_PARSE, "input %d is absent", i);
    if (node->output_count == 0 || node->outputs[0] < 0)
        return error_set(err, E_PARSE, "there is no output");
    for (size_t i = (size_t)op->outputs_most; i < node->output_count; i++)
        if (node->outputs[i] >= 0)
            return error_set(err, E_UNSUPPORTED, "output %zu (expected %d at most)", i,
                             op->outputs_most);
    return 0;
}

static int connect_inputs(struct builder *builder, struct node *node,
                          const Onnx__NodeProto *proto, struct error *err)
{
    node->inputs = calloc(proto->n_input + 1, sizeof(int));
    if (!node->inputs)
        return error_set(err, E_MEMORY, "no memory for a node");
    for (size_t i = 0; i < proto->n_input; i++) {
        const char *name = proto->input[i];
        node->inputs[i] = -1;
        if (*name) {
            node->inputs[i] = *find_slot(builder, name) - 1;
            if (node->inputs[i] < 0)
                return error_set(err, E_PARSE,
                                 "its input %.120s is defined nowhere before it (missing, or a "
                                 "cycle)", name);
            node->input_count = i + 1; /* trailing absent inputs do not count */
        }
    }
    return 0;
}

static int connect_outputs(struct builder *builder, struct node *node,
                           const Onnx__NodeProto *proto, struct error *err)
{
    node->outputs = calloc(proto->n_output + 1, sizeof(int));
    if (!node->outputs)
        return error_set(err, E_MEMORY, "no memory for a node");
    for (size_t i = 0; i < proto->n_output; i++) {
        node->outputs[i] = -1;
        if (!*proto->output[i])
            continue;
        int failed = define(builder, proto->output[i], &node->outputs[i], err);
        if (failed)
            return failed;
        builder->graph->values[node->outputs[i]].producer = (int)builder->graph->node_count - 1;
        node->output_count = i + 1;
    }
    return 0;
}

static int add_node(struct builder *builder, const Onnx__NodeProto *proto, struct error *err)
{
    struct graph *graph = builder->graph;
    struct node *node = &graph->nodes[graph->node_count++];
    if (proto->name && *proto->name)
        snprintf(node->name, sizeof node->name, "%.*s", ENGINE_NAME_MAX - 1, proto->name);
    else
        snprintf(node->name, sizeof node->name, "#%zu", graph->node_count - 1);
    node->attributes = (const struct attributes *)proto;
    struct error refused = {0};
    int code = find_op(graph, proto, node, &refused);
    if (code)
        node->op = &no_op;
    int failed = connect_inputs(builder, node, proto, err);
    if (!failed)
        failed = connect_outputs(builder, node, proto, err);
    if (failed)
        return node_error(graph, node, failed, err);
    if (!code) {
        code = check_counts(node, &refused);
        if (!code)
            code = check_attributes(node, proto, &refused);
        if (code)
            node_error(graph, node, code, &refused);
    }
    if (!code)
        return 0;
    node->op = &no_op;
    return graph_add_problem(graph, graph->node_count - 1, &refused, err);
}

static int add_nodes(struct builder *builder, struct error *err)
{
    size_t count = builder->proto->n_node;
    builder->graph->nodes = calloc(count + 1, sizeof *builder->graph->nodes);
    if (!builder->graph->nodes)
        return error_set(err, E_MEMORY, "no memory for %zu nodes", count);
    for (size_t i = 0; i < count; i++) {
        int failed = add_node(builder, builder->proto->node[i], err);
        if (failed)
            return failed;
    }
    return 0;
}

static int add_outputs(struct builder *builder, struct error *err)
{
    struct graph *graph = builder->graph;
    if (builder->proto->n_output == 0)
        return error_set(err, E_PARSE, "the graph has no output");
    graph->outputs = calloc(builder->proto->n_output, sizeof(int));
    if (!graph->outputs)
        return error_set(err, E_MEMORY, "no memory for outputs");
    for (size_t i = 0; i < builder->proto->n_output; i++) {
        const char *name = builder->proto->output[i]->name;
        int value = name && *name ? *find_slot(builder, name) - 1 : -1;
        if (value < 0)
            return error_set(err, E_PARSE, "output %.120s is computed by no node",
                             name ? name : "");
        graph->outputs[graph->output_count++] = value;
    }
    return 0;
}

static int make_names(struct builder *builder, struct error *err)
{
    const Onnx__GraphProto *proto = builder->proto;
    size_t names = proto->n_initializer + proto->n_input;
    if (proto->n_node > NODES_MAX || names > NODES_MAX)
        return error_set(err, E_LIMIT, "more than %d nodes or tensors", NODES_MAX);
    for (size_t i = 0; i < proto->n_node; i++)
        names += proto->node[i]->n_output;
    if (names > 4 * (size_t)NODES_MAX)
        return error_set(err, E_LIMIT, "more than %d tensors", 4 * NODES_MAX);
    builder->slot_count = 64;
    while (builder->slot_count <= 2 * names)
        builder->slot_count *= 2;
    builder->slots = calloc(builder->slot_count, sizeof *builder->slots);
    return builder->slots ? 0 : error_set(err, E_MEMORY, "no memory for %zu names", names);
}

static int build(struct graph *graph, const Onnx__ModelProto *model, struct error *err)
{
    struct builder builder = {.graph = graph, .proto = model->graph};
    int failed = onnx_opset(model, &graph->opset, err);
    if (failed)
        return failed;
    if (graph->opset < OPSET_FIRST || graph->opset > OPSET_LAST)
        return error_set(err, E_UNSUPPORTED, "opset %d (expected %d to %d)", graph->opset,
                         OPSET_FIRST, OPSET_LAST);
    failed = make_names(&builder, err);
    if (!failed)
        failed = add_initializers(&builder, err);
    if (!failed)
        failed = add_inputs(&builder, err);
    if (!failed)
        failed = add_nodes(&builder, err);
    if (!failed)
        failed = add_outputs(&builder, err);
    free(builder.slots);
    return failed;
}

/* Takes the model. */
static int build_from(Onnx__ModelProto *model, int64_t batch, enum graph_form form, struct graph **graph,
                      struct error *err)
{
    struct graph *made = calloc(1, sizeof *made);
    if (!made) {
        onnx_free(&model);
        return error_set(err, E_MEMORY, "no memory for a graph");
    }
    made->model = model;
    made->fixed = form != GRAPH_ROWS;
    made->single = form == GRAPH_SINGLE;
    made->batch = made->single ? 1 : batch;
    int failed = build(made, model, err);
    if (failed) {
        graph_free(&made);
        return failed;
    }
    *graph = made;
    return 0;
}

int graph_parse(const void *data, size_t size, int64_t batch, enum graph_form form, struct graph **graph,
                struct error *err)
{
    Onnx__ModelProto *model = NULL;
    int failed = onnx_unpack(data, size, &model, err);
    return failed ? failed : build_from(model, batch, form, graph, err);
}

int graph_read(const char *path, int64_t batch, enum graph_form form, struct graph **graph,
               struct error *err)
{
    Onnx__ModelProto *model = NULL;
    int failed = onnx_read(path, &model, err);
    return failed ? failed : build_from(model, batch, form, graph, err);
}
