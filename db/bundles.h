/* Bundles in the database: their names, and the wide tables and views of their attributes. */
#ifndef DB_BUNDLES_H
#define DB_BUNDLES_H

#include "common/bundle.h"
#include "common/digest.h"
#include "db/database.h"

struct bundles_row {
    int64_t id;
    char hash[DIGEST_HEX_BYTES];
    char *name;
    char *yaml;
};

void bundles_row_free(struct bundles_row *row);

/* E_INVALID where attributes cannot be columns: two that differ in case only, or one called as a
 * column of ours. */
MUST_CHECK int bundles_check_names(const struct bundle *bundle, struct error *err);

/* Registers a bundle, with face_attributes_<id> and its views. In a transaction. */
MUST_CHECK int bundles_insert(struct database *db, const struct bundle *bundle, const char *hash,
                              const char *yaml, int64_t now_ms, int64_t *id, struct error *err);

/* Makes the views of all bundles anew. In a transaction. */
MUST_CHECK int bundles_remake_views(struct database *db, struct error *err);

/* The bundle with that hash, or the newest of that name; E_NOT_FOUND. The caller frees the row. */
MUST_CHECK int bundles_find(struct database *db, const char *hash_or_name, struct bundles_row *row,
                            struct error *err);
MUST_CHECK int bundles_get(struct database *db, int64_t id, struct bundles_row *row,
                           struct error *err);

#endif
