/* One block is kept: a task's rows follow each other, and so do most tasks of a worker. */
#include "worker/latent_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

struct latent_rows {
    char hash[DIGEST_HEX_BYTES], folder[2 * LIMIT_PATH_BYTES];
    struct transfer *transfer; /* where they lie with the broker; else NULL */
    struct latent_list list;
    struct buffer block;
    size_t kept; /* its number, SIZE_MAX: none */
};

static struct latent_rows *new_rows(const char *hash)
{
    struct latent_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return NULL;
    snprintf(rows->hash, sizeof rows->hash, "%s", hash);
    rows->kept = SIZE_MAX;
    buffer_init(&rows->block,
                LATENT_BLOCK_BYTES + LIMIT_LATENT_DIMENSION * sizeof(float) * LIMIT_LAYERS + 1);
    return rows;
}

int latent_rows_open(const char *store, const char *hash, struct latent_rows **rows,
                     struct error *err)
{
    struct latent_rows *opened = new_rows(hash);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for latents");
    int rc = latent_list_folder(store, hash, opened->folder, err);
    if (!rc)
        rc = latent_list_read(opened->folder, hash, &opened->list, err);
    if (rc)
        latent_rows_close(&opened);
    else
        *rows = opened;
    return rc;
}

int latent_rows_fetch(struct transfer *transfer, const char *hash, struct latent_rows **rows,
                      struct error *err)
{
    struct buffer file;
    struct latent_rows *opened = new_rows(hash);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for latents");
    opened->transfer = transfer;
    buffer_init(&file, LATENT_LIST_BYTES_MOST + 1);
    int rc = transfer_read(transfer, "latents", hash, LATENT_LIST_FILE, hash, &file, err);
    if (!rc)
        rc = latent_list_parse(file.data, file.size, &opened->list, err);
    buffer_free(&file);
    if (rc)
        latent_rows_close(&opened);
    else
        *rows = opened;
    return rc;
}

void latent_rows_close(struct latent_rows **rows)
{
    if (!*rows)
        return;
    latent_list_free(&(*rows)->list);
    buffer_free(&(*rows)->block);
    free(*rows);
    *rows = NULL;
}

bool latent_rows_are(const struct latent_rows *rows, const char *hash)
{
    return strcmp(rows->hash, hash) == 0;
}

const struct latent_list *latent_rows_list(const struct latent_rows *rows)
{
    return &rows->list;
}

static int read_stored(const struct latent_rows *rows, const char *sha256, struct buffer *block,
                       struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES + DIGEST_HEX_BYTES + 1];
    snprintf(path, sizeof path, "%s/%s", rows->folder, sha256);
    return digest_read_file(path, sha256, block->maximum - 1, block, err);
}

static int take_block(struct latent_rows *rows, size_t i, struct error *err)
{
    const char *sha256 = rows->list.sha256[i];
    size_t expected =
        latent_list_rows(&rows->list, i) * latent_list_width(&rows->list) * sizeof(float);
    if (rows->kept == i)
        return 0;
    rows->kept = SIZE_MAX;
    buffer_free(&rows->block);
    int rc = rows->transfer ? transfer_read(rows->transfer, "latents", rows->hash, sha256, sha256,
                                            &rows->block, err)
                            : read_stored(rows, sha256, &rows->block, err);
    if (!rc && rows->block.size != expected)
        rc = error_set(err, E_DIGEST, "latents %.12s…: block %zu has %zu bytes, expected %zu",
                       rows->hash, i, rows->block.size, expected);
    if (!rc)
        rows->kept = i;
    return rc;
}

int latent_rows_read(struct latent_rows *rows, uint64_t first, size_t count, float *numbers,
                     struct error *err)
{
    size_t width = latent_list_width(&rows->list);
    if (first > rows->list.rows || count > rows->list.rows - first)
        return error_set(err, E_INVALID, "rows %llu+%zu of %llu latents", (unsigned long long)first,
                         count, (unsigned long long)rows->list.rows);
    int rc = 0;
    for (size_t done = 0; !rc && done < count;) {
        uint64_t row = first + done, at = row % rows->list.block;
        size_t i = (size_t)(row / rows->list.block);
        uint64_t there = latent_list_rows(&rows->list, i) - at;
        size_t some = there < count - done ? (size_t)there : count - done;
        rc = take_block(rows, i, err);
        if (!rc)
            memcpy(numbers + done * width, rows->block.data + at * width * sizeof(float),
                   some * width * sizeof(float));
        done += some;
    }
    return rc;
}
