/*
 * Networks whose nodes put the batch where rows would meet: each row is computed by itself, as the file would compute it alone,
 * whatever the batch; the network says why. What cannot be read as the graph of one row is refused.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 3
#define ROW 24

static void begin(struct model *model)
{
    model_init(model, 13);
    model_input(model, "x", 3, (const int64_t[]){-1, 4, 6});
}

/* Runs all rows at once, and each alone: the same bits. `got` has ROWS rows of `results`. */
static void run(const struct model *model, const char *reason, const float *in, size_t results, float *got)
{
    struct engine_network *network = harness_load(model, ROWS, NULL);
    const char *single = engine_single(network);
    float alone[ROWS * ROW], *out = got;
    if (!single || !strstr(single, reason))
        fail_msg("\"%s\" does not contain \"%s\"", single ? single : "together", reason);
    assert_int_equal(engine_output(network, 0)->row_elements, results);
    harness_run(network, ROWS, &in, &out);
    for (size_t i = 0; i < ROWS; i++) {
        const float *row = in + i * ROW;
        float *one = alone + i * results;
        harness_run(network, 1, &row, &one);
    }
    assert_memory_equal(alone, got, ROWS * results * sizeof *got);
    engine_free(&network);
}

/* As attention's windows are cut: [N,4,6] as [2N,2,6], each with the mean over the windows taken off. */
static void test_windows(void **state)
{
    (void)state;
    struct model model;
    float in[ROWS * ROW], got[ROWS * ROW];
    begin(&model);
    harness_random(in, ROWS * ROW, 31);
    model_ints(&model, "windows", 4, (const int64_t[]){-1, 2, 2, 6});
    model_ints(&model, "apart", 3, (const int64_t[]){2, -1, 12});
    model_ints(&model, "back", 3, (const int64_t[]){-1, 4, 6});
    model_node(&model, "Reshape", "x windows", "w");
    node_ints(&model, model_node(&model, "Transpose", "w", "t"), "perm", 4, (const int64_t[]){1, 0, 2, 3});
    model_node(&model, "Reshape", "t apart", "a");
    node_ints(&model, model_node(&model, "ReduceMean", "a", "m"), "axes", 1, (const int64_t[]){0});
    model_node(&model, "Sub", "a m", "d");
    model_node(&model, "Reshape", "d back", "y");
    model_output(&model, "y");
    run(&model, "it moves the batch", in, ROW, got);
    for (size_t i = 0; i < ROWS * ROW; i++) {
        const float *row = in + i / ROW * ROW;
        double mean = ((double)row[i % 12] + (double)row[i % 12 + 12]) / 2;
        assert_true(fabs((double)got[i] - ((double)in[i] - mean)) < 1e-6);
    }
    model_free(&model);
}

/* One number a face, without any dimension. */
static void test_scalar(void **state)
{
    (void)state;
    struct model model;
    float in[ROWS * ROW], got[ROWS];
    begin(&model);
    harness_random(in, ROWS * ROW, 32);
    node_int(&model, model_node(&model, "ReduceSum", "x", "y"), "keepdims", 0);
    model_output(&model, "y");
    run(&model, "ReduceSum", in, 1, got);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;
        for (size_t i = 0; i < ROW; i++)
            sum += (double)in[r * ROW + i];
        assert_true(fabs((double)got[r] - sum) < 1e-5);
    }
    model_free(&model);
}

/* Two outputs, one of which is the input, and an input that is the same for all. */
static void test_tensors(void **state)
{
    (void)state;
    struct model model;
    float in[ROWS * ROW], twice[ROWS * ROW], same[ROWS * ROW];
    const float factor = 2;
    const float *const inputs[] = {in, &factor};
    float *const outputs[] = {twice, same};
    begin(&model);
    harness_random(in, ROWS * ROW, 33);
    model_input(&model, "f", 0, NULL);
    node_ints(&model, model_node(&model, "Transpose", "x", "t"), "perm", 3, (const int64_t[]){2, 1, 0});
    model_node(&model, "Mul", "t f", "m");
    node_ints(&model, model_node(&model, "Transpose", "m", "y"), "perm", 3, (const int64_t[]){2, 1, 0});
    model_output(&model, "y");
    model_output(&model, "x");
    struct engine_network *network = harness_load(&model, ROWS, NULL);
    assert_non_null(engine_single(network));
    harness_run(network, ROWS, inputs, outputs);
    for (size_t i = 0; i < ROWS * ROW; i++) {
        assert_true(twice[i] == 2 * in[i]);
        assert_true(same[i] == in[i]);
    }
    engine_free(&network);
    model_free(&model);
}

/* Each face's own noise is a row, too. */
static void test_noise(void **state)
{
    (void)state;
    static const char *const names[] = {"noise"};
    static const float drawn[ROW] = {0};
    struct model model;
    float in[ROWS * ROW], noise[ROWS * ROW], got[ROWS * ROW], *out = got;
    const float *const inputs[] = {in, noise};
    const struct network_options options = {.engine.noise = {names, 1, true}};
    begin(&model);
    harness_random(in, ROWS * ROW, 34);
    harness_random(noise, ROWS * ROW, 35);
    model_floats(&model, "noise", 3, (const int64_t[]){1, 4, 6}, drawn);
    node_ints(&model, model_node(&model, "Transpose", "x", "t"), "perm", 3, (const int64_t[]){1, 0, 2});
    node_ints(&model, model_node(&model, "Transpose", "t", "u"), "perm", 3, (const int64_t[]){1, 0, 2});
    model_node(&model, "Add", "u noise", "y");
    model_output(&model, "y");
    struct engine_network *network = harness_load(&model, ROWS, &options);
    assert_non_null(engine_single(network));
    assert_true(engine_input(network, 1)->noise);
    harness_run(network, ROWS, inputs, &out);
    for (size_t i = 0; i < ROWS * ROW; i++)
        assert_true(got[i] == in[i] + noise[i]);
    engine_free(&network);
    model_free(&model);
}

/* A file of four rows that mix is of four rows; what no input reaches is no result; and the reason for a refusal is what one row
 * does not run either. */
static void test_refused(void **state)
{
    (void)state;
    struct model model;
    model_init(&model, 13);
    model_input(&model, "x", 2, (const int64_t[]){4, 6});
    node_ints(&model, model_node(&model, "Transpose", "x", "y"), "perm", 2, (const int64_t[]){1, 0});
    model_output(&model, "y");
    harness_refuse(&model, E_UNSUPPORTED, "it moves the batch");
    model_free(&model);

    begin(&model);
    model_floats(&model, "c", 1, (const int64_t[]){1}, (const float[]){3});
    model_node(&model, "Relu", "c", "y");
    model_output(&model, "y");
    harness_refuse(&model, E_UNSUPPORTED, "output y does not depend on the input");
    model_free(&model);

    begin(&model);
    node_ints(&model, model_node(&model, "Transpose", "x", "t"), "perm", 3, (const int64_t[]){1, 0, 2});
    node_int(&model, model_node(&model, "Cast", "t", "y"), "to", 8);
    model_output(&model, "y");
    harness_refuse(&model, E_UNSUPPORTED, "Cast, opset 13): a cast to type 8");
    model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows), cmocka_unit_test(test_scalar),
                                       cmocka_unit_test(test_tensors), cmocka_unit_test(test_noise),
                                       cmocka_unit_test(test_refused)};
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
