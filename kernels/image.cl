/*
 * Images between networks. One work-item a pixel of the result (pixels16: sixteen), guarded, no local memory.
 *
 * convert  a part of [N][C][H][W] floats to another size (bilinear, half-pixel centres, the part's edges
 *          repeated), channel order, range, between colour and gray (Rec. 601 luma), and normalised
 * pixels   to [N][H][W][3] bytes: round(255·(x − low)/(high − low)), clipped; gray repeats
 * pixels16 the same of images whose channels stand first and whose H·W is a multiple of sixteen
 *
 * An image whose channels stand last is [N][H][W][C].
 */

/* Where channel `c` of pixel `p` of an image of `size` pixels stands. */
inline size_t place(int c, int channels, int last, size_t p, size_t size)
{
    return last ? p * channels + c : c * size + p;
}

/* sizes: from height, from width, to height, to width; window: top, left, rows, columns of what is taken;
 * channels: from, to, from swapped, to swapped; last: from, to; range: x' = (x − range.x)·range.y + range.z,
 * then (x' − mean)·inverse by the tensor's channel. */
__kernel void convert(const __global float *restrict from, __global float *restrict to, int4 sizes,
                      int4 window, int4 channels, int2 last, float4 range, float4 mean,
                      float4 inverse, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int wi = sizes.y, ho = sizes.z, wo = sizes.w, rows = window.z, columns = window.w;
    int x = i % wo, y = i / wo % ho;
    size_t n = i / ((size_t)wo * ho), size = (size_t)sizes.x * wi;
    float fy = clamp((y + 0.5f) * rows / ho - 0.5f, 0.0f, rows - 1.0f);
    float fx = clamp((x + 0.5f) * columns / wo - 0.5f, 0.0f, columns - 1.0f);
    int y0 = (int)fy, x0 = (int)fx, y1 = min(y0 + 1, rows - 1), x1 = min(x0 + 1, columns - 1);
    fy -= y0;
    fx -= x0;
    size_t r0 = (size_t)(window.x + y0) * wi + window.y, r1 = (size_t)(window.x + y1) * wi + window.y;
    const __global float *p = from + n * channels.x * size;
    float rgb[3];
    for (int c = 0; c < 3; c++) {
        int plane = channels.x == 1 ? 0 : channels.z ? 2 - c : c;
        float top = p[place(plane, channels.x, last.x, r0 + x0, size)] * (1.0f - fx) +
                    p[place(plane, channels.x, last.x, r0 + x1, size)] * fx;
        float bottom = p[place(plane, channels.x, last.x, r1 + x0, size)] * (1.0f - fx) +
                       p[place(plane, channels.x, last.x, r1 + x1, size)] * fx;
        rgb[c] = (top * (1.0f - fy) + bottom * fy - range.x) * range.y + range.z;
    }
    size_t made = (size_t)ho * wo, at = (size_t)y * wo + x;
    __global float *out = to + n * channels.y * made;
    if (channels.y == 1) {
        float gray = channels.x == 1 ? rgb[0] : 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
        out[at] = (gray - mean.x) * inverse.x;
    } else {
        float means[3] = {mean.x, mean.y, mean.z}, inverses[3] = {inverse.x, inverse.y, inverse.z};
        for (int c = 0; c < 3; c++) {
            int plane = channels.w ? 2 - c : c;
            out[place(plane, 3, last.y, at, made)] = (rgb[c] - means[plane]) * inverses[plane];
        }
    }
}

__kernel void pixels(const __global float *restrict image, __global uchar *restrict out, int size,
                     int channels, int swapped, int last, float low, float scale,
                     ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t n = i / size, p = i % size;
    for (int c = 0; c < 3; c++) {
        int plane = channels == 1 ? 0 : swapped ? 2 - c : c;
        float x = image[n * channels * size + place(plane, channels, last, p, size)];
        out[3 * i + c] = convert_uchar_sat_rte((x - low) * scale);
    }
}

/* One of sixteen pixels of red, green and blue, as its three bytes. */
#define PIXEL(i) red.s##i, green.s##i, blue.s##i

/* `size` is H·W / 16; total: work-items. */
__kernel void pixels16(const __global float *restrict image, __global uchar *restrict out, int size,
                       int channels, int swapped, float low, float scale, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    uint n = (uint)i / (uint)size, p = (uint)i % (uint)size;
    const __global float *from = image + ((size_t)n * channels * size + p) * 16;
    size_t plane = channels == 1 ? 0 : (size_t)size;
    uchar16 red = convert_uchar16_sat_rte((vload16(swapped ? 2 * plane : 0, from) - low) * scale);
    uchar16 green = convert_uchar16_sat_rte((vload16(plane, from) - low) * scale);
    uchar16 blue = convert_uchar16_sat_rte((vload16(swapped ? 0 : 2 * plane, from) - low) * scale);
    vstore16((uchar16)(PIXEL(0), PIXEL(1), PIXEL(2), PIXEL(3), PIXEL(4), red.s5), 3 * i, out);
    vstore16((uchar16)(green.s5, blue.s5, PIXEL(6), PIXEL(7), PIXEL(8), PIXEL(9), red.sa, green.sa),
             3 * i + 1, out);
    vstore16((uchar16)(blue.sa, PIXEL(b), PIXEL(c), PIXEL(d), PIXEL(e), PIXEL(f)), 3 * i + 2, out);
}
