/*
 * The cache against a scripted broker, which serves a folder of files and counts what is asked: what
 * is there is not asked for again, what is damaged is, what is held stays, and what was left half
 * goes. Folders of the kind boundaries, as their hash is that of their bytes.
 */
#include "worker_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/folder.h"
#include "worker/cache.h"
#include "worker/outbox.h"

#define BYTES 100000 /* of a served folder's file */

static struct error err;

/* ---- the broker ---- */

enum broken {
    WHOLE,
    WRONG_BYTES,
    SHORT_CHUNK,
    HOSTILE_NAME,
    SILENT, /* from the second chunk on */
};

struct served {
    void *context, *router;
    char endpoint[SOCKET_ENDPOINT_MAX], folder[64];
    pthread_t thread;
    atomic_int broken;
    atomic_uint lists, chunks;
    atomic_bool end;
};

/* The file of folder number n is n bytes of 'a' + n, BYTES times. */
static void fill(unsigned n, uint8_t *bytes)
{
    memset(bytes, 'a' + (int)n, BYTES);
}

static char hashes[8][DIGEST_HEX_BYTES];

static void make_hashes(void)
{
    static uint8_t bytes[BYTES];
    for (unsigned n = 0; n < 8; n++) {
        fill(n, bytes);
        digest_bytes(bytes, BYTES, hashes[n]);
    }
}

static const char *hash_of(unsigned n)
{
    return hashes[n];
}

static unsigned number_of(const char *hash)
{
    for (unsigned n = 0; n < 8; n++)
        if (strcmp(hash_of(n), hash) == 0)
            return n;
    return 0;
}

static void answer_list(struct served *s, const struct socket_identity *to,
                        const struct wire_fetch_folder *fetch)
{
    const struct wire_part part = {
        atomic_load(&s->broken) == HOSTILE_NAME ? "../escaped.npy" : "one.npy", BYTES, fetch->hash};
    const struct wire_folder folder = {fetch->request, WIRE_LIST(&part, 1)};
    atomic_fetch_add(&s->lists, 1);
    (void)!socket_send(s->router, to, WIRE_FOLDER, &folder, NULL);
}

static void answer_chunk(struct served *s, const struct socket_identity *to,
                         const struct wire_fetch_chunk *fetch)
{
    static uint8_t bytes[BYTES];
    int broken = atomic_load(&s->broken);
    size_t size = fetch->bytes < BYTES - fetch->offset ? fetch->bytes : BYTES - fetch->offset;
    fill(number_of(fetch->hash), bytes);
    if (broken == WRONG_BYTES)
        bytes[fetch->offset] = '!';
    if (broken == SHORT_CHUNK)
        size--;
    const struct wire_chunk chunk = {fetch->request, fetch->offset, {bytes + fetch->offset, size}};
    atomic_fetch_add(&s->chunks, 1);
    if (broken != SILENT)
        (void)!socket_send(s->router, to, WIRE_CHUNK, &chunk, NULL);
}

static void *serve(void *state)
{
    struct served *s = state;
    while (!atomic_load(&s->end)) {
        struct socket_identity from = {0};
        struct wire_message message;
        struct socket_frame *frame = NULL;
        zmq_poll(&(zmq_pollitem_t){.socket = s->router, .events = ZMQ_POLLIN}, 1, 20);
        if (socket_receive(s->router, &from, &message, &frame, NULL) != 1)
            continue;
        if (message.type == WIRE_FETCH_FOLDER)
            answer_list(s, &from, WIRE_BODY(&message, fetch_folder));
        else if (message.type == WIRE_FETCH_CHUNK)
            answer_chunk(s, &from, WIRE_BODY(&message, fetch_chunk));
        socket_frame_free(&frame, &message);
    }
    return NULL;
}

