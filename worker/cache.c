/* Taking and giving back: a hold is a shared lock on the folder itself. */
#include "worker/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/bundle.h"
#include "common/folder.h"
#include "common/log.h"
#include "worker/cache_priv.h"

struct cache_hold {
    const struct cache *cache;
    char path[CACHE_PATH_BYTES];
    char hash[DIGEST_HEX_BYTES];
    int fd;
};

/* ---- names and locks ---- */

int cache_join(const struct cache *cache, const char *a, const char *b,
               char path[CACHE_PATH_BYTES], struct error *err)
{
    int length = snprintf(path, CACHE_PATH_BYTES, "%s/%s%s%s", cache->folder, a, *b ? "/" : "", b);
    return length < 0 || length >= CACHE_PATH_BYTES
               ? error_set(err, E_LIMIT, "the cache's path is too long")
               : 0;
}

int cache_lock(const char *path, bool wait, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666), rc;
    if (fd < 0)
        return error_set(err, E_IO, "%s: cannot open: %s", path, strerror(errno));
    do
        rc = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
    while (rc != 0 && errno == EINTR);
    if (rc == 0)
        return fd;
    rc = error_set(err, errno == EWOULDBLOCK ? E_STATE : E_IO, "%s: cannot lock: %s", path,
                   strerror(errno));
    close(fd);
    return rc;
}

int cache_partial(const struct cache *cache, char path[CACHE_PATH_BYTES], struct error *err)
{
    int rc = cache_join(cache, "partial", "XXXXXX", path, err);
    if (rc == 0 && !mkdtemp(path))
        rc = error_set(err, error_of_write(errno), "%s: cannot make: %s", path, strerror(errno));
    return rc;
}

/* ---- the cache ---- */

int cache_open(const char *folder, uint64_t most, struct cache **cache, struct error *err)
{
    static const char *const folders[] = {"bundles", "boundaries", "partial", "fetching"};
    char path[CACHE_PATH_BYTES];
    struct cache *opened = calloc(1, sizeof *opened);
    int rc = 0;
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for a cache");
    opened->most = most;
    if (snprintf(opened->folder, sizeof opened->folder, "%s", folder) >=
        (int)sizeof opened->folder)
        rc = error_set(err, E_LIMIT, "--cache: a path of %zu bytes, LIMIT_PATH_BYTES is %d",
                       strlen(folder), LIMIT_PATH_BYTES);
    for (size_t i = 0; rc == 0 && i < sizeof folders / sizeof *folders; i++) {
        rc = cache_join(opened, folders[i], "", path, err);
        if (rc == 0)
            rc = buffer_make_folders(path, err);
    }
    if (rc < 0)
        cache_close(&opened);
    else
        *cache = opened;
    return rc;
}

void cache_close(struct cache **cache)
{
    free(*cache);
    *cache = NULL;
}

const char *cache_folder(const struct cache *cache)
{
    return cache->folder;
}

/* ---- holding ---- */

/* Notes the time of last use, to the nanosecond: the kernel's own would be to its tick. */
static void touch(int fd)
{
    struct timespec now[2];
    clock_gettime(CLOCK_REALTIME, &now[0]);
    now[1] = now[0];
    futimens(fd, now);
}

/* Holds the folder if it is there: 1, 0 where it is not, or an error. */
static int hold_it(struct cache_hold *hold, struct error *err)
{
    struct stat held, named;
    for (;;) {
        hold->fd = open(hold->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (hold->fd < 0 && errno == ENOENT)
            return 0;
        if (hold->fd < 0)
            return error_set(err, E_IO, "%s: cannot open: %s", hold->path, strerror(errno));
        while (flock(hold->fd, LOCK_SH) != 0 && errno == EINTR)
            continue;
        /* Who made room meanwhile has renamed it. */
        if (fstat(hold->fd, &held) == 0 && lstat(hold->path, &named) == 0 &&
            held.st_ino == named.st_ino && held.st_dev == named.st_dev)
            break;
        close(hold->fd);
    }
    touch(hold->fd);
    return 1;
}

/* What is cheap to see: bundle.yaml has the digests of the rest, which are checked when it is
 * loaded; boundaries are small. */
static bool is_sound(const struct cache_hold *hold, const char *kind)
{
    char file[CACHE_PATH_BYTES + 16], found[DIGEST_HEX_BYTES];
    uint64_t bytes = 0;
    snprintf(file, sizeof file, "%s/" BUNDLE_FILE, hold->path);
    int rc = strcmp(kind, "bundles") == 0 ? digest_file(file, found, NULL)
                                          : digest_folder(hold->path, found, &bytes, NULL);
    return rc == 0 && strcmp(found, hold->hash) == 0;
}

/* Takes it away, unless another has already: 0, what holding something that is not there gives. */
static int distrust(struct cache_hold *hold)
{
    char aside[CACHE_PATH_BYTES];
    log_warning("%s is damaged: it is fetched again", hold->path);
    if (cache_partial(hold->cache, aside, NULL) == 0 &&
        rename(hold->path, aside) == 0)
        folder_remove(AT_FDCWD, aside);
    close(hold->fd);
    hold->fd = -1;
    return 0;
}

int cache_take(struct cache *cache, struct transfer *transfer, const char *kind, const char *hash,
               struct cache_hold **hold, struct error *err)
{
    struct cache_hold *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for a cached folder");
    if (strlen(hash) != DIGEST_HEX_BYTES - 1 ||
        strspn(hash, "0123456789abcdef") != DIGEST_HEX_BYTES - 1) {
        free(made);
        return error_set(err, E_INVALID, "\"%.80s\" is not a hash", hash);
    }
    made->cache = cache;
    made->fd = -1;
    snprintf(made->hash, sizeof made->hash, "%s", hash);
    int rc = cache_join(cache, kind, hash, made->path, err);
    if (rc == 0)
        rc = hold_it(made, err);
    if (rc == 1 && !is_sound(made, kind))
        rc = distrust(made);
    while (rc == 0) {
        rc = cache_fetch(cache, transfer, kind, hash, err);
        if (rc == 0)
            rc = hold_it(made, err); /* 0 where somebody needed its room at once */
    }
    if (rc < 0) {
        free(made);
        return rc;
    }
    *hold = made;
    return 0;
}

const char *cache_path(const struct cache_hold *hold)
{
    return hold->path;
}

void cache_release(struct cache_hold **hold)
{
    if (!*hold)
        return;
    if ((*hold)->fd >= 0)
        close((*hold)->fd);
    free(*hold);
    *hold = NULL;
}

void cache_distrust(struct cache_hold **hold)
{
    if (*hold)
        distrust(*hold);
    cache_release(hold);
}
