/*
 * What the machine allows a farm of this kind: a bare ROUTER broker that knows no leases, users,
 * retries or messages, only fixed records, with group commit to SQLite (WAL, synchronous=FULL)
 * before it passes results on, and CurveZMQ; a bare echo; and bare inserts into SQLite. Everything
 * is a process of its own, on loopback TCP. A line of output is "name value".
 *
 *     bench_bare farm TASKS WORKERS CREDIT BATCH   tasks a second, sent by a client and back at it
 *     bench_bare latency ROUNDS                    microseconds: one task when idle
 *     bench_bare echo MESSAGES WINDOW              messages a second, there and back
 *     bench_bare sqlite ROWS ROWS_A_TRANSACTION    rows a second, in the order of their key
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define TASK_BYTES 104
#define RESULT_BYTES 64
#define ROW_BYTES 256  /* of a result in its row */
#define BATCH_MOST 256 /* records in a message */
#define DRAINED 256    /* messages of a turn */
#define WORKERS_MOST 64

static void die(const char *what)
{
    fprintf(stderr, "bench_bare: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(EXIT_FAILURE);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- sockets ---- */

struct keys {
    char public[41], secret[41];
};

struct bare {
    struct keys broker, peer;
    char front[64], back[64]; /* endpoints for the client, for workers */
    char folder[64];
};

static void *bind_router(void *context, const struct bare *b, char endpoint[64])
{
    int one = 1, none = 0;
    size_t size = 64;
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &one, sizeof one);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, b->broker.secret, 41);
    if (zmq_bind(socket, "tcp://127.0.0.1:*") ||
        zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size))
        die("bind");
    return socket;
}

static void *connect_dealer(void *context, const struct bare *b, const char *endpoint)
{
    int none = 0;
    void *socket = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, b->broker.public, 41);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, b->peer.public, 41);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, b->peer.secret, 41);
    if (zmq_connect(socket, endpoint))
        die("connect");
    return socket;
}

/* ---- the database ---- */

struct store {
    sqlite3 *db;
    sqlite3_stmt *insert, *begin, *commit;
};

static void run(sqlite3 *db, const char *sql)
{
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text)) {
        fprintf(stderr, "bench_bare: %s: %s\n", sql, text);
        exit(EXIT_FAILURE);
    }
}

static void open_store(struct store *s, const char *folder)
{
    char path[96];
    snprintf(path, sizeof path, "%s/bare.db", folder);
    if (sqlite3_open(path, &s->db))
        die(path);
    run(s->db, "PRAGMA journal_mode = WAL");
    run(s->db, "PRAGMA synchronous = FULL");
    run(s->db, "CREATE TABLE result (job INTEGER NOT NULL, idx INTEGER NOT NULL, state INTEGER, "
               "worker TEXT, "
               "began REAL, ended REAL, value BLOB, PRIMARY KEY (job, idx)) WITHOUT ROWID");
    sqlite3_prepare_v2(s->db,
                       "INSERT OR IGNORE INTO result VALUES (1, ?1, 2, 'worker-07', 1e9, 1e9, ?2)",
                       -1, &s->insert, NULL);
    sqlite3_prepare_v2(s->db, "BEGIN IMMEDIATE", -1, &s->begin, NULL);
    sqlite3_prepare_v2(s->db, "COMMIT", -1, &s->commit, NULL);
}

static void step(sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE) {
        fprintf(stderr, "bench_bare: %s\n", sqlite3_errmsg(sqlite3_db_handle(statement)));
        exit(EXIT_FAILURE);
    }
    sqlite3_reset(statement);
}

static void insert(struct store *s, uint64_t idx)
{
    static const unsigned char value[ROW_BYTES];
    sqlite3_bind_int64(s->insert, 1, (sqlite3_int64)idx);
    sqlite3_bind_blob(s->insert, 2, value, sizeof value, SQLITE_STATIC);
    step(s->insert);
}

/* ---- the bare broker: messages are a count and so many records, which begin with their index ----
 */

struct lender { /* a worker */
    uint8_t identity[16];
    int size, credit;
};

