/* Workers in the database. */
#include "db/workers.h"

int workers_upsert(struct database *db, const struct wire_hello *hello, const char *labels,
                   int64_t now_ms, int64_t *id, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "worker_upsert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, (int64_t)hello->session);
    statement_bind_text(q, 2, hello->name);
    statement_bind_text(q, 3, hello->host);
    statement_bind_text(q, 4, hello->device);
    statement_bind_text(q, 5, hello->driver);
    statement_bind_text(q, 6, hello->device_kind);
    statement_bind_int(q, 7, (int64_t)hello->compute_units);
    statement_bind_int(q, 8, (int64_t)hello->memory);
    statement_bind_int(q, 9, now_ms);
    statement_bind_text(q, 10, labels);
    return statement_run_int(q, id, err);
}

int workers_seen(struct database *db, int64_t id, const char *state, int64_t now_ms,
                 struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "worker_seen", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, id);
    statement_bind_int(q, 2, now_ms);
    statement_bind_text(q, 3, state);
    return statement_run(q, err);
}

int workers_set_aside(struct database *db, int64_t id, const char *reason, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "worker_aside", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, id);
    statement_bind_text(q, 2, reason);
    return statement_run(q, err);
}

int workers_each(struct database *db, size_t most,
                 int (*each)(void *context, const struct workers_row *row, struct error *err),
                 void *context, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "worker_list", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, (int64_t)most);
    while ((rc = statement_step(q, err)) > 0) {
        struct workers_row row = {
            .id = statement_int(q, 0),
            .session = (uint64_t)statement_int(q, 1),
            .name = statement_text(q, 2),
            .host = statement_text(q, 3),
            .device = statement_text(q, 4),
            .device_kind = statement_text(q, 5),
            .last_seen_ms = statement_int(q, 6),
            .tasks_done = (uint64_t)statement_int(q, 7),
            .tasks_failed = (uint64_t)statement_int(q, 8),
            .alive = statement_int(q, 9) != 0,
            .aside = statement_is_null(q, 10) ? NULL : statement_text(q, 10),
            .labels = statement_text(q, 11),
            .memory = (uint64_t)statement_int(q, 12),
        };
        rc = each(context, &row, err);
        if (rc != 0)
            break;
    }
    statement_reset(q);
    return rc;
}
