/* Escaping, numbers, base64, and errors that stick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/report/charts.h"
#include "cli/report/html.h"

struct page {
    struct buffer out;
    struct html html;
};

static void open_page(struct page *page, size_t maximum)
{
    buffer_init(&page->out, maximum);
    page->html = (struct html){.out = &page->out};
}

/* Ends the page and compares its text. */
static void is(struct page *page, const char *expected)
{
    struct error err;
    assert_int_equal(page->html.rc, 0);
    assert_int_equal(buffer_append(&page->out, "", 1, &err), 0);
    assert_string_equal((const char *)page->out.data, expected);
    buffer_free(&page->out);
}

static void text_is_escaped(void **state)
{
    (void)state;
    struct page page;
    open_page(&page, 4096);
    html_print(&page.html, "<p title=\"%s\">%s</p>", "a\"b'c", "<script>&amp;</script> %d");
    is(&page, "<p title=\"a&quot;b&#39;c\">&lt;script&gt;&amp;amp;&lt;/script&gt; %d</p>");
    open_page(&page, 4096);
    html_print(&page.html, "%s|%s", "", "\xc3\xa9t\xc3\xa9");
    is(&page, "|\xc3\xa9t\xc3\xa9");
}

static void numbers(void **state)
{
    (void)state;
    struct page page;
    open_page(&page, 4096);
    html_print(&page.html, "%d %u %zu %lld %llu %.2f %g 100%%", -3, 4u, (size_t)5, -6LL, 7ULL,
               1.005, 0.5);
    is(&page, "-3 4 5 -6 7 1.00 0.5 100%");
    open_page(&page, 4096);
    html_count(&page.html, 0);
    html_raw(&page.html, "|");
    html_count(&page.html, 999);
    html_raw(&page.html, "|");
    html_count(&page.html, 1234567);
    html_raw(&page.html, "|");
    html_count(&page.html, -1000);
    is(&page, "0|999|1\u202f234\u202f567|−1\u202f000");
}

static void base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {/* RFC 4648, section 10 */
                                           {"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xff\xfe\xfd", "//79"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct page page;
        open_page(&page, 64);
        html_base64(&page.html, pairs[i][0], strlen(pairs[i][0]));
        is(&page, pairs[i][1]);
    }
}

static void the_limit_sticks(void **state)
{
    (void)state;
    struct page page;
    open_page(&page, 10);
    html_raw(&page.html, "12345678");
    html_raw(&page.html, "more than is left");
    html_raw(&page.html, "9");
    assert_int_equal(page.html.rc, E_LIMIT);
    assert_int_equal(page.out.size, 8);
    buffer_free(&page.out);
}

static int count(const struct page *page, const char *what)
{
    int n = 0;
    for (const char *at = (const char *)page->out.data; (at = strstr(at, what)); at++)
        n++;
    return n;
}

/* Charts of nothing and of one point are drawn or left out, and never a number that is none. */
static void charts_of_little(void **state)
{
    (void)state;
    struct page page;
    struct chart_line line = {.colour = 1, .count = 1, .points = {{.x = 3, .y = 40}}};
    static const struct chart chart = {.x_title = "x",
                                       .y_title = "y",
                                       .bin = 2,
                                       .series = {{.label = "one", .count = 1, .bars = {{4, 1}}}}};
    static const struct chart empty = {.x_title = "x", .y_title = "y", .bin = 2};
    open_page(&page, 1 << 20);
    chart_lines(&page.html, NULL, 0, "x", "y");
    chart_histogram(&page.html, &empty);
    assert_int_equal(page.out.size, 0);
    chart_lines(&page.html, &line, 1, "x", "y");
    chart_histogram(&page.html, &chart);
    chart_bar(&page.html, 0, 0, 0, 1);
    chart_diverging(&page.html, (const double[]){__builtin_nan(""), -5}, 2, 1);
    chart_dot(&page.html, 0, 1, 0.5);
    assert_int_equal(page.html.rc, 0);
    assert_int_equal(buffer_append(&page.out, "", 1, NULL), 0);
    assert_int_equal(count(&page, "<svg"), 5);
    assert_int_equal(count(&page, "</svg>"), 5);
    assert_int_equal(count(&page, "nan"), 0);
    assert_int_equal(count(&page, "inf"), 0);
    buffer_free(&page.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),  cmocka_unit_test(numbers),
        cmocka_unit_test(base64),           cmocka_unit_test(the_limit_sticks),
        cmocka_unit_test(charts_of_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
