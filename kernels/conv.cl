/*
 * Convolution for CPUs: one work-item a group, explicit float16 accumulators, packed weights.
 *
 *   out[n][o(i,p)][c] = act(bias[c] + Σ_t Σ_k in[n][i·IS + t·D + OFF[p]][k] · w[p][t][k][c])
 *
 * per axis, with o = i·OS + p. Ordinary convolution has OS = 1 phase and OFF = −pad. Nearest
 * upsampling before a convolution, and transposed convolution, have OS phases with IS = 1.
 *
 * A group computes TILEY×TILEX positions i of one sample, all phases, all channels. It first copies
 * the input that the tile touches into local memory, [PATCHY][PATCHX][CIP], zero outside the image, so
 * that nothing is checked in the inner loops. (With weights that no cache holds, the channels are dealt to
 * groups by GROUP_PANELS panels.) Then, per phase and panel of 16·NV channels, blocks of
 * BY×BX positions accumulate in registers.
 *
 * Layouts: in plain [N][CIN][HI][WI] (IN_PLAIN) or channels-last [N][HI][WI][CINP]; out plain
 * or channels-last [N][HO][WO][COP]; weights [phase][panel][TY][TX][CI][16·NV]; bias padded to panels.
 * BY divides TILEY, BX divides TILEX; positions beyond the image are computed on zeros and not
 * stored. Local memory: PATCHY·PATCHX·CIP floats.
 * Grouped convolution: panels of one group read its CI channels; 16·NV divides CO/GROUPS.
 *
 * With FRONT, the convolution is 1×1 over one long row (HI = 1), and a depthwise convolution's output is its
 * input: a group makes what its patch needs, as depthwise.cl does, to the bit, from `in` of
 * [N][FRONT_HI][FRONT_WI][CINP]; its other numbers are FRONT_… of depthwise.cl's. CIP is at least CINP.
 *
 * With POOL, the convolution is 1×1 over one long row (HI = 1) of image rows of POOL positions, and what is written is
 * the largest of each 2×2 positions, to the bit as pool_blocked.cl does, channels-last: [N][HO·WO/POOL/2][POOL/2][COP].
 * 2·POOL divides TILEX and HO·WO. A panel's tile is kept behind the patch: TILEX·16·NV floats more.
 */
#ifndef CI
#define CI 16     /* input channels of one group */
#define CIN 16    /* input channels */
#define CINP 16   /* channel pitch of a channels-last input */
#define CO 16     /* output channels */
#define COP 16    /* channel pitch of a channels-last output */
#define CIP 16    /* channel pitch of the patch, at least CIN */
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
#define OFFY -1   /* one per phase, separated by commas */
#define OFFX -1
#define TAPSY 3   /* of each phase, at most TY */
#define TAPSX 3
#define OFFY_LEAST -1
#define OFFX_LEAST -1
#define TILEY 8
#define TILEX 8
#define TILES_X 1
#define PATCHY 10
#define PATCHX 10
#define BY 1
#define BX 8
#define NV 1
#define PANELS 1
#define GROUP_PANELS 1
#endif
#ifndef FRONT_ACT
#define FRONT_ACT 0
#define FRONT_ACT_A 0.0f
#define FRONT_ACT_B 0.0f
#endif

typedef float16 V;
#define PAN (16 * NV)
#define MR (BY * BX)
#define UNROLL _Pragma("unroll")
#define LOAD(p) (*(const __global V *)(p))

__constant int off_y[] = {OFFY};
__constant int off_x[] = {OFFX};
__constant int taps_y[] = {TAPSY};
__constant int taps_x[] = {TAPSX};

#include "activation.clh"

#ifdef FRONT
/* One output of the depthwise convolution, whose taps begin at y0, x0. */
static inline V sum_taps(const __global float *restrict in, const V *w, V sum, int y0, int x0)
{
    if (y0 >= 0 && y0 + (FRONT_TY - 1) * FRONT_DY < FRONT_HI && x0 >= 0 &&
        x0 + (FRONT_TX - 1) * FRONT_DX < FRONT_WI) {
        const __global float *at = in + ((size_t)y0 * FRONT_WI + x0) * CINP;
        UNROLL for (int t = 0; t < FRONT_TY * FRONT_TX; t++)
            sum = fma(LOAD(at + (t / FRONT_TX * FRONT_DY * FRONT_WI + t % FRONT_TX * FRONT_DX) * CINP),
                      w[t], sum);
        return sum;
    }
    UNROLL for (int t = 0; t < FRONT_TY * FRONT_TX; t++)
    {
        int y = y0 + t / FRONT_TX * FRONT_DY, x = x0 + t % FRONT_TX * FRONT_DX;
        if (y >= 0 && y < FRONT_HI && x >= 0 && x < FRONT_WI)
            sum = fma(LOAD(in + ((size_t)y * FRONT_WI + x) * CINP), w[t], sum);
    }
    return sum;
}