static void open_served(struct served *s)
{
    *s = (struct served){.context = zmq_ctx_new(), .folder = "/tmp/facefarm-cache-XXXXXX"};
    assert_non_null(mkdtemp(s->folder));
    make_hashes();
    assert_ok(socket_bind_router(s->context, "tcp://127.0.0.1:*", NULL, &s->router, s->endpoint,
                                 &err));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void close_served(struct served *s)
{
    atomic_store(&s->end, true);
    pthread_join(s->thread, NULL);
    socket_close(&s->router);
    zmq_ctx_term(s->context);
    folder_remove(AT_FDCWD, s->folder);
}

/* ---- one who takes ---- */

struct taker {
    struct transfer_options options;
    struct transfer *transfer;
    struct cache *cache;
};

static void open_taker(struct served *s, struct taker *taker, uint64_t most)
{
    taker->options = (struct transfer_options){.endpoint = s->endpoint};
    assert_ok(transfer_open(&taker->options, &taker->transfer, &err));
    assert_ok(cache_open(s->folder, most, &taker->cache, &err));
}

static void close_taker(struct taker *taker)
{
    transfer_close(&taker->transfer);
    cache_close(&taker->cache);
}

static int take(struct taker *taker, unsigned n, struct cache_hold **hold, struct error *told)
{
    return cache_take(taker->cache, taker->transfer, "boundaries", hash_of(n), hold, told);
}

static void take_and_release(struct taker *taker, unsigned n)
{
    struct cache_hold *hold = NULL;
    assert_ok(take(taker, n, &hold, &err));
    cache_release(&hold);
}

static size_t entries(const struct served *s, const char *name)
{
    char path[128];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += folder_plain_name(entry->d_name);
    if (folder)
        closedir(folder);
    return count;
}

/* ---- tests ---- */

static void what_is_there_is_not_fetched_again(void **state)
{
    struct served s;
    struct taker taker;
    char digest[DIGEST_HEX_BYTES];
    uint64_t bytes;
    struct cache_hold *hold = NULL;
    (void)state;
    open_served(&s);
    open_taker(&s, &taker, 10 * BYTES);
    assert_ok(take(&taker, 0, &hold, &err));
    assert_ok(digest_folder(cache_path(hold), digest, &bytes, &err));
    assert_string_equal(digest, hash_of(0));
    cache_release(&hold);
    take_and_release(&taker, 0);
    assert_int_equal(atomic_load(&s.lists), 1);
    assert_int_equal(atomic_load(&s.chunks), 1);
    assert_int_equal(entries(&s, "partial"), 0);
    close_taker(&taker);
    close_served(&s);
}

static void *take_one(void *state)
{
    struct cache_hold *hold = NULL;
    struct error own; /* the others are at it, too */
    assert_int_equal(take(state, 0, &hold, &own), 0);
    cache_release(&hold);
    return NULL;
}

static void of_many_who_lack_it_one_fetches(void **state)
{
    struct served s;
    struct taker takers[4];
    pthread_t threads[4];
    (void)state;
    open_served(&s);
    for (size_t i = 0; i < 4; i++)
        open_taker(&s, &takers[i], 10 * BYTES);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_one, &takers[i]), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&s.lists), 1);
    for (size_t i = 0; i < 4; i++)
        close_taker(&takers[i]);
    close_served(&s);
}

static void what_is_damaged_is_fetched_again(void **state)
{
    struct served s;
    struct taker taker;
    char path[256];
    (void)state;
    open_served(&s);
    open_taker(&s, &taker, 10 * BYTES);
    take_and_release(&taker, 0);
    snprintf(path, sizeof path, "%s/boundaries/%s/one.npy", s.folder, hash_of(0));
    assert_int_equal(truncate(path, 5), 0);
    take_and_release(&taker, 0);
    assert_int_equal(atomic_load(&s.lists), 2);
    assert_int_equal(unlink(path), 0);
    take_and_release(&taker, 0);
    assert_int_equal(atomic_load(&s.lists), 3);
    take_and_release(&taker, 0);
    assert_int_equal(atomic_load(&s.lists), 3);
    close_taker(&taker);
    close_served(&s);
}

/* Room for two: the one used longest ago goes, but not while it is held. */
static void room_is_made_of_what_nobody_holds(void **state)
{
    struct served s;
    struct taker taker, other;
    struct cache_hold *holds[3] = {NULL};
    (void)state;
    open_served(&s);
    open_taker(&s, &taker, 2 * BYTES);
    open_taker(&s, &other, 2 * BYTES);
    take_and_release(&taker, 0);
    take_and_release(&taker, 1);
    take_and_release(&taker, 0); /* used later than 1 */
    take_and_release(&taker, 2);
    assert_int_equal(entries(&s, "boundaries"), 2);
    take_and_release(&taker, 0); /* is still there */
    assert_int_equal(atomic_load(&s.lists), 3);
    assert_ok(take(&taker, 0, &holds[0], &err));
    take_and_release(&other, 3); /* in place of 2, although 0 was used before it */
    take_and_release(&other, 4); /* of 3 */
    assert_ok(take(&other, 4, &holds[1], &err));
    assert_int_equal(take(&other, 5, &holds[2], &err), E_LIMIT);
    assert_non_null(strstr(err.text, "--cache-size"));
    cache_release(&holds[0]);
    take_and_release(&other, 5);
    cache_release(&holds[1]);
    assert_int_equal(entries(&s, "partial"), 0);
    close_taker(&taker);
    close_taker(&other);
    close_served(&s);
}

