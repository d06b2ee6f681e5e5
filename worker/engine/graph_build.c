/*
 * From the unpacked ONNX file to the graph.
 *
 * Nodes must come in topological order, as ONNX demands: an input that is not yet defined is
 * either missing or part of a cycle, and is refused either way. Each name is defined once. Names
 * live in an open-addressing table that exists only while the graph is built.
 *
 * The branches of an If are nodes like others, which stand before it; their names have the branch in front. What is left
 * of the If is one node an output, which takes one branch's value or the other's (branch.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/branch.h"
#include "worker/engine/element.h"
#include "worker/engine/expand.h"
#include "worker/engine/graph.h"
#include "worker/engine/graph_check.h"
#include "worker/engine/onnx.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/elementwise.h"

#define BRANCHES_DEEP 8 /* an If in a branch of an If, … */
#define SCOPE_MAX (BRANCHES_DEEP * 24)

/* Far beyond any network of ours; keeps every count in an int. */
#define NODES_MAX 1000000

struct builder {
    struct graph *graph;
    const Onnx__GraphProto *proto;
    const struct engine_sizes *sizes; /* NULL: none */
    int *slots; /* value + 1; 0: free */
    size_t slot_count; /* a power of two, more than twice the names */
    char scope[SCOPE_MAX]; /* in front of names that are defined: "" or "branch/branch/" */
    size_t branches, depth;
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

/* The first `length` characters of the scope, then the name; NULL without memory. */
static char *scoped_name(const struct builder *builder, size_t length, const char *name)
{
    size_t bytes = length + strlen(name) + 1;
    char *whole = malloc(bytes);
    if (whole)
        snprintf(whole, bytes, "%.*s%s", (int)length, builder->scope, name);
    return whole;
}

/* The value that a name means here, in this branch or around it, or -1. */
static int find_value(const struct builder *builder, const char *name)
{
    for (size_t length = strlen(builder->scope); length > 0;) {
        char *whole = scoped_name(builder, length, name);
        int found = whole ? *find_slot(builder, whole) - 1 : -1;
        free(whole);
        if (found >= 0)
            return found;
        for (length--; length > 0 && builder->scope[length - 1] != '/';)
            length--;
    }
    return *find_slot(builder, name) - 1;
}

static int define(struct builder *builder, const char *name, int *value, struct error *err)
{
    if (!name || !*name)
        return error_set(err, E_PARSE, "a tensor has no name");
    char *whole = scoped_name(builder, strlen(builder->scope), name);
    if (!whole)
        return error_set(err, E_MEMORY, "no memory for a tensor");
    int *slot = find_slot(builder, whole);
    int made = *slot ? -1 : graph_add_value(builder->graph);
    if (made < 0) {
        free(whole);
        return *slot ? error_set(err, E_PARSE, "%.120s is defined twice", name)
                     : error_set(err, E_MEMORY, "no memory for a tensor");
    }
    builder->graph->values[made].name = whole;
    *slot = made + 1;
    *value = made;
    return 0;
}

static int add_initializers(struct builder *builder, const Onnx__GraphProto *proto, struct error *err)
{
    if (proto->n_sparse_initializer)
        return error_set(err, E_UNSUPPORTED, "sparse initializers");
    for (size_t i = 0; i < proto->n_initializer; i++) {
        Onnx__TensorProto *tensor = proto->initializer[i];
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

/* What the caller knows of a dimension that the file leaves open, or 0. */
static int64_t known_size(const struct builder *builder, const char *input, size_t dimension)
{
    const struct engine_sizes *sizes = builder->sizes;
    bool has = sizes && sizes->input && strcmp(sizes->input, input) == 0;
    return has && dimension > 0 && dimension <= 3 ? sizes->dims[dimension - 1] : 0;
}

/* A first dimension that the file leaves open, or any other, becomes the batch. */
static int input_dims(const struct builder *builder, const Onnx__ValueInfoProto *info, size_t *rank, int64_t *dims,
                      struct error *err)
{
    const Onnx__TensorShapeProto *shape = info->type->tensor_type->shape;
    if (!shape)
        return error_set(err, E_UNSUPPORTED, "it has no shape");
    if (shape->n_dim > ENGINE_RANK_MAX)
        return error_set(err, E_UNSUPPORTED, "its rank %zu exceeds %d", shape->n_dim,
                         ENGINE_RANK_MAX);
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        bool given = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dims[i] = given ? dim->dim_value : known_size(builder, info->name, i);
        if (i == 0)
            note_batch(builder->graph, dims[i]);
        if (i == 0 && builder->graph->single && dims[i] > 1)
            return error_set(err, E_UNSUPPORTED, "its first dimension is %lld (expected 1, or none given)",
                             (long long)dims[i]);
        if (i == 0 && (!builder->graph->fixed || builder->graph->single))
            dims[i] = builder->graph->batch;
        if (dims[i] <= 0)
            return error_set(err, E_UNSUPPORTED, "its dimension %zu is not a positive number (a picture's height and "
                             "width may be left open where bundle.yaml gives them)", i);
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
    if (element_held_as(element, &held, err) || (held != VALUE_FLOAT && element != ELEMENT_UINT8))
        return error_set(err, E_UNSUPPORTED,
                         "input %.120s: element type %d (expected 1, float, or 2, 10, 11 or 16, which "
                         "are given as float)", info->name, element);
    failed = input_dims(builder, info, &rank, dims, err);
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
            node->inputs[i] = find_value(builder, name);
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

static struct node *next_node(struct graph *graph, const Onnx__NodeProto *proto)
{
    struct node *node = &graph->nodes[graph->node_count++];
    if (proto->name && *proto->name)
        snprintf(node->name, sizeof node->name, "%.*s", ENGINE_NAME_MAX - 1, proto->name);
    else
        snprintf(node->name, sizeof node->name, "#%zu", graph->node_count - 1);
    node->attributes = (const struct attributes *)proto;
    return node;
}

static int add_node(struct builder *builder, const Onnx__NodeProto *proto, struct error *err)
{
    struct graph *graph = builder->graph;
    struct node *node = next_node(graph, proto);
    struct error refused = {0};
    int code = graph_find_op(graph, proto, node, &refused);
    int failed = connect_inputs(builder, node, proto, err);
    if (!failed)
        failed = connect_outputs(builder, node, proto, err);
    if (failed)
        return node_error(graph, node, failed, err);
    if (!code)
        code = graph_check_node(graph, proto, node, &refused);
    return code ? graph_add_problem(graph, graph->node_count - 1, &refused, err) : 0;
}

static int add_graph_nodes(struct builder *builder, const Onnx__GraphProto *proto, struct error *err);

/* The graph of a branch, or NULL: the node has no such attribute. */
static const Onnx__GraphProto *branch_of(const Onnx__NodeProto *proto, const char *which)
{
    const Onnx__AttributeProto *found = onnx_attribute(proto, which);
    return found && graph_attribute_fits(found, 'g') ? found->g : NULL;
}

static bool is_branching(const Onnx__NodeProto *proto)
{
    return proto->op_type && strcmp(proto->op_type, "If") == 0 && !(proto->domain && *proto->domain) &&
           branch_of(proto, "then_branch") && branch_of(proto, "else_branch");
}

/* A branch's nodes and initializers; outputs[i] is what its output i is. */
static int add_branch(struct builder *builder, const Onnx__GraphProto *branch, const char *which, size_t count, int *outputs,
                      struct error *err)
{
    size_t before = strlen(builder->scope);
    if (builder->depth == BRANCHES_DEEP)
        return error_set(err, E_LIMIT, "branches in branches, deeper than %d", BRANCHES_DEEP);
    if (branch->n_output != count)
        return error_set(err, E_PARSE, "the %s branch has %zu outputs (expected %zu)", which, branch->n_output, count);
    snprintf(builder->scope + before, sizeof builder->scope - before, "%.5s%zu/", which, builder->branches % NODES_MAX);
    builder->depth++;
    int failed = add_initializers(builder, branch, err);
    if (!failed)
        failed = add_graph_nodes(builder, branch, err);
    for (size_t i = 0; !failed && i < count; i++) {
        const char *name = branch->output[i]->name;
        outputs[i] = name && *name ? find_value(builder, name) : -1;
        if (outputs[i] < 0)
            failed = error_set(err, E_PARSE, "output %.120s of the %s branch is computed by no node", name ? name : "", which);
    }
    builder->depth--;
    builder->scope[before] = '\0';
    return failed;
}

/* Output i of an If: a node that takes one of two values. */
static int add_choice(struct builder *builder, const Onnx__NodeProto *proto, size_t i, const int inputs[3], struct error *err)
{
    struct graph *graph = builder->graph;
    struct node *node = next_node(graph, proto);
    node->op = &op_branch;
    node->inputs = calloc(4, sizeof(int));
    node->outputs = calloc(1, sizeof(int));
    if (!node->inputs || !node->outputs)
        return error_set(err, E_MEMORY, "no memory for a node");
    memcpy(node->inputs, inputs, 3 * sizeof(int));
    node->input_count = 3;
    int failed = define(builder, proto->output[i], &node->outputs[0], err);
    if (failed)
        return node_error(graph, node, failed, err);
    graph->values[node->outputs[0]].producer = (int)graph->node_count - 1;
    node->output_count = 1;
    return 0;
}

static int add_branching(struct builder *builder, const Onnx__NodeProto *proto, struct error *err)
{
    int condition = proto->n_input == 1 ? find_value(builder, proto->input[0]) : -1, failed = 0;
    int *values = calloc(2 * proto->n_output + 1, sizeof *values);
    if (!values)
        return error_set(err, E_MEMORY, "no memory for a node");
    if (condition < 0)
        failed = error_set(err, E_PARSE, "node %.120s (If): its condition is defined nowhere before it", proto->name);
    builder->branches++;
    if (!failed)
        failed = add_branch(builder, branch_of(proto, "then_branch"), "then", proto->n_output, values, err);
    if (!failed)
        failed = add_branch(builder, branch_of(proto, "else_branch"), "else", proto->n_output, values + proto->n_output, err);
    for (size_t i = 0; !failed && i < proto->n_output; i++)
        if (*proto->output[i])
            failed = add_choice(builder, proto, i, (const int[]){condition, values[i], values[proto->n_output + i]}, err);
    free(values);
    return failed;
}

static int add_graph_nodes(struct builder *builder, const Onnx__GraphProto *proto, struct error *err)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < proto->n_node; i++)
        failed = is_branching(proto->node[i]) ? add_branching(builder, proto->node[i], err)
                                              : add_node(builder, proto->node[i], err);
    return failed;
}

/* Behind an input of bytes, what it is to the nodes: whole numbers that a byte has, whatever numbers are given. */
static int add_bytes(struct builder *builder, int input, struct error *err)
{
    struct graph *graph = builder->graph;
    int *slot = find_slot(builder, graph->values[input].name), made = graph_add_value(graph);
    struct node *node = &graph->nodes[graph->node_count++];
    *node = (struct node){.op = &op_bytes, .input_count = 1, .output_count = 1};
    snprintf(node->name, sizeof node->name, "%s", graph->values[input].name);
    node->inputs = malloc(sizeof(int));
    node->outputs = malloc(sizeof(int));
    if (made < 0 || !node->inputs || !node->outputs)
        return error_set(err, E_MEMORY, "no memory for a node");
    node->inputs[0] = input;
    node->outputs[0] = made;
    graph->values[made].producer = (int)graph->node_count - 1;
    graph->values[made].name = strdup(graph->values[input].name);
    if (!graph->values[made].name)
        return error_set(err, E_MEMORY, "no memory for a tensor");
    *slot = made + 1;
    return 0;
}

static int add_nodes(struct builder *builder, size_t count, struct error *err)
{
    struct graph *graph = builder->graph;
    int failed = 0;
    graph->nodes = calloc(count + graph->input_count + 1, sizeof *graph->nodes);
    if (!graph->nodes)
        return error_set(err, E_MEMORY, "no memory for %zu nodes", count);
    for (size_t i = 0; !failed && i < graph->input_count; i++)
        if (graph->values[graph->inputs[i]].element == ELEMENT_UINT8)
            failed = add_bytes(builder, graph->inputs[i], err);
    return failed ? failed : add_graph_nodes(builder, builder->proto, err);
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
        int value = name && *name ? find_value(builder, name) : -1;
        if (value < 0)
            return error_set(err, E_PARSE, "output %.120s is computed by no node",
                             name ? name : "");
        graph->outputs[graph->output_count++] = value;
    }
    return 0;
}

/* Adds the graph's nodes and names, and its branches'. */
static int count_graph(const Onnx__GraphProto *proto, size_t depth, size_t *nodes, size_t *names, struct error *err)
{
    int failed = 0;
    *names += proto->n_initializer + proto->n_input;
    if (proto->n_node > NODES_MAX || *names > NODES_MAX || *nodes > NODES_MAX)
        return error_set(err, E_LIMIT, "more than %d nodes or tensors", NODES_MAX);
    for (size_t i = 0; !failed && i < proto->n_node; i++) {
        const Onnx__NodeProto *node = proto->node[i];
        bool branches = is_branching(node) && depth < BRANCHES_DEEP;
        *names += node->n_output;
        *nodes += is_branching(node) ? node->n_output : 1;
        if (branches)
            failed = count_graph(branch_of(node, "then_branch"), depth + 1, nodes, names, err);
        if (branches && !failed)
            failed = count_graph(branch_of(node, "else_branch"), depth + 1, nodes, names, err);
    }
    return failed;
}

static int make_names(struct builder *builder, size_t *nodes, struct error *err)
{
    size_t names = 0;
    *nodes = 0;
    int failed = count_graph(builder->proto, 0, nodes, &names, err);
    if (failed)
        return failed;
    if (names > 4 * (size_t)NODES_MAX)
        return error_set(err, E_LIMIT, "more than %d tensors", 4 * NODES_MAX);
    builder->slot_count = 64;
    while (builder->slot_count <= 2 * names)
        builder->slot_count *= 2;
    builder->slots = calloc(builder->slot_count, sizeof *builder->slots);
    return builder->slots ? 0 : error_set(err, E_MEMORY, "no memory for %zu names", names);
}

static int build(struct graph *graph, Onnx__ModelProto *model, const struct engine_sizes *sizes, struct error *err)
{
    struct builder builder = {.graph = graph, .proto = model->graph, .sizes = sizes};
    int failed = onnx_opset(model, &graph->opset, err);
    if (failed)
        return failed;
    if (graph->opset < OPSET_FIRST || graph->opset > OPSET_LAST)
        return error_set(err, E_UNSUPPORTED, "opset %d (expected %d to %d)", graph->opset,
                         OPSET_FIRST, OPSET_LAST);
    size_t nodes;
    failed = expand_model(model, graph->opset, err);
    if (!failed)
        failed = make_names(&builder, &nodes, err);
    if (!failed)
        failed = add_initializers(&builder, builder.proto, err);
    if (!failed)
        failed = add_inputs(&builder, err);
    if (!failed)
        failed = add_nodes(&builder, nodes, err);
    if (!failed)
        failed = add_outputs(&builder, err);
    free(builder.slots);
    return failed;
}

/* Takes the model. */
static int build_from(Onnx__ModelProto *model, int64_t batch, enum graph_form form, const struct engine_sizes *sizes,
                      struct graph **graph, struct error *err)
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
    int failed = build(made, model, sizes, err);
    if (failed) {
        graph_free(&made);
        return failed;
    }
    *graph = made;
    return 0;
}

int graph_parse(const void *data, size_t size, int64_t batch, enum graph_form form,
                const struct engine_sizes *sizes, struct graph **graph, struct error *err)
{
    Onnx__ModelProto *model = NULL;
    int failed = onnx_unpack(data, size, &model, err);
    return failed ? failed : build_from(model, batch, form, sizes, graph, err);
}

int graph_read(const char *path, int64_t batch, enum graph_form form, const struct engine_sizes *sizes,
               struct graph **graph, struct error *err)
{
    Onnx__ModelProto *model = NULL;
    int failed = onnx_read(path, &model, err);
    return failed ? failed : build_from(model, batch, form, sizes, graph, err);
}
