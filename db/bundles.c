/* Bundles in the database. The SQL of the wide tables is written by SQL, in statements/bundle.sql.
 */
#include "db/bundles.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Columns that stand beside the attributes in the wide table and its views. */
static const char *const columns[] = {
    "stage_id",
    "idx",
    "variant",
    "job",
    "stage",
    "sample",
    "age_fit",
    "age_judge",
    "age_before",
    "age_after",
    "age_after_projected",
    "identity",
    "identity_projected",
    "target",
    "face",
    "distance",
    "projected",
};

int bundles_check_names(const struct bundle *bundle, struct error *err)
{
    const char *const *names = bundle->attributes;
    for (uint32_t i = 0; i < bundle->attributes_count; i++) {
        for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
            if (strcasecmp(names[i], columns[k]) == 0)
                return error_set(err, E_INVALID,
                                 "bundle %s: attribute %u is called \"%s\", which is "
                                 "the name of a column beside the attributes",
                                 bundle->name, i, names[i]);
        for (uint32_t k = 0; k < i; k++)
            if (strcasecmp(names[i], names[k]) == 0)
                return error_set(err, E_INVALID,
                                 "bundle %s: attributes %u and %u, \"%s\" and \"%s\", "
                                 "are one column to SQL",
                                 bundle->name, k, i, names[k], names[i]);
    }
    return 0;
}

void bundles_row_free(struct bundles_row *row)
{
    free(row->name);
    free(row->yaml);
    *row = (struct bundles_row){0};
}

static int insert_attributes(struct database *db, const struct bundle *bundle, int64_t id,
                             struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "bundle_attribute_insert", &q, err);
    for (uint32_t i = 0; rc == 0 && i < bundle->attributes_count; i++) {
        statement_bind_int(q, 1, id);
        statement_bind_int(q, 2, i);
        statement_bind_text(q, 3, bundle->attributes[i]);
        rc = statement_run(q, err);
    }
    return rc;
}

int bundles_remake_views(struct database *db, struct error *err)
{
    struct statement *q;
    int64_t id = 0;
    /* One at a time: what runs in between must not change what the query reads. */
    int rc = database_query(db, "bundle_next", &q, err);
    while (rc == 0) {
        statement_bind_int(q, 1, id);
        rc = statement_step(q, err);
        if (rc <= 0)
            return rc;
        id = statement_int(q, 0);
        statement_reset(q);
        rc = database_execute_made(db, "bundle_drop_views", id, err);
        if (rc == 0)
            rc = database_execute_made(db, "bundle_make_views", id, err);
    }
    return rc;
}

int bundles_insert(struct database *db, const struct bundle *bundle, const char *hash,
                   const char *yaml, int64_t now_ms, int64_t *id, struct error *err)
{
    struct statement *q;
    int64_t made = 0;
    int rc = database_query(db, "bundle_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_text(q, 1, hash);
    statement_bind_text(q, 2, bundle->name);
    statement_bind_text(q, 3, yaml);
    statement_bind_int(q, 4, (int64_t)bundle_latent_size(bundle));
    statement_bind_int(q, 5, now_ms);
    rc = statement_run(q, err);
    if (rc == 0) {
        made = database_last_id(db);
        rc = insert_attributes(db, bundle, made, err);
    }
    if (rc == 0)
        rc = database_execute_made(db, "bundle_make_table", made, err);
    if (rc == 0)
        rc = database_execute_made(db, "bundle_make_views", made, err);
    if (rc == 0)
        *id = made;
    return rc;
}

static int read_row(struct statement *q, struct bundles_row *row, struct error *err)
{
    int rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    row->id = statement_int(q, 0);
    strncpy(row->hash, statement_text(q, 1), sizeof row->hash - 1);
    row->hash[sizeof row->hash - 1] = '\0';
    row->name = strdup(statement_text(q, 2));
    row->yaml = strdup(statement_text(q, 3));
    statement_reset(q);
    if (!row->name || !row->yaml) {
        bundles_row_free(row);
        return error_set(err, E_MEMORY, "out of memory");
    }
    return 1;
}

int bundles_find(struct database *db, const char *hash_or_name, struct bundles_row *row,
                 struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "bundle_find", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_text(q, 1, hash_or_name);
    rc = read_row(q, row, err);
    if (rc == 0)
        return error_set(err, E_NOT_FOUND, "no bundle is called \"%s\": facefarm bundle add FOLDER",
                         hash_or_name);
    return rc < 0 ? rc : 0;
}

int bundles_get(struct database *db, int64_t id, struct bundles_row *row, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "bundle_get", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, id);
    rc = read_row(q, row, err);
    if (rc == 0)
        return error_set(err, E_NOT_FOUND, "no bundle has id %lld", (long long)id);
    return rc < 0 ? rc : 0;
}
