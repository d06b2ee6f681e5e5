/*
 * The engine: an ONNX file becomes a network that runs on a device.
 *
 *     ONNX -> graph -> constant folding -> shapes at the batch size -> fusion
 *          -> static memory plan -> kernels
 *
 * Tensors at the border are dense float32 in the layout of the ONNX file (images NCHW) in device
 * buffers, so that networks chain without leaving the device. A sample's result does not depend on the
 * batch it travels in: no operator mixes rows of dimension 0, and each row is computed by the
 * same instructions whatever the batch. A network that puts the batch elsewhere (windows of attention, say) runs on one row
 * after the other (engine_single).
 */
#ifndef WORKER_ENGINE_ENGINE_H
#define WORKER_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdio.h>

#include "worker/device.h"

#define ENGINE_RANK_MAX 8
#define ENGINE_NAME_MAX 128
/* Of an output's range: what a network's results may be off by where nobody allows more. */
#define ENGINE_TOLERANCE 1e-4

struct engine_tensor_info {
    char name[ENGINE_NAME_MAX];
    size_t rank;
    /* dims[0] is the batch the network was compiled for. */
    int64_t dims[ENGINE_RANK_MAX];
    size_t row_elements; /* product of dims[1..] */
    bool noise;          /* an input that takes mean + scale · normal numbers */
    float mean, scale;   /* of noise */
};

/* Tensors of a network that are noise. */
struct engine_noise {
    const char *const
        *names; /* inputs, initializers, what RandomNormal and RandomNormalLike give */
    size_t count;
    /* The initializers of these, and all that random nodes draw, become inputs as well, one row a sample; else they stay what
     * the file has: the same in every row. */
    bool vary;
};

/* An input's dimensions from the second on, for those that the file leaves open; 0: not known. */
struct engine_sizes {
    const char *input; /* NULL: of none */
    int64_t dims[3];
};

struct engine_options {
    /* What the outputs may be off by, as a share of their range. From 1e-3 on, 3×3 convolutions may run as
     * Winograd's F(4×4,3×3), also behind an upsampling. 0: ENGINE_TOLERANCE. */
    double tolerance;
    /* The weights of convolutions and products are rounded to float16, on every device alike, and GPUs hold them so
     * where that loses nothing more. Arithmetic and everything else is float32. */
    bool half_weights;
    struct engine_noise noise;
    struct engine_sizes sizes;
};

struct engine_network; /* opaque; belongs to the device it was compiled for */

/*
 * Reads the ONNX file at `path` and plans how it runs for at most `batch` rows at once: graph, shapes, fusion,
 * weights in the kernels' layouts (on the host), memory. Takes nothing on the device: the network can be described
 * and engine_cost tells what it needs, but it runs only after engine_commit. A file that is
 * malformed is E_PARSE, one with an operator, attribute, type or shape we do not run is
 * E_UNSUPPORTED; the text names the file and the node. Files above LIMIT_ONNX_BYTES are refused.
 * `options` may be NULL.
 */
MUST_CHECK int engine_prepare(struct device *device, const char *path, size_t batch,
                              const struct engine_options *options,
                              struct engine_network **network, struct error *err);

/* Kernels, weights and memory of a prepared network, once. Where it fails (E_MEMORY: the device refuses) the network
 * is good for nothing but engine_free. */
MUST_CHECK int engine_commit(struct engine_network *network, struct error *err);

/* Both. */
MUST_CHECK int engine_load(struct device *device, const char *path, size_t batch,
                           const struct engine_options *options,
                           struct engine_network **network, struct error *err);
void engine_free(struct engine_network **network);

/* Everything engine_load checks, without a device: parse, operators, types, shapes. Of `options`, which may be NULL, the
 * sizes count. */
MUST_CHECK int engine_check(const char *path, const struct engine_options *options, struct error *err);

/* The same, but goes on: calls `say` with a sentence for every node that does not run, which names it,
 * its operator and the reason; *count is how many. Nodes behind such a one are not looked at, as their
 * shapes are unknown. *together is empty, or says why a file that runs does so a row at a time (engine_single). Fails for a file
 * that cannot be read at all. */
MUST_CHECK int engine_explain(const char *path, void (*say)(void *context, const char *text),
                              void *context, size_t *count, struct error *together, struct error *err);

/* NULL, or why the network computes its rows one after the other: the first node that would let them meet. Its results are
 * those of one row; a batch saves nothing but calls. */
const char *engine_single(const struct engine_network *network);

/* The other files, by name in its folder, that the ONNX file at `path` keeps weights in: `name` is called with each, more than
 * once where several tensors are in it. */
MUST_CHECK int engine_data_files(const char *path, void (*name)(void *context, const char *file), void *context,
                                 struct error *err);

