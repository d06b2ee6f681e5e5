/* Pictures out of the store: inlined in the page, sheets copied beside it. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "cli/report/report_priv.h"
#include "common/limits.h"

#define PICTURE_MAX ((size_t)64 << 20)

/* Paths come from workers: one that leaves the store is not followed. */
static int is_inside(const char *path)
{
    if (path[0] == '/' || path[0] == '\0')
        return 0;
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return 0;
    }
    return 1;
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Width and height as the PNG's header says them. */
static int is_png(const struct buffer *file, uint32_t *width, uint32_t *height)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    if (file->size < 24 || memcmp(file->data, signature, sizeof signature) != 0)
        return 0;
    *width = big_endian(file->data + 16);
    *height = big_endian(file->data + 20);
    return *width > 0 && *width <= 1 << 20 && *height > 0 && *height <= 1 << 20;
}

static int copy_picture(struct report *report, const char *name, const struct buffer *file,
                        struct error *err)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/sheets/%s", report->output, name) >= (int)sizeof path)
        return error_set(err, E_LIMIT, "the output's path has %zu bytes", strlen(report->output));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int rc = buffer_make_folders(path, err);
    *slash = '/';
    return rc != 0 ? rc : buffer_write_file(path, file->data, file->size, err);
}

static void print_image(struct html *html, const struct buffer *file, const char *alt, int scale,
                        uint32_t width, uint32_t height)
{
    uint32_t times = scale ? (uint32_t)scale : 2;
    html_raw(html, scale ? "<img" : "<img class=\"wide\"");
    html_print(html, " alt=\"%s\" width=\"%u\" height=\"%u\" src=\"data:image/png;base64,", alt,
               width * times, height * times);
    html_base64(html, file->data, file->size);
    html_raw(html, "\">");
}

int report_picture(struct report *report, const char *path, const char *alt, int scale,
                   const char *copy, struct error *err)
{
    char whole[4096];
    uint32_t width, height;
    struct buffer file;
    buffer_init(&file, PICTURE_MAX);
    int rc = 0;
    int fits = snprintf(whole, sizeof whole, "%s/%s", report->store, path) < (int)sizeof whole;
    if (!is_inside(path) || !fits || buffer_read_file(&file, whole, PICTURE_MAX, NULL) != 0 ||
        !is_png(&file, &width, &height)) {
        html_print(&report->html, "<span class=\"gone\">%s is not in the store</span>", path);
        report->missing++;
    } else {
        print_image(&report->html, &file, alt, scale, width, height);
        if (copy)
            rc = copy_picture(report, copy, &file, err);
    }
    buffer_free(&file);
    return rc;
}
