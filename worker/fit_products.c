/* Products with samples: the host's side of kernels/svm.cl. A pass goes over the chunks in order;
 * what a lane sums does not depend on where they are cut. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/fit_priv.h"

#define TILES (FIT_BLOCK / 8) /* of a block, in svm.cl */
#define GPU_ITEMS 64          /* work-items of a group where there is more than one */
#define STATE_POSITIVE 1      /* as in svm.cl */
#define STATE_NEGATIVE 2
#define STATE_ACTIVE 4

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* ---- packing ---- */

/* As few padding lanes as there can be, then as wide slabs. */
struct packing fit_packing(size_t count)
{
    size_t groups = (count + FIT_GROUP - 1) / FIT_GROUP;
    struct packing best = {count, 1, groups, groups * FIT_GROUP};
    for (size_t vectors = FIT_VECTORS_MOST; groups > 1 && vectors > 1; vectors--) {
        size_t slabs = (groups + vectors - 1) / vectors;
        if (best.vectors == 1 || slabs * vectors * FIT_GROUP < best.lanes)
            best = (struct packing){count, vectors, slabs, slabs * vectors * FIT_GROUP};
    }
    return best;
}

/* Of every packing of so many columns or fewer: slabs may be filled up by a group. */
static size_t lanes_most(size_t columns)
{
    return round_up(columns, FIT_GROUP) + FIT_GROUP;
}

/* Where element j of packed lane `lane` stands in [slab][width][slab's lanes]. */
static size_t packed_at(const struct packing *packing, size_t width, size_t j, size_t lane)
{
    size_t lanes = packing->vectors * FIT_GROUP;
    return (lane / lanes * width + j) * lanes + lane % lanes;
}

/* ---- work space ---- */

struct need {
    size_t bytes;
    cl_mem *buffer;
};

#define NEEDS 10

/* Everything but the states. */
static void list_needs(struct products *p, size_t chunk_rows, size_t width,
                       struct need needs[NEEDS])
{
    size_t lanes = p->lanes_most, sums = chunk_rows / FIT_SUM, f = sizeof(float);
    const struct need list[NEEDS] = {
        {width * lanes * f, &p->weights},
        {lanes * sizeof(cl_uint), &p->map},
        {2 * lanes * f, &p->costs},
        {sums * FIT_BLOCK * lanes * f, &p->scratch},
        {sums * TILES * lanes * f, &p->tile_losses},
        {sums * width * lanes * f, &p->partial},
        {sums * lanes * f, &p->losses},
        {2 * width * lanes * f, &p->sums},
        {2 * lanes * f, &p->loss_sums},
        {chunk_rows * lanes * f, &p->exchange},
    };
    memcpy(needs, list, sizeof list);
}

uint64_t products_memory(size_t rows, size_t chunk_rows, size_t width, size_t columns)
{
    struct products p = {.lanes_most = lanes_most(columns)};
    struct need needs[NEEDS];
    list_needs(&p, chunk_rows, width, needs);
    uint64_t bytes = (uint64_t)round_up(rows, chunk_rows) * round_up(columns, FIT_GROUP);
    for (size_t i = 0; i < NEEDS; i++)
        bytes += needs[i].bytes;
    return bytes;
}

static int make_buffers(struct products *p, struct error *err)
{
    struct fit_set *set = p->set;
    struct need needs[NEEDS];
    int failed = 0;
    list_needs(p, set->chunk_rows, set->width, needs);
    for (size_t i = 0; !failed && i < NEEDS; i++)
        failed = device_buffer(set->device, needs[i].bytes, needs[i].buffer, err);
    for (size_t c = 0; !failed && c < set->chunks; c++)
        failed = device_buffer(set->device, set->chunk_rows * p->stride, &p->states[c], err);
    return failed;
}

static int make_memory(struct products *p, struct error *err)
{
    size_t width =
        p->set->width > p->set->chunk_rows / FIT_SUM ? p->set->width : p->set->chunk_rows / FIT_SUM;
    p->states = calloc(p->set->chunks, sizeof *p->states);
    p->transfer = calloc(2 * width * p->lanes_most, sizeof *p->transfer);
    p->exchanged = calloc(p->set->chunk_rows * p->lanes_most, sizeof *p->exchanged);
    p->positive = calloc(2 * p->columns, sizeof *p->positive);
    p->positives = calloc(2 * p->columns, sizeof *p->positives);
    if (!p->states || !p->transfer || !p->exchanged || !p->positive || !p->positives)
        return error_set(err, E_MEMORY, "no memory to fit %zu boundaries", p->columns);
    p->negative = p->positive + p->columns;
    p->negatives = p->positives + p->columns;
    return 0;
}

