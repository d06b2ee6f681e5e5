/* Temporary tables hide those of the file, as SQLite looks for a name among the former first. */
#include "db/reduction.h"

#include "db/database_priv.h"

static const struct {
    const char *rows, *insert;
} tables[] = {
    {"reduction_summary", "reduction_summary_insert"},
    {"reduction_measures", "reduction_measures_insert"},
    {"reduction_quality", "reduction_quality_insert"},
};

int reduction_open(const char *path, struct database **db, struct error *err)
{
    struct database *made = NULL;
    int rc = database_open_read_only(path, &made, err);
    if (rc == 0)
        rc = database_script(made, "reduction_open", err);
    if (rc < 0)
        database_close(&made);
    else
        *db = made;
    return rc;
}

void reduction_interrupt(struct database *db)
{
    sqlite3_interrupt(db->sqlite);
}

static void bind_column(struct statement *to, struct statement *from, int column)
{
    switch (statement_type(from, column)) {
    case STATEMENT_INT:
        statement_bind_int(to, column + 1, statement_int(from, column));
        break;
    case STATEMENT_REAL:
        statement_bind_real(to, column + 1, statement_real(from, column));
        break;
    case STATEMENT_TEXT:
        statement_bind_text(to, column + 1, statement_text(from, column));
        break;
    case STATEMENT_BLOB: /* none of them has any */
    case STATEMENT_NULL:
        statement_bind_null(to, column + 1);
        break;
    }
}

static int take_table(struct database *from, struct database *to, size_t table, int64_t stage,
                      struct error *err)
{
    struct statement *rows, *insert;
    int rc = database_query(from, tables[table].rows, &rows, err);
    if (rc == 0)
        rc = database_query(to, tables[table].insert, &insert, err);
    if (rc < 0)
        return rc;
    statement_bind_int(rows, 1, stage);
    while ((rc = statement_step(rows, err)) > 0) {
        for (int i = 0; i < statement_columns(rows); i++)
            bind_column(insert, rows, i);
        rc = statement_run(insert, err);
        if (rc < 0)
            break;
    }
    statement_reset(rows);
    return rc;
}

int reduction_take(struct database *from, struct database *to, int64_t stage, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof *tables; i++)
        rc = take_table(from, to, i, stage, err);
    return rc;
}
