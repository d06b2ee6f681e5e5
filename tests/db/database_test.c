/* Opening, migrating, refusing; transactions and statements. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void opens_a_fresh_file(void **state)
{
    struct folder *f = *state;
    struct database *db;
    char version[16];
    CHECK(database_open(f->db, &db, err));
    database_close(&db);
    assert_null(db);
    snprintf(version, sizeof version, "%d", database_schema_version());
    assert_string_equal(ask(f->db, "PRAGMA user_version"), version);
    assert_string_equal(ask(f->db, "PRAGMA application_id"), "1717658469");
    assert_string_equal(ask(f->db, "PRAGMA journal_mode"), "wal");
    CHECK(database_open(f->db, &db, err));
    database_close(&db);
}

static void refuses(const char *path, int code, const char *words)
{
    struct database *db = NULL;
    struct error told = {0};
    assert_int_equal(database_open(path, &db, &told), code);
    assert_null(db);
    if (!strstr(told.text, words))
        fail_msg("\"%s\" does not say \"%s\"", told.text, words);
}

static void refuses_a_second_broker(void **state)
{
    struct folder *f = *state;
    struct database *db;
    CHECK(database_open(f->db, &db, err));
    refuses(f->db, E_STATE, "another broker");
    database_close(&db);
    CHECK(database_open(f->db, &db, err));
    database_close(&db);
}

static void refuses_a_newer_schema(void **state)
{
    struct folder *f = *state;
    struct database *db;
    CHECK(database_open(f->db, &db, err));
    database_close(&db);
    execute(f->db, "PRAGMA user_version = 9999");
    refuses(f->db, E_VERSION, "9999");
    assert_int_equal(database_open_read_only(f->db, &db, NULL), E_VERSION);
}

static void refuses_what_is_not_ours(void **state)
{
    struct folder *f = *state;
    char path[160];
    snprintf(path, sizeof path, "%s/other.db", f->path);
    execute(path, "CREATE TABLE song (title TEXT)");
    refuses(path, E_INVALID, "another program");
    assert_string_equal(ask(path, "SELECT count(*) FROM sqlite_schema"), "1");
    snprintf(path, sizeof path, "%s/text.db", f->path);
    FILE *out = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", out);
    fclose(out);
    refuses(path, E_INVALID, "not an SQLite database");
    snprintf(path, sizeof path, "%s/nowhere/farm.db", f->path);
    refuses(path, E_IO, "nowhere");
}

static void refuses_a_truncated_file(void **state)
{
    struct folder *f = *state;
    struct database *db;
    CHECK(database_open(f->db, &db, err));
    database_close(&db);
    assert_int_equal(truncate(f->db, 8192), 0);
    refuses(f->db, E_DATABASE, "damaged");
    assert_int_equal(truncate(f->db, 100), 0);
    refuses(f->db, E_DATABASE, "damaged");
}

static void reads_beside_a_broker(void **state)
{
    struct folder *f = *state;
    struct database *db, *reader = NULL;
    struct statement *q;
    struct error told = {0};
    assert_int_equal(database_open_read_only(f->db, &reader, &told), E_NOT_FOUND);
    CHECK(database_open(f->db, &db, err));
    CHECK(database_open_read_only(f->db, &reader, err));
    CHECK(database_query(reader, "event_insert", &q, err));
    assert_true(statement_run(q, &told) < 0);
    database_close(&reader);
    database_close(&db);
}

static void insert_audit(struct database *db)
{
    struct statement *q;
    CHECK(database_query(db, "event_insert", &q, err));
    statement_bind_int(q, 1, 1);
    statement_bind_text(q, 5, "test");
    CHECK(statement_run(q, err));
}

static void transactions_remember_their_place(void **state)
{
    struct folder *f = *state;
    struct database *db;
    struct error told = {0};
    CHECK(database_open(f->db, &db, err));
    assert_int_equal(database_commit(db, &told), E_STATE);
    CHECK(database_begin(db, err));
    assert_true(database_in_transaction(db));
    assert_int_equal(database_begin(db, &told), E_STATE);
    assert_non_null(strstr(told.text, "database_test.c"));
    insert_audit(db);
    database_rollback(db);
    assert_false(database_in_transaction(db));
    CHECK(database_begin(db, err));
    insert_audit(db);
    CHECK(database_commit(db, err));
    database_close(&db);
    assert_string_equal(ask(f->db, "SELECT count(*) FROM audit"), "1");
}

static void statements_tell_their_errors(void **state)
{
    struct folder *f = *state;
    struct database *db;
    struct statement *q;
    struct error told = {0};
    int64_t value;
    CHECK(database_open(f->db, &db, err));
    assert_int_equal(database_query(db, "no_such_statement", &q, &told), E_NOT_FOUND);
    assert_non_null(strstr(told.text, "no_such_statement"));
    CHECK(database_query(db, "bundle_get", &q, err));
    statement_bind_int(q, 99, 1); /* kept until the step */
    assert_true(statement_step(q, &told) < 0);
    CHECK(database_query(db, "bundle_get", &q, err));
    statement_bind_int(q, 1, 1);
    assert_int_equal(statement_run_int(q, &value, &told), E_NOT_FOUND);
    CHECK(database_query(db, "failure_insert", &q, err));
    assert_int_equal(statement_run(q, &told), E_DATABASE); /* NOT NULL */
    assert_non_null(strstr(told.text, "failure_insert"));
    database_close(&db);
}

/* Every statement of every file must at least be prepared: a wrong column is found here. */
static void all_statements_prepare(void **state)
{
    static const char *const elsewhere[] = {"open_writer", "open_reader", "reduction_open",
                                            NULL};
    struct folder *f = *state;
    struct database *db;
    struct statement *q;
    struct error told = {0};
    CHECK(database_open(f->db, &db, err));
    const char *name;
    for (size_t i = 0; (name = database_statement_name(db, i)) != NULL; i++) {
        bool script = false;
        for (size_t k = 0; elsewhere[k]; k++)
            script = script || strcmp(name, elsewhere[k]) == 0;
        if (!script && database_query(db, name, &q, &told) < 0)
            fail_msg("%s", told.text);
    }
    database_close(&db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_open, folder_close)
    const struct CMUnitTest tests[] = {
        TEST(opens_a_fresh_file),
        TEST(refuses_a_second_broker),
        TEST(refuses_a_newer_schema),
        TEST(refuses_what_is_not_ours),
        TEST(refuses_a_truncated_file),
        TEST(reads_beside_a_broker),
        TEST(transactions_remember_their_place),
        TEST(statements_tell_their_errors),
        TEST(all_statements_prepare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
