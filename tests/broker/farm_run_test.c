/* A real broker, scripted workers: a whole study from submit to done. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char study[] =
    "format: facefarm-job/1\n"
    "name: study\n"
    "bundle: toy\n"
    "seed: 1\n"
    "stages:\n"
    "  - {kind: sample, name: faces, count: 20, task_size: 8}\n"
    "  - {kind: label, name: labels, count: 100, task_size: 16}\n"
    "  - {kind: fit, name: boundaries, from: labels}\n"
    "  - {kind: edit, name: sheets, from: boundaries, faces: 2, targets: [all], conditions: "
    "[all],\n"
    "     distances: {from: -3, to: 3, steps: 3}}\n"
    "  - {kind: evaluate, name: ageing, count: 40, task_size: 16, targets: [age], distance: 2,\n"
    "     conditions: [Male], discount: 0.5}\n";

/* Stages whose rows a thread of the broker adds up (REDUCE_AT_ONCE), and a mix that it looks for. Tasks have a size, as a
 * broker that was started anew does not know how fast its workers are, and would cut others. */
static const char large[] =
    "format: facefarm-job/1\n"
    "name: large\n"
    "bundle: toy\n"
    "seed: 1\n"
    "stages:\n"
    "  - {kind: label, name: pool, count: 1200, task_size: 300, mix: [{faces: 30, of: [Male]}, "
    "{faces: 9, of: [-Male]}]}\n"
    "  - {kind: label, name: half, samples: pool, task_size: 16}\n"
    "  - {kind: fit, name: boundaries, from: pool}\n"
    "  - {kind: evaluate, name: ageing, count: 400, task_size: 200, targets: [age], distance: 2,\n"
    "     conditions: [Male], discount: 0.5}\n";

/* More faces than a spec writes out, each apart from the next. */
static const char many[] =
    "format: facefarm-job/1\n"
    "bundle: toy\n"
    "seed: 1\n"
    "stages:\n"
    "  - {kind: label, name: pool, start: 7, count: 30000, task_size: 30000,\n"
    "     mix: [{faces: 9000, of: [Male]}]}\n"
    "  - {kind: label, name: half, samples: pool, task_size: 9000}\n";

/* A farm in which one worker did the whole job. */
static void run_whole(struct support *s, const char *yaml)
{
    struct peer client;
    struct worker worker;
    support_open(s);
    support_start(s, 1000, 60000);
    peer_open(s, &client);
    support_add_bundle(s, &client);
    worker_open(s, &worker, 1, 4);
    uint64_t job = support_submit(&client, yaml);
    uint64_t tasks = worker_run(&worker, &client, job, 0);
    support_await_job(&client, job, "done");
    char told[32];
    snprintf(told, sizeof told, "%llu", (unsigned long long)tasks);
    assert_string_equal(support_sql(s, "SELECT count(*) FROM task"), told);
    peer_close(&worker.peer);
    peer_close(&client);
}

static void runs_a_study(void **state)
{
    struct support s;
    (void)state;
    run_whole(&s, study);
    assert_string_equal(support_sql(&s, "SELECT count(*) FROM task"), "21"); /* 3 + 7 + 3 + 5 + 3 */
    assert_string_equal(support_sql(&s, "SELECT count(*) FROM toy_labels WHERE job = 1"), "100");
    assert_string_equal(
        support_sql(&s, "SELECT avg(Smiling > 0) = (SELECT share FROM class_distribution "
                        "WHERE attribute = 'Smiling') FROM toy_labels"),
        "1");
    assert_string_equal(support_sql(&s, "SELECT count(\"5_o_Clock_Shadow\") FROM toy_edits"), "60");
    assert_string_equal(support_sql(&s,
                                    "SELECT count(*) FROM toy_evaluation WHERE age_after_projected "
                                    "IS NOT NULL AND \"Order_change\" IS NOT NULL"),
                        "40");
    assert_string_equal(support_sql(&s, "SELECT count(*) FROM direction"), "12");
    support_close(&s);
}

static char *run_undisturbed(const char *yaml)
{
    struct support s;
    run_whole(&s, yaml);
    char *dump = support_dump(&s);
    support_close(&s);
    return dump;
}

/* Sends a result for every task of the next lease and does not wait to hear that they arrived. */
static void send_and_forget(struct worker *worker)
{
    const struct wire_message *m = peer_next(&worker->peer, 100);
    if (!m || m->type != WIRE_LEASE)
        return;
    const struct wire_lease *lease = WIRE_BODY(m, lease);
    for (size_t i = 0; i < lease->tasks.count; i++)
        worker_result(worker, lease, &WIRE_ITEMS(lease->tasks, task)[i], 0);
}

/* A broker killed after every second task, with results on their way. */
static void kill_brokers(const char *yaml)
{
    struct support s;
    struct peer client;
    struct worker worker;
    uint64_t job = 0;
    bool runs = true;
    char *expected = run_undisturbed(yaml);
    support_open(&s);
    for (int round = 0; runs; round++) {
        assert_in_range(round, 0, 40);
        support_start(&s, 1000, 60000);
        peer_open(&s, &client);
        if (round == 0) {
            support_add_bundle(&s, &client);
            job = support_submit(&client, yaml);
        }
        worker_open(&s, &worker, 1, 4);
        runs = worker_run(&worker, &client, job, 2) >= 2; /* one message may accept several */
        send_and_forget(&worker);
        peer_close(&client);
        support_kill(&s, SIGKILL);
        peer_close(&worker.peer);
    }
    support_start(&s, 1000, 60000);
    peer_open(&s, &client);
    support_await_job(&client, job, "done");
    peer_close(&client);
    char *found = support_dump(&s);
    assert_string_equal(expected, found);
    free(expected);
    free(found);
    support_close(&s);
}

