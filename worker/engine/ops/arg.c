/*
 * ArgMax and ArgMin: of constants at load, as integers; of samples on the device, as whole numbers held as floats (counted.h).
 */
#include "worker/engine/element.h"
#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/lists.h"

/* The variant. */
enum { ARG_LARGEST, ARG_LEAST };

static int read_line(const struct graph *graph, const struct node *node, struct line *line, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    int failed = list_line(in, attribute_int(node, "axis", 0), false, line, err);
    if (failed)
        return failed;
    if (line->count < 1 || line->count > 1 << 24)
        return error_set(err, E_UNSUPPORTED, "one of %lld elements (expected 1 to 2^24)", (long long)line->count);
    return 0;
}

static bool takes_last(const struct node *node)
{
    return attribute_int(node, "select_last_index", 0) != 0;
}

static int infer_arg(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    bool keep = attribute_int(node, "keepdims", 1) != 0;
    int64_t dims[ENGINE_RANK_MAX];
    size_t rank = 0;
    struct line line;
    int failed = read_line(graph, node, &line, err);
    if (!failed && in->type == VALUE_BOOL)
        failed = error_set(err, E_UNSUPPORTED, "an input of truth values (expected numbers)");
    for (size_t r = 0; !failed && r < in->rank; r++)
        if (keep || r != line.axis)
            dims[rank++] = r == line.axis ? 1 : in->dims[r];
    if (!failed)
        failed = value_set_shape(graph, out, rank, dims, in->batched, err);
    if (failed)
        return failed;
    if (in->data)
        out->type = VALUE_INT64;
    else
        out->element = ELEMENT_INT64;
    return 0;
}

static int64_t best_of(const struct value *in, const struct line *line, int64_t i, bool least, bool last)
{
    int64_t start = i / line->inner * line->count * line->inner + i % line->inner, best = 0;
    for (int64_t k = 1; k < line->count; k++) {
        double x = value_number(in, start + k * line->inner);
        double y = value_number(in, start + best * line->inner);
        if (least ? x < y || (last && x <= y) : x > y || (last && x >= y))
            best = k;
    }
    return best;
}

static int fold_arg(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    struct line line;
    int failed = read_line(graph, node, &line, err);
    if (!failed)
        failed = value_allocate(out, err);
    for (int64_t i = 0; !failed && i < line.outer * line.inner; i++)
        ((int64_t *)out->data)[i] = best_of(in, &line, i, node->op->variant == ARG_LEAST, takes_last(node));
    return failed;
}

static int lower_arg(struct lowering *lowering, struct node *node, struct error *err)
{
    struct line line;
    struct step *step;
    int in, out;
    int failed = read_line(lowering->graph, node, &line, err);
    if (!failed)
        failed = lower_plain(lowering, node, "line.cl", "arg_best", &in, &out, &step, err);
    if (failed)
        return failed;
    step_tensor(step, in);
    step_tensor(step, out);
    step_int(step, line.count);
    step_int(step, line.inner);
    step_int(step, node->op->variant == ARG_LEAST);
    step_int(step, takes_last(node));
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

#define ARG(name, variant)                                                                                              \
    {name, 1, OPSET_LAST, "axis:i keepdims:i select_last_index:i", 1, 1, 1, variant, infer_arg, fold_arg, lower_arg}

const struct op ops_arg[] = {
    ARG("ArgMax", ARG_LARGEST),
    ARG("ArgMin", ARG_LEAST),
    {0},
};
