/*
 * Strided copies: one work-item an element, guarded, no local memory.
 *
 *   move  out[to + Σ i_r·out_stride_r] = in[from + Σ i_r·in_stride_r], i over RANK dims, outermost first;
 *         the outermost counts rows of any number
 */
#ifndef RANK
#define RANK 4
#endif

__kernel void move(const __global float *restrict in, __global float *restrict out, int8 dims,
                   int8 in_strides, int8 out_strides, int from, int to, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int d[8], s[8], t[8];
    vstore8(dims, 0, d);
    vstore8(in_strides, 0, s);
    vstore8(out_strides, 0, t);
    long at = from, put = to;
    for (int r = RANK - 1; r >= 0; r--) {
        long position = r ? i % d[r] : i;
        i /= d[r];
        at += position * s[r];
        put += position * t[r];
    }
    out[put] = in[at];
}
