/* Digests of bytes, files and folders. No shared state. */
#include "common/digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/base16.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/limits.h"

void digest_begin(struct digest *digest)
{
    sha256_init(&digest->state);
}

void digest_add(struct digest *digest, const void *data, size_t size)
{
    if (size > 0) /* of an empty buffer, data is NULL */
        sha256_update(&digest->state, size, data);
}

void digest_end(struct digest *digest, char hex[DIGEST_HEX_BYTES])
{
    uint8_t sum[SHA256_DIGEST_SIZE];
    sha256_digest(&digest->state, sizeof sum, sum);
    base16_encode_update(hex, sizeof sum, sum);
    hex[DIGEST_HEX_BYTES - 1] = '\0';
}

void digest_bytes(const void *data, size_t size, char hex[DIGEST_HEX_BYTES])
{
    struct digest digest;
    digest_begin(&digest);
    digest_add(&digest, data, size);
    digest_end(&digest, hex);
}

/* Adds a regular file's bytes. In a folder no link is followed, and opening waits for no pipe's
 * other end. */
static int add_file(struct digest *digest, int folder, const char *name,
                    const char *shown, uint64_t *bytes, struct error *err)
{
    unsigned char chunk[65536];
    struct stat status;
    ssize_t n = -1;
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (folder == AT_FDCWD ? 0 : O_NOFOLLOW);
    int fd = openat(folder, name, flags);
    if (fd < 0)
        return error_set(err,
                         errno == ENOENT  ? E_NOT_FOUND
                         : errno == ELOOP ? E_INVALID
                                          : E_IO,
                         "%s: cannot open: %s", shown, strerror(errno));
    int failed = 0;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        failed = error_set(err, E_INVALID, "%s: is not a regular file", shown);
    while (!failed && (n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno != EINTR)
            failed = error_set(err, E_IO, "%s: cannot read: %s", shown, strerror(errno));
        if (n > 0) {
            digest_add(digest, chunk, (size_t)n);
            *bytes += (uint64_t)n;
        }
    }
    close(fd);
    return failed;
}

int digest_read_file(const char *path, const char *hex, size_t maximum, struct buffer *file,
                     struct error *err)
{
    char found[DIGEST_HEX_BYTES];
    int rc = buffer_read_file(file, path, maximum, err);
    if (rc)
        return rc;
    digest_bytes(file->data, file->size, found);
    return strcmp(found, hex) == 0 ? 0
                                   : error_set(err, E_DIGEST, "%s: has the SHA-256 %s, expected %s",
                                               path, found, hex);
}

int digest_file(const char *path, char hex[DIGEST_HEX_BYTES], struct error *err)
{
    struct digest digest;
    uint64_t bytes = 0;
    digest_begin(&digest);
    int failed = add_file(&digest, AT_FDCWD, path, path, &bytes, err);
    if (!failed)
        digest_end(&digest, hex);
    return failed;
}

static int no_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int digest_folder(const char *path, char hex[DIGEST_HEX_BYTES], uint64_t *bytes, struct error *err)
{
    struct digest digest;
    struct dirent **entries = NULL;
    uint64_t sum = 0;
    int failed = 0, count = -1;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0)
        count = scandirat(folder, ".", &entries, no_dots, by_name);
    if (count < 0)
        failed = error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: cannot open: %s", path,
                           strerror(errno));
    digest_begin(&digest);
    for (int i = 0; i < count; i++) {
        char shown[LIMIT_PATH_BYTES + NAME_MAX + 2];
        snprintf(shown, sizeof shown, "%s/%s", path, entries[i]->d_name);
        if (!failed)
            failed = add_file(&digest, folder, entries[i]->d_name, shown, &sum, err);
        free(entries[i]);
    }
    free(entries);
    if (folder >= 0)
        close(folder);
    if (failed)
        return failed;
    digest_end(&digest, hex);
    *bytes = sum;
    return 0;
}