struct broker {
    struct store store;
    void *front, *back;
    uint8_t *queue; /* of tasks, never shrinks */
    size_t head, tail, room;
    struct lender workers[WORKERS_MOST];
    size_t worker_count;
    uint8_t client[16];
    int client_size, credit;
    uint32_t batch;
    zmq_msg_t done[DRAINED]; /* of this turn */
    size_t done_count;
};

static uint32_t count_of(zmq_msg_t *m)
{
    uint32_t count;
    memcpy(&count, zmq_msg_data(m), sizeof count);
    return count;
}

static void take_tasks(struct broker *b)
{
    for (int i = 0; i < DRAINED; i++) {
        zmq_msg_t m;
        int size = zmq_recv(b->front, b->client, sizeof b->client, ZMQ_DONTWAIT);
        if (size < 0)
            return;
        b->client_size = size;
        zmq_msg_init(&m);
        zmq_msg_recv(&m, b->front, 0);
        size_t count = count_of(&m);
        if (b->tail + count > b->room) {
            b->room = 2 * (b->tail + count);
            b->queue = realloc(b->queue, b->room * TASK_BYTES);
        }
        memcpy(b->queue + b->tail * TASK_BYTES, (uint8_t *)zmq_msg_data(&m) + 4,
               count * TASK_BYTES);
        b->tail += count;
        zmq_msg_close(&m);
    }
}

static struct lender *find_worker(struct broker *b, const uint8_t *identity, int size)
{
    for (size_t i = 0; i < b->worker_count; i++)
        if (b->workers[i].size == size &&
            memcmp(b->workers[i].identity, identity, (size_t)size) == 0)
            return &b->workers[i];
    struct lender *made = &b->workers[b->worker_count++];
    memcpy(made->identity, identity, (size_t)size);
    made->size = size;
    made->credit = b->credit;
    return made;
}

static void take_results(struct broker *b)
{
    while (b->done_count < DRAINED) {
        uint8_t identity[16];
        zmq_msg_t *m = &b->done[b->done_count];
        int size = zmq_recv(b->back, identity, sizeof identity, ZMQ_DONTWAIT);
        if (size < 0)
            return;
        zmq_msg_init(m);
        zmq_msg_recv(m, b->back, 0);
        struct lender *worker = find_worker(b, identity, size);
        uint32_t count = count_of(m); /* 0: it says that it is there */
        worker->credit += (int)count;
        if (count)
            b->done_count++;
        else
            zmq_msg_close(m);
    }
}

/* All results of the turn are one transaction; then they go to the client. */
static void commit(struct broker *b)
{
    if (!b->done_count)
        return;
    step(b->store.begin);
    for (size_t i = 0; i < b->done_count; i++) {
        const uint8_t *records = (uint8_t *)zmq_msg_data(&b->done[i]) + 4;
        for (uint32_t k = 0; k < count_of(&b->done[i]); k++) {
            uint64_t idx;
            memcpy(&idx, records + k * RESULT_BYTES, sizeof idx);
            insert(&b->store, idx);
        }
    }
    step(b->store.commit);
    for (size_t i = 0; i < b->done_count; i++) {
        zmq_send(b->front, b->client, (size_t)b->client_size, ZMQ_SNDMORE);
        zmq_msg_send(&b->done[i], b->front, 0);
    }
    b->done_count = 0;
}

static void lend(struct broker *b)
{
    static uint8_t message[4 + BATCH_MOST * TASK_BYTES];
    for (bool any = true; any && b->head < b->tail;) {
        any = false;
        for (size_t i = 0; i < b->worker_count && b->head < b->tail; i++) {
            struct lender *worker = &b->workers[i];
            uint32_t count = b->batch;
            if ((int)count > worker->credit)
                count = (uint32_t)worker->credit;
            if (count > b->tail - b->head)
                count = (uint32_t)(b->tail - b->head);
            if (!count)
                continue;
            any = true;
            memcpy(message, &count, sizeof count);
            memcpy(message + 4, b->queue + b->head * TASK_BYTES, count * (size_t)TASK_BYTES);
            b->head += count;
            worker->credit -= (int)count;
            zmq_send(b->back, worker->identity, (size_t)worker->size, ZMQ_SNDMORE);
            zmq_send(b->back, message, 4 + count * (size_t)TASK_BYTES, 0);
        }
    }
}

