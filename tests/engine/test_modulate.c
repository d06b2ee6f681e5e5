/*
 * Modulated convolutions: a fused export, whose file knows one row only, is conv(x, W·s·d) for any number
 * of rows, and takes no memory for their weights; what only looks like it has weights for each row, and one row after the other.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS 4 /* in and out, so that shapes alone cannot tell them apart */
#define TAPS 9
#define SIDE 5
#define ROWS 3
#define EPSILON 1e-8f

struct form {
    int64_t batch;    /* of the file's inputs; -1: open */
    const char *swap; /* "Transpose" of [1,I,O,k,k]: weights whose inputs and outputs are exchanged */
    bool demodulate, power;
};

static float weights[CHANNELS * CHANNELS * TAPS];

static void add_demodulation(struct model *model, bool power)
{
    static const int64_t axes[] = {2, 3, 4};
    if (power)
        model_node(model, "Pow", "ws two", "squares");
    else
        model_node(model, "Mul", "ws ws", "squares");
    model_ints(model, "axes", 3, axes);
    node_int(model, model_node(model, "ReduceSum", "squares axes", "sum"), "keepdims", 0);
    model_node(model, "Add", "sum epsilon", "above");
    model_node(model, "Sqrt", "above", "root");
    model_node(model, "Reciprocal", "root", "d");
    model_node(model, "Reshape", "d shape_d", "d5");
    model_node(model, "Mul", "ws d5", "wsd");
}

static void build(struct model *model, const struct form *form)
{
    const int64_t x[] = {form->batch, CHANNELS, SIDE, SIDE}, s[] = {form->batch, CHANNELS};
    static const int64_t w[] = {1, CHANNELS, CHANNELS, 3, 3}, one[] = {1}, pads[] = {1, 1, 1, 1},
                         swapped[] = {0, 2, 1, 3, 4};
    harness_random(weights, CHANNELS * CHANNELS * TAPS, 1);
    model_init(model, 13);
    model_input(model, "x", 4, x);
    model_input(model, "s", 2, s);
    model_floats(model, "w", 5, w, weights);
    model_floats(model, "two", 1, one, (const float[]){2.0f});
    model_floats(model, "epsilon", 1, one, (const float[]){EPSILON});
    model_ints(model, "shape_s", 5, (const int64_t[]){1, 1, CHANNELS, 1, 1});
    model_ints(model, "shape_d", 5, (const int64_t[]){1, -1, 1, 1, 1});
    model_ints(model, "shape_w", 4, (const int64_t[]){-1, CHANNELS, 3, 3});
    model_ints(model, "shape_x", 4, (const int64_t[]){1, -1, SIDE, SIDE});
    model_node(model, "Reshape", "s shape_s", "s5");
    model_node(model, "Mul", "w s5", "ws");
    if (form->demodulate)
        add_demodulation(model, form->power);
    const char *product = form->demodulate ? "wsd" : "ws";
    if (form->swap) {
        Onnx__NodeProto *node = model_node(model, form->swap, product, "swapped");
        node_ints(model, node, "perm", 5, swapped);
        product = "swapped";
    }
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s shape_w", product);
    model_node(model, "Reshape", inputs, "w4");
    model_node(model, "Reshape", "x shape_x", "x4");
    node_ints(model, model_node(model, "Conv", "x4 w4", "y4"), "pads", 4, pads);
    model_node(model, "Reshape", "y4 shape_x", "y");
    model_output(model, "y");
}

/* conv(x, W·s·d) of one row, as it is written. */
static void convolve(const float *x, const float *s, bool demodulate, float *y)
{
    for (int o = 0; o < CHANNELS; o++) {
        double sum = 0;
        for (int k = 0; k < CHANNELS * TAPS; k++)
            sum += pow((double)weights[o * CHANNELS * TAPS + k] * (double)s[k / TAPS], 2);
        double d = demodulate ? 1 / sqrt(sum + (double)EPSILON) : 1;
        for (int p = 0; p < SIDE * SIDE; p++) {
            double out = 0;
            for (int k = 0; k < CHANNELS * TAPS; k++) {
                int row = p / SIDE + k % TAPS / 3 - 1, column = p % SIDE + k % 3 - 1;
                if (row >= 0 && row < SIDE && column >= 0 && column < SIDE)
                    out += (double)weights[o * CHANNELS * TAPS + k] * (double)s[k / TAPS] *
                           (double)x[(k / TAPS * SIDE + row) * SIDE + column];
            }
            y[o * SIDE * SIDE + p] = (float)(out * d);
        }
    }
}

static void expect_convolution(const struct form *form)
{
    enum { IMAGE = CHANNELS * SIDE * SIDE };
    struct model model;
    float x[ROWS * IMAGE], s[ROWS * CHANNELS], want[ROWS * IMAGE], got[ROWS * IMAGE];
    float *out = got;
    build(&model, form);
    harness_random(x, ROWS * IMAGE, 2);
    harness_random(s, ROWS * CHANNELS, 3);
    for (int row = 0; row < ROWS; row++)
        convolve(x + row * IMAGE, s + row * CHANNELS, form->demodulate, want + row * IMAGE);
    struct engine_network *network = harness_load(&model, ROWS, NULL);
    harness_run(network, ROWS, (const float *const[]){x, s}, &out);
    assert_true(harness_error(got, want, ROWS * IMAGE, 1e-3) <= 2e-6);
    const struct graph *graph = network->graph;
    for (size_t i = 0; i < graph->node_count; i++) { /* nothing computes weights for each row */
        const struct value *value = node_output(graph, &graph->nodes[i], 0);
        assert_true(graph->nodes[i].dead || value->rank < 5 ||
                    value_elements(value) <= (int64_t)ROWS * CHANNELS);
    }
    engine_free(&network);
    model_free(&model);
}

static void test_style(void **state)
{
    (void)state;
    expect_convolution(&(struct form){.batch = 1});
}

static void test_demodulation(void **state)
{
    (void)state;
    expect_convolution(&(struct form){.batch = 1, .demodulate = true});
    expect_convolution(&(struct form){.batch = 1, .demodulate = true, .power = true});
}

/* Inputs and outputs exchanged on the way to the convolution: the style then scales its outputs. */
static void test_exchanged(void **state)
{
    (void)state;
    struct model model;
    build(&model, &(struct form){.batch = 1, .swap = "Transpose"});
    harness_expect_single(&model, "rows a sample");
    model_free(&model);
}

/* With an open batch, the shapes are right for one row alone. */
static void test_open_batch(void **state)
{
    (void)state;
    struct model model;
    build(&model, &(struct form){.batch = -1});
    harness_expect_single(&model, "elements do not fit a shape of 4");
    model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_style),
        cmocka_unit_test(test_demodulation),
        cmocka_unit_test(test_exchanged),
        cmocka_unit_test(test_open_batch),
    };
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
