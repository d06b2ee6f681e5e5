/*
 * The GPUs' kernels, run on the device that there is: products over tiles against the CPU's, to the
 * bit where they add the same terms in the same order; each row's bits in any batch; tiles within
 * what a device allows.
 */
#include "tests/engine/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/ops/conv_choose.h"

#define ROWS 5

static const struct conv_candidate direct = {.transformed = false};

/* Inputs x and, if the model has it, r; the caller frees. */
static float *run(const struct model *model, size_t rows, const struct network_options *options,
                  size_t *elements, const char *kernel)
{
    struct engine_network *network = harness_load(model, rows, options);
    float *ins[2] = {NULL};
    int found = 0;
    for (size_t i = 0; i < engine_input_count(network); i++) {
        size_t count = engine_input(network, i)->row_elements * rows;
        ins[i] = calloc(count, sizeof(float));
        assert_non_null(ins[i]);
        harness_random(ins[i], count, 7 + (uint32_t)i); /* a prefix of what more rows get */
    }
    *elements = engine_output(network, 0)->row_elements;
    float *out = calloc(rows * *elements, sizeof *out);
    harness_run(network, rows, (const float *const *)ins, &out);
    for (size_t i = 0; i < engine_step_count(network); i++)
        found += kernel && strcmp(network->lowering.steps[i].kernel, kernel) == 0;
    assert_true(!kernel || found > 0);
    engine_free(&network);
    free(ins[0]);
    free(ins[1]);
    return out;
}

static void add_floats(struct model *model, const char *name, size_t rank, const int64_t *dims)
{
    size_t count = (size_t)dims_elements(rank, dims);
    float *data = calloc(count, sizeof *data);
    assert_non_null(data);
    harness_random(data, count, (uint32_t)count);
    model_floats(model, name, rank, dims, data);
    free(data);
}

/* One of the classes, the next in every case: `kernel` runs, its numbers are `reference`'s to
 * `bound` of the range (0: to the bit), and each row's bits are the same in batches of 1, 3 and
 * ROWS. */
static void check(struct model *model, size_t number, const struct network_options *reference,
                  const struct conv_candidate *forced, const char *kernel, double bound)
{
    size_t elements, classes = 0;
    while (gpu_class_at(classes))
        classes++;
    const struct network_options options = {.portable = true,
                                            .gpu = gpu_class_at(number % classes),
                                            .forced = forced,
                                            .engine.tolerance = 1e-3};
    model_output(model, "y");
    float *want = run(model, ROWS, reference, &elements, NULL);
    float *got = run(model, ROWS, &options, &elements, kernel);
    double error = harness_error(got, want, ROWS * elements, 1e-3);
    if (!(error <= bound))
        fail_msg("%s on %s: %.2e of the range", kernel, options.gpu->name, error);
    for (size_t rows = 1; rows < ROWS; rows += 2) {
        float *part = run(model, rows, &options, &elements, kernel);
        assert_memory_equal(part, got, rows * elements * sizeof *part);
        free(part);
    }
    free(got);
    free(want);
    model_free(model);
}

struct shape {
    const char *type;
    int64_t channels, out, groups, height, width, kernel, stride, dilation, pad;
    bool upsample, residual;
};

static void build_conv(struct model *model, const struct shape *shape)
{
    static const int64_t four[] = {4};
    static const float scales[] = {1, 1, 2, 2};
    bool transposed = strcmp(shape->type, "ConvTranspose") == 0;
    int64_t x[] = {-1, shape->channels, shape->height, shape->width}, bias[] = {shape->out};
    int64_t w[] = {transposed ? shape->channels : shape->out,
                   (transposed ? shape->out : shape->channels) / shape->groups, shape->kernel,
                   shape->kernel};
    int64_t r[] = {-1, shape->out, shape->height, shape->width};
    model_init(model, 13);
    model_input(model, "x", 4, x);
    if (shape->residual)
        model_input(model, "r", 4, r);
    add_floats(model, "w", 4, w);
    add_floats(model, "b", 1, bias);
    model_floats(model, "scales", 1, four, scales);
    if (shape->upsample) {
        Onnx__NodeProto *resize = model_node(model, "Resize", "x - scales", "u");
        node_string(model, resize, "coordinate_transformation_mode", "asymmetric");
        node_string(model, resize, "nearest_mode", "floor");
    }
    Onnx__NodeProto *node =
        model_node(model, shape->type, shape->upsample ? "u w b" : "x w b", "c");
    node_ints(model, node, "pads", 4, (int64_t[]){shape->pad, shape->pad, shape->pad, shape->pad});
    node_ints(model, node, "strides", 2, (int64_t[]){shape->stride, shape->stride});
    node_ints(model, node, "dilations", 2, (int64_t[]){shape->dilation, shape->dilation});
    node_int(model, node, "group", shape->groups);
    if (shape->residual)
        model_node(model, "Add", "c r", "s");
    model_node(model, "LeakyRelu", shape->residual ? "s" : "c", "y");
}

