/*
 * The farm's own overhead: a real broker with its database (synchronous=FULL) and CurveZMQ, workers
 * that speak the protocol and do nothing, and one client, each a process. Tasks are those of a
 * `probe` stage, the kind that does nothing: a task's result is its row in `task`. A line of output
 * is "name value".
 *
 *     bench_farm throughput TASKS WORKERS CREDIT   tasks a second, submit to the client's "done"
 *     bench_farm latency ROUNDS                    one task when idle, microseconds: percentiles
 *     bench_farm connections COUNT                 the broker's memory with so many workers
 *     bench_farm sizes                             broker time and memory, 10^4 to 10^9 samples
 *     bench_farm flood MESSAGES                    a job's time alone and while so many hostile messages come
 *     bench_farm idle SECONDS [facefarm-worker]    processor time of an idle farm
 */
#include "broker/floods.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/wire.h"

#define WORKERS_MOST 64

struct bench {
    struct support s;
    struct key_pair client, worker, hostile;
    pid_t workers[WORKERS_MOST];
    size_t worker_count;
    struct peer peer; /* the client's */
};

/* ---- the farm ---- */

static void open_bench(struct bench *b)
{
    char text[1024];
    struct error err;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files); /* for a thousand connections, here and in the broker */
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    support_open(&b->s);
    zmq_ctx_set(b->s.context, ZMQ_MAX_SOCKETS, 4096);
    support_secure(&b->s);
    if (key_pair_make(&b->client, &err) < 0 || key_pair_make(&b->worker, &err) < 0 ||
        key_pair_make(&b->hostile, &err) < 0)
        fail_msg("%s", err.text);
    snprintf(text, sizeof text, "admin %s bench\nworker %s bench\nclient %s mallory\n",
             b->client.public, b->worker.public, b->hostile.public);
    support_authorize(&b->s, text);
    support_start(&b->s, 1000, 10000);
}

static void open_client(struct bench *b)
{
    peer_open_as(&b->s, &b->peer, &b->client);
    support_add_bundle(&b->s, &b->peer);
}

static void close_bench(struct bench *b)
{
    for (size_t i = 0; i < b->worker_count; i++) {
        kill(b->workers[i], SIGKILL);
        waitpid(b->workers[i], NULL, 0);
    }
    if (b->peer.socket)
        peer_close(&b->peer);
    support_close(&b->s);
}

/* ---- workers ---- */

static struct wire_hello hello_of(uint64_t session, uint64_t credit)
{
    return (struct wire_hello){.session = session,
                               .name = "bench",
                               .host = "here",
                               .device = "none",
                               .driver = "none",
                               .device_kind = "cpu",
                               .compute_units = 1,
                               .memory = 1,
                               .labels = "",
                               .credit = credit};
}

static void must(int rc, const struct error *err)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_farm: %s\n", err->text);
    exit(EXIT_FAILURE);
}

/* Answers every task of a lease, in one message. */
static void answer(void *socket, const struct wire_lease *lease)
{
    static const struct wire_stage_metrics metrics = {.total_ms = 0.0123, .faces = 1};
    static struct wire_result results[LIMIT_BATCH];
    const struct wire_task *tasks = WIRE_ITEMS(lease->tasks, task);
    struct error err;
    for (size_t i = 0; i < lease->tasks.count; i++)
        results[i] = (struct wire_result){.stage = lease->stage,
                                          .task = WIRE_LIST(&tasks[i], 1),
                                          .metrics = WIRE_LIST(&metrics, 1)};
    const struct wire_results body = {WIRE_LIST(results, lease->tasks.count)};
    must(socket_send(socket, NULL, WIRE_RESULTS, &body, &err), &err);
}

/* As a device would that needs so long for a task. */
static void answer_slowly(void *socket, const struct wire_lease *lease, int64_t task_ns)
{
    const struct timespec task = {.tv_nsec = task_ns};
    for (size_t i = 0; i < lease->tasks.count; i++) {
        struct wire_lease one = *lease;
        one.tasks = WIRE_LIST(&WIRE_ITEMS(lease->tasks, task)[i], 1);
        nanosleep(&task, NULL);
        answer(socket, &one);
    }
}

