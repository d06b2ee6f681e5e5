/* What a file leaves to be decided when it is read: branches, nodes that stand for several, sizes that are open, inputs of bytes,
 * weights that are computed from constants. */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 3

static void run(const struct model *model, const struct network_options *options, const float *in, float *out)
{
    struct engine_network *network = harness_load(model, ROWS, options);
    assert_null(engine_single(network));
    harness_run(network, ROWS, &in, &out);
    engine_free(&network);
}

/* ---- branches ---- */

/* A branch that gives what `type` makes of x, under a name that both branches use, from a constant of its own. */
static void begin_branch(struct model *branch, const char *type, float constant)
{
    model_init(branch, 13);
    model_floats(branch, "c", 0, NULL, &constant);
    model_node(branch, type, "x c", "inner");
    model_output(branch, "inner");
}

/* y = 3 (x + 2) if dimension `axis` of x is `size`, else 3 (x · 5). */
static void begin_if(struct model *model, struct model branches[2], int64_t axis, int64_t size)
{
    const float three = 3;
    model_init(model, 13);
    model_input(model, "x", 2, (const int64_t[]){-1, 4});
    model_floats(model, "c", 0, NULL, &three);
    model_ints(model, "axis", 1, &axis);
    model_ints(model, "size", 1, &size);
    begin_branch(&branches[0], "Add", 2);
    begin_branch(&branches[1], "Mul", 5);
    model_node(model, "Shape", "x", "shape");
    model_node(model, "Gather", "shape axis", "given");
    model_node(model, "Equal", "given size", "which");
    Onnx__NodeProto *node = model_node(model, "If", "which", "b");
    node_graph(model, node, "then_branch", &branches[0].graph);
    node_graph(model, node, "else_branch", &branches[1].graph);
    model_node(model, "Mul", "b c", "y");
    model_output(model, "y");
}

static void end_if(struct model *model, struct model branches[2])
{
    model_free(model);
    model_free(&branches[0]);
    model_free(&branches[1]);
}

static void check_branch(int64_t size)
{
    struct model model, branches[2];
    float in[ROWS * 4], out[ROWS * 4];
    harness_random(in, ROWS * 4, 41);
    begin_if(&model, branches, 1, size);
    run(&model, NULL, in, out);
    for (size_t i = 0; i < ROWS * 4; i++)
        assert_true(out[i] == 3 * (size == 4 ? in[i] + 2 : in[i] * 5));
    end_if(&model, branches);
}

static void test_branches(void **state)
{
    (void)state;
    check_branch(4);
    check_branch(7);
}

/* What is not taken need not run. */
static void test_dead_branch(void **state)
{
    (void)state;
    struct model model, branches[2];
    float in[ROWS * 4], out[ROWS * 4];
    static char unknown[] = "Frobnicate";
    harness_random(in, ROWS * 4, 42);
    begin_if(&model, branches, 1, 4);
    char *known = branches[1].graph.node[0]->op_type;
    branches[1].graph.node[0]->op_type = unknown;
    run(&model, NULL, in, out);
    for (size_t i = 0; i < ROWS * 4; i++)
        assert_true(out[i] == 3 * (in[i] + 2));
    branches[1].graph.node[0]->op_type = known;
    end_if(&model, branches);
}

/* A batch of one takes another branch than a batch of three: then each row is a batch of one. */
static void test_branch_by_rows(void **state)
{
    (void)state;
    struct model model, branches[2];
    begin_if(&model, branches, 0, 1);
    harness_expect_single(&model, "(If, opset 13): its condition depends on the number of rows");
    end_if(&model, branches);
}

