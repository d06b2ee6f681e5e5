/* A real broker and scripted peers: what the journal says, and who is told of it. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char labels[] = "format: facefarm-job/1\n"
                             "name: labels\n"
                             "bundle: toy\n"
                             "max_attempts: 1\n"
                             "stages:\n"
                             "  - {kind: label, name: labels, count: 1}\n";

static int open_bench(void **state)
{
    *state = small_farm_open(60000);
    return 0;
}

/* The journal in one line: event by event. */
static const char *events_of(struct small_farm *b, const char *where)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT group_concat(event, ' ') FROM (SELECT event FROM events %s "
             "ORDER BY id)",
             where);
    return support_sql(&b->s, sql);
}

static void fail_task(struct worker *worker)
{
    struct held held = worker_hold(worker);
    peer_send(&worker->peer, WIRE_FAILED,
              &(struct wire_failed){.stage = held.lease.stage,
                                    .task = WIRE_LIST(&held.task, 1),
                                    .code = "E_INVALID",
                                    .text = "no face",
                                    .log = ""});
    peer_expect(&worker->peer, WIRE_ACCEPTED);
    held_free(&held);
}

static void every_change_is_an_event(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    uint64_t job = support_submit(&b->client, labels);
    const char *const orders[] = {"pause", "resume"};
    for (int i = 0; i < 2; i++) {
        peer_send(&b->client, WIRE_JOB_ORDER, &(struct wire_job_order){6, job, orders[i], 0});
        peer_expect(&b->client, WIRE_JOB_STATE);
    }
    peer_send(&b->client, WIRE_JOB_ORDER, &(struct wire_job_order){6, job, "priority", 7});
    peer_expect(&b->client, WIRE_JOB_STATE);
    worker_open(&b->s, &worker, 1, 1);
    fail_task(&worker);
    support_await_job(&b->client, job, "failed");
    worker_hello(&worker, 1, 1); /* nothing new */
    worker_hello(&worker, 1, 0); /* its device is lost */
    peer_send(&b->client, WIRE_WORKER_ORDER, &(struct wire_worker_order){4, "all", "drain"});
    peer_expect(&b->client, WIRE_WORKERS);
    peer_expect(&worker.peer, WIRE_DRAIN);
    peer_send(&worker.peer, WIRE_GOODBYE, &(struct wire_goodbye){1});
    support_await_event(&b->s, "worker_goodbye"); /* it came over a connection of its own */
    peer_send(&b->client, WIRE_USER_SET, &(struct wire_user_set){1, "bert", 2, 10, 100});
    peer_expect(&b->client, WIRE_USERS);
    support_kill(&b->s, SIGTERM);
    assert_string_equal(events_of(b, ""),
                        "broker_start bundle_add submit start pause resume priority worker_hello "
                        "attempt_failed poison fail fail worker_hello worker_drain worker_goodbye "
                        "user_set broker_stop");
    assert_string_equal(
        support_sql(&b->s, "SELECT job || stage || worker || text FROM events WHERE event = "
                           "'attempt_failed'"),
        "1labelsscripted0 + 1: E_INVALID: no face");
    assert_string_equal(
        support_sql(&b->s,
                    "SELECT group_concat(text, '; ') FROM events WHERE event IN ('priority', "
                    "'user_set', 'poison')"),
        "0 -> 7; 0 + 1; bert: share 2, 10 jobs, 100 tasks");
    assert_string_equal(support_sql(&b->s, "SELECT old || new FROM events WHERE event = 'pause'"),
                        "runningpaused");
    peer_close(&worker.peer);
}

static const struct wire_events *ask(struct small_farm *b, struct wire_event_list list)
{
    list.request = 9;
    peer_send(&b->client, WIRE_EVENT_LIST, &list);
    return peer_expect(&b->client, WIRE_EVENTS);
}

static void events_are_listed_over_the_wire(void **state)
{
    struct small_farm *b = *state;
    uint64_t first = support_submit(&b->client, labels),
             second = support_submit(&b->client, labels);
    const struct wire_events *told = ask(b, (struct wire_event_list){0});
    assert_int_equal(told->events.count, 6); /* start, bundle, and two each */
    assert_false(told->more);
    assert_int_equal(told->scanned, 6);
    told = ask(b, (struct wire_event_list){.job = second});
    assert_int_equal(told->events.count, 2);
    assert_int_equal(WIRE_ITEMS(told->events, event)[0].job, second);
    assert_string_equal(WIRE_ITEMS(told->events, event)[1].stage, "labels");
    assert_string_equal(WIRE_ITEMS(told->events, event)[1].new, "running");
    told = ask(b, (struct wire_event_list){.since = 4});
    assert_int_equal(told->events.count, 2);
    peer_send(&b->client, WIRE_EVENT_LIST, &(struct wire_event_list){1, 0, 99, 0});
    peer_expect(&b->client, WIRE_REFUSED);
    (void)first;
}

