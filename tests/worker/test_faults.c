/*
 * A label task on a device that runs out of memory, fails, or is lost, with the default bundle: the
 * same scores in the end, or an error that says what happened, and a runner that works afterwards.
 */
#include "default_store.h"
#include "run_lease.h"

#include <limits.h>
#include <unistd.h>

#include "tests/engine/opencl_faults.h"
#include "worker/pipeline_fit.h"
#include "worker/runner.h"

#define FACES 9
#define COLUMNS 42
#define MEBIBYTE ((uint64_t)1 << 20)

static struct error err;
static char store[256], hash[DIGEST_HEX_BYTES];
static atomic_bool cancelled;
static float *expected; /* what an undisturbed run gives */

static const char spec_text[] = //
    "format: facefarm-job/1\n"
    "name: test\n"
    "bundle: default\n"
    "seed: 7\n"
    "stages:\n"
    "  - {kind: label, name: labels, start: 2, count: 9}\n";

static struct runner *open_runner(size_t batch, uint64_t memory)
{
    static const struct inputs nothing;
    const struct runner_options options = {.batch = batch, .memory = memory, .store = store};
    struct runner *runner = NULL;
    opencl_faults_set(NULL);
    assert_ok(runner_open(&options, &nothing, &cancelled, &runner, &err));
    return runner;
}

/* Runs the task; the caller frees the outcome. */
static struct outcome *run(struct runner *runner)
{
    const struct wire_task task = {0, FACES, 1, 0};
    const struct wire_lease lease = {
        .job = 3, .stage = 100, .bundle = hash, .spec = spec_text, .tasks = WIRE_LIST(&task, 1)};
    return run_lease(runner, &lease);
}

static void expect_scores(struct runner *runner)
{
    struct outcome *outcome = run(runner);
    if (outcome->code)
        fail_msg("%s: %s", error_name(outcome->code), outcome->text);
    assert_false(outcome->device_lost);
    assert_memory_equal(outcome->scores, expected, FACES * COLUMNS * sizeof(float));
    outcome_free(&outcome);
}

static void expect_failure(struct runner *runner, int code, bool lost, const char *text)
{
    struct outcome *outcome = run(runner);
    assert_int_equal(outcome->code, code);
    assert_int_equal(outcome->device_lost, lost);
    assert_null(outcome->scores);
    if (!strstr(outcome->text, text))
        fail_msg("\"%s\" does not say \"%s\"", outcome->text, text);
    outcome_free(&outcome);
}

/* ---- memory ---- */

static struct device *open_device(void)
{
    struct device *device = NULL;
    opencl_faults_set(NULL);
    assert_ok(device_open(0, NULL, &device, &err));
    return device;
}

/* What is foretold is what is taken, to the byte. */
static void the_need_is_known_before(void **state)
{
    (void)state;
    struct device *device = open_device();
    for (size_t batch = 1; batch <= 64; batch *= 8) {
        struct pipeline_need need;
        struct pipeline *pipeline = NULL;
        assert_ok(pipeline_fit(device, "models/default", batch, UINT64_MAX, PIPELINE_NOISE_DEFAULT,
                               &pipeline, &err));
        pipeline_need(pipeline, &need);
        assert_int_equal(pipeline_batch(pipeline), batch);
        assert_int_equal(opencl_faults_bytes(), 0);
        assert_ok(pipeline_commit(pipeline, &err));
        assert_int_equal(opencl_faults_bytes(), need.bytes);
        pipeline_close(&pipeline);
    }
    device_close(&device);
}

/* The batch, at most 64, that `memory` allows; *need as it is there. */
static size_t fit(struct device *device, uint64_t memory, struct pipeline_need *need)
{
    struct pipeline *pipeline = NULL;
    assert_ok(pipeline_fit(device, "models/default", 64, memory, PIPELINE_NOISE_DEFAULT, &pipeline,
                           &err));
    size_t batch = pipeline_batch(pipeline);
    pipeline_need(pipeline, need);
    pipeline_close(&pipeline);
    return batch;
}

