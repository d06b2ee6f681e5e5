/*
 * Files that workers without the store send a real broker: they appear whole or not at all, and who
 * sends what is not theirs is refused. Scripted peers.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remote.h"

static void an_uploaded_folder_appears_and_its_result_counts(void **state)
{
    struct remote r;
    (void)state;
    remote_open(&r);
    const struct wire_file file = remote_file(remote_contents[0], remote_contents[1]);
    uint64_t upload = remote_begin_upload(&r, &file);
    assert_false(remote_has(&r, file.path));
    remote_send_faces(&r, upload, remote_contents[0], remote_contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    remote_expect_content(&r, "jobs/1/faces/00000/000000000.png", remote_contents[0]);
    remote_expect_content(&r, "jobs/1/faces/00000/000000001.png", remote_contents[1]);
    remote_send_result(&r, &file);
    peer_expect(&r.worker.peer, WIRE_ACCEPTED);
    support_await_job(&r.client, r.job, "done");
    assert_string_equal(support_sql(&r.s, "SELECT path FROM file"), file.path);
    remote_settle(&r);
    assert_int_equal(remote_entries(&r, ".incoming"), 0);
    remote_close(&r);
}

static void a_result_without_its_files_is_a_failed_attempt(void **state)
{
    struct remote r;
    (void)state;
    remote_open(&r);
    const struct wire_file file = remote_file(remote_contents[0], remote_contents[1]);
    remote_send_result(&r, &file);
    peer_expect(&r.worker.peer, WIRE_ACCEPTED);
    assert_string_equal(support_sql(&r.s, "SELECT count(*) FROM task"), "0");
    assert_string_equal(support_sql(&r.s, "SELECT code FROM failure"), "E_NOT_FOUND");
    remote_close(&r);
}

static void wrong_bytes_never_appear(void **state)
{
    struct remote r;
    (void)state;
    remote_open(&r);
    const struct wire_file file = remote_file(remote_contents[0], remote_contents[1]);
    uint64_t upload = remote_begin_upload(&r, &file); /* other bytes */
    remote_send_faces(&r, upload, remote_contents[0], "SECOND face");
    remote_expect_refusal(&r.files, "E_DIGEST");
    upload = remote_begin_upload(&r, &file); /* too few */
    remote_send_piece(&r.files, upload, 0, remote_names[0], 0, remote_contents[0]);
    peer_expect(&r.files, WIRE_UPLOADED);
    remote_send_end(&r.files, upload);
    remote_expect_refusal(&r.files, "E_INVALID");
    upload = remote_begin_upload(&r, &file); /* too many */
    remote_send_piece(&r.files, upload, 0, remote_names[0], 0,
                      "more bytes than were announced for both");
    remote_expect_refusal(&r.files, "E_LIMIT");
    upload = remote_begin_upload(&r, &file); /* a hole */
    remote_send_piece(&r.files, upload, 0, remote_names[0], 3, "face");
    remote_expect_refusal(&r.files, "E_INVALID");
    upload = remote_begin_upload(&r, &file); /* a chunk that is missing */
    remote_send_piece(&r.files, upload, 1, remote_names[0], 0, remote_contents[0]);
    remote_expect_refusal(&r.files, "E_INVALID");
    remote_send_end(&r.files, upload); /* which ended it */
    remote_expect_refusal(&r.files, "E_STATE");
    remote_expect_nothing(&r);
    remote_close(&r);
}

static void hostile_names_and_paths_are_refused(void **state)
{
    static const char *const bad_names[] = {"../up.png", "/etc/x", ".hidden", "",
                                            "a/b",       "..",     "a\\b"};
    static const struct {
        const char *path, *code;
    } bad_paths[] = {
        {"../outside", "E_INVALID"},         {"/tmp/outside", "E_INVALID"},
        {"jobs/1/faces/../x", "E_INVALID"},  {"jobs/1/other/00000", "E_DENIED"},
        {"jobs/2/faces/00000", "E_DENIED"},  {"bundles/x", "E_DENIED"},
        {"jobs/1/facesx/00000", "E_DENIED"}, {"farm.db", "E_DENIED"},
    };
    struct remote r;
    (void)state;
    remote_open(&r);
    struct wire_file file = remote_file(remote_contents[0], remote_contents[1]);
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
        uint64_t upload = remote_begin_upload(&r, &file);
        remote_send_piece(&r.files, upload, 0, bad_names[i], 0, "x");
        remote_expect_refusal(&r.files, "E_INVALID");
    }
    for (size_t i = 0; i < sizeof bad_paths / sizeof *bad_paths; i++) {
        file.path = bad_paths[i].path;
        const struct wire_upload upload = remote_upload(&r, &file);
        peer_send(&r.files, WIRE_UPLOAD, &upload);
        remote_expect_refusal(&r.files, bad_paths[i].code);
    }
    remote_expect_nothing(&r);
    remote_close(&r);
}

