/* The network thread: leases, results, fetches and refusals, and brokers that go and come. */
#include "network_rig.h"

#include <zmq.h>

static struct error err;

static void tasks_run_one_by_one_and_results_are_sent(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, tasks, 2);
    rig_finish(&rig, rig_take_task(&rig, 5, 0), 0);
    rig_expect_result(&rig, 5, tasks[0]);
    rig_finish(&rig, rig_take_task(&rig, 5, 10), 0);
    rig_expect_result(&rig, 5, tasks[1]);
    rig_accept(&rig, 5, tasks[0]);
    rig_accept(&rig, 5, tasks[1]);
    rig_end(&rig);
}

/* Files of a task are finished while the device has the next; a hello tells of both, in the order
 * of their claims. */
static void files_are_finished_beside_the_next_task(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}}, anew = {0, 10, 3, 0};
    const struct wire_held_task held[] = {{5, 10, 10, 2, 0}, {5, 0, 10, 3, 0}};
    struct letter ahead = {.kind = LETTER_AHEAD};
    rig_begin(&rig);
    rig.welcome = (struct wire_welcome){1, 1000, 60000, ""};
    rig_expect_held(&rig, held, 0, 0);
    rig_lease(&rig, 5, tasks, 2);
    struct outcome *files = rig_take_task(&rig, 5, 0);
    mailbox_put(rig.reports, &ahead.mail);
    struct outcome *running = rig_take_task(&rig, 5, 10);
    rig_lease(&rig, 5, &anew, 1); /* the same range goes on under a new epoch */
    rig_reply(&rig, WIRE_REFUSED, &(struct wire_refused){0, "E_STATE", "say hello first"});
    rig_expect_held(&rig, held, 2, 3);
    rig_finish(&rig, running, 0);
    rig_expect_result(&rig, 5, tasks[1]);
    rig_finish(&rig, files, 0);
    rig_expect_result(&rig, 5, anew);
    rig_accept(&rig, 5, tasks[1]);
    rig_accept(&rig, 5, anew);
    rig_end(&rig);
}

static void a_failed_task_is_told_and_the_next_runs(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, tasks, 2);
    rig_finish(&rig, rig_take_task(&rig, 5, 0), E_DEVICE);
    struct received received = rig_expect(&rig, WIRE_FAILED);
    const struct wire_failed *failed = WIRE_BODY(&received.message, failed);
    assert_string_equal(failed->code, "E_DEVICE");
    assert_string_equal(failed->text, "as the test wants it");
    assert_int_equal(WIRE_ITEMS(failed->task, task)->epoch, 1);
    received_free(&received);
    /* Leased to us again before the failure is acknowledged, it runs again. */
    rig_lease(&rig, 5, &(struct wire_task){0, 10, 3, 0}, 1);
    rig_accept(&rig, 5, tasks[0]);
    rig_deliver(&rig, rig_take_task(&rig, 5, 10), 5, tasks[1]);
    rig_deliver(&rig, rig_take_task(&rig, 5, 0), 5, (struct wire_task){0, 10, 3, 0});
    rig_end(&rig);
}

/* What is told again after a new welcome goes together; where the broker cannot read that, one by
 * one. */
static void several_results_go_together(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, tasks, 2);
    rig_finish(&rig, rig_take_task(&rig, 5, 0), 0);
    rig_expect_result(&rig, 5, tasks[0]);
    rig_finish(&rig, rig_take_task(&rig, 5, 10), 0);
    rig_expect_result(&rig, 5, tasks[1]);
    rig_reply(&rig, WIRE_REFUSED, &(struct wire_refused){0, "E_STATE", "say hello first"});
    struct received received = rig_expect(&rig, WIRE_RESULTS);
    const struct wire_results *results = WIRE_BODY(&received.message, results);
    assert_int_equal(results->results.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct wire_result *result = &WIRE_ITEMS(results->results, result)[i];
        assert_int_equal(WIRE_ITEMS(result->task, task)->start, tasks[i].start);
        assert_int_equal(result->scores.size, 10 * 2 * sizeof(float));
    }
    received_free(&received);
    rig_reply(&rig, WIRE_REFUSED, &(struct wire_refused){0, "E_INVALID", "results[1]: something"});
    rig_expect_result(&rig, 5, tasks[0]);
    rig_expect_result(&rig, 5, tasks[1]);
    rig_reply(&rig, WIRE_ACCEPTED, &(struct wire_accepted){5, WIRE_LIST(tasks, 2)});
    rig_end(&rig);
}

