/*
 * PNG into a buffer. libpng reports errors by longjmp, so nothing that the jump would leak is made
 * between setjmp and the end: the two libpng structs belong to the caller of write_chunks().
 *
 * libpng's own png_write_end insists on rows that went through png_write_row, so IDAT and IEND are
 * written with png_write_chunk, its function for chunks whose content is somebody else's.
 */
#include "worker/png_file.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>

#include "worker/deflate.h"
#include "worker/png_filter.h"

/* A chunk's length is a 31-bit number; longer data are several IDAT chunks. */
#define CHUNK_BYTES ((size_t)1 << 30)

struct png_encoder {
    struct deflate *deflate;
    uint8_t *filtered, *compressed, *scratch;
    size_t filtered_bytes, compressed_bytes, scratch_bytes; /* that there is room for */
};

struct sink {
    struct buffer *out;
    struct error *err;
    int code;
};

static void on_error(png_structp png, png_const_charp text)
{
    struct sink *sink = png_get_error_ptr(png);
    if (!sink->code)
        sink->code = error_set(sink->err, E_IO, "libpng: %s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_write(png_structp png, png_bytep data, size_t size)
{
    struct sink *sink = png_get_io_ptr(png);
    sink->code = buffer_append(sink->out, data, size, sink->err);
    if (sink->code)
        png_error(png, "no room for the file");
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void write_data(png_structp png, const uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t part = size < CHUNK_BYTES ? size : CHUNK_BYTES;
        png_write_chunk(png, (png_const_bytep) "IDAT", data, part);
        data += part;
        size -= part;
    }
}

static int write_chunks(png_structp png, png_infop info, struct sink *sink, size_t height,
                        size_t width, const uint8_t *data, size_t size)
{
    if (setjmp(png_jmpbuf(png)))
        return sink->code;
    png_set_write_fn(png, sink, on_write, on_flush);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    write_data(png, data, size);
    png_write_chunk(png, (png_const_bytep) "IEND", NULL, 0);
    return 0;
}

static int write_file(size_t height, size_t width, const uint8_t *data, size_t size,
                      struct buffer *out, struct error *err)
{
    struct sink sink = {.out = out, .err = err};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    int failed = info ? write_chunks(png, info, &sink, height, width, data, size)
                      : error_set(err, E_MEMORY, "no memory for libpng");
    png_destroy_write_struct(&png, &info);
    return failed;
}

static int grow(uint8_t **memory, size_t bytes, struct error *err)
{
    uint8_t *grown = malloc(bytes);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for %zu bytes of a PNG", bytes);
    free(*memory);
    *memory = grown;
    return 0;
}

/* Room for an image of this size; what there is already is kept where it is large enough. */
static int make_room(struct png_encoder *encoder, size_t height, size_t width, struct error *err)
{
    size_t filtered = height * (1 + PNG_FILTER_PIXEL * width);
    size_t compressed = deflate_bound(filtered);
    size_t scratch = png_filter_scratch(width);
    int failed = 0;
    if (filtered > encoder->filtered_bytes || compressed > encoder->compressed_bytes) {
        encoder->filtered_bytes = encoder->compressed_bytes = 0;
        failed = grow(&encoder->filtered, filtered, err);
        if (!failed)
            failed = grow(&encoder->compressed, compressed, err);
        if (failed)
            return failed;
        encoder->filtered_bytes = filtered;
        encoder->compressed_bytes = compressed;
    }
    if (scratch > encoder->scratch_bytes) {
        failed = grow(&encoder->scratch, scratch, err);
        encoder->scratch_bytes = failed ? 0 : scratch;
    }
    return failed;
}

int png_encoder_encode(struct png_encoder *encoder, const uint8_t *pixels, size_t height,
                       size_t width, struct buffer *out, struct error *err)
{
    if (height == 0 || width == 0 || height > PNG_FILE_SIDE_MAX || width > PNG_FILE_SIDE_MAX)
        return error_set(err, E_LIMIT,
                         "an image of %zu by %zu pixels: a side is 1 to PNG_FILE_SIDE_MAX, which "
                         "is %d",
                         height, width, PNG_FILE_SIDE_MAX);
    if (height * (1 + PNG_FILTER_PIXEL * width) > INT32_MAX)
        return error_set(err, E_LIMIT, "an image of %zu by %zu pixels: more than 2^31 bytes",
                         height, width);
    int failed = make_room(encoder, height, width, err);
    if (failed)
        return failed;
    png_filter_image(pixels, height, width, encoder->scratch, encoder->filtered);
    size_t size = 0;
    deflate_stream(encoder->deflate, encoder->filtered, height * (1 + PNG_FILTER_PIXEL * width),
                   encoder->compressed, &size);
    return write_file(height, width, encoder->compressed, size, out, err);
}

int png_encoder_open(struct png_encoder **encoder, struct error *err)
{
    struct png_encoder *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for a PNG encoder");
    int failed = deflate_open(&opened->deflate, err);
    if (failed) {
        free(opened);
        return failed;
    }
    *encoder = opened;
    return 0;
}

void png_encoder_close(struct png_encoder **encoder)
{
    if (!*encoder)
        return;
    deflate_close(&(*encoder)->deflate);
    free((*encoder)->filtered);
    free((*encoder)->compressed);
    free((*encoder)->scratch);
    free(*encoder);
    *encoder = NULL;
}

int png_file_encode(const uint8_t *pixels, size_t height, size_t width, struct buffer *out,
                    struct error *err)
{
    struct png_encoder *encoder = NULL;
    int failed = png_encoder_open(&encoder, err);
    if (!failed)
        failed = png_encoder_encode(encoder, pixels, height, width, out, err);
    png_encoder_close(&encoder);
    return failed;
}
