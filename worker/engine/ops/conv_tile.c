/* Register blocks and tiles of kernels/conv.cl. They depend on the shape alone, never on the batch. */
#include "worker/engine/ops/conv.h"

#include <limits.h>

/* Registers beside the accumulators; weights, and a value of the input, must find room there. */
#define BESIDE 4
/* A patch beyond this would push weights out of a 1 MB second-level cache. */
#define PATCH_BYTES_MAX (160u << 10)
/* A single row shall keep a few cores busy. */
#define GROUPS_LEAST 4
/* Weights of a group where not all fit; as much again may then be its patch. */
#define PANELS_BYTES_MAX (512u << 10)

int conv_positions(const struct conv_axis *axis)
{
    return (axis->out + axis->phases - 1) / axis->phases;
}

/* Share of the fused multiply-adds' peak that a block can reach: loads, latency, idle positions. */
static double block_score(const struct conv *conv, int block_y, int block_x, int vectors)
{
    double accumulators = block_y * block_x * vectors;
    double loads = block_y * block_x + 2 * vectors; /* weights come from the second level */
    double cycles = loads > accumulators ? loads : accumulators;
    if (cycles < 8) /* latency of two pipes' multiply-adds */
        cycles = 8;
    int y = conv_positions(&conv->y), x = conv_positions(&conv->x);
    double covered = (double)round_up((size_t)y, (size_t)block_y) *
                     (double)round_up((size_t)x, (size_t)block_x);
    return accumulators / cycles * ((double)y * x / covered) + accumulators * 1e-4;
}

static void choose_block(const struct conv *conv, int registers, struct tiling *tiling)
{
    int blocks = (int)round_up((size_t)(conv->channels_out / conv->groups), CHANNEL_BLOCK) /
                 CHANNEL_BLOCK;
    double best = 0;
    tiling->block_y = tiling->block_x = tiling->vectors = 1;
    for (int v = 1; v <= 4; v++)
        for (int y = 1; blocks % v == 0 && y <= 8 && y <= conv_positions(&conv->y); y++)
            for (int x = 1; x <= 16 && x <= conv_positions(&conv->x); x++) {
                if (y * x * v > registers || y * x * v + v >= registers + BESIDE)
                    break;
                double score = block_score(conv, y, x, v);
                if (score > best) {
                    best = score;
                    tiling->block_y = y;
                    tiling->block_x = x;
                    tiling->vectors = v;
                }
            }
}

static void offset_range(const struct conv_axis *axis, int *least, int *most)
{
    *least = *most = axis->offset[0];
    for (int p = 1; p < axis->phases; p++) {
        *least = axis->offset[p] < *least ? axis->offset[p] : *least;
        *most = axis->offset[p] > *most ? axis->offset[p] : *most;
    }
}

static int patch_size(const struct conv_axis *axis, int tile)
{
    int least, most;
    offset_range(axis, &least, &most);
    return (tile - 1) * axis->in_step + (axis->taps - 1) * axis->tap_step + 1 + most - least;
}

static size_t patch_bytes(const struct conv *conv, const struct tiling *tiling, int tile_y,
                          int tile_x)
{
    return (size_t)patch_size(&conv->y, tile_y) * (size_t)patch_size(&conv->x, tile_x) *
           (size_t)tiling->pitch * sizeof(float);
}

/* The largest multiple of `block` up to what covers the axis whose patch is at most `most`; equal tiles. */
static int grow(const struct conv *conv, const struct tiling *tiling, bool along_y, size_t most)
{
    int covered = conv_positions(along_y ? &conv->y : &conv->x);
    int block = along_y ? tiling->block_y : tiling->block_x, tile = block;
    while (tile < covered &&
           patch_bytes(conv, tiling, along_y ? tile + block : tiling->tile_y,
                       along_y ? tiling->tile_x : tile + block) <= most)
        tile += block;
    int tiles = (covered + tile - 1) / tile;
    return (int)round_up((size_t)((covered + tiles - 1) / tiles), (size_t)block);
}

/* Panels of one group: weights that a second-level cache holds, and some groups for every core. */
static int split_panels(const struct conv *conv, const struct tiling *tiling, size_t weights)
{
    int panels = (int)round_up((size_t)conv->channels_out,
                               (size_t)(CHANNEL_BLOCK * tiling->vectors)) /
                 (CHANNEL_BLOCK * tiling->vectors);
    int parts = (int)((weights + PANELS_BYTES_MAX - 1) / PANELS_BYTES_MAX);
    int tiles = ((conv_positions(&conv->y) + tiling->tile_y - 1) / tiling->tile_y) *
                ((conv_positions(&conv->x) + tiling->tile_x - 1) / tiling->tile_x);
    while (parts * tiles < GROUPS_LEAST)
        parts++;
    parts = parts < panels ? parts : panels;
    return (panels + parts - 1) / parts;
}

bool conv_tile(const struct conv *conv, int registers, size_t local_bytes, bool whole,
               struct tiling *tiling)
{
    int ignored;
    choose_block(conv, registers, tiling);
    offset_range(&conv->y, &tiling->least_y, &ignored);
    offset_range(&conv->x, &tiling->least_x, &ignored);
    /* Pixels a power of two apart would fall on few cache sets. */
    tiling->pitch = conv->channels_in % 64 ? conv->channels_in : conv->channels_in + 16;
    tiling->tile_y = tiling->block_y;
    tiling->tile_x = tiling->block_x;
    if (patch_bytes(conv, tiling, tiling->tile_y, tiling->tile_x) > local_bytes)
        return false;
    size_t depth = (size_t)(conv->channels_in / conv->groups * conv->y.taps * conv->x.taps);
    size_t weights = (size_t)(conv->y.phases * conv->x.phases * conv->channels_out) * depth *
                     sizeof(float);
    /* Large weights are read once for many positions rather than many times for few. */
    size_t most = !whole && weights > PANELS_BYTES_MAX ? PANELS_BYTES_MAX : PATCH_BYTES_MAX;
    most = most < local_bytes ? most : local_bytes;
    tiling->tile_x = grow(conv, tiling, false, most);
    tiling->tile_y = grow(conv, tiling, true, most);
    tiling->panels = whole ? INT_MAX : split_panels(conv, tiling, weights);
    tiling->patch_y = patch_size(&conv->y, tiling->tile_y);
    tiling->patch_x = patch_size(&conv->x, tiling->tile_x);
    return true;
}
