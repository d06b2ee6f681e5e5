/*
 * An image and something smaller, element by element, for CPUs: one work-item a group and a row, 16
 * channels at a time.
 *
 *   out[n][y][x][c] = act(f(a[n][y][x][c], b[…]))        or f(b, a) with SWAPPED
 *
 * a and out channels-last [N][H][W][CP]; b plain: with PER_CHANNEL b[n·B_ROW + c], CP elements a row;
 * with PER_PIXEL b[n·B_ROW + y·W + x]. B_ROW is 0 where b is the same for all samples. BINARY: 0 +, 1 −,
 * 2 ·, 3 ÷. No local memory.
 */
#ifndef CP
#define CP 16
#define H 8
#define W 8
#define B_ROW 0
#define BINARY 0
#define PER_CHANNEL
#endif
#ifndef ACT
#define ACT 0
#define ACT_A 0.0f
#define ACT_B 0.0f
#endif

typedef float16 V;
#define LOAD(p) (*(const __global V *)(p))

static inline V activate(V x)
{
#if ACT == 1
    return x < (V)0.0f ? (V)0.0f : x;
#elif ACT == 2
    return x < (V)0.0f ? x * (V)ACT_A : x;
#elif ACT == 3
    return tanh(x);
#elif ACT == 4
    return (V)1.0f / ((V)1.0f + exp(-x));
#elif ACT == 5
    return fmin(fmax(x, (V)ACT_A), (V)ACT_B);
#elif ACT == 6
    return x < (V)0.0f ? (V)ACT_A * (exp(x) - (V)1.0f) : x;
#else
    return x;
#endif
}

static inline V combine(V x, V y)
{
#ifdef SWAPPED
    V held = x;
    x = y;
    y = held;
#endif
#if BINARY == 0
    return x + y;
#elif BINARY == 1
    return x - y;
#elif BINARY == 2
    return x * y;
#else
    return x / y;
#endif
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
binary_blocked(const __global float *restrict a, const __global float *restrict b,
               __global float *restrict out)
{
    int y = get_group_id(0);
    size_t n = get_group_id(1), row = (n * H + y) * W * CP;
    b += n * B_ROW;
    for (int x = 0; x < W; x++) {
#ifdef PER_PIXEL
        V other = (V)b[y * W + x];
#endif
        for (int c = 0; c < CP; c += 16) {
#ifdef PER_CHANNEL
            V other = vload16(0, b + c);
#endif
            size_t at = row + x * CP + c;
            *(__global V *)(out + at) = activate(combine(LOAD(a + at), other));
        }
    }
}
