/* boundary export, boundary import: boundaries as .npy files, out of a database and into a store.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/directions.h"
#include "cli/jobs.h"
#include "common/buffer.h"
#include "common/limits.h"

static int print(struct cli *cli, const char *key, const char *value, size_t count)
{
    if (cli_json(cli))
        return jobs_print_json(cli,
                               json_pack("{s:s,s:I}", key, value, "boundaries", (json_int_t)count));
    fprintf(cli->out, "%s\n", value);
    return 0;
}

int command_boundary_export(struct cli *cli)
{
    struct error err;
    struct database *db = NULL;
    struct boundaries boundaries = {0};
    const char *folder = cli->operands[1];
    uint64_t job = 0;
    int rc = cli_job(cli, 0, &job, &err);
    if (!rc)
        rc = database_open_read_only(cli_text(cli, "db"), &db, &err);
    if (!rc)
        rc = boundaries_of_job(db, (int64_t)job, cli_text(cli, "stage"), &boundaries, &err);
    if (!rc)
        rc = buffer_make_folders(folder, &err);
    if (!rc)
        rc = boundaries_write(folder, &boundaries, &err);
    database_close(&db);
    int status = rc ? cli_fail(cli, &err) : print(cli, "folder", folder, boundaries.count);
    boundaries_free(&boundaries);
    return status;
}

/* Only what boundaries_write has written is in it. */
static void remove_folder(const char *folder, const struct boundaries *b)
{
    char path[2 * LIMIT_PATH_BYTES];
    for (size_t i = 0; i < b->count; i++) {
        snprintf(path, sizeof path, "%s/%s_boundary.npy", folder, b->names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/%s", folder, BOUNDARY_OFFSETS);
    unlink(path);
    rmdir(folder);
}

/* Writes a temporary folder and renames it to its hash; one that is there already has the same
 * files. */
static int store(const char *parent, const struct boundaries *b, char hash[DIGEST_HEX_BYTES],
                 struct error *err)
{
    char made[LIMIT_PATH_BYTES + 32], named[LIMIT_PATH_BYTES + DIGEST_HEX_BYTES + 1];
    uint64_t bytes = 0;
    snprintf(made, sizeof made, "%s/.new-XXXXXX", parent);
    if (!mkdtemp(made))
        return error_set(err, E_IO, "%s: %s", made, strerror(errno));
    int rc = boundaries_write(made, b, err);
    if (!rc)
        rc = digest_folder(made, hash, &bytes, err);
    snprintf(named, sizeof named, "%s/%s", parent, hash);
    if (!rc && rename(made, named) == 0)
        return 0;
    if (!rc && errno != EEXIST && errno != ENOTEMPTY)
        rc = error_set(err, E_IO, "%s: %s", named, strerror(errno));
    remove_folder(made, b);
    return rc;
}

int command_boundary_import(struct cli *cli)
{
    struct error err;
    struct boundaries boundaries = {0};
    char parent[LIMIT_PATH_BYTES], hash[DIGEST_HEX_BYTES] = "";
    int rc = boundaries_of_folder(cli->operands[0], &boundaries, &err);
    if (!rc)
        rc = boundaries_normalise(&boundaries, &err);
    if (!rc && (size_t)snprintf(parent, sizeof parent, "%s/boundaries", cli_text(cli, "store")) >=
                   sizeof parent)
        rc = error_set(&err, E_LIMIT, "%s: the path is too long", cli_text(cli, "store"));
    if (!rc)
        rc = buffer_make_folders(parent, &err);
    if (!rc)
        rc = store(parent, &boundaries, hash, &err);
    int status = rc ? cli_fail(cli, &err) : print(cli, "files", hash, boundaries.count);
    boundaries_free(&boundaries);
    return status;
}
