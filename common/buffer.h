/* The one growable buffer. It never grows beyond the maximum it was made with (E_LIMIT). */
#ifndef COMMON_BUFFER_H
#define COMMON_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t maximum;
};

void buffer_init(struct buffer *buffer, size_t maximum);
void buffer_free(struct buffer *buffer); /* also makes it empty again */
void buffer_clear(struct buffer *buffer);
MUST_CHECK int buffer_append(struct buffer *buffer, const void *data, size_t size,
                             struct error *err);
MUST_CHECK int buffer_printf(struct buffer *buffer, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads a whole file of at most `maximum` bytes into an empty buffer, with a NUL behind the content
 * that size does not count. The error names the file. */
MUST_CHECK int buffer_read_file(struct buffer *buffer, const char *path, size_t maximum,
                                struct error *err);

/* Writes a file so that it appears whole or not at all: a temporary file beside it, fsync,
 * rename, fsync of the folder. */
MUST_CHECK int buffer_write_file(const char *path, const void *data, size_t size,
                                 struct error *err);

/* mkdir -p. */
MUST_CHECK int buffer_make_folders(const char *path, struct error *err);

#endif
