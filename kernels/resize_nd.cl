/*
 * Resizing of any axes by tables of taps: one work-item an element of the result, guarded, no local
 * memory, plain layouts. Shapes are arguments, so that one program serves all.
 *
 *   out[i_0, i_1, …] = Σ over taps (k_0, k_1, …) of Π_r weights[o_r + i_r·taps_r + k_r]
 *                      · in[indices[o_0 + i_0·taps_0 + k_0], …]
 *
 * o_r is an axis' offset in the tables, -1 where it stays as it is; an index of -1 means that the result
 * lies outside and is `fill`. The outermost axis counts rows of any number where it stays.
 */
__kernel void resize_nd(const __global float *restrict in, __global float *restrict out,
                        const __global int *restrict indices,
                        const __global float *restrict weights, int8 dims, int8 in_strides,
                        int8 offsets, int8 taps, int rank, int combinations, float fill,
                        ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int d[8], s[8], o[8], t[8];
    long position[8];
    vstore8(dims, 0, d);
    vstore8(in_strides, 0, s);
    vstore8(offsets, 0, o);
    vstore8(taps, 0, t);
    size_t rest = i;
    for (int r = rank - 1; r >= 0; r--) {
        position[r] = r ? rest % d[r] : rest;
        rest /= d[r];
    }
    float sum = 0.0f;
    int outside = 0;
    for (int c = 0; c < combinations; c++) {
        int k = c;
        long at = 0;
        float weight = 1.0f;
        for (int r = rank - 1; r >= 0; r--) {
            if (o[r] < 0) {
                at += position[r] * s[r];
                continue;
            }
            long entry = o[r] + position[r] * t[r] + k % t[r];
            k /= t[r];
            outside |= indices[entry] < 0;
            at += (long)max(indices[entry], 0) * s[r];
            weight *= weights[entry];
        }
        sum = fma(in[at], weight, sum);
    }
    out[i] = outside ? fill : sum;
}
