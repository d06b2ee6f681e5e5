/* Finds sources and puts together what they include. */
#include "worker/device_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/embedded.h"

extern const struct embedded_file kernel_files[];

static int read_text(const char *file, struct buffer *text, struct error *err)
{
    const char *folder = getenv("FACEFARM_KERNELS");
    if (folder && *folder) {
        char path[4096];
        if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
            return error_set(err, E_LIMIT, "FACEFARM_KERNELS is longer than %zu bytes", sizeof path);
        int failed = buffer_read_file(text, path, DEVICE_SOURCE_MAX, err);
        return failed ? error_prefix(err, failed, "FACEFARM_KERNELS") : 0;
    }
    const struct embedded_file *embedded = embedded_find(kernel_files, file);
    if (!embedded)
        return error_set(err, E_NOT_FOUND, "there is no kernel source %s", file);
    return buffer_append(text, embedded->text, embedded->size, err);
}

static int include(const char *name, struct buffer *source, struct error *err)
{
    struct buffer text;
    buffer_init(&text, DEVICE_SOURCE_MAX);
    int failed = read_text(name, &text, err);
    if (!failed)
        failed = buffer_append(source, text.data, text.size, err);
    buffer_free(&text);
    return failed;
}

static int add_line(const char *line, size_t length, struct buffer *source, struct error *err)
{
    char name[64];
    if (sscanf(line, "#include \"%63[^\"\n]\"", name) == 1)
        return include(name, source, err);
    return buffer_append(source, line, length, err);
}

int device_source(const char *file, struct buffer *source, struct error *err)
{
    struct buffer text;
    buffer_init(&text, DEVICE_SOURCE_MAX);
    int failed = read_text(file, &text, err);
    const char *line = (const char *)text.data;
    while (!failed && *line) {
        size_t length = strcspn(line, "\n");
        length += line[length] == '\n';
        failed = add_line(line, length, source, err);
        line += length;
    }
    buffer_free(&text);
    return failed;
}
