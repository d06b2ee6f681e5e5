/*
 * Latents: sample i of seed s is a pure function of (s, i), bit-identical on every machine.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) with key =
 * s and counter = (i, lane/4): each 32-bit word x gives the uniform u = (x + 0.5)/2^32 and the
 * normal Φ⁻¹(u) by Wichura's AS 241 (PPND16, Applied Statistics 37, 1988), in double with only IEEE
 * +, −, ×, ÷, √, rounded once to float.
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

enum latent_prior {
    LATENT_NORMAL,      /* each number N(0, 1) */
    LATENT_UNIFORM,     /* each number uniform in [low, high] */
    LATENT_HYPERSPHERE, /* uniform on the sphere: normal numbers, scaled */
};

/* How a latent is drawn. All zero: normal, as drawn. */
struct latent_law {
    enum latent_prior prior;
    enum latent_normalisation normalisation; /* LATENT_SPHERE also for the hypersphere */
    double low, high;                        /* uniform */
    double radius;                           /* of the sphere; 0: √dimension */
};

/* Samples start … start+count−1 of `seed` by `law`, row by row, into z[count][dimension]. A uniform
 * number is low + (high − low)·(x + 0.5)/2^32, x the word that gives the normal number elsewhere. */
void latent_draw(const struct latent_law *law, uint64_t seed, uint64_t start, size_t count,
                 size_t dimension, float *z);

/* Puts each row of z[count][dimension] back onto its sphere, where the law has one: z ← radius · z/‖z‖. */
void latent_normalise(const struct latent_law *law, size_t count, size_t dimension, float *z);

/* Samples start … start+count−1 of `seed`, row by row, into z[count][dimension]:
 * latent_draw by the normal law. */
void latent_sample(uint64_t seed, uint64_t start, size_t count, size_t dimension,
                   enum latent_normalisation normalisation, float *z);

/* Four words of sample i for choices about it, independent of its latent: [0] the hold-out, [1] the
 * fold, [2] the place in a selection, [3] in a learning curve. */
void latent_choices(uint64_t seed, uint64_t index, uint32_t words[4]);

/* Two words of sample i for its style mixing, independent of everything else: [0] whether it is mixed, [1] the cut-off. */
void latent_mixing(uint64_t seed, uint64_t index, uint32_t words[2]);

/* Noise `which` of sample i: out[count] = mean + scale · normal numbers, independent of its latent. */
void latent_noise(uint64_t seed, uint64_t index, uint32_t which, size_t count, double mean,
                  double scale, float *out);

/* Whether sample i belongs to the held-out share (0..1) of a fit; independent of the latents. */
bool latent_held_out(uint64_t seed, uint64_t index, double share);

#endif
