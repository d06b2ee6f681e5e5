/* A real broker and scripted workers that go wrong. */
#include "support.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static const char small[] = "format: facefarm-job/1\n"
                            "name: small\n"
                            "bundle: toy\n"
                            "max_attempts: 2\n"
                            "stages:\n"
                            "  - {kind: label, name: labels, count: 40, task_size: 10}\n";

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

static void say(struct worker *worker, const char *log)
{
    const struct wire_worker_stats stats = {.log = log};
    peer_send(&worker->peer, WIRE_HEARTBEAT,
              &(struct wire_heartbeat){.session = worker->session, .stats = WIRE_LIST(&stats, 1)});
}

/* What a worker logged before it died stands beside each task that it held. */
static void the_last_lines_of_a_lost_worker_are_kept(void **state)
{
    struct small_farm *b = *state;
    struct worker dying;
    worker_open(&b->s, &dying, 1, 2);
    struct held held = worker_hold(&dying);
    say(&dying, "it begins\n");
    say(&dying, "it is getting hot\nthe device smokes\n");
    say(&dying, ""); /* nothing new */
    peer_send(&dying.peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = 77});
    peer_expect(&dying.peer, WIRE_REFUSED); /* so all of it was heard */
    peer_close(&dying.peer);
    support_await_event(&b->s, "worker_lost");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) || ' ' || min(log) || max(log) FROM failure"),
                        "2 it is getting hot\nthe device smokes\nit is getting hot\nthe device smokes\n");
    peer_send(&b->client, WIRE_JOB_FAILURES, &(struct wire_job_failures){4, b->job});
    const struct wire_failures *list = peer_expect(&b->client, WIRE_FAILURES);
    assert_int_equal(list->failures.count, 2);
    const struct wire_failure_info *newest = WIRE_ITEMS(list->failures, failure_info);
    assert_string_equal(newest->code, "E_TIMEOUT");
    assert_string_equal(newest->log, "it is getting hot\nthe device smokes\n");
    held_free(&held);
}

/* A worker that only stays alive while another is waited for. */
static void finish(struct small_farm *b, uint64_t session)
{
    struct worker worker;
    worker_open(&b->s, &worker, session, 2);
    worker_run(&worker, &b->client, b->job, 0);
    peer_close(&worker.peer);
}

static void silence_returns_the_tasks(void **state)
{
    struct small_farm *b = *state;
    struct worker silent, lively;
    worker_open(&b->s, &silent, 1, 4);
    struct held held = worker_hold(&silent);
    assert_int_equal(held.lease.tasks.count, 4);
    support_await_event(&b->s, "worker_lost"); /* else its tasks would be lent a second time */
    worker_open(&b->s, &lively, 2, 4);
    struct held again;
    const struct wire_lease *lease = peer_expect(&lively.peer, WIRE_LEASE);
    assert_int_equal(lease->tasks.count, 4);
    again = (struct held){*lease, WIRE_ITEMS(lease->tasks, task)[0], strdup(lease->spec),
                          strdup(lease->bundle)};
    again.lease.spec = again.spec;
    assert_true(again.task.epoch > held.task.epoch);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) || ' ' || min(code) FROM failure"),
                        "4 E_TIMEOUT");
    /* The late result of the silent one is welcome, and the lively one's is then the second. */
    worker_result(&silent, &held.lease, &held.task, 0);
    peer_expect(&silent.peer, WIRE_ACCEPTED);
    worker_result(&lively, &held.lease, &held.task, 0);
    peer_expect(&lively.peer, WIRE_ACCEPTED);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) || ' ' || max(attempts) FROM task"),
                        "1 2");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM determinism_fault"), "0");
    held_free(&held);
    held_free(&again);
    peer_close(&silent.peer);
    peer_close(&lively.peer);
}