static void a_silent_broker_is_greeted_and_told_again(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task task = {0, 10, 1, 0};
    rig_begin(&rig);
    rig_welcome(&rig, 5, 40);
    rig_lease(&rig, 5, &task, 1);
    rig_finish(&rig, rig_take_task(&rig, 5, 0), 0);
    rig_expect_result(&rig, 5, task);
    rig.welcome.worker = 0;
    /* We say nothing: hello comes again, several times, then also over a new socket. */
    for (int i = 0; i < 6; i++) {
        struct received hello = rig_expect(&rig, WIRE_HELLO);
        received_free(&hello);
    }
    rig_welcome(&rig, 1000, 60000);
    rig_expect_result(&rig, 5, task);
    rig_accept(&rig, 5, task);
    rig_end(&rig);
}

static void a_restarted_broker_gets_everything_again(void **state)
{
    (void)state;
    struct rig rig;
    char bound[SOCKET_ENDPOINT_MAX];
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 5, 60000);
    rig_lease(&rig, 5, tasks, 2);
    rig_finish(&rig, rig_take_task(&rig, 5, 0), 0);
    rig_expect_result(&rig, 5, tasks[0]);
    struct outcome *running = rig_take_task(&rig, 5, 10);
    socket_close(&rig.router);
    zmq_ctx_term(rig.context); /* the port is free after this */
    rig.context = zmq_ctx_new();
    assert_ok(socket_bind_router(rig.context, rig.endpoint, NULL, &rig.router, bound, &err));
    /* The new broker does not know the connection that heartbeats. */
    struct received beat = rig_expect(&rig, WIRE_HEARTBEAT);
    received_free(&beat);
    rig_reply(&rig, WIRE_REFUSED, &(struct wire_refused){0, "E_STATE", "say hello first"});
    rig_welcome(&rig, 1000, 60000);
    rig_expect_result(&rig, 5, tasks[0]);
    rig_accept(&rig, 5, tasks[0]);
    /* It leases again what it does not know to be running: that goes on under the new epoch. */
    rig_lease(&rig, 5, &(struct wire_task){10, 10, 7, 0}, 1);
    rig_reply(&rig, WIRE_REVOKE, &(struct wire_revoke){.stage = 99});
    rig_lease(&rig, 6, &(struct wire_task){3, 1, 8, 0}, 1);
    /* The fetch's answer says that the lease before it was read. */
    struct fetch fetch = {.letter = {.kind = LETTER_FETCH}, .what = FETCH_DIRECTIONS, .stage = 5};
    mailbox_put(rig.reports, &fetch.letter.mail);
    struct received asked = rig_expect(&rig, WIRE_FETCH_DIRECTIONS);
    rig_reply(
        &rig, WIRE_DIRECTIONS,
        &(struct wire_directions){.request = WIRE_BODY(&asked.message, fetch_directions)->request});
    received_free(&asked);
    struct answer *answer = (struct answer *)rig_letter(&rig, LETTER_ANSWER);
    answer_free(&answer);
    rig_deliver(&rig, running, 5, (struct wire_task){10, 10, 7, 0});
    rig_deliver(&rig, rig_take_task(&rig, 6, 3), 6, (struct wire_task){3, 1, 8, 0});
    rig_end(&rig);
}

