/*
 * Fails the n-th write, or the n-th allocation, of a real broker, or kills it before its n-th
 * write, for one n after the other, until all of an undisturbed run have had their turn. After each
 * the broker is started again as often as it has ended, the job is done, `facefarm db check` finds
 * nothing, and the tables are those of the undisturbed run.
 *
 *     torture writes|kills|allocations [POINTS [mix]]     that many n, evenly spread; all of them without
 *
 * The job is a small study, or one with a mix, whose choice is written in several transactions.
 *
 * Writes are syncs, truncations and renames, too, so that every point of every commit is among
 * them. Client and worker are here, and speak the protocol as real ones do: they ask again, and
 * keep results until they are accepted.
 */
#include "tests/broker/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "shim.h"

#define CREDIT 2
#define KEPT_MOST 8                     /* as struct worker's `held` */
#define PATIENCE (120 * CLOCK_SECOND)   /* for a run */
#define AGAIN (200 * CLOCK_MILLISECOND) /* until what was not answered is said again */
#define STARTS_MOST 10

static const char *build; /* folder: FACEFARM_BUILD */

static const char study[] = "format: facefarm-job/1\n"
                            "name: study\n"
                            "bundle: toy\n"
                            "seed: 1\n"
                            "max_attempts: 100\n"
                            "stages:\n"
                            "  - {kind: sample, name: faces, count: 4, task_size: 1}\n"
                            "  - {kind: label, name: labels, count: 40, task_size: 10}\n"
                            "  - {kind: fit, name: boundaries, from: labels, task_size: 5}\n"
                            "  - {kind: evaluate, name: ageing, from: boundaries, count: 20, "
                            "task_size: 10, targets: [age], distance: 2,\n"
                            "     conditions: [Male], discount: 0.5}\n";

/* Its choice is written in pieces (broker/selection.h). */
static const char mix[] = "format: facefarm-job/1\n"
                          "name: mix\n"
                          "bundle: toy\n"
                          "seed: 1\n"
                          "max_attempts: 100\n"
                          "stages:\n"
                          "  - {kind: label, name: pool, count: 8000, task_size: 8000,\n"
                          "     mix: [{faces: 2500, of: [Male]}]}\n"
                          "  - {kind: sample, name: faces, samples: pool, task_size: 2500}\n"
                          "  - {kind: label, name: labels, samples: pool, task_size: 2500}\n";

static const char *spec = study;

enum mode { WRITES, KILLS, ALLOCATIONS };
static const char *const modes[] = {"writes", "kills", "allocations"};

struct bench {
    enum mode mode;
    struct support s;
    struct shim *shim;
    char shim_path[128];
    bool open; /* the peers are connected */
    struct peer client;
    struct worker worker;
    bool welcomed;
    int64_t hello_at, asked_at;
    struct held kept[KEPT_MOST]; /* leases whose results are not accepted */
    size_t kept_count;
    bool added, done;
    uint64_t job;
    uint64_t request,
        stale; /* of lists: the last, and the last that was asked before a submit was sent */
};

/* ---- the broker ---- */

static void become_broker(const struct bench *b, int out)
{
    char program[400], library[400];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO); /* there are hundreds */
    snprintf(library, sizeof library, "%s/tests/chaos/libfacefarm_chaos.so", build);
    setenv("LD_PRELOAD", library, 1);
    setenv(SHIM_FILE, b->shim_path, 1);
    snprintf(program, sizeof program, "%s/broker/facefarm-broker", build);
    execl(program, "facefarm-broker", "--listen", b->s.endpoint, "--db", b->s.db, "--store",
          b->s.store, "--heartbeat", "1000", "--silence", "60000", (char *)NULL);
    _exit(127);
}

/* False where it has ended before it said its line. */
static bool start_broker(struct bench *b)
{
    int ends[2];
    char line[SOCKET_ENDPOINT_MAX + 32] = "";
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    b->s.broker = fork();
    assert_true(b->s.broker >= 0);
    if (b->s.broker == 0)
        become_broker(b, ends[1]);
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    bool listens =
        fgets(line, sizeof line, in) && sscanf(line, "listening on %255s", b->s.endpoint) == 1;
    fclose(in);
    return listens;
}

/* What may end a broker: the shim's SIGKILL; an error at its start; no memory, also where a library
 * does not bear it. */
static void check_end(const struct bench *b, int status)
{
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    bool error = WIFEXITED(status) && WEXITSTATUS(status) == 1;
    bool abort = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    bool no_loader = WIFEXITED(status) && WEXITSTATUS(status) == 127;
    if (b->mode == KILLS ? killed : error || (b->mode == ALLOCATIONS && (abort || no_loader)))
        return;
    fail_msg("the broker ended with status %#x", (unsigned)status);
}

