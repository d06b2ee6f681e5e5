/*
 * The discounted projection in double. G = C Cᵀ is factored by Cholesky with diagonal pivoting and cut
 * where a pivot falls under PIVOT_CUT: conditions in the span of the ones before add nothing.
 *
 * Dropping a dependent condition is only sound if its own discount agrees with what the others
 * imply; we drop the dependent row and keep the first of each set in pivot order, which for
 * duplicates with equal discounts is exact.
 */
#include "common/projection.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

#define PIVOT_CUT 1e-9     /* of a unit diagonal: below it a condition is a combination of others */
#define UNIT_TOLERANCE 1e-3
#define NOTHING_LEFT 1e-6  /* ‖n'‖ below this: t is spent */

static double dot(const float *a, const float *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static int check_unit(const float *v, size_t d, const char *what, size_t which, struct error *err)
{
    double norm = sqrt(dot(v, v, d));
    if (!(fabs(norm - 1) <= UNIT_TOLERANCE))
        return error_set(err, E_INVALID, "%s %zu has norm %g, expected a unit vector", what, which,
                         norm);
    return 0;
}

struct factor { /* pivoted Cholesky of the leading rank×rank block */
    double *lower;  /* [k][k], rows in pivot order */
    size_t *pivots; /* pivots[i]: which condition stands at row i */
    size_t rank;
};

static void swap_rows(struct factor *f, size_t k, size_t a, size_t b)
{
    for (size_t j = 0; j < k && a != b; j++) {
        double keep = f->lower[a * k + j];
        f->lower[a * k + j] = f->lower[b * k + j];
        f->lower[b * k + j] = keep;
    }
    size_t keep = f->pivots[a];
    f->pivots[a] = f->pivots[b];
    f->pivots[b] = keep;
}

/* gram[k][k] → f; diagonal[k] is scratch for the remaining pivots. */
static void factorise(const double *gram, size_t k, double *diagonal, struct factor *f)
{
    for (size_t i = 0; i < k; i++) {
        f->pivots[i] = i;
        diagonal[i] = gram[i * k + i];
    }
    for (f->rank = 0; f->rank < k; f->rank++) {
        size_t row = f->rank, best = row;
        for (size_t i = row + 1; i < k; i++)
            if (diagonal[f->pivots[i]] > diagonal[f->pivots[best]])
                best = i;
        swap_rows(f, k, row, best);
        size_t p = f->pivots[row];
        if (diagonal[p] < PIVOT_CUT)
            return;
        double root = sqrt(diagonal[p]);
        f->lower[row * k + row] = root;
        for (size_t i = row + 1; i < k; i++) {
            size_t q = f->pivots[i];
            double sum = gram[q * k + p];
            for (size_t j = 0; j < row; j++)
                sum -= f->lower[i * k + j] * f->lower[row * k + j];
            f->lower[i * k + row] = sum / root;
            diagonal[q] -= f->lower[i * k + row] * f->lower[i * k + row];
        }
    }
}

/* x (in pivot order, `rank` entries) with G x = right. */
static void solve(const struct factor *f, size_t k, const double *right, double *x)
{
    for (size_t i = 0; i < f->rank; i++) {
        x[i] = right[f->pivots[i]];
        for (size_t j = 0; j < i; j++)
            x[i] -= f->lower[i * k + j] * x[j];
        x[i] /= f->lower[i * k + i];
    }
    for (size_t i = f->rank; i-- > 0;) {
        for (size_t j = i + 1; j < f->rank; j++)
            x[i] -= f->lower[j * k + i] * x[j];
        x[i] /= f->lower[i * k + i];
    }
}

struct workspace {
    double *gram, *right, *x, *diagonal, *direction;
    struct factor factor;
};

static void workspace_free(struct workspace *w)
{
    free(w->gram);
    free(w->right);
    free(w->x);
    free(w->diagonal);
    free(w->direction);
    free(w->factor.lower);
    free(w->factor.pivots);
}

static int workspace_make(struct workspace *w, size_t d, size_t k, struct error *err)
{
    size_t n = k ? k : 1;
    *w = (struct workspace){
        .gram = calloc(n * n, sizeof(double)),
        .right = calloc(n, sizeof(double)),
        .x = calloc(n, sizeof(double)),
        .diagonal = calloc(n, sizeof(double)),
        .direction = calloc(d, sizeof(double)),
        .factor = {.lower = calloc(n * n, sizeof(double)), .pivots = calloc(n, sizeof(size_t))},
    };
    if (w->gram && w->right && w->x && w->diagonal && w->direction && w->factor.lower &&
        w->factor.pivots)
        return 0;
    workspace_free(w);
    return error_set(err, E_MEMORY, "no memory for a projection on %zu conditions", k);
}

/* direction ← t − Cᵀ G⁻¹ Λ r, not normalised. */
static void project(struct workspace *w, const float *target, size_t d, const float *conditions,
                    size_t k, const double *discounts)
{
    for (size_t i = 0; i < k; i++) {
        w->right[i] = discounts[i] * dot(conditions + i * d, target, d);
        for (size_t j = 0; j <= i; j++)
            w->gram[i * k + j] = w->gram[j * k + i] = dot(conditions + i * d, conditions + j * d, d);
    }
    factorise(w->gram, k, w->diagonal, &w->factor);
    solve(&w->factor, k, w->right, w->x);
    for (size_t c = 0; c < d; c++)
        w->direction[c] = target[c];
    for (size_t i = 0; i < w->factor.rank; i++) {
        const float *condition = conditions + w->factor.pivots[i] * d;
        for (size_t c = 0; c < d; c++)
            w->direction[c] -= w->x[i] * condition[c];
    }
}

static int finish(const struct workspace *w, const float *target, size_t d, const float *conditions,
                  size_t k, float *direction, struct projection_result *result, struct error *err)
{
    double square = 0;
    for (size_t c = 0; c < d; c++)
        square += w->direction[c] * w->direction[c];
    double norm = sqrt(square);
    if (!(norm > NOTHING_LEFT))
        return error_set(err, E_INVALID,
                         "nothing is left of the target: it lies in the span of the %zu conditions "
                         "(the projection's norm is %g)",
                         k, norm);
    for (size_t c = 0; c < d; c++)
        direction[c] = (float)(w->direction[c] / norm);
    result->gain = dot(target, direction, d);
    result->leak = 0;
    for (size_t i = 0; i < k; i++) {
        double leak = fabs(dot(conditions + i * d, direction, d));
        if (leak > result->leak)
            result->leak = leak;
    }
    return 0;
}

static int check(const float *target, size_t d, const float *conditions, size_t k,
                 const double *discounts, struct error *err)
{
    int rc = d ? check_unit(target, d, "target", 0, err)
               : error_set(err, E_INVALID, "dimension is 0, expected at least 1");
    for (size_t i = 0; !rc && i < k; i++) {
        rc = check_unit(conditions + i * d, d, "condition", i, err);
        if (!rc && !(discounts[i] >= 0 && discounts[i] <= 1))
            rc = error_set(err, E_INVALID, "discount %zu is %g, expected 0 to 1", i, discounts[i]);
    }
    return rc;
}

int projection_discounted(const float *target, size_t d, const float *conditions, size_t k,
                          const double *discounts, float *direction,
                          struct projection_result *result, struct error *err)
{
    struct workspace w;
    int rc = check(target, d, conditions, k, discounts, err);
    if (!rc)
        rc = workspace_make(&w, d, k, err);
    if (rc)
        return rc;
    project(&w, target, d, conditions, k, discounts);
    rc = finish(&w, target, d, conditions, k, direction, result, err);
    workspace_free(&w);
    return rc;
}

/* ---- directions written as sums ---- */

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

static int normalise(const double *sum, size_t d, const char *expression, float *direction,
                     struct error *err)
{
    double square = 0;
    for (size_t c = 0; c < d; c++)
        square += sum[c] * sum[c];
    double norm = sqrt(square);
    if (!(norm > NOTHING_LEFT))
        return error_set(err, E_INVALID, "direction \"%s\" adds up to nothing", expression);
    for (size_t c = 0; c < d; c++)
        direction[c] = (float)(sum[c] / norm);
    return 0;
}

int projection_direction(const char *expression, const char *const *names, size_t k,
                         const float *normals, size_t d, float *direction, struct error *err)
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
