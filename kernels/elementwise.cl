/*
 * Element-wise operators: one work-item an element, guarded, no local memory.
 *
 *   unary      out[i] = f(a[i])                            any layout
 *   flat       out[i] = act(f(a[i·A_STEP], b[i·B_STEP]))   any layout; a step of 0 is a scalar
 *   broadcast  the same with an index per operand from strides, 0 where it is broadcast; plain
 *
 * UNARY and BINARY are the numbers of worker/engine/ops/elementwise.h; truth values are 0 and 1.
 */
#ifndef UNARY
#define UNARY 0
#endif
#ifndef UNARY_A
#define UNARY_A 0.0f
#define UNARY_B 0.0f
#endif
#ifndef BINARY
#define BINARY 0
#endif
#ifndef A_STEP
#define A_STEP 1
#define B_STEP 1
#endif
#ifndef RANK
#define RANK 4
#endif

typedef float V;
#include "activation.clh"

/* The nearest number of float16, ties to even, without needing that type of the device. */
static inline float to_float16(float x)
{
    if (fabs(x) < 0x1p-14f)
        return rint(x * 0x1p24f) * 0x1p-24f;
    float rounded = as_float((as_uint(x) + 0xfff + (as_uint(x) >> 13 & 1)) & ~0x1fffu);
    return isnan(x) ? x : fabs(rounded) < 65536.0f ? rounded : copysign(INFINITY, x);
}

static inline float apply(float x)
{
    const float a = UNARY_A, b = UNARY_B;
    switch (UNARY) {
    case 1: return fabs(x);
    case 2: return -x;
    case 3: return sqrt(x);
    case 4: return exp(x);
    case 5: return log(x);
    case 6: return 1.0f / x;
    case 7: return x < 0.0f ? 0.0f : x;
    case 8: return x < 0.0f ? x * a : x;
    case 9: return tanh(x);
    case 10: return 1.0f / (1.0f + exp(-x));
    case 11: return fmin(fmax(x, a), b);
    case 12: return x < 0.0f ? a * expm1(x) : x;
    case 13: return floor(x);
    case 14: return ceil(x);
    case 15: return erf(x);
    case 16: return fmax(x, 0.0f) + log1p(exp(-fabs(x))); /* Softplus without overflow */
    case 17: return x / (1.0f + fabs(x));
    case 18: return b * (x < 0.0f ? a * expm1(x) : x);
    case 19: return fmin(fmax(fma(a, x, b), 0.0f), 1.0f);
    case 20: return x * fmin(fmax(fma(x, 1.0f / 6.0f, 0.5f), 0.0f), 1.0f);
    case 21: return x > a ? x : 0.0f;
    case 22: return sin(x);
    case 23: return cos(x);
    case 24: return tan(x);
    case 25: return asin(x);
    case 26: return acos(x);
    case 27: return atan(x);
    case 28: return sinh(x);
    case 29: return cosh(x);
    case 30: return asinh(x);
    case 31: return acosh(x);
    case 32: return atanh(x);
    case 33: return sign(x);
    case 34: return rint(x);
    case 35: return fmax(x, 0.0f) + fmin(a * expm1(x / a), 0.0f);
    case 36: return x < -a ? x + b : x > a ? x - b : 0.0f;
    case 37: return x * tanh(fmax(x, 0.0f) + log1p(exp(-fabs(x))));
    case 38: /* Gelu, or its approximation */
        return 0.5f * x * (1.0f + (a == 0.0f ? erf(x * 0.70710678118654752f)
                                             : tanh(0.79788456080286536f * fma(0.044715f * x * x, x, x))));
    case 39: return x / (1.0f + exp(-a * x));
    case 40: return to_float16(x);
    case 41: return trunc(x);
    case 42: return clamp(rint(x), 0.0f, 255.0f);
    case 43: return x == 0.0f ? 1.0f : 0.0f;
    case 44: return isnan(x) ? 1.0f : 0.0f;
    case 45: return !isinf(x) ? 0.0f : x < 0.0f ? a : b; /* 1 for those that are looked for */
    default: return x;
    }
}

static inline float combine(float x, float y)
{
    switch (BINARY) {
    case 1: return x - y;
    case 2: return x * y;
    case 3: return x / y;
    case 4: return pow(x, y);
    case 5: return fmax(x, y);
    case 6: return fmin(x, y);
    case 7: return x < 0.0f ? x * y : x;
    case 8: return fmod(x, y) != 0.0f && (fmod(x, y) < 0.0f) != (y < 0.0f) ? fmod(x, y) + y
                                                                          : fmod(x, y);
    case 9: return fmod(x, y);
    case 10: return x < y ? 1.0f : 0.0f;
    case 11: return x <= y ? 1.0f : 0.0f;
    case 12: return x > y ? 1.0f : 0.0f;
    case 13: return x >= y ? 1.0f : 0.0f;
    case 14: return x == y ? 1.0f : 0.0f;
    case 15: return x * y;            /* truth values are 0 and 1 */
    case 16: return fmax(x, y);
    case 17: return fabs(x - y);
    default: return x + y;
    }
}

__kernel void unary(const __global float *restrict in, __global float *restrict out, ulong total)
{
    size_t i = get_global_id(0);
    if (i < total)
        out[i] = apply(in[i]);
}

__kernel void flat(const __global float *a, const __global float *b, __global float *restrict out,
                   ulong total)
{
    size_t i = get_global_id(0);
    if (i < total)
        out[i] = activate(combine(a[i * A_STEP], b[i * B_STEP]));
}

/* dims of the result and strides of the operands, outermost first; RANK of them count. */
__kernel void broadcast(const __global float *a, const __global float *b,
                        __global float *restrict out, int8 dims, int8 a_strides, int8 b_strides,
                        ulong total)
{
    size_t i = get_global_id(0);
    if (i >= total)
        return;
    int d[8], s[8], t[8];
    vstore8(dims, 0, d);
    vstore8(a_strides, 0, s);
    vstore8(b_strides, 0, t);
    size_t rest = i, at = 0, bt = 0;
    for (int r = RANK - 1; r >= 0; r--) {
        size_t position = r ? rest % d[r] : rest; /* the outermost counts rows of any number */
        rest /= d[r];
        at += position * s[r];
        bt += position * t[r];
    }
    out[i] = activate(combine(a[at], b[bt]));
}