int products_open(struct fit_set *set, size_t columns, struct products *products, struct error *err)
{
    *products = (struct products){.set = set,
                                  .columns = columns,
                                  .stride = round_up(columns, FIT_GROUP),
                                  .lanes_most = lanes_most(columns)};
    int failed = make_memory(products, err);
    if (!failed)
        failed = make_buffers(products, err);
    if (failed)
        products_close(products);
    return failed;
}

static void release_kernels(struct kernels *k)
{
    const cl_kernel all[] = {k->gradient, k->hessian, k->weighted, k->scores, k->reduce};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            clReleaseKernel(all[i]);
}

void products_close(struct products *p)
{
    struct need needs[NEEDS];
    list_needs(p, 0, 0, needs);
    for (size_t i = 0; i < NEEDS; i++)
        if (*needs[i].buffer)
            clReleaseMemObject(*needs[i].buffer);
    for (size_t c = 0; p->states && c < p->set->chunks; c++)
        if (p->states[c])
            clReleaseMemObject(p->states[c]);
    for (size_t i = 0; i < FIT_VECTORS_MOST; i++)
        release_kernels(&p->kernels[i]);
    if (p->enqueued)
        clReleaseEvent(p->enqueued);
    free(p->states);
    free(p->transfer);
    free(p->exchanged);
    free(p->positive);
    free(p->positives);
    *p = (struct products){0};
}

/* The kernels for slabs of so many vectors, made when they are first wanted. */
static int find_kernels(struct products *p, size_t vectors, const struct kernels **kernels,
                        struct error *err)
{
    struct kernels *k = &p->kernels[vectors - 1];
    const struct {
        const char *name;
        cl_kernel *kernel;
    } table[] = {{"svm_gradient", &k->gradient},
                 {"svm_hessian", &k->hessian},
                 {"svm_weighted", &k->weighted},
                 {"svm_scores", &k->scores},
                 {"svm_reduce", &k->reduce}};
    bool cpu = device_describe(p->set->device)->kind == DEVICE_CPU;
    char options[64];
    snprintf(options, sizeof options, "-DNV=%zu -DLOCAL=%d", vectors, cpu ? 1 : GPU_ITEMS);
    int failed = 0;
    for (size_t i = 0; !failed && i < sizeof table / sizeof *table; i++)
        if (!*table[i].kernel)
            failed = device_kernel(p->set->device, "svm.cl", options, table[i].name,
                                   table[i].kernel, err);
    *kernels = k;
    return failed;
}

/* ---- labels ---- */

/* labels[rows][columns] as states[chunk_rows][stride], counted. */
static void make_states(struct products *p, const signed char *labels, size_t rows, bool active,
                        uint8_t *states)
{
    uint8_t counts = active ? STATE_ACTIVE : 0;
    memset(states, 0, p->set->chunk_rows * p->stride);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < p->columns; k++) {
            signed char label = labels[i * p->columns + k];
            p->positives[k] += label > 0;
            p->negatives[k] += label < 0;
            states[i * p->stride + k] = label > 0   ? STATE_POSITIVE | counts
                                        : label < 0 ? STATE_NEGATIVE | counts
                                                    : 0;
        }
}

int products_set_labels(struct products *p, const struct fit_labels *labels, size_t first,
                        bool active, struct error *err)
{
    size_t chunk_rows = p->set->chunk_rows;
    signed char *given = malloc(chunk_rows * p->columns);
    uint8_t *states = malloc(chunk_rows * p->stride);
    int failed = given && states ? 0
                                 : error_set(err, E_MEMORY, "no memory for %zu labels",
                                             chunk_rows * p->columns);
    memset(p->positives, 0, 2 * p->columns * sizeof *p->positives);
    for (size_t c = 0; !failed && c < p->set->chunks; c++) {
        size_t rows = fit_set_rows(p->set, c);
        failed = labels->labels(labels->state, (uint64_t)c * chunk_rows, rows, first, p->columns,
                                given, err);
        if (failed)
            break;
        make_states(p, given, rows, active, states);
        failed = device_write(p->set->device, p->states[c], 0, states, chunk_rows * p->stride, err);
    }
    free(given);
    free(states);
    return failed;
}

