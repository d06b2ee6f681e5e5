/*
 * Files that lie in the store under their names, whole, while the results that tell of them are
 * still to come: what a worker uploads before it delivers. The digest is what the broker found itself.
 * In memory only: a worker offers its files again to a broker that was started anew, which finds
 * them there.
 */
#ifndef BROKER_STAGED_H
#define BROKER_STAGED_H

#include "broker/map.h"
#include "common/digest.h"
#include "common/wire.h"

struct staged_file;

struct staged {
    struct staged_file *files; /* map by stage and path; in the order of first staging */
};

/* Notes it, in place of what was there under that name. E_STATE where LIMIT_STAGED are noted. */
MUST_CHECK int staged_put(struct staged *staged, int64_t stage, const char *path,
                          const char *sha256, struct error *err);

/* Whether all files of a result are noted with the digests that it says. E_NOT_FOUND, E_DIGEST. */
MUST_CHECK int staged_check(const struct staged *staged, const struct wire_result *result,
                            struct error *err);
void staged_forget(struct staged *staged, const struct wire_result *result);
/* Forgets what belongs to a stage that is over. */
void staged_forget_stage(struct staged *staged, int64_t stage);
void staged_free(struct staged *staged);

#endif