static void test_wrong_branches(void **state)
{
    (void)state;
    struct model model, branches[2];
    static char elsewhere[] = "elsewhere";
    begin_if(&model, branches, 1, 4);
    Onnx__ValueInfoProto *output = branches[0].graph.output[0];
    char *name = output->name;
    output->name = elsewhere;
    harness_refuse(&model, E_PARSE, "output elsewhere of the then branch is computed by no node");
    output->name = name;
    branches[1].graph.n_output = 0;
    harness_refuse(&model, E_PARSE, "the else branch has 0 outputs (expected 1)");
    branches[1].graph.n_output = 1;
    end_if(&model, branches);

    const float half = 0.5f;
    begin_if(&model, branches, 1, 4);
    model_floats(&model, "half", 0, NULL, &half);
    model.graph.node[2]->op_type = (char[]){"Greater"};
    model.graph.node[2]->input[0] = (char[]){"x"};
    model.graph.node[2]->input[1] = (char[]){"half"};
    harness_refuse(&model, E_UNSUPPORTED, "(If, opset 13): its condition depends on the input's content");
    end_if(&model, branches);
}

/* ---- nodes that stand for several ---- */

/* y[N,2,3,4] of q, k, v that are x in three orders: softmax(q kᵀ / s) v, plain C, a matrix [3,4] at a time. */
static void expect_attention(const float *x, double scale, float mask, float *y)
{
    for (int h = 0; h < 2; h++, x += 12, y += 12)
        for (int i = 0; i < 3; i++) {
            double weights[3], sum = 0, mixed[4] = {0};
            for (int j = 0; j < 3; j++) {
                double score = 0;
                for (int k = 0; k < 4; k++)
                    score += (double)x[i * 4 + k] * (double)x[j * 4 + k];
                weights[j] = exp(score * scale + (j == 0 ? (double)mask : 0));
                sum += weights[j];
            }
            for (int j = 0; j < 3; j++)
                for (int k = 0; k < 4; k++)
                    mixed[k] += weights[j] / sum * (double)x[j * 4 + k];
            for (int k = 0; k < 4; k++)
                y[i * 4 + k] = (float)mixed[k];
        }
}

static void compare_attention(const struct model *model, double scale, float mask)
{
    float in[ROWS * 24], want[ROWS * 24], got[ROWS * 24];
    harness_random(in, ROWS * 24, 44);
    for (size_t i = 0; i < ROWS; i++)
        expect_attention(in + i * 24, scale, mask, want + i * 24);
    run(model, NULL, in, got);
    for (size_t i = 0; i < ROWS * 24; i++)
        assert_true(fabsf(got[i] - want[i]) < 1e-6f);
}

static void test_attention(void **state)
{
    (void)state;
    static const float mask[3] = {-1.5f, 0, 0};
    struct model model;
    model_init(&model, 23);
    model_input(&model, "x", 4, (const int64_t[]){-1, 2, 3, 4});
    model_node(&model, "Attention", "x x x", "y");
    model_output(&model, "y");
    compare_attention(&model, 0.5, 0);
    model_free(&model);

    model_init(&model, 23);
    model_input(&model, "x", 4, (const int64_t[]){-1, 2, 3, 4});
    model_floats(&model, "mask", 1, (const int64_t[]){3}, mask);
    node_float(&model, model_node(&model, "Attention", "x x x mask", "y"), "scale", 2);
    model_output(&model, "y");
    compare_attention(&model, 2, -1.5f);
    node_int(&model, model.graph.node[0], "is_causal", 1);
    harness_refuse(&model, E_UNSUPPORTED, "(Attention, opset 23): with a cache, a causal mask");
    model_free(&model);
}

