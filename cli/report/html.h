/*
 * Writing HTML: everything printed with %s is escaped.
 *
 * Errors (only ever the buffer's limit or memory) stick: after the first, nothing more is written,
 * and the end of the page asks for it once.
 */
#ifndef CLI_REPORT_HTML_H
#define CLI_REPORT_HTML_H

#include <stddef.h>

#include "common/buffer.h"

struct html {
    struct buffer *out;
    int rc; /* 0, or the first error's code */
    struct error err;
};

/* Appends `text` as it is: our own markup. */
void html_raw(struct html *html, const char *text);

/* Markup with values. Understands %s (escaped for text and for quoted attributes), %d, %u, %zu,
 * %lld, %llu, %g, %f, %.Nf and %%; what the compiler accepts beyond these is an assertion. */
void html_print(struct html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A whole number with thin spaces between thousands. */
void html_count(struct html *html, long long value);

/* Bytes as base64. */
void html_base64(struct html *html, const void *data, size_t size);

#endif
