/*
 * How far two sets of feature rows lie apart, a[count][dimension] and b[count][dimension], in
 * double. Row i of b is what became of row i of a. All are 0 in expectation for equal distributions
 * but for what the text says.
 */
#ifndef COMMON_DISTANCES_H
#define COMMON_DISTANCES_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/*
 * Fréchet distance of the normal distributions with the sets' means and covariances (divisor
 * count − 1), ‖μa − μb‖² + tr(Ca + Cb − 2 (Ca Cb)^½): FID (Heusel et al. 2017), with whatever the
 * features are. Its expectation grows like 1/count. Needs 2 rows or more; time dimension³.
 */
MUST_CHECK int distances_frechet(const double *a, const double *b, size_t count, size_t dimension,
                                 double *distance, struct error *err);

/* The same without its growth with 1/count: the intercept of the least-squares line through the
 * distances of the first count, count/2, count/3, count/4 rows over 1/rows (as Chong and Forsyth
 * 2020 extrapolate FID). */
MUST_CHECK int distances_frechet_unbiased(const double *a, const double *b, size_t count,
                                          size_t dimension, double *distance, struct error *err);

/* KID (Bińkowski et al. 2018): the unbiased estimate of MMD² with the kernel (x·y/dimension + 1)³;
 * it may be below 0. Row i is not compared with its own partner, which would be nearer than chance
 * (the U-statistic of Gretton et al. 2012, lemma 6). Time count² · dimension. */
double distances_kernel(const double *a, const double *b, size_t count, size_t dimension);

/* Sliced Wasserstein-1 distance: the mean over `slices` directions, normal numbers of `seed`
 * normalised, of the mean distance of the sorted projections. */
MUST_CHECK int distances_sliced(const double *a, const double *b, size_t count, size_t dimension,
                                uint32_t slices, uint64_t seed, double *distance,
                                struct error *err);

#endif
