/*
 * A matrix product for any device and any operands: one work-item an element of the result, all operands
 * by strides: out[b][m][j] = act(alpha · Σ_k A · B + beta · C). The batch index b has two dimensions.
 */
typedef float V;
#include "activation.clh"

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