static void a_revoked_stage_is_dropped_but_not_what_runs(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}, {20, 10, 3, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, tasks, 3);
    struct outcome *running = rig_take_task(&rig, 5, 0);
    rig_lease(&rig, 6, &(struct wire_task){7, 1, 4, 0}, 1);
    rig_reply(&rig, WIRE_REVOKE, &(struct wire_revoke){.stage = 5});
    struct fetch fetch = {.letter = {.kind = LETTER_FETCH}, .stage = 5, .count = 1};
    mailbox_put(rig.reports, &fetch.letter.mail);
    struct received asked = rig_expect(&rig, WIRE_FETCH_SCORES);
    rig_reply(&rig, WIRE_REFUSED,
              &(struct wire_refused){WIRE_BODY(&asked.message, fetch_scores)->request,
                                     "E_NOT_FOUND", "gone"});
    received_free(&asked);
    struct answer *answer = (struct answer *)rig_letter(&rig, LETTER_ANSWER);
    assert_int_equal(answer->message.type, WIRE_REFUSED);
    answer_free(&answer);
    rig_deliver(&rig, running, 5, tasks[0]);
    rig_deliver(&rig, rig_take_task(&rig, 6, 7), 6, (struct wire_task){7, 1, 4, 0});
    rig_end(&rig);
}

/* What runs is told to stop, and then says nothing; leased again meanwhile, it runs once more. */
static void what_runs_is_revoked(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task tasks[] = {{0, 10, 1, 0}, {10, 10, 2, 0}};
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    rig_lease(&rig, 5, tasks, 2);
    struct outcome *running = rig_take_task(&rig, 5, 0);
    assert_false(atomic_load(&rig.cancelled));
    rig_reply(&rig, WIRE_REVOKE, &(struct wire_revoke){5, WIRE_LIST(&tasks[0], 1)});
    rig_lease(&rig, 5, &(struct wire_task){0, 10, 3, 0}, 1);
    while (!atomic_load(&rig.cancelled))
        continue; /* as the compute thread would, at its next batch */
    rig_finish(&rig, running, E_INTERRUPTED);
    running = rig_take_task(&rig, 5, 10);
    assert_false(atomic_load(&rig.cancelled));
    rig_deliver(&rig, running, 5, tasks[1]);
    rig_deliver(&rig, rig_take_task(&rig, 5, 0), 5, (struct wire_task){0, 10, 3, 0});
    rig_end(&rig);
}

static void hello_says_what_is_held(void **state)
{
    (void)state;
    struct rig rig;
    const struct wire_task tasks[] = {
        {0, 10, 1, 0}, {10, 10, 2, 0}, {20, 10, 3, 0}, {30, 10, 4, 0}};
    const struct wire_held_task held[] = {{5, 20, 10, 3, 0}, {5, 30, 10, 4, 0}, {5, 0, 10, 1, 0}};
    rig_begin(&rig);
    rig.welcome = (struct wire_welcome){1, 1000, 60000, ""};
    rig_expect_held(&rig, held, 0, 0);
    rig_lease(&rig, 5, tasks, 4);
    rig_finish(&rig, rig_take_task(&rig, 5, 0), 0);
    rig_expect_result(&rig, 5, tasks[0]); /* and is not accepted */
    rig_finish(&rig, rig_take_task(&rig, 5, 10), E_DEVICE);
    struct received failed = rig_expect(&rig, WIRE_FAILED);
    received_free(&failed);
    struct outcome *running = rig_take_task(&rig, 5, 20);
    rig_reply(&rig, WIRE_REFUSED, &(struct wire_refused){0, "E_STATE", "say hello first"});
    rig_expect_held(&rig, held, 3, 4);
    rig_reply(&rig, WIRE_REVOKE, &(struct wire_revoke){.stage = 5});
    while (!atomic_load(&rig.cancelled))
        continue;
    rig_finish(&rig, running, E_INTERRUPTED);
    rig_expect_result(&rig, 5, tasks[0]);
    rig_accept(&rig, 5, tasks[0]);
    failed = rig_expect(&rig, WIRE_FAILED);
    received_free(&failed);
    rig_accept(&rig, 5, tasks[1]);
    rig_end(&rig);
}

