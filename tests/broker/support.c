/* The broker's test bench: processes, sockets, a toy bundle and a scripted worker. */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sqlite3.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/digest.h"
#include "common/store_id.h"

const char *const support_attributes[SUPPORT_ATTRIBUTES + 1] = {"5_o_Clock_Shadow", "Smiling",
                                                                "Male", "Order", "age"};

/* ---- folders and files ---- */

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[256];
    struct error err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (buffer_write_file(path, text, strlen(text), &err) < 0)
        fail_msg("%s", err.text);
}

static const char yaml_form[] =
    "format: facefarm-bundle/1\n"
    "name: toy\n"
    "description: networks that nobody runs\n"
    "licence: Apache-2.0\n"
    "generator:\n"
    "  file: generator.onnx\n"
    "  sha256: %s\n"
    "  input: z\n"
    "  latent: {space: z, dimension: %d, prior: normal, normalisation: sphere}\n"
    "  output: {tensor: image, channels: rgb, height: 8, width: 8, range: [-1, 1]}\n"
    "classifier:\n"
    "  file: attributes.onnx\n"
    "  sha256: %s\n"
    "  input: {tensor: image, channels: rgb, height: 8, width: 8, range: [-1, 1]}\n"
    "  output: logits\n"
    "  attributes: [%s, %s, %s, %s]\n"
    "age_estimators:\n"
    "- {name: fit, role: fit, file: age_fit.onnx, sha256: %s, output: age,\n"
    "   input: {tensor: image, channels: rgb, height: 8, width: 8, range: [-1, 1]}}\n"
    "- {name: judge, role: judge, file: age_judge.onnx, sha256: %s, output: age,\n"
    "   input: {tensor: image, channels: rgb, height: 8, width: 8, range: [-1, 1]}}\n";

static void write_bundle(const char *folder)
{
    static const char *const files[] = {"generator", "attributes", "age_fit", "age_judge"};
    char hashes[4][DIGEST_HEX_BYTES], name[64], yaml[4096];
    assert_int_equal(mkdir(folder, 0755), 0);
    for (int i = 0; i < 4; i++) {
        digest_bytes(files[i], strlen(files[i]), hashes[i]);
        snprintf(name, sizeof name, "%s.onnx", files[i]);
        write_text(folder, name, files[i]);
    }
    snprintf(yaml, sizeof yaml, yaml_form, hashes[0], SUPPORT_DIMENSION, hashes[1],
             support_attributes[0], support_attributes[1], support_attributes[2],
             support_attributes[3], hashes[2], hashes[3]);
    write_text(folder, "bundle.yaml", yaml);
}

void support_open(struct support *s)
{
    *s = (struct support){.folder = "/tmp/facefarm-broker-XXXXXX", .endpoint = "tcp://127.0.0.1:*"};
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->db, sizeof s->db, "%s/farm.db", s->folder);
    snprintf(s->store, sizeof s->store, "%s/store", s->folder);
    snprintf(s->bundle, sizeof s->bundle, "%s/toy", s->folder);
    write_bundle(s->bundle);
    s->context = zmq_ctx_new();
    assert_non_null(s->context);
}

void support_secure(struct support *s)
{
    struct error err = {0};
    snprintf(s->secret, sizeof s->secret, "%s/broker.key", s->folder);
    snprintf(s->keys, sizeof s->keys, "%s/keys", s->folder);
    if (key_pair_make(&s->pair, &err) < 0 || key_pair_write(&s->pair, s->secret, &err) < 0)
        fail_msg("%s", err.text);
    write_text(s->folder, "keys", "");
}

