/* Axes and constant lists. No state. */
#include "worker/engine/ops/lists.h"

int list_axis(int64_t axis, size_t rank, size_t *out, struct error *err)
{
    int64_t at = axis < 0 ? axis + (int64_t)rank : axis;
    if (at < 0 || at >= (int64_t)rank)
        return error_set(err, E_PARSE, "axis %lld of a tensor of rank %zu", (long long)axis, rank);
    *out = (size_t)at;
    return 0;
}

int list_line(const struct value *in, int64_t axis, bool coerced, struct line *line, struct error *err)
{
    int failed = list_axis(axis, in->rank, &line->axis, err);
    if (failed)
        return failed;
    size_t at = line->axis, behind = in->rank - at - 1;
    if (at == 0 && in->batched)
        return error_set(err, E_UNSUPPORTED, "axis 0 would mix samples");
    line->outer = dims_elements(at, in->dims);
    line->count = coerced ? dims_elements(behind + 1, in->dims + at) : in->dims[at];
    line->inner = coerced ? 1 : dims_elements(behind, in->dims + at + 1);
    return 0;
}

int list_ints(const struct graph *graph, const struct node *node, size_t i, const int64_t **list,
              size_t *count, struct error *err)
{
    const struct value *value = node_input(graph, node, i);
    *list = NULL;
    *count = 0;
    if (!value)
        return 0;
    if (!value->data || value->type != VALUE_INT64 || value->rank > 1)
        return error_set(err, E_UNSUPPORTED, "input %zu is not a constant list of integers", i);
    *list = value->data;
    *count = (size_t)value_elements(value);
    return 0;
}

int list_number(const struct graph *graph, const struct node *node, size_t i, double *number,
                struct error *err)
{
    const struct value *value = node_input(graph, node, i);
    if (!value)
        return 0;
    if (!value->data || value_elements(value) != 1)
        return error_set(err, E_UNSUPPORTED, "input %zu is not one constant number", i);
    *number = value_number(value, 0);
    return 0;
}
