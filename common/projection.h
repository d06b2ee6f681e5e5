/*
 * Directions of an edit: sums of boundaries, and the projections that hold other attributes.
 *
 * With target normal t, condition normals as rows of C, G = C Cᵀ, r = C t (docs/architecture.md,
 * "The mathematics"):
 *
 *   exact        n' = t − C⁺ Λ r = t − Cᵀ G⁻¹ Λ r   condition i keeps the share 1 − λ_i of its
 * natural drift, C n' = (I − Λ) r, with the least change of t; λ = 1 is the conditional edit of
 * InterFaceGAN (Shen et al., CVPR 2020) correlation  exact with λ_i = 1 − |r_i|: what goes
 * naturally with the target is held least soft         n' = argmin ‖n − t‖² + Σ μ_i (c_i·n)² = t −
 * Cᵀ (M⁻¹ + G)⁻¹ r, M = diag(μ) naive        n' = t − Σ λ_i r_i c_i   for comparison with published
 * code only: right for orthonormal conditions, and on correlated ones it may turn the edit round
 * (gain < 0)
 *
 * and the direction is u = n'/‖n'‖. G is factored with pivoting and cut where a condition is a
 * combination of others, so that order and duplicates do not matter in the exact forms (in soft,
 * where penalties add up, two equal conditions are one of twice the μ). Discounts of dependent
 * conditions that contradict each other are met in the least-squares sense, and `residual` says by
 * how much they are missed. A condition with λ = 0 is held at its natural drift r_i; one that is
 * left out is free.
 */
#ifndef COMMON_PROJECTION_H
#define COMMON_PROJECTION_H

#include <stddef.h>

#include "common/error.h"

enum projection_method {
    PROJECTION_EXACT,
    PROJECTION_SOFT,
    PROJECTION_CORRELATION,
    PROJECTION_NAIVE,
};
#define PROJECTION_METHODS 4
#define PROJECTION_STRENGTH_MAX 1e9 /* of μ */

const char *projection_method_name(enum projection_method method); /* "exact", … */

struct projection {
    enum projection_method method;
    size_t d, k;              /* k may be 0 */
    const double *target;     /* [d], of length 1 within 1e-3: normalised before it is used */
    const double *conditions; /* [k][d], the same */
    const double *weights; /* [k]: λ in [0, 1]; soft: μ in [0, 1e9]; correlation does not read it */
};

struct projection_result {
    double gain;     /* t·u: the share of a unit step that goes where it was meant to */
    double leak;     /* max_i |c_i·u|: how much goes elsewhere; 0 without conditions */
    size_t leaking;  /* the condition i of that maximum */
    double norm;     /* ‖n'‖ */
    double residual; /* exact, correlation: max_i |c_i·n' − (1 − λ_i) r_i|; else 0 */
};

/*
 * direction[d] receives u. E_INVALID for a vector that is no unit vector, a weight out of its
 * range, and where nothing of t is left: then t lies in the span of the conditions.
 */
MUST_CHECK int projection_solve(const struct projection *projection, double *direction,
                                struct projection_result *result, struct error *err);

struct projection_point {
    enum projection_method method;
    double weight; /* λ or μ of every condition; 0 for correlation */
    double gain, leak;
};
#define PROJECTION_POINTS 64

/*
 * The gain–leak curve of a target against its conditions, all with one weight (`method` and
 * `weights` of the projection are not read): exact and naive for λ = 0, 0.05 … 1, soft for μ = 0.01
 * … 100, and the point of correlation. Points where nothing is left of t are left out, and without
 * conditions there are none. *count ≤ PROJECTION_POINTS.
 */
MUST_CHECK int projection_curve(const struct projection *projection,
                                struct projection_point points[PROJECTION_POINTS], size_t *count,
                                struct error *err);

/*
 * A direction written as a signed sum of boundary names: "Smiling", "-Young",
 * "Smiling+0.5*Eyeglasses". names[k], normals[k][d]. direction[d] receives the normalised sum. An
 * unknown name is E_NOT_FOUND and lists what there is.
 */
MUST_CHECK int projection_direction(const char *expression, const char *const *names, size_t k,
                                    const double *normals, size_t d, double *direction,
                                    struct error *err);

#endif
