/*
 * worker_run with its real threads and devices against a scripted broker: devices that cannot be
 * opened, or are lost for good, and what the others make of it. The devices are parts of device 0.
 */
#include "default_store.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/engine/opencl_faults.h"
#include "worker/worker.h"

#define PATIENCE_MS 60000

static struct error err;
static char store[256], hash[DIGEST_HEX_BYTES];

static const char spec_text[] = //
    "format: facefarm-job/1\n"
    "name: test\n"
    "bundle: default\n"
    "seed: 7\n"
    "stages:\n"
    "  - {kind: label, name: labels, count: 4}\n";

struct stage {
    void *context, *router;
    char endpoint[SOCKET_ENDPOINT_MAX];
    struct device_choice devices[2];
    struct worker_options options;
    pthread_t thread;
    int failed;
    struct error error;
};

static void *worker_thread(void *state)
{
    struct stage *stage = state;
    stage->failed = worker_run(&stage->options, &stage->error);
    return NULL;
}

/* A worker of `count` devices of a thread each; a lost one is given up after two tries. */
static void begin(struct stage *stage, size_t count, const struct opencl_faults *faults)
{
    *stage = (struct stage){.context = zmq_ctx_new()};
    assert_ok(socket_bind_router(stage->context, "tcp://127.0.0.1:*", NULL, &stage->router,
                                 stage->endpoint, &err));
    for (size_t i = 0; i < count; i++)
        stage->devices[i].options = (struct device_options){.threads = 1, .first_thread = (unsigned)i};
    stage->options = (struct worker_options){
        .endpoint = stage->endpoint,
        .name = "w",
        .devices = stage->devices,
        .device_count = count,
        .runner = {.store = store, .batch = 4},
        .recovery = {.first_delay = 1, .most_delay = 1, .tries = 2},
        .stop_fd = eventfd(0, EFD_CLOEXEC),
    };
    opencl_faults_set(faults);
    assert_int_equal(pthread_create(&stage->thread, NULL, worker_thread, stage), 0);
}

static void end(struct stage *stage)
{
    pthread_join(stage->thread, NULL);
    opencl_faults_set(NULL);
    close(stage->options.stop_fd);
    socket_close(&stage->router);
    zmq_ctx_term(stage->context);
    assert_int_equal(opencl_faults_alive(), 0);
}

static void ask_to_leave(struct stage *stage)
{
    uint64_t one = 1;
    assert_int_equal(write(stage->options.stop_fd, &one, sizeof one), sizeof one);
}

/* ---- the broker ---- */

/* The next message of that type, from anybody; hellos are welcomed. Its text field goes to `text`:
 * hello's name, failed's code. */
static struct socket_identity expect(struct stage *stage, enum wire_type type, char text[64])
{
    const struct wire_welcome welcome = {1, 1000, 60000, ""};
    for (;;) {
        struct wire_message message;
        struct socket_frame *frame = NULL;
        struct socket_identity from;
        zmq_pollitem_t item = {stage->router, 0, ZMQ_POLLIN, 0};
        assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
        assert_int_equal(socket_receive(stage->router, &from, &message, &frame, &err), 1);
        enum wire_type came = message.type;
        if (came == WIRE_HELLO)
            snprintf(text, 64, "%s", WIRE_BODY(&message, hello)->name);
        if (came == WIRE_FAILED)
            snprintf(text, 64, "%s", WIRE_BODY(&message, failed)->code);
        socket_frame_free(&frame, &message);
        if (came == WIRE_HELLO)
            assert_ok(socket_send(stage->router, &from, WIRE_WELCOME, &welcome, &err));
        if (came == type)
            return from;
    }
}

static void lease(struct stage *stage, const struct socket_identity *to)
{
    const struct wire_task task = {0, 4, 1, 0};
    assert_ok(socket_send(
        stage->router, to, WIRE_LEASE,
        &(struct wire_lease){
            .job = 1, .stage = 5, .bundle = hash, .spec = spec_text, .tasks = WIRE_LIST(&task, 1)},
        &err));
}

