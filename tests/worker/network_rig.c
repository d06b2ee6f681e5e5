#include "network_rig.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#define PATIENCE_MS 20000

static struct error err;

static void *network_thread(void *state)
{
    struct rig *rig = state;
    rig->failed = network_run(&rig->options, &rig->error);
    return NULL;
}

/* ---- the broker ---- */

void received_free(struct received *received)
{
    socket_frame_free(&received->frame, &received->message);
}

struct received rig_expect(struct rig *rig, enum wire_type type)
{
    for (;;) {
        struct received received = {0};
        zmq_pollitem_t item = {rig->router, 0, ZMQ_POLLIN, 0};
        assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
        if (socket_receive(rig->router, &rig->worker, &received.message, &received.frame, &err) !=
            1)
            fail_msg("the worker sent a bad message: %s", err.text);
        if (received.message.type == WIRE_HELLO && rig->welcome.worker)
            (void)!socket_send(rig->router, &rig->worker, WIRE_WELCOME, &rig->welcome, NULL);
        if (received.message.type == type)
            return received;
        if (received.message.type != WIRE_HEARTBEAT && received.message.type != WIRE_HELLO)
            fail_msg("%s came, expected %s", wire_type_name(received.message.type),
                     wire_type_name(type));
        received_free(&received);
    }
}

void rig_reply(struct rig *rig, enum wire_type type, const void *body)
{
    assert_ok(socket_send(rig->router, &rig->worker, type, body, &err));
}

void rig_welcome(struct rig *rig, uint64_t heartbeat_ms, uint64_t silence_ms)
{
    rig->welcome = (struct wire_welcome){1, heartbeat_ms, silence_ms, ""};
    struct received hello = rig_expect(rig, WIRE_HELLO);
    assert_int_equal(WIRE_BODY(&hello.message, hello)->session, 4711);
    assert_string_equal(WIRE_BODY(&hello.message, hello)->name, "tester");
    received_free(&hello);
}

void rig_lease(struct rig *rig, uint64_t id, const struct wire_task *tasks, size_t count)
{
    rig_reply(rig, WIRE_LEASE,
              &(struct wire_lease){.job = 1,
                                   .stage = id,
                                   .bundle = "b",
                                   .spec = "spec",
                                   .tasks = WIRE_LIST(tasks, count)});
}

void rig_expect_result(struct rig *rig, uint64_t id, struct wire_task wanted)
{
    struct received received = rig_expect(rig, WIRE_RESULT);
    const struct wire_result *result = WIRE_BODY(&received.message, result);
    const struct wire_task *task = WIRE_ITEMS(result->task, task);
    assert_int_equal(result->stage, id);
    assert_int_equal(task->start, wanted.start);
    assert_int_equal(task->count, wanted.count);
    assert_int_equal(task->epoch, wanted.epoch);
    float first = -1; /* bytes in a message stand anywhere */
    assert_int_equal(result->scores.size, wanted.count * 2 * sizeof(float));
    memcpy(&first, result->scores.data, sizeof first);
    assert_true(first == (float)wanted.start);
    received_free(&received);
}

void rig_accept(struct rig *rig, uint64_t id, struct wire_task task)
{
    rig_reply(rig, WIRE_ACCEPTED, &(struct wire_accepted){id, WIRE_LIST(&task, 1)});
}

void rig_expect_held(struct rig *rig, const struct wire_held_task *held, size_t count,
                     uint64_t newest)
{
    struct received received = rig_expect(rig, WIRE_HELLO);
    const struct wire_hello *hello = WIRE_BODY(&received.message, hello);
    assert_int_equal(hello->held.count, count);
    assert_int_equal(hello->newest, newest);
    for (size_t i = 0; i < count; i++) {
        const struct wire_held_task *found = &WIRE_ITEMS(hello->held, held_task)[i];
        assert_int_equal(found->stage, held[i].stage);
        assert_int_equal(found->start, held[i].start);
        assert_int_equal(found->count, held[i].count);
        assert_int_equal(found->epoch, held[i].epoch);
    }
    received_free(&received);
}

