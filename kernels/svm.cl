/*
 * Products of samples with vectors, for many boundaries ("lanes") at once (worker/fit_products.h).
 *
 *   x        [block][panel][BLOCK][8]  a chunk of samples: row r, feature 8 p + i at [r /
 * BLOCK][p][r % BLOCK][i]; the feature behind the last is 1 (the offset), then zeros w
 * [slab][width][LANES]      a vector a lane; width = 8 panels states   [row][stride]             a
 * byte a sample and column: POSITIVE, NEGATIVE, neither (does not count), and whether it is ACTIVE
 * (its loss curves) map      [slab][LANES]             the column of a lane; lanes from `count` on
 * are padding, of cost 0 costs    [2][slab][LANES]          what a positive, a negative sample of
 * the lane weighs partial  [sum][slab][width][LANES] per SUM rows
 *
 * A work-group takes SUM rows and one slab of lanes, block by block: first the products of each row
 * with the lanes' vectors and what follows from them, r, into `scratch`; then Xᵀ r. So a block is
 * read from memory once.
 *
 * Every sum has a fixed order that depends on nothing but the rows: a row's product runs over the
 * features; Xᵀ r over the rows of a block, then over the blocks of SUM rows, then (svm_reduce) over
 * all of them. Products are accumulated by fma(), and contraction is off, so a lane's result is the
 * same to the last bit whatever other lanes there are, and however the samples are cut into chunks
 * of whole SUM rows. Padding rows have x = 0 and state 0 and add exact zeros; there are no edges.
 * No local memory.
 */
#pragma OPENCL FP_CONTRACT OFF

#ifndef NV
#define NV 1 /* vectors of 16 lanes in a slab */
#endif
#ifndef LOCAL
#define LOCAL 1 /* work-items of a group; 1 for CPUs */
#endif
#ifndef BLOCK
#define BLOCK 256 /* rows of one sum in registers; part of the result's definition, as is SUM */
#define SUM 1024  /* rows of one partial result */
#endif
#define LANES (16 * NV)
#define ROWS 8 /* rows of a tile */
#define TILES (BLOCK / ROWS)

#define POSITIVE 1
#define NEGATIVE 2
#define ACTIVE 4

typedef float16 V;
#define UNROLL _Pragma("unroll")
#define LOAD(p) (*(const __global V *)(p))
#define STORE(p, value) (*(__global V *)(p) = (value))

/* sums = products of ROWS rows from x on with all features of w. */
static inline void forward(const __global float *x, const __global float *w, uint panels,
                           V sums[ROWS][NV])
{
    UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int v = 0; v < NV; v++) sums[r][v] = 0.0f;
    for (uint p = 0; p < panels; p++, x += BLOCK * 8, w += 8 * LANES) {
        UNROLL for (int i = 0; i < 8; i++)
        {
            V weights[NV];
            UNROLL for (int v = 0; v < NV; v++) weights[v] = LOAD(w + i * LANES + v * 16);
            UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int v = 0; v < NV; v++) sums[r][v] =
                fma((V)x[r * 8 + i], weights[v], sums[r][v]);
        }
    }
}

/* partial (+)= the block's Xᵀ r, panel by panel. */
static inline void backward(const __global float *x, const __global float *r,
                            __global float *partial, uint panels, bool first)
{
    for (uint p = get_local_id(0); p < panels; p += LOCAL) {
        const __global float *panel = x + (size_t)p * BLOCK * 8;
        V sums[8][NV];
        UNROLL for (int i = 0; i < 8; i++) UNROLL for (int v = 0; v < NV; v++) sums[i][v] = 0.0f;
        for (int row = 0; row < BLOCK; row++) {
            V values[NV];
            UNROLL for (int v = 0; v < NV; v++) values[v] = LOAD(r + row * LANES + v * 16);
            UNROLL for (int i = 0; i < 8; i++) UNROLL for (int v = 0; v < NV; v++) sums[i][v] =
                fma((V)panel[row * 8 + i], values[v], sums[i][v]);
        }
        __global float *to = partial + (size_t)p * 8 * LANES;
        UNROLL for (int i = 0; i < 8; i++) UNROLL for (int v = 0; v < NV; v++)
        {
            __global float *at = to + i * LANES + v * 16;
            STORE(at, first ? sums[i][v] : LOAD(at) + sums[i][v]);
        }
    }
}