void products_weigh(struct products *p, const struct fit_lane *lanes)
{
    for (size_t k = 0; k < p->columns; k++) {
        double n[2] = {(double)p->positives[k], (double)p->negatives[k]}, all = n[0] + n[1];
        bool balanced = lanes[k].balanced;
        p->positive[k] = n[0] > 0 ? (float)(lanes[k].cost / (balanced ? 2 * n[0] : all)) : 0;
        p->negative[k] = n[1] > 0 ? (float)(lanes[k].cost / (balanced ? 2 * n[1] : all)) : 0;
    }
}

/* ---- what goes to the device and comes back ---- */

/* Columns which[…] (NULL: all) of double[columns][width] as the lanes of a pass. */
static int upload(struct products *p, const struct packing *packing, const size_t *which,
                  const double *vectors, struct error *err)
{
    size_t width = p->set->width, bytes = width * packing->lanes * sizeof(float);
    memset(p->transfer, 0, bytes);
    for (size_t lane = 0; lane < packing->count; lane++) {
        const double *vector = vectors + (which ? which[lane] : lane) * width;
        for (size_t j = 0; j < width; j++)
            p->transfer[packed_at(packing, width, j, lane)] = (float)vector[j];
    }
    return device_write(p->set->device, p->weights, 0, p->transfer, bytes, err);
}

/* The lanes' columns and weights. */
static int upload_map(struct products *p, const struct packing *packing, const size_t *which,
                      struct error *err)
{
    cl_uint *map = (cl_uint *)calloc(packing->lanes, sizeof *map);
    float *costs = calloc(2 * packing->lanes, sizeof *costs);
    int failed =
        map && costs ? 0 : error_set(err, E_MEMORY, "no memory for %zu lanes", packing->lanes);
    for (size_t lane = 0; !failed && lane < packing->count; lane++) {
        map[lane] = (cl_uint)which[lane];
        costs[lane] = p->positive[which[lane]];
        costs[packing->lanes + lane] = p->negative[which[lane]];
    }
    if (!failed)
        failed = device_write(p->set->device, p->map, 0, map, packing->lanes * sizeof *map, err);
    if (!failed)
        failed = device_write(p->set->device, p->costs, 0, costs,
                              2 * packing->lanes * sizeof *costs, err);
    free(map);
    free(costs);
    return failed;
}

static int add_up(struct products *p, const struct kernels *kernels, cl_mem partial, cl_mem sums,
                  size_t size, bool begin, struct error *err)
{
    cl_uint count = (cl_uint)(p->set->chunk_rows / FIT_SUM), first = begin;
    const struct device_arg args[] = {DEVICE_ARG(partial), DEVICE_ARG(sums), DEVICE_ARG(count),
                                      DEVICE_ARG(first)};
    return device_launch(p->set->device, kernels->reduce, 1, &size, NULL, args, 4, err);
}

/* The sums of a pass, into columns which[…] (NULL: all) of result[columns][width]. */
static int download(struct products *p, const struct packing *packing, const size_t *which,
                    double *result, struct error *err)
{
    size_t width = p->set->width, size = width * packing->lanes;
    int failed =
        device_read(p->set->device, p->sums, 0, p->transfer, 2 * size * sizeof(float), err);
    for (size_t lane = 0; !failed && lane < packing->count; lane++) {
        double *vector = result + (which ? which[lane] : lane) * width;
        for (size_t j = 0; j < width; j++) {
            size_t at = packed_at(packing, width, j, lane);
            vector[j] = (double)p->transfer[at] + (double)p->transfer[size + at];
        }
    }
    return failed;
}

/* ---- passes ---- */

struct pass {
    const struct kernels *kernels;
    struct packing packing;
    size_t global[2], local[2];
    cl_uint panels, stride, count, rows;
};

static int begin_pass(struct products *p, struct packing packing, struct pass *pass,
                      struct error *err)
{
    bool cpu = device_describe(p->set->device)->kind == DEVICE_CPU;
    size_t items = cpu ? 1 : GPU_ITEMS;
    *pass = (struct pass){.packing = packing,
                          .global = {p->set->chunk_rows / FIT_SUM * items, packing.slabs},
                          .local = {items, 1},
                          .panels = (cl_uint)(p->set->width / FIT_PANEL),
                          .stride = (cl_uint)p->stride,
                          .count = (cl_uint)packing.count,
                          .rows = (cl_uint)p->set->chunk_rows};
    return find_kernels(p, packing.vectors, &pass->kernels, err);
}