/* ---- the compute thread ---- */

struct letter *rig_letter(struct rig *rig, enum letter_kind kind)
{
    struct letter *letter = (struct letter *)mailbox_wait(rig->orders);
    assert_int_equal(letter->kind, kind);
    return letter;
}

struct outcome *rig_take_task(struct rig *rig, uint64_t id, uint64_t start)
{
    struct outcome *outcome = (struct outcome *)rig_letter(rig, LETTER_RUN);
    assert_int_equal(outcome->assignment->stage, id);
    assert_int_equal(outcome->assignment->task.start, start);
    assert_string_equal(outcome->assignment->spec, "spec");
    return outcome;
}

void rig_finish(struct rig *rig, struct outcome *outcome, int code)
{
    if (code == 0) {
        assert_ok(outcome_scores(outcome, 1, 2, &err));
        outcome->scores[0] = (float)outcome->assignment->task.start;
    }
    outcome->code = code;
    snprintf(outcome->text, sizeof outcome->text, "as the test wants it");
    outcome->letter.kind = LETTER_DONE;
    mailbox_put(rig->reports, &outcome->letter.mail);
}

void rig_deliver(struct rig *rig, struct outcome *outcome, uint64_t id, struct wire_task task)
{
    rig_finish(rig, outcome, 0);
    rig_expect_result(rig, id, task);
    rig_accept(rig, id, task);
}

/* ---- beginning and end ---- */

void rig_begin_with_delay(struct rig *rig, int64_t delay)
{
    *rig = (struct rig){.context = zmq_ctx_new()};
    assert_ok(socket_bind_router(rig->context, "tcp://127.0.0.1:*", NULL, &rig->router,
                                 rig->endpoint, &err));
    assert_ok(mailbox_open(&rig->orders, &err));
    assert_ok(mailbox_open(&rig->reports, &err));
    rig->options = (struct network_options){
        .endpoint = rig->endpoint,
        .hello = {.session = 4711,
                  .name = "tester",
                  .host = "h",
                  .device = "d",
                  .driver = "v",
                  .device_kind = "cpu",
                  .labels = "",
                  .credit = 3},
        .orders = rig->orders,
        .reports = rig->reports,
        .stop_fd = eventfd(0, EFD_CLOEXEC),
        .cancelled = &rig->cancelled,
        .recovery = {.first_delay = delay, .most_delay = delay, .tries = 2},
    };
    assert_int_equal(pthread_create(&rig->thread, NULL, network_thread, rig), 0);
}

void rig_begin(struct rig *rig)
{
    rig_begin_with_delay(rig, 1);
}

void rig_ask_to_leave(struct rig *rig)
{
    uint64_t one = 1;
    assert_int_equal(write(rig->options.stop_fd, &one, sizeof one), sizeof one);
    rig_letter(rig, LETTER_STOP);
    assert_true(atomic_load(&rig->cancelled));
}

void rig_compute_has_stopped(struct rig *rig)
{
    rig->stopped.kind = LETTER_STOPPED;
    mailbox_put(rig->reports, &rig->stopped.mail);
}

void rig_has_left(struct rig *rig, int code)
{
    rig_compute_has_stopped(rig);
    struct received goodbye = rig_expect(rig, WIRE_GOODBYE);
    assert_int_equal(WIRE_BODY(&goodbye.message, goodbye)->session, 4711);
    received_free(&goodbye);
    pthread_join(rig->thread, NULL);
    assert_int_equal(rig->failed, code);
    mailbox_close(&rig->orders);
    mailbox_close(&rig->reports);
    close(rig->options.stop_fd);
    socket_close(&rig->router);
    zmq_ctx_term(rig->context);
}

void rig_end(struct rig *rig)
{
    rig_ask_to_leave(rig);
    rig_has_left(rig, 0);
}
