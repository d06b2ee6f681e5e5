/* photos import: a folder of photos into a store, under the hash of their list
 * (common/photo_list.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/jobs.h"
#include "common/buffer.h"
#include "common/photo_list.h"

struct importing {
    struct cli *cli;
    const char *folder;
    char made[LIMIT_PATH_BYTES + 32]; /* where it is put together */
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

/* Not synced: the whole is, before it gets its name. */
static int write_file(const char *path, const struct buffer *file, struct error *err)
{
    FILE *out = fopen(path, "wb");
    bool written = out && fwrite(file->data, 1, file->size, out) == file->size;
    if (out)
        written = fclose(out) == 0 && written;
    return written ? 0 : error_set(err, E_IO, "%s: %s", path, strerror(errno));
}

/* What cannot be read at all, or is larger than any photo may be, is left out and said; what is no
 * picture shows when it is encoded. */
static int take(struct importing *i, const char *name, struct error *err)
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
    digest_bytes(file.data, file.size, sha256);
    snprintf(path, sizeof path, "%s/%s", i->made, sha256);
    rc = write_file(path, &file, err);
    if (!rc)
        rc = buffer_printf(&i->list, err, "%s %s\n", sha256, name);
    i->count++;
    buffer_free(&file);
    return rc;
}

static int take_all(struct importing *i, struct error *err)
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

static void remove_folder(const char *folder)
{
    struct dirent **entries = NULL;
    char path[2 * LIMIT_PATH_BYTES];
    int count = scandir(folder, &entries, NULL, NULL);
    for (int k = 0; k < count; k++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[k]->d_name);
        unlink(path); /* . and .. stay */
        free(entries[k]);
    }
    free(entries);
    rmdir(folder);
}

/* Everything is on the disk before the folder gets its name; one that is there already has the same
 * files. */
static int finish(struct importing *i, const char *parent, char hash[DIGEST_HEX_BYTES],
                  struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    digest_bytes(i->list.data, i->list.size, hash);
    snprintf(path, sizeof path, "%s/" PHOTO_LIST_FILE, i->made);
    int rc = buffer_write_file(path, i->list.data, i->list.size, err);
    int folder = rc ? -1 : open(i->made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!rc && (folder < 0 || syncfs(folder) != 0))
        rc = error_set(err, E_IO, "%s: %s", i->made, strerror(errno));
    if (folder >= 0)
        close(folder);
    snprintf(path, sizeof path, "%s/%s", parent, hash);
    if (!rc && rename(i->made, path) != 0) {
        if (errno != EEXIST && errno != ENOTEMPTY)
            rc = error_set(err, E_IO, "%s: %s", path, strerror(errno));
        remove_folder(i->made);
    }
    return rc;
}

static int import(struct importing *i, const char *parent, char hash[DIGEST_HEX_BYTES],
                  struct error *err)
{
    int rc = buffer_make_folders(parent, err);
    snprintf(i->made, sizeof i->made, "%s/.new-XXXXXX", parent);
    if (!rc && !mkdtemp(i->made))
        return error_set(err, E_IO, "%s: %s", i->made, strerror(errno));
    if (rc)
        return rc;
    rc = take_all(i, err);
    if (rc) {
        remove_folder(i->made);
        return rc;
    }
    return finish(i, parent, hash, err);
}

int command_photos_import(struct cli *cli)
{
    struct error err;
    char parent[LIMIT_PATH_BYTES], hash[DIGEST_HEX_BYTES] = "";
    struct importing i = {.cli = cli, .folder = cli->operands[0]};
    buffer_init(&i.list, LIMIT_PHOTO_LIST_BYTES);
    int rc = (size_t)snprintf(parent, sizeof parent, "%s/photos", cli_text(cli, "store")) >=
                     sizeof parent
                 ? error_set(&err, E_LIMIT, "%s: the path is too long", cli_text(cli, "store"))
                 : import(&i, parent, hash, &err);
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
