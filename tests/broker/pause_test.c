/* A real broker whose disk is full, fails, or is held by somebody else, and scripted peers. */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/chaos/shim.h"

#define SILENCE_MS 60000 /* nobody is lost in these tests */

static const char small[] = "format: facefarm-job/1\n"
                            "name: small\n"
                            "bundle: toy\n"
                            "stages:\n"
                            "  - {kind: label, name: labels, count: 40, task_size: 10}\n";

struct bench {
    struct support s;
    struct peer client, watcher;
    struct shim *shim; /* NULL: none can be loaded here */
    uint64_t job;
};

/* ---- the set-up ---- */

static struct shim *map_shim(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, sizeof(struct shim)), 0);
    void *block =
        mmap(NULL, sizeof(struct shim), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    assert_ptr_not_equal(block, MAP_FAILED);
    return block;
}

/* The broker is started with the shim where there is one. */
static void start_broker(struct bench *b)
{
    char path[128];
    snprintf(path, sizeof path, "%s/shim", b->s.folder);
    if (CHAOS_SHIM[0]) {
        if (!b->shim)
            b->shim = map_shim(path);
        setenv("LD_PRELOAD", CHAOS_SHIM, 1);
        setenv(SHIM_FILE, path, 1);
    }
    support_start(&b->s, 50, SILENCE_MS);
    unsetenv("LD_PRELOAD");
}

static int open_bench(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    support_open(&b->s);
    b->s.with_metrics = true;
    start_broker(b);
    peer_open(&b->s, &b->client);
    peer_open(&b->s, &b->watcher);
    support_add_bundle(&b->s, &b->client);
    b->job = support_submit(&b->client, small);
    *state = b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    peer_close(&b->client);
    peer_close(&b->watcher);
    support_close(&b->s);
    if (b->shim)
        munmap(b->shim, sizeof *b->shim);
    free(b);
    return 0;
}

/* ---- what peers see ---- */

/* Waits until a watcher is told that the broker is paused, or not any more. */
static const char *await_notice(struct bench *b, bool paused)
{
    for (;;) {
        const struct wire_job_state *told = peer_expect(&b->watcher, WIRE_JOB_STATE);
        if ((told->notice[0] != '\0') == paused)
            return told->notice;
    }
}

static void read_metrics(struct bench *b, char *page, size_t room)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int port = 0;
    size_t size = 0;
    assert_int_equal(sscanf(b->s.metrics, "http://127.0.0.1:%d/metrics", &port), 1);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    for (ssize_t n; (n = read(fd, page + size, room - 1 - size)) > 0;)
        size += (size_t)n;
    page[size] = '\0';
    close(fd);
}

/* Until Prometheus would read that line: a page is made anew after a while only. */
static void await_metric(struct bench *b, const char *line)
{
    static char page[1 << 18];
    do
        read_metrics(b, page, sizeof page);
    while (!strstr(page, line));
}

static void watch(struct bench *b)
{
    peer_send(&b->watcher, WIRE_JOB_WATCH, &(struct wire_job_watch){7, b->job});
    await_notice(b, false);
}

static void expect_refused(struct peer *peer, const char *code, const char *part)
{
    const struct wire_refused *refused = peer_expect(peer, WIRE_REFUSED);
    assert_string_equal(refused->code, code);
    if (!strstr(refused->text, part))
        fail_msg("\"%s\" does not say \"%s\"", refused->text, part);
}

static void send_submit(struct bench *b)
{
    struct wire_submit submit = {.request = 3, .owner = "ada", .spec = small};
    peer_send(&b->client, WIRE_SUBMIT, &submit);
}

/* The worker is told that it is not known, says hello with what it holds, delivers, and the job ends. */
static void deliver_and_finish(struct bench *b, struct worker *worker, const struct held *held)
{
    do
        peer_send(&worker->peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = worker->session});
    while (peer_next(&worker->peer, SUPPORT_TIMEOUT_MS)->type != WIRE_REFUSED);
    worker->held[0] = (struct wire_held_task){held->lease.stage, held->task.start, held->task.count,
                                              held->task.epoch, 0};
    worker->held_count = 1;
    worker_hello(worker, worker->session, 1);
    worker_result(worker, &held->lease, &held->task, 0);
    peer_expect(&worker->peer, WIRE_ACCEPTED);
    worker_run(worker, &b->client, b->job, 0);
    assert_string_equal(support_sql(&b->s, "SELECT state FROM job WHERE id = 1"), "done");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM job"), "1");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM face"), "40");
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM failure"), "0");
}

