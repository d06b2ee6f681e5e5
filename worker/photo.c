/* Photos, by libpng's simplified interface and libjpeg-turbo. No state. */
#include "worker/photo.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "common/buffer.h"
#include "common/limits.h"

static int take_pixels(const char *name, size_t height, size_t width, struct photo *photo,
                       struct error *err)
{
    if (height < 1 || width < 1 || height > LIMIT_PHOTO_SIDE || width > LIMIT_PHOTO_SIDE ||
        height * width > LIMIT_PHOTO_PIXELS)
        return error_set(err, E_LIMIT,
                         "%s: %zux%zu pixels, expected sides up to LIMIT_PHOTO_SIDE, %d, and up to "
                         "LIMIT_PHOTO_PIXELS, %u, of them",
                         name, width, height, LIMIT_PHOTO_SIDE, LIMIT_PHOTO_PIXELS);
    *photo = (struct photo){height, width, malloc(height * width * 3)};
    return photo->pixels ? 0
                         : error_set(err, E_MEMORY, "%s: no memory for %zux%zu pixels", name, width,
                                     height);
}

static int decode_png(const char *name, const void *data, size_t size, struct photo *photo,
                      struct error *err)
{
    static const png_color black = {0, 0, 0};
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_memory(&image, data, size))
        return error_set(err, E_PARSE, "%s: %s", name, image.message);
    image.format = PNG_FORMAT_RGB;
    int rc = take_pixels(name, image.height, image.width, photo, err);
    if (!rc && !png_image_finish_read(&image, &black, photo->pixels, 0, NULL))
        rc = error_set(err, E_PARSE, "%s: %s", name, image.message);
    png_image_free(&image);
    return rc;
}

static int decode_jpeg(const char *name, const void *data, size_t size, struct photo *photo,
                       struct error *err)
{
    int width = 0, height = 0, sampling = 0, space = 0, rc = 0;
    tjhandle handle = tjInitDecompress();
    if (!handle)
        return error_set(err, E_MEMORY, "%s: no memory for a JPEG decoder", name);
    if (tjDecompressHeader3(handle, data, (unsigned long)size, &width, &height, &sampling,
                            &space) != 0)
        rc = error_set(err, E_PARSE, "%s: %s", name, tjGetErrorStr2(handle));
    if (!rc && (width < 1 || height < 1))
        rc = error_set(err, E_PARSE, "%s: a JPEG without a picture", name);
    if (!rc && (space == TJCS_CMYK || space == TJCS_YCCK))
        rc = error_set(err, E_UNSUPPORTED, "%s: a CMYK JPEG, expected RGB or gray", name);
    if (!rc)
        rc = take_pixels(name, (size_t)height, (size_t)width, photo, err);
    /* A warning (a file that is cut) is as good as an error: half a face would be labelled. */
    if (!rc && tjDecompress2(handle, data, (unsigned long)size, photo->pixels, width, 0, height,
                             TJPF_RGB, TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING |
                                           TJFLAG_LIMITSCANS) != 0)
        rc = error_set(err, E_PARSE, "%s: %s", name, tjGetErrorStr2(handle));
    tjDestroy(handle);
    return rc;
}

int photo_decode(const char *name, const void *data, size_t size, struct photo *photo,
                 struct error *err)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G'}, jpeg[] = {0xff, 0xd8, 0xff};
    struct photo decoded = {0};
    int rc;
    if (size >= sizeof png && memcmp(data, png, sizeof png) == 0)
        rc = decode_png(name, data, size, &decoded, err);
    else if (size >= sizeof jpeg && memcmp(data, jpeg, sizeof jpeg) == 0)
        rc = decode_jpeg(name, data, size, &decoded, err);
    else
        rc = error_set(err, E_UNSUPPORTED, "%s: neither PNG nor JPEG", name);
    if (rc)
        photo_free(&decoded);
    else
        *photo = decoded;
    return rc;
}

int photo_read(const char *path, struct photo *photo, struct error *err)
{
    struct buffer file;
    buffer_init(&file, LIMIT_PHOTO_BYTES + 1);
    int rc = buffer_read_file(&file, path, LIMIT_PHOTO_BYTES, err);
    if (!rc)
        rc = photo_decode(path, file.data, file.size, photo, err);
    buffer_free(&file);
    return rc;
}

void photo_free(struct photo *photo)
{
    free(photo->pixels);
    *photo = (struct photo){0};
}
