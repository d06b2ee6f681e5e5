/*
 * Operators that the suite's vectors do not reach, or not in a batch: each against plain C that sees one
 * row at a time, with its bound (the largest difference over the range of the reference), and each row
 * alone must give the bits that it gives among others. What would mix rows is refused.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/latent.h"

#define ROWS 4
#define ROW_MAX 1024

/* From one row of x to one row of y. */
typedef void reference(const float *x, float *y);

struct example {
    const char *op;
    int opset;
    size_t rank;
    int64_t dims[ENGINE_RANK_MAX]; /* of x; the first is the batch */
    void (*build)(struct model *model);
    reference *expect;
    size_t results; /* elements of a row of y */
    double bound;
};

/* ---- each operator: the model from x to y, and what a row of it is ---- */

static void build_einsum(struct model *model)
{
    static const float w[6] = {1, -2, 3, 0.5f, 4, -1};
    model_floats(model, "w", 2, (const int64_t[]){2, 3}, w);
    node_string(model, model_node(model, "Einsum", "x w", "y"), "equation", "bij,jk->bki");
}

static void expect_einsum(const float *x, float *y) /* x[4][2], y[3][4] */
{
    static const double w[2][3] = {{1, -2, 3}, {0.5, 4, -1}};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 4; i++)
            y[k * 4 + i] = (float)((double)x[i * 2] * w[0][k] + (double)x[i * 2 + 1] * w[1][k]);
}

static void build_einsum_pair(struct model *model)
{
    node_string(model, model_node(model, "Einsum", "x x", "y"), "equation", "bij, bkj -> bik");
}

static void expect_einsum_pair(const float *x, float *y) /* x[4][2], y[4][4] */
{
    for (int i = 0; i < 16; i++)
        y[i] = (float)((double)x[i / 4 * 2] * (double)x[i % 4 * 2] +
                       (double)x[i / 4 * 2 + 1] * (double)x[i % 4 * 2 + 1]);
}

