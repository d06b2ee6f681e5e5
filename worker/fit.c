/*
 * Newton's method on the host, a column at a time in float64, around products that the device does
 * for all columns together. Vectors are double[columns][width]; feature `dimension` is the offset.
 * A round evaluates every column that is not done at the point it tries; those whose f fell enough
 * go there and get a new step, the others halve theirs. A column that is done keeps its vectors as
 * they are.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/fit_priv.h"

#define ROUNDS_MAX 200
#define NEWTON_STEPS_MAX 60
#define HALVINGS_MAX 6
#define GRADIENT_SHARE 1e-4 /* done when ‖∇f‖ is below this share of its first value */
#define ARMIJO 1e-4         /* least decrease of a step, as a share of the linear prediction */
#define ROUNDING 1e-6       /* relative error we allow sums of float32 losses */

struct column {
    bool done, degenerate;
    unsigned iterations, halvings;
    double f;              /* at w */
    double first_gradient; /* ‖∇f‖ at w = 0 */
    double gradient;       /* ‖∇f‖ at w */
    double slope;          /* ∇f·step */
    double length;         /* of the step that is tried; 0 at the start */
};

struct newton {
    struct products products;
    struct conjugate conjugate;
    size_t columns, width, dimension;
    struct column *column;
    double *w, *tried, *gradient; /* [columns][width] each; gradient at what was tried last */
    double *losses, *bound;       /* [columns] */
    double *memory;               /* all of the vectors */
    size_t *which;                /* [columns] */
};

static void newton_close(struct newton *newton)
{
    products_close(&newton->products);
    conjugate_close(&newton->conjugate);
    free(newton->column);
    free(newton->memory);
    free(newton->which);
}

static int newton_open(struct fit_set *set, size_t columns, struct newton *newton,
                       struct error *err)
{
    size_t vector = columns * set->width;
    *newton = (struct newton){.columns = columns, .width = set->width, .dimension = set->dimension};
    newton->column = calloc(columns, sizeof *newton->column);
    newton->memory = calloc(3 * vector + 2 * columns, sizeof(double));
    newton->which = calloc(columns, sizeof *newton->which);
    int failed = newton->column && newton->memory && newton->which
                     ? products_open(set, columns, &newton->products, err)
                     : error_set(err, E_MEMORY, "no memory to fit %zu boundaries", columns);
    if (!failed)
        failed = conjugate_open(&newton->products, &newton->conjugate, err);
    if (failed) {
        newton_close(newton);
        return failed;
    }
    newton->w = newton->memory;
    newton->tried = newton->w + vector;
    newton->gradient = newton->tried + vector;
    newton->losses = newton->gradient + vector;
    newton->bound = newton->losses + columns;
    return 0;
}

/* tried = w + length · step */
static void try_point(struct newton *newton, size_t k)
{
    const double *w = newton->w + k * newton->width,
                 *step = newton->conjugate.step + k * newton->width;
    double *tried = newton->tried + k * newton->width, length = newton->column[k].length;
    for (size_t j = 0; j < newton->width; j++)
        tried[j] = length > 0 ? w[j] + length * step[j] : w[j];
}

/* f and ∇f of the columns that are not done, where they try. *count is how many there are. */
static int evaluate(struct newton *newton, size_t *count, struct error *err)
{
    *count = 0;
    for (size_t k = 0; k < newton->columns; k++)
        if (!newton->column[k].done) {
            try_point(newton, k);
            newton->which[(*count)++] = k;
        }
    if (*count == 0)
        return 0;
    int failed = products_gradient(&newton->products, newton->which, *count, newton->tried,
                                   newton->losses, newton->gradient, err);
    for (size_t i = 0; !failed && i < *count; i++) {
        size_t k = newton->which[i];
        const double *tried = newton->tried + k * newton->width;
        double *gradient = newton->gradient + k * newton->width;
        newton->losses[k] += 0.5 * fit_dot(tried, tried, newton->dimension);
        for (size_t j = 0; j < newton->dimension; j++)
            gradient[j] += tried[j];
    }
    return failed;
}

/* Whether f fell enough for the step to be taken. */
static bool fell(const struct column *column, double f)
{
    return column->length == 0 ||
           f <= column->f + ARMIJO * column->length * column->slope + ROUNDING * column->f;
}

