/*
 * Images between networks. One work-item a pixel of the result, guarded, no local memory.
 *
 * convert  [N][C][H][W] floats to another size (bilinear, half-pixel centres, edges repeated), channel
 *          order, range and between colour and gray (Rec. 601 luma)
 * pixels   to [N][H][W][3] bytes: round(255·(x − low)/(high − low)), clipped; gray repeats
 */

/* sizes: from height, from width, to height, to width; channels: from, to, from swapped, to swapped;
 * range: x' = (x − range.x)·range.y + range.z. */
__kernel void convert(const __global float *restrict from, __global float *restrict to, int4 sizes,
                      int4 channels, float4 range, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int hi = sizes.x, wi = sizes.y, ho = sizes.z, wo = sizes.w;
    int x = i % wo, y = i / wo % ho;
    size_t n = i / ((size_t)wo * ho);
    float fy = clamp((y + 0.5f) * hi / ho - 0.5f, 0.0f, hi - 1.0f);
    float fx = clamp((x + 0.5f) * wi / wo - 0.5f, 0.0f, wi - 1.0f);
    int y0 = (int)fy, x0 = (int)fx, y1 = min(y0 + 1, hi - 1), x1 = min(x0 + 1, wi - 1);
    fy -= y0;
    fx -= x0;
    float rgb[3];
    for (int c = 0; c < 3; c++) {
        int plane = channels.x == 1 ? 0 : channels.z ? 2 - c : c;
        const __global float *p = from + (n * channels.x + plane) * hi * wi;
        float top = p[y0 * wi + x0] * (1.0f - fx) + p[y0 * wi + x1] * fx;
        float bottom = p[y1 * wi + x0] * (1.0f - fx) + p[y1 * wi + x1] * fx;
        rgb[c] = (top * (1.0f - fy) + bottom * fy - range.x) * range.y + range.z;
    }
    __global float *out = to + n * channels.y * ho * wo + y * wo + x;
    if (channels.y == 1) {
        out[0] = channels.x == 1 ? rgb[0] : 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
    } else {
        for (int c = 0; c < 3; c++)
            out[(size_t)(channels.w ? 2 - c : c) * ho * wo] = rgb[c];
    }
}

__kernel void pixels(const __global float *restrict image, __global uchar *restrict out, int size,
                     int channels, int swapped, float low, float scale, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t n = i / size, p = i % size;
    for (int c = 0; c < 3; c++) {
        int plane = channels == 1 ? 0 : swapped ? 2 - c : c;
        float x = image[(n * channels + plane) * size + p];
        out[3 * i + c] = convert_uchar_sat_rte((x - low) * scale);
    }
}
