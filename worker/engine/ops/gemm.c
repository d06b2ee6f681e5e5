/*
 * Gemm and MatMul.
 *
 * CPUs: a constant right-hand matrix is packed for gemm.cl's blocked kernel; GPUs: tiles.cl; everything else takes
 * gemm_any by strides. A product of constants (a spectral norm, as it is trained) is made at load.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/broadcast.h"

/* Multiply-adds of a product that is made at load: a fraction of a second. */
#define FOLDED_MOST ((int64_t)1 << 28)

/* Products of fewer columns or terms would leave most of a tile empty. */
#define TILES_LEAST 8

/* One product [b0][b1] times [m][k]·[k][j] by strides of A (b0, b1, m, k), B (b0, b1, k, j) and C
 * (b0, b1, m, j). */
struct product {
    int64_t b0, b1, m, j, k;
    int32_t a[4], b[4], c[4];
    float alpha, beta;
};

static int check_matrix(const struct value *value, const char *which, struct error *err)
{
    if (value->type != VALUE_FLOAT)
        return error_set(err, E_UNSUPPORTED, "%s is an integer tensor", which);
    if (value->rank != 2)
        return error_set(err, E_PARSE, "%s has rank %zu (expected 2)", which, value->rank);
    return 0;
}

static int read_c(const struct node *node, const struct value *c, struct product *product,
                  struct error *err)
{
    int64_t dims[2] = {product->m, product->j};
    size_t rank = 2;
    int32_t strides[8];
    if (!c)
        return 0;
    int failed = c->rank > 2 ? E_PARSE : broadcast_dims(&rank, dims, c, NULL);
    if (failed || c->type != VALUE_FLOAT || dims[0] != product->m || dims[1] != product->j)
        return error_set(err, E_PARSE, "C does not broadcast to [%lld,%lld]",
                         (long long)product->m, (long long)product->j);
    broadcast_strides(c, 2, dims, strides);
    /* Not of C's one row, even if there is one row in all: the kernel must not depend on the batch. */
    product->c[2] = c->rank == 2 && c->dims[0] > 1 ? strides[0] : 0;
    product->c[3] = strides[1];
    product->beta = attribute_float(node, "beta", 1.0f);
    return 0;
}

static int read_gemm(const struct graph *graph, const struct node *node, struct product *product,
                     struct error *err)
{
    const struct value *a = node_input(graph, node, 0), *b = node_input(graph, node, 1);
    bool ta = attribute_int(node, "transA", 0) != 0, tb = attribute_int(node, "transB", 0) != 0;
    int failed = check_matrix(a, "A", err);
    if (!failed)
        failed = check_matrix(b, "B", err);
    if (failed)
        return failed;
    *product = (struct product){.b0 = 1, .b1 = 1, .m = a->dims[ta], .k = a->dims[!ta],
                                .j = b->dims[!tb],
                                .alpha = attribute_float(node, "alpha", 1.0f)};
    if (b->dims[tb] != product->k)
        return error_set(err, E_PARSE, "A has %lld columns, B %lld rows", (long long)product->k,
                         (long long)b->dims[tb]);
    if ((a->batched && ta) || b->batched)
        return error_set(err, E_UNSUPPORTED, "a product over the batch would mix samples");
    product->a[ta ? 3 : 2] = (int32_t)a->dims[1];
    product->a[ta ? 2 : 3] = 1;
    product->b[tb ? 3 : 2] = (int32_t)b->dims[1];
    product->b[tb ? 2 : 3] = 1;
    const struct value *c = node_input(graph, node, 2);
    if (c && a->batched && !broadcast_keeps_rows(c, 2))
        return error_set(err, E_UNSUPPORTED, "C differs between samples");
    return read_c(node, c, product, err);
}

static int infer_gemm(struct graph *graph, struct node *node, struct error *err)
{
    struct product product;
    int failed = read_gemm(graph, node, &product, err);
    if (failed)
        return failed;
    int64_t dims[2] = {product.m, product.j};
    return value_set_shape(graph, node_output(graph, node, 0), 2, dims,
                           node_input(graph, node, 0)->batched, err);
}

