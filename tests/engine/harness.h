/*
 * What the engine's tests share: ONNX models built in memory, a device, and runs of networks from
 * host to host. A failure of the set-up fails the cmocka test.
 */
#ifndef TESTS_ENGINE_HARNESS_H
#define TESTS_ENGINE_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <onnx.pb-c.h>

#include "worker/engine/network.h"

/* One OpenCL device for the process, or exit code 77 with the reason. The first CPU; with FACEFARM_TEST_DEVICE=gpu in the
 * environment the first GPU, and no other. */
struct device *harness_device(void);
void harness_close(void);

/* What a test runs networks with: its options (NULL: none), with FACEFARM_TEST_AS=VENDOR in the environment as on a GPU
 * of that vendor. Valid until the next call. */
const struct network_options *harness_options(const struct network_options *options);

/* A model under construction; everything it holds is freed by model_free. */
struct model {
    Onnx__ModelProto proto;
    Onnx__GraphProto graph;
    void **owned;
    size_t owned_count;
};

void model_init(struct model *model, int opset);
void model_free(struct model *model);
/* dims[0] < 0 is a symbolic dimension. */
void model_input(struct model *model, const char *name, size_t rank, const int64_t *dims);
void model_output(struct model *model, const char *name);
void model_floats(struct model *model, const char *name, size_t rank, const int64_t *dims,
                  const float *data);
void model_ints(struct model *model, const char *name, size_t count, const int64_t *data);
/* inputs and outputs: names separated by spaces, "-" is an absent one. */
Onnx__NodeProto *model_node(struct model *model, const char *type, const char *inputs,
                            const char *outputs);
void node_int(struct model *model, Onnx__NodeProto *node, const char *name, int64_t value);
void node_float(struct model *model, Onnx__NodeProto *node, const char *name, float value);
void node_ints(struct model *model, Onnx__NodeProto *node, const char *name, size_t count,
               const int64_t *values);
void node_floats(struct model *model, Onnx__NodeProto *node, const char *name, size_t count,
                 const float *values);
void node_string(struct model *model, Onnx__NodeProto *node, const char *name, const char *value);
/* A branch: the graph of another model, which must live as long. */
void node_graph(struct model *model, Onnx__NodeProto *node, const char *name, Onnx__GraphProto *graph);
/* The file's bytes; the caller frees. */
uint8_t *model_pack(const struct model *model, size_t *size);

/* Loads the model for `batch` rows. */
struct engine_network *harness_load(const struct model *model, size_t batch,
                                    const struct network_options *options);
/* Expects that loading fails with `code` and a text that contains `text`. */
void harness_refuse(const struct model *model, int code, const char *text);
/* Expects that the model loads, but computes one row after the other for a reason that contains `text`. */
void harness_expect_single(const struct model *model, const char *text);
/* Runs on host data; outputs are dense float arrays of rows, at most two. */
void harness_run(struct engine_network *network, size_t rows, const float *const *inputs,
                 float *const *outputs);

/* The same numbers in every run: uniform in [-1, 1). */
void harness_random(float *data, size_t count, uint32_t seed);
/* The largest |a − b| over the range of b (at least `floor`). */
double harness_error(const float *a, const float *b, size_t count, double floor);

#endif
