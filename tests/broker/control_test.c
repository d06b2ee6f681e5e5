/* A real broker and scripted workers: pausing, following, ranks, shares and limits, also over a
 * restart. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static const char labels[] = "format: facefarm-job/1\n"
                             "name: labels\n"
                             "bundle: toy\n"
                             "stages:\n"
                             "  - {kind: label, name: labels, count: 40, task_size: 10}\n";

static int open_bench(void **state)
{
    *state = small_farm_open(60000);
    return 0;
}

static void restart(struct small_farm *b)
{
    peer_close(&b->client);
    support_kill(&b->s, SIGKILL);
    support_start(&b->s, 50, 60000);
    peer_open(&b->s, &b->client);
}

static uint64_t submit(struct small_farm *b, struct wire_submit submit)
{
    submit.request = 7;
    submit.owner = submit.owner ? submit.owner : "tester";
    submit.spec = labels;
    peer_send(&b->client, WIRE_SUBMIT, &submit);
    return ((const struct wire_submitted *)peer_expect(&b->client, WIRE_SUBMITTED))->job;
}

static void refuses_submit(struct small_farm *b, struct wire_submit submit, const char *words)
{
    submit.request = 7;
    submit.owner = submit.owner ? submit.owner : "tester";
    submit.spec = labels;
    peer_send(&b->client, WIRE_SUBMIT, &submit);
    const struct wire_refused *told = peer_expect(&b->client, WIRE_REFUSED);
    if (!strstr(told->text, words))
        fail_msg("\"%s\" does not say \"%s\"", told->text, words);
}

static void order(struct small_farm *b, uint64_t job, const char *what, int64_t value,
                  enum wire_type answer)
{
    peer_send(&b->client, WIRE_JOB_ORDER, &(struct wire_job_order){6, job, what, value});
    peer_expect(&b->client, answer);
}

static void expect_state(struct small_farm *b, uint64_t job, const char *state)
{
    peer_send(&b->client, WIRE_JOB_SHOW, &(struct wire_job_show){5, job});
    const struct wire_job_state *told = peer_expect(&b->client, WIRE_JOB_STATE);
    assert_string_equal(WIRE_ITEMS(told->job, job_info)->state, state);
}

/* ---- pausing ---- */

static void a_paused_job_rests_also_over_a_restart(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    uint64_t job = submit(b, (struct wire_submit){0});
    worker_open(&b->s, &worker, 1, 2);
    struct held held = worker_hold(&worker);
    order(b, job, "pause", 0, WIRE_JOB_STATE);
    assert_int_equal(((const struct wire_revoke *)peer_expect(&worker.peer, WIRE_REVOKE))->stage,
                     held.lease.stage);
    assert_null(peer_next(&worker.peer, 50));
    order(b, job, "pause", 0, WIRE_REFUSED);
    order(b, job, "sing", 0, WIRE_REFUSED);
    order(b, 99, "pause", 0, WIRE_REFUSED);
    /* What was done at that moment counts all the same. */
    worker_result(&worker, &held.lease, &held.task, 0);
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    peer_close(&worker.peer);
    restart(b);
    expect_state(b, job, "paused");
    worker_open(&b->s, &worker, 1, 2);
    assert_null(peer_next(&worker.peer, 50));
    order(b, job, "resume", 0, WIRE_JOB_STATE);
    worker_run(&worker, &b->client, job, 0);
    support_await_job(&b->client, job, "done");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM failure"), "0");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM task"), "4");
    order(b, job, "pause", 0, WIRE_REFUSED);
    held_free(&held);
    peer_close(&worker.peer);
}

static void a_paused_job_can_be_cancelled(void **state)
{
    struct small_farm *b = *state;
    uint64_t job = submit(b, (struct wire_submit){0});
    order(b, job, "resume", 0, WIRE_REFUSED); /* it runs */
    order(b, job, "pause", 0, WIRE_JOB_STATE);
    peer_send(&b->client, WIRE_JOB_CANCEL, &(struct wire_job_cancel){5, job});
    peer_expect(&b->client, WIRE_JOB_STATE);
    expect_state(b, job, "cancelled");
}

/* ---- following ---- */

static void jobs_follow_each_other(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    uint64_t first = submit(b, (struct wire_submit){0});
    uint64_t second = submit(b, (struct wire_submit){.after = first});
    uint64_t third = submit(b, (struct wire_submit){.after = second});
    refuses_submit(b, (struct wire_submit){.after = 99}, "there is no job 99");
    assert_string_equal(support_sql(&b->s, "SELECT group_concat(state, ' ') FROM stage"),
                        "running waiting waiting");
    restart(b);
    worker_open(&b->s, &worker, 1, 2);
    worker_run(&worker, &b->client, third, 0);
    support_await_job(&b->client, third, "done");
    assert_string_equal(
        support_sql(&b->s, "SELECT count(*) FROM (SELECT stage_id, min(committed_ms) AS first, "
                           "lag(max(committed_ms)) OVER (ORDER BY stage_id) AS before FROM task "
                           "GROUP BY stage_id) WHERE first < before"),
        "0");
    submit(b, (struct wire_submit){.after = second}); /* done already: it runs at once */
    assert_string_equal(support_sql(&b->s, "SELECT state FROM stage ORDER BY id DESC"), "running");
    peer_close(&worker.peer);
}

