/*
 * Fetching: what comes is written beside, every file checked against its digest and the whole
 * against the hash, synced, and renamed. So a folder of the cache is whole, whoever was killed
 * when.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/bundle.h"
#include "common/clock.h"
#include "common/folder.h"
#include "common/log.h"
#include "worker/cache_priv.h"

#define AGAIN CLOCK_SECOND                   /* between two tries of what passes */
#define LOOK (100 * CLOCK_MILLISECOND) /* at whether another has fetched it */

struct fetching {
    struct cache *cache;
    struct transfer *transfer;
    const char *kind, *hash;
    const struct wire_part *parts;
    size_t count;
    char path[CACHE_PATH_BYTES]; /* of the partial folder */
    int fd;                      /* the same */
};

/* ---- the whole ---- */

static const struct wire_part *find(const struct fetching *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->parts[i].name, name) == 0)
            return &f->parts[i];
    return NULL;
}

/* bundle.yaml has the hash, and lists the files with the digests that they were checked against. */
static int check_bundle(const struct fetching *f, struct error *err)
{
    char path[CACHE_PATH_BYTES + 16];
    struct buffer yaml;
    struct bundle *bundle = NULL;
    const struct wire_part *own = find(f, BUNDLE_FILE);
    if (!own || strcmp(own->sha256, f->hash) != 0)
        return error_set(err, E_DIGEST, "the broker's folder has no %s of that hash", BUNDLE_FILE);
    buffer_init(&yaml, LIMIT_BUNDLE_YAML_BYTES + 1);
    snprintf(path, sizeof path, "%s/" BUNDLE_FILE, f->path);
    int rc = buffer_read_file(&yaml, path, LIMIT_BUNDLE_YAML_BYTES, err);
    if (rc == 0)
        rc = bundle_parse((const char *)yaml.data, yaml.size, &bundle, err);
    if (rc == 0 && f->count != bundle_file_count(bundle) + 1)
        rc = error_set(err, E_DIGEST, "%zu files came, expected %zu", f->count,
                       bundle_file_count(bundle) + 1);
    for (size_t i = 0; rc == 0 && i < bundle_file_count(bundle); i++) {
        const struct bundle_file *file = bundle_file(bundle, i);
        const struct wire_part *part = find(f, file->file);
        if (!part || strcmp(part->sha256, file->sha256) != 0)
            rc = error_set(err, E_DIGEST, "%s did not come with the digest %s", file->file,
                           file->sha256);
    }
    bundle_free(&bundle);
    buffer_free(&yaml);
    return rc;
}

static int check_whole(const struct fetching *f, struct error *err)
{
    char found[DIGEST_HEX_BYTES];
    uint64_t bytes = 0;
    if (strcmp(f->kind, "bundles") == 0)
        return check_bundle(f, err);
    int rc = digest_folder(f->path, found, &bytes, err);
    if (rc == 0 && strcmp(found, f->hash) != 0)
        rc = error_set(err, E_DIGEST, "its files have the digest %s", found);
    return rc;
}

/* ---- files ---- */

static int fetch_file(const struct fetching *f, const struct wire_part *part, struct error *err)
{
    int rc = E_TIMEOUT;
    int fd = openat(f->fd, part->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, E_IO, "%s: cannot open: %s", part->name, strerror(errno));
    while (transfer_passes(rc)) {
        rc = transfer_fetch(f->transfer, f->kind, f->hash, part, fd, err);
        if (transfer_passes(rc) && transfer_pause(f->transfer, AGAIN, err) < 0)
            rc = E_INTERRUPTED;
    }
    if (rc == 0 && fsync(fd) != 0)
        rc = error_set(err, error_of_write(errno), "%s: cannot sync: %s", part->name,
                       strerror(errno));
    close(fd);
    return rc;
}

static int sync_folder(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0
                 ? 0
                 : error_set(err, E_IO, "%s: cannot sync: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

static int name_it(const struct fetching *f, struct error *err)
{
    char final[CACHE_PATH_BYTES], kind[CACHE_PATH_BYTES];
    int rc = cache_join(f->cache, f->kind, f->hash, final, err);
    if (rc == 0)
        rc = cache_join(f->cache, f->kind, "", kind, err);
    if (rc == 0)
        rc = sync_folder(f->path, err);
    if (rc == 0 && rename(f->path, final) != 0)
        rc = error_set(err, E_IO, "%s: cannot rename: %s", final, strerror(errno));
    return rc < 0 ? rc : sync_folder(kind, err);
}

static int fetch_parts(struct fetching *f, struct error *err)
{
    int64_t since = clock_now();
    uint64_t bytes = 0;
    int rc = cache_reserve(f->cache, f->parts, f->count, f->path, &f->fd, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        rc = fetch_file(f, &f->parts[i], err);
        bytes += f->parts[i].bytes;
    }
    if (rc == 0)
        rc = check_whole(f, err);
    if (rc == 0)
        rc = name_it(f, err);
    if (rc == 0)
        log_info("%s/%.12s fetched: %.1f MiB in %.0f ms", f->kind, f->hash,
                 (double)bytes / 0x1p20, (double)(clock_now() - since) / 1e6);
    else
        folder_remove(AT_FDCWD, f->path);
    close(f->fd);
    return rc;
}

static int ask_list(const struct fetching *f, struct transfer_answer *answer, struct error *err)
{
    int rc = E_TIMEOUT;
    while (transfer_passes(rc)) {
        const struct wire_fetch_folder fetch = {transfer_request(f->transfer), f->kind, f->hash};
        rc = transfer_ask(f->transfer, WIRE_FETCH_FOLDER, &fetch, fetch.request, WIRE_FOLDER,
                          answer, err);
        if (transfer_passes(rc) && transfer_pause(f->transfer, AGAIN, err) < 0)
            rc = E_INTERRUPTED;
    }
    return rc;
}

/* ---- one of many ---- */

static bool is_there(const struct fetching *f)
{
    char path[CACHE_PATH_BYTES];
    return cache_join(f->cache, f->kind, f->hash, path, NULL) == 0 && access(path, F_OK) == 0;
}

/* The lock of who fetches it; waits while another does. */
static int lock_it(const struct fetching *f, struct error *err)
{
    char path[CACHE_PATH_BYTES];
    int rc = cache_join(f->cache, "fetching", f->hash, path, err);
    if (rc < 0)
        return rc;
    while ((rc = cache_lock(path, false, err)) == E_STATE) {
        rc = transfer_pause(f->transfer, LOOK, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int cache_fetch(struct cache *cache, struct transfer *transfer, const char *kind, const char *hash,
                struct error *err)
{
    struct fetching f = {.cache = cache, .transfer = transfer, .kind = kind, .hash = hash};
    struct transfer_answer answer = {0};
    int lock = lock_it(&f, err);
    if (lock < 0)
        return lock;
    int rc = is_there(&f) ? 0 : ask_list(&f, &answer, err);
    if (rc == 0 && answer.frame) {
        const struct wire_folder *folder = WIRE_BODY(&answer.message, folder);
        f.parts = WIRE_ITEMS(folder->files, part);
        f.count = folder->files.count;
        rc = fetch_parts(&f, err);
        transfer_answer_free(&answer);
    }
    close(lock);
    return rc < 0 ? error_prefix(err, rc, "fetching %s/%.12s", kind, hash) : 0;
}