/* ---- tests ---- */

static void pauses_and_goes_on(struct bench *b, int error, const char *code, const char *reason)
{
    struct worker worker;
    worker_open(&b->s, &worker, 1, 1);
    struct held held = worker_hold(&worker);
    watch(b);
    b->shim->write_error = error;
    worker_result(&worker, &held.lease, &held.task, 0);
    assert_non_null(strstr(await_notice(b, true), reason));
    await_metric(b, "\nfacefarm_paused 1\n");
    /* Lists are told, with the reason; what would write is refused with it. */
    peer_send(&b->client, WIRE_JOB_LIST, &(struct wire_job_list){1});
    const struct wire_jobs *jobs = peer_expect(&b->client, WIRE_JOBS);
    assert_int_equal(jobs->jobs.count, 1);
    assert_non_null(strstr(jobs->notice, reason));
    peer_send(&b->client, WIRE_WORKER_LIST, &(struct wire_worker_list){2});
    const struct wire_workers *workers = peer_expect(&b->client, WIRE_WORKERS);
    assert_non_null(strstr(workers->notice, reason));
    peer_send(&b->client, WIRE_JOB_EXPLAIN, &(struct wire_job_explain){6, b->job});
    const struct wire_explanation *told = peer_expect(&b->client, WIRE_EXPLANATION);
    assert_string_equal(WIRE_ITEMS(told->reasons, reason)[0].code, "broker");
    send_submit(b);
    expect_refused(&b->client, code, reason);
    peer_send(&b->client, WIRE_JOB_CANCEL, &(struct wire_job_cancel){4, b->job});
    expect_refused(&b->client, code, reason);
    peer_send(&worker.peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = 1});
    expect_refused(&worker.peer, code, reason);
    b->shim->write_error = 0;
    await_notice(b, false);
    await_metric(b, "\nfacefarm_paused 0\n");
    deliver_and_finish(b, &worker, &held);
    assert_string_equal(
        support_sql(&b->s, "SELECT group_concat(event, ' ') FROM audit WHERE event LIKE 'broker%'"),
        "broker_start broker_resume");
    held_free(&held);
    peer_close(&worker.peer);
}

static void a_full_disk_pauses(void **state)
{
    struct bench *b = *state;
    if (!b->shim)
        skip();
    pauses_and_goes_on(b, ENOSPC, "E_FULL", "paused: the disk is full");
}

static void a_disk_that_fails_pauses(void **state)
{
    struct bench *b = *state;
    if (!b->shim)
        skip();
    pauses_and_goes_on(b, EIO, "E_IO", "paused: the disk does not take what is written");
}

/* Whoever asks in the round that fails is refused, and what it asked for is not there later. */
static void the_failing_round_is_refused(void **state)
{
    struct bench *b = *state;
    if (!b->shim)
        skip();
    watch(b);
    b->shim->write_error = ENOSPC;
    send_submit(b);
    expect_refused(&b->client, "E_FULL", "the disk is full");
    await_notice(b, true);
    b->shim->write_error = 0;
    await_notice(b, false);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM job"), "1");
    assert_int_equal(support_submit(&b->client, small), 2);
}

static void a_stop_while_paused_is_in_order(void **state)
{
    struct bench *b = *state;
    if (!b->shim)
        skip();
    watch(b);
    b->shim->write_error = ENOSPC;
    send_submit(b);
    await_notice(b, true);
    support_kill(&b->s, SIGTERM); /* expects exit code 0 */
    b->shim->write_error = 0;
    start_broker(b);
    assert_string_equal(support_sql(&b->s, "SELECT count(*) FROM job"), "1");
}

static void a_database_that_is_held_pauses(void **state)
{
    struct bench *b = *state;
    struct worker worker;
    sqlite3 *db;
    worker_open(&b->s, &worker, 1, 1);
    struct held held = worker_hold(&worker);
    watch(b);
    assert_int_equal(sqlite3_open_v2(b->s.db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    worker_result(&worker, &held.lease, &held.task, 0);
    assert_non_null(strstr(await_notice(b, true), "paused: another program holds the database"));
    send_submit(b);
    expect_refused(&b->client, "E_BUSY", "another program holds the database");
    sqlite3_close(db);
    await_notice(b, false);
    deliver_and_finish(b, &worker, &held);
    held_free(&held);
    peer_close(&worker.peer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk_pauses),
        TEST(a_disk_that_fails_pauses),
        TEST(the_failing_round_is_refused),
        TEST(a_stop_while_paused_is_in_order),
        TEST(a_database_that_is_held_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
