/*
 * Normalisations. No local memory but where it says so, guarded.
 *
 * pixel_norm     out = x / √(mean over channels of x² + EPSILON): one work-item a pixel; in and out each
 *                plain [n][C][P] or channels-last [n][P][CP], by -DIN_LAST, -DOUT_LAST
 * affine         out = x · scale[c] + shift[c], plain: one work-item an element
 * instance_norm  the same after subtracting the mean and dividing by √(variance + EPSILON) of its
 *                [P] plane: one work-item a plane; with ITEMS, for GPUs, a group of as many (a power of two) a plane, each
 *                of which adds up every ITEMS-th pixel, before they add up theirs pairwise. Local memory: ITEMS floats
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

#ifdef ITEMS
/* The sum of all work-items' numbers, for each of them. */
static inline float add_up(float x, __local float *sums)
{
    int l = get_local_id(0);
    sums[l] = x;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_of = ITEMS / 2; half_of > 0; half_of /= 2) {
        if (l < half_of)
            sums[l] += sums[l + half_of];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    float sum = sums[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
instance_norm(const __global float *restrict in, __global float *restrict out,
              const __global float *restrict scale, const __global float *restrict shift, ulong total)
{
    __local float sums[ITEMS];
    size_t i = get_group_id(0);
    int first = get_local_id(0);
    in += i * P;
    out += i * P;
    float sum = 0.0f, squares = 0.0f;
    for (int p = first; p < P; p += ITEMS)
        sum += in[p];
    float mean = add_up(sum, sums) / P;
    for (int p = first; p < P; p += ITEMS)
        squares += (in[p] - mean) * (in[p] - mean);
    float by = scale[i % C] / sqrt(add_up(squares, sums) / P + EPSILON);
    for (int p = first; p < P; p += ITEMS)
        out[p] = fma(in[p] - mean, by, shift[i % C]);
}
#else
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
#endif
