/*
 * Max and average pooling over two axes for CPUs: one work-item a group and a row of the result, 16
 * channels at a time. Both tensors channels-last with channel pitch CP; no local memory.
 *
 * A window's taps outside the image are skipped; the average divides by the taps inside, or with
 * COUNT_PADDING by those inside the padded image, HI+PY+PY_END by WI+PX+PX_END.
 */
#ifndef HI
#define CP 16
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

typedef float16 V;
#define LOAD(p) (*(const __global V *)(p))

/* Taps t with 0 <= at + t·step < size are first … last − 1. */
static inline int first_tap(int at, int step)
{
    return at < 0 ? (-at + step - 1) / step : 0;
}

static inline int last_tap(int at, int step, int taps, int size)
{
    int last = at < size ? (size - at + step - 1) / step : 0;
    return min(last, taps);
}

static inline V gather(const __global float *restrict in, int y0, int x0, int2 ys, int2 xs)
{
#ifdef MAX
    V result = (V)-INFINITY;
#else
    V result = (V)0.0f;
#endif
    for (int ky = ys.x; ky < ys.y; ky++)
        for (int kx = xs.x; kx < xs.y; kx++) {
            V x = LOAD(in + ((size_t)(y0 + ky * DY) * WI + x0 + kx * DX) * CP);
#ifdef MAX
            result = x > result || x != x ? x : result;
#else
            result += x;
#endif
        }
    return result;
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pool_blocked(const __global float *restrict in, __global float *restrict out)
{
    int y = get_group_id(0), y0 = y * SY - PY;
    size_t n = get_group_id(1);
    int2 ys = (int2)(first_tap(y0, DY), last_tap(y0, DY, KY, HI));
    in += n * HI * WI * CP;
    out += (n * HO + y) * WO * CP;
    for (int x = 0; x < WO; x++) {
        int x0 = x * SX - PX;
        int2 xs = (int2)(first_tap(x0, DX), last_tap(x0, DX, KX, WI));
#ifdef COUNT_PADDING
        int count = last_tap(y0, DY, KY, HI + PY_END) * last_tap(x0, DX, KX, WI + PX_END);
#else
        int count = (ys.y - ys.x) * (xs.y - xs.x);
#endif
        for (int c = 0; c < CP; c += 16) {
            V result = gather(in + c, y0, x0, ys, xs);
#ifndef MAX
            result = count > 0 ? result / (V)(float)count : (V)0.0f;
#endif
            *(__global V *)(out + x * CP + c) = result;
        }
    }
}