static void standardize(const float *x, float *y, int count, double scale, double shift)
{
    double mean = 0, variance = 0;
    for (int i = 0; i < count; i++)
        mean += (double)x[i] / count;
    for (int i = 0; i < count; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / count;
    for (int i = 0; i < count; i++)
        y[i] = (float)(((double)x[i] - mean) / sqrt(variance + 1e-5) * scale + shift);
}

static void build_group_norm(struct model *model)
{
    static const float scale[2] = {2, -0.5f}, shift[2] = {1, 3};
    model_floats(model, "s", 1, (const int64_t[]){2}, scale);
    model_floats(model, "b", 1, (const int64_t[]){2}, shift);
    node_int(model, model_node(model, "GroupNormalization", "x s b", "y"), "num_groups", 2);
}

static void expect_group_norm(const float *x, float *y) /* [4][2][3] in two groups of channels */
{
    standardize(x, y, 12, 2, 1);
    standardize(x + 12, y + 12, 12, -0.5, 3);
}

static void build_layer_norm(struct model *model)
{
    static const float scale[3] = {1, 1, 1};
    model_floats(model, "s", 1, (const int64_t[]){3}, scale);
    node_int(model, model_node(model, "LayerNormalization", "x s", "y"), "axis", 2);
}

static void expect_layer_norm(const float *x, float *y) /* [2][5][3] over the last two */
{
    standardize(x, y, 15, 1, 0);
    standardize(x + 15, y + 15, 15, 1, 0);
}

static void build_lp_norm(struct model *model)
{
    node_int(model, model_node(model, "LpNormalization", "x", "y"), "axis", 1);
}

static void expect_lp_norm(const float *x, float *y) /* [3][2] over 3 */
{
    for (int i = 0; i < 6; i++) {
        double sum = 0;
        for (int k = i % 2; k < 6; k += 2)
            sum += (double)x[k] * (double)x[k];
        y[i] = (float)((double)x[i] / sqrt(sum));
    }
}

static void build_lrn(struct model *model)
{
    Onnx__NodeProto *node = model_node(model, "LRN", "x", "y");
    node_int(model, node, "size", 3);
    node_float(model, node, "alpha", 0.75f);
    node_float(model, node, "bias", 2);
}

static void expect_lrn(const float *x, float *y) /* [5][4] */
{
    for (int i = 0; i < 20; i++) {
        double sum = 0;
        for (int c = i / 4 - 1; c <= i / 4 + 1; c++)
            if (c >= 0 && c < 5)
                sum += (double)x[c * 4 + i % 4] * (double)x[c * 4 + i % 4];
        y[i] = (float)((double)x[i] / pow(2 + 0.25 * sum, 0.75));
    }
}

static void build_lp_pool(struct model *model)
{
    Onnx__NodeProto *node = model_node(model, "LpPool", "x", "y");
    node_ints(model, node, "kernel_shape", 2, (const int64_t[]){2, 2});
    node_ints(model, node, "strides", 2, (const int64_t[]){2, 2});
    node_int(model, node, "p", 3);
}

static void expect_lp_pool(const float *x, float *y) /* [1][4][4] */
{
    for (int i = 0; i < 4; i++) {
        const float *at = x + i / 2 * 8 + i % 2 * 2;
        double sum = 0;
        for (int k = 0; k < 4; k++)
            sum += pow(fabs((double)at[k / 2 * 4 + k % 2]), 3);
        y[i] = (float)cbrt(sum);
    }
}

static void build_global_lp_pool(struct model *model)
{
    model_node(model, "GlobalLpPool", "x", "y");
}

static void expect_global_lp_pool(const float *x, float *y) /* [2][3][2] */
{
    for (int c = 0; c < 2; c++) {
        double sum = 0;
        for (int k = 0; k < 6; k++)
            sum += (double)x[c * 6 + k] * (double)x[c * 6 + k];
        y[c] = (float)sqrt(sum);
    }
}

static void build_sum(struct model *model)
{
    static const float axis[1] = {1};
    model_floats(model, "axis", 1, (const int64_t[]){1}, axis);
    Onnx__NodeProto *node = model_node(model, "CumSum", "x axis", "y");
    node_int(model, node, "exclusive", 1);
    node_int(model, node, "reverse", 1);
}

static void expect_sum(const float *x, float *y) /* [4][2] along 4 */
{
    for (int i = 0; i < 8; i++) {
        double sum = 0;
        for (int k = i + 2; k < 8; k += 2)
            sum += (double)x[k];
        y[i] = (float)sum;
    }
}

/* x in halves, as r: of such some are equal. */
static void round_to_halves(struct model *model)
{
    static const float two = 2;
    model_floats(model, "two", 0, NULL, &two);
    model_node(model, "Mul", "x two", "t");
    model_node(model, "Round", "t", "r");
}

/* The place of the largest of them: the first, as an age of bins. */
static void build_best(struct model *model)
{
    static const int64_t first = 16;
    model_ints(model, "first", 1, &first);
    round_to_halves(model);
    Onnx__NodeProto *node = model_node(model, "ArgMax", "r", "a");
    node_int(model, node, "axis", 1);
    node_int(model, node, "keepdims", 0);
    model_node(model, "Add", "a first", "s");
    node_int(model, model_node(model, "Cast", "s", "y"), "to", 1);
}

static void expect_best(const float *x, float *y) /* [5][2] along 5 */
{
    for (int i = 0; i < 2; i++) {
        int best = 0;
        for (int k = 1; k < 5; k++)
            best = rintf(2 * x[2 * k + i]) > rintf(2 * x[2 * best + i]) ? k : best;
        y[i] = (float)(16 + best);
    }
}

/* The last of the least, as the integers that the network gives. */
static void build_least(struct model *model)
{
    round_to_halves(model);
    Onnx__NodeProto *node = model_node(model, "ArgMin", "r", "y");
    node_int(model, node, "axis", -2);
    node_int(model, node, "select_last_index", 1);
}

static void expect_least(const float *x, float *y)
{
    for (int i = 0; i < 2; i++) {
        int best = 0;
        for (int k = 1; k < 5; k++)
            best = rintf(2 * x[2 * k + i]) <= rintf(2 * x[2 * best + i]) ? k : best;
        y[i] = (float)best;
    }
}

static void build_whole(struct model *model)
{
    static const float nine = 9;
    static const int64_t one = 1;
    model_floats(model, "nine", 0, NULL, &nine);
    model_ints(model, "one", 1, &one);
    model_node(model, "Mul", "x nine", "t");
    node_int(model, model_node(model, "Cast", "t", "w"), "to", 7);
    model_node(model, "Sub", "w one", "y");
}

static void expect_whole(const float *x, float *y) /* towards zero */
{
    for (int i = 0; i < 8; i++)
        y[i] = truncf(9 * x[i]) - 1;
}

static void build_mish(struct model *model)
{
    model_node(model, "Mish", "x", "y");
}

static void expect_mish(const float *x, float *y)
{
    for (int i = 0; i < 9; i++)
        y[i] = (float)((double)x[i] * tanh(log1p(exp((double)x[i]))));
}

/* A mask that is computed from the data: where x is above 0.25 or below -0.5, its square. */
static void build_mask(struct model *model)
{
    static const float high = 0.25f, low = -0.5f;
    model_floats(model, "high", 0, NULL, &high);
    model_floats(model, "low", 0, NULL, &low);
    model_node(model, "Greater", "x high", "g");
    model_node(model, "Less", "x low", "l");
    model_node(model, "Or", "g l", "m");
    model_node(model, "Not", "m", "n");
    model_node(model, "Mul", "x x", "q");
    model_node(model, "Where", "n x q", "y");
}

static void expect_mask(const float *x, float *y)
{
    for (int i = 0; i < 12; i++)
        y[i] = x[i] > 0.25f || x[i] < -0.5f ? x[i] * x[i] : x[i];
}

static void build_mean(struct model *model)
{
    static const float b[3] = {1, 2, 3};
    model_floats(model, "b", 1, (const int64_t[]){3}, b);
    model_node(model, "Mean", "x b x", "y");
}

static void expect_mean(const float *x, float *y) /* [2][3] */
{
    for (int i = 0; i < 6; i++)
        y[i] = (float)((2 * (double)x[i] + i % 3 + 1) / 3);
}

static void build_legacy_add(struct model *model)
{
    static const float b[2] = {10, 20};
    model_floats(model, "b", 1, (const int64_t[]){2}, b);
    Onnx__NodeProto *node = model_node(model, "Add", "x b", "y");
    node_int(model, node, "broadcast", 1);
    node_int(model, node, "axis", 1);
}

static void expect_legacy_add(const float *x, float *y) /* [2][3] */
{
    for (int i = 0; i < 6; i++)
        y[i] = x[i] + (i < 3 ? 10.0f : 20.0f);
}

static void build_pad(struct model *model)
{
    model_ints(model, "pads", 2, (const int64_t[]){2, 1});
    model_ints(model, "axes", 1, (const int64_t[]){-1});
    node_string(model, model_node(model, "Pad", "x pads - axes", "y"), "mode", "reflect");
}

static void expect_pad(const float *x, float *y) /* [2][3] to [2][6] */
{
    static const int from[6] = {2, 1, 0, 1, 2, 1};
    for (int i = 0; i < 12; i++)
        y[i] = x[i / 6 * 3 + from[i % 6]];
}

static void build_tile(struct model *model)
{
    model_ints(model, "repeats", 3, (const int64_t[]){1, 2, 1});
    model_node(model, "Tile", "x repeats", "y");
}

static void expect_tile(const float *x, float *y) /* [2][3] to [4][3] */
{
    for (int i = 0; i < 12; i++)
        y[i] = x[i % 6];
}

static void build_gather(struct model *model)
{
    model_ints(model, "at", 3, (const int64_t[]){3, -4, 1});
    node_int(model, model_node(model, "Gather", "x at", "y"), "axis", 1);
}

static void expect_gather(const float *x, float *y) /* [4][2] */
{
    static const int rows[3] = {3, 0, 1};
    for (int i = 0; i < 6; i++)
        y[i] = x[rows[i / 2] * 2 + i % 2];
}

static void build_trilu(struct model *model)
{
    node_int(model, model_node(model, "Trilu", "x", "y"), "upper", 0);
}

static void expect_trilu(const float *x, float *y) /* [3][3] */
{
    for (int i = 0; i < 9; i++)
        y[i] = i % 3 <= i / 3 ? x[i] : 0;
}

static void build_conv_3d(struct model *model)
{
    float w[2 * 8];
    harness_random(w, 16, 5);
    model_floats(model, "w", 5, (const int64_t[]){2, 1, 2, 2, 2}, w);
    model_node(model, "Conv", "x w", "y");
}

static void expect_conv_3d(const float *x, float *y) /* [1][3][3][3] to [2][2][2][2] */
{
    float w[2 * 8];
    harness_random(w, 16, 5);
    for (int i = 0; i < 16; i++) {
        double sum = 0;
        for (int k = 0; k < 8; k++) {
            int z = (i / 4 % 2) + k / 4, row = (i / 2 % 2) + k / 2 % 2, column = i % 2 + k % 2;
            sum += (double)w[i / 8 * 8 + k] * (double)x[(z * 3 + row) * 3 + column];
        }
        y[i] = (float)sum;
    }
}

static void build_upsample(struct model *model)
{
    static const float scales[4] = {1, 1, 2, 1};
    Onnx__NodeProto *node = model_node(model, "Upsample", "x", "y");
    node_floats(model, node, "scales", 4, scales);
}

static void expect_upsample(const float *x, float *y) /* [1][2][3] to [1][4][3] */
{
    for (int i = 0; i < 12; i++)
        y[i] = x[i / 6 * 3 + i % 3];
}

/* Antialiased halving of one axis: the triangle covers four inputs, 1/8, 3/8, 3/8, 1/8. */
static void build_antialias(struct model *model)
{
    model_ints(model, "sizes", 1, (const int64_t[]){3});
    Onnx__NodeProto *node = model_node(model, "Resize", "x - - sizes", "y");
    node_string(model, node, "mode", "linear");
    node_int(model, node, "antialias", 1);
    node_ints(model, node, "axes", 1, (const int64_t[]){2});
}

static void expect_antialias(const float *x, float *y) /* [2][6] to [2][3] */
{
    static const double weights[4] = {0.125, 0.375, 0.375, 0.125};
    for (int i = 0; i < 6; i++) {
        double sum = 0;
        for (int k = 0; k < 4; k++) {
            int at = i % 3 * 2 - 1 + k;
            sum += weights[k] * (double)x[i / 3 * 6 + (at < 0 ? 0 : at > 5 ? 5 : at)];
        }
        y[i] = (float)sum;
    }
}

static void build_noise(struct model *model)
{
    Onnx__NodeProto *node = model_node(model, "RandomNormalLike", "x", "y");
    node_float(model, node, "seed", 7);
    node_float(model, node, "mean", 3);
    node_float(model, node, "scale", 0.5f);
}

static void expect_noise(const float *x, float *y)
{
    const float seed = 7;
    uint32_t key[2] = {0, 1}, words[4];
    (void)x;
    memcpy(key, &seed, sizeof seed);
    for (uint32_t i = 0; i < 10; i++) {
        latent_philox(key, (const uint32_t[4]){i / 4, 0, 0, 2}, words);
        y[i] = (float)(3 + 0.5 * latent_normal(words[i % 4]));
    }
}

/* torch.randn(x.shape) + x. */
static void build_sized_noise(struct model *model)
{
    model_node(model, "Shape", "x", "shape");
    model_node(model, "ConstantOfShape", "shape", "like");
    Onnx__NodeProto *node = model_node(model, "RandomNormalLike", "like", "noise");
    node_float(model, node, "seed", 7);
    node_float(model, node, "mean", 3);
    node_float(model, node, "scale", 0.5f);
    model_node(model, "Add", "noise x", "y");
}

static void expect_sized_noise(const float *x, float *y)
{
    expect_noise(x, y);
    for (int i = 0; i < 10; i++)
        y[i] += x[i];
}

static const struct example examples[] = {
    {"Einsum", 12, 3, {-1, 4, 2}, build_einsum, expect_einsum, 12, 1e-6},
    {"Einsum of two", 13, 3, {-1, 4, 2}, build_einsum_pair, expect_einsum_pair, 16, 1e-6},
    {"GroupNormalization", 18, 4, {-1, 4, 2, 3}, build_group_norm, expect_group_norm, 24, 1e-6},
    {"LayerNormalization", 17, 4, {-1, 2, 5, 3}, build_layer_norm, expect_layer_norm, 30, 1e-6},
    {"LpNormalization", 13, 3, {-1, 3, 2}, build_lp_norm, expect_lp_norm, 6, 1e-6},
    {"LRN", 13, 3, {-1, 5, 4}, build_lrn, expect_lrn, 20, 1e-6},
    {"LpPool", 11, 4, {-1, 1, 4, 4}, build_lp_pool, expect_lp_pool, 4, 1e-6},
    {"GlobalLpPool", 2, 4, {-1, 2, 3, 2}, build_global_lp_pool, expect_global_lp_pool, 2, 1e-6},
    {"CumSum", 14, 3, {-1, 4, 2}, build_sum, expect_sum, 8, 1e-6},
    {"ArgMax", 13, 3, {-1, 5, 2}, build_best, expect_best, 2, 0},
    {"ArgMin", 13, 3, {-1, 5, 2}, build_least, expect_least, 2, 0},
    {"Cast to integers", 13, 2, {-1, 8}, build_whole, expect_whole, 8, 0},
    {"Mish", 18, 2, {-1, 9}, build_mish, expect_mish, 9, 1e-6},
    {"Where", 16, 2, {-1, 12}, build_mask, expect_mask, 12, 0},
    {"Mean", 13, 3, {-1, 2, 3}, build_mean, expect_mean, 6, 3e-7},
    {"Add-6", 6, 3, {-1, 2, 3}, build_legacy_add, expect_legacy_add, 6, 0},
    {"Pad", 18, 3, {-1, 2, 3}, build_pad, expect_pad, 12, 0},
    {"Tile", 13, 3, {-1, 2, 3}, build_tile, expect_tile, 12, 0},
    {"Gather", 13, 3, {-1, 4, 2}, build_gather, expect_gather, 6, 0},
    {"Trilu", 14, 3, {-1, 3, 3}, build_trilu, expect_trilu, 9, 0},
    {"Conv of three axes", 11, 5, {-1, 1, 3, 3, 3}, build_conv_3d, expect_conv_3d, 16, 1e-6},
    {"Upsample-7", 7, 4, {-1, 1, 2, 3}, build_upsample, expect_upsample, 12, 0},
    {"Resize", 18, 3, {-1, 2, 6}, build_antialias, expect_antialias, 6, 1e-6},
    {"RandomNormalLike", 9, 2, {-1, 10}, build_noise, expect_noise, 10, 0},
    {"RandomNormalLike of a shape",
     13,
     2,
     {-1, 10},
     build_sized_noise,
     expect_sized_noise,
     10,
     1e-6},
};

static size_t row_elements(const struct example *example)
{
    return (size_t)dims_elements(example->rank - 1, example->dims + 1);
}

/* Each row alone, in a network compiled for as many. */
static void check_alone(struct engine_network *network, const struct example *example,
                        const float *in, const float *among)
{
    for (size_t row = 0; row < ROWS; row++) {
        float alone[ROW_MAX], *out = alone;
        const float *x = in + row * row_elements(example);
        harness_run(network, 1, &x, &out);
        if (memcmp(alone, among + row * example->results, example->results * sizeof *alone) != 0)
            fail_msg("%s: row %zu depends on its batch", example->op, row);
    }
}

static void check_example(const struct example *example)
{
    size_t row = row_elements(example);
    float in[ROWS * ROW_MAX], want[ROWS * ROW_MAX], got[ROWS * ROW_MAX], *out = got;
    const float *x = in;
    struct model model;
    assert_true(row <= ROW_MAX && example->results <= ROW_MAX);
    harness_random(in, ROWS * row, 21);
    for (size_t i = 0; i < ROWS; i++)
        example->expect(in + i * row, want + i * example->results);
    model_init(&model, example->opset);
    model_input(&model, "x", example->rank, example->dims);
    example->build(&model);
    model_output(&model, "y");
    struct engine_network *network = harness_load(&model, ROWS, NULL);
    assert_int_equal(engine_output(network, 0)->row_elements, example->results);
    harness_run(network, ROWS, &x, &out);
    double error = harness_error(got, want, ROWS * example->results, 1e-3);
    if (!(error <= example->bound))
        fail_msg("%s: %.2e of the range, bound %.1e", example->op, error, example->bound);
    check_alone(network, example, in, got);
    engine_free(&network);
    model_free(&model);
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        check_example(&examples[i]);
}

/* ---- what is refused, or keeps rows from being computed together (code 0) ---- */

struct refusal {
    const char *type, *inputs;
    int opset;
    const char *attribute; /* an integer, or NULL */
    int64_t number;
    int code;
    const char *text;
};

static const struct refusal refusals[] = {
    {"Gather", "x zero", 13, "axis", 0, 0, "it picks from the batch"},
    {"Tile", "x twos", 13, NULL, 0, 0, "it picks from the batch"},
    {"GatherElements", "x square", 13, "axis", 1, E_PARSE, "indices of rank 1 (expected 2)"},
    {"GatherND", "x square", 13, NULL, 0, 0, "would address the batch"},
    {"ScatterND", "x square x", 13, NULL, 0, E_PARSE, "4 updates (expected 1)"},
    {"Trilu", "x", 14, NULL, 0, 0, "no matrix in each sample"},
    {"CumSum", "x first", 14, NULL, 0, 0, "axis 0 would mix samples"},
    {"Hardmax", "x", 13, "axis", 0, 0, "axis 0 would mix samples"},
    {"LayerNormalization", "x b", 17, "axis", 0, 0, "would mix samples"},
    {"LpNormalization", "x", 13, "axis", 0, 0, "would mix samples"},
    {"Size", "x", 13, NULL, 0, E_UNSUPPORTED, "output y is not a float tensor"},
    {"EyeLike", "x", 13, NULL, 0, E_UNSUPPORTED, "output y does not depend on the input"},
    {"ArgMax", "x", 13, "axis", 0, 0, "axis 0 would mix samples"},
    {"NonZero", "x", 13, NULL, 0, E_UNSUPPORTED, "it is evaluated at load"},
    {"Cast", "x", 13, "to", 2, E_UNSUPPORTED, "a cast of computed numbers to narrow integers"},
    {"Cast", "x", 13, "to", 8, E_UNSUPPORTED, "a cast to type 8"},
    {"Cast", "x", 13, "to", 16, E_UNSUPPORTED, "a cast to bfloat16"},
    {"Dropout", "x - square", 13, NULL, 0, E_UNSUPPORTED, "training_mode 1"},
    {"And", "x x", 13, NULL, 0, E_UNSUPPORTED, "operands that are not boolean"},
    {"Where", "x x x", 13, NULL, 0, E_UNSUPPORTED, "expected a boolean"},
    {"Add", "x zero", 13, NULL, 0, E_UNSUPPORTED, "operands of different types"},
    {"Add", "x b", 6, NULL, 0, E_PARSE, "without broadcast"},
    {"LRN", "x", 13, "size", 0, E_PARSE, "size 0 (expected 1 to 65536)"},
    {"GroupNormalization", "x b b", 18, "num_groups", 3, E_PARSE, "3 groups of 4 channels"},
    {"RandomNormalLike", "x", 13, "dtype", 11, E_UNSUPPORTED, "type 11 (expected 1, float)"},
    {"GridSample", "x x", 16, NULL, 0, E_UNSUPPORTED, "expected float [N,C,H,W]"},
    {"LSTM", "x x x", 14, NULL, 0, E_UNSUPPORTED, "(LSTM, opset 14): recurrent networks"},
    {"TopK", "x zero", 11, NULL, 0, E_UNSUPPORTED, "(TopK, opset 11): its indices"},
};

static void test_refusals(void **state)
{
    static const float b[4] = {1, 2, 3, 4}, first[1] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *refusal = &refusals[i];
        struct model model;
        model_init(&model, refusal->opset);
        model_input(&model, "x", 2, (const int64_t[]){-1, 4});
        model_floats(&model, "b", 1, (const int64_t[]){4}, b);
        model_floats(&model, "first", 1, (const int64_t[]){1}, first);
        model_ints(&model, "zero", 1, (const int64_t[]){0});
        model_ints(&model, "twos", 2, (const int64_t[]){2, 2});
        model_ints(&model, "square", 2, (const int64_t[]){0, 1});
        Onnx__NodeProto *node = model_node(&model, refusal->type, refusal->inputs, "y");
        if (refusal->attribute)
            node_int(&model, node, refusal->attribute, refusal->number);
        model_output(&model, "y");
        if (refusal->code)
            harness_refuse(&model, refusal->code, refusal->text);
        else
            harness_expect_single(&model, refusal->text);
        model_free(&model);
    }
}

static void refuse_equation(const char *equation, int code, const char *text)
{
    struct model model;
    model_init(&model, 13);
    model_input(&model, "x", 2, (const int64_t[]){-1, 4});
    node_string(&model, model_node(&model, "Einsum", "x x", "y"), "equation", equation);
    model_output(&model, "y");
    if (code)
        harness_refuse(&model, code, text);
    else
        harness_expect_single(&model, text);
    model_free(&model);
}

static void test_equations(void **state)
{
    (void)state;
    refuse_equation("bi,bj->ij", 0, "label b would mix samples");
    refuse_equation("bi,cj->bc", 0, "would mix samples");
    refuse_equation("b...,b...->b", E_UNSUPPORTED, "expected one or two terms of letters");
    refuse_equation("bi->b", E_PARSE, "2 operands for 1 terms");
    refuse_equation("bi,bi->bz", E_PARSE, "label z of the result");
    refuse_equation("bijklmnop,b->b", E_UNSUPPORTED, "expected one or two terms of letters");
    refuse_equation("bij,bi->b", E_PARSE, "of rank 2");
    refuse_equation("", E_UNSUPPORTED, "that is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_equations)};
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
