/* "0-9999,12000". No state. */
#include "common/ranges.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

static int take_number(const char *text, const char **at, uint64_t *number, struct error *err)
{
    uint64_t value = 0;
    if (!isdigit((unsigned char)**at))
        return error_set(
            err, E_PARSE,
            "samples \"%.60s\": at character %zu: expected a number (as in 0-9999,12000)", text,
            (size_t)(*at - text) + 1);
    for (; isdigit((unsigned char)**at); (*at)++) {
        value = value * 10 + (uint64_t)(**at - '0');
        if (value >= LIMIT_SAMPLES)
            return error_set(err, E_LIMIT,
                             "samples \"%.60s\": a number of LIMIT_SAMPLES, %llu, or more", text,
                             (unsigned long long)LIMIT_SAMPLES);
    }
    *number = value;
    return 0;
}

static int take_range(const char *text, const char **at, struct range *range, struct error *err)
{
    uint64_t first = 0, last = 0;
    int rc = take_number(text, at, &first, err);
    last = first;
    if (!rc && **at == '-') {
        (*at)++;
        rc = take_number(text, at, &last, err);
    }
    if (!rc && last < first)
        rc =
            error_set(err, E_INVALID, "samples \"%.60s\": %llu-%llu falls, expected a rising range",
                      text, (unsigned long long)first, (unsigned long long)last);
    if (!rc && **at != ',' && **at != '\0')
        rc = error_set(err, E_PARSE,
                       "samples \"%.60s\": at character %zu: expected a comma or the end", text,
                       (size_t)(*at - text) + 1);
    *range = (struct range){first, last - first + 1};
    return rc;
}

int ranges_parse(const char *text, struct range **ranges, size_t *count, uint64_t *total,
                 struct error *err)
{
    struct range *made = calloc(LIMIT_RANGES, sizeof *made);
    size_t n = 0;
    uint64_t sum = 0;
    int rc = made ? 0 : error_set(err, E_MEMORY, "no memory for ranges");
    for (const char *at = text; !rc;) {
        if (n == LIMIT_RANGES) {
            rc = error_set(err, E_LIMIT, "more than LIMIT_RANGES, %d, ranges of samples",
                           LIMIT_RANGES);
            break;
        }
        rc = take_range(text, &at, &made[n], err);
        if (rc)
            break;
        sum += made[n++].count;
        if (*at++ == '\0')
            break;
    }
    if (rc) {
        free(made);
        return rc;
    }
    *ranges = made;
    *count = n;
    *total = sum;
    return 0;
}