/* Rank of at least 2: a vector becomes a row (left) or a column (right). */
static struct value as_matrix(const struct value *value, bool left)
{
    struct value matrix = *value;
    if (value->rank == 1) {
        matrix.rank = 2;
        matrix.dims[0] = left ? 1 : value->dims[0];
        matrix.dims[1] = left ? value->dims[0] : 1;
    }
    return matrix;
}

/* dims: of the result, with the ones that vectors bring. */
static int matmul_dims(const struct value *a, const struct value *b, size_t *rank, int64_t *dims,
                       struct error *err)
{
    struct value lead = *b;
    if (a->dims[a->rank - 1] != b->dims[b->rank - 2])
        return error_set(err, E_PARSE, "A has %lld columns, B %lld rows",
                         (long long)a->dims[a->rank - 1], (long long)b->dims[b->rank - 2]);
    *rank = a->rank - 2;
    memcpy(dims, a->dims, *rank * sizeof *dims);
    lead.rank -= 2;
    int failed = broadcast_dims(rank, dims, &lead, err);
    if (failed)
        return failed;
    if (*rank > 2)
        return error_set(err, E_UNSUPPORTED, "%zu batch dimensions (expected 2 at most)", *rank);
    dims[(*rank)++] = a->dims[a->rank - 2];
    dims[(*rank)++] = b->dims[b->rank - 1];
    return 0;
}

static int infer_matmul(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in_a = node_input(graph, node, 0), *in_b = node_input(graph, node, 1);
    size_t rank;
    int64_t dims[ENGINE_RANK_MAX + 2];
    if (in_a->rank < 1 || in_b->rank < 1 || in_a->type != VALUE_FLOAT || in_b->type != VALUE_FLOAT)
        return error_set(err, E_UNSUPPORTED, "operands are not float tensors of rank 1 or more");
    struct value a = as_matrix(in_a, true), b = as_matrix(in_b, false);
    int failed = matmul_dims(&a, &b, &rank, dims, err);
    if (failed)
        return failed;
    /* Rows stay rows if a batched operand's dimension 0 is the result's, and not summed over. */
    bool mixes = (in_a->batched && (in_a->rank != rank)) ||
                 (in_b->batched && (in_b->rank != rank || rank < 3)) ||
                 ((in_a->batched || in_b->batched) && (in_a->rank == 1 || in_b->rank == 1) &&
                  rank > 2);
    if (mixes)
        return error_set(err, E_UNSUPPORTED, "a product over the batch would mix samples");
    if (in_b->rank == 1)
        rank--; /* its column of one */
    if (in_a->rank == 1) { /* its row of one, which stands before the columns if there are any */
        if (in_b->rank != 1)
            dims[rank - 2] = dims[rank - 1];
        rank--;
    }
    return value_set_shape(graph, node_output(graph, node, 0), rank, dims,
                           in_a->batched || in_b->batched, err);
}

static void read_matmul(const struct graph *graph, const struct node *node,
                        struct product *product)
{
    struct value a = as_matrix(node_input(graph, node, 0), true);
    struct value b = as_matrix(node_input(graph, node, 1), false);
    size_t rank;
    int64_t dims[ENGINE_RANK_MAX + 2], full[4] = {1, 1, 1, 1};
    int32_t sa[8], sb[8];
    int failed = matmul_dims(&a, &b, &rank, dims, NULL); /* infer has checked it */
    if (failed)
        rank = 2;
    memcpy(full + 4 - rank, dims, rank * sizeof *dims);
    *product = (struct product){.b0 = full[0], .b1 = full[1], .m = full[2], .j = full[3],
                                .k = a.dims[a.rank - 1], .alpha = 1.0f};
    /* The last two dims of an operand are its own; the batch broadcasts. */
    int64_t da[4], db[4];
    memcpy(da, full, sizeof da);
    memcpy(db, full, sizeof db);
    da[3] = product->k;
    db[2] = product->k;
    broadcast_strides(&a, 4, da, sa);
    broadcast_strides(&b, 4, db, sb);
    memcpy(product->a, sa, sizeof product->a);
    memcpy(product->b, sb, sizeof product->b);
}