static void no_link_is_followed(void **state)
{
    struct remote r;
    char jobs[512], outside[512];
    (void)state;
    remote_open(&r);
    remote_path(&r, "jobs", jobs);
    snprintf(outside, sizeof outside, "%s/outside", r.s.folder);
    assert_int_equal(mkdir(outside, 0755), 0);
    assert_int_equal(symlink(outside, jobs), 0);
    const struct wire_file file = remote_file(remote_contents[0], remote_contents[1]);
    const struct wire_upload upload = remote_upload(&r, &file);
    peer_send(&r.files, WIRE_UPLOAD, &upload);
    remote_expect_refusal(&r.files, "E_DENIED");
    assert_int_equal(rmdir(outside), 0); /* nothing is in it */
    remote_close(&r);
}

static void only_the_holder_uploads(void **state)
{
    struct remote r;
    struct worker other;
    (void)state;
    remote_open(&r);
    const struct wire_file file = remote_file(remote_contents[0], remote_contents[1]);
    struct wire_upload upload = remote_upload(&r, &file);
    worker_open(&r.s, &other, 6, 1);
    upload.session = 6; /* which holds nothing */
    peer_send(&r.files, WIRE_UPLOAD, &upload);
    remote_expect_refusal(&r.files, "E_DENIED");
    upload.session = 7; /* which nobody knows */
    peer_send(&r.files, WIRE_UPLOAD, &upload);
    remote_expect_refusal(&r.files, "E_STATE");
    /* Another connection does not go on with an upload. */
    uint64_t begun = remote_begin_upload(&r, &file);
    remote_send_piece(&other.peer, begun, 0, remote_names[0], 0, remote_contents[0]);
    remote_expect_refusal(&other.peer, "E_STATE");
    remote_send_end(&other.peer, begun);
    remote_expect_refusal(&other.peer, "E_STATE");
    remote_send_faces(&r, begun, remote_contents[0], remote_contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    peer_close(&other.peer);
    remote_close(&r);
}

/* A worker whose session ends between its last byte and the file's name leaves nothing. */
static void a_session_ends_with_its_uploads(void **state)
{
    struct remote r;
    (void)state;
    remote_open(&r);
    const struct wire_file file = remote_file(remote_contents[0], remote_contents[1]);
    uint64_t upload = remote_begin_upload(&r, &file);
    remote_send_piece(&r.files, upload, 0, remote_names[0], 0, remote_contents[0]);
    peer_expect(&r.files, WIRE_UPLOADED);
    remote_settle(&r);
    assert_int_equal(remote_entries(&r, ".incoming"), 1);
    peer_send(&r.worker.peer, WIRE_GOODBYE, &(struct wire_goodbye){5});
    peer_send(&r.worker.peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = 5});
    remote_expect_refusal(&r.worker.peer, "E_STATE"); /* goodbye was read */
    remote_send_piece(&r.files, upload, 1, remote_names[1], 0, remote_contents[1]);
    remote_expect_refusal(&r.files, "E_STATE");
    remote_expect_nothing(&r);
    remote_close(&r);
}

