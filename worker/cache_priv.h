/* What the cache's files share. */
#ifndef WORKER_CACHE_PRIV_H
#define WORKER_CACHE_PRIV_H

#include "common/limits.h"
#include "worker/cache.h"

#define CACHE_PATH_BYTES (2 * LIMIT_PATH_BYTES)

struct cache {
    char folder[LIMIT_PATH_BYTES];
    uint64_t most;
};

/* FOLDER/a/b; b may be "". E_LIMIT. */
MUST_CHECK int cache_join(const struct cache *cache, const char *a, const char *b,
                          char path[CACHE_PATH_BYTES], struct error *err);

/* A file that is locked, made where it is missing: its descriptor, or E_STATE where another has the
 * lock and `wait` is not set. */
MUST_CHECK int cache_lock(const char *path, bool wait, struct error *err);

/* Makes an empty folder under FOLDER/partial, of a name that nobody has. */
MUST_CHECK int cache_partial(const struct cache *cache, char path[CACHE_PATH_BYTES],
                             struct error *err);

/* ---- cache_room.c ---- */

/* Makes a folder for `count` files of that size, which are there as holes, after making room for
 * them: *fd is the folder's, locked as long as it is open. */
MUST_CHECK int cache_reserve(const struct cache *cache, const struct wire_part *parts, size_t count,
                             char path[CACHE_PATH_BYTES], int *fd, struct error *err);

/* ---- cache_fetch.c ---- */

/* Fetches the folder unless it is there by then. */
MUST_CHECK int cache_fetch(struct cache *cache, struct transfer *transfer, const char *kind,
                           const char *hash, struct error *err);

#endif
