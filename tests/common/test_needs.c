/* Labels in order, what meets what, and sizes. */
#include "tests/common/check.h"

#include "common/needs.h"

static struct error err;

static void labels_stand_in_order(void **state)
{
    (void)state;
    struct labels labels;
    assert_ok(labels_parse("zone=a,rack=3,a/b=c,zon=1", &labels, &err));
    assert_string_equal(labels.text, "a/b=c,rack=3,zon=1,zone=a");
    assert_true(labels_have(labels.text, "zone=a", 6));
    assert_false(labels_have(labels.text, "zone=", 5));
    assert_false(labels_have(labels.text, "one=a", 5));
    assert_ok(labels_parse("", &labels, &err));
    assert_string_equal(labels.text, "");
}

static void labels_have_limits(void **state)
{
    (void)state;
    static const char *const bad[] = {"zone",     "=a",       "zone=",        "z one=a",
                                      "zone=a b", "zone=a/b", "zone=\xc3\xa4"};
    struct labels labels = {""};
    char text[2 * LIMIT_NAME_BYTES + 8];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_error(labels_add_text(&labels, bad[i], strlen(bad[i]), &err), E_INVALID,
                     "expected KEY=VALUE");
    assert_error(labels_parse("a=1,a=2", &labels, &err), E_EXISTS, "label a: stands there twice");
    assert_error(labels_parse("a=1,,b=2", &labels, &err), E_INVALID, "expected KEY=VALUE");
    labels.text[0] = '\0';
    memset(text, 'x', sizeof text);
    text[LIMIT_NAME_BYTES] = '=';
    assert_error(labels_add_text(&labels, text, 2 * LIMIT_NAME_BYTES + 2, &err), E_INVALID,
                 "1 to 64");
    for (int i = 0; i < LIMIT_LABELS; i++) { /* the longest there may be */
        text[0] = (char)('a' + i);
        assert_ok(labels_add_text(&labels, text, 2 * LIMIT_NAME_BYTES + 1, &err));
    }
    text[0] = 'z';
    assert_error(labels_add_text(&labels, text, 2 * LIMIT_NAME_BYTES + 1, &err), E_LIMIT,
                 "LIMIT_LABELS");
    assert_int_equal(strlen(labels.text), LIMIT_LABELS_BYTES - 1);
}

static void an_offer_meets_needs_or_not(void **state)
{
    (void)state;
    const struct needs_offer offer = {"gpu", 8000, "rack=3,zone=a"};
    static const struct {
        struct needs needs;
        bool met;
    } cases[] = {
        {{0}, true},
        {{.device = NEEDS_GPU}, true},
        {{.device = NEEDS_CPU}, false},
        {{.memory = 8000}, true},
        {{.memory = 8001}, false},
        {{.labels = "zone=a"}, true},
        {{.labels = "rack=3,zone=a"}, true},
        {{.labels = "rack=4,zone=a"}, false},
        {{NEEDS_GPU, 1, "tier=1"}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(needs_met(&cases[i].needs, &offer), cases[i].met);
    size_t size;
    const char *missing = needs_missing_label(&cases[7].needs, &offer, &size);
    assert_true(size == 6 && memcmp(missing, "rack=4", 6) == 0);
    assert_true(needs_nothing(&cases[0].needs) && !needs_nothing(&cases[1].needs));
    assert_true(needs_equal(&cases[5].needs, &cases[5].needs));
    assert_false(needs_equal(&cases[5].needs, &cases[6].needs));
}

static void sizes_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {{"1", 1},
                 {"3k", 3 << 10},
                 {"900M", 900 << 20},
                 {"12G", (uint64_t)12 << 30},
                 {"2T", (uint64_t)2 << 40}};
    static const char *const bad[] = {
        "", "0", "G", "-1G", "1GB", "1.5G", " 1", "9000000000000000000000", "8388608T", "1 "};
    uint64_t bytes, again;
    char text[NEEDS_SIZE_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(needs_parse_size(cases[i].text, &bytes));
        assert_true(bytes == cases[i].bytes);
        assert_true(needs_parse_size(needs_print_size(bytes, text), &again) && again == bytes);
    }
    assert_string_equal(needs_print_size((uint64_t)12 << 30, text), "12G");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(needs_parse_size(bad[i], &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_stand_in_order),
        cmocka_unit_test(labels_have_limits),
        cmocka_unit_test(an_offer_meets_needs_or_not),
        cmocka_unit_test(sizes_have_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
