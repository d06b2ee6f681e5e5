/*
 * The network thread against a scripted broker over ZeroMQ; the test plays the compute thread, too,
 * at the other end of the mailboxes. Everything waits for a message or a letter, nothing for time
 * to pass.
 */
#include "worker_test.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "worker/network.h"

#define PATIENCE_MS 20000

static struct error err;

struct stage { /* a worker's network thread and all it talks to */
    void *context, *router;
    char endpoint[SOCKET_ENDPOINT_MAX];
    struct socket_identity worker;
    struct wire_welcome welcome; /* what hello is answered with; worker 0: with nothing */
    struct network_options options;
    struct mailbox *orders, *reports;
    atomic_bool cancelled;
    pthread_t thread;
    int failed;
    struct error error;
    struct letter stopped;
};

static void *network_thread(void *state)
{
    struct stage *stage = state;
    stage->failed = network_run(&stage->options, &stage->error);
    return NULL;
}

/* ---- the broker ---- */

struct received {
    struct wire_message message;
    struct socket_frame *frame;
};

static void drop(struct received *received)
{
    socket_frame_free(&received->frame, &received->message);
}

/* The next message of that type; heartbeats and hellos before it are skipped, other types fail the
 * test. */
static struct received expect(struct stage *stage, enum wire_type type)
{
    for (;;) {
        struct received received = {0};
        zmq_pollitem_t item = {stage->router, 0, ZMQ_POLLIN, 0};
        assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
        if (socket_receive(stage->router, &stage->worker, &received.message, &received.frame,
                           &err) != 1)
            fail_msg("the worker sent a bad message: %s", err.text);
        if (received.message.type == WIRE_HELLO && stage->welcome.worker)
            (void)!socket_send(stage->router, &stage->worker, WIRE_WELCOME, &stage->welcome, NULL);
        if (received.message.type == type)
            return received;
        if (received.message.type != WIRE_HEARTBEAT && received.message.type != WIRE_HELLO)
            fail_msg("%s came, expected %s", wire_type_name(received.message.type),
                     wire_type_name(type));
        drop(&received);
    }
}

static void reply(struct stage *stage, enum wire_type type, const void *body)
{
    assert_ok(socket_send(stage->router, &stage->worker, type, body, &err));
}

/* From now on every hello is answered, as a broker does; returns after the first. */
static void welcome(struct stage *stage, uint64_t heartbeat_ms, uint64_t silence_ms)
{
    stage->welcome = (struct wire_welcome){1, heartbeat_ms, silence_ms, ""};
    struct received hello = expect(stage, WIRE_HELLO);
    assert_int_equal(WIRE_BODY(&hello.message, hello)->session, 4711);
    assert_string_equal(WIRE_BODY(&hello.message, hello)->name, "tester");
    drop(&hello);
}

static void lease(struct stage *stage, uint64_t id, const struct wire_task *tasks, size_t count)
{
    reply(stage, WIRE_LEASE,
          &(struct wire_lease){.job = 1,
                               .stage = id,
                               .bundle = "b",
                               .spec = "spec",
                               .tasks = WIRE_LIST(tasks, count)});
}

/* Expects the result of a range under an epoch. */
static void expect_result(struct stage *stage, uint64_t id, struct wire_task wanted)
{
    struct received received = expect(stage, WIRE_RESULT);
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
    drop(&received);
}

static void accept_result(struct stage *stage, uint64_t id, struct wire_task task)
{
    reply(stage, WIRE_ACCEPTED, &(struct wire_accepted){id, WIRE_LIST(&task, 1)});
}

/* ---- the compute thread ---- */

static struct letter *next_letter(struct stage *stage, enum letter_kind kind)
{
    struct letter *letter = (struct letter *)mailbox_wait(stage->orders);
    assert_int_equal(letter->kind, kind);
    return letter;
}

static struct outcome *take_task(struct stage *stage, uint64_t id, uint64_t start)
{
    struct outcome *outcome = (struct outcome *)next_letter(stage, LETTER_RUN);
    assert_int_equal(outcome->assignment->stage, id);
    assert_int_equal(outcome->assignment->task.start, start);
    assert_string_equal(outcome->assignment->spec, "spec");
    return outcome;
}

