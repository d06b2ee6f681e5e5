/*
 * The table of operators: what each is called, which opsets' semantics it has, what it accepts,
 * and how it becomes shapes, constants and steps.
 */
#ifndef WORKER_ENGINE_OPS_H
#define WORKER_ENGINE_OPS_H

#include "worker/engine/graph.h"

struct lowering; /* lower.h */

struct op {
    const char *type;
    int opset_first, opset_last; /* opsets in which these semantics hold, within what we accept */
    /* "name:type …" with the types of attributes: i, f, s, I (ints), F (floats), t (tensor). */
    const char *attributes;
    int inputs_least, inputs_most, outputs_most;
    int variant; /* tells apart the members of a family that share the functions */
    /* Checks the node and sets type and shape of its outputs; may instead make them constants. */
    int (*infer)(struct graph *graph, struct node *node, struct error *err);
    /* Computes the outputs of a node whose inputs are all constant, after infer. NULL: never folded,
     * the constants then travel to the device. */
    int (*fold)(struct graph *graph, struct node *node, struct error *err);
    /* Emits the steps. NULL: the operator exists only at load. */
    int (*lower)(struct lowering *lowering, struct node *node, struct error *err);
};

/* Entries that say OPSET_LAST were compared with onnx.defs up to there: after opset 18 most operators got more types, which
 * are none of ours, and no other semantics. */
#define OPSET_FIRST 1
#define OPSET_LAST 28

/* The operator for this opset, or NULL. *exists says whether another opset has the name. */
const struct op *op_find(const char *type, int opset, bool *exists);
/* Why an operator of ONNX that is not in the table is not run, or NULL for a name we do not know. */
const char *op_refusal(const char *type);
/* The type name and version range of entry i of the table, NULL after the last. */
const struct op *op_at(size_t i);

/* One array each family, ended by a NULL type. */
extern const struct op ops_conv_nd[], ops_conv[], ops_gemm[], ops_unary[], ops_binary[],
    ops_reduce[], ops_pool[], ops_softmax[], ops_resize[], ops_view[], ops_move[], ops_norm[],
    ops_shape[], ops_select[], ops_cast[], ops_where[], ops_normalize[], ops_pick[],
    ops_generate[], ops_line[], ops_arg[], ops_random[], ops_einsum[], ops_grid_sample[];

#endif
