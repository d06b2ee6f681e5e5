/*
 * What files cost those who lease: the round trip of a worker's heartbeat through a real broker
 * while nothing else goes on, while files are fetched, and while they are uploaded, and how fast
 * those go.
 * Plain text, one machine. Not a test; run by hand:
 *
 *     quiet build/release/tests/broker/bench_transfer [SECONDS]
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "../../broker/support.h"
#include "common/clock.h"
#include "common/transfer.h"

#define FETCHERS 2
#define FILE_BYTES (64u << 20)
#define PINGS_MOST 200000

static const char yaml[] = "format: facefarm-job/1\n"
                           "name: faces\n"
                           "bundle: toy\n"
                           "seed: 1\n"
                           "stages:\n"
                           "- {kind: sample, name: faces, count: 2, task_size: 2}\n";

static struct error err;
static struct support s;
static char hash[DIGEST_HEX_BYTES], sum[DIGEST_HEX_BYTES], big[600];
static atomic_bool stop;
static atomic_ullong moved;

static bool stopped(void *state)
{
    (void)state;
    return atomic_load(&stop);
}

static const struct transfer_options *options(void)
{
    static struct transfer_options made;
    made = (struct transfer_options){.endpoint = s.endpoint, .stop = stopped};
    return &made;
}

static void *fetch(void *state)
{
    struct transfer *transfer;
    const struct wire_part part = {"big.npy", FILE_BYTES, sum};
    (void)state;
    assert_int_equal(transfer_open(options(), &transfer, NULL), 0);
    int null = open("/dev/null", O_WRONLY);
    while (!atomic_load(&stop))
        if (transfer_fetch(transfer, "boundaries", hash, &part, null, NULL) == 0)
            atomic_fetch_add(&moved, FILE_BYTES);
    close(null);
    transfer_close(&transfer);
    return NULL;
}

struct upload_of {
    struct wire_upload upload;
    struct wire_task task;
    struct wire_file file;
};

/* The same file again and again, each under another name. */
static void *upload(void *state)
{
    struct upload_of *of = state;
    struct transfer *transfer;
    assert_int_equal(transfer_open(options(), &transfer, NULL), 0);
    int fd = open(big, O_RDONLY);
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        struct transfer_answer answer;
        char path[64];
        snprintf(path, sizeof path, "jobs/1/faces/%05u.tar", i % 4);
        of->file.path = path;
        of->file.sha256 = sum;
        of->upload.request = transfer_request(transfer);
        if (transfer_ask(transfer, WIRE_UPLOAD, &of->upload, of->upload.request, WIRE_UPLOAD_READY,
                         &answer, NULL) < 0)
            continue;
        const struct wire_upload_ready ready = *WIRE_BODY(&answer.message, upload_ready);
        transfer_answer_free(&answer);
        if (!ready.wanted) {
            char whole[512];
            snprintf(whole, sizeof whole, "%s/%s", s.store, path);
            unlink(whole);
            continue;
        }
        if (transfer_begin(transfer, ready.upload, NULL) == 0 &&
            transfer_put(transfer, "", fd, NULL) == 0 &&
            transfer_finish(transfer, WIRE_UPLOADED, &answer, NULL) == 0) {
            transfer_answer_free(&answer);
            atomic_fetch_add(&moved, FILE_BYTES);
        }
    }
    close(fd);
    transfer_close(&transfer);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void beat(struct worker *worker)
{
    zmq_pollitem_t item = {.socket = worker->peer.socket, .events = ZMQ_POLLIN};
    struct wire_message message;
    struct socket_frame *frame = NULL;
    peer_send(&worker->peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = worker->session});
    while (socket_receive(worker->peer.socket, NULL, &message, &frame, &err) != 1)
        zmq_poll(&item, 1, -1);
    socket_frame_free(&frame, &message);
}

static void measure(struct worker *worker, const char *what, int64_t seconds)
{
    static int64_t times[PINGS_MOST];
    size_t count = 0;
    atomic_store(&moved, 0);
    int64_t begin = clock_now(), end = begin + seconds * CLOCK_SECOND, now = begin;
    while (now < end && count < PINGS_MOST) {
        beat(worker);
        times[count++] = clock_now() - now;
        usleep(200); /* so that the pings are no load themselves */
        now = clock_now();
    }
    qsort(times, count, sizeof *times, compare);
    printf("%-18s %6zu heartbeats: p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, most %.3f ms; "
           "files %.0f MiB/s\n",
           what, count, (double)times[count / 2] / 1e6, (double)times[count * 99 / 100] / 1e6,
           (double)times[count * 999 / 1000] / 1e6, (double)times[count - 1] / 1e6,
           (double)atomic_load(&moved) / 0x1p20 / ((double)(now - begin) / 1e9));
    fflush(stdout);
}

static void make_big(void)
{
    char folder[512];
    char *bytes = malloc(FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    digest_bytes(bytes, FILE_BYTES, sum);
    memcpy(hash, sum, sizeof hash);
    snprintf(folder, sizeof folder, "%s/boundaries/%s", s.store, hash);
    assert_int_equal(buffer_make_folders(folder, &err), 0);
    snprintf(big, sizeof big, "%s/big.npy", folder);
    assert_int_equal(buffer_write_file(big, bytes, FILE_BYTES, &err), 0);
    free(bytes);
}

static void bench(void **state)
{
    int64_t seconds = *(int64_t *)*state;
    struct peer client;
    struct worker worker;
    pthread_t threads[FETCHERS];
    support_open(&s);
    support_start(&s, 1000, 60000);
    make_big();
    peer_open(&s, &client);
    support_add_bundle(&s, &client);
    worker_open(&s, &worker, 5, 1);
    support_submit(&client, yaml);
    struct held held = worker_hold(&worker);
    measure(&worker, "idle", seconds);
    for (size_t i = 0; i < FETCHERS; i++)
        pthread_create(&threads[i], NULL, fetch, NULL);
    measure(&worker, "2 fetch", seconds);
    atomic_store(&stop, true);
    for (size_t i = 0; i < FETCHERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stop, false);
    struct upload_of of = {.upload = {.session = 5, .stage = held.lease.stage},
                           .task = held.task,
                           .file = {"", "tar", "", 0, 0, 2, FILE_BYTES, ""}};
    of.upload.task = WIRE_LIST(&of.task, 1);
    of.upload.file = WIRE_LIST(&of.file, 1);
    pthread_create(&threads[0], NULL, upload, &of);
    measure(&worker, "1 uploads, synced", seconds);
    atomic_store(&stop, true);
    pthread_join(threads[0], NULL);
    held_free(&held);
    peer_close(&worker.peer);
    peer_close(&client);
    support_close(&s);
}

int main(int argc, char **argv)
{
    static int64_t seconds;
    seconds = argc > 1 ? atoll(argv[1]) : 5;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(bench, &seconds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
