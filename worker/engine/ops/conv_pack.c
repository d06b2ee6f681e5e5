/*
 * Weights in the kernels' order. Upsampling adds weights that fall on one input, transposition
 * picks them by phase; both are in the axes' tap tables.
 */
#include <stdlib.h>

#include "worker/engine/ops/conv.h"

/* Where things go: [phase][panel][ty][tx][ci][lane], or [phase][co][ci][ty][tx] with panel 0. */
static size_t position(const struct conv *conv, int panel, int phase, int co, int ci, int ty,
                       int tx)
{
    size_t taps = (size_t)conv->y.taps * (size_t)conv->x.taps;
    size_t tap = (size_t)ty * (size_t)conv->x.taps + (size_t)tx;
    size_t inputs = (size_t)(conv->channels_in / conv->groups);
    if (!panel)
        return (((size_t)phase * (size_t)conv->channels_out + (size_t)co) * inputs + (size_t)ci) *
                   taps + tap;
    size_t panels = round_up((size_t)conv->channels_out, (size_t)panel) / (size_t)panel;
    size_t at = (size_t)phase * panels + (size_t)(co / panel);
    return ((at * taps + tap) * inputs + (size_t)ci) * (size_t)panel + (size_t)(co % panel);
}

static float weight(const struct conv *conv, int co, int ci, int ky, int kx)
{
    size_t inputs = (size_t)(conv->channels_in / conv->groups);
    size_t outputs = (size_t)(conv->channels_out / conv->groups);
    size_t row = (size_t)co * inputs + (size_t)ci;
    if (conv->transposed) /* [CIN][CO / groups] */
        row = ((size_t)co / outputs * inputs + (size_t)ci) * outputs + (size_t)co % outputs;
    return conv->weights[(row * (size_t)conv->y.kernel + (size_t)ky) * (size_t)conv->x.kernel +
                         (size_t)kx];
}

static void pack_phase(const struct conv *conv, const struct fused *fused, int panel, int py,
                       int px, float *packed)
{
    int phase = py * conv->x.phases + px;
    for (int co = 0; co < conv->channels_out; co++)
        for (int ci = 0; ci < conv->channels_in / conv->groups; ci++)
            for (int ky = 0; ky < conv->y.kernel; ky++)
                for (int kx = 0; kx < conv->x.kernel; kx++) {
                    int ty = conv->y.tap[py][ky], tx = conv->x.tap[px][kx];
                    if (ty < 0 || tx < 0)
                        continue;
                    float scale = fused->scale ? fused->scale[co] : 1.0f;
                    packed[position(conv, panel, phase, co, ci, ty, tx)] +=
                        weight(conv, co, ci, ky, kx) * scale;
                }
}

float *conv_pack_weights(const struct conv *conv, const struct fused *fused, int panel,
                         size_t *elements)
{
    size_t channels = panel ? round_up((size_t)conv->channels_out, (size_t)panel)
                            : (size_t)conv->channels_out;
    *elements = (size_t)(conv->y.phases * conv->x.phases) * channels *
                (size_t)(conv->channels_in / conv->groups) * (size_t)conv->y.taps *
                (size_t)conv->x.taps;
    float *packed = calloc(*elements, sizeof *packed);
    for (int py = 0; packed && py < conv->y.phases; py++)
        for (int px = 0; px < conv->x.phases; px++)
            pack_phase(conv, fused, panel, py, px, packed);
    return packed;
}

float *conv_pack_rows(const struct conv *conv, const struct fused *fused, size_t *elements)
{
    size_t pitch = round_up((size_t)conv->channels_in, CHANNEL_BLOCK);
    *elements = (size_t)conv->channels_out * pitch;
    float *packed = calloc(*elements, sizeof *packed);
    for (int co = 0; packed && co < conv->channels_out; co++)
        for (int ci = 0; ci < conv->channels_in; ci++)
            packed[(size_t)co * pitch + (size_t)ci] =
                weight(conv, co, ci, 0, 0) * (fused->scale ? fused->scale[co] : 1.0f);
    return packed;
}

float *conv_pack_bias(const struct conv *conv, const struct fused *fused, int panel,
                      size_t *elements)
{
    *elements = round_up((size_t)conv->channels_out, panel ? (size_t)panel : 1);
    float *packed = calloc(*elements, sizeof *packed);
    for (int co = 0; packed && co < conv->channels_out; co++) {
        packed[co] = conv->bias ? conv->bias[co] : 0.0f;
        if (fused->scale)
            packed[co] = packed[co] * fused->scale[co] + fused->shift[co];
    }
    return packed;
}
