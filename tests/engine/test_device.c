/* Devices: listing, opening, sub-devices, the program cache, and errors that leave them usable. */
#include "tests/engine/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void copy_works(struct device *device)
{
    float in[64], out[64] = {0};
    struct error err = {0};
    cl_kernel kernel;
    cl_mem a, b;
    cl_ulong total = 64;
    size_t global = 64;
    harness_random(in, 64, 1);
    assert_int_equal(device_kernel(device, "layout.cl", "", "copy", &kernel, &err), 0);
    assert_int_equal(device_buffer(device, sizeof in, &a, &err), 0);
    assert_int_equal(device_buffer(device, sizeof out, &b, &err), 0);
    assert_int_equal(device_write(device, a, 0, in, sizeof in, &err), 0);
    struct device_arg args[] = {DEVICE_ARG(a), DEVICE_ARG(b), DEVICE_ARG(total)};
    assert_int_equal(device_launch(device, kernel, 1, &global, NULL, args, 3, &err), 0);
    assert_int_equal(device_read(device, b, 0, out, sizeof out, &err), 0);
    assert_int_equal(device_finish(device, &err), 0);
    assert_memory_equal(in, out, sizeof in);
    clReleaseMemObject(a);
    clReleaseMemObject(b);
    clReleaseKernel(kernel);
}

static void test_list(void **state)
{
    (void)state;
    struct device_info list[8];
    size_t count = 0, none = 0;
    assert_int_equal(device_list(list, 8, &count, NULL), 0);
    assert_int_equal(device_list(NULL, 0, &none, NULL), 0);
    assert_int_equal(count, none);
    for (size_t i = 0; i < count && i < 8; i++) {
        assert_int_equal(list[i].index, i);
        assert_true(list[i].name[0] && list[i].driver[0] && list[i].compute_units > 0);
        assert_true(list[i].memory_bytes > 0);
    }
}

static void test_open(void **state)
{
    (void)state;
    struct device *device = NULL;
    struct error err = {0};
    assert_int_equal(device_open(9999, NULL, &device, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.text, "9999"));
    assert_null(device);
    assert_int_equal(device_open(device_describe(harness_device())->index, NULL, &device, &err), 0);
    copy_works(device);
    device_close(&device);
    assert_null(device);
    device_close(&device);
}

static void test_threads(void **state)
{
    (void)state;
    const struct device_info *info = device_describe(harness_device());
    struct device_options options = {.threads = 1};
    struct device *device = NULL;
    struct error err = {0};
    if (info->kind != DEVICE_CPU || info->compute_units < 2)
        skip();
    if (device_open(info->index, &options, &device, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(device_describe(device)->compute_units, 1);
    copy_works(device);
    device_close(&device);
}

static void test_errors(void **state)
{
    (void)state;
    struct device *device = harness_device();
    struct error err = {0};
    cl_kernel kernel = NULL;
    cl_mem buffer = NULL;
    assert_int_equal(device_kernel(device, "none.cl", "", "copy", &kernel, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.text, "none.cl"));
    assert_int_equal(device_kernel(device, "layout.cl", "", "none", &kernel, &err), E_DEVICE);
    assert_non_null(strstr(err.text, "none of layout.cl"));
    assert_int_equal(device_buffer(device, (size_t)1 << 50, &buffer, &err), E_MEMORY);
    assert_null(buffer);
    copy_works(device);
}

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

/* A folder in the environment replaces the embedded kernels; a broken one gives its log. */
static void test_folder(void **state)
{
    (void)state;
    char folder[] = "/tmp/facefarm-kernels-XXXXXX", path[128], broken[128], part[128];
    struct device *device = NULL;
    struct error err = {0};
    cl_kernel kernel = NULL;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/mine.cl", folder);
    snprintf(broken, sizeof broken, "%s/broken.cl", folder);
    snprintf(part, sizeof part, "%s/part.clh", folder);
    write_file(path, "#include \"part.clh\"\n__kernel void mine(__global float *x) { x[get_global_id(0)] = ONE; }");
    write_file(part, "#define ONE 1.0f\n");
    write_file(broken, "__kernel void mine(__global float *x) { x[0] = no_such_thing; }\n");
    setenv("FACEFARM_KERNELS", folder, 1);
    assert_int_equal(device_open(device_describe(harness_device())->index, NULL, &device, &err), 0);
    assert_int_equal(device_kernel(device, "mine.cl", "", "mine", &kernel, &err), 0);
    clReleaseKernel(kernel);
    assert_int_equal(device_kernel(device, "layout.cl", "", "copy", &kernel, &err), E_NOT_FOUND);
    assert_int_equal(device_kernel(device, "broken.cl", "", "mine", &kernel, &err), E_DEVICE);
    assert_non_null(strstr(err.text, "no_such_thing"));
    unlink(part);
    assert_int_equal(device_kernel(device, "mine.cl", "-DANEW", "mine", &kernel, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.text, "part.clh"));
    unsetenv("FACEFARM_KERNELS");
    device_close(&device);
    unlink(path);
    unlink(broken);
    rmdir(folder);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(device_cl_error_name(CL_OUT_OF_RESOURCES), "CL_OUT_OF_RESOURCES");
    assert_string_equal(device_cl_error_name(-12345), "unknown OpenCL error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),   cmocka_unit_test(test_open),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_folder), cmocka_unit_test(test_names),
    };
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
