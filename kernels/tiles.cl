/*
 * Matrix products for GPUs: tiles in local memory, blocks in registers. Three kernels with one core.
 *
 * A group of IN × IM work-items makes TM × TN = IM·BM × IN·BN sums, each work-item BM × BN of them; TK terms of all
 * rows and columns at a time are copied to local memory. A sum is added up term by term in order, so that its bits do not
 * depend on the tile.
 *
 *   conv_tiles      implicit GEMM, the index formulas of conv.cl. Rows: the M = CO/GROUPS channels of a group of channels,
 *                   columns: positions i of all samples, numbered through, terms [ty][tx][ci] of the DEPTH = TY·TX·CI:
 *                     out[s][g·M + m][o(i,p)] = act(bias + Σ_k in[s][ci][i·IS + t·D + OFF[p]] · w[p][g][k][m] + residual)
 *                   dimension 2: phase p · GROUPS + channel group g. in, out and residual plain; weights [p][g][DEPTH][M].
 *   multiply_tiles  the middle of winograd_tiles.cl: m[p][c][t] = Σ_k v[plane(p)][k][t] · w[p][k][c], dimension 2: p;
 *                   weights [p][DEPTH][COP]; M = CO rows, columns: tiles t.
 *   gemm_tiles      out[b][m][j] = act(alpha · Σ_k A[b][m][k] · B[b][k][j] + beta · C[b][m][j]), all by strides A_M, A_K, …;
 *                   dimension 2: b = b0 · B1 + b1. out plain.
 *
 * Rows, columns and terms beyond the last are zeros and are not stored: nothing must divide anything, but TN divides
 * IM·IN, and IM·IN / TN divides TK. With HALF_WEIGHTS the weights (gemm_tiles: B) are float16 in memory; they become
 * float32 on the way to local memory. Local memory: TK·(TM + 1 + TN) floats.
 */
#ifndef IM
#define IM 8
#define IN 8
#define BM 4
#define BN 4
#define TK 8
#endif
#if !defined(CONV) && !defined(MULTIPLY) && !defined(GEMM)
#define CONV
#define CI 16  /* input channels of one group of channels */
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

#pragma OPENCL FP_CONTRACT OFF

#define ITEMS (IM * IN)
#define TM (IM * BM)
#define TN (IN * BN)
#define AP (TM + 1) /* pitch of the rows' tile: columns of it fall on different banks */
#define GROUP __attribute__((reqd_work_group_size(IN, IM, 1)))
#define UNROLL _Pragma("unroll")

#ifdef HALF_WEIGHTS
typedef half weight_t;
#define WEIGHT(p, i) vload_half((i), (p))
#else
typedef float weight_t;
#define WEIGHT(p, i) ((p)[i])
#endif

typedef float V;
#include "activation.clh"

/* acc += TK terms of a work-item's rows from `row` on and its columns `column`, `column` + IN, … */
static inline void add_terms(const __local float *a, const __local float *b, int row, int column,
                             float acc[BM][BN])
{
    for (int k = 0; k < TK; k++) {
        float x[BM], y[BN];
        UNROLL for (int i = 0; i < BM; i++) x[i] = a[k * AP + row + i];
        UNROLL for (int j = 0; j < BN; j++) y[j] = b[k * TN + column + j * IN];
        UNROLL for (int i = 0; i < BM; i++)
            UNROLL for (int j = 0; j < BN; j++) acc[i][j] = fma(x[i], y[j], acc[i][j]);
    }
}

/* Terms from k0 on of rows from m0 on, of weights [depth][pitch] that have `rows` of them; neighbours are rows. */
static inline void load_weights(const __global weight_t *restrict weights, int k0, int depth, int m0,
                                int rows, int pitch, __local float *a)
{
    for (int e = get_local_id(1) * IN + get_local_id(0); e < TK * TM; e += ITEMS) {
        int k = k0 + e / TM, m = m0 + e % TM;
        a[e / TM * AP + e % TM] =
            k < depth && m < rows ? WEIGHT(weights, (size_t)k * pitch + m) : 0.0f;
    }
}

