/* Lists of samples: what they say, what is wrong with them, and that a range costs what a number
 * costs. */
#include "tests/common/check.h"

#include "common/limits.h"
#include "common/seeds.h"

static struct error err;

static void parse(const char *text, struct seeds *seeds)
{
    assert_ok(seeds_parse(&text, 1, seeds, &err));
}

static void check_run(const struct seeds *seeds, uint64_t face, uint64_t most, uint64_t sample,
                      uint64_t count)
{
    struct seeds_run run = seeds_find(seeds, face, most);
    assert_int_equal(run.face, face);
    assert_int_equal(run.sample, sample);
    assert_int_equal(run.count, count);
}

static void faces_are_samples_in_the_order_written(void **state)
{
    (void)state;
    struct seeds seeds;
    uint64_t lowest, end;
    parse("10-19,5,100-101,20", &seeds);
    assert_int_equal(seeds.total, 14);
    check_run(&seeds, 0, 100, 10, 10);
    check_run(&seeds, 3, 4, 13, 4);
    check_run(&seeds, 9, 100, 19, 1);
    check_run(&seeds, 10, 100, 5, 1);
    check_run(&seeds, 12, 100, 101, 1);
    check_run(&seeds, 13, 100, 20, 1);
    seeds_span(&seeds, &lowest, &end);
    assert_int_equal(lowest, 5);
    assert_int_equal(end, 102);
    seeds_free(&seeds);
    assert_null(seeds.runs);
}

/* What a task is told of a stage that has more. */
static void some_faces_are_known_alone(void **state)
{
    (void)state;
    struct seeds seeds = {.total = 100};
    for (uint64_t i = 0; i < 1000; i++)
        assert_ok(seeds_add(&seeds, 7 * i + (i >= 10 && i < 20 ? 0 : i % 2), &err));
    assert_int_equal(seeds.total, 1100);
    check_run(&seeds, 100, 5, 0, 1);
    check_run(&seeds, 1099, 5, 6994, 1);
    check_run(&seeds, 101, 5, 8, 1);
    check_run(&seeds, 112, 5, 84, 1);
    seeds_free(&seeds);
    seeds.total = 3;
    for (uint64_t i = 0; i < 9; i++)
        assert_ok(seeds_add(&seeds, 50 + i, &err));
    assert_int_equal(seeds.count, 1);
    check_run(&seeds, 5, 99, 52, 7);
    seeds_free(&seeds);
}

static void lists_are_joined_and_print_as_they_are_read(void **state)
{
    (void)state;
    struct seeds seeds, again;
    struct buffer text;
    buffer_init(&text, 1000);
    assert_ok(seeds_parse((const char *const[]){"0-9", "10-19", "5000,70"}, 3, &seeds, &err));
    assert_int_equal(seeds.count, 3); /* the first two follow each other */
    assert_ok(seeds_print(&seeds, &text, &err));
    assert_string_equal((char *)text.data, "0-19, 5000, 70");
    assert_ok(seeds_parse((const char *const[]){"0-19", "5000", "70"}, 3, &again, &err));
    assert_int_equal(again.total, seeds.total);
    assert_memory_equal(again.runs, seeds.runs, seeds.count * sizeof *seeds.runs);
    buffer_free(&text);
    seeds_free(&seeds);
    seeds_free(&again);
}

static void ranges_of_any_length_are_three_numbers(void **state)
{
    (void)state;
    struct seeds seeds;
    parse("0-999999999,5000000000-281474976710655", &seeds);
    assert_int_equal(seeds.count, 2);
    assert_true(seeds.total == 1000000000 + (LIMIT_SAMPLES - 5000000000));
    check_run(&seeds, 1000000000, UINT64_MAX, 5000000000, LIMIT_SAMPLES - 5000000000);
    seeds_free(&seeds);
}

static const struct {
    const char *text;
    int code;
    const char *part;
} wrong[] = {
    {"", E_PARSE, "at character 1: expected a number"},
    {"0-9,", E_PARSE, "at character 5: expected a number"},
    {"1-", E_PARSE, "at character 3: expected a number"},
    {"1;2", E_PARSE, "at character 2: expected a comma"},
    {"-5", E_PARSE, "at character 1"},
    {"9-0", E_INVALID, "9-0 falls, expected a rising range"},
    {"281474976710656", E_LIMIT, "LIMIT_SAMPLES"},
    {"99999999999999999999999", E_LIMIT, "LIMIT_SAMPLES"},
    {"0-9,5", E_INVALID, "0-9 and 5-5 overlap, expected each sample once"},
    {"7,3-8", E_INVALID, "3-8 and 7-7 overlap"},
    {"100-200,0-9,150-300", E_INVALID, "100-200 and 150-300 overlap"},
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct seeds seeds = {0};
        assert_error(seeds_parse(&wrong[i].text, 1, &seeds, &err), wrong[i].code, wrong[i].part);
        assert_null(seeds.runs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faces_are_samples_in_the_order_written),
        cmocka_unit_test(some_faces_are_known_alone),
        cmocka_unit_test(lists_are_joined_and_print_as_they_are_read),
        cmocka_unit_test(ranges_of_any_length_are_three_numbers),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
