/* A real broker and scripted workers: what a hello says of the tasks held, over broken connections
 * and brokers' ends; draining; workers on which everything fails. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char small[] = "format: facefarm-job/1\n"
                            "name: small\n"
                            "bundle: toy\n"
                            "stages:\n"
                            "  - {kind: label, name: labels, count: 60, task_size: 10}\n";

static int open_bench(void **state)
{
    struct small_farm *b = small_farm_open(60000);
    b->job = support_submit(&b->client, small);
    *state = b;
    return 0;
}

static int open_impatient(void **state)
{
    struct small_farm *b = small_farm_open(1000);
    b->job = support_submit(&b->client, small);
    *state = b;
    return 0;
}

static void restart(struct small_farm *b, int silence_ms)
{
    peer_close(&b->client);
    support_kill(&b->s, SIGKILL);
    support_start(&b->s, 50, silence_ms);
    peer_open(&b->s, &b->client);
}

/* The worker's next hello says that it holds this task. */
static void says(struct worker *worker, const struct held *held, uint64_t start)
{
    worker->held[worker->held_count++] =
        (struct wire_held_task){held->lease.stage, start, 10, held->task.epoch, 0};
}

static uint64_t list_workers(struct small_farm *b, const struct wire_worker_info **info)
{
    peer_send(&b->client, WIRE_WORKER_LIST, &(struct wire_worker_list){4});
    const struct wire_workers *list = peer_expect(&b->client, WIRE_WORKERS);
    *info = WIRE_ITEMS(list->workers, worker_info);
    return list->workers.count;
}

/* ---- what is held ---- */

/* The lease was lost with the connection, and both sides live: it goes back, and no attempt counts.
 */
static void a_lost_lease_comes_again(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 1);
    struct held first = worker_hold(&worker);
    peer_close(&worker.peer);
    peer_open(&b->s, &worker.peer);
    worker_hello(&worker, 1, 1); /* holds nothing */
    struct held again = worker_hold(&worker);
    assert_int_equal(again.task.start, first.task.start);
    assert_true(again.task.epoch > first.task.epoch);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM failure"), "0");
    held_free(&first);
    held_free(&again);
    peer_close(&worker.peer);
}

/* On the same connection a lease may have crossed the hello. */
static void a_lease_under_way_stays(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 1);
    struct held held = worker_hold(&worker);
    worker_hello(&worker, 1, 1); /* "newest 0": as if it had been sent before the lease came */
    assert_null(peer_next(&worker.peer, 50));
    worker.newest = held.task.epoch; /* now it has come, and is not held */
    worker_hello(&worker, 1, 1);
    struct held again = worker_hold(&worker);
    assert_int_equal(again.task.start, held.task.start);
    held_free(&held);
    held_free(&again);
    peer_close(&worker.peer);
}

/* A broker that was started anew waits for who was alive, adopts what it holds, and leases it to
 * nobody. */
/* It holds the range under an older epoch, and the newer lease has crossed the hello: the worker goes on
 * under the newer, so its failure is taken. (A counterexample of tests/model.) */
static void a_newer_lease_under_way_keeps_its_epoch(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 1);
    struct held held = worker_hold(&worker);
    worker.held[worker.held_count++] = (struct wire_held_task){
        held.lease.stage, held.task.start, held.task.count, held.task.epoch - 1, 0};
    worker_hello(&worker, 1, 1);
    peer_send(&worker.peer, WIRE_FAILED,
              &(struct wire_failed){.stage = held.lease.stage,
                                    .task = WIRE_LIST(&held.task, 1),
                                    .code = "E_DEVICE",
                                    .text = "told",
                                    .log = ""});
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    struct held next = worker_hold(&worker);
    assert_true(next.task.epoch > held.task.epoch);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM failure"), "1");
    held_free(&held);
    held_free(&next);
    peer_close(&worker.peer);
}