static void duplicates_are_compared(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 1);
    struct held held = worker_hold(&worker);
    worker_result(&worker, &held.lease, &held.task, 0);
    worker_result(&worker, &held.lease, &held.task, 0);
    worker_result(&worker, &held.lease, &held.task, 0.5f);
    for (size_t accepted = 0; accepted < 3;) {
        const struct wire_message *m = peer_next(&worker.peer, SUPPORT_TIMEOUT_MS);
        assert_non_null(m);
        if (m->type == WIRE_ACCEPTED)
            accepted += WIRE_BODY(m, accepted)->task.count;
    }
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM task"), "1");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM face"), "10");
    assert_string_equal(
        support_sql(
            &b->s,
            "SELECT group_concat(start || ' ' || (expected <> found)) FROM determinism_fault"),
        "0 1");
    peer_send(&worker.peer, WIRE_GOODBYE, &(struct wire_goodbye){1});
    peer_close(&worker.peer);
    finish(b, 2);
    /* Also after the job's end. */
    worker_open(&b->s, &worker, 3, 1);
    worker_result(&worker, &held.lease, &held.task, 0.25f);
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM determinism_fault"), "2");
    assert_string_equal(support_sql(&b->s, "SELECT state FROM job"), "done");
    held_free(&held);
    peer_close(&worker.peer);
}

static void send_failed(struct worker *worker, const struct held *held)
{
    struct wire_failed failed = {held->lease.stage, WIRE_LIST(&held->task, 1), "E_DEVICE",
                                 "no such thing", "a line\nand another\n"};
    peer_send(&worker->peer, WIRE_FAILED, &failed);
    peer_expect(&worker->peer, WIRE_ACCEPTED);
}

/* Answers leases until the job has ended and every answer is accepted: what holds the bad index
 * fails. Returns how many failed. */
static unsigned work_around(struct small_farm *b, struct worker *worker, uint64_t bad)
{
    unsigned failures = 0, unaccepted = 0;
    for (;;) {
        const struct wire_message *m =
            peer_next(&worker->peer, unaccepted ? SUPPORT_TIMEOUT_MS : 50);
        if (!m && unaccepted)
            fail_msg("%u answers were not accepted", unaccepted);
        if (!m && strcmp(support_sql(&b->s, "SELECT state FROM job"), "running") != 0)
            return failures;
        if (m && m->type == WIRE_ACCEPTED)
            unaccepted -= (unsigned)WIRE_BODY(m, accepted)->task.count;
        if (!m || m->type != WIRE_LEASE)
            continue;
        const struct wire_lease *lease = WIRE_BODY(m, lease);
        for (size_t i = 0; i < lease->tasks.count; i++) {
            const struct wire_task *task = &WIRE_ITEMS(lease->tasks, task)[i];
            unaccepted++;
            if (bad < task->start || bad >= task->start + task->count) {
                worker_result(worker, lease, task, 0);
                continue;
            }
            struct wire_failed failed = {lease->stage, WIRE_LIST(task, 1), "E_DEVICE",
                                         "no such thing", "a line\n"};
            peer_send(&worker->peer, WIRE_FAILED, &failed);
            failures++;
        }
    }
}

static void the_bad_sample_is_found_and_the_rest_is_done(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 2);
    unsigned failures = work_around(b, &worker, 13);
    assert_in_range(failures, 4, 2 + 4 + 2);
    support_await_job(&b->client, b->job, "failed");
    const struct wire_job_state *told = b->client.message.body;
    const struct wire_stage_info *stage = WIRE_ITEMS(told->stages, stage_info);
    assert_string_equal(stage->state, "failed");
    assert_non_null(strstr(stage->error, "indices 13 to 13 failed 2 times"));
    assert_non_null(strstr(stage->error, "E_DEVICE: no such thing"));
    assert_int_equal(stage->done, 39);
    assert_int_equal(stage->poisoned, 1);
    assert_int_equal(stage->failures, failures);
    assert_string_equal(support_sql(&b->s, "SELECT start || '+' || count FROM poison"), "13+1");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM face"), "39");
    /* Each failure is told with the worker, its device and its last lines. */
    peer_send(&b->client, WIRE_JOB_FAILURES, &(struct wire_job_failures){4, b->job});
    const struct wire_failures *list = peer_expect(&b->client, WIRE_FAILURES);
    const struct wire_failure_info *newest = WIRE_ITEMS(list->failures, failure_info);
    assert_int_equal(list->failures.count, failures);
    assert_int_equal(newest->start, 13);
    assert_int_equal(newest->set_aside, 1);
    assert_string_equal(newest->log, "a line\n");
    assert_string_equal(newest->worker, "scripted");
    assert_string_equal(newest->device, "none");
    peer_send(&b->client, WIRE_JOB_FAILURES, &(struct wire_job_failures){5, 99});
    peer_expect(&b->client, WIRE_REFUSED);
    peer_close(&worker.peer);
}

