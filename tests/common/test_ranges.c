/* "0-9999,12000" and what is no such thing. */
#include "tests/common/check.h"

#include "common/limits.h"
#include "common/ranges.h"

static struct error err;

static void ranges_are_read_in_their_order(void **state)
{
    (void)state;
    struct range *ranges = NULL;
    size_t count = 0;
    uint64_t total = 0;
    assert_ok(ranges_parse("0-9999,12000,5-5", &ranges, &count, &total, &err));
    assert_int_equal(count, 3);
    assert_int_equal(total, 10002);
    assert_true(ranges[0].start == 0 && ranges[0].count == 10000);
    assert_true(ranges[1].start == 12000 && ranges[1].count == 1);
    assert_true(ranges[2].start == 5 && ranges[2].count == 1);
    free(ranges);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *part;
    } wrong[] = {
        {"", E_PARSE, "at character 1: expected a number"},
        {"1,", E_PARSE, "at character 3: expected a number"},
        {"1-", E_PARSE, "at character 3"},
        {"-5", E_PARSE, "at character 1"},
        {"1;2", E_PARSE, "at character 2: expected a comma or the end"},
        {"9-3", E_INVALID, "9-3 falls"},
        {"281474976710656", E_LIMIT, "LIMIT_SAMPLES"},
        {"99999999999999999999999", E_LIMIT, "LIMIT_SAMPLES"},
    };
    struct range *ranges = NULL;
    size_t count;
    uint64_t total;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_error(ranges_parse(wrong[i].text, &ranges, &count, &total, &err), wrong[i].code,
                     wrong[i].part);
    char many[3 * LIMIT_RANGES + 8] = "1";
    for (int i = 0; i < LIMIT_RANGES; i++)
        strcat(many + (size_t)i * 2, ",1");
    assert_error(ranges_parse(many, &ranges, &count, &total, &err), E_LIMIT, "LIMIT_RANGES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_read_in_their_order),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
