/*
 * Database rows read back: whatever somebody has written into texts and blobs of a farm's tables,
 * reading them for the broker's start and for its answers ends with success or a reason. The input
 * is cut at bytes 0 into the values.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bundle.h"
#include "common/spec.h"
#include "db/bundles.h"
#include "db/jobs.h"
#include "db/results.h"
#include "tests/fuzz/file.h"
#include "tests/fuzz/fuzz.h"

/* ?1 … ?4 are pieces of the input, ?5 is all of it, as a blob. */
static const char *const written[] = {
    "BEGIN",
    "DELETE FROM direction",
    "DELETE FROM boundary",
    "DELETE FROM failure",
    "DELETE FROM stage",
    "DELETE FROM job",
    "DELETE FROM bundle",
    "INSERT INTO bundle (id, hash, name, view_prefix, yaml, dimension, added_ms) VALUES (1, ?1, "
    "?2, ?3, ?4, 8, 0)",
    "INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms) VALUES (1, ?1, "
    "?2, 1, ?4, 1, 'running', 0)",
    "INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, state, "
    "error) "
    "VALUES (1, 1, 0, ?1, 'edit', 0, 8, 1, 1, 'running', ?2)",
    "INSERT INTO direction (stage_id, position, projected, name, method, description, vector, gain, leak) VALUES (1, 0, 0, "
    "?2, ?3, ?4, ?5, 1, 0)",
    "INSERT INTO boundary (stage_id, position, name, normal, across, layers, \"offset\", threshold, cost, iterations, "
    "train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn) "
    "VALUES (1, 0, ?2, ?5, ?5, CAST(?3 AS INTEGER), CAST(?4 AS REAL), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
    "INSERT INTO failure (stage_id, start, count, epoch, code, text, log, at_ms) "
    "VALUES (1, CAST(?3 AS INTEGER), CAST(?4 AS INTEGER), 0, ?1, ?2, ?3, 0)",
    "COMMIT",
};
#define WRITTEN (sizeof written / sizeof *written)

static const struct {
    struct database *db;
    sqlite3 *raw;
    sqlite3_stmt *written[WRITTEN];
} * farm;

static void run(sqlite3_stmt *q, const char *const pieces[4], const uint8_t *data, size_t size)
{
    int count = sqlite3_bind_parameter_count(q);
    for (int i = 0; i < 4 && i < count; i++)
        sqlite3_bind_text(q, i + 1, pieces[i], -1, SQLITE_STATIC);
    if (count == 5)
        sqlite3_bind_blob(q, 5, data, (int)size, SQLITE_STATIC);
    sqlite3_step(q); /* what the schema refuses isn't there */
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
}

static void check_reason(int rc, const struct error *err)
{
    if (rc < 0 && (rc != err->code || err->text[0] == '\0'))
        abort();
}

static int read_job(void *context, const struct jobs_open *job, struct error *err)
{
    struct spec *spec = NULL;
    (void)context;
    int rc = spec_parse(job->spec, strlen(job->spec), &spec, err);
    if (rc == 0)
        spec_free(&spec);
    return rc;
}

static int read_stage(void *context, const struct jobs_stage_state *stage, struct error *err)
{
    (void)context;
    (void)err;
    return strlen(stage->state) == 0;
}

/* Every byte of it is there. */
static int read_boundary(void *context, const struct results_boundary *boundary, struct error *err)
{
    unsigned char *sum = context;
    (void)err;
    for (size_t i = 0; i < boundary->dimension * sizeof(float); i++) {
        *sum ^= ((const unsigned char *)boundary->normal)[i];
        *sum ^= boundary->across ? ((const unsigned char *)boundary->across)[i] : 0;
    }
    return strlen(boundary->name) > 1u << 30;
}

static int read_range(void *context, uint64_t start, uint64_t count, int64_t worker, struct error *err)
{
    (void)err;
    *(unsigned char *)context ^= (unsigned char)(start ^ count ^ (uint64_t)worker);
    return 0;
}

static void read_bundle(const char *hash)
{
    struct bundles_row row = {0};
    struct bundle *bundle = NULL;
    struct error err = {0};
    int rc = bundles_find(farm->db, hash, &row, &err);
    check_reason(rc, &err);
    if (rc == 0) {
        rc = bundle_parse(row.yaml, strlen(row.yaml), &bundle, &err);
        check_reason(rc, &err);
        bundle_free(&bundle);
    }
    bundles_row_free(&row);
}

static void read_back(const char *hash)
{
    struct error err = {0};
    struct wire_job_info *jobs = NULL;
    struct wire_stage_info *stages = NULL;
    struct wire_direction *directions = NULL;
    struct wire_failure_info *failures = NULL;
    unsigned char sum = 0;
    size_t count = 0;
    read_bundle(hash);
    check_reason(results_each_boundary(farm->db, 1, read_boundary, &sum, &err), &err);
    check_reason(results_each_range(farm->db, 1, RESULTS_FAILURES, read_range, &sum, &err), &err);
    if (results_failures(farm->db, 1, 10, &failures, &count, &err) == 0)
        results_failures_free(failures, count);
    check_reason(jobs_each_open(farm->db, read_job, NULL, &err), &err);
    int rc = jobs_each_stage(farm->db, 1, read_stage, NULL, &err);
    check_reason(rc, &err);
    if (jobs_list(farm->db, INT64_MAX, 10, NULL, &jobs, &count, &err) == 0)
        jobs_info_free(jobs, count);
    if (jobs_stages(farm->db, 1, &stages, &count, &err) == 0)
        jobs_stages_free(stages, count);
    if (results_directions(farm->db, 1, &directions, &count, &err) == 0)
        results_directions_free(directions, count);
}

/* One database for the whole process, in the memory of a folder that goes with it. */
static void open_farm(void)
{
    static struct {
        struct database *db;
        sqlite3 *raw;
        sqlite3_stmt *written[WRITTEN];
    } opened;
    char path[256];
    struct error err = {0};
    snprintf(path, sizeof path, "%s/farm.db", fuzz_folder("/dev/shm"));
    if (database_open(path, &opened.db, &err) != 0 || sqlite3_open(path, &opened.raw) != SQLITE_OK)
        abort();
    sqlite3_exec(opened.raw, "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF", NULL, NULL,
                 NULL);
    for (size_t i = 0; i < WRITTEN; i++)
        if (sqlite3_prepare_v2(opened.raw, written[i], -1, &opened.written[i], NULL) != SQLITE_OK)
            abort();
    farm = (const void *)&opened;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *pieces[4] = {"", "", "", ""};
    char *copy = malloc(size + 1), *at = copy;
    if (!copy)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    for (int i = 0; i < 4 && at <= copy + size; i++) {
        pieces[i] = at;
        at += strlen(at) + 1;
    }
    if (!farm)
        open_farm();
    for (size_t i = 0; i < WRITTEN; i++)
        run(farm->written[i], pieces, data, size);
    read_back(pieces[0]);
    free(copy);
    return 0;
}
