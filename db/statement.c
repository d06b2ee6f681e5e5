/*
 * Named statements: found in the embedded files, prepared at first use, kept until the database is
 * closed. A statement is either reset or stands on a row. One thread.
 */
#include <stdlib.h>
#include <string.h>

#include "db/database_priv.h"

#define NAME_MARK "-- name: "
#define NAME_MAX_BYTES 64

/* ---- the table ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct statement *)a)->name, ((const struct statement *)b)->name);
}

struct statement *statement_find(struct database *db, const char *name)
{
    struct statement key = {.name = name};
    if (!db->count)
        return NULL;
    return bsearch(&key, db->statements, db->count, sizeof key, compare_names);
}

static const char *next_mark(const char *text)
{
    const char *mark = text;
    while ((mark = strstr(mark, NAME_MARK)) != NULL && mark != text && mark[-1] != '\n')
        mark++;
    return mark;
}

static int add_statement(struct database *db, const char *mark, const char *end, struct error *err)
{
    const char *name = mark + strlen(NAME_MARK);
    size_t length = strcspn(name, " \t\r\n");
    struct statement *grown = realloc(db->statements, (db->count + 1) * sizeof *grown);
    if (!grown)
        return error_set(err, E_MEMORY, "out of memory");
    db->statements = grown;
    struct statement *statement = &db->statements[db->count];
    *statement = (struct statement){.db = db,
                                    .name = strndup(name, length),
                                    .sql = name + length,
                                    .size = (size_t)(end - name) - length};
    if (!statement->name)
        return error_set(err, E_MEMORY, "out of memory");
    db->count++;
    if (length == 0 || length > NAME_MAX_BYTES)
        return error_set(err, E_INVALID, "a statement's name has %zu bytes, 1 to %d are allowed",
                         length, NAME_MAX_BYTES);
    return 0;
}

static int add_file(struct database *db, const struct embedded_file *file, struct error *err)
{
    int rc = 0;
    const char *mark = next_mark(file->text);
    while (rc == 0 && mark) {
        const char *next = next_mark(mark + 1);
        rc = add_statement(db, mark, next ? next : file->text + file->size, err);
        mark = next;
    }
    return rc < 0 ? error_prefix(err, rc, "%s", file->name) : 0;
}

int statement_table_make(struct database *db, struct error *err)
{
    int rc = 0;
    for (const struct embedded_file *file = database_statements; rc == 0 && file->name; file++)
        rc = add_file(db, file, err);
    if (rc < 0)
        return rc;
    qsort(db->statements, db->count, sizeof *db->statements, compare_names);
    for (size_t i = 1; i < db->count; i++)
        if (strcmp(db->statements[i - 1].name, db->statements[i].name) == 0)
            return error_set(err, E_EXISTS, "two statements are called \"%s\"",
                             db->statements[i].name);
    return 0;
}

void statement_table_free(struct database *db)
{
    for (size_t i = 0; i < db->count; i++) {
        sqlite3_finalize(db->statements[i].prepared);
        free((char *)db->statements[i].name);
    }
    free(db->statements);
    while (db->made) {
        struct statement *next = db->made->next;
        sqlite3_finalize(db->made->prepared);
        free((char *)db->made->name);
        free(db->made);
        db->made = next;
    }
}

/* ---- finding and preparing ---- */

/* Nothing but white space and comments: the words above the next statement's name. */
static bool blank(const char *text)
{
    for (;;) {
        text += strspn(text, " \t\r\n");
        if (strncmp(text, "--", 2) != 0)
            return *text == '\0';
        text += strcspn(text, "\n");
    }
}

