/*
 * Fusion changes the steps, not the results: each pattern, fused and unfused, within 2e-6 of the
 * range and with fewer steps; and patterns that only look like it are left alone.
 */
#include "tests/engine/harness.h"
#include "worker/engine/ops/conv_choose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 2
#define CHANNELS 20
#define SIDE 6

/* x [N,20,6,6] and constants that the patterns share. */
static void start(struct model *model)
{
    static const int64_t dims[] = {-1, CHANNELS, SIDE, SIDE}, weights[] = {CHANNELS, CHANNELS, 3, 3},
                         channels[] = {CHANNELS}, scalar[] = {1}, four[] = {4};
    static const float epsilon[] = {1e-8f}, two[] = {2.0f}, scales[] = {1, 1, 2, 2};
    float w[CHANNELS * CHANNELS * 9], b[CHANNELS], variance[CHANNELS];
    harness_random(w, CHANNELS * CHANNELS * 9, 1);
    harness_random(b, CHANNELS, 2);
    for (int c = 0; c < CHANNELS; c++)
        variance[c] = 0.5f + b[c] * b[c];
    model_init(model, 13);
    model_input(model, "x", 4, dims);
    model_floats(model, "w", 4, weights, w);
    model_floats(model, "b", 1, channels, b);
    model_floats(model, "variance", 1, channels, variance);
    model_floats(model, "epsilon", 1, scalar, epsilon);
    model_floats(model, "two", 1, scalar, two);
    model_floats(model, "scales", 1, four, scales);
}

static void conv(struct model *model, const char *inputs, const char *output)
{
    static const int64_t pads[] = {1, 1, 1, 1};
    node_ints(model, model_node(model, "Conv", inputs, output), "pads", 4, pads);
}

static void mean(struct model *model, const char *input, const char *output, int64_t axis)
{
    node_ints(model, model_node(model, "ReduceMean", input, output), "axes", 1, &axis);
}

static void upsample(struct model *model, const char *input, const char *output)
{
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s - scales", input);
    Onnx__NodeProto *node = model_node(model, "Resize", inputs, output);
    node_string(model, node, "mode", "nearest");
    node_string(model, node, "coordinate_transformation_mode", "asymmetric");
    node_string(model, node, "nearest_mode", "floor");
}

/* Steps of the fused network, which must agree with the unfused one. */
static size_t compare(struct model *model, bool portable)
{
    const struct conv_candidate direct = {0};
    struct network_options fused = {.portable = portable, .forced = &direct};
    struct network_options unfused = {.portable = portable, .unfused = true, .forced = &direct};
    struct engine_network *a = harness_load(model, ROWS, &fused);
    struct engine_network *b = harness_load(model, ROWS, &unfused);
    size_t count = engine_output(a, 0)->row_elements * ROWS, steps = a->lowering.step_count;
    float *in = calloc(ROWS * CHANNELS * SIDE * SIDE, sizeof *in);
    float *out_a = calloc(count, sizeof *out_a), *out_b = calloc(count, sizeof *out_b);
    harness_random(in, ROWS * CHANNELS * SIDE * SIDE, 5);
    harness_run(a, ROWS, (const float *const[]){in}, (float *const[]){out_a});
    harness_run(b, ROWS, (const float *const[]){in}, (float *const[]){out_b});
    double error = harness_error(out_a, out_b, count, 1e-3);
    if (!(error <= 2e-6))
        fail_msg("%.2e of the range", error);
    assert_true(steps <= b->lowering.step_count);
    free(in);
    free(out_a);
    free(out_b);
    engine_free(&a);
    engine_free(&b);
    return steps;
}

static void expect_steps(struct model *model, size_t blocked, size_t portable)
{
    model_output(model, "y");
    assert_int_equal(compare(model, false), blocked);
    assert_int_equal(compare(model, true), portable);
    model_free(model);
}

