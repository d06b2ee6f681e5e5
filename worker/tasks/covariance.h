/* How the latents of a mapping network vary, for steps that are least unusual among them. */
#ifndef WORKER_TASKS_COVARIANCE_H
#define WORKER_TASKS_COVARIANCE_H

#include <stddef.h>

#include "worker/pipeline.h"

#define COVARIANCE_SAMPLES 4096

/*
 * product[k][d] = B Σ, Σ the sample covariance of the latents (w or w+, d numbers each) of samples 0 …
 * COVARIANCE_SAMPLES − 1 of seed 0, which every worker draws alike: Σ = Σ_i (w_i − ŵ)(w_i − ŵ)ᵀ/(n − 1). Never held
 * as a matrix, so w+ costs no more than its rows. Summed in double in sample order: independent of the batch.
 */
MUST_CHECK int covariance_times(struct pipeline *pipeline, const double *b, size_t k,
                                double *product, struct error *err);

#endif
