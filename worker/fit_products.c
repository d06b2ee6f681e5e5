/* Samples on the device and products with them: the host's side of kernels/svm.cl. */
#include "worker/fit_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

static void release(cl_mem buffer)
{
    if (buffer)
        clReleaseMemObject(buffer);
}

/* ---- samples ---- */

int fit_set_open(struct device *device, size_t rows, size_t dimension, struct fit_set **set,
                 struct error *err)
{
    if (rows == 0 || dimension == 0 || rows > SIZE_MAX / 64 / dimension)
        return error_set(err, E_INVALID, "a fit needs samples; there are %zu of dimension %zu",
                         rows, dimension);
    struct fit_set *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for a fit");
    opened->device = device;
    opened->rows = rows;
    opened->dimension = dimension;
    opened->padded = round_up(rows, FIT_BLOCK);
    opened->width = round_up(dimension + 1, 8);
    opened->staging = calloc(FIT_BLOCK * opened->width, sizeof(float));
    int failed = opened->staging ? 0 : error_set(err, E_MEMORY, "no memory for a fit");
    if (!failed)
        failed =
            device_buffer(device, opened->padded * opened->width * sizeof(float), &opened->x, err);
    if (failed) {
        fit_set_close(&opened);
        return error_prefix(err, failed, "%zu samples of dimension %zu", rows, dimension);
    }
    *set = opened;
    return 0;
}

void fit_set_close(struct fit_set **set)
{
    if (!*set)
        return;
    release((*set)->x);
    free((*set)->staging);
    free(*set);
    *set = NULL;
}

int fit_set_add(struct fit_set *set, const float *x, struct error *err)
{
    if (set->added == set->rows)
        return error_set(err, E_STATE, "a set of %zu samples is full", set->rows);
    size_t row = set->added % FIT_BLOCK;
    size_t block_bytes = FIT_BLOCK * set->width * sizeof(float);
    float *to = set->staging + row * set->width;
    memcpy(to, x, set->dimension * sizeof(float));
    to[set->dimension] = 1.0f;
    set->added++;
    if (row + 1 < FIT_BLOCK && set->added < set->rows)
        return 0;
    memset(to + set->width, 0, (FIT_BLOCK - 1 - row) * set->width * sizeof(float));
    return device_write(set->device, set->x, (set->added - 1) / FIT_BLOCK * block_bytes,
                        set->staging, block_bytes, err);
}

/* ---- work space ---- */

static int make_kernels(struct products *products, struct error *err)
{
    const struct {
        const char *name;
        cl_kernel *kernel;
    } table[] = {
        {"svm_forward", &products->forward},   {"svm_forward_scaled", &products->forward_scaled},
        {"svm_backward", &products->backward}, {"svm_reduce", &products->reduce},
        {"svm_residual", &products->residual}, {"svm_search", &products->search},
    };
    char block[32];
    snprintf(block, sizeof block, "-DBLOCK=%d", FIT_BLOCK);
    int failed = 0;
    for (size_t i = 0; !failed && i < sizeof table / sizeof *table; i++)
        failed = device_kernel(products->set->device, "svm.cl", block, table[i].name,
                               table[i].kernel, err);
    return failed;
}

static int make_buffers(struct products *products, struct error *err)
{
    size_t vectors = products->set->width * products->lanes * sizeof(float);
    size_t samples = products->set->padded * products->lanes * sizeof(float);
    size_t features = products->set->width > FIT_STEPS ? products->set->width : FIT_STEPS;
    size_t partial = products->blocks * features * products->lanes * sizeof(float);
    const struct {
        size_t bytes;
        cl_mem *buffer;
    } table[] = {
        {vectors, &products->weights},   {samples, &products->margins},
        {samples, &products->along},     {samples, &products->signed_weights},
        {samples, &products->residuals}, {samples, &products->curvature},
        {partial, &products->partial},   {vectors, &products->sums},
    };
    int failed = 0;
    for (size_t i = 0; !failed && i < sizeof table / sizeof *table; i++)
        failed = device_buffer(products->set->device, table[i].bytes, table[i].buffer, err);
    return failed;
}

