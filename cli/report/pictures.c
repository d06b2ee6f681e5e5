/* Pictures out of the store: inlined in the page, sheets copied beside it. */
#include <stdint.h>
#include <string.h>

#include "cli/report/report_priv.h"
#include "common/limits.h"

#define PICTURE_MAX ((size_t)64 << 20)
#define TAR_BLOCK 512

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
static int is_png(const uint8_t *data, size_t size, uint32_t *width, uint32_t *height)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    if (size < 24 || memcmp(data, signature, sizeof signature) != 0)
        return 0;
    *width = big_endian(data + 16);
    *height = big_endian(data + 20);
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

static void print_image(struct html *html, const uint8_t *data, size_t size, const char *alt,
                        int scale, uint32_t width, uint32_t height)
{
    uint32_t times = scale ? (uint32_t)scale : 2;
    html_raw(html, scale ? "<img" : "<img class=\"wide\"");
    html_print(html, " alt=\"%s\" width=\"%u\" height=\"%u\" src=\"data:image/png;base64,", alt,
               width * times, height * times);
    html_base64(html, data, size);
    html_raw(html, "\">");
}

/* Reads a file of the store; false where it is not there, too large, or outside. */
static bool load(const struct report *report, const char *path, struct buffer *file)
{
    char whole[4096];
    return is_inside(path) &&
           snprintf(whole, sizeof whole, "%s/%s", report->store, path) < (int)sizeof whole &&
           buffer_read_file(file, whole, PICTURE_MAX, NULL) == 0;
}

int report_picture(struct report *report, const char *path, const char *alt, int scale,
                   const char *copy, struct error *err)
{
    uint32_t width, height;
    struct buffer file;
    buffer_init(&file, PICTURE_MAX);
    int rc = 0;
    if (!load(report, path, &file) || !is_png(file.data, file.size, &width, &height)) {
        html_print(&report->html, "<span class=\"gone\">%s is not in the store</span>", path);
        report->missing++;
    } else {
        print_image(&report->html, file.data, file.size, alt, scale, width, height);
        if (copy)
            rc = copy_picture(report, copy, &file, err);
    }
    buffer_free(&file);
    return rc;
}

/* The size in a ustar header: eleven octal digits at 124. */
static size_t entry_size(const uint8_t *header)
{
    size_t size = 0;
    for (int i = 124; i < 135 && header[i] >= '0' && header[i] <= '7'; i++)
        size = size * 8 + (size_t)(header[i] - '0');
    return size;
}

void report_tar(struct report *report, const char *path, int most, int *shown)
{
    struct buffer tar;
    uint32_t width, height;
    buffer_init(&tar, PICTURE_MAX);
    if (!load(report, path, &tar))
        report->missing++;
    for (size_t at = 0; at + TAR_BLOCK <= tar.size && *shown < most;) {
        size_t size = entry_size(tar.data + at);
        const uint8_t *data = tar.data + at + TAR_BLOCK;
        if (size > tar.size - at - TAR_BLOCK)
            break; /* cut off */
        if (is_png(data, size, &width, &height)) {
            print_image(&report->html, data, size, "", 2, width, height);
            ++*shown;
        }
        at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    }
    buffer_free(&tar);
}
