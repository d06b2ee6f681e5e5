/*
 * Max and average pooling over two axes: one work-item an element of the result, guarded, no local
 * memory. Plain or channels-last (C is then the padded pitch) by strides.
 *
 * A window's taps outside the image are skipped; the average divides by the taps inside, or with
 * COUNT_PADDING by those inside the padded image, HI+PY+PY_END by WI+PX+PX_END.
 */
#ifndef HI
#define C 16
#define HI 8
#define WI 8
#define HO 4
#define WO 4
#define KY 2
#define KX 2
#define SY 2
#define SX 2
#define DY 1
#define DX 1
#define PY 0
#define PX 0
#define PY_END 0
#define PX_END 0
#endif

#ifdef CHANNELS_LAST
#define AT(n, c, y, x, h, w) ((((n) * (h) + (y)) * (w) + (x)) * C + (c))
#else
#define AT(n, c, y, x, h, w) ((((n) * C + (c)) * (h) + (y)) * (w) + (x))
#endif

__kernel void pool(const __global float *restrict in, __global float *restrict out, ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
#ifdef CHANNELS_LAST
    int c = i % C, x = i / C % WO, y = i / (C * WO) % HO;
#else
    int x = i % WO, y = i / WO % HO, c = i / (WO * HO) % C;
#endif
    size_t n = i / ((size_t)C * WO * HO);
#ifdef MAX
    float result = -INFINITY;
#else
    float result = 0.0f;
    int count = 0;
#endif
    for (int ky = 0; ky < KY; ky++)
        for (int kx = 0; kx < KX; kx++) {
            int yy = y * SY - PY + ky * DY, xx = x * SX - PX + kx * DX;
            int inside = yy >= 0 && yy < HI && xx >= 0 && xx < WI;
#ifdef MAX
            if (inside)
                result = fmax(result, in[AT(n, c, yy, xx, HI, WI)]);
#else
            if (inside)
                result += in[AT(n, c, yy, xx, HI, WI)];
#ifdef COUNT_PADDING
            count += yy < HI + PY_END && xx < WI + PX_END;
#else
            count += inside;
#endif
#endif
        }
#ifdef MAX
    out[i] = result;
#else
    out[i] = count ? result / count : 0.0f;
#endif
}
