/*
 * Operators that move single elements by constant indices: GatherElements, GatherND, ScatterElements,
 * ScatterND, Trilu, ReverseSequence. Each is one table over the elements of the result:
 *
 *   out[j] = data[table[j]], or 0 for PICK_ZERO, or updates[PICK_UPDATE − table[j]] below it
 *
 * In a batched graph the table is that of one row, and the operators that would address rows refuse.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/lists.h"
#include "worker/engine/ops/move.h"

#define PICK_ZERO (-1)
#define PICK_UPDATE (-2)

struct pick {
    size_t rank;
    int64_t dims[ENGINE_RANK_MAX]; /* of the result, of one row if batched */
    int32_t *table;
};

/* Input i as one row: dimension 0 of a batched one becomes 1. */
static struct value row_of(const struct graph *graph, const struct node *node, size_t i)
{
    const struct value *in = node_input(graph, node, i);
    struct value row = *in;
    if (in->batched)
        row.dims[0] = 1;
    return row;
}

static int start_table(struct pick *pick, size_t rank, const int64_t *dims, struct error *err)
{
    int64_t elements = dims_elements(rank, dims);
    if (rank > ENGINE_RANK_MAX || elements < 0)
        return error_set(err, E_UNSUPPORTED, "a result that is too large or of rank %zu", rank);
    pick->rank = rank;
    memcpy(pick->dims, dims, rank * sizeof *dims);
    pick->table = malloc(((size_t)elements + 1) * sizeof *pick->table);
    return pick->table ? 0 : error_set(err, E_MEMORY, "no memory for a table");
}

/* The constant indices, input 1. Its rows would be those of the batch. */
static int read_indices(const struct graph *graph, const struct node *node,
                        const struct value **indices, struct error *err)
{
    *indices = node_input(graph, node, 1);
    if (!(*indices)->data || (*indices)->type != VALUE_INT64)
        return error_set(err, E_UNSUPPORTED, "its indices are computed (expected a constant)");
    if (node_input(graph, node, 0)->batched)
        return error_set(err, E_UNSUPPORTED, "its indices would address the batch");
    return 0;
}

/* Position i of a tensor of `dims`, with the coordinate on `axis` replaced, in a tensor of `strides`. */
static int64_t moved(int64_t i, size_t rank, const int64_t *dims, const int64_t *strides,
                     size_t axis, int64_t coordinate)
{
    int64_t at = coordinate * strides[axis];
    for (size_t r = rank; r-- > 0; i /= dims[r])
        if (r != axis)
            at += i % dims[r] * strides[r];
    return at;
}

static int check_elements(const struct value *data, const struct value *indices, size_t axis,
                          struct error *err)
{
    if (indices->rank != data->rank)
        return error_set(err, E_PARSE, "indices of rank %zu (expected %zu)", indices->rank,
                         data->rank);
    for (size_t r = 0; r < data->rank; r++)
        if (r != axis && indices->dims[r] > data->dims[r])
            return error_set(err, E_PARSE, "dimension %zu of the indices is %lld of %lld", r,
                             (long long)indices->dims[r], (long long)data->dims[r]);
    return 0;
}

static int wrap(int64_t index, int64_t size, int64_t *out, struct error *err)
{
    *out = index < 0 ? index + size : index;
    return *out >= 0 && *out < size ? 0
                                    : error_set(err, E_PARSE, "index %lld of a dimension of %lld",
                                                (long long)index, (long long)size);
}

static int pick_gather_elements(const struct graph *graph, const struct node *node,
                                struct pick *pick, struct error *err)
{
    const struct value *data = node_input(graph, node, 0), *indices;
    int64_t strides[ENGINE_RANK_MAX], at;
    size_t axis = 0;
    int failed = read_indices(graph, node, &indices, err);
    if (!failed)
        failed = list_axis(attribute_int(node, "axis", 0), data->rank, &axis, err);
    if (!failed)
        failed = check_elements(data, indices, axis, err);
    if (!failed)
        failed = start_table(pick, indices->rank, indices->dims, err);
    move_strides(data->rank, data->dims, strides);
    for (int64_t i = 0; !failed && i < value_elements(indices); i++) {
        failed = wrap(((const int64_t *)indices->data)[i], data->dims[axis], &at, err);
        if (!failed)
            pick->table[i] =
                (int32_t)moved(i, data->rank, indices->dims, strides, axis, at);
    }
    return failed;
}