/* Answers leases for ever. */
static void serve(void *socket, uint64_t session, int64_t task_ns)
{
    struct error err;
    int64_t beat = clock_now();
    for (;;) {
        struct wire_message m;
        struct socket_frame *frame = NULL;
        zmq_poll(&(zmq_pollitem_t){.socket = socket, .events = ZMQ_POLLIN}, 1, 1000);
        while (socket_receive(socket, NULL, &m, &frame, &err) > 0) {
            if (m.type == WIRE_LEASE && task_ns)
                answer_slowly(socket, WIRE_BODY(&m, lease), task_ns);
            else if (m.type == WIRE_LEASE)
                answer(socket, WIRE_BODY(&m, lease));
            socket_frame_free(&frame, &m);
        }
        if (clock_now() - beat > CLOCK_SECOND) {
            beat = clock_now();
            must(socket_send(socket, NULL, WIRE_HEARTBEAT,
                             &(struct wire_heartbeat){.session = session}, &err),
                 &err);
        }
    }
}

static void *connect_worker(void *context, const struct bench *b, uint64_t session, uint64_t credit)
{
    struct error err;
    void *socket;
    const struct socket_keys keys = {&b->worker, b->s.pair.public};
    const struct wire_hello hello = hello_of(session, credit);
    must(socket_connect_dealer(context, b->s.endpoint, &keys, &socket, &err), &err);
    must(socket_send(socket, NULL, WIRE_HELLO, &hello, &err), &err);
    return socket;
}

/* Before the client has a socket, so that no context is forked while it is used. */
static void start_workers(struct bench *b, size_t count, uint64_t credit, int64_t task_ns)
{
    for (size_t i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            void *context = zmq_ctx_new();
            serve(connect_worker(context, b, 100 + i, credit), 100 + i, task_ns);
        }
        b->workers[b->worker_count++] = pid;
    }
}

/* Until the broker knows so many. */
static void await_workers(struct bench *b, size_t count)
{
    size_t found = 0;
    while (found < count) {
        peer_send(&b->peer, WIRE_WORKER_LIST, &(struct wire_worker_list){1});
        found = ((const struct wire_workers *)peer_expect(&b->peer, WIRE_WORKERS))->workers.count;
    }
}

/* ---- what is measured ---- */

static uint64_t submit(struct bench *b, uint64_t count, unsigned task_size)
{
    char yaml[256];
    snprintf(yaml, sizeof yaml,
             "format: facefarm-job/1\nname: probe\nbundle: toy\nstages:\n"
             "  - {kind: probe, count: %llu, task_size: %u}\n",
             (unsigned long long)count, task_size);
    return support_submit(&b->peer, yaml);
}

static double seconds_since(int64_t start)
{
    return (double)(clock_now() - start) / (double)CLOCK_SECOND;
}

/* Of the thread that is the broker: nanoseconds on a processor. */
static uint64_t broker_time(const struct bench *b)
{
    char path[64];
    unsigned long long ns = 0;
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)b->s.broker);
    FILE *in = fopen(path, "r");
    if (!in || fscanf(in, "%llu", &ns) != 1)
        fail_msg("%s cannot be read", path);
    fclose(in);
    return ns;
}

/* KiB of that name in /proc/PID/status. */
static long status_of(pid_t pid, const char *name)
{
    char path[64], line[256];
    long value = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "r");
    while (in && fgets(line, sizeof line, in))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtol(line + strlen(name) + 1, NULL, 10);
    if (in)
        fclose(in);
    return value;
}

static double processor_seconds(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "r");
    if (!in || !fgets(text, sizeof text, in))
        fail_msg("%s cannot be read", path);
    fclose(in);
    sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
           &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void print_percentiles(const char *name, double *us, size_t count)
{
    qsort(us, count, sizeof *us, compare);
    printf("%s_p50_us %.1f\n%s_p99_us %.1f\n%s_p999_us %.1f\n", name, us[count / 2], name,
           us[count * 99 / 100], name, us[count * 999 / 1000]);
}

static void throughput(struct bench *b, uint64_t tasks, size_t workers, uint64_t credit)
{
    start_workers(b, workers, credit, 0);
    open_client(b);
    await_workers(b, workers);
    support_await_job(&b->peer, submit(b, 1000, 1), "done"); /* to warm up */
    uint64_t before = broker_time(b);
    int64_t start = clock_now();
    support_await_job(&b->peer, submit(b, tasks, 1), "done");
    double took = seconds_since(start);
    printf("tasks_per_second %.0f\n", (double)tasks / took);
    printf("broker_us_per_task %.2f\n", (double)(broker_time(b) - before) / 1e3 / (double)tasks);
    printf("broker_rss_kib %ld\n", status_of(b->s.broker, "VmRSS"));
    if (atoll(support_sql(&b->s, "SELECT count(*) FROM task")) != (long long)tasks + 1000)
        fail_msg("not every task has its row");
}

