/* Attention as the nodes that it stands for, and what expand.c shares with it. */
#ifndef WORKER_ENGINE_EXPAND_ATTENTION_H
#define WORKER_ENGINE_EXPAND_ATTENTION_H

#include <stdbool.h>

#include <onnx.pb-c.h>

#include "common/error.h"

/* The nodes that a model gets in place of its own. */
struct expansion {
    const Onnx__ModelProto *model;
    int opset;
    Onnx__NodeProto **nodes;
    size_t count, capacity, most;
    size_t calls, copied; /* of functions; bytes */
};

/* Takes the node, success or not. */
MUST_CHECK int expand_append(struct expansion *expansion, Onnx__NodeProto *node, struct error *err);

/* Whether the node is attention that can be written so: no cache, no causal mask, no soft cap, as many heads of keys as of
 * queries, one output. */
bool expand_is_attention(const Onnx__NodeProto *node, int opset);

/* Takes the node. */
MUST_CHECK int expand_attention(struct expansion *expansion, Onnx__NodeProto *node, struct error *err);

#endif
