/*
 * Sampling of an image [n][channels][h][w] at the places of a grid [n][ho][wo][2] of (x, y) in [-1, 1]: one
 * work-item an element of [n][channels][ho][wo], guarded, no local memory. Shapes are arguments.
 *
 * MODE: 0 bilinear, 1 nearest, 2 bicubic (a = -0.75). BORDER: 0 zeros, 1 the edge, 2 reflected.
 * -1 and 1 are the centres of the outermost pixels with ALIGN, else their outer edges.
 */
#ifndef MODE
#define MODE 0
#endif
#ifndef BORDER
#define BORDER 0
#endif
#ifndef ALIGN
#define ALIGN 0
#endif

static inline float unnormalise(float g, int size)
{
    return ALIGN ? (g + 1.0f) * 0.5f * (size - 1) : ((g + 1.0f) * size - 1.0f) * 0.5f;
}

#if BORDER == 2
/* Reflection between the outermost centres with ALIGN, else between the outer edges. */
static inline float reflect(float x, int size)
{
    float low = ALIGN ? 0.0f : -0.5f, span = ALIGN ? size - 1 : size;
    if (span == 0.0f)
        return 0.0f;
    x = fmod(fabs(x - low), 2.0f * span);
    return low + (x > span ? 2.0f * span - x : x);
}
#endif

static inline float bounded(float x, int size)
{
#if BORDER == 2
    x = reflect(x, size);
#endif
#if BORDER != 0
    x = fmin(fmax(x, 0.0f), (float)(size - 1));
#endif
    return x;
}

static inline float pixel(const __global float *plane, float y, float x, int h, int w)
{
    y = bounded(y, h);
    x = bounded(x, w);
    int inside = y >= 0.0f && y <= h - 1 && x >= 0.0f && x <= w - 1;
    return inside ? plane[(size_t)(int)y * w + (int)x] : 0.0f;
}

#if MODE == 2
static inline float cubic(float distance)
{
    const float a = -0.75f;
    float x = fabs(distance);
    if (x < 1.0f)
        return ((a + 2.0f) * x - (a + 3.0f)) * x * x + 1.0f;
    return x < 2.0f ? ((a * x - 5.0f * a) * x + 8.0f * a) * x - 4.0f * a : 0.0f;
}
#endif

__kernel void grid_sample(const __global float *restrict in, const __global float *restrict grid,
                          __global float *restrict out, int channels, int h, int w, int places,
                          ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    size_t n = i / places / channels;
    const __global float *plane = in + i / places * h * w;
    const __global float *place = grid + (n * places + i % places) * 2;
    float x = unnormalise(place[0], w), y = unnormalise(place[1], h), sum = 0.0f;
#if MODE == 1
    sum = pixel(plane, rint(bounded(y, h)), rint(bounded(x, w)), h, w);
#elif MODE == 0
    x = bounded(x, w);
    y = bounded(y, h);
    float x0 = floor(x), y0 = floor(y), fx = x - x0, fy = y - y0;
    sum = (pixel(plane, y0, x0, h, w) * (1.0f - fx) + pixel(plane, y0, x0 + 1.0f, h, w) * fx) *
              (1.0f - fy) +
          (pixel(plane, y0 + 1.0f, x0, h, w) * (1.0f - fx) +
           pixel(plane, y0 + 1.0f, x0 + 1.0f, h, w) * fx) * fy;
#else
    float x0 = floor(x), y0 = floor(y);
    for (int dy = -1; dy < 3; dy++)
        for (int dx = -1; dx < 3; dx++)
            sum += cubic(y0 + dy - y) * cubic(x0 + dx - x) * pixel(plane, y0 + dy, x0 + dx, h, w);
#endif
    out[i] = sum;
}
