/*
 * Operators that move elements: Transpose, Slice, Split, Concat, Expand, DepthToSpace, SpaceToDepth.
 * Each is a shape and one strided copy per piece; the same description folds constants
 * and makes steps.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/engine/ops.h"
#include "worker/engine/ops/broadcast.h"
#include "worker/engine/ops/lists.h"
#include "worker/engine/ops/move.h"
#include "worker/engine/ops/origin.h"

/* Most copies one node may become. */
#define PIECES_MAX 1024

/* One output of a node from one input. */
struct piece {
    size_t input, output;
    struct move move;
};

struct pieces {
    struct piece list[PIECES_MAX];
    size_t count;
    size_t rank[PIECES_MAX]; /* of output i */
    int64_t dims[PIECES_MAX][ENGINE_RANK_MAX];
    size_t outputs;
};

typedef int describe(const struct graph *graph, const struct node *node, struct pieces *pieces,
                     struct error *err);

/* A piece that copies all of input 0; the caller changes dims and strides. */
static struct move *whole_piece(const struct value *in, struct pieces *pieces)
{
    struct piece *piece = &pieces->list[pieces->count++];
    *piece = (struct piece){.move.rank = in->rank};
    memcpy(piece->move.dims, in->dims, in->rank * sizeof *in->dims);
    move_strides(in->rank, in->dims, piece->move.in_strides);
    return &piece->move;
}

/* The one output is what the one piece covers. */
static void output_of_piece(struct pieces *pieces)
{
    struct move *move = &pieces->list[0].move;
    pieces->outputs = 1;
    pieces->rank[0] = move->rank;
    memcpy(pieces->dims[0], move->dims, sizeof move->dims);
    move_strides(move->rank, move->dims, move->out_strides);
}

static int describe_transpose(const struct graph *graph, const struct node *node,
                              struct pieces *pieces, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    const int64_t *perm;
    size_t count = attribute_ints(node, "perm", &perm);
    unsigned seen = 0;
    struct move *move = whole_piece(in, pieces);
    int64_t strides[ENGINE_RANK_MAX];
    move_strides(in->rank, in->dims, strides);
    if (count && count != in->rank)
        return error_set(err, E_PARSE, "perm has %zu entries (expected %zu)", count, in->rank);
    for (size_t i = 0; i < in->rank; i++) {
        int64_t from = count ? perm[i] : (int64_t)(in->rank - 1 - i);
        if (from < 0 || from >= (int64_t)in->rank || seen >> from & 1)
            return error_set(err, E_PARSE, "perm is no permutation");
        seen |= 1u << from;
        move->dims[i] = in->dims[from];
        move->in_strides[i] = strides[from];
    }
    if (in->batched && in->rank > 1 && count && perm[0] != 0)
        return error_set(err, E_UNSUPPORTED, "it moves the batch");
    if (in->batched && in->rank > 1 && !count)
        return error_set(err, E_UNSUPPORTED, "it moves the batch");
    output_of_piece(pieces);
    return 0;
}

/* Takes count elements from start in steps along an axis of the piece. */
static void slice_piece(struct move *move, size_t axis, int64_t start, int64_t step, int64_t count)
{
    move->from += start * move->in_strides[axis];
    move->in_strides[axis] *= step;
    move->dims[axis] = count;
}

static int slice_axis(const struct value *in, struct move *move, size_t axis, int64_t start,
                      int64_t end, int64_t step, struct error *err)
{
    int64_t size = in->dims[axis], least = step < 0 ? -1 : 0, most = step < 0 ? size - 1 : size;
    if (step == 0 || step < -size * 2 - 1 || step > INT32_MAX)
        return error_set(err, E_PARSE, "a step of %lld", (long long)step);
    start = start < 0 && start > -INT32_MAX ? start + size : start;
    end = end < 0 && end > -INT32_MAX ? end + size : end;
    start = start < least ? least : start > most ? most : start;
    if (step < 0 && start < 0)
        start = 0;
    end = end < least ? least : end > most + (step < 0) ? most + (step < 0) : end;
    int64_t count = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
    if (count < 1 || size == 0)
        start = count = 0;
    if (axis == 0 && in->batched && (start != 0 || count != size || step != 1))
        return error_set(err, E_UNSUPPORTED, "it slices the batch");
    slice_piece(move, axis, start, step, count);
    return 0;
}

