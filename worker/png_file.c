/*
 * PNG by libpng into a buffer. libpng reports errors by longjmp, so nothing that the jump would
 * leak is made between setjmp and the end: the two libpng structs belong to the caller of encode().
 */
#include "worker/png_file.h"

#include <png.h>
#include <setjmp.h>

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

static int encode(png_structp png, png_infop info, struct sink *sink, const uint8_t *pixels,
                  size_t height, size_t width)
{
    if (setjmp(png_jmpbuf(png)))
        return sink->code;
    png_set_write_fn(png, sink, on_write, on_flush);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < height; y++)
        png_write_row(png, pixels + y * width * 3);
    png_write_end(png, info);
    return 0;
}

int png_file_encode(const uint8_t *pixels, size_t height, size_t width, struct buffer *out,
                    struct error *err)
{
    struct sink sink = {.out = out, .err = err};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    int failed = info ? encode(png, info, &sink, pixels, height, width)
                      : error_set(err, E_MEMORY, "no memory for libpng");
    png_destroy_write_struct(&png, &info);
    return failed;
}
