/* See remote.h. */
#include "remote.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const remote_names[2] = {"000000000.png", "000000001.png"};
const char *const remote_contents[2] = {"first face", "second face"};

static struct error err;

static const char sample_yaml[] = "format: facefarm-job/1\n"
                                  "name: faces\n"
                                  "bundle: toy\n"
                                  "seed: 1\n"
                                  "stages:\n"
                                  "- {kind: sample, name: faces, count: 2, task_size: 2}\n";

/* ---- a farm with a worker that shares no store and holds a sample task ---- */

void remote_say_hello(struct remote *r, uint64_t session)
{
    worker_open(&r->s, &r->worker, session, 1);
    r->worker.elsewhere = true;
    worker_hello(&r->worker, session, 1);
}

void remote_open(struct remote *r)
{
    support_open(&r->s);
    support_start(&r->s, 500, 20000);
    peer_open(&r->s, &r->client);
    peer_open(&r->s, &r->files);
    support_add_bundle(&r->s, &r->client);
    remote_say_hello(r, 5);
    r->job = support_submit(&r->client, sample_yaml);
    r->held = worker_hold(&r->worker);
}

void remote_close(struct remote *r)
{
    held_free(&r->held);
    peer_close(&r->worker.peer);
    peer_close(&r->files);
    peer_close(&r->client);
    support_close(&r->s);
}

struct wire_file remote_file(const char *first, const char *second)
{
    static char sum[DIGEST_HEX_BYTES], both[256];
    snprintf(both, sizeof both, "%s%s", first, second);
    digest_bytes(both, strlen(both), sum);
    return (struct wire_file){"jobs/1/faces/00000", "png-folder", "", 0, 0, 2, strlen(both), sum};
}

struct wire_upload remote_upload(const struct remote *r, const struct wire_file *file)
{
    return (struct wire_upload){.request = 20,
                                .session = r->worker.session,
                                .stage = r->held.lease.stage,
                                .task = WIRE_LIST(&r->held.task, 1),
                                .file = WIRE_LIST(file, 1)};
}

void remote_expect_refusal(struct peer *peer, const char *code)
{
    const struct wire_refused *refused = peer_expect(peer, WIRE_REFUSED);
    if (strcmp(refused->code, code) != 0)
        fail_msg("%s: %s, expected %s", refused->code, refused->text, code);
}

/* Begins an upload: its number. */
uint64_t remote_begin_upload(struct remote *r, const struct wire_file *file)
{
    const struct wire_upload upload = remote_upload(r, file);
    peer_send(&r->files, WIRE_UPLOAD, &upload);
    const struct wire_upload_ready *ready = peer_expect(&r->files, WIRE_UPLOAD_READY);
    assert_int_equal(ready->wanted, 1);
    return ready->upload;
}

void remote_send_piece(struct peer *peer, uint64_t upload, uint64_t number, const char *name,
                       uint64_t offset, const char *text)
{
    const struct wire_piece piece = {name, offset, {(const uint8_t *)text, strlen(text)}};
    peer_send(peer, WIRE_UPLOAD_CHUNK,
              &(struct wire_upload_chunk){21, upload, number, WIRE_LIST(&piece, 1)});
}

void remote_send_end(struct peer *peer, uint64_t upload)
{
    peer_send(peer, WIRE_UPLOAD_END, &(struct wire_upload_end){22, upload});
}

/* Both files, in two chunks, and the end. */
void remote_send_faces(struct remote *r, uint64_t upload, const char *first, const char *second)
{
    remote_send_piece(&r->files, upload, 0, remote_names[0], 0, first);
    peer_expect(&r->files, WIRE_UPLOADED);
    remote_send_piece(&r->files, upload, 1, remote_names[1], 0, second);
    peer_expect(&r->files, WIRE_UPLOADED);
    remote_send_end(&r->files, upload);
}

void remote_send_result(struct remote *r, const struct wire_file *file)
{
    struct wire_stage_metrics metrics = {.total_ms = 1, .faces = 2};
    struct wire_result result = {.stage = r->held.lease.stage,
                                 .task = WIRE_LIST(&r->held.task, 1),
                                 .metrics = WIRE_LIST(&metrics, 1),
                                 .files = WIRE_LIST(file, 1)};
    peer_send(&r->worker.peer, WIRE_RESULT, &result);
}

/* ---- what lies on the disk ---- */

void remote_path(const struct remote *r, const char *tail, char path[512])
{
    snprintf(path, 512, "%s/%s", r->s.store, tail);
}

size_t remote_entries(const struct remote *r, const char *tail)
{
    char path[512];
    size_t count = 0;
    remote_path(r, tail, path);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (folder)
        closedir(folder);
    return count;
}

bool remote_has(const struct remote *r, const char *tail)
{
    char path[512];
    struct stat status;
    remote_path(r, tail, path);
    return lstat(path, &status) == 0;
}

void remote_expect_content(const struct remote *r, const char *tail, const char *content)
{
    char path[512];
    struct buffer found;
    remote_path(r, tail, path);
    buffer_init(&found, 1 << 20);
    if (buffer_read_file(&found, path, 1 << 20, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal((const char *)found.data, content);
    buffer_free(&found);
}

/* The file thread has done all that was asked before. */
void remote_settle(struct remote *r)
{
    struct peer peer;
    peer_open(&r->s, &peer);
    peer_send(&peer, WIRE_FETCH_FOLDER,
              &(struct wire_fetch_folder){1, "boundaries", r->held.lease.bundle});
    remote_expect_refusal(&peer, "E_NOT_FOUND");
    peer_close(&peer);
}

void remote_expect_nothing(struct remote *r)
{
    remote_settle(r);
    assert_int_equal(remote_entries(r, ".incoming"), 0);
    assert_int_equal(remote_entries(r, "jobs/1/faces"), 0);
}
