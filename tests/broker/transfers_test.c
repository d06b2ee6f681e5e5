/*
 * Files that are fetched from a real broker, and bundles that a client sends it: what comes is what is
 * there, and who asks for more than that is refused. Scripted peers. Workers' files: uploads_test.c.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bundle.h"
#include "common/store_id.h"
#include "common/transfer.h"
#include "remote.h"

static struct error err;

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
    remote_open(&r);
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
    remote_close(&r);
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
    remote_open(&r);
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
        remote_expect_refusal(&r.files, cases[i].code);
    }
    peer_send(&r.files, WIRE_FETCH_FOLDER,
              &(struct wire_fetch_folder){31, "bundles", "../../../../../../etc"});
    remote_expect_refusal(&r.files, "E_INVALID");
    /* A link in the store leads nowhere. */
    char path[512], tail[128];
    snprintf(tail, sizeof tail, "bundles/%s/link.onnx", r.held.lease.bundle);
    remote_path(&r, tail, path);
    assert_int_equal(symlink(r.s.db, path), 0);
    peer_send(&r.files, WIRE_FETCH_CHUNK,
              &(struct wire_fetch_chunk){32, "bundles", r.held.lease.bundle, "link.onnx", 0, 10});
    remote_expect_refusal(&r.files, "E_IO");
    remote_close(&r);
}

/* More than the window at once is refused, the rest answered: nothing queues up for one peer. */
static void a_window_is_not_exceeded(void **state)
{
    struct remote r;
    size_t answered = 0, refused = 0;
    (void)state;
    remote_open(&r);
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
    remote_close(&r);
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
        remote_send_piece(peer, upload, i, files[i], 0, (const char *)text.data);
        peer_expect(peer, WIRE_UPLOADED);
        buffer_free(&text);
    }
    remote_send_end(peer, upload);
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
    remote_expect_refusal(&peer, "E_DIGEST");
    snprintf(tail, sizeof tail, "bundles/%s", wrong);
    assert_false(remote_has(&r, tail));
    offer_toy(&r, hash, &peer);
    const struct wire_bundle_added *added = peer_expect(&peer, WIRE_BUNDLE_ADDED);
    assert_string_equal(added->name, "toy");
    assert_string_equal(added->hash, hash);
    snprintf(tail, sizeof tail, "bundles/%s/generator.onnx", hash);
    remote_expect_content(&r, tail, "generator");
    offer_toy(&r, hash, &peer); /* again, of which nothing is sent */
    peer_expect(&peer, WIRE_BUNDLE_ADDED);
    assert_string_equal(support_sql(&r.s, "SELECT count(*) FROM bundle"), "1");
    assert_int_equal(remote_entries(&r, "bundles"), 1);
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
        cmocka_unit_test(a_bundle_is_sent_checked_and_registered),
        cmocka_unit_test(a_store_keeps_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