static double fold_sum(const float *a, const float *b, const struct product *product)
{
    double sum = 0;
    for (int64_t k = 0; k < product->k; k++)
        sum += (double)a[k * product->a[3]] * (double)b[k * product->b[2]];
    return sum;
}

/* Larger ones stay the device's. */
static int fold_product(struct graph *graph, struct node *node, const struct product *product, struct error *err)
{
    const struct value *c = node_input(graph, node, 2);
    const float *a = node_input(graph, node, 0)->data, *b = node_input(graph, node, 1)->data, *added = c ? c->data : NULL;
    struct value *out = node_output(graph, node, 0);
    int64_t results = value_elements(out);
    if (product->k > 0 && results > FOLDED_MOST / product->k)
        return 0;
    int failed = value_allocate(out, err);
    for (int64_t i = 0; !failed && i < results; i++) {
        int64_t j = i % product->j, m = i / product->j % product->m, b1 = i / product->j / product->m % product->b1;
        int64_t b0 = i / product->j / product->m / product->b1;
        const float *row = a + b0 * product->a[0] + b1 * product->a[1] + m * product->a[2];
        const float *column = b + b0 * product->b[0] + b1 * product->b[1] + j * product->b[3];
        double offset = added ? (double)product->beta * (double)added[m * product->c[2] + j * product->c[3]] : 0;
        ((float *)out->data)[i] = (float)((double)product->alpha * fold_sum(row, column, product) + offset);
    }
    return failed;
}

static int fold_gemm(struct graph *graph, struct node *node, struct error *err)
{
    struct product product;
    int failed = read_gemm(graph, node, &product, err);
    return failed ? failed : fold_product(graph, node, &product, err);
}

static int fold_matmul(struct graph *graph, struct node *node, struct error *err)
{
    struct product product;
    read_matmul(graph, node, &product);
    return fold_product(graph, node, &product, err);
}

/* Weights [panel][k][lane] of B by strides, times alpha, with the fused scale. */
static float *pack_b(const float *b, const struct product *product, const struct fused *fused,
                     size_t panel)
{
    size_t panels = round_up((size_t)product->j, panel) / panel;
    float *packed = calloc(panels * panel * (size_t)product->k, sizeof *packed);
    for (int64_t j = 0; packed && j < product->j; j++)
        for (int64_t k = 0; k < product->k; k++)
            packed[((size_t)j / panel * (size_t)product->k + (size_t)k) * panel +
                   (size_t)j % panel] =
                b[k * product->b[2] + j * product->b[3]] * product->alpha *
                (fused->scale ? fused->scale[j] : 1.0f);
    return packed;
}

static float *pack_c(const float *c, const struct product *product, const struct fused *fused,
                     size_t panel)
{
    float *packed = calloc(round_up((size_t)product->j, panel), sizeof *packed);
    for (int64_t j = 0; packed && j < product->j; j++) {
        packed[j] = c ? c[j * product->c[3]] * product->beta : 0.0f;
        if (fused->scale)
            packed[j] = packed[j] * fused->scale[j] + fused->shift[j];
    }
    return packed;
}

