/* The parser: what it takes, what it refuses and with which words; every command's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

#define WORDS_MAX 16

/* Parses words separated by one space. The words live until the next call. */
static int parse(const char *line, struct cli *cli, struct error *err)
{
    static char text[512];
    static char *words[WORDS_MAX];
    int n = 0;
    snprintf(text, sizeof text, "%s", line);
    char *rest = text;
    for (char *word; (word = strsep(&rest, " ")) && n < WORDS_MAX - 1;)
        words[n++] = word;
    words[n] = NULL;
    *cli = (struct cli){.out = stdout, .talk = stderr};
    return cli_parse(n, words, cli, err);
}

static void refused(const char *line, const char *sentence)
{
    struct cli cli;
    struct error err = {0};
    assert_int_equal(parse(line, &cli, &err), E_INVALID);
    if (!strstr(err.text, sentence))
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", line, err.text, sentence);
}

static void takes_what_the_table_says(void **state)
{
    (void)state;
    struct cli cli;
    struct error err = {0};
    assert_int_equal(parse("facefarm study --faces=300 --distance -2.5 --wait --json", &cli, &err),
                     0);
    assert_string_equal(cli.command->name, "study");
    assert_int_equal(cli_uint(&cli, "faces"), 300);
    assert_int_equal(cli_uint(&cli, "evaluate"), 10000);
    assert_true(cli_real(&cli, "distance") == -2.5);
    assert_true(cli_flag(&cli, "wait"));
    assert_false(cli_flag(&cli, "dry-run"));
    assert_true(cli_json(&cli));
    assert_string_equal(cli_text(&cli, "conditions"), "Male,Eyeglasses");
}

static void finds_two_words(void **state)
{
    (void)state;
    struct cli cli;
    struct error err = {0};
    uint64_t job = 0;
    assert_int_equal(parse("facefarm job wait 17 --broker ipc:///tmp/x", &cli, &err), 0);
    assert_string_equal(cli.command->name, "job wait");
    assert_int_equal(cli_job(&cli, 0, &job, &err), 0);
    assert_int_equal(job, 17);
    assert_string_equal(cli_broker(&cli), "ipc:///tmp/x");
    assert_int_equal(parse("facefarm job show -1x", &cli, &err), 0);
    assert_int_equal(cli_job(&cli, 0, &job, &err), E_INVALID);
    assert_int_equal(job, 17);
}

static void leaves_the_rest_to_the_command(void **state)
{
    (void)state;
    struct cli cli;
    struct error err = {0};
    assert_int_equal(parse("facefarm up --db x.db -- sh -c true --json", &cli, &err), 0);
    assert_string_equal(cli_text(&cli, "db"), "x.db");
    assert_string_equal(cli.rest[0], "sh");
    assert_string_equal(cli.rest[3], "--json");
    assert_null(cli.rest[4]);
    assert_false(cli_json(&cli));
}

static void refuses_with_reasons(void **state)
{
    (void)state;
    refused("facefarm", "command is missing");
    refused("facefarm bake", "\"bake\" is no command");
    refused("facefarm job", "\"job\" is no command");
    refused("facefarm job bake", "\"job bake\" is no command");
    refused("facefarm job show", "ID is missing");
    refused("facefarm job show 1 2", "one argument too many");
    refused("facefarm study --colour red", "no option --colour");
    refused("facefarm study --faces", "--faces needs N");
    refused("facefarm study --faces many", "expected a whole number");
    refused("facefarm study --faces -1", "expected a whole number");
    refused("facefarm study --faces 99999999999999999999", "expected a whole number up to");
    refused("facefarm study --discount 1.5", "expected a number between");
    refused("facefarm study --distance nan", "expected a number");
    refused("facefarm study --wait=yes", "takes no value");
    refused("facefarm report --broker tcp://127.0.0.1:1", "no option --broker");
    refused("facefarm up --", "command is missing behind --");
    refused("facefarm report -- true", "no option");
}

static void refuses_job_zero(void **state)
{
    (void)state;
    static const char *const words[] = {
        "0", "", "1.5", "0x1", "18446744073709551616", "9223372036854775808"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct cli cli = {.operands = {words[i]}, .operands_count = 1};
        struct error err = {0};
        uint64_t job;
        assert_int_equal(cli_job(&cli, 0, &job, &err), E_INVALID);
    }
}

static void broker_comes_from_the_environment(void **state)
{
    (void)state;
    struct cli cli;
    struct error err = {0};
    assert_int_equal(parse("facefarm job list", &cli, &err), 0);
    unsetenv("FACEFARM_BROKER");
    assert_string_equal(cli_broker(&cli), "tcp://127.0.0.1:7117");
    setenv("FACEFARM_BROKER", "tcp://127.0.0.1:5", 1);
    assert_string_equal(cli_broker(&cli), "tcp://127.0.0.1:5");
    unsetenv("FACEFARM_BROKER");
}

/* What the table must keep, so that parser, help and completion can rely on it. */
static void the_table_is_sound(void **state)
{
    (void)state;
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        int n = 0;
        assert_non_null(c->summary);
        assert_non_null(c->run);
        assert_true(c->least <= c->most && c->most <= CLI_OPERANDS_MAX);
        for (const struct cli_option *o = c->options; o->name; o++, n++) {
            assert_non_null(o->help);
            assert_int_equal(o->kind == CLI_FLAG, o->argument == NULL);
            assert_true(o->kind != CLI_UINT || o->most >= 1);
        }
        assert_true(n < CLI_OPTIONS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_the_table_says),
        cmocka_unit_test(finds_two_words),
        cmocka_unit_test(leaves_the_rest_to_the_command),
        cmocka_unit_test(refuses_with_reasons),
        cmocka_unit_test(refuses_job_zero),
        cmocka_unit_test(broker_comes_from_the_environment),
        cmocka_unit_test(the_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
