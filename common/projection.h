/*
 * Directions of an edit, and the discounted projection.
 *
 * With target normal t, condition normals as rows of C, G = C Cᵀ, r = C t and Λ = diag(λ_i):
 * n' = t − Cᵀ G⁻¹ Λ r, u = n'/‖n'‖ (DESIGN: docs/architecture.md, "The mathematics"). Condition i
 * keeps the share 1 − λ_i of its natural drift: C n' = (I − Λ) r. λ = 1 is InterFaceGAN's conditional
 * edit (Shen et al., CVPR 2020). G is pivoted, so duplicates and order of conditions do not matter.
 */
#ifndef COMMON_PROJECTION_H
#define COMMON_PROJECTION_H

#include <stddef.h>

#include "common/error.h"

struct projection_result {
    double gain; /* t·u: the share of a unit step that goes where it was meant to */
    double leak; /* max_i |c_i·u|: how much goes elsewhere; 0 without conditions */
};

/* target[d], conditions[k][d]: unit vectors (within 1e-3; E_INVALID otherwise); discounts[k] in [0,1];
 * direction[d] receives u. Where nothing of t is left (t in the span of fully discounted conditions) the
 * error is E_INVALID and says so. k may be 0. */
MUST_CHECK int projection_discounted(const float *target, size_t d, const float *conditions,
                                     size_t k, const double *discounts, float *direction,
                                     struct projection_result *result, struct error *err);

/*
 * A direction written as a signed sum of boundary names: "Smiling", "-Young", "Smiling+0.5*Eyeglasses".
 * names[k], normals[k][d]. direction[d] receives the normalised sum. An unknown name is E_NOT_FOUND
 * and lists what there is.
 */
MUST_CHECK int projection_direction(const char *expression, const char *const *names, size_t k,
                                    const float *normals, size_t d, float *direction,
                                    struct error *err);

#endif