/* [N,3,8]: two heads of four side by side. */
static void test_attention_of_heads(void **state)
{
    (void)state;
    struct model model;
    model_init(&model, 23);
    model_input(&model, "x", 4, (const int64_t[]){-1, 2, 3, 4});
    model_ints(&model, "flat", 3, (const int64_t[]){0, 3, 8});
    model_ints(&model, "apart", 4, (const int64_t[]){0, 3, 2, 4});
    node_ints(&model, model_node(&model, "Transpose", "x", "t"), "perm", 4, (const int64_t[]){0, 2, 1, 3});
    model_node(&model, "Reshape", "t flat", "s");
    Onnx__NodeProto *node = model_node(&model, "Attention", "s s s", "a");
    node_int(&model, node, "q_num_heads", 2);
    node_int(&model, node, "kv_num_heads", 2);
    model_node(&model, "Reshape", "a apart", "b");
    node_ints(&model, model_node(&model, "Transpose", "b", "y"), "perm", 4, (const int64_t[]){0, 2, 1, 3});
    model_output(&model, "y");
    compare_attention(&model, 0.5, 0);
    model_free(&model);
}

/* A function of the model's: own.NAME(a) -> r with the nodes of `body`, and an attribute `slope`. */
static void define(Onnx__FunctionProto *proto, const char *name, const struct model *body)
{
    static char domain[] = "own", a[] = "a", r[] = "r", slope[] = "slope", *inputs[] = {a}, *outputs[] = {r},
                *attributes[] = {slope};
    onnx__function_proto__init(proto);
    proto->name = (char *)(uintptr_t)name;
    proto->domain = domain;
    proto->node = body->graph.node;
    proto->n_node = body->graph.n_node;
    proto->input = inputs;
    proto->output = outputs;
    proto->attribute = attributes;
    proto->n_input = proto->n_output = proto->n_attribute = 1;
    proto->opset_import = body->proto.opset_import;
    proto->n_opset_import = body->proto.n_opset_import;
}

/* Attribute 0 of the node is the call's `slope`. */
static void refer(Onnx__NodeProto *node)
{
    static char slope[] = "slope";
    node->attribute[0]->has_f = 0;
    node->attribute[0]->ref_attr_name = slope;
}

struct calls {
    struct model model, once, twice;
    Onnx__FunctionProto protos[2], *list[2];
};

/* y = Twice(x), slope 0.5; Twice(a) = Once(Once(a)) with that slope, Once(a) = LeakyRelu(a) + a; both call a tensor `t`. */
static void begin_calls(struct calls *calls, int64_t opset)
{
    static char domain[] = "own";
    model_init(&calls->once, (int)opset);
    Onnx__NodeProto *node = model_node(&calls->once, "LeakyRelu", "a", "t");
    node_float(&calls->once, node, "alpha", 0);
    refer(node);
    model_node(&calls->once, "Add", "t a", "r");
    model_init(&calls->twice, (int)opset);
    for (int i = 0; i < 2; i++) {
        node = model_node(&calls->twice, "Once", i ? "t" : "a", i ? "r" : "t");
        node->domain = domain;
        node_float(&calls->twice, node, "slope", 0);
        refer(node);
    }
    define(&calls->protos[0], "Once", &calls->once);
    define(&calls->protos[1], "Twice", &calls->twice);
    calls->list[0] = &calls->protos[0];
    calls->list[1] = &calls->protos[1];
    model_init(&calls->model, 15);
    model_input(&calls->model, "x", 2, (const int64_t[]){-1, 4});
    node = model_node(&calls->model, "Twice", "x", "y");
    node->domain = domain;
    node_float(&calls->model, node, "slope", 0.5f);
    model_output(&calls->model, "y");
    calls->model.proto.functions = calls->list;
    calls->model.proto.n_functions = 2;
}

static void end_calls(struct calls *calls)
{
    model_free(&calls->model);
    model_free(&calls->once);
    model_free(&calls->twice);
}

static void test_functions(void **state)
{
    (void)state;
    struct calls calls;
    float in[ROWS * 4], out[ROWS * 4];
    harness_random(in, ROWS * 4, 45);
    begin_calls(&calls, 15);
    run(&calls.model, NULL, in, out);
    for (size_t i = 0; i < ROWS * 4; i++) {
        float once = in[i] + in[i] * (in[i] < 0 ? 0.5f : 1);
        assert_true(fabsf(out[i] - (once + once * (once < 0 ? 0.5f : 1))) < 1e-6f);
    }
    end_calls(&calls);
}

