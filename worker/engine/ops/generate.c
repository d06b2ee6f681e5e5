/*
 * Operators that are evaluated at load, from constants or shapes: Size, Range, NonZero, OneHot,
 * EyeLike. Exporters emit them beside a network; their results may be integers, and
 * none of them runs on the device.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/element.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/lists.h"

/* A constant of this type and shape; what it holds is 0 or what the caller writes. */
static int make_constant(struct graph *graph, struct node *node, size_t i, enum value_type type,
                         size_t rank, const int64_t *dims, struct error *err)
{
    struct value *out = node_output(graph, node, i);
    int failed = value_set_shape(graph, out, rank, dims, false, err);
    out->type = type;
    return failed ? failed : value_allocate(out, err);
}

static int need_constants(const struct graph *graph, const struct node *node, struct error *err)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (node_input(graph, node, i) && !node_input(graph, node, i)->data)
            return error_set(err, E_UNSUPPORTED,
                             "input %zu is computed (expected a constant: it is evaluated at load)",
                             i);
    return 0;
}

static void set_number(struct value *value, int64_t i, double number)
{
    if (value->type == VALUE_FLOAT)
        ((float *)value->data)[i] = (float)number;
    else
        ((int64_t *)value->data)[i] = (int64_t)number;
}

static int infer_size(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    static const int64_t none[1];
    if (in->batched)
        return error_set(err, E_UNSUPPORTED, "it would count the samples");
    int failed = make_constant(graph, node, 0, VALUE_INT64, 0, none, err);
    if (!failed)
        *(int64_t *)node_output(graph, node, 0)->data = value_elements(in);
    return failed;
}

static int infer_range(struct graph *graph, struct node *node, struct error *err)
{
    double start = 0, limit = 0, delta = 1;
    enum value_type type = node_input(graph, node, 0)->type;
    int failed = list_number(graph, node, 0, &start, err);
    if (!failed)
        failed = list_number(graph, node, 1, &limit, err);
    if (!failed)
        failed = list_number(graph, node, 2, &delta, err);
    double count = ceil((limit - start) / delta);
    if (!failed && !(count >= 1 && count <= (double)GRAPH_ELEMENTS_MAX))
        failed = error_set(err, E_UNSUPPORTED, "a range from %g to %g by %g", start, limit, delta);
    if (failed)
        return failed;
    int64_t elements = (int64_t)count;
    failed = make_constant(graph, node, 0, type, 1, &elements, err);
    for (int64_t i = 0; !failed && i < elements; i++)
        set_number(node_output(graph, node, 0), i, start + (double)i * delta);
    return failed;
}

/* The coordinates of the elements that are not 0, one column each. */
static int infer_non_zero(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    int64_t dims[2] = {(int64_t)in->rank, 0}, column = 0;
    int failed = need_constants(graph, node, err);
    for (int64_t i = 0; !failed && i < value_elements(in); i++)
        dims[1] += value_number(in, i) != 0;
    if (!failed)
        failed = make_constant(graph, node, 0, VALUE_INT64, 2, dims, err);
    in = node_input(graph, node, 0);
    for (int64_t i = 0; !failed && i < value_elements(in); i++) {
        int64_t rest = i, *out = node_output(graph, node, 0)->data;
        if (value_number(in, i) == 0)
            continue;
        for (size_t r = in->rank; r-- > 0; rest /= in->dims[r])
            out[(int64_t)r * dims[1] + column] = rest % in->dims[r];
        column++;
    }
    return failed;
}

/* Dimensions of the indices with `depth` put in at `axis`. */
static int one_hot_dims(const struct node *node, const struct value *indices, double depth,
                        size_t *axis, int64_t *dims, struct error *err)
{
    if (indices->rank >= ENGINE_RANK_MAX || !(depth >= 1 && depth <= (double)GRAPH_ELEMENTS_MAX))
        return error_set(err, E_UNSUPPORTED, "a depth of %g at rank %zu", depth, indices->rank);
    int failed = list_axis(attribute_int(node, "axis", -1), indices->rank + 1, axis, err);
    for (size_t r = 0; !failed && r <= indices->rank; r++)
        dims[r] = r == *axis ? (int64_t)depth : indices->dims[r < *axis ? r : r - 1];
    return failed;
}

static int infer_one_hot(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *indices = node_input(graph, node, 0), *values = node_input(graph, node, 2);
    int64_t dims[ENGINE_RANK_MAX];
    double depth = 0;
    size_t axis = 0;
    int failed = need_constants(graph, node, err);
    if (!failed)
        failed = list_number(graph, node, 1, &depth, err);
    if (!failed && value_elements(values) != 2)
        failed = error_set(err, E_PARSE, "values has not two elements");
    if (!failed)
        failed = one_hot_dims(node, indices, depth, &axis, dims, err);
    if (!failed)
        failed = make_constant(graph, node, 0, values->type, indices->rank + 1, dims, err);
    if (failed)
        return failed;
    struct value *out = node_output(graph, node, 0);
    int64_t inner = dims_elements(indices->rank - axis, indices->dims + axis);
    for (int64_t i = 0; i < value_elements(out); i++) {
        int64_t position = i / inner % dims[axis];
        double hot = value_number(indices, i / (inner * dims[axis]) * inner + i % inner);
        hot = hot < 0 ? hot + depth : hot;
        set_number(out, i, value_number(values, (double)position == hot));
    }
    return 0;
}

/* Ones on the k-th diagonal of a matrix of the input's shape. */
static int infer_eye(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    int64_t k = attribute_int(node, "k", 0), dtype = attribute_int(node, "dtype", 0);
    int element = dtype ? element_code((int)(dtype % INT32_MAX)) : in->element;
    enum value_type made = in->type;
    if (in->rank != 2 || (dtype && element_held_as((int)(dtype % INT32_MAX), &made, err)))
        return error_set(err, E_UNSUPPORTED, "rank %zu and type %lld (expected 2, and " ELEMENT_KNOWN
                         ")", in->rank, (long long)dtype);
    if (in->batched)
        return error_set(err, E_UNSUPPORTED, "each sample would get another row");
    int64_t columns = in->dims[1];
    int failed = make_constant(graph, node, 0, made, 2, in->dims, err);
    node_output(graph, node, 0)->element = element;
    for (int64_t i = 0; !failed && i < value_elements(node_output(graph, node, 0)); i++)
        set_number(node_output(graph, node, 0), i, i % columns - i / columns == k);
    return failed;
}

const struct op ops_generate[] = {
    {"Size", 1, OPSET_LAST, "", 1, 1, 1, 0, infer_size, NULL, NULL},
    {"Range", 11, OPSET_LAST, "", 3, 3, 1, 0, infer_range, NULL, NULL},
    {"NonZero", 9, OPSET_LAST, "", 1, 1, 1, 0, infer_non_zero, NULL, NULL},
    {"OneHot", 9, OPSET_LAST, "axis:i", 3, 3, 1, 0, infer_one_hot, NULL, NULL},
    {"EyeLike", 9, OPSET_LAST, "dtype:i k:i", 1, 1, 1, 0, infer_eye, NULL, NULL},
    {0},
};