static void test_activation(void **state)
{
    (void)state;
    static const char *const types[] = {"Relu", "LeakyRelu", "Tanh", "Sigmoid", "Elu"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct model model;
        start(&model);
        conv(&model, "x w b", "c");
        model_node(&model, types[i], "c", "y");
        expect_steps(&model, 1, 1);
    }
}

static void test_batch_norm(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    conv(&model, "x w", "c");
    model_node(&model, "BatchNormalization", "c b b b variance", "n");
    model_node(&model, "Relu", "n", "y");
    expect_steps(&model, 1, 1);
}

static void test_residual(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    conv(&model, "x w b", "c");
    model_node(&model, "Relu", "c", "r");
    conv(&model, "r w", "d");
    model_node(&model, "Add", "d r", "s");
    model_node(&model, "Relu", "s", "y");
    model_output(&model, "y");
    /* The sum in the plain layout of an output needs the residual converted. */
    assert_true(compare(&model, false) <= 3);
    assert_int_equal(compare(&model, true), 2);
    model_free(&model);
}

static void pixel_norm(struct model *model, int spelling, const char *square)
{
    model_node(model, square, spelling == 1 ? "r two" : "r r", "q");
    mean(model, "q", "m", 1);
    model_node(model, "Add", spelling == 2 ? "epsilon m" : "m epsilon", "e");
    model_node(model, "Sqrt", "e", "root");
    if (spelling < 2) {
        model_node(model, "Div", "r root", "p");
    } else {
        model_node(model, "Reciprocal", "root", "inverse");
        model_node(model, "Mul", "inverse r", "p");
    }
}

static void test_pixel_norm(void **state)
{
    (void)state;
    for (int spelling = 0; spelling < 3; spelling++) {
        struct model model;
        start(&model);
        conv(&model, "x w b", "c");
        model_node(&model, "LeakyRelu", "c", "r");
        pixel_norm(&model, spelling, spelling == 1 ? "Pow" : "Mul");
        conv(&model, "p w b", "y");
        expect_steps(&model, 2, 3);
    }
}

/* The mean over another axis, or of something else, is no pixel norm. */
static void test_no_pixel_norm(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    model_node(&model, "Mul", "x x", "q");
    mean(&model, "q", "m", 2);
    model_node(&model, "Add", "m epsilon", "e");
    model_node(&model, "Sqrt", "e", "root");
    model_node(&model, "Div", "x root", "y");
    expect_steps(&model, 5, 5);
    start(&model);
    model_node(&model, "Mul", "x x", "q");
    mean(&model, "q", "m", 1);
    model_node(&model, "Add", "m epsilon", "e");
    model_node(&model, "Sqrt", "e", "root");
    model_node(&model, "Div", "q root", "y");
    expect_steps(&model, 5, 5);
}

static void test_upsample(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    upsample(&model, "x", "u");
    conv(&model, "u w b", "y");
    expect_steps(&model, 1, 1);
}

/* An intermediate that is itself an output must survive. */
static void test_output_between(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    conv(&model, "x w b", "c");
    model_node(&model, "Relu", "c", "y");
    model_output(&model, "c");
    model_output(&model, "y");
    struct engine_network *network = harness_load(&model, 1, NULL);
    size_t count = CHANNELS * SIDE * SIDE;
    float *in = calloc(count, sizeof *in), *c = calloc(count, sizeof *c),
          *y = calloc(count, sizeof *y);
    harness_random(in, count, 5);
    harness_run(network, 1, (const float *const[]){in}, (float *const[]){c, y});
    for (size_t i = 0; i < count; i++)
        assert_true(y[i] == (c[i] > 0 ? c[i] : 0));
    free(in);
    free(c);
    free(y);
    engine_free(&network);
    model_free(&model);
}

/* Files name Dropout's mask; one that is read is a constant, which is no float. */
static void test_mask(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    model_node(&model, "Dropout", "x", "d mask");
    conv(&model, "d w b", "y");
    expect_steps(&model, 1, 1);
    start(&model);
    model_node(&model, "Dropout", "x", "y mask");
    model_output(&model, "y");
    model_output(&model, "mask");
    harness_refuse(&model, E_UNSUPPORTED, "output mask is not a float tensor");
    model_free(&model);
}

