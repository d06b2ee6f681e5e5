/*
 * 3×3 convolution in a transform domain, for CPUs: one work-item a group, explicit float16 blocks.
 *
 *   out tile = Aᵀ [ Σ_k (G w_k Gᵀ) ⊙ (Bᵀ in_k B) ] A        (⊙: element by element, k: input channels)
 *
 * An input tile of EDGE×EDGE yields MADE×MADE outputs by TERMS² products instead of 9·MADE²; TERMS is EDGE
 * but for FORM 25:
 *
 *   FORM 2: F(2×2,3×3), EDGE 4, MADE 2: 2.25 times fewer      (Lavin and Gray 2016, Winograd 1980)
 *   FORM 4: F(4×4,3×3), EDGE 6, MADE 4: 4 times fewer, less exact
 *   FORM 9: nearest upsampling ×2 before the convolution, padded by 1: EDGE 3, MADE 2, 4 times fewer.
 *           With s = w0+w1+w2 and d[i] = x[i]−x[i−1] the outputs of a pixel are
 *           s·x[i] − w0·d[i] and s·x[i] + w2·d[i+1]: exact, all constants are 0 and ±1.
 *   FORM 25: the same by F(4×4,3×3) on the upsampled image: EDGE 4 of the small one, MADE 4, 25 products
 *           where FORM 9 has 36; as exact as FORM 4. Of the six points 0, ±1, ±2 and ∞ of an axis, −1 sees
 *           nothing of pixels that come in pairs, and 2 and −2 see the same but for a factor (the
 *           weights have it): 5 TERMS for the weights, 4 of the input.
 *
 * Tile t of a sample begins at input row t / TILES_X · STEP − PADY, column t % TILES_X · STEP − PADX;
 * outside the image is zero. Tiles of all samples are numbered through. Three stages:
 *
 *   transform: v[q][t][k]          multiply: m[t][p][c] = Σ_k v[q(p)][t][k] · w[panel][p][k][c]
 *   finish:    out = activate(Aᵀ m A + bias + residual), divided by the root mean square if PIXEL_NORM
 *
 * With PROJECT (not STAGED) only a 1×1 convolution of that to PROJECT channels, an image's, goes out:
 *
 *   out[n][r][y][x] = activate(bias'[r] + Σ_c projection[r][c] · finished[n][y][x][c])
 *
 * plain [N][PROJECT][HO][WO], as conv_narrow.cl does it, to the bit; projection [PROJECT][COP].
 *
 * `winograd` does all for TB tiles a group, panel by panel of 16·NV output channels, v and m in local
 * memory; while it multiplies it asks for the input of the group after it. With STREAM, for outputs
 * that no cache holds until they are read, finished tiles stay in local memory and go past the caches.
 * With STAGED, the stages are kernels of their own over scratch in global memory, so that large
 * weights are read once: `transform` (TB tiles a group), `multiply` (one p, one panel and TB tiles a
 * group; m[p][t][c] there), `finish` (TB tiles a group).
 *
 * Layouts: in and out channels-last [N][H][W][CINP], [N][H][W][COP]; weights [panel][p][CI][16·NV];
 * bias padded to panels. MR divides TB. Tiles beyond the last repeat it and are not stored, so each
 * tile is computed by the same instructions wherever it stands. Contraction is off: all forms of a
 * stage round alike.
 * Local memory: TB·(EDGE²·LDV + TERMS²·16·NV) floats, with PROJECT or STREAM MADE²·COP more for
 * each of TB tiles, or for one tile if there is only one panel; STAGED: none.
 */
#ifndef CI
#define FORM 2
#define CI 16       /* input channels */
#define CINP 16     /* channel pitch of the input */
#define CO 16       /* output channels */
#define COP 16      /* channel pitch of the output */
#define HI 8
#define WI 8
#define HO 8
#define WO 8
#define PADY 1
#define PADX 1
#define TILES_X 4
#define TILES 16    /* of a sample */
#define NV 1        /* float16 of a panel */
#define MR 8        /* tiles of a register block */
#define TB 16       /* tiles of a group */
#define LDV 16      /* pitch of v, at least CINP */
#define LDM 16      /* STAGED: pitch of m, at least COP */
#endif
#ifndef PROJECT_ACT /* of the projection */
#define PROJECT_ACT 0
#define PROJECT_ACT_A 0.0f
#define PROJECT_ACT_B 0.0f
#endif

