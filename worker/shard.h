/*
 * Output of a task in the store: a folder of files, or one tar of them. It appears whole or not at
 * all: written under a temporary name, synced once, renamed. The same files in the same order are
 * the same bytes, so writing a shard a second time (a task that ran twice) replaces it with itself.
 */
#ifndef WORKER_SHARD_H
#define WORKER_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/error.h"

enum shard_kind {
    SHARD_FOLDER,
    SHARD_TAR, /* POSIX ustar with fixed owner, mode and time */
};

struct shard; /* opaque; one thread */

/* Begins the shard STORE/`path` (path is relative to the store; folders above it are made). A tar's
 * path names the file, a folder's the folder. */
MUST_CHECK int shard_begin(const char *store, const char *path, enum shard_kind kind,
                           struct shard **shard, struct error *err);

/* Adds a file. `name` is plain (no '/'), at most 99 bytes, and new in this shard. */
MUST_CHECK int shard_add(struct shard *shard, const char *name, const void *data, size_t size,
                         struct error *err);

struct shard_summary {
    uint64_t bytes;                /* of the files; of the tar */
    char sha256[DIGEST_HEX_BYTES]; /* over the files' bytes in the order of adding; of the tar */
};

/* Makes the shard appear. Success or not, the shard is gone afterwards. */
MUST_CHECK int shard_commit(struct shard **shard, struct shard_summary *summary, struct error *err);

/* Removes what was written. NULL is fine. */
void shard_abandon(struct shard **shard);

#endif
