/*
 * A real broker and more connections than it wants: those that prove no key are cut beyond a limit,
 * those that have proved one stay, and whoever has one gets in and has its job done meanwhile.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define RAW 600
#define HANDSHAKES 32
#define OWN 64 /* descriptors that a broker without connections has, at most */

static const char yaml[] = "format: facefarm-job/1\n"
                           "name: labels\n"
                           "bundle: toy\n"
                           "stages:\n"
                           "  - {kind: label, name: labels, count: 256, task_size: 4}\n";

struct bench {
    struct support s;
    struct key_pair admin, worker, stranger;
    struct peer client;
    struct worker runner;
    struct pollfd raw[RAW]; /* −1 where the broker has closed it */
    unsigned count, open;
};

static struct bench *open_bench(const char *handshakes, unsigned descriptors)
{
    char text[512];
    struct error err = {0};
    struct bench *b = calloc(1, sizeof *b);
    support_open(&b->s);
    support_secure(&b->s);
    b->s.handshakes = handshakes;
    b->s.descriptors = descriptors;
    if (key_pair_make(&b->admin, &err) < 0 || key_pair_make(&b->worker, &err) < 0 ||
        key_pair_make(&b->stranger, &err) < 0)
        fail_msg("%s", err.text);
    snprintf(text, sizeof text, "admin %s root\nworker %s gpu\n", b->admin.public, b->worker.public);
    support_authorize(&b->s, text);
    support_start(&b->s, 1000, 60000);
    return b;
}

static void close_bench(struct bench *b)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->raw[i].fd >= 0)
            close(b->raw[i].fd);
    if (b->client.socket)
        peer_close(&b->client);
    if (b->runner.peer.socket)
        peer_close(&b->runner.peer);
    support_close(&b->s);
    free(b);
}

/* ---- connections that prove nothing ---- */

