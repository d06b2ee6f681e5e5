/*
 * The default bundle against the outputs that its recipe wrote (PyTorch, float32): 1e-4 of the
 * output's range, fused and unfused, with CPU, portable and GPUs' kernels; and the same bits for a row
 * whatever the batch that it travels in.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/npy.h"

#define BUNDLE "models/default/"
#define ROWS_MOST 64

static const struct {
    const char *file, *input, *output;
    double floor; /* least range: an untrained estimator answers one age to all */
} networks[] = {
    {"generator.onnx", "z", "image", 0.1},
    {"attributes.onnx", "image", "logits", 0.1},
    {"age_fit.onnx", "image", "age_fit", 1.0},
    {"age_judge.onnx", "image", "age_judge", 1.0},
};
#define NETWORKS (sizeof networks / sizeof *networks)

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

static struct engine_network *load(size_t i, size_t batch, const struct network_options *options)
{
    char path[256];
    struct engine_network *network = NULL;
    struct error err = {0};
    snprintf(path, sizeof path, BUNDLE "%s", networks[i].file);
    if (network_load(harness_device(), path, NULL, 0, batch, harness_options(options), &network, &err) != 0)
        fail_msg("%s", err.text);
    return network;
}

static void compare(size_t i, const struct network_options *options)
{
    struct npy in = read_reference(networks[i].input), want = read_reference(networks[i].output);
    size_t rows = (size_t)in.dims[0];
    struct engine_network *network = load(i, rows, options);
    float *got = calloc(want.elements, sizeof *got);
    harness_run(network, rows, (const float *const[]){in.data}, (float *const[]){got});
    double error = harness_error(got, want.data, want.elements, networks[i].floor);
    printf("%s: %.1e of the range\n", networks[i].file, error);
    assert_true(error <= 1e-4);
    free(got);
    engine_free(&network);
    npy_free(&in);
    npy_free(&want);
}

static void test_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++)
        compare(i, NULL);
}

/* As the bundle allows: with F(4×4), which is still within the bound of the direct form here. */
static void test_tolerance(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++)
        compare(i, &(struct network_options){.engine = {.tolerance = 1e-3}});
}

static void test_unfused(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++)
        compare(i, &(struct network_options){.unfused = true});
}

static void test_portable(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++)
        compare(i, &(struct network_options){.portable = true});
}

/* Wide tiles with Winograd's forms, and small ones. */
static void test_gpus(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++) {
        compare(i, &(struct network_options){.portable = true, .gpu = gpu_class_of("NVIDIA"), .engine.tolerance = 1e-3});
        compare(i, &(struct network_options){.portable = true, .gpu = gpu_class_of("ARM")});
    }
}

/* Runs `rows` rows from row `from` on, compiled for `batch`. */
static void run_part(size_t i, size_t batch, size_t from, size_t rows, const float *in, float *out)
{
    struct engine_network *network = load(i, batch, NULL);
    const float *at = in + from * engine_input(network, 0)->row_elements;
    harness_run(network, rows, &at, &out);
    engine_free(&network);
}

static void test_batch_invariance(void **state)
{
    (void)state;
    static const size_t parts[][3] = {{1, 0, 1}, {1, 63, 1}, {3, 5, 3}, {8, 8, 8}, {64, 30, 7}};
    for (size_t i = 0; i < NETWORKS; i++) {
        struct engine_network *network = load(i, ROWS_MOST, NULL);
        size_t in_row = engine_input(network, 0)->row_elements;
        size_t out_row = engine_output(network, 0)->row_elements;
        float *in = calloc(ROWS_MOST * in_row, sizeof *in);
        float *all = calloc(ROWS_MOST * out_row, sizeof *all);
        float *part = calloc(ROWS_MOST * out_row, sizeof *part);
        harness_random(in, ROWS_MOST * in_row, (uint32_t)i);
        harness_run(network, ROWS_MOST, (const float *const[]){in}, &all);
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            run_part(i, parts[p][0], parts[p][1], parts[p][2], in, part);
            assert_memory_equal(part, all + parts[p][1] * out_row,
                                parts[p][2] * out_row * sizeof *part);
        }
        free(in);
        free(all);
        free(part);
        engine_free(&network);
    }
}

static void test_description(void **state)
{
    (void)state;
    struct engine_network *network = load(0, 4, NULL);
    struct engine_cost cost;
    engine_cost(network, &cost);
    assert_int_equal(engine_find_input(network, "z"), 0);
    assert_int_equal(engine_find_output(network, "image"), 0);
    assert_int_equal(engine_find_output(network, "nothing"), -1);
    assert_int_equal(engine_output(network, 0)->dims[0], 4);
    assert_int_equal(engine_output(network, 0)->row_elements, 3 * 64 * 64);
    assert_true(cost.gflop_per_row > 0.01 && cost.gflop_per_row < 0.25);
    assert_true(cost.parameter_bytes > 0 && cost.scratch_bytes > 0);
    FILE *nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    engine_print_plan(network, NULL, 0, nowhere);
    fclose(nowhere);
    engine_free(&network);
}

static void test_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++) {
        char path[256];
        struct error err = {0};
        snprintf(path, sizeof path, BUNDLE "%s", networks[i].file);
        if (engine_check(path, NULL, &err) != 0)
            fail_msg("%s", err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_unfused),
        cmocka_unit_test(test_portable),
        cmocka_unit_test(test_gpus),
        cmocka_unit_test(test_batch_invariance),
        cmocka_unit_test(test_description),
    };
    FILE *bundle = fopen(BUNDLE "reference/age_judge.npy", "rb");
    if (!bundle) {
        printf("skipped: there is no " BUNDLE "reference\n");
        return 77;
    }
    fclose(bundle);
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
