/*
 * What exporters of today write: operators of opsets after 18, rows that a reshape has multiplied, and constants that are
 * spread over the batch. Against plain C in double, and each row alone to the bit.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 3
#define ROW_MAX 64

struct example {
    const char *name;
    int opset;
    size_t rank;
    int64_t dims[5];
    void (*build)(struct model *model);
    void (*expect)(const float *x, float *y); /* of one row */
    size_t results;
};

/* ---- element-wise ---- */

static void build_gelu(struct model *model)
{
    model_node(model, "Gelu", "x", "a");
    node_string(model, model_node(model, "Gelu", "x", "b"), "approximate", "tanh");
    node_float(model, model_node(model, "Swish", "x", "c"), "alpha", 1.7f);
    node_int(model, model_node(model, "Concat", "a b c", "y"), "axis", 1);
}

static void expect_gelu(const float *x, float *y)
{
    for (int i = 0; i < 8; i++) {
        double v = (double)x[i];
        y[i] = (float)(v / 2 * (1 + erf(v / sqrt(2))));
        y[8 + i] = (float)(v / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (v + 0.044715 * v * v * v))));
        y[16 + i] = (float)(v / (1 + exp(-1.7 * v)));
    }
}

/* ---- normalisations ---- */

static const float scales[4] = {0.5f, -1, 2, 1.5f}, shifts[4] = {0.1f, 0.2f, -0.3f, 0};

static void build_group(struct model *model)
{
    model_floats(model, "s", 1, (const int64_t[]){4}, scales);
    model_floats(model, "b", 1, (const int64_t[]){4}, shifts);
    node_int(model, model_node(model, "GroupNormalization", "x s b", "y"), "num_groups", 2);
}

static void expect_group(const float *x, float *y)
{
    for (int g = 0; g < 2; g++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < 6; i++)
            mean += (double)x[6 * g + i] / 6;
        for (int i = 0; i < 6; i++)
            variance += pow((double)x[6 * g + i] - mean, 2) / 6;
        for (int i = 0; i < 6; i++) {
            int c = 2 * g + i / 3;
            y[6 * g + i] = (float)(((double)x[6 * g + i] - mean) / sqrt(variance + 1e-5) * (double)scales[c] +
                                   (double)shifts[c]);
        }
    }
}

static void build_root(struct model *model)
{
    model_floats(model, "s", 1, (const int64_t[]){4}, scales);
    model_node(model, "RMSNormalization", "x s", "y");
}

static void expect_root(const float *x, float *y)
{
    for (int r = 0; r < 3; r++) {
        double squares = 0;
        for (int i = 0; i < 4; i++)
            squares += (double)x[4 * r + i] * (double)x[4 * r + i] / 4;
        for (int i = 0; i < 4; i++)
            y[4 * r + i] = (float)((double)x[4 * r + i] / sqrt(squares + 1e-5) * (double)scales[i]);
    }
}

/* ---- places ---- */

static void build_wrap(struct model *model)
{
    model_ints(model, "pads", 4, (const int64_t[]){0, 2, 0, 4});
    node_string(model, model_node(model, "Pad", "x pads", "y"), "mode", "wrap");
}

static void expect_wrap(const float *x, float *y)
{
    for (int i = 0; i < 9; i++)
        y[i] = x[(i + 1) % 3];
}

/* Five become three: what 5·0.7 has more than 3 is cut off at both ends alike. */
static void build_symmetric(struct model *model)
{
    model_floats(model, "scales", 1, (const int64_t[]){3}, (const float[]){1, 1, 0.7f});
    Onnx__NodeProto *node = model_node(model, "Resize", "x - scales", "y");
    node_string(model, node, "mode", "linear");
    node_string(model, node, "coordinate_transformation_mode", "half_pixel_symmetric");
}

static void expect_symmetric(const float *x, float *y)
{
    for (int i = 0; i < 3; i++) {
        double at = 2.5 * (1 - 3 / 3.5) + (i + 0.5) / 0.7 - 0.5, below = floor(at);
        y[i] = (float)((double)x[(int)below] * (1 - at + below) + (double)x[(int)below + 1] * (at - below));
    }
}

static void build_dilated(struct model *model)
{
    Onnx__NodeProto *node = model_node(model, "AveragePool", "x", "y");
    node_ints(model, node, "kernel_shape", 1, (const int64_t[]){2});
    node_ints(model, node, "dilations", 1, (const int64_t[]){3});
}