static void finish(struct stage *stage, struct outcome *outcome, int code)
{
    if (code == 0) {
        assert_ok(outcome_scores(outcome, 1, 2, &err));
        outcome->scores[0] = (float)outcome->assignment->task.start;
    }
    outcome->code = code;
    snprintf(outcome->text, sizeof outcome->text, "as the test wants it");
    outcome->letter.kind = LETTER_DONE;
    mailbox_put(stage->reports, &outcome->letter.mail);
}

/* ---- beginning and end ---- */

static void begin_with_delay(struct stage *stage, int64_t delay)
{
    *stage = (struct stage){.context = zmq_ctx_new()};
    assert_ok(socket_bind_router(stage->context, "tcp://127.0.0.1:*", NULL, &stage->router,
                                 stage->endpoint, &err));
    assert_ok(mailbox_open(&stage->orders, &err));
    assert_ok(mailbox_open(&stage->reports, &err));
    stage->options = (struct network_options){
        .endpoint = stage->endpoint,
        .hello = {.session = 4711,
                  .name = "tester",
                  .host = "h",
                  .device = "d",
                  .driver = "v",
                  .device_kind = "cpu",
                  .labels = "",
                  .credit = 3},
        .orders = stage->orders,
        .reports = stage->reports,
        .stop_fd = eventfd(0, EFD_CLOEXEC),
        .cancelled = &stage->cancelled,
        .recovery = {.first_delay = delay, .most_delay = delay, .tries = 2},
    };
    assert_int_equal(pthread_create(&stage->thread, NULL, network_thread, stage), 0);
}

static void begin(struct stage *stage)
{
    begin_with_delay(stage, 1);
}

/* SIGTERM: the worker stops the compute thread. */
static void ask_to_leave(struct stage *stage)
{
    uint64_t one = 1;
    assert_int_equal(write(stage->options.stop_fd, &one, sizeof one), sizeof one);
    next_letter(stage, LETTER_STOP);
    assert_true(atomic_load(&stage->cancelled));
}

static void compute_has_stopped(struct stage *stage)
{
    stage->stopped.kind = LETTER_STOPPED;
    mailbox_put(stage->reports, &stage->stopped.mail);
}

static void close_stage(struct stage *stage)
{
    mailbox_close(&stage->orders);
    mailbox_close(&stage->reports);
    close(stage->options.stop_fd);
    socket_close(&stage->router);
    zmq_ctx_term(stage->context);
}

static void end(struct stage *stage)
{
    ask_to_leave(stage);
    compute_has_stopped(stage);
    struct received goodbye = expect(stage, WIRE_GOODBYE);
    assert_int_equal(WIRE_BODY(&goodbye.message, goodbye)->session, 4711);
    drop(&goodbye);
    pthread_join(stage->thread, NULL);
    assert_int_equal(stage->failed, 0);
    close_stage(stage);
}

/* ---- tests ---- */

static void tasks_run_one_by_one_and_results_are_sent(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, tasks, 2);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, tasks[0]);
    finish(&stage, take_task(&stage, 5, 10), 0);
    expect_result(&stage, 5, tasks[1]);
    accept_result(&stage, 5, tasks[0]);
    accept_result(&stage, 5, tasks[1]);
    end(&stage);
}

/* The next hello that says so many tasks are held. */
static void expect_held(struct stage *stage, const struct wire_held_task *held, size_t count,
                        uint64_t newest)
{
    struct received received = expect(stage, WIRE_HELLO);
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
    drop(&received);
}

/* Files of a task are finished while the device has the next; a hello tells of both, in the order of their claims. */
static void files_are_finished_beside_the_next_task(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}}, anew = {0, 10, 3, 0};
    const struct wire_held_task held[] = {{5, 10, 10, 2, 0}, {5, 0, 10, 3, 0}};
    struct letter ahead = {.kind = LETTER_AHEAD};
    begin(&stage);
    stage.welcome = (struct wire_welcome){1, 1000, 60000, ""};
    expect_held(&stage, held, 0, 0);
    lease(&stage, 5, tasks, 2);
    struct outcome *files = take_task(&stage, 5, 0);
    mailbox_put(stage.reports, &ahead.mail);
    struct outcome *running = take_task(&stage, 5, 10);
    lease(&stage, 5, &anew, 1); /* the same range goes on under a new epoch */
    reply(&stage, WIRE_REFUSED, &(struct wire_refused){0, "E_STATE", "say hello first"});
    expect_held(&stage, held, 2, 3);
    finish(&stage, running, 0);
    expect_result(&stage, 5, tasks[1]);
    finish(&stage, files, 0);
    expect_result(&stage, 5, anew);
    accept_result(&stage, 5, tasks[1]);
    accept_result(&stage, 5, anew);
    end(&stage);
}

