/*
 * Others' queues with tasks that do nothing: 100 bytes there, 64 back where the queue carries
 * results. The servers run already; the workers are processes that this one starts. A line of
 * output is "name value".
 *
 *     bench_peers gearman PORT TASKS WORKERS IN-FLIGHT   tasks a second; 0: in the background
 *     bench_peers gearman-latency PORT ROUNDS
 *     bench_peers beanstalk PORT TASKS WORKERS           put in hundreds, reserve and delete
 *     bench_peers beanstalk-latency PORT ROUNDS
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_GEARMAN
#include <libgearman/gearman.h>
#endif

#define TASK_BYTES 100
#define RESULT_BYTES 64
#define WORKERS_MOST 64
#define PUTS 100

static atomic_ulong *done; /* shared with the workers */
static pid_t children[WORKERS_MOST];
static size_t child_count;

static void die(const char *what)
{
    fprintf(stderr, "bench_peers: %s\n", what);
    exit(EXIT_FAILURE);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void start_workers(unsigned count, void (*serve)(unsigned port), unsigned port)
{
    for (unsigned i = 0; i < count && child_count < WORKERS_MOST; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(port);
            _exit(0);
        }
        children[child_count++] = pid;
    }
}

static void end_workers(void)
{
    for (size_t i = 0; i < child_count; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
}

static void await_done(unsigned long count)
{
    const struct timespec pause = {0, 500000};
    while (atomic_load(done) < count)
        nanosleep(&pause, NULL);
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void print_percentiles(double *us, size_t count)
{
    qsort(us, count, sizeof *us, compare);
    printf("task_p50_us %.1f\ntask_p99_us %.1f\ntask_p999_us %.1f\n", us[count / 2],
           us[count * 99 / 100], us[count * 999 / 1000]);
}

/* ---- gearmand ---- */

#ifdef HAVE_GEARMAN
static gearman_return_t nothing(gearman_job_st *job, void *context)
{
    static const char result[RESULT_BYTES];
    (void)context;
    atomic_fetch_add(done, 1);
    return gearman_job_send_complete(job, result, sizeof result);
}

static void gearman_serve(unsigned port)
{
    gearman_worker_st *worker = gearman_worker_create(NULL);
    gearman_worker_add_server(worker, "127.0.0.1", (in_port_t)port);
    gearman_function_t function = gearman_function_create_v2(nothing);
    gearman_worker_define_function(worker, "nothing", 7, function, 0, NULL);
    while (gearman_success(gearman_worker_work(worker)))
        ;
}

static gearman_client_st *gearman_connect(unsigned port)
{
    gearman_client_st *client = gearman_client_create(NULL);
    gearman_client_add_server(client, "127.0.0.1", (in_port_t)port);
    return client;
}

static void in_background(gearman_client_st *client, unsigned long tasks)
{
    static const char payload[TASK_BYTES];
    gearman_job_handle_t handle;
    for (unsigned long i = 0; i < tasks; i++)
        if (gearman_failed(gearman_client_do_background(client, "nothing", NULL, payload,
                                                        sizeof payload, handle)))
            die(gearman_client_error(client));
}

static void in_flight(gearman_client_st *client, unsigned long tasks, unsigned long most)
{
    static const char payload[TASK_BYTES];
    for (unsigned long sent = 0; sent < tasks; sent += most) {
        gearman_return_t rc;
        for (unsigned long i = 0; i < most && sent + i < tasks; i++)
            gearman_client_add_task(client, NULL, NULL, "nothing", NULL, payload, sizeof payload,
                                    &rc);
        if (gearman_failed(gearman_client_run_tasks(client)))
            die(gearman_client_error(client));
        gearman_client_task_free_all(client);
    }
}

static void gearman(unsigned port, unsigned long tasks, unsigned workers, unsigned long most)
{
    start_workers(workers, gearman_serve, port);
    gearman_client_st *client = gearman_connect(port);
    in_flight(client, 100, 10); /* to warm up */
    atomic_store(done, 0);
    double start = now();
    if (most)
        in_flight(client, tasks, most);
    else
        in_background(client, tasks);
    await_done(tasks);
    printf("tasks_per_second %.0f\n", (double)tasks / (now() - start));
    gearman_client_free(client);
}

static void gearman_latency(unsigned port, size_t rounds)
{
    static const char payload[TASK_BYTES];
    double *us = calloc(rounds, sizeof *us);
    start_workers(1, gearman_serve, port);
    gearman_client_st *client = gearman_connect(port);
    in_flight(client, 100, 10);
    for (size_t i = 0; i < rounds; i++) {
        size_t size;
        gearman_return_t rc;
        double start = now();
        free(gearman_client_do(client, "nothing", NULL, payload, sizeof payload, &size, &rc));
        us[i] = (now() - start) * 1e6;
    }
    print_percentiles(us, rounds);
    gearman_client_free(client);
    free(us);
}
#else
static void gearman(unsigned port, unsigned long tasks, unsigned workers, unsigned long most)
{
    (void)port, (void)tasks, (void)workers, (void)most;
    die("skipped: there is no libgearman");
}

static void gearman_latency(unsigned port, size_t rounds)
{
    (void)port, (void)rounds;
    die("skipped: there is no libgearman");
}
#endif

/* ---- beanstalkd: lines over TCP, see its doc/protocol.txt ---- */

struct line {
    int fd;
    char data[65536];
    size_t size, at;
};

static void bean_connect(struct line *line, unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    *line = (struct line){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(line->fd, (struct sockaddr *)&address, sizeof address))
        die("beanstalkd cannot be reached");
}

static void bean_send(struct line *line, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(line->fd, data, size);
        if (n <= 0)
            die("beanstalkd is gone");
        data += n;
        size -= (size_t)n;
    }
}

static char next_byte(struct line *line)
{
    if (line->at == line->size) {
        ssize_t n = read(line->fd, line->data, sizeof line->data);
        if (n <= 0)
            die("beanstalkd is gone");
        line->size = (size_t)n;
        line->at = 0;
    }
    return line->data[line->at++];
}

/* One reply's line; a body of `size` bytes behind it is dropped by bean_skip. */
static void bean_read(struct line *line, char *text, size_t room)
{
    size_t n = 0;
    for (char c; (c = next_byte(line)) != '\n';)
        if (n + 1 < room && c != '\r')
            text[n++] = c;
    text[n] = '\0';
}

static void bean_skip(struct line *line, size_t size)
{
    for (size_t i = 0; i < size + 2; i++)
        next_byte(line);
}

/* Deletes what it reserved and asks for the next in one go. */
static void bean_serve(unsigned port)
{
    struct line line;
    char text[128];
    unsigned long id, size;
    bean_connect(&line, port);
    bean_send(&line, "reserve\r\n", 9);
    for (;;) {
        bean_read(&line, text, sizeof text);
        if (sscanf(text, "RESERVED %lu %lu", &id, &size) != 2)
            die(text);
        bean_skip(&line, size);
        int length = snprintf(text, sizeof text, "delete %lu\r\nreserve\r\n", id);
        bean_send(&line, text, (size_t)length);
        bean_read(&line, text, sizeof text);
        if (strcmp(text, "DELETED") != 0)
            die(text);
        atomic_fetch_add(done, 1);
    }
}

static void bean_put(struct line *line, unsigned count)
{
    static char block[PUTS * (TASK_BYTES + 32)];
    char text[64];
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        size += (size_t)sprintf(block + size, "put 0 0 60 %d\r\n", TASK_BYTES);
        memset(block + size, 'x', TASK_BYTES);
        size += TASK_BYTES;
        memcpy(block + size, "\r\n", 2);
        size += 2;
    }
    bean_send(line, block, size);
    for (unsigned i = 0; i < count; i++) {
        bean_read(line, text, sizeof text);
        if (strncmp(text, "INSERTED", 8) != 0)
            die(text);
    }
}

