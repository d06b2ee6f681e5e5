/*
 * Normalisations over any axes, plain layouts: one work-item a group of elements that are
 * normalised together, guarded, no local memory. Shapes are arguments, so that one program serves all.
 *
 *   standardize  out = (x − mean) / √(variance + epsilon) · scale[c] + shift[c]
 *                ABOUT_ZERO: the mean is taken for 0
 *   unit         out = x / (Σ|x|^p)^(1/p), p of 1 or 2; 0 where the norm is 0
 *   local_response  out = x / (bias + alpha/size · Σ x² over `size` neighbouring channels)^beta:
 *                one work-item an element of [n][channels][inner]
 *
 * Group i begins at the offset of its kept position and has `count` elements at the offsets of the
 * reduced ones; both by dims and strides, outermost first; the outermost kept one counts rows of any number.
 * c = offset / inner % channels is the scale's index. SCALE, SHIFT, MEANS, INVERSES: which of scale and
 * shift are there, and which of each group's mean and 1/√(variance + epsilon) are wanted.
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

__kernel void standardize(const __global float *restrict in, __global float *restrict out,
                          const __global float *scale, const __global float *shift,
                          __global float *means, __global float *inverses, int8 kept,
                          int8 kept_strides, int8 reduced, int8 reduced_strides, int kept_rank,
                          int reduced_rank, int count, int inner, int channels, float epsilon,
                          ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t start = offset_of(i, kept, kept_strides, kept_rank);
    float mean = 0.0f, variance = 0.0f;
#ifndef ABOUT_ZERO
    for (int r = 0; r < count; r++)
        mean += in[start + offset_of(r, reduced, reduced_strides, reduced_rank)];
    mean /= count;
#endif
    for (int r = 0; r < count; r++) {
        float x = in[start + offset_of(r, reduced, reduced_strides, reduced_rank)] - mean;
        variance = fma(x, x, variance);
    }
    float by = 1.0f / sqrt(variance / count + epsilon);
    for (int r = 0; r < count; r++) {
        size_t at = start + offset_of(r, reduced, reduced_strides, reduced_rank);
        float x = (in[at] - mean) * by;
#ifdef SCALE
        x *= scale[at / inner % channels];
#endif
#ifdef SHIFT
        x += shift[at / inner % channels];
#endif
        out[at] = x;
    }
#ifdef MEANS
    means[i] = mean;
#endif
#ifdef INVERSES
    inverses[i] = by;
#endif
}

__kernel void unit(const __global float *restrict in, __global float *restrict out, int8 kept,
                   int8 kept_strides, int8 reduced, int8 reduced_strides, int kept_rank,
                   int reduced_rank, int count, int p, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t start = offset_of(i, kept, kept_strides, kept_rank);
    float norm = 0.0f;
    for (int r = 0; r < count; r++) {
        float x = in[start + offset_of(r, reduced, reduced_strides, reduced_rank)];
        norm = p == 1 ? norm + fabs(x) : fma(x, x, norm);
    }
    norm = p == 1 ? norm : sqrt(norm);
    for (int r = 0; r < count; r++) {
        size_t at = start + offset_of(r, reduced, reduced_strides, reduced_rank);
        out[at] = norm == 0.0f ? 0.0f : in[at] / norm;
    }
}

__kernel void local_response(const __global float *restrict in, __global float *restrict out,
                             int channels, int inner, int size, float alpha, float beta, float bias,
                             ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int c = i / inner % channels;
    int first = max(c - (size - 1) / 2, 0), last = min(c + size / 2, channels - 1);
    float sum = 0.0f;
    for (int k = first; k <= last; k++) {
        float x = in[i + (long)(k - c) * inner];
        sum = fma(x, x, sum);
    }
    out[i] = in[i] / pow(bias + alpha / size * sum, beta);
}
