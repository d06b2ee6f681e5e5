/*
 * Boundaries on a device, for many columns ("lanes") of labels at once: the L2-regularised linear
 * SVM with squared hinge loss in the primal, and beside it least squares and the difference of the
 * classes' means.
 *
 * For each lane with labels y_i = ±1 (0: the sample does not count) and values v_i, over w and the
 * offset b, with o_i = w·x_i + b and Σ_i c_i = 1:
 *
 *     SVM             ½‖w‖² + C Σ_i c_i max(0, 1 − y_i o_i)²
 *     least squares   ½‖w‖² + C max(1, n/d) Σ_i c_i (v_i − o_i)²      ridge regression: v_i = y_i
 *     mean difference w = m₊ − m₋, the boundary halfway between the means
 *
 * c_i = 1/(2 n_class) where classes are balanced (each weighs half), c_i = 1/n where they are not.
 * So C weighs the *mean* loss and means the same for any number of samples: LIBLINEAR's and
 * scikit-learn's C for a sum over samples is ours divided by n (times class_weight="balanced" for
 * balanced classes). The offset is not regularised. On 16,000 latents of dimension 128 at unit
 * variance, C = 1 is where rare attributes (a few hundred positives) are fitted best and frequent
 * ones lose nothing: mean balanced accuracy on held-out synthetic labels at base rates 0.5, 0.14
 * and 0.02 was 0.849, 0.885, 0.903 at C = 1, and 0.851, 0.886, 0.882 at C = 1000. Least squares want
 * less of the regulariser: against isotropic noise its best weight is d (1 − κ)/(n κ) for one of
 * the mean loss, κ the squared correlation of value and score, hence n/d; shrunk as the SVM they
 * lose part of their advantage (cosine to the truth 0.9988 for 0.9992 at n = 80,000, d = 512).
 *
 * Method: Newton steps on the piecewise quadratic, each solved by conjugate gradients with products
 * by the generalised Hessian I + 2C Xᵀ D X (D: c_i where the slack is positive), halved while they
 * do not decrease f enough: Keerthi & DeCoste, "A modified finite Newton method for fast solution
 * of large scale linear SVMs", JMLR 6, 2005; Chapelle, "Training a support vector machine in the
 * primal", Neural Computation 19, 2007; Lin, Weng & Keerthi, "Trust region Newton method for
 * large-scale logistic regression", JMLR 9, 2008 (stopping by ‖∇f‖ relative to the start's). The
 * products with X, the only large work, run on the device in float32; vectors of a lane stay on the
 * host in float64.
 *
 * Samples need not fit into the device's memory: what does not is asked of the source again at
 * every pass.
 *
 * A lane's result is the same to the last bit whatever lanes are solved beside it, however much
 * memory there is and whatever part of the samples stays on the device: each lane has its own step
 * lengths and stopping, and its sums run over a fixed partition of the samples in order
 * (kernels/svm.cl).
 */
#ifndef WORKER_FIT_H
#define WORKER_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/device.h"

/* Where samples come from: x[count][dimension] of samples first … first+count−1, the same at every
 * call. */
struct fit_source {
    void *state;
    int (*rows)(void *state, uint64_t first, size_t count, float *x, struct error *err);
    /* The same on the device, or NULL: enqueues what fills a chunk of `all` rows, laid out as in fit_priv.h,
     * with samples first … first+count−1, a 1 behind each, and zeros elsewhere. */
    int (*chunk)(void *state, uint64_t first, size_t count, size_t all, cl_mem x, struct error *err);
};

/* Samples for a device. Belongs to the device's thread. */
struct fit_set;

/*
 * `memory` is what the samples and the work space of solving may take on the device, in bytes;
 * `lanes` is how many lanes the caller means to solve at once. Where memory is too small for all of
 * them a solver takes them in turns. E_LIMIT where it is too small for sixteen. The source is
 * borrowed until fit_set_close().
 */
MUST_CHECK int fit_set_open(struct device *device, const struct fit_source *source, size_t rows,
                            size_t dimension, size_t lanes, uint64_t memory, struct fit_set **set,
                            struct error *err);
void fit_set_close(struct fit_set **set);

/* How many bytes of the device fit_set_open would ask for at most, were there memory enough. */
uint64_t fit_memory(size_t rows, size_t dimension, size_t lanes);

/* The labels of lanes first_lane … first_lane+lanes−1, 1, −1 or 0, into labels[rows][lanes]. */
struct fit_labels {
    void *state;
    int (*labels)(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                  signed char *labels, struct error *err);
};

/* The same for values. */
struct fit_values {
    void *state;
    int (*values)(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                  float *values, struct error *err);
};

struct fit_lane {
    double cost;   /* C */
    bool balanced; /* each class weighs half */
    size_t axis;   /* of a degenerate boundary's normal, mod dimension */
};

/*
 * A solved lane: score(x) = normal·x + offset, ‖normal‖ = 1.
 *
 * Where the labels hold one class only (or the samples say nothing), there is no boundary to find.
 * Then `degenerate` is set, the normal is the lane's axis (well-defined, without information), and
 * the offset lies beyond every latent, so that the score says the one class seen.
 */
struct fit_boundary {
    float *normal; /* [dimension], the caller's memory */
    double offset;
    double objective;    /* SVM: f at the solution */
    unsigned iterations; /* Newton steps; 0 for the mean difference */
    bool degenerate;
};

/* The SVM. */
MUST_CHECK int fit_solve(struct fit_set *set, const struct fit_labels *labels,
                         const struct fit_lane *lanes, size_t count,
                         struct fit_boundary *boundaries, struct error *err);

/* Least squares on values (of samples whose label is not 0; the boundary is where the predicted
 * value is 0), or, with values NULL, ridge regression on the labels. */
MUST_CHECK int fit_least_squares(struct fit_set *set, const struct fit_labels *labels,
                                 const struct fit_values *values, const struct fit_lane *lanes,
                                 size_t count, struct fit_boundary *boundaries, struct error *err);

MUST_CHECK int fit_mean_difference(struct fit_set *set, const struct fit_labels *labels,
                                   const struct fit_lane *lanes, size_t count,
                                   struct fit_boundary *boundaries, struct error *err);

/* Takes the scores of a run of samples, [rows][lanes]. */
struct fit_sink {
    void *state;
    int (*scores)(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                  const float *scores, struct error *err);
};

/* The scores of all samples, run by run; for a lane, samples come in order. */
MUST_CHECK int fit_scores(struct fit_set *set, const struct fit_boundary *boundaries, size_t count,
                          const struct fit_sink *sink, struct error *err);

#endif
