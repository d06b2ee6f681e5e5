/* Samples on the device, or on their way to it: what is kept, what is made again, and how it lies.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/fit_priv.h"

#define TILE 8                  /* rows packed at a time */
#define CHUNK_BYTES (64u << 20) /* of samples; a multiple of FIT_SUM rows below it */

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

static size_t width_of(size_t dimension)
{
    return round_up(dimension + 1, FIT_PANEL);
}

static uint64_t chunk_bytes(const struct fit_set *set)
{
    return (uint64_t)set->chunk_rows * set->width * sizeof(float);
}

/* Rows of a chunk of at most so many bytes; no more than there are, no less than FIT_SUM. */
static size_t chunk_rows(size_t rows, size_t width, uint64_t bytes)
{
    uint64_t fit = bytes / (width * sizeof(float)) / FIT_SUM * FIT_SUM;
    size_t all = round_up(rows, FIT_SUM);
    return fit < FIT_SUM ? FIT_SUM : fit < all ? (size_t)fit : all;
}

uint64_t fit_memory(size_t rows, size_t dimension, size_t lanes)
{
    size_t width = width_of(dimension), chunk = chunk_rows(rows, width, CHUNK_BYTES);
    return (uint64_t)round_up(rows, chunk) * width * sizeof(float) +
           products_memory(rows, chunk, width, lanes);
}

/* Lanes at once, chunks and what is kept of them, within `memory`: half of it for the work space at
 * most, so that samples are not made again for want of what lanes could do in turns. */
static int divide(struct fit_set *set, size_t lanes, uint64_t memory, struct error *err)
{
    uint64_t share = memory / 8 < CHUNK_BYTES ? memory / 8 : CHUNK_BYTES;
    set->chunk_rows = chunk_rows(set->rows, set->width, share);
    set->chunks = (set->rows + set->chunk_rows - 1) / set->chunk_rows;
    set->lanes_most = round_up(lanes ? lanes : 1, FIT_GROUP);
    uint64_t all = set->chunks * chunk_bytes(set);
    uint64_t work = products_memory(set->rows, set->chunk_rows, set->width, set->lanes_most);
    while (set->lanes_most > FIT_GROUP && work > memory / 2 && all + work > memory) {
        set->lanes_most -= FIT_GROUP;
        work = products_memory(set->rows, set->chunk_rows, set->width, set->lanes_most);
    }
    if (work + chunk_bytes(set) > memory)
        return error_set(err, E_LIMIT,
                         "a fit on %zu samples of dimension %zu needs %.1f MiB, it may use %.1f",
                         set->rows, set->dimension, (double)(work + chunk_bytes(set)) / 0x1p20,
                         (double)memory / 0x1p20);
    set->kept =
        all + work <= memory ? set->chunks : (size_t)((memory - work) / chunk_bytes(set) - 1);
    return 0;
}

int fit_set_open(struct device *device, const struct fit_source *source, size_t rows,
                 size_t dimension, size_t lanes, uint64_t memory, struct fit_set **set,
                 struct error *err)
{
    if (rows == 0 || dimension == 0 || rows > SIZE_MAX / 64 / (dimension + FIT_PANEL))
        return error_set(err, E_INVALID, "a fit needs samples; there are %zu of dimension %zu",
                         rows, dimension);
    struct fit_set *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for a fit");
    opened->device = device;
    opened->source = *source;
    opened->rows = rows;
    opened->dimension = dimension;
    opened->width = width_of(dimension);
    int failed = divide(opened, lanes, memory, err);
    if (!failed) {
        opened->chunk = calloc(opened->kept + 1, sizeof(cl_mem));
        opened->raw = malloc(FIT_BLOCK * dimension * sizeof(float));
        if (!opened->chunk || !opened->raw)
            failed = error_set(err, E_MEMORY, "no memory for %zu samples of dimension %zu", rows,
                               dimension);
    }
    if (failed)
        fit_set_close(&opened);
    else
        *set = opened;
    return failed;
}

void fit_set_close(struct fit_set **set)
{
    if (!*set)
        return;
    for (size_t i = 0; (*set)->chunk && i < (*set)->kept + 1; i++)
        if ((*set)->chunk[i])
            clReleaseMemObject((*set)->chunk[i]);
    free((*set)->chunk);
    free((*set)->raw);
    free(*set);
    *set = NULL;
}

