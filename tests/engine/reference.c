/* Plain loops, accumulated in double. No state. */
#include "tests/engine/reference.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

void reference_conv_sizes(struct window *window)
{
    for (int a = 0; a < 2; a++) {
        int reach = (window->kernel[a] - 1) * window->dilation[a] + 1;
        window->out[a] = (window->in[a] + window->pad[a] + window->pad_end[a] - reach) /
                             window->stride[a] + 1;
    }
}

void reference_transposed_sizes(struct window *window)
{
    for (int a = 0; a < 2; a++)
        window->out[a] = (window->in[a] - 1) * window->stride[a] + window->output_pad[a] +
                         (window->kernel[a] - 1) * window->dilation[a] + 1 - window->pad[a] -
                         window->pad_end[a];
}

static size_t at(int n, int c, int y, int x, int channels, const int size[2])
{
    return (((size_t)n * (size_t)channels + (size_t)c) * (size_t)size[0] + (size_t)y) *
               (size_t)size[1] + (size_t)x;
}

/* The sum over the window of output (n, o, y, x). */
static double conv_at(const struct window *w, const float *in, const float *weights, int n, int o,
                      int y, int x)
{
    int inputs = w->channels / w->groups, first = o / (w->out_channels / w->groups) * inputs;
    double sum = 0;
    for (int c = 0; c < inputs; c++)
        for (int i = 0; i < w->kernel[0]; i++)
            for (int j = 0; j < w->kernel[1]; j++) {
                int yy = y * w->stride[0] - w->pad[0] + i * w->dilation[0];
                int xx = x * w->stride[1] - w->pad[1] + j * w->dilation[1];
                if (yy >= 0 && yy < w->in[0] && xx >= 0 && xx < w->in[1])
                    sum += (double)in[at(n, first + c, yy, xx, w->channels, w->in)] *
                           (double)weights[at(o, c, i, j, inputs, w->kernel)];
            }
    return sum;
}

void reference_conv(const struct window *w, const float *in, const float *weights,
                    const float *bias, float *out)
{
    for (int n = 0; n < w->n; n++)
        for (int o = 0; o < w->out_channels; o++)
            for (int y = 0; y < w->out[0]; y++)
                for (int x = 0; x < w->out[1]; x++)
                    *out++ = (float)(conv_at(w, in, weights, n, o, y, x) +
                                     (bias ? (double)bias[o] : 0));
}

/* Adds what input (n, c, y, x) gives to the outputs of its group. */
static void spread(const struct window *w, const float *in, const float *weights, double *sums,
                   int n, int c, int y, int x)
{
    int outputs = w->out_channels / w->groups, first = c / (w->channels / w->groups) * outputs;
    double value = (double)in[at(n, c, y, x, w->channels, w->in)];
    for (int o = 0; o < outputs; o++)
        for (int i = 0; i < w->kernel[0]; i++)
            for (int j = 0; j < w->kernel[1]; j++) {
                int yy = y * w->stride[0] - w->pad[0] + i * w->dilation[0];
                int xx = x * w->stride[1] - w->pad[1] + j * w->dilation[1];
                if (yy >= 0 && yy < w->out[0] && xx >= 0 && xx < w->out[1])
                    sums[at(n, first + o, yy, xx, w->out_channels, w->out)] +=
                        value * (double)weights[at(c, o, i, j, outputs, w->kernel)];
            }
}

void reference_transposed(const struct window *w, const float *in, const float *weights,
                          const float *bias, float *out)
{
    size_t plane = (size_t)w->out[0] * (size_t)w->out[1];
    size_t total = (size_t)w->n * (size_t)w->out_channels * plane;
    double *sums = calloc(total, sizeof *sums);
    for (int n = 0; sums && n < w->n; n++)
        for (int c = 0; c < w->channels; c++)
            for (int y = 0; y < w->in[0]; y++)
                for (int x = 0; x < w->in[1]; x++)
                    spread(w, in, weights, sums, n, c, y, x);
    for (size_t i = 0; sums && i < total; i++)
        out[i] = (float)(sums[i] +
                         (bias ? (double)bias[i / plane % (size_t)w->out_channels] : 0));
    free(sums);
}

static float pool_at(const struct window *w, bool max, bool count_padding, const float *in, int n,
                     int c, int y, int x)
{
    double sum = 0, largest = -INFINITY;
    int count = 0;
    for (int i = 0; i < w->kernel[0]; i++)
        for (int j = 0; j < w->kernel[1]; j++) {
            int yy = y * w->stride[0] - w->pad[0] + i, xx = x * w->stride[1] - w->pad[1] + j;
            bool inside = yy >= 0 && yy < w->in[0] && xx >= 0 && xx < w->in[1];
            count += inside || count_padding;
            if (!inside)
                continue;
            sum += (double)in[at(n, c, yy, xx, w->channels, w->in)];
            largest = fmax(largest, (double)in[at(n, c, yy, xx, w->channels, w->in)]);
        }
    return (float)(max ? largest : sum / count);
}

void reference_pool(const struct window *w, bool max, bool count_padding, const float *in,
                    float *out)
{
    for (int n = 0; n < w->n; n++)
        for (int c = 0; c < w->channels; c++)
            for (int y = 0; y < w->out[0]; y++)
                for (int x = 0; x < w->out[1]; x++)
                    *out++ = pool_at(w, max, count_padding, in, n, c, y, x);
}

void reference_gemm(int m, int k, int n, const float *a, const float *b, const float *bias,
                    float *out)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = bias ? (double)bias[j] : 0;
            for (int l = 0; l < k; l++)
                sum += (double)a[i * k + l] * (double)b[l * n + j];
            out[i * n + j] = (float)sum;
        }
}

void reference_softmax(int outer, int count, int inner, const float *in, float *out)
{
    for (int o = 0; o < outer; o++)
        for (int i = 0; i < inner; i++) {
            double sum = 0;
            for (int c = 0; c < count; c++)
                sum += exp((double)in[(o * count + c) * inner + i]);
            for (int c = 0; c < count; c++)
                out[(o * count + c) * inner + i] =
                    (float)(exp((double)in[(o * count + c) * inner + i]) / sum);
        }
}

void reference_pixel_norm(int n, int channels, int pixels, double epsilon, const float *in,
                          float *out)
{
    for (int i = 0; i < n; i++)
        for (int p = 0; p < pixels; p++) {
            double sum = 0;
            for (int c = 0; c < channels; c++)
                sum += pow((double)in[(i * channels + c) * pixels + p], 2);
            for (int c = 0; c < channels; c++)
                out[(i * channels + c) * pixels + p] =
                    (float)((double)in[(i * channels + c) * pixels + p] /
                            sqrt(sum / channels + epsilon));
        }
}
