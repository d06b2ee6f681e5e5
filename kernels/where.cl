/*
 * out[i] = c[i] != 0 ? a[i] : b[i], each operand broadcast by its strides (0 where it is): one
 * work-item an element, guarded, no local memory, plain layouts. `rank` dims, outermost first; the
 * outermost counts rows of any number.
 */
__kernel void where(const __global float *c, const __global float *a, const __global float *b,
                    __global float *restrict out, int8 dims, int8 c_strides, int8 a_strides,
                    int8 b_strides, int rank, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int d[8], s[8], t[8], u[8];
    vstore8(dims, 0, d);
    vstore8(c_strides, 0, s);
    vstore8(a_strides, 0, t);
    vstore8(b_strides, 0, u);
    size_t rest = i, ct = 0, at = 0, bt = 0;
    for (int r = rank - 1; r >= 0; r--) {
        size_t position = r ? rest % d[r] : rest;
        rest /= d[r];
        ct += position * s[r];
        at += position * t[r];
        bt += position * u[r];
    }
    out[i] = c[ct] != 0.0f ? a[at] : b[bt];
}
