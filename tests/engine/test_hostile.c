/*
 * Files that are wrong: each is refused with a code and a sentence that names the place, and
 * nothing crashes. The check needs no device.
 */
#include "tests/engine/harness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t image[] = {-1, 2, 4, 4};

/* x -> Relu -> y, to be spoilt. */
static void start(struct model *model)
{
    model_init(model, 13);
    model_input(model, "x", 4, image);
}

static void finish(struct model *model, int code, const char *text)
{
    model_output(model, "y");
    harness_refuse(model, code, text);
    model_free(model);
}

static void test_unknown_operator(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    Onnx__NodeProto *node = model_node(&model, "Frobnicate", "x", "y");
    static char name[] = "my_node";
    node->name = name;
    finish(&model, E_UNSUPPORTED, "node my_node (Frobnicate, opset 13): unknown operator");
}

static void test_other_opset(void **state)
{
    (void)state;
    struct model model;
    model_init(&model, 99);
    model_input(&model, "x", 4, image);
    model_node(&model, "Relu", "x", "y");
    finish(&model, E_UNSUPPORTED, "opset 99 (expected 1 to 28)");
    model_init(&model, 13);
    model_input(&model, "x", 4, image);
    model_node(&model, "Upsample", "x x", "y");
    finish(&model, E_UNSUPPORTED, "not of this opset");
}

static void test_foreign_domain(void **state)
{
    (void)state;
    struct model model;
    static char domain[] = "com.example";
    start(&model);
    model_node(&model, "Relu", "x", "y")->domain = domain;
    finish(&model, E_UNSUPPORTED, "domain com.example");
}

static void test_attributes(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    node_int(&model, model_node(&model, "Relu", "x", "y"), "strength", 3);
    finish(&model, E_UNSUPPORTED, "attribute strength");
    start(&model);
    node_int(&model, model_node(&model, "LeakyRelu", "x", "y"), "alpha", 3);
    finish(&model, E_PARSE, "attribute alpha");
}

static void test_names(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    model_node(&model, "Relu", "nowhere", "y");
    finish(&model, E_PARSE, "nowhere");
    start(&model); /* a cycle */
    model_node(&model, "Add", "x b", "a");
    model_node(&model, "Relu", "a", "b");
    model_node(&model, "Relu", "b", "y");
    finish(&model, E_PARSE, "cycle");
    start(&model);
    model_node(&model, "Relu", "x", "y");
    model_node(&model, "Tanh", "x", "y");
    finish(&model, E_PARSE, "y is defined twice");
    start(&model);
    model_node(&model, "Relu", "x", "z");
    finish(&model, E_PARSE, "output y is computed by no node");
}

static void test_counts(void **state)
{
    (void)state;
    struct model model;
    start(&model);
    model_node(&model, "Conv", "x", "y");
    finish(&model, E_PARSE, "1 inputs (expected 2 to 3)");
    start(&model);
    model_node(&model, "Conv", "x -", "y");
    finish(&model, E_PARSE, "inputs");
}

static void test_weights(void **state)
{
    (void)state;
    static const int64_t dims[] = {3, 5, 3, 3}, good[] = {3, 2, 3, 3};
    float weights[3 * 5 * 9] = {0};
    struct model model;
    start(&model);
    model_floats(&model, "w", 4, dims, weights);
    model_node(&model, "Conv", "x w", "y");
    finish(&model, E_PARSE, "do not fit 2 input channels");
    start(&model);
    model_floats(&model, "w", 4, good, weights);
    model.graph.initializer[0]->raw_data.len -= 4;
    model_node(&model, "Conv", "x w", "y");
    finish(&model, E_PARSE, "raw_data");
    start(&model);
    model_floats(&model, "w", 4, good, weights);
    model.graph.initializer[0]->dims[0] = -3;
    model_node(&model, "Conv", "x w", "y");
    finish(&model, E_PARSE, "negative or too large");
    start(&model);
    model_floats(&model, "w", 4, good, weights);
    for (int i = 0; i < 4; i++)
        model.graph.initializer[0]->dims[i] = INT64_MAX / 2;
    model_node(&model, "Conv", "x w", "y");
    finish(&model, E_PARSE, "negative or too large");
}

static void test_sizes(void **state)
{
    (void)state;
    static const int64_t dims[] = {3, 2, 3, 3}, pads[] = {0, 0, 0, -1};
    float weights[3 * 2 * 9] = {0};
    struct model model;
    start(&model);
    model_floats(&model, "w", 4, dims, weights);
    node_ints(&model, model_node(&model, "Conv", "x w", "y"), "pads", 4, pads);
    finish(&model, E_UNSUPPORTED, "pads contains -1");
    static const int64_t huge[] = {-1, 1 << 20, 1 << 20, 1};
    model_init(&model, 13);
    model_input(&model, "x", 4, huge);
    model_node(&model, "Relu", "x", "y");
    finish(&model, E_LIMIT, "elements");
}

