/*
 * Every OpenCL call fails once: while a small network is loaded, run and dropped, for every n the
 * n-th call. Nothing crashes or leaks (the address sanitizer looks for memory, the fake counts
 * OpenCL's objects), the error says which call failed and how, and the device works afterwards.
 */
#include "tests/engine/harness.h"
#include "tests/engine/opencl_faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 3
#define INPUT (3 * 6 * 6)
#define OUTPUT 5
#define CALLS_MAX 5000 /* far more than there are: the loop ends when nothing was hit */

static uint8_t *file;
static size_t file_size;
static int device_index;
static float input[ROWS * INPUT], expected[ROWS * OUTPUT];

/* Convolution, pooling, view and matrix product: kernels of both layouts, constants, an arena. */
static void make_file(void)
{
    struct model model;
    float weights[8 * 3 * 3 * 3], bias[8], matrix[8 * OUTPUT];
    harness_random(weights, 8 * 3 * 3 * 3, 1);
    harness_random(bias, 8, 2);
    harness_random(matrix, 8 * OUTPUT, 3);
    harness_random(input, ROWS * INPUT, 4);
    model_init(&model, 13);
    model_input(&model, "x", 4, (const int64_t[]){-1, 3, 6, 6});
    model_floats(&model, "w", 4, (const int64_t[]){8, 3, 3, 3}, weights);
    model_floats(&model, "b", 1, (const int64_t[]){8}, bias);
    model_floats(&model, "m", 2, (const int64_t[]){8, OUTPUT}, matrix);
    Onnx__NodeProto *conv = model_node(&model, "Conv", "x w b", "c");
    node_ints(&model, conv, "pads", 4, (const int64_t[]){1, 1, 1, 1});
    model_node(&model, "Relu", "c", "r");
    model_node(&model, "GlobalAveragePool", "r", "g");
    model_node(&model, "Flatten", "g", "f");
    model_node(&model, "MatMul", "f m", "y");
    model_output(&model, "y");
    file = model_pack(&model, &file_size);
    model_free(&model);
}

static int run_once(struct device *device, struct engine_network *network, cl_mem in, cl_mem out,
                    float *output, struct error *err)
{
    int failed = device_write(device, in, 0, input, sizeof input, err);
    if (!failed)
        failed = engine_run(network, ROWS, &in, &out, err);
    if (!failed)
        failed = device_read(device, out, 0, output, sizeof expected, err);
    return failed ? failed : device_finish(device, err);
}

/* Loads, runs and drops the network. */
static int use(struct device *device, float *output, struct error *err)
{
    struct engine_network *network = NULL;
    cl_mem in = NULL, out = NULL;
    int failed = network_load(device, "small", file, file_size, ROWS, NULL, &network, err);
    if (!failed)
        failed = device_buffer(device, sizeof input, &in, err);
    if (!failed)
        failed = device_buffer(device, sizeof expected, &out, err);
    if (!failed)
        failed = run_once(device, network, in, out, output, err);
    engine_free(&network);
    if (in)
        clReleaseMemObject(in);
    if (out)
        clReleaseMemObject(out);
    return failed;
}

static void expect_right(const float *output)
{
    assert_true(harness_error(output, expected, ROWS * OUTPUT, 1) < 1e-5);
}

/* Calls whose failure only means that something is not known, or that a platform has no devices. */
static bool is_borne(const char *function)
{
    const char *const borne[] = {"clGetDeviceIDs", "clGetCommandQueueInfo", "clGetDeviceInfo",
                                 "clGetKernelInfo", "clFinish"};
    for (size_t i = 0; i < sizeof borne / sizeof *borne; i++)
        if (strcmp(borne[i], function) == 0)
            return true;
    return false;
}

static void expect_told(int failed, const struct error *err, const struct opencl_faults *faults)
{
    const char *function = opencl_faults_hit();
    if (failed == 0 && is_borne(function))
        return;
    if (failed == E_NOT_FOUND && strcmp(function, "clGetDeviceIDs") == 0)
        return;
    if (failed != device_cl_code(faults->code) || !strstr(err->text, function) ||
        !strstr(err->text, device_cl_error_name(faults->code)))
        fail_msg("call %lu, %s, failed with %s, and this was told: %s: %s", faults->nth, function,
                 device_cl_error_name(faults->code), error_name(failed), err->text);
}

/* One use of the device with a fault, one without. True if the fault came. */
static bool fails_in_use(struct device *device, const struct opencl_faults *faults)
{
    struct error err = {0};
    float output[ROWS * OUTPUT];
    opencl_faults_set(faults);
    int failed = use(device, output, &err);
    bool came = opencl_faults_hit() != NULL;
    if (came)
        expect_told(failed, &err, faults);
    if (!failed)
        expect_right(output);
    opencl_faults_set(NULL);
    assert_int_equal(device_check(device, &err), 0);
    assert_int_equal(use(device, output, &err), 0);
    expect_right(output);
    return came;
}

