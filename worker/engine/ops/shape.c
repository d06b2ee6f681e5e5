/* Operators that become constants at load: Constant, Shape, ConstantOfShape. */
#include <stdlib.h>
#include <string.h>

#include "worker/engine/ops.h"

/* value_ints or value_floats: a list. */
static int constant_list(const struct node *node, struct value *out, const struct graph *graph,
                         struct error *err)
{
    const int64_t *ints = NULL;
    const float *floats = NULL;
    bool whole = attribute_present(node, "value_ints");
    int64_t count = (int64_t)(whole ? attribute_ints(node, "value_ints", &ints)
                                    : attribute_floats(node, "value_floats", &floats));
    int failed = value_set_shape(graph, out, 1, &count, false, err);
    if (failed)
        return failed;
    out->type = whole ? VALUE_INT64 : VALUE_FLOAT;
    failed = value_allocate(out, err);
    if (!failed && count > 0)
        memcpy(out->data, whole ? (const void *)ints : floats,
               (size_t)count * (whole ? sizeof *ints : sizeof *floats));
    return failed;
}

static int infer_constant(struct graph *graph, struct node *node, struct error *err)
{
    struct value *out = node_output(graph, node, 0);
    if (attribute_present(node, "value"))
        return attribute_tensor(node, "value", out, err);
    if (attribute_present(node, "value_ints") || attribute_present(node, "value_floats"))
        return constant_list(node, out, graph, err);
    int64_t one = 1;
    int failed = value_set_shape(graph, out, 0, &one, false, err);
    if (failed)
        return failed;
    if (attribute_present(node, "value_float")) {
        failed = value_allocate(out, err);
        if (!failed)
            *(float *)out->data = attribute_float(node, "value_float", 0);
        return failed;
    }
    if (!attribute_present(node, "value_int"))
        return error_set(err, E_UNSUPPORTED, "it is neither a tensor nor numbers");
    out->type = VALUE_INT64;
    failed = value_allocate(out, err);
    if (!failed)
        *(int64_t *)out->data = attribute_int(node, "value_int", 0);
    return failed;
}

static int infer_shape(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    int64_t rank = (int64_t)in->rank;
    int64_t start = attribute_int(node, "start", 0), end = attribute_int(node, "end", rank);
    start = start < 0 ? start + rank : start;
    end = end < 0 ? end + rank : end;
    start = start < 0 ? 0 : start > rank ? rank : start;
    end = end < start ? start : end > rank ? rank : end;
    int64_t count = end - start;
    int failed = value_set_shape(graph, out, 1, &count, false, err);
    if (failed)
        return failed;
    out->type = VALUE_INT64;
    failed = value_allocate(out, err);
    if (!failed)
        memcpy(out->data, in->dims + start, (size_t)count * sizeof *in->dims);
    return failed;
}

static int infer_constant_of_shape(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    struct value fill = {.type = VALUE_FLOAT};
    if (!in->data || in->type != VALUE_INT64 || in->rank != 1 || in->dims[0] > ENGINE_RANK_MAX)
        return error_set(err, E_UNSUPPORTED, "its shape is not a constant list");
    int failed = attribute_present(node, "value") ? attribute_tensor(node, "value", &fill, err) : 0;
    if (!failed)
        failed = value_set_shape(graph, out, (size_t)in->dims[0], in->data, false, err);
    out->type = fill.type;
    out->element = fill.element;
    if (!failed)
        failed = value_allocate(out, err);
    if (!failed && fill.data && value_elements(&fill) != 1)
        failed = error_set(err, E_PARSE, "value has not one element");
    for (int64_t i = 0; !failed && fill.data && i < value_elements(out); i++)
        if (fill.type == VALUE_FLOAT)
            ((float *)out->data)[i] = *(float *)fill.data;
        else
            ((int64_t *)out->data)[i] = *(int64_t *)fill.data;
    free(fill.data);
    return failed;
}

const struct op ops_shape[] = {
    {"Constant", 1, OPSET_LAST, "value:t value_float:f value_int:i value_floats:F value_ints:I", 0, 0, 1, 0,
     infer_constant, NULL, NULL},
    {"Shape", 1, OPSET_LAST, "start:i end:i", 1, 1, 1, 0, infer_shape, NULL, NULL},
    {"ConstantOfShape", 9, OPSET_LAST, "value:t", 1, 1, 1, 0, infer_constant_of_shape, NULL, NULL},
    {0},
};
