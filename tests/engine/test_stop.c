/*
 * A network that is given up: nothing of it is enqueued once its device is not going any more, but
 * for what the part holds that is under way. Launches are counted, not timed.
 */
#include "tests/engine/harness.h"
#include "tests/engine/opencl_faults.h"

#include <stdlib.h>

#define ROWS 3
#define WIDTH 4
#define STEPS 6 /* at least */

static atomic_bool stop;
static struct engine_network *network;
static cl_mem in, out;
static unsigned long launches; /* of a whole run */

static int run(struct error *err)
{
    return engine_run(network, ROWS, &in, &out, err);
}

/* Runs it until `stop` is set by the launch `at` (0: never); returns how many launches there were. */
static unsigned long run_until(unsigned long at, int expected)
{
    struct error err = {0};
    atomic_store(&stop, false);
    opencl_faults_set(&(struct opencl_faults){
        .function = "clEnqueueNDRangeKernel", .nth = at, .stop = &stop});
    int code = run(&err);
    if (code != expected)
        fail_msg("%d: %s", code, err.text);
    atomic_store(&stop, false);
    return opencl_faults_calls();
}

/* Products in a row, which nothing fuses into one. */
static int open_network(void **state)
{
    (void)state;
    struct model model;
    float matrix[WIDTH * WIDTH];
    harness_random(matrix, WIDTH * WIDTH, 1);
    model_init(&model, 13);
    model_input(&model, "x", 2, (const int64_t[]){-1, WIDTH});
    model_floats(&model, "m", 2, (const int64_t[]){WIDTH, WIDTH}, matrix);
    const char *names[] = {"x", "a", "b", "c", "d", "e", "y"};
    for (size_t i = 0; i < STEPS; i++) {
        char inputs[8];
        snprintf(inputs, sizeof inputs, "%s m", names[i]);
        model_node(&model, "MatMul", inputs, names[i + 1]);
    }
    model_output(&model, "y");
    network = harness_load(&model, ROWS, NULL);
    model_free(&model);
    struct error err;
    assert_int_equal(engine_fill_input(network, 0, ROWS, &in, &err), 0);
    assert_int_equal(device_buffer(harness_device(), ROWS * WIDTH * sizeof(float), &out, &err), 0);
    device_stop_by(harness_device(), &stop);
    launches = run_until(0, 0);
    assert_true(launches >= STEPS);
    return 0;
}

static int close_network(void **state)
{
    (void)state;
    device_stop_by(harness_device(), NULL);
    engine_free(&network);
    clReleaseMemObject(in);
    clReleaseMemObject(out);
    return 0;
}

static void nothing_begins_once_it_is_stopped(void **state)
{
    (void)state;
    struct error err = {0};
    for (int runs = 0; runs < 3; runs++) { /* measured twice, then as a whole */
        opencl_faults_set(&(struct opencl_faults){.function = "clEnqueueNDRangeKernel"});
        atomic_store(&stop, true);
        assert_int_equal(run(&err), E_INTERRUPTED);
        assert_int_equal(opencl_faults_calls(), 0);
        atomic_store(&stop, false);
        assert_int_equal(run(&err), 0);
    }
}

static void the_first_runs_stop_after_a_step(void **state)
{
    (void)state;
    assert_int_equal(network->pace.measured, 1);
    for (unsigned long at = 1; at < launches; at++)
        assert_int_equal(run_until(at, E_INTERRUPTED), at);
    assert_int_equal(network->pace.measured, 1);
    assert_int_equal(run_until(0, 0), launches);
}

static void a_short_network_is_one_part(void **state)
{
    (void)state;
    network->pace.measured = PACE_RUNS;
    for (unsigned long at = 1; at <= launches; at++)
        assert_int_equal(run_until(at, 0), launches);
}

/* Six steps of 1, 1, 1, 3, 1, 1 seconds, in parts of two and a half: 1 + 1, 1, 3, 1 + 1. */
static void a_long_one_stops_after_the_part(void **state)
{
    (void)state;
    static const float seconds[STEPS] = {1, 1, 1, 3, 1, 1};
    static const unsigned long ends[STEPS] = {2, 2, 3, 4, 6, 6}; /* of the part that a step is in */
    assert_int_equal(launches, STEPS);
    network->pace.measured = PACE_RUNS;
    network->pace.part = 2.5;
    for (size_t i = 0; i < STEPS; i++)
        network->pace.seconds[i] = seconds[i] / ROWS;
    for (unsigned long at = 1; at <= STEPS; at++)
        assert_int_equal(run_until(at, ends[at - 1] == STEPS ? 0 : E_INTERRUPTED), ends[at - 1]);
    assert_int_equal(run_until(0, 0), STEPS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_network, close_network)
    const struct CMUnitTest tests[] = {
        TEST(nothing_begins_once_it_is_stopped),
        TEST(the_first_runs_stop_after_a_step),
        TEST(a_short_network_is_one_part),
        TEST(a_long_one_stops_after_the_part),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
