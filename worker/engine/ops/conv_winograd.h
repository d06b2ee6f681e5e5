/*
 * 3×3 convolutions in a transform domain (kernels/winograd.cl): Winograd's F(2×2,3×3) and F(4×4,3×3),
 * and nine products, or 25 for four times as many outputs, for nearest upsampling ×2 before a 3×3 convolution.
 */
#ifndef WORKER_ENGINE_OPS_CONV_WINOGRAD_H
#define WORKER_ENGINE_OPS_CONV_WINOGRAD_H

#include "worker/engine/ops/conv.h"

enum winograd_form { /* the kernel's FORM */
    WINOGRAD_F2 = 2,
    WINOGRAD_F4 = 4,
    WINOGRAD_UPSAMPLED = 9,
    WINOGRAD_UPSAMPLED_4 = 25,
};

/* How winograd.cl runs a convolution. Results depend on `form` only. */
struct winograd {
    enum winograd_form form;
    bool staged;  /* three kernels over scratch in global memory, or one with local memory */
    int tiles;    /* of a group; blocks divides it */
    int block;    /* tiles of a register block */
    int vectors;  /* float16 of a panel; divides the output channels' blocks of 16 */
    bool streamed; /* whole: the output goes past the caches */
};

/* True if the convolution has this form. */
bool winograd_fits(const struct conv *conv, enum winograd_form form);
/* Products of a tile and a pair of channels. */
int winograd_products(enum winograd_form form);
/* Transformed inputs of a tile and a channel. */
int winograd_inputs(enum winograd_form form);
/* Tiles of one sample, and in a row of it. */
int winograd_tiles(const struct conv *conv, enum winograd_form form);
int winograd_tiles_x(const struct conv *conv, enum winograd_form form);
/* For plans. */
const char *winograd_name(enum winograd_form form);
/* Local memory of a group, in bytes. */
size_t winograd_local_bytes(const struct conv *conv, const struct winograd *winograd);
/* Operations that the multiplication does for one row (a multiply-add is two). */
double winograd_operations(const struct conv *conv, enum winograd_form form);

/* Transformed weights [panel][product][ci][lane] with the fused scale; newly allocated, the caller frees. NULL without
 * memory. */
float *winograd_pack_weights(const struct conv *conv, const struct fused *fused, enum winograd_form form,
                             size_t panel, size_t *elements);

/* True if the output of so many rows is better streamed: larger than a cache holds until it is read. */
bool winograd_streams(const struct lowering_target *target, const struct conv *conv,
                      const struct winograd *winograd, size_t rows);

/* A 1×1 convolution to an image's few channels, the only reader of another's output. */
struct projection {
    const struct node *node;
    struct conv conv;
};

/* True if the kernel can apply one at its end: nothing else of the convolution is then stored. */
bool winograd_projects(const struct lowering_target *target, const struct conv *conv,
                       const struct winograd *winograd);

/* Emits the steps of a Conv node that fits; `normalise`: with its pixel norm; `projection`: with that
 * at its end, or NULL. */
MUST_CHECK int lower_winograd(struct lowering *lowering, struct node *node, const struct conv *conv,
                              const struct conv_candidate *choice, bool normalise,
                              const struct projection *projection, struct error *err);

#endif