static void accept_task(struct stage *stage, const struct socket_identity *to)
{
    const struct wire_task task = {0, 4, 1, 0};
    assert_ok(socket_send(stage->router, to, WIRE_ACCEPTED,
                          &(struct wire_accepted){5, WIRE_LIST(&task, 1)}, &err));
}

/* Leases a task to whoever says hello first, which costs it the device. */
static struct socket_identity lose_first(struct stage *stage)
{
    char text[64];
    struct socket_identity first = expect(stage, WIRE_HELLO, text);
    lease(stage, &first);
    (void)expect(stage, WIRE_FAILED, text);
    assert_string_equal(text, "E_LOST");
    accept_task(stage, &first);
    return first;
}

/* ---- tests ---- */

static const struct opencl_faults lost_for_good = {.function = "clEnqueueNDRangeKernel",
                                                   .nth = 3,
                                                   .code = CL_DEVICE_NOT_AVAILABLE,
                                                   .lost = true,
                                                   .openings = 1000};

static void the_last_device_given_up_ends_the_worker(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, 1, &lost_for_good);
    lose_first(&stage);
    end(&stage); /* nobody asked it to leave */
    assert_int_equal(stage.failed, E_LOST);
    assert_non_null(strstr(stage.error.text, "is given up after 3 losses: clCreateContext"));
}

static bool is_same(const struct socket_identity *a, const struct socket_identity *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* After its task, the lost device says goodbye twice: once to give leases back, once for good. */
static void the_other_device_goes_on(void **state)
{
    (void)state;
    struct stage stage;
    char text[64];
    begin(&stage, 2, &lost_for_good);
    struct socket_identity lost = lose_first(&stage), other = lost;
    for (int goodbyes = 0; goodbyes < 2; goodbyes++) {
        struct socket_identity from = expect(&stage, WIRE_GOODBYE, text);
        assert_true(is_same(&from, &lost));
    }
    while (is_same(&other, &lost)) /* which has been welcomed already, or heartbeats */
        other = expect(&stage, WIRE_HEARTBEAT, text);
    lease(&stage, &other);
    struct socket_identity from = expect(&stage, WIRE_RESULT, text);
    assert_true(is_same(&from, &other));
    accept_task(&stage, &other);
    ask_to_leave(&stage);
    end(&stage);
    assert_int_equal(stage.failed, 0);
}

static void a_device_that_does_not_open_is_left_out(void **state)
{
    (void)state;
    const struct opencl_faults faults = {
        .function = "clCreateContext", .nth = 1, .code = CL_OUT_OF_HOST_MEMORY};
    struct stage stage;
    char text[64];
    begin(&stage, 2, &faults);
    (void)expect(&stage, WIRE_HELLO, text);
    assert_string_equal(text, "w.1");
    ask_to_leave(&stage);
    end(&stage);
    assert_int_equal(stage.failed, 0);
}

static void without_any_device_it_does_not_start(void **state)
{
    (void)state;
    const struct opencl_faults faults = {
        .function = "clCreateContext", .nth = 1, .times = 2, .code = CL_OUT_OF_HOST_MEMORY};
    struct stage stage;
    begin(&stage, 2, &faults);
    end(&stage);
    assert_int_equal(stage.failed, E_MEMORY);
    assert_non_null(strstr(stage.error.text, "clCreateContext"));
}

/* ---- beginning and end ---- */

static int make_store(void **state)
{
    (void)state;
    make_default_store(store, hash);
    return 0;
}

static int drop_store(void **state)
{
    (void)state;
    remove_folder(store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_device_given_up_ends_the_worker),
        cmocka_unit_test(the_other_device_goes_on),
        cmocka_unit_test(a_device_that_does_not_open_is_left_out),
        cmocka_unit_test(without_any_device_it_does_not_start),
    };
    struct device_info info;
    size_t count = 0;
    if (!have_device())
        return EXIT_SKIP;
    if (device_list(&info, 1, &count, &err) || info.kind != DEVICE_CPU || info.compute_units < 2) {
        printf("skipped: device 0 is no CPU of two compute units\n");
        return EXIT_SKIP;
    }
    return cmocka_run_group_tests(tests, make_store, drop_store);
}
