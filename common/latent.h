/*
 * Latents: sample i of seed s is a pure function of (s, i), bit-identical on every machine.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) with key = s
 * and counter = (i, lane/4): each 32-bit word x gives the uniform u = (x + 0.5)/2^32 and the normal
 * Φ⁻¹(u) by Wichura's AS 241 (PPND16, Applied Statistics 37, 1988), in double with only
 * IEEE +, −, ×, ÷, √, rounded once to float.
 */
#ifndef COMMON_LATENT_H
#define COMMON_LATENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One block of Philox4x32-10. */
void latent_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* Φ⁻¹((x + 0.5)/2^32). */
double latent_normal(uint32_t x);

enum latent_normalisation {
    LATENT_AS_DRAWN,
    LATENT_SPHERE, /* z ← √d · z/‖z‖, the norm summed in double in index order */
};

/* Samples start … start+count−1 of `seed`, row by row, into z[count][dimension]. */
void latent_sample(uint64_t seed, uint64_t start, size_t count, size_t dimension,
                   enum latent_normalisation normalisation, float *z);

/* Whether sample i belongs to the held-out share (0..1) of a fit; independent of the latents. */
bool latent_held_out(uint64_t seed, uint64_t index, double share);

#endif
