/*
 * A real broker with keys that is flooded while a job runs: frames that are no messages, of a key
 * that is let in and reads no answer; plain text and unknown keys; and bytes that are no ZMTP. The
 * jobs end, and the broker's memory stays what it was. `test_broker_flood 1000000` sends so many;
 * without a number 100,000.
 */
#include "support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define MEMORY_GROWTH_KB                                                                           \
    (16 << 10) /* allocators and buffers of connections; a message is 1 KiB here */
#define FRAME_BYTES 1024
#define CONNECTIONS 8
#define FLOODS 3

static unsigned long flood_messages = 100000;

static const char yaml[] = "format: facefarm-job/1\n"
                           "name: labels\n"
                           "bundle: toy\n"
                           "seed: 1\n"
                           "stages:\n"
                           "  - {kind: label, name: labels, count: 4096, task_size: 16}\n";

static unsigned long resident_kb(pid_t pid)
{
    char path[64], line[256];
    unsigned long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in))
        sscanf(line, "VmRSS: %lu", &kb);
    fclose(in);
    return kb;
}

/* ---- the floods: each in a process of its own, which ends when all is sent ---- */

static void fill(char *frame, unsigned long number)
{
    uint64_t x = number * 2654435761u + 1;
    for (size_t i = 0; i < FRAME_BYTES; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        frame[i] = (char)(x >> 56);
    }
}