static int connect_raw(const struct support *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(s->endpoint, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static bool is_closed(int fd)
{
    char bytes[512];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0)
        continue;
    return got == 0 || errno != EAGAIN;
}

/* Every other says what ZMTP begins with. */
static void add_raw(struct bench *b, unsigned count)
{
    static const unsigned char greeting[64] = {0xff, 0, 0, 0, 0,   0,   0,   0,   1,
                                               0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E'};
    for (; count > 0; count--) {
        assert_in_range(b->count, 0, RAW - 1);
        int fd = connect_raw(&b->s);
        if (b->count % 2)
            (void)!send(fd, greeting, sizeof greeting, MSG_NOSIGNAL); /* it may be cut already */
        b->raw[b->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
        b->open++;
    }
}

/* Until the broker has closed all but `most` of them. */
static void await_cut(struct bench *b, unsigned most)
{
    while (b->open > most) {
        assert_true(poll(b->raw, b->count, SUPPORT_TIMEOUT_MS) > 0);
        for (unsigned i = 0; i < b->count; i++)
            if (b->raw[i].fd >= 0 && b->raw[i].revents && is_closed(b->raw[i].fd)) {
                close(b->raw[i].fd);
                b->raw[i].fd = -1;
                b->open--;
            }
    }
}

/* A descriptor is closed shortly after its connection was cut. */
static void await_descriptors(const struct bench *b, unsigned most)
{
    while (support_descriptors(&b->s) > most) /* ctest's time-out stands behind it */
        continue;
}

static uint64_t event_count(struct bench *b, const char *event)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM audit WHERE event = '%s'", event);
    return strtoull(support_sql(&b->s, sql), NULL, 10);
}

/* A client and a worker come while all places are taken, and again and again; the job is done. */
static void a_key_gets_in_beside_those_that_have_none(void **state)
{
    struct bench *b = open_bench("32", 0);
    (void)state;
    add_raw(b, 200);
    await_cut(b, HANDSHAKES);
    await_descriptors(b, OWN + HANDSHAKES);
    peer_open_as(&b->s, &b->client, &b->admin);
    support_add_bundle(&b->s, &b->client);
    add_raw(b, 100);
    worker_open_as(&b->s, &b->runner, &b->worker, 1, 8);
    uint64_t job = support_submit(&b->client, yaml);
    add_raw(b, 100);
    assert_int_equal(worker_run(&b->runner, &b->client, job, 0), 64);
    support_await_job(&b->client, job, "done");
    await_cut(b, HANDSHAKES);
    await_descriptors(b, OWN + HANDSHAKES);
    assert_in_range(event_count(b, "connections_cut"), 1, 10); /* one a minute, however many there were */
    close_bench(b);
}

/* ---- connections that have proved a key ---- */

#define PROVED 48 /* more than may be in their handshake */

struct proved {
    struct peer peer;
    void *events;
};

/* It has an answer, and from now on its end is noticed. */
static void open_proved(struct bench *b, struct proved *p, int number)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://proved-%d", number);
    peer_open_as(&b->s, &p->peer, &b->admin);
    peer_send(&p->peer, WIRE_JOB_LIST, &(struct wire_job_list){.request = 1});
    peer_expect(&p->peer, WIRE_JOBS);
    p->events = zmq_socket(b->s.context, ZMQ_PAIR);
    assert_int_equal(zmq_socket_monitor(p->peer.socket, endpoint, ZMQ_EVENT_DISCONNECTED), 0);
    assert_int_equal(zmq_connect(p->events, endpoint), 0);
}

/* It is what it was, and still of use. */
static void close_proved(struct proved *p)
{
    char event[6];
    peer_send(&p->peer, WIRE_JOB_LIST, &(struct wire_job_list){.request = 2});
    peer_expect(&p->peer, WIRE_JOBS);
    assert_int_equal(zmq_recv(p->events, event, sizeof event, ZMQ_DONTWAIT), -1);
    zmq_socket_monitor(p->peer.socket, NULL, 0);
    zmq_close(p->events);
    peer_close(&p->peer);
}

static void who_has_proved_a_key_is_not_cut(void **state)
{
    struct bench *b = open_bench("32", 0);
    static struct proved proved[PROVED];
    (void)state;
    for (int i = 0; i < PROVED; i++)
        open_proved(b, &proved[i], i);
    add_raw(b, 400);
    await_cut(b, HANDSHAKES);
    for (int i = 0; i < PROVED; i++)
        close_proved(&proved[i]);
    close_bench(b);
}

/* ---- a key that nobody knows ---- */

/* What one side says to the other; false where it said nothing or ended. */
static bool pass_on(int from, int to, size_t *passed)
{
    char bytes[1024];
    ssize_t got = recv(from, bytes, sizeof bytes, 0);
    if (got > 0)
        assert_int_equal(send(to, bytes, (size_t)got, MSG_NOSIGNAL), got);
    *passed += got > 0 ? (size_t)got : 0;
    return got > 0;
}

static int listen_raw(char endpoint[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(endpoint, 64, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

/* A connection whose handshake went as far as one without a known key can: the stranger hears that it is
 * not let in, and we keep the connection. */
static int turned_away(struct bench *b)
{
    char endpoint[64];
    void *dealer = NULL;
    struct error err = {0};
    const struct socket_keys keys = {&b->stranger, b->s.pair.public};
    size_t said = 0, heard = 0;
    int listening = listen_raw(endpoint), broker = connect_raw(&b->s);
    if (socket_connect_dealer(b->s.context, endpoint, &keys, &dealer, &err) < 0)
        fail_msg("%s", err.text);
    int stranger = accept(listening, NULL, NULL);
    assert_true(stranger >= 0);
    const size_t all = 64 + 170 + 12; /* greeting, WELCOME, ERROR */
    while (heard < all) {
        struct pollfd ends[2] = {{.fd = stranger, .events = POLLIN}, {.fd = broker, .events = POLLIN}};
        assert_true(poll(ends, 2, SUPPORT_TIMEOUT_MS) > 0);
        if (ends[0].revents)
            assert_true(pass_on(stranger, broker, &said));
        if (ends[1].revents)
            assert_true(pass_on(broker, stranger, &heard));
    }
    assert_int_equal(heard, all);
    close(listening);
    close(stranger);
    socket_close(&dealer);
    return broker;
}

static void who_was_turned_away_has_proved_nothing(void **state)
{
    struct bench *b = open_bench("32", 0);
    (void)state;
    for (int i = 0; i < 16; i++) {
        b->raw[b->count++] = (struct pollfd){.fd = turned_away(b), .events = POLLIN};
        b->open++;
    }
    add_raw(b, 16);
    add_raw(b, 16); /* which the sixteen oldest make room for */
    await_cut(b, 32);
    for (int i = 0; i < 16; i++)
        assert_int_equal(b->raw[i].fd, -1);
    close_bench(b);
}

/* ---- few descriptors ---- */

static void connections_leave_descriptors_to_the_broker(void **state)
{
    struct bench *b = open_bench(NULL, 128); /* of which half is for connections */
    (void)state;
    peer_open_as(&b->s, &b->client, &b->admin);
    support_add_bundle(&b->s, &b->client);
    worker_open_as(&b->s, &b->runner, &b->worker, 1, 8);
    add_raw(b, 500);
    uint64_t job = support_submit(&b->client, yaml);
    assert_int_equal(worker_run(&b->runner, &b->client, job, 0), 64);
    support_await_job(&b->client, job, "done");
    await_cut(b, 64 - 2);
    await_descriptors(b, OWN + 64);
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_gets_in_beside_those_that_have_none),
        cmocka_unit_test(who_has_proved_a_key_is_not_cut),
        cmocka_unit_test(who_was_turned_away_has_proved_nothing),
        cmocka_unit_test(connections_leave_descriptors_to_the_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