static int lower_blocked(struct lowering *lowering, struct node *node,
                         const struct product *product, struct error *err)
{
    const struct graph *graph = lowering->graph;
    const struct value *c = node_input(graph, node, 2);
    int vectors = lowering->target.vector_registers >= 16 && product->j > 16 ? 2 : 1;
    int rows = lowering->target.vector_registers >= 16 ? 8 : 4;
    size_t panel = (size_t)(CHANNEL_BLOCK * vectors);
    size_t panels = round_up((size_t)product->j, panel) / panel;
    float *b = pack_b(node_input(graph, node, 1)->data, product, &node->fused, panel);
    float *bias = pack_c(c ? c->data : NULL, product, &node->fused, panel);
    int in, out, weights, biases;
    struct step *step;
    if (!b || !bias) {
        free(b);
        free(bias);
        return error_set(err, E_MEMORY, "no memory for weights");
    }
    int failed = lower_constant(lowering, bias, round_up((size_t)product->j, panel), &biases, err);
    if (failed) {
        free(b);
        return failed;
    }
    failed = lower_constant(lowering, b, panels * panel * (size_t)product->k, &weights, err);
    if (!failed)
        failed = lower_plain(lowering, node, "gemm.cl", "gemm", &in, &out, &step, err);
    if (failed)
        return failed;
    struct count m = lowering->tensors[out].elements;
    m.each /= (size_t)product->j;
    step_define(step, "-DK=%lld -DN=%lld -DNV=%d -DMR=%d", (long long)product->k,
                (long long)product->j, vectors, rows);
    step_activation(step, &node->fused.activation);
    step_tensor(step, in);
    step_tensor(step, weights);
    step_tensor(step, biases);
    step_tensor(step, out);
    step_count(step, m);
    step->global[0] = (struct count){panels, false};
    step->global[1] = m;
    step->divide[1] = (size_t)rows;
    step->operations = 2.0 * (double)m.each * (double)product->j * (double)product->k;
    return 0;
}

/* A step of A, B, C (or again B) and out. */
static int step_by_strides(struct lowering *lowering, struct node *node, const char *file,
                           const char *kernel, int *out, struct step **step, struct error *err)
{
    int a, b = 0, c;
    int failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, &a, err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[1], LAYOUT_PLAIN, &b, err);
    c = b;
    if (!failed && node->input_count > 2)
        failed = lower_input(lowering, node->inputs[2], LAYOUT_PLAIN, &c, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, out, err);
    if (!failed)
        failed = lower_step(lowering, file, kernel, *out, step, err);
    if (failed)
        return failed;
    step_tensor(*step, a);
    step_tensor(*step, b);
    step_tensor(*step, c);
    step_tensor(*step, *out);
    step_activation(*step, &node->fused.activation);
    return 0;
}

static void define_strides(struct step *step, const char *matrix, const int32_t strides[4],
                           const char *const axes[4])
{
    for (int i = 0; i < 4; i++)
        step_define(step, "-D%s_%s=%d", matrix, axes[i], (int)strides[i]);
}

/* The result's rows: of the batch where A has two dimensions, else of each of its matrices. */
static int lower_tiles(struct lowering *lowering, struct node *node, const struct product *product,
                       const struct gpu_tile *tile, struct error *err)
{
    static const char *const left[4] = {"B0", "B1", "M", "K"}, *const right[4] = {"B0", "B1", "K", "J"},
                             *const sum[4] = {"B0", "B1", "M", "J"};
    int out;
    struct step *step;
    int failed = step_by_strides(lowering, node, "tiles.cl", "gemm_tiles", &out, &step, err);
    if (failed)
        return failed;
    struct count total = lowering->tensors[out].elements;
    bool rows_are_batch = total.per_row && node_input(lowering->graph, node, 0)->rank == 2;
    struct count m = {(size_t)product->m, false}, b = {(size_t)(product->b0 * product->b1), false};
    if (rows_are_batch)
        m = (struct count){total.each / (size_t)product->j, true};
    else if (total.per_row)
        b = (struct count){total.each / (size_t)(product->m * product->j), true};
    step_define(step, "-DGEMM -DK=%lld -DJ=%lld -DB1=%lld -DALPHA=(%af)", (long long)product->k,
                (long long)product->j, (long long)product->b1, (double)product->alpha);
    if (product->beta != 0)
        step_define(step, "-DBETA=(%af)", (double)product->beta);
    define_strides(step, "A", product->a, left);
    define_strides(step, "B", product->b, right);
    define_strides(step, "C", product->c, sum);
    step_count(step, m);
    step_tile(step, "product", tile, (struct count){(size_t)product->j, false}, m);
    step->global[2] = b;
    step->operations = step->executed = 2.0 * (double)total.each * (double)product->k;
    if (node_input(lowering->graph, node, 1)->uses == 1) /* no node to come */
        lower_half_weights(lowering, step, step->args[1].as.tensor);
    return 0;
}

