/*
 * One vector of ONNX's backend suite: a model with inputs and the outputs it must give, and the
 * ways in which the engine can be asked for them.
 */
#ifndef TESTS_CONFORMANCE_VECTOR_H
#define TESTS_CONFORMANCE_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onnx.pb-c.h>

#include "common/error.h"

#define VECTOR_INPUTS_MAX 16

struct vector {
    char folder[512];
    Onnx__ModelProto *model;
    Onnx__TensorProto *inputs[VECTOR_INPUTS_MAX], *outputs[VECTOR_INPUTS_MAX];
    size_t input_count, output_count;
};

/* False if the folder holds no model, or no tensors that can be read. Free with vector_close. */
bool vector_open(const char *folder, struct vector *vector);
void vector_close(struct vector *vector);

enum vector_outcome {
    VECTOR_RUN,     /* computed on the device, and right */
    VECTOR_FOLDED,  /* refused at run time, computed at load from constant inputs, and right */
    VECTOR_REFUSED, /* neither; the text says why */
    VECTOR_WRONG,   /* a result that is not the vector's; the text says which element */
};

/*
 * Asks first with all float inputs at run time, then with the first input alone, the others being
 * initializers (what exporters write for weights, shapes and scalars), then with all as
 * initializers. `text` is the refusal that names a node, the first of the three that does.
 */
enum vector_outcome vector_try(const struct vector *vector, struct error *text);

#endif