static void killed_brokers_leave_the_same_tables(void **state)
{
    (void)state;
    kill_brokers(study);
}

/* Also what a thread was at is done again. */
static void killed_brokers_end_large_stages(void **state)
{
    (void)state;
    kill_brokers(large);
}

static void ends_large_stages(void **state)
{
    struct support s;
    (void)state;
    run_whole(&s, large);
    assert_string_equal(support_sql(&s, "SELECT group_concat(found) FROM mix_cell"), "30,9");
    assert_string_equal(support_sql(&s, "SELECT count(*) FROM toy_labels WHERE stage = 'half'"),
                        "39");
    assert_string_equal(
        support_sql(&s, "SELECT sum(positives) = (SELECT sum((Male > 0) + (Smiling > 0) + "
                        "(\"Order\" > 0) + (\"5_o_Clock_Shadow\" > 0)) FROM toy_labels "
                        "WHERE stage = 'pool') AND max(faces) = 1200 FROM attribute_summary "
                        "WHERE stage_id = 1"),
        "1");
    assert_string_equal(support_sql(&s, "SELECT count(*) > 0 AND max(faces) = 400 FROM measure"),
                        "1");
    support_close(&s);
}

/* The spec stays as it was; the tables say which samples the second stage has. */
static void a_mix_has_more_faces_than_a_spec_has_ranges(void **state)
{
    struct support s;
    struct peer client;
    struct worker worker;
    (void)state;
    support_open(&s);
    support_start(&s, 1000, 60000);
    peer_open(&s, &client);
    support_add_bundle(&s, &client);
    worker_open(&s, &worker, 1, 1);
    uint64_t job = support_submit(&client, many);
    assert_int_equal(worker_run(&worker, &client, job, 1), 1);
    struct held held = worker_hold(&worker);
    assert_null(strstr(held.spec, "seeds"));
    peer_send(&worker.peer, WIRE_FETCH_SAMPLES, &(struct wire_fetch_samples){3, 2, 100, 8900});
    const struct wire_samples *samples = peer_expect(&worker.peer, WIRE_SAMPLES);
    assert_int_equal(samples->request, 3);
    assert_int_equal(samples->start, 100);
    assert_int_equal(samples->count, 8900);
    assert_int_equal(samples->samples.size, 8900 * sizeof(uint64_t));
    char wanted[32];
    uint64_t last;
    memcpy(&last, samples->samples.data + 8899 * sizeof last, sizeof last);
    snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)last);
    assert_string_equal(support_sql(&s,
                                    "SELECT sample FROM toy_labels WHERE stage = 'pool' AND Male "
                                    "> 0 ORDER BY idx LIMIT 1 OFFSET 8999"),
                        wanted);
    assert_string_equal(support_sql(&s, "SELECT sum(count) FROM sample_range WHERE stage_id = 2"),
                        "9000");
    assert_string_equal(support_sql(&s, "SELECT count(*) > 4096 FROM sample_range"), "1");
    peer_send(&worker.peer, WIRE_FETCH_SAMPLES, &(struct wire_fetch_samples){4, 2, 100, 8901});
    const struct wire_refused *refused = peer_expect(&worker.peer, WIRE_REFUSED);
    assert_non_null(strstr(refused->text, "faces 100 + 8901, the stage has 9000"));
    worker_result(&worker, &held.lease, &held.task, 0);
    support_await_job(&client, job, "done");
    held_free(&held);
    peer_close(&worker.peer);
    peer_close(&client);
    support_close(&s);
}

/* Three workers, of which one dies with tasks in its hands. */
static void lost_workers_leave_the_same_tables(void **state)
{
    struct support s;
    struct peer client;
    struct worker worker, dying;
    (void)state;
    char *expected = run_undisturbed(study);
    support_open(&s);
    support_start(&s, 50, 1000);
    peer_open(&s, &client);
    support_add_bundle(&s, &client);
    worker_open(&s, &dying, 1, 3);
    uint64_t job = support_submit(&client, study);
    worker_run(&dying, &client, job, 2);
    peer_close(&dying.peer);
    /* Only the lost one's silence lets the job end. */
    for (uint64_t session = 2; session < 200; session++) {
        worker_open(&s, &worker, session, 2);
        worker_run(&worker, &client, job, 4);
        peer_send(&worker.peer, WIRE_GOODBYE, &(struct wire_goodbye){session});
        peer_close(&worker.peer);
        if (strcmp(support_sql(&s, "SELECT state FROM job"), "running") != 0)
            break;
    }
    support_await_job(&client, job, "done");
    peer_close(&client);
    char *found = support_dump(&s);
    assert_string_equal(expected, found);
    assert_string_not_equal(support_sql(&s, "SELECT count(*) FROM failure"), "0");
    free(expected);
    free(found);
    support_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_a_study),
        cmocka_unit_test(killed_brokers_leave_the_same_tables),
        cmocka_unit_test(ends_large_stages),
        cmocka_unit_test(a_mix_has_more_faces_than_a_spec_has_ranges),
        cmocka_unit_test(killed_brokers_end_large_stages),
        cmocka_unit_test(lost_workers_leave_the_same_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