static bool choose_tile(const struct lowering *lowering, const struct product *product,
                        struct gpu_tile *tile)
{
    double rows = (double)product->b0 * (double)product->b1 * (double)product->m;
    return product->j >= TILES_LEAST && product->k >= TILES_LEAST &&
           lower_choose_tile(lowering, rows, (double)product->j, tile);
}

static int lower_any(struct lowering *lowering, struct node *node, const struct product *product,
                     struct error *err)
{
    int out;
    struct step *step;
    int failed = step_by_strides(lowering, node, "gemm_any.cl", "gemm_any", &out, &step, err);
    if (failed)
        return failed;
    int32_t ab[8], cs[8] = {product->c[0],          product->c[1],          product->c[2],
                            product->c[3],          (int32_t)product->b1,   (int32_t)product->m,
                            (int32_t)product->j,    (int32_t)product->k};
    memcpy(ab, product->a, sizeof product->a);
    memcpy(ab + 4, product->b, sizeof product->b);
    struct count total = lowering->tensors[out].elements;
    step_bytes(step, ab);
    step_bytes(step, cs);
    step_float(step, product->alpha);
    step_float(step, product->beta);
    step_count(step, total);
    step_linear(step, total);
    step->operations = 2.0 * (double)total.each * (double)product->k;
    return 0;
}

/* One constant matrix for all rows of a dense A, and a bias that depends on the column alone. */
static bool fits_blocked(const struct lowering *lowering, const struct node *node,
                         const struct product *product)
{
    const struct value *b = node_input(lowering->graph, node, 1);
    const struct value *c = node_input(lowering->graph, node, 2);
    return lowering->target.blocked && b->data && b->rank == 2 && product->a[3] == 1 &&
           (product->a[2] == product->k || product->m == 1) &&
           (!c || (c->data && product->c[2] == 0));
}

static int lower_product(struct lowering *lowering, struct node *node, const struct product *product,
                         struct error *err)
{
    struct gpu_tile tile;
    if (fits_blocked(lowering, node, product))
        return lower_blocked(lowering, node, product, err);
    return choose_tile(lowering, product, &tile) ? lower_tiles(lowering, node, product, &tile, err)
                                                 : lower_any(lowering, node, product, err);
}

static int lower_gemm(struct lowering *lowering, struct node *node, struct error *err)
{
    struct product product;
    int failed = read_gemm(lowering->graph, node, &product, err);
    if (failed)
        return failed;
    return lower_product(lowering, node, &product, err);
}

static int lower_matmul(struct lowering *lowering, struct node *node, struct error *err)
{
    struct product product;
    read_matmul(lowering->graph, node, &product);
    return lower_product(lowering, node, &product, err);
}

const struct op ops_gemm[] = {
    {"Gemm", 1, 6, "alpha:f beta:f transA:i transB:i broadcast:i", 3, 3, 1, 0, infer_gemm, fold_gemm,
     lower_gemm},
    {"Gemm", 7, 10, "alpha:f beta:f transA:i transB:i", 3, 3, 1, 0, infer_gemm, fold_gemm, lower_gemm},
    {"Gemm", 11, OPSET_LAST, "alpha:f beta:f transA:i transB:i", 2, 3, 1, 0, infer_gemm, fold_gemm, lower_gemm},
    {"MatMul", 1, OPSET_LAST, "", 2, 2, 1, 0, infer_matmul, fold_matmul, lower_matmul},
    {0},
};
