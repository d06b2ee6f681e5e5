/*
 * Opening, migrating and transactions.
 *
 * Two brokers never share a file: the first thing opened is the lock file beside it, held with
 * flock(2) until the process ends. Whose database it is gets checked before anything is written to
 * it. One thread, beside that of checkpoint.c.
 */
#include "db/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/limits.h"
#include "db/bundles.h"
#include "db/database_priv.h"

/* Readers that recover the WAL of a killed broker hold the file for a moment. */

static int code_of(sqlite3 *sqlite, int code)
{
    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return E_INVALID;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return E_BUSY;
    case SQLITE_READONLY:
        return E_STATE;
    case SQLITE_NOMEM:
        return E_MEMORY;
    case SQLITE_FULL:
        return E_FULL;
    case SQLITE_IOERR:
        if (sqlite3_extended_errcode(sqlite) == SQLITE_IOERR_NOMEM)
            return E_MEMORY;
        return error_of_write(sqlite3_system_errno(sqlite));
    case SQLITE_CANTOPEN:
        return E_IO;
    default:
        return E_DATABASE;
    }
}

int database_failed(struct database *db, int code, const char *what, struct error *err)
{
    const char *text = db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code);
    return error_set(err, code_of(db->sqlite, code), "%s: %s: %s", db->path, what, text);
}

int database_script(struct database *db, const char *name, struct error *err)
{
    struct statement *statement = statement_find(db, name);
    if (!statement)
        return error_set(err, E_NOT_FOUND, "no statement is called \"%s\"", name);
    char *text = strndup(statement->sql, statement->size);
    if (!text)
        return error_set(err, E_MEMORY, "%s: out of memory", db->path);
    int code = sqlite3_exec(db->sqlite, text, NULL, NULL, NULL);
    free(text);
    return code == SQLITE_OK ? 0 : database_failed(db, code, name, err);
}

/* ---- transactions ---- */

int database_begin_at(struct database *db, const char *file, int line, struct error *err)
{
    struct statement *begin;
    if (db->begun_file)
        return error_set(err, E_STATE, "%s:%d: a transaction is open since %s:%d", file, line,
                         db->begun_file, db->begun_line);
    int rc = database_query(db, "begin", &begin, err);
    if (rc == 0)
        rc = statement_run(begin, err);
    if (rc < 0)
        return error_prefix(err, rc, "begin at %s:%d", file, line);
    db->begun_file = file;
    db->begun_line = line;
    return 0;
}

int database_commit(struct database *db, struct error *err)
{
    struct statement *commit;
    if (!db->begun_file)
        return error_set(err, E_STATE, "%s: commit without a transaction", db->path);
    int rc = database_query(db, "commit", &commit, err);
    if (rc == 0)
        rc = statement_run(commit, err);
    if (rc < 0)
        return error_prefix(err, rc, "transaction begun at %s:%d", db->begun_file, db->begun_line);
    db->begun_file = NULL;
    if (db->checkpoint)
        checkpoint_tend(db->checkpoint);
    return 0;
}

void database_rollback(struct database *db)
{
    struct statement *rollback;
    if (!db->begun_file)
        return;
    /* It fails where SQLite has rolled back by itself (a full disk): then there is nothing left to
     * do. */
    if (database_query(db, "rollback", &rollback, NULL) == 0 && statement_run(rollback, NULL) < 0)
        statement_reset(rollback);
    db->begun_file = NULL;
}

void database_set_patience(struct database *db, int milliseconds)
{
    sqlite3_busy_timeout(db->sqlite, milliseconds);
}

bool database_in_transaction(const struct database *db)
{
    return db->begun_file != NULL;
}

int64_t database_last_id(const struct database *db)
{
    return sqlite3_last_insert_rowid(db->sqlite);
}

int64_t database_changes(const struct database *db)
{
    return sqlite3_changes64(db->sqlite);
}

/* ---- schema ---- */

int database_schema_version(void)
{
    int version = 0;
    for (const struct embedded_file *file = database_migrations; file->name; file++) {
        int number = atoi(file->name);
        version = number > version ? number : version;
    }
    return version;
}

static int read_int(struct database *db, const char *name, int64_t *value, struct error *err)
{
    struct statement *statement;
    int rc = database_query(db, name, &statement, err);
    return rc < 0 ? rc : statement_run_int(statement, value, err);
}

/* Whose file is this? `version` is 0 for an empty one. */
static int check_identity(struct database *db, int64_t *version, struct error *err)
{
    int64_t application, objects;
    int rc = read_int(db, "application_id", &application, err);
    if (rc == 0)
        rc = read_int(db, "user_version", version, err);
    if (rc == 0)
        rc = read_int(db, "schema_objects", &objects, err);
    if (rc == E_INVALID)
        return error_set(err, E_INVALID, "%s: is not an SQLite database", db->path);
    if (rc == E_DATABASE)
        return error_prefix(err, rc, "the database is damaged");
    if (rc < 0)
        return rc;
    if (application != DATABASE_APPLICATION_ID && (application || *version || objects))
        return error_set(err, E_INVALID,
                         "%s: is another program's database: application id %lld, expected %d",
                         db->path, (long long)application, DATABASE_APPLICATION_ID);
    if (*version > database_schema_version())
        return error_set(err, E_VERSION, "%s: has schema %lld, this program knows up to %d",
                         db->path, (long long)*version, database_schema_version());
    return 0;
}