static void refuses_retry(struct small_farm *b, uint64_t job, const char *code)
{
    peer_send(&b->client, WIRE_JOB_RETRY, &(struct wire_job_retry){5, job});
    assert_string_equal(((const struct wire_refused *)peer_expect(&b->client, WIRE_REFUSED))->code,
                        code);
}

static void what_failed_is_tried_again(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    refuses_retry(b, b->job, "E_STATE"); /* nothing is set aside yet */
    refuses_retry(b, 99, "E_NOT_FOUND");
    worker_open(&b->s, &worker, 1, 2);
    work_around(b, &worker, 13);
    peer_send(&b->client, WIRE_JOB_RETRY, &(struct wire_job_retry){5, b->job});
    const struct wire_job_state *told = peer_expect(&b->client, WIRE_JOB_STATE);
    assert_string_equal(WIRE_ITEMS(told->job, job_info)->state, "running");
    assert_string_equal(WIRE_ITEMS(told->stages, stage_info)->state, "running");
    assert_int_equal(WIRE_ITEMS(told->stages, stage_info)->done, 39);
    /* It fails again, as often as before: the old attempts do not count, not even for a broker that
     * was started in between. */
    struct held held = worker_hold(&worker);
    assert_int_equal(held.task.start, 13);
    assert_int_equal(held.task.count, 1);
    send_failed(&worker, &held);
    held_free(&held);
    peer_close(&worker.peer);
    peer_close(&b->client);
    support_kill(&b->s, SIGKILL);
    support_start(&b->s, 50, 60000);
    peer_open(&b->s, &b->client);
    worker_open(&b->s, &worker, 1, 1);
    assert_string_equal(support_sql(&b->s, "SELECT state FROM job"), "running");
    worker_run(&worker, &b->client, b->job, 0);
    support_await_job(&b->client, b->job, "done");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM face"), "40");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM poison"), "0");
    assert_string_equal(
        support_sql(&b->s,
                    "SELECT group_concat(event, ' ') FROM audit WHERE job_id AND stage_id IS NULL"),
        "submit fail retry complete");
    refuses_retry(b, b->job, "E_STATE"); /* it is done */
    peer_close(&worker.peer);
}

static void nothing_that_succeeds_ends_a_stage_early(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    char yaml[256];
    worker_open(&b->s, &worker, 1, 4);
    worker_run(&worker, &b->client, b->job, 0);
    snprintf(yaml, sizeof yaml,
             "format: facefarm-job/1\nname: x\nbundle: toy\nmax_attempts: 1\nstages:\n"
             "  - {kind: label, name: l, count: 1000000}\n");
    uint64_t job = support_submit(&b->client, yaml);
    for (;;) {
        const struct wire_message *m = peer_next(&worker.peer, 50);
        if (!m && strcmp(support_sql(&b->s, "SELECT state FROM job WHERE id = 2"), "running") != 0)
            break;
        if (!m || m->type != WIRE_LEASE)
            continue;
        const struct wire_lease *lease = WIRE_BODY(m, lease);
        for (size_t i = 0; i < lease->tasks.count; i++) {
            struct wire_failed failed = {lease->stage,
                                         WIRE_LIST(&WIRE_ITEMS(lease->tasks, task)[i], 1),
                                         "E_INVALID", "never", ""};
            peer_send(&worker.peer, WIRE_FAILED, &failed);
        }
    }
    support_await_job(&b->client, job, "failed");
    peer_close(&worker.peer);
}

static void attempts_outlive_the_broker(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 1);
    struct held held = worker_hold(&worker);
    send_failed(&worker, &held);
    held_free(&held);
    peer_close(&worker.peer);
    peer_close(&b->client);
    support_kill(&b->s, SIGKILL);
    support_start(&b->s, 50, 60000);
    peer_open(&b->s, &b->client);
    worker_open(&b->s, &worker, 1, 1);
    held = worker_hold(&worker);
    assert_int_equal(held.task.start, 0);
    assert_int_equal(held.task.count, 10);
    send_failed(&worker, &held);
    held_free(&held);
    held = worker_hold(&worker); /* it was the second time: half of it */
    assert_int_equal(held.task.start, 0);
    assert_int_equal(held.task.count, 5);
    held_free(&held);
    peer_close(&worker.peer);
}

