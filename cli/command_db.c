/* db check, db backup: a database's invariants, its files in the store, and a consistent copy. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/jobs.h"
#include "common/digest.h"
#include "common/limits.h"
#include "db/check.h"

struct check {
    struct cli *cli;
    json_t *findings; /* an array with --json, else NULL */
    const char *store;
    uint64_t files, bad_files;
};

/* ---- what is wrong ---- */

static int report(struct check *check, const char *invariant, const char *text, struct error *err)
{
    if (!check->findings) {
        fprintf(check->cli->out, "%-12s %s\n", invariant, text);
        return 0;
    }
    json_t *finding = json_pack("{s:s,s:s}", "invariant", invariant, "text", text);
    if (!finding || json_array_append_new(check->findings, finding) != 0)
        return error_set(err, E_MEMORY, "no memory for the findings");
    return 0;
}

static int take_finding(void *context, const struct check_finding *finding, struct error *err)
{
    return report(context, finding->invariant, finding->text, err);
}

/* Of a shard as of a single file, what the worker told: worker/shard.h. */
static int verify(const char *store, const struct check_file *file, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES], found[DIGEST_HEX_BYTES];
    uint64_t bytes = 0;
    snprintf(path, sizeof path, "%s/%s", store, file->path);
    int rc = strcmp(file->kind, "png-folder") == 0 ? digest_folder(path, found, &bytes, err)
                                                   : digest_file(path, found, err);
    if (rc == 0 && strcmp(found, file->sha256) != 0)
        rc = error_set(err, E_DIGEST, "%s: has SHA-256 %.12s…, its task told %.12s…", path, found,
                       file->sha256);
    return rc;
}

/* A file that is missing or another is a finding, and one that cannot be read is too. */
static int take_file(void *context, const struct check_file *file, struct error *err)
{
    struct check *check = context;
    struct error why;
    check->files++;
    if (verify(check->store, file, &why) == 0)
        return 0;
    check->bad_files++;
    return report(check, "store", why.text, err);
}

/* ---- the command ---- */

static int run(struct check *check, struct database *db, struct check_result *result,
               struct error *err)
{
    int rc = database_check(db, take_finding, check, result, err);
    if (rc == 0 && check->store)
        rc = database_each_file(db, take_file, check, err);
    return rc;
}

static int conclude(struct check *check, const struct check_result *result)
{
    uint64_t wrong = result->findings + check->bad_files;
    int rc = CLI_OK;
    if (check->findings)
        rc = jobs_print_json(check->cli, json_pack("{s:b,s:I,s:I,s:I,s:O}", "sound", wrong == 0,
                                                   "invariants", (json_int_t)result->invariants,
                                                   "files", (json_int_t)check->files, "wrong",
                                                   (json_int_t)wrong, "findings", check->findings));
    fprintf(check->cli->talk, "%zu invariants checked", result->invariants);
    if (check->store)
        fprintf(check->cli->talk, ", %llu files compared", (unsigned long long)check->files);
    if (wrong)
        fprintf(check->cli->talk, ": %llu things are wrong\n", (unsigned long long)wrong);
    else
        fprintf(check->cli->talk, ": nothing is wrong\n");
    return rc != CLI_OK || wrong == 0 ? rc : CLI_FAILED;
}

int command_db_check(struct cli *cli)
{
    struct error err = {0};
    struct database *db = NULL;
    struct check_result result = {0};
    struct check check = {.cli = cli, .store = cli_text(cli, "store")};
    if (cli_json(cli) && !(check.findings = json_array())) {
        error_set(&err, E_MEMORY, "no memory for the findings");
        return cli_fail(cli, &err);
    }
    int rc = database_open_read_only(cli->operands[0], &db, &err);
    if (rc == 0)
        rc = run(&check, db, &result, &err);
    database_close(&db);
    int code = rc == 0 ? conclude(&check, &result) : cli_fail(cli, &err);
    json_decref(check.findings);
    return code;
}

int command_db_backup(struct cli *cli)
{
    struct error err = {0};
    struct database *db = NULL;
    int rc = database_open_read_only(cli->operands[0], &db, &err);
    if (rc == 0)
        rc = database_backup(db, cli->operands[1], &err);
    database_close(&db);
    if (rc != 0)
        return cli_fail(cli, &err);
    return cli_json(cli) ? jobs_print_json(cli, json_pack("{s:s}", "backup", cli->operands[1]))
                         : CLI_OK;
}
