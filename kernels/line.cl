/*
 * Over the middle of [outer][count][inner], plain: one work-item a line, guarded, no local memory.
 * Shapes are arguments, so that one program serves all.
 *
 *   hardmax         1 at the first of the largest, 0 elsewhere
 *   arg_best        the place of the largest, or the least, as a number: the first such, or the last; a line a result
 *   cumulative_sum  out[k] = Σ in[j], j up to k, or (exclusive) before k; from the end if `reverse`
 */
__kernel void hardmax(const __global float *restrict in, __global float *restrict out, int count,
                      int inner, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t at = i / inner * count * inner + i % inner;
    int best = 0;
    for (int k = 1; k < count; k++)
        best = in[at + (size_t)k * inner] > in[at + (size_t)best * inner] ? k : best;
    for (int k = 0; k < count; k++)
        out[at + (size_t)k * inner] = k == best ? 1.0f : 0.0f;
}

__kernel void arg_best(const __global float *restrict in, __global float *restrict out, int count, int inner,
                       int least, int last, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t at = i / inner * count * inner + i % inner;
    float found = in[at];
    int best = 0;
    for (int k = 1; k < count; k++) {
        float x = in[at + (size_t)k * inner];
        bool better = least ? x < found : x > found;
        if (better || (last && x == found)) {
            found = x;
            best = k;
        }
    }
    out[i] = (float)best;
}

__kernel void cumulative_sum(const __global float *restrict in, __global float *restrict out,
                             int count, int inner, int exclusive, int reverse, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t at = i / inner * count * inner + i % inner;
    float sum = 0.0f;
    for (int k = 0; k < count; k++) {
        size_t position = at + (size_t)(reverse ? count - 1 - k : k) * inner;
        float x = in[position];
        out[position] = exclusive ? sum : sum + x;
        sum += x;
    }
}
