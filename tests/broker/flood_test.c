/*
 * A real broker with keys that is flooded while jobs run, by all that floods.h has. The jobs end, and
 * the broker's memory is flat: ten floods add nothing to what a first one, as large as they together,
 * has left. `test_broker_flood 1000000` sends so many messages; without a number 100,000.
 */
#include "floods.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOODS 3
#define ROUNDS 11
#define GROWTH_PERCENT 10
/* How full the queues of its connections have been so far is chance. */
#define QUEUES_KB (FLOODS_CONNECTIONS * SOCKET_QUEUE * (FLOODS_FRAME_BYTES / 2) / 1024)
#define SETTLED 3 /* the last of which the least counts: something may be on its way still */
#define TASKS 64

static unsigned long flood_messages = 100000;

/* With few rows: what a job writes stays in the database's cache, up to its 16 MiB, and that is no
 * flood's. */
static const char yaml[] = "format: facefarm-job/1\n"
                           "name: labels\n"
                           "bundle: toy\n"
                           "seed: 1\n"
                           "stages:\n"
                           "  - {kind: label, name: labels, count: 256, task_size: 4}\n";

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

/* ---- the test ---- */

struct farm {
    struct support s;
    struct key_pair client, worker, hostile;
    struct peer root;
    struct worker runner;
    struct flood floods[ROUNDS][FLOODS];
};

static void prepare_all(struct farm *f, struct flood floods[FLOODS], unsigned long count)
{
    floods[0] = floods_prepare(&f->s, FLOODS_FRAMES, &f->hostile, count * 8 / 10);
    floods[1] = floods_prepare(&f->s, FLOODS_BYTES, NULL, count * 2 / 10);
    floods[2] = floods_prepare(&f->s, FLOODS_STRANGERS, NULL, count / 1000);
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
    for (int i = 0; i < ROUNDS; i++)
        prepare_all(f, f->floods[i], i == 0 ? flood_messages / 2 : flood_messages / 2 / (ROUNDS - 1));
    peer_open_as(&f->s, &f->root, &f->client);
    support_add_bundle(&f->s, &f->root);
    worker_open_as(&f->s, &f->runner, &f->worker, 1, 8);
}

static void run_job(struct farm *f)
{
    uint64_t job = support_submit(&f->root, yaml);
    assert_int_equal(worker_run(&f->runner, &f->root, job, 0), TASKS);
    support_await_job(&f->root, job, "done");
}

/* Runs a job while the floods come. */
static void run_beside(struct farm *f, struct flood floods[FLOODS])
{
    for (int i = 0; i < FLOODS; i++)
        floods_begin(&floods[i]);
    run_job(f);
    for (int i = 0; i < FLOODS; i++)
        floods_await(&floods[i]);
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
    unsigned long first = 0, last = ULONG_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        run_beside(&f, f.floods[i]);
        unsigned long resident = resident_kb(f.s.broker);
        print_message("resident: %lu KiB\n", resident);
        if (i == 0)
            first = resident;
        if (i >= ROUNDS - SETTLED && resident < last)
            last = resident;
    }
    if (memory_is_the_brokers())
        assert_in_range(last, 0, first * (100 + GROWTH_PERCENT) / 100 + QUEUES_KB);
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
