/* Parses the command line by the table in commands.c and runs the command. No state beyond struct
 * cli. */
#include "cli/cli.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "common/log.h"
#include "common/socket.h"
#include "version.h"

const struct cli_option cli_common_options[] = {
    {"broker", CLI_TEXT, "ENDPOINT", 0, NULL,
     "the broker, e.g. tcp://127.0.0.1:7117 (also FACEFARM_BROKER)"},
    {"json", CLI_FLAG, NULL, 0, NULL, "print JSON on stdout"},
    {"help", CLI_FLAG, NULL, 0, NULL, "print this help"},
    {"secret", CLI_FILE, "FILE", 0, NULL, "your key pair, see keygen (also FACEFARM_SECRET)"},
    {"broker-key", CLI_FILE, "KEY", 0, NULL,
     "the broker's public key, or a file with it (also FACEFARM_BROKER_KEY)"},
    {NULL, CLI_FLAG, NULL, 0, NULL, NULL},
};

bool cli_common_applies(const struct cli_command *command, int index)
{
    return index == CLI_JSON || index == CLI_HELP || (command->traits & CLI_BROKER);
}

static int find_option(const struct cli_option *options, const char *name, size_t length)
{
    for (int i = 0; options[i].name; i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return i;
    return -1;
}

/* How many of the words the command's name takes, 0 if it is not this command. */
static int words_matched(const struct cli_command *command, int argc, char **argv)
{
    const char *name = command->name;
    int words = 0;
    for (;; words++) {
        size_t length = strcspn(name, " ");
        if (words >= argc || strlen(argv[words]) != length ||
            strncmp(argv[words], name, length) != 0)
            return 0;
        name += length;
        if (*name == '\0')
            return words + 1;
        name++;
    }
}

static const struct cli_command *find_command(int argc, char **argv, int *words)
{
    const struct cli_command *best = NULL;
    *words = 0;
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        int matched = words_matched(c, argc, argv);
        if (matched > *words) {
            best = c;
            *words = matched;
        }
    }
    return best;
}

static int check_number(const struct cli_option *option, const char *value, struct error *err)
{
    char *end = NULL;
    errno = 0;
    if (option->kind == CLI_UINT) {
        unsigned long long number = strtoull(value, &end, 10);
        if (value[0] < '0' || value[0] > '9' || *end || errno || (double)number > option->most)
            return error_set(err, E_INVALID,
                             "--%s: found \"%s\", expected a whole number up to %.0f", option->name,
                             value, option->most);
    } else if (option->kind == CLI_REAL) {
        double number = strtod(value, &end);
        if (end == value || *end || !isfinite(number) || fabs(number) > option->most)
            return error_set(err, E_INVALID,
                             "--%s: found \"%s\", expected a number between -%g and %g",
                             option->name, value, option->most, option->most);
    }
    return 0;
}

/* Takes one --name, --name=value or --name value; *at is moved behind it. */
static int take_option(struct cli *cli, int argc, char **argv, int *at, struct error *err)
{
    const char *name = argv[*at] + 2;
    size_t length = strcspn(name, "=");
    const struct cli_option *options = cli->command->options;
    const char **values = cli->values;
    int index = find_option(options, name, length);
    if (index < 0) {
        options = cli_common_options;
        values = cli->common;
        index = find_option(options, name, length);
        if (index >= 0 && !cli_common_applies(cli->command, index))
            index = -1;
    }
    if (index < 0)
        return error_set(err, E_INVALID, "%s has no option --%.*s (see facefarm help %s)",
                         cli->command->name, (int)length, name, cli->command->name);
    const struct cli_option *option = &options[index];
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    if (option->kind == CLI_FLAG) {
        if (value)
            return error_set(err, E_INVALID, "--%s takes no value", option->name);
        value = "yes";
    } else if (!value) {
        if (*at + 1 >= argc)
            return error_set(err, E_INVALID, "--%s needs %s", option->name, option->argument);
        value = argv[++*at];
    }
    ++*at;
    values[index] = value;
    return check_number(option, value, err);
}

static int take_operand(struct cli *cli, const char *text, struct error *err)
{
    if (cli->operands_count >= cli->command->most)
        return error_set(err, E_INVALID, "%s: \"%s\" is one argument too many", cli->command->name,
                         text);
    cli->operands[cli->operands_count++] = text;
    return 0;
}