/* A function that calls itself, and one that is written for another opset. */
static void test_wrong_functions(void **state)
{
    (void)state;
    static char twice[] = "Twice";
    struct calls calls;
    begin_calls(&calls, 15);
    char *type = calls.twice.graph.node[1]->op_type;
    calls.twice.graph.node[1]->op_type = twice;
    harness_refuse(&calls.model, E_LIMIT, "functions call functions, deeper than 16");
    calls.twice.graph.node[1]->op_type = type;
    end_calls(&calls);
    begin_calls(&calls, 14);
    harness_refuse(&calls.model, E_UNSUPPORTED, "(Twice, opset 15): domain own (expected ai.onnx");
    end_calls(&calls);
}

/* ---- sizes ---- */

static void begin_open(struct model *model)
{
    model_init(model, 13);
    model_input(model, "x", 4, (const int64_t[]){-1, 2, -1, -1});
    model_node(model, "GlobalAveragePool", "x", "y");
    model_output(model, "y");
}

static void test_open_sizes(void **state)
{
    (void)state;
    static const struct network_options sized = {.engine.sizes = {"x", {2, 3, 5}}}, other = {.engine.sizes = {"z", {2, 3, 5}}};
    struct model model;
    struct engine_network *network = NULL;
    struct error err = {0};
    float in[ROWS * 30], out[ROWS * 2];
    size_t size;
    for (size_t i = 0; i < ROWS * 30; i++)
        in[i] = (float)(i / 15);
    begin_open(&model);
    run(&model, &sized, in, out);
    for (size_t i = 0; i < ROWS * 2; i++)
        assert_true(out[i] > (float)i - 1e-6f && out[i] < (float)i + 1e-6f);
    harness_refuse(&model, E_UNSUPPORTED, "input x: its dimension 2 is not a positive number (a picture's height");
    uint8_t *bytes = model_pack(&model, &size);
    assert_int_equal(network_load(harness_device(), "test", bytes, size, 1, &other, &network, &err), E_UNSUPPORTED);
    free(bytes);
    model_free(&model);
}

/* A file for four rows, whose shapes have a multiple of four in front, is one for any number. */
static void test_file_of_four(void **state)
{
    (void)state;
    struct model model;
    float in[ROWS * 6], out[ROWS * 6];
    harness_random(in, ROWS * 6, 46);
    model_init(&model, 13);
    model_input(&model, "x", 3, (const int64_t[]){4, 2, 3});
    model_ints(&model, "apart", 2, (const int64_t[]){8, 3});
    model_ints(&model, "rows", 2, (const int64_t[]){4, 6});
    model_node(&model, "Reshape", "x apart", "a");
    model_node(&model, "Neg", "a", "n");
    model_node(&model, "Reshape", "n rows", "y");
    model_output(&model, "y");
    run(&model, NULL, in, out);
    for (size_t i = 0; i < ROWS * 6; i++)
        assert_true(out[i] == -in[i]);
    model_free(&model);
}

/* ---- bytes ---- */

static void begin_bytes(struct model *model)
{
    model_init(model, 13);
    model_input(model, "x", 2, (const int64_t[]){-1, 6});
    model->graph.input[0]->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
}

