/* Register blocks and tiles of kernels/conv.cl. They depend on the shape alone, never on the batch. */
#include "worker/engine/ops/conv.h"

/* A patch beyond this would push weights out of a 1 MB second-level cache. */
#define PATCH_BYTES_MAX (160u << 10)

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
                if (y * x * v > registers)
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

/* The tile grows, along x first, while the patch fits and the image is not covered. */
bool conv_tile(const struct conv *conv, int registers, size_t local_bytes, struct tiling *tiling)
{
    size_t most = local_bytes < PATCH_BYTES_MAX ? local_bytes : PATCH_BYTES_MAX;
    int ignored;
    choose_block(conv, registers, tiling);
    offset_range(&conv->y, &tiling->least_y, &ignored);
    offset_range(&conv->x, &tiling->least_x, &ignored);
    /* Pixels a power of two apart would fall on few cache sets. */
    tiling->pitch = conv->channels_in % 64 ? conv->channels_in : conv->channels_in + 16;
    int y = tiling->block_y, x = tiling->block_x;
    if (patch_bytes(conv, tiling, y, x) > local_bytes)
        return false;
    while (x < conv_positions(&conv->x) && patch_bytes(conv, tiling, y, x + tiling->block_x) <= most)
        x += tiling->block_x;
    while (y < conv_positions(&conv->y) && y < 16 &&
           patch_bytes(conv, tiling, y + tiling->block_y, x) <= most)
        y += tiling->block_y;
    tiling->tile_y = y;
    tiling->tile_x = x;
    tiling->patch_y = patch_size(&conv->y, y);
    tiling->patch_x = patch_size(&conv->x, x);
    return true;
}
