/* Users that have a share or limits of their own. What writes needs a transaction. */
#ifndef DB_USERS_H
#define DB_USERS_H

#include "db/database.h"

struct users_row {
    const char *name;
    double share;
    uint64_t jobs, tasks; /* open, queued at most */
};

MUST_CHECK int users_set(struct database *db, const struct users_row *user, struct error *err);
/* Calls `each` for every user, by name, until it returns non-zero, which is handed on. */
MUST_CHECK int users_each(struct database *db,
                          int (*each)(void *context, const struct users_row *user,
                                      struct error *err),
                          void *context, struct error *err);

#endif
