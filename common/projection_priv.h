/* Symmetric positive systems of the projections, in double. Matrices are [k][k], row by row. */
#ifndef COMMON_PROJECTION_PRIV_H
#define COMMON_PROJECTION_PRIV_H

#include <stddef.h>

#include "common/error.h"

/* x[k] = G⁺ right: the solution, or where G (unit diagonal, positive semidefinite) is singular the
 * least-squares solution of least length. */
MUST_CHECK int projection_solve_gram(const double *gram, size_t k, const double *right, double *x,
                                     struct error *err);

/* x[k] = (M⁻¹ + G)⁻¹ right = M^½ (I + M^½ G M^½)⁻¹ M^½ right, M = diag(strengths) ≥ 0. */
MUST_CHECK int projection_solve_soft(const double *gram, size_t k, const double *strengths,
                                     const double *right, double *x, struct error *err);

#endif
