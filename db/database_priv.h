/* What database.c and statement.c share. */
#ifndef DB_DATABASE_PRIV_H
#define DB_DATABASE_PRIV_H

#include <sqlite3.h>

#include "common/embedded.h"
#include "db/checkpoint.h"
#include "db/database.h"

/* Made by the build from db/statements and db/migrations. */
extern const struct embedded_file database_statements[];
extern const struct embedded_file database_migrations[];

#define DATABASE_RECENT 16

struct statement {
    struct database *db;
    const char *name; /* of the statement, or of its maker */
    const char *sql;  /* not NUL-terminated; NULL for a made one, whose text is in `prepared` */
    size_t size;
    int64_t made_for, made_part; /* what its maker was run with */
    struct statement *next;      /* the list of made statements */
    sqlite3_stmt *prepared;
    int bind_error; /* the first SQLite code of a bind since the last query */
};

struct database {
    sqlite3 *sqlite;
    char *path;
    int lock;                     /* descriptor of the lock file, or -1 */
    struct checkpoint *checkpoint; /* the writer's, or NULL */
    struct statement *statements; /* sorted by name */
    size_t count;
    struct { /* found last, by the address of the name */
        const char *name;
        struct statement *statement;
    } recent[DATABASE_RECENT];
    struct statement *made;
    const char *begun_file; /* NULL: no transaction */
    int begun_line;
    int64_t events_kept;      /* 0: EVENTS_KEPT */
    uint64_t events_inserted; /* by this program */
};

/* Reads the statements' names and places out of the embedded files. */
MUST_CHECK int statement_table_make(struct database *db, struct error *err);
void statement_table_free(struct database *db);
struct statement *statement_find(struct database *db, const char *name);

/* Runs a script of several statements that is embedded under `name`. */
MUST_CHECK int database_script(struct database *db, const char *name, struct error *err);

/* Our code for what SQLite just said, with a sentence: "<path>: <what>: <SQLite's text>". */
int database_failed(struct database *db, int code, const char *what, struct error *err);

#endif
