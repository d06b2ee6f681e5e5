/*
 * What is known of photos (common/truth.h), as `facefarm photos import --truth` brought it into a
 * store: a folder STORE/truth/HASH with the files as they were, each called by its SHA-256, and the
 * file `list`, the lines "SHA-256 attributes" and, where parts are known, "SHA-256 partition". HASH
 * is the SHA-256 of the list.
 */
#ifndef COMMON_TRUTH_STORE_H
#define COMMON_TRUTH_STORE_H

#include "common/truth.h"

#define TRUTH_STORE_KIND "truth"
#define TRUTH_STORE_ATTRIBUTES "attributes"
#define TRUTH_STORE_PARTITION "partition"

/* Reads and checks all of it. E_NOT_FOUND says to import, E_DIGEST names the file that is another
 * than its name says, E_PARSE file and line. The caller frees. */
MUST_CHECK int truth_store_read(const char *store, const char *hash, struct truth **truth,
                                struct error *err);

#endif
