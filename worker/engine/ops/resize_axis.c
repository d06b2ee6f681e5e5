/*
 * Coordinates and weights of resizing. Keys' cubic kernel: R. Keys, "Cubic convolution
 * interpolation for digital image processing", IEEE TASSP 29 (1981). No state.
 */
#include "worker/engine/ops/resize_axis.h"

#include <math.h>

static double coordinate(enum resize_coordinates coordinates, const struct resize_axis *axis,
                         double x)
{
    double last = (double)(axis->in - 1);
    switch (coordinates) {
    case RESIZE_HALF_PIXEL:
        break;
    case RESIZE_PYTORCH_HALF_PIXEL:
        return axis->out > 1 ? (x + 0.5) / axis->scale - 0.5 : 0;
    case RESIZE_ALIGN_CORNERS:
        return axis->out > 1 ? x * last / (axis->length - 1) : 0;
    case RESIZE_ASYMMETRIC:
        return x / axis->scale;
    case RESIZE_TF_HALF_PIXEL_NN:
        return (x + 0.5) / axis->scale;
    case RESIZE_TF_CROP:
        if (axis->out == 1)
            return 0.5 * (axis->start + axis->end) * last;
        return axis->start * last +
               x * (axis->end - axis->start) * last / (double)(axis->out - 1);
    case RESIZE_HALF_PIXEL_SYMMETRIC: /* what rounding the length leaves over is cut off at both ends alike */
        return (double)axis->in / 2 * (1 - (double)axis->out / axis->length) + (x + 0.5) / axis->scale - 0.5;
    }
    return (x + 0.5) / axis->scale - 0.5;
}

static double rounded(enum resize_rounding rounding, double at)
{
    switch (rounding) {
    case RESIZE_ROUND_PREFER_FLOOR:
        break;
    case RESIZE_ROUND_PREFER_CEIL:
        return floor(at + 0.5);
    case RESIZE_FLOOR:
        return floor(at);
    case RESIZE_CEIL:
        return ceil(at);
    }
    return ceil(at - 0.5);
}

static int32_t clamp(double index, int64_t in)
{
    double last = (double)(in - 1);
    return (int32_t)(index < 0 ? 0 : index > last ? last : index);
}

static double kernel(const struct resize_method *method, double distance)
{
    double x = fabs(distance), a = method->cubic;
    if (method->mode == RESIZE_LINEAR)
        return x < 1 ? 1 - x : 0;
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* By what the kernel shrinks distances. */
static double shrink_of(const struct resize_method *method, const struct resize_axis *axis)
{
    return method->antialias && axis->scale < 1 ? axis->scale : 1;
}

/* The first tap, from the element at or below the coordinate; the last mirrors it. */
static double first_tap(const struct resize_method *method, double shrink)
{
    return floor(-(method->mode == RESIZE_CUBIC ? 2 : 1) / shrink) + 1;
}

int resize_tap_count(const struct resize_method *method, const struct resize_axis *axis)
{
    if (method->mode == RESIZE_NEAREST)
        return 1;
    double count = 2 - 2 * first_tap(method, shrink_of(method, axis));
    return count <= RESIZE_TAPS_MAX ? (int)count : 0;
}

static void extrapolate(struct resize_taps *taps)
{
    for (int k = 0; k < taps->count; k++) {
        taps->index[k] = RESIZE_OUTSIDE;
        taps->weight[k] = 0;
    }
}

void resize_taps(const struct resize_method *method, const struct resize_axis *axis, int64_t i,
                 struct resize_taps *taps)
{
    double at = coordinate(method->coordinates, axis, (double)i), base = floor(at), sum = 0;
    double shrink = shrink_of(method, axis), first = first_tap(method, shrink);
    double weights[RESIZE_TAPS_MAX];
    taps->count = resize_tap_count(method, axis);
    if (method->coordinates == RESIZE_TF_CROP && (at < 0 || at > (double)(axis->in - 1))) {
        extrapolate(taps);
        return;
    }
    if (method->mode == RESIZE_NEAREST) {
        taps->index[0] = clamp(rounded(method->rounding, at), axis->in);
        taps->weight[0] = 1;
        return;
    }
    for (int k = 0; k < taps->count; k++) {
        double index = base + first + k;
        bool outside = index < 0 || index > (double)(axis->in - 1);
        weights[k] = kernel(method, (index - at) * shrink);
        if (outside && method->exclude_outside)
            weights[k] = 0;
        taps->index[k] = clamp(index, axis->in);
        sum += weights[k];
    }
    for (int k = 0; k < taps->count; k++)
        taps->weight[k] = (float)(weights[k] / sum);
}

bool resize_keeps(const struct resize_method *method, const struct resize_axis *axis)
{
    bool whole = method->coordinates != RESIZE_TF_CROP || (axis->start == 0 && axis->end == 1);
    return axis->in == axis->out && axis->scale == 1 && whole;
}