/* A job of one task, from the submit to "done", with two commits; and a task of a job that is open,
 * from its result's way to the broker until the next lease, with one. */
static void latency(struct bench *b, size_t rounds)
{
    double *us = calloc(rounds, sizeof *us);
    start_workers(b, 1, 16, 0);
    open_client(b);
    await_workers(b, 1);
    for (size_t i = 0; i < rounds; i++) {
        int64_t start = clock_now();
        support_await_job(&b->peer, submit(b, 1, 1), "done");
        us[i] = seconds_since(start) * 1e6;
    }
    print_percentiles("job", us, rounds);
    kill(b->workers[0], SIGKILL);
    waitpid(b->workers[--b->worker_count], NULL, 0);
    uint64_t job = submit(b, 1000000, 1);
    struct peer worker = {.support = &b->s};
    struct wire_hello hello = hello_of(7, 1);
    peer_open_as(&b->s, &worker, &b->worker);
    peer_send(&worker, WIRE_HELLO, &hello);
    peer_expect(&worker, WIRE_WELCOME);
    answer(worker.socket, peer_expect(&worker, WIRE_LEASE));
    for (size_t i = 0; i < rounds; i++) {
        int64_t start = clock_now();
        peer_expect(&worker, WIRE_ACCEPTED);
        const struct wire_lease *lease = peer_expect(&worker, WIRE_LEASE);
        us[i] = seconds_since(start) * 1e6;
        answer(worker.socket, lease);
    }
    print_percentiles("task", us, rounds);
    peer_close(&worker);
    peer_send(&b->peer, WIRE_JOB_CANCEL, &(struct wire_job_cancel){9, job});
    peer_expect(&b->peer, WIRE_JOB_STATE);
    free(us);
}

static void connections(struct bench *b, size_t count)
{
    void **sockets = calloc(count, sizeof *sockets);
    open_client(b);
    printf("alone_rss_kib %ld\n", status_of(b->s.broker, "VmRSS"));
    for (size_t i = 0; i < count; i++)
        sockets[i] = connect_worker(b->s.context, b, 1000 + i, 2);
    await_workers(b, count);
    printf("connected %zu\nconnected_rss_kib %ld\n", count, status_of(b->s.broker, "VmRSS"));
    uint64_t job = submit(b, 100000, 1);
    for (uint64_t done = 0; done < 100000;) { /* all of them work */
        struct error err;
        for (size_t i = 0; i < count; i++) {
            struct wire_message m;
            struct socket_frame *frame = NULL;
            while (socket_receive(sockets[i], NULL, &m, &frame, &err) > 0) {
                if (m.type == WIRE_LEASE)
                    answer(sockets[i], WIRE_BODY(&m, lease));
                if (m.type == WIRE_ACCEPTED)
                    done += WIRE_BODY(&m, accepted)->task.count;
                socket_frame_free(&frame, &m);
            }
        }
    }
    support_await_job(&b->peer, job, "done");
    printf("worked_rss_kib %ld\npeak_rss_kib %ld\n", status_of(b->s.broker, "VmRSS"),
           status_of(b->s.broker, "VmHWM"));
    for (size_t i = 0; i < count; i++)
        socket_close(&sockets[i]);
    free(sockets);
}

#define REPEATS 50

static void one_size(struct bench *b, uint64_t count, const char *name)
{
    uint64_t jobs[REPEATS], times[4];
    times[0] = broker_time(b);
    for (int i = 0; i < REPEATS; i++)
        jobs[i] = submit(b, count, 1000);
    times[1] = broker_time(b);
    for (int i = 0; i < REPEATS; i++) {
        peer_send(&b->peer, WIRE_JOB_SHOW, &(struct wire_job_show){9, jobs[i]});
        peer_expect(&b->peer, WIRE_JOB_STATE);
    }
    times[2] = broker_time(b);
    for (int i = 0; i < REPEATS; i++) {
        peer_send(&b->peer, WIRE_JOB_CANCEL, &(struct wire_job_cancel){9, jobs[i]});
        peer_expect(&b->peer, WIRE_JOB_STATE);
    }
    times[3] = broker_time(b);
    static const char *const verbs[] = {"submit", "show", "cancel"};
    for (int i = 0; i < 3; i++)
        printf("%s_%s_us %.1f\n", name, verbs[i],
               (double)(times[i + 1] - times[i]) / 1e3 / REPEATS);
    printf("%s_rss_kib %ld\n", name, status_of(b->s.broker, "VmRSS"));
}

