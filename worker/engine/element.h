/*
 * Element types of ONNX files (TensorProto.DataType) and what the engine holds them as. Floating types
 * are float32 and integers are int64_t, on which those that are narrower wrap as their own arithmetic
 * would. A cast to float16 rounds; what is computed in it later is more exact than it is.
 */
#ifndef WORKER_ENGINE_ELEMENT_H
#define WORKER_ENGINE_ELEMENT_H

#include "worker/engine/graph.h"

enum element {
    ELEMENT_FLOAT = 1,
    ELEMENT_UINT8 = 2,
    ELEMENT_INT8 = 3,
    ELEMENT_UINT16 = 4,
    ELEMENT_INT16 = 5,
    ELEMENT_INT32 = 6,
    ELEMENT_INT64 = 7,
    ELEMENT_BOOL = 9,
    ELEMENT_FLOAT16 = 10,
    ELEMENT_DOUBLE = 11,
    ELEMENT_UINT32 = 12,
    ELEMENT_UINT64 = 13,
    ELEMENT_BFLOAT16 = 16,
};
#define ELEMENT_KNOWN "numbers and bool"

/* What elements of this type are held as; E_UNSUPPORTED for strings, complex numbers and codes that
 * are none. */
MUST_CHECK int element_held_as(int element, enum value_type *type, struct error *err);

/* The code for struct value's `element`: 0 for float, int64 and bool, which are held as they are. */
int element_code(int element);

/* Bytes of an element in raw data. */
size_t element_bytes(int element);

/* One element of raw data, little-endian, of a floating type; of an integer or bool. *fits turns false where
 * a uint64 is beyond int64_t. */
float element_read_float(int element, const uint8_t *raw);
int64_t element_read_integer(int element, const uint8_t *raw, bool *fits);

/* The nearest number of float16, ties to even; `x` itself for other types. */
float element_round(int element, float x);

/* `x` modulo the type's range. *fits turns false where a uint64 would be beyond int64_t. */
int64_t element_wrap(int element, int64_t x, bool *fits);

/* After a node's inference: outputs take the element type of the input that gives it, and what was computed of
 * integers wraps. */
MUST_CHECK int element_pass_on(struct graph *graph, const struct node *node, struct error *err);

#endif