/* Whatever numbers are given, the nodes see bytes; they are moved and cast, not computed with. */
static void test_bytes(void **state)
{
    (void)state;
    static const float in[ROWS * 6] = {0, 1, 254.4f, 255, 300, -3, 7.5f, 8.5f, 0.4f, 0.6f, 128, 64, 1e9f, -1e9f, 2, 3, 4, 5};
    static const float want[ROWS * 6] = {0, 1, 254, 255, 255, 0, 8, 8, 0, 1, 128, 64, 255, 0, 2, 3, 4, 5};
    struct model model;
    float out[ROWS * 6];
    begin_bytes(&model);
    model_ints(&model, "parts", 3, (const int64_t[]){-1, 2, 3});
    model_node(&model, "Reshape", "x parts", "p");
    node_int(&model, model_node(&model, "Cast", "p", "f"), "to", 1);
    model_node(&model, "Neg", "f", "y");
    model_output(&model, "y");
    run(&model, NULL, in, out);
    for (size_t i = 0; i < ROWS * 6; i++)
        assert_true(out[i] == -want[i]);
    model_free(&model);

    begin_bytes(&model);
    model_node(&model, "Add", "x x", "s");
    node_int(&model, model_node(&model, "Cast", "s", "y"), "to", 1);
    model_output(&model, "y");
    harness_refuse(&model, E_UNSUPPORTED, "(Add, opset 13): it computes with integers that come of samples");
    model_free(&model);
}

/* ---- weights ---- */

/* A convolution's weights over their spectral norm, vᵀ W u, and over their length: constants, so that it is one of constant
 * weights. */
static void test_computed_weights(void **state)
{
    (void)state;
    static const float w[4] = {1, 2, 3, 4}, u[2] = {0.6f, 0.8f}, v[2] = {0.8f, 0.6f};
    struct model model;
    float in[ROWS * 8], out[ROWS * 8], *got = out;
    const float *x = in;
    double norm = 0.8 * (0.6 + 1.6) + 0.6 * (1.8 + 3.2), length = 0;
    model_init(&model, 12);
    model_input(&model, "x", 4, (const int64_t[]){-1, 2, 2, 2});
    model_floats(&model, "w", 2, (const int64_t[]){2, 2}, w);
    model_floats(&model, "u", 2, (const int64_t[]){2, 1}, u);
    model_floats(&model, "v", 1, (const int64_t[]){2}, v);
    model_ints(&model, "kernel", 4, (const int64_t[]){2, 2, 1, 1});
    model_node(&model, "Gemm", "w u", "wu");
    model_node(&model, "MatMul", "v wu", "sigma");
    model_node(&model, "Div", "w sigma", "unit");
    node_int(&model, model_node(&model, "ReduceL2", "unit", "length"), "keepdims", 0);
    model_node(&model, "Div", "unit length", "scaled");
    model_node(&model, "Reshape", "scaled kernel", "k");
    model_node(&model, "Conv", "x k", "y");
    model_output(&model, "y");
    harness_random(in, ROWS * 8, 43);
    struct engine_network *network = harness_load(&model, ROWS, NULL);
    for (size_t i = 0; i < engine_step_count(network); i++)
        assert_string_not_equal(network->lowering.steps[i].type, "MatMul");
    harness_run(network, ROWS, &x, &got);
    for (size_t i = 0; i < 4; i++)
        length += (double)w[i] / norm * (double)w[i] / norm;
    for (size_t i = 0; i < ROWS * 8; i++) {
        const float *pixel = in + i / 8 * 8 + i % 4, *row = w + i / 4 % 2 * 2;
        double want = ((double)row[0] * (double)pixel[0] + (double)row[1] * (double)pixel[4]) / norm / sqrt(length);
        assert_true(fabs((double)out[i] - want) < 1e-6);
    }
    engine_free(&network);
    model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_branches),       cmocka_unit_test(test_dead_branch),
                                       cmocka_unit_test(test_branch_by_rows), cmocka_unit_test(test_wrong_branches),
                                       cmocka_unit_test(test_attention),      cmocka_unit_test(test_attention_of_heads),
                                       cmocka_unit_test(test_functions),      cmocka_unit_test(test_wrong_functions),
                                       cmocka_unit_test(test_open_sizes),     cmocka_unit_test(test_file_of_four),
                                       cmocka_unit_test(test_bytes),                                       cmocka_unit_test(test_computed_weights)};
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
