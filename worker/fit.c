/*
 * Newton's method on the host, a column at a time in float64, around products that the device does
 * for all columns together. Vectors are double[columns][width]; feature `dimension` is the offset.
 * A column that is done keeps its vectors as they are, so what the others still do cannot touch it.
 */
#include "worker/fit_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEWTON_STEPS_MAX 60
#define CONJUGATE_STEPS_MAX 250
#define GRADIENT_SHARE 1e-4 /* done when ‖∇f‖ is below this share of its first value */
#define ARMIJO 1e-4         /* least decrease of a step, as a share of the linear prediction */
#define ROUNDING 1e-6       /* relative error we allow sums of float32 losses */

struct column {
    bool done;
    bool degenerate;
    bool positive_only; /* of a degenerate column: the class seen */
    unsigned iterations;
    double first_gradient; /* ‖∇f‖ at w = 0 */
    double gradient;       /* ‖∇f‖ now */
    double residual;       /* squared norm of the CG residual */
    bool solving;          /* CG goes on */
};

struct newton {
    struct products products;
    size_t columns, width, dimension;
    struct column *column;
    double *w, *gradient, *step; /* [columns][width] each */
    double *residual, *along, *product;
    double *losses; /* [FIT_STEPS][columns] */
    double *memory; /* all of the vectors */
};

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* ---- labels ---- */

/* Class counts of a column decide its weights and whether there is anything to fit. */
static void weigh_column(const signed char *labels, size_t rows, size_t columns, size_t k,
                         const struct fit_options *options, struct column *column, float *weights)
{
    size_t positives = 0, negatives = 0;
    for (size_t i = 0; i < rows; i++) {
        positives += labels[i * columns + k] > 0;
        negatives += labels[i * columns + k] < 0;
    }
    column->degenerate = positives == 0 || negatives == 0;
    column->positive_only = positives > 0;
    column->done = column->degenerate;
    if (column->degenerate)
        return;
    double all = options->cost / (double)(positives + negatives);
    double positive = options->balanced ? options->cost / (2.0 * (double)positives) : all;
    double negative = options->balanced ? options->cost / (2.0 * (double)negatives) : all;
    for (size_t i = 0; i < rows; i++) {
        signed char label = labels[i * columns + k];
        weights[i * columns + k] = (float)(label > 0 ? positive : label < 0 ? -negative : 0.0);
    }
}

static int weigh(struct newton *newton, const signed char *labels,
                 const struct fit_options *options, struct error *err)
{
    size_t rows = newton->products.set->rows, columns = newton->columns;
    float *weights = calloc(rows * columns, sizeof *weights);
    if (!weights)
        return error_set(err, E_MEMORY, "no memory for %zu labels", rows * columns);
    for (size_t k = 0; k < columns; k++)
        weigh_column(labels, rows, columns, k, options, &newton->column[k], weights);
    int failed = products_set_weights(&newton->products, weights, err);
    free(weights);
    return failed;
}

/* ---- Newton ---- */

/* Adds the regulariser's part, v itself, to a product; the offset has none. */
static void add_regulariser(const struct newton *newton, const double *v, double *product)
{
    for (size_t k = 0; k < newton->columns; k++)
        for (size_t j = 0; j < newton->dimension; j++)
            product[k * newton->width + j] += v[k * newton->width + j];
}

/* The gradient at w; marks the columns that are done. *all_done says whether none is left. */
static int descend(struct newton *newton, bool first, bool *all_done, struct error *err)
{
    int failed = products_margins(&newton->products, newton->w, err);
    if (!failed)
        failed = products_gradient(&newton->products, newton->gradient, err);
    if (failed)
        return failed;
    add_regulariser(newton, newton->w, newton->gradient);
    *all_done = true;
    for (size_t k = 0; k < newton->columns; k++) {
        struct column *column = &newton->column[k];
        const double *gradient = newton->gradient + k * newton->width;
        column->gradient = sqrt(dot(gradient, gradient, newton->width));
        if (first)
            column->first_gradient = column->gradient;
        if (!(column->gradient > GRADIENT_SHARE * column->first_gradient))
            column->done = true;
        *all_done = *all_done && column->done;
    }
    return 0;
}

