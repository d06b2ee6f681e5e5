/* The device's side of the fit: products of the samples with a vector per column. Shared by fit.c
 * and fit_products.c. */
#ifndef WORKER_FIT_PRIV_H
#define WORKER_FIT_PRIV_H

#include "worker/fit.h"

#define FIT_BLOCK 256 /* rows whose sum is one partial result; BLOCK in svm.cl */
#define FIT_STEPS 8   /* step lengths of a line search: 0, 1, 1/2, … 1/64 */

struct fit_set {
    struct device *device;
    size_t rows, dimension;
    size_t padded; /* rows, up to a multiple of FIT_BLOCK */
    size_t width;  /* features: dimension, the constant 1, zeros up to a multiple of 8 */
    size_t added;
    float *staging; /* one block of rows on its way to the device */
    cl_mem x;
};

/* Work space for a number of columns. Vectors on the host are double[columns][width]. */
struct products {
    struct fit_set *set;
    size_t columns, lanes; /* lanes: columns up to a multiple of 16 */
    size_t blocks;
    cl_kernel forward, forward_scaled, backward, reduce, residual, search;
    cl_mem weights;              /* [width][lanes] */
    cl_mem margins, along;       /* [padded][lanes]: x·w, x·v */
    cl_mem signed_weights;       /* [padded][lanes]: y c C */
    cl_mem residuals, curvature; /* [padded][lanes] */
    cl_mem partial, sums;        /* [blocks][width][lanes], [width][lanes] */
    float *transfer; /* host: the larger of [width][lanes], [blocks][FIT_STEPS][lanes] */
};

MUST_CHECK int products_open(struct fit_set *set, size_t columns, struct products *products,
                             struct error *err);
void products_close(struct products *products); /* a zeroed one is closed */

/* Uploads y c C as [rows][columns]. */
MUST_CHECK int products_set_weights(struct products *products, const float *signed_weights,
                                    struct error *err);

/* margins = X w. */
MUST_CHECK int products_margins(struct products *products, const double *w, struct error *err);

/* The loss's gradient Xᵀ r at the margins; keeps the curvature for what follows. */
MUST_CHECK int products_gradient(struct products *products, double *gradient, struct error *err);

/* The loss's Hessian times v: Xᵀ (D ∘ X v). */
MUST_CHECK int products_hessian(struct products *products, const double *v, double *product,
                                struct error *err);

/* The loss at w + t v for the step lengths: losses[FIT_STEPS][columns]. */
MUST_CHECK int products_search(struct products *products, const double *v, double *losses,
                               struct error *err);

/* Reads the margins of the samples: [rows][columns]. */
MUST_CHECK int products_read_margins(struct products *products, float *margins, struct error *err);

#endif