static void running_tasks_outlive_the_broker(void **state)
{
    struct small_farm *b = *state;
    struct worker worker, other;
    const struct wire_worker_info *info;
    worker_open(&b->s, &worker, 1, 2);
    struct held held = worker_hold(&worker);
    peer_close(&worker.peer);
    restart(b, 60000);
    worker_open(&b->s, &other, 2, 6);
    assert_null(peer_next(&other.peer, 100)); /* the first one is waited for */
    peer_open(&b->s, &worker.peer);
    says(&worker, &held, 0);
    says(&worker, &held, 10);
    says(&worker, &held, 55);                                /* beyond the end */
    worker.held[3] = (struct wire_held_task){777, 0, 10, 9, 0}; /* no stage */
    worker.held_count = 4;
    worker_hello(&worker, 1, 2);
    for (int i = 0; i < 2; i++) {
        const struct wire_revoke *revoke = peer_expect(&worker.peer, WIRE_REVOKE);
        assert_int_equal(revoke->tasks.count, 1);
        assert_int_equal(revoke->stage, i == 0 ? held.lease.stage : 777);
    }
    struct held rest = worker_hold(&other);
    assert_int_equal(rest.task.start, 20);
    assert_int_equal(rest.lease.tasks.count, 4);
    assert_true(rest.task.epoch > held.task.epoch);
    worker_result(&worker, &held.lease, &held.task, 0);
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    assert_int_equal(list_workers(b, &info), 2);
    assert_int_equal(info[0].leased + info[1].leased, 5);
    held_free(&held);
    held_free(&rest);
    peer_close(&worker.peer);
    peer_close(&other.peer);
}

/* Whoever does not come back is waited for as long as silence means loss, not longer. */
static void the_dead_are_not_waited_for(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 2);
    struct held held = worker_hold(&worker);
    held_free(&held);
    peer_close(&worker.peer);
    restart(b, 1000);
    worker_open(&b->s, &worker, 2, 2);
    while (!peer_next(&worker.peer, 50))
        peer_send(&worker.peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = 2});
    assert_int_equal(worker.peer.message.type, WIRE_LEASE);
    peer_close(&worker.peer);
}

/* Thought lost, its tasks lent to another: when it wakes, it is told to drop them. */
static void the_late_are_told(void **state)
{
    struct small_farm *b = *state;
    struct worker sleeper, other;
    worker_open(&b->s, &sleeper, 1, 6);
    struct held held = worker_hold(&sleeper);
    assert_int_equal(held.lease.tasks.count, 6);
    support_await_event(&b->s, "worker_lost"); /* else it would be lent a second time */
    worker_open(&b->s, &other, 2, 3);
    peer_expect(&other.peer, WIRE_LEASE);
    uint64_t taken = WIRE_ITEMS(WIRE_BODY(&other.peer.message, lease)->tasks, task)[0].start;
    says(&sleeper, &held, taken);
    says(&sleeper, &held, taken == 0 ? 30 : 0);
    worker_hello(&sleeper, 1, 1);
    const struct wire_revoke *revoke = peer_expect(&sleeper.peer, WIRE_REVOKE);
    assert_int_equal(WIRE_ITEMS(revoke->tasks, task)->start, taken);
    assert_null(peer_next(&sleeper.peer, 50)); /* with the other it has its fill */
    held_free(&held);
    peer_close(&sleeper.peer);
    peer_close(&other.peer);
}

/* ---- draining ---- */

static void order(struct small_farm *b, const char *worker, const char *what, enum wire_type answer)
{
    peer_send(&b->client, WIRE_WORKER_ORDER, &(struct wire_worker_order){6, worker, what});
    peer_expect(&b->client, answer);
}

static void a_drained_worker_gets_no_more(void **state)
{
    struct small_farm *b = *state;
    struct worker worker, next;
    const struct wire_worker_info *info;
    worker_open(&b->s, &worker, 1, 2);
    struct held held = worker_hold(&worker);
    order(b, "nobody", "drain", WIRE_REFUSED);
    order(b, "scripted", "dance", WIRE_REFUSED);
    order(b, "scripted", "restore", WIRE_REFUSED);
    order(b, "scripted", "drain", WIRE_WORKERS);
    assert_int_equal(((const struct wire_drain *)peer_expect(&worker.peer, WIRE_DRAIN))->session,
                     1);
    assert_int_equal(list_workers(b, &info), 1);
    assert_string_equal(info->state, "draining");
    /* What it gives back is not leased to it again. */
    says(&worker, &held, 0);
    worker.newest = held.task.epoch + 1;
    worker_hello(&worker, 1, 0);
    assert_int_equal(list_workers(b, &info), 1);
    assert_int_equal(info->leased, 1);
    worker_result(&worker, &held.lease, &held.task, 0);
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    peer_send(&worker.peer, WIRE_GOODBYE, &(struct wire_goodbye){1});
    worker_open(&b->s, &next, 2, 6);
    struct held rest = worker_hold(&next);
    assert_int_equal(rest.lease.tasks.count, 5);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM failure"), "0");
    order(b, "1", "drain", WIRE_REFUSED); /* it is gone */
    held_free(&held);
    held_free(&rest);
    peer_close(&worker.peer);
    peer_close(&next.peer);
}

