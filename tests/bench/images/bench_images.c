/*
 * The worker's PNG encoder against others, on pictures of the default bundle's generator:
 *
 *     bench_images [ROUNDS]
 *
 * Per kind of picture and encoder: MB of pixels a second of one core's time, time and size as
 * shares of libpng's with its defaults. Every round times all encoders one after the other on the
 * same pictures; shown are medians of the rounds, the time's of the rounds' own ratios. The
 * pictures:
 *
 *     faces     256 faces of 64 x 64, a file each
 *     sheet     8 rows of 7 faces with white gutters, as an edit draws
 *     mosaic    16 x 16 faces without gutters: 1024 x 1024 of fine detail
 *     enlarged  one face, bilinearly enlarged to 1024 x 1024: a smooth picture
 */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef HAVE_SPNG
#include <spng.h>
#endif

#include "common/latent.h"
#include "worker/pipeline.h"
#include "worker/png_file.h"
#include "worker/sheet.h"

#define FACES 256
#define SIDE 64
#define ROUNDS_MOST 101
#define LARGE 1024

struct pictures {
    const char *name;
    size_t count, height, width;
    const uint8_t *pixels;
};

struct peer {
    const char *name;
    void (*encode)(const struct peer *self, const struct pictures *pictures, const uint8_t *pixels,
                   struct buffer *out);
    int level, filters; /* of libpng; -1: its default */
};

static struct png_encoder *encoder;

static void check(int failed, const struct error *err)
{
    if (!failed)
        return;
    fprintf(stderr, "bench_images: %s\n", err->text);
    exit(EXIT_FAILURE);
}

/* ---- the encoders ---- */

static void encode_ours(const struct peer *self, const struct pictures *pictures,
                        const uint8_t *pixels, struct buffer *out)
{
    (void)self;
    struct error err;
    check(png_encoder_encode(encoder, pixels, pictures->height, pictures->width, out, &err), &err);
}

static void append(png_structp png, png_bytep data, size_t size)
{
    struct error err;
    check(buffer_append(png_get_io_ptr(png), data, size, &err), &err);
}

static void flush(png_structp png)
{
    (void)png;
}

static void encode_libpng(const struct peer *self, const struct pictures *pictures,
                          const uint8_t *pixels, struct buffer *out)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, out, append, flush);
    if (self->level >= 0)
        png_set_compression_level(png, self->level);
    if (self->filters >= 0)
        png_set_filter(png, PNG_FILTER_TYPE_BASE, self->filters);
    png_set_IHDR(png, info, (png_uint_32)pictures->width, (png_uint_32)pictures->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < pictures->height; y++)
        png_write_row(png, pixels + y * pictures->width * 3);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
}

#ifdef HAVE_SPNG
static void encode_spng(const struct peer *self, const struct pictures *pictures,
                        const uint8_t *pixels, struct buffer *out)
{
    (void)self;
    struct error err;
    spng_ctx *context = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr header = {.width = (uint32_t)pictures->width,
                               .height = (uint32_t)pictures->height,
                               .bit_depth = 8,
                               .color_type = SPNG_COLOR_TYPE_TRUECOLOR};
    size_t size = 0;
    int code = 0;
    spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_ihdr(context, &header);
    spng_encode_image(context, pixels, pictures->height * pictures->width * 3, SPNG_FMT_PNG,
                      SPNG_ENCODE_FINALIZE);
    void *file = spng_get_png_buffer(context, &size, &code);
    check(file ? buffer_append(out, file, size, &err)
               : error_set(&err, E_IO, "libspng: %s", spng_strerror(code)),
          &err);
    free(file);
    spng_ctx_free(context);
}
#endif

static const struct peer peers[] = {
    {"libpng, defaults", encode_libpng, -1,
     -1}, /* the first is what the others are compared with */
    {"facefarm", encode_ours, 0, 0},
    {"libpng, level 3", encode_libpng, 3, -1},
    {"libpng, level 1", encode_libpng, 1, -1},
    {"libpng, level 1, up", encode_libpng, 1, PNG_FILTER_UP},
#ifdef HAVE_SPNG
    {"libspng, defaults", encode_spng, 0, 0},
#endif
};
#define PEERS (sizeof peers / sizeof *peers)

/* ---- the pictures ---- */

static uint8_t *make_faces(struct device *device)
{
    struct pipeline *pipeline = NULL;
    struct error err;
    check(pipeline_open(device, "models/default", 64, &pipeline, &err), &err);
    const struct bundle_generator *generator = &pipeline_bundle(pipeline)->generator;
    if (generator->output.height != SIDE || generator->output.width != SIDE)
        check(error_set(&err, E_INVALID, "the default bundle's faces are not %d by %d", SIDE, SIDE),
              &err);
    float *z = malloc(FACES * generator->latent.dimension * sizeof *z);
    uint8_t *faces = malloc(FACES * SIDE * SIDE * 3);
    if (!z || !faces)
        check(error_set(&err, E_MEMORY, "no memory for faces"), &err);
    check(pipeline_latents(pipeline, 1, 0, FACES, z, &err), &err);
    struct wire_stage_metrics metrics = {0};
    check(pipeline_faces(pipeline, z, FACES, NULL, faces, &metrics, &err), &err);
    pipeline_close(&pipeline);
    free(z);
    return faces;
}