static void followers_of_what_fails_fail(void **state)
{
    struct small_farm *b = *state;
    uint64_t first = submit(b, (struct wire_submit){0});
    uint64_t second = submit(b, (struct wire_submit){.after = first});
    uint64_t third = submit(b, (struct wire_submit){.after = second});
    peer_send(&b->client, WIRE_JOB_CANCEL, &(struct wire_job_cancel){5, first});
    peer_expect(&b->client, WIRE_JOB_STATE);
    support_await_job(&b->client, third, "failed");
    const struct wire_job_state *told = b->client.message.body;
    assert_non_null(strstr(WIRE_ITEMS(told->stages, stage_info)->error,
                           "job 2, which this one follows, has ended, and is not done"));
    refuses_submit(b, (struct wire_submit){.after = second}, "job 2 is failed");
}

/* ---- ranks ---- */

static void interactive_work_goes_beyond_the_credit(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    submit(b, (struct wire_submit){0});
    worker_open(&b->s, &worker, 1, 1);
    struct held bulk = worker_hold(&worker);
    assert_int_equal(bulk.lease.urgent, 0);
    assert_null(peer_next(&worker.peer, 50));
    uint64_t slider = submit(b, (struct wire_submit){.owner = "other", .interactive = 1});
    struct held urgent = worker_hold(&worker);
    assert_int_equal(urgent.lease.job, slider);
    assert_int_equal(urgent.lease.urgent, 1);
    assert_null(peer_next(&worker.peer, 50));
    held_free(&bulk);
    held_free(&urgent);
    peer_close(&worker.peer);
}

static void ranks_outlive_the_broker(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    int64_t soon = clock_wall_ms() + 3600000;
    submit(b, (struct wire_submit){.priority = 2});
    uint64_t second = submit(b, (struct wire_submit){.priority = -3, .deadline_ms = soon});
    refuses_submit(b, (struct wire_submit){.priority = 101}, "expected -100 to 100");
    refuses_submit(b, (struct wire_submit){.deadline_ms = 1000}, "in the past");
    order(b, second, "priority", 101, WIRE_REFUSED);
    order(b, second, "priority", 50, WIRE_JOB_STATE);
    restart(b);
    peer_send(&b->client, WIRE_JOB_SHOW, &(struct wire_job_show){5, second});
    const struct wire_job_state *told = peer_expect(&b->client, WIRE_JOB_STATE);
    assert_int_equal(WIRE_ITEMS(told->job, job_info)->priority, 50);
    assert_true(WIRE_ITEMS(told->job, job_info)->deadline_ms == soon);
    worker_open(&b->s, &worker, 1, 1);
    struct held held = worker_hold(&worker);
    assert_int_equal(held.lease.job, second);
    held_free(&held);
    peer_close(&worker.peer);
}

/* ---- users ---- */

static void users_have_shares_and_limits(void **state)
{
    struct small_farm *b = *state;
    const struct wire_user_set bad = {1, "anna", 0, 1, 1}, set = {2, "anna", 2.5, 2, 7};
    peer_send(&b->client, WIRE_USER_SET, &bad);
    peer_expect(&b->client, WIRE_REFUSED);
    peer_send(&b->client, WIRE_USER_SET, &set);
    peer_expect(&b->client, WIRE_USERS);
    restart(b);
    submit(b, (struct wire_submit){.owner = "anna"});
    refuses_submit(b, (struct wire_submit){.owner = "anna"},
                   "anna has 4 tasks queued and this job has 4, 7 are allowed");
    const struct wire_user_set jobs = {3, "anna", 2.5, 1, 100};
    peer_send(&b->client, WIRE_USER_SET, &jobs);
    peer_expect(&b->client, WIRE_USERS);
    refuses_submit(b, (struct wire_submit){.owner = "anna"}, "anna has 1 open jobs, 1 are allowed");
    submit(b, (struct wire_submit){.owner = "bert"});
    peer_send(&b->client, WIRE_USER_LIST, &(struct wire_user_list){4});
    const struct wire_users *users = peer_expect(&b->client, WIRE_USERS);
    assert_int_equal(users->users.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct wire_user_info *u = &WIRE_ITEMS(users->users, user_info)[i];
        bool anna = strcmp(u->user, "anna") == 0;
        assert_true(u->share == (anna ? 2.5 : 1.0));
        assert_int_equal(u->jobs, 1);
        assert_int_equal(u->tasks, 4);
        if (anna)
            assert_int_equal(u->most_tasks, 100);
    }
}

