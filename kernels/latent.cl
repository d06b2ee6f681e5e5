/*
 * Latents of samples, drawn where the fit needs them: the bits of common/latent.c (worker/latent_device.h).
 *
 *   x  [block][panel][BLOCK][8]  as in svm.cl: number 8 p + i of row r at [r / BLOCK][p][r % BLOCK][i];
 *                                the number behind the last is 1 (the offset), then zeros; rows from `count` on are zeros
 *
 * A work-item makes ROWS rows, one a vector lane. Philox4x32-10 with key = seed and counter = (index, number /
 * 4, 0): each word w gives the uniform (w + 0.5)/2^32 and the normal Φ⁻¹ of it by Wichura's AS 241 (PPND16,
 * Applied Statistics 37, 1988). |Φ⁻¹| ≤ 6.3, since the least uniform is 2^-33: its farthest branch (√−ln u
 * > 5) is never taken. The logarithm of the tails is that of common/exact.c. On the sphere squares are
 * summed in number order.
 *
 * Everything is IEEE double +, −, ×, ÷, √ in the written order, without contraction: needs cl_khr_fp64, whose
 * operations are correctly rounded. No local memory. DIMENSION numbers, PANELS = DIMENSION/8 + 1.
 */
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#pragma OPENCL FP_CONTRACT OFF

#ifndef DIMENSION
#define DIMENSION 8
#endif
#ifndef UNIFORM
#define UNIFORM 0 /* low + (high − low) u instead of normal numbers */
#endif
#ifndef SPHERE
#define SPHERE 0 /* z ← √square · z/‖z‖ */
#endif
#define BLOCK 256
#define ROWS 8
#define PANELS (DIMENSION / 8 + 1)

constant double centre_n[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                               1.9715909503065514427e+3, 1.3731693765509461125e+4,
                               4.5921953931549871457e+4, 6.7265770927008700853e+4,
                               3.3430575583588128105e+4, 2.5090809287301226727e+3};
constant double centre_d[8] = {1.0,                      4.2313330701600911252e+1,
                               6.8718700749205790830e+2, 5.3941960214247511077e+3,
                               2.1213794301586595867e+4, 3.9307895800092710610e+4,
                               2.8729085735721942674e+4, 5.2264952788528545610e+3};
constant double middle_n[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                               5.76949722146069140550e0,  3.64784832476320460504e0,
                               1.27045825245236838258e0,  2.41780725177450611770e-1,
                               2.27238449892691845833e-2, 7.74545014278341407640e-4};
constant double middle_d[8] = {1.0,                       2.05319162663775882187e0,
                               1.67638483018380384940e0,  6.89767334985100004550e-1,
                               1.48103976427480074590e-1, 1.51986665636164571966e-2,
                               5.47593808499534494600e-4, 1.05075007164441684324e-9};

static inline double exact_log(double x)
{
    ulong bits = as_ulong(x);
    int exponent = (int)(bits >> 52) - 1022;
    double m = as_double((bits & 0x000FFFFFFFFFFFFFul) | 0x3FE0000000000000ul);
    if (m < 0.70710678118654752440) {
        m = m * 2.0;
        exponent--;
    }
    double s = (m - 1.0) / (m + 1.0);
    double square = s * s;
    double series = 1.0 / 21.0;
    for (int degree = 19; degree >= 1; degree -= 2)
        series = series * square + 1.0 / degree;
    return exponent * 0.69314718055994530942 + 2.0 * s * series;
}

/* Φ⁻¹ of a uniform further than 0.425 from ½. */
static inline double tail(double u)
{
    double q = u - 0.5;
    double r = sqrt(-exact_log(q < 0 ? u : 1.0 - u)) - 1.6;
    double n = middle_n[7], d = middle_d[7];
    for (int i = 6; i >= 0; i--) {
        n = n * r + middle_n[i];
        d = d * r + middle_d[i];
    }
    double z = n / d;
    return q < 0 ? -z : z;
}

static inline double8 centre(double8 q)
{
    double8 r = 0.180625 - q * q;
    double8 n = centre_n[7], d = centre_d[7];
    for (int i = 6; i >= 0; i--) {
        n = n * r + centre_n[i];
        d = d * r + centre_d[i];
    }
    return q * (n / d);
}

/* Numbers of `count` words of each row, z[count][ROWS]. What lies in the tails is listed first, so that no branch
 * depends on a number: about one in seven does. */