static void goodbye_is_no_failure(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 4);
    struct held held = worker_hold(&worker);
    peer_send(&worker.peer, WIRE_GOODBYE, &(struct wire_goodbye){1});
    held_free(&held);
    struct worker other;
    worker_open(&b->s, &other, 2, 4);
    held = worker_hold(&other);
    assert_int_equal(held.lease.tasks.count, 4);
    held_free(&held);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM failure"), "0");
    peer_close(&other.peer);
    peer_close(&worker.peer);
}

static void hello_again_keeps_the_leases(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 2);
    struct held held = worker_hold(&worker);
    struct peer old = worker.peer;
    peer_open(&b->s, &worker.peer);
    worker.held[0] = (struct wire_held_task){held.lease.stage, 0, 10, held.task.epoch, 0};
    worker.held[1] = (struct wire_held_task){held.lease.stage, 10, 10, held.task.epoch + 1, 0};
    worker.held_count = 2;
    worker_hello(&worker, 1, 2);
    worker_result(&worker, &held.lease, &held.task, 0);
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    struct held next = worker_hold(&worker); /* credit 2, one is held still: one more */
    assert_int_equal(next.lease.tasks.count, 1);
    assert_int_equal(next.task.start, 20);
    /* The old connection is nobody now. */
    peer_send(&old, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = 1});
    assert_string_equal(((const struct wire_refused *)peer_expect(&old, WIRE_REFUSED))->code,
                        "E_STATE");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM worker"), "1");
    held_free(&held);
    held_free(&next);
    peer_close(&old);
    peer_close(&worker.peer);
}

static void wrong_results_are_attempts(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    float scores[10 * SUPPORT_COLUMNS] = {0};
    struct wire_stage_metrics metrics = {0};
    worker_open(&b->s, &worker, 1, 1);
    struct held held = worker_hold(&worker);
    scores[7] = NAN;
    struct wire_result result = {.stage = held.lease.stage,
                                 .task = WIRE_LIST(&held.task, 1),
                                 .metrics = WIRE_LIST(&metrics, 1),
                                 .variants = 1,
                                 .columns = SUPPORT_COLUMNS,
                                 .scores = {(uint8_t *)scores, sizeof scores}};
    peer_send(&worker.peer, WIRE_RESULT, &result);
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    held_free(&held);
    held = worker_hold(&worker);
    result.task = WIRE_LIST(&held.task, 1);
    result.scores.size = 8;
    peer_send(&worker.peer, WIRE_RESULT, &result);
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    held_free(&held);
    assert_string_equal(support_sql(&b->s, "SELECT group_concat(code, ' ') FROM failure"),
                        "E_INVALID E_INVALID");
    assert_string_equal(support_sql(&b->s, "SELECT text FROM failure LIMIT 1"),
                        "scores: value 7 is nan, expected a finite number");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM face"), "0");
    peer_close(&worker.peer);
}

static void cancel_revokes(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 2);
    struct held held = worker_hold(&worker);
    peer_send(&b->client, WIRE_JOB_CANCEL, &(struct wire_job_cancel){5, b->job});
    const struct wire_job_state *told = peer_expect(&b->client, WIRE_JOB_STATE);
    assert_string_equal(WIRE_ITEMS(told->job, job_info)->state, "cancelled");
    assert_string_equal(WIRE_ITEMS(told->stages, stage_info)->state, "cancelled");
    const struct wire_revoke *revoke = peer_expect(&worker.peer, WIRE_REVOKE);
    assert_int_equal(revoke->stage, held.lease.stage);
    worker_result(&worker, &held.lease, &held.task, 0);
    peer_expect(&worker.peer, WIRE_ACCEPTED); /* and forgotten */
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM face"), "0");
    peer_send(&b->client, WIRE_JOB_CANCEL, &(struct wire_job_cancel){6, b->job});
    assert_string_equal(((const struct wire_refused *)peer_expect(&b->client, WIRE_REFUSED))->code,
                        "E_STATE");
    held_free(&held);
    peer_close(&worker.peer);
}

static void refused(struct small_farm *b, const char *yaml, const char *words)
{
    peer_send(&b->client, WIRE_SUBMIT,
              &(struct wire_submit){.request = 3, .owner = "tester", .spec = yaml});
    const struct wire_refused *told = peer_expect(&b->client, WIRE_REFUSED);
    assert_int_equal(told->request, 3);
    if (!strstr(told->text, words))
        fail_msg("\"%s\" does not say \"%s\"", told->text, words);
}

