/*
 * Normalisations. No local memory, guarded.
 *
 * pixel_norm     out = x / √(mean over channels of x² + EPSILON): one work-item a pixel; in and out each
 *                plain [n][C][P] or channels-last [n][P][CP], by -DIN_LAST, -DOUT_LAST
 * affine         out = x · scale[c] + shift[c], plain: one work-item an element
 * instance_norm  the same after subtracting the mean and dividing by √(variance + EPSILON) of its
 *                [P] plane: one work-item a plane
 */
#ifndef C
#define C 16
#define CP 16
#define P 64
#endif
#ifndef EPSILON
#define EPSILON 1e-8f
#endif

#ifdef IN_LAST
#define IN(n, c, p) in[((n) * P + (p)) * CP + (c)]
#else
#define IN(n, c, p) in[((n) * C + (c)) * P + (p)]
#endif

__kernel void pixel_norm(const __global float *restrict in, __global float *restrict out,
                         ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t n = i / P, p = i % P;
    float sum = 0.0f;
    for (int c = 0; c < C; c++)
        sum = fma(IN(n, c, p), IN(n, c, p), sum);
    float scale = 1.0f / sqrt(sum / C + EPSILON);
#ifdef OUT_LAST
    for (int c = 0; c < CP; c++)
        out[i * CP + c] = c < C ? IN(n, c, p) * scale : 0.0f;
#else
    for (int c = 0; c < C; c++)
        out[(n * C + c) * P + p] = IN(n, c, p) * scale;
#endif
}

__kernel void affine(const __global float *restrict in, __global float *restrict out,
                     const __global float *restrict scale, const __global float *restrict shift,
                     ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int c = i / P % C;
    out[i] = fma(in[i], scale[c], shift[c]);
}

__kernel void instance_norm(const __global float *restrict in, __global float *restrict out,
                            const __global float *restrict scale,
                            const __global float *restrict shift, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    in += i * P;
    out += i * P;
    float mean = 0.0f, variance = 0.0f;
    for (int p = 0; p < P; p++)
        mean += in[p];
    mean /= P;
    for (int p = 0; p < P; p++)
        variance += (in[p] - mean) * (in[p] - mean);
    float by = scale[i % C] / sqrt(variance / P + EPSILON);
    for (int p = 0; p < P; p++)
        out[p] = fma(in[p] - mean, by, shift[i % C]);
}