static void a_fetch_survives_a_reconnection(void **state)
{
    (void)state;
    struct rig rig;
    float rows[4] = {1, 2, 3, 4};
    rig_begin(&rig);
    rig_welcome(&rig, 5, 40);
    rig_lease(&rig, 5, &(struct wire_task){0, 1, 1, 0}, 1);
    struct outcome *running = rig_take_task(&rig, 5, 0);
    struct fetch fetch = {.letter = {.kind = LETTER_FETCH}, .stage = 4, .start = 8, .count = 2};
    mailbox_put(rig.reports, &fetch.letter.mail);
    struct received asked = rig_expect(&rig, WIRE_FETCH_SCORES);
    received_free(&asked);
    rig.welcome.worker = 0;
    struct received hello = rig_expect(&rig, WIRE_HELLO);
    received_free(&hello);
    rig_welcome(&rig, 1000, 60000); /* after silence */
    asked = rig_expect(&rig, WIRE_FETCH_SCORES);
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
    rig_reply(&rig, WIRE_SCORES, &answer_body); /* not what was asked */
    answer_body.request--;
    rig_reply(&rig, WIRE_SCORES, &answer_body);
    received_free(&asked);
    struct answer *answer = (struct answer *)rig_letter(&rig, LETTER_ANSWER);
    assert_int_equal(WIRE_BODY(&answer->message, scores)->request, answer_body.request);
    answer_free(&answer);
    rig_deliver(&rig, running, 5, (struct wire_task){0, 1, 1, 0});
    rig_end(&rig);
}

static void hostile_frames_do_no_harm(void **state)
{
    (void)state;
    struct rig rig;
    static const struct {
        const char *data;
        size_t size;
    } frames[] = {
        {"", 0},
        {"\xff", 1},
        {"\xdf\xff\xff\xff\xff", 5},
        {"\x81\xa7version\x63", 10},
        {"\x82\xa7version\x01\xa4type\xa5lease", 21},
        {"not msgpack at all", 18},
    };
    rig_begin(&rig);
    rig_welcome(&rig, 1000, 60000);
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        assert_true(zmq_send(rig.router, rig.worker.bytes, rig.worker.size, ZMQ_SNDMORE) > 0);
        assert_true(zmq_send(rig.router, frames[i].data, frames[i].size, 0) >= 0);
    }
    rig_reply(&rig, WIRE_SUBMITTED, &(struct wire_submitted){1, 1}); /* for clients */
    rig_reply(&rig, WIRE_ACCEPTED,
              &(struct wire_accepted){77, WIRE_LIST((&(struct wire_task){0, 1, 1, 0}), 1)});
    rig_reply(&rig, WIRE_REFUSED, &(struct wire_refused){12, "E_LIMIT", "a request never made"});
    rig_lease(&rig, 5, NULL, 0);
    rig_lease(&rig, 5, &(struct wire_task){0, 1, 1, 0}, 1);
    rig_finish(&rig, rig_take_task(&rig, 5, 0), 0);
    rig_expect_result(&rig, 5, (struct wire_task){0, 1, 1, 0});
    /* A result that the broker cannot take is a failure, not repeated for ever. */
    rig_reply(&rig, WIRE_REFUSED,
              &(struct wire_refused){0, "E_INVALID", "columns: 2, expected 42"});
    struct received received = rig_expect(&rig, WIRE_FAILED);
    assert_non_null(strstr(WIRE_BODY(&received.message, failed)->text, "expected 42"));
    received_free(&received);
    rig_accept(&rig, 5, (struct wire_task){0, 1, 1, 0});
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_one_by_one_and_results_are_sent),
        cmocka_unit_test(files_are_finished_beside_the_next_task),
        cmocka_unit_test(a_failed_task_is_told_and_the_next_runs),
        cmocka_unit_test(several_results_go_together),
        cmocka_unit_test(a_silent_broker_is_greeted_and_told_again),
        cmocka_unit_test(a_restarted_broker_gets_everything_again),
        cmocka_unit_test(a_revoked_stage_is_dropped_but_not_what_runs),
        cmocka_unit_test(what_runs_is_revoked),
        cmocka_unit_test(hello_says_what_is_held),
        cmocka_unit_test(a_fetch_survives_a_reconnection),
        cmocka_unit_test(hostile_frames_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