/* ---- workers on which everything fails ---- */

static void fail_all(struct worker *worker, const struct wire_lease *lease, const char *code)
{
    for (size_t i = 0; i < lease->tasks.count; i++) {
        struct wire_failed failed = {.stage = lease->stage,
                                     .task = WIRE_LIST(&WIRE_ITEMS(lease->tasks, task)[i], 1),
                                     .code = code,
                                     .text = "broken",
                                     .log = ""};
        peer_send(&worker->peer, WIRE_FAILED, &failed);
    }
}

/* Fails all it gets until it gets no more; returns how many leases that were. */
static unsigned fail_until_quiet(struct worker *worker, const char *code)
{
    const struct wire_message *m;
    unsigned leases = 0;
    while ((m = peer_next(&worker->peer, 200)) != NULL)
        if (m->type == WIRE_LEASE) {
            leases++;
            fail_all(worker, WIRE_BODY(m, lease), code);
        }
    return leases;
}

static void a_broken_worker_is_set_aside_and_taken_back(void **state)
{
    struct small_farm *b = *state;
    struct worker broken, good;
    const struct wire_worker_info *info;
    worker_open(&b->s, &broken, 1, 1);
    fail_until_quiet(&broken, "E_DEVICE");
    assert_int_equal(list_workers(b, &info), 1);
    assert_string_equal(info->state, "aside");
    assert_non_null(strstr(info->reason, "4 tasks failed here in a row, last: E_DEVICE: broken"));
    assert_string_equal(support_sql(&b->s, "SELECT state FROM job"), "running");
    /* A new broker knows it, too. */
    peer_close(&broken.peer);
    restart(b, 60000);
    worker_open(&b->s, &broken, 1, 1);
    assert_null(peer_next(&broken.peer, 50));
    order(b, "scripted", "restore", WIRE_WORKERS);
    struct held held = worker_hold(&broken);
    held_free(&held);
    assert_int_equal(list_workers(b, &info), 1);
    assert_string_equal(info->state, "busy");
    assert_string_equal(info->reason, "");
    peer_send(&broken.peer, WIRE_GOODBYE, &(struct wire_goodbye){1});
    worker_open(&b->s, &good, 2, 2);
    worker_run(&good, &b->client, b->job, 0);
    assert_string_equal(
        support_sql(&b->s, "SELECT group_concat(event, ' ') FROM audit WHERE event LIKE 'worker%'"),
        "worker_hello worker_aside worker_hello worker_restore worker_goodbye worker_hello");
    peer_close(&good.peer);
    peer_close(&broken.peer);
}

/* What fails for a reason of the task is the worker's fault where another can do it. */
static void judged_by_what_others_can(void **state)
{
    struct small_farm *b = *state;
    struct worker broken, good;
    const struct wire_worker_info *info;
    worker_open(&b->s, &good, 1, 1);
    struct held held = worker_hold(&good), next;
    worker_result(&good, &held.lease, &held.task, 0);
    peer_expect(&good.peer, WIRE_ACCEPTED);
    next = worker_hold(&good); /* it stays, so failed ranges are left to it */
    worker_open(&b->s, &broken, 2, 1);
    assert_int_equal(fail_until_quiet(&broken, "E_INVALID"), 4);
    assert_int_equal(list_workers(b, &info), 2);
    for (int i = 0; i < 2; i++)
        assert_string_equal(info[i].state, info[i].tasks_failed > 0 ? "aside" : "busy");
    worker_result(&good, &next.lease, &next.task, 0);
    worker_run(&good, &b->client, b->job, 0);
    support_await_job(&b->client, b->job, "done");
    held_free(&held);
    held_free(&next);
    peer_close(&good.peer);
    peer_close(&broken.peer);
}

