/* Counted integers are held as floats; what may be done with them is what is the same in both. No state. */
#include "worker/engine/counted.h"

#include <string.h>

#include "worker/engine/element.h"
#include "worker/engine/ops.h"

bool counted_is(const struct value *value)
{
    return value && value->known && value->type == VALUE_FLOAT &&
           (value->element == ELEMENT_INT64 || value->element == ELEMENT_UINT8);
}

static bool is_any(const struct node *node, const char *const *types)
{
    for (; *types; types++)
        if (strcmp(node->op->type, *types) == 0)
            return true;
    return false;
}

static int make_float(struct graph *graph, struct node *node, size_t i, struct error *err)
{
    int made = graph_add_value(graph);
    if (made < 0)
        return error_set(err, E_MEMORY, "no memory for a constant");
    struct value *value = &graph->values[made];
    const struct value *in = node_input(graph, node, i);
    int failed = value_set_shape(graph, value, in->rank, in->dims, false, err);
    if (!failed)
        failed = value_allocate(value, err);
    if (failed)
        return failed;
    for (int64_t k = 0; k < value_elements(value); k++)
        ((float *)value->data)[k] = (float)((const int64_t *)in->data)[k];
    value->element = ELEMENT_INT64;
    node->inputs[i] = made;
    return 0;
}

int counted_prepare(struct graph *graph, struct node *node, struct error *err)
{
    static const char *const with_constants[] = {"Add", "Sub", "Mul", "Max", "Min", "Sum", "Concat", "Equal",
                                                 "Greater", "GreaterOrEqual", "Less", "LessOrEqual", NULL};
    static const char *const alone[] = {"ReduceSum", "ReduceMax", "ReduceMin", "Neg", "Abs", NULL};
    /* Bytes that are added up would wrap. */
    static const char *const moving[] = {"Bytes", "Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Transpose",
                                         "Slice", "Split", "Gather", "Shape", NULL};
    bool counted = false, bytes = false;
    int failed = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        counted |= counted_is(node_input(graph, node, i));
        bytes |= counted_is(node_input(graph, node, i)) && node_input(graph, node, i)->element == ELEMENT_UINT8;
    }
    if (!counted || is_any(node, moving))
        return 0;
    if (!bytes && is_any(node, alone))
        return 0;
    if (bytes || !is_any(node, with_constants))
        return error_set(err, E_UNSUPPORTED, "it computes with integers that come of samples");
    for (size_t i = 0; !failed && i < node->input_count; i++) {
        const struct value *in = node_input(graph, node, i);
        if (in && in->data && in->type == VALUE_INT64)
            failed = make_float(graph, node, i, err);
    }
    return failed;
}