static const struct shape shapes[] = {
    {"Conv", 16, 16, 1, 8, 8, 3, 1, 1, 1, false, false},
    {"Conv", 19, 45, 1, 7, 9, 3, 1, 1, 1, false, true},
    {"Conv", 3, 24, 1, 13, 11, 5, 2, 1, 2, false, false},
    {"Conv", 8, 9, 1, 9, 9, 3, 1, 2, 1, false, false},
    {"Conv", 32, 32, 2, 6, 5, 3, 1, 1, 1, false, false},
    {"Conv", 40, 70, 1, 5, 5, 1, 1, 1, 0, false, true},
    {"Conv", 12, 20, 1, 5, 4, 3, 1, 1, 1, true, false},
    {"ConvTranspose", 10, 18, 1, 5, 6, 3, 2, 1, 0, false, false},
    {"ConvTranspose", 16, 16, 1, 4, 4, 4, 2, 1, 1, false, false},
};

/* What conv.cl adds, in its order. */
static void test_direct(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct model model;
        build_conv(&model, &shapes[i]);
        check(&model, i, &(struct network_options){.forced = &direct}, &direct, "conv_tiles", 0);
    }
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        enum winograd_form form;
        double bound;
    } forms[] = {{WINOGRAD_F2, 2e-6},
                 {WINOGRAD_F4, 1e-5},
                 {WINOGRAD_UPSAMPLED, 2e-6},
                 {WINOGRAD_UPSAMPLED_4, 1e-5}};
    static const struct shape plain[] = {{"Conv", 19, 45, 1, 7, 9, 3, 1, 1, 1, false, true},
                                         {"Conv", 16, 33, 1, 8, 8, 3, 1, 1, 0, false, false}},
                              upsampled = {"Conv", 20, 12, 1, 5, 3, 3, 1, 1, 1, true, false};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (size_t k = 0; k < (i < 2 ? 2 : 1); k++) {
            struct model model;
            struct conv_candidate way = {.transformed = true, .winograd = {.form = forms[i].form}};
            build_conv(&model, i < 2 ? &plain[k] : &upsampled);
            check(&model, 2 * i + k, &(struct network_options){.forced = &direct}, &way,
                  "multiply_tiles", forms[i].bound);
        }
}

/* A form is chosen where it pays: wide layers at a tolerance that allows F(4×4), never for an
 * image's three channels. */
static void test_choice(void **state)
{
    (void)state;
    static const struct {
        int64_t in, out;
        double tolerance;
        const char *algorithm;
    } cases[] = {{256, 256, 1e-3, "F(4x4,3x3) tiles"},
                 {256, 256, 1e-4, "F(2x2,3x3) tiles"},
                 {8, 8, 1e-3, "direct tiles"},
                 {64, 3, 1e-3, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model model;
        struct network_options options = {.portable = true,
                                          .gpu = gpu_class_of("nvidia corporation"),
                                          .engine.tolerance = cases[i].tolerance};
        int found = 0;
        build_conv(&model, &(struct shape){"Conv", cases[i].in, cases[i].out, 1, 16, 16, 3, 1, 1, 1,
                                           false, false});
        model_output(&model, "y");
        struct engine_network *network = harness_load(&model, 2, &options);
        for (size_t s = 0; s < engine_step_count(network); s++) {
            const char *algorithm = network->lowering.steps[s].algorithm;
            found += strncmp(algorithm, cases[i].algorithm, strlen(cases[i].algorithm)) == 0;
        }
        assert_true(found > 0);
        engine_free(&network);
        model_free(&model);
    }
}

struct product {
    const char *type, *inputs;
    size_t rank;
    int64_t x[3], w[2];
    int64_t transpose_b;
    float alpha, beta;
};

/* What gemm_any adds, in its order. */
static void test_products(void **state)
{
    (void)state;
    static const struct product products[] = {
        {"Gemm", "x w b", 2, {-1, 37}, {37, 50}, 0, 1, 1},
        {"Gemm", "x w b", 2, {-1, 64}, {129, 64}, 1, 0.5f, 2},
        {"Gemm", "x w", 2, {-1, 8}, {8, 8}, 0, 1, 1},
        {"MatMul", "x w", 2, {-1, 33}, {33, 17}, 0, 1, 1},
        {"MatMul", "x w", 3, {-1, 6, 20}, {20, 30}, 0, 1, 1},
        {"MatMul", "x t", 3, {-1, 9, 20}, {1, 1}, 0, 1, 1}, /* by its own transposition */
    };
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        const struct product *product = &products[i];
        static const int64_t perm[] = {0, 2, 1};
        struct model model;
        int64_t bias[] = {product->transpose_b ? product->w[0] : product->w[1]};
        model_init(&model, 13);
        model_input(&model, "x", product->rank, product->x);
        add_floats(&model, "w", 2, product->w);
        add_floats(&model, "b", 1, bias);
        if (strcmp(product->inputs, "x t") == 0)
            node_ints(&model, model_node(&model, "Transpose", "x", "t"), "perm", 3, perm);
        Onnx__NodeProto *node = model_node(&model, product->type, product->inputs, "p");
        if (strcmp(product->type, "Gemm") == 0) {
            node_int(&model, node, "transB", product->transpose_b);
            node_float(&model, node, "alpha", product->alpha);
            node_float(&model, node, "beta", product->beta);
        }
        model_node(&model, "Relu", "p", "y");
        check(&model, i, &(struct network_options){.portable = true}, NULL, "gemm_tiles", 0);
    }
}

