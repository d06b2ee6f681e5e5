/*
 * Latents that `facefarm latents import` brought into a store: a folder STORE/latents/HASH with
 * blocks of rows, each called by its SHA-256 (float32, little-endian), and the file `list`:
 *
 *     facefarm-latents/1 space=w+ rows=10000 vectors=18 dimension=512 block=455
 *     SHA-256 of rows 0 to 454
 *     SHA-256 of rows 455 to 909
 *     …
 *
 * HASH is the SHA-256 of the list, so a spec that names it says what every number is. A worker
 * reads the blocks that a task wants, and no others.
 */
#ifndef COMMON_LATENT_LIST_H
#define COMMON_LATENT_LIST_H

#include "common/buffer.h"
#include "common/bundle.h"
#include "common/digest.h"
#include "common/limits.h"

#define LATENT_LIST_FILE "list"
#define LATENT_LIST_BYTES_MOST (1u << 20)
#define LATENT_BLOCK_BYTES ((size_t)4 << 20) /* a block has so many bytes at most, or is one row   \
                                              */

struct latent_list {
    enum bundle_space space;
    uint64_t rows;
    uint32_t vectors, dimension; /* of a row; vectors: 1 but in w+ */
    uint64_t block;              /* rows of every block but the last */
    size_t blocks;
    char (*sha256)[DIGEST_HEX_BYTES]; /* [blocks] */
};

/* Numbers of a row. */
size_t latent_list_width(const struct latent_list *list);
/* Rows of a block of rows of that width. */
uint64_t latent_list_block(size_t width);
/* Rows of block `i`. */
uint64_t latent_list_rows(const struct latent_list *list, size_t i);

/* STORE/latents/HASH; E_LIMIT where that is too long. */
MUST_CHECK int latent_list_folder(const char *store, const char *hash,
                                  char path[2 * LIMIT_PATH_BYTES], struct error *err);
/* Reads and checks FOLDER/list: its hash is `hash`. E_NOT_FOUND says to import. The caller frees.
 */
MUST_CHECK int latent_list_read(const char *folder, const char *hash, struct latent_list *list,
                                struct error *err);
/* The same of a list in memory; its hash is not looked at. */
MUST_CHECK int latent_list_parse(const void *data, size_t size, struct latent_list *list,
                                 struct error *err);
void latent_list_free(struct latent_list *list);
/* Its text, which latent_list_parse reads back equal. */
MUST_CHECK int latent_list_print(const struct latent_list *list, struct buffer *text,
                                 struct error *err);

/* Whether a bundle can make faces of such rows: z by its generator or, in w and w+, its mapping; w
 * in w and in w+, w+ in w+, of the same dimension and as many vectors. E_INVALID says what was
 * found and expected. */
MUST_CHECK int latent_list_check(const struct latent_list *list, const struct bundle *bundle,
                                 struct error *err);

#endif
