/* The network thread where work ends: a lost device, a full store, draining, leaving. */
#include "network_rig.h"

#include "common/clock.h"

static struct error err;

/* The next hello, with this credit; it is welcomed. */
static void expect_credit(struct rig *rig, uint64_t credit)
{
    struct received hello = rig_expect(rig, WIRE_HELLO);
    assert_int_equal(WIRE_BODY(&hello.message, hello)->credit, credit);
    assert_string_equal(WIRE_BODY(&hello.message, hello)->device, credit ? "d" : "d (lost)");
    received_free(&hello);
}

/* The running task fails with its device: that is told, then the leases are given back. */
static void fail_with_device(struct rig *rig, struct outcome *running, struct wire_task task)
{
    running->device_lost = true;
    rig_finish(rig, running, E_LOST);
    struct received failed = rig_expect(rig, WIRE_FAILED);
    assert_string_equal(WIRE_BODY(&failed.message, failed)->code, "E_LOST");
    received_free(&failed);
    rig_accept(rig, 5, task);
    struct received goodbye = rig_expect(rig, WIRE_GOODBYE);
    received_free(&goodbye);
    expect_credit(rig, 0);
}

static void answer_opening(struct rig *rig, struct opening *opening, int code)
{
    rig_letter(rig, LETTER_REOPEN);
    *opening = (struct opening){.letter.kind = LETTER_OPENED, .code = code, .text = "no device"};
    mailbox_put(rig->reports, &opening->letter.mail);
}

static void a_lost_device_fails_the_task_and_comes_back(void **state)
{
    (void)state;
    struct rig rig;
    struct opening opening;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}, {20, 10, 3, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, tasks, 3);
    fail_with_device(&rig, rig_take_task(&rig, 5, 0), tasks[0]);
    /* What a broker that has not heard goodbye yet would send is not for a lost device. */
    rig_lease(&rig, 5, &(struct wire_task){30, 10, 4, 0}, 1);
    answer_opening(&rig, &opening, E_DEVICE); /* the first try fails */
    answer_opening(&rig, &opening, 0);
    expect_credit(&rig, 3);
    rig_lease(&rig, 5, &(struct wire_task){0, 10, 7, 0}, 1);
    rig_deliver(&rig, rig_take_task(&rig, 5, 0), 5, (struct wire_task){0, 10, 7, 0});
    rig_end(&rig);
}

static void a_device_that_stays_away_is_given_up(void **state)
{
    (void)state;
    struct rig rig;
    struct opening opening;
    const struct wire_task task = {0, 10, 1, 0};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, &task, 1);
    fail_with_device(&rig, rig_take_task(&rig, 5, 0), task);
    answer_opening(&rig, &opening, E_DEVICE);
    answer_opening(&rig, &opening, E_DEVICE);
    rig_letter(&rig, LETTER_STOP);
    rig_has_left(&rig, E_LOST);
    assert_string_equal(rig.error.text, "d is given up after 3 losses: no device");
}

static void leaving_does_not_wait_for_a_lost_device(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task task = {0, 10, 1, 0};
    rig_begin_with_delay(&rig, 3600 * CLOCK_SECOND);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, &task, 1);
    fail_with_device(&rig, rig_take_task(&rig, 5, 0), task);
    rig_end(&rig);
}

/* Nothing has failed by it: the leases go back, and more is asked for later. */
static void store_gives_back(int code, const char *device)
{
    struct rig rig;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    for (int times = 0; times < 2; times++) {
        rig_lease(&rig, 5, tasks, 2);
        rig_finish(&rig, rig_take_task(&rig, 5, 0), code);
        struct received goodbye = rig_expect(&rig, WIRE_GOODBYE);
        received_free(&goodbye);
        struct received hello = rig_expect(&rig, WIRE_HELLO);
        assert_int_equal(WIRE_BODY(&hello.message, hello)->credit, 0);
        assert_int_equal(WIRE_BODY(&hello.message, hello)->held.count, 0);
        assert_string_equal(WIRE_BODY(&hello.message, hello)->device, device);
        received_free(&hello);
        expect_credit(&rig, 3);
    }
    rig_lease(&rig, 5, tasks, 1);
    rig_deliver(&rig, rig_take_task(&rig, 5, 0), 5, tasks[0]);
    rig_end(&rig);
}

static void a_full_store_gives_back(void **state)
{
    (void)state;
    store_gives_back(E_FULL, "d (store full)");
}

static void a_read_only_store_gives_back(void **state)
{
    (void)state;
    store_gives_back(E_READONLY, "d (store read-only)");
}

/* Drained: what waits goes back by a hello, what runs is delivered, and then the worker leaves. */
static void draining_finishes_what_runs(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    const struct wire_held_task held[] = {{5, 0, 10, 1, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, tasks, 2);
    struct outcome *running = rig_take_task(&rig, 5, 0);
    rig_reply(&rig, WIRE_DRAIN, &(struct wire_drain){99}); /* somebody else's */
    rig_reply(&rig, WIRE_DRAIN, &(struct wire_drain){4711});
    rig_expect_held(&rig, held, 1, 2);
    rig_lease(&rig, 5, &(struct wire_task){20, 10, 3, 0}, 1); /* had crossed the hello */
    rig_expect_held(&rig, held, 1, 3);
    rig_deliver(&rig, running, 5, tasks[0]);
    rig_letter(&rig, LETTER_STOP); /* nobody asked it to leave */
    rig_has_left(&rig, 0);
}

static void leaving_drops_what_was_interrupted(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, tasks, 2);
    struct outcome *running = rig_take_task(&rig, 5, 0);
    rig_ask_to_leave(&rig);
    rig_finish(&rig, running, E_INTERRUPTED);
    rig_has_left(&rig, 0); /* and no failed before goodbye */
}

static void *compute_thread(void *state)
{
    struct rig *rig = state;
    rig_letter(rig, LETTER_STOP);
    rig_compute_has_stopped(rig);
    return NULL;
}

static void a_bad_endpoint_is_an_error_at_once(void **state)
{
    (void)state;
    struct rig rig = {.options = {.endpoint = "tcp://10.1.2.3:1"}};
    assert_ok(mailbox_open(&rig.orders, &err));
    assert_ok(mailbox_open(&rig.reports, &err));
    rig.options.orders = rig.orders;
    rig.options.reports = rig.reports;
    rig.options.cancelled = &rig.cancelled;
    assert_int_equal(pthread_create(&rig.thread, NULL, compute_thread, &rig), 0);
    assert_error(network_run(&rig.options, &err), E_INVALID, "10.1.2.3");
    pthread_join(rig.thread, NULL);
    mailbox_close(&rig.orders);
    mailbox_close(&rig.reports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_device_fails_the_task_and_comes_back),
        cmocka_unit_test(a_device_that_stays_away_is_given_up),
        cmocka_unit_test(leaving_does_not_wait_for_a_lost_device),
        cmocka_unit_test(a_full_store_gives_back),
        cmocka_unit_test(a_read_only_store_gives_back),
        cmocka_unit_test(draining_finishes_what_runs),
        cmocka_unit_test(leaving_drops_what_was_interrupted),
        cmocka_unit_test(a_bad_endpoint_is_an_error_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
