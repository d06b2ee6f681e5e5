/* A file's nodes, against the table of operators. */
#ifndef WORKER_ENGINE_GRAPH_CHECK_H
#define WORKER_ENGINE_GRAPH_CHECK_H

#include <onnx.pb-c.h>

#include "worker/engine/graph.h"

/* Whether the attribute has the type of this letter (struct op's `attributes`; g: a graph). */
bool graph_attribute_fits(const Onnx__AttributeProto *attribute, char type);

/* Sets the node's operator; where there is none, one that does nothing, and E_UNSUPPORTED with a text that names the node. */
MUST_CHECK int graph_find_op(const struct graph *graph, const Onnx__NodeProto *proto, struct node *node, struct error *err);

/* Whether a connected node has the inputs, outputs and attributes of its operator; takes the operator away if not. */
MUST_CHECK int graph_check_node(const struct graph *graph, const Onnx__NodeProto *proto, struct node *node,
                                struct error *err);

#endif
