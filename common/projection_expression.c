/* Directions written as signed sums of boundary names: parsed term by term, added up, normalised.
 */
#include "common/projection.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

#define NOTHING_LEFT 1e-6 /* a sum shorter than this is no direction */

static int unknown_name(const char *name, size_t length, const char *const *names, size_t k,
                        struct error *err)
{
    struct buffer list;
    buffer_init(&list, 600);
    for (size_t i = 0; i < k; i++)
        if (buffer_printf(&list, NULL, "%s%s", i ? ", " : "", names[i]))
            break;
    int rc = error_set(err, E_NOT_FOUND, "no boundary is called \"%.*s\"; there are: %s",
                       (int)length, name, list.data ? (char *)list.data : "none");
    buffer_free(&list);
    return rc;
}

static int find_name(const char *name, size_t length, const char *const *names, size_t k,
                     size_t *which, struct error *err)
{
    for (size_t i = 0; i < k; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            *which = i;
            return 0;
        }
    return unknown_name(name, length, names, k, err);
}

static bool name_character(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* One term, [sign] [factor *] name, at *text. The first needs no sign. */
static int parse_term(const char **text, bool first, const char *const *names, size_t k,
                      double *factor, size_t *which, struct error *err)
{
    const char *at = *text;
    *factor = *at == '-' ? -1 : 1;
    if (*at == '-' || *at == '+')
        at++;
    else if (!first)
        return error_set(err, E_PARSE, "\"%s\": expected + or - between names", at);
    const char *end = at;
    while (name_character(*end) || *end == '.')
        end++;
    if (*end == '*') {
        char *stop;
        *factor *= strtod(at, &stop);
        if (stop != end || !isfinite(*factor))
            return error_set(err, E_PARSE, "\"%.*s\" is no factor", (int)(end - at), at);
        at = ++end;
        while (name_character(*end))
            end++;
    }
    if (end == at)
        return error_set(err, E_PARSE, "expected the name of a boundary at \"%s\"", at);
    *text = end;
    return find_name(at, (size_t)(end - at), names, k, which, err);
}

static int normalise(const double *sum, size_t d, const char *expression, double *direction,
                     struct error *err)
{
    double square = 0;
    for (size_t c = 0; c < d; c++)
        square += sum[c] * sum[c];
    double norm = sqrt(square);
    if (!(norm > NOTHING_LEFT))
        return error_set(err, E_INVALID, "direction \"%s\" adds up to nothing", expression);
    for (size_t c = 0; c < d; c++)
        direction[c] = sum[c] / norm;
    return 0;
}

int projection_direction(const char *expression, const char *const *names, size_t k,
                         const double *normals, size_t d, double *direction, struct error *err)
{
    double *sum = calloc(d ? d : 1, sizeof *sum);
    if (!sum)
        return error_set(err, E_MEMORY, "no memory for a direction of %zu dimensions", d);
    const char *at = expression;
    int rc = 0;
    do {
        double factor = 0;
        size_t which = 0;
        rc = parse_term(&at, at == expression, names, k, &factor, &which, err);
        for (size_t c = 0; !rc && c < d; c++)
            sum[c] += factor * normals[which * d + c];
    } while (!rc && *at);
    if (!rc)
        rc = normalise(sum, d, expression, direction, err);
    else
        error_prefix(err, rc, "direction \"%s\"", expression);
    free(sum);
    return rc;
}