#define HEAD                                                                                       \
    "format: facefarm-job/1\nname: x\nbundle: toy\nstages:\n  - {kind: label, name: l, count: "    \
    "5}\n"
#define FIT "  - {kind: fit, name: f}\n"

static void specs_are_checked_against_the_bundle(void **state)
{
    struct small_farm *b = *state;
    refused(b, "nonsense", "");
    refused(b,
            "format: facefarm-job/1\nname: x\nbundle: none\nstages:\n  - {kind: label, count: 5}\n",
            "none");
    refused(b, HEAD FIT "  - {kind: edit, name: e, targets: [Smiling, Beard]}\n",
            "stage e: targets");
    refused(b, HEAD FIT "  - {kind: edit, name: e, targets: [Smiling, Beard]}\n", "Beard");
    refused(b, HEAD FIT "  - {kind: evaluate, name: e, count: 3, conditions: [Mail]}\n",
            "stage e: conditions");
    refused(b, HEAD FIT "  - {kind: evaluate, name: e, count: 3, targets: [age-age]}\n",
            "stage e: targets");
    /* A refusal that quotes what it was given, cut to its room inside a character, still arrives.
     */
    char long_spec[5000] = "format: facefarm-job/1\nname: x\nbundle: \"";
    size_t length = strlen(long_spec);
    for (int i = 0; i < 1500; i++)
        length += (size_t)sprintf(long_spec + length, "\xe2\x86\x92");
    strcpy(long_spec + length, "\"\nstages: []\n");
    refused(b, long_spec, "");
    peer_send(&b->client, WIRE_JOB_LIST, &(struct wire_job_list){4});
    const struct wire_jobs *jobs = peer_expect(&b->client, WIRE_JOBS);
    assert_int_equal(jobs->jobs.count, 1);
    peer_send(&b->client, WIRE_JOB_SHOW, &(struct wire_job_show){5, 99});
    assert_string_equal(((const struct wire_refused *)peer_expect(&b->client, WIRE_REFUSED))->code,
                        "E_NOT_FOUND");
    peer_send(&b->client, WIRE_JOB_WATCH, &(struct wire_job_watch){6, 99});
    assert_int_equal(((const struct wire_refused *)peer_expect(&b->client, WIRE_REFUSED))->request,
                     6);
}

/* What the mathematics refuses, when the boundaries are there: the stage fails by that sentence. */
static void a_direction_that_cannot_be_fails_its_stage(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 4);
    worker.degenerate = true;
    worker_run(&worker, &b->client, b->job, 0);
    uint64_t job = support_submit(
        &b->client,
        HEAD FIT "  - {kind: evaluate, name: e, count: 3, targets: [Male], conditions: [Order]}\n"
                 "  - {kind: sample, name: s, count: 3000, task_size: 1}\n");
    worker_run(&worker, &b->client, job, 0);
    support_await_job(&b->client, job, "failed");
    const struct wire_job_state *told = b->client.message.body;
    const struct wire_stage_info *stages = WIRE_ITEMS(told->stages, stage_info);
    assert_string_equal(stages[1].state, "done");
    assert_string_equal(stages[2].state, "failed");
    assert_non_null(strstr(stages[2].error, "target Male: nothing is left"));
    assert_string_equal(stages[3].state, "cancelled");
    peer_close(&worker.peer);
}

