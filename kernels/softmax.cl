/*
 * Softmax and (LOG) its logarithm over the middle of [outer][COUNT][INNER]: one work-item a line,
 * guarded, no local memory. Shifted by the maximum.
 */
#ifndef COUNT
#define COUNT 8
#define INNER 1
#endif

__kernel void softmax(const __global float *restrict in, __global float *restrict out, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t at = i / INNER * COUNT * INNER + i % INNER;
    in += at;
    out += at;
    float greatest = in[0], sum = 0.0f;
    for (int k = 1; k < COUNT; k++)
        greatest = fmax(greatest, in[k * INNER]);
    for (int k = 0; k < COUNT; k++) {
        float e = exp(in[k * INNER] - greatest);
        sum += e;
        out[k * INNER] = e;
    }
    for (int k = 0; k < COUNT; k++) {
#ifdef LOG
        out[k * INNER] = in[k * INNER] - greatest - log(sum);
#else
        out[k * INNER] /= sum;
#endif
    }
}
