/* What --device means, on lists of devices that need not exist. */
#include "tests/common/check.h"

#include "worker/device_select.h"

static struct error err;
static struct device_choice choices[DEVICE_CHOICES_MAX];
static size_t chosen;

static const struct device_info mixed[] = {
    {.index = 0, .kind = DEVICE_CPU, .name = "pthread-Xeon", .compute_units = 8},
    {.index = 1, .kind = DEVICE_GPU, .name = "NVIDIA H200", .compute_units = 132},
    {.index = 2, .kind = DEVICE_GPU, .name = "NVIDIA H200", .compute_units = 132},
    {.index = 3, .kind = DEVICE_GPU, .name = "Radeon: 2", .compute_units = 60},
    {.index = 4, .kind = DEVICE_OTHER, .name = "FPGA", .compute_units = 1},
    {.index = 5, .kind = DEVICE_GPU, .name = "NVIDIA H200 NVL", .compute_units = 132},
};
#define MIXED (sizeof mixed / sizeof *mixed)

static const struct device_info cpus[] = {
    {.index = 0, .kind = DEVICE_OTHER, .name = "custom", .compute_units = 2},
    {.index = 1, .kind = DEVICE_CPU, .name = "basic-Xeon", .compute_units = 1},
    {.index = 2, .kind = DEVICE_CPU, .name = "pthread-Xeon", .compute_units = 4},
};

/* The indices chosen, as "0 2". */
static const char *indices(void)
{
    static char text[512];
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < chosen; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%d", i ? " " : "",
                                   choices[i].index);
    return text;
}

static void expect(const char *wanted, const char *expected)
{
    chosen = 0;
    assert_ok(device_select(mixed, MIXED, wanted, 0, choices, &chosen, &err));
    assert_string_equal(indices(), expected);
}

static void devices_have_indices_kinds_and_names(void **state)
{
    (void)state;
    expect("3", "3");
    expect("2,0", "2 0");
    expect("gpu", "1 2 3 5");
    expect("GPU", "1 2 3 5");
    expect("cpu", "0");
    expect("other", "4");
    expect("all", "0 1 2 3 4 5");
    expect("xeon", "0");
    expect("radeon", "3");
    expect("Radeon: 2", "3"); /* which has no threads to limit */
    expect("nvl, cpu", "5 0");
}

static void without_a_wish_every_gpu_or_the_best_cpu(void **state)
{
    (void)state;
    expect(NULL, "1 2 3 5");
    assert_ok(device_select(cpus, 3, NULL, 0, choices, &chosen, &err));
    assert_string_equal(indices(), "2");
    assert_ok(device_select(cpus, 3, NULL, 3, choices, &chosen, &err));
    assert_int_equal(choices[0].options.threads, 3);
}

static void an_exact_name_goes_before_a_part(void **state)
{
    (void)state;
    const struct device_info list[] = {
        {.index = 0, .kind = DEVICE_GPU, .name = "A10", .compute_units = 1},
        {.index = 1, .kind = DEVICE_GPU, .name = "A100", .compute_units = 1},
    };
    assert_ok(device_select(list, 2, "a10", 0, choices, &chosen, &err));
    assert_string_equal(indices(), "0");
}

static void cpus_are_divided(void **state)
{
    (void)state;
    expect("cpu:2", "0");
    assert_int_equal(choices[0].options.threads, 2);
    assert_int_equal(choices[0].options.first_thread, 0);
    assert_true(choices[0].share == 0.25);
    expect("0:2,xeon:6", "0 0");
    assert_int_equal(choices[1].options.threads, 6);
    assert_int_equal(choices[1].options.first_thread, 2);
    expect("cpu:8", "0"); /* all of it is no part */
    assert_int_equal(choices[0].options.threads, 0);
    assert_true(choices[0].share == 1);
    /* --threads is for those that say nothing, and does not concern GPUs. */
    assert_ok(device_select(mixed, MIXED, "0:2,0,1", 4, choices, &chosen, &err));
    assert_int_equal(choices[0].options.threads, 2);
    assert_int_equal(choices[1].options.threads, 4);
    assert_int_equal(choices[2].options.threads, 0);
    assert_ok(device_select(mixed, MIXED, "0", 100, choices, &chosen, &err));
    assert_int_equal(choices[0].options.threads, 0);
}

static void refusals_list_the_choices(void **state)
{
    (void)state;
    static const struct {
        const char *wanted;
        int code;
        const char *text;
    } cases[] = {
        {"H100", E_NOT_FOUND, "\"H100\" is not there; there are: 0 cpu \"pthread-Xeon\", 1 gpu"},
        {"7", E_NOT_FOUND, "\"7\" is not there"},
        {"NVIDIA", E_INVALID, "1 gpu \"NVIDIA H200\", 2 gpu \"NVIDIA H200\", 5 gpu"},
        {"nvidia h200", E_INVALID, "take an index"},
        {"", E_INVALID, "is empty"},
        {"0,", E_INVALID, "is empty"},
        {"1,1", E_INVALID, "device 1, NVIDIA H200, is chosen twice"},
        {"all,3", E_INVALID, "device 3, Radeon: 2, is chosen twice"},
        {"cpu:5,0:4", E_INVALID, "more threads than it has: 5 of its 8"},
        {"cpu:9", E_INVALID, "has 8 threads, not 9"},
        {"cpu:0", E_INVALID, "1 to"},
        {"cpu:99999999999999999999", E_INVALID, "1 to"},
        {"gpu:2", E_INVALID, "device 1, NVIDIA H200, is no CPU"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        chosen = 77;
        assert_error(device_select(mixed, MIXED, cases[i].wanted, 0, choices, &chosen, &err),
                     cases[i].code, cases[i].text);
        assert_int_equal(chosen, 77);
    }
    assert_error(device_select(NULL, 0, "gpu", 0, choices, &chosen, &err), E_NOT_FOUND,
                 "no OpenCL device");
    char item[400];
    memset(item, 'x', sizeof item - 1);
    item[sizeof item - 1] = '\0';
    assert_error(device_select(mixed, MIXED, item, 0, choices, &chosen, &err), E_LIMIT,
                 "399 characters");
}

static void choices_have_a_limit(void **state)
{
    (void)state;
    const struct device_info list[] = {
        {.index = 0, .kind = DEVICE_CPU, .name = "wide", .compute_units = 256}};
    char wanted[8 * DEVICE_CHOICES_MAX] = "";
    for (int i = 0; i < DEVICE_CHOICES_MAX; i++)
        strcat(wanted, i ? ",0:1" : "0:1");
    assert_ok(device_select(list, 1, wanted, 0, choices, &chosen, &err));
    assert_int_equal(chosen, DEVICE_CHOICES_MAX);
    assert_int_equal(choices[63].options.first_thread, 63);
    strcat(wanted, ",0:1");
    assert_error(device_select(list, 1, wanted, 0, choices, &chosen, &err), E_LIMIT, "64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_have_indices_kinds_and_names),
        cmocka_unit_test(without_a_wish_every_gpu_or_the_best_cpu),
        cmocka_unit_test(an_exact_name_goes_before_a_part),
        cmocka_unit_test(cpus_are_divided),
        cmocka_unit_test(refusals_list_the_choices),
        cmocka_unit_test(choices_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
