/* The lines that a process keeps of its log. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"

static void the_last_lines_are_kept_whole(void **state)
{
    char text[LOG_KEPT_BYTES + 1], last[64];
    (void)state;
    for (int i = 0; i < 200; i++)
        log_info("line number %d", i);
    log_tail(text, sizeof text);
    snprintf(last, sizeof last, "info facefarm: line number %d\n", 199);
    assert_non_null(strstr(text, last));
    assert_non_null(strstr(text, "line number 198\n"));
    assert_null(strstr(text, "line number 1\n"));
    assert_int_equal(text[0], '2'); /* a year: the first line is whole */
    size_t length = strlen(text);
    assert_true(length > LOG_KEPT_BYTES / 2);
    /* Into less room: fewer lines, still whole. */
    char few[128];
    log_tail(few, sizeof few);
    assert_true(strlen(few) < sizeof few);
    assert_string_equal(few, text + length - strlen(few));
    assert_int_equal(few[0], '2');
    log_tail(few, 1);
    assert_string_equal(few, "");
}

static void what_is_not_logged_is_not_kept(void **state)
{
    char text[LOG_KEPT_BYTES + 1];
    (void)state;
    log_debug("a whisper");
    log_tail(text, sizeof text);
    assert_null(strstr(text, "whisper"));
}

/* The newest line, without its time. */
static const char *last_line(void)
{
    static char text[LOG_KEPT_BYTES + 1];
    log_tail(text, sizeof text);
    text[strlen(text) - 1] = '\0';
    char *line = strrchr(text, '\n');
    return strchr(line ? line + 1 : text, ' ') + 1;
}

static const struct log_ids ids = {.job = 3,
                                   .stage_id = 7,
                                   .stage = "labels",
                                   .start = 0,
                                   .count = 512,
                                   .worker_id = 12,
                                   .worker = "gpu 7"};

static void lines_are_for_people(void **state)
{
    (void)state;
    log_about(LOG_WARNING, &ids, "E_IO: %s", "no \"room\"");
    assert_string_equal(last_line(), "warning facefarm: job 3 stage labels, 0 + 512, worker gpu 7: "
                                     "E_IO: no \"room\"");
    log_about(LOG_INFO, &(struct log_ids){.worker = "a", .worker_id = 1}, "leaves");
    assert_string_equal(last_line(), "info facefarm: worker a: leaves");
    log_about(LOG_INFO, &(struct log_ids){.stage_id = 4, .count = 1}, "x");
    assert_string_equal(last_line(), "info facefarm: stage 4, 0 + 1: x");
}

/* A line is one line whatever it quotes, and a terminal obeys nothing in it. */
static void nobody_writes_lines_of_their_own(void **state)
{
    (void)state;
    log_about(LOG_INFO, &(struct log_ids){.worker = "a\n2026 info: b\x1b[2J"}, "\xc2\x9b" "1m\r\x7f \xc2\xb7 \xc2");
    assert_string_equal(last_line(), "info facefarm: worker a\\n2026 info: b\\x1b[2J: \\x9b" "1m\\r\\x7f \xc2\xb7 \xc2");
}

static void or_for_programs(void **state)
{
    char long_text[4000];
    (void)state;
    setenv("FACEFARM_LOG_FORMAT", "kv", 1);
    log_open("tester", LOG_INFO);
    log_about(LOG_WARNING, &ids, "a \"b\" \\ c\nd\te\x01");
    assert_string_equal(last_line(),
                        "level=warning program=tester job=3 stage=labels stage_id=7 task=0+512 "
                        "worker=\"gpu 7\" worker_id=12 msg=\"a \\\"b\\\" \\\\ c\\nd\\te\\x01\"");
    log_info("%s", "");
    assert_string_equal(last_line(), "level=info program=tester msg=\"\"");
    log_about(LOG_INFO, &(struct log_ids){.worker = ""}, "no name");
    assert_string_equal(last_line(), "level=info program=tester worker=\"\" msg=\"no name\"");
    memset(long_text, '"', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    log_info("%s", long_text);
    const char *line = last_line(); /* cut, and closed all the same */
    assert_true(line[strlen(line) - 1] == '"' && line[strlen(line) - 2] == '"' &&
                line[strlen(line) - 3] == '\\');
    unsetenv("FACEFARM_LOG_FORMAT");
    log_open("facefarm", LOG_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_for_people), cmocka_unit_test(nobody_writes_lines_of_their_own),
        cmocka_unit_test(or_for_programs),
        cmocka_unit_test(the_last_lines_are_kept_whole),
        cmocka_unit_test(what_is_not_logged_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
