/* Growable bytes, and whole files in and out of them. No shared state. */
#include "common/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void buffer_init(struct buffer *buffer, size_t maximum)
{
    *buffer = (struct buffer){.maximum = maximum};
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->size = buffer->capacity = 0;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

/* Room for `size` more bytes and a NUL that `maximum` does not count. */
static int reserve(struct buffer *buffer, size_t size, struct error *err)
{
    if (size > buffer->maximum || buffer->size > buffer->maximum - size)
        return error_set(err, E_LIMIT, "buffer would hold %zu bytes, at most %zu are allowed",
                         buffer->size + size, buffer->maximum);
    size_t need = buffer->size + size + 1;
    if (need <= buffer->capacity)
        return 0;
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    while (capacity < need)
        capacity *= 2;
    uint8_t *data = realloc(buffer->data, capacity);
    if (!data)
        return error_set(err, E_MEMORY, "no memory for a buffer of %zu bytes", capacity);
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *data, size_t size, struct error *err)
{
    int rc = reserve(buffer, size, err);
    if (rc)
        return rc;
    if (size)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return 0;
}

int buffer_printf(struct buffer *buffer, struct error *err, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    int rc = size < 0 ? error_set(err, E_INVALID, "cannot format \"%s\"", format)
                      : reserve(buffer, (size_t)size, err);
    if (!rc) {
        vsnprintf((char *)buffer->data + buffer->size, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
    return rc;
}

static int read_all(int fd, struct buffer *buffer, struct error *err)
{
    uint8_t chunk[65536];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            return buffer_append(buffer, "", 0, err);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, E_IO, "cannot read: %s", strerror(errno));
        int rc = buffer_append(buffer, chunk, (size_t)n, err);
        if (rc)
            return rc;
    }
}

int buffer_read_file(struct buffer *buffer, const char *path, size_t maximum, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: cannot open: %s", path,
                         strerror(errno));
    buffer->maximum = maximum;
    int rc = read_all(fd, buffer, err);
    close(fd);
    return rc ? error_prefix(err, rc, "%s", path) : 0;
}

static int write_all(int fd, const void *data, size_t size)
{
    const char *p = data;
    while (size) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

static int sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    if (strlen(path) >= sizeof copy) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(copy, path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    close(fd);
    return rc;
}

int buffer_write_file(const char *path, const void *data, size_t size, struct error *err)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)gettid());
    if (length < 0 || (size_t)length >= sizeof temporary)
        return error_set(err, E_LIMIT, "%s: path longer than %d bytes", path, PATH_MAX);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set(err, error_of_write(errno), "%s: cannot create: %s", temporary, strerror(errno));
    int failed = write_all(fd, data, size) != 0 || fsync(fd) != 0;
    failed |= close(fd) != 0;
    if (failed || rename(temporary, path) != 0 || sync_folder_of(path) != 0) {
        int rc = error_set(err, error_of_write(errno), "%s: cannot write: %s", path, strerror(errno));
        unlink(temporary);
        return rc;
    }
    return 0;
}

int buffer_make_folders(const char *path, struct error *err)
{
    char copy[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof copy)
        return error_set(err, E_LIMIT, "folder name has %zu bytes, expected 1 to %d", length,
                         PATH_MAX - 1);
    memcpy(copy, path, length + 1);
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            return error_set(err, error_of_write(errno), "%s: cannot make the folder: %s", copy,
                             strerror(errno));
        *p = end;
        if (!end)
            return 0;
    }
}
