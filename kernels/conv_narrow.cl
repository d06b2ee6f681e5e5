/*
 * 1×1 convolution to a few channels (an image's, say) for CPUs: one work-item a group of 256 pixels.
 *
 *   out[n][r][i] = act(bias[r] + Σ_c in[n][i][c] · w[r][c] + residual[n][r][i])
 *
 * The products of 16 pixels are added up together: 16 vectors of 16 channels become one vector of 16
 * pixels. In channels-last [N][SIZE][CP], its padded channels being finite; weights [CO][CP], zero where padded;
 * out and residual plain [N][CO][SIZE]. Pixels beyond SIZE repeat the last and are not stored. No local
 * memory.
 */
#ifndef CO
#define CO 3
#define CP 16
#define SIZE 64 /* pixels of a sample */
#endif

#pragma OPENCL FP_CONTRACT OFF

typedef float16 V;
#define UNROLL _Pragma("unroll")
#define LOAD(p) (*(const __global V *)(p))
#define GROUP_PIXELS 256

#include "activation.clh"

/* The sums of 16 vectors' elements, in order. */
static inline V sum_each(const V *a)
{
    V r[8], s[4], t[2];
    UNROLL for (int i = 0; i < 8; i++)
        r[i] = (V)(a[2 * i].lo, a[2 * i + 1].lo) + (V)(a[2 * i].hi, a[2 * i + 1].hi);
    UNROLL for (int i = 0; i < 4; i++)
    {
        V x = r[2 * i], y = r[2 * i + 1];
        s[i] = (V)(x.s0123, x.s89ab, y.s0123, y.s89ab) + (V)(x.s4567, x.scdef, y.s4567, y.scdef);
    }
    UNROLL for (int i = 0; i < 2; i++)
    {
        V x = s[2 * i], y = s[2 * i + 1];
        t[i] = (V)(x.s01, x.s45, x.s89, x.scd, y.s01, y.s45, y.s89, y.scd) +
               (V)(x.s23, x.s67, x.sab, x.sef, y.s23, y.s67, y.sab, y.sef);
    }
    return (V)(t[0].even, t[1].even) + (V)(t[0].odd, t[1].odd);
}

/* Sixteen pixels from `first` on, of which `count` exist. */
static inline void project(const __global float *restrict in, const __global float *restrict weights,
                           const __global float *restrict bias,
                           const __global float *restrict residual, __global float *restrict out,
                           int first, int count)
{
    V sums[CO][16];
    UNROLL for (int p = 0; p < 16; p++)
    {
        const __global float *pixel = in + (size_t)(first + min(p, count - 1)) * CP;
        UNROLL for (int r = 0; r < CO; r++) sums[r][p] = (V)0.0f;
        for (int c = 0; c < CP; c += 16) {
            V x = LOAD(pixel + c);
            UNROLL for (int r = 0; r < CO; r++)
                sums[r][p] = fma(x, LOAD(weights + r * CP + c), sums[r][p]);
        }
    }
    for (int r = 0; r < CO; r++) {
        size_t at = (size_t)r * SIZE + first;
        V y = sum_each(sums[r]) + (V)bias[r];
        float lanes[16] = {0};
#ifdef RESIDUAL
        for (int p = 0; p < count; p++)
            lanes[p] = residual[at + p];
        y += vload16(0, lanes);
#endif
        y = activate(y);
        if (count == 16) {
            vstore16(y, 0, out + at);
        } else {
            vstore16(y, 0, lanes);
            for (int p = 0; p < count; p++)
                out[at + p] = lanes[p];
        }
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_narrow(const __global float *restrict in, const __global float *restrict weights,
            const __global float *restrict bias, const __global float *restrict residual,
            __global float *restrict out)
{
    int first = get_group_id(0) * GROUP_PIXELS, last = min(first + GROUP_PIXELS, SIZE);
    size_t n = get_group_id(1);
    for (int i = first; i < last; i += 16)
        project(in + n * SIZE * CP, weights, bias, residual + n * SIZE * CO, out + n * SIZE * CO, i,
                min(last - i, 16));
}
