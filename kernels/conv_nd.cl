/*
 * Convolution over up to three axes with weights from anywhere, plain layouts: one work-item an
 * element of the result, guarded, no local memory. Shapes are arguments, so that one program
 * serves all; the blocked kernels of conv.cl are what networks run on.
 *
 *   plain       out[n][co][o] = bias[co] + Σ in[n][g·ci + k][o·stride − pad + j·dilation] · w[co][k][j]
 *   TRANSPOSED  in[n][g·ci + k][i] · w[g·ci + k][co − g·cg][j] goes to out[n][co][i·stride − pad + j·dilation]
 *
 * with g the group of co, ci and cg the input and output channels of a group, and o, i, j positions of
 * three axes z, y, x (leading ones are 1). The vectors' lanes 0 to 2 are the axes.
 */

/* The input position of tap j for output o along one axis, or -1. */
static inline int source_of(int o, int j, int stride, int dilation, int pad, int size)
{
#ifdef TRANSPOSED
    int reach = o + pad - j * dilation;
    if (reach < 0 || reach % stride != 0)
        return -1;
    int i = reach / stride;
#else
    int i = o * stride - pad + j * dilation;
#endif
    return i >= 0 && i < size ? i : -1;
}

__kernel void conv_nd(const __global float *restrict in, const __global float *restrict weights,
                      const __global float *restrict bias, __global float *restrict out, int8 size,
                      int8 result, int8 kernel_size, int8 stride, int8 dilation, int8 pad, int ci,
                      int cg, int groups, int biased, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int x = i % result.s2, y = i / result.s2 % result.s1;
    size_t rest = i / ((size_t)result.s2 * result.s1);
    int z = rest % result.s0, co = rest / result.s0 % (cg * groups);
    size_t n = rest / ((size_t)result.s0 * cg * groups);
    int g = co / cg, taps = kernel_size.s0 * kernel_size.s1 * kernel_size.s2;
    size_t volume = (size_t)size.s0 * size.s1 * size.s2;
    float sum = biased ? bias[co] : 0.0f;
    for (int j = 0; j < taps; j++) {
        int jx = j % kernel_size.s2, jy = j / kernel_size.s2 % kernel_size.s1;
        int jz = j / (kernel_size.s2 * kernel_size.s1);
        int iz = source_of(z, jz, stride.s0, dilation.s0, pad.s0, size.s0);
        int iy = source_of(y, jy, stride.s1, dilation.s1, pad.s1, size.s1);
        int ix = source_of(x, jx, stride.s2, dilation.s2, pad.s2, size.s2);
        if (iz < 0 || iy < 0 || ix < 0)
            continue;
        size_t at = ((size_t)iz * size.s1 + iy) * size.s2 + ix;
        for (int k = 0; k < ci; k++) {
#ifdef TRANSPOSED
            size_t w = ((size_t)(g * ci + k) * cg + (co - g * cg)) * taps + j;
#else
            size_t w = ((size_t)co * ci + k) * taps + j;
#endif
            sum = fma(in[(n * groups * ci + g * ci + k) * volume + at], weights[w], sum);
        }
    }
    out[i] = sum;
}
