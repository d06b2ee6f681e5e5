/* Line by line, with the family that the lines before began. */
#include "exposition_parse.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MOST 20000

struct reader {
    char family[128], type[16];
    char seen[256][128]; /* families */
    size_t families;
    char *series[SERIES_MOST];
    size_t series_count;
    double le, bucket; /* of the histogram under way */
    bool inf;
};

static size_t name_size(const char *text, bool colon)
{
    size_t i = 0;
    if (isdigit((unsigned char)text[0]))
        return 0;
    while (isalnum((unsigned char)text[i]) || text[i] == '_' || (colon && text[i] == ':'))
        i++;
    return i;
}

static void begin_family(struct reader *r, const char *line)
{
    size_t size = name_size(line, true);
    assert_in_range(size, 1, sizeof r->family - 1);
    assert_true(line[size] == ' ' && line[size + 1]); /* a HELP text */
    for (const char *at = line + size + 1; *at; at++)
        if (*at == '\\')
            assert_non_null(strchr("\\n", *++at));
    snprintf(r->family, sizeof r->family, "%.*s", (int)size, line);
    for (size_t i = 0; i < r->families; i++)
        assert_string_not_equal(r->seen[i], r->family);
    assert_in_range(r->families, 0, 255);
    strcpy(r->seen[r->families++], r->family);
    r->type[0] = '\0';
}

static void take_type(struct reader *r, const char *line)
{
    size_t size = strlen(r->family);
    assert_true(strncmp(line, r->family, size) == 0 && line[size] == ' ');
    assert_string_equal(r->type, "");
    snprintf(r->type, sizeof r->type, "%s", line + size + 1);
    assert_true(strcmp(r->type, "counter") == 0 || strcmp(r->type, "gauge") == 0 ||
                strcmp(r->type, "histogram") == 0);
    bool total = size > 6 && strcmp(r->family + size - 6, "_total") == 0;
    assert_int_equal(total, strcmp(r->type, "counter") == 0);
    r->le = -INFINITY;
    r->bucket = 0;
    r->inf = false;
}

/* Behind the labels; *le receives the value of the label of that name. */
static const char *take_labels(const char *at, char le[32])
{
    assert_true(*at++ == '{');
    while (*at != '}') {
        size_t size = name_size(at, false), n = 0;
        bool is_le = size == 2 && strncmp(at, "le", 2) == 0;
        assert_true(size > 0 && at[size] == '=' && at[size + 1] == '"');
        for (at += size + 2; *at != '"'; at++) {
            assert_true(*at != '\0' && *at != '\n');
            if (*at == '\\')
                assert_non_null(strchr("\\\"n", *++at));
            if (is_le && n < 31)
                le[n++] = *at;
        }
        at++;
        if (*at == ',')
            assert_true(*++at != '}');
        else
            assert_true(*at == '}');
    }
    return at + 1;
}

static void remember(struct reader *r, const char *line, size_t size)
{
    char *copy = strndup(line, size);
    for (size_t i = 0; i < r->series_count; i++)
        assert_string_not_equal(r->series[i], copy);
    assert_in_range(r->series_count, 0, SERIES_MOST - 1);
    r->series[r->series_count++] = copy;
}

static void take_bucket(struct reader *r, const char *suffix, const char *le, double value)
{
    if (strcmp(suffix, "_bucket") == 0) {
        double bound = strcmp(le, "+Inf") == 0 ? INFINITY : strtod(le, NULL);
        assert_true(bound > r->le && value >= r->bucket);
        r->le = bound;
        r->bucket = value;
        r->inf = isinf(bound);
    } else if (strcmp(suffix, "_count") == 0) {
        assert_true(r->inf && fabs(value - r->bucket) < 0.5);
    } else {
        assert_string_equal(suffix, "_sum");
    }
}

static void take_sample(struct reader *r, const char *line)
{
    char le[32] = "", suffix[32] = "", *end;
    size_t size = name_size(line, true), family = strlen(r->family);
    assert_true(size >= family && size - family < sizeof suffix && r->type[0]);
    assert_true(strncmp(line, r->family, family) == 0);
    snprintf(suffix, sizeof suffix, "%.*s", (int)(size - family), line + family);
    const char *at = line[size] == '{' ? take_labels(line + size, le) : line + size;
    remember(r, line, (size_t)(at - line));
    assert_true(*at++ == ' ');
    double value = strtod(at, &end);
    assert_true(end > at && *end == '\0' && isfinite(value));
    if (strcmp(r->type, "histogram") == 0)
        take_bucket(r, suffix, le, value);
    else
        assert_string_equal(suffix, "");
    if (strcmp(r->type, "counter") == 0)
        assert_true(value >= 0);
}

void exposition_check(const char *page)
{
    struct reader *r = calloc(1, sizeof *r);
    char line[4096];
    assert_true(*page && page[strlen(page) - 1] == '\n');
    while (*page) {
        size_t size = strcspn(page, "\n");
        assert_in_range(size, 1, sizeof line - 1);
        snprintf(line, sizeof line, "%.*s", (int)size, page);
        if (strncmp(line, "# HELP ", 7) == 0)
            begin_family(r, line + 7);
        else if (strncmp(line, "# TYPE ", 7) == 0)
            take_type(r, line + 7);
        else
            take_sample(r, line);
        page += size + 1;
    }
    for (size_t i = 0; i < r->series_count; i++)
        free(r->series[i]);
    free(r);
}

double exposition_value(const char *page, const char *series)
{
    size_t size = strlen(series);
    for (const char *at = page; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, series, size) == 0 && at[size] == ' ')
            return strtod(at + size + 1, NULL);
    fail_msg("there is no series %s", series);
    return 0;
}