static void test_files(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(engine_check("tests/engine/no-such-file.onnx", NULL, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no-such-file.onnx"));
    assert_int_equal(engine_check("tests/engine", NULL, &err), E_IO);
    assert_int_equal(engine_check("tests/engine/test_hostile.c", NULL, &err), E_PARSE);
    assert_non_null(strstr(err.text, "test_hostile.c"));
}

struct told {
    size_t count;
    char text[4][400];
};

static void note_problem(void *context, const char *text)
{
    struct told *told = context;
    if (told->count < 4)
        snprintf(told->text[told->count], sizeof told->text[0], "%s", text);
    told->count++;
}

/* The problems of the model, and frees it. */
static void explain(struct model *model, struct told *told)
{
    char path[] = "/tmp/facefarm-explain-XXXXXX";
    struct error err = {0}, together;
    size_t size, count;
    uint8_t *bytes = model_pack(model, &size);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    *told = (struct told){0};
    assert_int_equal(engine_explain(path, note_problem, told, &count, &together, &err), 0);
    assert_int_equal(count, told->count);
    unlink(path);
    free(bytes);
    model_free(model);
}

/* Shapes behind a node that does not run are unknown because of it, not because they depend on the content; and one that
 * is refused for that itself is named once. */
static void test_first_causes(void **state)
{
    (void)state;
    struct model model;
    struct told told;
    start(&model);
    node_int(&model, model_node(&model, "Cast", "x", "t"), "to", 8);
    model_node(&model, "Shape", "t", "s");
    model_node(&model, "ConstantOfShape", "s", "c");
    model_node(&model, "Add", "t c", "y");
    model_output(&model, "y");
    explain(&model, &told);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.text[0], "Cast, opset 13): a cast to type 8"));

    start(&model);
    model_node(&model, "Frobnicate", "x", "f");
    model_node(&model, "Shape", "f", "s");
    model_node(&model, "NonZero", "x", "a");
    node_int(&model, model_node(&model, "Cast", "a", "b"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    model_node(&model, "Reshape", "b s", "y");
    model_output(&model, "y");
    explain(&model, &told);
    assert_int_equal(told.count, 2);
    assert_non_null(strstr(told.text[0], "(Frobnicate, opset 13): unknown operator"));
    assert_non_null(strstr(told.text[1], "(NonZero, opset 13): input 0 is computed"));
}

static uint8_t *small_network(size_t *size)
{
    static const int64_t dims[] = {3, 2, 3, 3}, pads[] = {1, 1, 1, 1}, shape[] = {-1, 48},
                         matrix[] = {48, 5};
    float weights[3 * 2 * 9], dense[48 * 5];
    struct model model;
    harness_random(weights, 54, 1);
    harness_random(dense, 240, 2);
    start(&model);
    model_floats(&model, "w", 4, dims, weights);
    model_floats(&model, "d", 2, matrix, dense);
    model_ints(&model, "s", 2, shape);
    node_ints(&model, model_node(&model, "Conv", "x w", "c"), "pads", 4, pads);
    model_node(&model, "Relu", "c", "r");
    model_node(&model, "Reshape", "r s", "f");
    model_node(&model, "MatMul", "f d", "m");
    node_int(&model, model_node(&model, "Softmax", "m", "y"), "axis", -1);
    model_output(&model, "y");
    uint8_t *bytes = model_pack(&model, size);
    model_free(&model);
    return bytes;
}

static void test_truncated(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = small_network(&size);
    assert_int_equal(network_check(bytes, size, NULL), 0);
    for (size_t cut = 0; cut < size; cut++) {
        struct error err = {0};
        uint8_t *copy = malloc(cut + 1); /* exactly sized, so that a sanitizer sees overreads */
        memcpy(copy, bytes, cut);
        if (network_check(copy, cut, &err) != 0)
            assert_true(err.text[0] != '\0');
        free(copy);
    }
    free(bytes);
}

static void test_flipped(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = small_network(&size);
    uint32_t random = 4711;
    for (int round = 0; round < 20000; round++) {
        uint8_t *copy = malloc(size);
        struct error err = {0};
        memcpy(copy, bytes, size);
        for (int flips = 0; flips <= round % 4; flips++) {
            random = random * 1664525u + 1013904223u;
            copy[(random >> 8) % size] ^= (uint8_t)(1u << (random >> 3 & 7));
        }
        if (network_check(copy, size, &err) != 0)
            assert_true(err.text[0] != '\0');
        free(copy);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_operator), cmocka_unit_test(test_other_opset),
        cmocka_unit_test(test_foreign_domain),   cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_names),            cmocka_unit_test(test_counts),
        cmocka_unit_test(test_weights),          cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_first_causes),
        cmocka_unit_test(test_truncated),        cmocka_unit_test(test_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
