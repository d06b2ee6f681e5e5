/*
 * The invariants are statements (statements/check.sql), run in one read transaction, so that a
 * broker that goes on writing is seen at one moment. The copy is SQLite's own online backup in a
 * single step, which is such a moment too. One thread, the caller's.
 */
#include "db/check.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "db/database_priv.h"

/* ---- invariants ---- */

static const char *const invariants[] = {"integrity", "references", "ends",   "jobs",
                                         "inputs",    "audit",      "ranges", "progress",
                                         "faces",     "boundaries", "files",  "summaries",
                                         "measures",  "samples"};
#define INVARIANTS (sizeof invariants / sizeof *invariants)

struct check {
    struct database *db;
    int (*each)(void *context, const struct check_finding *finding, struct error *err);
    void *context;
    struct check_result result;
};

static int run(struct check *check, const char *invariant, struct statement *q, struct error *err)
{
    int rc, told = 0;
    while ((rc = statement_step(q, err)) > 0) {
        const struct check_finding finding = {invariant, statement_text(q, 0)};
        check->result.findings++;
        if (told++ < CHECK_FINDINGS_MOST && (rc = check->each(check->context, &finding, err)) != 0)
            break;
    }
    statement_reset(q);
    return rc < 0 ? error_prefix(err, rc, "invariant \"%s\"", invariant) : rc;
}

static int run_named(struct check *check, const char *invariant, struct error *err)
{
    char name[64];
    struct statement *q;
    snprintf(name, sizeof name, "check_%s", invariant);
    int rc = database_query(check->db, name, &q, err);
    if (rc < 0)
        return rc;
    check->result.invariants++;
    return run(check, invariant, q, err);
}

/* Each bundle has a wide table of its own. */
static int run_logits(struct check *check, struct error *err)
{
    struct statement *bundles, *q;
    int rc = database_query(check->db, "check_bundles", &bundles, err);
    if (rc < 0)
        return rc;
    check->result.invariants++;
    while ((rc = statement_step(bundles, err)) > 0) {
        rc = database_made(check->db, "check_make_logits", statement_int(bundles, 0), 0, &q, err);
        if (rc == 0)
            rc = run(check, "logits", q, err);
        if (rc != 0)
            break;
    }
    statement_reset(bundles);
    return rc;
}

int database_check(struct database *db,
                   int (*each)(void *context, const struct check_finding *finding,
                               struct error *err),
                   void *context, struct check_result *result, struct error *err)
{
    struct check check = {.db = db, .each = each, .context = context};
    int rc = database_script(db, "check_begin", err);
    for (size_t i = 0; rc == 0 && i < INVARIANTS; i++)
        rc = run_named(&check, invariants[i], err);
    if (rc == 0)
        rc = run_logits(&check, err);
    if (!sqlite3_get_autocommit(db->sqlite)) {
        int ended = database_script(db, "rollback", rc == 0 ? err : NULL);
        rc = rc == 0 ? ended : rc;
    }
    if (rc == 0)
        *result = check.result;
    return rc;
}

int database_each_file(struct database *db,
                       int (*each)(void *context, const struct check_file *file, struct error *err),
                       void *context, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "check_stored", &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        const struct check_file file = {statement_text(q, 0), statement_text(q, 1),
                                        (uint64_t)statement_int(q, 2), statement_text(q, 3)};
        rc = each(context, &file, err);
    }
    statement_reset(q);
    return rc;
}

/* ---- backup ---- */

static int copy(struct database *db, const char *path, struct error *err)
{
    sqlite3 *to = NULL;
    sqlite3_backup *backup = NULL;
    int code = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK && !(backup = sqlite3_backup_init(to, "main", db->sqlite, "main")))
        code = sqlite3_errcode(to);
    if (backup) {
        sqlite3_backup_step(backup, -1);
        code = sqlite3_backup_finish(backup);
    }
    int rc = code == SQLITE_OK
                 ? 0
                 : error_set(err, E_IO, "%s: cannot be written: %s", path, sqlite3_errmsg(to));
    sqlite3_close(to);
    return rc;
}

static int sync_path(const char *path, int flags, struct error *err)
{
    int descriptor = open(path, flags | O_CLOEXEC);
    int rc = 0;
    if (descriptor < 0 || fsync(descriptor) != 0)
        rc = error_set(err, E_IO, "%s: %s", path, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return rc;
}

/* link(2) and not rename(2): what is there already is never replaced. */
static int place(const char *partial, const char *path, struct error *err)
{
    char folder[LIMIT_PATH_BYTES];
    if (link(partial, path) != 0)
        return error_set(err, errno == EEXIST ? E_EXISTS : E_IO, "%s: %s", path, strerror(errno));
    snprintf(folder, sizeof folder, "%s", path);
    return sync_path(dirname(folder), O_RDONLY | O_DIRECTORY, err);
}

int database_backup(struct database *db, const char *path, struct error *err)
{
    char partial[LIMIT_PATH_BYTES];
    int length = snprintf(partial, sizeof partial, "%s.partial-%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof partial)
        return error_set(err, E_LIMIT, "%.100s…: the path is too long, LIMIT_PATH_BYTES is %d",
                         path, LIMIT_PATH_BYTES);
    if (access(path, F_OK) == 0)
        return error_set(err, E_EXISTS, "%s: is there already; a backup replaces nothing", path);
    int descriptor = open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return error_set(err, E_IO, "%s: %s", partial, strerror(errno));
    close(descriptor);
    int rc = copy(db, partial, err);
    if (rc == 0)
        rc = sync_path(partial, O_RDONLY, err);
    if (rc == 0)
        rc = place(partial, path, err);
    unlink(partial);
    return rc;
}