size_t engine_input_count(const struct engine_network *network);
size_t engine_output_count(const struct engine_network *network);
const struct engine_tensor_info *engine_input(const struct engine_network *network, size_t i);
const struct engine_tensor_info *engine_output(const struct engine_network *network, size_t i);
/* Position of the input / output called `name`, or -1. */
int engine_find_input(const struct engine_network *network, const char *name);
int engine_find_output(const struct engine_network *network, const char *name);

/*
 * Enqueues the network on `rows` (1..batch) rows. inputs[i] holds input i densely, outputs[i] receives
 * output i; an entry of `outputs` may be NULL if that output is not wanted. Buffers must hold at
 * least `rows` rows. Returns when enqueued (device_finish waits); a network that takes more than half a second is
 * enqueued in parts, which are waited for. E_INTERRUPTED where the device is not going any more (device_going): what
 * is enqueued by then runs on.
 */
MUST_CHECK int engine_run(struct engine_network *network, size_t rows, const cl_mem *inputs,
                          const cl_mem *outputs, struct error *err);

struct engine_cost {
    double gflop_per_row;   /* 1 multiply-add = 2 operations, after fusion, direct algorithms */
    size_t parameter_bytes; /* weights on the device */
    size_t scratch_bytes;   /* planned activations at the compiled batch */
    size_t buffer_bytes;    /* the largest single buffer of these */
};
void engine_cost(const struct engine_network *network, struct engine_cost *cost);

/*
 * Finds the fastest blocks and tiles for the network's convolutions at `rows` rows on this device and
 * keeps them (tuning.h says where) for every engine_load to come; tells `out` each. Convolutions already
 * tuned are left. Results do not change, to the bit. Devices whose kernels have nothing to tune
 * succeed at once.
 */
MUST_CHECK int engine_tune(struct device *device, const char *path, size_t rows,
                           const struct engine_options *options, FILE *out, struct error *err);

size_t engine_step_count(const struct engine_network *network);

/* A new buffer for input i of `rows` rows, filled with numbers in [-1, 1] that are the same in every call:
 * for measuring. The caller releases it with clReleaseMemObject. */
MUST_CHECK int engine_fill_input(struct engine_network *network, size_t i, size_t rows,
                                 cl_mem *buffer, struct error *err);

/* Runs the network `repeats` (at least 1) times, waiting after each step, as cold as it is between its
 * neighbours; milliseconds[engine_step_count] receives the shortest time of each step. Buffers as
 * in engine_run. */
MUST_CHECK int engine_profile(struct engine_network *network, size_t rows, const cl_mem *inputs,
                              const cl_mem *outputs, size_t repeats, double *milliseconds,
                              struct error *err);

/* Prints the fused graph as a table, one line a step: operator, node, algorithm or kernel, output's shape,
 * MFLOP a row by definition, bytes, the cost model's time where it has one, and, if `milliseconds`
 * (engine_profile's, at the full batch) is not NULL, times, and rates of the multiply-adds really done as
 * a share of `peak_gflops` (engine_peak's; 0: unknown), of each step and of the whole. */
void engine_print_plan(const struct engine_network *network, const double *milliseconds,
                       double peak_gflops, FILE *out);

/* The float32 multiply-adds that the device can do, two operations each, measured by a kernel that does
 * nothing else: the best of some runs. */
MUST_CHECK int engine_peak(struct device *device, double *gflops, struct error *err);

/*
 * Image operations between networks, on the device.
 *
 * An image tensor is [N,C,H,W] float32 (nhwc: [N,H,W,C]); `low`..`high` is the range its values mean,
 * before mean and deviation.
 */
enum engine_channels {
    ENGINE_RGB,
    ENGINE_BGR,
    ENGINE_GRAY,
};

struct engine_image {
    enum engine_channels channels;
    size_t height, width;
    float low, high;
    bool nhwc;
    float mean[3], deviation[3]; /* of each channel of the tensor; deviation 0: 1 */
};

/* A part of an image in pixels; zero rows: all of it. */
struct engine_window {
    size_t top, left, rows, columns;
};

/* From a part of an image (NULL: all of it) to another form: bilinear resize (half-pixel centres, the part's
 * own edges repeated, no antialiasing), channel order (gray by Rec. 601 luma), range, then
 * (x − mean)/deviation. `from_form` has no mean and deviation. Enqueues. Where both forms are equal and the
 * part is all, callers pass the buffer on as it is. */
MUST_CHECK int engine_image_convert(struct device *device, size_t rows, cl_mem from,
                                    const struct engine_image *from_form,
                                    const struct engine_window *part, cl_mem to,
                                    const struct engine_image *to_form, struct error *err);

/* 8-bit interleaved pixels [N,H,W,3] (RGB) of an image tensor: round(255·(x−low)/(high−low)),
 * clipped. Enqueues. */
MUST_CHECK int engine_image_pixels(struct device *device, size_t rows, cl_mem image,
                                   const struct engine_image *form, cl_mem pixels,
                                   struct error *err);

#endif