/* r = −∇f, p = r, step = 0; zero for columns that are done. */
static void begin_solving(struct newton *newton)
{
    size_t width = newton->width;
    memset(newton->step, 0, newton->columns * width * sizeof(double));
    memset(newton->residual, 0, newton->columns * width * sizeof(double));
    for (size_t k = 0; k < newton->columns; k++) {
        struct column *column = &newton->column[k];
        column->solving = !column->done;
        column->residual = column->gradient * column->gradient;
        for (size_t j = k * width; column->solving && j < (k + 1) * width; j++)
            newton->residual[j] = -newton->gradient[j];
    }
    memcpy(newton->along, newton->residual, newton->columns * width * sizeof(double));
}

/* How far CG goes: loosely far from the minimum, tightly near it, which makes Newton superlinear.
 */
static double forcing_term(const struct column *column)
{
    return fmax(1e-3, fmin(0.1, 0.5 * column->gradient / column->first_gradient));
}

/* One conjugate gradient step of column k, given its Hessian product. */
static void conjugate_step(struct newton *newton, size_t k)
{
    struct column *column = &newton->column[k];
    size_t width = newton->width;
    double *step = newton->step + k * width, *residual = newton->residual + k * width;
    double *along = newton->along + k * width;
    const double *product = newton->product + k * width;
    double curvature = dot(along, product, width);
    column->solving = curvature > 0;
    if (!column->solving)
        return;
    double length = column->residual / curvature;
    for (size_t j = 0; j < width; j++) {
        step[j] += length * along[j];
        residual[j] -= length * product[j];
    }
    double next = dot(residual, residual, width);
    column->solving = sqrt(next) > forcing_term(column) * column->gradient;
    double turn = next / column->residual;
    column->residual = next;
    for (size_t j = 0; j < width; j++)
        along[j] = column->solving ? residual[j] + turn * along[j] : 0;
}

/* step = −H⁻¹ ∇f, roughly. */
static int solve(struct newton *newton, struct error *err)
{
    begin_solving(newton);
    for (int i = 0; i < CONJUGATE_STEPS_MAX; i++) {
        bool any = false;
        for (size_t k = 0; k < newton->columns; k++)
            any = any || newton->column[k].solving;
        if (!any)
            return 0;
        int failed = products_hessian(&newton->products, newton->along, newton->product, err);
        if (failed)
            return failed;
        add_regulariser(newton, newton->along, newton->product);
        for (size_t k = 0; k < newton->columns; k++)
            if (newton->column[k].solving)
                conjugate_step(newton, k);
    }
    return 0;
}

/* The longest of the tried steps that decreases f enough, or 0. */
static double choose_length(const struct newton *newton, size_t k)
{
    const double *w = newton->w + k * newton->width, *step = newton->step + k * newton->width;
    double ww = dot(w, w, newton->dimension), ws = dot(w, step, newton->dimension);
    double ss = dot(step, step, newton->dimension);
    double slope = dot(newton->gradient + k * newton->width, step, newton->width);
    double before = 0.5 * ww + newton->losses[k];
    double length = 1;
    for (size_t i = 1; i < FIT_STEPS; i++, length *= 0.5) {
        double after = 0.5 * (ww + 2 * length * ws + length * length * ss) +
                       newton->losses[i * newton->columns + k];
        if (after <= before + ARMIJO * length * slope + ROUNDING * before)
            return length;
    }
    return 0;
}

static int take_step(struct newton *newton, struct error *err)
{
    int failed = products_search(&newton->products, newton->step, newton->losses, err);
    for (size_t k = 0; !failed && k < newton->columns; k++) {
        struct column *column = &newton->column[k];
        if (column->done)
            continue;
        double length = choose_length(newton, k);
        column->iterations++;
        column->done = length == 0; /* as near as float32 sums can tell */
        for (size_t j = 0; j < newton->width; j++)
            newton->w[k * newton->width + j] += length * newton->step[k * newton->width + j];
    }
    return failed;
}

