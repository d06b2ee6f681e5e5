/* help and completion. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/jobs.h"

/* Whether a single word is a command by itself, besides being the first of others. */
static bool is_whole(const char *word)
{
    const struct cli_command *c = cli_commands;
    while (c->name && strcmp(c->name, word) != 0)
        c++;
    return c->name != NULL;
}

static bool is_named(const struct cli *cli, const char *name)
{
    size_t first = strlen(cli->operands[0]);
    if (cli->operands_count == 1 && is_whole(cli->operands[0]))
        return strcmp(name, cli->operands[0]) == 0;
    if (strncmp(name, cli->operands[0], first) != 0)
        return false;
    if (cli->operands_count == 1)
        return name[first] == ' ';
    return name[first] == ' ' && strcmp(name + first + 1, cli->operands[1]) == 0;
}

static int list_commands(struct cli *cli)
{
    json_t *list = json_array();
    for (const struct cli_command *c = cli_commands; c->name; c++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "name", c->name, "operands",
                                              c->operands, "summary", c->summary));
    return jobs_print_json(cli, json_pack("{s:o}", "commands", list));
}

int command_help(struct cli *cli)
{
    struct error err = {0};
    unsigned found = 0;
    if (cli_json(cli))
        return list_commands(cli);
    if (cli_flag(cli, "man"))
        return cli_print_manual(cli->out), CLI_OK;
    if (cli->operands_count == 0)
        return cli_print_overview(cli->out), CLI_OK;
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (is_named(cli, c->name)) {
            if (found++)
                fputc('\n', cli->out);
            cli_print_help(c, cli->out);
        }
    if (found)
        return CLI_OK;
    error_set(&err, E_INVALID, "\"%s\" is no command (see facefarm help)", cli->operands[0]);
    return (void)cli_fail(cli, &err), CLI_USAGE;
}

int command_completion(struct cli *cli)
{
    char *text = NULL;
    size_t size;
    if (!cli_json(cli))
        return cli_print_completion(cli->out), CLI_OK;
    FILE *out = open_memstream(&text, &size);
    if (out) {
        cli_print_completion(out);
        fclose(out);
    }
    int code = jobs_print_json(cli, json_pack("{s:s}", "bash", text));
    free(text);
    return code;
}