static void draw_mosaic(const uint8_t *faces, uint8_t *pixels)
{
    size_t columns = LARGE / SIDE;
    for (size_t y = 0; y < LARGE; y++)
        for (size_t x = 0; x < LARGE; x += SIDE)
            memcpy(pixels + (y * LARGE + x) * 3,
                   faces + (((y / SIDE) * columns + x / SIDE) * SIDE + y % SIDE) * SIDE * 3,
                   SIDE * 3);
}

static double at(const uint8_t *face, size_t y, size_t x, size_t c)
{
    y = y < SIDE ? y : SIDE - 1;
    x = x < SIDE ? x : SIDE - 1;
    return face[(y * SIDE + x) * 3 + c];
}

static void draw_enlarged(const uint8_t *face, uint8_t *pixels)
{
    for (size_t i = 0; i < (size_t)LARGE * LARGE * 3; i++) {
        size_t c = i % 3, x = i / 3 % LARGE, y = i / 3 / LARGE, scale = LARGE / SIDE;
        double v = (double)(y % scale) / (double)scale, u = (double)(x % scale) / (double)scale;
        y /= scale;
        x /= scale;
        double top = at(face, y, x, c) * (1 - u) + at(face, y, x + 1, c) * u;
        double bottom = at(face, y + 1, x, c) * (1 - u) + at(face, y + 1, x + 1, c) * u;
        pixels[i] = (uint8_t)(top * (1 - v) + bottom * v + 0.5);
    }
}

/* ---- timing ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static size_t run(const struct peer *peer, const struct pictures *pictures, struct buffer *out,
                  double *seconds)
{
    size_t size = 0;
    double since = cpu_seconds();
    for (size_t i = 0; i < pictures->count; i++) {
        buffer_clear(out);
        peer->encode(peer, pictures, pictures->pixels + i * pictures->height * pictures->width * 3,
                     out);
        size += out->size;
    }
    *seconds = cpu_seconds() - since;
    return size;
}

static void measure(const struct pictures *pictures, size_t rounds)
{
    static double times[PEERS][ROUNDS_MOST], ratios[PEERS][ROUNDS_MOST];
    size_t sizes[PEERS];
    struct buffer out;
    buffer_init(&out, (size_t)1 << 30);
    for (size_t round = 0; round < rounds; round++)
        for (size_t p = 0; p < PEERS; p++) {
            sizes[p] = run(&peers[p], pictures, &out, &times[p][round]);
            ratios[p][round] = times[0][round] / times[p][round];
        }
    double bytes = (double)(pictures->count * pictures->height * pictures->width * 3);
    for (size_t p = 0; p < PEERS; p++)
        printf("%-9s %-20s %7.1f MB/s %7.2f times as fast %9zu bytes, size %.3f\n", pictures->name,
               peers[p].name, bytes / median(times[p], rounds) / 1e6, median(ratios[p], rounds),
               sizes[p], (double)sizes[p] / (double)sizes[0]);
    buffer_free(&out);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 11;
    struct device *device = NULL;
    struct error err;
    struct sheet sheet;
    if (rounds < 1 || rounds > ROUNDS_MOST)
        check(error_set(&err, E_INVALID, "rounds: 1 to %d", ROUNDS_MOST), &err);
    check(device_open(0, NULL, &device, &err), &err);
    uint8_t *faces = make_faces(device);
    device_close(&device);
    check(sheet_init(&sheet, 8, 7, SIDE, SIDE, &err), &err);
    for (size_t i = 0; i < 8 * 7; i++)
        sheet_put(&sheet, i / 7, i % 7, faces + i * SIDE * SIDE * 3);
    uint8_t *mosaic = malloc(LARGE * LARGE * 3), *enlarged = malloc(LARGE * LARGE * 3);
    if (!mosaic || !enlarged)
        check(error_set(&err, E_MEMORY, "no memory for pictures"), &err);
    draw_mosaic(faces, mosaic);
    draw_enlarged(faces, enlarged);
    check(png_encoder_open(&encoder, &err), &err);
    measure(&(struct pictures){"faces", FACES, SIDE, SIDE, faces}, (size_t)rounds);
    measure(&(struct pictures){"sheet", 1, sheet.height, sheet.width, sheet.pixels},
            (size_t)rounds);
    measure(&(struct pictures){"mosaic", 1, LARGE, LARGE, mosaic}, (size_t)rounds);
    measure(&(struct pictures){"enlarged", 1, LARGE, LARGE, enlarged}, (size_t)rounds);
    png_encoder_close(&encoder);
    sheet_free(&sheet);
    free(mosaic);
    free(enlarged);
    free(faces);
    return EXIT_SUCCESS;
}
