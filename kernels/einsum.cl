/*
 * out[i] = Σ_j a[kept offset of i + summed offset of j] · b[the same by b's strides]: one work-item an
 * element of the result, guarded, no local memory, plain layouts. Shapes are arguments.
 *
 * i runs over `kept_rank` dims, j over `summed_rank`, outermost first; a stride is the sum of those of all
 * dimensions with one label, 0 where an operand does not have it. `pair` is 0 for one operand.
 */
static inline size_t offset_of(size_t i, int8 dims, int8 strides, int rank)
{
    int d[8], s[8];
    vstore8(dims, 0, d);
    vstore8(strides, 0, s);
    size_t offset = 0;
    for (int r = rank - 1; r >= 0; r--) {
        offset += (r ? i % d[r] : i) * s[r];
        i /= d[r];
    }
    return offset;
}

__kernel void einsum(const __global float *a, const __global float *b, __global float *restrict out,
                     int8 kept, int8 a_kept, int8 b_kept, int8 summed, int8 a_summed, int8 b_summed,
                     int kept_rank, int summed_rank, int count, int pair, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t at = offset_of(i, kept, a_kept, kept_rank), bt = offset_of(i, kept, b_kept, kept_rank);
    float sum = 0.0f;
    for (int j = 0; j < count; j++) {
        float x = a[at + offset_of(j, summed, a_summed, summed_rank)];
        float y = pair ? b[bt + offset_of(j, summed, b_summed, summed_rank)] : 1.0f;
        sum = fma(x, y, sum);
    }
    out[i] = sum;
}