#pragma OPENCL FP_CONTRACT OFF

#ifdef STAGED
#define SCRATCH __global
#else
#define SCRATCH __local
#endif
#if defined(PROJECT) || defined(STREAM)
#define KEEP
#define FINISHED __local
#define FINISHED_ROW (MADE * COP)
#else
#define FINISHED __global
#define FINISHED_ROW (WO * COP)
#endif
#ifdef __has_builtin
#if __has_builtin(__builtin_nontemporal_store) && defined(STREAM)
#define STORE(p, x) __builtin_nontemporal_store(x, (__global V *)(p))
#endif
#if __has_builtin(__builtin_prefetch) && !defined(NO_FETCH) /* oclgrind knows none */
#define FETCH(p) __builtin_prefetch(p, 0, FETCH_LEVEL)
#endif
#endif
#ifndef STORE
#define STORE(p, x) (*(__global V *)(p) = (x))
#endif
#ifndef FETCH
#define FETCH(p)
#endif
/* For the first-level cache what will still be there when it is wanted, else for the second. */
#define FETCH_LEVEL (TB * EDGE * STEP * CINP <= 12 << 10 ? 3 : 2)

typedef float16 V;
#define PRODUCTS (TERMS * TERMS)
#define PIXELS (MADE * MADE)
#if FORM == 25
#define INPUT_TERM(i) ((i) - ((i) > 2))
#else
#define INPUT_TERM(i) (i)
#endif
#define PLANE(p) (INPUT_TERM((p) / TERMS) * EDGE + INPUT_TERM((p) % TERMS)) /* of v, for product p */
#define EDGES (HO % MADE != 0 || WO % MADE != 0) /* some tiles reach beyond the output */
#define PAN (16 * NV)
#define PANELS (COP / PAN)
#define KEPT (PANELS > 1 ? TB : 1) /* finished tiles in local memory: those that wait for a panel */
#define UNROLL _Pragma("unroll")
#define LOAD(p) (*(const __global V *)(p))
#define GROUP __attribute__((reqd_work_group_size(1, 1, 1)))
#define ALWAYS __attribute__((always_inline))

#include "activation.clh"
#include "winograd_form.clh"

/* Where a tile stands: its sample, its place among the sample's tiles. */
struct place {
    size_t sample;
    int y, x;
};

static inline struct place find_tile(ulong tile)
{
    struct place place = {tile / TILES, (int)(tile % TILES) / TILES_X, (int)(tile % TILES) % TILES_X};
    return place;
}

/* o = Bᵀ times EDGE pixels below each other, 16 channels of each, zero outside the image. */
static inline void transform_column(const __global float *restrict in, int y0, int x, V o[EDGE])
{
    V d[EDGE];
    const __global float *at = in + ((long)y0 * WI + x) * CINP;
    if (x < 0 || x >= WI) {
        UNROLL for (int i = 0; i < EDGE; i++) o[i] = (V)0.0f;
        return;
    }
    if (y0 >= 0 && y0 + EDGE <= HI) {
        UNROLL for (int i = 0; i < EDGE; i++) d[i] = LOAD(at + i * WI * CINP);
    } else {
        UNROLL for (int i = 0; i < EDGE; i++)
        {
            d[i] = (V)0.0f;
            if (y0 + i >= 0 && y0 + i < HI)
                d[i] = LOAD(at + i * WI * CINP);
        }
    }
    transform_line(d, o);
}