static int slice_lists(const struct graph *graph, const struct node *node, const int64_t *lists[4],
                       size_t counts[4], struct error *err)
{
    static const char *const names[] = {"starts", "ends", "axes"};
    for (size_t i = 0; i < 3 && graph->opset < 10; i++)
        counts[i] = attribute_ints(node, names[i], &lists[i]);
    for (size_t i = 0; i < 4 && graph->opset >= 10; i++) {
        int failed = list_ints(graph, node, i + 1, &lists[i], &counts[i], err);
        if (failed)
            return failed;
    }
    for (size_t i = 1; i < 4; i++)
        if (counts[i] != counts[0] && (i == 1 || counts[i] != 0))
            return error_set(err, E_PARSE, "%zu starts, %zu ends, %zu axes, %zu steps", counts[0],
                             counts[1], counts[2], counts[3]);
    return 0;
}

static int describe_slice(const struct graph *graph, const struct node *node,
                          struct pieces *pieces, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    const int64_t *lists[4] = {NULL, NULL, NULL, NULL};
    size_t counts[4] = {0, 0, 0, 0};
    unsigned seen = 0;
    struct move *move = whole_piece(in, pieces);
    int failed = slice_lists(graph, node, lists, counts, err);
    for (size_t i = 0; !failed && i < counts[0]; i++) {
        size_t axis = 0;
        failed = list_axis(counts[2] ? lists[2][i] : (int64_t)i, in->rank, &axis, err);
        if (!failed && seen >> axis & 1)
            failed = error_set(err, E_PARSE, "an axis is given twice");
        if (failed)
            break;
        seen |= 1u << axis;
        failed = slice_axis(in, move, axis, lists[0][i], lists[1][i], counts[3] ? lists[3][i] : 1,
                            err);
    }
    if (!failed)
        output_of_piece(pieces);
    return failed;
}

static int split_sizes(const struct graph *graph, const struct node *node, int64_t whole,
                       int64_t *sizes, struct error *err)
{
    const int64_t *list;
    size_t count = attribute_ints(node, "split", &list), outputs = node->output_count;
    int64_t sum = 0;
    if (node->input_count > 1) {
        int failed = list_ints(graph, node, 1, &list, &count, err);
        if (failed)
            return failed;
    }
    if (count && count != outputs)
        return error_set(err, E_PARSE, "%zu sizes for %zu outputs", count, outputs);
    int64_t part = (whole + (int64_t)outputs - 1) / (int64_t)outputs;
    for (size_t i = 0; i < outputs; i++) {
        sizes[i] = count ? list[i] : i + 1 < outputs ? part : whole - sum;
        if (sizes[i] < 0 || sizes[i] > whole - sum)
            return error_set(err, E_PARSE, "part %zu is %lld of %lld", i, (long long)sizes[i],
                             (long long)(whole - sum));
        sum += sizes[i];
    }
    return sum == whole ? 0 : error_set(err, E_PARSE, "the parts' sum is %lld of %lld",
                                        (long long)sum, (long long)whole);
}

static int describe_split(const struct graph *graph, const struct node *node,
                          struct pieces *pieces, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    size_t axis = 0;
    int64_t sizes[PIECES_MAX], start = 0;
    int failed = list_axis(attribute_int(node, "axis", 0), in->rank, &axis, err);
    if (!failed && axis == 0 && in->batched)
        failed = error_set(err, E_UNSUPPORTED, "it splits the batch");
    if (!failed && node->output_count > PIECES_MAX)
        failed = error_set(err, E_UNSUPPORTED, "%zu outputs", node->output_count);
    if (!failed)
        failed = split_sizes(graph, node, in->dims[axis], sizes, err);
    for (size_t i = 0; !failed && i < node->output_count; start += sizes[i++]) {
        struct move *move = whole_piece(in, pieces);
        slice_piece(move, axis, start, 1, sizes[i]);
        move_strides(move->rank, move->dims, move->out_strides);
        pieces->list[i].output = i;
        pieces->rank[i] = move->rank;
        memcpy(pieces->dims[i], move->dims, sizeof move->dims);
    }
    pieces->outputs = node->output_count;
    return failed;
}

