/* Failed attempts in the database: kept, listed, forgiven. */
#include <stdlib.h>
#include <string.h>

#include "db/results.h"

int results_insert_failure(struct database *db, const struct results_failure *failure,
                           struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "failure_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, failure->stage);
    statement_bind_int(q, 2, (int64_t)failure->task.start);
    statement_bind_int(q, 3, (int64_t)failure->task.count);
    statement_bind_int(q, 4, (int64_t)failure->task.epoch);
    if (failure->worker)
        statement_bind_int(q, 5, failure->worker);
    statement_bind_text(q, 6, failure->code);
    statement_bind_text(q, 7, failure->text);
    statement_bind_text(q, 8, failure->log);
    statement_bind_int(q, 9, failure->at_ms);
    return statement_run(q, err);
}

static int read_failure(struct statement *q, struct wire_failure_info *f, struct error *err)
{
    *f = (struct wire_failure_info){
        .stage = strdup(statement_text(q, 0)),
        .start = (uint64_t)statement_int(q, 1),
        .count = (uint64_t)statement_int(q, 2),
        .code = strdup(statement_text(q, 3)),
        .text = strdup(statement_text(q, 4)),
        .log = strdup(statement_text(q, 5)),
        .worker = strdup(statement_text(q, 6)),
        .host = strdup(statement_text(q, 7)),
        .device = strdup(statement_text(q, 8)),
        .set_aside = (uint64_t)statement_int(q, 9),
        .at_ms = statement_int(q, 10),
    };
    bool whole = f->stage && f->code && f->text && f->log && f->worker && f->host && f->device;
    return whole ? 0 : error_set(err, E_MEMORY, "out of memory");
}

int results_failures(struct database *db, int64_t job, size_t most,
                     struct wire_failure_info **failures, size_t *count, struct error *err)
{
    struct statement *q;
    size_t n = 0;
    struct wire_failure_info *list = calloc(most, sizeof *list);
    if (!list)
        return error_set(err, E_MEMORY, "no memory for %zu failures", most);
    int rc = database_query(db, "failure_list", &q, err);
    if (rc == 0) {
        statement_bind_int(q, 1, job);
        statement_bind_int(q, 2, (int64_t)most);
        while (n < most && (rc = statement_step(q, err)) > 0)
            if ((rc = read_failure(q, &list[n++], err)) < 0)
                break;
        statement_reset(q);
    }
    if (rc < 0) {
        results_failures_free(list, n);
        return rc;
    }
    *failures = list;
    *count = n;
    return 0;
}

void results_failures_free(struct wire_failure_info *failures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((char *)failures[i].stage);
        free((char *)failures[i].code);
        free((char *)failures[i].text);
        free((char *)failures[i].log);
        free((char *)failures[i].worker);
        free((char *)failures[i].host);
        free((char *)failures[i].device);
    }
    free(failures);
}

int results_forgive(struct database *db, int64_t stage, bool restart, struct error *err)
{
    static const char *const names[] = {"poison_forgive", "stage_forgive", "direction_forget",
                                        "gain_leak_forget"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < (restart ? 4 : 2); i++) {
        struct statement *q;
        rc = database_query(db, names[i], &q, err);
        if (rc < 0)
            return rc;
        statement_bind_int(q, 1, stage);
        rc = statement_run(q, err);
    }
    return rc;
}