/* v[q·pitch + t·LDV + k] of TB tiles from `first` on. Neighbours share EDGE − STEP columns. */
static inline void transform_tiles(const __global float *restrict in, ulong first, ulong tiles,
                                   SCRATCH float *restrict v, size_t pitch)
{
    struct place places[TB];
    for (int t = 0; t < TB; t++)
        places[t] = find_tile(min(first + t, tiles - 1));
    for (int k = 0; k < CINP; k += 16) {
        V column[EDGE][EDGE];
        for (int t = 0; t < TB; t++) {
            const __global float *from = in + places[t].sample * HI * WI * CINP + k;
            int y0 = places[t].y * STEP - PADY, x0 = places[t].x * STEP - PADX;
            if (t > 0 && places[t].x == places[t - 1].x + 1) {
                UNROLL for (int j = 0; j < EDGE - STEP; j++)
                    UNROLL for (int i = 0; i < EDGE; i++) column[j][i] = column[j + STEP][i];
            } else {
                UNROLL for (int j = 0; j < EDGE - STEP; j++)
                    transform_column(from, y0, x0 + j, column[j]);
            }
            UNROLL for (int j = EDGE - STEP; j < EDGE; j++)
                transform_column(from, y0, x0 + j, column[j]);
            UNROLL for (int i = 0; i < EDGE; i++)
            {
                V row[EDGE], o[EDGE];
                UNROLL for (int j = 0; j < EDGE; j++) row[j] = column[j][i];
                transform_line(row, o);
                UNROLL for (int j = 0; j < EDGE; j++)
                    *(SCRATCH V *)(v + (size_t)(i * EDGE + j) * pitch + t * LDV + k) = o[j];
            }
        }
    }
}

/* Asks for the columns of a tile that its left neighbour does not have. */
static inline void prefetch_tile(const __global float *restrict in, ulong tile)
{
    struct place place = find_tile(tile);
    int y0 = place.y * STEP - PADY, x0 = place.x * STEP - PADX + EDGE - STEP;
    for (int y = max(y0, 0); y < min(y0 + EDGE, HI); y++) {
        const __global float *at = in + ((place.sample * HI + y) * WI + x0) * CINP;
        UNROLL for (int i = 0; i < STEP * CINP; i += 16)
            FETCH(at + i);
    }
}

/* Asks for a share of the next group's tiles: that of panel and product number `part` of all. */
static inline void prefetch_share(const __global float *restrict in, ulong next, ulong tiles,
                                  int part)
{
    for (int t = part * TB / (PANELS * PRODUCTS); t < (part + 1) * TB / (PANELS * PRODUCTS); t++)
        if (next + t < tiles)
            prefetch_tile(in, next + t);
}

/* MR tiles × one panel of one product: c[t][…] = Σ_k v[t][k] · w[k][…] */
static inline void multiply_block(const SCRATCH float *restrict v,
                                  const __global float *restrict w, SCRATCH float *restrict m,
                                  size_t pitch)
{
    V acc[MR][NV];
    UNROLL for (int t = 0; t < MR; t++)
        UNROLL for (int i = 0; i < NV; i++) acc[t][i] = (V)0.0f;
    for (int k = 0; k < CI; k++) {
        V b[NV];
        UNROLL for (int i = 0; i < NV; i++) b[i] = LOAD(w + k * PAN + i * 16);
        UNROLL for (int t = 0; t < MR; t++)
        {
            V a = (V)v[t * LDV + k];
            UNROLL for (int i = 0; i < NV; i++) acc[t][i] = fma(a, b[i], acc[t][i]);
        }
    }
    UNROLL for (int t = 0; t < MR; t++)
        UNROLL for (int i = 0; i < NV; i++)
            *(SCRATCH V *)(m + t * pitch + i * 16) = acc[t][i];
}

/* Stores 16 channels of a tile from m[p·pitch], pixels FINISHED_ROW and COP apart. */
static inline void finish_block(const SCRATCH float *restrict m, size_t pitch, V bias,
                                const __global float *restrict residual,
                                FINISHED float *restrict out, int y0, int x0)
{
    V t[MADE][TERMS];
    UNROLL for (int j = 0; j < TERMS; j++)
    {
        V column[TERMS], o[MADE];
        UNROLL for (int i = 0; i < TERMS; i++)
            column[i] = *(const SCRATCH V *)(m + (size_t)(i * TERMS + j) * pitch);
        finish_line(column, o);
        UNROLL for (int i = 0; i < MADE; i++) t[i][j] = o[i];
    }
    UNROLL for (int i = 0; i < MADE; i++)
    {
        V o[MADE];
        finish_line(t[i], o);
        UNROLL for (int j = 0; j < MADE; j++)
        {
            V x = o[j] + bias;
            if (EDGES && (y0 + i >= HO || x0 + j >= WO))
                continue;
#ifdef RESIDUAL
            x += LOAD(residual + ((size_t)i * WO + j) * COP);
#endif
            *(FINISHED V *)(out + (size_t)i * FINISHED_ROW + j * COP) =
                activate(x);
        }
    }
}

