/*
 * A database's invariants, and a copy of it. Both read a database that a broker may be writing, as
 * it stood at one moment (WAL), and write nothing to it.
 */
#ifndef DB_CHECK_H
#define DB_CHECK_H

#include "db/database.h"

/* A violation: which invariant (a name such as "ranges"), and a sentence. */
struct check_finding {
    const char *invariant, *text;
};

struct check_result {
    size_t invariants; /* that were checked */
    uint64_t findings; /* all, also those that were not handed to `each` */
};

#define CHECK_FINDINGS_MOST 20 /* of one invariant that are handed to `each` */

/*
 * Checks every invariant of db/statements/check.sql; `each` gets what is wrong, until it returns
 * non-zero, which is handed on. 0 whether or not something is wrong: see *result. An error where
 * the database cannot be read.
 */
MUST_CHECK int database_check(struct database *db,
                              int (*each)(void *context, const struct check_finding *finding,
                                          struct error *err),
                              void *context, struct check_result *result, struct error *err);

/* Calls `each` for every file that the database says is in the store. */
struct check_file {
    const char *path, *kind; /* relative to the store; "png": a folder of pictures, else a file */
    uint64_t bytes;
    const char *sha256;
};
MUST_CHECK int database_each_file(struct database *db,
                                  int (*each)(void *context, const struct check_file *file,
                                              struct error *err),
                                  void *context, struct error *err);

/* Copies the database to `path`, which must not exist (E_EXISTS): whole and durable, or not at
 * all. */
MUST_CHECK int database_backup(struct database *db, const char *path, struct error *err);

#endif
