/*
 * Photos that `facefarm photos import` brought into a store: a folder STORE/photos/HASH with the
 * photos, each called by its SHA-256, and the file `list`, a line "SHA-256 NAME" a photo in the
 * order of their names. HASH is the SHA-256 of the list, so a spec that names it says what every
 * photo is, to the last byte.
 */
#ifndef COMMON_PHOTO_LIST_H
#define COMMON_PHOTO_LIST_H

#include <stddef.h>

#include "common/digest.h"
#include "common/error.h"
#include "common/limits.h"

#define PHOTO_LIST_FILE "list"

struct photo_list {
    size_t count;
    char *text;          /* the file, cut into words */
    const char **sha256; /* [count] */
    const char **names;  /* [count] */
};

/* Reads and checks FOLDER/list: its hash is `hash`, every line is one. E_NOT_FOUND says to import,
 * E_DIGEST and E_PARSE name file and line. The caller frees. */
MUST_CHECK int photo_list_read(const char *folder, const char *hash, struct photo_list *list,
                               struct error *err);
/* The same of a list in memory, called `name` in errors; its hash is not looked at. */
MUST_CHECK int photo_list_parse(const char *name, const void *data, size_t size,
                                struct photo_list *list, struct error *err);
void photo_list_free(struct photo_list *list);

/* Whether a text is a SHA-256 as 64 lower-case hexadecimal digits. */
int photo_list_is_hash(const char *text);
/* Whether a name can stand in a list: up to LIMIT_PATH_BYTES, no control characters. */
int photo_list_is_name(const char *name);
/* Whether a file is called as a photo is: .png, .jpg or .jpeg in whatever case, and does not begin
 * with a dot. */
int photo_list_is_photo(const char *name);
/* STORE/photos/HASH; E_LIMIT where that is too long. */
MUST_CHECK int photo_list_folder(const char *store, const char *hash,
                                 char path[2 * LIMIT_PATH_BYTES], struct error *err);

#endif
