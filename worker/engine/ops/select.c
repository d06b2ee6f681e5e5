/*
 * Operators that look each axis up in a table of their own: Gather, Tile, Pad of all modes, Compress.
 *
 *   out[i_0, i_1, …] = in[table_0[i_0], table_1[i_1], …], or the fill where an entry is -1
 *
 * The tables are made at load, from constant indices; an axis without one stays as it is, as the
 * batch must. The same tables fold constants and make steps.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/lists.h"
#include "worker/engine/ops/move.h"
#include "worker/engine/ops/origin.h"

#define OUTSIDE (-1)

struct selection {
    size_t rank;                      /* of the input */
    int64_t dims[ENGINE_RANK_MAX];    /* of the result, by the input's axes */
    int32_t *tables[ENGINE_RANK_MAX]; /* NULL: the axis stays */
    double fill;
};

static void free_selection(struct selection *selection)
{
    for (size_t r = 0; r < selection->rank; r++)
        free(selection->tables[r]);
}

/* A table of `count` zeros for an axis. */
static int add_table(const struct value *in, struct selection *selection, size_t axis,
                     int64_t count, struct error *err)
{
    if (axis == 0 && in->batched)
        return error_set(err, E_UNSUPPORTED, "it picks from the batch");
    if (count < 1 || count > GRAPH_ELEMENTS_MAX)
        return error_set(err, E_UNSUPPORTED, "axis %zu would have %lld elements", axis,
                         (long long)count);
    selection->tables[axis] = calloc((size_t)count, sizeof **selection->tables);
    selection->dims[axis] = count;
    return selection->tables[axis] ? 0 : error_set(err, E_MEMORY, "no memory for a table");
}

static int select_gather(const struct graph *graph, const struct node *node,
                         struct selection *selection, struct error *err)
{
    const struct value *in = node_input(graph, node, 0), *at = node_input(graph, node, 1);
    size_t axis = 0;
    if (!at->data || at->type != VALUE_INT64)
        return error_set(err, E_UNSUPPORTED, "its indices are computed (expected a constant)");
    int failed = list_axis(attribute_int(node, "axis", 0), in->rank, &axis, err);
    if (!failed)
        failed = add_table(in, selection, axis, value_elements(at), err);
    for (int64_t i = 0; !failed && i < value_elements(at); i++) {
        int64_t index = ((const int64_t *)at->data)[i];
        index += index < 0 ? in->dims[axis] : 0;
        if (index < 0 || index >= in->dims[axis])
            failed = error_set(err, E_PARSE, "an index is outside of axis %zu", axis);
        selection->tables[axis][i] = (int32_t)index;
    }
    return failed;
}

/* The elements of an axis whose condition is true. */
static int select_compress(const struct graph *graph, const struct node *node,
                           struct selection *selection, struct error *err)
{
    const struct value *in = node_input(graph, node, 0), *condition = node_input(graph, node, 1);
    size_t axis = 0;
    int64_t count = 0, at = 0;
    if (!condition->data || condition->type != VALUE_BOOL || condition->rank != 1)
        return error_set(err, E_UNSUPPORTED, "its condition is not a constant list of booleans");
    if (!attribute_present(node, "axis"))
        return error_set(err, E_UNSUPPORTED, "without an axis, samples would mix");
    int failed = list_axis(attribute_int(node, "axis", 0), in->rank, &axis, err);
    if (!failed && condition->dims[0] > in->dims[axis])
        failed = error_set(err, E_PARSE, "%lld conditions for axis %zu of %lld",
                           (long long)condition->dims[0], axis, (long long)in->dims[axis]);
    const int64_t *chosen = condition->data;
    for (int64_t i = 0; !failed && i < condition->dims[0]; i++)
        count += chosen[i] != 0;
    if (!failed)
        failed = add_table(in, selection, axis, count, err);
    for (int64_t i = 0; !failed && i < condition->dims[0]; i++)
        if (chosen[i])
            selection->tables[axis][at++] = (int32_t)i;
    return failed;
}

