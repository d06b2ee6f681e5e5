/*
 * Products and element-wise steps of the linear SVM's Newton method (worker/fit.h), for many
 * boundaries ("lanes") at once.
 *
 *   x        [rows][width]   samples; the feature behind the last is 1 (the offset), then zeros
 *   w, v     [width][lanes]  a vector per lane
 *   o, p, …  [rows][lanes]   a number per sample and lane
 *
 * rows is a multiple of BLOCK, width of 8, lanes of 16; padding rows have x = 0 and padding samples
 * and lanes have s = 0, so that they add exact zeros. There are no edges.
 *
 * Every sum has a fixed order that depends on nothing but the rows: within a block from the first
 * row to the last, then over the blocks in order. Products are accumulated by fma(), and
 * contraction is off, so a lane's result is the same to the last bit whatever other lanes there
 * are. No local memory.
 */
#pragma OPENCL FP_CONTRACT OFF

#ifndef BLOCK
#define BLOCK 256 /* rows that one work-item sums; part of the result's definition */
#endif
#define ROWS 8  /* rows of one work-item of the forward product */
#define STEPS 8 /* step lengths tried by svm_search: 0, 1, 1/2, … 1/64 */

void forward_sums(const __global float *x, const __global float *w, uint width, uint lanes,
                  float16 sums[ROWS])
{
    for (int r = 0; r < ROWS; r++)
        sums[r] = 0.0f;
    for (uint j = 0; j < width; j++) {
        float16 weights = vload16(0, w + (size_t)j * lanes);
        for (int r = 0; r < ROWS; r++)
            sums[r] = fma((float16)(x[(size_t)r * width + j]), weights, sums[r]);
    }
}

/* o = x w. Global size: rows/8, lanes/16. */
__kernel void svm_forward(const __global float *restrict x, const __global float *restrict w,
                          __global float *restrict o, uint width, uint lanes)
{
    size_t row = get_global_id(0) * ROWS, lane = get_global_id(1) * 16;
    float16 sums[ROWS];
    forward_sums(x + row * width, w + lane, width, lanes, sums);
    for (int r = 0; r < ROWS; r++)
        vstore16(sums[r], 0, o + (row + r) * lanes + lane);
}

/* o = c ∘ (x w). */
__kernel void svm_forward_scaled(const __global float *restrict x, const __global float *restrict w,
                                 const __global float *restrict c, __global float *restrict o,
                                 uint width, uint lanes)
{
    size_t row = get_global_id(0) * ROWS, lane = get_global_id(1) * 16;
    float16 sums[ROWS];
    forward_sums(x + row * width, w + lane, width, lanes, sums);
    for (int r = 0; r < ROWS; r++) {
        size_t at = (row + r) * lanes + lane;
        vstore16(sums[r] * vload16(0, c + at), 0, o + at);
    }
}

/* partial[block][j][lane] = Σ over the block's rows of x[row][j] r[row][lane].
 * Global size: width/8, lanes/16, rows/BLOCK. */
__kernel void svm_backward(const __global float *restrict x, const __global float *restrict r,
                           __global float *restrict partial, uint width, uint lanes)
{
    size_t j = get_global_id(0) * 8, lane = get_global_id(1) * 16, block = get_global_id(2);
    float16 sums[8];
    for (int i = 0; i < 8; i++)
        sums[i] = 0.0f;
    for (size_t row = block * BLOCK; row < (block + 1) * BLOCK; row++) {
        float16 residual = vload16(0, r + row * lanes + lane);
        for (int i = 0; i < 8; i++)
            sums[i] = fma((float16)(x[row * width + j + i]), residual, sums[i]);
    }
    for (int i = 0; i < 8; i++)
        vstore16(sums[i], 0, partial + (block * width + j + i) * lanes + lane);
}

/* sums[i] = Σ over blocks of partial[block][i], i over width × lanes, with the rounding errors
 * carried along (Knuth's two-sum). Global size: width × lanes. */
__kernel void svm_reduce(const __global float *restrict partial, __global float *restrict sums,
                         uint blocks)
{
    size_t i = get_global_id(0), stride = get_global_size(0);
    float sum = 0.0f, lost = 0.0f;
    for (uint block = 0; block < blocks; block++) {
        float term = partial[block * stride + i];
        float next = sum + term;
        float back = next - sum;
        lost += (sum - (next - back)) + (term - back);
        sum = next;
    }
    sums[i] = sum + lost;
}

/*
 * With s = label · weight: the slack m = max(0, 1 − label·o), the residual −2 s m (the loss's
 * derivative by o) and its derivative, the curvature 2 |s| where m > 0. Global size: rows ×
 * lanes / 16.
 */
__kernel void svm_residual(const __global float *restrict o, const __global float *restrict s,
                           __global float *restrict residual, __global float *restrict curvature)
{
    size_t i = get_global_id(0);
    float16 weight = vload16(i, s);
    float16 label = copysign((float16)(1.0f), weight);
    float16 slack = fmax((float16)(1.0f) - label * vload16(i, o), (float16)(0.0f));
    vstore16(-2.0f * weight * slack, i, residual);
    vstore16(select((float16)(0.0f), 2.0f * fabs(weight), slack > (float16)(0.0f)), i, curvature);
}

/* partial[block][step][lane] = Σ over the block's rows of |s| max(0, 1 − label·(o + t p))², t the
 * step's length. Global size: rows/BLOCK, lanes/16. */
__kernel void svm_search(const __global float *restrict o, const __global float *restrict p,
                         const __global float *restrict s, __global float *restrict partial,
                         uint lanes)
{
    size_t block = get_global_id(0), lane = get_global_id(1) * 16;
    float16 sums[STEPS];
    for (int i = 0; i < STEPS; i++)
        sums[i] = 0.0f;
    for (size_t row = block * BLOCK; row < (block + 1) * BLOCK; row++) {
        size_t at = row * lanes + lane;
        float16 weight = vload16(0, s + at), from = vload16(0, o + at), along = vload16(0, p + at);
        float16 label = copysign((float16)(1.0f), weight);
        float length = 1.0f;
        for (int i = 0; i < STEPS; i++) {
            float step = i == 0 ? 0.0f : length;
            float16 slack =
                fmax((float16)(1.0f) - label * fma((float16)(step), along, from), (float16)(0.0f));
            sums[i] = fma(fabs(weight) * slack, slack, sums[i]);
            length = i == 0 ? 1.0f : length * 0.5f;
        }
    }
    for (int i = 0; i < STEPS; i++)
        vstore16(sums[i], 0, partial + (block * STEPS + i) * lanes + lane);
}
