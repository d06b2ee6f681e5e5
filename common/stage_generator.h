/*
 * How a stage asks the bundle's generator beside the latents: noise and truncation, the stage's own
 * or else the bundle's. Both ends take it from the same spec and bundle: the broker refuses what
 * the generator does not have, a worker sets it.
 */
#ifndef COMMON_STAGE_GENERATOR_H
#define COMMON_STAGE_GENERATOR_H

#include "common/bundle.h"
#include "common/spec.h"

struct stage_generator {
    enum bundle_noise noise;
    uint64_t seed; /* the job's: of seeded noise */
    /* w' = ŵ + psi (w − ŵ) in the first `truncated` vectors that the generator takes; 1: none */
    double psi;
    uint32_t truncated;
};

/* Whether the stage, or the one that a fit's samples are of, says what noise is, whatever the
 * bundle. */
bool stage_generator_noise(const struct spec *spec, uint32_t position, enum bundle_noise *noise);

/* Of the bundle without a stage, seed 0. */
struct stage_generator stage_generator_default(const struct bundle *bundle);

/*
 * Of stage `position` of the spec; a fit's is that of the samples that it is fitted on. E_INVALID
 * where the stage asks for noise of a generator without (bundle.yaml names none), for truncation of
 * one without a mapping, or for more layers than the generator takes.
 */
MUST_CHECK int stage_generator(const struct spec *spec, uint32_t position,
                               const struct bundle *bundle, struct stage_generator *generator,
                               struct error *err);

#endif