static void frames_that_are_no_messages_are_refused(void **state)
{
    struct small_farm *b = *state;
    struct peer hostile;
    unsigned char noise[300];
    peer_open(&b->s, &hostile);
    srand(1);
    for (int i = 0; i < 500; i++) {
        size_t size = (size_t)rand() % sizeof noise;
        for (size_t k = 0; k < size; k++)
            noise[k] = (unsigned char)rand();
        assert_true(zmq_send(hostile.socket, noise, size, 0) >= 0);
        assert_int_equal(
            ((const struct wire_refused *)peer_expect(&hostile, WIRE_REFUSED))->request, 0);
    }
    zmq_send(hostile.socket, "a", 1, ZMQ_SNDMORE);
    zmq_send(hostile.socket, "b", 1, 0);
    peer_expect(&hostile, WIRE_REFUSED);
    /* A worker of another build hears why. */
    zmq_send(hostile.socket, "\x82\xa7version\x02\xa4type\xa5hello", 21, 0);
    const struct wire_refused *refused = peer_expect(&hostile, WIRE_REFUSED);
    assert_string_equal(refused->code, "E_VERSION");
    assert_non_null(strstr(refused->text, "version: is 2, this program speaks"));
    /* Well-formed, but not for a broker, or from nobody. */
    peer_send(&hostile, WIRE_SUBMITTED, &(struct wire_submitted){1, 1});
    assert_string_equal(((const struct wire_refused *)peer_expect(&hostile, WIRE_REFUSED))->code,
                        "E_UNSUPPORTED");
    struct wire_task task = {0, 10, 1, 0};
    peer_send(&hostile, WIRE_FAILED,
              &(struct wire_failed){1, WIRE_LIST(&task, 1), "E_IO", "x", ""});
    assert_string_equal(((const struct wire_refused *)peer_expect(&hostile, WIRE_REFUSED))->code,
                        "E_STATE");
    peer_send(&hostile, WIRE_FETCH_SCORES, &(struct wire_fetch_scores){2, 1, 0, 10, 0, 1});
    assert_int_equal(((const struct wire_refused *)peer_expect(&hostile, WIRE_REFUSED))->request,
                     2);
    peer_send(&hostile, WIRE_FETCH_DIRECTIONS, &(struct wire_fetch_directions){3, 1});
    peer_expect(&hostile, WIRE_REFUSED);
    peer_send(&hostile, WIRE_FETCH_SAMPLES, &(struct wire_fetch_samples){4, 1, 0, 10});
    assert_non_null(strstr(((const struct wire_refused *)peer_expect(&hostile, WIRE_REFUSED))->text,
                           "stage 1 is no stage of an open job whose mix has been found"));
    peer_close(&hostile);
    finish(b, 1);
    support_await_job(&b->client, b->job, "done");
}

static void workers_are_listed(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    worker_open(&b->s, &worker, 1, 1);
    worker_run(&worker, &b->client, b->job, 0);
    peer_send(&b->client, WIRE_WORKER_LIST, &(struct wire_worker_list){4});
    const struct wire_workers *list = peer_expect(&b->client, WIRE_WORKERS);
    const struct wire_worker_info *info = WIRE_ITEMS(list->workers, worker_info);
    assert_int_equal(list->workers.count, 1);
    assert_string_equal(info->state, "idle");
    assert_int_equal(info->tasks_done, 4);
    peer_close(&worker.peer);
    peer_close(&b->client);
    support_kill(&b->s, SIGTERM);
    support_start(&b->s, 50, 60000);
    peer_open(&b->s, &b->client);
    peer_send(&b->client, WIRE_WORKER_LIST, &(struct wire_worker_list){4});
    list = peer_expect(&b->client, WIRE_WORKERS);
    info = WIRE_ITEMS(list->workers, worker_info);
    assert_string_equal(info->state, "lost");
    assert_int_equal(info->tasks_done, 4);
}

/* Who is away when a broker starts, and does not come, is lost. */
static void who_does_not_come_back_is_lost(void **state)
{
    struct small_farm *b = *state;
    struct worker away;
    worker_open(&b->s, &away, 1, 1);
    support_kill(&b->s, SIGKILL);
    peer_close(&away.peer);
    support_start(&b->s, 50, 1000);
    finish(b, 2);
    assert_string_equal(
        support_sql(&b->s, "SELECT group_concat(session || ' ' || state, ', ') FROM worker"),
        "1 lost, 2 alive");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM failure"), "0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, small_farm_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(silence_returns_the_tasks, open_impatient, small_farm_close),
        cmocka_unit_test_setup_teardown(the_last_lines_of_a_lost_worker_are_kept, open_impatient,
                                        small_farm_close),
        TEST(duplicates_are_compared),
        TEST(the_bad_sample_is_found_and_the_rest_is_done),
        TEST(what_failed_is_tried_again),
        TEST(nothing_that_succeeds_ends_a_stage_early),
        TEST(attempts_outlive_the_broker),
        TEST(goodbye_is_no_failure),
        TEST(hello_again_keeps_the_leases),
        TEST(wrong_results_are_attempts),
        TEST(cancel_revokes),
        TEST(specs_are_checked_against_the_bundle),
        TEST(a_direction_that_cannot_be_fails_its_stage),
        TEST(frames_that_are_no_messages_are_refused),
        TEST(workers_are_listed),
        cmocka_unit_test_setup_teardown(who_does_not_come_back_is_lost, open_impatient, small_farm_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
