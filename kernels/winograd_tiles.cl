/*
 * The ends of a 3×3 convolution in a transform domain, for GPUs; multiply_tiles of tiles.cl stands between them. FORM,
 * and what it means, as in winograd.cl.
 *
 *   input_tiles    v[q][k][t] = (Bᵀ in[k] B)[q] of tile t, zero outside the image; one work-item a tile and channel
 *   output_tiles   out tile = activate(Aᵀ m[.][c][t] A + bias + residual); one work-item a tile and channel
 *
 * Tile t of a sample begins at input row t / TILES_X · STEP − PADY, column t % TILES_X · STEP − PADX; tiles of all
 * samples are numbered through, TILES of each, and neighbouring work-items have neighbouring tiles. in, out and residual
 * plain [N][C][H][W]. Contraction is off. No local memory; the global size is rounded up, hence the guards.
 */
#ifndef FORM
#define FORM 2
#define CI 16
#define CO 16
#define HI 8
#define WI 8
#define HO 8
#define WO 8
#define PADY 1
#define PADX 1
#define TILES_X 4
#define TILES 16 /* of a sample */
#endif

#pragma OPENCL FP_CONTRACT OFF

#define UNROLL _Pragma("unroll")

typedef float V;
#include "activation.clh"
#include "winograd_form.clh"

__kernel void input_tiles(const __global float *restrict in, __global float *restrict v, ulong tiles,
                          ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t t = i % tiles;
    int k = i / tiles, tile = t % TILES;
    const __global float *from = in + (t / TILES * CI + k) * HI * WI;
    int y0 = tile / TILES_X * STEP - PADY, x0 = tile % TILES_X * STEP - PADX;
    float columns[EDGE][EDGE];
    UNROLL for (int x = 0; x < EDGE; x++)
    {
        float d[EDGE];
        UNROLL for (int y = 0; y < EDGE; y++)
        {
            int inside = y0 + y >= 0 && y0 + y < HI && x0 + x >= 0 && x0 + x < WI;
            d[y] = inside ? from[(y0 + y) * WI + x0 + x] : 0.0f;
        }
        transform_line(d, columns[x]);
    }
    UNROLL for (int y = 0; y < EDGE; y++)
    {
        float row[EDGE], o[EDGE];
        UNROLL for (int x = 0; x < EDGE; x++) row[x] = columns[x][y];
        transform_line(row, o);
        UNROLL for (int x = 0; x < EDGE; x++)
            v[((size_t)(y * EDGE + x) * CI + k) * tiles + t] = o[x];
    }
}

__kernel void output_tiles(const __global float *restrict m, const __global float *restrict bias,
                           const __global float *restrict residual, __global float *restrict out,
                           ulong tiles, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t t = i % tiles;
    int c = i / tiles, tile = t % TILES;
    int y0 = tile / TILES_X * MADE, x0 = tile % TILES_X * MADE;
    float columns[TERMS][MADE];
    UNROLL for (int x = 0; x < TERMS; x++)
    {
        float d[TERMS];
        UNROLL for (int y = 0; y < TERMS; y++)
            d[y] = m[((size_t)(y * TERMS + x) * CO + c) * tiles + t];
        finish_line(d, columns[x]);
    }
    UNROLL for (int y = 0; y < MADE; y++)
    {
        float row[TERMS], o[MADE];
        UNROLL for (int x = 0; x < TERMS; x++) row[x] = columns[x][y];
        finish_line(row, o);
        UNROLL for (int x = 0; x < MADE; x++)
        {
            size_t at = ((t / TILES * CO + c) * HO + y0 + y) * WO + x0 + x;
            float sum = o[x] + bias[c];
            if (y0 + y >= HO || x0 + x >= WO)
                continue;
#ifdef RESIDUAL
            sum += residual[at];
#endif
            out[at] = activate(sum);
        }
    }
}
