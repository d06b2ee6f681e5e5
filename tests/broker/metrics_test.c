/* A real broker's metrics page over HTTP, read by a strict reader, while scripted workers work. */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exposition_parse.h"

static const char labels[] = "format: facefarm-job/1\n"
                             "name: labels\n"
                             "bundle: toy\n"
                             "max_attempts: 1\n"
                             "stages:\n"
                             "  - {kind: label, name: labels, count: 40, task_size: 10}\n"
                             "  - {kind: fit, name: planes}\n";

#define PAGE (1 << 20)

struct bench {
    struct support s;
    struct peer client;
    char *page;
};

static int open_bench(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->page = malloc(PAGE);
    support_open(&b->s);
    b->s.with_metrics = true;
    support_start(&b->s, 50, 60000);
    peer_open(&b->s, &b->client);
    support_add_bundle(&b->s, &b->client);
    *state = b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    peer_close(&b->client);
    support_close(&b->s);
    free(b->page);
    free(b);
    return 0;
}

static int connect_page(struct bench *b)
{
    int port = 0;
    assert_int_equal(sscanf(b->s.metrics, "http://127.0.0.1:%d/metrics", &port), 1);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Sends a request and reads the whole answer. */
static const char *talk(struct bench *b, const char *request)
{
    size_t size = 0;
    int fd = connect_page(b);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    for (ssize_t n; (n = read(fd, b->page + size, PAGE - 1 - size)) > 0;)
        size += (size_t)n;
    b->page[size] = '\0';
    close(fd);
    return b->page;
}

static const char *metrics(struct bench *b)
{
    const char *answer = talk(b, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    const char *page = strstr(answer, "\r\n\r\n");
    assert_non_null(page);
    exposition_check(page + 4);
    return page + 4;
}

/* The page until the series has that value: a page is made anew after a while only. */
static const char *await_value(struct bench *b, const char *series, double value)
{
    for (;;) { /* ctest's time-out stands behind it */
        const char *page = metrics(b);
        double found = exposition_value(page, series);
        if (found >= value && found <= value)
            return page;
    }
}

static void the_page_follows_the_work(void **state)
{
    struct bench *b = *state;
    struct worker worker = {.device_kind = "gpu"};
    await_value(b, "facefarm_jobs{state=\"running\"}", 0);
    uint64_t job = support_submit(&b->client, labels);
    const char *page = await_value(b, "facefarm_queued_tasks{kind=\"label\"}", 4);
    assert_true(exposition_value(page, "facefarm_queued_indices{kind=\"label\"}") == 40);
    assert_true(exposition_value(page, "facefarm_jobs{state=\"running\"}") == 1);
    assert_true(exposition_value(page, "facefarm_paused") == 0);
    assert_true(exposition_value(page, "facefarm_commit_duration_seconds_count") >= 2);
    peer_open(&b->s, &worker.peer);
    worker_hello(&worker, 1, 1);
    struct held held = worker_hold(&worker);
    page = await_value(b, "facefarm_leased_tasks{kind=\"label\"}", 1);
    assert_true(exposition_value(page, "facefarm_workers{state=\"busy\"}") == 1);
    const struct wire_worker_stats stats = {2500000, 7, 313150, "line\n"};
    peer_send(&worker.peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){1, WIRE_LIST(&stats, 1)});
    page = await_value(b, "facefarm_worker_busy_seconds_total{worker=\"scripted\",id=\"1\"}", 2.5);
    assert_true(exposition_value(page, "facefarm_worker_floating_point_operations_total{worker="
                                       "\"scripted\",id=\"1\"}") == 7e6);
    assert_true(exposition_value(page, "facefarm_worker_temperature_celsius{worker=\"scripted\",id="
                                       "\"1\"}") == 40);
    assert_true(exposition_value(page, "facefarm_worker_info{worker=\"scripted\",id=\"1\",host="
                                       "\"here\",device=\"none\",kind=\"gpu\"}") == 1);
    worker_result(&worker, &held.lease, &held.task, 0);
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    held_free(&held);
    worker_run(&worker, &b->client, job, 0);
    page = await_value(b, "facefarm_jobs{state=\"running\"}", 0);
    assert_true(exposition_value(page, "facefarm_tasks_done_total{kind=\"label\"}") == 4);
    assert_true(exposition_value(page, "facefarm_indices_done_total{kind=\"fit\"}") == 5);
    assert_true(exposition_value(page, "facefarm_faces_made_total{kind=\"label\"}") == 40);
    assert_true(exposition_value(page, "facefarm_lease_duration_seconds_count") >= 5);
    peer_close(&worker.peer);
}

static void failures_are_counted_by_code(void **state)
{
    struct bench *b = *state;
    struct worker worker;
    support_submit(&b->client, labels);
    worker_open(&b->s, &worker, 1, 1);
    const char *const codes[] = {"E_DEVICE", "no code \"\\\n"};
    for (int i = 0; i < 2; i++) {
        struct held held = worker_hold(&worker);
        peer_send(&worker.peer, WIRE_FAILED,
                  &(struct wire_failed){.stage = held.lease.stage,
                                        .task = WIRE_LIST(&held.task, 1),
                                        .code = codes[i],
                                        .text = "x",
                                        .log = ""});
        peer_expect(&worker.peer, WIRE_ACCEPTED);
        held_free(&held);
    }
    const char *page = await_value(b, "facefarm_attempts_failed_total{code=\"other\"}", 1);
    assert_true(exposition_value(page, "facefarm_attempts_failed_total{code=\"E_DEVICE\"}") == 1);
    assert_true(exposition_value(page, "facefarm_retries_total") == 2);
    assert_true(exposition_value(page, "facefarm_poisoned_indices_total") == 0);
    peer_close(&worker.peer);
}

static void other_requests_are_refused(void **state)
{
    struct bench *b = *state;
    assert_non_null(strstr(talk(b, "GET / HTTP/1.0\r\n\r\n"), " 404 "));
    assert_non_null(strstr(talk(b, "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                   "Content-Length: 3\r\n\r\nabc"),
                           " 405 "));
    const char *head = talk(b, "HEAD /metrics HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(head, " 200 "));
    assert_null(strstr(head, "# HELP"));
    assert_null(strstr(talk(b, "nonsense\r\n\r\n"), " 200 "));
    metrics(b);
}

/* As many as there may be, each of which says a byte now and then and never comes to its end: they are closed, though they
 * are never silent for long, and the page is there for others. */
static void slow_requests_are_ended(void **state)
{
    struct bench *b = *state;
    struct pollfd slow[32];
    const size_t count = sizeof slow / sizeof *slow;
    for (size_t i = 0; i < count; i++) {
        slow[i] = (struct pollfd){.fd = connect_page(b), .events = POLLIN};
        assert_int_equal(send(slow[i].fd, "GET /metrics HTTP/1.1\r\nX: ", 26, MSG_NOSIGNAL), 26);
    }
    for (size_t open = count; open > 0;) {
        poll(slow, count, 200);
        for (size_t i = 0; i < count; i++)
            if (slow[i].fd >= 0 && (slow[i].revents || send(slow[i].fd, "x", 1, MSG_NOSIGNAL) < 0)) {
                close(slow[i].fd);
                slow[i].fd = -1;
                open--;
            }
    }
    metrics(b);
}

/* deploy/alerts.yml speaks of what there is. Runs in the source root. */
static void alerts_name_what_there_is(void **state)
{
    struct bench *b = *state;
    const char *page = metrics(b);
    char line[1024], family[160];
    FILE *in = fopen("deploy/alerts.yml", "r");
    int found = 0;
    assert_non_null(in);
    while (fgets(line, sizeof line, in))
        for (const char *at = strstr(line, "expr:") ? line : ""; (at = strstr(at, "facefarm_"));) {
            size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
            size_t base = size > 7 && strncmp(at + size - 7, "_bucket", 7) == 0 ? size - 7 : size;
            snprintf(family, sizeof family, "\n# TYPE %.*s ", (int)base, at);
            if (!strstr(page, family))
                fail_msg("there is no %.*s", (int)size, at);
            found++;
            at += size;
        }
    fclose(in);
    assert_true(found > 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(the_page_follows_the_work),
        TEST(failures_are_counted_by_code),
        TEST(other_requests_are_refused),
        TEST(slow_requests_are_ended),
        TEST(alerts_name_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
