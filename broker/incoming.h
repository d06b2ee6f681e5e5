/*
 * Files that come over the wire, until they have their names: written under STORE/.incoming, which
 * nobody reads, checked, synced, and renamed into the store at once. A half-written file is never
 * seen under its name, and what a broker that was killed left is removed at the next start.
 *
 * What comes is hostile: names are plain, paths lie inside the store, no symbolic link is followed
 * on the way, and neither more nor other bytes than announced are taken. Blocking file work: the
 * file thread's (files.h), but for incoming_place.
 */
#ifndef BROKER_INCOMING_H
#define BROKER_INCOMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/error.h"
#include "common/limits.h"

#define INCOMING_FOLDER ".incoming"
#define INCOMING_PATH_BYTES (3 * LIMIT_PATH_BYTES)

enum incoming_form {
    INCOMING_FILE,
    INCOMING_FOLDER_OF_FILES, /* digest: over the files' bytes in the order of their names */
};

struct incoming; /* opaque */

/* Makes the folder, and removes what is left in it. */
MUST_CHECK int incoming_clean(const char *store, struct error *err);

/* Begins; `bytes` and `sha256` ("": not checked here) are what is announced. `number` is one that
 * no other has. */
MUST_CHECK int incoming_begin(const char *store, uint64_t number, enum incoming_form form,
                              uint64_t bytes, const char *sha256, struct incoming **incoming,
                              struct error *err);

/* What follows: `data` stands at `offset` of file `name` ("" of a single file). Files come in the
 * order of their names, each from its beginning on. */
MUST_CHECK int incoming_write(struct incoming *incoming, const char *name, uint64_t offset,
                              const void *data, size_t size, struct error *err);

/* Checks bytes and digest, and syncs. */
MUST_CHECK int incoming_finish(struct incoming *incoming, struct error *err);

/* Where it lies, e.g. "/store/.incoming/7"; how many files a folder has. */
const char *incoming_path(const struct incoming *incoming);
size_t incoming_files(const struct incoming *incoming);

/*
 * Opens the folder that STORE/`path` is to appear in, made where it is missing, for incoming_place.
 * E_DENIED where a symbolic link, or something else than a folder, lies on the way.
 */
MUST_CHECK int incoming_aim(struct incoming *incoming, const char *store, const char *path,
                            struct error *err);

/* Whether STORE/`path` is there with those bytes already (then nothing needs to be sent). */
bool incoming_is_there(const char *store, const char *path, enum incoming_form form, uint64_t bytes,
                       const char *sha256);

/* Gives it its name: quick, as it only renames. What stood there before is taken away by
 * incoming_end. */
MUST_CHECK int incoming_place(struct incoming *incoming, struct error *err);
/* Makes the name last. */
MUST_CHECK int incoming_settle(struct incoming *incoming, struct error *err);

/* Removes what is left of it under .incoming, and frees. NULL is fine. */
void incoming_end(struct incoming **incoming);

#endif