static void a_batch_fits_the_memory(void **state)
{
    (void)state;
    struct device *device = open_device();
    struct pipeline *pipeline = NULL;
    struct pipeline_need whole, one, half, again;
    assert_ok(
        pipeline_prepare(device, "models/default", 1, PIPELINE_NOISE_DEFAULT, &pipeline, &err));
    pipeline_need(pipeline, &one);
    pipeline_close(&pipeline);
    assert_int_equal(fit(device, UINT64_MAX, &whole), 64);
    assert_int_equal(fit(device, whole.bytes, &again), 64);
    assert_int_equal(fit(device, whole.bytes - 1, &half), 32);
    assert_true(half.bytes < whole.bytes && half.bytes > one.bytes);
    assert_int_equal(fit(device, one.bytes, &again), 1);
    assert_error(pipeline_fit(device, "models/default", 64, one.bytes - 1, PIPELINE_NOISE_DEFAULT,
                              &pipeline, &err),
                 E_LIMIT, "bundle default needs");
    assert_null(pipeline);
    device_close(&device);
}

static void the_share_of_memory_is_the_devices(void **state)
{
    (void)state;
    struct runner_options options = {.store = store};
    struct device_info gpu = {.kind = DEVICE_GPU, .memory_bytes = 1000 * MEBIBYTE};
    struct device_info cpu = {.kind = DEVICE_CPU, .memory_bytes = 1000 * MEBIBYTE};
    assert_int_equal(runner_memory(&options, &gpu), 800 * MEBIBYTE);
    assert_int_equal(runner_memory(&options, &cpu), 500 * MEBIBYTE);
    options.device.share = 0.25; /* two of a CPU's eight threads */
    assert_int_equal(runner_memory(&options, &cpu), 125 * MEBIBYTE);
    options.memory = 3 * MEBIBYTE;
    assert_int_equal(runner_memory(&options, &gpu), 3 * MEBIBYTE);
    options.memory = 3000 * MEBIBYTE;
    assert_int_equal(runner_memory(&options, &gpu), 1000 * MEBIBYTE);
}

static void a_runner_keeps_to_its_memory(void **state)
{
    (void)state;
    const uint64_t memory = 24 * MEBIBYTE;
    struct runner *runner = open_runner(64, memory);
    expect_scores(runner);
    assert_in_range(opencl_faults_peak(), memory / 3, memory);
    runner_close(&runner);
    runner = open_runner(64, MEBIBYTE);
    expect_failure(runner, E_LIMIT, false, "this worker may use 1.0 MiB");
    runner_close(&runner);
}

/* The device has less than it says: buffers of more than a size are refused. */
static void refused_memory_halves_the_batch(void **state)
{
    (void)state;
    struct opencl_faults faults = {.function = "clCreateBuffer",
                                   .nth = 1,
                                   .times = ULONG_MAX,
                                   .code = CL_MEM_OBJECT_ALLOCATION_FAILURE,
                                   .bytes = 6 * MEBIBYTE};
    struct runner *runner = open_runner(64, 0);
    opencl_faults_set(&faults);
    expect_scores(runner);
    assert_in_range(opencl_faults_calls(), 1, 64);
    runner_close(&runner);

    runner = open_runner(64, 0);
    faults.bytes = 1024; /* not even one face */
    opencl_faults_set(&faults);
    expect_failure(runner, E_MEMORY, true, "one face at a time is too much: ");
    expect_failure(runner, E_MEMORY, true, "CL_MEM_OBJECT_ALLOCATION_FAILURE");
    opencl_faults_set(NULL);
    assert_ok(runner_reopen(runner, &err));
    expect_scores(runner);
    runner_close(&runner);
}

/* Some drivers find out only when a kernel runs. */
static void memory_that_runs_out_later_halves_the_batch(void **state)
{
    (void)state;
    const struct opencl_faults faults = {
        .function = "clEnqueueNDRangeKernel", .nth = 30, .times = 3, .code = CL_OUT_OF_RESOURCES};
    struct runner *runner = open_runner(8, 0);
    opencl_faults_set(&faults);
    expect_scores(runner);
    assert_string_equal(opencl_faults_hit(), "clEnqueueNDRangeKernel");
    runner_close(&runner);
}

/* ---- the device ---- */

