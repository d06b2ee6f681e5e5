#include "support.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int folder_open(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    strcpy(folder->path, "/tmp/facefarm-db-XXXXXX");
    if (!mkdtemp(folder->path))
        return -1;
    snprintf(folder->db, sizeof folder->db, "%s/farm.db", folder->path);
    *state = folder;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

int folder_close(void **state)
{
    struct folder *folder = *state;
    nftw(folder->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
    return 0;
}

void bundle_of(struct bundle *bundle, const char *name, const char *const *attributes,
               uint32_t count)
{
    *bundle = (struct bundle){.name = (char *)(uintptr_t)name};
    bundle->generator.latent.dimension = 8;
    bundle->attributes = (const char **)(uintptr_t)attributes;
    bundle->attributes_count = count;
}

const char *ask(const char *path, const char *sql)
{
    static char value[4096];
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    value[0] = '\0';
    if (sqlite3_step(q) == SQLITE_ROW && sqlite3_column_text(q, 0))
        snprintf(value, sizeof value, "%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    sqlite3_close(db);
    return value;
}

void execute(const char *path, const char *sql)
{
    sqlite3 *db;
    char *text = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
    sqlite3_close(db);
}