static void a_failed_task_is_told_and_the_next_runs(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, tasks, 2);
    finish(&stage, take_task(&stage, 5, 0), E_DEVICE);
    struct received received = expect(&stage, WIRE_FAILED);
    const struct wire_failed *failed = WIRE_BODY(&received.message, failed);
    assert_string_equal(failed->code, "E_DEVICE");
    assert_string_equal(failed->text, "as the test wants it");
    assert_int_equal(WIRE_ITEMS(failed->task, task)->epoch, 1);
    drop(&received);
    /* Leased to us again before the failure is acknowledged, it runs again. */
    lease(&stage, 5, &(struct wire_task){0, 10, 3, 0}, 1);
    accept_result(&stage, 5, tasks[0]);
    finish(&stage, take_task(&stage, 5, 10), 0);
    expect_result(&stage, 5, tasks[1]);
    accept_result(&stage, 5, tasks[1]);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, (struct wire_task){0, 10, 3, 0});
    accept_result(&stage, 5, (struct wire_task){0, 10, 3, 0});
    end(&stage);
}

/* What is told again after a new welcome goes together; where the broker cannot read that, one by
 * one. */
static void several_results_go_together(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, tasks, 2);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, tasks[0]);
    finish(&stage, take_task(&stage, 5, 10), 0);
    expect_result(&stage, 5, tasks[1]);
    reply(&stage, WIRE_REFUSED, &(struct wire_refused){0, "E_STATE", "say hello first"});
    struct received received = expect(&stage, WIRE_RESULTS);
    const struct wire_results *results = WIRE_BODY(&received.message, results);
    assert_int_equal(results->results.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct wire_result *result = &WIRE_ITEMS(results->results, result)[i];
        assert_int_equal(WIRE_ITEMS(result->task, task)->start, tasks[i].start);
        assert_int_equal(result->scores.size, 10 * 2 * sizeof(float));
    }
    drop(&received);
    reply(&stage, WIRE_REFUSED, &(struct wire_refused){0, "E_INVALID", "results[1]: something"});
    expect_result(&stage, 5, tasks[0]);
    expect_result(&stage, 5, tasks[1]);
    reply(&stage, WIRE_ACCEPTED, &(struct wire_accepted){5, WIRE_LIST(tasks, 2)});
    end(&stage);
}

/* ---- a lost device ---- */

/* The next hello, with this credit; it is welcomed. */
static void expect_credit(struct stage *stage, uint64_t credit)
{
    struct received hello = expect(stage, WIRE_HELLO);
    assert_int_equal(WIRE_BODY(&hello.message, hello)->credit, credit);
    assert_string_equal(WIRE_BODY(&hello.message, hello)->device, credit ? "d" : "d (lost)");
    drop(&hello);
}

/* The running task fails with its device: that is told, then the leases are given back. */
static void fail_with_device(struct stage *stage, struct outcome *running, struct wire_task task)
{
    running->device_lost = true;
    finish(stage, running, E_LOST);
    struct received failed = expect(stage, WIRE_FAILED);
    assert_string_equal(WIRE_BODY(&failed.message, failed)->code, "E_LOST");
    drop(&failed);
    accept_result(stage, 5, task);
    struct received goodbye = expect(stage, WIRE_GOODBYE);
    drop(&goodbye);
    expect_credit(stage, 0);
}

static void answer_opening(struct stage *stage, struct opening *opening, int code)
{
    next_letter(stage, LETTER_REOPEN);
    *opening = (struct opening){.letter.kind = LETTER_OPENED, .code = code, .text = "no device"};
    mailbox_put(stage->reports, &opening->letter.mail);
}

static void a_lost_device_fails_the_task_and_comes_back(void **state)
{
    (void)state;
    struct stage stage;
    struct opening opening;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}, {20, 10, 3, 0}};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, tasks, 3);
    fail_with_device(&stage, take_task(&stage, 5, 0), tasks[0]);
    /* What a broker that has not heard goodbye yet would send is not for a lost device. */
    lease(&stage, 5, &(struct wire_task){30, 10, 4, 0}, 1);
    answer_opening(&stage, &opening, E_DEVICE); /* the first try fails */
    answer_opening(&stage, &opening, 0);
    expect_credit(&stage, 3);
    lease(&stage, 5, &(struct wire_task){0, 10, 7, 0}, 1);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, (struct wire_task){0, 10, 7, 0});
    accept_result(&stage, 5, (struct wire_task){0, 10, 7, 0});
    end(&stage);
}