/* A constant that joins each sample as it is: a class token. */
static bool joins_all(const struct graph *graph, const struct value *in, const struct value *rows,
                      size_t axis)
{
    return rows->batched && rows->group == 1 && !in->batched && in->rank > 0 && in->dims[0] == 1 &&
           axis > 0 && !graph->fixed;
}

/* The first input that is batched, else the first. */
static const struct value *concat_rows(const struct graph *graph, const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (node_input(graph, node, i) && node_input(graph, node, i)->batched)
            return node_input(graph, node, i);
    return node_input(graph, node, 0);
}

static int concat_dims(const struct graph *graph, const struct node *node, size_t axis,
                       struct pieces *pieces, struct error *err)
{
    const struct value *first = concat_rows(graph, node);
    int64_t sum = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        if (!in || in->rank != first->rank || in->type != first->type ||
            (in->batched != first->batched && !joins_all(graph, in, first, axis)))
            return error_set(err, E_UNSUPPORTED, "inputs 0 and %zu differ in kind or rank", i);
        for (size_t r = in->batched != first->batched; r < in->rank; r++)
            if (r != axis && in->dims[r] != first->dims[r])
                return error_set(err, E_PARSE, "input %zu does not fit in dimension %zu", i, r);
        sum += in->dims[axis];
        if (sum > GRAPH_ELEMENTS_MAX)
            return error_set(err, E_LIMIT, "the result is too large");
    }
    pieces->outputs = 1;
    pieces->rank[0] = first->rank;
    memcpy(pieces->dims[0], first->dims, sizeof first->dims);
    pieces->dims[0][axis] = sum;
    return 0;
}

static int describe_concat(const struct graph *graph, const struct node *node,
                           struct pieces *pieces, struct error *err)
{
    const struct value *first = concat_rows(graph, node);
    size_t axis = 0;
    int64_t start = 0, strides[ENGINE_RANK_MAX];
    int failed = list_axis(attribute_int(node, "axis", graph->opset < 4), first->rank, &axis,
                             err);
    if (!failed && node->input_count > PIECES_MAX)
        failed = error_set(err, E_UNSUPPORTED, "%zu inputs", node->input_count);
    if (!failed && axis == 0 && first->batched)
        failed = error_set(err, E_UNSUPPORTED, "it joins batches");
    if (!failed)
        failed = concat_dims(graph, node, axis, pieces, err);
    if (failed)
        return failed;
    move_strides(pieces->rank[0], pieces->dims[0], strides);
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        struct move *move = whole_piece(in, pieces);
        pieces->list[i].input = i;
        if (in->batched != first->batched) { /* one row for all */
            move->dims[0] = first->dims[0];
            move->in_strides[0] = 0;
        }
        memcpy(move->out_strides, strides, sizeof strides);
        move->to = start * strides[axis];
        start += move->dims[axis];
    }
    return 0;
}

static int describe_expand(const struct graph *graph, const struct node *node,
                           struct pieces *pieces, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value shape = {.rank = 0};
    const int64_t *list;
    int32_t strides[8];
    size_t count;
    int failed = list_ints(graph, node, 1, &list, &count, err);
    if (!failed && count > ENGINE_RANK_MAX)
        failed = error_set(err, E_UNSUPPORTED, "rank %zu", count);
    if (failed)
        return failed;
    shape.rank = count;
    memcpy(shape.dims, list, count * sizeof *list);
    struct move *move = &pieces->list[pieces->count++].move;
    *move = (struct move){.rank = in->rank};
    memcpy(move->dims, in->dims, sizeof in->dims);
    failed = broadcast_dims(&move->rank, move->dims, &shape, err);
    if (failed)
        return failed;
    if (dims_elements(move->rank, move->dims) < 0 ||
        (in->batched && !broadcast_keeps_rows(in, move->rank)))
        return error_set(err, E_UNSUPPORTED, "a shape that is too large or mixes samples");
    broadcast_strides(in, move->rank, move->dims, strides);
    for (size_t r = 0; r < move->rank; r++)
        move->in_strides[r] = strides[r];
    output_of_piece(pieces);
    return 0;
}

