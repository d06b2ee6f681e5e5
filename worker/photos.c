/* Photos of one size that follow each other share a batch. */
#include "worker/photos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

#define BATCH_BYTES ((size_t)64 << 20) /* of pixels */

struct photos {
    char hash[DIGEST_HEX_BYTES], folder[2 * LIMIT_PATH_BYTES];
    struct transfer *transfer; /* where they lie with the broker; else NULL */
    struct photo_list list;
};

int photos_open(const char *store, const char *hash, struct photos **photos, struct error *err)
{
    struct photos *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for photos");
    snprintf(opened->hash, sizeof opened->hash, "%s", hash);
    int rc = photo_list_folder(store, hash, opened->folder, err);
    if (!rc)
        rc = photo_list_read(opened->folder, hash, &opened->list, err);
    if (rc)
        photos_close(&opened);
    else
        *photos = opened;
    return rc;
}

int photos_fetch(struct transfer *transfer, const char *hash, struct photos **photos,
                 struct error *err)
{
    struct buffer file;
    struct photos *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for photos");
    snprintf(opened->hash, sizeof opened->hash, "%s", hash);
    opened->transfer = transfer;
    buffer_init(&file, LIMIT_PHOTO_LIST_BYTES + 1);
    int rc = transfer_read(transfer, "photos", hash, PHOTO_LIST_FILE, hash, &file, err);
    if (!rc)
        rc = photo_list_parse(PHOTO_LIST_FILE, file.data, file.size, &opened->list, err);
    buffer_free(&file);
    if (rc)
        photos_close(&opened);
    else
        *photos = opened;
    return rc;
}

void photos_close(struct photos **photos)
{
    if (!*photos)
        return;
    photo_list_free(&(*photos)->list);
    free(*photos);
    *photos = NULL;
}

bool photos_are(const struct photos *photos, const char *hash)
{
    return strcmp(photos->hash, hash) == 0;
}

/* ---- sizes ---- */

/* The mean of the photo's rows from `top` to `bottom`, columns `left` to `right`, all in its
 * pixels. */
static uint8_t mean_of(const struct photo *photo, const double rows[2], const double columns[2],
                       size_t channel)
{
    double sum = 0, area = 0;
    for (size_t y = (size_t)rows[0]; y < photo->height && (double)y < rows[1]; y++) {
        double high = (rows[1] < (double)(y + 1) ? rows[1] : (double)(y + 1)) -
                      (rows[0] > (double)y ? rows[0] : (double)y);
        for (size_t x = (size_t)columns[0]; x < photo->width && (double)x < columns[1]; x++) {
            double wide = (columns[1] < (double)(x + 1) ? columns[1] : (double)(x + 1)) -
                          (columns[0] > (double)x ? columns[0] : (double)x);
            sum += high * wide * photo->pixels[(y * photo->width + x) * 3 + channel];
            area += high * wide;
        }
    }
    return (uint8_t)(area > 0 ? sum / area + 0.5 : 0);
}

/* The photo's pixels at the size [height][width][3]: each new pixel is the mean of the area that it
 * covers. */
static void fit(const struct photo *photo, size_t height, size_t width, uint8_t *pixels)
{
    double down = (double)photo->height / (double)height,
           across = (double)photo->width / (double)width;
    if (photo->height == height && photo->width == width) {
        memcpy(pixels, photo->pixels, height * width * 3);
        return;
    }
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < 3; c++)
                *pixels++ = mean_of(photo, (double[]){(double)y * down, (double)(y + 1) * down},
                                    (double[]){(double)x * across, (double)(x + 1) * across}, c);
}

/* ---- reading ---- */

/* Whether an error is the photo's own, and not the store's or the machine's. */
static bool is_own(int code)
{
    return code == E_PARSE || code == E_LIMIT || code == E_UNSUPPORTED;
}

static int read_stored(const char *folder, const char *sha256, struct buffer *file,
                       struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES + DIGEST_HEX_BYTES + 1];
    snprintf(path, sizeof path, "%s/%s", folder, sha256);
    return digest_read_file(path, sha256, LIMIT_PHOTO_BYTES, file, err);
}

static int read_photo(const struct photos *photos, size_t i, struct photo *photo, struct error *err)
{
    struct buffer file;
    const char *name = photos->list.names[i], *sha256 = photos->list.sha256[i];
    buffer_init(&file, LIMIT_PHOTO_BYTES + 1);
    int rc = photos->transfer ? transfer_read(photos->transfer, "photos", photos->hash, sha256,
                                              sha256, &file, err)
                              : read_stored(photos->folder, sha256, &file, err);
    if (!rc)
        rc = photo_decode(name, file.data, file.size, photo, err);
    buffer_free(&file);
    return rc;
}

/* ---- through networks ---- */

/* A run of photos of one size. */
struct run {
    struct pipeline *pipeline;
    const struct pipeline_wanted *wanted;
    struct wire_stage_metrics *metrics;
    uint8_t *pixels;
    size_t height, width, first, count, most;
};

