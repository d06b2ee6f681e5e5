/*
 * PNG files in memory: 8-bit RGB, no time stamps. The same pixels are the same bytes on every
 * machine and thread, as long as libdeflate's version is the same.
 *
 * libpng writes signature, header and chunks; the image data in between, which is where a PNG
 * encoder's time goes, is filtered by png_filter.h and compressed by libdeflate.
 */
#ifndef WORKER_PNG_FILE_H
#define WORKER_PNG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

struct png_encoder; /* opaque; one thread at a time; its scratch serves the next image again */

MUST_CHECK int png_encoder_open(struct png_encoder **encoder, struct error *err);
void png_encoder_close(struct png_encoder **encoder); /* NULL is fine */

#define PNG_FILE_SIDE_MAX 1000000 /* pixels; libpng's own default */

/* pixels[height][width][3]. Appends the file to `out`. A side that is 0 or too large is E_LIMIT, as
 * is a full buffer. */
MUST_CHECK int png_encoder_encode(struct png_encoder *encoder, const uint8_t *pixels, size_t height,
                                  size_t width, struct buffer *out, struct error *err);

/* The same with an encoder of its own, for one image. */
MUST_CHECK int png_file_encode(const uint8_t *pixels, size_t height, size_t width,
                               struct buffer *out, struct error *err);

#endif