static void sizes(struct bench *b)
{
    open_client(b);
    one_size(b, 10000, "warm");
    uint64_t count = 10000;
    for (int power = 4; power <= 9; power++, count *= 10) {
        char name[16];
        snprintf(name, sizeof name, "1e%d", power);
        one_size(b, count, name);
    }
}

#define FLOOD_KINDS 3
#define FLOOD_TASKS 200
#define FLOOD_TASK_NS (20 * CLOCK_MILLISECOND)
#define FLOOD_NICE 19 /* they share our cores here, and only here */

static double job_seconds(struct bench *b)
{
    int64_t start = clock_now();
    support_await_job(&b->peer, submit(b, FLOOD_TASKS, 1), "done");
    return seconds_since(start);
}

/* A job on a worker whose device is busy 20 ms a task, alone and then beside the floods, which have to last longer;
 * and what a hostile message costs the broker, all its threads together. */
static void flood(struct bench *b, unsigned long messages)
{
    struct flood floods[FLOOD_KINDS] = {
        floods_prepare(&b->s, FLOODS_FRAMES, &b->hostile, messages * 8 / 10),
        floods_prepare(&b->s, FLOODS_BYTES, NULL, messages * 2 / 10),
        floods_prepare(&b->s, FLOODS_STRANGERS, NULL, messages / 1000),
    };
    start_workers(b, 1, 2, FLOOD_TASK_NS);
    open_client(b);
    await_workers(b, 1);
    double alone = job_seconds(b), before = processor_seconds(b->s.broker);
    int64_t start = clock_now();
    for (int i = 0; i < FLOOD_KINDS; i++) {
        setpriority(PRIO_PROCESS, (id_t)floods[i].process, FLOOD_NICE);
        floods_begin(&floods[i]);
    }
    double beside = job_seconds(b);
    for (int i = 0; i < FLOOD_KINDS; i++)
        floods_await(&floods[i]);
    printf("alone_seconds %.3f\nflooded_seconds %.3f\nflood_lasted_seconds %.3f\n", alone, beside,
           seconds_since(start));
    printf("delay_percent %.2f\nbroker_us_per_hostile_message %.2f\n", 100 * (beside / alone - 1),
           (processor_seconds(b->s.broker) - before) * 1e6 / (double)messages);
}

/* The real worker where its program is given, else one of ours. */
static void start_idle_worker(struct bench *b, const char *program)
{
    char key[192];
    struct error err;
    if (!program) {
        start_workers(b, 1, 16, 0);
        return;
    }
    snprintf(key, sizeof key, "%s/worker.key", b->s.folder);
    must(key_pair_write(&b->worker, key, &err), &err);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, program, "--broker", b->s.endpoint, "--broker-key", b->s.pair.public,
              "--secret", key, "--store", b->s.store, (char *)NULL);
        _exit(127);
    }
    b->workers[b->worker_count++] = pid;
}

static void idle(struct bench *b, unsigned seconds, const char *program)
{
    start_idle_worker(b, program);
    open_client(b);
    await_workers(b, 1);
    support_await_job(&b->peer, submit(b, 100, 1), "done");
    sleep(1);
    double broker = processor_seconds(b->s.broker), worker = processor_seconds(b->workers[0]);
    sleep(seconds);
    printf("broker_percent %.3f\nworker_percent %.3f\n",
           100 * (processor_seconds(b->s.broker) - broker) / seconds,
           100 * (processor_seconds(b->workers[0]) - worker) / seconds);
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    const char *what = argc > 1 ? argv[1] : "";
    open_bench(&b);
    if (strcmp(what, "throughput") == 0 && argc == 5)
        throughput(&b, strtoull(argv[2], NULL, 10), strtoul(argv[3], NULL, 10),
                   strtoull(argv[4], NULL, 10));
    else if (strcmp(what, "latency") == 0 && argc == 3)
        latency(&b, strtoul(argv[2], NULL, 10));
    else if (strcmp(what, "connections") == 0 && argc == 3)
        connections(&b, strtoul(argv[2], NULL, 10));
    else if (strcmp(what, "sizes") == 0 && argc == 2)
        sizes(&b);
    else if (strcmp(what, "flood") == 0 && argc == 3)
        flood(&b, strtoul(argv[2], NULL, 10));
    else if (strcmp(what, "idle") == 0 && argc >= 3)
        idle(&b, (unsigned)strtoul(argv[2], NULL, 10), argc > 3 ? argv[3] : NULL);
    else
        fprintf(stderr, "bench_farm: see its first lines\n");
    close_bench(&b);
    return 0;
}
