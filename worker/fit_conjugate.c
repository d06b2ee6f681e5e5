/* Conjugate gradients for many columns at once. A column that is done leaves the products, and
 * keeps its vectors as they are, so what the others still do cannot touch it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/fit_priv.h"

#define CONJUGATE_STEPS_MAX 250

double fit_dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

int conjugate_open(const struct products *products, struct conjugate *c, struct error *err)
{
    size_t vector = products->columns * products->set->width;
    *c = (struct conjugate){.width = products->set->width, .dimension = products->set->dimension};
    c->step = calloc(4 * vector + products->columns, sizeof *c->step);
    c->going = calloc(products->columns, sizeof *c->going);
    if (!c->step || !c->going) {
        conjugate_close(c);
        return error_set(err, E_MEMORY, "no memory to fit %zu boundaries", products->columns);
    }
    c->residual = c->step + vector;
    c->along = c->residual + vector;
    c->product = c->along + vector;
    c->square = c->product + vector;
    return 0;
}

void conjugate_close(struct conjugate *c)
{
    free(c->step);
    free(c->going);
    *c = (struct conjugate){0};
}

/* step = 0, r = −∇f, p = r. */
static void begin(struct conjugate *c, size_t k, const double *gradient, double bound)
{
    double *step = c->step + k * c->width, *residual = c->residual + k * c->width;
    for (size_t j = 0; j < c->width; j++) {
        step[j] = 0;
        residual[j] = -gradient[k * c->width + j];
    }
    memcpy(c->along + k * c->width, residual, c->width * sizeof *residual);
    c->square[k] = fit_dot(residual, residual, c->width);
    c->going[k] = sqrt(c->square[k]) > bound;
}

/* One step of column k, given the Hessian's product with its direction. */
static void advance(struct conjugate *c, size_t k, double bound)
{
    double *step = c->step + k * c->width, *residual = c->residual + k * c->width;
    double *along = c->along + k * c->width, *product = c->product + k * c->width;
    for (size_t j = 0; j < c->dimension; j++) /* the regulariser's part; the offset has none */
        product[j] += along[j];
    double curvature = fit_dot(along, product, c->width);
    c->going[k] = curvature > 0;
    if (!c->going[k])
        return;
    double length = c->square[k] / curvature;
    for (size_t j = 0; j < c->width; j++) {
        step[j] += length * along[j];
        residual[j] -= length * product[j];
    }
    double next = fit_dot(residual, residual, c->width);
    double turn = next / c->square[k];
    c->going[k] = sqrt(next) > bound;
    c->square[k] = next;
    for (size_t j = 0; j < c->width; j++)
        along[j] = residual[j] + turn * along[j];
}

int conjugate_solve(struct conjugate *c, struct products *products, const size_t *which,
                    size_t count, const double *gradient, const double *bound, struct error *err)
{
    size_t *left = calloc(count ? count : 1, sizeof *left);
    if (!left)
        return error_set(err, E_MEMORY, "no memory for %zu columns", count);
    for (size_t i = 0; i < count; i++)
        begin(c, which[i], gradient, bound[which[i]]);
    int failed = 0;
    for (int step = 0; !failed && step < CONJUGATE_STEPS_MAX; step++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++)
            if (c->going[which[i]])
                left[n++] = which[i];
        if (n == 0)
            break;
        failed = products_hessian(products, left, n, c->along, c->product, err);
        for (size_t i = 0; !failed && i < n; i++)
            advance(c, left[i], bound[left[i]]);
    }
    free(left);
    return failed;
}
