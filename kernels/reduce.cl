/*
 * Reductions: one work-item an element of the result, guarded, no local memory; `reduce_pixels` one
 * work-item a group and PIXEL_CHANNELS channels, for CPUs; `reduce_group`, for GPUs, a group of ITEMS (a power of two) an
 * element, each of which takes every ITEMS-th position before they take each other's pairwise: REDUCE 0 to 3 and 5
 * to 8, ITEMS floats of local memory.
 *
 *   out[k] = f(in[kept offset + reduced offset]) over all reduced positions
 *
 * with up to 8 kept and 8 reduced dimensions, outermost first, by strides (so any layout reads).
 * KEPT and REDUCED are how many of each there are; `count` is the product of the reduced.
 * REDUCE: 0 sum, 1 mean, 2 max, 3 min, 4 product, 5 L1, 6 L2, 7 sum of squares, 8 log of the sum,
 * 9 log of the sum of exponentials.
 *
 * `reduce_pixels`, of REDUCE 0 to 3: out[n][c] = f(in[n][i][c]) over the SIZE pixels of a channels-last
 * image of C channels with pitch CP, a multiple of 16; it adds up in the same order.
 */
#ifndef REDUCE
#define REDUCE 0
#endif
#ifndef KEPT
#define KEPT 1
#define REDUCED 1
#endif
#ifndef SIZE
#define SIZE 4
#define C 16
#define CP 16
#endif
#define PIXEL_CHANNELS 64

static inline float reduce_start(void)
{
    switch (REDUCE) {
    case 2:
    case 9: return -INFINITY;
    case 3: return INFINITY;
    case 4: return 1.0f;
    default: return 0.0f;
    }
}

static inline float reduce_step(float sum, float x)
{
    switch (REDUCE) {
    case 2:
    case 9: return fmax(sum, x);
    case 3: return fmin(sum, x);
    case 4: return sum * x;
    case 5: return sum + fabs(x);
    case 6:
    case 7: return fma(x, x, sum);
    default: return sum + x;
    }
}

static inline size_t offset_of(size_t i, int8 dims, int8 strides, int rank)
{
    int d[8], s[8];
    vstore8(dims, 0, d);
    vstore8(strides, 0, s);
    size_t offset = 0;
    for (int r = rank - 1; r >= 0; r--) {
        offset += (r ? i % d[r] : i) * s[r];
        i /= d[r];
    }
    return offset;
}

__kernel void reduce(const __global float *restrict in, __global float *restrict out, int8 kept,
                     int8 kept_strides, int8 reduced, int8 reduced_strides, int count, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    const __global float *from = in + offset_of(i, kept, kept_strides, KEPT);
    float sum = reduce_start();
    for (int r = 0; r < count; r++)
        sum = reduce_step(sum, from[offset_of(r, reduced, reduced_strides, REDUCED)]);
    if (REDUCE == 1)
        sum /= count;
    if (REDUCE == 6)
        sum = sqrt(sum);
    if (REDUCE == 8)
        sum = log(sum);
    if (REDUCE == 9) { /* shifted by the maximum, so that nothing overflows */
        float greatest = sum;
        sum = 0.0f;
        for (int r = 0; r < count; r++)
            sum += exp(from[offset_of(r, reduced, reduced_strides, REDUCED)] - greatest);
        sum = greatest + log(sum);
    }
    out[i] = sum;
}

#ifdef ITEMS
/* What two work-items have found. */
static inline float reduce_both(float a, float b)
{
    switch (REDUCE) {
    case 2: return fmax(a, b);
    case 3: return fmin(a, b);
    default: return a + b;
    }
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
reduce_group(const __global float *restrict in, __global float *restrict out, int8 kept, int8 kept_strides,
             int8 reduced, int8 reduced_strides, int count, ulong total)
{
    __local float found[ITEMS];
    size_t i = get_group_id(0);
    int l = get_local_id(0);
    const __global float *from = in + offset_of(i, kept, kept_strides, KEPT);
    float sum = reduce_start();
    for (int r = l; r < count; r += ITEMS)
        sum = reduce_step(sum, from[offset_of(r, reduced, reduced_strides, REDUCED)]);
    found[l] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_of = ITEMS / 2; half_of > 0; half_of /= 2) {
        if (l < half_of)
            found[l] = reduce_both(found[l], found[l + half_of]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (l > 0)
        return;
    sum = found[0];
    out[i] = REDUCE == 1 ? sum / count : REDUCE == 6 ? sqrt(sum) : REDUCE == 8 ? log(sum) : sum;
}
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
reduce_pixels(const __global float *restrict in, __global float *restrict out)
{
    size_t n = get_group_id(1);
    int first = get_group_id(0) * PIXEL_CHANNELS;
    for (int c = first; c < min(first + PIXEL_CHANNELS, CP); c += 16) {
        float16 sum = (float16)reduce_start();
        for (int i = 0; i < SIZE; i++) {
            float16 x = vload16(0, in + (n * SIZE + i) * CP + c);
            sum = REDUCE == 2 ? fmax(sum, x) : REDUCE == 3 ? fmin(sum, x) : sum + x;
        }
        if (REDUCE == 1)
            sum /= (float16)(float)SIZE;
        float lanes[16];
        vstore16(sum, 0, lanes);
        for (int k = 0; k < 16 && c + k < C; k++)
            out[n * C + c + k] = lanes[k];
    }
}
