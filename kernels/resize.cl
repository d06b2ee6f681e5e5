/*
 * Resizing of two axes by tables: one work-item an element of the result, guarded, no local memory.
 * Plain or channels-last (C is then the padded pitch).
 *
 *   out[y][x] = bilinear mix of in[rows[2y], rows[2y+1]][columns[2x], columns[2x+1]]
 *
 * with shares row_shares[y], column_shares[x] of the second; nearest has both neighbours equal.
 */
#ifndef HI
#define C 16
#define HI 8
#define WI 8
#define HO 16
#define WO 16
#endif

#ifdef CHANNELS_LAST
#define AT(n, c, y, x, h, w) ((((n) * (h) + (y)) * (w) + (x)) * C + (c))
#else
#define AT(n, c, y, x, h, w) ((((n) * C + (c)) * (h) + (y)) * (w) + (x))
#endif

__kernel void resize(const __global float *restrict in, __global float *restrict out,
                     const __global int *restrict rows, const __global float *restrict row_shares,
                     const __global int *restrict columns,
                     const __global float *restrict column_shares, ulong total)
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
    int y0 = rows[2 * y], y1 = rows[2 * y + 1], x0 = columns[2 * x], x1 = columns[2 * x + 1];
    float a = in[AT(n, c, y0, x0, HI, WI)];
#ifdef LINEAR
    float fy = row_shares[y], fx = column_shares[x];
    float b = in[AT(n, c, y0, x1, HI, WI)];
    float e = in[AT(n, c, y1, x0, HI, WI)], f = in[AT(n, c, y1, x1, HI, WI)];
    float top = a * (1.0f - fx) + b * fx, bottom = e * (1.0f - fx) + f * fx;
    a = top * (1.0f - fy) + bottom * fy;
#endif
    out[i] = a;
}
