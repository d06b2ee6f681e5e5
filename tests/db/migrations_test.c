/*
 * Migrations from every released schema: tests/db/data/NNN.sql is a database as the release with
 * schema NNN wrote it. Opened by this program it has the newest schema, keeps its rows, and keeps
 * every invariant.
 */
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "db/check.h"

#define DATA "tests/db/data"

static void load(const struct folder *f, const char *name)
{
    struct buffer sql;
    char path[300];
    snprintf(path, sizeof path, DATA "/%s", name);
    buffer_init(&sql, 16 << 20);
    CHECK(buffer_read_file(&sql, path, sql.maximum, err));
    unlink(f->db);
    execute(f->db, (const char *)sql.data);
    buffer_free(&sql);
}

static int no_finding(void *context, const struct check_finding *finding, struct error *err)
{
    (void)context;
    (void)err;
    fail_msg("%s: %s", finding->invariant, finding->text);
    return 0;
}

#define ROWS                                                                                       \
    "SELECT (SELECT count(*) FROM face) || ' ' || (SELECT total(age_judge) FROM face) || ' ' ||"   \
    " (SELECT count(*) FROM boundary) || ' ' || (SELECT count(*) FROM task) || ' ' ||"             \
    " (SELECT count(*) FROM file) || ' ' || (SELECT total(Smiling) FROM default_labels)"

static void migrate(const struct folder *f, const char *name)
{
    struct database *db;
    struct check_result result;
    char before[256], version[16];
    load(f, name);
    assert_int_equal(atoi(ask(f->db, "PRAGMA user_version")), atoi(name));
    snprintf(before, sizeof before, "%s", ask(f->db, ROWS));
    CHECK(database_open(f->db, &db, err));
    CHECK(database_check(db, no_finding, NULL, &result, err));
    database_close(&db);
    assert_int_equal(result.findings, 0);
    assert_string_equal(ask(f->db, ROWS), before);
    snprintf(version, sizeof version, "%d", database_schema_version());
    assert_string_equal(ask(f->db, "PRAGMA user_version"), version);
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
            migrate(f, entry->d_name);
            tried++;
        }
    closedir(folder);
    assert_true(tried > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_release_is_migrated, folder_open, folder_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
