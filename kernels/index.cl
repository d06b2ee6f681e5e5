/*
 * Copies by tables of indices that are known at load: one work-item an element of the result, guarded,
 * no local memory, plain layouts. Shapes are arguments, so that one program serves all.
 *
 *   select  out[i_0, i_1, …] = in[Σ_r table[offsets_r + i_r] · in_strides_r], i over `rank` dims, outermost
 *           first; an offset of -1 is the identity (i_r itself); an entry of -1 gives `fill`.
 *           The outermost counts rows of any number where its offset is -1.
 *   pick    out[n][j] = a[n][t] for t = table[j] >= 0, `fill` for t = -1, b[n][-2 - t] below;
 *           rows of `row`, `a_row` and `b_row` elements
 */
__kernel void select_axes(const __global float *restrict in, __global float *restrict out,
                          const __global int *restrict table, int8 dims, int8 in_strides,
                          int8 offsets, int rank, float fill, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int d[8], s[8], t[8];
    vstore8(dims, 0, d);
    vstore8(in_strides, 0, s);
    vstore8(offsets, 0, t);
    size_t rest = i, at = 0;
    int outside = 0;
    for (int r = rank - 1; r >= 0; r--) {
        size_t position = r ? rest % d[r] : rest;
        rest /= d[r];
        long from = t[r] < 0 ? (long)position : (long)table[t[r] + position];
        outside |= from < 0;
        at += (from < 0 ? 0 : from) * s[r];
    }
    out[i] = outside ? fill : in[at];
}

__kernel void pick(const __global float *restrict a, const __global float *restrict b,
                   __global float *restrict out, const __global int *restrict table, int row,
                   int a_row, int b_row, float fill, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t n = i / row;
    int t = table[i % row];
    out[i] = t >= 0 ? a[n * a_row + t] : t == -1 ? fill : b[n * b_row + (-2 - t)];
}
