/*
 * Boundaries: L2-regularised linear SVMs with squared hinge loss, in the primal, all attributes at
 * once.
 *
 * For each attribute (column) with labels y_i = ±1 this minimises over w and the offset b
 *
 *     f(w, b) = ½‖w‖² + C Σ_i c_i max(0, 1 − y_i (w·x_i + b))²,     Σ_i c_i = 1
 *
 * with c_i = 1/(2 n_class) where classes are balanced (each weighs half) and c_i = 1/n where they
 * are not. So C weighs the *mean* loss and means the same for any number of samples: LIBLINEAR's
 * and scikit-learn's C for a sum over samples is ours divided by n (times class_weight="balanced"
 * for balanced classes). The offset is not regularised. On 16,000 latents of dimension 128 at unit
 * variance, C = 1 is where rare attributes (a few hundred positives) are fitted best and frequent
 * ones lose nothing: mean balanced accuracy on held-out synthetic labels at base rates 0.5, 0.14
 * and 0.02 was 0.849, 0.885, 0.903 at C = 1, and 0.851, 0.886, 0.882 at C = 1000.
 *
 * Method: Newton steps on the piecewise quadratic, each solved by conjugate gradients with products
 * by the generalised Hessian I + 2C Xᵀ D X (D: c_i where the slack is positive), and a backtracking
 * line search: Keerthi & DeCoste, "A modified finite Newton method for fast solution of large scale
 * linear SVMs", JMLR 6, 2005; Chapelle, "Training a support vector machine in the primal", Neural
 * Computation 19, 2007; Lin, Weng & Keerthi, "Trust region Newton method for large-scale logistic
 * regression", JMLR 9, 2008 (stopping by ‖∇f‖ relative to the start's). The products with X, the
 * only large work, run on the device in float32; vectors of a column stay on the host in float64.
 *
 * A column's result is the same to the last bit whatever columns are solved beside it: each has its
 * own step lengths and stopping, and its sums run over a fixed partition of the samples in order
 * (kernels/svm.cl).
 */
#ifndef WORKER_FIT_H
#define WORKER_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/device.h"

/* Samples on a device: latents, one row each. Belongs to the device's thread. */
struct fit_set;

/* Room for `rows` samples. The caller adds exactly so many, then solves or scores. */
MUST_CHECK int fit_set_open(struct device *device, size_t rows, size_t dimension,
                            struct fit_set **set, struct error *err);
void fit_set_close(struct fit_set **set);
MUST_CHECK int fit_set_add(struct fit_set *set, const float *x, struct error *err);

struct fit_options {
    double cost;   /* C */
    bool balanced; /* each class weighs half */
};

/*
 * A solved column: score(x) = normal·x + offset, ‖normal‖ = 1.
 *
 * Where the labels hold one class only (or the samples say nothing), there is no boundary to find.
 * Then `degenerate` is set, the normal is the axis column mod dimension (well-defined, different
 * per column, without information), and the offset lies beyond every latent, so that the score says
 * the one class seen.
 */
struct fit_boundary {
    float *normal; /* [dimension], the caller's memory */
    double offset;
    unsigned iterations; /* Newton steps */
    bool degenerate;
};

/*
 * Fits `columns` boundaries. labels[rows][columns]: 1, −1, or 0 for a sample that does not count in
 * that column. first_column is the position of column 0 among all that the caller knows, for
 * degenerate normals.
 */
MUST_CHECK int fit_solve(struct fit_set *set, const signed char *labels, size_t columns,
                         size_t first_column, const struct fit_options *options,
                         struct fit_boundary *boundaries, struct error *err);

/* scores[rows][columns] of all samples. */
MUST_CHECK int fit_scores(struct fit_set *set, const struct fit_boundary *boundaries,
                          size_t columns, float *scores, struct error *err);

#endif
