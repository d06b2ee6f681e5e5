/*
 * Migrations from every schema there was.
 *
 * tests/db/data/frames/NNN.sql are rows that schema NNN could hold and the one before could not, frozen
 * with it. A database at schema k is made as one grows: each migration up to k, and after it its frame.
 * So at every k each table has rows, and each column a value that is not its default; a migration that
 * brings a table or column without a frame fails here. tests/db/data/NNN.sql is a database as the release
 * with schema NNN wrote it.
 *
 * Opened by this program each has the newest schema, keeps its rows and views, and every invariant.
 */
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "db/check.h"
#include "db/database_priv.h"

#define DATA "tests/db/data"

/* ---- making ---- */

/* Not synced: it is the test's own, and thrown away. */
static sqlite3 *open_raw(const struct folder *f)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *what, const char *sql)
{
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", what, text);
}

static void run_file(sqlite3 *db, const char *path)
{
    struct buffer sql;
    struct error told = {0};
    buffer_init(&sql, 16 << 20);
    if (buffer_read_file(&sql, path, sql.maximum - 1, &told) < 0)
        fail_msg("a schema without its frame? %s", told.text);
    if (buffer_append(&sql, "", 1, &told) < 0)
        fail_msg("%s", told.text);
    run(db, path, (const char *)sql.data);
    buffer_free(&sql);
}

static const struct embedded_file *migration(int schema)
{
    const struct embedded_file *file = database_migrations;
    while (file->name && atoi(file->name) != schema)
        file++;
    assert_non_null(file->name);
    return file;
}

/* The caller closes. */
static sqlite3 *make_at(const struct folder *f, int schema)
{
    char path[64];
    unlink(f->db);
    sqlite3 *db = open_raw(f);
    for (int i = 1; i <= schema; i++) {
        run(db, migration(i)->name, migration(i)->text);
        snprintf(path, sizeof path, DATA "/frames/%03d.sql", i);
        run_file(db, path);
    }
    return db;
}

/* ---- looking ---- */

/* The one value of a query as text; the caller frees. */
static char *look(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q;
    char *value = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    if (sqlite3_step(q) == SQLITE_ROW && sqlite3_column_text(q, 0))
        value = strdup((const char *)sqlite3_column_text(q, 0));
    if (sqlite3_errcode(db) != SQLITE_ROW && sqlite3_errcode(db) != SQLITE_DONE)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(q);
    return value;
}

/* A statement that gives all rows of the schema's tables, by their columns, as one text; one that counts
 * the rows of its views. What migration 11 rewrote is left out: see `known`. */
static const char make_dump[] =
    "SELECT group_concat(printf('SELECT ''%w'' AS t, (SELECT coalesce(group_concat(r, char(10)), '''') "
    "FROM (SELECT %s AS r FROM \"%w\" ORDER BY 1)) AS rows', t.name, "
    "(SELECT group_concat(printf('quote(\"%w\")', c.name), '||'' ''||') FROM pragma_table_info(t.name) c "
    " WHERE NOT (t.name = 'audit' AND c.name IN ('old', 'new', 'text'))), t.name), ' UNION ALL ') "
    "FROM sqlite_schema t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'";
static const char make_counts[] =
    "SELECT group_concat(printf('SELECT ''%w'' AS t, (SELECT count(*) FROM \"%w\") AS rows', name, "
    "name), ' UNION ALL ') FROM sqlite_schema WHERE type = 'view'";

static char *made(sqlite3 *db, const char *make)
{
    char *statement = look(db, make), *sql;
    if (!statement)
        return strdup("SELECT ''");
    if (asprintf(&sql, "SELECT group_concat(t || ': ' || rows, char(10)) FROM (%s)", statement) < 0)
        abort();
    free(statement);
    return sql;
}

static void expect(sqlite3 *db, const char *sql, const char *expected)
{
    char *found = look(db, sql);
    if (!found || strcmp(found, expected) != 0)
        fail_msg("%s\nis \"%s\", expected \"%s\"", sql, found ? found : "NULL", expected);
    free(found);
}

/* ---- each schema's rows ---- */

