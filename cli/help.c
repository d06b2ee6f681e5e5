/* Help, manual page and bash completion, all printed from the command table. */
#include <string.h>

#include "cli/cli.h"
#include "version.h"

static void print_wrapped(FILE *out, const char *text, int indent, int width)
{
    int column = indent;
    fprintf(out, "%*s", indent, "");
    while (*text) {
        int length = (int)strcspn(text, " \n");
        if (column > indent && column + 1 + length > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", length, text);
        column += length;
        text += length;
        if (*text == '\n') {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        if (*text)
            text++;
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct cli_option *option)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    fprintf(out, "  %-22s %s", left, option->help);
    if (option->fallback)
        fprintf(out, " [%s]", option->fallback);
    fputc('\n', out);
}

static void print_usage(const struct cli_command *command, FILE *out)
{
    fprintf(out, "usage: facefarm %s [OPTIONS]%s%s%s\n", command->name,
            command->operands[0] ? " " : "", command->operands,
            command->traits & CLI_REST ? " [-- COMMAND ARGUMENT...]" : "");
}

void cli_print_help(const struct cli_command *command, FILE *out)
{
    print_usage(command, out);
    fputc('\n', out);
    print_wrapped(out, command->text ? command->text : command->summary, 0, 90);
    fprintf(out, "\noptions:\n");
    for (const struct cli_option *o = command->options; o->name; o++)
        print_option(out, o);
    for (int i = 0; cli_common_options[i].name; i++)
        if (cli_common_applies(command, i))
            print_option(out, &cli_common_options[i]);
}

static void print_exits(FILE *out)
{
#define EXIT_LINE(name, number, text) fprintf(out, "  %d  %s\n", number, text);
    CLI_EXIT_LIST(EXIT_LINE)
#undef EXIT_LINE
}

void cli_print_overview(FILE *out)
{
    fprintf(out, "facefarm: generates, labels, edits and measures faces by the million\n\n"
                 "usage: facefarm COMMAND [OPTIONS] [ARGUMENTS]\n\ncommands:\n");
    int width = 0;
    for (const struct cli_command *c = cli_commands; c->name; c++)
        width = (int)strlen(c->name) > width ? (int)strlen(c->name) : width;
    for (const struct cli_command *c = cli_commands; c->name; c++)
        fprintf(out, "  %-*s  %s\n", width, c->name, c->summary);
    fprintf(out,
            "\nfacefarm help COMMAND explains a command. Every command takes --json and --help;\n"
            "those that talk to a broker take --broker ENDPOINT, else FACEFARM_BROKER.\n"
            "facefarm --version prints the version.\n\nexit codes:\n");
    print_exits(out);
}

static void roff_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void roff_options(FILE *out, const struct cli_option *option)
{
    fprintf(out, ".TP\n\\fB\\-\\-");
    roff_text(out, option->name);
    fprintf(out, "\\fR%s\\fI%s\\fR\n", option->argument ? " " : "",
            option->argument ? option->argument : "");
    roff_text(out, option->help);
    if (option->fallback) {
        fprintf(out, " [");
        roff_text(out, option->fallback);
        fprintf(out, "]");
    }
    fputc('\n', out);
}

void cli_print_manual(FILE *out)
{
    fprintf(out,
            ".TH FACEFARM 1 \"\" \"facefarm %s\"\n.SH NAME\n"
            "facefarm \\- generates, labels, edits and measures faces by the million\n"
            ".SH SYNOPSIS\n.B facefarm\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n"
            ".SH COMMANDS\n",
            FACEFARM_VERSION);
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        fprintf(out, ".SS \"facefarm %s %s\"\n", c->name, c->operands);
        roff_text(out, c->text ? c->text : c->summary);
        fputc('\n', out);
        for (const struct cli_option *o = c->options; o->name; o++)
            roff_options(out, o);
    }
    fprintf(out, ".SH COMMON OPTIONS\n");
    for (const struct cli_option *o = cli_common_options; o->name; o++)
        roff_options(out, o);
    fprintf(out, ".SH EXIT STATUS\n");
#define EXIT_ENTRY(name, number, text) fprintf(out, ".TP\n%d\n%s\n", number, text);
    CLI_EXIT_LIST(EXIT_ENTRY)
#undef EXIT_ENTRY
}

/* Whether no command before has the same words up to there; `goes_on`: of those that have more. */
static bool is_new(const struct cli_command *command, size_t end, bool goes_on)
{
    for (const struct cli_command *c = cli_commands; c != command; c++)
        if (strncmp(c->name, command->name, end) == 0 &&
            (c->name[end] == ' ' || (!goes_on && c->name[end] == '\0')))
            return false;
    return true;
}

/* The words that may follow `first` ("" for the first word itself), separated by spaces. */
static void complete_words(FILE *out, const char *first)
{
    size_t length = strlen(first);
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        size_t start = length ? length + 1 : 0;
        if (length && (strncmp(c->name, first, length) != 0 || c->name[length] != ' '))
            continue;
        size_t size = strcspn(c->name + start, " ");
        if (is_new(c, start + size, false))
            fprintf(out, "%.*s ", (int)size, c->name + start);
    }
}

/* The second word, after each first one that has any. */
static void complete_second_words(FILE *out)
{
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        char first[64];
        size_t size = strcspn(c->name, " ");
        if (c->name[size] == '\0' || !is_new(c, size, true))
            continue;
        snprintf(first, sizeof first, "%.*s", (int)size, c->name);
        fprintf(out, "    %s) words='", first);
        complete_words(out, first);
        fprintf(out, "' ;;\n");
    }
    fprintf(out, "    help) words='");
    complete_words(out, "");
    fprintf(out, "' ;;\n");
}

static void complete_options(FILE *out, const struct cli_command *command)
{
    fprintf(out, "    '%s') options='", command->name);
    for (const struct cli_option *o = command->options; o->name; o++)
        fprintf(out, "--%s ", o->name);
    for (int i = 0; cli_common_options[i].name; i++)
        if (cli_common_applies(command, i))
            fprintf(out, "--%s ", cli_common_options[i].name);
    fprintf(out, "' ;;\n");
}

/* Two words are a command where the table has them, else the first is one; some, as latents, are both, and take
 * a file where no second word fits. */
void cli_print_completion(FILE *out)
{
    fprintf(out, "# bash completion; enable with: source <(facefarm completion)\n"
                 "_facefarm() {\n"
                 "  local word=${COMP_WORDS[COMP_CWORD]} words='' options=''\n"
                 "  local one=${COMP_WORDS[1]} two=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\"\n"
                 "  if [ \"$COMP_CWORD\" = 1 ]; then words='--version --help ");
    complete_words(out, "");
    fprintf(out, "'\n  elif [ \"$COMP_CWORD\" = 2 ]; then case $one in\n");
    complete_second_words(out);
    fprintf(out, "  esac; fi\n  case $two in\n    ");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strchr(c->name, ' '))
            fprintf(out, "'%s'|", c->name);
    fprintf(out, "'') ;;\n    *) two=$one ;;\n  esac\n  case $two in\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        complete_options(out, c);
    fprintf(out, "  esac\n"
                 "  case $word in -*) words=$options ;; esac\n"
                 "  COMPREPLY=()\n"
                 "  if [ -n \"$words\" ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$word\")); fi\n"
                 "  if [ ${#COMPREPLY[@]} = 0 ]; then COMPREPLY=($(compgen -f -- \"$word\")); fi\n"
                 "}\ncomplete -F _facefarm facefarm\n");
}
