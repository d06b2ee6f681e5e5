/*
 * What GPUs like: tiles of matrix products by class of device, one table (gpu.c), and how a tile is cut down to what a
 * device allows.
 *
 * Tiles change the speed only: each sum is added in the order of its terms, whatever the tile. The form of a
 * convolution (direct, Winograd's, …) does change bits; it follows from its shape, the class and the tolerance, never from
 * the batch or the number of compute units.
 */
#ifndef WORKER_ENGINE_GPU_H
#define WORKER_ENGINE_GPU_H

#include <stdbool.h>
#include <stddef.h>

#define GPU_TILES 2

/* A group of items_m × items_n work-items makes (items_m · block_m) × (items_n · block_n) sums, each work-item block_m ×
 * block_n of them in registers, `depth` terms at a time in local memory. */
struct gpu_tile {
    int items_m, items_n, block_m, block_n, depth;
};

struct gpu_class {
    const char *name;
    const char *vendors;              /* parts of CL_DEVICE_VENDOR in lower case, separated by |; "": any */
    double balance;                   /* multiply-adds in the time that one float takes from or to memory */
    struct gpu_tile tiles[GPU_TILES]; /* for large results, and for those that would leave compute units idle */
};

/* What a device allows. */
struct gpu_limits {
    size_t items;       /* of a group */
    size_t local_bytes; /* of a group */
    int units;          /* compute units */
};

/* Class i of the table, whose last one is that of unknown vendors; NULL beyond. */
const struct gpu_class *gpu_class_at(size_t i);
/* The class of a device by its vendor, never NULL. */
const struct gpu_class *gpu_class_of(const char *vendor);

/* Local memory of a group. */
size_t gpu_tile_bytes(const struct gpu_tile *tile);
/* The tile for `m` × `n` sums within the limits: of the class's, halved until they fit, the one that keeps the units
 * busiest. False if the device allows none (a group of less than 4 work-items). */
bool gpu_choose_tile(const struct gpu_class *class, const struct gpu_limits *limits, double m, double n,
                     struct gpu_tile *tile);

#endif
