/* The text format: escapes, numbers, histograms, and a buffer that is too small. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "broker/exposition.h"
#include "exposition_parse.h"

static void texts_are_escaped(void **state)
{
    struct buffer out;
    struct exposition e = {.out = &out};
    const struct exposition_label labels[] = {{"a", "x\\y\"z\nw"}, {"b", "caf\xc3\xa9"}};
    (void)state;
    buffer_init(&out, 10000);
    exposition_family(&e, "t_total", "counter", "One\nline \\ \"more\".");
    exposition_count(&e, labels, 2, 7);
    exposition_count(&e, NULL, 0, UINT64_MAX);
    exposition_family(&e, "t_g", "gauge", "Real.");
    exposition_real(&e, NULL, 0, -0.1);
    assert_int_equal(buffer_append(&out, "", 1, NULL), 0);
    assert_int_equal(e.code, 0);
    assert_string_equal((char *)out.data, "# HELP t_total One\\nline \\\\ \"more\".\n"
                                          "# TYPE t_total counter\n"
                                          "t_total{a=\"x\\\\y\\\"z\\nw\",b=\"caf\xc3\xa9\"} 7\n"
                                          "t_total 18446744073709551615\n"
                                          "# HELP t_g Real.\n"
                                          "# TYPE t_g gauge\n"
                                          "t_g -0.1\n");
    exposition_check((char *)out.data);
    buffer_free(&out);
}

static void histograms_add_up(void **state)
{
    static const double bounds[EXPOSITION_BUCKETS] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.5};
    struct histogram histogram = {.bounds = bounds};
    struct buffer out;
    struct exposition e = {.out = &out};
    (void)state;
    buffer_init(&out, 10000);
    for (int i = 1; i <= 20; i++)
        histogram_add(&histogram, i);
    exposition_histogram(&e, "t_seconds", "Time.", &histogram);
    assert_int_equal(buffer_append(&out, "", 1, NULL), 0);
    exposition_check((char *)out.data);
    assert_true(exposition_value((char *)out.data, "t_seconds_bucket{le=\"1\"}") == 1);
    assert_true(exposition_value((char *)out.data, "t_seconds_bucket{le=\"12.5\"}") == 12);
    assert_true(exposition_value((char *)out.data, "t_seconds_bucket{le=\"+Inf\"}") == 20);
    assert_true(exposition_value((char *)out.data, "t_seconds_sum") == 210);
    buffer_free(&out);
}

static void the_first_error_is_kept(void **state)
{
    struct buffer out;
    struct exposition e = {.out = &out};
    (void)state;
    buffer_init(&out, 20);
    exposition_one(&e, "t_total", "counter", "Much too long for it.", 7);
    assert_true(e.code < 0 && e.err.text[0]);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(histograms_add_up),
        cmocka_unit_test(the_first_error_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
