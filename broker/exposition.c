/* The escapes: \\ and newline in HELP, and " as well in a label's value. */
#include "broker/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/spec.h"

static void put(struct exposition *e, const char *text, size_t size)
{
    if (e->code == 0)
        e->code = buffer_append(e->out, text, size, &e->err);
}

static void put_text(struct exposition *e, const char *text)
{
    put(e, text, strlen(text));
}

static void put_escaped(struct exposition *e, const char *text, bool quoted)
{
    for (; *text; text++) {
        if (*text == '\\')
            put_text(e, "\\\\");
        else if (*text == '\n')
            put_text(e, "\\n");
        else if (*text == '"' && quoted)
            put_text(e, "\\\"");
        else
            put(e, text, 1);
    }
}

void exposition_family(struct exposition *e, const char *name, const char *type, const char *help)
{
    e->family = name;
    put_text(e, "# HELP ");
    put_text(e, name);
    put_text(e, " ");
    put_escaped(e, help, false);
    put_text(e, "\n# TYPE ");
    put_text(e, name);
    put_text(e, " ");
    put_text(e, type);
    put_text(e, "\n");
}

static void put_name(struct exposition *e, const char *suffix,
                     const struct exposition_label *labels, size_t count)
{
    put_text(e, e->family);
    put_text(e, suffix);
    for (size_t i = 0; i < count; i++) {
        put_text(e, i ? "," : "{");
        put_text(e, labels[i].name);
        put_text(e, "=\"");
        put_escaped(e, labels[i].value, true);
        put_text(e, "\"");
    }
    put_text(e, count ? "} " : " ");
}

static void put_count(struct exposition *e, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64 "\n", value);
    put_text(e, text);
}

static void put_real(struct exposition *e, double value)
{
    char text[SPEC_NUMBER_BYTES];
    put_text(e, spec_print_number(value, text));
    put_text(e, "\n");
}

void exposition_count(struct exposition *e, const struct exposition_label *labels, size_t count,
                      uint64_t value)
{
    put_name(e, "", labels, count);
    put_count(e, value);
}

void exposition_real(struct exposition *e, const struct exposition_label *labels, size_t count,
                     double value)
{
    put_name(e, "", labels, count);
    put_real(e, value);
}

void exposition_one(struct exposition *e, const char *name, const char *type, const char *help,
                    uint64_t value)
{
    exposition_family(e, name, type, help);
    exposition_count(e, NULL, 0, value);
}

/* ---- histograms ---- */

void histogram_add(struct histogram *histogram, double value)
{
    size_t i = 0;
    while (i < EXPOSITION_BUCKETS && value > histogram->bounds[i])
        i++;
    histogram->counts[i]++;
    histogram->sum += value;
}

void exposition_histogram(struct exposition *e, const char *name, const char *help,
                          const struct histogram *histogram)
{
    char bound[SPEC_NUMBER_BYTES];
    uint64_t count = 0;
    exposition_family(e, name, "histogram", help);
    for (size_t i = 0; i <= EXPOSITION_BUCKETS; i++) {
        const struct exposition_label le = {
            "le", i < EXPOSITION_BUCKETS ? spec_print_number(histogram->bounds[i], bound) : "+Inf"};
        count += histogram->counts[i];
        put_name(e, "_bucket", &le, 1);
        put_count(e, count);
    }
    put_name(e, "_sum", NULL, 0);
    put_real(e, histogram->sum);
    put_name(e, "_count", NULL, 0);
    put_count(e, count);
}
