/*
 * Photos: PNG and JPEG files as 8-bit RGB. The kind is told by the file's first bytes, not by its name. Alpha is laid
 * on black, gray becomes three equal channels, 16 bits become 8; EXIF orientation and colour profiles are not
 * looked at. What a file says of its size is checked before memory is taken for it.
 */
#ifndef WORKER_PHOTO_H
#define WORKER_PHOTO_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct photo {
    size_t height, width;
    uint8_t *pixels; /* [height][width][3] */
};

/* Reads the file at `path`: E_NOT_FOUND, E_LIMIT (LIMIT_PHOTO_…), E_UNSUPPORTED (neither PNG nor JPEG, CMYK),
 * E_PARSE (damaged, cut). The caller frees. */
MUST_CHECK int photo_read(const char *path, struct photo *photo, struct error *err);
/* The same of `size` bytes in memory, called `name` in errors. */
MUST_CHECK int photo_decode(const char *name, const void *data, size_t size, struct photo *photo,
                            struct error *err);
void photo_free(struct photo *photo);

#endif
