/* A list of photos: checked whole, then pointed into. */
#include "common/photo_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buffer.h"

#define HASH_DIGITS (DIGEST_HEX_BYTES - 1)

int photo_list_is_hash(const char *text)
{
    return strlen(text) == HASH_DIGITS && strspn(text, "0123456789abcdef") == HASH_DIGITS;
}

int photo_list_is_photo(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcasecmp(name + length - ending, endings[i]) == 0)
            return name[0] != '.';
    }
    return 0;
}

int photo_list_is_name(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > LIMIT_PATH_BYTES)
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 127)
            return 0;
    return 1;
}

int photo_list_folder(const char *store, const char *hash, char path[2 * LIMIT_PATH_BYTES],
                      struct error *err)
{
    int length = snprintf(path, (size_t)2 * LIMIT_PATH_BYTES, "%s/photos/%s", store, hash);
    return length < 0 || length >= 2 * LIMIT_PATH_BYTES
               ? error_set(err, E_LIMIT, "the store's path is too long")
               : 0;
}

void photo_list_free(struct photo_list *list)
{
    free(list->text);
    free(list->sha256);
    free(list->names);
    *list = (struct photo_list){0};
}

/* One line, which ends where its newline was. */
static int take_line(const char *name, size_t number, char *line, struct photo_list *list,
                     struct error *err)
{
    char *space = strchr(line, ' ');
    if (space)
        *space = '\0';
    if (!space || !photo_list_is_hash(line) || !photo_list_is_name(space + 1))
        return error_set(err, E_PARSE, "%s: line %zu: expected a SHA-256, a space and a name", name,
                         number);
    list->sha256[list->count] = line;
    list->names[list->count++] = space + 1;
    return 0;
}

static int take_lines(const char *name, size_t size, struct photo_list *list, struct error *err)
{
    char *at = list->text, *end = list->text + size;
    while (at < end) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline)
            return error_set(err, E_PARSE, "%s: line %zu has no end", name, list->count + 1);
        *newline = '\0';
        int rc = take_line(name, list->count + 1, at, list, err);
        if (rc)
            return rc;
        at = newline + 1;
    }
    return list->count ? 0 : error_set(err, E_PARSE, "%s: no photos", name);
}

int photo_list_parse(const char *name, const void *data, size_t size, struct photo_list *list,
                     struct error *err)
{
    struct photo_list made = {0};
    size_t lines = 0;
    if (size > 0 && memchr(data, '\0', size))
        return error_set(err, E_PARSE, "%s: a byte of 0", name);
    for (size_t i = 0; i < size; i++)
        lines += ((const char *)data)[i] == '\n';
    if (lines > LIMIT_PHOTOS)
        return error_set(err, E_LIMIT, "%s: %zu photos: LIMIT_PHOTOS is %d", name, lines,
                         LIMIT_PHOTOS);
    made.text = malloc(size + 1);
    made.sha256 = calloc(lines + 1, sizeof *made.sha256);
    made.names = calloc(lines + 1, sizeof *made.names);
    int rc = made.text && made.sha256 && made.names
                 ? 0
                 : error_set(err, E_MEMORY, "no memory for a list of %zu photos", lines);
    if (!rc) {
        if (size > 0)
            memcpy(made.text, data, size);
        rc = take_lines(name, size, &made, err);
    }
    if (rc)
        photo_list_free(&made);
    else
        *list = made;
    return rc;
}

int photo_list_read(const char *folder, const char *hash, struct photo_list *list,
                    struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES + 8];
    struct buffer file;
    buffer_init(&file, LIMIT_PHOTO_LIST_BYTES + 1);
    snprintf(path, sizeof path, "%s/" PHOTO_LIST_FILE, folder);
    int rc = digest_read_file(path, hash, LIMIT_PHOTO_LIST_BYTES, &file, err);
    if (rc == E_NOT_FOUND)
        rc = error_set(err, rc, "photos %.12s… are not in the store: facefarm photos import", hash);
    if (!rc)
        rc = photo_list_parse(path, file.data, file.size, list, err);
    buffer_free(&file);
    return rc;
}
