/*
 * An image and smaller operands, element by element, for CPUs: one work-item a group and a row, 16
 * channels at a time.
 *
 *   out[n][y][x][c] = f4(… f1(f0(a[n][y][x][c], b0[…]), b1[…]) …),  fi(x, y) = acti(x ∘ y), or acti(y ∘ x) if SWAPPEDi
 *
 * in up to five links, each rounded as if it were stored. a and out channels-last [N][H][W][CP]. KINDi: 0 no
 * operand, acti(x); 1 one element a channel, b[n·ROWi + c], CP elements a row; 2 one a pixel,
 * b[n·ROWi + y·W + x]; 3 a single one. ROWi is 0 where all samples have the same. BINARYi: 0 +, 1 −, 2 ·, 3 ÷.
 * No local memory.
 */
#ifndef CP
#define CP 16
#define H 8
#define W 8
#endif
/* What no option says of a link. */
#ifndef KIND0
#define KIND0 0
#define BINARY0 0
#define SWAPPED0 0
#define ROW0 0
#endif
#ifndef KIND1
#define KIND1 0
#define BINARY1 0
#define SWAPPED1 0
#define ROW1 0
#endif
#ifndef KIND2
#define KIND2 0
#define BINARY2 0
#define SWAPPED2 0
#define ROW2 0
#endif
#ifndef KIND3
#define KIND3 0
#define BINARY3 0
#define SWAPPED3 0
#define ROW3 0
#endif
#ifndef KIND4
#define KIND4 0
#define BINARY4 0
#define SWAPPED4 0
#define ROW4 0
#endif
#ifndef L0_ACT
#define L0_ACT 0
#define L0_ACT_A 0.0f
#define L0_ACT_B 0.0f
#endif
#ifndef L1_ACT
#define L1_ACT 0
#define L1_ACT_A 0.0f
#define L1_ACT_B 0.0f
#endif
#ifndef L2_ACT
#define L2_ACT 0
#define L2_ACT_A 0.0f
#define L2_ACT_B 0.0f
#endif
#ifndef L3_ACT
#define L3_ACT 0
#define L3_ACT_A 0.0f
#define L3_ACT_B 0.0f
#endif
#ifndef L4_ACT
#define L4_ACT 0
#define L4_ACT_A 0.0f
#define L4_ACT_B 0.0f
#endif

#pragma OPENCL FP_CONTRACT OFF

typedef float16 V;
#define LOAD(p) (*(const __global V *)(p))

#include "activation.clh"

static inline V operand(const __global float *restrict b, int kind, int pixel, int c)
{
    switch (kind) {
    case 1:
        return vload16(0, b + c);
    case 2:
        return (V)b[pixel];
    case 3:
        return (V)b[0];
    default:
        return (V)0.0f;
    }
}

static inline V combine(V x, V y, int kind, int binary)
{
    if (kind == 0)
        return x;
    switch (binary) {
    case 0:
        return x + y;
    case 1:
        return x - y;
    case 2:
        return x * y;
    default:
        return x / y;
    }
}

#define LINK(i)                                                                                    \
    {                                                                                              \
        V other = operand(b##i + n * ROW##i, KIND##i, y * W + x, c);                               \
        sum = SWAPPED##i ? combine(other, sum, KIND##i, BINARY##i)                                 \
                         : combine(sum, other, KIND##i, BINARY##i);                                \
        sum = activation(sum, L##i##_ACT, L##i##_ACT_A, L##i##_ACT_B);                                  \
    }

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
binary_blocked(const __global float *restrict a, const __global float *restrict b0,
               const __global float *restrict b1, const __global float *restrict b2,
               const __global float *restrict b3, const __global float *restrict b4,
               __global float *restrict out)
{
    int y = get_group_id(0);
    size_t n = get_group_id(1), row = (n * H + y) * W * CP;
    for (int x = 0; x < W; x++)
        for (int c = 0; c < CP; c += 16) {
            V sum = LOAD(a + row + x * CP + c);
            LINK(0)
            LINK(1)
            LINK(2)
            LINK(3)
            LINK(4)
            *(__global V *)(out + row + x * CP + c) = sum;
        }
}
