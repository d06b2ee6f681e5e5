/* Reading content-addressed folders. No state: every call opens and closes. */
#include "broker/outgoing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bundle.h"
#include "common/folder.h"

#define PATH_BYTES (3 * LIMIT_PATH_BYTES)

static bool is_hash(const char *text)
{
    return strlen(text) == DIGEST_HEX_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == DIGEST_HEX_BYTES - 1;
}

int outgoing_check(const char *kind, const char *hash, struct error *err)
{
    static const char *const kinds[] = {"bundles", "boundaries", "photos", "latents"};
    bool known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        known = known || strcmp(kind, kinds[i]) == 0;
    if (!known)
        return error_set(err, E_INVALID,
                         "kind \"%s\": expected bundles, boundaries, photos or latents", kind);
    if (!is_hash(hash))
        return error_set(err, E_INVALID, "hash \"%s\": expected 64 hexadecimal digits", hash);
    return 0;
}

static int open_folder(const char *store, const char *kind, const char *hash, struct error *err)
{
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s/%s", store, kind, hash) >= (int)sizeof path)
        return error_set(err, E_LIMIT, "the store's path is longer than %d bytes", PATH_BYTES);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s/%s: %s", kind, hash,
                         strerror(errno));
    return fd;
}

/* A regular file of the folder, open for reading; *bytes is its size. */
static int open_file(int folder, const char *name, uint64_t *bytes, struct error *err)
{
    struct stat status;
    if (!folder_plain_name(name))
        return error_set(err, E_INVALID, "\"%.64s\": expected a plain file's name", name);
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: %s", name,
                         strerror(errno));
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return error_set(err, E_INVALID, "%s: is not a regular file", name);
    }
    *bytes = (uint64_t)status.st_size;
    return fd;
}

/* ---- lists ---- */

static int add(struct outgoing *list, int folder, const char *name, const char *sha256,
               struct error *err)
{
    uint64_t bytes = 0;
    if (list->count == LIMIT_FOLDER_FILES)
        return error_set(err, E_LIMIT, "more than %d files (LIMIT_FOLDER_FILES)",
                         LIMIT_FOLDER_FILES);
    int fd = open_file(folder, name, &bytes, err);
    if (fd < 0)
        return fd;
    close(fd);
    struct wire_part *parts = realloc(list->parts, (list->count + 1) * sizeof *parts);
    if (parts)
        list->parts = parts;
    char *own = strdup(name), *sum = strdup(sha256);
    if (!parts || !own || !sum) {
        free(own);
        free(sum);
        return error_set(err, E_MEMORY, "no memory for a list of files");
    }
    parts[list->count++] = (struct wire_part){own, bytes, sum};
    return 0;
}

static int list_bundle(int folder, const char *path, const char *hash, struct outgoing *list,
                       struct error *err)
{
    struct bundle *bundle = NULL;
    struct buffer yaml;
    char file[PATH_BYTES + 32];
    buffer_init(&yaml, LIMIT_BUNDLE_YAML_BYTES + 1);
    snprintf(file, sizeof file, "%s/" BUNDLE_FILE, path);
    int rc = buffer_read_file(&yaml, file, LIMIT_BUNDLE_YAML_BYTES, err);
    if (rc == 0)
        rc = bundle_parse((const char *)yaml.data, yaml.size, &bundle, err);
    if (rc == 0)
        rc = add(list, folder, BUNDLE_FILE, hash, err);
    for (size_t i = 0; rc == 0 && i < bundle_file_count(bundle); i++)
        rc = add(list, folder, bundle_file(bundle, i)->file, bundle_file(bundle, i)->sha256, err);
    bundle_free(&bundle);
    buffer_free(&yaml);
    return rc;
}

static int no_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int list_all(int folder, const char *path, struct outgoing *list, struct error *err)
{
    struct dirent **entries = NULL;
    char file[PATH_BYTES + NAME_MAX + 2], sum[DIGEST_HEX_BYTES];
    int count = scandirat(folder, ".", &entries, no_dots, by_name), rc = 0;
    if (count < 0)
        return error_set(err, E_IO, "%s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (rc == 0)
            rc = digest_file(file, sum, err);
        if (rc == 0)
            rc = add(list, folder, entries[i]->d_name, sum, err);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int outgoing_list(const char *store, const char *kind, const char *hash, struct outgoing *list,
                  struct error *err)
{
    char path[PATH_BYTES];
    if (strcmp(kind, "photos") == 0 || strcmp(kind, "latents") == 0)
        return error_set(
            err, E_UNSUPPORTED,
            "%s are fetched by name: their file \"list\" has the hash, and names the others", kind);
    int folder = open_folder(store, kind, hash, err);
    if (folder < 0)
        return folder;
    *list = (struct outgoing){0};
    snprintf(path, sizeof path, "%s/%s/%s", store, kind, hash);
    int rc = strcmp(kind, "bundles") == 0 ? list_bundle(folder, path, hash, list, err)
                                          : list_all(folder, path, list, err);
    close(folder);
    if (rc < 0)
        outgoing_free(list);
    return rc;
}

void outgoing_free(struct outgoing *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((void *)list->parts[i].name);
        free((void *)list->parts[i].sha256);
    }
    free(list->parts);
    *list = (struct outgoing){0};
}

/* ---- bytes ---- */

static int read_at(int fd, uint8_t *data, size_t *size, uint64_t offset)
{
    size_t done = 0;
    while (done < *size) {
        ssize_t n = pread(fd, data + done, *size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *size = done;
    return 0;
}

int outgoing_read(const char *store, const char *kind, const char *hash, const char *name,
                  uint64_t offset, void *data, size_t *size, struct error *err)
{
    uint64_t bytes = 0;
    int folder = open_folder(store, kind, hash, err);
    if (folder < 0)
        return folder;
    int file = open_file(folder, name, &bytes, err);
    close(folder);
    if (file < 0)
        return file;
    int rc = read_at(file, data, size, offset) == 0
                 ? 0
                 : error_set(err, E_IO, "%s: cannot read: %s", name, strerror(errno));
    close(file);
    return rc;
}
