/*
 * All that is added belongs to the model, as if it had been unpacked so: allocated one by one, freed with it. Names inside of a
 * call have the call's number in front. No state, no threads.
 */
#include "worker/engine/expand.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/expand_attention.h"
#include "worker/engine/onnx.h"

#define CALLS_DEEP 16
#define ADDED_MOST 200000                /* nodes */
#define COPIED_MOST ((size_t)256 << 20) /* bytes of functions' nodes, constants among them */

int expand_append(struct expansion *expansion, Onnx__NodeProto *node, struct error *err)
{
    Onnx__NodeProto **grown = expansion->nodes;
    if (expansion->count == expansion->capacity) {
        size_t capacity = 2 * expansion->capacity + 64;
        grown = realloc(expansion->nodes, capacity * sizeof *grown);
        if (grown) {
            expansion->nodes = grown;
            expansion->capacity = capacity;
        }
    }
    int failed = !grown ? error_set(err, E_MEMORY, "no memory for a node")
                 : expansion->count >= expansion->most
                     ? error_set(err, E_LIMIT, "functions add more than %d nodes", ADDED_MOST)
                     : 0;
    if (failed)
        onnx__node_proto__free_unpacked(node, NULL);
    else
        grown[expansion->count++] = node;
    return failed;
}

/* ---- functions ---- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* A function is written for the opset that it imports, and may have branches, whose names nobody renames here. */
static bool is_usable(const Onnx__FunctionProto *function, int opset)
{
    for (size_t i = 0; i < function->n_opset_import; i++)
        if (same_text(function->opset_import[i]->domain, "") && function->opset_import[i]->version != opset)
            return false;
    for (size_t i = 0; i < function->n_node; i++)
        for (size_t k = 0; k < function->node[i]->n_attribute; k++)
            if (function->node[i]->attribute[k]->g || function->node[i]->attribute[k]->n_graphs)
                return false;
    return true;
}

static const Onnx__FunctionProto *find_function(const struct expansion *expansion, const Onnx__NodeProto *node)
{
    const Onnx__ModelProto *model = expansion->model;
    for (size_t i = 0; i < model->n_functions; i++)
        if (same_text(model->functions[i]->domain, node->domain) && same_text(model->functions[i]->name, node->op_type))
            return is_usable(model->functions[i], expansion->opset) ? model->functions[i] : NULL;
    return NULL;
}

struct call {
    const Onnx__FunctionProto *function;
    const Onnx__NodeProto *node;
    size_t number;
};

/* What the name in the function is outside of it; NULL without memory. */
static char *outer_name(const struct call *call, const char *name)
{
    char *made;
    if (!*name)
        return strdup("");
    for (size_t i = 0; i < call->function->n_input; i++)
        if (strcmp(call->function->input[i], name) == 0)
            return strdup(i < call->node->n_input ? call->node->input[i] : "");
    for (size_t i = 0; i < call->function->n_output; i++)
        if (strcmp(call->function->output[i], name) == 0 && i < call->node->n_output && *call->node->output[i])
            return strdup(call->node->output[i]);
    size_t bytes = strlen(name) + 32;
    made = malloc(bytes);
    if (made)
        snprintf(made, bytes, "call%zu/%s", call->number, name);
    return made;
}

static int rename_all(const struct call *call, char **names, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        char *outer = outer_name(call, names[i]);
        if (!outer)
            return error_set(err, E_MEMORY, "no memory for a name");
        if (names[i] != protobuf_c_empty_string)
            free(names[i]);
        names[i] = outer;
    }
    return 0;
}

static Onnx__NodeProto *copy_node(struct expansion *expansion, const Onnx__NodeProto *node, struct error *err)
{
    size_t size = onnx__node_proto__get_packed_size(node);
    uint8_t *bytes = NULL;
    Onnx__NodeProto *copy = NULL;
    expansion->copied += size;
    if (expansion->copied > COPIED_MOST) {
        error_set(err, E_LIMIT, "calls of functions copy more than %zu bytes", COPIED_MOST);
        return NULL;
    }
    bytes = malloc(size + 1);
    if (bytes)
        copy = onnx__node_proto__unpack(NULL, onnx__node_proto__pack(node, bytes), bytes);
    free(bytes);
    if (!copy)
        error_set(err, E_MEMORY, "no memory for a node");
    return copy;
}

