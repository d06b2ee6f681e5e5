/* Incoming files: one temporary file or folder each. A struct belongs to one thread at a time. */
#include "broker/incoming.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/folder.h"

struct incoming {
    enum incoming_form form;
    char path[INCOMING_PATH_BYTES]; /* the temporary one */
    int folder;                     /* its descriptor, of a folder; else -1 */
    int file;                       /* that is being written, or -1 */
    char name[NAME_MAX + 1];        /* of that file */
    uint64_t offset;                /* in it */
    uint64_t announced, bytes;
    char sha256[DIGEST_HEX_BYTES]; /* "": whoever finishes looks itself */
    struct digest digest;
    size_t files;
    int parent;                 /* folder that it is to appear in, or -1 */
    char final[NAME_MAX + 1];   /* its name there */
};

static int failed(const char *what, const char *path, struct error *err)
{
    return error_set(err, error_of_write(errno), "cannot %s %s: %s", what, path, strerror(errno));
}

/* ---- the folder of all of them ---- */

static int path_of(const char *store, const char *tail, char path[INCOMING_PATH_BYTES],
                   struct error *err)
{
    int length = snprintf(path, INCOMING_PATH_BYTES, "%s/%s", store, tail);
    return length < 0 || length >= INCOMING_PATH_BYTES
               ? error_set(err, E_LIMIT, "%s/…: longer than %d bytes", store, INCOMING_PATH_BYTES)
               : 0;
}

int incoming_clean(const char *store, struct error *err)
{
    char path[INCOMING_PATH_BYTES];
    int rc = path_of(store, INCOMING_FOLDER, path, err);
    if (rc < 0)
        return rc;
    folder_remove(AT_FDCWD, path);
    return mkdir(path, 0700) == 0 ? 0 : failed("make", path, err);
}

/* ---- writing ---- */