static int check_reduction(const struct node *node, struct error *err)
{
    char text[64];
    attribute_text(node, "reduction", text);
    return !*text || strcmp(text, "none") == 0
               ? 0
               : error_set(err, E_UNSUPPORTED, "reduction %s (expected none)", text);
}

/* The table that copies the data whole. */
static int copy_table(const struct value *data, const struct value *updates, struct pick *pick,
                      struct error *err)
{
    if (updates->type != data->type)
        return error_set(err, E_UNSUPPORTED, "updates of another type than the data");
    if (updates->batched)
        return error_set(err, E_UNSUPPORTED, "its updates belong to samples, its data do not");
    int failed = start_table(pick, data->rank, data->dims, err);
    for (int64_t i = 0; !failed && i < value_elements(data); i++)
        pick->table[i] = (int32_t)i;
    return failed;
}

static int pick_scatter_elements(const struct graph *graph, const struct node *node,
                                 struct pick *pick, struct error *err)
{
    const struct value *data = node_input(graph, node, 0), *updates = node_input(graph, node, 2);
    const struct value *indices;
    int64_t strides[ENGINE_RANK_MAX], at;
    size_t axis = 0;
    int failed = check_reduction(node, err);
    if (!failed)
        failed = read_indices(graph, node, &indices, err);
    if (!failed)
        failed = list_axis(attribute_int(node, "axis", 0), data->rank, &axis, err);
    if (!failed)
        failed = check_elements(data, indices, axis, err);
    if (!failed && (updates->rank != indices->rank ||
                    value_elements(updates) != value_elements(indices)))
        failed = error_set(err, E_PARSE, "updates of another shape than the indices");
    if (!failed)
        failed = copy_table(data, updates, pick, err);
    move_strides(data->rank, data->dims, strides);
    for (int64_t i = 0; !failed && i < value_elements(indices); i++) {
        failed = wrap(((const int64_t *)indices->data)[i], data->dims[axis], &at, err);
        if (!failed)
            pick->table[moved(i, data->rank, indices->dims, strides, axis, at)] =
                (int32_t)(PICK_UPDATE - i);
    }
    return failed;
}

/* The offset that tuple i of the indices addresses, beyond `lead` dimensions which it shares. */
static int tuple_offset(const struct value *data, const struct value *indices, size_t lead,
                        int64_t i, int64_t *offset, struct error *err)
{
    int64_t strides[ENGINE_RANK_MAX], at, length = indices->dims[indices->rank - 1];
    move_strides(data->rank, data->dims, strides);
    *offset = 0;
    for (int64_t k = 0; k < length; k++) {
        size_t r = lead + (size_t)k;
        int failed = wrap(((const int64_t *)indices->data)[i * length + k], data->dims[r], &at,
                          err);
        if (failed)
            return failed;
        *offset += at * strides[r];
    }
    return 0;
}

static int check_tuples(const struct value *data, const struct value *indices, int64_t lead,
                        struct error *err)
{
    if (indices->rank < 1 || lead < 0 || lead >= (int64_t)indices->rank ||
        lead + indices->dims[indices->rank - 1] > (int64_t)data->rank ||
        indices->dims[indices->rank - 1] < 1)
        return error_set(err, E_PARSE, "tuples of indices that do not fit a tensor of rank %zu",
                         data->rank);
    for (size_t r = 0; r < (size_t)lead; r++)
        if (indices->dims[r] != data->dims[r])
            return error_set(err, E_PARSE, "dimension %zu of the indices differs", r);
    return 0;
}

static int pick_gather_nd(const struct graph *graph, const struct node *node, struct pick *pick,
                          struct error *err)
{
    const struct value *data = node_input(graph, node, 0), *indices;
    int64_t dims[2 * ENGINE_RANK_MAX], offset, lead = attribute_int(node, "batch_dims", 0);
    size_t rank = 0;
    int failed = read_indices(graph, node, &indices, err);
    if (!failed)
        failed = check_tuples(data, indices, lead, err);
    if (failed)
        return failed;
    size_t addressed = (size_t)lead + (size_t)indices->dims[indices->rank - 1];
    for (size_t r = 0; r + 1 < indices->rank; r++)
        dims[rank++] = indices->dims[r];
    for (size_t r = addressed; r < data->rank; r++)
        dims[rank++] = data->dims[r];
    int64_t slice = dims_elements(data->rank - addressed, data->dims + addressed);
    int64_t tuples = dims_elements(indices->rank - 1, indices->dims);
    int64_t leads = dims_elements((size_t)lead, data->dims);
    int64_t row = value_elements(data) / leads;
    failed = start_table(pick, rank, dims, err);
    for (int64_t i = 0; !failed && i < tuples; i++) {
        failed = tuple_offset(data, indices, (size_t)lead, i, &offset, err);
        for (int64_t k = 0; !failed && k < slice; k++)
            pick->table[i * slice + k] = (int32_t)(i / (tuples / leads) * row + offset + k);
    }
    return failed;
}

