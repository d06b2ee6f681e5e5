/*
 * Scores of several boundaries at once. The rows of B[m][d] are their normals; a latent z has the
 * scores B z + b, and is to have others.
 *
 *   flat      z' = z + Σ Bᵀ (B Σ Bᵀ)⁻¹ (s − B z)        the least step in the norm of Σ⁻¹: for Σ = I the
 * nearest latent that has the scores s (given without offsets), for Σ the latents' covariance the
 * one that is least unusual among them (Mahalanobis)
 *   sphere    z' = p + (z − P z) √((r² − ‖p‖²)/‖z − P z‖²),  p = Bᵀ (B Bᵀ)⁻¹ s,  P z = Bᵀ (B Bᵀ)⁻¹ B z
 * the nearest point to z on the sphere of radius r that has the scores: a closed form, which for
 * one boundary is the great-circle edit of common/move.h. None has them where ‖p‖ > r.
 *
 * In double, sums in index order: the same bits everywhere.
 */
#ifndef COMMON_MEET_H
#define COMMON_MEET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

#define MEET_MOST 1024 /* rows */

struct meet; /* B and its factor; immutable */

struct meet_rows {
    size_t m, d;
    const double *rows;       /* [m][d]: B */
    const double *across;     /* [m][d]: B Σ, Σ symmetric; NULL: Σ = I */
    size_t required;          /* of the first so many rows each must count */
    const char *const *names; /* [m], for errors */
};

/*
 * Copies and factors. A row that is a combination of rows before it is an error that names them
 * (E_INVALID) if it is required, and left out if not: what holds for the others holds for it.
 */
MUST_CHECK int meet_make(const struct meet_rows *rows, struct meet **meet, struct error *err);
void meet_free(struct meet **meet);
size_t meet_count(const struct meet *meet); /* m as given */

/* scores[m] = B z (of the rows as given, without offsets). */
void meet_scores(const struct meet *meet, const double *z, double *scores);

/* step[d] = Σ Bᵀ (B Σ Bᵀ)⁻¹ change, change[m] of the scores. */
void meet_step(const struct meet *meet, const double *change, double *step);

/* z[d] becomes the nearest point to it on the sphere that has the scores[m]. Where none has them (false) it
 * becomes the sphere's point nearest to p. Σ must be I. */
bool meet_sphere(const struct meet *meet, const double *scores, double radius, double *z);

#endif