/* The sums of 16 vectors' elements, in order. */
static inline ALWAYS V sum_each(const V *a)
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

/* Whether pixel p of a tile exists. */
#define INSIDE(place, p)                                                                           \
    ((p) < PIXELS && (!EDGES || ((place).y * MADE + (p) / MADE < HO &&                             \
                                 (place).x * MADE + (p) % MADE < WO)))

/* 16 channels of a tile's pixels, zero for those that do not exist. */
static inline ALWAYS void load_pixels(const FINISHED float *restrict finished, struct place place,
                                      V x[16])
{
    UNROLL for (int p = 0; p < 16; p++)
    {
        size_t at = (size_t)(p / MADE) * FINISHED_ROW + p % MADE * COP;
        x[p] = (V)0.0f;
        if (INSIDE(place, p))
            x[p] = *(const FINISHED V *)(finished + at);
    }
}

#ifdef PIXEL_NORM
/* One over the root mean square of each pixel of a tile. */
static inline ALWAYS void find_scales(const FINISHED float *restrict finished, struct place place,
                                      float scale[16])
{
    V x[16], squares[16];
    UNROLL for (int p = 0; p < 16; p++) squares[p] = (V)0.0f;
    for (int c = 0; c < COP; c += 16) {
        load_pixels(finished + c, place, x);
        UNROLL for (int p = 0; p < 16; p++) squares[p] = fma(x[p], x[p], squares[p]);
    }
    vstore16((V)1.0f / sqrt(fma(sum_each(squares), (V)(1.0f / CO), (V)PIXEL_NORM)), 0, scale);
}
#define SCALED(x, p) ((x) * (V)scale[p])
#else
#define SCALED(x, p) (x)
#endif

#ifdef PROJECT
/* Stores a tile of one channel of the image, a pixel a lane. */
static inline void store_image(__global float *restrict to, V x, struct place place)
{
#if !EDGES && MADE == 4
    vstore4(x.s0123, 0, to);
    vstore4(x.s4567, 0, to + WO);
    vstore4(x.s89ab, 0, to + 2 * WO);
    vstore4(x.scdef, 0, to + 3 * WO);
#else
    float lanes[16];
    vstore16(x, 0, lanes);
    for (int i = 0; i < MADE && place.y * MADE + i < HO; i++)
        for (int j = 0; j < MADE && place.x * MADE + j < WO; j++)
            to[i * WO + j] = lanes[i * MADE + j];
#endif
}

/* The projection of a tile that is finished[pixel][c]. */
static inline void project(const __local float *restrict finished,
                           const __global float *restrict projection,
                           const __global float *restrict bias, __global float *restrict out,
                           struct place place)
{
#ifdef PIXEL_NORM
    float scale[16];
    find_scales(finished, place, scale);
#endif
    for (int r = 0; r < PROJECT; r++) {
        V x[16], sums[16];
        UNROLL for (int p = 0; p < 16; p++) sums[p] = (V)0.0f;
        for (int c = 0; c < COP; c += 16) {
            V w = LOAD(projection + r * COP + c);
            load_pixels(finished + c, place, x);
            UNROLL for (int p = 0; p < 16; p++) sums[p] = fma(SCALED(x[p], p), w, sums[p]);
        }
        V y = activation(sum_each(sums) + (V)bias[r], PROJECT_ACT, PROJECT_ACT_A, PROJECT_ACT_B);
        size_t plane = place.sample * PROJECT + r;
        store_image(out + (plane * HO + place.y * MADE) * WO + place.x * MADE, y, place);
    }
}
#elif defined(PIXEL_NORM) || defined(KEEP)
/* Stores a finished tile, its pixels divided by their root mean square. */
static inline void store_tile(const FINISHED float *finished, __global float *out,
                              struct place place)
{
#ifdef PIXEL_NORM
    float scale[16];
    find_scales(finished, place, scale);
#endif
    for (int c = 0; c < COP; c += 16) {
        V x[16];
        load_pixels(finished + c, place, x);
        UNROLL for (int p = 0; p < PIXELS; p++)
        {
            int y = place.y * MADE + p / MADE, at = place.x * MADE + p % MADE;
            if (INSIDE(place, p))
                STORE(out + ((place.sample * HO + y) * WO + at) * COP + c, SCALED(x[p], p));
        }
    }
}
#endif

