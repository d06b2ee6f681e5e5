/*
 * Operators against plain C (reference.c), each with its bound: the largest difference over the
 * range of the reference. Every case runs with the CPU kernels, the portable ones, and those of GPUs.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/reference.h"

static const struct {
    const char *op;
    double bound;
} bounds[] = {
    {"Conv", 2e-6},    {"ConvTranspose", 2e-6}, {"Gemm", 2e-6},   {"MaxPool", 0},
    {"AveragePool", 3e-7}, {"Softmax", 1e-6},   {"Unary", 1e-6},  {"Binary", 3e-7},
    {"Reduce", 1e-6},  {"PixelNorm", 1e-6},     {"Resize", 1e-6}, {"Move", 0},
};

static double bound_of(const char *op)
{
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (strcmp(bounds[i].op, op) == 0)
            return bounds[i].bound;
    fail_msg("%s has no bound", op);
    return 0;
}

static float *random_floats(size_t count, uint32_t seed)
{
    float *data = malloc((count + 1) * sizeof *data);
    assert_non_null(data);
    harness_random(data, count, seed);
    return data;
}

/* Runs the model (input x) in all kinds of kernels and compares with `want`. */
static void check(struct model *model, const char *op, size_t rows, const float *in,
                  const float *want, size_t count)
{
    model_output(model, "y");
    const struct {
        const char *name;
        struct network_options options;
    } ways[] = {{"CPU", {0}},
                {"portable", {.portable = true}},
                {"NVIDIA", {.portable = true, .gpu = gpu_class_of("NVIDIA")}}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct network_options options = ways[i].options;
        struct engine_network *network = harness_load(model, rows, &options);
        float *got = calloc(count + 1, sizeof *got);
        assert_int_equal(engine_output(network, 0)->row_elements * rows, count);
        harness_run(network, rows, &in, &got);
        double error = harness_error(got, want, count, 1e-3);
        if (!(error <= bound_of(op)))
            fail_msg("%s (%s): %.2e of the range, bound %.1e", op, ways[i].name, error, bound_of(op));
        free(got);
        engine_free(&network);
    }
    model_free(model);
}

static void window_attributes(struct model *model, Onnx__NodeProto *node, const struct window *w)
{
    int64_t pads[] = {w->pad[0], w->pad[1], w->pad_end[0], w->pad_end[1]};
    int64_t strides[] = {w->stride[0], w->stride[1]};
    node_ints(model, node, "pads", 4, pads);
    node_ints(model, node, "strides", 2, strides);
}

static void check_conv(struct window w, bool transposed, bool with_bias)
{
    transposed ? reference_transposed_sizes(&w) : reference_conv_sizes(&w);
    int64_t dims[] = {-1, w.channels, w.in[0], w.in[1]}, bias_dims[] = {w.out_channels};
    int64_t weight_dims[] = {transposed ? w.channels : w.out_channels,
                             (transposed ? w.out_channels : w.channels) / w.groups, w.kernel[0],
                             w.kernel[1]};
    int64_t dilations[] = {w.dilation[0], w.dilation[1]};
    int64_t output_pads[] = {w.output_pad[0], w.output_pad[1]};
    size_t ins = (size_t)(w.n * w.channels * w.in[0] * w.in[1]);
    size_t outs = (size_t)(w.n * w.out_channels * w.out[0] * w.out[1]);
    float *in = random_floats(ins, 1), *bias = random_floats((size_t)w.out_channels, 3);
    float *weights = random_floats((size_t)dims_elements(4, weight_dims), 2);
    float *want = calloc(outs + 1, sizeof *want);
    struct model model;
    model_init(&model, 13);
    model_input(&model, "x", 4, dims);
    model_floats(&model, "w", 4, weight_dims, weights);
    model_floats(&model, "b", 1, bias_dims, bias);
    Onnx__NodeProto *node = model_node(&model, transposed ? "ConvTranspose" : "Conv",
                                       with_bias ? "x w b" : "x w", "y");
    window_attributes(&model, node, &w);
    node_ints(&model, node, "dilations", 2, dilations);
    node_int(&model, node, "group", w.groups);
    if (transposed)
        node_ints(&model, node, "output_padding", 2, output_pads);
    (transposed ? reference_transposed : reference_conv)(&w, in, weights, with_bias ? bias : NULL,
                                                         want);
    check(&model, transposed ? "ConvTranspose" : "Conv", (size_t)w.n, in, want, outs);
    free(in);
    free(bias);
    free(weights);
    free(want);
}

#define ONE {1, 1}
#define NONE {0, 0}

