/*
 * Vectors: reading, packing their inputs into the model, running, folding, comparing within rtol 1e-3
 * and atol 1e-7, the tolerances upstream has.
 */
#include "tests/conformance/vector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/harness.h"
#include "worker/engine/counted.h"
#include "worker/engine/element.h"
#include "worker/engine/onnx.h"
#include "worker/engine/passes.h"

#define TENSOR_BYTES_MAX (64u << 20)

static Onnx__TensorProto *read_tensor(const char *folder, const char *kind, size_t i)
{
    char path[600];
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%zu.pb", folder, kind, i);
    FILE *in = fopen(path, "rb");
    if (!in)
        return NULL;
    uint8_t *data = malloc(TENSOR_BYTES_MAX);
    size_t size = data ? fread(data, 1, TENSOR_BYTES_MAX, in) : 0;
    fclose(in);
    Onnx__TensorProto *tensor = onnx__tensor_proto__unpack(NULL, size, data);
    free(data);
    return tensor;
}

static size_t read_tensors(const char *folder, const char *kind, Onnx__TensorProto **tensors)
{
    size_t count = 0;
    while (count < VECTOR_INPUTS_MAX && (tensors[count] = read_tensor(folder, kind, count)) != NULL)
        count++;
    return count;
}

/* The suite writes bfloat16 as uint16; the model says what it is. */
static void name_bfloat16(Onnx__TensorProto *tensor, const Onnx__ValueInfoProto *info)
{
    const Onnx__TypeProto *type = info->type;
    if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && type->tensor_type &&
        type->tensor_type->elem_type == ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16 &&
        tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT16)
        tensor->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16;
}

bool vector_open(const char *folder, struct vector *vector)
{
    char path[600];
    struct error err = {0};
    *vector = (struct vector){0};
    snprintf(vector->folder, sizeof vector->folder, "%s", folder);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (onnx_read(path, &vector->model, &err) != 0)
        return false;
    vector->input_count = read_tensors(folder, "input", vector->inputs);
    vector->output_count = read_tensors(folder, "output", vector->outputs);
    const Onnx__GraphProto *graph = vector->model->graph;
    for (size_t i = 0; i < vector->input_count && i < graph->n_input; i++)
        name_bfloat16(vector->inputs[i], graph->input[i]);
    for (size_t i = 0; i < vector->output_count && i < graph->n_output; i++)
        name_bfloat16(vector->outputs[i], graph->output[i]);
    return true;
}

void vector_close(struct vector *vector)
{
    for (size_t i = 0; i < VECTOR_INPUTS_MAX; i++) {
        if (vector->inputs[i])
            onnx__tensor_proto__free_unpacked(vector->inputs[i], NULL);
        if (vector->outputs[i])
            onnx__tensor_proto__free_unpacked(vector->outputs[i], NULL);
    }
    onnx_free(&vector->model);
}

/* The model's bytes with the inputs that `runtime` does not mark as initializers. */
static uint8_t *pack(const struct vector *vector, unsigned runtime, size_t *size)
{
    Onnx__GraphProto *graph = vector->model->graph;
    size_t before = graph->n_initializer, count = before;
    Onnx__TensorProto **all = calloc(before + VECTOR_INPUTS_MAX, sizeof *all);
    Onnx__TensorProto **saved = graph->initializer;
    char *names[VECTOR_INPUTS_MAX] = {NULL};
    if (before)
        memcpy(all, saved, before * sizeof *all);
    for (size_t i = 0; i < vector->input_count && i < graph->n_input; i++) {
        names[i] = vector->inputs[i]->name;
        vector->inputs[i]->name = graph->input[i]->name;
        if (!(runtime >> i & 1))
            all[count++] = vector->inputs[i];
    }
    graph->initializer = all;
    graph->n_initializer = count;
    *size = onnx__model_proto__get_packed_size(vector->model);
    uint8_t *bytes = malloc(*size + 1);
    onnx__model_proto__pack(vector->model, bytes);
    for (size_t i = 0; i < vector->input_count && i < graph->n_input; i++)
        vector->inputs[i]->name = names[i];
    graph->initializer = saved;
    graph->n_initializer = before;
    free(all);
    return bytes;
}

