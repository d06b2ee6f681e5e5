/* A printf of few conversions that escapes. */
#include "cli/report/html.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(struct html *html, const char *data, size_t size)
{
    if (html->rc == 0)
        html->rc = buffer_append(html->out, data, size, &html->err);
}

void html_raw(struct html *html, const char *text)
{
    append(html, text, strlen(text));
}

static void escaped(struct html *html, const char *text)
{
    while (*text) {
        size_t plain = strcspn(text, "&<>\"'");
        append(html, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        html_raw(html, *text == '&'   ? "&amp;"
                       : *text == '<' ? "&lt;"
                       : *text == '>' ? "&gt;"
                       : *text == '"' ? "&quot;"
                                      : "&#39;");
        text++;
    }
}

/* The conversion behind a '%' at `at`; returns what follows it. */
static const char *convert(struct html *html, const char *at, va_list *args)
{
    char number[400] = "";
    int digits = 6;
    if (at[0] == '.' && at[1] >= '0' && at[1] <= '9') {
        digits = at[1] - '0';
        at += 2;
    }
    if (*at == '%')
        snprintf(number, sizeof number, "%%");
    else if (*at == 's')
        escaped(html, va_arg(*args, const char *));
    else if (*at == 'd')
        snprintf(number, sizeof number, "%d", va_arg(*args, int));
    else if (*at == 'u')
        snprintf(number, sizeof number, "%u", va_arg(*args, unsigned));
    else if (*at == 'f')
        snprintf(number, sizeof number, "%.*f", digits, va_arg(*args, double));
    else if (*at == 'g')
        snprintf(number, sizeof number, "%g", va_arg(*args, double));
    else if (strncmp(at, "zu", 2) == 0)
        snprintf(number, sizeof number, "%zu", va_arg(*args, size_t)), at += 1;
    else if (strncmp(at, "lld", 3) == 0)
        snprintf(number, sizeof number, "%lld", va_arg(*args, long long)), at += 2;
    else if (strncmp(at, "llu", 3) == 0)
        snprintf(number, sizeof number, "%llu", va_arg(*args, unsigned long long)), at += 2;
    else
        assert(!"a conversion that html_print does not know");
    html_raw(html, number);
    return at + 1;
}

void html_print(struct html *html, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    while (*format) {
        size_t plain = strcspn(format, "%");
        append(html, format, plain);
        format += plain;
        if (*format == '%')
            format = convert(html, format + 1, &args);
    }
    va_end(args);
}

void html_count(struct html *html, long long value)
{
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%lld", llabs(value));
    if (value < 0)
        html_raw(html, "−");
    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0)
            html_raw(html, "\u202f");
        append(html, &digits[i], 1);
    }
}

void html_base64(struct html *html, const void *data, size_t size)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = data;
    char block[4];
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)in[i] << 16;
        bits |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        bits |= left > 2 ? in[i + 2] : 0;
        block[0] = letters[bits >> 18];
        block[1] = letters[bits >> 12 & 63];
        block[2] = left > 1 ? letters[bits >> 6 & 63] : '=';
        block[3] = left > 2 ? letters[bits & 63] : '=';
        append(html, block, 4);
    }
}