static void broker_loop(struct broker *b)
{
    zmq_pollitem_t items[] = {{.socket = b->front, .events = ZMQ_POLLIN},
                              {.socket = b->back, .events = ZMQ_POLLIN}};
    for (;;) {
        zmq_poll(items, 2, -1);
        take_tasks(b);
        take_results(b);
        commit(b);
        lend(b);
    }
}

static void echo_loop(void *router)
{
    for (;;) {
        zmq_msg_t identity, m;
        zmq_msg_init(&identity);
        zmq_msg_init(&m);
        zmq_msg_recv(&identity, router, 0);
        zmq_msg_recv(&m, router, 0);
        zmq_msg_send(&identity, router, ZMQ_SNDMORE);
        zmq_msg_send(&m, router, 0);
    }
}

/* ---- processes ---- */

static pid_t children[WORKERS_MOST + 1];
static size_t child_count;

static bool in_child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    else
        children[child_count++] = pid;
    return pid == 0;
}

static void end_children(void)
{
    for (size_t i = 0; i < child_count; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
}

/* The broker says where it listens through a pipe. */
static void start_broker(struct bare *b, bool echo, int credit, uint32_t batch)
{
    int ends[2];
    if (pipe(ends))
        die("pipe");
    if (in_child()) {
        static struct broker broker;
        void *context = zmq_ctx_new();
        broker.credit = credit;
        broker.batch = batch;
        broker.front = bind_router(context, b, b->front);
        broker.back = bind_router(context, b, b->back);
        if (!echo)
            open_store(&broker.store, b->folder);
        if (write(ends[1], b, sizeof *b) != sizeof *b)
            die("write");
        if (echo)
            echo_loop(broker.front);
        broker_loop(&broker);
    }
    if (read(ends[0], b, sizeof *b) != sizeof *b)
        die("the broker did not start");
    close(ends[0]);
    close(ends[1]);
}

static void start_workers(const struct bare *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!in_child())
            continue;
        static uint8_t results[4 + BATCH_MOST * RESULT_BYTES];
        void *socket = connect_dealer(zmq_ctx_new(), b, b->back);
        zmq_send(socket, results, 4, 0);
        for (;;) {
            zmq_msg_t m;
            zmq_msg_init(&m);
            zmq_msg_recv(&m, socket, 0);
            uint32_t n = count_of(&m);
            memcpy(results, &n, sizeof n);
            for (uint32_t k = 0; k < n; k++)
                memcpy(results + 4 + k * RESULT_BYTES,
                       (uint8_t *)zmq_msg_data(&m) + 4 + k * TASK_BYTES, RESULT_BYTES);
            zmq_msg_close(&m);
            zmq_send(socket, results, 4 + n * (size_t)RESULT_BYTES, 0);
        }
    }
}

/* ---- the client ---- */

static void send_tasks(void *socket, uint64_t first, uint32_t count)
{
    static uint8_t message[4 + BATCH_MOST * TASK_BYTES];
    memcpy(message, &count, sizeof count);
    for (uint32_t k = 0; k < count; k++, first++)
        memcpy(message + 4 + k * TASK_BYTES, &first, sizeof first);
    zmq_send(socket, message, 4 + count * (size_t)TASK_BYTES, 0);
}

static uint32_t receive_results(void *socket, int flags)
{
    zmq_msg_t m;
    uint32_t count = 0;
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, socket, flags) >= 0)
        count = count_of(&m);
    zmq_msg_close(&m);
    return count;
}

static void round_trips(void *socket, uint64_t first, size_t count, double *us)
{
    for (size_t i = 0; i < count; i++) {
        double start = now();
        send_tasks(socket, first + i, 1);
        receive_results(socket, 0);
        us[i] = (now() - start) * 1e6;
    }
}