static Onnx__AttributeProto *copy_attribute(const Onnx__AttributeProto *attribute, const char *name)
{
    size_t size = onnx__attribute_proto__get_packed_size(attribute);
    uint8_t *bytes = malloc(size + 1);
    Onnx__AttributeProto *copy = NULL;
    char *called = strdup(name ? name : "");
    if (bytes && called)
        copy = onnx__attribute_proto__unpack(NULL, onnx__attribute_proto__pack(attribute, bytes), bytes);
    free(bytes);
    if (!copy) {
        free(called);
        return NULL;
    }
    if (copy->name != protobuf_c_empty_string)
        free(copy->name);
    copy->name = called;
    return copy;
}

/* Attributes that refer to the call's: theirs, or none where the call does not say. */
static int resolve_attributes(const struct call *call, Onnx__NodeProto *node, struct error *err)
{
    size_t kept = 0, count = node->n_attribute;
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        Onnx__AttributeProto *attribute = node->attribute[i];
        if (!attribute->ref_attr_name || !*attribute->ref_attr_name) {
            node->attribute[kept++] = attribute;
            continue;
        }
        const Onnx__AttributeProto *given = onnx_attribute(call->node, attribute->ref_attr_name);
        Onnx__AttributeProto *copy = given && !failed ? copy_attribute(given, attribute->name) : NULL;
        if (given && !failed && !copy)
            failed = error_set(err, E_MEMORY, "no memory for an attribute");
        if (copy)
            node->attribute[kept++] = copy;
        onnx__attribute_proto__free_unpacked(attribute, NULL);
    }
    node->n_attribute = kept;
    return failed;
}

static int expand_node(struct expansion *expansion, Onnx__NodeProto *node, size_t depth, struct error *err);

/* Takes the call's node. */
static int expand_call(struct expansion *expansion, const Onnx__FunctionProto *function, Onnx__NodeProto *node, size_t depth,
                       struct error *err)
{
    const struct call call = {function, node, ++expansion->calls};
    int failed = depth >= CALLS_DEEP ? error_set(err, E_LIMIT, "functions call functions, deeper than %d", CALLS_DEEP) : 0;
    if (!failed && expansion->calls > ADDED_MOST)
        failed = error_set(err, E_LIMIT, "more than %d calls of functions", ADDED_MOST);
    for (size_t i = 0; !failed && i < function->n_node; i++) {
        Onnx__NodeProto *copy = copy_node(expansion, function->node[i], err);
        if (!copy) {
            failed = err->code;
            break;
        }
        failed = rename_all(&call, copy->input, copy->n_input, err);
        if (!failed)
            failed = rename_all(&call, copy->output, copy->n_output, err);
        if (!failed)
            failed = resolve_attributes(&call, copy, err);
        if (failed)
            onnx__node_proto__free_unpacked(copy, NULL);
        else
            failed = expand_node(expansion, copy, depth + 1, err);
    }
    onnx__node_proto__free_unpacked(node, NULL);
    return failed;
}

/* Takes the node. */
static int expand_node(struct expansion *expansion, Onnx__NodeProto *node, size_t depth, struct error *err)
{
    const Onnx__FunctionProto *function = find_function(expansion, node);
    if (function)
        return expand_call(expansion, function, node, depth, err);
    if (expand_is_attention(node, expansion->opset))
        return expand_attention(expansion, node, err);
    return expand_append(expansion, node, err);
}

static bool is_needed(const Onnx__ModelProto *model, int opset)
{
    bool needed = model->n_functions > 0;
    for (size_t i = 0; !needed && i < model->graph->n_node; i++)
        needed = expand_is_attention(model->graph->node[i], opset);
    return needed;
}

int expand_model(Onnx__ModelProto *model, int opset, struct error *err)
{
    Onnx__GraphProto *graph = model->graph;
    struct expansion expansion = {.model = model, .opset = opset, .most = graph->n_node + ADDED_MOST};
    int failed = 0;
    size_t i = 0;
    if (!is_needed(model, opset))
        return 0;
    while (!failed && i < graph->n_node)
        failed = expand_node(&expansion, graph->node[i++], 0, err);
    if (failed) { /* what is left stays the model's */
        memmove(graph->node, graph->node + i, (graph->n_node - i) * sizeof *graph->node);
        graph->n_node -= i;
        for (size_t k = 0; k < expansion.count; k++)
            onnx__node_proto__free_unpacked(expansion.nodes[k], NULL);
        free(expansion.nodes);
        return failed;
    }
    free(graph->node);
    graph->node = expansion.nodes;
    graph->n_node = expansion.count;
    return 0;
}
