/*
 * Costs in cycles of one core. The constants were fitted to measurements of PoCL on one machine with
 * AVX-512; only their proportions matter.
 */
#include "worker/engine/ops/conv_choose.h"

#include <stdlib.h>

#include "worker/engine/tuning.h"

/* The form is chosen for so many rows on this machine, whatever the batch and the device: all CPUs of a farm
 * give the same bits. Networks of few weights are run with many rows. */
#define NOMINAL_ROWS 4
#define NOMINAL_ROWS_FEW_WEIGHTS 64
#define FEW_WEIGHTS (1 << 18)
static const struct lowering_target nominal = {.blocked = true,
                                               .vector_registers = 28,
                                               .registers = 32,
                                               .local_bytes = 1 << 20,
                                               .cores = 2,
                                               .block_rate = 1.0,
                                               .cache_bytes = 1.5e6,
                                               .stream_bytes = 10.0,
                                               .memory_bytes = 4.5};
/* The forms of four outputs lose about two digits more than F(2×2), nine products and the direct form. */
#define F4_TOLERANCE 1e-3
#define LAUNCH_CYCLES 9000.0 /* of a kernel, until all cores work */
#define GROUP_CYCLES 300.0
#define WEIGHT_CYCLES 0.5 /* lost to each load of 16 weights */
#define BLOCK_TILES_MOST 14 /* more streams of tiles than this evict each other */
#define FIRST_CACHE_BYTES 150e3 /* scratch of this size is half in the first-level cache */
#define SCRATCH_CYCLES 2.5 /* to write and read 16 floats in the second-level cache, not the first */
#define DIRECT_FINISH_CYCLES 30.0 /* for 16 channels of a pixel */

/* Cycles for 16 channels of a tile, with the traffic to and from memory that they cause. */
struct form_cost {
    enum winograd_form form;
    double transform, finish;
};

static const struct form_cost form_costs[] = {
    {WINOGRAD_F2, 60, 130},
    {WINOGRAD_F4, 200, 270},
    {WINOGRAD_UPSAMPLED, 25, 130},
    {WINOGRAD_UPSAMPLED_4, 90, 250}};