static double as_double(const struct value *value, int64_t i)
{
    return value->type == VALUE_FLOAT ? (double)((const float *)value->data)[i]
                                      : (double)((const int64_t *)value->data)[i];
}

static bool agrees(const struct value *want, const struct value *got, struct error *err)
{
    if (got->type != want->type || got->rank != want->rank ||
        memcmp(got->dims, want->dims, want->rank * sizeof *want->dims) != 0) {
        error_set(err, E_INVALID, "the result has another shape or type");
        return false;
    }
    for (int64_t i = 0; i < value_elements(want); i++) {
        double w = as_double(want, i), g = as_double(got, i);
        bool same = fabs(g - w) <= 1e-7 + 1e-3 * fabs(w) || (isnan(w) && isnan(g)) || g == w;
        if (!same) {
            error_set(err, E_INVALID, "element %lld is %g (expected %g)", (long long)i, g, w);
            return false;
        }
    }
    return true;
}

/* Compares output i; an expected tensor of a type that the engine does not have is a difference. */
static bool compare(const struct vector *vector, size_t i, const struct value *got,
                    struct error *err)
{
    struct value want = {0};
    bool good = onnx_tensor(vector->outputs[i], &want, err) == 0 && agrees(&want, got, err);
    if (!good)
        error_prefix(err, E_INVALID, "output %zu", i);
    free(want.data);
    return good;
}

/* Of samples integers come as floats. The caller frees what is returned. */
static int64_t *as_integers(struct value *got)
{
    const float *floats = got->data;
    int64_t count = value_elements(got), *whole = malloc(((size_t)count + 1) * sizeof *whole);
    assert_non_null(whole);
    for (int64_t i = 0; i < count; i++)
        whole[i] = (int64_t)floats[i];
    got->type = VALUE_INT64;
    got->data = whole;
    return whole;
}

static bool compare_run(const struct vector *vector, const struct engine_network *network,
                        float *const *outputs, struct error *err)
{
    bool good = true;
    for (size_t i = 0; good && i < vector->output_count; i++) {
        const struct engine_tensor_info *info = engine_output(network, i);
        struct value got = {.type = VALUE_FLOAT, .rank = info->rank, .data = outputs[i]};
        memcpy(got.dims, info->dims, sizeof got.dims);
        int64_t *whole = counted_is(&network->graph->values[network->graph->outputs[i]]) ? as_integers(&got) : NULL;
        good = compare(vector, i, &got, err);
        free(whole);
    }
    return good;
}

/* Runs a loaded network on the inputs that `runtime` marks, in their order. */
static bool run(const struct vector *vector, unsigned runtime, struct engine_network *network,
                struct error *err)
{
    struct value inputs[VECTOR_INPUTS_MAX] = {0};
    const float *in[VECTOR_INPUTS_MAX] = {NULL};
    float *out[VECTOR_INPUTS_MAX] = {NULL};
    size_t count = 0;
    bool good = engine_output_count(network) == vector->output_count;
    for (size_t i = 0; good && i < vector->input_count; i++)
        if (runtime >> i & 1) {
            good = onnx_tensor(vector->inputs[i], &inputs[count], err) == 0;
            in[count] = inputs[count].data;
            count++;
        }
    for (size_t i = 0; good && i < vector->output_count; i++)
        out[i] = calloc(engine_output(network, i)->row_elements * network->batch + 1,
                        sizeof **out);
    if (good) {
        harness_run(network, network->batch, in, out);
        good = compare_run(vector, network, out, err);
    }
    for (size_t i = 0; i < VECTOR_INPUTS_MAX; i++) {
        free(inputs[i].data);
        free(out[i]);
    }
    return good;
}

/* Whether the vector's inputs have the shapes the network was compiled for: the engine takes every
 * input's first dimension for the batch, and some vectors have others there. */
static bool fits(const struct vector *vector, unsigned runtime,
                 const struct engine_network *network)
{
    size_t at = 0;
    for (size_t i = 0; i < vector->input_count; i++) {
        const struct engine_tensor_info *info = engine_input(network, at);
        const Onnx__TensorProto *input = vector->inputs[i];
        if (!(runtime >> i & 1))
            continue;
        if (!info || input->n_dims != info->rank)
            return false;
        for (size_t r = 0; r < info->rank; r++)
            if (input->dims[r] != info->dims[r])
                return false;
        at++;
    }
    return at == engine_input_count(network);
}