/* A Pad of zeros goes into the convolution behind it; another does not. */
static void test_pad(void **state)
{
    (void)state;
    static const int64_t around[] = {0, 0, 1, 2, 0, 0, 3, 0}, channels[] = {0, 1, 0, 0, 0, -1, 0, 0};
    struct model model;
    start(&model);
    model_ints(&model, "around", 8, around);
    model_node(&model, "Pad", "x around", "p");
    conv(&model, "p w b", "y");
    expect_steps(&model, 1, 1);
    start(&model);
    model_ints(&model, "around", 8, around);
    node_string(&model, model_node(&model, "Pad", "x around", "p"), "mode", "edge");
    conv(&model, "p w b", "y");
    expect_steps(&model, 2, 2);
    start(&model);
    model_ints(&model, "channels", 8, channels);
    model_node(&model, "Pad", "x channels", "p");
    conv(&model, "p w b", "y");
    expect_steps(&model, 2, 2);
}

/* An image channels-last and something smaller beside it, either first: the same as plain tensors. */
static void test_small_operand(void **state)
{
    (void)state;
    static const char *const types[] = {"Add", "Sub", "Mul", "Div"};
    static const int64_t channels[] = {32, 1, 1}, pixels[] = {1, 1, SIDE, SIDE},
                         wide[] = {32, CHANNELS, 3, 3};
    float small[32], noise[SIDE * SIDE], w[32 * CHANNELS * 9];
    harness_random(w, 32 * CHANNELS * 9, 9);
    for (int i = 0; i < SIDE * SIDE; i++)
        noise[i] = 1.5f + (float)i / 50;
    for (int i = 0; i < 32; i++)
        small[i] = 1.25f + (float)i / 40;
    for (size_t i = 0; i < 4; i++)
        for (int swapped = 0; swapped < 2; swapped++) {
            struct model model;
            start(&model);
            model_floats(&model, "wide", 4, wide, w);
            model_floats(&model, "small", 3, channels, small);
            model_floats(&model, "noise", 4, pixels, noise);
            conv(&model, "x wide", "c");
            model_node(&model, types[i], swapped ? "small c" : "c small", "d");
            model_node(&model, types[i % 3], "d noise", "e");
            model_node(&model, "LeakyRelu", "e", "y");
            model_output(&model, "y");
            assert_true(compare(&model, false) >= 3);
            assert_true(compare(&model, true) >= 2); /* Add is the convolution's bias */
            model_free(&model);
        }
}

/* What follows a modulated convolution, as exporters spell it: one step, with every kind of operand. */
static void build_chain(struct model *model, bool read_twice)
{
    static const int64_t wide[] = {32, CHANNELS, 3, 3}, channels[] = {1, 32, 1, 1}, scalar[] = {1},
                         pixels[] = {1, 1, SIDE, SIDE};
    static const float gain[] = {1.25f}, low[] = {-4.0f}, high[] = {4.0f};
    float small[32], noise[SIDE * SIDE], w[32 * CHANNELS * 9];
    harness_random(w, 32 * CHANNELS * 9, 9);
    harness_random(small, 32, 3);
    harness_random(noise, SIDE * SIDE, 4);
    start(model);
    model_floats(model, "wide", 4, wide, w);
    model_floats(model, "small", 4, channels, small);
    model_floats(model, "noise", 4, pixels, noise);
    model_floats(model, "gain", 1, scalar, gain);
    model_floats(model, "low", 0, NULL, low);
    model_floats(model, "high", 0, NULL, high);
    conv(model, "x wide", "c");
    mean(model, "c", "m", 2);
    mean(model, "m", "per_sample", 3);
    model_node(model, "Mul", "c per_sample", "d");
    model_node(model, "Add", "noise d", "e");
    model_node(model, "Add", "e small", "f");
    model_node(model, "LeakyRelu", "f", "g");
    model_node(model, "Mul", "gain g", "h");
    model_node(model, "Clip", "h low high", read_twice ? "i" : "y");
    if (read_twice)
        model_node(model, "Sub", "i e", "y");
    model_output(model, "y");
}