static void a_device_that_stays_away_is_given_up(void **state)
{
    (void)state;
    struct stage stage;
    struct opening opening;
    const struct wire_task task = {0, 10, 1, 0};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, &task, 1);
    fail_with_device(&stage, take_task(&stage, 5, 0), task);
    answer_opening(&stage, &opening, E_DEVICE);
    answer_opening(&stage, &opening, E_DEVICE);
    next_letter(&stage, LETTER_STOP);
    compute_has_stopped(&stage);
    struct received goodbye = expect(&stage, WIRE_GOODBYE);
    drop(&goodbye);
    pthread_join(stage.thread, NULL);
    assert_int_equal(stage.failed, E_LOST);
    assert_string_equal(stage.error.text, "d is given up after 3 losses: no device");
    close_stage(&stage);
}

static void leaving_does_not_wait_for_a_lost_device(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task task = {0, 10, 1, 0};
    begin_with_delay(&stage, 3600 * CLOCK_SECOND);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, &task, 1);
    fail_with_device(&stage, take_task(&stage, 5, 0), task);
    end(&stage);
}

/* Nothing has failed by it: the leases go back, and more is asked for later. */
static void a_full_store_gives_back(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    for (int times = 0; times < 2; times++) {
        lease(&stage, 5, tasks, 2);
        finish(&stage, take_task(&stage, 5, 0), E_FULL);
        struct received goodbye = expect(&stage, WIRE_GOODBYE);
        drop(&goodbye);
        struct received hello = expect(&stage, WIRE_HELLO);
        assert_int_equal(WIRE_BODY(&hello.message, hello)->credit, 0);
        assert_int_equal(WIRE_BODY(&hello.message, hello)->held.count, 0);
        assert_string_equal(WIRE_BODY(&hello.message, hello)->device, "d (store full)");
        drop(&hello);
        expect_credit(&stage, 3);
    }
    lease(&stage, 5, tasks, 1);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, tasks[0]);
    accept_result(&stage, 5, tasks[0]);
    end(&stage);
}

static void a_silent_broker_is_greeted_and_told_again(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task task = {0, 10, 1, 0};
    begin(&stage);
    welcome(&stage, 5, 40);
    lease(&stage, 5, &task, 1);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, task);
    stage.welcome.worker = 0;
    /* We say nothing: hello comes again, several times, then also over a new socket. */
    for (int i = 0; i < 6; i++) {
        struct received hello = expect(&stage, WIRE_HELLO);
        drop(&hello);
    }
    welcome(&stage, 1000, 60000);
    expect_result(&stage, 5, task);
    accept_result(&stage, 5, task);
    end(&stage);
}

static void a_restarted_broker_gets_everything_again(void **state)
{
    (void)state;
    struct stage stage;
    char bound[SOCKET_ENDPOINT_MAX];
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    begin(&stage);
    welcome(&stage, 5, 60000);
    lease(&stage, 5, tasks, 2);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, tasks[0]);
    struct outcome *running = take_task(&stage, 5, 10);
    socket_close(&stage.router);
    zmq_ctx_term(stage.context); /* the port is free after this */
    stage.context = zmq_ctx_new();
    assert_ok(socket_bind_router(stage.context, stage.endpoint, NULL, &stage.router, bound, &err));
    /* The new broker does not know the connection that heartbeats. */
    struct received beat = expect(&stage, WIRE_HEARTBEAT);
    drop(&beat);
    reply(&stage, WIRE_REFUSED, &(struct wire_refused){0, "E_STATE", "say hello first"});
    welcome(&stage, 1000, 60000);
    expect_result(&stage, 5, tasks[0]);
    accept_result(&stage, 5, tasks[0]);
    /* It leases again what it does not know to be running: that goes on under the new epoch. */
    lease(&stage, 5, &(struct wire_task){10, 10, 7, 0}, 1);
    reply(&stage, WIRE_REVOKE, &(struct wire_revoke){.stage = 99});
    lease(&stage, 6, &(struct wire_task){3, 1, 8, 0}, 1);
    /* The fetch's answer says that the lease before it was read. */
    struct fetch fetch = {.letter = {.kind = LETTER_FETCH}, .directions = true, .stage = 5};
    mailbox_put(stage.reports, &fetch.letter.mail);
    struct received asked = expect(&stage, WIRE_FETCH_DIRECTIONS);
    reply(
        &stage, WIRE_DIRECTIONS,
        &(struct wire_directions){.request = WIRE_BODY(&asked.message, fetch_directions)->request});
    drop(&asked);
    struct answer *answer = (struct answer *)next_letter(&stage, LETTER_ANSWER);
    answer_free(&answer);
    finish(&stage, running, 0);
    expect_result(&stage, 5, (struct wire_task){10, 10, 7, 0});
    accept_result(&stage, 5, (struct wire_task){10, 10, 7, 0});
    finish(&stage, take_task(&stage, 6, 3), 0);
    expect_result(&stage, 6, (struct wire_task){3, 1, 8, 0});
    accept_result(&stage, 6, (struct wire_task){3, 1, 8, 0});
    end(&stage);
}

