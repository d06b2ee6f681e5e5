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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_lines_are_kept_whole),
        cmocka_unit_test(what_is_not_logged_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