static void keep_broker(struct bench *b)
{
    int status;
    if (b->s.broker && waitpid(b->s.broker, &status, WNOHANG) != b->s.broker)
        return;
    if (b->s.broker)
        check_end(b, status);
    for (int i = 0; i < STARTS_MOST; i++) {
        b->welcomed = false;
        if (start_broker(b))
            return;
        assert_int_equal(waitpid(b->s.broker, &status, 0), b->s.broker);
        check_end(b, status);
    }
    fail_msg("the broker does not start");
}

/* In order, unless its fault came at the last moment. */
static void stop_broker(struct bench *b)
{
    int status;
    kill(b->s.broker, SIGTERM);
    assert_int_equal(waitpid(b->s.broker, &status, 0), b->s.broker);
    b->s.broker = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        check_end(b, status);
}

/* ---- the client ---- */

static void ask(struct bench *b)
{
    if (clock_now() < b->asked_at + AGAIN)
        return;
    b->asked_at = clock_now();
    if (!b->added)
        peer_send(&b->client, WIRE_BUNDLE_ADD, &(struct wire_bundle_add){1, b->s.bundle});
    else if (!b->job)
        peer_send(&b->client, WIRE_JOB_LIST, &(struct wire_job_list){++b->request});
    else
        peer_send(&b->client, WIRE_JOB_SHOW, &(struct wire_job_show){3, b->job});
}

/* A job that is there was submitted, whether that was answered or not. */
static void on_jobs(struct bench *b, const struct wire_jobs *jobs)
{
    struct wire_submit submit = {.request = 4, .owner = "ada", .spec = spec};
    assert_true(jobs->jobs.count <= 1);
    if (jobs->jobs.count == 1)
        b->job = WIRE_ITEMS(jobs->jobs, job_info)->job;
    if (jobs->jobs.count == 1 || jobs->request <= b->stale)
        return;
    b->stale = b->request;
    peer_send(&b->client, WIRE_SUBMIT, &submit);
}

static void hear_client(struct bench *b)
{
    const struct wire_message *m;
    while ((m = peer_next(&b->client, 0))) {
        if (m->type == WIRE_BUNDLE_ADDED)
            b->added = true;
        else if (m->type == WIRE_JOBS)
            on_jobs(b, m->body);
        else if (m->type == WIRE_JOB_STATE)
            b->done =
                strcmp(WIRE_ITEMS(WIRE_BODY(m, job_state)->job, job_info)->state, "running") != 0;
        else if (m->type != WIRE_SUBMITTED && m->type != WIRE_REFUSED)
            fail_msg("%s came to a client", wire_type_name(m->type));
        b->asked_at = m->type == WIRE_REFUSED ? b->asked_at : 0;
    }
}

/* ---- the worker ---- */

static void deliver(struct bench *b, struct held *held)
{
    worker_result(&b->worker, &held->lease, &held->task, 0);
}

static void on_lease(struct bench *b, const struct wire_lease *lease)
{
    for (size_t i = 0; i < lease->tasks.count; i++) {
        assert_true(b->kept_count < KEPT_MOST);
        struct held *held = &b->kept[b->kept_count++];
        *held = (struct held){*lease, WIRE_ITEMS(lease->tasks, task)[i], strdup(lease->spec),
                              strdup(lease->bundle)};
        held->lease.spec = held->spec;
        held->lease.bundle = held->bundle;
        if (held->task.epoch > b->worker.newest)
            b->worker.newest = held->task.epoch;
    }
    for (size_t i = 0; i < lease->tasks.count; i++)
        deliver(b, &b->kept[b->kept_count - lease->tasks.count + i]);
}

static void forget(struct bench *b, uint64_t stage, const struct wire_task *task)
{
    for (size_t i = 0; i < b->kept_count; i++)
        if (b->kept[i].lease.stage == stage && b->kept[i].task.start == task->start) {
            held_free(&b->kept[i]);
            b->kept[i] = b->kept[--b->kept_count];
            return;
        }
}

static void say_hello(struct bench *b)
{
    if (b->welcomed || clock_now() < b->hello_at + AGAIN)
        return;
    b->hello_at = clock_now();
    for (size_t i = 0; i < b->kept_count; i++)
        b->worker.held[i] =
            (struct wire_held_task){b->kept[i].lease.stage, b->kept[i].task.start,
                                    b->kept[i].task.count, b->kept[i].task.epoch, 0};
    b->worker.held_count = b->kept_count;
    worker_say_hello(&b->worker, 1, CREDIT);
}