static int minimise(struct newton *newton, struct error *err)
{
    for (int i = 0; i < NEWTON_STEPS_MAX; i++) {
        bool all_done = false;
        int failed = descend(newton, i == 0, &all_done, err);
        if (failed || all_done)
            return failed;
        failed = solve(newton, err);
        if (!failed)
            failed = take_step(newton, err);
        if (failed)
            return failed;
    }
    return 0;
}

/* ---- results ---- */

static void degenerate_boundary(const struct newton *newton, size_t k, size_t position,
                                struct fit_boundary *boundary)
{
    /* |z_j| ≤ √d on the sphere, and below 8 as drawn (latent_normal's range). */
    double beyond = sqrt((double)newton->dimension) + 8;
    memset(boundary->normal, 0, newton->dimension * sizeof(float));
    boundary->normal[position % newton->dimension] = 1.0f;
    boundary->offset = newton->column[k].positive_only ? beyond : -beyond;
    boundary->degenerate = true;
}

static void write_boundary(const struct newton *newton, size_t k, size_t position,
                           struct fit_boundary *boundary)
{
    const double *w = newton->w + k * newton->width;
    double norm = sqrt(dot(w, w, newton->dimension));
    boundary->iterations = newton->column[k].iterations;
    boundary->degenerate = false;
    if (newton->column[k].degenerate || !(norm > 0) || !isfinite(norm)) {
        degenerate_boundary(newton, k, position, boundary);
        return;
    }
    for (size_t j = 0; j < newton->dimension; j++)
        boundary->normal[j] = (float)(w[j] / norm);
    boundary->offset = w[newton->dimension] / norm;
}

static void newton_close(struct newton *newton)
{
    products_close(&newton->products);
    free(newton->column);
    free(newton->memory);
}

static int newton_open(struct fit_set *set, size_t columns, struct newton *newton,
                       struct error *err)
{
    size_t vector = columns * set->width;
    *newton = (struct newton){.columns = columns, .width = set->width, .dimension = set->dimension};
    newton->column = calloc(columns, sizeof *newton->column);
    newton->memory = calloc(6 * vector + FIT_STEPS * columns, sizeof(double));
    if (!newton->column || !newton->memory) {
        newton_close(newton);
        return error_set(err, E_MEMORY, "no memory to fit %zu boundaries", columns);
    }
    newton->w = newton->memory;
    newton->gradient = newton->w + vector;
    newton->step = newton->gradient + vector;
    newton->residual = newton->step + vector;
    newton->along = newton->residual + vector;
    newton->product = newton->along + vector;
    newton->losses = newton->product + vector;
    int failed = products_open(set, columns, &newton->products, err);
    if (failed)
        newton_close(newton);
    return failed;
}

int fit_solve(struct fit_set *set, const signed char *labels, size_t columns, size_t first_column,
              const struct fit_options *options, struct fit_boundary *boundaries, struct error *err)
{
    struct newton newton;
    if (columns == 0 || !(options->cost > 0) || !isfinite(options->cost))
        return error_set(err, E_INVALID, "a fit of %zu boundaries at cost %g", columns,
                         options->cost);
    int failed = newton_open(set, columns, &newton, err);
    if (failed)
        return failed;
    failed = weigh(&newton, labels, options, err);
    if (!failed)
        failed = minimise(&newton, err);
    for (size_t k = 0; !failed && k < columns; k++)
        write_boundary(&newton, k, first_column + k, &boundaries[k]);
    newton_close(&newton);
    return failed;
}

int fit_scores(struct fit_set *set, const struct fit_boundary *boundaries, size_t columns,
               float *scores, struct error *err)
{
    struct products products;
    double *w = calloc(columns * set->width, sizeof *w);
    if (!w)
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", columns);
    for (size_t k = 0; k < columns; k++) {
        for (size_t j = 0; j < set->dimension; j++)
            w[k * set->width + j] = (double)boundaries[k].normal[j];
        w[k * set->width + set->dimension] = boundaries[k].offset;
    }
    int failed = products_open(set, columns, &products, err);
    if (!failed)
        failed = products_margins(&products, w, err);
    if (!failed)
        failed = products_read_margins(&products, scores, err);
    products_close(&products);
    free(w);
    return failed;
}