/* Every column has a value that is neither NULL nor its default. */
static void every_column_is_used(sqlite3 *db, int schema)
{
    sqlite3_stmt *q;
    char *unused;
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT t.name, c.name, printf('SELECT printf(''%w.%w'') WHERE NOT EXISTS (SELECT 1 FROM "
                           "\"%w\" WHERE \"%w\" IS NOT NULL AND \"%w\" IS NOT (%s))', t.name, c.name, "
                           "t.name, c.name, c.name, coalesce(c.dflt_value, 'NULL')) "
                           "FROM sqlite_schema t, pragma_table_info(t.name) c "
                           "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'",
                           -1, &q, NULL),
        SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW) {
        unused = look(db, (const char *)sqlite3_column_text(q, 2));
        if (unused)
            fail_msg("at schema %d no frame has anything in %s", schema, unused);
    }
    sqlite3_finalize(q);
}

/* What is known of the frames, in the newest schema, from the schema on that brought it. */
static const struct {
    int since;
    const char *sql, *expected;
} known[] = {
    {1, "SELECT group_concat(state) FROM (SELECT state FROM job WHERE id < 20 ORDER BY id)", "done,failed,running"},
    {1, "SELECT group_concat(sample || ' ' || age_before || ' ' || age_after || ' ' || age_after_projected) "
        "FROM evaluation WHERE stage_id = 4", "0 31.0 36.0 35.0"},
    {1, "SELECT printf('%s %g %d', target, distance, variant) FROM evaluated_faces WHERE stage_id = 4 AND NOT projected", "Young 2 1"},
    {1, "SELECT printf('%g %g', mean_shift, resamples) FROM age_shift WHERE stage_id = 4 AND projected", "4 0"},
    {1, "SELECT group_concat(printf('%s %.3f', attribute, test_accuracy)) FROM boundaries WHERE stage_id = 2", "Smiling 0.750,Young 0.750"},
    {1, "SELECT printf('%s %s %d', code, worker, set_aside) FROM failures WHERE stage_id = 6", "E_DEVICE w1 1"},
    {1, "SELECT samples FROM stage_samples WHERE stage_id = 5", "3-4"},
    {1, "SELECT printf('%g', per_step) FROM attribute_summary WHERE stage_id = 4 AND variant = 1", "2.5"},
    {1, "SELECT group_concat(stage_id) FROM (SELECT stage_id FROM seen_stages WHERE stage_id = 4)", "4"},
    {2, "SELECT printf('%s, %d', f.log, s.forgiven) FROM failure f JOIN stage s ON s.id = f.stage_id WHERE f.id = 20", "the last line, 20"},
    {3, "SELECT group_concat(target || ' ' || method || ' ' || weight) FROM gain_leak_curve", "Smiling exact 0.5,Smiling soft 2.0"},
    {4, "SELECT printf('%s %g %g %g', target, value, low, high) FROM measures WHERE stage_id = 42 AND variant = 2", "Smiling 4 3 5"},
    {4, "SELECT printf('%g %g', change, difference) FROM rescoring WHERE stage_id = 42 AND variant = 2 AND position = 0", "4 -1"},
    {5, "SELECT w.state || ', ' || w.aside || ', ' || a.text || coalesce(a.new, '') FROM worker w, audit a WHERE w.id = 50 AND a.id = 50",
     "alive, four tasks failed, four tasks failed"},
    {6, "SELECT printf('%d %.3f', folds, fold_cosine_mean) FROM boundary_quality WHERE stage_id = 41", "1 0.875"},
    {7, "SELECT printf('%g %s', distance, stopped) FROM face_move WHERE stage_id = 71 AND variant = 1", "2.5 reached"},
    {8, "SELECT printf('%s %d %d %d %g', j.state, priority, after_id, deadline_ms, share) FROM job j JOIN user u ON u.name = j.owner WHERE id = 80",
     "paused 7 3 9000 2.5"},
    {9, "SELECT labels FROM worker WHERE id = 90", "rack=3,zone=a"},
    {10, "SELECT group_concat(use || ' ' || n.name) FROM stage_network n", "features pool,identity arc"},
    {11, "SELECT event || ' ' || worker FROM events WHERE id = 111", "worker_goodbye w90"},
    {12, "SELECT sum(count) FROM task t JOIN stage s ON s.id = t.stage_id WHERE kind = 'probe'", "5"},
    {13, "SELECT stopped || ' ' || mean_evaluations FROM edit_ends WHERE stage_id = 130", "evaluations 12.0"},
    {14, "SELECT group_concat(coalesce(round(psnr, 2), code)) FROM photos WHERE stage_id = 140", "26.19,E_PARSE"},
    {15, "SELECT samples FROM stage_samples WHERE stage_id = 150", "5, 9"},
    {16, "SELECT printf('%g', per_step) FROM rescoring WHERE stage_id = 42 AND variant = 1 AND position = 1", "-1.25"},
    {17, "SELECT samples FROM stage_samples WHERE stage_id = 170", "rows 4-5 of latents l12345678901…"},
    {18, "SELECT group_concat(of || ' ' || found || '/' || wanted) FROM mix_cell", "Smiling 1/1,-Smiling 0/1"},
    {19, "SELECT group_concat(layer || ' ' || cosine) FROM boundary_layers WHERE stage_id = 190", "0 1.0,1 0.0"},
    {20, "SELECT printf('%g %g', accuracy, base_rate) FROM classifier_quality WHERE part = 'test'", "0.5 0.5"},
    {21, "SELECT hex(across) FROM boundary WHERE stage_id = 190 AND position = 1", "0000004000000000"},
    {22, "SELECT printf('%g %g', auc_low, auc_high) FROM classifier_quality WHERE part = 'train'", "0.25 0.75"},
};

