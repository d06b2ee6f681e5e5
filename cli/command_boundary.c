/* boundary export, boundary import: boundaries as .npy files, out of a database and into a store.
 */
#include <jansson.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/directions.h"
#include "cli/importing.h"
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

static int store(const char *folder, const struct boundaries *b, char hash[DIGEST_HEX_BYTES],
                 struct error *err)
{
    struct importing importing;
    uint64_t bytes = 0;
    int rc = importing_begin(&importing, folder, "boundaries", err);
    if (rc)
        return rc;
    rc = boundaries_write(importing.made, b, err);
    if (!rc)
        rc = digest_folder(importing.made, hash, &bytes, err);
    if (!rc)
        return importing_name(&importing, hash, err);
    importing_abandon(&importing);
    return rc;
}

int command_boundary_import(struct cli *cli)
{
    struct error err;
    struct boundaries boundaries = {0};
    char hash[DIGEST_HEX_BYTES] = "";
    int rc = boundaries_of_folder(cli->operands[0], &boundaries, &err);
    if (!rc)
        rc = boundaries_normalise(&boundaries, &err);
    if (!rc)
        rc = store(cli_text(cli, "store"), &boundaries, hash, &err);
    int status = rc ? cli_fail(cli, &err) : print(cli, "files", hash, boundaries.count);
    boundaries_free(&boundaries);
    return status;
}