static void a_revoked_stage_is_dropped_but_not_what_runs(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}, {20, 10, 3, 0}};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, tasks, 3);
    struct outcome *running = take_task(&stage, 5, 0);
    lease(&stage, 6, &(struct wire_task){7, 1, 4, 0}, 1);
    reply(&stage, WIRE_REVOKE, &(struct wire_revoke){.stage = 5});
    struct fetch fetch = {.letter = {.kind = LETTER_FETCH}, .stage = 5, .count = 1};
    mailbox_put(stage.reports, &fetch.letter.mail);
    struct received asked = expect(&stage, WIRE_FETCH_SCORES);
    reply(&stage, WIRE_REFUSED,
          &(struct wire_refused){WIRE_BODY(&asked.message, fetch_scores)->request, "E_NOT_FOUND",
                                 "gone"});
    drop(&asked);
    struct answer *answer = (struct answer *)next_letter(&stage, LETTER_ANSWER);
    assert_int_equal(answer->message.type, WIRE_REFUSED);
    answer_free(&answer);
    finish(&stage, running, 0);
    expect_result(&stage, 5, tasks[0]);
    accept_result(&stage, 5, tasks[0]);
    finish(&stage, take_task(&stage, 6, 7), 0);
    expect_result(&stage, 6, (struct wire_task){7, 1, 4, 0});
    accept_result(&stage, 6, (struct wire_task){7, 1, 4, 0});
    end(&stage);
}

/* What runs is told to stop, and then says nothing; leased again meanwhile, it runs once more. */
static void what_runs_is_revoked(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, tasks, 2);
    struct outcome *running = take_task(&stage, 5, 0);
    assert_false(atomic_load(&stage.cancelled));
    reply(&stage, WIRE_REVOKE, &(struct wire_revoke){5, WIRE_LIST(&tasks[0], 1)});
    lease(&stage, 5, &(struct wire_task){0, 10, 3, 0}, 1);
    while (!atomic_load(&stage.cancelled))
        continue; /* as the compute thread would, at its next batch */
    finish(&stage, running, E_INTERRUPTED);
    running = take_task(&stage, 5, 10);
    assert_false(atomic_load(&stage.cancelled));
    finish(&stage, running, 0);
    expect_result(&stage, 5, tasks[1]);
    accept_result(&stage, 5, tasks[1]);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, (struct wire_task){0, 10, 3, 0});
    accept_result(&stage, 5, (struct wire_task){0, 10, 3, 0});
    end(&stage);
}

static void hello_says_what_is_held(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}, {20, 10, 3, 0}, {30, 10, 4, 0}};
    const struct wire_held_task held[] = {{5, 20, 10, 3, 0}, {5, 30, 10, 4, 0}, {5, 0, 10, 1, 0}};
    begin(&stage);
    stage.welcome = (struct wire_welcome){1, 1000, 60000, ""};
    expect_held(&stage, held, 0, 0);
    lease(&stage, 5, tasks, 4);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, tasks[0]); /* and is not accepted */
    finish(&stage, take_task(&stage, 5, 10), E_DEVICE);
    struct received failed = expect(&stage, WIRE_FAILED);
    drop(&failed);
    struct outcome *running = take_task(&stage, 5, 20);
    reply(&stage, WIRE_REFUSED, &(struct wire_refused){0, "E_STATE", "say hello first"});
    expect_held(&stage, held, 3, 4);
    reply(&stage, WIRE_REVOKE, &(struct wire_revoke){.stage = 5});
    while (!atomic_load(&stage.cancelled))
        continue;
    finish(&stage, running, E_INTERRUPTED);
    expect_result(&stage, 5, tasks[0]);
    accept_result(&stage, 5, tasks[0]);
    failed = expect(&stage, WIRE_FAILED);
    drop(&failed);
    accept_result(&stage, 5, tasks[1]);
    end(&stage);
}

