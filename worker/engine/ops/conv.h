/*
 * Convolutions as the kernels see them: per axis, output o = i·OS + p reads inputs
 * i·IS + t·D + offset[p] for its taps t. One description for ordinary, upsampled and transposed convolution.
 */
#ifndef WORKER_ENGINE_OPS_CONV_H
#define WORKER_ENGINE_OPS_CONV_H

#include "worker/engine/lower.h"

#define CONV_PHASES_MAX 8
#define CONV_TAPS_MAX 64

struct conv_axis {
    int in, out;         /* sizes */
    int kernel, stride, dilation, pad; /* as the node says; pad: at the beginning */
    int in_step, phases, taps, tap_step;
    int offset[CONV_PHASES_MAX];
    int tap[CONV_PHASES_MAX][CONV_TAPS_MAX]; /* of kernel element j, or -1 */
};

struct conv {
    bool transposed;
    size_t rank; /* 3 (the y axis is then 1 long) or 4 */
    int channels_in, channels_out, groups;
    struct conv_axis y, x;
    const float *weights, *bias; /* the graph's; bias may be NULL */
};

/* Reads a Conv or ConvTranspose node whose inputs are known, with its fused upsampling. */
MUST_CHECK int conv_read(const struct graph *graph, const struct node *node, struct conv *conv,
                         struct error *err);

/* How conv.cl cuts the work. */
struct tiling {
    int block_y, block_x, vectors; /* a register block */
    int tile_y, tile_x;            /* positions of a group */
    int patch_y, patch_x, pitch;   /* its input in local memory */
    int least_y, least_x;          /* smallest offsets over the phases */
    int panels;                    /* of a group; the last group may have fewer */
};

/* Chooses a tiling for a device of `registers` float16 accumulators; `whole`: a group makes all channels.
 * False if no patch fits into local memory. */
bool conv_tile(const struct conv *conv, int registers, size_t local_bytes, bool whole,
               struct tiling *tiling);
/* Taps of phase p, the last of which has a weight. */
int conv_phase_taps(const struct conv_axis *axis, int p);
/* Positions of an axis that one phase computes. */
int conv_positions(const struct conv_axis *axis);

/* Weights and bias with the fused scale and shift; newly allocated, the caller frees (lowering
 * takes them). `panel` is channels a panel; 0 means the layout of conv_any.cl. */
float *conv_pack_weights(const struct conv *conv, const struct fused *fused, int panel,
                         size_t *elements);
/* Of a 1×1 convolution: [CO][CI padded to CHANNEL_BLOCK]. */
float *conv_pack_rows(const struct conv *conv, const struct fused *fused, size_t *elements);
float *conv_pack_bias(const struct conv *conv, const struct fused *fused, int panel,
                      size_t *elements);

/* A step of what every kernel of a convolution takes: in (`input`'s value), weights, bias, residual (or again bias), out;
 * with the options of residual and activation. `panel` as conv_pack_weights; CONV_PANEL_ROWS: as conv_pack_rows. */
#define CONV_PANEL_ROWS (-1)
MUST_CHECK int conv_step(struct lowering *lowering, const struct node *node, int input,
                         const struct conv *conv, const char *file, const char *kernel, int panel,
                         enum layout in_layout, enum layout out_layout, struct step **step,
                         struct error *err);
/* The options of conv.cl that say the shape. */
void conv_define_shape(struct step *step, const struct conv *conv);

/* True if the node's pixel norm happens in the epilogue of a CPU's kernel. */
bool conv_normalises_inside(const struct node *node, const struct conv *conv);

/* Operations of one row by the definition of convolution; a multiply-add is two. */
double conv_operations(const struct conv *conv);

#endif
