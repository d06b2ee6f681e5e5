/* Importing into a store. */
#include "cli/importing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST "list"

int importing_begin(struct importing *importing, const char *store, const char *kind,
                    struct error *err)
{
    if ((size_t)snprintf(importing->parent, sizeof importing->parent, "%s/%s", store, kind) >=
        sizeof importing->parent)
        return error_set(err, E_LIMIT, "%s: the path is too long", store);
    int rc = buffer_make_folders(importing->parent, err);
    snprintf(importing->around, sizeof importing->around, "%s/.new-XXXXXX", importing->parent);
    if (!rc && !mkdtemp(importing->around))
        return error_set(err, E_IO, "%s: %s", importing->around, strerror(errno));
    snprintf(importing->made, sizeof importing->made, "%s/made", importing->around);
    if (!rc && mkdir(importing->made, 0755) != 0) { /* mkdtemp's mode is for nobody else */
        rc = error_set(err, E_IO, "%s: %s", importing->made, strerror(errno));
        rmdir(importing->around);
    }
    return rc;
}

/* Not synced: the whole is, before it gets its name. */
int importing_add(const struct importing *importing, const void *data, size_t size,
                  char sha256[DIGEST_HEX_BYTES], struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    digest_bytes(data, size, sha256);
    snprintf(path, sizeof path, "%s/%s", importing->made, sha256);
    FILE *out = fopen(path, "wb");
    bool written = out && fwrite(data, 1, size, out) == size;
    if (out)
        written = fclose(out) == 0 && written;
    return written ? 0 : error_set(err, E_IO, "%s: %s", path, strerror(errno));
}

void importing_abandon(const struct importing *importing)
{
    struct dirent **entries = NULL;
    char path[2 * LIMIT_PATH_BYTES];
    int count = scandir(importing->made, &entries, NULL, NULL);
    for (int k = 0; k < count; k++) {
        snprintf(path, sizeof path, "%s/%s", importing->made, entries[k]->d_name);
        unlink(path); /* . and .. stay */
        free(entries[k]);
    }
    free(entries);
    rmdir(importing->made);
    rmdir(importing->around);
}

/* Everything is on the disk before the folder gets its name; one that is there already has the same
 * files. */
int importing_name(const struct importing *importing, const char *hash, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    int rc = 0, folder = open(importing->made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || syncfs(folder) != 0)
        rc = error_set(err, E_IO, "%s: %s", importing->made, strerror(errno));
    if (folder >= 0)
        close(folder);
    snprintf(path, sizeof path, "%s/%s", importing->parent, hash);
    if (!rc && rename(importing->made, path) == 0) {
        rmdir(importing->around);
        return 0;
    }
    if (!rc && errno != EEXIST && errno != ENOTEMPTY)
        rc = error_set(err, E_IO, "%s: %s", path, strerror(errno));
    importing_abandon(importing);
    return rc;
}

int importing_end(struct importing *importing, const struct buffer *list,
                  char hash[DIGEST_HEX_BYTES], struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    digest_bytes(list->data, list->size, hash);
    snprintf(path, sizeof path, "%s/" LIST, importing->made);
    int rc = buffer_write_file(path, list->data, list->size, err);
    if (!rc)
        return importing_name(importing, hash, err);
    importing_abandon(importing);
    return rc;
}
