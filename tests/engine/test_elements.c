/* Element types other than float, int64 and bool, and tensors without elements. */
#include <math.h>
#include <string.h>

#include "tests/engine/harness.h"
#include "worker/engine/element.h"

static float half_of(uint32_t bits)
{
    return element_read_float(ELEMENT_FLOAT16, (const uint8_t[]){(uint8_t)bits, (uint8_t)(bits >> 8)});
}

/* Every float16 is itself; what lies between two goes to the nearer, and from the middle to the even one. */
static void test_float16(void **state)
{
    (void)state;
    assert_true(half_of(0x3c00) == 1.0f && half_of(0xc000) == -2.0f && half_of(1) == 0x1p-24f);
    assert_true(isnan(half_of(0x7e00)) && half_of(0xfc00) == -INFINITY);
    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        float x = half_of(bits), next = half_of(bits + 1);
        float middle = isinf(next) ? 65520.0f : x + (next - x) / 2;
        assert_true(element_round(ELEMENT_FLOAT16, x) == x);
        assert_true(element_round(ELEMENT_FLOAT16, -x) == -x);
        assert_true(element_round(ELEMENT_FLOAT16, middle) == (bits & 1 ? next : x));
        assert_true(element_round(ELEMENT_FLOAT16, nextafterf(middle, 0)) == x);
        assert_true(element_round(ELEMENT_FLOAT16, nextafterf(middle, INFINITY)) == next);
    }
    assert_true(isnan(element_round(ELEMENT_FLOAT16, NAN)));
    assert_true(element_round(ELEMENT_FLOAT16, -1e9f) == -INFINITY);
}

/* The device rounds as the host does. */
static void test_cast_on_device(void **state)
{
    enum { COUNT = 4096 };
    static float in[COUNT], out[COUNT];
    struct model model;
    (void)state;
    for (int i = 0; i < COUNT; i++)
        in[i] = ldexpf(1.0f + (float)(i * 7919 % COUNT) / COUNT, i % 44 - 27) * (i % 3 ? 1.0f : -1.0f);
    in[0] = INFINITY, in[1] = 65520.0f, in[2] = 65519.0f, in[3] = 0x1.8p-25f, in[4] = 0x1p-25f;
    model_init(&model, 13);
    model_input(&model, "x", 2, (const int64_t[]){-1, COUNT});
    model_output(&model, "y");
    node_int(&model, model_node(&model, "Cast", "x", "h"), "to", ELEMENT_FLOAT16);
    node_int(&model, model_node(&model, "Cast", "h", "y"), "to", ELEMENT_FLOAT);
    struct engine_network *network = harness_load(&model, 1, NULL);
    harness_run(network, 1, (const float *const[]){in}, (float *const[]){out});
    for (int i = 0; i < COUNT; i++)
        if (out[i] != element_round(ELEMENT_FLOAT16, in[i]))
            fail_msg("%a becomes %a", (double)in[i], (double)out[i]);
    engine_free(&network);
    model_free(&model);
}

static void test_wrap(void **state)
{
    bool fits = true;
    (void)state;
    assert_int_equal(element_wrap(ELEMENT_UINT8, -1, &fits), 255);
    assert_int_equal(element_wrap(ELEMENT_INT8, 200, &fits), -56);
    assert_int_equal(element_wrap(ELEMENT_UINT16, 65537, &fits), 1);
    assert_int_equal(element_wrap(ELEMENT_INT32, INT64_C(1) << 31, &fits), INT32_MIN);
    assert_int_equal(element_wrap(ELEMENT_UINT32, -1, &fits), UINT32_MAX);
    assert_int_equal(element_wrap(0, INT64_MIN, &fits), INT64_MIN);
    assert_true(fits);
    element_wrap(ELEMENT_UINT64, -1, &fits);
    assert_false(fits);
}

/* x, joined with the nothing that a slice leaves, is x; alone, nothing is no output. */
static void begin_empty(struct model *model)
{
    model_init(model, 13);
    model_input(model, "x", 2, (const int64_t[]){-1, 4});
    model_ints(model, "from", 1, (const int64_t[]){9});
    model_ints(model, "to", 1, (const int64_t[]){12});
    model_ints(model, "axis", 1, (const int64_t[]){1});
    model_node(model, "Slice", "x from to axis", "none");
}

static void test_empty(void **state)
{
    static const float in[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    float out[8] = {0};
    struct model model;
    (void)state;
    begin_empty(&model);
    model_output(&model, "none");
    harness_refuse(&model, E_UNSUPPORTED, "output none is empty");
    model_free(&model);
    model_init(&model, 13);
    model_input(&model, "x", 2, (const int64_t[]){-1, 4});
    model_floats(&model, "none", 2, (const int64_t[]){2, 0}, in);
    node_int(&model, model_node(&model, "Concat", "none none", "still"), "axis", 1);
    model_node(&model, "Add", "still none", "sum");
    model_node(&model, "Shape", "sum", "shape");
    model_ints(&model, "last", 1, (const int64_t[]){1});
    node_int(&model, model_node(&model, "Gather", "shape last", "zero"), "axis", 0);
    node_int(&model, model_node(&model, "Cast", "zero", "number"), "to", ELEMENT_FLOAT);
    model_node(&model, "Add", "x number", "y");
    model_output(&model, "y");
    struct engine_network *network = harness_load(&model, 2, NULL);
    harness_run(network, 2, (const float *const[]){in}, (float *const[]){out});
    assert_memory_equal(out, in, sizeof in);
    engine_free(&network);
    model_free(&model);
}

/* The largest elements' places in a constant; of what is computed there are none. */
static void test_pool_indices(void **state)
{
    static const int64_t two[] = {2, 2};
    struct model model;
    (void)state;
    model_init(&model, 12);
    model_input(&model, "x", 4, (const int64_t[]){-1, 1, 2, 2});
    node_ints(&model, model_node(&model, "MaxPool", "x", "y at"), "kernel_shape", 2, two);
    node_int(&model, model_node(&model, "Cast", "at", "z"), "to", ELEMENT_FLOAT);
    model_output(&model, "z");
    harness_refuse(&model, E_UNSUPPORTED, "integers computed from samples");
    model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float16), cmocka_unit_test(test_cast_on_device),
        cmocka_unit_test(test_wrap),    cmocka_unit_test(test_empty),
        cmocka_unit_test(test_pool_indices),
    };
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
