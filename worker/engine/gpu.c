/*
 * The table of GPU classes. NOT MEASURED: the numbers follow from the public data of the
 * architectures, by the arithmetic below; no tile has been timed on any of these devices.
 *
 * Registers. A work-item holds block_m · block_n sums, block_m + block_n operands and some 20
 * addresses. A block of b × b has b / 2 multiply-adds for each operand from local memory.
 *
 *   NVIDIA  65,536 a multiprocessor, 255 a work-item: 8 × 8, about 100: two groups of 256 fit
 *   AMD     256 a lane: 8 × 8, about 100: two wavefronts a SIMD
 *   Intel   4 KiB a thread, 64 a lane of SIMD16: 8 × 4, about 64
 *   Mali    64 a thread, 32 at full occupancy: 4 × 4, about 40
 *
 * Local memory. depth · (rows + columns) floats: 16 KiB for 128 × 128 × 16, so that two groups
 * share the 48 KiB (NVIDIA) or 64 KiB (AMD) of a unit; 8 KiB of Intel's 64; 2 KiB of Mali's 32,
 * where local memory is ordinary memory in the cache and a large tile gains nothing.
 *
 * Groups are multiples of 64 work-items: whole warps of 32, wavefronts of 32 or 64, SIMD8 to
 * SIMD32, Mali's 8 or 16.
 *
 * Balance. Multiply-adds a second over floats a second from memory, by data sheets, rounded: 40 to
 * 75 for discrete cards, 15 to 30 where memory is the CPU's.
 */
#include "worker/engine/gpu.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static const struct gpu_class classes[] = {
    {"NVIDIA", "nvidia", 48, {{16, 16, 8, 8, 16}, {16, 16, 4, 4, 16}}},
    {"AMD", "advanced micro devices|amd", 48, {{16, 16, 8, 8, 16}, {16, 16, 4, 4, 16}}},
    {"Intel", "intel", 24, {{8, 16, 8, 4, 16}, {8, 16, 4, 4, 16}}},
    {"Mali", "arm|qualcomm|imagination|broadcom", 24, {{8, 8, 4, 4, 8}, {8, 8, 2, 4, 8}}},
    {"other", "", 32, {{8, 16, 4, 4, 16}, {8, 8, 4, 4, 8}}},
};
#define CLASSES (sizeof classes / sizeof *classes)

const struct gpu_class *gpu_class_at(size_t i)
{
    return i < CLASSES ? &classes[i] : NULL;
}

/* Whether one of the parts, separated by |, begins a word of `text`. */
static bool names_vendor(const char *parts, const char *text)
{
    while (*parts) {
        size_t length = strcspn(parts, "|");
        for (const char *at = text; *at; at++) {
            size_t same = 0;
            while (same < length && tolower((unsigned char)at[same]) == parts[same])
                same++;
            if (same == length && (at == text || !isalnum((unsigned char)at[-1])))
                return true;
        }
        parts += length + (parts[length] == '|');
    }
    return false;
}

const struct gpu_class *gpu_class_of(const char *vendor)
{
    for (size_t i = 0; i < CLASSES; i++)
        if (names_vendor(classes[i].vendors, vendor))
            return &classes[i];
    return &classes[CLASSES - 1];
}

static int rows_of(const struct gpu_tile *tile)
{
    return tile->items_m * tile->block_m;
}

static int columns_of(const struct gpu_tile *tile)
{
    return tile->items_n * tile->block_n;
}

size_t gpu_tile_bytes(const struct gpu_tile *tile)
{
    /* one column more than the rows: tiles.cl's pitch */
    return (size_t)tile->depth * (size_t)(rows_of(tile) + 1 + columns_of(tile)) * sizeof(float);
}

/* tiles.cl's loads need the columns to divide the work-items, and a round of them the depth. */
static bool is_regular(const struct gpu_tile *tile)
{
    int items = tile->items_m * tile->items_n;
    return items % columns_of(tile) == 0 && tile->depth % (items / columns_of(tile)) == 0;
}

/* Halves the tile until it fits. */
static bool fit(struct gpu_tile *tile, const struct gpu_limits *limits)
{
    while ((size_t)(tile->items_m * tile->items_n) > limits->items) {
        int *larger = tile->items_m >= tile->items_n ? &tile->items_m : &tile->items_n;
        if (*larger % 2)
            return false;
        *larger /= 2;
        while (!is_regular(tile) && tile->block_n > 1)
            tile->block_n /= 2;
    }
    while (gpu_tile_bytes(tile) > limits->local_bytes && tile->depth > 1) {
        tile->depth /= 2;
        if (!is_regular(tile))
            return false;
    }
    return is_regular(tile) && gpu_tile_bytes(tile) <= limits->local_bytes;
}

/* Rounds of groups that each compute unit makes, times what a round takes: its multiply-adds, of
 * which small blocks do fewer for each operand. */
static double cost_of(const struct gpu_tile *tile, const struct gpu_limits *limits, double m,
                      double n)
{
    double groups = ceil(m / rows_of(tile)) * ceil(n / columns_of(tile));
    double block_m = tile->block_m, block_n = tile->block_n;
    return ceil(groups / limits->units) * rows_of(tile) * columns_of(tile) *
           (1 + (block_m + block_n) / (block_m * block_n));
}

bool gpu_choose_tile(const struct gpu_class *class, const struct gpu_limits *limits, double m,
                     double n, struct gpu_tile *tile)
{
    double least = INFINITY;
    for (size_t i = 0; i < GPU_TILES; i++) {
        struct gpu_tile candidate = class->tiles[i];
        if (!fit(&candidate, limits) || candidate.items_m * candidate.items_n < 4)
            continue;
        double cost = cost_of(&candidate, limits, m, n);
        if (cost < least) {
            least = cost;
            *tile = candidate;
        }
    }
    return least < INFINITY;
}