static int pick_scatter_nd(const struct graph *graph, const struct node *node, struct pick *pick,
                           struct error *err)
{
    const struct value *data = node_input(graph, node, 0), *updates = node_input(graph, node, 2);
    const struct value *indices;
    int64_t offset;
    int failed = check_reduction(node, err);
    if (!failed)
        failed = read_indices(graph, node, &indices, err);
    if (!failed)
        failed = check_tuples(data, indices, 0, err);
    if (failed)
        return failed;
    size_t addressed = (size_t)indices->dims[indices->rank - 1];
    int64_t slice = dims_elements(data->rank - addressed, data->dims + addressed);
    int64_t tuples = dims_elements(indices->rank - 1, indices->dims);
    if (value_elements(updates) != tuples * slice)
        return error_set(err, E_PARSE, "%lld updates (expected %lld)",
                         (long long)value_elements(updates), (long long)(tuples * slice));
    failed = copy_table(data, updates, pick, err);
    for (int64_t i = 0; !failed && i < tuples; i++) {
        failed = tuple_offset(data, indices, 0, i, &offset, err);
        for (int64_t k = 0; !failed && k < slice; k++)
            pick->table[offset + k] = (int32_t)(PICK_UPDATE - (i * slice + k));
    }
    return failed;
}

/* Keeps the triangle on and above (or below) the k-th diagonal of the last two dimensions. */
static int pick_trilu(const struct graph *graph, const struct node *node, struct pick *pick,
                      struct error *err)
{
    struct value in = row_of(graph, node, 0);
    bool upper = attribute_int(node, "upper", 1) != 0;
    double k = 0;
    if (in.rank < 2 || (in.batched && in.rank == 2))
        return error_set(err, E_UNSUPPORTED, "no matrix in each sample");
    int failed = list_number(graph, node, 1, &k, err);
    if (!failed)
        failed = start_table(pick, in.rank, in.dims, err);
    int64_t columns = in.dims[in.rank - 1], rows = in.dims[in.rank - 2];
    for (int64_t i = 0; !failed && i < value_elements(&in); i++) {
        double above = (double)(i % columns - i / columns % rows) - k;
        pick->table[i] = (upper ? above >= 0 : above <= 0) ? (int32_t)i : PICK_ZERO;
    }
    return failed;
}

static int pick_reverse(const struct graph *graph, const struct node *node, struct pick *pick,
                        struct error *err)
{
    const struct value *in = node_input(graph, node, 0), *lengths;
    size_t time = (size_t)attribute_int(node, "time_axis", 0);
    size_t batch = (size_t)attribute_int(node, "batch_axis", 1);
    int64_t strides[ENGINE_RANK_MAX];
    int failed = read_indices(graph, node, &lengths, err);
    if (!failed && (time > 1 || batch > 1 || time == batch || in->rank < 2))
        failed = error_set(err, E_PARSE, "time_axis and batch_axis are not 0 and 1");
    if (!failed && value_elements(lengths) != in->dims[batch])
        failed = error_set(err, E_PARSE, "%lld lengths for %lld sequences",
                           (long long)value_elements(lengths), (long long)in->dims[batch]);
    if (!failed)
        failed = start_table(pick, in->rank, in->dims, err);
    move_strides(in->rank, in->dims, strides);
    for (int64_t i = 0; !failed && i < value_elements(in); i++) {
        int64_t length = ((const int64_t *)lengths->data)[i / strides[batch] % in->dims[batch]];
        int64_t t = i / strides[time] % in->dims[time];
        if (length < 0 || length > in->dims[time])
            failed = error_set(err, E_PARSE, "a sequence of %lld", (long long)length);
        else
            pick->table[i] =
                (int32_t)(t < length ? i + (length - 1 - 2 * t) * strides[time] : i);
    }
    return failed;
}

typedef int picker(const struct graph *graph, const struct node *node, struct pick *pick,
                   struct error *err);
static picker *const pickers[] = {pick_gather_elements,  pick_gather_nd, pick_scatter_elements,
                                  pick_scatter_nd,       pick_trilu,     pick_reverse};