int products_open(struct fit_set *set, size_t columns, struct products *products, struct error *err)
{
    *products = (struct products){.set = set,
                                  .columns = columns,
                                  .lanes = round_up(columns, 16),
                                  .blocks = set->padded / FIT_BLOCK};
    if (set->added != set->rows)
        return error_set(err, E_STATE, "%zu of %zu samples were added", set->added, set->rows);
    size_t losses = products->blocks * FIT_STEPS;
    size_t rows = set->width > losses ? set->width : losses;
    products->transfer = calloc(rows * products->lanes, sizeof(float));
    int failed = products->transfer ? 0 : error_set(err, E_MEMORY, "no memory for a fit");
    if (!failed)
        failed = make_kernels(products, err);
    if (!failed)
        failed = make_buffers(products, err);
    if (failed)
        products_close(products);
    return failed;
}

void products_close(struct products *products)
{
    const cl_kernel kernels[] = {products->forward, products->forward_scaled, products->backward,
                                 products->reduce,  products->residual,       products->search};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i])
            clReleaseKernel(kernels[i]);
    release(products->weights);
    release(products->margins);
    release(products->along);
    release(products->signed_weights);
    release(products->residuals);
    release(products->curvature);
    release(products->partial);
    release(products->sums);
    free(products->transfer);
    *products = (struct products){0};
}

/* Samples move block by block, so the host never holds a padded copy of all. */
int products_set_weights(struct products *products, const float *signed_weights, struct error *err)
{
    size_t rows = products->set->rows, lanes = products->lanes, columns = products->columns;
    size_t block_bytes = FIT_BLOCK * lanes * sizeof(float);
    float *block = malloc(block_bytes);
    int failed = block ? 0 : error_set(err, E_MEMORY, "no memory for a fit");
    for (size_t first = 0; !failed && first < products->set->padded; first += FIT_BLOCK) {
        memset(block, 0, block_bytes);
        for (size_t row = first; row < first + FIT_BLOCK && row < rows; row++)
            memcpy(block + (row - first) * lanes, signed_weights + row * columns,
                   columns * sizeof(float));
        failed = device_write(products->set->device, products->signed_weights,
                              first / FIT_BLOCK * block_bytes, block, block_bytes, err);
    }
    free(block);
    return failed;
}

int products_read_margins(struct products *products, float *margins, struct error *err)
{
    size_t rows = products->set->rows, lanes = products->lanes, columns = products->columns;
    size_t block_bytes = FIT_BLOCK * lanes * sizeof(float);
    float *block = malloc(block_bytes);
    int failed = block ? 0 : error_set(err, E_MEMORY, "no memory for a fit");
    for (size_t first = 0; !failed && first < rows; first += FIT_BLOCK) {
        failed = device_read(products->set->device, products->margins,
                             first / FIT_BLOCK * block_bytes, block, block_bytes, err);
        for (size_t row = first; !failed && row < first + FIT_BLOCK && row < rows; row++)
            memcpy(margins + row * columns, block + (row - first) * lanes, columns * sizeof(float));
    }
    free(block);
    return failed;
}

/* ---- products ---- */

/* double[columns][width] to float [width][lanes] on the device. */
static int upload(struct products *products, const double *vectors, struct error *err)
{
    size_t width = products->set->width, lanes = products->lanes;
    memset(products->transfer, 0, width * lanes * sizeof(float));
    for (size_t k = 0; k < products->columns; k++)
        for (size_t j = 0; j < width; j++)
            products->transfer[j * lanes + k] = (float)vectors[k * width + j];
    return device_write(products->set->device, products->weights, 0, products->transfer,
                        width * lanes * sizeof(float), err);
}

static int forward(struct products *products, const double *vectors, cl_mem to, struct error *err)
{
    int failed = upload(products, vectors, err);
    if (failed)
        return failed;
    cl_uint width = (cl_uint)products->set->width, lanes = (cl_uint)products->lanes;
    const size_t global[] = {products->set->padded / 8, products->lanes / 16};
    const struct device_arg args[] = {DEVICE_ARG(products->set->x), DEVICE_ARG(products->weights),
                                      DEVICE_ARG(to), DEVICE_ARG(width), DEVICE_ARG(lanes)};
    return device_launch(products->set->device, products->forward, 2, global, NULL, args, 5, err);
}