static void followers_are_told_after_the_commit(void **state)
{
    struct small_farm *b = *state;
    struct peer follower;
    peer_open(&b->s, &follower);
    peer_send(&follower, WIRE_EVENT_LIST, &(struct wire_event_list){5, INT64_MAX, 0, 1});
    const struct wire_events *told = peer_expect(&follower, WIRE_EVENTS);
    assert_int_equal(told->events.count, 0);
    uint64_t since = told->scanned;
    support_submit(&b->client, labels);
    told = peer_expect(&follower, WIRE_EVENTS);
    assert_int_equal(told->request, 5);
    assert_int_equal(told->events.count, 2);
    assert_string_equal(WIRE_ITEMS(told->events, event)[0].event, "submit");
    assert_int_equal(WIRE_ITEMS(told->events, event)[0].id, since + 1);
    since = told->scanned;
    /* Asked again: one follower all the same. */
    peer_send(&follower, WIRE_EVENT_LIST, &(struct wire_event_list){5, since, 0, 1});
    assert_int_equal(
        ((const struct wire_events *)peer_expect(&follower, WIRE_EVENTS))->events.count, 0);
    support_submit(&b->client, labels);
    assert_int_equal(
        ((const struct wire_events *)peer_expect(&follower, WIRE_EVENTS))->events.count, 2);
    assert_null(peer_next(&follower, 50));
    /* Behind a restart it goes on where it was. */
    peer_close(&b->client);
    support_kill(&b->s, SIGKILL);
    support_start(&b->s, 50, 60000);
    peer_open(&b->s, &b->client);
    peer_send(&follower, WIRE_EVENT_LIST, &(struct wire_event_list){5, since, 0, 1});
    told = peer_expect(&follower, WIRE_EVENTS);
    assert_int_equal(told->events.count, 3); /* the second job's, and the start */
    assert_string_equal(WIRE_ITEMS(told->events, event)[2].event, "broker_start");
    peer_close(&follower);
}

/* More than a page: told one after the other, without anything else happening. */
static void a_follower_catches_up(void **state)
{
    struct small_farm *b = *state;
    uint64_t seen = 0;
    for (int i = 0; i < 150; i++)
        support_submit(&b->client, labels);
    peer_send(&b->client, WIRE_EVENT_LIST, &(struct wire_event_list){5, 0, 0, 1});
    while (seen < 302) {
        const struct wire_events *told = peer_expect(&b->client, WIRE_EVENTS);
        assert_int_equal(WIRE_ITEMS(told->events, event)[0].id, seen + 1);
        seen += told->events.count;
        assert_int_equal(told->more, seen < 302);
    }
}

/* --keep-events: the oldest go while the broker runs, and their numbers are not used again by the next. */
static void no_more_are_kept_than_asked_for(void **state)
{
    struct small_farm *b = *state;
    peer_close(&b->client);
    support_kill(&b->s, SIGTERM);
    b->s.events_kept = "1000";
    support_start(&b->s, 50, 60000);
    peer_open(&b->s, &b->client);
    uint64_t job = support_submit(&b->client, labels);
    for (int i = 0; i < 1500; i++) {
        peer_send(&b->client, WIRE_JOB_ORDER,
                  &(struct wire_job_order){6, job, i % 2 ? "resume" : "pause", 0});
        peer_expect(&b->client, WIRE_JOB_STATE);
    }
    assert_string_equal(support_sql(&b->s, "SELECT count(*) BETWEEN 1000 AND 1255 FROM audit"), "1");
    assert_string_equal(support_sql(&b->s, "SELECT max(id) FROM audit"), "1506");
    const struct wire_events *told = ask(b, (struct wire_event_list){0});
    assert_true(WIRE_ITEMS(told->events, event)[0].id > 250); /* the first that is left */
    peer_close(&b->client);
    support_kill(&b->s, SIGTERM);
    support_start(&b->s, 50, 60000);
    peer_open(&b->s, &b->client);
    assert_string_equal(support_sql(&b->s, "SELECT group_concat(event) FROM audit WHERE id > 1506"),
                        "broker_stop,broker_start");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, small_farm_close)
    const struct CMUnitTest tests[] = {
        TEST(every_change_is_an_event),
        TEST(events_are_listed_over_the_wire),
        TEST(followers_are_told_after_the_commit),
        TEST(a_follower_catches_up),
        TEST(no_more_are_kept_than_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
