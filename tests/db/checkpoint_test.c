/* Checkpoints beside the writer: a log that grows begins anew, nothing of it is lost, and a reader
 * that holds it only puts that off. */
#include "support.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/checkpoint.h"

struct log {
    sqlite3 *db;
    sqlite3_stmt *insert;
    struct checkpoint *checkpoint;
    int rows;
};

static void run(sqlite3 *db, const char *sql)
{
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
}

static void open_log(struct log *log, const struct folder *folder)
{
    *log = (struct log){0};
    assert_int_equal(sqlite3_open(folder->db, &log->db), SQLITE_OK);
    run(log->db, "PRAGMA journal_mode = WAL");
    run(log->db, "PRAGMA synchronous = OFF"); /* what is asked here has no need of a disk */
    run(log->db, "CREATE TABLE t (id INTEGER PRIMARY KEY, value BLOB)");
    assert_int_equal(sqlite3_prepare_v2(log->db, "INSERT INTO t VALUES (?1, zeroblob(40000))", -1,
                                        &log->insert, NULL),
                     SQLITE_OK);
    CHECK(checkpoint_open(log->db, folder->db, &log->checkpoint, err));
}

/* One row of ten pages, and what is due after it. */
static void write_row(struct log *log)
{
    sqlite3_bind_int(log->insert, 1, log->rows++);
    assert_int_equal(sqlite3_step(log->insert), SQLITE_DONE);
    sqlite3_reset(log->insert);
    checkpoint_tend(log->checkpoint);
}

static void close_log(struct log *log, const struct folder *folder)
{
    char expected[16];
    checkpoint_close(&log->checkpoint);
    sqlite3_finalize(log->insert);
    sqlite3_close(log->db);
    snprintf(expected, sizeof expected, "%d", log->rows);
    assert_string_equal(ask(folder->db, "SELECT count(*) FROM t"), expected);
    assert_string_equal(ask(folder->db, "PRAGMA integrity_check"), "ok");
}

/* Writes until the log has begun anew. */
static void await_anew(struct log *log)
{
    int before = 0;
    while (checkpoint_pages(log->checkpoint) >= before) {
        before = checkpoint_pages(log->checkpoint);
        write_row(log);
    }
}

static void a_long_log_begins_anew(void **state)
{
    struct log log;
    open_log(&log, *state);
    for (int i = 0; i < 3; i++) {
        await_anew(&log);
        write_row(&log);
        assert_in_range(checkpoint_pages(log.checkpoint), 1, CHECKPOINT_PAGES);
    }
    close_log(&log, *state);
}

static void a_reader_puts_it_off(void **state)
{
    const struct folder *folder = *state;
    struct log log;
    sqlite3 *reader;
    open_log(&log, folder);
    write_row(&log);
    assert_int_equal(sqlite3_open(folder->db, &reader), SQLITE_OK);
    run(reader, "BEGIN; SELECT count(*) FROM t");
    while (checkpoint_pages(log.checkpoint) < 4 * CHECKPOINT_PAGES)
        write_row(&log);
    run(reader, "ROLLBACK");
    sqlite3_close(reader);
    await_anew(&log);
    close_log(&log, folder);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_open, folder_close)
    const struct CMUnitTest tests[] = {TEST(a_long_log_begins_anew), TEST(a_reader_puts_it_off)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
