/*
 * Pooling over up to three axes: one work-item an element of the result, guarded, no local memory,
 * plain layouts. Shapes are arguments, so that one program serves all. The vectors' lanes 0 to 2 are
 * the axes z, y, x; leading ones are 1.
 *
 * POOL: 0 average, 1 largest, 2 the p-norm (Σ|x|^p)^(1/p). Taps outside the image are skipped; the
 * average divides by the taps inside, or with `count_padding` by those inside the padded image.
 */
#ifndef POOL
#define POOL 0
#endif

__kernel void pool_nd(const __global float *restrict in, __global float *restrict out, int8 size,
                      int8 result, int8 kernel_size, int8 stride, int8 dilation, int8 begin,
                      int8 end, int count_padding, float p, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int8 at = (int8)(i / ((size_t)result.s2 * result.s1) % result.s0,
                     i / result.s2 % result.s1, i % result.s2, 0, 0, 0, 0, 0);
    size_t plane = i / ((size_t)result.s0 * result.s1 * result.s2);
    in += plane * size.s0 * size.s1 * size.s2;
    float sum = POOL == 1 ? -INFINITY : 0.0f;
    int count = 0, taps = kernel_size.s0 * kernel_size.s1 * kernel_size.s2;
    for (int j = 0; j < taps; j++) {
        int8 tap = (int8)(j / (kernel_size.s2 * kernel_size.s1),
                          j / kernel_size.s2 % kernel_size.s1, j % kernel_size.s2, 0, 0, 0, 0, 0);
        int8 from = at * stride - begin + tap * dilation;
        int inside = from.s0 >= 0 && from.s0 < size.s0 && from.s1 >= 0 && from.s1 < size.s1 &&
                     from.s2 >= 0 && from.s2 < size.s2;
        int padded = from.s0 < size.s0 + end.s0 && from.s1 < size.s1 + end.s1 &&
                     from.s2 < size.s2 + end.s2;
        count += count_padding ? padded : inside;
        if (!inside)
            continue;
        float x = in[((size_t)from.s0 * size.s1 + from.s1) * size.s2 + from.s2];
#if POOL == 1
        sum = fmax(sum, x);
#elif POOL == 2
        sum += pow(fabs(x), p);
#else
        sum += x;
#endif
    }
#if POOL == 1
    out[i] = sum;
#elif POOL == 2
    out[i] = pow(sum, 1.0f / p);
#else
    out[i] = count ? sum / count : 0.0f;
#endif
}