static void a_killed_broker_leaves_nothing_half(void **state)
{
    struct remote r;
    (void)state;
    remote_open(&r);
    const struct wire_file file = remote_file(remote_contents[0], remote_contents[1]);
    uint64_t upload = remote_begin_upload(&r, &file);
    remote_send_piece(&r.files, upload, 0, remote_names[0], 0, remote_contents[0]);
    peer_expect(&r.files, WIRE_UPLOADED);
    support_kill(&r.s, SIGKILL);
    assert_int_equal(remote_entries(&r, ".incoming"), 1);
    assert_false(remote_has(&r, file.path));
    support_start(&r.s, 500, 20000);
    assert_int_equal(remote_entries(&r, ".incoming"), 0);
    /* The worker comes back with its task, and begins again. */
    peer_close(&r.worker.peer);
    peer_close(&r.files);
    peer_open(&r.s, &r.worker.peer);
    peer_open(&r.s, &r.files);
    r.worker.held[0] = (struct wire_held_task){r.held.lease.stage, 0, 2, r.held.task.epoch, 0};
    r.worker.held_count = 1;
    r.worker.newest = r.held.task.epoch;
    worker_hello(&r.worker, 5, 1);
    remote_send_faces(&r, remote_begin_upload(&r, &file), remote_contents[0], remote_contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    /* Killed before the result: the next broker finds the file there, whole. */
    support_kill(&r.s, SIGKILL);
    support_start(&r.s, 500, 20000);
    peer_close(&r.worker.peer);
    peer_close(&r.files);
    peer_open(&r.s, &r.worker.peer);
    peer_open(&r.s, &r.files);
    worker_hello(&r.worker, 5, 1);
    const struct wire_upload again = remote_upload(&r, &file);
    peer_send(&r.files, WIRE_UPLOAD, &again);
    assert_int_equal(
        ((const struct wire_upload_ready *)peer_expect(&r.files, WIRE_UPLOAD_READY))->wanted, 0);
    remote_send_result(&r, &file);
    peer_expect(&r.worker.peer, WIRE_ACCEPTED);
    assert_string_equal(support_sql(&r.s, "SELECT count(*) FROM task"), "1");
    remote_close(&r);
}

/* A task that ran twice: the same bytes are not sent again, other bytes do not replace a committed
 * file and are counted as a fault. */
static void a_second_upload_changes_nothing(void **state)
{
    struct remote r;
    (void)state;
    remote_open(&r);
    struct wire_file file = remote_file(remote_contents[0], remote_contents[1]);
    remote_send_faces(&r, remote_begin_upload(&r, &file), remote_contents[0], remote_contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    struct wire_upload again = remote_upload(&r, &file);
    peer_send(&r.files, WIRE_UPLOAD, &again); /* not committed yet, but there */
    assert_int_equal(
        ((const struct wire_upload_ready *)peer_expect(&r.files, WIRE_UPLOAD_READY))->wanted, 0);
    /* Other bytes before the commit replace it at once, and then the first result is a lie. */
    struct wire_file other = remote_file("other face", remote_contents[1]);
    remote_send_faces(&r, remote_begin_upload(&r, &other), "other face", remote_contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    remote_expect_content(&r, "jobs/1/faces/00000/000000000.png", "other face");
    file = remote_file(remote_contents[0], remote_contents[1]);
    remote_send_faces(&r, remote_begin_upload(&r, &file), remote_contents[0], remote_contents[1]);
    peer_expect(&r.files, WIRE_UPLOADED);
    remote_send_result(&r, &file);
    peer_expect(&r.worker.peer, WIRE_ACCEPTED);
    /* Committed. */
    other = remote_file("other face", remote_contents[1]);
    again = remote_upload(&r, &other);
    peer_send(&r.files, WIRE_UPLOAD, &again);
    assert_int_equal(
        ((const struct wire_upload_ready *)peer_expect(&r.files, WIRE_UPLOAD_READY))->wanted, 0);
    remote_send_result(&r, &other);
    for (;;) {
        const struct wire_message *m = peer_next(&r.worker.peer, SUPPORT_TIMEOUT_MS);
        assert_non_null(m);
        if (m->type == WIRE_ACCEPTED)
            break;
        assert_int_equal(m->type, WIRE_REVOKE);
    }
    remote_expect_content(&r, "jobs/1/faces/00000/000000000.png", remote_contents[0]);
    assert_string_equal(support_sql(&r.s, "SELECT count(*) FROM determinism_fault"), "1");
    remote_close(&r);
}

/* A disk that takes no more refuses the file; the broker lives, and nothing is seen. */
static void a_full_disk_refuses_the_file(void **state)
{
    struct remote r;
    static char chunk[64 << 10];
    char sum[DIGEST_HEX_BYTES];
    const char *code = "";
    (void)state;
    remote_open(&r);
    const struct rlimit most = {8 << 20, RLIM_INFINITY};
    assert_int_equal(prlimit(r.s.broker, RLIMIT_FSIZE, &most, NULL), 0);
    digest_bytes("", 0, sum);
    const struct wire_file file = {"jobs/1/faces/00000.tar", "tar", "", 0, 0, 2, 16 << 20, sum};
    uint64_t upload = remote_begin_upload(&r, &file);
    memset(chunk, 'x', sizeof chunk - 1);
    for (uint64_t i = 0; !*code && i < 256; i++) {
        remote_send_piece(&r.files, upload, i, "", i * (sizeof chunk - 1), chunk);
        const struct wire_message *m = peer_next(&r.files, SUPPORT_TIMEOUT_MS);
        assert_non_null(m);
        if (m->type == WIRE_REFUSED)
            code = WIRE_BODY(m, refused)->code;
    }
    assert_string_equal(code, "E_FULL");
    remote_expect_nothing(&r);
    remote_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