static int no_finding(void *context, const struct check_finding *finding, struct error *err)
{
    (void)context;
    (void)err;
    fail_msg("%s: %s", finding->invariant, finding->text);
    return 0;
}

/* Opened, it is of the newest schema and sound. */
static void migrate(const struct folder *f)
{
    struct database *db;
    struct check_result result;
    char version[16];
    CHECK(database_open(f->db, &db, err));
    CHECK(database_check(db, no_finding, NULL, &result, err));
    database_close(&db);
    assert_int_equal(result.findings, 0);
    snprintf(version, sizeof version, "%d", database_schema_version());
    assert_string_equal(ask(f->db, "PRAGMA user_version"), version);
}

static void from_schema(const struct folder *f, int schema)
{
    sqlite3 *db = make_at(f, schema);
    every_column_is_used(db, schema);
    char *dump = made(db, make_dump), *counts = made(db, make_counts);
    char *rows = look(db, dump), *seen = look(db, counts);
    sqlite3_close(db);
    migrate(f);
    db = open_raw(f);
    expect(db, dump, rows);
    if (seen)
        expect(db, counts, seen);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].since <= schema)
            expect(db, known[i].sql, known[i].expected);
    sqlite3_close(db);
    free(dump);
    free(counts);
    free(rows);
    free(seen);
}

static void every_schema_is_migrated_with_its_rows(void **state)
{
    for (int schema = 1; schema <= database_schema_version(); schema++)
        from_schema(*state, schema);
}

/* ---- as releases wrote them ---- */

#define ROWS                                                                                       \
    "SELECT (SELECT count(*) FROM face) || ' ' || (SELECT total(age_judge) FROM face) || ' ' ||"   \
    " (SELECT count(*) FROM boundary) || ' ' || (SELECT count(*) FROM task) || ' ' ||"             \
    " (SELECT count(*) FROM file) || ' ' || (SELECT total(Smiling) FROM default_labels)"

static void release(const struct folder *f, const char *name)
{
    char path[300], before[256];
    snprintf(path, sizeof path, DATA "/%s", name);
    unlink(f->db);
    sqlite3 *db = open_raw(f);
    run_file(db, path);
    sqlite3_close(db);
    assert_int_equal(atoi(ask(f->db, "PRAGMA user_version")), atoi(name));
    snprintf(before, sizeof before, "%s", ask(f->db, ROWS));
    migrate(f);
    assert_string_equal(ask(f->db, ROWS), before);
}

static void every_release_is_migrated(void **state)
{
    const struct folder *f = *state;
    struct dirent *entry;
    int tried = 0;
    DIR *folder = opendir(DATA);
    assert_non_null(folder);
    while ((entry = readdir(folder)))
        if (strstr(entry->d_name, ".sql")) {
            release(f, entry->d_name);
            tried++;
        }
    closedir(folder);
    assert_true(tried > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_schema_is_migrated_with_its_rows, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(every_release_is_migrated, folder_open, folder_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