int incoming_begin(const char *store, uint64_t number, enum incoming_form form, uint64_t bytes,
                   const char *sha256, struct incoming **incoming, struct error *err)
{
    char tail[64];
    struct incoming *begun = calloc(1, sizeof *begun);
    if (!begun)
        return error_set(err, E_MEMORY, "no memory for an upload");
    begun->form = form;
    begun->announced = bytes;
    begun->folder = begun->file = begun->parent = -1;
    snprintf(begun->sha256, sizeof begun->sha256, "%s", sha256);
    snprintf(tail, sizeof tail, INCOMING_FOLDER "/%llu", (unsigned long long)number);
    digest_begin(&begun->digest);
    int rc = path_of(store, tail, begun->path, err);
    if (rc == 0 && form == INCOMING_FILE &&
        (begun->file = open(begun->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0)
        rc = failed("make", begun->path, err);
    if (rc == 0 && form == INCOMING_FOLDER_OF_FILES &&
        (mkdir(begun->path, 0755) != 0 ||
         (begun->folder = open(begun->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0))
        rc = failed("make", begun->path, err);
    if (rc < 0)
        incoming_end(&begun);
    else
        *incoming = begun;
    return rc;
}

static int close_file(struct incoming *in, struct error *err)
{
    int file = in->file;
    in->file = -1;
    return file >= 0 && close(file) != 0 ? failed("close", in->name, err) : 0;
}

static int next_file(struct incoming *in, const char *name, struct error *err)
{
    size_t length = strlen(name);
    int rc = close_file(in, err);
    if (rc < 0)
        return rc;
    if (!folder_plain_name(name))
        return error_set(err, E_INVALID, "\"%.64s\": expected a plain file's name", name);
    if (in->files > 0 && strcmp(name, in->name) <= 0)
        return error_set(err, E_INVALID, "\"%s\" comes after \"%s\", expected the order of names",
                         name, in->name);
    in->file = openat(in->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (in->file < 0)
        return failed("make", name, err);
    memcpy(in->name, name, length + 1);
    in->offset = 0;
    in->files++;
    return 0;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

int incoming_write(struct incoming *in, const char *name, uint64_t offset, const void *data,
                   size_t size, struct error *err)
{
    int rc = 0;
    if (size > in->announced - in->bytes)
        return error_set(err, E_LIMIT, "more bytes than the %llu announced",
                         (unsigned long long)in->announced);
    if (in->form == INCOMING_FOLDER_OF_FILES && (in->file < 0 || strcmp(name, in->name) != 0))
        rc = next_file(in, name, err);
    else if (strcmp(name, in->name) != 0)
        rc = error_set(err, E_INVALID, "\"%.64s\" in an upload of one file", name);
    if (rc == 0 && offset != in->offset)
        rc = error_set(err, E_INVALID, "bytes of offset %llu, expected %llu",
                       (unsigned long long)offset, (unsigned long long)in->offset);
    if (rc == 0 && write_all(in->file, data, size) != 0)
        rc = failed("write", in->path, err);
    if (rc < 0)
        return rc;
    digest_add(&in->digest, data, size);
    in->offset += size;
    in->bytes += size;
    return 0;
}

/* One sync for all files of a folder: syncfs writes what the file system holds of them. */
int incoming_finish(struct incoming *in, struct error *err)
{
    char found[DIGEST_HEX_BYTES];
    if (in->bytes != in->announced)
        return error_set(err, E_INVALID, "%llu bytes came, expected %llu",
                         (unsigned long long)in->bytes, (unsigned long long)in->announced);
    digest_end(&in->digest, found);
    if (in->sha256[0] && strcmp(found, in->sha256) != 0)
        return error_set(err, E_DIGEST, "the bytes have the digest %s, expected %s", found,
                         in->sha256);
    if ((in->form == INCOMING_FILE ? fsync(in->file) : syncfs(in->folder)) != 0)
        return failed("sync", in->path, err);
    return close_file(in, err);
}

const char *incoming_path(const struct incoming *incoming)
{
    return incoming->path;
}

size_t incoming_files(const struct incoming *incoming)
{
    return incoming->files;
}

/* ---- the name ---- */

/* The next folder on the way: no link is followed, and one that was made is there after a crash. */
static int step_into(int *at, const char *name, const char *path, struct error *err)
{
    bool made = mkdirat(*at, name, 0755) == 0;
    if (!made && errno != EEXIST)
        return failed("make", path, err);
    int next = openat(*at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return error_set(err, errno == ELOOP || errno == ENOTDIR ? E_DENIED : E_IO,
                         "%s: \"%s\" is no folder of the store: %s", path, name, strerror(errno));
    int rc = made && fsync(*at) != 0 ? failed("sync", path, err) : 0;
    close(*at);
    *at = next;
    return rc;
}

int incoming_aim(struct incoming *in, const char *store, const char *path, struct error *err)
{
    char copy[LIMIT_PATH_BYTES + 1], *rest = NULL;
    int rc = 0;
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return error_set(err, E_LIMIT, "a path of %zu bytes: LIMIT_PATH_BYTES is %d", strlen(path),
                         LIMIT_PATH_BYTES);
    in->parent = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in->parent < 0)
        return failed("open", store, err);
    char *name = strtok_r(copy, "/", &rest);
    for (char *next; rc == 0 && name && (next = strtok_r(NULL, "/", &rest)); name = next)
        rc = step_into(&in->parent, name, path, err);
    if (rc == 0 && (!name || strlen(name) > NAME_MAX))
        rc = error_set(err, E_INVALID, "\"%s\" names no file", path);
    if (rc == 0)
        memcpy(in->final, name, strlen(name) + 1);
    return rc;
}

bool incoming_is_there(const char *store, const char *path, enum incoming_form form, uint64_t bytes,
                       const char *sha256)
{
    char full[INCOMING_PATH_BYTES], found[DIGEST_HEX_BYTES];
    struct stat status;
    uint64_t size = 0;
    if (path_of(store, path, full, NULL) < 0 || lstat(full, &status) != 0)
        return false;
    if (form == INCOMING_FILE)
        return S_ISREG(status.st_mode) && (uint64_t)status.st_size == bytes &&
               digest_file(full, found, NULL) == 0 && strcmp(found, sha256) == 0;
    return S_ISDIR(status.st_mode) && digest_folder(full, found, &size, NULL) == 0 &&
           size == bytes && strcmp(found, sha256) == 0;
}

int incoming_place(struct incoming *in, struct error *err)
{
    if (renameat(AT_FDCWD, in->path, in->parent, in->final) == 0)
        return 0;
    /* A folder that is there already changes places with the new one, at once. */
    if ((errno == ENOTEMPTY || errno == EEXIST || errno == EISDIR || errno == ENOTDIR) &&
        renameat2(AT_FDCWD, in->path, in->parent, in->final, RENAME_EXCHANGE) == 0)
        return 0;
    return failed("rename to", in->final, err);
}

int incoming_settle(struct incoming *in, struct error *err)
{
    return fsync(in->parent) == 0 ? 0 : failed("sync the folder of", in->final, err);
}

void incoming_end(struct incoming **incoming)
{
    struct incoming *in = *incoming;
    if (!in)
        return;
    *incoming = NULL;
    if (in->file >= 0)
        close(in->file);
    if (in->folder >= 0)
        close(in->folder);
    if (in->parent >= 0)
        close(in->parent);
    if (in->path[0])
        folder_remove(AT_FDCWD, in->path);
    free(in);
}