static int take_arguments(struct cli *cli, int argc, char **argv, struct error *err)
{
    for (int i = 0; i < argc;) {
        int rc = 0;
        if (strcmp(argv[i], "--") == 0 && (cli->command->traits & CLI_REST)) {
            if (i + 1 >= argc)
                return error_set(err, E_INVALID, "a command is missing behind --");
            cli->rest = argv + i + 1;
            return 0;
        }
        if (strcmp(argv[i], "-h") == 0) {
            cli->common[2] = "yes";
            i++;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            rc = take_option(cli, argc, argv, &i, err);
        } else {
            rc = take_operand(cli, argv[i++], err);
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Whether `word` alone is the beginning of commands, such as "job" of "job list". */
static bool begins_commands(const char *word)
{
    size_t length = strlen(word);
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strncmp(c->name, word, length) == 0 && c->name[length] == ' ')
            return true;
    return false;
}

static int no_command(int argc, char **argv, struct error *err)
{
    const char *second = argc > 1 && argv[1][0] != '-' ? argv[1] : "";
    const char *see = begins_commands(argv[0]) ? argv[0] : "";
    return error_set(err, E_INVALID, "\"%s%s%s\" is no command (see facefarm help%s%s)", argv[0],
                     second[0] ? " " : "", second, see[0] ? " " : "", see);
}

int cli_parse(int argc, char **argv, struct cli *cli, struct error *err)
{
    cli->program = argc > 0 ? argv[0] : "facefarm";
    if (argc < 2)
        return error_set(err, E_INVALID, "a command is missing (see facefarm help)");
    int words = 0;
    cli->command = find_command(argc - 1, argv + 1, &words);
    if (!cli->command)
        return no_command(argc - 1, argv + 1, err);
    for (int i = 0; cli->command->options[i].name; i++)
        cli->values[i] = cli->command->options[i].fallback;
    int rc = take_arguments(cli, argc - 1 - words, argv + 1 + words, err);
    if (rc != 0)
        return rc;
    if (!cli->common[2] && cli->operands_count < cli->command->least)
        return error_set(err, E_INVALID, "%s: %s is missing", cli->command->name,
                         cli->command->operands);
    return 0;
}

const char *cli_text(const struct cli *cli, const char *name)
{
    int index = find_option(cli->command->options, name, strlen(name));
    assert(index >= 0);
    return cli->values[index];
}

bool cli_flag(const struct cli *cli, const char *name)
{
    return cli_text(cli, name) != NULL;
}

uint64_t cli_uint(const struct cli *cli, const char *name)
{
    const char *text = cli_text(cli, name);
    assert(text);
    return strtoull(text, NULL, 10);
}

double cli_real(const struct cli *cli, const char *name)
{
    const char *text = cli_text(cli, name);
    assert(text);
    return strtod(text, NULL);
}

bool cli_json(const struct cli *cli)
{
    return cli->common[1] != NULL;
}

int cli_job(const struct cli *cli, unsigned index, uint64_t *job, struct error *err)
{
    const char *text = cli->operands[index];
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || number == 0 || number > INT64_MAX)
        return error_set(err, E_INVALID,
                         "found \"%s\", expected a job's number (see facefarm job list)", text);
    *job = number;
    return 0;
}

const char *cli_broker(const struct cli *cli)
{
    const char *environment = getenv("FACEFARM_BROKER");
    if (cli->common[0])
        return cli->common[0];
    return environment && *environment ? environment : SOCKET_DEFAULT_ENDPOINT;
}

int cli_fail(const struct cli *cli, const struct error *err)
{
    fprintf(cli->talk, "facefarm: %s\n", err->text);
    if (cli_json(cli)) {
        json_t *json =
            json_pack("{s:{s:s,s:s}}", "error", "code", error_name(err->code), "text", err->text);
        if (json && json_dumpf(json, cli->out, JSON_INDENT(2)) == 0)
            fputc('\n', cli->out);
        json_decref(json);
    }
    return err->code == E_TIMEOUT || err->code == E_NETWORK ? CLI_NO_BROKER : CLI_FAILED;
}

/* For whoever connects, programs that we start included. */
static void set_keys(const struct cli *cli)
{
    if (cli->common[3])
        setenv(CLIENT_SECRET, cli->common[3], 1);
    if (cli->common[4])
        setenv(CLIENT_BROKER_KEY, cli->common[4], 1);
}

static int print_version(FILE *out)
{
    fprintf(out, "facefarm %s\n", FACEFARM_VERSION);
    return CLI_OK;
}

int cli_main(int argc, char **argv, FILE *out, FILE *talk)
{
    struct cli cli = {.out = out, .talk = talk};
    struct error err = {0};
    log_open("facefarm", LOG_WARNING);
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return print_version(out);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        cli_print_overview(out);
        return CLI_OK;
    }
    if (argc < 2) {
        cli_print_overview(talk);
        return CLI_USAGE;
    }
    if (cli_parse(argc, argv, &cli, &err) != 0) {
        (void)cli_fail(&cli, &err);
        return CLI_USAGE;
    }
    if (cli.common[2]) {
        cli_print_help(cli.command, out);
        return CLI_OK;
    }
    set_keys(&cli);
    int code = cli.command->run(&cli);
    if (fflush(out) != 0 && code == CLI_OK) {
        fprintf(talk, "facefarm: stdout cannot be written: %s\n", strerror(errno));
        code = CLI_FAILED;
    }
    return code;
}
