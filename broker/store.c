/* Bundles in the store. Copies go through a buffer, so that memory does not grow with a network's
 * size. */
#include "broker/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/limits.h"

#define COPY_BYTES (1u << 20)
#define PATH_BYTES (3 * LIMIT_PATH_BYTES)

static int failed(const char *path, struct error *err)
{
    return error_set(err, error_of_write(errno), "%s: %s", path, strerror(errno));
}

static int join(char path[PATH_BYTES], struct error *err, const char *folder, const char *name)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    if (length < 0 || length >= PATH_BYTES)
        return error_set(err, E_LIMIT, "%s/…: longer than %d bytes", folder, PATH_BYTES - 1);
    return 0;
}

static int write_all(int out, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(out, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static int copy_bytes(int in, int out, const char *from, const char *to, struct error *err)
{
    int rc = 0;
    ssize_t n = 1;
    char *buffer = malloc(COPY_BYTES);
    if (!buffer)
        return error_set(err, E_MEMORY, "%s: no memory to copy it", from);
    while (rc == 0 && n != 0) {
        n = read(in, buffer, COPY_BYTES);
        if (n < 0 && errno != EINTR)
            rc = failed(from, err);
        else if (n > 0 && write_all(out, buffer, (size_t)n) != 0)
            rc = failed(to, err);
    }
    if (rc == 0 && fsync(out) != 0)
        rc = failed(to, err);
    free(buffer);
    return rc;
}

static int copy_file(const char *folder, const char *into, const char *name, struct error *err)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    int in = -1, out = -1;
    int rc = join(from, err, folder, name);
    if (rc == 0)
        rc = join(to, err, into, name);
    if (rc < 0)
        return rc;
    if ((in = open(from, O_RDONLY | O_CLOEXEC)) < 0)
        rc = failed(from, err);
    else if ((out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
        rc = failed(to, err);
    else
        rc = copy_bytes(in, out, from, to, err);
    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) != 0 && rc == 0)
        rc = failed(to, err);
    return rc;
}

static int copy_bundle(const char *folder, const char *into, const struct bundle *bundle,
                       struct error *err)
{
    int rc = copy_file(folder, into, BUNDLE_FILE, err);
    for (size_t i = 0; rc == 0 && i < bundle_file_count(bundle); i++)
        rc = copy_file(folder, into, bundle_file(bundle, i)->file, err);
    return rc;
}

static int sync_folder(const char *path, struct error *err)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return failed(path, err);
    int rc = fsync(folder) == 0 ? 0 : failed(path, err);
    close(folder);
    return rc;
}

static int check_copy(const char *path, const char *hash, struct error *err)
{
    struct bundle *copy = NULL;
    char found[DIGEST_HEX_BYTES];
    int rc = bundle_load(path, &copy, found, err);
    if (rc < 0)
        return rc;
    bundle_free(&copy);
    if (strcmp(found, hash) != 0)
        return error_set(err, E_DIGEST, "%s: has hash %s, expected %s", path, found, hash);
    return 0;
}

/* Removes what a bundle's folder may hold; a folder that holds more stays, and the rename says so.
 */
static void remove_bundle(const char *path, const struct bundle *bundle)
{
    char file[PATH_BYTES];
    for (size_t i = 0; i <= bundle_file_count(bundle); i++)
        if (join(file, NULL, path, i ? bundle_file(bundle, i - 1)->file : BUNDLE_FILE) == 0)
            unlink(file);
    rmdir(path);
}

static int folder_of(const char *store, const char *hash, char path[PATH_BYTES], struct error *err)
{
    int length = snprintf(path, PATH_BYTES, "%s/bundles/%s", store, hash);
    if (length < 0 || length >= PATH_BYTES)
        return error_set(err, E_LIMIT, "%s/…: longer than %d bytes", store, PATH_BYTES - 1);
    return 0;
}

bool store_has_bundle(const char *store, const char *hash)
{
    char path[PATH_BYTES];
    return folder_of(store, hash, path, NULL) == 0 && check_copy(path, hash, NULL) == 0;
}

int store_load_bundle(const char *store, const char *hash, struct bundle **bundle,
                      struct error *err)
{
    char path[PATH_BYTES];
    int rc = folder_of(store, hash, path, err);
    return rc < 0 ? rc : bundle_load(path, bundle, NULL, err);
}

int store_read_yaml(const char *store, const char *hash, struct buffer *yaml, struct error *err)
{
    char path[PATH_BYTES], file[PATH_BYTES];
    int rc = folder_of(store, hash, path, err);
    if (rc == 0)
        rc = join(file, err, path, BUNDLE_FILE);
    return rc < 0 ? rc : buffer_read_file(yaml, file, LIMIT_BUNDLE_YAML_BYTES, err);
}

int store_take_bundle(const char *store, const char *from, const char *hash, struct error *err)
{
    char bundles[PATH_BYTES], final[PATH_BYTES];
    int rc = join(bundles, err, store, "bundles");
    if (rc == 0)
        rc = folder_of(store, hash, final, err);
    if (rc == 0)
        rc = buffer_make_folders(bundles, err);
    /* What a disk left half or changed under that name changes places with the whole one. */
    if (rc == 0 && rename(from, final) != 0 &&
        renameat2(AT_FDCWD, from, AT_FDCWD, final, RENAME_EXCHANGE) != 0)
        rc = failed(final, err);
    return rc < 0 ? rc : sync_folder(bundles, err);
}

int store_add_bundle(const char *store, const char *folder, const struct bundle *bundle,
                     const char *hash, struct error *err)
{
    char bundles[PATH_BYTES], final[PATH_BYTES], temporary[PATH_BYTES], name[DIGEST_HEX_BYTES + 8];
    snprintf(name, sizeof name, ".tmp-%s", hash);
    int rc = join(bundles, err, store, "bundles");
    if (rc == 0)
        rc = join(final, err, bundles, hash);
    if (rc == 0)
        rc = join(temporary, err, bundles, name);
    if (rc < 0)
        return rc;
    if (check_copy(final, hash, NULL) == 0)
        return 0;
    remove_bundle(final, bundle); /* what a disk left half or changed */
    rc = buffer_make_folders(temporary, err);
    if (rc == 0)
        rc = copy_bundle(folder, temporary, bundle, err);
    if (rc == 0)
        rc = check_copy(temporary, hash, err);
    if (rc == 0)
        rc = sync_folder(temporary, err);
    if (rc == 0 && rename(temporary, final) != 0)
        rc = failed(final, err);
    if (rc == 0)
        rc = sync_folder(bundles, err);
    if (rc < 0)
        remove_bundle(temporary, bundle);
    return rc;
}
