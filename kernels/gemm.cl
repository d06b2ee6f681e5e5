/*
 * A matrix product for CPUs: out[m][j] = act(bias[j] + Σ_k a[m][k] · w[k][j]), one work-item a group of MR rows
 * and one panel of 16·NV columns, accumulated in registers. a plain [M][K]; weights packed
 * [panel][K][16·NV], bias padded to panels; out plain [M][N]. Rows beyond M repeat the last one and are
 * not stored, so every row is computed by the same instructions. No local memory.
 */
#ifndef K
#define K 16
#define N 16
#define NV 1
#define MR 8
#endif

typedef float16 V;
#define PAN (16 * NV)
#define UNROLL _Pragma("unroll")
#define LOAD(p) (*(const __global V *)(p))

#include "activation.clh"

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
            vstore16(activate(acc[m][v]), 0, lanes);
            for (int i = 0; i < 16; i++)
                if (m0 + m < rows && panel * PAN + v * 16 + i < N)
                    out[(m0 + m) * N + panel * PAN + v * 16 + i] = lanes[i];
        }
    }
}