static float *run_chain(struct model *model, bool plain, size_t *steps, size_t *count)
{
    const struct conv_candidate direct = {0};
    struct network_options options = {.portable = plain, .unfused = plain, .forced = &direct};
    struct engine_network *network = harness_load(model, ROWS, &options);
    float *in = calloc(ROWS * CHANNELS * SIDE * SIDE, sizeof *in);
    *count = engine_output(network, 0)->row_elements * ROWS;
    float *out = calloc(*count, sizeof *out);
    harness_random(in, ROWS * CHANNELS * SIDE * SIDE, 5);
    harness_run(network, ROWS, (const float *const[]){in}, &out);
    *steps = 0;
    for (size_t i = 0; i < network->lowering.step_count; i++)
        *steps += strcmp(network->lowering.steps[i].file, "binary_blocked.cl") == 0;
    free(in);
    engine_free(&network);
    return out;
}

static void test_chain(void **state)
{
    (void)state;
    for (int read_twice = 0; read_twice < 2; read_twice++) {
        struct model model;
        size_t steps, none, count;
        build_chain(&model, read_twice);
        float *expected = run_chain(&model, true, &none, &count);
        float *got = run_chain(&model, false, &steps, &count);
        double error = harness_error(got, expected, count, 1e-3);
        if (!(error <= 2e-6))
            fail_msg("%.2e of the range", error);
        assert_int_equal(none, 0);
        assert_int_equal(steps, read_twice ? 2 : 1);
        free(expected);
        free(got);
        model_free(&model);
    }
}

/* A depthwise convolution, its activation, a 1×1 one; `apart`: what is between them is an output too. */
static void build_joined(struct model *model, int64_t channels, int64_t stride, int64_t dilation,
                         bool activated, bool residual, bool apart)
{
    const int64_t dims[] = {-1, channels, 9, 7}, w[] = {channels, 1, 3, 3}, v[] = {48, channels, 1, 1};
    const int64_t strides[] = {stride, stride}, dilations[] = {dilation, dilation},
                  pads[] = {dilation, dilation, 1, 1};
    float data[48 * 32];
    model_init(model, 13);
    model_input(model, "x", 4, dims);
    harness_random(data, 32 * 9, 3);
    model_floats(model, "w", 4, w, data);
    harness_random(data, 48 * 32, 4);
    model_floats(model, "v", 4, v, data);
    model_floats(model, "b", 1, v, data);
    if (residual)
        model_node(model, "Conv", "x v b", "r");
    Onnx__NodeProto *node = model_node(model, "Conv", "x w", "d");
    node_int(model, node, "group", channels);
    node_ints(model, node, "strides", 2, strides);
    node_ints(model, node, "dilations", 2, dilations);
    node_ints(model, node, "pads", 4, pads);
    if (activated)
        model_node(model, "LeakyRelu", "d", "a");
    model_node(model, "Conv", activated ? "a v b" : "d v b", "c");
    model_node(model, residual ? "Add" : "Relu", residual ? "c r" : "c", "y");
    model_output(model, "y");
    if (apart)
        model_output(model, activated ? "a" : "d");
}