/* A worker alone with a job that cannot be: the job fails, the worker stays. */
static void a_bad_job_is_not_the_workers_fault(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    const struct wire_worker_info *info;
    worker_open(&b->s, &worker, 1, 2);
    fail_until_quiet(&worker, "E_INVALID");
    support_await_job(&b->client, b->job, "failed");
    assert_int_equal(list_workers(b, &info), 1);
    assert_string_equal(info->state, "idle");
    peer_close(&worker.peer);
}

/* ---- what workers have ---- */

static void tasks_wait_for_who_has_what_they_need(void **state)
{
    struct small_farm *b = *state;
    struct worker plain, fit;
    const struct wire_worker_info *info;
    peer_send(&b->client, WIRE_JOB_CANCEL, &(struct wire_job_cancel){3, b->job});
    peer_expect(&b->client, WIRE_JOB_STATE);
    uint64_t job = support_submit(&b->client, "format: facefarm-job/1\nbundle: toy\nstages:\n"
                                              "  - {kind: label, count: 20, task_size: 10, needs: "
                                              "{memory: 4K, labels: {zone: a}}}\n");
    worker_open(&b->s, &plain, 1, 2);
    assert_null(peer_next(&plain.peer, 50));
    fit = (struct worker){.labels = "zone=a,rack=1", .memory = 4096};
    peer_open(&b->s, &fit.peer);
    worker_hello(&fit, 2, 2);
    assert_int_equal(worker_run(&fit, &b->client, job, 0), 2);
    support_await_job(&b->client, job, "done");
    assert_null(peer_next(&plain.peer, 50));
    assert_int_equal(list_workers(b, &info), 2);
    const struct wire_worker_info *it = &info[info[0].labels[0] ? 0 : 1];
    assert_string_equal(it->labels, "rack=1,zone=a");
    assert_int_equal(it->memory, 4096);
    restart(b, 60000);
    assert_int_equal(list_workers(b, &info), 2);
    assert_string_equal(info[info[0].labels[0] ? 0 : 1].labels, "rack=1,zone=a");
    peer_close(&plain.peer);
    peer_close(&fit.peer);
}

static void labels_that_are_none_are_refused(void **state)
{
    struct small_farm *b = *state;
    struct worker worker = {.labels = ""};
    const struct wire_worker_info *info;
    peer_open(&b->s, &worker.peer);
    peer_send(&worker.peer, WIRE_HELLO,
              &(struct wire_hello){.session = 5, .name = "x", .labels = "zone=a,zone=b"});
    const struct wire_refused *told = peer_expect(&worker.peer, WIRE_REFUSED);
    assert_string_equal(told->text, "hello: label zone: stands there twice");
    assert_int_equal(list_workers(b, &info), 0);
    peer_close(&worker.peer);
}

/* ---- stragglers ---- */

/* One worker has both tasks of a job, another has nothing: it is lent the one that waits. */
static void lend_twice(struct small_farm *b, struct worker *slow, struct worker *idle,
                       struct held held[3])
{
    peer_send(&b->client, WIRE_JOB_CANCEL, &(struct wire_job_cancel){3, b->job});
    peer_expect(&b->client, WIRE_JOB_STATE);
    worker_open(&b->s, slow, 1, 2);
    b->job = support_submit(&b->client, "format: facefarm-job/1\nbundle: toy\nstages:\n"
                                        "  - {kind: label, count: 20, task_size: 10}\n");
    const struct wire_lease *lease = peer_expect(&slow->peer, WIRE_LEASE);
    assert_int_equal(lease->tasks.count, 2);
    for (int i = 0; i < 2; i++) {
        held[i] = (struct held){*lease, WIRE_ITEMS(lease->tasks, task)[i], strdup(lease->spec),
                                strdup(lease->bundle)};
        held[i].lease.spec = held[i].spec;
    }
    worker_open(&b->s, idle, 2, 2);
    held[2] = worker_hold(idle);
    assert_int_equal(held[2].task.start, held[1].task.start);
    assert_true(held[2].task.epoch > held[1].task.epoch);
}

static void close_twice(struct worker *slow, struct worker *idle, struct held held[3])
{
    for (int i = 0; i < 3; i++)
        held_free(&held[i]);
    peer_close(&slow->peer);
    peer_close(&idle->peer);
}

