/*
 * Folders of the store that are named by their content, as workers fetch them:
 * STORE/bundles/<hash>, STORE/boundaries/<hash>, and STORE/photos/<hash>, whose file `list` has that hash. What is asked
 * for is hostile: only these kinds, a hash and a plain name reach a path, and no symbolic link is
 * followed. Blocking file work: the file thread's.
 */
#ifndef BROKER_OUTGOING_H
#define BROKER_OUTGOING_H

#include "common/wire.h"

/* E_INVALID unless that is a kind of folder and a hash. */
MUST_CHECK int outgoing_check(const char *kind, const char *hash, struct error *err);

struct outgoing {
    struct wire_part *parts; /* with their texts */
    size_t count;
};

/* What the folder holds, checked by outgoing_check: of a bundle what bundle.yaml lists, itself
 * first; of boundaries all files, by name; of photos nothing (E_UNSUPPORTED), as
 * they may be millions. E_NOT_FOUND where there is none. */
MUST_CHECK int outgoing_list(const char *store, const char *kind, const char *hash,
                             struct outgoing *list, struct error *err);
void outgoing_free(struct outgoing *list);

/* Up to `size` bytes of a file from `offset` on; *size receives how many there were. */
MUST_CHECK int outgoing_read(const char *store, const char *kind, const char *hash,
                             const char *name, uint64_t offset, void *data, size_t *size,
                             struct error *err);

#endif