static inline void numbers(const uint8 *words, uint count, double low, double span, float *z)
{
    double us[8 * ROWS];
    for (uint i = 0; i < count; i++) {
        double8 u = (convert_double8(words[i]) + 0.5) / 4294967296.0;
        vstore8(UNIFORM ? convert_float8(low + span * u) : convert_float8(centre(u - 0.5)), i, z);
        vstore8(u, i, us);
    }
    if (UNIFORM)
        return;
    uchar far[8 * ROWS];
    uint fars = 0;
    for (uint i = 0; i < count * ROWS; i++) {
        double q = us[i] - 0.5;
        far[fars] = (uchar)i;
        fars += q < -0.425 || q > 0.425;
    }
    for (uint i = 0; i < fars; i++)
        z[far[i]] = (float)tail(us[far[i]]);
}

/* Four words of each of the rows' samples. */
static inline void philox(uint8 low, uint8 high, uint lane, uint2 key, uint8 words[4])
{
    uint8 c0 = low, c1 = high, c2 = lane, c3 = 0;
    uint k0 = key.x, k1 = key.y;
    for (int round = 0; round < 10; round++) {
        uint8 n0 = mul_hi((uint8)0xCD9E8D57u, c2) ^ c1 ^ k0;
        uint8 n2 = mul_hi((uint8)0xD2511F53u, c0) ^ c3 ^ k1;
        c1 = 0xCD9E8D57u * c2;
        c3 = 0xD2511F53u * c0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* z ← the same, scaled: each product is rounded once. */
static inline void scale_row(__global float *row, double scale)
{
    for (uint p = 0; p < DIMENSION / 8; p++, row += BLOCK * 8)
        vstore8(convert_float8(convert_double8(vload8(0, row)) * scale), 0, row);
    for (uint i = 0; i < DIMENSION % 8; i++)
        row[i] = (float)(row[i] * scale);
}

/* The rows of a work-item that are samples `index` …; below them, zeros. */
static inline void draw_rows(__global float *rows, ulong index, int samples, uint2 key, double low,
                             double span, double squared_radius)
{
    uint lows[ROWS], highs[ROWS];
    for (int row = 0; row < ROWS; row++) {
        lows[row] = (uint)(index + row);
        highs[row] = (uint)((index + row) >> 32);
    }
    uint8 index_low = vload8(0, lows), index_high = vload8(0, highs);
    double8 sum = 0.0;
    for (uint p = 0; p < PANELS; p++) {
        uint count = DIMENSION - p * 8 < 8 ? DIMENSION - p * 8 : 8;
        uint8 words[8];
        float z[8 * ROWS];
        if (count > 0)
            philox(index_low, index_high, p * 2, key, words);
        if (count > 4)
            philox(index_low, index_high, p * 2 + 1, key, words + 4);
        numbers(words, count, low, span, z);
        for (uint i = 0; i < count; i++) {
            double8 wide = convert_double8(vload8(i, z));
            sum = sum + wide * wide;
        }
        for (uint i = count; i < 8; i++)
            vstore8((float8)(i == count ? 1.0f : 0.0f), i, z);
        for (int row = 0; row < samples; row++)
            vstore8((float8)(z[row], z[ROWS + row], z[2 * ROWS + row], z[3 * ROWS + row],
                             z[4 * ROWS + row], z[5 * ROWS + row], z[6 * ROWS + row],
                             z[7 * ROWS + row]),
                    p * BLOCK + row, rows);
    }
    double scales[ROWS];
    vstore8(sqrt(squared_radius / sum), 0, scales);
    for (int row = 0; SPHERE && row < samples; row++)
        scale_row(rows + row * 8, scales[row]);
}

/* Sample start + r in row r, for `count` rows. */
__kernel void latent_draw(__global float *x, ulong start, ulong count, uint2 key, double low,
                          double span, double squared_radius)
{
    size_t first = get_global_id(0) * ROWS;
    __global float *rows = x + first / BLOCK * PANELS * BLOCK * 8 + first % BLOCK * 8;
    int samples = first >= count ? 0 : count - first < ROWS ? (int)(count - first) : ROWS;
    if (samples > 0)
        draw_rows(rows, start + first, samples, key, low, span, squared_radius);
    for (uint p = 0; p < PANELS; p++)
        for (int row = samples; row < ROWS; row++)
            vstore8((float8)(0.0f), p * BLOCK + row, rows);
}
