/*
 * Between the two layouts of an image tensor, and plain copies.
 *
 *   plain          [N][C][H][W], as ONNX has it
 *   channels-last  [N][H][W][CP], CP = C rounded up to 16; channels C..CP-1 are never read
 *
 * One work-item an element of the result; the global size is rounded up to the local size, hence
 * the guards. No local memory.
 */

/* to[n][p][c] = from[n][c][p] over `total` = N·HW·CP elements; channels beyond C become 0. */
__kernel void to_channels_last(const __global float *restrict from, __global float *restrict to,
                               int channels, int padded, int pixels, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int c = i % padded;
    size_t pixel = i / padded;
    size_t n = pixel / pixels;
    size_t p = pixel % pixels;
    to[i] = c < channels ? from[(n * channels + c) * pixels + p] : 0.0f;
}

/* to[n][c][p] = from[n][p][c] over `total` = N·C·HW elements. */
__kernel void to_plain(const __global float *restrict from, __global float *restrict to,
                       int channels, int padded, int pixels, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t p = i % pixels;
    size_t nc = i / pixels;
    size_t n = nc / channels;
    int c = nc % channels;
    to[i] = from[(n * pixels + p) * padded + c];
}

__kernel void copy(const __global float *restrict from, __global float *restrict to, ulong total)
{
    size_t i = get_global_id(0);
    if (i < total)
        to[i] = from[i];
}
