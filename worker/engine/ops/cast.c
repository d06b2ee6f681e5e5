/*
 * Cast and CastLike. Integers exist at load only, but for those that come of samples (counted.h), as which a number loses its
 * fraction; on the device float and double stay float, float16 is rounded to, and a truth value, which is 0 or 1 there, becomes
 * the number.
 */
#include <math.h>
#include <string.h>

#include "worker/engine/counted.h"
#include "worker/engine/element.h"
#include "worker/engine/lower.h"
#include "worker/engine/ops/elementwise.h"

/* CastLike takes the type of its second operand, which may be computed. */
static int target_type(const struct graph *graph, const struct node *node, enum value_type *type,
                       int *element, struct error *err)
{
    const struct value *like = node_input(graph, node, 1);
    int64_t to = attribute_int(node, "to", 0);
    if (!like && (to < 0 || to > INT32_MAX || element_held_as((int)to, type, err)))
        return error_set(err, E_UNSUPPORTED, "a cast to type %lld (known: " ELEMENT_KNOWN ")",
                         (long long)to);
    if (like)
        *type = like->type;
    *element = like ? like->element : element_code((int)to);
    if (*element == ELEMENT_BFLOAT16 && node_input(graph, node, 0)->element != ELEMENT_BFLOAT16)
        return error_set(err, E_UNSUPPORTED,
                         "a cast to bfloat16, for which ONNX's releases truncate or round");
    return 0;
}

static int convert_one(const struct value *in, int64_t i, struct value *out, struct error *err)
{
    double x = in->type == VALUE_FLOAT ? (double)((const float *)in->data)[i] : 0;
    int64_t whole = in->type == VALUE_FLOAT ? 0 : ((const int64_t *)in->data)[i];
    bool fits = true;
    if (out->type == VALUE_FLOAT) {
        float number = in->type == VALUE_FLOAT ? (float)x : (float)whole;
        ((float *)out->data)[i] = element_round(out->element, number);
        return 0;
    }
    if (out->type == VALUE_BOOL) {
        ((int64_t *)out->data)[i] = x != 0 || whole != 0;
        return 0;
    }
    if (!(fabs(x) < 9e18)) /* an infinity, or no number */
        return error_set(err, E_UNSUPPORTED, "element %lld, %g, is no integer", (long long)i, x);
    whole = element_wrap(out->element, in->type == VALUE_FLOAT ? (int64_t)x : whole, &fits);
    ((int64_t *)out->data)[i] = whole;
    return fits ? 0 : error_set(err, E_UNSUPPORTED, "element %lld is beyond int64", (long long)i);
}

static int fold_cast(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    int failed = value_allocate(out, err);
    for (int64_t i = 0; !failed && i < value_elements(out); i++)
        failed = convert_one(in, i, out, err);
    return failed;
}

static int infer_cast(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    enum value_type type = VALUE_FLOAT;
    int element = 0;
    int failed = target_type(graph, node, &type, &element, err);
    bool wide = element == 0 || element == ELEMENT_INT32; /* as samples' numbers fit: they do not wrap */
    if (!in->data && type == VALUE_INT64 && (in->type == VALUE_BOOL || counted_is(in) || wide)) {
        type = VALUE_FLOAT;
        element = ELEMENT_INT64;
    }
    if (!failed && !in->data && type != in->type && type != VALUE_FLOAT)
        failed = error_set(err, E_UNSUPPORTED, "a cast of computed numbers to %s",
                           type == VALUE_BOOL ? "bool" : "narrow integers");
    if (!failed)
        failed = value_set_shape(graph, node_output(graph, node, 0), in->rank, in->dims,
                                 in->batched, err);
    if (failed)
        return failed;
    node_output(graph, node, 0)->type = type;
    node_output(graph, node, 0)->element = element;
    return in->data ? fold_cast(graph, node, err) : 0;
}

static int lower_cast(struct lowering *lowering, struct node *node, struct error *err)
{
    const struct value *from = node_input(lowering->graph, node, 0);
    int element = node_output(lowering->graph, node, 0)->element, in;
    if (element == ELEMENT_FLOAT16 && from->type == VALUE_FLOAT && from->element != element)
        return unary_step(lowering, node, UNARY_TO_FLOAT16, err);
    if (element == ELEMENT_INT64 && from->type == VALUE_FLOAT && from->element != element)
        return unary_step(lowering, node, UNARY_TRUNCATE, err);
    int failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, &in, err);
    return failed ? failed : lower_view(lowering, node->outputs[0], in, err);
}

const struct op ops_cast[] = {
    {"Cast", 6, 18, "to:i", 1, 1, 1, 0, infer_cast, NULL, lower_cast},
    {"CastLike", 15, 18, "", 2, 2, 1, 0, infer_cast, NULL, lower_cast},
    /* saturate and round_mode are of float8 types, which are none of ours */
    {"Cast", 19, OPSET_LAST, "to:i saturate:i round_mode:s", 1, 1, 1, 0, infer_cast, NULL, lower_cast},
    {"CastLike", 19, OPSET_LAST, "saturate:i round_mode:s", 2, 2, 1, 0, infer_cast, NULL, lower_cast},
    {0},
};
