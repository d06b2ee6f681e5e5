/* What is imported into a store: a folder STORE/KIND/HASH with files. HASH is the SHA-256 of the
 * file `list` where there is one (importing_end), else of the folder (importing_name). It is put
 * together beside, on the disk before it gets its name, and whole or not there. Who may read it is
 * the umask's matter, as of everything in a store: brokers and workers may be other users. */
#ifndef CLI_IMPORTING_H
#define CLI_IMPORTING_H

#include "common/buffer.h"
#include "common/digest.h"
#include "common/limits.h"

struct importing {
    char parent[LIMIT_PATH_BYTES];        /* STORE/KIND */
    char around[LIMIT_PATH_BYTES + 32];   /* a folder in it that is ours alone, … */
    char made[LIMIT_PATH_BYTES + 32 + 8]; /* … and the one inside that is put together */
};

/* Makes the folder. */
MUST_CHECK int importing_begin(struct importing *importing, const char *store, const char *kind,
                               struct error *err);
/* Writes a file into it under its SHA-256, which is told. */
MUST_CHECK int importing_add(const struct importing *importing, const void *data, size_t size,
                             char sha256[DIGEST_HEX_BYTES], struct error *err);
/* Writes the list and gives the folder its name, or drops it where one of that name is there
 * already. */
MUST_CHECK int importing_end(struct importing *importing, const struct buffer *list,
                             char hash[DIGEST_HEX_BYTES], struct error *err);
/* The same without a list, where the caller knows the name. */
MUST_CHECK int importing_name(const struct importing *importing, const char *hash,
                              struct error *err);
/* Removes it. */
void importing_abandon(const struct importing *importing);

#endif
