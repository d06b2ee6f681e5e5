/* What is checked of a node before anything is known of shapes: operator, opset, counts, attributes. No state, no threads. */
#include "worker/engine/graph_check.h"

#include <string.h>

#include "worker/engine/ops.h"

/* Of nodes that are refused. */
static const struct op no_op = {.type = "refused", .attributes = ""};

bool graph_attribute_fits(const Onnx__AttributeProto *attribute, char type)
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
    case 'g':
        return attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH && attribute->g;
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
        if (!graph_attribute_fits(attribute, type))
            return error_set(err, E_PARSE, "attribute %.80s has type %d (expected \"%c\" of %s)",
                             attribute->name, (int)attribute->type, type, node->op->attributes);
        for (size_t k = 0; k < i; k++)
            if (strcmp(proto->attribute[k]->name, attribute->name) == 0)
                return error_set(err, E_PARSE, "attribute %.80s is given twice", attribute->name);
    }
    return 0;
}

int graph_find_op(const struct graph *graph, const Onnx__NodeProto *proto, struct node *node, struct error *err)
{
    bool exists = false;
    node->op = &no_op;
    const char *type = proto->op_type ? proto->op_type : "";
    if (proto->domain && *proto->domain && strcmp(proto->domain, "ai.onnx") != 0)
        return error_set(err, E_UNSUPPORTED,
                         "node %s (%.60s, opset %d): domain %.60s (expected ai.onnx)", node->name,
                         type, graph->opset, proto->domain);
    const struct op *op = op_find(type, graph->opset, &exists);
    if (!op)
        return error_set(err, E_UNSUPPORTED, "node %s (%.60s, opset %d): %s", node->name, type,
                         graph->opset, exists          ? "the operator is known, but not of this opset"
                                       : op_refusal(type) ? op_refusal(type)
                                                          : "unknown operator");
    node->op = op;
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

int graph_check_node(const struct graph *graph, const Onnx__NodeProto *proto, struct node *node, struct error *err)
{
    int failed = check_counts(node, err);
    if (!failed)
        failed = check_attributes(node, proto, err);
    if (!failed)
        return 0;
    node_error(graph, node, failed, err);
    node->op = &no_op;
    return failed;
}