/* Lets the device begin while the host makes the next chunk, and waits for the chunk before: the device always has
 * one to do, and never more, so that a fit can be given up between them. */
static int flush(struct products *p, struct error *err)
{
    cl_event mark = NULL;
    int failed = device_mark(p->set->device, &mark, err);
    if (failed)
        return failed;
    failed = device_await(&p->enqueued, err);
    p->enqueued = mark;
    return failed;
}

static int gradient_of_chunk(struct products *p, const struct pass *pass, size_t c,
                             struct error *err)
{
    cl_mem x;
    int failed = fit_set_chunk(p->set, c, &x, err);
    if (failed)
        return failed;
    const struct device_arg args[] = {DEVICE_ARG(x),
                                      DEVICE_ARG(p->weights),
                                      DEVICE_ARG(p->states[c]),
                                      DEVICE_ARG(p->map),
                                      DEVICE_ARG(p->costs),
                                      DEVICE_ARG(p->scratch),
                                      DEVICE_ARG(p->tile_losses),
                                      DEVICE_ARG(p->partial),
                                      DEVICE_ARG(p->losses),
                                      DEVICE_ARG(pass->panels),
                                      DEVICE_ARG(pass->stride),
                                      DEVICE_ARG(pass->count)};
    failed = device_launch(p->set->device, pass->kernels->gradient, 2, pass->global, pass->local,
                           args, 12, err);
    if (!failed)
        failed = add_up(p, pass->kernels, p->partial, p->sums, p->set->width * pass->packing.lanes,
                        c == 0, err);
    if (!failed)
        failed =
            add_up(p, pass->kernels, p->losses, p->loss_sums, pass->packing.lanes, c == 0, err);
    return failed ? failed : flush(p, err);
}

int products_gradient(struct products *p, const size_t *which, size_t count, const double *w,
                      double *losses, double *gradient, struct error *err)
{
    struct pass pass;
    int failed = begin_pass(p, fit_packing(count), &pass, err);
    if (!failed)
        failed = upload(p, &pass.packing, which, w, err);
    if (!failed)
        failed = upload_map(p, &pass.packing, which, err);
    for (size_t c = 0; !failed && c < p->set->chunks; c++)
        failed = gradient_of_chunk(p, &pass, c, err);
    if (!failed)
        failed = download(p, &pass.packing, which, gradient, err);
    size_t lanes = pass.packing.lanes;
    if (!failed)
        failed = device_read(p->set->device, p->loss_sums, 0, p->transfer,
                             2 * lanes * sizeof(float), err);
    for (size_t lane = 0; !failed && lane < count; lane++)
        losses[which[lane]] = (double)p->transfer[lane] + (double)p->transfer[lanes + lane];
    return failed;
}

static int hessian_of_chunk(struct products *p, const struct pass *pass, size_t c,
                            struct error *err)
{
    cl_mem x;
    int failed = fit_set_chunk(p->set, c, &x, err);
    if (failed)
        return failed;
    const struct device_arg args[] = {
        DEVICE_ARG(x),          DEVICE_ARG(p->weights),   DEVICE_ARG(p->states[c]),
        DEVICE_ARG(p->map),     DEVICE_ARG(p->costs),     DEVICE_ARG(p->scratch),
        DEVICE_ARG(p->partial), DEVICE_ARG(pass->panels), DEVICE_ARG(pass->stride)};
    failed = device_launch(p->set->device, pass->kernels->hessian, 2, pass->global, pass->local,
                           args, 9, err);
    if (!failed)
        failed = add_up(p, pass->kernels, p->partial, p->sums, p->set->width * pass->packing.lanes,
                        c == 0, err);
    return failed ? failed : flush(p, err);
}

int products_hessian(struct products *p, const size_t *which, size_t count, const double *v,
                     double *product, struct error *err)
{
    struct pass pass;
    int failed = begin_pass(p, fit_packing(count), &pass, err);
    if (!failed)
        failed = upload(p, &pass.packing, which, v, err);
    if (!failed)
        failed = upload_map(p, &pass.packing, which, err);
    for (size_t c = 0; !failed && c < p->set->chunks; c++)
        failed = hessian_of_chunk(p, &pass, c, err);
    return failed ? failed : download(p, &pass.packing, which, product, err);
}

/* ---- values in, scores out ---- */