/* [N,C,H,W] seen as 6 dimensions, permuted. Variant of DepthToSpace: DCR or CRD. */
static int describe_blocks(const struct graph *graph, const struct node *node,
                           struct pieces *pieces, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    int64_t b = attribute_int(node, "blocksize", 0);
    bool to_depth = strcmp(node->op->type, "SpaceToDepth") == 0;
    bool crd = attribute_is(node, "mode", "CRD", false);
    if (in->rank != 4 || b < 1 || b > 64 || (to_depth && (in->dims[2] % b || in->dims[3] % b)) ||
        (!to_depth && in->dims[1] % (b * b)))
        return error_set(err, E_PARSE, "blocks of %lld do not divide the input", (long long)b);
    int64_t c = to_depth ? in->dims[1] : in->dims[1] / (b * b);
    int64_t h = to_depth ? in->dims[2] / b : in->dims[2], w = to_depth ? in->dims[3] / b
                                                                       : in->dims[3];
    /* Positions: n, c, by, bx, y, x. `space` strides are those of [N,C,H·b,W·b], `depth` of the other. */
    int64_t space[6] = {c * h * w * b * b, h * w * b * b, w * b, 1, w * b * b, b};
    int64_t depth[6] = {c * h * w * b * b, h * w, b * c * h * w, c * h * w, w, 1};
    if (crd) {
        depth[1] = b * b * h * w;
        depth[2] = b * h * w;
        depth[3] = h * w;
    }
    struct move *move = &pieces->list[pieces->count++].move;
    *move = (struct move){.rank = 6, .dims = {in->dims[0], c, b, b, h, w}};
    memcpy(move->in_strides, to_depth ? space : depth, sizeof space);
    memcpy(move->out_strides, to_depth ? depth : space, sizeof space);
    int64_t dims[4] = {in->dims[0], to_depth ? c * b * b : c, to_depth ? h : h * b,
                       to_depth ? w : w * b};
    pieces->outputs = 1;
    pieces->rank[0] = 4;
    memcpy(pieces->dims[0], dims, sizeof dims);
    return 0;
}

static describe *const describers[] = {describe_transpose, describe_slice,  describe_split,
                                       describe_concat,    describe_expand, describe_blocks};
enum rearrangement {
    MOVE_TRANSPOSE,
    MOVE_SLICE,
    MOVE_SPLIT,
    MOVE_CONCAT,
    MOVE_EXPAND,
    MOVE_BLOCKS,
};

/* Calls the node's describer on fresh pieces, which the caller frees. */
static int describe_node(const struct graph *graph, const struct node *node,
                         struct pieces **pieces, struct error *err)
{
    struct pieces *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for a rearrangement");
    int failed = describers[node->op->variant](graph, node, made, err);
    if (failed) {
        free(made);
        return failed;
    }
    *pieces = made;
    return 0;
}

/* Whether the results are rows: those of an input, or one row for each sample. */
static bool moves_rows(const struct graph *graph, const struct node *node, const struct pieces *pieces)
{
    const struct value *in = node_input(graph, node, 0);
    if (node->op->variant == MOVE_CONCAT)
        return concat_rows(graph, node)->batched;
    if (node->op->variant != MOVE_EXPAND || in->batched || graph->fixed || pieces->rank[0] == 0)
        return in->batched;
    return in->type == VALUE_FLOAT && broadcast_keeps_rows(in, pieces->rank[0]) &&
           pieces->dims[0][0] == graph->batch && origin_input_is_batch(graph, node, 1, 0);
}

