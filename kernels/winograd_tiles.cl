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
#ifndef ACT
#define ACT 0
#define ACT_A 0.0f
#define ACT_B 0.0f
#endif

#pragma OPENCL FP_CONTRACT OFF

#if FORM == 4
#define EDGE 6
#define TERMS 6
#define MADE 4
#define STEP 4
#elif FORM == 25
#define EDGE 4
#define TERMS 5
#define MADE 4
#define STEP 2
#elif FORM == 2
#define EDGE 4
#define TERMS 4
#define MADE 2
#define STEP 2
#else
#define EDGE 3
#define TERMS 3
#define MADE 2
#define STEP 1
#endif
#define UNROLL _Pragma("unroll")

static inline float activate(float x)
{
#if ACT == 1
    return x < 0.0f ? 0.0f : x;
#elif ACT == 2
    return x < 0.0f ? x * ACT_A : x;
#elif ACT == 3
    return tanh(x);
#elif ACT == 4
    return 1.0f / (1.0f + exp(-x));
#elif ACT == 5
    return fmin(fmax(x, ACT_A), ACT_B);
#elif ACT == 6
    return x < 0.0f ? ACT_A * (exp(x) - 1.0f) : x;
#else
    return x;
#endif
}

/* o = Bᵀ d along one axis */
static inline void transform_line(const float d[EDGE], float o[EDGE])
{
#if FORM == 4
    float even = fma(-4.0f, d[2], d[4]), odd = fma(-4.0f, d[1], d[3]);
    float far = d[4] - d[2], near = 2.0f * (d[3] - d[1]);
    o[0] = fma(4.0f, d[0], fma(-5.0f, d[2], d[4]));
    o[1] = even + odd;
    o[2] = even - odd;
    o[3] = far + near;
    o[4] = far - near;
    o[5] = fma(4.0f, d[1], fma(-5.0f, d[3], d[5]));
#elif FORM == 2
    o[0] = d[0] - d[2];
    o[1] = d[1] + d[2];
    o[2] = d[2] - d[1];
    o[3] = d[1] - d[3];
#elif FORM == 25
    o[0] = fma(4.0f, d[0], fma(-5.0f, d[1], d[2]));
    o[1] = fma(-4.0f, d[1], d[2]);
    o[2] = d[2] - d[1];
    o[3] = fma(4.0f, d[1], fma(-5.0f, d[2], d[3]));
#else
    o[0] = d[1] - d[0];
    o[1] = d[1];
    o[2] = d[2] - d[1];
#endif
}

/* o = Aᵀ m along one axis */
static inline void finish_line(const float m[TERMS], float o[MADE])
{
#if FORM == 4
    float a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    o[0] = m[0] + a + c;
    o[1] = fma(2.0f, d, b);
    o[2] = fma(4.0f, c, a);
    o[3] = fma(8.0f, d, b) + m[5];
#elif FORM == 2
    o[0] = m[0] + m[1] + m[2];
    o[1] = m[1] - m[2] - m[3];
#elif FORM == 25
    float a = m[2] + m[3], b = m[2] - m[3];
    o[0] = m[0] + m[1] + a;
    o[1] = fma(2.0f, b, m[1]);
    o[2] = fma(4.0f, a, m[1]);
    o[3] = fma(8.0f, b, m[1]) + m[4];
#else
    o[0] = m[1] - m[0];
    o[1] = m[1] + m[2];
#endif
}

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
