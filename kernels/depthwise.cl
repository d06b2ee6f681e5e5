/*
 * Depthwise convolution for CPUs, channels-last: one work-item a group and an output row.
 *
 *   out[n][y][x][c] = act(bias[c] + Σ_t in[n][y·SY + ty·DY − PY][x·SX + tx·DX − PX][c] · w[t][c])
 *
 * Weights [TY][TX][CP], bias [CP]; CP is a multiple of 16; taps outside the image are skipped. No
 * local memory.
 */
#ifndef CP
#define CP 16
#define HI 8
#define WI 8
#define HO 8
#define WO 8
#define SY 1
#define SX 1
#define TY 3
#define TX 3
#define DY 1
#define DX 1
#define PY 1
#define PX 1
#endif

typedef float16 V;
#define UNROLL _Pragma("unroll")
#define LOAD(p) (*(const __global V *)(p))

#include "activation.clh"

static inline V sum_taps(const __global float *restrict in, const __global float *restrict weights,
                         V sum, int y0, int x0)
{
    for (int ty = 0; ty < TY; ty++) {
        int yy = y0 + ty * DY;
        if (yy < 0 || yy >= HI)
            continue;
        for (int tx = 0; tx < TX; tx++) {
            int xx = x0 + tx * DX;
            if (xx >= 0 && xx < WI)
                sum = fma(LOAD(in + ((size_t)yy * WI + xx) * CP), LOAD(weights + (ty * TX + tx) * CP),
                          sum);
        }
    }
    return sum;
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
depthwise(const __global float *restrict in, const __global float *restrict weights,
          const __global float *restrict bias, const __global float *restrict residual,
          __global float *restrict out)
{
    int y = get_group_id(0), y0 = y * SY - PY;
    size_t n = get_group_id(1), row = (n * HO + y) * WO * CP;
    int rows_inside = y0 >= 0 && y0 + (TY - 1) * DY < HI;
    in += n * HI * WI * CP;
    for (int c = 0; c < CP; c += 16) {
        V w[TY * TX], b = LOAD(bias + c);
        UNROLL for (int t = 0; t < TY * TX; t++) w[t] = LOAD(weights + t * CP + c);
        for (int x = 0; x < WO; x++) {
            int x0 = x * SX - PX;
            V sum = b;
            if (rows_inside && x0 >= 0 && x0 + (TX - 1) * DX < WI) {
                const __global float *at = in + ((size_t)y0 * WI + x0) * CP + c;
                UNROLL for (int t = 0; t < TY * TX; t++)
                    sum = fma(LOAD(at + (t / TX * DY * WI + t % TX * DX) * CP), w[t], sum);
            } else {
                sum = sum_taps(in + c, weights + c, sum, y0, x0);
            }
#ifdef RESIDUAL
            sum += LOAD(residual + row + x * CP + c);
#endif
            *(__global V *)(out + row + x * CP + c) = activate(sum);
        }
    }
}