/* Drained: what waits goes back by a hello, what runs is delivered, and then the worker leaves. */
static void draining_finishes_what_runs(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    const struct wire_held_task held[] = {{5, 0, 10, 1, 0}};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, tasks, 2);
    struct outcome *running = take_task(&stage, 5, 0);
    reply(&stage, WIRE_DRAIN, &(struct wire_drain){99}); /* somebody else's */
    reply(&stage, WIRE_DRAIN, &(struct wire_drain){4711});
    expect_held(&stage, held, 1, 2);
    lease(&stage, 5, &(struct wire_task){20, 10, 3, 0}, 1); /* had crossed the hello */
    expect_held(&stage, held, 1, 3);
    finish(&stage, running, 0);
    expect_result(&stage, 5, tasks[0]);
    accept_result(&stage, 5, tasks[0]);
    next_letter(&stage, LETTER_STOP); /* nobody asked it to leave */
    compute_has_stopped(&stage);
    struct received goodbye = expect(&stage, WIRE_GOODBYE);
    drop(&goodbye);
    pthread_join(stage.thread, NULL);
    assert_int_equal(stage.failed, 0);
    close_stage(&stage);
}

static void a_fetch_survives_a_reconnection(void **state)
{
    (void)state;
    struct stage stage;
    float rows[4] = {1, 2, 3, 4};
    begin(&stage);
    welcome(&stage, 5, 40);
    lease(&stage, 5, &(struct wire_task){0, 1, 1, 0}, 1);
    struct outcome *running = take_task(&stage, 5, 0);
    struct fetch fetch = {.letter = {.kind = LETTER_FETCH}, .stage = 4, .start = 8, .count = 2};
    mailbox_put(stage.reports, &fetch.letter.mail);
    struct received asked = expect(&stage, WIRE_FETCH_SCORES);
    drop(&asked);
    stage.welcome.worker = 0;
    struct received hello = expect(&stage, WIRE_HELLO);
    drop(&hello);
    welcome(&stage, 1000, 60000); /* after silence */
    asked = expect(&stage, WIRE_FETCH_SCORES);
    const struct wire_fetch_scores *scores = WIRE_BODY(&asked.message, fetch_scores);
    assert_int_equal(scores->stage, 4);
    assert_int_equal(scores->start, 8);
    assert_int_equal(scores->count, 2);
    struct wire_scores answer_body = {.request = scores->request + 1,
                                      .stage = 4,
                                      .start = 8,
                                      .count = 2,
                                      .columns = 2,
                                      .scores = {(const uint8_t *)rows, sizeof rows}};
    reply(&stage, WIRE_SCORES, &answer_body); /* not what was asked */
    answer_body.request--;
    reply(&stage, WIRE_SCORES, &answer_body);
    drop(&asked);
    struct answer *answer = (struct answer *)next_letter(&stage, LETTER_ANSWER);
    assert_int_equal(WIRE_BODY(&answer->message, scores)->request, answer_body.request);
    answer_free(&answer);
    finish(&stage, running, 0);
    expect_result(&stage, 5, (struct wire_task){0, 1, 1, 0});
    accept_result(&stage, 5, (struct wire_task){0, 1, 1, 0});
    end(&stage);
}