#ifndef STAGED
__kernel GROUP void winograd(const __global float *restrict in,
                             const __global float *restrict weights,
                             const __global float *restrict bias,
                             const __global float *restrict residual,
#ifdef PROJECT
                             const __global float *restrict projection,
                             const __global float *restrict projection_bias,
#endif
                             __global float *restrict out, ulong tiles)
{
#ifdef KEEP
    __local float finished[KEPT * PIXELS * COP] __attribute__((aligned(64)));
#endif
    __local float v[EDGE * EDGE * TB * LDV] __attribute__((aligned(64)));
    __local float m[TB * PRODUCTS * PAN] __attribute__((aligned(64)));
    ulong first = get_group_id(0) * TB;
    int count = (int)min(tiles - first, (ulong)TB);
    transform_tiles(in, first, tiles, v, TB * LDV);
    for (int panel = 0; panel < PANELS; panel++) {
        for (int p = 0; p < PRODUCTS; p++) {
            for (int t = 0; t < TB; t += MR)
                multiply_block(v + (PLANE(p) * TB + t) * LDV,
                               weights + ((size_t)panel * PRODUCTS + p) * CI * PAN,
                               m + (t * PRODUCTS + p) * PAN, PRODUCTS * PAN);
            prefetch_share(in, first + TB, tiles, panel * PRODUCTS + p);
        }
        for (int t = 0; t < count; t++) {
            struct place place = find_tile(first + t);
            size_t at = ((place.sample * HO + place.y * MADE) * WO + place.x * MADE) * COP;
#ifdef KEEP
            __local float *to = finished + t % KEPT * PIXELS * COP;
#else
            __global float *to = out + at;
#endif
            for (int c = 0; c < PAN; c += 16)
                finish_block(m + t * PRODUCTS * PAN + c, PAN, LOAD(bias + panel * PAN + c),
                             residual + at + panel * PAN + c, to + panel * PAN + c,
                             place.y * MADE, place.x * MADE);
            if (panel < PANELS - 1)
                continue;
#ifdef PROJECT
            project(to, projection, projection_bias, out, place);
#elif defined(PIXEL_NORM) || defined(KEEP)
            store_tile(to, out, place);
#endif
        }
    }
}
#else
/* Scratch rows of a product: the tiles rounded up to whole groups. */
static inline size_t padded(ulong tiles)
{
    return (tiles + TB - 1) / TB * TB;
}

__kernel GROUP void transform(const __global float *restrict in, __global float *restrict v,
                              ulong tiles)
{
    ulong first = get_group_id(0) * TB;
    transform_tiles(in, first, tiles, v + first * LDV, padded(tiles) * LDV);
}

__kernel GROUP void multiply(const __global float *restrict v, const __global float *restrict weights,
                             __global float *restrict m, ulong tiles)
{
    size_t rows = padded(tiles), first = get_group_id(0) * TB;
    int panel = get_group_id(1), p = get_group_id(2);
    for (int t = 0; t < TB; t += MR)
        multiply_block(v + (PLANE(p) * rows + first + t) * LDV,
                       weights + ((size_t)panel * PRODUCTS + p) * CI * PAN,
                       m + (p * rows + first + t) * LDM + panel * PAN, LDM);
}

__kernel GROUP void finish(const __global float *restrict m, const __global float *restrict bias,
                           const __global float *restrict residual, __global float *restrict out,
                           ulong tiles)
{
    size_t rows = padded(tiles);
    ulong first = get_group_id(0) * TB;
    int count = (int)min(tiles - first, (ulong)TB);
    for (int t = 0; t < count; t++) {
        struct place place = find_tile(first + t);
        size_t at = ((place.sample * HO + place.y * MADE) * WO + place.x * MADE) * COP;
        for (int c = 0; c < COP; c += 16)
            finish_block(m + (first + t) * LDM + c, rows * LDM, LOAD(bias + c), residual + at + c,
                         out + at + c, place.y * MADE, place.x * MADE);
#ifdef PIXEL_NORM
        store_tile(out + at, out, place);
#endif
    }
}
#endif
