/*
 * Every kernel of the engine at least once, on shapes small enough for an interpreter: the
 * blocked, the portable and the GPUs' way of small networks, image conversion and pixels. Under oclgrind
 * (oclgrind.sh) this finds accesses out of bounds and races; results are compared between the ways.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/ops/conv_choose.h"

#define ROWS 2

/* All ways of the model agree to 1e-5 of the range; convolutions run as `forced` says, if it is not NULL. */
static void compare(struct model *model, const struct conv_candidate *forced)
{
    size_t ins = 0, outs = 0;
    const struct network_options ways[] = {{.forced = forced},
                                           {.portable = true},
                                           {.portable = true, .gpu = gpu_class_of("Mali"), .forced = forced},
                                           {.portable = true, .gpu = gpu_class_of("")}};
    enum { WAYS = sizeof ways / sizeof *ways };
    float *in = NULL, *out[WAYS] = {NULL};
    model_output(model, "y");
    for (int way = 0; way < WAYS; way++) {
        struct network_options options = ways[way];
        struct engine_network *network = harness_load(model, ROWS, &options);
        ins = engine_input(network, 0)->row_elements * ROWS;
        outs = engine_output(network, 0)->row_elements * ROWS;
        if (!in)
            in = calloc(ins, sizeof *in);
        out[way] = calloc(outs, sizeof **out);
        harness_random(in, ins, 1);
        harness_run(network, ROWS, (const float *const[]){in}, &out[way]);
        engine_free(&network);
    }
    for (int way = 1; way < WAYS; way++) {
        assert_true(harness_error(out[0], out[way], outs, 1e-3) <= 1e-5);
        free(out[way]);
    }
    free(in);
    free(out[0]);
    model_free(model);
}