static void a_lost_device_is_told_and_opened_again(void **state)
{
    (void)state;
    static const cl_int codes[] = {CL_DEVICE_NOT_AVAILABLE, CL_OUT_OF_RESOURCES, CL_INVALID_KERNEL};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        const struct opencl_faults faults = {.function = "clEnqueueReadBuffer",
                                             .nth = 2,
                                             .code = codes[i],
                                             .lost = true,
                                             .openings = 1};
        struct runner *runner = open_runner(4, 0);
        opencl_faults_set(&faults);
        expect_failure(runner, E_LOST, true, device_cl_error_name(codes[i]));
        opencl_faults_set(&faults);
        expect_failure(runner, E_LOST, true, "clEnqueueReadBuffer(");
        assert_int_not_equal(runner_reopen(runner, &err), 0);
        assert_non_null(strstr(err.text, "clCreateContext"));
        expect_scores(runner); /* the second opening succeeds */
        runner_close(&runner);
    }
}

/* A device that answers but fails every task is as good as lost; one success clears the count. */
static void a_device_that_only_fails_is_lost(void **state)
{
    (void)state;
    struct opencl_faults faults = {.function = "clEnqueueNDRangeKernel",
                                   .nth = 1,
                                   .times = ULONG_MAX,
                                   .code = CL_INVALID_KERNEL_ARGS};
    struct runner *runner = open_runner(4, 0);
    opencl_faults_set(&faults);
    for (int i = 0; i < 3; i++)
        expect_failure(runner, E_DEVICE, false, "CL_INVALID_KERNEL_ARGS");
    opencl_faults_set(NULL);
    expect_scores(runner);
    opencl_faults_set(&faults);
    for (int i = 0; i < 3; i++)
        expect_failure(runner, E_DEVICE, false, "clEnqueueNDRangeKernel of ");
    expect_failure(runner, E_DEVICE, true, "clEnqueueNDRangeKernel of ");
    runner_close(&runner);
}

/* Calls from the first to the last of a task, some of them: the runner is right afterwards. */
static void any_call_of_a_task_may_fail(void **state)
{
    (void)state;
    const struct opencl_faults none = {.nth = 0};
    struct runner *runner = open_runner(8, 0);
    opencl_faults_set(&none);
    expect_scores(runner);
    unsigned long calls = opencl_faults_calls();
    runner_close(&runner);
    for (unsigned long nth = 20; nth < calls; nth += calls / 5) {
        const struct opencl_faults faults = {.nth = nth, .code = CL_INVALID_OPERATION};
        runner = open_runner(8, 0);
        opencl_faults_set(&faults);
        struct outcome *outcome = run(runner);
        assert_non_null(opencl_faults_hit());
        if (outcome->code &&
            (outcome->code != E_DEVICE || !strstr(outcome->text, opencl_faults_hit()) ||
             !strstr(outcome->text, "CL_INVALID_OPERATION")))
            fail_msg("call %lu, %s: %s", nth, opencl_faults_hit(), outcome->text);
        outcome_free(&outcome);
        opencl_faults_set(NULL);
        expect_scores(runner);
        runner_close(&runner);
        assert_int_equal(opencl_faults_alive(), 0);
    }
}

/* ---- beginning and end ---- */

static int make_store(void **state)
{
    (void)state;
    make_default_store(store, hash);
    struct runner *runner = open_runner(0, 0);
    struct outcome *outcome = run(runner);
    assert_int_equal(outcome->code, 0);
    expected = outcome->scores;
    outcome->scores = NULL;
    outcome_free(&outcome);
    runner_close(&runner);
    return 0;
}

static int drop_store(void **state)
{
    (void)state;
    free(expected);
    remove_folder(store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_need_is_known_before),
        cmocka_unit_test(a_batch_fits_the_memory),
        cmocka_unit_test(the_share_of_memory_is_the_devices),
        cmocka_unit_test(a_runner_keeps_to_its_memory),
        cmocka_unit_test(refused_memory_halves_the_batch),
        cmocka_unit_test(memory_that_runs_out_later_halves_the_batch),
        cmocka_unit_test(a_lost_device_is_told_and_opened_again),
        cmocka_unit_test(a_device_that_only_fails_is_lost),
        cmocka_unit_test(any_call_of_a_task_may_fail),
    };
    if (!have_device())
        return EXIT_SKIP;
    return cmocka_run_group_tests(tests, make_store, drop_store);
}
