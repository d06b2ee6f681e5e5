/*
 * The SQLite layer: the only place that speaks SQL.
 *
 * Statements are text files: every *.sql of db/statements/ is compiled in, and each statement in
 * them stands behind a line
 *
 *     -- name: job_insert
 *
 * and is reached by that name. To add one, add it to a file there (or add a file): nothing else has
 * to be told. The same name twice is an error when the database is opened.
 *
 *     struct statement *q;
 *     if ((rc = database_query(db, "report_stages", &q, err)) < 0)
 *         return rc;
 *     statement_bind_int(q, 1, job);                   // ?1; errors are kept until the next step
 *     while ((rc = statement_step(q, err)) > 0)        // 1: a row, 0: no more, < 0: error
 *         printf("%s %lld\n", statement_text(q, 0), (long long)statement_int(q, 1));
 *
 * One thread a database. A statement is prepared once and kept; database_query resets it, so one
 * name is not read in two nested loops.
 */
#ifndef DB_DATABASE_H
#define DB_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* PRAGMA application_id of our files: "face". */
#define DATABASE_APPLICATION_ID 0x66616365
/* The newest schema this program knows (PRAGMA user_version): the last file of db/migrations. */
int database_schema_version(void);

struct database;

/*
 * Opens FILE for the broker: makes it if it is not there, takes the lock file FILE-lock (E_STATE
 * where another broker holds it; the kernel gives it back when the process ends, however it ends),
 * sets WAL, foreign keys and synchronous=FULL, and migrates forward, each migration in its own
 * transaction. E_VERSION: the schema is newer than this program. E_INVALID: another program's
 * database, or none at all. E_DATABASE: damaged. E_FULL, E_IO: the disk does not
 * take what it is given. The caller closes.
 */
MUST_CHECK int database_open(const char *path, struct database **db, struct error *err);

/* Opens an existing FILE for reading, also while a broker writes it. Nothing is migrated: E_VERSION
 * where the schema is not this program's. Statements that write fail. */
MUST_CHECK int database_open_read_only(const char *path, struct database **db, struct error *err);

void database_close(struct database **db); /* rolls back what is open */

/* A transaction for writing. It remembers where it was begun: a second begin says so. */
#define database_begin(db, err) database_begin_at(db, __FILE__, __LINE__, err)
MUST_CHECK int database_begin_at(struct database *db, const char *file, int line,
                                 struct error *err);
MUST_CHECK int database_commit(struct database *db, struct error *err);
void database_rollback(struct database *db); /* nothing where none is open */
/* How long a write waits for others that hold the file (E_BUSY then). */
#define DATABASE_PATIENCE_MS 1000
void database_set_patience(struct database *db, int milliseconds);
bool database_in_transaction(const struct database *db);

int64_t database_last_id(const struct database *db); /* rowid of the last INSERT */
int64_t database_changes(const struct database *db); /* rows the last statement changed */

/* ---- statements ---- */

struct statement;

/* The statement called `name`, reset and without bindings. Borrowed: the database keeps it. */
MUST_CHECK int database_query(struct database *db, const char *name, struct statement **statement,
                              struct error *err);

/* The i-th statement's name, NULL behind the last: for tests that prepare them all. */
const char *database_statement_name(const struct database *db, size_t i);

/*
 * Statements that SQL writes, for what is not known when the program is compiled (the columns of a
 * bundle's wide tables). The statement called `maker` is run with ?1 = id; the text it selects is
 * the SQL.
 *
 * database_made: its one row is prepared, kept under (maker, id, part), and handed out as by
 * database_query. ?2 = part, for makers that write several statements.
 * database_execute_made: every row is executed, in order.
 */
MUST_CHECK int database_made(struct database *db, const char *maker, int64_t id, int64_t part,
                             struct statement **statement, struct error *err);
MUST_CHECK int database_execute_made(struct database *db, const char *maker, int64_t id,
                                     struct error *err);

/* Bind ?index (from 1). What goes wrong is kept and reported by the next step or run. Texts and
 * blobs are borrowed until the statement is reset. A NULL text binds NULL. */
void statement_bind_int(struct statement *statement, int index, int64_t value);
void statement_bind_real(struct statement *statement, int index, double value);
void statement_bind_text(struct statement *statement, int index, const char *value);
void statement_bind_blob(struct statement *statement, int index, const void *data, size_t size);
void statement_bind_null(struct statement *statement, int index);

/* The next row: 1, or 0 at the end, or an error. At the end and after an error the statement is
 * reset. Bindings stay, so that a loop may change one and step again. */
MUST_CHECK int statement_step(struct statement *statement, struct error *err);
/* Steps to the end, for statements without rows. */
MUST_CHECK int statement_run(struct statement *statement, struct error *err);
/* Steps to the first row and copies its first column; E_NOT_FOUND where there is none. */
MUST_CHECK int statement_run_int(struct statement *statement, int64_t *value, struct error *err);
/* Leaves a loop early; needed before a commit. */
void statement_reset(struct statement *statement);

/* Columns (from 0) of the present row. Texts and blobs live until the next step or reset. NULL
 * reads as 0, 0.0, "" and an empty blob. */
int64_t statement_int(struct statement *statement, int column);
double statement_real(struct statement *statement, int column);
const char *statement_text(struct statement *statement, int column);
const void *statement_blob(struct statement *statement, int column, size_t *size);
bool statement_is_null(struct statement *statement, int column);

enum statement_type {
    STATEMENT_NULL,
    STATEMENT_INT,
    STATEMENT_REAL,
    STATEMENT_TEXT,
    STATEMENT_BLOB,
};
enum statement_type statement_type(struct statement *statement, int column);
int statement_columns(struct statement *statement);
const char *statement_column_name(struct statement *statement, int column);

#endif