/* The states of 16 lanes of a row. */
static inline int16 gather(const __global uchar *states, const __global uint *map)
{
    uchar bytes[16];
    UNROLL for (int i = 0; i < 16; i++) bytes[i] = states[map[i]];
    return convert_int16(vload16(0, bytes));
}

struct where {
    size_t group, slab, block; /* block: the first of the group's */
};

static inline struct where find(void)
{
    struct where at = {get_group_id(0), get_group_id(1), get_group_id(0) * (SUM / BLOCK)};
    return at;
}

/*
 * The gradient of Σ c max(0, 1 − y o)², y = ±1, o = x w: r = −2 c y max(0, 1 − y o). Writes which
 * samples are active and the sums of losses, [sum][slab][LANES]. `tile_losses` is scratch of
 * [group][slab][TILES][LANES].
 */
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
svm_gradient(const __global float *restrict x, const __global float *restrict w,
             __global uchar *restrict states, const __global uint *restrict map,
             const __global float *restrict costs, __global float *restrict scratch,
             __global float *restrict tile_losses, __global float *restrict partial,
             __global float *restrict losses, uint panels, uint stride, uint count)
{
    struct where at = find();
    size_t slabs = get_num_groups(1), unit = at.group * slabs + at.slab, width = (size_t)panels * 8;
    scratch += unit * BLOCK * LANES;
    tile_losses += unit * TILES * LANES;
    partial += unit * width * LANES;
    losses += unit * LANES;
    w += at.slab * width * LANES;
    map += at.slab * LANES;
    costs += at.slab * LANES;
    for (int b = 0; b < SUM / BLOCK; b++) {
        const __global float *block = x + (at.block + b) * width * BLOCK;
        __global uchar *rows = states + (at.block + b) * BLOCK * stride;
        for (uint tile = get_local_id(0); tile < TILES; tile += LOCAL) {
            V sums[ROWS][NV];
            forward(block + tile * ROWS * 8, w, panels, sums);
            UNROLL for (int v = 0; v < NV; v++)
            {
                V positive = LOAD(costs + v * 16), negative = LOAD(costs + slabs * LANES + v * 16);
                V tile_loss = 0.0f;
                UNROLL for (int r = 0; r < ROWS; r++)
                {
                    uint row = tile * ROWS + r;
                    int16 state = gather(rows + row * stride, map + v * 16);
                    int16 is_positive = (state & POSITIVE) != 0,
                          is_negative = (state & NEGATIVE) != 0;
                    V label = select((V)(-1.0f), (V)(1.0f), is_positive);
                    V cost = select((V)(0.0f), select(negative, positive, is_positive),
                                    is_positive | is_negative);
                    V slack = fmax((V)(1.0f) - label * sums[r][v], (V)(0.0f));
                    tile_loss = fma(cost * slack, slack, tile_loss);
                    STORE(scratch + row * LANES + v * 16, -2.0f * cost * label * slack);
                    uchar bytes[16];
                    int16 active = (state & (POSITIVE | NEGATIVE)) |
                                   select((int16)(0), (int16)(ACTIVE), slack > (V)(0.0f));
                    vstore16(convert_uchar16(active), 0, bytes);
                    for (uint i = 0; i < 16 && at.slab * LANES + v * 16 + i < count; i++)
                        rows[row * stride + map[v * 16 + i]] = bytes[i];
                }
                STORE(tile_losses + tile * LANES + v * 16, tile_loss);
            }
        }
        barrier(CLK_GLOBAL_MEM_FENCE);
        backward(block, scratch, partial, panels, b == 0);
        for (uint lane = get_local_id(0); lane < LANES; lane += LOCAL) {
            float sum = b == 0 ? 0.0f : losses[lane];
            for (uint tile = 0; tile < TILES; tile++)
                sum += tile_losses[tile * LANES + lane];
            losses[lane] = sum;
        }
        barrier(CLK_GLOBAL_MEM_FENCE);
    }
}