/* values[rows][columns] to [slab][chunk_rows][slab's lanes]. */
static void pack_rows(const struct products *p, const struct packing *packing, const float *values,
                      size_t rows)
{
    size_t lanes = packing->vectors * FIT_GROUP;
    memset(p->exchanged, 0, p->set->chunk_rows * packing->lanes * sizeof(float));
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < packing->count; k++)
            p->exchanged[(k / lanes * p->set->chunk_rows + i) * lanes + k % lanes] =
                values[i * packing->count + k];
}

static void unpack_rows(const struct products *p, const struct packing *packing, float *values,
                        size_t rows)
{
    size_t lanes = packing->vectors * FIT_GROUP;
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < packing->count; k++)
            values[i * packing->count + k] =
                p->exchanged[(k / lanes * p->set->chunk_rows + i) * lanes + k % lanes];
}

static int weigh_chunk(struct products *p, const struct pass *pass, size_t c, struct error *err)
{
    cl_mem x;
    size_t bytes = p->set->chunk_rows * pass->packing.lanes * sizeof(float);
    int failed = device_write(p->set->device, p->exchange, 0, p->exchanged, bytes, err);
    if (!failed)
        failed = fit_set_chunk(p->set, c, &x, err);
    if (failed)
        return failed;
    const struct device_arg args[] = {DEVICE_ARG(x), DEVICE_ARG(p->exchange),
                                      DEVICE_ARG(p->partial), DEVICE_ARG(pass->panels),
                                      DEVICE_ARG(pass->rows)};
    failed = device_launch(p->set->device, pass->kernels->weighted, 2, pass->global, pass->local,
                           args, 5, err);
    if (!failed)
        failed = add_up(p, pass->kernels, p->partial, p->sums, p->set->width * pass->packing.lanes,
                        c == 0, err);
    return failed ? failed : flush(p, err);
}

int products_weighted(struct products *p, const struct fit_values *values, size_t first,
                      double *result, struct error *err)
{
    struct pass pass;
    int failed = begin_pass(p, fit_packing(p->columns), &pass, err);
    float *given = malloc(p->set->chunk_rows * p->columns * sizeof *given);
    if (!failed && !given)
        failed =
            error_set(err, E_MEMORY, "no memory for %zu values", p->set->chunk_rows * p->columns);
    for (size_t c = 0; !failed && c < p->set->chunks; c++) {
        size_t rows = fit_set_rows(p->set, c);
        failed = values->values(values->state, (uint64_t)c * p->set->chunk_rows, rows, first,
                                p->columns, given, err);
        if (failed)
            break;
        pack_rows(p, &pass.packing, given, rows);
        failed = weigh_chunk(p, &pass, c, err);
    }
    free(given);
    return failed ? failed : download(p, &pass.packing, NULL, result, err);
}

static int score_chunk(struct products *p, const struct pass *pass, size_t c, struct error *err)
{
    cl_mem x;
    int failed = fit_set_chunk(p->set, c, &x, err);
    if (failed)
        return failed;
    const struct device_arg args[] = {DEVICE_ARG(x), DEVICE_ARG(p->weights),
                                      DEVICE_ARG(p->exchange), DEVICE_ARG(pass->panels),
                                      DEVICE_ARG(pass->rows)};
    failed = device_launch(p->set->device, pass->kernels->scores, 2, pass->global, pass->local,
                           args, 5, err);
    return failed ? failed
                  : device_read(p->set->device, p->exchange, 0, p->exchanged,
                                p->set->chunk_rows * pass->packing.lanes * sizeof(float), err);
}

int products_scores(struct products *p, const double *w, size_t first, const struct fit_sink *sink,
                    struct error *err)
{
    struct pass pass;
    int failed = begin_pass(p, fit_packing(p->columns), &pass, err);
    float *scores = malloc(p->set->chunk_rows * p->columns * sizeof *scores);
    if (!failed && !scores)
        failed =
            error_set(err, E_MEMORY, "no memory for %zu scores", p->set->chunk_rows * p->columns);
    if (!failed)
        failed = upload(p, &pass.packing, NULL, w, err);
    for (size_t c = 0; !failed && c < p->set->chunks; c++) {
        size_t rows = fit_set_rows(p->set, c);
        failed = score_chunk(p, &pass, c, err);
        if (failed)
            break;
        unpack_rows(p, &pass.packing, scores, rows);
        failed = sink->scores(sink->state, (uint64_t)c * p->set->chunk_rows, rows, first,
                              p->columns, scores, err);
    }
    free(scores);
    return failed;
}
