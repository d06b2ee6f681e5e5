/* Operators in plain C, in double: what the device is measured against. Images are [N][C][H][W]. */
#ifndef TESTS_ENGINE_REFERENCE_H
#define TESTS_ENGINE_REFERENCE_H

#include <stdbool.h>

struct window { /* along y and x */
    int n, channels, out_channels, groups;
    int in[2], kernel[2], stride[2], dilation[2], pad[2], pad_end[2], output_pad[2], out[2];
};

/* Fills `out` sizes from the others. */
void reference_conv_sizes(struct window *window);
void reference_transposed_sizes(struct window *window);

void reference_conv(const struct window *window, const float *in, const float *weights,
                    const float *bias, float *out);
void reference_transposed(const struct window *window, const float *in, const float *weights,
                          const float *bias, float *out);
void reference_pool(const struct window *window, bool max, bool count_padding, const float *in,
                    float *out);
/* a [m][k] · b [k][n] + bias [n] */
void reference_gemm(int m, int k, int n, const float *a, const float *b, const float *bias,
                    float *out);
void reference_softmax(int outer, int count, int inner, const float *in, float *out);
void reference_pixel_norm(int n, int channels, int pixels, double epsilon, const float *in,
                          float *out);

#endif