/* Joined it is one step less, and every bit the same. */
static void test_joined(void **state)
{
    (void)state;
    for (int i = 0; i < 24; i++) {
        float *in = calloc(ROWS * 32 * 63, sizeof *in), *out[2][2] = {{NULL}};
        size_t count = 0, depthwise[2] = {0};
        harness_random(in, ROWS * 32 * 63, 6);
        for (int apart = 0; apart < 2; apart++) {
            struct model model;
            int j = i % 12; /* channels fill whole vectors, or do not */
            build_joined(&model, i < 12 ? 32 : 24, 1 + j % 2, 1 + j / 2 % 3, j < 8,
                         j >= 6 && j % 2 == 0 && j / 2 % 3 == 0, apart);
            struct engine_network *network = harness_load(&model, ROWS, NULL);
            for (size_t k = 0; k < engine_output_count(network); k++)
                out[apart][k] = calloc(engine_output(network, k)->row_elements * ROWS, sizeof(float));
            count = engine_output(network, 0)->row_elements * ROWS;
            harness_run(network, ROWS, (const float *const[]){in}, out[apart]);
            for (size_t k = 0; k < network->lowering.step_count; k++)
                depthwise[apart] += strcmp(network->lowering.steps[k].file, "depthwise.cl") == 0;
            engine_free(&network);
            model_free(&model);
        }
        assert_int_equal(depthwise[0], 0);
        assert_int_equal(depthwise[1], 1);
        assert_memory_equal(out[0][0], out[1][0], count * sizeof(float));
        free(in);
        free(out[0][0]);
        free(out[1][0]);
        free(out[1][1]);
    }
}

/* A 1×1 convolution, its activation and a pooling; `apart`: what is between them is an output too. */
static void build_pooled(struct model *model, int64_t height, int64_t width, int64_t stride, bool apart)
{
    const int64_t dims[] = {-1, 24, height, width}, v[] = {40, 24, 1, 1}, kernel[] = {2, 2},
                  strides[] = {stride, stride};
    float data[40 * 24];
    model_init(model, 13);
    model_input(model, "x", 4, dims);
    harness_random(data, 40 * 24, 4);
    model_floats(model, "v", 4, v, data);
    model_floats(model, "b", 1, v, data);
    model_node(model, "Conv", "x v b", "c");
    model_node(model, "LeakyRelu", "c", "a");
    Onnx__NodeProto *node = model_node(model, "MaxPool", "a", "y");
    node_ints(model, node, "kernel_shape", 2, kernel);
    node_ints(model, node, "strides", 2, strides);
    model_output(model, "y");
    if (apart)
        model_output(model, "a");
}

/* Pooled on the way it is one step less, and every bit the same; windows of odd images or that overlap stay. */
static void test_pooled(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {{6, 8, 2}, {16, 32, 2}, {2, 16, 2}, {22, 16, 2}, {7, 8, 2}, {6, 8, 1}};
    for (int i = 0; i < 6; i++) {
        const int64_t *shape = shapes[i];
        size_t ins = (size_t)(ROWS * 24 * shape[0] * shape[1]), count = 0, pools[2] = {0};
        float *in = calloc(ins, sizeof *in), *out[2][2] = {{NULL}};
        harness_random(in, ins, 6);
        for (int apart = 0; apart < 2; apart++) {
            struct model model;
            build_pooled(&model, shape[0], shape[1], shape[2], apart);
            struct engine_network *network = harness_load(&model, ROWS, NULL);
            for (size_t k = 0; k < engine_output_count(network); k++)
                out[apart][k] = calloc(engine_output(network, k)->row_elements * ROWS, sizeof(float));
            count = engine_output(network, 0)->row_elements * ROWS;
            harness_run(network, ROWS, (const float *const[]){in}, out[apart]);
            for (size_t k = 0; k < network->lowering.step_count; k++)
                pools[apart] += strncmp(network->lowering.steps[k].file, "pool", 4) == 0;
            engine_free(&network);
            model_free(&model);
        }
        assert_int_equal(pools[0], i < 4 ? 0 : 1);
        assert_int_equal(pools[1], 1);
        assert_memory_equal(out[0][0], out[1][0], count * sizeof(float));
        free(in);
        free(out[0][0]);
        free(out[1][0]);
        free(out[1][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activation),    cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_residual),      cmocka_unit_test(test_pixel_norm),
        cmocka_unit_test(test_no_pixel_norm), cmocka_unit_test(test_upsample),
        cmocka_unit_test(test_output_between),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_pad),
        cmocka_unit_test(test_small_operand),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_pooled),
    };
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
