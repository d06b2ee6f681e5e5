/*
 * The projections in double. Everything goes through n' = t − Σ x_i c_i; the methods differ in x.
 * The curve of exact and naive discounts is linear in λ, so it needs one x each.
 */
#include "common/projection.h"

#include <math.h>
#include <stdlib.h>

#include "common/projection_priv.h"

#define UNIT_TOLERANCE 1e-3
#define NOTHING_LEFT 1e-6 /* ‖n'‖ below this: t is spent */

const char *projection_method_name(enum projection_method method)
{
    static const char *const names[PROJECTION_METHODS] = {"exact", "soft", "correlation", "naive"};
    return names[method];
}

static double dot(const double *a, const double *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

struct workspace {
    size_t d, k;
    double *target, *conditions; /* normalised */
    double *gram, *r;            /* G and C t */
    double *right, *x;           /* [k] */
    double *moved;               /* [d]: n' */
};

static void workspace_free(struct workspace *w)
{
    free(w->target);
    free(w->conditions);
    free(w->gram);
    free(w->r);
    free(w->right);
    free(w->x);
    free(w->moved);
}

static int workspace_make(struct workspace *w, size_t d, size_t k, struct error *err)
{
    size_t n = k ? k : 1;
    *w = (struct workspace){
        .d = d,
        .k = k,
        .target = calloc(d, sizeof(double)),
        .conditions = calloc(n * d, sizeof(double)),
        .gram = calloc(n * n, sizeof(double)),
        .r = calloc(n, sizeof(double)),
        .right = calloc(n, sizeof(double)),
        .x = calloc(n, sizeof(double)),
        .moved = calloc(d, sizeof(double)),
    };
    if (w->target && w->conditions && w->gram && w->r && w->right && w->x && w->moved)
        return 0;
    workspace_free(w);
    return error_set(err, E_MEMORY, "no memory for a projection on %zu conditions", k);
}

static int take_unit(const double *from, size_t d, const char *what, size_t which, double *to,
                     struct error *err)
{
    double norm = sqrt(dot(from, from, d));
    if (!(fabs(norm - 1) <= UNIT_TOLERANCE))
        return error_set(err, E_INVALID, "%s %zu has norm %g, expected a unit vector", what, which,
                         norm);
    for (size_t c = 0; c < d; c++)
        to[c] = from[c] / norm;
    return 0;
}

/* Vectors, G and r. */
static int fill(struct workspace *w, const struct projection *p, struct error *err)
{
    size_t d = p->d, k = p->k;
    int rc = take_unit(p->target, d, "target", 0, w->target, err);
    for (size_t i = 0; !rc && i < k; i++) {
        rc = take_unit(p->conditions + i * d, d, "condition", i, w->conditions + i * d, err);
        w->r[i] = dot(w->conditions + i * d, w->target, d);
        for (size_t j = 0; j <= i; j++)
            w->gram[i * k + j] = w->gram[j * k + i] =
                dot(w->conditions + i * d, w->conditions + j * d, d);
    }
    return rc;
}

static int open_workspace(const struct projection *p, struct workspace *w, struct error *err)
{
    if (p->d == 0)
        return error_set(err, E_INVALID, "dimension is 0, expected at least 1");
    int rc = workspace_make(w, p->d, p->k, err);
    if (rc)
        return rc;
    rc = fill(w, p, err);
    if (rc)
        workspace_free(w);
    return rc;
}

static int check_weights(const struct projection *p, struct error *err)
{
    double most = p->method == PROJECTION_SOFT ? PROJECTION_STRENGTH_MAX : 1;
    if (p->method == PROJECTION_CORRELATION)
        return 0;
    for (size_t i = 0; i < p->k; i++)
        if (!(p->weights[i] >= 0 && p->weights[i] <= most))
            return error_set(err, E_INVALID, "%s %zu is %g, expected 0 to %g",
                             p->method == PROJECTION_SOFT ? "strength" : "discount", i,
                             p->weights[i], most);
    return 0;
}

static double discount(const struct workspace *w, const struct projection *p, size_t i)
{
    return p->method == PROJECTION_CORRELATION ? fmax(1 - fabs(w->r[i]), 0) : p->weights[i];
}

/* x of the method. */
static int find_x(struct workspace *w, const struct projection *p, struct error *err)
{
    switch (p->method) {
    case PROJECTION_EXACT:
    case PROJECTION_CORRELATION:
        for (size_t i = 0; i < w->k; i++)
            w->right[i] = discount(w, p, i) * w->r[i];
        return projection_solve_gram(w->gram, w->k, w->right, w->x, err);
    case PROJECTION_SOFT:
        return projection_solve_soft(w->gram, w->k, p->weights, w->r, w->x, err);
    case PROJECTION_NAIVE:
        for (size_t i = 0; i < w->k; i++)
            w->x[i] = p->weights[i] * w->r[i];
        return 0;
    }
    return error_set(err, E_INVALID, "projection method %d", (int)p->method);
}

/* moved ← t − share · Σ x_i c_i; returns its norm. */
static double move(struct workspace *w, double share)
{
    for (size_t c = 0; c < w->d; c++)
        w->moved[c] = w->target[c];
    for (size_t i = 0; i < w->k; i++)
        for (size_t c = 0; c < w->d; c++)
            w->moved[c] -= share * w->x[i] * w->conditions[i * w->d + c];
    return sqrt(dot(w->moved, w->moved, w->d));
}

static void judge(const struct workspace *w, double norm, struct projection_result *result)
{
    *result = (struct projection_result){
        .gain = dot(w->target, w->moved, w->d) / norm,
        .norm = norm,
    };
    for (size_t i = 0; i < w->k; i++) {
        double leak = fabs(dot(w->conditions + i * w->d, w->moved, w->d)) / norm;
        if (leak <= result->leak)
            continue;
        result->leak = leak;
        result->leaking = i;
    }
}

static double find_residual(const struct workspace *w, const struct projection *p)
{
    double most = 0;
    if (p->method != PROJECTION_EXACT && p->method != PROJECTION_CORRELATION)
        return 0;
    for (size_t i = 0; i < w->k; i++)
        most = fmax(most, fabs(dot(w->conditions + i * w->d, w->moved, w->d) -
                               (1 - discount(w, p, i)) * w->r[i]));
    return most;
}

static int finish(struct workspace *w, const struct projection *p, double *direction,
                  struct projection_result *result, struct error *err)
{
    double norm = move(w, 1);
    if (!(norm > NOTHING_LEFT))
        return error_set(err, E_INVALID,
                         "nothing is left of the target: it lies in the span of the %zu conditions "
                         "(the projection's norm is %g)",
                         w->k, norm);
    judge(w, norm, result);
    result->residual = find_residual(w, p);
    for (size_t c = 0; c < w->d; c++)
        direction[c] = w->moved[c] / norm;
    return 0;
}

int projection_solve(const struct projection *p, double *direction,
                     struct projection_result *result, struct error *err)
{
    struct workspace w;
    int rc = check_weights(p, err);
    if (!rc)
        rc = open_workspace(p, &w, err);
    if (rc)
        return rc;
    rc = find_x(&w, p, err);
    if (!rc)
        rc = finish(&w, p, direction, result, err);
    workspace_free(&w);
    return rc;
}

/* ---- the gain–leak curve ---- */

#define CURVE_STEPS 20 /* of λ from 0 to 1 */
static const double curve_strengths[] = {.01, .03, .1, .3, 1, 3, 10, 30, 100};

struct curve {
    struct workspace *w;
    struct projection_point *points;
    size_t count;
};

static void add_point(struct curve *curve, enum projection_method method, double weight,
                      double share)
{
    struct projection_result result;
    double norm = move(curve->w, share);
    if (!(norm > NOTHING_LEFT))
        return;
    judge(curve->w, norm, &result);
    curve->points[curve->count++] =
        (struct projection_point){method, weight, result.gain, result.leak};
}

/* All of one method, which needs only x for weights of `ones`. */
static int add_method(struct curve *curve, enum projection_method method, double *ones,
                      struct error *err)
{
    struct projection p = {.method = method, .k = curve->w->k, .weights = ones};
    int rc = 0;
    if (method != PROJECTION_SOFT) {
        rc = find_x(curve->w, &p, err);
        if (!rc && method == PROJECTION_CORRELATION)
            add_point(curve, method, 0, 1);
        for (int i = 0; !rc && method != PROJECTION_CORRELATION && i <= CURVE_STEPS; i++)
            add_point(curve, method, i / (double)CURVE_STEPS, i / (double)CURVE_STEPS);
        return rc;
    }
    for (size_t i = 0; !rc && i < sizeof curve_strengths / sizeof *curve_strengths; i++) {
        for (size_t c = 0; c < p.k; c++)
            ones[c] = curve_strengths[i];
        rc = find_x(curve->w, &p, err);
        if (!rc)
            add_point(curve, method, curve_strengths[i], 1);
    }
    return rc;
}

_Static_assert(2 * (CURVE_STEPS + 1) + 1 + sizeof curve_strengths / sizeof *curve_strengths <=
                   PROJECTION_POINTS,
               "PROJECTION_POINTS holds the curve");

int projection_curve(const struct projection *p, struct projection_point points[PROJECTION_POINTS],
                     size_t *count, struct error *err)
{
    struct workspace w;
    *count = 0;
    if (p->k == 0)
        return 0;
    int rc = open_workspace(p, &w, err);
    if (rc)
        return rc;
    struct curve curve = {.w = &w, .points = points};
    double *ones = malloc(p->k * sizeof *ones);
    if (!ones)
        rc = error_set(err, E_MEMORY, "no memory for %zu conditions", p->k);
    for (int method = 0; !rc && method < PROJECTION_METHODS; method++) {
        for (size_t i = 0; i < p->k; i++)
            ones[i] = 1;
        rc = add_method(&curve, (enum projection_method)method, ones, err);
    }
    free(ones);
    workspace_free(&w);
    if (!rc)
        *count = curve.count;
    return rc;
}