static void hear_worker(struct bench *b)
{
    const struct wire_message *m;
    while ((m = peer_next(&b->worker.peer, 0))) {
        if (m->type == WIRE_LEASE)
            on_lease(b, m->body);
        else if (m->type == WIRE_REFUSED)
            b->welcomed = false;
        if (m->type == WIRE_ACCEPTED)
            for (size_t i = 0; i < WIRE_BODY(m, accepted)->task.count; i++)
                forget(b, WIRE_BODY(m, accepted)->stage,
                       &WIRE_ITEMS(WIRE_BODY(m, accepted)->task, task)[i]);
        if (m->type == WIRE_WELCOME) {
            b->welcomed = true;
            for (size_t i = 0; i < b->kept_count; i++)
                deliver(b, &b->kept[i]);
        }
    }
    if (b->welcomed &&
        clock_now() >= b->hello_at + AGAIN) { /* how it hears that a broker is another */
        b->hello_at = clock_now();
        peer_send(&b->worker.peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = 1});
    }
}

/* ---- a run ---- */

static void map_shim(struct bench *b)
{
    snprintf(b->shim_path, sizeof b->shim_path, "%s/shim", b->s.folder);
    int fd = open(b->shim_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, sizeof *b->shim), 0);
    b->shim = mmap(NULL, sizeof *b->shim, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(b->shim, MAP_FAILED);
    close(fd);
}

static void drive(struct bench *b)
{
    int64_t until = clock_now() + PATIENCE;
    while (!b->done) {
        keep_broker(b);
        if (!b->open) {
            peer_open(&b->s, &b->client);
            peer_open(&b->s, &b->worker.peer);
            b->open = true;
        }
        ask(b);
        say_hello(b);
        zmq_pollitem_t items[] = {{.socket = b->client.socket, .events = ZMQ_POLLIN},
                                  {.socket = b->worker.peer.socket, .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, 20);
        hear_client(b);
        hear_worker(b);
        if (clock_now() > until)
            fail_msg("the job does not end");
    }
}

static void check_database(const struct bench *b)
{
    char command[900];
    snprintf(command, sizeof command, "'%s/cli/facefarm' db check '%s' 2>&1", build, b->s.db);
    if (system(command) != 0)
        fail_msg("db check finds something");
}

/* With the n-th failing (0: none); the tables as text, and how many there were. */
static char *run(enum mode mode, int64_t n, int64_t *count)
{
    struct bench b = {.mode = mode};
    support_open(&b.s);
    map_shim(&b);
    b.shim->write_error_once = n % 2 ? EIO : ENOSPC;
    b.shim->fail_write = mode == WRITES ? n : 0;
    b.shim->kill_write = mode == KILLS ? n : 0;
    b.shim->fail_allocation = mode == ALLOCATIONS ? n : 0;
    drive(&b);
    *count = mode == ALLOCATIONS ? b.shim->allocations : b.shim->writes;
    b.shim->fail_write = b.shim->kill_write = b.shim->fail_allocation = 0;
    stop_broker(&b);
    check_database(&b);
    char *tables = support_dump(&b.s);
    while (b.kept_count > 0)
        held_free(&b.kept[--b.kept_count]);
    peer_close(&b.client);
    peer_close(&b.worker.peer);
    support_close(&b.s);
    munmap(b.shim, sizeof *b.shim);
    return tables;
}

static enum mode mode;
static int64_t points; /* 0: all */

static void every_run_ends_in_the_same_tables(void **state)
{
    int64_t all = 0, count = 0, tried = 0;
    (void)state;
    char *expected = run(mode, 0, &all);
    int64_t step = points > 0 && all > points ? all / points : 1;
    for (int64_t n = 1; n <= all; n += step) {
        print_message("%s %lld of %lld\n", modes[mode], (long long)n, (long long)all);
        char *found = run(mode, n, &count);
        if (strcmp(expected, found) != 0)
            fail_msg("%s %lld: the tables are others: %s", modes[mode], (long long)n, found);
        free(found);
        tried++;
    }
    printf("%s: %lld of %lld failed one by one, the tables were the same each time\n", modes[mode],
           (long long)tried, (long long)all);
    free(expected);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_run_ends_in_the_same_tables)};
    size_t found = 0;
    while (found < 3 && (argc < 2 || strcmp(argv[1], modes[found]) != 0))
        found++;
    build = getenv("FACEFARM_BUILD");
    if (found == 3 || !build) {
        fputs("usage: torture writes|kills|allocations [POINTS [mix]]\n"
              "FACEFARM_BUILD names the build folder.\n",
              stderr);
        return 2;
    }
    mode = (enum mode)found;
    points = argc > 2 ? strtoll(argv[2], NULL, 10) : 0;
    if (argc > 3 && strcmp(argv[3], "mix") == 0)
        spec = mix;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
