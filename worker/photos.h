/*
 * The photos of a store (common/photo_list.h) through a bundle's networks. Belongs to the device's
 * thread.
 */
#ifndef WORKER_PHOTOS_H
#define WORKER_PHOTOS_H

#include <stdbool.h>

#include "common/photo_list.h"
#include "common/transfer.h"
#include "worker/photo.h"
#include "worker/pipeline.h"

struct photos; /* opaque: a list, and where its photos lie */

/* Reads STORE/photos/HASH/list. */
MUST_CHECK int photos_open(const char *store, const char *hash, struct photos **photos,
                           struct error *err);
/* The same from the broker, over a connection that outlives them: each photo comes when it is
 * wanted. */
MUST_CHECK int photos_fetch(struct transfer *transfer, const char *hash, struct photos **photos,
                            struct error *err);
void photos_close(struct photos **photos);
/* Whether they are those of that hash. */
bool photos_are(const struct photos *photos, const char *hash);

/* Photo by photo; what is NULL is not wanted. */
struct photos_told {
    uint8_t *skipped; /* [count]: 1 where the photo cannot be read, else 0 */
    struct wire_photo
        *lines; /* [count]; the caller frees name, sha256 and text of each, NULL or not */
};

/*
 * What is wanted of photos first … first+count−1 of the list; pixels are the photo at the
 * generator's size. A photo that cannot be decoded is told, and all numbers of it are 0; one that
 * is missing in the store, or another than the list says, fails the call, since another worker may
 * have it (E_NOT_FOUND, E_DIGEST). What networks answer is not checked.
 */
MUST_CHECK int photos_measure(const struct photos *photos, struct pipeline *pipeline,
                              uint64_t first, size_t count, const struct pipeline_wanted *wanted,
                              const struct photos_told *told, struct wire_stage_metrics *metrics,
                              struct error *err);

#endif