size_t fit_set_rows(const struct fit_set *set, size_t c)
{
    size_t left = set->rows - c * set->chunk_rows;
    return left < set->chunk_rows ? left : set->chunk_rows;
}

/* TILE rows of [dimension] to their place in [panel][FIT_BLOCK][FIT_PANEL]: whole cache lines are
 * written. */
static void pack_tile(const struct fit_set *set, const float *x, float *block)
{
    size_t dimension = set->dimension, whole = dimension / FIT_PANEL;
    for (size_t p = 0; p < whole; p++, block += FIT_BLOCK * FIT_PANEL)
        for (size_t row = 0; row < TILE; row++)
            memcpy(block + row * FIT_PANEL, x + row * dimension + p * FIT_PANEL,
                   FIT_PANEL * sizeof *x);
    memset(block, 0, TILE * FIT_PANEL * sizeof *block);
    for (size_t row = 0; row < TILE; row++) {
        for (size_t j = whole * FIT_PANEL; j < dimension; j++)
            block[row * FIT_PANEL + j % FIT_PANEL] = x[row * dimension + j];
        block[row * FIT_PANEL + dimension % FIT_PANEL] = 1.0f;
    }
}

/* What pack_tile has written of rows that are no samples. */
static void clear(const struct fit_set *set, size_t count, float *block)
{
    for (size_t p = 0; p < set->width / FIT_PANEL; p++)
        memset(block + (p * FIT_BLOCK + count) * FIT_PANEL, 0,
               (FIT_BLOCK - count) * FIT_PANEL * sizeof *block);
}

static int make_block(struct fit_set *set, uint64_t first, size_t count, float *block,
                      struct error *err)
{
    int failed = count == 0 ? 0 : set->source.rows(set->source.state, first, count, set->raw, err);
    for (size_t row = 0; !failed && row < count; row += TILE)
        pack_tile(set, set->raw + row * set->dimension, block + row * FIT_PANEL);
    if (!failed && count < FIT_BLOCK)
        clear(set, count, block);
    return failed;
}

static int make(struct fit_set *set, size_t c, float *chunk, struct error *err)
{
    size_t rows = fit_set_rows(set, c);
    int failed = 0;
    for (size_t at = 0; !failed && at < set->chunk_rows; at += FIT_BLOCK) {
        size_t count = at >= rows ? 0 : rows - at < FIT_BLOCK ? rows - at : FIT_BLOCK;
        failed = make_block(set, (uint64_t)c * set->chunk_rows + at, count, chunk + at * set->width,
                            err);
    }
    return failed;
}

/* Fills the buffer where the device lets the host write; waits for what still reads it: the queue
 * is in order. */
static int fill(struct fit_set *set, size_t c, cl_mem buffer, struct error *err)
{
    if (set->source.chunk)
        return set->source.chunk(set->source.state, (uint64_t)c * set->chunk_rows,
                                 fit_set_rows(set, c), set->chunk_rows, buffer, err);
    cl_command_queue queue = device_queue(set->device);
    cl_int code = CL_SUCCESS;
    float *chunk = clEnqueueMapBuffer(queue, buffer, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0,
                                      (size_t)chunk_bytes(set), 0, NULL, NULL, &code);
    DEVICE_CL(err, code);
    int failed = make(set, c, chunk, err);
    code = clEnqueueUnmapMemObject(queue, buffer, chunk, 0, NULL, NULL);
    if (!failed)
        DEVICE_CL(err, code);
    return failed;
}

int fit_set_chunk(struct fit_set *set, size_t c, cl_mem *x, struct error *err)
{
    size_t slot = c < set->kept ? c : set->kept;
    int failed = device_going(set->device, err);
    if (failed)
        return failed;
    if (c < set->kept && set->chunk[c]) {
        *x = set->chunk[c];
        return 0;
    }
    cl_mem buffer = set->chunk[slot];
    if (!buffer)
        failed = device_buffer(set->device, (size_t)chunk_bytes(set), &buffer, err);
    if (!failed)
        failed = fill(set, c, buffer, err);
    if (failed && buffer && !set->chunk[slot])
        clReleaseMemObject(buffer);
    if (failed)
        return failed;
    set->chunk[slot] = buffer;
    *x = buffer;
    return 0;
}
