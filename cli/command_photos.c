/* photos import: a folder of photos into a store, under the hash of their list
 * (common/photo_list.h). */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/importing.h"
#include "cli/jobs.h"
#include "common/buffer.h"
#include "common/photo_list.h"

struct album {
    struct cli *cli;
    const char *folder;
    struct importing into;
    struct buffer list;
    size_t count, left_out;
};

static int is_photo(const struct dirent *entry)
{
    return photo_list_is_photo(entry->d_name);
}

/* In every locale alike. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* What cannot be read at all, or is larger than any photo may be, is left out and said; what is no
 * picture shows when it is encoded. */
static int take(struct album *i, const char *name, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES], sha256[DIGEST_HEX_BYTES];
    struct buffer file;
    struct error refused = {0};
    int length = snprintf(path, sizeof path, "%s/%s", i->folder, name);
    buffer_init(&file, LIMIT_PHOTO_BYTES + 1);
    int rc = length < 0 || (size_t)length >= sizeof path || !photo_list_is_name(name)
                 ? error_set(&refused, E_LIMIT, "%.100s…: the name is too long, or no text", name)
                 : buffer_read_file(&file, path, LIMIT_PHOTO_BYTES, &refused);
    if (!rc && file.size == 0)
        rc = error_set(&refused, E_PARSE, "%s: is empty", path);
    if (rc == E_MEMORY || (!rc && i->count == LIMIT_PHOTOS)) {
        buffer_free(&file);
        return rc ? error_set(err, rc, "%s", refused.text)
                  : error_set(err, E_LIMIT, "more than LIMIT_PHOTOS, %d, photos", LIMIT_PHOTOS);
    }
    if (rc) {
        fprintf(i->cli->talk, "facefarm: left out: %s\n", refused.text);
        i->left_out++;
        buffer_free(&file);
        return 0;
    }
    rc = importing_add(&i->into, file.data, file.size, sha256, err);
    if (!rc)
        rc = buffer_printf(&i->list, err, "%s %s\n", sha256, name);
    i->count++;
    buffer_free(&file);
    return rc;
}

static int take_all(struct album *i, struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(i->folder, &entries, is_photo, by_name), rc = 0;
    if (count < 0)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: %s", i->folder,
                         strerror(errno));
    for (int k = 0; k < count; k++) {
        if (!rc)
            rc = take(i, entries[k]->d_name, err);
        free(entries[k]);
    }
    free(entries);
    if (!rc && i->count == 0)
        rc = error_set(err, E_INVALID, "%s: no .png, .jpg or .jpeg file", i->folder);
    return rc;
}

static int import(struct album *i, const char *store, char hash[DIGEST_HEX_BYTES],
                  struct error *err)
{
    int rc = importing_begin(&i->into, store, "photos", err);
    if (rc)
        return rc;
    rc = take_all(i, err);
    if (!rc)
        return importing_end(&i->into, &i->list, hash, err);
    importing_abandon(&i->into);
    return rc;
}

int command_photos_import(struct cli *cli)
{
    struct error err;
    char hash[DIGEST_HEX_BYTES] = "";
    struct album i = {.cli = cli, .folder = cli->operands[0]};
    buffer_init(&i.list, LIMIT_PHOTO_LIST_BYTES);
    int rc = import(&i, cli_text(cli, "store"), hash, &err);
    buffer_free(&i.list);
    if (rc)
        return cli_fail(cli, &err);
    if (cli_json(cli))
        return jobs_print_json(cli,
                               json_pack("{s:s,s:I,s:I}", "images", hash, "count",
                                         (json_int_t)i.count, "left_out", (json_int_t)i.left_out));
    fprintf(cli->talk, "%zu photos\n", i.count);
    fprintf(cli->out, "%s\n", hash);
    return 0;
}
