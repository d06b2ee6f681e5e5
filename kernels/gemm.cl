/*
 * Matrix products.
 *
 * gemm, for CPUs: out[m][j] = act(bias[j] + Σ_k a[m][k] · w[k][j]), one work-item a group of MR rows
 * and one panel of 16·NV columns, accumulated in registers. a plain [M][K]; weights packed
 * [panel][K][16·NV], bias padded to panels; out plain [M][N]. Rows beyond M repeat the last one and are
 * not stored, so every row is computed by the same instructions. No local memory.
 *
 * gemm_any, for any device and any operands: one work-item an element of the result, all operands
 * by strides: out[b][m][j] = act(alpha · Σ_k A · B + beta · C). The batch index b has two dimensions.
 */
#ifndef K
#define K 16
#define N 16
#define NV 1
#define MR 8
#endif
#ifndef ACT
#define ACT 0
#define ACT_A 0.0f
#define ACT_B 0.0f
#endif

typedef float16 V;
#define PAN (16 * NV)
#define UNROLL _Pragma("unroll")
#define LOAD(p) (*(const __global V *)(p))

#define ACTIVATE(T)                                                                                \
    if (ACT == 1)                                                                                  \
        return x < (T)0.0f ? (T)0.0f : x;                                                          \
    if (ACT == 2)                                                                                  \
        return x < (T)0.0f ? x * (T)ACT_A : x;                                                     \
    if (ACT == 3)                                                                                  \
        return tanh(x);                                                                            \
    if (ACT == 4)                                                                                  \
        return (T)1.0f / ((T)1.0f + exp(-x));                                                      \
    if (ACT == 5)                                                                                  \
        return fmin(fmax(x, (T)ACT_A), (T)ACT_B);                                                  \
    if (ACT == 6)                                                                                  \
        return x < (T)0.0f ? (T)ACT_A * (exp(x) - (T)1.0f) : x;                                    \
    return x;

static inline V activate_block(V x)
{
    ACTIVATE(V)
}

static inline float activate(float x)
{
    ACTIVATE(float)
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm(const __global float *restrict a, const __global float *restrict weights,
     const __global float *restrict bias, __global float *restrict out, ulong rows)
{
    size_t m0 = get_group_id(1) * MR;
    int panel = get_group_id(0);
    if (m0 >= rows)
        return;
    const __global float *w = weights + (size_t)panel * K * PAN;
    const __global float *row[MR];
    UNROLL for (int m = 0; m < MR; m++) row[m] = a + (m0 + m < rows ? m0 + m : rows - 1) * K;
    V acc[MR][NV];
    UNROLL for (int m = 0; m < MR; m++)
        UNROLL for (int v = 0; v < NV; v++) acc[m][v] = LOAD(bias + panel * PAN + v * 16);
    for (int k = 0; k < K; k++) {
        V b[NV];
        UNROLL for (int v = 0; v < NV; v++) b[v] = LOAD(w + k * PAN + v * 16);
        UNROLL for (int m = 0; m < MR; m++)
            UNROLL for (int v = 0; v < NV; v++) acc[m][v] = fma((V)row[m][k], b[v], acc[m][v]);
    }
    UNROLL for (int m = 0; m < MR; m++)
    {
        UNROLL for (int v = 0; v < NV; v++)
        {
            float lanes[16];
            vstore16(activate_block(acc[m][v]), 0, lanes);
            for (int i = 0; i < 16; i++)
                if (m0 + m < rows && panel * PAN + v * 16 + i < N)
                    out[(m0 + m) * N + panel * PAN + v * 16 + i] = lanes[i];
        }
    }
}

/* strides: of A (b0, b1, m, k), B (b0, b1, k, j) and C (b0, b1, m, j); sizes b1, M, J, K. */
__kernel void gemm_any(const __global float *restrict a, const __global float *restrict b,
                       const __global float *restrict c, __global float *restrict out, int8 ab,
                       int8 cs, float alpha, float beta, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int b1_size = cs.s4, m_size = cs.s5, j_size = cs.s6, k_size = cs.s7;
    size_t j = i % j_size, m = i / j_size % m_size;
    size_t batch = i / j_size / m_size;
    size_t b1 = batch % b1_size, b0 = batch / b1_size;
    const __global float *x = a + b0 * ab.s0 + b1 * ab.s1 + m * ab.s2;
    const __global float *y = b + b0 * ab.s4 + b1 * ab.s5 + j * ab.s7;
    float sum = 0.0f;
    for (int k = 0; k < k_size; k++)
        sum = fma(x[(size_t)k * ab.s3], y[(size_t)k * ab.s6], sum);
    sum *= alpha;
    if (beta != 0.0f)
        sum = fma(beta, c[b0 * cs.s0 + b1 * cs.s1 + m * cs.s2 + j * cs.s3], sum);
    out[i] = activate(sum);
}
