/*
 * Philox4x32-10, normals by AS 241, the sphere, the hold-out split.
 *
 * Everything here is IEEE double +, −, ×, ÷, √ in a written order (the build forbids contraction to fused
 * multiply-add), so it gives the same bits with every compiler. The logarithm that AS 241's tails
 * need is our own (exact.h) for that reason.
 */
#include "common/latent.h"

#include <math.h>

#include "common/exact.h"

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u /* golden ratio */
#define PHILOX_W1 0xBB67AE85u /* √3 − 1 */
#define PHILOX_ROUNDS 10

/* Counter words 2 and 3: the lane of a latent, and what the numbers are for. */
#define PURPOSE_LATENT 0u
#define PURPOSE_HOLDOUT 1u
#define PURPOSE_MIXING 0x10u
#define PURPOSE_NOISE 0x100u /* and the number of the noise; 2 is the engine's own (ops/random.c) */

void latent_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static double ratio(const double *numerator, const double *denominator, double r)
{
    double n = numerator[7], d = denominator[7];
    for (int i = 6; i >= 0; i--) {
        n = n * r + numerator[i];
        d = d * r + denominator[i];
    }
    return n / d;
}

/* Coefficients of PPND16: Wichura, Applied Statistics 37 (1988), 477–484. */
static const double centre_n[8] = {
    3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
    1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
    3.3430575583588128105e+4, 2.5090809287301226727e+3};
static const double centre_d[8] = {
    1.0,                      4.2313330701600911252e+1, 6.8718700749205790830e+2,
    5.3941960214247511077e+3, 2.1213794301586595867e+4, 3.9307895800092710610e+4,
    2.8729085735721942674e+4, 5.2264952788528545610e+3};
static const double middle_n[8] = {
    1.42343711074968357734e0, 4.63033784615654529590e0,  5.76949722146069140550e0,
    3.64784832476320460504e0, 1.27045825245236838258e0,  2.41780725177450611770e-1,
    2.27238449892691845833e-2, 7.74545014278341407640e-4};
static const double middle_d[8] = {
    1.0,                      2.05319162663775882187e0,  1.67638483018380384940e0,
    6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
    5.47593808499534494600e-4, 1.05075007164441684324e-9};
static const double tail_n[8] = {
    6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
    2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
    2.71155556874348757815e-5, 2.01033439929228813265e-7};
static const double tail_d[8] = {
    1.0,                       5.99832206555887937690e-1, 1.36929880922735805310e-1,
    1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
    1.42151175831644588870e-7, 2.04426310338993978564e-15};

double latent_normal(uint32_t x)
{
    double u = (x + 0.5) / 4294967296.0;
    double q = u - 0.5;
    if (q >= -0.425 && q <= 0.425)
        return q * ratio(centre_n, centre_d, 0.180625 - q * q);
    double r = sqrt(-exact_log(q < 0 ? u : 1.0 - u));
    double z = r <= 5.0 ? ratio(middle_n, middle_d, r - 1.6) : ratio(tail_n, tail_d, r - 5.0);
    return q < 0 ? -z : z;
}

static float to_number(const struct latent_law *law, uint32_t word)
{
    if (law->prior == LATENT_UNIFORM)
        return (float)(law->low + (law->high - law->low) * ((word + 0.5) / 4294967296.0));
    return (float)latent_normal(word);
}

static void draw(const struct latent_law *law, uint64_t seed, uint64_t index, size_t dimension,
                 float *z)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t lane = 0; lane < dimension; lane += 4) {
        const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)(lane / 4),
                                     PURPOSE_LATENT};
        uint32_t words[4];
        latent_philox(key, counter, words);
        for (size_t i = 0; i < 4 && lane + i < dimension; i++)
            z[lane + i] = to_number(law, words[i]);
    }
}

static void to_sphere(double squared_radius, size_t dimension, float *z)
{
    double sum = 0;
    for (size_t i = 0; i < dimension; i++)
        sum = sum + (double)z[i] * z[i];
    double scale = sqrt(squared_radius / sum);
    for (size_t i = 0; i < dimension; i++)
        z[i] = (float)(z[i] * scale);
}

void latent_normalise(const struct latent_law *law, size_t count, size_t dimension, float *z)
{
    if (law->normalisation != LATENT_SPHERE)
        return;
    double squared = law->radius > 0 ? law->radius * law->radius : (double)dimension;
    for (size_t row = 0; row < count; row++)
        to_sphere(squared, dimension, z + row * dimension);
}

void latent_draw(const struct latent_law *law, uint64_t seed, uint64_t start, size_t count,
                 size_t dimension, float *z)
{
    for (size_t row = 0; row < count; row++)
        draw(law, seed, start + row, dimension, z + row * dimension);
    latent_normalise(law, count, dimension, z);
}

void latent_sample(uint64_t seed, uint64_t start, size_t count, size_t dimension,
                   enum latent_normalisation normalisation, float *z)
{
    latent_draw(&(struct latent_law){.normalisation = normalisation}, seed, start, count, dimension,
                z);
}

void latent_choices(uint64_t seed, uint64_t index, uint32_t words[4])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, PURPOSE_HOLDOUT};
    latent_philox(key, counter, words);
}

void latent_mixing(uint64_t seed, uint64_t index, uint32_t words[2])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, PURPOSE_MIXING};
    uint32_t drawn[4];
    latent_philox(key, counter, drawn);
    words[0] = drawn[0];
    words[1] = drawn[1];
}

void latent_noise(uint64_t seed, uint64_t index, uint32_t which, size_t count, double mean,
                  double scale, float *out)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t lane = 0; lane < count; lane += 4) {
        const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)(lane / 4),
                                     PURPOSE_NOISE + which};
        uint32_t words[4];
        latent_philox(key, counter, words);
        for (size_t i = 0; i < 4 && lane + i < count; i++)
            out[lane + i] = (float)(mean + scale * latent_normal(words[i]));
    }
}

bool latent_held_out(uint64_t seed, uint64_t index, double share)
{
    uint32_t words[4];
    latent_choices(seed, index, words);
    return (words[0] + 0.5) / 4294967296.0 < share;
}
