/* keygen: a key pair, and the line that makes a broker know it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/jobs.h"
#include "common/document.h"
#include "common/keys.h"

#define BROKER_ROLE "broker" /* of no use in authorized keys, but for those who connect to it */

static int check(const char *role, const char *owner, struct error *err)
{
    if (strcmp(role, BROKER_ROLE) != 0 && key_role_find(role) == KEY_ROLES)
        return error_set(err, E_INVALID,
                         "--role: found \"%s\", expected client, worker, admin or broker", role);
    if (!document_is_name(owner))
        return error_set(err, E_INVALID,
                         "--name: found \"%s\", expected 1 to %d of A-Z a-z 0-9 _ . -", owner,
                         LIMIT_NAME_BYTES);
    return 0;
}

static int make(const char *path, char public[KEY_HEX_BYTES], struct error *err)
{
    struct key_pair pair;
    int rc = key_pair_make(&pair, err);
    if (rc == 0)
        rc = key_pair_write(&pair, path, err);
    if (rc == 0)
        memcpy(public, pair.public, KEY_HEX_BYTES);
    key_pair_forget(&pair);
    return rc;
}

int command_keygen(struct cli *cli)
{
    struct error err = {0};
    char public[KEY_HEX_BYTES];
    const char *role = cli_text(cli, "role"), *owner = cli_text(cli, "name");
    if (!owner)
        owner = getenv("USER");
    if (!owner || !*owner)
        owner = "anybody";
    int rc = check(role, owner, &err);
    if (rc == 0)
        rc = make(cli->operands[0], public, &err);
    if (rc != 0)
        return cli_fail(cli, &err);
    if (cli_json(cli))
        return jobs_print_json(cli, json_pack("{s:s,s:s,s:s,s:s}", "role", role, "key", public,
                                              "owner", owner, "secret", cli->operands[0]));
    fprintf(cli->out, "%s %s %s\n", role, public, owner);
    return CLI_OK;
}
