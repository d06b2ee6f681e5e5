/* Rows of a statement as CSV (RFC 4180), JSON lines or .npy. */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include <jansson.h>
#include <stdio.h>

#include "common/error.h"
#include "db/database.h"

enum export_format {
    EXPORT_CSV,
    EXPORT_JSONL,
};

/* Writes every row with the columns' names; reals with the digits that read back equal. NULL is
 * empty in CSV, null in JSON. Stops with E_IO where the stream fails. */
MUST_CHECK int export_rows(struct statement *statement, enum export_format format, FILE *out,
                           struct error *err);

/* A column of the present row, null where it is NULL or a blob; NULL where JSON has no such value. */
json_t *export_json(struct statement *statement, int column);

/* Writes the numeric columns of every row as one float32 array (rows, columns). Text columns are
 * left out; NULL is NaN. */
MUST_CHECK int export_npy(struct statement *statement, const char *path, struct error *err);

/* Rows (stage, name, normal, layers): one file FOLDER/<name>_boundary.npy each, (layers, d) float32,
 * InterFaceGAN's layout. *count is how many. */
MUST_CHECK int export_boundaries(struct statement *statement, const char *folder, size_t *count,
                                 struct error *err);

/* Rows (stage, latent): one array (rows, d) float32, or where vectors > 0 (rows, vectors, d).
 * *count is how many. E_INVALID where they are of several stages, E_NOT_FOUND where there is none.
 */
MUST_CHECK int export_latents(struct statement *statement, uint32_t vectors, const char *path,
                              size_t *count, struct error *err);

#endif