static enum vector_outcome try_run(const struct vector *vector, unsigned runtime,
                                   struct error *err)
{
    struct engine_network *network = NULL;
    size_t size, batch = 1, first = 0;
    while (!(runtime >> first & 1))
        first++;
    if (vector->inputs[first]->n_dims && vector->inputs[first]->dims[0] > 0)
        batch = (size_t)vector->inputs[first]->dims[0];
    uint8_t *bytes = pack(vector, runtime, &size);
    int failed = network_load(harness_device(), vector->folder, bytes, size, batch, harness_options(NULL), &network,
                              err);
    free(bytes);
    if (!failed && !fits(vector, runtime, network))
        failed = error_set(err, E_UNSUPPORTED, "an input's first dimension is not the batch");
    enum vector_outcome outcome = failed                               ? VECTOR_REFUSED
                                  : run(vector, runtime, network, err) ? VECTOR_RUN
                                                                       : VECTOR_WRONG;
    engine_free(&network);
    return outcome;
}

static enum vector_outcome compare_folded(const struct vector *vector, const struct graph *graph,
                                          struct error *err)
{
    for (size_t i = 0; i < vector->output_count; i++) {
        const struct value *value = &graph->values[graph->outputs[i]];
        if (!value->data) {
            const struct node *node = &graph->nodes[value->producer];
            node_error(graph, node, error_set(err, E_UNSUPPORTED, "it is not computed at load"),
                       err);
            return VECTOR_REFUSED;
        }
        if (element_code(vector->outputs[i]->data_type) != value->element) {
            error_set(err, E_INVALID, "output %zu has element type %d (expected %d)", i,
                      value->element, vector->outputs[i]->data_type);
            return VECTOR_WRONG;
        }
        if (!compare(vector, i, value, err))
            return VECTOR_WRONG;
    }
    return VECTOR_FOLDED;
}

static enum vector_outcome try_fold(const struct vector *vector, struct error *err)
{
    struct graph *graph = NULL;
    size_t size;
    uint8_t *bytes = pack(vector, 0, &size);
    int failed = graph_parse(bytes, size, 1, GRAPH_FIXED, NULL, &graph, err);
    if (!failed)
        failed = pass_infer(graph, err);
    if (!failed && graph->output_count != vector->output_count)
        failed = error_set(err, E_UNSUPPORTED, "%zu outputs", graph->output_count);
    enum vector_outcome outcome = failed ? VECTOR_REFUSED : compare_folded(vector, graph, err);
    graph_free(&graph);
    free(bytes);
    return outcome;
}

/* The engine's inputs are float, whichever floating type the file gives them. */
static bool is_floating(int element)
{
    enum value_type held = VALUE_BOOL;
    struct error ignored;
    return element_held_as(element, &held, &ignored) == 0 && held == VALUE_FLOAT;
}

/* Sequences and optional values stand in other messages than tensors. */
static bool only_tensors(const struct vector *vector, struct error *err)
{
    const Onnx__GraphProto *graph = vector->model->graph;
    for (size_t i = 0; i < graph->n_input; i++)
        if (graph->input[i]->type &&
            graph->input[i]->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
            error_set(err, E_UNSUPPORTED, "input %zu is a sequence or an optional value", i);
            return false;
        }
    return true;
}

enum vector_outcome vector_try(const struct vector *vector, struct error *text)
{
    if (!only_tensors(vector, text))
        return VECTOR_REFUSED;
    unsigned floats = 0;
    for (size_t i = 0; i < vector->input_count && i < vector->model->graph->n_input; i++)
        if (is_floating(vector->inputs[i]->data_type))
            floats |= 1u << i;
    *text = (struct error){0};
    const unsigned ways[] = {floats, floats & 1u, 0};
    for (size_t way = 0; way < 3; way++) {
        struct error err = {0};
        if (way < 2 && (ways[way] == 0 || (way && ways[way] == floats)))
            continue;
        enum vector_outcome outcome = ways[way] ? try_run(vector, ways[way], &err)
                                                : try_fold(vector, &err);
        if (outcome != VECTOR_REFUSED || !strstr(text->text, "opset"))
            *text = err;
        if (outcome != VECTOR_REFUSED)
            return outcome;
    }
    return VECTOR_REFUSED;
}
