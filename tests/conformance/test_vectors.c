/*
 * ONNX's own backend vectors, as libonnx-testdata installs them: every one that vectors.txt lists
 * must load, run and agree within rtol 1e-3 and atol 1e-7, the tolerances upstream has.
 *
 *     test_vectors [FOLDER]   all listed vectors, or the one in FOLDER (exit 77: refused)
 *
 * All inputs are run-time inputs if the engine takes them so; else all but the first become
 * constants, which is what exporters write for weights, shapes and scalars.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/harness.h"
#include "worker/engine/onnx.h"

#define DATA "/usr/share/libonnx-testdata/data"
#define INPUTS_MAX 16

struct vector {
    char folder[512];
    Onnx__ModelProto *model;
    Onnx__TensorProto *inputs[INPUTS_MAX], *outputs[INPUTS_MAX];
    size_t input_count, output_count;
};

static Onnx__TensorProto *read_tensor(const char *folder, const char *kind, size_t i)
{
    char path[600];
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%zu.pb", folder, kind, i);
    FILE *in = fopen(path, "rb");
    if (!in)
        return NULL;
    size_t capacity = 64u << 20;
    uint8_t *data = malloc(capacity);
    size_t size = data ? fread(data, 1, capacity, in) : 0;
    fclose(in);
    Onnx__TensorProto *tensor = onnx__tensor_proto__unpack(NULL, size, data);
    free(data);
    return tensor;
}

static bool open_vector(const char *folder, struct vector *vector)
{
    char path[600];
    struct error err = {0};
    *vector = (struct vector){0};
    snprintf(vector->folder, sizeof vector->folder, "%s", folder);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (onnx_read(path, &vector->model, &err) != 0)
        return false;
    while (vector->input_count < INPUTS_MAX &&
           (vector->inputs[vector->input_count] =
                read_tensor(folder, "input", vector->input_count)) != NULL)
        vector->input_count++;
    while (vector->output_count < INPUTS_MAX &&
           (vector->outputs[vector->output_count] =
                read_tensor(folder, "output", vector->output_count)) != NULL)
        vector->output_count++;
    return vector->output_count > 0;
}

static void close_vector(struct vector *vector)
{
    for (size_t i = 0; i < INPUTS_MAX; i++) {
        if (vector->inputs[i])
            onnx__tensor_proto__free_unpacked(vector->inputs[i], NULL);
        if (vector->outputs[i])
            onnx__tensor_proto__free_unpacked(vector->outputs[i], NULL);
    }
    onnx_free(&vector->model);
}

/* The model's bytes with the inputs from `first` on as initializers. */
static uint8_t *pack(const struct vector *vector, size_t first, size_t *size)
{
    Onnx__GraphProto *graph = vector->model->graph;
    size_t before = graph->n_initializer, count = before;
    Onnx__TensorProto **all = calloc(before + INPUTS_MAX, sizeof *all), **saved = graph->initializer;
    char *names[INPUTS_MAX] = {NULL};
    if (before)
        memcpy(all, saved, before * sizeof *all);
    for (size_t i = first; i < vector->input_count && i < graph->n_input; i++) {
        names[i] = vector->inputs[i]->name;
        vector->inputs[i]->name = graph->input[i]->name;
        all[count++] = vector->inputs[i];
    }
    graph->initializer = all;
    graph->n_initializer = count;
    *size = onnx__model_proto__get_packed_size(vector->model);
    uint8_t *bytes = malloc(*size + 1);
    onnx__model_proto__pack(vector->model, bytes);
    for (size_t i = first; i < vector->input_count && i < graph->n_input; i++)
        vector->inputs[i]->name = names[i];
    graph->initializer = saved;
    graph->n_initializer = before;
    free(all);
    return bytes;
}

static int load(const struct vector *vector, size_t first, struct engine_network **network,
                struct error *err)
{
    size_t size, batch = 1;
    if (vector->input_count && vector->inputs[0]->n_dims)
        batch = (size_t)vector->inputs[0]->dims[0];
    uint8_t *bytes = pack(vector, first, &size);
    int failed = network_load(harness_device(), vector->folder, bytes, size, batch ? batch : 1, NULL,
                              network, err);
    free(bytes);
    return failed;
}

static bool agrees(const char *folder, const struct value *expected, const float *got)
{
    const float *want = expected->data;
    for (int64_t i = 0; i < value_elements(expected); i++) {
        double difference = fabs((double)got[i] - (double)want[i]);
        bool same = difference <= 1e-7 + 1e-3 * fabs((double)want[i]) ||
                    (isnan(want[i]) && isnan(got[i])) || got[i] == want[i];
        if (!same) {
            printf("%s: element %lld is %g (expected %g)\n", folder, (long long)i, (double)got[i],
                   (double)want[i]);
            return false;
        }
    }
    return true;
}

