/* photos import: a folder of photos into a store, under the hash of their list
 * (common/photo_list.h), and what is known of them (common/truth_store.h). */
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
#include "common/truth_store.h"

struct album {
    struct cli *cli;
    const char *folder;
    struct importing into;
    struct buffer list;
    size_t count, left_out;
    const char *truth_file, *partition; /* NULL: nothing is known */
    struct truth *truth;
    struct importing truth_into;
    struct buffer truth_list;
    size_t known;
};

/* ---- what is known ---- */

/* A file of the truth, into the store and, checked, into memory. */
static int take_known(struct album *i, const char *path, bool parts, struct error *err)
{
    char sha256[DIGEST_HEX_BYTES];
    struct buffer file;
    buffer_init(&file, LIMIT_TRUTH_BYTES + 1);
    int rc = buffer_read_file(&file, path, LIMIT_TRUTH_BYTES, err);
    if (!rc)
        rc = importing_add(&i->truth_into, file.data, file.size, sha256, err);
    if (!rc)
        rc = parts ? truth_take_parts(i->truth, path, &file, err)
                   : truth_take(path, &file, &i->truth, err);
    if (!rc)
        rc = buffer_printf(&i->truth_list, err, "%s %s\n", sha256,
                           parts ? TRUTH_STORE_PARTITION : TRUTH_STORE_ATTRIBUTES);
    buffer_free(&file);
    return rc;
}

/* Before any photo is copied, so that a list that is none costs nothing. */
static int begin_truth(struct album *i, const char *store, struct error *err)
{
    if (!i->truth_file)
        return i->partition ? error_set(err, E_INVALID,
                                        "a partition without truth says nothing: --truth FILE")
                            : 0;
    int rc = importing_begin(&i->truth_into, store, TRUTH_STORE_KIND, err);
    if (rc)
        return rc;
    rc = take_known(i, i->truth_file, false, err);
    if (!rc && i->partition)
        rc = take_known(i, i->partition, true, err);
    if (rc)
        importing_abandon(&i->truth_into);
    return rc;
}

/* ---- photos ---- */

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
    i->known += i->truth && truth_find(i->truth, name) >= 0;
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
    if (!rc && i->truth && i->known == 0)
        rc = error_set(err, E_INVALID, "%s: knows none of the %zu photos in %s", i->truth_file,
                       i->count, i->folder);
    return rc;
}

static int import_photos(struct album *i, const char *store, char hash[DIGEST_HEX_BYTES],
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

static int import(struct album *i, const char *store, char images[DIGEST_HEX_BYTES],
                  char truth[DIGEST_HEX_BYTES], struct error *err)
{
    int rc = begin_truth(i, store, err);
    if (rc)
        return rc;
    rc = import_photos(i, store, images, err);
    if (!rc && i->truth)
        return importing_end(&i->truth_into, &i->truth_list, truth, err);
    if (i->truth)
        importing_abandon(&i->truth_into);
    return rc;
}

/* ---- the command ---- */

static int tell(struct album *i, const char *images, const char *truth)
{
    if (cli_json(i->cli)) {
        json_t *told = json_pack("{s:s,s:I,s:I}", "images", images, "count", (json_int_t)i->count,
                                 "left_out", (json_int_t)i->left_out);
        if (i->truth_file) {
            json_object_set_new(told, "truth", json_string(truth));
            json_object_set_new(told, "known", json_integer((json_int_t)i->known));
        }
        return jobs_print_json(i->cli, told);
    }
    fprintf(i->cli->talk, "%zu photos\n", i->count);
    fprintf(i->cli->out, "%s\n", images);
    if (i->truth_file) {
        fprintf(i->cli->talk, "truth of %zu of them\n", i->known);
        fprintf(i->cli->out, "%s\n", truth);
    }
    return 0;
}

int command_photos_import(struct cli *cli)
{
    struct error err;
    char images[DIGEST_HEX_BYTES] = "", truth[DIGEST_HEX_BYTES] = "";
    struct album i = {.cli = cli,
                      .folder = cli->operands[0],
                      .truth_file = cli_text(cli, "truth"),
                      .partition = cli_text(cli, "partition")};
    buffer_init(&i.list, LIMIT_PHOTO_LIST_BYTES);
    buffer_init(&i.truth_list, LIMIT_TEXT_BYTES);
    int rc = import(&i, cli_text(cli, "store"), images, truth, &err);
    buffer_free(&i.list);
    buffer_free(&i.truth_list);
    truth_free(&i.truth);
    return rc ? cli_fail(cli, &err) : tell(&i, images, truth);
}