/* patch[i] = pixel first + i of the depthwise convolution of one sample, zero beyond the last. */
static inline void make_patch(const __global float *restrict in, const __global float *restrict weights,
                              const __global float *restrict bias, __local float *restrict patch,
                              int first)
{
    for (int c = 0; c < CINP; c += 16) {
        V w[FRONT_TY * FRONT_TX];
        int y = first / FRONT_WO, x = first % FRONT_WO;
        UNROLL for (int t = 0; t < FRONT_TY * FRONT_TX; t++) w[t] = LOAD(weights + t * CINP + c);
        for (int i = 0; i < PATCHX; i++) {
            V sum = (V)0.0f;
            if (first + i < WI)
                sum = activation(sum_taps(in + c, w, LOAD(bias + c), y * FRONT_SY - FRONT_PY,
                                     x * FRONT_SX - FRONT_PX),
                            FRONT_ACT, FRONT_ACT_A, FRONT_ACT_B);
            vstore16(sum, 0, patch + i * CIP + c);
            if (++x == FRONT_WO) {
                x = 0;
                y++;
            }
        }
    }
}
#endif

static inline void copy_pixel(const __global float *restrict in, __local float *restrict to)
{
#ifdef IN_PLAIN
    for (int c = 0; c < CIN; c++)
        to[c] = in[(size_t)c * HI * WI];
#else
    for (int c = 0; c < CIN; c++)
        to[c] = in[c];
#endif
}

/* patch[y][x] = in[y0 + y][x0 + x] of one sample, zero outside. */
static inline void load_patch(const __global float *restrict in, __local float *restrict patch,
                              int y0, int x0)
{
    for (int y = 0; y < PATCHY; y++) {
        int row_inside = y0 + y >= 0 && y0 + y < HI;
        for (int x = 0; x < PATCHX; x++) {
            __local float *to = patch + (y * PATCHX + x) * CIP;
            if (row_inside && x0 + x >= 0 && x0 + x < WI) {
#ifdef IN_PLAIN
                copy_pixel(in + (y0 + y) * WI + x0 + x, to);
#else
                copy_pixel(in + ((size_t)(y0 + y) * WI + x0 + x) * CINP, to);
#endif
            } else {
                for (int c = 0; c < CIN; c++)
                    to[c] = 0.0f;
            }
        }
    }
}

/* acc += patch block × weights of one phase and panel, which has ys × xs taps. */
static inline void accumulate(const __local float *restrict patch,
                              const __global float *restrict weights, int ys, int xs, V acc[MR][NV])
{
    for (int ty = 0; ty < ys; ty++)
        for (int tx = 0; tx < xs; tx++) {
            const __local float *a = patch + (ty * DY * PATCHX + tx * DX) * CIP;
            const __global float *b = weights + (ty * TX + tx) * CI * PAN;
            for (int k = 0; k < CI; k++) {
                V w[NV];
                UNROLL for (int v = 0; v < NV; v++) w[v] = LOAD(b + k * PAN + v * 16);
                UNROLL for (int m = 0; m < MR; m++)
                {
                    V x = (V)a[(m / BX * ISY * PATCHX + m % BX * ISX) * CIP + k];
                    UNROLL for (int v = 0; v < NV; v++) acc[m][v] = fma(x, w[v], acc[m][v]);
                }
            }
        }
}

/* Stores 16 channels from c on at one position of one sample. */
static inline void store(__global float *restrict out, V x, int pixel, int c)
{
#ifdef OUT_PLAIN
    float lanes[16];
    vstore16(x, 0, lanes);
    for (int i = 0; i < 16 && c + i < CO; i++)
        out[(size_t)(c + i) * HO * WO + pixel] = lanes[i];
#else
    *(__global V *)(out + (size_t)pixel * COP + c) = x;
#endif
}

static inline V add_residual(const __global float *restrict residual, V x, int pixel, int c)
{
#ifndef RESIDUAL
    return x;
#elif defined(OUT_PLAIN)
    float lanes[16] = {0};
    for (int i = 0; i < 16 && c + i < CO; i++)
        lanes[i] = residual[(size_t)(c + i) * HO * WO + pixel];
    return x + vload16(0, lanes);
#else
    return x + LOAD(residual + (size_t)pixel * COP + c);
#endif
}

#ifdef PIXEL_NORM
/* Divides the channels of each stored position of the tile by their root mean square. */
static inline void normalise(__global float *restrict out, int y0, int x0)
{
    for (int y = y0; y < y0 + TILEY * OSY && y < HO; y++)
        for (int x = x0; x < x0 + TILEX * OSX && x < WO; x++) {
            __global float *pixel = out + ((size_t)y * WO + x) * COP;
            V sum = (V)0.0f;
            for (int c = 0; c < COP; c += 16) {
                V a = LOAD(pixel + c);
                sum = fma(a, a, sum);
            }
            float8 s8 = sum.lo + sum.hi;
            float4 s4 = s8.lo + s8.hi;
            float2 s2 = s4.lo + s4.hi;
            float scale = 1.0f / sqrt((s2.x + s2.y) / (float)CO + PIXEL_NORM);
            for (int c = 0; c < COP; c += 16)
                *(__global V *)(pixel + c) = LOAD(pixel + c) * (V)scale;
        }
}
#endif