enum picking {
    PICK_GATHER_ELEMENTS,
    PICK_GATHER_ND,
    PICK_SCATTER_ELEMENTS,
    PICK_SCATTER_ND,
    PICK_TRILU,
    PICK_REVERSE,
};

static int read_pick(const struct graph *graph, const struct node *node, struct pick *pick,
                     struct error *err)
{
    *pick = (struct pick){0};
    int failed = pickers[node->op->variant](graph, node, pick, err);
    if (failed)
        free(pick->table);
    return failed;
}

static int infer_pick(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct pick pick;
    int failed = read_pick(graph, node, &pick, err);
    if (failed)
        return failed;
    free(pick.table);
    if (in->batched)
        pick.dims[0] = in->dims[0];
    failed = value_set_shape(graph, node_output(graph, node, 0), pick.rank, pick.dims, in->batched,
                             err);
    if (!failed)
        node_output(graph, node, 0)->type = in->type;
    return failed;
}

static int fold_pick(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0), *updates = node_input(graph, node, 2);
    struct value *out = node_output(graph, node, 0);
    size_t width = in->type == VALUE_FLOAT ? sizeof(float) : sizeof(int64_t);
    struct pick pick;
    int failed = read_pick(graph, node, &pick, err);
    if (failed)
        return failed;
    failed = value_allocate(out, err);
    for (int64_t i = 0; !failed && i < value_elements(out); i++) {
        int32_t t = pick.table[i];
        const char *from = t >= 0 ? (const char *)in->data + (size_t)t * width
                           : t <= PICK_UPDATE
                               ? (const char *)updates->data + (size_t)(PICK_UPDATE - t) * width
                               : NULL;
        if (from)
            memcpy((char *)out->data + (size_t)i * width, from, width);
    }
    free(pick.table);
    return failed;
}

static int lower_pick(struct lowering *lowering, struct node *node, struct error *err)
{
    const struct value *value = node_input(lowering->graph, node, 0);
    bool updated = node_input(lowering->graph, node, 2) != NULL;
    int in, updates = 0, out, table;
    struct pick pick;
    struct step *step;
    int failed = read_pick(lowering->graph, node, &pick, err);
    if (failed)
        return failed;
    int64_t row = dims_elements(pick.rank, pick.dims);
    /* The table's bits, as floats like all constants. */
    float *bits = malloc((size_t)row * sizeof *bits);
    if (bits)
        memcpy(bits, pick.table, (size_t)row * sizeof *bits);
    free(pick.table);
    if (!bits)
        return error_set(err, E_MEMORY, "no memory for a table");
    failed = lower_constant(lowering, bits, (size_t)row, &table, err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, &in, err);
    if (!failed && updated)
        failed = lower_input(lowering, node->inputs[2], LAYOUT_PLAIN, &updates, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, &out, err);
    if (!failed)
        failed = lower_step(lowering, "index.cl", "pick", out, &step, err);
    if (failed)
        return failed;
    step_tensor(step, in);
    step_tensor(step, updated ? updates : in);
    step_tensor(step, out);
    step_tensor(step, table);
    step_int(step, row);
    step_int(step, value_elements(value) / (value->batched ? value->dims[0] : 1));
    step_int(step, 0); /* updates belong to no sample */
    step_float(step, 0.0f);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

#define PICK(name, first, last, attributes, least, most, variant)                                  \
    {name, first, last, attributes, least, most, 1, variant, infer_pick, fold_pick, lower_pick}

const struct op ops_pick[] = {
    PICK("GatherElements", 11, OPSET_LAST, "axis:i", 2, 2, PICK_GATHER_ELEMENTS),
    PICK("GatherND", 11, OPSET_LAST, "batch_dims:i", 2, 2, PICK_GATHER_ND),
    PICK("Scatter", 9, 10, "axis:i", 3, 3, PICK_SCATTER_ELEMENTS),
    PICK("ScatterElements", 11, OPSET_LAST, "axis:i reduction:s", 3, 3, PICK_SCATTER_ELEMENTS),
    PICK("ScatterND", 11, OPSET_LAST, "reduction:s", 3, 3, PICK_SCATTER_ND),
    PICK("Trilu", 14, OPSET_LAST, "upper:i", 1, 2, PICK_TRILU),
    PICK("ReverseSequence", 10, OPSET_LAST, "time_axis:i batch_axis:i", 2, 2, PICK_REVERSE),
    {0},
};
