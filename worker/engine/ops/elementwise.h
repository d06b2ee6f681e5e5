/* Numbers of the element-wise functions, as kernels/elementwise.cl has them. */
#ifndef WORKER_ENGINE_OPS_ELEMENTWISE_H
#define WORKER_ENGINE_OPS_ELEMENTWISE_H

#include "worker/engine/ops.h"

enum unary {
    UNARY_COPY,
    UNARY_ABS,
    UNARY_NEG,
    UNARY_SQRT,
    UNARY_EXP,
    UNARY_LOG,
    UNARY_RECIPROCAL,
    UNARY_RELU,
    UNARY_LEAKY_RELU,
    UNARY_TANH,
    UNARY_SIGMOID,
    UNARY_CLIP,
    UNARY_ELU,
    UNARY_FLOOR,
    UNARY_CEIL,
    UNARY_ERF,
    UNARY_SOFTPLUS,
    UNARY_SOFTSIGN,
    UNARY_SELU,
    UNARY_HARD_SIGMOID,
    UNARY_HARD_SWISH,
    UNARY_THRESHOLDED_RELU,
    UNARY_SIN,
    UNARY_COS,
    UNARY_TAN,
    UNARY_ASIN,
    UNARY_ACOS,
    UNARY_ATAN,
    UNARY_SINH,
    UNARY_COSH,
    UNARY_ASINH,
    UNARY_ACOSH,
    UNARY_ATANH,
    UNARY_SIGN,
    UNARY_ROUND,
    UNARY_CELU,
    UNARY_SHRINK,
    UNARY_MISH,
    UNARY_GELU, /* a: approximated by tanh */
    UNARY_SWISH,
    UNARY_TO_FLOAT16, /* the nearest that it has, ties to even */
    UNARY_TRUNCATE, /* towards zero */
    UNARY_TO_BYTE, /* the nearest of 0 to 255 */
    UNARY_NOT, /* from here on the result is boolean */
    UNARY_IS_NAN,
    UNARY_IS_INFINITE,
};

enum binary {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_DIV,
    BINARY_POW,
    BINARY_MAX,
    BINARY_MIN,
    BINARY_PRELU,
    BINARY_MOD,  /* the result has the divisor's sign */
    BINARY_FMOD, /* the dividend's */
    BINARY_LESS, /* from here on the result is boolean */
    BINARY_LESS_EQUAL,
    BINARY_GREATER,
    BINARY_GREATER_EQUAL,
    BINARY_EQUAL,
    BINARY_AND, /* from here on the operands are, too */
    BINARY_OR,
    BINARY_XOR,
};

/* The function's two parameters: attributes, or Clip's constant inputs. */
struct unary_parameters {
    float a, b;
};
MUST_CHECK int unary_read(const struct graph *graph, const struct node *node,
                          struct unary_parameters *parameters, struct error *err);

/* One step that applies `which`, without parameters, to the node's first input, in its layout. */
struct lowering;
MUST_CHECK int unary_step(struct lowering *lowering, struct node *node, enum unary which,
                          struct error *err);

/* True and *activation if the node is a unary function that kernels can apply on their way out. */
bool unary_activation(const struct graph *graph, const struct node *node,
                      struct activation *activation);

/* Whole numbers of 0 to 255, as an input of bytes has them. No file names it. */
extern const struct op op_bytes;

/* True if the node is the binary operator `which`. */
bool node_is_binary(const struct node *node, enum binary which);
bool node_is_unary(const struct node *node, enum unary which);

#endif