static bool fails_to_open(cl_int code, unsigned long nth)
{
    const struct opencl_faults faults = {.nth = nth, .code = code};
    const struct device_options options = {.threads = 1};
    struct device *device = NULL;
    struct error err = {0};
    opencl_faults_set(&faults);
    int failed = device_open(device_index, &options, &device, &err);
    if (!failed)
        failed = device_check(device, &err) == E_LOST ? device_cl_code(code) : 0;
    bool came = opencl_faults_hit() != NULL;
    if (came)
        expect_told(failed, &err, &faults);
    opencl_faults_set(NULL);
    device_close(&device);
    assert_int_equal(opencl_faults_alive(), 0);
    return came;
}

static const cl_int codes[] = {CL_OUT_OF_RESOURCES, CL_DEVICE_NOT_AVAILABLE, CL_INVALID_OPERATION};

/* On one device, which each time works again. Its programs are built only once. */
static void every_call_in_use_may_fail(void **state)
{
    (void)state;
    struct device *device = NULL;
    struct error err = {0};
    assert_int_equal(device_open(device_index, NULL, &device, &err), 0);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct opencl_faults faults = {.nth = 1, .code = codes[i]};
        while (faults.nth < CALLS_MAX && fails_in_use(device, &faults))
            faults.nth++;
        assert_in_range(faults.nth, 30, CALLS_MAX - 1);
    }
    device_close(&device);
    assert_int_equal(opencl_faults_alive(), 0);
}

/* On a device of its own each time, since programs are kept. */
static void every_build_may_fail(void **state)
{
    (void)state;
    const char *const functions[] = {"clCreateProgramWithSource", "clBuildProgram"};
    for (size_t i = 0; i < 2; i++) {
        struct opencl_faults faults = {
            .function = functions[i], .nth = 1, .code = CL_OUT_OF_HOST_MEMORY};
        for (bool came = true; came; faults.nth++) {
            struct device *device = NULL;
            struct error err = {0};
            assert_int_equal(device_open(device_index, NULL, &device, &err), 0);
            came = fails_in_use(device, &faults);
            device_close(&device);
            assert_int_equal(opencl_faults_alive(), 0);
        }
        assert_in_range(faults.nth, 3, 20);
    }
}

static void every_call_of_opening_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        unsigned long nth = 1;
        while (nth < CALLS_MAX && fails_to_open(codes[i], nth))
            nth++;
        assert_in_range(nth, 10, CALLS_MAX - 1);
    }
}

static void codes_mean_memory_loss_or_a_mistake(void **state)
{
    (void)state;
    static const struct {
        cl_int code;
        int error;
    } cases[] = {
        {CL_MEM_OBJECT_ALLOCATION_FAILURE, E_MEMORY},
        {CL_OUT_OF_RESOURCES, E_MEMORY},
        {CL_OUT_OF_HOST_MEMORY, E_MEMORY},
        {CL_INVALID_BUFFER_SIZE, E_MEMORY},
        {CL_DEVICE_NOT_AVAILABLE, E_LOST},
        {CL_INVALID_COMMAND_QUEUE, E_LOST},
        {CL_INVALID_CONTEXT, E_LOST},
        {CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, E_LOST},
        {-9999, E_LOST},
        {CL_BUILD_PROGRAM_FAILURE, E_DEVICE},
        {CL_INVALID_KERNEL_ARGS, E_DEVICE},
        {-12345, E_DEVICE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(device_cl_code(cases[i].code), cases[i].error);
}

static void a_lost_device_does_not_answer(void **state)
{
    (void)state;
    const struct opencl_faults faults = {.function = "clEnqueueNDRangeKernel",
                                         .nth = 2,
                                         .code = CL_INVALID_COMMAND_QUEUE,
                                         .lost = true,
                                         .openings = 1};
    struct device *device = NULL;
    struct error err = {0};
    float output[ROWS * OUTPUT];
    assert_int_equal(device_open(device_index, NULL, &device, &err), 0);
    opencl_faults_set(&faults);
    assert_int_equal(use(device, output, &err), E_LOST);
    assert_int_equal(device_check(device, &err), E_LOST);
    assert_non_null(strstr(err.text, "does not answer: clEnqueueWriteBuffer"));
    device_close(&device);
    assert_int_equal(device_open(device_index, NULL, &device, &err), E_LOST);
    assert_non_null(strstr(err.text, "clCreateContext"));
    assert_int_equal(device_open(device_index, NULL, &device, &err), 0);
    assert_int_equal(use(device, output, &err), 0);
    expect_right(output);
    opencl_faults_set(NULL);
    device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_in_use_may_fail),
        cmocka_unit_test(every_build_may_fail),
        cmocka_unit_test(every_call_of_opening_may_fail),
        cmocka_unit_test(codes_mean_memory_loss_or_a_mistake),
        cmocka_unit_test(a_lost_device_does_not_answer),
    };
    struct error err = {0};
    device_index = device_describe(harness_device())->index;
    make_file();
    if (use(harness_device(), expected, &err) != 0) {
        printf("%s\n", err.text);
        return 1;
    }
    harness_close();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(file);
    return failed;
}