static void hostile_frames_do_no_harm(void **state)
{
    (void)state;
    struct stage stage;
    static const struct {
        const char *data;
        size_t size;
    } frames[] = {
        {"", 0},
        {"\xff", 1},
        {"\xdf\xff\xff\xff\xff", 5},
        {"\x81\xa7version\x63", 10},
        {"\x82\xa7version\x01\xa4type\xa5lease", 20},
        {"not msgpack at all", 18},
    };
    begin(&stage);
    welcome(&stage, 1000, 60000);
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        assert_true(zmq_send(stage.router, stage.worker.bytes, stage.worker.size, ZMQ_SNDMORE) > 0);
        assert_true(zmq_send(stage.router, frames[i].data, frames[i].size, 0) >= 0);
    }
    reply(&stage, WIRE_SUBMITTED, &(struct wire_submitted){1, 1}); /* for clients */
    reply(&stage, WIRE_ACCEPTED,
          &(struct wire_accepted){77, WIRE_LIST((&(struct wire_task){0, 1, 1, 0}), 1)});
    reply(&stage, WIRE_REFUSED, &(struct wire_refused){12, "E_LIMIT", "a request never made"});
    lease(&stage, 5, NULL, 0);
    lease(&stage, 5, &(struct wire_task){0, 1, 1, 0}, 1);
    finish(&stage, take_task(&stage, 5, 0), 0);
    expect_result(&stage, 5, (struct wire_task){0, 1, 1, 0});
    /* A result that the broker cannot take is a failure, not repeated for ever. */
    reply(&stage, WIRE_REFUSED, &(struct wire_refused){0, "E_INVALID", "columns: 2, expected 42"});
    struct received received = expect(&stage, WIRE_FAILED);
    assert_non_null(strstr(WIRE_BODY(&received.message, failed)->text, "expected 42"));
    drop(&received);
    accept_result(&stage, 5, (struct wire_task){0, 1, 1, 0});
    end(&stage);
}

static void leaving_drops_what_was_interrupted(void **state)
{
    (void)state;
    struct stage stage;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    begin(&stage);
    welcome(&stage, 1000, 60000);
    lease(&stage, 5, tasks, 2);
    struct outcome *running = take_task(&stage, 5, 0);
    ask_to_leave(&stage);
    finish(&stage, running, E_INTERRUPTED);
    compute_has_stopped(&stage);
    struct received goodbye = expect(&stage, WIRE_GOODBYE); /* and no failed before it */
    drop(&goodbye);
    pthread_join(stage.thread, NULL);
    mailbox_close(&stage.orders);
    mailbox_close(&stage.reports);
    close(stage.options.stop_fd);
    socket_close(&stage.router);
    zmq_ctx_term(stage.context);
}

static void *compute_thread(void *state)
{
    struct stage *stage = state;
    next_letter(stage, LETTER_STOP);
    compute_has_stopped(stage);
    return NULL;
}

static void a_bad_endpoint_is_an_error_at_once(void **state)
{
    (void)state;
    struct stage stage = {.options = {.endpoint = "tcp://10.1.2.3:1"}};
    assert_ok(mailbox_open(&stage.orders, &err));
    assert_ok(mailbox_open(&stage.reports, &err));
    stage.options.orders = stage.orders;
    stage.options.reports = stage.reports;
    stage.options.cancelled = &stage.cancelled;
    assert_int_equal(pthread_create(&stage.thread, NULL, compute_thread, &stage), 0);
    assert_error(network_run(&stage.options, &err), E_INVALID, "10.1.2.3");
    pthread_join(stage.thread, NULL);
    mailbox_close(&stage.orders);
    mailbox_close(&stage.reports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_one_by_one_and_results_are_sent),
        cmocka_unit_test(several_results_go_together),
        cmocka_unit_test(a_failed_task_is_told_and_the_next_runs),
        cmocka_unit_test(a_lost_device_fails_the_task_and_comes_back),
        cmocka_unit_test(a_device_that_stays_away_is_given_up),
        cmocka_unit_test(leaving_does_not_wait_for_a_lost_device),
        cmocka_unit_test(a_full_store_gives_back),
        cmocka_unit_test(a_silent_broker_is_greeted_and_told_again),
        cmocka_unit_test(a_restarted_broker_gets_everything_again),
        cmocka_unit_test(a_revoked_stage_is_dropped_but_not_what_runs),
        cmocka_unit_test(what_runs_is_revoked),
        cmocka_unit_test(hello_says_what_is_held),
        cmocka_unit_test(files_are_finished_beside_the_next_task),
        cmocka_unit_test(draining_finishes_what_runs),
        cmocka_unit_test(a_fetch_survives_a_reconnection),
        cmocka_unit_test(hostile_frames_do_no_harm),
        cmocka_unit_test(leaving_drops_what_was_interrupted),
        cmocka_unit_test(a_bad_endpoint_is_an_error_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