static void floats(struct model *model, const char *name, size_t rank, const int64_t *dims)
{
    size_t count = (size_t)dims_elements(rank, dims);
    float *data = malloc((count + 1) * sizeof *data);
    assert_non_null(data);
    harness_random(data, count, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        data[i] = fabsf(data[i]) + 0.1f;
    model_floats(model, name, rank, dims, data);
    free(data);
}

static void start(struct model *model, int64_t channels, int64_t height, int64_t width)
{
    int64_t dims[] = {-1, channels, height, width};
    model_init(model, 13);
    model_input(model, "x", 4, dims);
}

static void test_generator(void **state)
{
    (void)state;
    static const int64_t w[] = {17, 3, 3, 3}, v[] = {3, 17, 1, 1}, t[] = {17, 5, 4, 4}, one[] = {1},
                         four[] = {4}, pads[] = {1, 1, 1, 1}, strides[] = {2, 2}, axes[] = {1};
    static const float epsilon[] = {1e-8f}, scales[] = {1, 1, 2, 2};
    struct model model;
    start(&model, 3, 3, 4);
    floats(&model, "w", 4, w);
    floats(&model, "v", 4, v);
    floats(&model, "t", 4, t);
    model_floats(&model, "epsilon", 1, one, epsilon);
    model_floats(&model, "scales", 1, four, scales);
    Onnx__NodeProto *resize = model_node(&model, "Resize", "x - scales", "u");
    node_string(&model, resize, "coordinate_transformation_mode", "asymmetric");
    node_string(&model, resize, "nearest_mode", "floor");
    node_ints(&model, model_node(&model, "Conv", "u w", "c"), "pads", 4, pads);
    model_node(&model, "LeakyRelu", "c", "l");
    model_node(&model, "Mul", "l l", "q");
    node_ints(&model, model_node(&model, "ReduceMean", "q", "m"), "axes", 1, axes);
    model_node(&model, "Add", "m epsilon", "e");
    model_node(&model, "Sqrt", "e", "r");
    model_node(&model, "Div", "l r", "p");
    node_ints(&model, model_node(&model, "ConvTranspose", "p t", "d"), "strides", 2, strides);
    model_node(&model, "Tanh", "d", "y");
    compare(&model, NULL);
    start(&model, 17, 5, 5);
    floats(&model, "v", 4, v);
    model_node(&model, "Conv", "x v", "y");
    compare(&model, NULL);
}

/* Transform-domain convolutions: the same network as test_generator begins with, all forms and stages. */
static void test_winograd(void **state)
{
    (void)state;
    static const int64_t w[] = {17, 3, 3, 3}, pads[] = {1, 1, 1, 1}, four[] = {4}, v[] = {16, 17, 3, 3};
    static const float scales[] = {1, 1, 2, 2};
    static const struct winograd ways[] = {
        {WINOGRAD_F2, false, 4, 2, 1, false}, {WINOGRAD_F2, true, 4, 2, 1, false},
        {WINOGRAD_F4, false, 3, 3, 1, false}, {WINOGRAD_F4, true, 2, 2, 1, false},
        {WINOGRAD_F4, false, 3, 3, 1, true}, {WINOGRAD_UPSAMPLED, false, 6, 3, 1, false},
        {WINOGRAD_UPSAMPLED, true, 6, 6, 1, false}, {WINOGRAD_UPSAMPLED, false, 6, 3, 1, true},
        {WINOGRAD_UPSAMPLED_4, false, 4, 2, 1, false}, {WINOGRAD_UPSAMPLED_4, true, 2, 2, 1, false},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const struct conv_candidate way = {.transformed = true, .winograd = ways[i]};
        struct model model;
        start(&model, 3, 3, 5);
        floats(&model, "w", 4, w);
        floats(&model, "v", 4, v);
        model_floats(&model, "scales", 1, four, scales);
        Onnx__NodeProto *resize = model_node(&model, "Resize", "x - scales", "u");
        node_string(&model, resize, "coordinate_transformation_mode", "asymmetric");
        node_string(&model, resize, "nearest_mode", "floor");
        node_ints(&model, model_node(&model, "Conv", "u w", "c"), "pads", 4, pads);
        model_node(&model, "LeakyRelu", "c", "l");
        node_ints(&model, model_node(&model, "Conv", "l v", "y"), "pads", 4, pads);
        compare(&model, &way);
    }
}

static void test_classifier(void **state)
{
    (void)state;
    static const int64_t w[] = {18, 3, 5, 5}, d[] = {18, 1, 3, 3}, g[] = {72, 5}, strides[] = {2, 2},
                         pads[] = {2, 2, 2, 2}, ones[] = {1, 1, 1, 1}, kernel[] = {2, 2},
                         bias[] = {5}, channels[] = {18};
    struct model model;
    start(&model, 3, 8, 8);
    floats(&model, "w", 4, w);
    floats(&model, "d", 4, d);
    floats(&model, "g", 2, g);
    floats(&model, "b", 1, bias);
    floats(&model, "n", 1, channels);
    Onnx__NodeProto *node = model_node(&model, "Conv", "x w", "c");
    node_ints(&model, node, "strides", 2, strides);
    node_ints(&model, node, "pads", 4, pads);
    node = model_node(&model, "Conv", "c d", "e");
    node_int(&model, node, "group", 18);
    node_ints(&model, node, "pads", 4, ones);
    model_node(&model, "Add", "e c", "s");
    model_node(&model, "InstanceNormalization", "s n n", "i");
    model_node(&model, "BatchNormalization", "i n n n n", "f");
    node = model_node(&model, "MaxPool", "f", "p");
    node_ints(&model, node, "kernel_shape", 2, kernel);
    node_ints(&model, node, "strides", 2, strides);
    model_node(&model, "Flatten", "p", "v");
    model_node(&model, "Gemm", "v g b", "l");
    model_node(&model, "Softmax", "l", "y");
    compare(&model, NULL);
}

/* A depthwise convolution made on the way into a 1×1 one, and its pixels' mean. */
static void test_joined(void **state)
{
    (void)state;
    static const int64_t d[] = {16, 1, 3, 3}, w[] = {18, 16, 1, 1}, v[] = {16, 3, 1, 1},
                         pads[] = {1, 1, 1, 1}, strides[] = {2, 2};
    struct model model;
    start(&model, 3, 7, 5);
    floats(&model, "d", 4, d);
    floats(&model, "w", 4, w);
    floats(&model, "v", 4, v);
    model_node(&model, "Conv", "x v", "a");
    Onnx__NodeProto *node = model_node(&model, "Conv", "a d", "b");
    node_int(&model, node, "group", 16);
    node_ints(&model, node, "pads", 4, pads);
    node_ints(&model, node, "strides", 2, strides);
    model_node(&model, "LeakyRelu", "b", "c");
    model_node(&model, "Conv", "c w", "e");
    model_node(&model, "GlobalAveragePool", "e", "y");
    compare(&model, NULL);
}

/* Sums that a group of a GPU adds up. */
static void test_grouped(void **state)
{
    (void)state;
    static const int64_t channels[] = {2};
    struct model model;
    start(&model, 2, 16, 17);
    floats(&model, "n", 1, channels);
    model_node(&model, "InstanceNormalization", "x n n", "a");
    model_node(&model, "GlobalAveragePool", "x", "b");
    model_node(&model, "Add", "a b", "y");
    compare(&model, NULL);
}

/* A pooling made on the way out of a 1×1 convolution. */
static void test_pooled(void **state)
{
    (void)state;
    static const int64_t w[] = {18, 16, 1, 1}, v[] = {16, 3, 1, 1}, two[] = {2, 2};
    struct model model;
    start(&model, 3, 4, 8);
    floats(&model, "w", 4, w);
    floats(&model, "v", 4, v);
    model_node(&model, "Conv", "x v", "a");
    model_node(&model, "Conv", "a w", "b");
    Onnx__NodeProto *node = model_node(&model, "MaxPool", "b", "y");
    node_ints(&model, node, "kernel_shape", 2, two);
    node_ints(&model, node, "strides", 2, two);
    compare(&model, NULL);
}

static void test_others(void **state)
{
    (void)state;
    static const int64_t perm[] = {0, 1, 3, 2}, channel[] = {3, 1, 1}, pads[] = {0, 0, 1, 0, 0, 0, 0, 2},
                         kernel[] = {3, 3}, four[] = {4};
    static const float scales[] = {1, 1, 1.5f, 2};
    struct model model;
    start(&model, 3, 4, 5);
    floats(&model, "k", 3, channel);
    model_floats(&model, "scales", 1, four, scales);
    model_ints(&model, "pads", 8, pads);
    model_node(&model, "Mul", "x k", "a");
    model_node(&model, "Pad", "a pads", "b");
    node_string(&model, model_node(&model, "Resize", "b - scales", "c"), "mode", "linear");
    node_ints(&model, model_node(&model, "AveragePool", "c", "d"), "kernel_shape", 2, kernel);
    node_ints(&model, model_node(&model, "Transpose", "d", "e"), "perm", 4, perm);
    node_int(&model, model_node(&model, "Concat", "e e", "f"), "axis", 3);
    model_node(&model, "MatMul", "d f", "g");
    model_node(&model, "Softplus", "g", "h");
    model_node(&model, "GlobalMaxPool", "h", "y");
    compare(&model, NULL);
}

static struct engine_image form(enum engine_channels channels, size_t height, size_t width,
                                float low, float high)
{
    return (struct engine_image){
        .channels = channels, .height = height, .width = width, .low = low, .high = high};
}

static double lerp(double a, double b, double t)
{
    return a * (1 - t) + b * t;
}

/* Where pixel `i` of `to` reads in `from` pixels: the first of two, and the share of the second. */
static size_t source(size_t i, size_t from, size_t to, double *share)
{
    double at = fmin(fmax(((double)i + 0.5) * (double)from / (double)to - 0.5, 0), (double)from - 1);
    *share = at - floor(at);
    return (size_t)at;
}

/* Channel c (of RGB) of a pixel of the part, bilinear; `from` is NCHW of 6 × 8. */
static double sample(const float *from, const struct engine_window *part, int c, size_t y, size_t x,
                     const struct engine_image *to)
{
    double fy, fx;
    size_t y0 = source(y, part->rows, to->height, &fy), x0 = source(x, part->columns, to->width, &fx);
    size_t y1 = y0 + 1 < part->rows ? y0 + 1 : y0, x1 = x0 + 1 < part->columns ? x0 + 1 : x0;
    const float *p = from + c * 48 + part->top * 8 + part->left;
    return lerp(lerp((double)p[y0 * 8 + x0], (double)p[y0 * 8 + x1], fx),
                lerp((double)p[y1 * 8 + x0], (double)p[y1 * 8 + x1], fx), fy);
}

/* A part of an RGB image to BGR of another size and range, its channels last, normalised. */
static void test_image_part(void **state)
{
    (void)state;
    struct device *device = harness_device();
    struct error err = {0};
    struct engine_image rgb = form(ENGINE_RGB, 6, 8, -1, 1), bgr = form(ENGINE_BGR, 5, 9, 0, 255);
    const struct engine_window part = {1, 2, 4, 5}, outside = {3, 0, 4, 8};
    float in[2 * 144], out[2 * 135];
    cl_mem a, b;
    bgr.nhwc = true;
    for (int c = 0; c < 3; c++) {
        bgr.mean[c] = 100.0f + (float)c;
        bgr.deviation[c] = 50.0f + 10.0f * (float)c;
    }
    harness_random(in, 2 * 144, 4);
    assert_int_equal(device_buffer(device, sizeof in, &a, &err), 0);
    assert_int_equal(device_buffer(device, sizeof out, &b, &err), 0);
    assert_int_equal(device_write(device, a, 0, in, sizeof in, &err), 0);
    assert_int_equal(engine_image_convert(device, 2, a, &rgb, &part, b, &bgr, &err), 0);
    assert_int_equal(device_read(device, b, 0, out, sizeof out, &err), 0);
    for (size_t i = 0; i < 2 * 135; i++) {
        int c = (int)(i % 3);
        double value = sample(in + i / 135 * 144, &part, 2 - c, i % 135 / 3 / 9, i % 135 / 3 % 9, &bgr);
        double expected = ((value + 1) * 127.5 - (100 + c)) / (50 + 10 * c);
        assert_true(fabs((double)out[i] - expected) < 1e-5);
    }
    assert_int_equal(engine_image_convert(device, 2, a, &rgb, &outside, b, &bgr, &err), E_INVALID);
    clReleaseMemObject(a);
    clReleaseMemObject(b);
}

static void test_image(void **state)
{
    (void)state;
    struct device *device = harness_device();
    struct error err = {0};
    struct engine_image rgb = form(ENGINE_RGB, 4, 5, -1, 1), bgr = form(ENGINE_BGR, 4, 5, 0, 255),
                        gray = form(ENGINE_GRAY, 3, 7, 0, 1);
    float in[ROWS * 60], out[ROWS * 60];
    uint8_t pixels[ROWS * 63]; /* of the larger image, 3x7 */
    cl_mem a, b, c;
    harness_random(in, ROWS * 60, 3);
    assert_int_equal(device_buffer(device, sizeof in, &a, &err), 0);
    assert_int_equal(device_buffer(device, sizeof out, &b, &err), 0);
    assert_int_equal(device_buffer(device, sizeof pixels, &c, &err), 0);
    assert_int_equal(device_write(device, a, 0, in, sizeof in, &err), 0);
    assert_int_equal(engine_image_convert(device, ROWS, a, &rgb, NULL, b, &bgr, &err), 0);
    assert_int_equal(device_read(device, b, 0, out, sizeof out, &err), 0);
    for (int i = 0; i < ROWS * 60; i++) {
        int mirrored = i / 60 * 60 + (2 - i / 20 % 3) * 20 + i % 20;
        assert_true(fabsf(out[mirrored] - (in[i] + 1) * 127.5f) < 1e-4f);
    }
    assert_int_equal(engine_image_pixels(device, ROWS, b, &bgr, c, &err), 0);
    assert_int_equal(device_read(device, c, 0, pixels, sizeof pixels, &err), 0);
    for (int i = 0; i < ROWS * 60; i++) { /* i: a plane's element */
        int at = (i / 60 * 20 + i % 20) * 3 + i / 20 % 3;
        assert_true(fabsf((float)pixels[at] - (in[i] + 1) * 127.5f) <= 0.501f);
    }
    assert_int_equal(engine_image_convert(device, ROWS, a, &rgb, NULL, b, &gray, &err), 0);
    assert_int_equal(engine_image_pixels(device, ROWS, b, &gray, c, &err), 0);
    assert_int_equal(engine_image_convert(device, ROWS, b, &gray, NULL, a, &rgb, &err), 0);
    assert_int_equal(device_finish(device, &err), 0);
    rgb.high = rgb.low;
    assert_int_equal(engine_image_pixels(device, ROWS, a, &rgb, c, &err), E_INVALID);
    clReleaseMemObject(a);
    clReleaseMemObject(b);
    clReleaseMemObject(c);
}

/* Images of whole sixteens of pixels, whose values lie beyond the range, too. */
static void test_pixels_by_sixteen(void **state)
{
    (void)state;
    enum { SIZE = 12 * 8, ALL = ROWS * 3 * SIZE };
    static const enum engine_channels kinds[] = {ENGINE_RGB, ENGINE_BGR, ENGINE_GRAY};
    struct device *device = harness_device();
    struct error err = {0};
    float in[ALL];
    uint8_t pixels[ALL];
    cl_mem a, b;
    harness_random(in, ALL, 5);
    for (size_t i = 0; i < ALL; i++)
        in[i] *= 1.5f;
    assert_int_equal(device_buffer(device, sizeof in, &a, &err), 0);
    assert_int_equal(device_buffer(device, sizeof pixels, &b, &err), 0);
    assert_int_equal(device_write(device, a, 0, in, sizeof in, &err), 0);
    for (size_t k = 0; k < 3; k++) {
        struct engine_image image = form(kinds[k], 12, 8, -1, 1);
        int planes = kinds[k] == ENGINE_GRAY ? 1 : 3;
        assert_int_equal(engine_image_pixels(device, ROWS, a, &image, b, &err), 0);
        assert_int_equal(device_read(device, b, 0, pixels, sizeof pixels, &err), 0);
        for (int i = 0; i < ALL; i++) {
            int n = i / (3 * SIZE), p = i / 3 % SIZE, c = i % 3;
            int plane = planes == 1 ? 0 : kinds[k] == ENGINE_BGR ? 2 - c : c;
            float x = (in[(n * planes + plane) * SIZE + p] + 1) * 127.5f;
            assert_int_equal(pixels[i], (int)rintf(x < 0 ? 0 : x > 255 ? 255 : x));
        }
    }
    clReleaseMemObject(a);
    clReleaseMemObject(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_by_sixteen),
        cmocka_unit_test(test_generator),
        cmocka_unit_test(test_winograd), cmocka_unit_test(test_joined),
        cmocka_unit_test(test_pooled),
        cmocka_unit_test(test_classifier),
        cmocka_unit_test(test_grouped),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_image_part),
    };
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