/* Floats of local memory. */
#ifdef POOL
#define ROOM (PATCHY * PATCHX * CIP + TILEX * PAN)

/* The largest of each 2×2 positions of a tile that begins at position j0, of one panel. */
static inline void pool_tile(const __local float *restrict kept, __global float *restrict out, int j0,
                             int panel)
{
    for (int j = 0; j < TILEX && j0 + j < WO; j += 2 * POOL)
        for (int x = 0; x < POOL; x += 2) {
            int pixel = ((j0 + j) / POOL / 2) * (POOL / 2) + x / 2;
            UNROLL for (int v = 0; v < NV; v++)
            {
                V result = (V)-INFINITY;
                UNROLL for (int t = 0; t < 4; t++)
                {
                    V a = vload16(0, kept + (j + t / 2 * POOL + x + t % 2) * PAN + v * 16);
                    result = a > result || a != a ? a : result;
                }
                *(__global V *)(out + (size_t)pixel * COP + panel * PAN + v * 16) = result;
            }
        }
}
#else
#define ROOM (PATCHY * PATCHX * CIP)
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv(const __global float *restrict in, const __global float *restrict weights,
     const __global float *restrict bias, const __global float *restrict residual,
     __global float *restrict out
#ifdef FRONT
     , const __global float *restrict front_weights, const __global float *restrict front_bias
#endif
     )
{
    __local float patch[ROOM] __attribute__((aligned(64)));
    int tile = get_group_id(0);
    size_t n = get_group_id(1);
    int i0 = tile / TILES_X * TILEY, j0 = tile % TILES_X * TILEX;
#if defined(FRONT)
    make_patch(in + n * CINP * FRONT_HI * FRONT_WI, front_weights, front_bias, patch, j0);
#elif defined(IN_PLAIN)
    load_patch(in + n * CIN * HI * WI, patch, i0 * ISY + OFFY_LEAST, j0 * ISX + OFFX_LEAST);
#else
    load_patch(in + n * CINP * HI * WI, patch, i0 * ISY + OFFY_LEAST, j0 * ISX + OFFX_LEAST);
#endif
#ifdef OUT_PLAIN
    size_t sample = n * CO * HO * WO;
#elif defined(POOL)
    size_t sample = n * COP * HO * WO / 4;
#else
    size_t sample = n * COP * HO * WO;
#endif
    out += sample;
    int first = get_group_id(2) * GROUP_PANELS, last = min(first + GROUP_PANELS, PANELS);
    for (int phase = 0; phase < OSY * OSX; phase++) {
        int py = phase / OSX, px = phase % OSX;
        for (int panel = first; panel < last; panel++) {
            const __global float *w = weights + (size_t)(phase * PANELS + panel) * TY * TX * CI * PAN;
            const __local float *channels = patch + panel * PAN / (CO / GROUPS) * CI * (GROUPS > 1);
            for (int i = 0; i < TILEY; i += BY)
                for (int j = 0; j < TILEX; j += BX) {
                    if ((i0 + i) * OSY + py >= HO || (j0 + j) * OSX + px >= WO)
                        continue;
                    V acc[MR][NV];
                    UNROLL for (int m = 0; m < MR; m++)
                        UNROLL for (int v = 0; v < NV; v++)
                            acc[m][v] = LOAD(bias + panel * PAN + v * 16);
                    accumulate(channels + ((i * ISY + off_y[py] - OFFY_LEAST) * PATCHX + j * ISX +
                                           off_x[px] - OFFX_LEAST) * CIP,
                               w, taps_y[py], taps_x[px], acc);
                    UNROLL for (int m = 0; m < MR; m++)
                    {
                        int y = (i0 + i + m / BX) * OSY + py, x = (j0 + j + m % BX) * OSX + px;
                        if (y < HO && x < WO) {
                            UNROLL for (int v = 0; v < NV; v++)
                            {
                                int c = panel * PAN + v * 16;
                                V sum = add_residual(residual + sample, acc[m][v], y * WO + x, c);
#ifdef POOL
                                vstore16(activate(sum), 0,
                                         patch + PATCHX * CIP + (j + m) * PAN + v * 16);
#else
                                store(out, activate(sum), y * WO + x, c);
#endif
                            }
                        }
                    }
                }
#ifdef POOL
            pool_tile(patch + PATCHX * CIP, out, j0, panel);
#endif
        }
    }
#ifdef PIXEL_NORM
    normalise(out, i0 * OSY, j0 * OSX);
#endif
}