/* The Hessian's product with v: r = 2 c (x v) where the sample is active. */
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
svm_hessian(const __global float *restrict x, const __global float *restrict w,
            const __global uchar *restrict states, const __global uint *restrict map,
            const __global float *restrict costs, __global float *restrict scratch,
            __global float *restrict partial, uint panels, uint stride)
{
    struct where at = find();
    size_t slabs = get_num_groups(1), unit = at.group * slabs + at.slab, width = (size_t)panels * 8;
    scratch += unit * BLOCK * LANES;
    partial += unit * width * LANES;
    w += at.slab * width * LANES;
    map += at.slab * LANES;
    costs += at.slab * LANES;
    for (int b = 0; b < SUM / BLOCK; b++) {
        const __global float *block = x + (at.block + b) * width * BLOCK;
        const __global uchar *rows = states + (at.block + b) * BLOCK * stride;
        for (uint tile = get_local_id(0); tile < TILES; tile += LOCAL) {
            V sums[ROWS][NV];
            forward(block + tile * ROWS * 8, w, panels, sums);
            UNROLL for (int v = 0; v < NV; v++)
            {
                V positive = LOAD(costs + v * 16), negative = LOAD(costs + slabs * LANES + v * 16);
                UNROLL for (int r = 0; r < ROWS; r++)
                {
                    uint row = tile * ROWS + r;
                    int16 state = gather(rows + row * stride, map + v * 16);
                    V cost = select(negative, positive, (state & POSITIVE) != 0);
                    cost = select((V)(0.0f), cost, (state & ACTIVE) != 0);
                    STORE(scratch + row * LANES + v * 16, 2.0f * cost * sums[r][v]);
                }
            }
        }
        barrier(CLK_GLOBAL_MEM_FENCE);
        backward(block, scratch, partial, panels, b == 0);
        barrier(CLK_GLOBAL_MEM_FENCE);
    }
}

/* Xᵀ r of given r, [slab][row][LANES] of `rows` rows. */
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
svm_weighted(const __global float *restrict x, const __global float *restrict r,
             __global float *restrict partial, uint panels, uint rows)
{
    struct where at = find();
    size_t width = (size_t)panels * 8;
    partial += (at.group * get_num_groups(1) + at.slab) * width * LANES;
    r += at.slab * rows * LANES;
    for (int b = 0; b < SUM / BLOCK; b++)
        backward(x + (at.block + b) * width * BLOCK, r + (at.block + b) * BLOCK * LANES, partial,
                 panels, b == 0);
}

/* o = x w, [slab][row][LANES] of `rows` rows. Groups: SUM rows, slabs. */
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
svm_scores(const __global float *restrict x, const __global float *restrict w,
           __global float *restrict o, uint panels, uint rows)
{
    struct where at = find();
    size_t width = (size_t)panels * 8;
    w += at.slab * width * LANES;
    o += at.slab * rows * LANES;
    for (uint tile = get_local_id(0); tile < SUM / ROWS; tile += LOCAL) {
        size_t row = at.group * SUM + tile * ROWS;
        V sums[ROWS][NV];
        forward(x + row / BLOCK * width * BLOCK + row % BLOCK * 8, w, panels, sums);
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int v = 0; v < NV; v++)
            STORE(o + (row + r) * LANES + v * 16, sums[r][v]);
    }
}

/* sums[0][i] += Σ over `count` partial results [count][size], in order, what rounding lost going to
 * sums[1][i] (Knuth's two-sum); `first` begins from 0. Global size: size. */
__kernel void svm_reduce(const __global float *restrict partial, __global float *restrict sums,
                         uint count, uint first)
{
    size_t i = get_global_id(0), size = get_global_size(0);
    float sum = first ? 0.0f : sums[i], lost = first ? 0.0f : sums[size + i];
    for (uint n = 0; n < count; n++) {
        float term = partial[n * size + i];
        float next = sum + term;
        float back = next - sum;
        lost += (sum - (next - back)) + (term - back);
        sum = next;
    }
    sums[i] = sum;
    sums[size + i] = lost;
}
