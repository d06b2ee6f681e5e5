/* Messages over real sockets; endpoints that would carry plain text off this machine. */
#include "tests/common/check.h"

#include <dlfcn.h>
#include <errno.h>
#include <zmq.h>

#include "common/socket.h"

static struct error err;

/* In place of ZeroMQ's: the next frame finds no memory. */
static bool no_memory;

int zmq_msg_init_size(zmq_msg_t *message, size_t size)
{
    union {
        void *symbol;
        int (*call)(zmq_msg_t *, size_t);
    } real = {dlsym(RTLD_NEXT, "zmq_msg_init_size")};
    if (!no_memory)
        return real.call(message, size);
    no_memory = false;
    errno = ENOMEM;
    return -1;
}

static void plain_text_stays_on_this_machine(void **state)
{
    (void)state;
    static const char *const good[] = {"ipc:///tmp/x", "tcp://127.0.0.1:*", "tcp://127.1.2.3:5",
                                       "tcp://localhost:5", "tcp://[::1]:5"};
    static const char *const bad[] = {"tcp://*:5", "tcp://0.0.0.0:5", "tcp://10.0.0.1:5",
                                      "tcp://127.example.org:5", "tcp://localhost.org:5", "", "x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_ok(socket_check_endpoint(good[i], false, &err));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_error(socket_check_endpoint(bad[i], false, &err), E_INVALID, "stays on this machine");
}

static void wait_for(void *socket)
{
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    assert_int_equal(zmq_poll(&item, 1, 10000), 1);
}

static void messages_go_both_ways(void **state)
{
    (void)state;
    void *context = zmq_ctx_new(), *router = NULL, *dealer = NULL;
    char endpoint[SOCKET_ENDPOINT_MAX];
    struct socket_identity from, nobody = {3, {1, 2, 3}, ""};
    struct socket_frame *frame = NULL;
    struct wire_message message;
    const struct wire_heartbeat beat = {.session = 77};
    assert_ok(socket_bind_router(context, "tcp://127.0.0.1:*", NULL, &router, endpoint, &err));
    assert_ok(socket_connect_dealer(context, endpoint, NULL, &dealer, &err));
    assert_int_equal(socket_receive(router, &from, &message, &frame, &err), 0);

    assert_ok(socket_send(dealer, NULL, WIRE_HEARTBEAT, &beat, &err));
    wait_for(router);
    assert_int_equal(socket_receive(router, &from, &message, &frame, &err), 1);
    assert_int_equal(WIRE_BODY(&message, heartbeat)->session, 77);
    socket_frame_free(&frame, &message);

    assert_ok(socket_send(router, &from, WIRE_HEARTBEAT, &beat, &err));
    wait_for(dealer);
    assert_int_equal(socket_receive(dealer, NULL, &message, &frame, &err), 1);
    socket_frame_free(&frame, &message);

    assert_error(socket_send(router, &nobody, WIRE_HEARTBEAT, &beat, &err), E_NETWORK, "heartbeat");

    zmq_send(dealer, "garbage", 7, ZMQ_SNDMORE);
    zmq_send(dealer, "more", 4, 0);
    assert_ok(socket_send(dealer, NULL, WIRE_HEARTBEAT, &beat, &err));
    wait_for(router);
    assert_error(socket_receive(router, &from, &message, &frame, &err), E_PARSE, "several parts");
    wait_for(router);
    assert_int_equal(socket_receive(router, &from, &message, &frame, &err), 1);
    socket_frame_free(&frame, &message);

    socket_close(&dealer);
    socket_close(&router);
    zmq_ctx_term(context);
}

/* What cannot be sent for want of memory leaves nothing behind that the next message would follow. */
static void a_message_goes_whole_or_not_at_all(void **state)
{
    (void)state;
    void *context = zmq_ctx_new(), *router = NULL, *dealer = NULL;
    char endpoint[SOCKET_ENDPOINT_MAX];
    struct socket_identity from;
    struct socket_frame *frame = NULL;
    struct wire_message message;
    const struct wire_heartbeat lost = {.session = 1}, beat = {.session = 2};
    assert_ok(socket_bind_router(context, "tcp://127.0.0.1:*", NULL, &router, endpoint, &err));
    assert_ok(socket_connect_dealer(context, endpoint, NULL, &dealer, &err));
    assert_ok(socket_send(dealer, NULL, WIRE_HEARTBEAT, &beat, &err));
    wait_for(router);
    assert_int_equal(socket_receive(router, &from, &message, &frame, &err), 1);
    socket_frame_free(&frame, &message);

    no_memory = true;
    assert_error(socket_send(router, &from, WIRE_HEARTBEAT, &lost, &err), E_NETWORK, "heartbeat");
    assert_false(no_memory);
    assert_ok(socket_send(router, &from, WIRE_HEARTBEAT, &beat, &err));
    wait_for(dealer);
    assert_int_equal(socket_receive(dealer, NULL, &message, &frame, &err), 1);
    assert_int_equal(WIRE_BODY(&message, heartbeat)->session, 2);
    socket_frame_free(&frame, &message);

    socket_close(&dealer);
    socket_close(&router);
    zmq_ctx_term(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays_on_this_machine),
        cmocka_unit_test(messages_go_both_ways),
        cmocka_unit_test(a_message_goes_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