static void beanstalk(unsigned port, unsigned long tasks, unsigned workers)
{
    struct line line;
    bean_connect(&line, port);
    start_workers(workers, bean_serve, port);
    double start = now();
    for (unsigned long sent = 0; sent < tasks; sent += PUTS)
        bean_put(&line, tasks - sent < PUTS ? (unsigned)(tasks - sent) : PUTS);
    await_done(tasks);
    printf("tasks_per_second %.0f\n", (double)tasks / (now() - start));
}

/* There are no results: a task is done when its worker, which is this process, has deleted it. */
static void beanstalk_latency(unsigned port, size_t rounds)
{
    double *us = calloc(rounds, sizeof *us);
    struct line client, worker;
    char text[128];
    unsigned long id, size;
    bean_connect(&client, port);
    bean_connect(&worker, port);
    for (size_t i = 0; i < rounds; i++) {
        bean_send(&worker, "reserve\r\n", 9);
        double start = now();
        bean_put(&client, 1);
        bean_read(&worker, text, sizeof text);
        if (sscanf(text, "RESERVED %lu %lu", &id, &size) != 2)
            die(text);
        bean_skip(&worker, size);
        int length = snprintf(text, sizeof text, "delete %lu\r\n", id);
        bean_send(&worker, text, (size_t)length);
        bean_read(&worker, text, sizeof text);
        us[i] = (now() - start) * 1e6;
    }
    print_percentiles(us, rounds);
    free(us);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    unsigned long n[4] = {0};
    for (int i = 2; i < argc && i < 6; i++)
        n[i - 2] = strtoul(argv[i], NULL, 10);
    done = mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED)
        die("no memory");
    if (strcmp(what, "gearman") == 0 && argc == 6)
        gearman((unsigned)n[0], n[1], (unsigned)n[2], n[3]);
    else if (strcmp(what, "gearman-latency") == 0 && argc == 4)
        gearman_latency((unsigned)n[0], n[1]);
    else if (strcmp(what, "beanstalk") == 0 && argc == 5)
        beanstalk((unsigned)n[0], n[1], (unsigned)n[2]);
    else if (strcmp(what, "beanstalk-latency") == 0 && argc == 4)
        beanstalk_latency((unsigned)n[0], n[1]);
    else
        fprintf(stderr, "bench_peers: see its first lines\n");
    end_workers();
    return 0;
}