static bool compare(const struct vector *vector, const struct engine_network *network,
                    float *const *got)
{
    bool good = true;
    for (size_t i = 0; i < vector->output_count && good; i++) {
        struct value expected = {0};
        struct error err = {0};
        const struct engine_tensor_info *info = engine_output(network, i);
        good = info && onnx_tensor(vector->outputs[i], &expected, &err) == 0 &&
               expected.type == VALUE_FLOAT && expected.rank == info->rank &&
               memcmp(expected.dims, info->dims, info->rank * sizeof *info->dims) == 0;
        if (!good)
            printf("%s: output %zu has another shape or type %s\n", vector->folder, i, err.text);
        else
            good = agrees(vector->folder, &expected, got[i]);
        free(expected.data);
    }
    return good;
}

/* Runs a loaded vector; the network's inputs are the first ones of the vector. */
static bool run(const struct vector *vector, struct engine_network *network)
{
    struct value inputs[INPUTS_MAX] = {0};
    const float *in[INPUTS_MAX] = {NULL};
    float *out[INPUTS_MAX] = {NULL};
    struct error err = {0};
    bool good = engine_output_count(network) <= INPUTS_MAX;
    for (size_t i = 0; good && i < engine_input_count(network); i++) {
        good = onnx_tensor(vector->inputs[i], &inputs[i], &err) == 0;
        in[i] = inputs[i].data;
    }
    for (size_t i = 0; good && i < engine_output_count(network); i++)
        out[i] = calloc(engine_output(network, i)->row_elements * network->batch + 1,
                        sizeof **out);
    if (good) {
        harness_run(network, network->batch, in, out);
        good = compare(vector, network, out);
    }
    for (size_t i = 0; i < INPUTS_MAX; i++) {
        free(inputs[i].data);
        free(out[i]);
    }
    return good;
}

/* Whether the vector's inputs have the shapes the network was compiled for: the engine takes every
 * input's first dimension for the batch, and some vectors have others there. */
static bool fits(const struct vector *vector, const struct engine_network *network)
{
    for (size_t i = 0; i < engine_input_count(network); i++) {
        const struct engine_tensor_info *info = engine_input(network, i);
        const Onnx__TensorProto *input = vector->inputs[i];
        if (!input || input->n_dims != info->rank ||
            memcmp(input->dims, info->dims, info->rank * sizeof *info->dims) != 0)
            return false;
    }
    return true;
}

/* Loads the vector with its inputs from `first` on as constants, if it fits so. */
static bool load_fitting(const struct vector *vector, size_t first, struct engine_network **network,
                         struct error *err)
{
    if (load(vector, first, network, err) != 0)
        return false;
    if (fits(vector, *network))
        return true;
    engine_free(network);
    error_set(err, E_UNSUPPORTED, "%s: an input's first dimension is not the batch",
              vector->folder);
    return false;
}

enum outcome { PASSED, FAILED, REFUSED };

static enum outcome try_vector(const char *folder)
{
    struct vector vector;
    struct engine_network *network = NULL;
    struct error err = {0};
    enum outcome outcome = REFUSED;
    if (!open_vector(folder, &vector)) {
        printf("%s: cannot be read\n", folder);
    } else if (!load_fitting(&vector, INPUTS_MAX, &network, &err) &&
               !load_fitting(&vector, 1, &network, &err)) {
        printf("refused: %s\n", err.text);
    } else {
        outcome = run(&vector, network) ? PASSED : FAILED;
    }
    engine_free(&network);
    close_vector(&vector);
    return outcome;
}

static void test_listed(void **state)
{
    (void)state;
    FILE *list = fopen("tests/conformance/vectors.txt", "r");
    char name[256], folder[512];
    size_t passed = 0, others = 0;
    assert_non_null(list);
    while (fgets(name, sizeof name, list)) {
        name[strcspn(name, "\n")] = '\0';
        if (*name == '#' || *name == '\0')
            continue;
        snprintf(folder, sizeof folder, "%s/%s", DATA, name);
        if (try_vector(folder) == PASSED)
            passed++;
        else
            others++;
    }
    fclose(list);
    printf("%zu vectors passed, %zu did not\n", passed, others);
    assert_int_equal(others, 0);
    assert_true(passed > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_listed)};
    FILE *installed = fopen(DATA "/node/test_add/model.onnx", "rb");
    if (argc == 2) {
        enum outcome outcome = try_vector(argv[1]);
        harness_close();
        return outcome == REFUSED ? 77 : outcome == FAILED;
    }
    if (!installed) {
        printf("skipped: libonnx-testdata is not installed\n");
        return 77;
    }
    fclose(installed);
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