static struct pipeline_wanted from(const struct run *run, size_t row)
{
    const struct bundle *bundle = pipeline_bundle(run->pipeline);
    struct pipeline_wanted rest = *run->wanted;
    rest.pixels = NULL;
    if (rest.scores)
        rest.scores += row * pipeline_columns(run->pipeline);
    if (rest.latents)
        rest.latents += row * bundle_latent_size(bundle);
    for (uint32_t i = 0; i < bundle->embedders_count; i++)
        if (rest.embeddings[i])
            rest.embeddings[i] += row * bundle->embedders[i].dimension;
    return rest;
}

static int flush(struct run *run, struct error *err)
{
    if (run->count == 0)
        return 0;
    const struct pipeline_wanted rest = from(run, run->first);
    int rc = pipeline_photos(run->pipeline, run->pixels, run->height, run->width, run->count, &rest,
                             run->metrics, err);
    run->count = 0;
    return rc;
}

static int begin(struct run *run, const struct photo *photo, struct error *err)
{
    size_t bytes = photo->height * photo->width * 3, fit = BATCH_BYTES / bytes;
    size_t batch = pipeline_batch(run->pipeline);
    free(run->pixels);
    run->height = photo->height;
    run->width = photo->width;
    run->most = fit < 1 ? 1 : fit < batch ? fit : batch;
    run->pixels = malloc(run->most * bytes);
    return run->pixels ? 0
                       : error_set(err, E_MEMORY, "no memory for photos of %zux%zu", photo->width,
                                   photo->height);
}

static int add(struct run *run, const struct photo *photo, size_t row, struct error *err)
{
    size_t bytes = photo->height * photo->width * 3;
    bool same = run->pixels && photo->height == run->height && photo->width == run->width;
    int rc = 0;
    if (run->count > 0 && (!same || run->count == run->most || row != run->first + run->count))
        rc = flush(run, err);
    if (!rc && !same)
        rc = begin(run, photo, err);
    if (rc)
        return rc;
    if (run->count == 0)
        run->first = row;
    memcpy(run->pixels + run->count++ * bytes, photo->pixels, bytes);
    return 0;
}

static void clear_row(const struct run *run, size_t row)
{
    const struct bundle *bundle = pipeline_bundle(run->pipeline);
    struct pipeline_wanted at = from(run, row);
    if (at.scores)
        memset(at.scores, 0, pipeline_columns(run->pipeline) * sizeof(float));
    if (at.latents)
        memset(at.latents, 0, bundle_latent_size(bundle) * sizeof(float));
    for (uint32_t i = 0; i < bundle->embedders_count; i++)
        if (at.embeddings[i])
            memset(at.embeddings[i], 0, bundle->embedders[i].dimension * sizeof(float));
    if (run->wanted->pixels)
        memset(run->wanted->pixels + row * pipeline_pixel_bytes(run->pipeline), 255,
               pipeline_pixel_bytes(run->pipeline));
}

static int tell(const struct photos *photos, size_t number, size_t row, const struct photo *photo,
                const struct error *refused, const struct photos_told *told, struct error *err)
{
    if (told->skipped)
        told->skipped[row] = refused->code != 0;
    if (!told->lines)
        return 0;
    struct wire_photo *line = &told->lines[row];
    *line = (struct wire_photo){
        .name = strdup(photos->list.names[number]),
        .sha256 = strdup(photos->list.sha256[number]),
        .height = photo->height,
        .width = photo->width,
        .code = refused->code ? error_name(refused->code) : "",
        .text = strdup(refused->code ? refused->text : ""),
    };
    return line->name && line->sha256 && line->text
               ? 0
               : error_set(err, E_MEMORY, "no memory for a photo's name");
}

static int measure_one(const struct photos *photos, struct run *run, size_t number, size_t row,
                       const struct photos_told *told, struct error *err)
{
    const struct bundle_image *made = &pipeline_bundle(run->pipeline)->generator.output;
    struct photo photo = {0};
    struct error refused = {0};
    int rc = read_photo(photos, number, &photo, &refused);
    if (rc && !is_own(rc))
        return error_set(err, rc, "%s", refused.text);
    rc = tell(photos, number, row, &photo, &refused, told, err);
    if (refused.code) {
        clear_row(run, row);
        return rc;
    }
    if (!rc && run->wanted->pixels)
        fit(&photo, made->height, made->width,
                   run->wanted->pixels + row * pipeline_pixel_bytes(run->pipeline));
    if (!rc)
        rc = add(run, &photo, row, err);
    photo_free(&photo);
    return rc;
}

int photos_measure(const struct photos *photos, struct pipeline *pipeline, uint64_t first,
                   size_t count, const struct pipeline_wanted *wanted,
                   const struct photos_told *told, struct wire_stage_metrics *metrics,
                   struct error *err)
{
    struct run run = {.pipeline = pipeline, .wanted = wanted, .metrics = metrics};
    int rc = 0;
    if (first > photos->list.count || count > photos->list.count - first)
        return error_set(err, E_INVALID, "photos %llu+%zu of a list of %zu",
                         (unsigned long long)first, count, photos->list.count);
    for (size_t i = 0; !rc && i < count; i++)
        rc = measure_one(photos, &run, (size_t)first + i, i, told, err);
    if (!rc)
        rc = flush(&run, err);
    free(run.pixels);
    return rc;
}