#ifdef CONV
#define M (CO / GROUPS)
#define DEPTH (TY * TX * CI)
#define PX ((WO + OSX - 1) / OSX) /* positions that a phase computes */
#define PY ((HO + OSY - 1) / OSY)

__constant int off_y[] = {OFFY};
__constant int off_x[] = {OFFX};

/* Where a position's input begins. */
struct source {
    const __global float *from; /* the first of its channels */
    int y, x;
    int inside; /* there is such a position */
};

static inline void load_inputs(struct source source, int k0, __local float *b)
{
    int l = get_local_id(1) * IN + get_local_id(0);
    for (int k = l / TN; k < TK; k += ITEMS / TN) {
        int tap = (k0 + k) / CI, channel = (k0 + k) % CI;
        int y = source.y + tap / TX * DY, x = source.x + tap % TX * DX;
        int inside = source.inside && k0 + k < DEPTH && y >= 0 && y < HI && x >= 0 && x < WI;
        b[k * TN + l % TN] = inside ? source.from[((size_t)channel * HI + y) * WI + x] : 0.0f;
    }
}

__kernel GROUP void conv_tiles(const __global float *restrict in, const __global weight_t *restrict weights,
                               const __global float *restrict bias, const __global float *restrict residual,
                               __global float *restrict out, ulong positions)
{
    __local float a[TK * AP], b[TK * TN];
    int column = get_local_id(0), row = get_local_id(1) * BM;
    int phase = get_group_id(2) / GROUPS, group = get_group_id(2) % GROUPS;
    int py = phase / OSX, px = phase % OSX, m0 = get_group_id(1) * TM;
    size_t n0 = get_group_id(0) * (size_t)TN, n = n0 + (get_local_id(1) * IN + column) % TN;
    int position = n % (PY * PX);
    struct source source = {in + (n / (PY * PX) * CIN + group * CI) * HI * WI,
                            position / PX * ISY + off_y[py], position % PX * ISX + off_x[px],
                            n < positions};
    float acc[BM][BN];
    UNROLL for (int i = 0; i < BM; i++)
    {
        float first = m0 + row + i < M ? bias[group * M + m0 + row + i] : 0.0f;
        UNROLL for (int j = 0; j < BN; j++) acc[i][j] = first;
    }
    weights += (size_t)get_group_id(2) * DEPTH * M;
    for (int k0 = 0; k0 < DEPTH; k0 += TK) {
        load_weights(weights, k0, DEPTH, m0, M, M, a);
        load_inputs(source, k0, b);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_terms(a, b, row, column, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    UNROLL for (int j = 0; j < BN; j++)
    {
        size_t q = n0 + column + j * IN;
        int y = q % (PY * PX) / PX * OSY + py, x = q % (PY * PX) % PX * OSX + px;
        if (q >= positions || y >= HO || x >= WO)
            continue;
        UNROLL for (int i = 0; i < BM; i++)
        {
            int m = m0 + row + i;
            size_t at = ((q / (PY * PX) * CO + group * M + m) * HO + y) * WO + x;
            if (m < M) {
#ifdef RESIDUAL
                acc[i][j] += residual[at];
#endif
                out[at] = activate(acc[i][j]);
            }
        }
    }
}
#endif

#ifdef MULTIPLY
#if FORM == 25
#define PLANE(p) (((p) / 5 - ((p) / 5 > 2)) * 4 + (p) % 5 - ((p) % 5 > 2)) /* as winograd.cl's */
#else
#define PLANE(p) (p)
#endif

__kernel GROUP void multiply_tiles(const __global float *restrict v, const __global weight_t *restrict weights,
                                   __global float *restrict m, ulong tiles)
{
    __local float a[TK * AP], b[TK * TN];
    int column = get_local_id(0), row = get_local_id(1) * BM, m0 = get_group_id(1) * TM;
    int p = get_group_id(2), l = get_local_id(1) * IN + column;
    size_t n0 = get_group_id(0) * (size_t)TN, n = n0 + l % TN;
    float acc[BM][BN] = {{0.0f}};
    weights += (size_t)p * CI * COP;
    v += PLANE(p) * CI * tiles + n;
    for (int k0 = 0; k0 < CI; k0 += TK) {
        load_weights(weights, k0, CI, m0, CO, COP, a);
        for (int k = l / TN; k < TK; k += ITEMS / TN)
            b[k * TN + l % TN] = n < tiles && k0 + k < CI ? v[(k0 + k) * tiles] : 0.0f;
        barrier(CLK_LOCAL_MEM_FENCE);
        add_terms(a, b, row, column, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    UNROLL for (int i = 0; i < BM; i++)
        UNROLL for (int j = 0; j < BN; j++)
        {
            size_t q = n0 + column + j * IN;
            if (m0 + row + i < CO && q < tiles)
                m[((size_t)p * CO + m0 + row + i) * tiles + q] = acc[i][j];
        }
}
#endif

#ifdef GEMM
/* Terms from k0 on of A's rows from m0 on; neighbours are what lies side by side in memory. */
static inline void load_a(const __global float *restrict from, int k0, size_t m0, size_t rows,
                          __local float *a)
{
    for (int e = get_local_id(1) * IN + get_local_id(0); e < TK * TM; e += ITEMS) {
        int k = A_K == 1 ? e % TK : e / TM, m = A_K == 1 ? e / TK : e % TM;
        a[k * AP + m] = k0 + k < K && m0 + m < rows ? from[(m0 + m) * A_M + (size_t)(k0 + k) * A_K] : 0.0f;
    }
}

static inline void load_b(const __global weight_t *restrict from, int k0, int n0, __local float *b)
{
    for (int e = get_local_id(1) * IN + get_local_id(0); e < TK * TN; e += ITEMS) {
        int k = B_J == 1 ? e / TN : e % TK, j = B_J == 1 ? e % TN : e / TK;
        b[k * TN + j] = k0 + k < K && n0 + j < J
                            ? WEIGHT(from, (size_t)(k0 + k) * B_K + (size_t)(n0 + j) * B_J) : 0.0f;
    }
}

__kernel GROUP void gemm_tiles(const __global float *restrict left, const __global weight_t *restrict right,
                               const __global float *restrict c, __global float *restrict out, ulong rows)
{
    __local float a[TK * AP], b[TK * TN];
    int column = get_local_id(0), row = get_local_id(1) * BM;
    size_t b0 = get_group_id(2) / B1, b1 = get_group_id(2) % B1, m0 = get_group_id(1) * (size_t)TM;
    int n0 = get_group_id(0) * TN;
    float acc[BM][BN] = {{0.0f}};
    left += b0 * A_B0 + b1 * A_B1;
    right += b0 * B_B0 + b1 * B_B1;
    c += b0 * C_B0 + b1 * C_B1;
    out += get_group_id(2) * rows * J;
    for (int k0 = 0; k0 < K; k0 += TK) {
        load_a(left, k0, m0, rows, a);
        load_b(right, k0, n0, b);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_terms(a, b, row, column, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    UNROLL for (int i = 0; i < BM; i++)
        UNROLL for (int j = 0; j < BN; j++)
        {
            size_t m = m0 + row + i;
            int n = n0 + column + j * IN;
            if (m >= rows || n >= J)
                continue;
            float sum = acc[i][j] * ALPHA;
#ifdef BETA
            sum = fma(BETA, c[m * C_M + (size_t)n * C_J], sum);
#endif
            out[m * J + n] = activate(sum);
        }
}
#endif