static const struct embedded_file *find_migration(int64_t number)
{
    for (const struct embedded_file *file = database_migrations; file->name; file++)
        if (atoi(file->name) == number)
            return file;
    return NULL;
}

/* A migration sets user_version itself, so that it counts exactly when it is committed. */
static int migrate_one(struct database *db, const struct embedded_file *file, struct error *err)
{
    int64_t version;
    int rc = database_begin(db, err);
    if (rc < 0)
        return rc;
    int code = sqlite3_exec(db->sqlite, file->text, NULL, NULL, NULL);
    rc = code == SQLITE_OK ? 0 : database_failed(db, code, file->name, err);
    if (rc == 0)
        rc = bundles_remake_views(db, err);
    if (rc == 0)
        rc = read_int(db, "user_version", &version, err);
    if (rc == 0 && version != atoi(file->name))
        rc = error_set(err, E_DATABASE, "%s leaves user_version %lld", file->name,
                       (long long)version);
    if (rc == 0)
        rc = database_commit(db, err);
    if (rc < 0)
        database_rollback(db);
    return rc;
}

static int migrate(struct database *db, int64_t version, struct error *err)
{
    int rc = 0;
    while (rc == 0 && version < database_schema_version()) {
        const struct embedded_file *file = find_migration(++version);
        if (!file)
            return error_set(err, E_DATABASE, "migration %lld is missing", (long long)version);
        rc = migrate_one(db, file, err);
    }
    return rc;
}

/* ---- open and close ---- */

static int take_lock(struct database *db, struct error *err)
{
    struct buffer path;
    buffer_init(&path, LIMIT_TEXT_BYTES);
    int rc = buffer_printf(&path, err, "%s-lock", db->path);
    if (rc == 0)
        rc = buffer_append(&path, "", 1, err);
    if (rc == 0) {
        db->lock = open((const char *)path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (db->lock < 0)
            rc = error_set(err, E_IO, "%s: %s", (const char *)path.data, strerror(errno));
        else if (flock(db->lock, LOCK_EX | LOCK_NB) != 0)
            rc = error_set(err, E_STATE, "%s: another broker holds this database (%s is locked)",
                           db->path, (const char *)path.data);
    }
    buffer_free(&path);
    return rc;
}

static int make(const char *path, struct database **db, struct error *err)
{
    *db = calloc(1, sizeof **db);
    if (!*db)
        return error_set(err, E_MEMORY, "%s: out of memory", path);
    (*db)->lock = -1;
    (*db)->path = strdup(path);
    if (!(*db)->path)
        return error_set(err, E_MEMORY, "%s: out of memory", path);
    return statement_table_make(*db, err);
}

static int open_file(struct database *db, int flags, struct error *err)
{
    /* A task's row takes nine small pieces of memory, each with a lock where SQLite counts them. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int code = sqlite3_open_v2(db->path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return database_failed(db, code, "cannot be opened", err);
    sqlite3_busy_timeout(db->sqlite, DATABASE_PATIENCE_MS);
    return 0;
}

int database_open(const char *path, struct database **db, struct error *err)
{
    struct database *made = NULL;
    int64_t version = 0;
    int rc = make(path, &made, err);
    if (rc == 0)
        rc = take_lock(made, err);
    if (rc == 0)
        rc = open_file(made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (rc == 0)
        rc = check_identity(made, &version, err);
    if (rc == 0)
        rc = database_script(made, "open_writer", err);
    if (rc == 0)
        rc = migrate(made, version, err);
    if (rc == 0)
        rc = checkpoint_open(made->sqlite, made->path, &made->checkpoint, err);
    if (rc < 0)
        database_close(&made);
    else
        *db = made;
    return rc;
}

int database_open_read_only(const char *path, struct database **db, struct error *err)
{
    struct database *made = NULL;
    int64_t version = 0;
    int rc = make(path, &made, err);
    if (rc == 0 && access(path, R_OK) != 0)
        rc = error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: %s", path, strerror(errno));
    if (rc == 0)
        rc = open_file(made, SQLITE_OPEN_READONLY, err);
    if (rc == 0)
        rc = check_identity(made, &version, err);
    if (rc == 0 && version != database_schema_version())
        rc = error_set(
            err, E_VERSION,
            "%s: has schema %lld, this program reads %d; a broker of this version migrates it",
            path, (long long)version, database_schema_version());
    if (rc == 0)
        rc = database_script(made, "open_reader", err);
    if (rc < 0)
        database_close(&made);
    else
        *db = made;
    return rc;
}

void database_close(struct database **db)
{
    struct database *old = *db;
    if (!old)
        return;
    if (old->begun_file)
        database_rollback(old);
    statement_table_free(old);
    checkpoint_close(&old->checkpoint);
    sqlite3_close(old->sqlite);
    if (old->lock >= 0)
        close(old->lock);
    free(old->path);
    free(old);
    *db = NULL;
}
