/* The headline figures, each one statement, and those statements' texts. */
#include <string.h>

#include "cli/report/report_priv.h"
#include "common/embedded.h"

extern const struct embedded_file report_statements[];

int report_find_job(struct database *db, int64_t job, int64_t *found, struct error *err)
{
    struct statement *q;
    int64_t last = 0;
    int rc = database_query(db, "report_last_job", &q, err);
    if (rc == 0)
        rc = statement_run_int(q, &last, err);
    if (rc != 0)
        return rc;
    if (last == 0)
        return error_set(err, E_NOT_FOUND, "the database has no job yet");
    if (job) {
        rc = database_query(db, "report_job", &q, err);
        if (rc != 0)
            return rc;
        statement_bind_int(q, 1, job);
        rc = statement_step(q, err);
        if (rc < 0)
            return rc;
        statement_reset(q);
        if (rc == 0)
            return error_set(err, E_NOT_FOUND,
                             "the database has no job %lld (the last one is %lld)", (long long)job,
                             (long long)last);
    }
    *found = job ? job : last;
    return 0;
}

/* The one value of a statement, NULL as an unknown figure. */
static int value(struct database *db, const char *name, int64_t job, struct figure *figure,
                 struct error *err)
{
    struct statement *q;
    int rc = database_query(db, name, &q, err);
    if (rc != 0)
        return rc;
    statement_bind_int(q, 1, job);
    rc = statement_step(q, err);
    if (rc < 0)
        return rc;
    *figure = rc ? report_figure(q, 0) : (struct figure){0};
    statement_reset(q);
    return 0;
}

static int read_shifts(struct database *db, int64_t job, struct report_headline *headline,
                       struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "report_headline_age_shift", &q, err);
    if (rc != 0)
        return rc;
    statement_bind_int(q, 1, job);
    while ((rc = statement_step(q, err)) > 0) {
        int at = headline->shifts_count;
        if (at == 2 || (at == 1 && statement_int(q, 0) != 1))
            continue; /* a second evaluate stage */
        headline->shifts[headline->shifts_count++] =
            (struct report_shift){.projected = (int)statement_int(q, 0),
                                  .distance = statement_real(q, 1),
                                  .faces = statement_int(q, 2),
                                  .mean_before = statement_real(q, 3),
                                  .mean_after = statement_real(q, 4),
                                  .shift = statement_real(q, 5),
                                  .low = statement_real(q, 6),
                                  .high = statement_real(q, 7)};
        snprintf(headline->shifts[at].target, sizeof headline->shifts[at].target, "%s",
                 statement_text(q, 8));
        if (!statement_is_null(q, 9))
            snprintf(headline->shifts[at].words, sizeof headline->shifts[at].words, "%s",
                     statement_text(q, 9));
    }
    return rc;
}

static int read_throughput(struct database *db, int64_t job, struct report_headline *headline,
                           struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "report_headline_throughput", &q, err);
    if (rc != 0)
        return rc;
    statement_bind_int(q, 1, job);
    rc = statement_step(q, err);
    if (rc > 0) {
        headline->faces_made = statement_int(q, 0);
        headline->elapsed_ms = statement_int(q, 1);
        headline->workers = statement_int(q, 2);
        statement_reset(q);
    }
    return rc < 0 ? rc : 0;
}

int report_headline(struct database *db, int64_t job, struct report_headline *headline,
                    struct error *err)
{
    struct report_headline read = {.job = job};
    struct figure faces = {0}, boundaries = {0};
    const struct {
        const char *name;
        struct figure *figure;
    } values[] = {
        {"report_headline_faces", &faces},
        {"report_headline_boundaries", &boundaries},
        {"report_headline_balanced_accuracy", &read.balanced_accuracy},
        {"report_headline_test_accuracy", &read.test_accuracy},
        {"report_headline_base_rate", &read.base_rate},
        {"report_headline_f1", &read.f1},
        {"report_headline_auc", &read.auc},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof values / sizeof *values; i++)
        rc = value(db, values[i].name, job, values[i].figure, err);
    if (rc == 0)
        rc = read_shifts(db, job, &read, err);
    if (rc == 0)
        rc = read_throughput(db, job, &read, err);
    if (rc != 0)
        return rc;
    read.faces = (int64_t)faces.value;
    read.boundaries = (int64_t)boundaries.value;
    *headline = read;
    return 0;
}

int report_sql(const char *name, int64_t job, struct buffer *text, struct error *err)
{
    const struct embedded_file *file = embedded_find(report_statements, "report.sql");
    char mark[96];
    snprintf(mark, sizeof mark, "-- name: %s\n", name);
    const char *at = file ? strstr(file->text, mark) : NULL;
    if (!at)
        return error_set(err, E_NOT_FOUND, "report.sql has no statement %s", name);
    at += strlen(mark);
    const char *end = strchr(at, ';');
    int rc = 0;
    while (rc == 0 && end && at <= end) {
        const char *parameter = strstr(at, "?1");
        if (parameter && parameter < end) {
            rc = buffer_append(text, at, (size_t)(parameter - at), err);
            if (rc == 0)
                rc = buffer_printf(text, err, "%lld", (long long)job);
            at = parameter + 2;
        } else {
            rc = buffer_append(text, at, (size_t)(end + 1 - at), err);
            at = end + 1;
        }
    }
    return rc != 0 ? rc : buffer_append(text, "", 1, err);
}