static int infer_move(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct pieces *pieces = NULL;
    int failed = describe_node(graph, node, &pieces, err);
    if (failed)
        return failed;
    bool rows = moves_rows(graph, node, pieces);
    for (size_t i = 0; !failed && i < pieces->outputs; i++) {
        struct value *out = node_output(graph, node, i);
        if (!out)
            continue;
        failed = value_set_shape(graph, out, pieces->rank[i], pieces->dims[i], rows, err);
        out->type = in->type;
    }
    free(pieces);
    return failed;
}

static int fold_move(struct graph *graph, struct node *node, struct error *err)
{
    struct pieces *pieces = NULL;
    int failed = describe_node(graph, node, &pieces, err);
    if (failed)
        return failed;
    for (size_t i = 0; !failed && i < pieces->outputs; i++)
        if (node_output(graph, node, i))
            failed = value_allocate(node_output(graph, node, i), err);
    for (size_t i = 0; !failed && i < pieces->count; i++) {
        const struct piece *piece = &pieces->list[i];
        const struct value *in = node_input(graph, node, piece->input);
        struct value *out = node_output(graph, node, piece->output);
        if (out)
            move_run(&piece->move, in->data, out->data,
                     in->type == VALUE_FLOAT ? sizeof(float) : sizeof(int64_t));
    }
    free(pieces);
    return failed;
}

static int lower_piece(struct lowering *lowering, struct node *node, const struct piece *piece,
                       const int *outputs, struct error *err)
{
    const struct value *out = node_output(lowering->graph, node, piece->output);
    int in;
    if (!out || dims_elements(piece->move.rank, piece->move.dims) == 0)
        return 0;
    int failed = lower_input(lowering, node->inputs[piece->input], LAYOUT_PLAIN, &in, err);
    return failed ? failed
                  : move_step(lowering, &piece->move, in, outputs[piece->output], out, err);
}

static int lower_move(struct lowering *lowering, struct node *node, struct error *err)
{
    struct pieces *pieces = NULL;
    int outputs[PIECES_MAX];
    int failed = describe_node(lowering->graph, node, &pieces, err);
    if (failed)
        return failed;
    for (size_t i = 0; !failed && i < pieces->outputs; i++)
        if (node_output(lowering->graph, node, i))
            failed = lower_output(lowering, node->outputs[i], LAYOUT_PLAIN, &outputs[i], err);
    for (size_t i = 0; !failed && i < pieces->count; i++)
        failed = lower_piece(lowering, node, &pieces->list[i], outputs, err);
    free(pieces);
    return failed;
}

#define MOVE(name, first, last, attributes, least, most, outputs, variant)                         \
    {name, first, last, attributes, least, most, outputs, variant, infer_move, fold_move,          \
     lower_move}

const struct op ops_move[] = {
    MOVE("Transpose", 1, OPSET_LAST, "perm:I", 1, 1, 1, MOVE_TRANSPOSE),
    MOVE("Slice", 1, 9, "axes:I starts:I ends:I", 1, 1, 1, MOVE_SLICE),
    MOVE("Slice", 10, OPSET_LAST, "", 3, 5, 1, MOVE_SLICE),
    MOVE("Split", 2, 12, "axis:i split:I", 1, 1, PIECES_MAX, MOVE_SPLIT),
    MOVE("Split", 13, OPSET_LAST, "axis:i num_outputs:i", 1, 2, PIECES_MAX, MOVE_SPLIT),
    MOVE("Concat", 1, OPSET_LAST, "axis:i", 1, PIECES_MAX, 1, MOVE_CONCAT),
    MOVE("Expand", 8, OPSET_LAST, "", 2, 2, 1, MOVE_EXPAND),
    MOVE("DepthToSpace", 1, OPSET_LAST, "blocksize:i mode:s", 1, 1, 1, MOVE_BLOCKS),
    MOVE("SpaceToDepth", 1, OPSET_LAST, "blocksize:i", 1, 1, 1, MOVE_BLOCKS),
    {0},
};
