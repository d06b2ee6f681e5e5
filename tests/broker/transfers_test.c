/*
 * Files over the wire against a real broker: what is fetched is what is there, what is uploaded
 * appears whole or not at all, and who asks for more than that is refused. Scripted peers.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bundle.h"
#include "common/store_id.h"
#include "common/transfer.h"
#include "support.h"

static const char sample_yaml[] = "format: facefarm-job/1\n"
                                  "name: faces\n"
                                  "bundle: toy\n"
                                  "seed: 1\n"
                                  "stages:\n"
                                  "- {kind: sample, name: faces, count: 2, task_size: 2}\n";

static struct error err;

/* ---- a farm with a worker that shares no store and holds a sample task ---- */

struct remote {
    struct support s;
    struct peer client, files; /* files: the worker's second connection */
    struct worker worker;
    struct held held;
    uint64_t job;
};

static void say_elsewhere(struct remote *r, uint64_t session)
{
    worker_open(&r->s, &r->worker, session, 1);
    r->worker.elsewhere = true;
    worker_hello(&r->worker, session, 1);
}

static void open_remote(struct remote *r)
{
    support_open(&r->s);
    support_start(&r->s, 500, 20000);
    peer_open(&r->s, &r->client);
    peer_open(&r->s, &r->files);
    support_add_bundle(&r->s, &r->client);
    say_elsewhere(r, 5);
    r->job = support_submit(&r->client, sample_yaml);
    r->held = worker_hold(&r->worker);
}

static void close_remote(struct remote *r)
{
    held_free(&r->held);
    peer_close(&r->worker.peer);
    peer_close(&r->files);
    peer_close(&r->client);
    support_close(&r->s);
}

/* The file of the worker's task: a folder with these two files. */
static const char *const names[2] = {"000000000.png", "000000001.png"};
static const char *const contents[2] = {"first face", "second face"};

static struct wire_file faces_file(const char *first, const char *second)
{
    static char sum[DIGEST_HEX_BYTES], both[256];
    snprintf(both, sizeof both, "%s%s", first, second);
    digest_bytes(both, strlen(both), sum);
    return (struct wire_file){"jobs/1/faces/00000", "png-folder", "", 0, 0, 2, strlen(both), sum};
}

static struct wire_upload upload_of(const struct remote *r, const struct wire_file *file)
{
    return (struct wire_upload){.request = 20,
                                .session = r->worker.session,
                                .stage = r->held.lease.stage,
                                .task = WIRE_LIST(&r->held.task, 1),
                                .file = WIRE_LIST(file, 1)};
}

static void expect_refusal(struct peer *peer, const char *code)
{
    const struct wire_refused *refused = peer_expect(peer, WIRE_REFUSED);
    if (strcmp(refused->code, code) != 0)
        fail_msg("%s: %s, expected %s", refused->code, refused->text, code);
}

/* Begins an upload: its number. */
static uint64_t begin_upload(struct remote *r, const struct wire_file *file)
{
    const struct wire_upload upload = upload_of(r, file);
    peer_send(&r->files, WIRE_UPLOAD, &upload);
    const struct wire_upload_ready *ready = peer_expect(&r->files, WIRE_UPLOAD_READY);
    assert_int_equal(ready->wanted, 1);
    return ready->upload;
}

static void send_piece(struct peer *peer, uint64_t upload, uint64_t number, const char *name,
                       uint64_t offset, const char *text)
{
    const struct wire_piece piece = {name, offset, {(const uint8_t *)text, strlen(text)}};
    peer_send(peer, WIRE_UPLOAD_CHUNK,
              &(struct wire_upload_chunk){21, upload, number, WIRE_LIST(&piece, 1)});
}

static void send_end(struct peer *peer, uint64_t upload)
{
    peer_send(peer, WIRE_UPLOAD_END, &(struct wire_upload_end){22, upload});
}

/* Both files, in two chunks, and the end. */
static void send_faces(struct remote *r, uint64_t upload, const char *first, const char *second)
{
    send_piece(&r->files, upload, 0, names[0], 0, first);
    peer_expect(&r->files, WIRE_UPLOADED);
    send_piece(&r->files, upload, 1, names[1], 0, second);
    peer_expect(&r->files, WIRE_UPLOADED);
    send_end(&r->files, upload);
}