static double ceiling(double a, double b)
{
    double quotient = a / b;
    double whole = (double)(long long)quotient;
    return whole < quotient ? whole + 1 : whole;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Steps of `groups` equal groups on the cores, each of them with its own share of the work. */
static double spread(const struct lowering_target *target, double groups, double cycles)
{
    return ceiling(groups, target->cores) * (cycles + GROUP_CYCLES) + LAUNCH_CYCLES;
}

/* Reading `bytes` that only the cores' shared cache holds, by one core while all do. */
static double streaming(const struct lowering_target *target, double bytes)
{
    return bytes / target->stream_bytes;
}

/* Reading `bytes` in each of `groups`: the first of each core has them from memory. */
static double streaming_again(const struct lowering_target *target, double bytes, double groups)
{
    double first = target->cores / larger(groups, target->cores);
    return first * bytes / target->memory_bytes + (1 - first) * streaming(target, bytes);
}

/* A block of m × v accumulators. Where weights and one more value do not fit into the registers beside
 * them, every multiply-add loads. Weights come from the second-level cache. */
static double block_cycles(const struct lowering_target *target, int m, int v, double depth)
{
    double accumulators = m * v;
    double loads = accumulators + v < target->registers ? m + v : accumulators + v;
    double inner = larger(larger(accumulators / target->block_rate, loads / 1.7), 4);
    return depth * (inner + v * WEIGHT_CYCLES) + 2 * accumulators + 16;
}

static double whole_cycles(const struct lowering_target *target, const struct conv *conv,
                           const struct winograd *winograd, const struct form_cost *cost,
                           double tiles, double products)
{
    double inputs = winograd_inputs(winograd->form);
    double in = ceiling(conv->channels_in, CHANNEL_BLOCK);
    double out = ceiling(conv->channels_out, CHANNEL_BLOCK);
    double panels = out / winograd->vectors, blocks = winograd->tiles / winograd->block;
    double weights = products * conv->channels_in * out * CHANNEL_BLOCK * sizeof(float);
    double multiply = panels * products * blocks *
                      block_cycles(target, winograd->block, winograd->vectors, conv->channels_in);
    double scratch = (double)winograd_local_bytes(conv, winograd);
    if (weights + scratch > target->cache_bytes)
        multiply += streaming_again(target, weights, ceiling(tiles, winograd->tiles));
    if (scratch > target->cache_bytes / 2)
        multiply += streaming(target, scratch) * panels;
    double ends = winograd->tiles * (in * cost->transform + out * cost->finish);
    ends += winograd->tiles * (inputs * in + products * out) * SCRATCH_CYCLES * scratch /
            (scratch + FIRST_CACHE_BYTES);
    return spread(target, ceiling(tiles, winograd->tiles), multiply + ends);
}

static double staged_cycles(const struct lowering_target *target, const struct conv *conv,
                            const struct winograd *winograd, const struct form_cost *cost,
                            double tiles, double products)
{
    double inputs = winograd_inputs(winograd->form);
    double in = ceiling(conv->channels_in, CHANNEL_BLOCK);
    double out = ceiling(conv->channels_out, CHANNEL_BLOCK);
    double panels = out / winograd->vectors, blocks = winograd->tiles / winograd->block;
    double groups = ceiling(tiles, winograd->tiles);
    double slice = conv->channels_in * winograd->vectors * CHANNEL_BLOCK * sizeof(float);
    double row = winograd->tiles * CHANNEL_BLOCK * sizeof(float); /* 16 channels of a product */
    /* A product's inputs are read for every panel: from the cache only if it holds those of all tiles. */
    bool cached = tiles * in * CHANNEL_BLOCK * sizeof(float) < target->cache_bytes / 2;
    double traffic = (cached ? in / panels : in) + 2 * winograd->vectors;
    double multiply = blocks * block_cycles(target, winograd->block, winograd->vectors,
                                            conv->channels_in) +
                      slice / target->memory_bytes / larger(1, groups / target->cores) +
                      streaming(target, row * traffic);
    return spread(target, groups, winograd->tiles * in * cost->transform +
                                      streaming(target, row * inputs * in)) +
           spread(target, groups * panels * products, multiply) +
           spread(target, groups, winograd->tiles * out * cost->finish +
                                      streaming(target, row * products * out));
}

static double direct_cycles(const struct lowering_target *target, const struct conv *conv,
                            const struct tiling *tiling, double rows)
{
    double y = conv_positions(&conv->y), x = conv_positions(&conv->x);
    double groups = ceiling(y, tiling->tile_y) * ceiling(x, tiling->tile_x);
    double phases = conv->y.phases * conv->x.phases;
    double depth = (double)conv->channels_in / conv->groups * conv->y.taps * conv->x.taps;
    double panels = ceiling(conv->channels_out, CHANNEL_BLOCK * tiling->vectors);
    double blocks = ceiling(tiling->tile_y, tiling->block_y) *
                    ceiling(tiling->tile_x, tiling->block_x) * phases * panels;
    double parts = ceiling(panels, tiling->panels);
    double weights = phases * panels * depth * tiling->vectors * CHANNEL_BLOCK * sizeof(float);
    double patch = (double)tiling->patch_y * tiling->patch_x * tiling->pitch * sizeof(float);
    double group = blocks * block_cycles(target, tiling->block_y * tiling->block_x,
                                         tiling->vectors, depth) +
                   (double)tiling->tile_y * tiling->tile_x * phases * panels * tiling->vectors *
                       DIRECT_FINISH_CYCLES;
    group = group / parts + patch / 8;
    if (weights / parts + patch > target->cache_bytes)
        group += streaming(target, weights / parts);
    return spread(target, groups * rows * parts, group);
}

bool conv_form_allowed(const struct conv *conv, enum winograd_form form, double tolerance)
{
    bool loses_digits = form == WINOGRAD_F4 || form == WINOGRAD_UPSAMPLED_4;
    return winograd_fits(conv, form) && (!loses_digits || tolerance >= F4_TOLERANCE);
}

static int cheaper(const void *a, const void *b)
{
    const struct conv_candidate *x = a, *y = b;
    return (x->cycles > y->cycles) - (x->cycles < y->cycles);
}

struct list {
    const struct lowering_target *target;
    const struct conv *conv;
    size_t rows, count;
    struct conv_candidate *candidates;
};

static void add(struct list *list, const struct winograd *winograd, const struct form_cost *cost)
{
    double tiles = (double)list->rows * winograd_tiles(list->conv, winograd->form);
    double products = winograd_products(winograd->form);
    if (list->count == CONV_CANDIDATES_MAX ||
        (!winograd->staged &&
         winograd_local_bytes(list->conv, winograd) > list->target->local_bytes))
        return;
    struct conv_candidate *candidate = &list->candidates[list->count++];
    *candidate = (struct conv_candidate){
        .transformed = true,
        .winograd = *winograd,
        .cycles = (winograd->staged ? staged_cycles : whole_cycles)(
            list->target, list->conv, winograd, cost, tiles, products),
    };
    candidate->winograd.streamed = winograd_streams(list->target, list->conv, winograd, list->rows);
}

/* Register blocks that fill the registers, or as many tiles as there are. */
static void add_form(struct list *list, const struct form_cost *cost)
{
    static const int repeats[] = {1, 2, 3, 4, 6, 8, 12};
    int channels = (int)ceiling(list->conv->channels_out, CHANNEL_BLOCK);
    int tiles = (int)list->rows * winograd_tiles(list->conv, cost->form);
    for (int v = 1; v <= 4; v *= 2) {
        int most = list->target->vector_registers / v, last = 0;
        most = most > BLOCK_TILES_MOST ? BLOCK_TILES_MOST : most;
        for (int shrink = 0; channels % v == 0 && shrink < 3; shrink++) {
            int m = shrink == 0 ? most : shrink == 1 ? most - 2 : most / 2;
            m = m > tiles ? tiles : m;
            if (m < 1 || m == last)
                continue;
            last = m;
            for (size_t r = 0; r < sizeof repeats / sizeof *repeats; r++)
                for (int staged = 0; staged < 2; staged++)
                    if (r == 0 || m * repeats[r - 1] < tiles)
                        add(list, &(struct winograd){cost->form, staged, m * repeats[r], m, v,
                                                     false},
                            cost);
        }
    }
}

size_t conv_candidates(const struct lowering_target *target, const struct conv *conv, size_t rows,
                       bool whole, struct conv_candidate *candidates)
{
    struct list list = {target, conv, rows, 0, candidates};
    struct conv_candidate direct = {0};
    if (conv_tile(conv, target->vector_registers, target->local_bytes, whole,
                  &direct.tiling) &&
        (conv->groups == 1 ||
         conv->channels_out / conv->groups % (CHANNEL_BLOCK * direct.tiling.vectors) == 0)) {
        direct.cycles = direct_cycles(target, conv, &direct.tiling, (double)rows);
        candidates[list.count++] = direct;
    }
    for (size_t i = 0; i < sizeof form_costs / sizeof *form_costs; i++)
        if (conv_form_allowed(conv, form_costs[i].form, target->tolerance))
            add_form(&list, &form_costs[i]);
    qsort(candidates, list.count, sizeof *candidates, cheaper);
    return list.count;
}

static int form_of(const struct conv_candidate *candidate)
{
    return candidate->transformed ? (int)candidate->winograd.form : 0;
}

static bool fits(const struct conv *conv, const struct winograd *winograd)
{
    int channels = (int)round_up((size_t)conv->channels_out, CHANNEL_BLOCK) / CHANNEL_BLOCK;
    return winograd_fits(conv, winograd->form) && channels % winograd->vectors == 0;
}

static bool tuned(const struct lowering_target *target, const struct conv *conv,
                  enum winograd_form form, size_t rows, bool whole, struct conv_candidate *choice)
{
    char key[TUNING_KEY_MAX];
    tuning_key(conv, form, rows, whole, key);
    const struct winograd *found = target->tuning ? tuning_find(target->tuning, key) : NULL;
    if (!found)
        return false;
    *choice = (struct conv_candidate){.transformed = true, .winograd = *found};
    choice->winograd.form = form;
    choice->winograd.streamed = winograd_streams(target, conv, &choice->winograd, rows);
    return fits(conv, &choice->winograd) &&
           (found->staged || winograd_local_bytes(conv, &choice->winograd) <= target->local_bytes);
}

static size_t nominal_rows(const struct conv *conv)
{
    double weights = (double)conv->channels_in / conv->groups * conv->channels_out *
                     conv->y.kernel * conv->x.kernel;
    return weights <= FEW_WEIGHTS ? NOMINAL_ROWS_FEW_WEIGHTS : NOMINAL_ROWS;
}

bool conv_choose(const struct lowering_target *target, const struct conv *conv, size_t rows,
                 bool whole, struct conv_candidate *choice)
{
    struct conv_candidate candidates[CONV_CANDIDATES_MAX];
    struct lowering_target chooser = nominal;
    chooser.tolerance = target->tolerance;
    size_t nominal_count = conv_candidates(&chooser, conv, nominal_rows(conv), whole, candidates);
    int form = nominal_count ? form_of(&candidates[0]) : 0;
    if (target->forced && target->forced->transformed && fits(conv, &target->forced->winograd)) {
        *choice = *target->forced;
        return true;
    }
    if (target->forced)
        form = 0;
    if (form && tuned(target, conv, (enum winograd_form)form, rows, whole, choice))
        return true;
    size_t count = conv_candidates(target, conv, rows, whole, candidates);
    for (size_t i = 0; i < count; i++)
        if (form_of(&candidates[i]) == form) {
            *choice = candidates[i];
            return true;
        }
    return false;
}