void support_authorize(struct support *s, const char *text)
{
    write_text(s->folder, "keys", text);
    if (s->broker)
        kill(s->broker, SIGHUP);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void support_close(struct support *s)
{
    if (s->broker)
        support_kill(s, SIGTERM);
    for (size_t i = 0; i < SUPPORT_PEERS; i++)
        socket_close(&s->sockets[i]);
    zmq_ctx_term(s->context);
    nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the broker ---- */

static void run_broker(struct support *s, int out, int heartbeat_ms, int silence_ms)
{
    char heartbeat[16], silence[16];
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no broker behind */
    snprintf(heartbeat, sizeof heartbeat, "%d", heartbeat_ms);
    snprintf(silence, sizeof silence, "%d", silence_ms);
    dup2(out, STDOUT_FILENO);
    const char *argv[24] = {"facefarm-broker", "--listen", s->endpoint, "--db",      s->db,  "--store",
                      s->store,          "--heartbeat", heartbeat, "--silence", silence};
    size_t n = 11;
    const char *const keys[] = {"--keys", s->keys, "--secret", s->secret};
    const char *const metrics[] = {"--metrics", "127.0.0.1:0"};
    for (size_t i = 0; s->keys[0] && i < 4; i++)
        argv[n++] = keys[i];
    for (size_t i = 0; s->with_metrics && i < 2; i++)
        argv[n++] = metrics[i];
    if (s->fleet) {
        argv[n++] = "--fleet";
        argv[n++] = s->fleet;
    }
    if (s->events_kept) {
        argv[n++] = "--keep-events";
        argv[n++] = s->events_kept;
    }
    if (s->handshakes) {
        argv[n++] = "--handshakes";
        argv[n++] = s->handshakes;
    }
    const struct rlimit descriptors = {s->descriptors, s->descriptors};
    if (s->descriptors)
        setrlimit(RLIMIT_NOFILE, &descriptors);
    execv(FACEFARM_BROKER, (char *const *)(uintptr_t)argv);
    _exit(127);
}

void support_start(struct support *s, int heartbeat_ms, int silence_ms)
{
    int ends[2];
    char line[SOCKET_ENDPOINT_MAX + 32] = "";
    assert_int_equal(pipe(ends), 0);
    s->broker = fork();
    assert_true(s->broker >= 0);
    if (s->broker == 0)
        run_broker(s, ends[1], heartbeat_ms, silence_ms);
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    assert_non_null(fgets(line, sizeof line, in));
    assert_int_equal(sscanf(line, "listening on %255s", s->endpoint), 1);
    if (s->with_metrics) {
        assert_non_null(fgets(line, sizeof line, in));
        assert_int_equal(sscanf(line, "metrics on %79s", s->metrics), 1);
    }
    fclose(in);
}

unsigned support_descriptors(const struct support *s)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)s->broker);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

void support_kill(struct support *s, int signal_number)
{
    int status;
    kill(s->broker, signal_number);
    assert_int_equal(waitpid(s->broker, &status, 0), s->broker);
    s->broker = 0;
    if (signal_number == SIGTERM)
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- SQL ---- */

static sqlite3 *open_db(struct support *s)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(s->db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

const char *support_sql(struct support *s, const char *sql)
{
    static char value[4096];
    sqlite3_stmt *q;
    sqlite3 *db = open_db(s);
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    value[0] = '\0';
    if (sqlite3_step(q) == SQLITE_ROW && sqlite3_column_text(q, 0))
        snprintf(value, sizeof value, "%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    sqlite3_close(db);
    return value;
}

static const char *const dumped[] = {
    "SELECT id, name, bundle_id, spec, seed, state FROM job ORDER BY id",
    "SELECT id, job_id, position, name, kind, input_id, start, total, unit, variants, done, state, "
    "error "
    "FROM stage ORDER BY id",
    "SELECT stage_id, start, count, digest, faces FROM task ORDER BY stage_id, start",
    "SELECT * FROM face ORDER BY stage_id, idx, variant",
    "SELECT * FROM face_attributes_1 ORDER BY stage_id, idx, variant",
    "SELECT * FROM variant ORDER BY stage_id, variant",
    "SELECT *, hex(normal) FROM boundary ORDER BY stage_id, position",
    "SELECT *, hex(vector) FROM direction ORDER BY stage_id, position, projected",
    "SELECT * FROM file ORDER BY stage_id, path",
    "SELECT * FROM attribute_summary ORDER BY stage_id, variant, position",
    "SELECT * FROM measure ORDER BY stage_id, variant, name, part",
    "SELECT * FROM poison",
    "SELECT stage_id, start FROM determinism_fault",
};

static void dump_query(sqlite3 *db, const char *sql, struct buffer *out)
{
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(buffer_printf(out, NULL, "%s\n", sql), 0);
    while (sqlite3_step(q) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(q); i++) {
            const char *text = sqlite3_column_type(q, i) == SQLITE_BLOB
                                   ? "blob"
                                   : (const char *)sqlite3_column_text(q, i);
            assert_int_equal(buffer_printf(out, NULL, "%s|", text ? text : "NULL"), 0);
        }
        assert_int_equal(buffer_append(out, "\n", 1, NULL), 0);
    }
    sqlite3_finalize(q);
}

char *support_dump(struct support *s)
{
    struct buffer out;
    sqlite3 *db = open_db(s);
    buffer_init(&out, 64u << 20);
    for (size_t i = 0; i < sizeof dumped / sizeof *dumped; i++)
        dump_query(db, dumped[i], &out);
    assert_int_equal(buffer_append(&out, "", 1, NULL), 0);
    sqlite3_close(db);
    return (char *)out.data;
}
