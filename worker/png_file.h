/* PNG files in memory: 8-bit RGB, no time stamps, so the same pixels are the same bytes. */
#ifndef WORKER_PNG_FILE_H
#define WORKER_PNG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

/* pixels[height][width][3]. Appends the file to `out`. */
MUST_CHECK int png_file_encode(const uint8_t *pixels, size_t height, size_t width,
                               struct buffer *out, struct error *err);

#endif
