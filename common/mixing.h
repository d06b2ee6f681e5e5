/*
 * Style mixing: some of the vectors that a generator takes for a face are another sample's. Which ones is a function of seed
 * and sample, and of nothing else.
 */
#ifndef COMMON_MIXING_H
#define COMMON_MIXING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/seeds.h"

struct mixing { /* zeroed: none */
    bool given;
    char *
        layers; /* ranges of layers (common/ranges.h), or NULL: from a cut-off that is each sample's own to the last */
    double probability; /* of a sample to be mixed */
    uint64_t offset;    /* sample i is mixed with sample i + offset, where this is not 0; else */
    struct seeds with;  /* each sample with each of these: a sheet */
};

/* The layers of layers 0 … count−1 (at most 64) that the mixing names, a bit each; all of a random cut-off's but the
 * first. E_LIMIT where it names others, E_INVALID where nothing of the sample would be left. */
MUST_CHECK int mixing_layers(const struct mixing *mixing, uint32_t count, uint64_t *layers,
                             struct error *err);

/* Those that sample i takes from the other: `layers` (of mixing_layers) with the probability, or from the cut-off on, which is
 * uniform from 1 to count − 1. */
uint64_t mixing_of(const struct mixing *mixing, uint64_t layers, uint32_t count, uint64_t seed,
                   uint64_t sample);

/* rows[count][vectors][dimension]: the vectors in masks[count] become those of others[count][vectors][dimension]. */
void mixing_apply(const uint64_t *masks, size_t count, uint32_t vectors, size_t dimension,
                  const float *others, float *rows);

#endif