static void expect_revoked(struct worker *worker, const struct held *held)
{
    const struct wire_revoke *revoke = peer_expect(&worker->peer, WIRE_REVOKE);
    assert_int_equal(WIRE_ITEMS(revoke->tasks, task)->start, held->task.start);
    assert_int_equal(WIRE_ITEMS(revoke->tasks, task)->count, held->task.count);
}

static void the_first_of_two_results_counts(void **state)
{
    struct small_farm *b = *state;
    struct worker slow, idle;
    struct held held[3];
    lend_twice(b, &slow, &idle, held);
    worker_result(&idle, &held[2].lease, &held[2].task, 0);
    peer_expect(&idle.peer, WIRE_ACCEPTED);
    expect_revoked(&slow, &held[1]);
    worker_result(&slow, &held[1].lease, &held[1].task, 0); /* it was on its way */
    peer_expect(&slow.peer, WIRE_ACCEPTED);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM determinism_fault"), "0");
    worker_result(&slow, &held[0].lease, &held[0].task, 0);
    support_await_job(&b->client, b->job, "done");
    assert_string_equal(support_sql(&b->s, "SELECT group_concat(worker_id, ' ') FROM (SELECT "
                                           "worker_id FROM task ORDER BY start)"),
                        "1 2");
    close_twice(&slow, &idle, held);
}

static void two_different_results_are_a_fault(void **state)
{
    struct small_farm *b = *state;
    struct worker slow, idle;
    struct held held[3];
    lend_twice(b, &slow, &idle, held);
    worker_result(&slow, &held[1].lease, &held[1].task, 0);
    peer_expect(&slow.peer, WIRE_ACCEPTED);
    expect_revoked(&idle, &held[2]);
    worker_result(&idle, &held[2].lease, &held[2].task, 0.5f);
    while (peer_next(&idle.peer, 20000)->type != WIRE_ACCEPTED)
        ; /* it may be lent the other meanwhile */
    assert_string_equal(support_sql(&b->s, "SELECT start FROM determinism_fault"), "10");
    close_twice(&slow, &idle, held);
}

/* A second lease that fails is told of, and changes nothing for the first. */
static void a_second_lease_may_fail(void **state)
{
    struct small_farm *b = *state;
    struct worker slow, idle;
    struct held held[3];
    lend_twice(b, &slow, &idle, held);
    peer_send(&idle.peer, WIRE_FAILED,
              &(struct wire_failed){.stage = held[2].lease.stage,
                                    .task = WIRE_LIST(&held[2].task, 1),
                                    .code = "E_IO",
                                    .text = "x",
                                    .log = ""});
    peer_expect(&idle.peer, WIRE_ACCEPTED);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM failure"), "1");
    worker_result(&slow, &held[1].lease, &held[1].task, 0);
    peer_expect(&slow.peer, WIRE_ACCEPTED);
    worker_result(&slow, &held[0].lease, &held[0].task, 0);
    support_await_job(&b->client, b->job, "done");
    assert_string_equal(support_sql(&b->s, "SELECT max(attempts) FROM task"), "1");
    close_twice(&slow, &idle, held);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, small_farm_close)
    const struct CMUnitTest tests[] = {
        TEST(the_first_of_two_results_counts),
        TEST(two_different_results_are_a_fault),
        TEST(a_second_lease_may_fail),
        cmocka_unit_test_setup_teardown(tasks_wait_for_who_has_what_they_need, open_bench,
                                        small_farm_close),
        cmocka_unit_test_setup_teardown(labels_that_are_none_are_refused, open_bench, small_farm_close),
        TEST(a_lost_lease_comes_again),
        TEST(a_lease_under_way_stays),
        TEST(a_newer_lease_under_way_keeps_its_epoch),
        TEST(a_newer_lease_under_way_keeps_its_epoch),
        TEST(running_tasks_outlive_the_broker),
        TEST(the_dead_are_not_waited_for),
        cmocka_unit_test_setup_teardown(the_late_are_told, open_impatient, small_farm_close),
        TEST(a_drained_worker_gets_no_more),
        TEST(a_broken_worker_is_set_aside_and_taken_back),
        TEST(judged_by_what_others_can),
        TEST(a_bad_job_is_not_the_workers_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
