/* A table out of a statement: every cell has its value unrounded in data-v, which the page's script
 * sorts by and the tests compare with the database. */
#ifndef CLI_REPORT_TABLE_H
#define CLI_REPORT_TABLE_H

#include "cli/report/report_priv.h"

enum table_kind {
    TABLE_NAME,   /* an attribute, as people read it */
    TABLE_TEXT,   /* as it is */
    TABLE_COUNT,  /* a whole number */
    TABLE_NUMBER, /* with so many decimals */
    TABLE_SIGNED, /* with its sign */
    TABLE_SHARE,  /* in per cent */
    TABLE_RANGE,  /* two columns of the statement: "low to high" */
};

struct table_column {
    const char *title;
    enum table_kind kind;
    int decimals;
    const char *class; /* of the cells, or NULL */
};

/* The statement's rows under the columns' titles; `rows`, where not NULL, receives how many.
 * Nothing is written where there are none, and no column of figures that no row has. ?1 is already
 * bound. */
MUST_CHECK int table_print(struct report *report, struct statement *statement, const char *class,
                           const struct table_column *columns, size_t count, size_t *rows,
                           struct error *err);

/* The statement called `name` with ?1 = id. */
MUST_CHECK int table_query(struct report *report, const char *name, int64_t id, const char *class,
                           const struct table_column *columns, size_t count, size_t *rows,
                           struct error *err);

#endif