static void send_result(struct remote *r, const struct wire_file *file)
{
    struct wire_stage_metrics metrics = {.total_ms = 1, .faces = 2};
    struct wire_result result = {.stage = r->held.lease.stage,
                                 .task = WIRE_LIST(&r->held.task, 1),
                                 .metrics = WIRE_LIST(&metrics, 1),
                                 .files = WIRE_LIST(file, 1)};
    peer_send(&r->worker.peer, WIRE_RESULT, &result);
}

/* ---- what lies on the disk ---- */

static void path_in(const struct remote *r, const char *tail, char path[512])
{
    snprintf(path, 512, "%s/%s", r->s.store, tail);
}

static size_t entries(const struct remote *r, const char *tail)
{
    char path[512];
    size_t count = 0;
    path_in(r, tail, path);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (folder)
        closedir(folder);
    return count;
}

static bool is_there(const struct remote *r, const char *tail)
{
    char path[512];
    struct stat status;
    path_in(r, tail, path);
    return lstat(path, &status) == 0;
}

static void expect_content(const struct remote *r, const char *tail, const char *content)
{
    char path[512];
    struct buffer found;
    path_in(r, tail, path);
    buffer_init(&found, 1 << 20);
    if (buffer_read_file(&found, path, 1 << 20, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal((const char *)found.data, content);
    buffer_free(&found);
}

/* The file thread has done all that was asked before. */
static void settle(struct remote *r)
{
    struct peer peer;
    peer_open(&r->s, &peer);
    peer_send(&peer, WIRE_FETCH_FOLDER,
              &(struct wire_fetch_folder){1, "boundaries", r->held.lease.bundle});
    expect_refusal(&peer, "E_NOT_FOUND");
    peer_close(&peer);
}

static void expect_nothing(struct remote *r)
{
    settle(r);
    assert_int_equal(entries(r, ".incoming"), 0);
    assert_int_equal(entries(r, "jobs/1/faces"), 0);
}

/* ---- fetching ---- */

static void open_transfer(const struct support *s, struct transfer_options *options,
                          struct transfer **transfer)
{
    *options = (struct transfer_options){.endpoint = s->endpoint};
    assert_int_equal(transfer_open(options, transfer, &err), 0);
}

static void a_bundle_is_fetched_as_it_is(void **state)
{
    struct remote r;
    struct transfer_options options;
    struct transfer *transfer;
    struct transfer_answer answer;
    char path[512], yaml[512];
    (void)state;
    open_remote(&r);
    open_transfer(&r.s, &options, &transfer);
    const struct wire_fetch_folder fetch = {transfer_request(transfer), "bundles",
                                            r.held.lease.bundle};
    assert_int_equal(transfer_ask(transfer, WIRE_FETCH_FOLDER, &fetch, fetch.request, WIRE_FOLDER,
                                  &answer, &err),
                     0);
    const struct wire_folder *folder = WIRE_BODY(&answer.message, folder);
    const struct wire_part *parts = WIRE_ITEMS(folder->files, part);
    assert_int_equal(folder->files.count, 5);
    assert_string_equal(parts[0].name, BUNDLE_FILE);
    assert_string_equal(parts[0].sha256, r.held.lease.bundle);
    for (size_t i = 0; i < folder->files.count; i++) {
        snprintf(path, sizeof path, "%s/%s.fetched", r.s.folder, parts[i].name);
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (transfer_fetch(transfer, "bundles", r.held.lease.bundle, &parts[i], fd, &err) < 0)
            fail_msg("%s", err.text);
        close(fd);
    }
    transfer_answer_free(&answer);
    transfer_close(&transfer);
    snprintf(yaml, sizeof yaml, "%s/" BUNDLE_FILE ".fetched", r.s.folder);
    char sum[DIGEST_HEX_BYTES];
    assert_int_equal(digest_file(yaml, sum, &err), 0);
    assert_string_equal(sum, r.held.lease.bundle);
    close_remote(&r);
}

/* Of a kind that is not listed: by name, whatever its size. */
static void a_file_is_read_by_its_name(void **state)
{
    static const size_t sizes[] = {0, 1, LIMIT_CHUNK_BYTES, 2 * LIMIT_CHUNK_BYTES + 7};
    static char bytes[2 * LIMIT_CHUNK_BYTES + 8];
    struct support s;
    struct transfer_options options;
    struct transfer *transfer;
    struct buffer found;
    char hash[DIGEST_HEX_BYTES], sum[DIGEST_HEX_BYTES], folder[512], path[520];
    (void)state;
    support_open(&s);
    support_start(&s, 500, 20000);
    memset(bytes, 'p', sizeof bytes);
    digest_bytes("list", 4, hash);
    snprintf(folder, sizeof folder, "%s/photos/%s", s.store, hash);
    assert_int_equal(buffer_make_folders(folder, &err), 0);
    snprintf(path, sizeof path, "%s/one", folder);
    open_transfer(&s, &options, &transfer);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(buffer_write_file(path, bytes, sizes[i], &err), 0);
        digest_bytes(bytes, sizes[i], sum);
        buffer_init(&found, sizeof bytes);
        if (transfer_read(transfer, "photos", hash, "one", sum, &found, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(found.size, sizes[i]);
        assert_memory_equal(found.data, bytes, sizes[i]);
        buffer_free(&found);
    }
    buffer_init(&found, sizeof bytes);
    assert_int_equal(transfer_read(transfer, "photos", hash, "one", hash, &found, &err), E_DIGEST);
    assert_int_equal(transfer_read(transfer, "photos", hash, "two", sum, &found, &err),
                     E_NOT_FOUND);
    buffer_free(&found);
    buffer_init(&found, LIMIT_CHUNK_BYTES);
    assert_int_equal(transfer_read(transfer, "photos", hash, "one", sum, &found, &err), E_LIMIT);
    buffer_free(&found);
    transfer_close(&transfer);
    support_close(&s);
}

static void fetches_do_not_leave_their_folder(void **state)
{
    struct remote r;
    (void)state;
    open_remote(&r);
    static const struct {
        const char *kind, *name, *code;
    } cases[] = {
        {"jobs", BUNDLE_FILE, "E_INVALID"},        {"..", BUNDLE_FILE, "E_INVALID"},
        {"bundles", "../../../farm.db", "E_INVALID"}, {"bundles", ".hidden", "E_INVALID"},
        {"bundles", "", "E_INVALID"},              {"bundles", "none.onnx", "E_NOT_FOUND"},
        {"boundaries", BUNDLE_FILE, "E_NOT_FOUND"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peer_send(&r.files, WIRE_FETCH_CHUNK,
                  &(struct wire_fetch_chunk){30, cases[i].kind, r.held.lease.bundle, cases[i].name,
                                             0, 10});
        expect_refusal(&r.files, cases[i].code);
    }
    peer_send(&r.files, WIRE_FETCH_FOLDER,
              &(struct wire_fetch_folder){31, "bundles", "../../../../../../etc"});
    expect_refusal(&r.files, "E_INVALID");
    /* A link in the store leads nowhere. */
    char path[512], tail[128];
    snprintf(tail, sizeof tail, "bundles/%s/link.onnx", r.held.lease.bundle);
    path_in(&r, tail, path);
    assert_int_equal(symlink(r.s.db, path), 0);
    peer_send(&r.files, WIRE_FETCH_CHUNK,
              &(struct wire_fetch_chunk){32, "bundles", r.held.lease.bundle, "link.onnx", 0, 10});
    expect_refusal(&r.files, "E_IO");
    close_remote(&r);
}

/* More than the window at once is refused, the rest answered: nothing queues up for one peer. */
static void a_window_is_not_exceeded(void **state)
{
    struct remote r;
    size_t answered = 0, refused = 0;
    (void)state;
    open_remote(&r);
    kill(r.s.broker, SIGSTOP); /* so that they come in one round */
    for (uint64_t i = 0; i < 4 * LIMIT_WINDOW; i++)
        peer_send(&r.files, WIRE_FETCH_CHUNK,
                  &(struct wire_fetch_chunk){i, "bundles", r.held.lease.bundle, BUNDLE_FILE, 0,
                                             100});
    kill(r.s.broker, SIGCONT);
    while (answered + refused < 4 * LIMIT_WINDOW) {
        const struct wire_message *m = peer_next(&r.files, SUPPORT_TIMEOUT_MS);
        assert_non_null(m);
        if (m->type == WIRE_CHUNK)
            answered++;
        else
            assert_string_equal(WIRE_BODY(m, refused)->code, "E_LIMIT");
        refused += m->type == WIRE_REFUSED;
    }
    assert_true(answered >= LIMIT_WINDOW);
    close_remote(&r);
}

/* ---- uploading ---- */

static void an_uploaded_folder_appears_and_its_result_counts(void **state)
{
    struct remote r;
    (void)state;
    open_remote(&r);
    const struct wire_file file = faces_file(contents[0], contents[1]);
    uint64_t upload = begin_upload(&r, &file);
    assert_false(is_there(&r, file.path));
    send_faces(&r, upload, contents[0], contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    expect_content(&r, "jobs/1/faces/00000/000000000.png", contents[0]);
    expect_content(&r, "jobs/1/faces/00000/000000001.png", contents[1]);
    send_result(&r, &file);
    peer_expect(&r.worker.peer, WIRE_ACCEPTED);
    support_await_job(&r.client, r.job, "done");
    assert_string_equal(support_sql(&r.s, "SELECT path FROM file"), file.path);
    settle(&r);
    assert_int_equal(entries(&r, ".incoming"), 0);
    close_remote(&r);
}

static void a_result_without_its_files_is_a_failed_attempt(void **state)
{
    struct remote r;
    (void)state;
    open_remote(&r);
    const struct wire_file file = faces_file(contents[0], contents[1]);
    send_result(&r, &file);
    peer_expect(&r.worker.peer, WIRE_ACCEPTED);
    assert_string_equal(support_sql(&r.s, "SELECT count(*) FROM task"), "0");
    assert_string_equal(support_sql(&r.s, "SELECT code FROM failure"), "E_NOT_FOUND");
    close_remote(&r);
}

static void wrong_bytes_never_appear(void **state)
{
    struct remote r;
    (void)state;
    open_remote(&r);
    const struct wire_file file = faces_file(contents[0], contents[1]);
    uint64_t upload = begin_upload(&r, &file); /* other bytes */
    send_faces(&r, upload, contents[0], "SECOND face");
    expect_refusal(&r.files, "E_DIGEST");
    upload = begin_upload(&r, &file); /* too few */
    send_piece(&r.files, upload, 0, names[0], 0, contents[0]);
    peer_expect(&r.files, WIRE_UPLOADED);
    send_end(&r.files, upload);
    expect_refusal(&r.files, "E_INVALID");
    upload = begin_upload(&r, &file); /* too many */
    send_piece(&r.files, upload, 0, names[0], 0, "more bytes than were announced for both");
    expect_refusal(&r.files, "E_LIMIT");
    upload = begin_upload(&r, &file); /* a hole */
    send_piece(&r.files, upload, 0, names[0], 3, "face");
    expect_refusal(&r.files, "E_INVALID");
    upload = begin_upload(&r, &file); /* a chunk that is missing */
    send_piece(&r.files, upload, 1, names[0], 0, contents[0]);
    expect_refusal(&r.files, "E_INVALID");
    send_end(&r.files, upload); /* which ended it */
    expect_refusal(&r.files, "E_STATE");
    expect_nothing(&r);
    close_remote(&r);
}

static void hostile_names_and_paths_are_refused(void **state)
{
    static const char *const bad_names[] = {"../up.png", "/etc/x", ".hidden", "",
                                            "a/b",       "..",     "a\\b"};
    static const struct {
        const char *path, *code;
    } bad_paths[] = {
        {"../outside", "E_INVALID"},          {"/tmp/outside", "E_INVALID"},
        {"jobs/1/faces/../x", "E_INVALID"},   {"jobs/1/other/00000", "E_DENIED"},
        {"jobs/2/faces/00000", "E_DENIED"},   {"bundles/x", "E_DENIED"},
        {"jobs/1/facesx/00000", "E_DENIED"},  {"farm.db", "E_DENIED"},
    };
    struct remote r;
    (void)state;
    open_remote(&r);
    struct wire_file file = faces_file(contents[0], contents[1]);
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
        uint64_t upload = begin_upload(&r, &file);
        send_piece(&r.files, upload, 0, bad_names[i], 0, "x");
        expect_refusal(&r.files, "E_INVALID");
    }
    for (size_t i = 0; i < sizeof bad_paths / sizeof *bad_paths; i++) {
        file.path = bad_paths[i].path;
        const struct wire_upload upload = upload_of(&r, &file);
        peer_send(&r.files, WIRE_UPLOAD, &upload);
        expect_refusal(&r.files, bad_paths[i].code);
    }
    expect_nothing(&r);
    close_remote(&r);
}

static void no_link_is_followed(void **state)
{
    struct remote r;
    char jobs[512], outside[512];
    (void)state;
    open_remote(&r);
    path_in(&r, "jobs", jobs);
    snprintf(outside, sizeof outside, "%s/outside", r.s.folder);
    assert_int_equal(mkdir(outside, 0755), 0);
    assert_int_equal(symlink(outside, jobs), 0);
    const struct wire_file file = faces_file(contents[0], contents[1]);
    const struct wire_upload upload = upload_of(&r, &file);
    peer_send(&r.files, WIRE_UPLOAD, &upload);
    expect_refusal(&r.files, "E_DENIED");
    assert_int_equal(rmdir(outside), 0); /* nothing is in it */
    close_remote(&r);
}

static void only_the_holder_uploads(void **state)
{
    struct remote r;
    struct worker other;
    (void)state;
    open_remote(&r);
    const struct wire_file file = faces_file(contents[0], contents[1]);
    struct wire_upload upload = upload_of(&r, &file);
    worker_open(&r.s, &other, 6, 1);
    upload.session = 6; /* which holds nothing */
    peer_send(&r.files, WIRE_UPLOAD, &upload);
    expect_refusal(&r.files, "E_DENIED");
    upload.session = 7; /* which nobody knows */
    peer_send(&r.files, WIRE_UPLOAD, &upload);
    expect_refusal(&r.files, "E_STATE");
    /* Another connection does not go on with an upload. */
    uint64_t begun = begin_upload(&r, &file);
    send_piece(&other.peer, begun, 0, names[0], 0, contents[0]);
    expect_refusal(&other.peer, "E_STATE");
    send_end(&other.peer, begun);
    expect_refusal(&other.peer, "E_STATE");
    send_faces(&r, begun, contents[0], contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    peer_close(&other.peer);
    close_remote(&r);
}

/* A worker whose session ends between its last byte and the file's name leaves nothing. */
static void a_session_ends_with_its_uploads(void **state)
{
    struct remote r;
    (void)state;
    open_remote(&r);
    const struct wire_file file = faces_file(contents[0], contents[1]);
    uint64_t upload = begin_upload(&r, &file);
    send_piece(&r.files, upload, 0, names[0], 0, contents[0]);
    peer_expect(&r.files, WIRE_UPLOADED);
    settle(&r);
    assert_int_equal(entries(&r, ".incoming"), 1);
    peer_send(&r.worker.peer, WIRE_GOODBYE, &(struct wire_goodbye){5});
    peer_send(&r.worker.peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = 5});
    expect_refusal(&r.worker.peer, "E_STATE"); /* goodbye was read */
    send_piece(&r.files, upload, 1, names[1], 0, contents[1]);
    expect_refusal(&r.files, "E_STATE");
    expect_nothing(&r);
    close_remote(&r);
}

static void a_killed_broker_leaves_nothing_half(void **state)
{
    struct remote r;
    (void)state;
    open_remote(&r);
    const struct wire_file file = faces_file(contents[0], contents[1]);
    uint64_t upload = begin_upload(&r, &file);
    send_piece(&r.files, upload, 0, names[0], 0, contents[0]);
    peer_expect(&r.files, WIRE_UPLOADED);
    support_kill(&r.s, SIGKILL);
    assert_int_equal(entries(&r, ".incoming"), 1);
    assert_false(is_there(&r, file.path));
    support_start(&r.s, 500, 20000);
    assert_int_equal(entries(&r, ".incoming"), 0);
    /* The worker comes back with its task, and begins again. */
    peer_close(&r.worker.peer);
    peer_close(&r.files);
    peer_open(&r.s, &r.worker.peer);
    peer_open(&r.s, &r.files);
    r.worker.held[0] = (struct wire_held_task){r.held.lease.stage, 0, 2, r.held.task.epoch, 0};
    r.worker.held_count = 1;
    r.worker.newest = r.held.task.epoch;
    worker_hello(&r.worker, 5, 1);
    send_faces(&r, begin_upload(&r, &file), contents[0], contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    /* Killed before the result: the next broker finds the file there, whole. */
    support_kill(&r.s, SIGKILL);
    support_start(&r.s, 500, 20000);
    peer_close(&r.worker.peer);
    peer_close(&r.files);
    peer_open(&r.s, &r.worker.peer);
    peer_open(&r.s, &r.files);
    worker_hello(&r.worker, 5, 1);
    const struct wire_upload again = upload_of(&r, &file);
    peer_send(&r.files, WIRE_UPLOAD, &again);
    assert_int_equal(
        ((const struct wire_upload_ready *)peer_expect(&r.files, WIRE_UPLOAD_READY))->wanted, 0);
    send_result(&r, &file);
    peer_expect(&r.worker.peer, WIRE_ACCEPTED);
    assert_string_equal(support_sql(&r.s, "SELECT count(*) FROM task"), "1");
    close_remote(&r);
}

/* A task that ran twice: the same bytes are not sent again, other bytes do not replace a committed
 * file and are counted as a fault. */
static void a_second_upload_changes_nothing(void **state)
{
    struct remote r;
    (void)state;
    open_remote(&r);
    struct wire_file file = faces_file(contents[0], contents[1]);
    send_faces(&r, begin_upload(&r, &file), contents[0], contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    struct wire_upload again = upload_of(&r, &file);
    peer_send(&r.files, WIRE_UPLOAD, &again); /* not committed yet, but there */
    assert_int_equal(
        ((const struct wire_upload_ready *)peer_expect(&r.files, WIRE_UPLOAD_READY))->wanted, 0);
    /* Other bytes before the commit replace it at once, and then the first result is a lie. */
    struct wire_file other = faces_file("other face", contents[1]);
    send_faces(&r, begin_upload(&r, &other), "other face", contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    expect_content(&r, "jobs/1/faces/00000/000000000.png", "other face");
    file = faces_file(contents[0], contents[1]);
    send_faces(&r, begin_upload(&r, &file), contents[0], contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    send_result(&r, &file);
    peer_expect(&r.worker.peer, WIRE_ACCEPTED);
    /* Committed. */
    other = faces_file("other face", contents[1]);
    again = upload_of(&r, &other);
    peer_send(&r.files, WIRE_UPLOAD, &again);
    assert_int_equal(
        ((const struct wire_upload_ready *)peer_expect(&r.files, WIRE_UPLOAD_READY))->wanted, 0);
    send_result(&r, &other);
    for (;;) {
        const struct wire_message *m = peer_next(&r.worker.peer, SUPPORT_TIMEOUT_MS);
        assert_non_null(m);
        if (m->type == WIRE_ACCEPTED)
            break;
        assert_int_equal(m->type, WIRE_REVOKE);
    }
    expect_content(&r, "jobs/1/faces/00000/000000000.png", contents[0]);
    assert_string_equal(support_sql(&r.s, "SELECT count(*) FROM determinism_fault"), "1");
    close_remote(&r);
}

/* A disk that takes no more refuses the file; the broker lives, and nothing is seen. */
static void a_full_disk_refuses_the_file(void **state)
{
    struct remote r;
    static char chunk[64 << 10];
    char sum[DIGEST_HEX_BYTES];
    const char *code = "";
    (void)state;
    open_remote(&r);
    const struct rlimit most = {8 << 20, RLIM_INFINITY};
    assert_int_equal(prlimit(r.s.broker, RLIMIT_FSIZE, &most, NULL), 0);
    digest_bytes("", 0, sum);
    const struct wire_file file = {"jobs/1/faces/00000.tar", "tar", "", 0, 0, 2, 16 << 20, sum};
    uint64_t upload = begin_upload(&r, &file);
    memset(chunk, 'x', sizeof chunk - 1);
    for (uint64_t i = 0; !*code && i < 256; i++) {
        send_piece(&r.files, upload, i, "", i * (sizeof chunk - 1), chunk);
        const struct wire_message *m = peer_next(&r.files, SUPPORT_TIMEOUT_MS);
        assert_non_null(m);
        if (m->type == WIRE_REFUSED)
            code = WIRE_BODY(m, refused)->code;
    }
    assert_string_equal(code, "E_FULL");
    expect_nothing(&r);
    close_remote(&r);
}

/* ---- bundles of a client's machine ---- */

static void offer_toy(struct remote *r, const char *hash, struct peer *peer)
{
    static const char *const files[] = {"age_fit.onnx", "age_judge.onnx", "attributes.onnx",
                                        BUNDLE_FILE, "generator.onnx"};
    struct wire_part parts[5];
    char path[512];
    struct buffer text;
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", r->s.bundle, files[i]);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        parts[i] = (struct wire_part){files[i], (uint64_t)status.st_size, hash};
    }
    const struct wire_part yaml = parts[3];
    memmove(parts + 1, parts, 3 * sizeof *parts);
    parts[0] = yaml;
    peer_send(peer, WIRE_BUNDLE_OFFER,
              &(struct wire_bundle_offer){40, hash, WIRE_LIST(parts, 5)});
    const struct wire_upload_ready *ready = peer_expect(peer, WIRE_UPLOAD_READY);
    uint64_t upload = ready->upload;
    bool wanted = ready->wanted;
    for (size_t i = 0; wanted && i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", r->s.bundle, files[i]);
        buffer_init(&text, 1 << 20);
        assert_int_equal(buffer_read_file(&text, path, 1 << 20, &err), 0);
        send_piece(peer, upload, i, files[i], 0, (const char *)text.data);
        peer_expect(peer, WIRE_UPLOADED);
        buffer_free(&text);
    }
    send_end(peer, upload);
}

static void a_bundle_is_sent_checked_and_registered(void **state)
{
    struct remote r = {0};
    char hash[DIGEST_HEX_BYTES], wrong[DIGEST_HEX_BYTES], path[512], tail[128];
    struct peer peer;
    (void)state;
    support_open(&r.s);
    support_start(&r.s, 500, 20000);
    peer_open(&r.s, &peer);
    snprintf(path, sizeof path, "%s/" BUNDLE_FILE, r.s.bundle);
    assert_int_equal(digest_file(path, hash, &err), 0);
    digest_bytes("no bundle", 9, wrong);
    offer_toy(&r, wrong, &peer);
    expect_refusal(&peer, "E_DIGEST");
    snprintf(tail, sizeof tail, "bundles/%s", wrong);
    assert_false(is_there(&r, tail));
    offer_toy(&r, hash, &peer);
    const struct wire_bundle_added *added = peer_expect(&peer, WIRE_BUNDLE_ADDED);
    assert_string_equal(added->name, "toy");
    assert_string_equal(added->hash, hash);
    snprintf(tail, sizeof tail, "bundles/%s/generator.onnx", hash);
    expect_content(&r, tail, "generator");
    offer_toy(&r, hash, &peer); /* again, of which nothing is sent */
    peer_expect(&peer, WIRE_BUNDLE_ADDED);
    assert_string_equal(support_sql(&r.s, "SELECT count(*) FROM bundle"), "1");
    assert_int_equal(entries(&r, "bundles"), 1);
    peer_close(&peer);
    support_close(&r.s);
}

static void a_store_keeps_its_id(void **state)
{
    struct support s;
    char first[STORE_ID_BYTES], second[STORE_ID_BYTES];
    (void)state;
    support_open(&s);
    support_start(&s, 500, 20000);
    assert_int_equal(store_id_read(s.store, first, &err), 0);
    support_kill(&s, SIGTERM);
    support_start(&s, 500, 20000);
    assert_int_equal(store_id_read(s.store, second, &err), 0);
    assert_string_equal(first, second);
    support_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_is_fetched_as_it_is),
        cmocka_unit_test(a_file_is_read_by_its_name),
        cmocka_unit_test(fetches_do_not_leave_their_folder),
        cmocka_unit_test(a_window_is_not_exceeded),
        cmocka_unit_test(an_uploaded_folder_appears_and_its_result_counts),
        cmocka_unit_test(a_result_without_its_files_is_a_failed_attempt),
        cmocka_unit_test(wrong_bytes_never_appear),
        cmocka_unit_test(hostile_names_and_paths_are_refused),
        cmocka_unit_test(no_link_is_followed),
        cmocka_unit_test(only_the_holder_uploads),
        cmocka_unit_test(a_session_ends_with_its_uploads),
        cmocka_unit_test(a_killed_broker_leaves_nothing_half),
        cmocka_unit_test(a_second_upload_changes_nothing),
        cmocka_unit_test(a_full_disk_refuses_the_file),
        cmocka_unit_test(a_bundle_is_sent_checked_and_registered),
        cmocka_unit_test(a_store_keeps_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
