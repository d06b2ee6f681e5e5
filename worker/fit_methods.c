/* Boundaries that need no Newton: least squares, ridge regression, the difference of means; and
 * scores of any. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/fit_priv.h"

#define RESIDUAL_SHARE 1e-5 /* least squares are solved to this share of the right side */

int fit_check_lanes(const struct fit_lane *lanes, size_t count, struct error *err)
{
    if (count == 0)
        return error_set(err, E_INVALID, "a fit of no boundaries");
    for (size_t k = 0; k < count; k++)
        if (!(lanes[k].cost > 0) || !isfinite(lanes[k].cost))
            return error_set(err, E_INVALID, "a fit at cost %g, expected a positive number",
                             lanes[k].cost);
    return 0;
}

void fit_write_boundary(const struct fit_set *set, const double *w, bool none, bool positive,
                        size_t axis, struct fit_boundary *boundary)
{
    double norm = sqrt(fit_dot(w, w, set->dimension));
    boundary->degenerate = none || !(norm > 0) || !isfinite(norm);
    if (boundary->degenerate) {
        /* |z_j| ≤ √d on the sphere, and below 8 as drawn (latent_normal's range). */
        double beyond = sqrt((double)set->dimension) + 8;
        memset(boundary->normal, 0, set->dimension * sizeof(float));
        boundary->normal[axis % set->dimension] = 1.0f;
        boundary->offset = positive ? beyond : -beyond;
        return;
    }
    for (size_t j = 0; j < set->dimension; j++)
        boundary->normal[j] = (float)(w[j] / norm);
    boundary->offset = w[set->dimension] / norm;
}

/* Lanes that are solved together: labels, and what they become on the way to the device. */
struct method {
    struct products products;
    struct fit_set *set;
    const struct fit_labels *labels;
    const struct fit_values *values;
    const struct fit_lane *lanes; /* of all */
    size_t first, columns;
    signed char *given; /* [chunk_rows][columns] */
    double *w;          /* [columns][width] */
};

static void method_close(struct method *method)
{
    products_close(&method->products);
    free(method->given);
    free(method->w);
}

/* C n/d in place of C: see fit.h. */
static void weigh_squares(struct method *method)
{
    struct products *products = &method->products;
    for (size_t k = 0; k < method->columns; k++) {
        double n = (double)(products->positives[k] + products->negatives[k]);
        float times = (float)fmax(1, n / (double)method->set->dimension);
        products->positive[k] *= times;
        products->negative[k] *= times;
    }
}

static int method_open(struct method *method, bool active, struct error *err)
{
    method->given = malloc(method->set->chunk_rows * method->columns);
    method->w = calloc(2 * method->columns * method->set->width, sizeof *method->w);
    int failed = method->given && method->w
                     ? 0
                     : error_set(err, E_MEMORY, "no memory to fit %zu boundaries", method->columns);
    if (!failed)
        failed = products_open(method->set, method->columns, &method->products, err);
    if (!failed)
        failed = products_set_labels(&method->products, method->labels, method->first, active, err);
    if (failed) {
        method_close(method);
        return failed;
    }
    products_weigh(&method->products, method->lanes + method->first);
    if (active)
        weigh_squares(method);
    return 0;
}

static bool one_class(const struct method *method, size_t k)
{
    return method->products.positives[k] == 0 || method->products.negatives[k] == 0;
}

/* ---- least squares ---- */

/* −2 c v: the gradient's factors at w = 0. */
static int right_side(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                      float *values, struct error *err)
{
    const struct method *method = state;
    int failed = method->labels->labels(method->labels->state, first, rows, first_lane, lanes,
                                        method->given, err);
    if (!failed && method->values)
        failed = method->values->values(method->values->state, first, rows, first_lane, lanes,
                                        values, err);
    for (size_t i = 0; !failed && i < rows * lanes; i++) {
        size_t k = i % lanes;
        signed char label = method->given[i];
        float cost = label > 0 ? method->products.positive[k] : method->products.negative[k];
        values[i] = label == 0 ? 0 : -2 * cost * (method->values ? values[i] : (float)label);
    }
    return failed;
}

static int solve_squares(struct method *method, struct error *err)
{
    struct products *products = &method->products;
    size_t width = method->set->width, count = 0;
    double *gradient = method->w + method->columns * width;
    struct conjugate conjugate = {0};
    size_t *which = calloc(method->columns, sizeof *which);
    double *bound = calloc(method->columns, sizeof *bound);
    const struct fit_values values = {method, right_side};
    int failed = which && bound
                     ? conjugate_open(products, &conjugate, err)
                     : error_set(err, E_MEMORY, "no memory for %zu columns", method->columns);
    if (!failed)
        failed = products_weighted(products, &values, method->first, gradient, err);
    for (size_t k = 0; !failed && k < method->columns; k++) {
        bound[k] =
            RESIDUAL_SHARE * sqrt(fit_dot(gradient + k * width, gradient + k * width, width));
        if (!one_class(method, k))
            which[count++] = k;
    }
    if (!failed)
        failed = conjugate_solve(&conjugate, products, which, count, gradient, bound, err);
    for (size_t i = 0; !failed && i < count; i++)
        memcpy(method->w + which[i] * width, conjugate.step + which[i] * width,
               width * sizeof(double));
    conjugate_close(&conjugate);
    free(which);
    free(bound);
    return failed;
}

