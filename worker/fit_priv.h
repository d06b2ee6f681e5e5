/* The device's side of the fit: samples and products with them. Shared by the fit's files. */
#ifndef WORKER_FIT_PRIV_H
#define WORKER_FIT_PRIV_H

#include "worker/fit.h"

/* As in kernels/svm.cl. */
#define FIT_BLOCK 256
#define FIT_SUM 1024
#define FIT_PANEL 8
#define FIT_GROUP 16 /* lanes of a vector */

/*
 * Samples, cut into chunks of whole FIT_SUM rows. The first `kept` chunks stay on the device once
 * they were made; the others share one buffer and are made at every pass.
 */
struct fit_set {
    struct device *device;
    struct fit_source source;
    size_t rows, dimension;
    size_t width; /* features: dimension, the constant 1, zeros up to a multiple of FIT_PANEL */
    size_t chunk_rows; /* of every chunk; the last is padded with zeros */
    size_t chunks, kept;
    size_t lanes_most; /* at once */
    cl_mem *chunk;     /* [kept + 1], NULL where not made yet */
    float *raw;        /* [FIT_BLOCK][dimension], as the source gives them */
};

/* Rows of chunk c that are samples. */
size_t fit_set_rows(const struct fit_set *set, size_t c);
/* The buffer of chunk c, filled. It stays so until another chunk is asked for. E_INTERRUPTED where the device is not
 * going any more. */
MUST_CHECK int fit_set_chunk(struct fit_set *set, size_t c, cl_mem *x, struct error *err);

/* Lanes that a pass works on: columns packed into vectors and slabs. */
struct packing {
    size_t count;          /* columns in it */
    size_t vectors, slabs; /* of a slab; slabs */
    size_t lanes;          /* vectors · slabs · FIT_GROUP */
};
struct packing fit_packing(size_t count);

/* Bytes of the work space of so many columns. */
uint64_t products_memory(size_t rows, size_t chunk_rows, size_t width, size_t columns);

#define FIT_VECTORS_MOST 3

struct kernels {
    cl_kernel gradient, hessian, weighted, scores, reduce;
};

/* Work space for a number of columns. Vectors on the host are double[columns][width]. */
struct products {
    struct fit_set *set;
    size_t columns, stride; /* stride: columns up to a multiple of FIT_GROUP */
    size_t lanes_most;
    struct kernels kernels[FIT_VECTORS_MOST];
    cl_mem *states; /* [chunks], each [chunk_rows][stride] */
    cl_mem weights, map, costs;
    cl_mem scratch, tile_losses;
    cl_mem partial, losses;          /* of a chunk */
    cl_mem sums, loss_sums;          /* each with what rounding lost */
    cl_event enqueued;               /* the end of the last chunk of a pass so far, or NULL */
    cl_mem exchange;                 /* [chunk_rows][lanes]: scores, or values to weigh by */
    float *transfer;                 /* host: [2][width][lanes] */
    float *exchanged;                /* host: [chunk_rows][lanes] */
    float *positive, *negative;      /* [columns]: what a sample of the class weighs */
    uint64_t *positives, *negatives; /* [columns]: samples of the class */
};

MUST_CHECK int products_open(struct fit_set *set, size_t columns, struct products *products,
                             struct error *err);
void products_close(struct products *products); /* a zeroed one is closed */

/* Uploads the labels of lanes first … first+columns−1 as states and counts them. With `active` all
 * that count are active. */
MUST_CHECK int products_set_labels(struct products *products, const struct fit_labels *labels,
                                   size_t first, bool active, struct error *err);

/* The weights C c_i of each column's classes, from the counts. */
void products_weigh(struct products *products, const struct fit_lane *lanes);

/* Loss and gradient of the squared hinge at w, for the columns which[0 … count−1]; others are left
 * as they are. */
MUST_CHECK int products_gradient(struct products *products, const size_t *which, size_t count,
                                 const double *w, double *losses, double *gradient,
                                 struct error *err);

/* The loss's Hessian times v: Xᵀ (D ∘ X v), for the columns which[0 … count−1]. */
MUST_CHECK int products_hessian(struct products *products, const size_t *which, size_t count,
                                const double *v, double *product, struct error *err);

/* Xᵀ r for all columns, r from `values`. */
MUST_CHECK int products_weighted(struct products *products, const struct fit_values *values,
                                 size_t first, double *result, struct error *err);

/* X w of all columns, to the sink as lanes first, …. */
MUST_CHECK int products_scores(struct products *products, const double *w, size_t first,
                               const struct fit_sink *sink, struct error *err);

/* Vectors of conjugate_solve, double[columns][width] each. */
struct conjugate {
    size_t width, dimension;
    double *step, *residual, *along, *product;
    double *square; /* [columns]: squared norm of the residual */
    bool *going;    /* [columns] */
};

MUST_CHECK int conjugate_open(const struct products *products, struct conjugate *conjugate,
                              struct error *err);
void conjugate_close(struct conjugate *conjugate);

/* step = −H⁻¹ gradient for the columns which[0 … count−1], H = I (without the offset) + the loss's
 * Hessian; each column until its residual's norm is below bound[column], or for CONJUGATE_STEPS_MAX
 * steps. */
MUST_CHECK int conjugate_solve(struct conjugate *conjugate, struct products *products,
                               const size_t *which, size_t count, const double *gradient,
                               const double *bound, struct error *err);

/* E_INVALID where there is none, or a cost is not positive. */
MUST_CHECK int fit_check_lanes(const struct fit_lane *lanes, size_t count, struct error *err);

double fit_dot(const double *a, const double *b, size_t n);

/* Writes w[width] as a boundary; a degenerate one where `none`, or where w says nothing. positive:
 * the class seen. */
void fit_write_boundary(const struct fit_set *set, const double *w, bool none, bool positive,
                        size_t axis, struct fit_boundary *boundary);

#endif
