/* The imported latents of a store (common/latent_list.h), row by row. Belongs to the device's
 * thread. */
#ifndef WORKER_LATENT_ROWS_H
#define WORKER_LATENT_ROWS_H

#include <stdbool.h>

#include "common/latent_list.h"
#include "common/transfer.h"

struct latent_rows; /* opaque: a list, where its blocks lie, and the block read last */

/* Reads STORE/latents/HASH/list. */
MUST_CHECK int latent_rows_open(const char *store, const char *hash, struct latent_rows **rows,
                                struct error *err);
/* The same from the broker, over a connection that outlives them: a block comes when it is wanted.
 */
MUST_CHECK int latent_rows_fetch(struct transfer *transfer, const char *hash,
                                 struct latent_rows **rows, struct error *err);
void latent_rows_close(struct latent_rows **rows);
/* Whether they are those of that hash. */
bool latent_rows_are(const struct latent_rows *rows, const char *hash);
const struct latent_list *latent_rows_list(const struct latent_rows *rows);

/* Rows first … first+count−1: numbers[count][latent_list_width]. E_INVALID where there are none; a
 * block that is missing, or another than the list says, is E_NOT_FOUND or E_DIGEST, since another
 * worker may have it. */
MUST_CHECK int latent_rows_read(struct latent_rows *rows, uint64_t first, size_t count,
                                float *numbers, struct error *err);

#endif
