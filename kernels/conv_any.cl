/*
 * Convolution for any device: one work-item an output element, plain layouts.
 *
 * The same index formulas as conv.cl (steps, phases, taps, offsets), weights
 * [phase][CO][CI][TY][TX] with CI the channels of one group, and bounds checked at each tap.
 * Work-items run along x, so that neighbours read neighbours. No local memory; nothing must divide
 * anything.
 */
#ifndef CI
#define CI 16  /* input channels of one group */
#define CIN 16 /* input channels */
#define CO 16
#define GROUPS 1
#define HI 8
#define WI 8
#define HO 8
#define WO 8
#define ISY 1
#define ISX 1
#define OSY 1
#define OSX 1
#define TY 3
#define TX 3
#define DY 1
#define DX 1
#define OFFY -1 /* one per phase, separated by commas */
#define OFFX -1
#endif

__constant int off_y[] = {OFFY};
__constant int off_x[] = {OFFX};

typedef float V;
#include "activation.clh"

__kernel void conv_any(const __global float *restrict in, const __global float *restrict weights,
                       const __global float *restrict bias, const __global float *restrict residual,
                       __global float *restrict out, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int x = i % WO, y = i / WO % HO, co = i / (WO * HO) % CO;
    size_t n = i / ((size_t)WO * HO * CO);
    int py = y % OSY, px = x % OSX;
    int y0 = y / OSY * ISY + off_y[py], x0 = x / OSX * ISX + off_x[px];
    const __global float *w =
        weights + ((size_t)(py * OSX + px) * CO + co) * CI * TY * TX;
    const __global float *from = in + (n * CIN + co / (CO / GROUPS) * CI) * HI * WI;
    float sum = bias[co];
    for (int k = 0; k < CI; k++)
        for (int ty = 0; ty < TY; ty++)
            for (int tx = 0; tx < TX; tx++) {
                int yy = y0 + ty * DY, xx = x0 + tx * DX;
                if (yy >= 0 && yy < HI && xx >= 0 && xx < WI)
                    sum = fma(from[((size_t)k * HI + yy) * WI + xx], w[(k * TY + ty) * TX + tx],
                              sum);
            }
#ifdef RESIDUAL
    sum += residual[i];
#endif
    out[i] = activate(sum);
}