/* Of a key that is let in; the answers are not read. */
static void flood_with_frames(struct support *s, const struct key_pair *pair, unsigned long count)
{
    void *context = zmq_ctx_new(), *sockets[CONNECTIONS];
    struct socket_keys keys = {pair, s->pair.public};
    struct error err;
    char frame[FRAME_BYTES];
    int wait = -1;
    for (int i = 0; i < CONNECTIONS; i++) {
        if (socket_connect_dealer(context, s->endpoint, &keys, &sockets[i], &err) < 0)
            _exit(1);
        zmq_setsockopt(sockets[i], ZMQ_LINGER, &wait, sizeof wait);
    }
    for (unsigned long n = 0; n < count; n++) {
        fill(frame, n);
        if (zmq_send(sockets[n % CONNECTIONS], frame, n % FRAME_BYTES, 0) < 0)
            _exit(1);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        zmq_close(sockets[i]);
    zmq_ctx_term(context);
    _exit(0);
}

/* Bytes to the port, a connection a hundred messages, until it is closed there. Every other begins
 * as ZMTP does, and every fourth goes on as CurveZMQ would, with a HELLO of nonsense. */
static void flood_with_bytes(struct support *s, unsigned long count)
{
    static const unsigned char greeting[64] = {0xff, 0, 0, 0,   0,   0,   0,   0,  1,
                                               0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E'};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char frame[FRAME_BYTES];
    to.sin_port = htons((uint16_t)atoi(strrchr(s->endpoint, ':') + 1));
    signal(SIGPIPE, SIG_IGN);
    for (unsigned long n = 0; n < count;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
            _exit(1);
        bool open = (n / 100) % 2 == 0 || send(fd, greeting, sizeof greeting, 0) > 0;
        for (unsigned long end = n + 100; n < end; n++) {
            fill(frame, n);
            if ((n / 100) % 4 == 3)
                memcpy(frame, "\x04\xc8\x05HELLO", 8); /* a command of 200 bytes */
            open = open && send(fd, frame, FRAME_BYTES, 0) > 0;
        }
        close(fd);
    }
    _exit(0);
}

/* Handshakes of keys that nobody knows, and of plain text: the next when the one before has been
 * turned away. */
static void flood_with_strangers(struct support *s, unsigned long count)
{
    void *context = zmq_ctx_new();
    for (unsigned long n = 0; n < count; n++) {
        struct key_pair stranger;
        struct error err;
        if (key_pair_make(&stranger, &err) < 0 ||
            support_turned_away(s, context, n % 2 ? &stranger : NULL, s->pair.public) != 0)
            _exit(1);
    }
    zmq_ctx_term(context);
    _exit(0);
}

/* A process that waits for its sign. It is forked before this one has threads (ThreadSanitizer
 * knows no other way), and dies with it. */
struct flood {
    pid_t process;
    int sign;
};

static struct flood prepare(struct support *s, int kind, const struct key_pair *pair,
                            unsigned long count)
{
    int ends[2];
    char sign;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) {
        close(ends[0]);
        return (struct flood){child, ends[1]};
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(ends[0], &sign, 1) != 1)
        _exit(1);
    if (kind == 0)
        flood_with_frames(s, pair, count);
    else if (kind == 1)
        flood_with_bytes(s, count);
    flood_with_strangers(s, count);
    return (struct flood){0, -1};
}

static void begin(struct flood *flood)
{
    assert_int_equal(write(flood->sign, "!", 1), 1);
    close(flood->sign);
}

/* ---- the test ---- */

struct farm {
    struct support s;
    struct key_pair client, worker, hostile;
    struct peer root;
    struct worker runner;
    struct flood small[FLOODS], large[FLOODS];
};

static void prepare_all(struct farm *f, struct flood floods[FLOODS], unsigned long count)
{
    floods[0] = prepare(&f->s, 0, &f->hostile, count * 8 / 10);
    floods[1] = prepare(&f->s, 1, NULL, count * 2 / 10);
    floods[2] = prepare(&f->s, 2, NULL, count / 1000);
}

static void open_farm(struct farm *f)
{
    char text[1024];
    struct error err = {0};
    support_open(&f->s);
    support_secure(&f->s);
    if (key_pair_make(&f->client, &err) < 0 || key_pair_make(&f->worker, &err) < 0 ||
        key_pair_make(&f->hostile, &err) < 0)
        fail_msg("%s", err.text);
    snprintf(text, sizeof text, "admin %s root\nworker %s gpu\nclient %s mallory\n",
             f->client.public, f->worker.public, f->hostile.public);
    support_authorize(&f->s, text);
    support_start(&f->s, 1000, 60000);
    prepare_all(f, f->small, flood_messages / 10);
    prepare_all(f, f->large, flood_messages);
    peer_open_as(&f->s, &f->root, &f->client);
    support_add_bundle(&f->s, &f->root);
    worker_open_as(&f->s, &f->runner, &f->worker, 1, 8);
}

static void run_job(struct farm *f)
{
    uint64_t job = support_submit(&f->root, yaml);
    assert_int_equal(worker_run(&f->runner, &f->root, job, 0), 256);
    support_await_job(&f->root, job, "done");
}

/* Runs jobs while the floods last, at least one. */
static void run_beside(struct farm *f, struct flood floods[FLOODS])
{
    int running = FLOODS, jobs = 0;
    for (int i = 0; i < FLOODS; i++)
        begin(&floods[i]);
    while (running > 0 || jobs == 0) {
        run_job(f);
        jobs++;
        for (int i = 0; i < FLOODS; i++) {
            int status;
            if (floods[i].process && waitpid(floods[i].process, &status, WNOHANG) > 0) {
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                    fail_msg("flood %d ended with %d", i, status);
                floods[i].process = 0;
                running--;
            }
        }
    }
    print_message("%d jobs beside the floods\n", jobs);
}

/* ThreadSanitizer keeps shadows of all memory that was ever touched: they are not the broker's
 * memory. */
static bool memory_is_the_brokers(void)
{
#ifdef __SANITIZE_THREAD__
    return false;
#else
    return true;
#endif
}

static void a_flood_costs_the_others_nothing(void **state)
{
    struct farm f;
    (void)state;
    open_farm(&f);
    run_beside(&f, f.small); /* what is allocated once, is now */
    unsigned long before = resident_kb(f.s.broker);
    run_beside(&f, f.large);
    unsigned long after = resident_kb(f.s.broker);
    print_message("resident: %lu KiB before, %lu KiB after\n", before, after);
    if (memory_is_the_brokers())
        assert_in_range(after, 0, before + MEMORY_GROWTH_KB);
    assert_string_equal(support_sql(&f.s, "SELECT count(*) FROM job WHERE state <> 'done'"), "0");
    assert_string_equal(support_sql(&f.s, "SELECT count(*) FROM failure"), "0");
    peer_close(&f.runner.peer);
    peer_close(&f.root);
    support_close(&f.s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_flood_costs_the_others_nothing)};
    if (argc > 1)
        flood_messages = strtoul(argv[1], NULL, 10);
    /* AddressSanitizer keeps what was freed for a while, which is not the broker's memory. */
    const char *options = getenv("ASAN_OPTIONS");
    char text[1024];
    snprintf(text, sizeof text, "%s:quarantine_size_mb=1", options ? options : "");
    setenv("ASAN_OPTIONS", text, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