static void test_conv(void **state)
{
    (void)state;
    static const struct window cases[] = {
        /* n, channels, out, groups, in, kernel, stride, dilation, pad, pad_end, output_pad */
        {2, 16, 16, 1, {8, 8}, {3, 3}, ONE, ONE, ONE, ONE, NONE, NONE},
        {2, 3, 16, 1, {9, 7}, {5, 5}, {2, 2}, ONE, {2, 2}, {2, 2}, NONE, NONE},
        {1, 20, 3, 1, {6, 6}, {1, 1}, ONE, ONE, NONE, NONE, NONE, NONE},
        {2, 17, 33, 1, {5, 11}, {3, 3}, ONE, ONE, ONE, ONE, NONE, NONE},
        {1, 8, 24, 1, {13, 13}, {3, 3}, {2, 1}, {1, 2}, {0, 1}, {1, 2}, NONE, NONE},
        {1, 64, 48, 1, {7, 7}, {3, 3}, ONE, ONE, ONE, ONE, NONE, NONE},
        {1, 128, 128, 1, {4, 4}, {3, 3}, ONE, ONE, ONE, ONE, NONE, NONE},
        {2, 32, 32, 2, {6, 6}, {3, 3}, ONE, ONE, ONE, ONE, NONE, NONE},
        {2, 12, 8, 4, {6, 6}, {3, 3}, ONE, ONE, ONE, ONE, NONE, NONE},
        {2, 24, 24, 24, {9, 9}, {3, 3}, ONE, ONE, ONE, ONE, NONE, NONE},
        {1, 16, 16, 16, {9, 10}, {3, 3}, {2, 2}, {2, 1}, {1, 0}, {1, 1}, NONE, NONE},
        {1, 4, 8, 4, {5, 5}, {3, 3}, ONE, ONE, ONE, ONE, NONE, NONE},
        {1, 2, 4, 1, {40, 70}, {7, 7}, ONE, ONE, {3, 3}, {3, 3}, NONE, NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_conv(cases[i], false, i % 2 == 0);
}

static void test_conv_transposed(void **state)
{
    (void)state;
    static const struct window cases[] = {
        {2, 16, 8, 1, {4, 4}, {4, 4}, {2, 2}, ONE, ONE, ONE, NONE, NONE},
        {1, 5, 19, 1, {3, 5}, {3, 3}, {2, 2}, ONE, ONE, ONE, {1, 1}, NONE},
        {1, 8, 16, 1, {1, 1}, {4, 4}, ONE, ONE, NONE, NONE, NONE, NONE},
        {2, 6, 4, 2, {4, 4}, {3, 3}, {3, 2}, {1, 2}, {0, 1}, {1, 0}, NONE, NONE},
        {1, 4, 4, 1, {5, 5}, {2, 2}, {3, 3}, ONE, NONE, NONE, NONE, NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_conv(cases[i], true, i % 2 == 0);
}

static void test_gemm(void **state)
{
    (void)state;
    static const int cases[][3] = {{1, 5, 3}, {7, 33, 40}, {9, 128, 16}, {64, 17, 71}, {3, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int m = cases[i][0], k = cases[i][1], n = cases[i][2];
        int64_t in_dims[] = {-1, k}, b_dims[] = {k, n}, c_dims[] = {n};
        float *a = random_floats((size_t)(m * k), 1), *b = random_floats((size_t)(k * n), 2);
        float *c = random_floats((size_t)n, 3), *want = calloc((size_t)(m * n), sizeof *want);
        struct model model;
        reference_gemm(m, k, n, a, b, c, want);
        model_init(&model, 13);
        model_input(&model, "x", 2, in_dims);
        model_floats(&model, "b", 2, b_dims, b);
        model_floats(&model, "c", 1, c_dims, c);
        model_node(&model, "Gemm", "x b c", "y");
        check(&model, "Gemm", (size_t)m, a, want, (size_t)(m * n));
        reference_gemm(m, k, n, a, b, NULL, want);
        model_init(&model, 13);
        model_input(&model, "x", 2, in_dims);
        model_floats(&model, "b", 2, b_dims, b);
        model_node(&model, "MatMul", "x b", "y");
        check(&model, "Gemm", (size_t)m, a, want, (size_t)(m * n));
        free(a);
        free(b);
        free(c);
        free(want);
    }
}

/* Through a convolution that changes nothing, so that the operator meets the channels-last layout. */
static void identity_conv(struct model *model, int channels)
{
    int64_t dims[] = {channels, channels, 1, 1};
    float *weights = calloc((size_t)(channels * channels), sizeof *weights);
    for (int c = 0; c < channels; c++)
        weights[c * channels + c] = 1;
    model_floats(model, "identity", 4, dims, weights);
    model_node(model, "Conv", "x identity", "c");
    free(weights);
}

static void test_pool(void **state)
{
    (void)state;
    static const struct window cases[] = {
        {2, 5, 5, 1, {8, 8}, {2, 2}, {2, 2}, ONE, NONE, NONE, NONE, NONE},
        {1, 16, 16, 1, {7, 9}, {3, 3}, {2, 1}, ONE, ONE, ONE, NONE, NONE},
    };
    for (int i = 0; i < 12; i++) {
        struct window w = cases[i % 2];
        bool max = i / 2 % 3 == 0, count_padding = i / 2 % 3 == 2, last = i >= 6;
        reference_conv_sizes(&w);
        size_t ins = (size_t)(w.n * w.channels * w.in[0] * w.in[1]);
        size_t outs = (size_t)(w.n * w.channels * w.out[0] * w.out[1]);
        int64_t dims[] = {-1, w.channels, w.in[0], w.in[1]};
        int64_t kernel[] = {w.kernel[0], w.kernel[1]};
        float *in = random_floats(ins, 5), *want = calloc(outs, sizeof *want);
        struct model model;
        model_init(&model, 13);
        model_input(&model, "x", 4, dims);
        if (last)
            identity_conv(&model, w.channels);
        Onnx__NodeProto *node = model_node(&model, max ? "MaxPool" : "AveragePool",
                                           last ? "c" : "x", "y");
        window_attributes(&model, node, &w);
        node_ints(&model, node, "kernel_shape", 2, kernel);
        if (!max)
            node_int(&model, node, "count_include_pad", count_padding);
        reference_pool(&w, max, count_padding, in, want);
        check(&model, max ? "MaxPool" : "AveragePool", (size_t)w.n, in, want, outs);
        free(in);
        free(want);
    }
}

static void test_softmax(void **state)
{
    (void)state;
    static const int64_t dims[] = {-1, 7, 3};
    float *in = random_floats(4 * 21, 6), want[4 * 21];
    for (int axis = 1; axis < 3; axis++) {
        struct model model;
        model_init(&model, 13);
        model_input(&model, "x", 3, dims);
        node_int(&model, model_node(&model, "Softmax", "x", "y"), "axis", axis);
        reference_softmax(axis == 1 ? 4 : 28, axis == 1 ? 7 : 3, axis == 1 ? 3 : 1, in, want);
        check(&model, "Softmax", 4, in, want, 84);
    }
    free(in);
}

static double softplus(double x)
{
    return log1p(exp(x));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double relu(double x)
{
    return x > 0 ? x : 0;
}

static double leaky(double x)
{
    return x > 0 ? x : 0.01 * x;
}

static double elu(double x)
{
    return x > 0 ? x : expm1(x);
}

static double negative(double x)
{
    return -x;
}

static void test_unary(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        double (*function)(double);
    } cases[] = {{"Abs", fabs},       {"Neg", negative}, {"Exp", exp},         {"Tanh", tanh},
                 {"Sigmoid", sigmoid}, {"Relu", relu},    {"LeakyRelu", leaky}, {"Elu", elu},
                 {"Softplus", softplus}, {"Erf", erf},    {"Sin", sin},         {"Atan", atan},
                 {"Floor", floor},    {"Asinh", asinh}};
    static const int64_t dims[] = {-1, 5, 3, 3};
    float *in = random_floats(2 * 45, 7), want[2 * 45];
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        struct model model;
        model_init(&model, 13);
        model_input(&model, "x", 4, dims);
        if (i % 2)
            identity_conv(&model, 5);
        model_node(&model, cases[i / 2].op, i % 2 ? "c" : "x", "y");
        for (int k = 0; k < 90; k++)
            want[k] = (float)cases[i / 2].function((double)in[k]);
        check(&model, "Unary", 2, in, want, 90);
    }
    free(in);
}

static void test_binary(void **state)
{
    (void)state;
    static const char *const ops[] = {"Add", "Sub", "Mul", "Div"};
    static const int64_t dims[] = {-1, 3, 2, 4}, shapes[][4] = {{1, 1, 1, 1}, {1, 3, 1, 1},
                                                               {1, 1, 2, 4}, {1, 3, 2, 1}};
    float *in = random_floats(48, 8), *b = random_floats(24, 9), want[48];
    for (size_t i = 0; i < 16; i++) {
        const int64_t *shape = shapes[i / 4];
        struct model model;
        model_init(&model, 13);
        model_input(&model, "x", 4, dims);
        model_floats(&model, "b", 4, shape, b);
        model_node(&model, ops[i % 4], "x b", "y");
        for (int k = 0; k < 48; k++) {
            int64_t c = k / 8 % 3 % shape[1], y = k / 4 % 2 % shape[2], x = k % 4 % shape[3];
            double left = (double)in[k], right = (double)b[(c * shape[2] + y) * shape[3] + x];
            double all[] = {left + right, left - right, left * right, left / right};
            want[k] = (float)all[i % 4];
        }
        check(&model, "Binary", 2, in, want, 48);
    }
    free(in);
    free(b);
}

static void test_reduce(void **state)
{
    (void)state;
    static const int64_t dims[] = {-1, 5, 3, 4}, axes[] = {2, 3};
    static const char *const ops[] = {"ReduceMean", "ReduceMax", "ReduceL2", "GlobalAveragePool"};
    float *in = random_floats(120, 10), want[10];
    for (size_t i = 0; i < 8; i++) {
        struct model model;
        model_init(&model, 12);
        model_input(&model, "x", 4, dims);
        if (i % 2)
            identity_conv(&model, 5);
        Onnx__NodeProto *node = model_node(&model, ops[i / 2], i % 2 ? "c" : "x", "y");
        if (i / 2 < 3)
            node_ints(&model, node, "axes", 2, axes);
        for (int k = 0; k < 10; k++) {
            double sum = 0, largest = -INFINITY, squares = 0;
            for (int p = 0; p < 12; p++) {
                double x = (double)in[k * 12 + p];
                sum += x;
                squares += x * x;
                largest = fmax(largest, x);
            }
            double all[] = {sum / 12, largest, sqrt(squares), sum / 12};
            want[k] = (float)all[i / 2];
        }
        check(&model, "Reduce", 2, in, want, 10);
    }
    free(in);
}

static void test_resize(void **state)
{
    (void)state;
    static const int64_t dims[] = {-1, 3, 3, 4}, four[] = {4};
    static const float scales[] = {1, 1, 2, 2};
    float *in = random_floats(72, 11), want[288];
    for (int last = 0; last < 2; last++) {
        struct model model;
        model_init(&model, 13);
        model_input(&model, "x", 4, dims);
        model_floats(&model, "s", 1, four, scales);
        if (last)
            identity_conv(&model, 3);
        Onnx__NodeProto *node = model_node(&model, "Resize", last ? "c - s" : "x - s", "y");
        node_string(&model, node, "mode", "nearest");
        node_string(&model, node, "coordinate_transformation_mode", "asymmetric");
        node_string(&model, node, "nearest_mode", "floor");
        for (int i = 0; i < 288; i++)
            want[i] = in[(i / 48 * 3 + i / 8 % 6 / 2) * 4 + i % 8 / 2];
        check(&model, "Resize", 2, in, want, 288);
    }
    free(in);
}

static void test_pixel_norm(void **state)
{
    (void)state;
    static const int64_t dims[] = {-1, 5, 3, 3}, one[] = {1}, channels[] = {1};
    static const float epsilon[] = {1e-3f};
    float *in = random_floats(90, 13), want[90];
    struct model model;
    model_init(&model, 13);
    model_input(&model, "x", 4, dims);
    model_floats(&model, "epsilon", 1, one, epsilon);
    model_node(&model, "Mul", "x x", "q");
    node_ints(&model, model_node(&model, "ReduceMean", "q", "m"), "axes", 1, channels);
    model_node(&model, "Add", "m epsilon", "e");
    model_node(&model, "Sqrt", "e", "root");
    model_node(&model, "Div", "x root", "y");
    reference_pixel_norm(2, 5, 9, 1e-3, in, want);
    check(&model, "PixelNorm", 2, in, want, 90);
    free(in);
}

static void test_move(void **state)
{
    (void)state;
    static const int64_t dims[] = {-1, 3, 4}, perm[] = {0, 2, 1};
    float *in = random_floats(24, 12), want[48];
    struct model model;
    model_init(&model, 13);
    model_input(&model, "x", 3, dims);
    node_ints(&model, model_node(&model, "Transpose", "x", "t"), "perm", 3, perm);
    node_int(&model, model_node(&model, "Concat", "t t", "y"), "axis", 2);
    for (int i = 0; i < 48; i++)
        want[i] = in[i / 24 * 12 + i % 3 * 4 + i / 6 % 4];
    check(&model, "Move", 2, in, want, 48);
    free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),    cmocka_unit_test(test_conv_transposed),
        cmocka_unit_test(test_gemm),    cmocka_unit_test(test_pool),
        cmocka_unit_test(test_softmax), cmocka_unit_test(test_unary),
        cmocka_unit_test(test_binary),  cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_resize),  cmocka_unit_test(test_move),
        cmocka_unit_test(test_pixel_norm),
    };
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
