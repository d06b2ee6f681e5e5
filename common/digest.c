/* SHA-256 by libsodium, which needs no initialisation for hashing. */
#include "common/digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/limits.h"

void digest_bytes(const void *data, size_t size, char hex[DIGEST_HEX_BYTES])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, data, size);
    sodium_bin2hex(hex, DIGEST_HEX_BYTES, hash, sizeof hash);
}

/* Adds a regular file's bytes. In a folder no link is followed, and opening waits for no pipe's
 * other end. */
static int add_file(crypto_hash_sha256_state *state, int folder, const char *name,
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
            crypto_hash_sha256_update(state, chunk, (size_t)n);
            *bytes += (uint64_t)n;
        }
    }
    close(fd);
    return failed;
}

static void finish(crypto_hash_sha256_state *state, char hex[DIGEST_HEX_BYTES])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(state, hash);
    sodium_bin2hex(hex, DIGEST_HEX_BYTES, hash, sizeof hash);
}

int digest_file(const char *path, char hex[DIGEST_HEX_BYTES], struct error *err)
{
    crypto_hash_sha256_state state;
    uint64_t bytes = 0;
    crypto_hash_sha256_init(&state);
    int failed = add_file(&state, AT_FDCWD, path, path, &bytes, err);
    if (!failed)
        finish(&state, hex);
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
    crypto_hash_sha256_state state;
    struct dirent **entries = NULL;
    uint64_t sum = 0;
    int failed = 0, count = -1;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0)
        count = scandirat(folder, ".", &entries, no_dots, by_name);
    if (count < 0)
        failed = error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: cannot open: %s", path,
                           strerror(errno));
    crypto_hash_sha256_init(&state);
    for (int i = 0; i < count; i++) {
        char shown[LIMIT_PATH_BYTES + NAME_MAX + 2];
        snprintf(shown, sizeof shown, "%s/%s", path, entries[i]->d_name);
        if (!failed)
            failed = add_file(&state, folder, entries[i]->d_name, shown, &sum, err);
        free(entries[i]);
    }
    free(entries);
    if (folder >= 0)
        close(folder);
    if (failed)
        return failed;
    finish(&state, hex);
    *bytes = sum;
    return 0;
}
