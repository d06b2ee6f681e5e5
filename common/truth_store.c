/* Truth in a store: every file is checked against its name before it is read. */
#include "common/truth_store.h"

#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/limits.h"
#include "common/photo_list.h"

#define LIST_BYTES 1024 /* two lines */
#define PATH_BYTES (2 * LIMIT_PATH_BYTES)

/* FOLDER/NAME into a buffer that the caller has initialised; its SHA-256 is `hash`. */
static int read_checked(const char *folder, const char *name, const char *hash, size_t maximum,
                        struct buffer *file, char path[PATH_BYTES], struct error *err)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    if (length < 0 || length >= PATH_BYTES)
        return error_set(err, E_LIMIT, "the store's path is too long");
    return digest_read_file(path, hash, maximum, file, err);
}

static int read_list(const char *folder, const char *hash, struct photo_list *list,
                     struct error *err)
{
    char path[PATH_BYTES];
    struct buffer file;
    buffer_init(&file, LIST_BYTES + 1);
    int rc = read_checked(folder, PHOTO_LIST_FILE, hash, LIST_BYTES, &file, path, err);
    if (rc == E_NOT_FOUND)
        rc = error_set(err, rc, "truth %.12s… is not in the store: facefarm photos import --truth",
                       hash);
    if (!rc)
        rc = photo_list_parse(path, file.data, file.size, list, err);
    buffer_free(&file);
    bool right = rc || (list->count <= 2 && strcmp(list->names[0], TRUTH_STORE_ATTRIBUTES) == 0 &&
                        (list->count < 2 || strcmp(list->names[1], TRUTH_STORE_PARTITION) == 0));
    if (!right) {
        photo_list_free(list);
        rc = error_set(err, E_PARSE,
                       "%s: expected the lines " TRUTH_STORE_ATTRIBUTES
                       " and, or not, " TRUTH_STORE_PARTITION,
                       path);
    }
    return rc;
}

static int read_files(const char *folder, const struct photo_list *list, struct truth **truth,
                      struct error *err)
{
    char path[PATH_BYTES];
    struct buffer file;
    struct truth *read = NULL;
    buffer_init(&file, LIMIT_TRUTH_BYTES + 1);
    int rc =
        read_checked(folder, list->sha256[0], list->sha256[0], LIMIT_TRUTH_BYTES, &file, path, err);
    if (!rc)
        rc = truth_take(path, &file, &read, err);
    if (!rc && list->count == 2) {
        rc = read_checked(folder, list->sha256[1], list->sha256[1], LIMIT_TRUTH_BYTES, &file, path,
                          err);
        if (!rc)
            rc = truth_take_parts(read, path, &file, err);
    }
    buffer_free(&file);
    if (rc)
        truth_free(&read);
    else
        *truth = read;
    return rc;
}

int truth_store_read(const char *store, const char *hash, struct truth **truth, struct error *err)
{
    char folder[PATH_BYTES];
    struct photo_list list = {0};
    int length = snprintf(folder, sizeof folder, "%s/" TRUTH_STORE_KIND "/%s", store, hash);
    if (length < 0 || (size_t)length >= sizeof folder)
        return error_set(err, E_LIMIT, "the store's path is too long");
    int rc = read_list(folder, hash, &list, err);
    if (!rc)
        rc = read_files(folder, &list, truth, err);
    photo_list_free(&list);
    return rc;
}