/* Goes to the point that was tried, or halves the step. True if the column wants another step. */
static bool judge(struct newton *newton, size_t k)
{
    struct column *column = &newton->column[k];
    if (!fell(column, newton->losses[k])) {
        column->length *= 0.5;
        column->done = ++column->halvings > HALVINGS_MAX;
        return false;
    }
    const double *gradient = newton->gradient + k * newton->width;
    memcpy(newton->w + k * newton->width, newton->tried + k * newton->width,
           newton->width * sizeof(double));
    column->f = newton->losses[k];
    column->gradient = sqrt(fit_dot(gradient, gradient, newton->width));
    column->iterations += column->length > 0;
    if (column->length == 0)
        column->first_gradient = column->gradient;
    column->done = !(column->gradient > GRADIENT_SHARE * column->first_gradient) ||
                   column->iterations == NEWTON_STEPS_MAX;
    return !column->done;
}

/* How far conjugate gradients go: loosely far from the minimum, tightly near it, which makes Newton
 * superlinear. */
static double forcing_term(const struct column *column)
{
    return fmax(1e-3, fmin(0.1, 0.5 * column->gradient / column->first_gradient));
}

static int step(struct newton *newton, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &newton->column[newton->which[i]];
        newton->bound[newton->which[i]] = forcing_term(column) * column->gradient;
    }
    int failed = conjugate_solve(&newton->conjugate, &newton->products, newton->which, count,
                                 newton->gradient, newton->bound, err);
    for (size_t i = 0; !failed && i < count; i++) {
        size_t k = newton->which[i], at = k * newton->width;
        newton->column[k].slope =
            fit_dot(newton->gradient + at, newton->conjugate.step + at, newton->width);
        newton->column[k].length = 1;
        newton->column[k].halvings = 0;
    }
    return failed;
}

static int minimise(struct newton *newton, struct error *err)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        size_t tried = 0, wanting = 0;
        int failed = evaluate(newton, &tried, err);
        if (failed || tried == 0)
            return failed;
        for (size_t i = 0; i < tried; i++)
            if (judge(newton, newton->which[i]))
                newton->which[wanting++] = newton->which[i];
        failed = step(newton, wanting, err);
        if (failed)
            return failed;
    }
    return 0;
}

static void set_out(struct newton *newton, const struct fit_lane *lanes)
{
    const struct products *products = &newton->products;
    products_weigh(&newton->products, lanes);
    for (size_t k = 0; k < newton->columns; k++) {
        newton->column[k].degenerate = products->positives[k] == 0 || products->negatives[k] == 0;
        newton->column[k].done = newton->column[k].degenerate;
    }
}

/* Lanes first … first+columns−1. */
static int solve(struct fit_set *set, const struct fit_labels *labels, const struct fit_lane *lanes,
                 size_t first, size_t columns, struct fit_boundary *boundaries, struct error *err)
{
    struct newton newton;
    int failed = newton_open(set, columns, &newton, err);
    if (failed)
        return failed;
    failed = products_set_labels(&newton.products, labels, first, false, err);
    if (!failed) {
        set_out(&newton, lanes + first);
        failed = minimise(&newton, err);
    }
    for (size_t k = 0; !failed && k < columns; k++) {
        struct fit_boundary *boundary = &boundaries[first + k];
        fit_write_boundary(set, newton.w + k * newton.width, newton.column[k].degenerate,
                           newton.products.positives[k] > 0, lanes[first + k].axis, boundary);
        boundary->iterations = newton.column[k].iterations;
        boundary->objective = newton.column[k].f;
    }
    newton_close(&newton);
    return failed;
}

int fit_solve(struct fit_set *set, const struct fit_labels *labels, const struct fit_lane *lanes,
              size_t count, struct fit_boundary *boundaries, struct error *err)
{
    int failed = fit_check_lanes(lanes, count, err);
    for (size_t first = 0; !failed && first < count; first += set->lanes_most)
        failed = solve(set, labels, lanes, first,
                       count - first < set->lanes_most ? count - first : set->lanes_most,
                       boundaries, err);
    return failed;
}