static void expect_dilated(const float *x, float *y)
{
    for (int i = 0; i < 3; i++)
        y[i] = (x[i] + x[i + 3]) / 2;
}

/* ---- rows ---- */

/* [N,2,3,4] as [N·2,1,3,4], as upfirdn2d's reference has it: each channel for itself. */
static void build_grouped(struct model *model)
{
    static const float kernel[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    model_floats(model, "k", 4, (const int64_t[]){1, 1, 3, 3}, kernel);
    model_ints(model, "apart", 4, (const int64_t[]){-1, 1, 3, 4});
    model_ints(model, "together", 4, (const int64_t[]){-1, 2, 3, 4});
    model_node(model, "Reshape", "x apart", "a");
    node_ints(model, model_node(model, "Conv", "a k", "b"), "pads", 4, (const int64_t[]){1, 1, 1, 1});
    node_ints(model, model_node(model, "Transpose", "b", "c"), "perm", 4, (const int64_t[]){0, 2, 3, 1});
    node_ints(model, model_node(model, "Transpose", "c", "d"), "perm", 4, (const int64_t[]){0, 3, 1, 2});
    model_node(model, "Relu", "d", "e");
    model_node(model, "Add", "e a", "f");
    model_node(model, "Reshape", "f together", "y");
}

static void expect_grouped(const float *x, float *y)
{
    for (int i = 0; i < 24; i++) {
        int c = i / 12, row = i / 4 % 3, column = i % 4;
        double sum = 0;
        for (int k = 0; k < 9; k++) {
            int at_row = row + k / 3 - 1, at_column = column + k % 3 - 1;
            if (at_row >= 0 && at_row < 3 && at_column >= 0 && at_column < 4)
                sum += (k + 1) * (double)x[12 * c + 4 * at_row + at_column];
        }
        y[i] = (float)(fmax(sum, 0) + (double)x[i]);
    }
}

/* A constant for each sample, by Expand to x's own shape and by Tile, joined with the sample. */
static void build_spread(struct model *model)
{
    static const float token[2] = {0.25f, -0.5f};
    model_floats(model, "token", 2, (const int64_t[]){1, 2}, token);
    model_ints(model, "zero", 1, (const int64_t[]){0});
    model_ints(model, "two", 1, (const int64_t[]){2});
    model_ints(model, "one", 1, (const int64_t[]){1});
    model_node(model, "Shape", "x", "shape");
    model_node(model, "Gather", "shape zero", "rows");
    node_int(model, model_node(model, "Concat", "rows two", "to"), "axis", 0);
    node_int(model, model_node(model, "Concat", "rows one", "times"), "axis", 0);
    model_node(model, "Expand", "token to", "a");
    model_node(model, "Tile", "token times", "b");
    node_int(model, model_node(model, "Concat", "a x b", "y"), "axis", 1);
}

static void expect_spread(const float *x, float *y)
{
    const float row[7] = {0.25f, -0.5f, x[0], x[1], x[2], 0.25f, -0.5f};
    memcpy(y, row, sizeof row);
}

/* The embedding of class 1, looked up for every sample, as conditional generators have it. */
static void build_class(struct model *model)
{
    static const float table[6] = {1, 2, 3, 4, 5, 6};
    model_floats(model, "table", 2, (const int64_t[]){2, 3}, table);
    model_ints(model, "zero", 1, (const int64_t[]){0});
    model_ints(model, "one", 1, (const int64_t[]){1});
    model_node(model, "Shape", "x", "shape");
    model_node(model, "Gather", "shape zero", "rows");
    model_node(model, "Expand", "one rows", "classes");
    model_node(model, "Gather", "table classes", "embedding");
    model_node(model, "Mul", "embedding x", "a");
    node_int(model, model_node(model, "Concat", "embedding a", "y"), "axis", 1);
}

static void expect_class(const float *x, float *y)
{
    for (int i = 0; i < 3; i++) {
        y[i] = (float)(4 + i);
        y[3 + i] = (float)(4 + i) * x[i];
    }
}

/* new_empty(n, 2).normal_() times 0: a shape of a constant of the batch's size. */
static void build_empty(struct model *model)
{
    model_floats(model, "nothing", 1, (const int64_t[]){1}, (const float[]){0});
    model_ints(model, "zero", 1, (const int64_t[]){0});
    model_ints(model, "two", 1, (const int64_t[]){2});
    model_node(model, "Shape", "x", "shape");
    model_node(model, "Gather", "shape zero", "rows");
    node_int(model, model_node(model, "Concat", "rows two", "to"), "axis", 0);
    model_node(model, "ConstantOfShape", "to", "empty");
    model_node(model, "Shape", "empty", "again");
    model_node(model, "Expand", "nothing again", "like");
    model_node(model, "RandomNormalLike", "like", "noise");
    model_node(model, "Mul", "noise nothing", "silence");
    model_node(model, "Add", "silence x", "y");
}

static void expect_empty(const float *x, float *y)
{
    y[0] = x[0];
    y[1] = x[1];
}

/* How many thresholds x is above, and one: an ordinal head. */
static void build_ordinal(struct model *model)
{
    model_floats(model, "levels", 1, (const int64_t[]){5}, (const float[]){-0.5f, -0.2f, 0, 0.3f, 0.6f});
    model_ints(model, "axis", 1, (const int64_t[]){1});
    model_ints(model, "one", 1, (const int64_t[]){1});
    model_node(model, "Greater", "x levels", "above");
    node_int(model, model_node(model, "Cast", "above", "whole"), "to", 7);
    model_node(model, "ReduceSum", "whole axis", "sum");
    model_node(model, "Add", "one sum", "rank");
    node_int(model, model_node(model, "Cast", "rank", "y"), "to", 1);
}

static void expect_ordinal(const float *x, float *y)
{
    static const float levels[5] = {-0.5f, -0.2f, 0, 0.3f, 0.6f};
    y[0] = 1;
    for (int i = 0; i < 5; i++)
        y[0] += x[i] > levels[i];
}

/* A matrix with as many rows as there are samples, all alike, is none of theirs. */
static void build_matrix(struct model *model)
{
    static const float alike[6] = {1, 2, 1, 2, 1, 2};
    model_floats(model, "w", 2, (const int64_t[]){ROWS, 2}, alike);
    model_node(model, "MatMul", "x w", "y");
}

static void expect_matrix(const float *x, float *y)
{
    y[0] = x[0] + x[1] + x[2];
    y[1] = 2 * y[0];
}

static const struct example examples[] = {
    {"Gelu and Swish", 24, 2, {-1, 8}, build_gelu, expect_gelu, 24},
    {"GroupNormalization", 21, 3, {-1, 4, 3}, build_group, expect_group, 12},
    {"RMSNormalization", 23, 3, {-1, 3, 4}, build_root, expect_root, 12},
    {"Pad", 19, 2, {-1, 3}, build_wrap, expect_wrap, 9},
    {"Resize", 19, 3, {-1, 1, 5}, build_symmetric, expect_symmetric, 3},
    {"AveragePool", 20, 3, {-1, 1, 6}, build_dilated, expect_dilated, 3},
    {"rows of channels", 13, 4, {-1, 2, 3, 4}, build_grouped, expect_grouped, 24},
    {"a class", 13, 2, {-1, 3}, build_class, expect_class, 6},
    {"noise of the batch", 13, 2, {-1, 2}, build_empty, expect_empty, 2},
    {"an ordinal head", 13, 2, {-1, 5}, build_ordinal, expect_ordinal, 1},
    {"a matrix", 13, 2, {-1, ROWS}, build_matrix, expect_matrix, 2},
    {"constants of the batch", 20, 2, {-1, 3}, build_spread, expect_spread, 7},
};

static void check_example(const struct example *example)
{
    float in[ROWS * ROW_MAX], want[ROWS * ROW_MAX], got[ROWS * ROW_MAX], alone[ROW_MAX];
    size_t row = (size_t)dims_elements(example->rank - 1, example->dims + 1);
    struct model model;
    harness_random(in, ROWS * row, 5);
    for (size_t i = 0; i < ROWS; i++)
        example->expect(in + i * row, want + i * example->results);
    model_init(&model, example->opset);
    model_input(&model, "x", example->rank, example->dims);
    example->build(&model);
    model_output(&model, "y");
    struct engine_network *network = harness_load(&model, ROWS, NULL);
    assert_int_equal(engine_output(network, 0)->row_elements, example->results);
    harness_run(network, ROWS, (const float *const[]){in}, (float *const[]){got});
    double error = harness_error(got, want, ROWS * example->results, 1e-3);
    if (!(error <= 2e-6))
        fail_msg("%s: %.2e of the range", example->name, error);
    for (size_t i = 0; i < ROWS; i++) {
        harness_run(network, 1, (const float *const[]){in + i * row}, (float *const[]){alone});
        if (memcmp(alone, got + i * example->results, example->results * sizeof *alone) != 0)
            fail_msg("%s: row %zu depends on its batch", example->name, i);
    }
    engine_free(&network);
    model_free(&model);
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        check_example(&examples[i]);
}

/* In a file of one sample, a shape's first number is rows a sample, unless it is computed from x's. */
static void check_file_of_one(bool computed)
{
    float in[ROWS * 24], got[ROWS * 24];
    struct model model;
    harness_random(in, ROWS * 24, 9);
    model_init(&model, 13);
    model_input(&model, "x", 3, (const int64_t[]){1, 4, 6});
    model_ints(&model, "apart", 3, (const int64_t[]){4, 2, -1});
    model_ints(&model, "four", 1, (const int64_t[]){4});
    model_ints(&model, "zero", 1, (const int64_t[]){0});
    model_ints(&model, "rest", 2, (const int64_t[]){2, -1});
    model_ints(&model, "together", 3, (const int64_t[]){1, 4, 6});
    model_node(&model, "Shape", "x", "shape");
    model_node(&model, "Gather", "shape zero", "rows");
    model_node(&model, "Mul", "rows four", "all");
    node_int(&model, model_node(&model, "Concat", "all rest", "computed"), "axis", 0);
    model_node(&model, "Reshape", computed ? "x computed" : "x apart", "a");
    node_int(&model, model_node(&model, "Softmax", "a", "b"), "axis", 2);
    model_node(&model, "Reshape", "b together", "y");
    model_output(&model, "y");
    struct engine_network *network = harness_load(&model, ROWS, NULL);
    harness_run(network, ROWS, (const float *const[]){in}, (float *const[]){got});
    for (size_t i = 0; i < ROWS * 24; i += 3) {
        double sum = 0;
        for (size_t k = 0; k < 3; k++)
            sum += exp((double)in[i + k]);
        for (size_t k = 0; k < 3; k++)
            assert_true(fabs((double)got[i + k] - exp((double)in[i + k]) / sum) < 1e-6);
    }
    engine_free(&network);
    model_free(&model);
}

static void test_file_of_one(void **state)
{
    (void)state;
    check_file_of_one(false);
    check_file_of_one(true);
}

static void begin(struct model *model)
{
    model_init(model, 13);
    model_input(model, "x", 3, (const int64_t[]){-1, 4, 6});
    model_ints(model, "apart", 2, (const int64_t[]){-1, 6});
    model_node(model, "Reshape", "x apart", "a");
}

/* Half of a count is another number for integers. */
static void test_divided(void **state)
{
    (void)state;
    struct model model;
    model_init(&model, 13);
    model_input(&model, "x", 2, (const int64_t[]){-1, 5});
    model_floats(&model, "zero", 1, (const int64_t[]){1}, (const float[]){0});
    model_ints(&model, "two", 1, (const int64_t[]){2});
    model_node(&model, "Greater", "x zero", "above");
    node_int(&model, model_node(&model, "Cast", "above", "whole"), "to", 7);
    model_node(&model, "Div", "whole two", "half");
    node_int(&model, model_node(&model, "Cast", "half", "y"), "to", 1);
    model_output(&model, "y");
    harness_refuse(&model, E_UNSUPPORTED, "it computes with integers that come of samples");
    model_free(&model);
}

/* What would let samples meet, and a result that is not of samples: then a row is computed after the other. */
static void test_apart(void **state)
{
    (void)state;
    struct model model;
    begin(&model);
    model_node(&model, "Relu", "a", "y");
    model_output(&model, "y");
    harness_expect_single(&model, "has 4 rows a sample (expected one)");
    model_free(&model);
    begin(&model);
    model_ints(&model, "flat", 2, (const int64_t[]){-1, 24});
    model_ints(&model, "columns", 1, (const int64_t[]){1});
    model_node(&model, "Reshape", "x flat", "b");
    model_node(&model, "MatMul", "a b", "y");
    model_output(&model, "y");
    harness_refuse(&model, E_PARSE, "A has 6 columns, B 1 rows");
    model_free(&model);
    begin(&model);
    node_ints(&model, model_node(&model, "Transpose", "a", "y"), "perm", 2, (const int64_t[]){1, 0});
    model_output(&model, "y");
    harness_expect_single(&model, "it moves the batch");
    model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_file_of_one),
                                       cmocka_unit_test(test_divided),
                                       cmocka_unit_test(test_apart)};
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