static void a_cache_that_is_too_small_says_so(void **state)
{
    struct served s;
    struct taker taker;
    struct cache_hold *hold = NULL;
    (void)state;
    open_served(&s);
    open_taker(&s, &taker, BYTES - 1);
    assert_int_equal(take(&taker, 0, &hold, &err), E_LIMIT);
    assert_non_null(strstr(err.text, "--cache-size"));
    assert_int_equal(entries(&s, "partial"), 0);
    close_taker(&taker);
    close_served(&s);
}

static void wrong_bytes_are_not_kept(void **state)
{
    static const struct {
        enum broken broken;
        int code;
    } cases[] = {{WRONG_BYTES, E_DIGEST}, {SHORT_CHUNK, E_INVALID}, {HOSTILE_NAME, E_INVALID}};
    struct served s;
    struct taker taker;
    struct cache_hold *hold = NULL;
    (void)state;
    open_served(&s);
    open_taker(&s, &taker, 10 * BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        atomic_store(&s.broken, (int)cases[i].broken);
        assert_int_equal(take(&taker, 0, &hold, &err), cases[i].code);
        assert_int_equal(entries(&s, "partial"), 0);
        assert_int_equal(entries(&s, "boundaries"), 0);
    }
    assert_int_equal(cache_take(taker.cache, taker.transfer, "boundaries", "../..", &hold, &err),
                     E_INVALID);
    atomic_store(&s.broken, WHOLE);
    take_and_release(&taker, 0);
    close_taker(&taker);
    close_served(&s);
}

/* Takes folder 0 of the broker that the pipe tells. Forked before there are threads. */
static pid_t fork_fetcher(int *tell)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    *tell = ends[1];
    if (child == 0) {
        struct served s = {0};
        struct taker taker;
        struct cache_hold *hold = NULL;
        make_hashes();
        if (read(ends[0], &s, sizeof s) != (ssize_t)sizeof s)
            _exit(1);
        open_taker(&s, &taker, 10 * BYTES);
        _exit(take(&taker, 0, &hold, &err) == 0);
    }
    close(ends[0]);
    return child;
}

/* A fetcher that is killed leaves its half and its locks; the next removes it and fetches. */
static void a_killed_fetcher_is_in_nobodys_way(void **state)
{
    struct served s;
    int tell;
    (void)state;
    pid_t child = fork_fetcher(&tell);
    open_served(&s);
    atomic_store(&s.broken, SILENT);
    assert_int_equal(write(tell, &s, sizeof s), sizeof s);
    while (atomic_load(&s.chunks) == 0) {
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
        zmq_poll(NULL, 0, 1);
    }
    close(tell);
    assert_int_equal(entries(&s, "partial"), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    atomic_store(&s.broken, WHOLE);
    struct taker taker;
    open_taker(&s, &taker, BYTES); /* has no room beside a half */
    take_and_release(&taker, 0);
    assert_int_equal(entries(&s, "partial"), 0);
    close_taker(&taker);
    close_served(&s);
}

static bool is_revoked(void *state)
{
    const struct served *s = state;
    return atomic_load(&s->chunks) > 0;
}

static void fetching_is_interrupted(void **state)
{
    struct served s;
    struct taker taker;
    struct cache_hold *hold = NULL;
    (void)state;
    open_served(&s);
    open_taker(&s, &taker, 10 * BYTES);
    transfer_close(&taker.transfer);
    atomic_store(&s.broken, SILENT);
    taker.options.stop = is_revoked;
    taker.options.state = &s;
    assert_ok(transfer_open(&taker.options, &taker.transfer, &err));
    assert_int_equal(take(&taker, 0, &hold, &err), E_INTERRUPTED);
    assert_int_equal(entries(&s, "partial"), 0);
    close_taker(&taker);
    close_served(&s);
}

static void outboxes_of_the_dead_go(void **state)
{
    char folder[] = "/tmp/facefarm-outbox-XXXXXX", path[256];
    struct outbox *mine = NULL, *other = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/outbox", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/outbox/dead", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_ok(outbox_open(folder, &mine, &err));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_ok(outbox_open(folder, &other, &err));
    assert_int_equal(access(outbox_path(mine), F_OK), 0); /* it lives */
    snprintf(path, sizeof path, "%s", outbox_path(mine));
    outbox_close(&mine);
    assert_int_not_equal(access(path, F_OK), 0);
    outbox_close(&other);
    folder_remove(AT_FDCWD, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_not_fetched_again),
        cmocka_unit_test(of_many_who_lack_it_one_fetches),
        cmocka_unit_test(what_is_damaged_is_fetched_again),
        cmocka_unit_test(room_is_made_of_what_nobody_holds),
        cmocka_unit_test(a_cache_that_is_too_small_says_so),
        cmocka_unit_test(wrong_bytes_are_not_kept),
        cmocka_unit_test(a_killed_fetcher_is_in_nobodys_way),
        cmocka_unit_test(fetching_is_interrupted),
        cmocka_unit_test(outboxes_of_the_dead_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
