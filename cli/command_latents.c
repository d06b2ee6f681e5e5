/* latents import: rows of a NumPy file into a store, in blocks under the hash of their list
 * (common/latent_list.h). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/importing.h"
#include "cli/jobs.h"
#include "common/latent_list.h"
#include "common/npz.h"

/* z and w are [rows, dimension], w+ is [rows, vectors, dimension]. */
static int find_form(const struct npy *npy, const char *space, struct latent_list *list,
                     struct error *err)
{
    static const enum bundle_space spaces[] = {BUNDLE_Z, BUNDLE_W, BUNDLE_W_PLUS};
    const char *wanted = space ? space : npy->rank == 3 ? "w+" : "z";
    bool known = false;
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (strcmp(wanted, bundle_space_name(spaces[i])) == 0) {
            list->space = spaces[i];
            known = true;
        }
    if (!known)
        return error_set(err, E_INVALID, "--space %s: expected z, w or w+", wanted);
    size_t rank = list->space == BUNDLE_W_PLUS ? 3 : 2;
    if (npy->rank != rank)
        return error_set(err, E_INVALID, "has %zu dimensions, in %s expected %zu: %s", npy->rank,
                         wanted, rank, rank == 3 ? "rows, vectors, numbers" : "rows, numbers");
    uint64_t vectors = rank == 3 ? npy->dims[1] : 1, dimension = npy->dims[rank - 1];
    if (npy->elements == 0)
        return error_set(err, E_INVALID, "has no numbers");
    if (vectors > LIMIT_LAYERS || dimension > LIMIT_LATENT_DIMENSION)
        return error_set(err, E_LIMIT,
                         "has rows of %llu vectors of %llu numbers; LIMIT_LAYERS is %d, "
                         "LIMIT_LATENT_DIMENSION is %d",
                         (unsigned long long)vectors, (unsigned long long)dimension, LIMIT_LAYERS,
                         LIMIT_LATENT_DIMENSION);
    list->rows = npy->dims[0];
    list->vectors = (uint32_t)vectors;
    list->dimension = (uint32_t)dimension;
    list->block = latent_list_block(latent_list_width(list));
    list->blocks = (size_t)((list->rows + list->block - 1) / list->block);
    return 0;
}

static int check_numbers(const struct npy *npy, const struct latent_list *list, struct error *err)
{
    size_t width = latent_list_width(list);
    for (size_t i = 0; i < npy->elements; i++)
        if (!isfinite(npy->data[i]))
            return error_set(err, E_INVALID,
                             "row %zu, number %zu: is %g, expected a finite float32", i / width,
                             i % width, (double)npy->data[i]);
    return 0;
}

static int add_blocks(const struct importing *into, const struct npy *npy, struct latent_list *list,
                      struct error *err)
{
    size_t width = latent_list_width(list);
    list->sha256 = calloc(list->blocks, sizeof *list->sha256);
    int rc = list->sha256 ? 0 : error_set(err, E_MEMORY, "no memory for a list of blocks");
    for (size_t i = 0; !rc && i < list->blocks; i++)
        rc = importing_add(into, npy->data + i * list->block * width,
                           latent_list_rows(list, i) * width * sizeof(float), list->sha256[i], err);
    return rc;
}

static int import(const struct npy *npy, const char *store, struct latent_list *list,
                  char hash[DIGEST_HEX_BYTES], struct error *err)
{
    struct importing into;
    struct buffer text;
    int rc = importing_begin(&into, store, "latents", err);
    if (rc)
        return rc;
    buffer_init(&text, LATENT_LIST_BYTES_MOST);
    rc = add_blocks(&into, npy, list, err);
    if (!rc)
        rc = latent_list_print(list, &text, err);
    if (!rc)
        rc = importing_end(&into, &text, hash, err);
    else
        importing_abandon(&into);
    buffer_free(&text);
    return rc;
}

int command_latents_import(struct cli *cli)
{
    const char *file = cli->operands[0];
    char hash[DIGEST_HEX_BYTES] = "";
    struct error err = {0};
    struct npy npy = {0};
    struct latent_list list = {0};
    int rc = npz_read(file, cli_text(cli, "array"), &npy, &err);
    if (!rc) {
        rc = find_form(&npy, cli_text(cli, "space"), &list, &err);
        if (!rc)
            rc = check_numbers(&npy, &list, &err);
        if (rc)
            error_prefix(&err, rc, "%s", file);
    }
    if (!rc)
        rc = import(&npy, cli_text(cli, "store"), &list, hash, &err);
    const char *space = bundle_space_name(list.space);
    uint64_t rows = list.rows;
    npy_free(&npy);
    latent_list_free(&list);
    if (rc)
        return cli_fail(cli, &err);
    if (cli_json(cli))
        return jobs_print_json(cli, json_pack("{s:s,s:s,s:I}", "latents", hash, "space", space,
                                              "rows", (json_int_t)rows));
    fprintf(cli->talk, "%llu latents in %s\n", (unsigned long long)rows, space);
    fprintf(cli->out, "%s\n", hash);
    return 0;
}
