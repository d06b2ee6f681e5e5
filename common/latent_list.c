/* A list of latents: one line that says their form, then a line a block. */
#include "common/latent_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/photo_list.h"

#define FORMAT "facefarm-latents/1"
#define LINE_BYTES DIGEST_HEX_BYTES /* of a block: its digits and a newline */

size_t latent_list_width(const struct latent_list *list)
{
    return (size_t)list->vectors * list->dimension;
}

uint64_t latent_list_block(size_t width)
{
    uint64_t rows = LATENT_BLOCK_BYTES / (width * sizeof(float));
    return rows > 0 ? rows : 1;
}

uint64_t latent_list_rows(const struct latent_list *list, size_t i)
{
    uint64_t left = list->rows - i * list->block;
    return left < list->block ? left : list->block;
}

int latent_list_folder(const char *store, const char *hash, char path[2 * LIMIT_PATH_BYTES],
                       struct error *err)
{
    int length = snprintf(path, (size_t)2 * LIMIT_PATH_BYTES, "%s/latents/%s", store, hash);
    return length < 0 || length >= 2 * LIMIT_PATH_BYTES
               ? error_set(err, E_LIMIT, "the store's path is too long")
               : 0;
}

void latent_list_free(struct latent_list *list)
{
    free(list->sha256);
    *list = (struct latent_list){0};
}

static int find_space(const char *name, enum bundle_space *space)
{
    static const enum bundle_space spaces[] = {BUNDLE_Z, BUNDLE_W, BUNDLE_W_PLUS};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (strcmp(name, bundle_space_name(spaces[i])) == 0) {
            *space = spaces[i];
            return 1;
        }
    return 0;
}

/* The first line, of which nothing is left out and nothing stands behind it. */
static int take_form(const char *line, struct latent_list *list, struct error *err)
{
    char space[8] = "";
    unsigned long long rows = 0, vectors = 0, dimension = 0, block = 0;
    int end = 0;
    int found = sscanf(
        line, FORMAT " space=%7[zw+] rows=%15llu vectors=%9llu dimension=%9llu block=%15llu%n",
        space, &rows, &vectors, &dimension, &block, &end);
    if (found != 5 || line[end] != '\0' || !find_space(space, &list->space))
        return error_set(err, E_PARSE,
                         "line 1: expected \"" FORMAT
                         " space=… rows=… vectors=… dimension=… block=…\"");
    if (dimension < 1 || dimension > LIMIT_LATENT_DIMENSION || vectors < 1 ||
        vectors > LIMIT_LAYERS || (list->space != BUNDLE_W_PLUS && vectors != 1))
        return error_set(err, E_LIMIT, "line 1: %llu vectors of %llu numbers in %s", vectors,
                         dimension, space);
    if (rows < 1 || rows > LIMIT_LATENTS / (vectors * dimension) || block < 1 ||
        block > LIMIT_LATENTS)
        return error_set(
            err, E_LIMIT,
            "line 1: %llu rows in blocks of %llu: LIMIT_LATENTS, %u numbers, is the most", rows,
            block, LIMIT_LATENTS);
    if (block > 1 && block * vectors * dimension * sizeof(float) > LATENT_BLOCK_BYTES)
        return error_set(err, E_LIMIT,
                         "line 1: a block of %llu rows has more than LATENT_BLOCK_BYTES, %zu bytes",
                         block, LATENT_BLOCK_BYTES);
    list->rows = rows;
    list->vectors = (uint32_t)vectors;
    list->dimension = (uint32_t)dimension;
    list->block = block;
    list->blocks = (size_t)((rows + block - 1) / block);
    return 0;
}

static int take_blocks(const char *at, size_t size, struct latent_list *list, struct error *err)
{
    if (size != list->blocks * LINE_BYTES)
        return error_set(err, E_PARSE, "%zu bytes behind line 1, expected %zu lines of %d", size,
                         list->blocks, LINE_BYTES);
    list->sha256 = calloc(list->blocks, sizeof *list->sha256);
    if (!list->sha256)
        return error_set(err, E_MEMORY, "no memory for a list of %zu blocks", list->blocks);
    for (size_t i = 0; i < list->blocks; i++, at += LINE_BYTES) {
        memcpy(list->sha256[i], at, LINE_BYTES - 1);
        if (at[LINE_BYTES - 1] != '\n' || !photo_list_is_hash(list->sha256[i]))
            return error_set(err, E_PARSE, "line %zu: expected a SHA-256", i + 2);
    }
    return 0;
}

int latent_list_parse(const void *data, size_t size, struct latent_list *list, struct error *err)
{
    struct latent_list made = {0};
    char line[256] = "";
    const char *text = data, *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t length = newline ? (size_t)(newline - text) : 0;
    if (!newline || length >= sizeof line)
        return error_set(err, E_PARSE, "line 1: has no end within %zu bytes", sizeof line);
    memcpy(line, text, length);
    int rc = take_form(line, &made, err);
    if (!rc)
        rc = take_blocks(newline + 1, size - length - 1, &made, err);
    if (rc)
        latent_list_free(&made);
    else
        *list = made;
    return rc;
}

int latent_list_read(const char *folder, const char *hash, struct latent_list *list,
                     struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES + 8];
    struct buffer file;
    buffer_init(&file, LATENT_LIST_BYTES_MOST + 1);
    snprintf(path, sizeof path, "%s/" LATENT_LIST_FILE, folder);
    int rc = digest_read_file(path, hash, LATENT_LIST_BYTES_MOST, &file, err);
    if (rc == E_NOT_FOUND)
        rc = error_set(err, rc, "latents %.12s… are not in the store: facefarm latents import",
                       hash);
    if (!rc) {
        rc = latent_list_parse(file.data, file.size, list, err);
        if (rc)
            error_prefix(err, rc, "%s", path);
    }
    buffer_free(&file);
    return rc;
}

int latent_list_print(const struct latent_list *list, struct buffer *text, struct error *err)
{
    int rc =
        buffer_printf(text, err, FORMAT " space=%s rows=%llu vectors=%u dimension=%u block=%llu\n",
                      bundle_space_name(list->space), (unsigned long long)list->rows, list->vectors,
                      list->dimension, (unsigned long long)list->block);
    for (size_t i = 0; !rc && i < list->blocks; i++)
        rc = buffer_printf(text, err, "%s\n", list->sha256[i]);
    return rc;
}

int latent_list_check(const struct latent_list *list, const struct bundle *bundle,
                      struct error *err)
{
    const struct bundle_latent *latent = &bundle->generator.latent;
    bool mapped = list->space == BUNDLE_Z && latent->space != BUNDLE_Z;
    bool plus = list->space == BUNDLE_W_PLUS;
    uint32_t dimension = mapped && bundle->mapping ? bundle->mapping->dimension : latent->dimension;
    uint32_t vectors = plus ? latent->layers : 1;
    if ((mapped && !bundle->mapping) || (list->space != BUNDLE_Z && latent->space == BUNDLE_Z) ||
        (plus && latent->space != BUNDLE_W_PLUS))
        return error_set(err, E_INVALID, "are in %s, bundle %s has its latents in %s%s",
                         bundle_space_name(list->space), bundle->name,
                         bundle_space_name(latent->space), mapped ? " and no mapping" : "");
    if (list->dimension != dimension || list->vectors != vectors)
        return error_set(err, E_INVALID,
                         "have %u vectors of %u numbers, bundle %s takes %u of %u in %s",
                         list->vectors, list->dimension, bundle->name, vectors, dimension,
                         bundle_space_name(list->space));
    return 0;
}