static int least_squares(struct method *method, struct fit_boundary *boundaries, struct error *err)
{
    int failed = method_open(method, true, err);
    if (failed)
        return failed;
    failed = solve_squares(method, err);
    for (size_t k = 0; !failed && k < method->columns; k++) {
        struct fit_boundary *boundary = &boundaries[method->first + k];
        fit_write_boundary(method->set, method->w + k * method->set->width, one_class(method, k),
                           method->products.positives[k] > 0, method->lanes[method->first + k].axis,
                           boundary);
        boundary->iterations = 1;
        boundary->objective = 0;
    }
    method_close(method);
    return failed;
}

int fit_least_squares(struct fit_set *set, const struct fit_labels *labels,
                      const struct fit_values *values, const struct fit_lane *lanes, size_t count,
                      struct fit_boundary *boundaries, struct error *err)
{
    int failed = fit_check_lanes(lanes, count, err);
    for (size_t first = 0; !failed && first < count; first += set->lanes_most) {
        struct method method = {
            .set = set, .labels = labels, .values = values, .lanes = lanes, .first = first};
        method.columns = count - first < set->lanes_most ? count - first : set->lanes_most;
        failed = least_squares(&method, boundaries, err);
    }
    return failed;
}

/* ---- the difference of means ---- */

/* The samples' shares of their class's mean: 1/n where the label has the sign. */
struct share {
    const struct method *method;
    int sign;
};

static int shares(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                  float *values, struct error *err)
{
    const struct share *share = state;
    const struct method *method = share->method;
    const uint64_t *counts =
        share->sign > 0 ? method->products.positives : method->products.negatives;
    int failed = method->labels->labels(method->labels->state, first, rows, first_lane, lanes,
                                        method->given, err);
    for (size_t i = 0; !failed && i < rows * lanes; i++)
        values[i] = method->given[i] == share->sign ? (float)(1.0 / (double)counts[i % lanes]) : 0;
    return failed;
}

/* w[0 … dimension−1] = m₊ − m₋, w[dimension] = −w·(m₊ + m₋)/2, in place of m₊ and m₋. */
static void subtract(size_t dimension, double *w, const double *minus)
{
    double middle = 0;
    for (size_t j = 0; j < dimension; j++) {
        middle += (w[j] - minus[j]) * (w[j] + minus[j]) / 2;
        w[j] -= minus[j];
    }
    w[dimension] = -middle;
}

static int mean_difference(struct method *method, struct fit_boundary *boundaries,
                           struct error *err)
{
    int failed = method_open(method, false, err);
    if (failed)
        return failed;
    size_t width = method->set->width;
    double *minus = method->w + method->columns * width;
    struct share share = {method, 1};
    const struct fit_values values = {&share, shares};
    failed = products_weighted(&method->products, &values, method->first, method->w, err);
    share.sign = -1;
    if (!failed)
        failed = products_weighted(&method->products, &values, method->first, minus, err);
    for (size_t k = 0; !failed && k < method->columns; k++) {
        struct fit_boundary *boundary = &boundaries[method->first + k];
        subtract(method->set->dimension, method->w + k * width, minus + k * width);
        fit_write_boundary(method->set, method->w + k * width, one_class(method, k),
                           method->products.positives[k] > 0, method->lanes[method->first + k].axis,
                           boundary);
        boundary->iterations = 0;
        boundary->objective = 0;
    }
    method_close(method);
    return failed;
}

int fit_mean_difference(struct fit_set *set, const struct fit_labels *labels,
                        const struct fit_lane *lanes, size_t count, struct fit_boundary *boundaries,
                        struct error *err)
{
    int failed = fit_check_lanes(lanes, count, err);
    for (size_t first = 0; !failed && first < count; first += set->lanes_most) {
        struct method method = {.set = set, .labels = labels, .lanes = lanes, .first = first};
        method.columns = count - first < set->lanes_most ? count - first : set->lanes_most;
        failed = mean_difference(&method, boundaries, err);
    }
    return failed;
}

/* ---- scores ---- */

static int score(struct fit_set *set, const struct fit_boundary *boundaries, size_t first,
                 size_t columns, const struct fit_sink *sink, struct error *err)
{
    struct products products = {0};
    double *w = calloc(columns * set->width, sizeof *w);
    if (!w)
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", columns);
    for (size_t k = 0; k < columns; k++) {
        for (size_t j = 0; j < set->dimension; j++)
            w[k * set->width + j] = (double)boundaries[first + k].normal[j];
        w[k * set->width + set->dimension] = boundaries[first + k].offset;
    }
    int failed = products_open(set, columns, &products, err);
    if (!failed)
        failed = products_scores(&products, w, first, sink, err);
    products_close(&products);
    free(w);
    return failed;
}

int fit_scores(struct fit_set *set, const struct fit_boundary *boundaries, size_t count,
               const struct fit_sink *sink, struct error *err)
{
    int failed = 0;
    for (size_t first = 0; !failed && first < count; first += set->lanes_most)
        failed =
            score(set, boundaries, first,
                  count - first < set->lanes_most ? count - first : set->lanes_most, sink, err);
    return failed;
}
