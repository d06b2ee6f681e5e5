/* Sentences that were cut inside a character, or say something to a terminal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/text.h"

static void replaces_what_is_no_utf8(void **state)
{
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"n\xc2\xb7z \xe2\x86\x92 \xf0\x9f\x98\x80", "n\xc2\xb7z \xe2\x86\x92 \xf0\x9f\x98\x80"},
        {"cut \xe2\x86", "cut ??"},
        {"cut \xf0\x9f\x98", "cut ???"},
        {"\xc3", "?"},
        {"\xc0\x80 overlong \xe0\x80\x80", "?? overlong ???"},
        {"\xed\xa0\x80 surrogate", "??? surrogate"},
        {"\xf4\x90\x80\x80 above", "???? above"},
        {"\xff\x80", "??"},
    };
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        strcpy(text, cases[i][0]);
        text_scrub(text);
        assert_string_equal(text, cases[i][1]);
    }
}

static void replaces_what_a_terminal_obeys(void **state)
{
    char text[] = "\x1b[2J\tred\x7f\n\xc2\x9b" "0m \xc2\xa0\xc2", line[] = "a\tb\r\nc\x07";
    (void)state;
    text_scrub(text);
    assert_string_equal(text, "?[2J\tred?\n??0m \xc2\xa0?");
    text_scrub_line(line);
    assert_string_equal(line, "a b  c?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_what_is_no_utf8),
        cmocka_unit_test(replaces_what_a_terminal_obeys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