/* Xᵀ `from`, as double[columns][width]. */
static int backward(struct products *products, cl_mem from, double *result, struct error *err)
{
    struct device *device = products->set->device;
    cl_uint width = (cl_uint)products->set->width, lanes = (cl_uint)products->lanes;
    cl_uint blocks = (cl_uint)products->blocks;
    const size_t tiles[] = {width / 8, lanes / 16, blocks};
    const struct device_arg args[] = {DEVICE_ARG(products->set->x), DEVICE_ARG(from),
                                      DEVICE_ARG(products->partial), DEVICE_ARG(width),
                                      DEVICE_ARG(lanes)};
    int failed = device_launch(device, products->backward, 3, tiles, NULL, args, 5, err);
    const size_t elements = (size_t)width * lanes;
    const struct device_arg reduce_args[] = {DEVICE_ARG(products->partial),
                                             DEVICE_ARG(products->sums), DEVICE_ARG(blocks)};
    if (!failed)
        failed = device_launch(device, products->reduce, 1, &elements, NULL, reduce_args, 3, err);
    if (!failed)
        failed = device_read(device, products->sums, 0, products->transfer,
                             elements * sizeof(float), err);
    if (failed)
        return failed;
    for (size_t k = 0; k < products->columns; k++)
        for (size_t j = 0; j < width; j++)
            result[k * width + j] = (double)products->transfer[j * lanes + k];
    return 0;
}

int products_margins(struct products *products, const double *w, struct error *err)
{
    return forward(products, w, products->margins, err);
}

int products_gradient(struct products *products, double *gradient, struct error *err)
{
    const size_t groups = products->set->padded * products->lanes / 16;
    const struct device_arg args[] = {
        DEVICE_ARG(products->margins), DEVICE_ARG(products->signed_weights),
        DEVICE_ARG(products->residuals), DEVICE_ARG(products->curvature)};
    int failed =
        device_launch(products->set->device, products->residual, 1, &groups, NULL, args, 4, err);
    return failed ? failed : backward(products, products->residuals, gradient, err);
}

int products_hessian(struct products *products, const double *v, double *product, struct error *err)
{
    int failed = upload(products, v, err);
    if (failed)
        return failed;
    cl_uint width = (cl_uint)products->set->width, lanes = (cl_uint)products->lanes;
    const size_t global[] = {products->set->padded / 8, products->lanes / 16};
    const struct device_arg args[] = {DEVICE_ARG(products->set->x),
                                      DEVICE_ARG(products->weights),
                                      DEVICE_ARG(products->curvature),
                                      DEVICE_ARG(products->along),
                                      DEVICE_ARG(width),
                                      DEVICE_ARG(lanes)};
    failed = device_launch(products->set->device, products->forward_scaled, 2, global, NULL, args,
                           6, err);
    return failed ? failed : backward(products, products->along, product, err);
}

int products_search(struct products *products, const double *v, double *losses, struct error *err)
{
    struct device *device = products->set->device;
    cl_uint lanes = (cl_uint)products->lanes;
    int failed = forward(products, v, products->along, err);
    const size_t global[] = {products->blocks, products->lanes / 16};
    const struct device_arg args[] = {DEVICE_ARG(products->margins), DEVICE_ARG(products->along),
                                      DEVICE_ARG(products->signed_weights),
                                      DEVICE_ARG(products->partial), DEVICE_ARG(lanes)};
    if (!failed)
        failed = device_launch(device, products->search, 2, global, NULL, args, 5, err);
    if (!failed)
        failed = device_read(device, products->partial, 0, products->transfer,
                             products->blocks * FIT_STEPS * lanes * sizeof(float), err);
    if (failed)
        return failed;
    memset(losses, 0, FIT_STEPS * products->columns * sizeof *losses);
    for (size_t i = 0; i < products->blocks * FIT_STEPS; i++)
        for (size_t k = 0; k < products->columns; k++)
            losses[i % FIT_STEPS * products->columns + k] +=
                (double)products->transfer[i * lanes + k];
    return 0;
}
