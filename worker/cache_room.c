/* Making room: one at a time, under the cache's lock. Sizes are the files' lengths; what is being
 * fetched counts in full from the beginning, because its files are made at their length. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/log.h"
#include "worker/cache_priv.h"

struct entry {
    char path[CACHE_PATH_BYTES];
    uint64_t bytes;
    struct timespec used;
};

struct survey {
    struct entry *entries;
    size_t count;
    uint64_t bytes; /* of entries, and of what is being fetched */
};

/* ---- what there is ---- */

static uint64_t bytes_of(int fd)
{
    uint64_t bytes = 0;
    struct stat status;
    int copy = dup(fd);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    if (!folder && copy >= 0)
        close(copy);
    if (folder)
        rewinddir(folder);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            bytes += (uint64_t)status.st_size;
    if (folder)
        closedir(folder);
    return bytes;
}

static int add_entry(struct survey *survey, const char *path, int fd, struct error *err)
{
    struct stat status;
    struct entry *grown = realloc(survey->entries, (survey->count + 1) * sizeof *grown);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory to look through the cache");
    survey->entries = grown;
    struct entry *entry = &grown[survey->count++];
    *entry = (struct entry){.bytes = bytes_of(fd)};
    if (fstat(fd, &status) == 0)
        entry->used = status.st_mtim;
    memcpy(entry->path, path, CACHE_PATH_BYTES);
    survey->bytes += entry->bytes;
    return 0;
}

/* What a process that is gone has left half; else it counts. */
static void look_at_partial(struct survey *survey, const char *path, int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        folder_remove(AT_FDCWD, path);
    else
        survey->bytes += bytes_of(fd);
}

static int look_into(const struct cache *cache, const char *kind, struct survey *survey,
                     struct error *err)
{
    char path[CACHE_PATH_BYTES];
    bool partial = strcmp(kind, "partial") == 0;
    int rc = cache_join(cache, kind, "", path, err);
    DIR *folder = rc == 0 ? opendir(path) : NULL;
    if (rc == 0 && !folder)
        return error_set(err, E_IO, "%s: cannot open: %s", path, strerror(errno));
    for (struct dirent *item; rc == 0 && (item = readdir(folder));) {
        if (!folder_plain_name(item->d_name))
            continue;
        rc = cache_join(cache, kind, item->d_name, path, err);
        int fd = rc == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (fd < 0)
            continue;
        if (partial)
            look_at_partial(survey, path, fd);
        else
            rc = add_entry(survey, path, fd, err);
        close(fd);
    }
    if (folder)
        closedir(folder);
    return rc;
}

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct entry *)a)->used;
    const struct timespec *y = &((const struct entry *)b)->used;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* ---- room ---- */

/* Removes it unless somebody holds it: true if so. Renamed first, so that nobody sees it half. */
static bool evict(const struct cache *cache, const struct entry *entry)
{
    char aside[CACHE_PATH_BYTES];
    int fd = open(entry->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool done = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
                cache_partial(cache, aside, NULL) == 0 &&
                rename(entry->path, aside) == 0;
    if (done) {
        log_info("%s makes room in the cache", entry->path);
        folder_remove(AT_FDCWD, aside);
    }
    if (fd >= 0)
        close(fd);
    return done;
}

static int make_room(const struct cache *cache, uint64_t bytes, struct error *err)
{
    struct survey survey = {0};
    if (bytes > cache->most)
        return error_set(err, E_LIMIT, "%llu bytes do not fit into %s: --cache-size is %llu",
                         (unsigned long long)bytes, cache->folder,
                         (unsigned long long)cache->most);
    int rc = look_into(cache, "partial", &survey, err);
    if (rc == 0)
        rc = look_into(cache, "bundles", &survey, err);
    if (rc == 0)
        rc = look_into(cache, "boundaries", &survey, err);
    if (rc == 0 && survey.count > 1)
        qsort(survey.entries, survey.count, sizeof *survey.entries, by_use);
    for (size_t i = 0; rc == 0 && i < survey.count; i++)
        if (survey.bytes + bytes > cache->most && evict(cache, &survey.entries[i]))
            survey.bytes -= survey.entries[i].bytes;
    if (rc == 0 && survey.bytes + bytes > cache->most)
        rc = error_set(err, E_LIMIT,
                       "%s: %llu bytes do not fit beside %llu in use: --cache-size is %llu",
                       cache->folder, (unsigned long long)bytes, (unsigned long long)survey.bytes,
                       (unsigned long long)cache->most);
    free(survey.entries);
    return rc;
}

/* A file of that length, of which nothing is written yet. */
static int make_hole(int folder, const struct wire_part *part, struct error *err)
{
    if (!folder_plain_name(part->name) || part->bytes > LIMIT_ONNX_BYTES)
        return error_set(err, E_INVALID, "\"%.64s\" of %llu bytes: not a file of such a folder",
                         part->name, (unsigned long long)part->bytes);
    int fd = openat(folder, part->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    int rc = fd >= 0 && ftruncate(fd, (off_t)part->bytes) == 0
                 ? 0
                 : error_set(err, error_of_write(errno), "%s: cannot make: %s", part->name,
                             strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

static int make_folder(const struct cache *cache, const struct wire_part *parts, size_t count,
                       char path[CACHE_PATH_BYTES], int *fd, struct error *err)
{
    int rc = cache_partial(cache, path, err);
    if (rc < 0)
        return rc;
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) != 0)
        rc = error_set(err, error_of_write(errno), "%s: cannot make: %s", path, strerror(errno));
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = make_hole(*fd, &parts[i], err);
    if (rc < 0) {
        folder_remove(AT_FDCWD, path);
        if (*fd >= 0)
            close(*fd);
    }
    return rc;
}

int cache_reserve(const struct cache *cache, const struct wire_part *parts, size_t count,
                  char path[CACHE_PATH_BYTES], int *fd, struct error *err)
{
    char lock[CACHE_PATH_BYTES];
    uint64_t bytes = 0;
    int rc = cache_join(cache, "lock", "", lock, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].bytes;
    int locked = cache_lock(lock, true, err);
    if (locked < 0)
        return locked;
    rc = make_room(cache, bytes, err);
    if (rc == 0)
        rc = make_folder(cache, parts, count, path, fd, err);
    close(locked);
    return rc;
}
