/* Users in the database: binding and reading, no decisions. */
#include "db/users.h"

int users_set(struct database *db, const struct users_row *user, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "user_set", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_text(q, 1, user->name);
    statement_bind_real(q, 2, user->share);
    statement_bind_int(q, 3, (int64_t)user->jobs);
    statement_bind_int(q, 4, (int64_t)user->tasks);
    return statement_run(q, err);
}

int users_each(struct database *db,
               int (*each)(void *context, const struct users_row *user, struct error *err),
               void *context, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "user_list", &q, err);
    if (rc < 0)
        return rc;
    while ((rc = statement_step(q, err)) > 0) {
        struct users_row row = {statement_text(q, 0), statement_real(q, 1),
                                (uint64_t)statement_int(q, 2), (uint64_t)statement_int(q, 3)};
        rc = each(context, &row, err);
        if (rc != 0)
            break;
    }
    statement_reset(q);
    return rc;
}
