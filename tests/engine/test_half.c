/*
 * Weights rounded to float16: every device has the numbers of the network whose file has rounded
 * weights, to the bit, GPUs' kernels hold them in half the bytes, and the default bundle's outputs
 * stay within what such a bundle declares.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/npy.h"
#include "worker/engine/element.h"
#include "worker/engine/half.h"

#define ROWS 3
#define BUNDLE "models/default/"
#define BOUND 5e-3 /* BUNDLE_FLOAT16_TOLERANCE */

static void test_conversion(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1 << 16; bits++) {
        uint8_t raw[2] = {(uint8_t)bits, (uint8_t)(bits >> 8)};
        float x = element_read_float(ELEMENT_FLOAT16, raw), beyond = x * 1.0001f;
        uint16_t back;
        if (!isfinite(x)) {
            assert_false(half_holds(&x, 1));
            continue;
        }
        assert_true(half_holds(&x, 1));
        half_from_floats(&x, 1, &back);
        assert_int_equal(back, bits);
        assert_true(beyond == x || !half_holds(&beyond, 1));
    }
}

static void add_floats(struct model *model, const char *name, size_t rank, const int64_t *dims,
                       float scale, bool rounded)
{
    size_t count = (size_t)dims_elements(rank, dims);
    float *data = calloc(count, sizeof *data);
    assert_non_null(data);
    harness_random(data, count, (uint32_t)(count + rank));
    for (size_t i = 0; i < count; i++) {
        data[i] = fabsf(data[i]) * scale + 0.01f;
        if (rounded)
            data[i] = element_round(ELEMENT_FLOAT16, data[i]);
    }
    model_floats(model, name, rank, dims, data);
    free(data);
}

/* All that has weights, one pair of them twice; with `norm` a batch norm that is multiplied into
 * them. */
static void build(struct model *model, bool rounded, bool norm)
{
    static const int64_t x[] = {-1, 8, 9, 8}, w[] = {24, 8, 3, 3}, t[] = {24, 10, 3, 3}, c[] = {24},
                         g[] = {10, 40}, twice[] = {40, 40}, b[] = {40};
    model_init(model, 13);
    model_input(model, "x", 4, x);
    add_floats(model, "w", 4, w, 0.1f, rounded);
    add_floats(model, "t", 4, t, 0.1f, rounded);
    add_floats(model, "g", 2, g, 0.3f, rounded);
    add_floats(model, "h", 2, twice, 0.1f, rounded);
    add_floats(model, "c", 1, c, 1, false);
    add_floats(model, "b", 1, b, 1, false);
    model_node(model, "Conv", "x w c", "a");
    if (norm)
        model_node(model, "BatchNormalization", "a c c c c", "n");
    node_ints(model, model_node(model, "ConvTranspose", norm ? "n t" : "a t", "d"), "strides", 2,
              (const int64_t[]){2, 2});
    model_node(model, "GlobalAveragePool", "d", "e");
    model_node(model, "Flatten", "e", "f");
    model_node(model, "Gemm", "f g b", "i");
    model_node(model, "MatMul", "i h", "j");
    model_node(model, "MatMul", "j h", "y");
    model_output(model, "y");
}

static float *run(bool rounded, bool norm, const struct network_options *options, size_t *bytes)
{
    struct model model;
    struct engine_cost cost;
    float in[ROWS * 8 * 9 * 8], *out = calloc(ROWS * 40, sizeof *out);
    build(&model, rounded, norm);
    struct engine_network *network = harness_load(&model, ROWS, options);
    harness_random(in, sizeof in / sizeof *in, 5);
    harness_run(network, ROWS, (const float *const[]){in}, &out);
    engine_cost(network, &cost);
    *bytes = cost.parameter_bytes;
    engine_free(&network);
    model_free(&model);
    return out;
}