/* Prepares the one statement in `sql`; a second one behind it is an error. */
static int prepare(struct database *db, const char *name, const char *sql, size_t size,
                   sqlite3_stmt **prepared, struct error *err)
{
    const char *tail = NULL;
    char *text = strndup(sql, size);
    if (!text)
        return error_set(err, E_MEMORY, "out of memory");
    int rc = 0;
    int code = sqlite3_prepare_v3(db->sqlite, text, -1, SQLITE_PREPARE_PERSISTENT, prepared, &tail);
    if (code != SQLITE_OK)
        rc = database_failed(db, code, name, err);
    else if (!*prepared || !blank(tail))
        rc = error_set(err, E_DATABASE, "%s: is not exactly one statement", name);
    free(text);
    return rc;
}

static void start(struct statement *statement)
{
    sqlite3_reset(statement->prepared);
    sqlite3_clear_bindings(statement->prepared);
    statement->bind_error = SQLITE_OK;
}

/* Callers name statements by literals, whose addresses are looked at first: a task's row is
 * inserted a hundred thousand times a second. A name at an address that another one had is
 * compared. */
static struct statement *find_again(struct database *db, const char *name)
{
    size_t place = ((uintptr_t)name >> 4 ^ (uintptr_t)name) % DATABASE_RECENT;
    struct statement *found = db->recent[place].statement;
    if (db->recent[place].name == name && strcmp(found->name, name) == 0)
        return found;
    found = statement_find(db, name);
    if (found) {
        db->recent[place].name = name;
        db->recent[place].statement = found;
    }
    return found;
}

int database_query(struct database *db, const char *name, struct statement **statement,
                   struct error *err)
{
    struct statement *found = find_again(db, name);
    if (!found)
        return error_set(err, E_NOT_FOUND, "no statement is called \"%s\"", name);
    if (!found->prepared) {
        int rc = prepare(db, name, found->sql, found->size, &found->prepared, err);
        if (rc < 0)
            return rc;
    }
    start(found);
    *statement = found;
    return 0;
}

const char *database_statement_name(const struct database *db, size_t i)
{
    return i < db->count ? db->statements[i].name : NULL;
}

static struct statement *find_made(struct database *db, const char *maker, int64_t id, int64_t part)
{
    for (struct statement *made = db->made; made; made = made->next)
        if (made->made_for == id && made->made_part == part && strcmp(made->name, maker) == 0)
            return made;
    return NULL;
}

static int make_statement(struct database *db, const char *maker, int64_t id, int64_t part,
                          struct statement **made, struct error *err)
{
    struct statement *query;
    int rc = database_query(db, maker, &query, err);
    if (rc < 0)
        return rc;
    statement_bind_int(query, 1, id);
    if (sqlite3_bind_parameter_count(query->prepared) > 1)
        statement_bind_int(query, 2, part);
    rc = statement_step(query, err);
    if (rc <= 0)
        return rc < 0
                   ? rc
                   : error_set(err, E_NOT_FOUND, "%s made nothing of %lld", maker, (long long)id);
    struct statement *new = calloc(1, sizeof *new);
    if (!new || !(new->name = strdup(maker))) {
        rc = error_set(err, E_MEMORY, "out of memory");
    } else {
        const char *sql = statement_text(query, 0);
        new->db = db;
        new->made_for = id;
        new->made_part = part;
        rc = prepare(db, maker, sql, strlen(sql), &new->prepared, err);
    }
    statement_reset(query);
    if (rc < 0) {
        free(new ? (char *)new->name : NULL);
        free(new);
        return rc;
    }
    new->next = db->made;
    db->made = new;
    *made = new;
    return 0;
}

int database_made(struct database *db, const char *maker, int64_t id, int64_t part,
                  struct statement **statement, struct error *err)
{
    struct statement *made = find_made(db, maker, id, part);
    if (!made) {
        int rc = make_statement(db, maker, id, part, &made, err);
        if (rc < 0)
            return rc;
    }
    start(made);
    *statement = made;
    return 0;
}