/* Planes and rows that a group adds up, in an order of its own. */
static void test_groups(void **state)
{
    (void)state;
    static const int64_t x[] = {-1, 3, 17, 23}, channels[] = {3}, axes[] = {2, 3};
    static const char *const types[] = {"InstanceNormalization",
                                        "GlobalAveragePool",
                                        "GlobalMaxPool",
                                        "ReduceSum",
                                        "ReduceL2",
                                        "ReduceMin",
                                        "ReduceLogSumExp"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct model model;
        bool norm = strncmp(types[i], "Inst", 4) == 0,
             reduces = strncmp(types[i], "Reduce", 6) == 0;
        model_init(&model, 11);
        model_input(&model, "x", 4, x);
        add_floats(&model, "n", 1, channels);
        Onnx__NodeProto *node = model_node(&model, types[i], norm ? "x n n" : "x", "y");
        if (reduces)
            node_ints(&model, node, "axes", 2, axes);
        bool apart = strcmp(types[i], "ReduceLogSumExp") == 0;
        /* the results' range is a fraction of their size */
        check(&model, i, &(struct network_options){.portable = true}, NULL,
              norm    ? "instance_norm"
              : apart ? "reduce"
                      : "reduce_group",
              1e-5);
    }
}

/* Any class on any device: what it allows is never exceeded, and what it cannot is told. */
static void test_limits(void **state)
{
    (void)state;
    static const struct gpu_limits limits[] = {
        {1024, 48 << 10, 80}, {256, 64 << 10, 60}, {256, 32 << 10, 24}, {128, 16 << 10, 8},
        {64, 16 << 10, 4},    {64, 2 << 10, 1},    {32, 1 << 10, 2},    {16, 32 << 10, 2},
    };
    for (size_t c = 0; gpu_class_at(c); c++)
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
            for (double n = 1; n < 1e7; n *= 10) {
                struct gpu_tile tile;
                assert_true(gpu_choose_tile(gpu_class_at(c), &limits[i], 64, n, &tile));
                int items = tile.items_m * tile.items_n, columns = tile.items_n * tile.block_n;
                assert_true((size_t)items <= limits[i].items &&
                            gpu_tile_bytes(&tile) <= limits[i].local_bytes);
                assert_true(items % columns == 0 && tile.depth % (items / columns) == 0);
            }
    struct gpu_tile tile;
    assert_false(
        gpu_choose_tile(gpu_class_at(0), &(struct gpu_limits){1, 32 << 10, 1}, 64, 64, &tile));
    assert_false(gpu_choose_tile(gpu_class_at(0), &(struct gpu_limits){256, 64, 1}, 64, 64, &tile));
}

static void test_classes(void **state)
{
    (void)state;
    static const struct {
        const char *vendor, *class;
    } vendors[] = {{"NVIDIA Corporation", "NVIDIA"},
                   {"Advanced Micro Devices, Inc.", "AMD"},
                   {"AMD", "AMD"},
                   {"Intel(R) Corporation", "Intel"},
                   {"ARM", "Mali"},
                   {"QUALCOMM", "Mali"},
                   {"Charm Inc.", "other"},
                   {"", "other"}};
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
        assert_string_equal(gpu_class_of(vendors[i].vendor)->name, vendors[i].class);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),  cmocka_unit_test(test_forms),
        cmocka_unit_test(test_choice),  cmocka_unit_test(test_products),
        cmocka_unit_test(test_groups),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_classes),
    };
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
