/*
 * Shards. While one is written it lives beside its final place as ".<name>.<pid>.<time>", so that
 * two processes that run the same task do not meet. A folder that exists already is refilled file
 * by file.
 */
#include "worker/shard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/limits.h"

#define PATH_BYTES (2 * LIMIT_PATH_BYTES)
#define TAR_BLOCK 512

struct shard {
    enum shard_kind kind;
    char parent[PATH_BYTES];      /* folder that the shard appears in */
    char final[PATH_BYTES + 256]; /* where it appears */
    char temporary[PATH_BYTES + 256];
    int fd; /* the temporary folder, or the tar */
    struct digest digest;
    uint64_t bytes;
};

static bool is_denied(int number)
{
    return number == EROFS || number == EACCES || number == EPERM;
}

static int io_error(struct error *err, const char *what, const char *path)
{
    int code = is_denied(errno) ? E_READONLY : error_of_write(errno);
    return error_set(err, code, "%s %s: %s", what, path, strerror(errno));
}

static int write_all(int fd, const void *data, size_t size)
{
    const uint8_t *rest = data;
    while (size > 0) {
        ssize_t written = write(fd, rest, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        rest += written;
        size -= (size_t)written;
    }
    return 0;
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(path);
}

static int set_paths(struct shard *shard, const char *store, const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    int folder_length = slash ? (int)(slash - path) : 0;
    if (strlen(store) + strlen(path) + 64 > PATH_BYTES || *name == '\0' || strstr(path, ".."))
        return error_set(err, E_INVALID, "not a shard's path: %s/%s", store, path);
    snprintf(shard->parent, sizeof shard->parent, "%s/%.*s", store, folder_length, path);
    snprintf(shard->final, sizeof shard->final, "%s/%s", shard->parent, name);
    snprintf(shard->temporary, sizeof shard->temporary, "%s/.%s.%ld.%lld", shard->parent, name,
             (long)getpid(), (long long)clock_now());
    errno = 0;
    int failed = buffer_make_folders(shard->parent, err);
    if (failed != E_IO || !is_denied(errno))
        return failed;
    if (err)
        err->code = E_READONLY;
    return E_READONLY;
}

static int open_temporary(struct shard *shard, struct error *err)
{
    if (shard->kind == SHARD_TAR) {
        shard->fd = open(shard->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        return shard->fd < 0 ? io_error(err, "create", shard->temporary) : 0;
    }
    if (mkdir(shard->temporary, 0777) != 0)
        return io_error(err, "mkdir", shard->temporary);
    shard->fd = open(shard->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return shard->fd < 0 ? io_error(err, "open", shard->temporary) : 0;
}

int shard_begin(const char *store, const char *path, enum shard_kind kind, struct shard **shard,
                struct error *err)
{
    struct shard *begun = calloc(1, sizeof *begun);
    if (!begun)
        return error_set(err, E_MEMORY, "no memory for a shard");
    begun->kind = kind;
    begun->fd = -1;
    digest_begin(&begun->digest);
    int failed = set_paths(begun, store, path, err);
    if (!failed)
        failed = open_temporary(begun, err);
    if (failed) {
        free(begun);
        return failed;
    }
    *shard = begun;
    return 0;
}

static void count_bytes(struct shard *shard, const void *data, size_t size)
{
    digest_add(&shard->digest, data, size);
    shard->bytes += size;
}

static int add_to_folder(struct shard *shard, const char *name, const void *data, size_t size,
                         struct error *err)
{
    int fd = openat(shard->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return io_error(err, "create", name);
    int failed = write_all(fd, data, size) ? io_error(err, "write", name) : 0;
    if (close(fd) != 0 && !failed)
        failed = io_error(err, "close", name);
    if (!failed)
        count_bytes(shard, data, size);
    return failed;
}

static int add_to_tar_raw(struct shard *shard, const void *data, size_t size, struct error *err)
{
    if (write_all(shard->fd, data, size))
        return io_error(err, "write", shard->temporary);
    count_bytes(shard, data, size);
    return 0;
}

/* The header of a regular file (POSIX.1-1988, "ustar"): octal numbers, checksum over the block with
 * blanks in its own place. */
static void tar_header(const char *name, size_t size, char header[TAR_BLOCK])
{
    memset(header, 0, TAR_BLOCK);
    snprintf(header, 100, "%s", name);
    memcpy(header + 100, "0000644", 8); /* mode */
    memcpy(header + 108, "0000000", 8); /* uid */
    memcpy(header + 116, "0000000", 8); /* gid */
    snprintf(header + 124, 12, "%011llo", (unsigned long long)size);
    memcpy(header + 136, "00000000000", 12); /* mtime */
    memset(header + 148, ' ', 8);
    header[156] = '0'; /* regular file */
    memcpy(header + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum & 0777777);
}

static int add_to_tar(struct shard *shard, const char *name, const void *data, size_t size,
                      struct error *err)
{
    static const char zeros[TAR_BLOCK];
    char header[TAR_BLOCK];
    tar_header(name, size, header);
    int failed = add_to_tar_raw(shard, header, sizeof header, err);
    if (!failed)
        failed = add_to_tar_raw(shard, data, size, err);
    size_t padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
    return failed || padding == 0 ? failed : add_to_tar_raw(shard, zeros, padding, err);
}

int shard_add(struct shard *shard, const char *name, const void *data, size_t size,
              struct error *err)
{
    if (*name == '\0' || strchr(name, '/') || strlen(name) > 99)
        return error_set(err, E_INVALID, "not a plain file name: %s", name);
    return shard->kind == SHARD_TAR ? add_to_tar(shard, name, data, size, err)
                                    : add_to_folder(shard, name, data, size, err);
}

/* Two zero blocks end a tar. */
static int end_tar(struct shard *shard, struct error *err)
{
    static const char zeros[2 * TAR_BLOCK];
    return add_to_tar_raw(shard, zeros, sizeof zeros, err);
}

/* Renames each file of the temporary folder over its twin in the final one. */
static int refill(const struct shard *shard, struct error *err)
{
    DIR *folder = opendir(shard->temporary);
    int to = open(shard->final, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = folder && to >= 0 ? 0 : io_error(err, "open", shard->final);
    for (struct dirent *entry; !failed && (entry = readdir(folder));)
        if (entry->d_type != DT_DIR &&
            renameat(dirfd(folder), entry->d_name, to, entry->d_name) != 0)
            failed = io_error(err, "rename", entry->d_name);
    if (!failed && syncfs(to) != 0)
        failed = io_error(err, "sync", shard->final);
    if (folder)
        closedir(folder);
    if (to >= 0)
        close(to);
    rmdir(shard->temporary);
    return failed;
}

static int sync_parent(const struct shard *shard, struct error *err)
{
    int fd = open(shard->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd >= 0 && fsync(fd) == 0 ? 0 : io_error(err, "sync", shard->parent);
    if (fd >= 0)
        close(fd);
    return failed;
}

/* One sync for all files of a folder: syncfs writes what the file system holds of them. */
static int appear(const struct shard *shard, struct error *err)
{
    if ((shard->kind == SHARD_TAR ? fsync(shard->fd) : syncfs(shard->fd)) != 0)
        return io_error(err, "sync", shard->temporary);
    if (rename(shard->temporary, shard->final) == 0)
        return sync_parent(shard, err);
    if (shard->kind == SHARD_FOLDER && (errno == ENOTEMPTY || errno == EEXIST))
        return refill(shard, err);
    return io_error(err, "rename to", shard->final);
}

int shard_commit(struct shard **shard, struct shard_summary *summary, struct error *err)
{
    struct shard *done = *shard;
    int failed = done->kind == SHARD_TAR ? end_tar(done, err) : 0;
    if (!failed)
        failed = appear(done, err);
    if (failed) {
        shard_abandon(shard);
        return failed;
    }
    digest_end(&done->digest, summary->sha256);
    summary->bytes = done->bytes;
    close(done->fd);
    free(done);
    *shard = NULL;
    return 0;
}

void shard_abandon(struct shard **shard)
{
    if (!*shard)
        return;
    close((*shard)->fd);
    if ((*shard)->kind == SHARD_TAR)
        unlink((*shard)->temporary);
    else
        remove_folder((*shard)->temporary);
    free(*shard);
    *shard = NULL;
}