static void farm(struct bare *b, uint64_t tasks, size_t workers, int credit, uint32_t batch)
{
    double us[100];
    start_broker(b, false, credit, batch);
    start_workers(b, workers);
    void *socket = connect_dealer(zmq_ctx_new(), b, b->front);
    round_trips(socket, (uint64_t)1 << 40, 100, us); /* to warm up */
    double start = now();
    for (uint64_t sent = 0, got = 0; got < tasks;) {
        for (int burst = 0; sent < tasks && burst < 64; burst++) {
            uint32_t count = tasks - sent < batch ? (uint32_t)(tasks - sent) : batch;
            send_tasks(socket, sent, count);
            sent += count;
        }
        uint32_t count = receive_results(socket, sent < tasks ? ZMQ_DONTWAIT : 0);
        for (int i = 0; count && i < 64; i++, count = receive_results(socket, ZMQ_DONTWAIT))
            got += count;
        got += count;
    }
    printf("tasks_per_second %.0f\n", (double)tasks / (now() - start));
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void latency(struct bare *b, size_t rounds)
{
    double *us = calloc(rounds, sizeof *us);
    start_broker(b, false, 16, 1);
    start_workers(b, 1);
    void *socket = connect_dealer(zmq_ctx_new(), b, b->front);
    round_trips(socket, (uint64_t)1 << 40, rounds < 100 ? rounds : 100, us);
    round_trips(socket, 0, rounds, us);
    qsort(us, rounds, sizeof *us, compare);
    printf("task_p50_us %.1f\ntask_p99_us %.1f\ntask_p999_us %.1f\n", us[rounds / 2],
           us[rounds * 99 / 100], us[rounds * 999 / 1000]);
    free(us);
}

static void echo(struct bare *b, uint64_t messages, uint64_t window)
{
    start_broker(b, true, 0, 0);
    void *socket = connect_dealer(zmq_ctx_new(), b, b->front);
    double us[100];
    round_trips(socket, 0, 100, us);
    double start = now();
    for (uint64_t sent = 0, got = 0; got < messages;) {
        for (; sent < messages && sent - got < window; sent++)
            send_tasks(socket, sent, 1);
        got += receive_results(socket, 0);
    }
    printf("messages_per_second %.0f\n", (double)messages / (now() - start));
}

static void rows(struct bare *b, uint64_t count, uint64_t each)
{
    struct store store;
    open_store(&store, b->folder);
    double start = now();
    for (uint64_t i = 0; i < count; i++) {
        if (i % each == 0)
            step(store.begin);
        insert(&store, i);
        if (i % each == each - 1 || i == count - 1)
            step(store.commit);
    }
    printf("rows_per_second %.0f\n", (double)count / (now() - start));
}

static uint64_t number(char **argv, int i)
{
    return strtoull(argv[i], NULL, 10);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"bare.db", "bare.db-wal", "bare.db-shm"};
    struct bare b = {.folder = "/tmp/facefarm-bare-XXXXXX"};
    const char *what = argc > 1 ? argv[1] : "";
    if (!mkdtemp(b.folder))
        die("mkdtemp");
    zmq_curve_keypair(b.broker.public, b.broker.secret);
    zmq_curve_keypair(b.peer.public, b.peer.secret);
    if (strcmp(what, "farm") == 0 && argc == 6)
        farm(&b, number(argv, 2), number(argv, 3), (int)number(argv, 4), (uint32_t)number(argv, 5));
    else if (strcmp(what, "latency") == 0 && argc == 3)
        latency(&b, number(argv, 2));
    else if (strcmp(what, "echo") == 0 && argc == 4)
        echo(&b, number(argv, 2), number(argv, 3));
    else if (strcmp(what, "sqlite") == 0 && argc == 4)
        rows(&b, number(argv, 2), number(argv, 3));
    else
        fprintf(stderr, "bench_bare: see its first lines\n");
    end_children();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", b.folder, names[i]);
        unlink(path);
    }
    rmdir(b.folder);
    return 0;
}
