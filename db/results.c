/* Results of tasks in the database: binding and reading, no decisions. */
#include "db/results.h"

#include <stdio.h>
#include <string.h>

int results_insert_task(struct database *db, const struct results_task *task,
                        const struct wire_stage_metrics *metrics, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "task_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, task->stage);
    statement_bind_int(q, 2, (int64_t)task->start);
    statement_bind_int(q, 3, (int64_t)task->count);
    statement_bind_int(q, 4, (int64_t)task->epoch);
    statement_bind_int(q, 5, task->attempts);
    statement_bind_int(q, 6, task->worker);
    statement_bind_text(q, 7, task->digest);
    statement_bind_int(q, 8, task->leased_ms);
    statement_bind_int(q, 9, task->committed_ms);
    statement_bind_int(q, 10, (int64_t)metrics->faces);
    statement_bind_int(q, 11, (int64_t)metrics->bytes);
    statement_bind_real(q, 12, metrics->latents_ms);
    statement_bind_real(q, 13, metrics->generate_ms);
    statement_bind_real(q, 14, metrics->label_ms);
    statement_bind_real(q, 15, metrics->solve_ms);
    statement_bind_real(q, 16, metrics->encode_ms);
    statement_bind_real(q, 17, metrics->total_ms);
    statement_bind_int(q, 18, (int64_t)metrics->evaluations);
    return statement_run(q, err);
}

int results_find_task(struct database *db, int64_t stage, uint64_t start, uint64_t *count,
                      char digest[DIGEST_HEX_BYTES], struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "task_find", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)start);
    rc = statement_step(q, err);
    if (rc > 0) {
        *count = (uint64_t)statement_int(q, 0);
        snprintf(digest, DIGEST_HEX_BYTES, "%s", statement_text(q, 1));
        statement_reset(q);
    }
    return rc;
}

int results_newest_epoch(struct database *db, uint64_t *epoch, struct error *err)
{
    struct statement *q;
    int64_t newest;
    int rc = database_query(db, "task_newest_epoch", &q, err);
    if (rc == 0)
        rc = statement_run_int(q, &newest, err);
    if (rc == 0)
        *epoch = (uint64_t)newest;
    return rc;
}

static const char *ranges_statement(enum results_ranges which)
{
    switch (which) {
    case RESULTS_DONE:
        return "task_ranges";
    case RESULTS_FAILURES:
        return "failure_ranges";
    case RESULTS_POISON:
        return "poison_ranges";
    }
    return "";
}

int results_each_range(struct database *db, int64_t stage, enum results_ranges which,
                       int (*each)(void *context, uint64_t start, uint64_t count, int64_t worker,
                                   struct error *err),
                       void *context, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, ranges_statement(which), &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    while ((rc = statement_step(q, err)) > 0) {
        int64_t worker = which == RESULTS_FAILURES ? statement_int(q, 2) : 0;
        rc = each(context, (uint64_t)statement_int(q, 0), (uint64_t)statement_int(q, 1), worker,
                  err);
        if (rc != 0)
            break;
    }
    statement_reset(q);
    return rc;
}

/* ---- files ---- */

int results_insert_file(struct database *db, int64_t stage, const struct wire_file *file,
                        struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "file_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_text(q, 2, file->path);
    statement_bind_text(q, 3, file->kind);
    statement_bind_text(q, 4, file->target);
    statement_bind_int(q, 5, (int64_t)file->projected);
    statement_bind_int(q, 6, (int64_t)file->start);
    statement_bind_int(q, 7, (int64_t)file->count);
    statement_bind_int(q, 8, (int64_t)file->bytes);
    statement_bind_text(q, 9, file->sha256);
    return statement_run(q, err);
}

int results_has_file(struct database *db, int64_t stage, const char *path, bool *has,
                     struct error *err)
{
    struct statement *q;
    int64_t count;
    int rc = database_query(db, "file_count", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_text(q, 2, path);
    rc = statement_run_int(q, &count, err);
    if (rc == 0)
        *has = count > 0;
    return rc;
}

/* ---- what went wrong: see also failures.c ---- */

int results_last_failure(struct database *db, int64_t stage, uint64_t start, char *text,
                         size_t size, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "failure_last", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)start);
    rc = statement_step(q, err);
    if (rc < 0)
        return rc;
    if (rc > 0)
        snprintf(text, size, "%s: %s", statement_text(q, 0), statement_text(q, 1));
    else
        snprintf(text, size, "%s", "");
    statement_reset(q);
    return 0;
}

int results_insert_poison(struct database *db, int64_t stage, uint64_t start, uint64_t count,
                          struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "poison_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)start);
    statement_bind_int(q, 3, (int64_t)count);
    return statement_run(q, err);
}

int results_delete_poison(struct database *db, int64_t stage, uint64_t start, uint64_t count,
                          struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "poison_delete", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)start);
    statement_bind_int(q, 3, (int64_t)(start + count));
    return statement_run(q, err);
}

int results_insert_fault(struct database *db, int64_t stage, uint64_t start, uint64_t count,
                         int64_t worker, const char *expected, const char *found, int64_t now_ms,
                         struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "fault_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)start);
    statement_bind_int(q, 3, (int64_t)count);
    statement_bind_int(q, 4, worker);
    statement_bind_text(q, 5, expected);
    statement_bind_text(q, 6, found);
    statement_bind_int(q, 7, now_ms);
    return statement_run(q, err);
}