/* Tile-1 had a number of tiles and an axis; since opset 6 there is a number for each axis. */
static int tile_repeats(const struct graph *graph, const struct node *node,
                        int64_t repeats[ENGINE_RANK_MAX], struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    const int64_t *list;
    size_t count;
    if (graph->opset < 6) {
        double tiles = 1, axis = 0;
        size_t at = 0;
        int failed = list_number(graph, node, 1, &tiles, err);
        if (!failed)
            failed = list_number(graph, node, 2, &axis, err);
        if (!failed)
            failed = list_axis((int64_t)axis, in->rank, &at, err);
        if (!failed)
            repeats[at] = tiles >= 1 && tiles <= 65536 ? (int64_t)tiles : 0;
        return failed;
    }
    int failed = list_ints(graph, node, 1, &list, &count, err);
    if (!failed && count != in->rank)
        failed = error_set(err, E_PARSE, "%zu repeats for rank %zu", count, in->rank);
    for (size_t r = 0; !failed && r < count; r++)
        repeats[r] = list[r];
    return failed;
}

static int select_tile(const struct graph *graph, const struct node *node,
                       struct selection *selection, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    int64_t repeats[ENGINE_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    int failed = tile_repeats(graph, node, repeats, err);
    for (size_t r = 0; !failed && r < in->rank; r++) {
        if (repeats[r] == 1)
            continue;
        if (repeats[r] < 1 || repeats[r] > 65536)
            return error_set(err, E_UNSUPPORTED, "%lld repeats", (long long)repeats[r]);
        failed = add_table(in, selection, r, repeats[r] * in->dims[r], err);
        for (int64_t i = 0; !failed && i < selection->dims[r]; i++)
            selection->tables[r][i] = (int32_t)(i % in->dims[r]);
    }
    return failed;
}

enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

static int read_pad_mode(const struct graph *graph, const struct node *node, enum pad_mode *mode,
                         struct error *err)
{
    char text[64];
    attribute_text(node, "mode", text);
    if (!*text || strcmp(text, "constant") == 0)
        *mode = PAD_CONSTANT;
    else if (strcmp(text, "reflect") == 0)
        *mode = PAD_REFLECT;
    else if (strcmp(text, "edge") == 0)
        *mode = PAD_EDGE;
    else if (strcmp(text, "wrap") == 0 && graph->opset >= 19)
        *mode = PAD_WRAP;
    else
        return error_set(err, E_UNSUPPORTED, "mode %s (expected constant, reflect, edge or, from opset 19 on, wrap)", text);
    return 0;
}

/* pads[0..rank) before and pads[rank..2·rank) after; from opset 18 on possibly of some axes only. */
static int read_pads(const struct graph *graph, const struct node *node,
                     int64_t pads[2 * ENGINE_RANK_MAX], double *fill, struct error *err)
{
    size_t rank = node_input(graph, node, 0)->rank, count, axis_count = 0, axis = 0;
    const int64_t *list, *axes = NULL;
    int failed = 0;
    if (graph->opset < 11) {
        count = attribute_ints(node, "pads", &list);
        *fill = (double)attribute_float(node, "value", 0.0f);
    } else {
        failed = list_ints(graph, node, 1, &list, &count, err);
        if (!failed)
            failed = list_number(graph, node, 2, fill, err);
        if (!failed)
            failed = list_ints(graph, node, 3, &axes, &axis_count, err);
    }
    size_t padded = axes ? axis_count : rank;
    if (!failed && count != 2 * padded)
        failed = error_set(err, E_PARSE, "%zu pads for %zu axes", count, padded);
    for (size_t i = 0; !failed && i < padded; i++) {
        failed = list_axis(axes ? axes[i] : (int64_t)i, rank, &axis, err);
        if (failed || list[i] < -65536 || list[i] > 65536 || list[padded + i] < -65536 ||
            list[padded + i] > 65536)
            return failed ? failed : error_set(err, E_UNSUPPORTED, "pads of more than 65536");
        pads[axis] = list[i];
        pads[ENGINE_RANK_MAX + axis] = list[padded + i];
    }
    return failed;
}

/* The input position of a padded one. Reflection leaves the edge out, and swings as often as needed. */
static int32_t padded_index(enum pad_mode mode, int64_t at, int64_t size)
{
    if (at >= 0 && at < size)
        return (int32_t)at;
    if (mode == PAD_CONSTANT)
        return OUTSIDE;
    if (mode == PAD_EDGE || size == 1)
        return at < 0 ? 0 : (int32_t)(size - 1);
    if (mode == PAD_WRAP)
        return (int32_t)((at % size + size) % size);
    int64_t period = 2 * (size - 1), phase = (at % period + period) % period;
    return (int32_t)(phase < size ? phase : period - phase);
}

static int select_pad(const struct graph *graph, const struct node *node,
                      struct selection *selection, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    int64_t pads[2 * ENGINE_RANK_MAX] = {0};
    enum pad_mode mode = PAD_CONSTANT;
    int failed = read_pad_mode(graph, node, &mode, err);
    if (!failed)
        failed = read_pads(graph, node, pads, &selection->fill, err);
    for (size_t r = 0; !failed && r < in->rank; r++) {
        int64_t before = pads[r], after = pads[ENGINE_RANK_MAX + r];
        if (before == 0 && after == 0)
            continue;
        failed = add_table(in, selection, r, before + in->dims[r] + after, err);
        for (int64_t i = 0; !failed && i < selection->dims[r]; i++)
            selection->tables[r][i] = padded_index(mode, i - before, in->dims[r]);
    }
    return failed;
}

typedef int selector(const struct graph *graph, const struct node *node,
                     struct selection *selection, struct error *err);
static selector *const selectors[] = {select_gather, select_compress, select_tile, select_pad};
enum selecting { SELECT_GATHER, SELECT_COMPRESS, SELECT_TILE, SELECT_PAD };

/* The node's tables; the caller frees them with free_selection. */
static int read_selection(const struct graph *graph, const struct node *node,
                          struct selection *selection, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    *selection = (struct selection){.rank = in->rank};
    memcpy(selection->dims, in->dims, sizeof in->dims);
    int failed = selectors[node->op->variant](graph, node, selection, err);
    if (failed)
        free_selection(selection);
    return failed;
}

/* A Gather's axis is replaced by the indices' dimensions; elsewhere the result has the input's axes. */
static int result_shape(const struct graph *graph, const struct node *node,
                        const struct selection *selection, size_t *rank, int64_t *dims,
                        struct error *err)
{
    const struct value *at = node_input(graph, node, 1);
    size_t axis = 0;
    *rank = selection->rank;
    memcpy(dims, selection->dims, sizeof selection->dims);
    if (node->op->variant != SELECT_GATHER)
        return 0;
    if (selection->rank - 1 + at->rank > ENGINE_RANK_MAX)
        return error_set(err, E_UNSUPPORTED, "rank %zu exceeds %d", selection->rank - 1 + at->rank,
                         ENGINE_RANK_MAX);
    int failed = list_axis(attribute_int(node, "axis", 0), selection->rank, &axis, err);
    *rank = 0;
    for (size_t r = 0; !failed && r < selection->rank; r++) {
        if (r != axis)
            dims[(*rank)++] = selection->dims[r];
        for (size_t k = 0; r == axis && k < at->rank; k++)
            dims[(*rank)++] = at->dims[k];
    }
    return failed;
}

/* One row that is repeated for each sample: rows of the batch, as x.repeat(n, 1, 1, 1) makes them of a constant. */
static bool tiles_batch(const struct graph *graph, const struct node *node, int64_t rows)
{
    const struct value *in = node_input(graph, node, 0);
    return node->op->variant == SELECT_TILE && graph->opset >= 6 && !graph->fixed && !in->batched &&
           in->type == VALUE_FLOAT && in->rank > 0 && in->dims[0] == 1 && rows == graph->batch &&
           origin_input_is_batch(graph, node, 1, 0);
}

static int infer_select(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct selection selection;
    int64_t dims[ENGINE_RANK_MAX];
    size_t rank;
    int failed = read_selection(graph, node, &selection, err);
    if (failed)
        return failed;
    failed = result_shape(graph, node, &selection, &rank, dims, err);
    free_selection(&selection);
    if (!failed)
        failed = value_set_shape(graph, node_output(graph, node, 0), rank, dims,
                                 in->batched || tiles_batch(graph, node, dims[0]), err);
    if (!failed)
        node_output(graph, node, 0)->type = in->type;
    return failed;
}

static void set_fill(struct value *out, int64_t i, double fill)
{
    if (out->type == VALUE_FLOAT)
        ((float *)out->data)[i] = (float)fill;
    else
        ((int64_t *)out->data)[i] = (int64_t)fill;
}

static int fold_select(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    size_t width = in->type == VALUE_FLOAT ? sizeof(float) : sizeof(int64_t);
    struct selection selection;
    int64_t strides[ENGINE_RANK_MAX];
    int failed = read_selection(graph, node, &selection, err);
    if (failed)
        return failed;
    failed = value_allocate(out, err);
    move_strides(in->rank, in->dims, strides);
    for (int64_t i = 0; !failed && i < value_elements(out); i++) {
        int64_t rest = i, at = 0;
        bool outside = false;
        for (size_t r = selection.rank; r-- > 0; rest /= selection.dims[r]) {
            int64_t position = rest % selection.dims[r];
            int64_t from = selection.tables[r] ? selection.tables[r][position] : position;
            outside |= from < 0;
            at += from * strides[r];
        }
        if (outside)
            set_fill(out, i, selection.fill);
        else
            memcpy((char *)out->data + (size_t)i * width,
                   (const char *)in->data + (size_t)at * width, width);
    }
    free_selection(&selection);
    return failed;
}

/* All tables as one constant; offsets[r] is where axis r's begins, or -1. */
static int lower_tables(struct lowering *lowering, const struct selection *selection,
                        int32_t offsets[8], int *tensor, struct error *err)
{
    size_t total = 0;
    for (size_t r = 0; r < 8; r++) {
        bool there = r < selection->rank && selection->tables[r];
        offsets[r] = there ? (int32_t)total : -1;
        total += there ? (size_t)selection->dims[r] : 0;
    }
    float *bits = calloc(total + 1, sizeof *bits);
    if (!bits)
        return error_set(err, E_MEMORY, "no memory for a table");
    for (size_t r = 0; r < selection->rank; r++)
        if (selection->tables[r])
            memcpy(bits + offsets[r], selection->tables[r],
                   (size_t)selection->dims[r] * sizeof **selection->tables);
    return lower_constant(lowering, bits, total + 1, tensor, err);
}

static int lower_selection(struct lowering *lowering, struct node *node,
                           const struct selection *selection, struct error *err)
{
    const struct value *value = node_input(lowering->graph, node, 0);
    int32_t dims[8] = {1, 1, 1, 1, 1, 1, 1, 1}, strides[8] = {0}, offsets[8];
    int64_t dense[ENGINE_RANK_MAX];
    int in, out, table;
    struct step *step;
    int failed = lower_tables(lowering, selection, offsets, &table, err);
    if (!failed)
        failed = lower_plain(lowering, node, "index.cl", "select_axes", &in, &out, &step, err);
    if (failed)
        return failed;
    move_strides(value->rank, value->dims, dense);
    for (size_t r = 0; r < selection->rank; r++) {
        dims[r] = (int32_t)selection->dims[r];
        strides[r] = (int32_t)dense[r];
    }
    step_tensor(step, in);
    step_tensor(step, out);
    step_tensor(step, table);
    step_bytes(step, dims);
    step_bytes(step, strides);
    step_bytes(step, offsets);
    step_int(step, (int64_t)selection->rank);
    step_float(step, (float)selection->fill);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

static int lower_select(struct lowering *lowering, struct node *node, struct error *err)
{
    struct selection selection;
    int failed = read_selection(lowering->graph, node, &selection, err);
    if (failed)
        return failed;
    failed = lower_selection(lowering, node, &selection, err);
    free_selection(&selection);
    return failed;
}

#define SELECT(name, first, last, attributes, least, most, variant)                                \
    {name, first, last, attributes, least, most, 1, variant, infer_select, fold_select, lower_select}

const struct op ops_select[] = {
    SELECT("Gather", 1, OPSET_LAST, "axis:i", 2, 2, SELECT_GATHER),
    SELECT("Compress", 9, OPSET_LAST, "axis:i", 2, 2, SELECT_COMPRESS),
    SELECT("Tile", 1, 5, "", 3, 3, SELECT_TILE),
    SELECT("Tile", 6, OPSET_LAST, "", 2, 2, SELECT_TILE),
    SELECT("Pad", 2, 10, "mode:s pads:I value:f", 1, 1, SELECT_PAD),
    SELECT("Pad", 11, 17, "mode:s", 2, 3, SELECT_PAD),
    SELECT("Pad", 18, OPSET_LAST, "mode:s", 2, 4, SELECT_PAD),
    {0},
};