/* Half weights of a file are the weights of a file that has them rounded. */
static void test_rounded_file(void **state)
{
    (void)state;
    const struct network_options ways[] = {
        {0}, {.portable = true}, {.portable = true, .gpu = gpu_class_of("intel")}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct network_options halves = ways[i];
        size_t bytes[2];
        halves.engine.half_weights = true;
        float *want = run(true, false, &ways[i], &bytes[0]),
              *got = run(false, false, &halves, &bytes[1]);
        assert_memory_equal(want, got, ROWS * 40 * sizeof *got);
        assert_true(ways[i].gpu ? bytes[1] < bytes[0] : bytes[1] == bytes[0]);
        free(want);
        free(got);
    }
}

/* A batch norm is multiplied in before rounding, and every kind of device has the same network. */
static void test_batch_norm(void **state)
{
    (void)state;
    size_t bytes[3];
    struct network_options options = {0}, gpu = {.portable = true, .gpu = gpu_class_of("nvidia")};
    float *exact = run(false, true, &options, &bytes[0]);
    options.engine.half_weights = gpu.engine.half_weights = true;
    float *cpu = run(false, true, &options, &bytes[1]), *got = run(false, true, &gpu, &bytes[2]);
    assert_true(harness_error(got, cpu, ROWS * 40, 1e-3) <= 2e-6);
    double error = harness_error(cpu, exact, ROWS * 40, 1e-3);
    assert_true(error > 1e-6 && error <= 1e-3);
    assert_true(bytes[2] < bytes[1]);
    free(exact);
    free(cpu);
    free(got);
}

static void test_beyond(void **state)
{
    (void)state;
    static const int64_t x[] = {-1, 1}, w[] = {1, 1};
    struct model model;
    struct engine_network *network = NULL;
    struct error err = {0};
    size_t size;
    model_init(&model, 13);
    model_input(&model, "x", 2, x);
    model_floats(&model, "w", 2, w, (const float[]){1e5f});
    model_node(&model, "MatMul", "x w", "y");
    model_output(&model, "y");
    uint8_t *bytes = model_pack(&model, &size);
    const struct network_options options = {.engine.half_weights = true};
    assert_int_equal(
        network_load(harness_device(), "test", bytes, size, 1, &options, &network, &err),
        E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "a weight of 100000, which float16 cannot hold"));
    free(bytes);
    model_free(&model);
}

static struct npy read_reference(const char *name)
{
    char path[256];
    struct npy npy;
    struct error err = {0};
    snprintf(path, sizeof path, BUNDLE "reference/%s.npy", name);
    if (npy_read(path, &npy, &err) != 0)
        fail_msg("%s", err.text);
    return npy;
}

/* The default bundle, were its weights float16. */
static void test_bundle(void **state)
{
    (void)state;
    static const char *const networks[][3] = {{"generator", "z", "image"},
                                              {"attributes", "image", "logits"},
                                              {"age_fit", "image", "age_fit"},
                                              {"age_judge", "image", "age_judge"}};
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        char path[256];
        struct npy in = read_reference(networks[i][1]), want = read_reference(networks[i][2]);
        struct engine_network *network = NULL;
        struct error err = {0};
        const struct network_options options = {
            .engine = {.tolerance = BOUND, .half_weights = true}};
        snprintf(path, sizeof path, BUNDLE "%s.onnx", networks[i][0]);
        if (network_load(harness_device(), path, NULL, 0, (size_t)in.dims[0], &options, &network,
                         &err) != 0)
            fail_msg("%s", err.text);
        float *got = calloc(want.elements, sizeof *got);
        harness_run(network, (size_t)in.dims[0], (const float *const[]){in.data}, &got);
        double error = harness_error(got, want.data, want.elements, 1.0);
        printf("%s: %.1e of the range\n", networks[i][0], error);
        assert_true(error <= BOUND);
        free(got);
        engine_free(&network);
        npy_free(&in);
        npy_free(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversion), cmocka_unit_test(test_rounded_file),
        cmocka_unit_test(test_batch_norm), cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_bundle),
    };
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
