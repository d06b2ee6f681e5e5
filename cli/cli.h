/*
 * The `facefarm` command: one table of commands gives parsing, help, manual page and completion.
 *
 * stdout is data, stderr is talk. Every command's function gets one struct cli and returns an exit
 * code of the list below.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

#define CLI_EXIT_LIST(X)                                                                           \
    X(CLI_OK, 0, "done")                                                                           \
    X(CLI_FAILED, 1, "failed; stderr says why")                                                    \
    X(CLI_USAGE, 2, "the command line is wrong")                                                   \
    X(CLI_JOB_ENDED, 3, "the job that was waited for failed or was cancelled")                     \
    X(CLI_NO_BROKER, 4, "no broker answers")

enum cli_exit {
#define CLI_EXIT_ENUM(name, number, text) name = (number),
    CLI_EXIT_LIST(CLI_EXIT_ENUM)
#undef CLI_EXIT_ENUM
};

#define CLI_OPTIONS_MAX 32
#define CLI_OPERANDS_MAX 4

enum cli_kind {
    CLI_FLAG,
    CLI_TEXT,
    CLI_FILE, /* text that completion completes as a file name */
    CLI_UINT, /* 0 … most */
    CLI_REAL, /* −most … most */
};

struct cli_option {
    const char *name; /* without the dashes */
    enum cli_kind kind;
    const char *argument; /* what help calls the value; NULL for a flag */
    double most;          /* of a number */
    const char *fallback; /* the value where the option is absent, or NULL */
    const char *help;
};

enum cli_trait {
    CLI_BROKER = 1, /* talks to a broker: takes --broker */
    CLI_REST = 2,   /* takes `-- COMMAND ARGUMENT…` */
};

struct cli;

struct cli_command {
    const char *name;                 /* one or two words: "up", "job wait" */
    const char *operands;             /* what help prints, "" for none */
    unsigned least, most;             /* operands */
    const char *summary;              /* half a sentence */
    const char *text;                 /* paragraphs of help, or NULL */
    const struct cli_option *options; /* ended by an entry without a name */
    unsigned traits;
    int (*run)(struct cli *cli);
};

/* Places in cli_common_options. */
enum { CLI_JSON = 1, CLI_HELP = 2 };
/* Whether a command takes that common option. */
bool cli_common_applies(const struct cli_command *command, int index);

/* Ended by an entry without a name. */
extern const struct cli_command cli_commands[];
/* What every command understands besides: json, help, and with CLI_BROKER broker. */
extern const struct cli_option cli_common_options[];
#define CLI_COMMON_OPTIONS 5

/* One call of the program. */
struct cli {
    const char *program; /* argv[0] */
    const struct cli_command *command;
    const char *values[CLI_OPTIONS_MAX];    /* beside command->options */
    const char *common[CLI_COMMON_OPTIONS]; /* beside cli_common_options */
    const char *operands[CLI_OPERANDS_MAX];
    unsigned operands_count;
    char **rest; /* what stands behind `--`, NULL-terminated, or NULL */
    FILE *out, *talk;
};

/* The whole program: parses, runs, returns the exit code. */
int cli_main(int argc, char **argv, FILE *out, FILE *talk);

/* Finds the command in argv[1…] and fills `cli`. E_INVALID with a sentence for a wrong command
 * line. */
MUST_CHECK int cli_parse(int argc, char **argv, struct cli *cli, struct error *err);

/* Values of the command's options. The names are those of its table (an unknown one is an
 * assertion); numbers were checked by cli_parse. */
bool cli_flag(const struct cli *cli, const char *name);
const char *cli_text(const struct cli *cli,
                     const char *name); /* NULL where absent without fallback */
uint64_t cli_uint(const struct cli *cli, const char *name);
double cli_real(const struct cli *cli, const char *name);
bool cli_json(const struct cli *cli);
/* Reads operand `index` as a job's number. */
MUST_CHECK int cli_job(const struct cli *cli, unsigned index, uint64_t *job, struct error *err);
/* --broker, else FACEFARM_BROKER, else the default endpoint. */
const char *cli_broker(const struct cli *cli);

/* Says the error on the talk stream (with --json also as an object on stdout) and returns its exit
 * code. */
int cli_fail(const struct cli *cli, const struct error *err);

/* help.c */
void cli_print_help(const struct cli_command *command, FILE *out);
void cli_print_overview(FILE *out);
void cli_print_manual(FILE *out);     /* roff, man(7) */
void cli_print_completion(FILE *out); /* bash */

#endif
