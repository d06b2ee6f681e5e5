/*
 * What a worker that shares no store keeps of the broker's: bundles and imported boundaries,
 * folders named by their content.
 *
 *     FOLDER/bundles/<hash>/      whole, and never changed: it comes by renaming
 *     FOLDER/boundaries/<hash>/
 *     FOLDER/partial/…            being fetched; whoever fetches holds a lock on it
 *     FOLDER/fetching/<hash>      a lock: of several workers that lack the same one fetches
 *     FOLDER/lock                 a lock: who makes room
 *
 * Any number of processes and threads share a cache. Locks are the kernel's (flock), so a process
 * that is killed leaves none behind, and what it left half is found and removed. What is held is
 * not removed by anybody who needs room; the rest goes in the order of last use.
 */
#ifndef WORKER_CACHE_H
#define WORKER_CACHE_H

#include "common/transfer.h"

#define CACHE_BYTES ((uint64_t)20 << 30) /* at most, unless somebody says otherwise */

struct cache;      /* opaque */
struct cache_hold; /* opaque: of one folder; a thread's */

/* Makes the folder where it is missing. `most`: bytes of files that it may hold. */
MUST_CHECK int cache_open(const char *folder, uint64_t most, struct cache **cache,
                          struct error *err);
/* Nothing is held any more. NULL is fine. */
void cache_close(struct cache **cache);

const char *cache_folder(const struct cache *cache);

/* The folder `kind`/`hash`, fetched over `transfer` where it is not there, and held until it is
 * released. Waits as long as the broker is away or busy. E_LIMIT where it does not fit beside what
 * is held. */
MUST_CHECK int cache_take(struct cache *cache, struct transfer *transfer, const char *kind,
                          const char *hash, struct cache_hold **hold, struct error *err);
const char *cache_path(const struct cache_hold *hold);
/* NULL is fine in both. */
void cache_release(struct cache_hold **hold);
/* It turned out to be damaged: it goes, and is fetched again when it is taken next. */
void cache_distrust(struct cache_hold **hold);

#endif