/* ---- why ---- */

static void explains(struct small_farm *b, uint64_t job, const char *state, const char *code,
                     const char *words)
{
    peer_send(&b->client, WIRE_JOB_EXPLAIN, &(struct wire_job_explain){3, job});
    const struct wire_explanation *told = peer_expect(&b->client, WIRE_EXPLANATION);
    assert_string_equal(WIRE_ITEMS(told->job, job_info)->state, state);
    assert_true(told->reasons.count > 0);
    const struct wire_reason *reason = WIRE_ITEMS(told->reasons, reason);
    assert_string_equal(reason->stage, "labels");
    assert_string_equal(reason->code, code);
    if (!strstr(reason->text, words))
        fail_msg("\"%s\" does not say \"%s\"", reason->text, words);
}

static void jobs_are_explained(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    uint64_t first = submit(b, (struct wire_submit){0});
    uint64_t second = submit(b, (struct wire_submit){.after = first});
    explains(b, first, "running", "no_worker", "no worker is connected");
    explains(b, second, "running", "follows", "follows job 1");
    worker_open(&b->s, &worker, 1, 1);
    struct held held = worker_hold(&worker);
    explains(b, first, "running", "running", "1 task is with 1 worker");
    restart(b);
    explains(b, first, "running", "restarted", "waits for the workers");
    order(b, first, "pause", 0, WIRE_JOB_STATE);
    explains(b, first, "paused", "paused", "resume");
    peer_send(&b->client, WIRE_JOB_CANCEL, &(struct wire_job_cancel){5, first});
    peer_expect(&b->client, WIRE_JOB_STATE);
    explains(b, first, "cancelled", "cancelled", "the job ended before");
    explains(b, second, "failed", "failed", "which this one follows, has ended");
    peer_send(&b->client, WIRE_JOB_EXPLAIN, &(struct wire_job_explain){3, 99});
    peer_expect(&b->client, WIRE_REFUSED);
    held_free(&held);
    peer_close(&worker.peer);
}

/* ---- classes of workers ---- */

static void declare(const char *file, const char *text)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

/* What is answered to a job that needs a GPU. */
static enum wire_type submit_gpu(struct small_farm *b)
{
    static const char spec[] = "format: facefarm-job/1\nbundle: toy\nstages:\n"
                               "  - {kind: label, name: labels, count: 40, needs: {device: gpu}}\n";
    peer_send(&b->client, WIRE_SUBMIT,
              &(struct wire_submit){.request = 7, .owner = "tester", .spec = spec});
    return peer_next(&b->client, SUPPORT_TIMEOUT_MS)->type;
}

static void what_no_declared_class_could_run_is_refused(void **state)
{
    struct small_farm *b = *state;
    struct worker worker;
    char file[128];
    assert_int_equal(submit_gpu(b), WIRE_SUBMITTED); /* anything may come */
    snprintf(file, sizeof file, "%s/fleet", b->s.folder);
    declare(file, "laptops device=cpu memory=16G\n");
    b->s.fleet = file;
    restart(b);
    explains(b, 1, "running", "no_worker", "no worker is connected");
    assert_int_equal(submit_gpu(b), WIRE_REFUSED);
    assert_string_equal(WIRE_BODY(&b->client.message, refused)->text,
                        "stage labels: needs: no class of workers has all that it needs: device "
                        "gpu: none; the classes are laptops");
    worker_open(&b->s, &worker, 1, 0);
    explains(b, 1, "running", "no_match", "none has a device of kind gpu");
    const struct wire_explanation *told = WIRE_BODY(&b->client.message, explanation);
    assert_int_equal(told->reasons.count, 2);
    assert_string_equal(WIRE_ITEMS(told->reasons, reason)[1].code, "no_class");
    declare(file, "cards device=gpu card\n");
    kill(b->s.broker, SIGHUP);
    support_await_event(&b->s, "fleet_refused");
    assert_int_equal(submit_gpu(b), WIRE_REFUSED);
    declare(file, "cards device=gpu\n");
    kill(b->s.broker, SIGHUP);
    support_await_event(&b->s, "fleet_reloaded");
    assert_int_equal(submit_gpu(b), WIRE_SUBMITTED);
    peer_close(&worker.peer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, small_farm_close)
    const struct CMUnitTest tests[] = {
        TEST(a_paused_job_rests_also_over_a_restart),
        TEST(a_paused_job_can_be_cancelled),
        TEST(jobs_follow_each_other),
        TEST(followers_of_what_fails_fail),
        TEST(interactive_work_goes_beyond_the_credit),
        TEST(ranks_outlive_the_broker),
        TEST(users_have_shares_and_limits),
        TEST(jobs_are_explained),
        TEST(what_no_declared_class_could_run_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