int database_execute_made(struct database *db, const char *maker, int64_t id, struct error *err)
{
    struct statement *query;
    int rc = database_query(db, maker, &query, err);
    if (rc < 0)
        return rc;
    statement_bind_int(query, 1, id);
    while ((rc = statement_step(query, err)) > 0) {
        int code = sqlite3_exec(db->sqlite, statement_text(query, 0), NULL, NULL, NULL);
        if (code != SQLITE_OK) {
            rc = database_failed(db, code, maker, err);
            statement_reset(query);
            return rc;
        }
    }
    return rc;
}

/* ---- binding and stepping ---- */

static void keep(struct statement *statement, int code)
{
    if (statement->bind_error == SQLITE_OK)
        statement->bind_error = code;
}

void statement_bind_int(struct statement *statement, int index, int64_t value)
{
    keep(statement, sqlite3_bind_int64(statement->prepared, index, value));
}

void statement_bind_real(struct statement *statement, int index, double value)
{
    keep(statement, sqlite3_bind_double(statement->prepared, index, value));
}

void statement_bind_text(struct statement *statement, int index, const char *value)
{
    keep(statement, sqlite3_bind_text(statement->prepared, index, value, -1, SQLITE_STATIC));
}

void statement_bind_blob(struct statement *statement, int index, const void *data, size_t size)
{
    keep(statement,
         sqlite3_bind_blob64(statement->prepared, index, size ? data : "", size, SQLITE_STATIC));
}

void statement_bind_null(struct statement *statement, int index)
{
    keep(statement, sqlite3_bind_null(statement->prepared, index));
}

int statement_step(struct statement *statement, struct error *err)
{
    int rc;
    int code = statement->bind_error;
    if (code == SQLITE_OK)
        code = sqlite3_step(statement->prepared);
    if (code == SQLITE_ROW)
        return 1;
    rc = code == SQLITE_DONE ? 0 : database_failed(statement->db, code, statement->name, err);
    sqlite3_reset(statement->prepared);
    return rc;
}

int statement_run(struct statement *statement, struct error *err)
{
    int rc;
    while ((rc = statement_step(statement, err)) > 0)
        ;
    return rc;
}

int statement_run_int(struct statement *statement, int64_t *value, struct error *err)
{
    int rc = statement_step(statement, err);
    if (rc == 0)
        return error_set(err, E_NOT_FOUND, "%s: no row", statement->name);
    if (rc < 0)
        return rc;
    *value = statement_int(statement, 0);
    statement_reset(statement);
    return 0;
}

void statement_reset(struct statement *statement)
{
    sqlite3_reset(statement->prepared);
}

/* ---- columns ---- */

int64_t statement_int(struct statement *statement, int column)
{
    return sqlite3_column_int64(statement->prepared, column);
}

double statement_real(struct statement *statement, int column)
{
    return sqlite3_column_double(statement->prepared, column);
}

const char *statement_text(struct statement *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement->prepared, column);
    return text ? text : "";
}

const void *statement_blob(struct statement *statement, int column, size_t *size)
{
    const void *data = sqlite3_column_blob(statement->prepared, column);
    *size = (size_t)sqlite3_column_bytes(statement->prepared, column);
    return data ? data : "";
}

bool statement_is_null(struct statement *statement, int column)
{
    return sqlite3_column_type(statement->prepared, column) == SQLITE_NULL;
}

enum statement_type statement_type(struct statement *statement, int column)
{
    switch (sqlite3_column_type(statement->prepared, column)) {
    case SQLITE_INTEGER:
        return STATEMENT_INT;
    case SQLITE_FLOAT:
        return STATEMENT_REAL;
    case SQLITE_TEXT:
        return STATEMENT_TEXT;
    case SQLITE_BLOB:
        return STATEMENT_BLOB;
    default:
        return STATEMENT_NULL;
    }
}

int statement_columns(struct statement *statement)
{
    return sqlite3_column_count(statement->prepared);
}

const char *statement_column_name(struct statement *statement, int column)
{
    return sqlite3_column_name(statement->prepared, column);
}
