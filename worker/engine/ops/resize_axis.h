/*
 * One axis of a Resize: which elements of the input, with which weights, make an element of the result.
 * The modes, coordinates and roundings are those of the ONNX operator from opset 7 on.
 */
#ifndef WORKER_ENGINE_OPS_RESIZE_AXIS_H
#define WORKER_ENGINE_OPS_RESIZE_AXIS_H

#include <stdbool.h>
#include <stdint.h>

/* Most taps of an axis: antialiased cubic downsampling by 128. */
#define RESIZE_TAPS_MAX 514
#define RESIZE_OUTSIDE (-1) /* the index of what is extrapolated */

enum resize_mode {
    RESIZE_NEAREST,
    RESIZE_LINEAR,
    RESIZE_CUBIC,
};

enum resize_coordinates { /* from a position of the result to one of the input */
    RESIZE_HALF_PIXEL,
    RESIZE_PYTORCH_HALF_PIXEL,
    RESIZE_ALIGN_CORNERS,
    RESIZE_ASYMMETRIC,
    RESIZE_TF_HALF_PIXEL_NN,
    RESIZE_TF_CROP,
    RESIZE_HALF_PIXEL_SYMMETRIC,
};

enum resize_rounding {
    RESIZE_ROUND_PREFER_FLOOR,
    RESIZE_ROUND_PREFER_CEIL,
    RESIZE_FLOOR,
    RESIZE_CEIL,
};

/* What all axes of a node share. */
struct resize_method {
    enum resize_mode mode;
    enum resize_coordinates coordinates;
    enum resize_rounding rounding; /* of nearest */
    double cubic;                  /* the coefficient a of Keys' kernel */
    bool exclude_outside;          /* taps beyond the edge have no weight; else they repeat it */
    bool antialias;                /* the kernel widens where the result is smaller */
};

struct resize_axis {
    int64_t in, out;
    double scale;
    double length;     /* of the result before rounding, which align_corners divides by */
    double start, end; /* the region of RESIZE_TF_CROP, in shares of the input */
};

struct resize_taps {
    int count;
    int32_t index[RESIZE_TAPS_MAX];
    float weight[RESIZE_TAPS_MAX];
};

/* The number of taps that every element of the axis has; 0 if they exceed RESIZE_TAPS_MAX. */
int resize_tap_count(const struct resize_method *method, const struct resize_axis *axis);

/* The taps of element i of the result. */
void resize_taps(const struct resize_method *method, const struct resize_axis *axis, int64_t i,
                 struct resize_taps *taps);

/* True if the axis stays as it is. */
bool resize_keeps(const struct resize_method *method, const struct resize_axis *axis);

#endif
