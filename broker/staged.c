/* A map of names. One thread. */
#include "broker/staged.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct staged_file {
    char *key; /* "<stage>/<path>" */
    int64_t stage;
    char sha256[DIGEST_HEX_BYTES];
    UT_hash_handle by_key;
};

#define KEY_BYTES_MOST (LIMIT_PATH_BYTES + 24)

static struct staged_file *find(const struct staged *staged, int64_t stage, const char *path,
                                char key[KEY_BYTES_MOST])
{
    struct staged_file *file = NULL;
    snprintf(key, KEY_BYTES_MOST, "%lld/%s", (long long)stage, path);
    HASH_FIND(by_key, staged->files, key, strlen(key), file);
    return file;
}

static void forget(struct staged *staged, struct staged_file *file)
{
    HASH_DELETE(by_key, staged->files, file);
    free(file->key);
    free(file);
}

int staged_put(struct staged *staged, int64_t stage, const char *path, const char *sha256,
               struct error *err)
{
    char key[KEY_BYTES_MOST];
    struct staged_file *file = find(staged, stage, path, key);
    if (file) {
        snprintf(file->sha256, sizeof file->sha256, "%s", sha256);
        return 0;
    }
    if (HASH_CNT(by_key, staged->files) >= LIMIT_STAGED)
        return error_set(err, E_STATE, "%d files wait for their results (LIMIT_STAGED): ask later",
                         LIMIT_STAGED);
    file = calloc(1, sizeof *file);
    if (!file || !(file->key = strdup(key))) {
        free(file);
        return error_set(err, E_MEMORY, "no memory for a file's name");
    }
    file->stage = stage;
    snprintf(file->sha256, sizeof file->sha256, "%s", sha256);
    HASH_ADD_KEYPTR(by_key, staged->files, file->key, strlen(file->key), file);
    return 0;
}

int staged_check(const struct staged *staged, const struct wire_result *result, struct error *err)
{
    const struct wire_file *files = WIRE_ITEMS(result->files, file);
    char key[KEY_BYTES_MOST];
    for (size_t i = 0; i < result->files.count; i++) {
        const struct staged_file *file =
            find(staged, (int64_t)result->stage, files[i].path, key);
        if (!file)
            return error_set(err, E_NOT_FOUND, "files: \"%s\" has not come", files[i].path);
        if (strcmp(file->sha256, files[i].sha256) != 0)
            return error_set(err, E_DIGEST, "files: \"%s\" came with the digest %s, expected %s",
                             files[i].path, file->sha256, files[i].sha256);
    }
    return 0;
}

void staged_forget(struct staged *staged, const struct wire_result *result)
{
    const struct wire_file *files = WIRE_ITEMS(result->files, file);
    char key[KEY_BYTES_MOST];
    for (size_t i = 0; i < result->files.count; i++) {
        struct staged_file *file = find(staged, (int64_t)result->stage, files[i].path, key);
        if (file)
            forget(staged, file);
    }
}

void staged_forget_stage(struct staged *staged, int64_t stage)
{
    struct staged_file *file, *next;
    HASH_ITER (by_key, staged->files, file, next)
        if (file->stage == stage)
            forget(staged, file);
}

void staged_free(struct staged *staged)
{
    struct staged_file *file, *next;
    HASH_ITER (by_key, staged->files, file, next)
        forget(staged, file);
}
