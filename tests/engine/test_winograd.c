/*
 * Convolutions in a transform domain against the direct ones: each form on shapes with edges of every
 * kind, with everything that fuses, within a bound; blocks, tiles and stages change nothing, to the bit.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/ops/conv_choose.h"

#define ROWS 3

/* Largest difference to the direct form, of the range. */
#define F2_BOUND 2e-6
#define F4_BOUND 2e-5
#define UPSAMPLED_BOUND 2e-6

struct shape {
    int64_t in, out, height, width, pads[4]; /* channels, sizes, as ONNX orders pads */
    bool upsample, residual, pixel_norm;
    const char *activation;
    int64_t image; /* channels that a 1×1 convolution and Tanh make of it, 0: none */
};

static const struct shape plain[] = {
    {16, 16, 8, 8, {1, 1, 1, 1}, false, false, false, NULL, 0},
    {20, 33, 7, 10, {1, 1, 1, 1}, false, false, false, "LeakyRelu", 0},
    {3, 48, 5, 13, {0, 0, 0, 0}, false, false, false, "Tanh", 0},
    {17, 64, 9, 6, {0, 1, 1, 0}, false, false, true, "Relu", 0},
    {32, 32, 11, 11, {1, 1, 1, 1}, false, true, false, "Relu", 0},
    {64, 16, 16, 5, {2, 2, 2, 2}, false, false, true, "LeakyRelu", 0},
    {16, 16, 1, 1, {1, 1, 1, 1}, false, false, false, NULL, 0},
    {20, 33, 7, 10, {1, 1, 1, 1}, false, true, false, "LeakyRelu", 4},
    {32, 16, 12, 9, {1, 1, 1, 1}, false, false, true, "LeakyRelu", 3},
};
static const struct shape upsampled[] = {
    {16, 16, 4, 4, {1, 1, 1, 1}, true, false, false, NULL, 0},
    {19, 35, 5, 3, {1, 1, 1, 1}, true, false, false, "LeakyRelu", 0},
    {64, 32, 7, 6, {1, 1, 1, 1}, true, false, true, "LeakyRelu", 0},
    {32, 16, 1, 9, {1, 1, 1, 1}, true, true, false, "Relu", 0},
    {16, 64, 3, 5, {1, 1, 1, 1}, true, false, true, "LeakyRelu", 3},
};

static void constant(struct model *model, const char *name, size_t rank, const int64_t *dims)
{
    size_t count = (size_t)dims_elements(rank, dims);
    float *data = malloc(count * sizeof *data);
    harness_random(data, count, (uint32_t)count);
    model_floats(model, name, rank, dims, data);
    free(data);
}

static void add_image(struct model *model, const struct shape *shape)
{
    int64_t weights[] = {shape->image, shape->out, 1, 1}, bias[] = {shape->image};
    float data[4 * 64]; /* small, so that the differences before Tanh are not enlarged */
    harness_random(data, (size_t)(shape->image * shape->out), 11);
    for (int64_t i = 0; i < shape->image * shape->out; i++)
        data[i] /= (float)(2 * shape->out);
    model_floats(model, "image_w", 4, weights, data);
    constant(model, "image_b", 1, bias);
    model_node(model, "Conv", "y image_w image_b", "i");
    model_node(model, "Tanh", "i", "z");
}

static void add_pixel_norm(struct model *model)
{
    static const int64_t one[] = {1}, axes[] = {1};
    static const float epsilon[] = {1e-8f};
    model_floats(model, "epsilon", 1, one, epsilon);
    model_node(model, "Mul", "a a", "q");
    node_ints(model, model_node(model, "ReduceMean", "q", "m"), "axes", 1, axes);
    model_node(model, "Add", "m epsilon", "e");
    model_node(model, "Sqrt", "e", "r");
    model_node(model, "Div", "a r", "y");
}

static void build(struct model *model, const struct shape *shape)
{
    int64_t dims[] = {-1, shape->in, shape->height, shape->width};
    int64_t weights[] = {shape->out, shape->in, 3, 3}, bias[] = {shape->out}, four[] = {4};
    int64_t unit[] = {shape->out, shape->in, 1, 1}, none[] = {0, 0, 0, 0};
    static const float scales[] = {1, 1, 2, 2};
    const char *from = "x";
    model_init(model, 13);
    model_input(model, "x", 4, dims);
    constant(model, "w", 4, weights);
    constant(model, "b", 1, bias);
    if (shape->upsample) {
        model_floats(model, "scales", 1, four, scales);
        Onnx__NodeProto *node = model_node(model, "Resize", "x - scales", "u");
        node_string(model, node, "coordinate_transformation_mode", "asymmetric");
        node_string(model, node, "nearest_mode", "floor");
        from = "u";
    }
    if (shape->residual) {
        constant(model, "v", 4, unit);
        node_ints(model, model_node(model, "Conv", shape->upsample ? "u v" : "x v", "s"), "pads", 4,
                  none);
    }
    node_ints(model, model_node(model, "Conv", strcmp(from, "x") ? "u w b" : "x w b", "c"), "pads",
              4, shape->pads);
    if (shape->residual)
        model_node(model, "Add", "c s", "d");
    const char *last = shape->residual ? "d" : "c";
    if (shape->activation)
        model_node(model, shape->activation, last, shape->pixel_norm ? "a" : "y");
    else
        model_node(model, "Identity", last, "y");
    if (shape->pixel_norm)
        add_pixel_norm(model);
    if (shape->image)
        add_image(model, shape);
    model_output(model, shape->image ? "z" : "y");
}

static float *run(struct model *model, const struct conv_candidate *forced, size_t rows,
                  size_t *count)
{
    struct network_options options = {.forced = forced};
    struct engine_network *network = harness_load(model, rows, &options);
    size_t ins = engine_input(network, 0)->row_elements * rows;
    *count = engine_output(network, 0)->row_elements * rows;
    float *in = calloc(ins, sizeof *in), *out = calloc(*count, sizeof *out);
    harness_random(in, ins, 7); /* the first rows are the same whatever the rows */
    harness_run(network, rows, (const float *const[]){in}, &out);
    free(in);
    engine_free(&network);
    return out;
}

static void check_shape(const struct shape *shape, enum winograd_form form, double bound)
{
    static const struct winograd ways[] = {
        {0, false, 14, 14, 1, false}, {0, true, 14, 14, 1, false}, {0, false, 6, 3, 1, false},
        {0, true, 10, 5, 1, false},   {0, false, 8, 4, 2, false},  {0, true, 8, 8, 2, false},
        {0, false, 1, 1, 1, false},   {0, false, 14, 14, 1, true}, {0, false, 8, 4, 2, true},
    };
    const struct conv_candidate direct = {0};
    struct model model;
    size_t count, part;
    build(&model, shape);
    float *expected = run(&model, &direct, ROWS, &count), *first = NULL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct conv_candidate forced = {.transformed = true, .winograd = ways[i]};
        forced.winograd.form = form;
        if ((shape->out + 15) / 16 % ways[i].vectors)
            continue;
        float *got = run(&model, &forced, ROWS, &count);
        double error = harness_error(got, expected, count, 1e-3);
        if (!(error <= bound))
            fail_msg("form %d, %dx%d of %d tiles: %.2e of the range", (int)form, ways[i].block,
                     ways[i].vectors, ways[i].tiles, error);
        if (first)
            assert_memory_equal(got, first, count * sizeof *got);
        else
            first = calloc(count, sizeof *first), memcpy(first, got, count * sizeof *first);
        float *one = run(&model, &forced, 1, &part);
        assert_memory_equal(one, first, part * sizeof *one);
        free(one);
        free(got);
    }
    free(expected);
    free(first);
    model_free(&model);
}

static void test_f2(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        check_shape(&plain[i], WINOGRAD_F2, F2_BOUND);
}

static void test_f4(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        check_shape(&plain[i], WINOGRAD_F4, F4_BOUND);
}

static void test_upsampled(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof upsampled / sizeof *upsampled; i++)
        check_shape(&upsampled[i], WINOGRAD_UPSAMPLED, UPSAMPLED_BOUND);
}

static void test_upsampled_4(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof upsampled / sizeof *upsampled; i++)
        check_shape(&upsampled[i], WINOGRAD_UPSAMPLED_4, F4_BOUND);
}

/* F(4×4) only where the tolerance allows it; the form is the same for every batch. */
static void test_choice(void **state)
{
    (void)state;
    struct lowering_target target = {.blocked = true,
                                     .vector_registers = 28,
                                     .registers = 32,
                                     .local_bytes = 1 << 20,
                                     .cores = 2,
                                     .block_rate = 2,
                                     .cache_bytes = 1 << 20,
                                     .stream_bytes = 8,
                                     .memory_bytes = 4};
    static const size_t rows[] = {1, 3, 8, 64};
    struct conv_axis axis = {.in = 64, .out = 64, .kernel = 3, .stride = 1, .dilation = 1, .pad = 1,
                             .in_step = 1, .phases = 1, .taps = 3, .tap_step = 1, .offset = {-1}};
    struct conv conv = {.rank = 4, .channels_in = 64, .channels_out = 64, .groups = 1,
                        .y = axis, .x = axis};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conv_candidate choice;
        target.cores = 1 << i; /* neither the rows nor the device decide */
        target.local_bytes = (size_t)1 << (21 - i);
        target.tolerance = 1e-4;
        assert_true(conv_choose(&target, &conv, rows[i], false, &choice));
        assert_true(choice.transformed && choice.winograd.form == WINOGRAD_F2);
        target.tolerance = 1e-3;
        assert_true(conv_choose(&target, &conv, rows[i], false, &choice));
        assert_true(choice.transformed && choice.winograd.form == WINOGRAD_F4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f2),
        cmocka_unit_test(test_f4),
        cmocka_unit_test(test_upsampled),
        cmocka_unit_test(test_upsampled_4),
        cmocka_unit_test(test_choice),
    };
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
