/* Unary element-wise operators, on whatever layout their input has. */
#include <math.h>
#include <string.h>

#include "worker/engine/element.h"
#include "worker/engine/lower.h"
#include "worker/engine/ops/elementwise.h"

static int scalar_input(const struct graph *graph, const struct node *node, size_t i,
                        float *scalar, struct error *err)
{
    const struct value *value = node_input(graph, node, i);
    if (!value)
        return 0;
    if (!value->data || value->type != VALUE_FLOAT || value_elements(value) != 1)
        return error_set(err, E_UNSUPPORTED, "input %zu is not a constant float scalar", i);
    *scalar = *(const float *)value->data;
    return 0;
}

int unary_read(const struct graph *graph, const struct node *node,
               struct unary_parameters *parameters, struct error *err)
{
    struct unary_parameters read = {0, 0};
    int failed = 0;
    switch ((enum unary)node->op->variant) {
    case UNARY_LEAKY_RELU:
        read.a = attribute_float(node, "alpha", 0.01f);
        break;
    case UNARY_ELU:
    case UNARY_CELU:
    case UNARY_THRESHOLDED_RELU:
    case UNARY_SWISH:
        read.a = attribute_float(node, "alpha", 1.0f);
        break;
    case UNARY_SHRINK:
        read.a = attribute_float(node, "lambd", 0.5f);
        read.b = attribute_float(node, "bias", 0.0f);
        break;
    case UNARY_IS_INFINITE:
        read.a = attribute_int(node, "detect_negative", 1) != 0;
        read.b = attribute_int(node, "detect_positive", 1) != 0;
        break;
    case UNARY_GELU:
        read.a = attribute_is(node, "approximate", "tanh", false);
        if (read.a == 0 && !attribute_is(node, "approximate", "none", true))
            failed = error_set(err, E_PARSE, "approximate is neither none nor tanh");
        break;
    case UNARY_SELU:
        read.a = attribute_float(node, "alpha", graph->opset < 6 ? 1.6732f : 1.67326319217681885f);
        read.b = attribute_float(node, "gamma", graph->opset < 6 ? 1.0507f : 1.05070102214813232f);
        break;
    case UNARY_HARD_SIGMOID:
        read.a = attribute_float(node, "alpha", 0.2f);
        read.b = attribute_float(node, "beta", 0.5f);
        break;
    case UNARY_CLIP:
        read.a = attribute_float(node, "min", -INFINITY);
        read.b = attribute_float(node, "max", INFINITY);
        failed = scalar_input(graph, node, 1, &read.a, err);
        if (!failed)
            failed = scalar_input(graph, node, 2, &read.b, err);
        break;
    case UNARY_COPY: case UNARY_ABS: case UNARY_NEG: case UNARY_SQRT: case UNARY_EXP:
    case UNARY_LOG: case UNARY_RECIPROCAL: case UNARY_RELU: case UNARY_TANH: case UNARY_SIGMOID:
    case UNARY_FLOOR: case UNARY_CEIL: case UNARY_ERF: case UNARY_SOFTPLUS: case UNARY_SOFTSIGN:
    case UNARY_HARD_SWISH: case UNARY_SIN: case UNARY_COS: case UNARY_TAN: case UNARY_ASIN:
    case UNARY_ACOS: case UNARY_ATAN: case UNARY_SINH: case UNARY_COSH: case UNARY_ASINH:
    case UNARY_ACOSH: case UNARY_ATANH: case UNARY_SIGN: case UNARY_ROUND:
    case UNARY_MISH: case UNARY_TO_FLOAT16: case UNARY_TRUNCATE: case UNARY_TO_BYTE: case UNARY_NOT: case UNARY_IS_NAN:
        break;
    }
    if (!failed)
        *parameters = read;
    return failed;
}

/* Abs, Neg and Sign of integers that are known at load. */
static bool takes_integers(const struct node *node)
{
    return node->op->variant == UNARY_ABS || node->op->variant == UNARY_NEG ||
           node->op->variant == UNARY_SIGN;
}

static int infer_unary(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct unary_parameters parameters;
    bool whole = in->type == VALUE_INT64 && in->data && takes_integers(node);
    if (in->type != (node->op->variant == UNARY_NOT ? VALUE_BOOL : VALUE_FLOAT) && !whole)
        return error_set(err, E_UNSUPPORTED, "an input of another type (expected %s)",
                         node->op->variant == UNARY_NOT ? "bool" : "float");
    int failed = unary_read(graph, node, &parameters, err);
    if (!failed)
        failed = value_set_shape(graph, node_output(graph, node, 0), in->rank, in->dims,
                                 in->batched, err);
    if (!failed && node->op->variant >= UNARY_NOT)
        node_output(graph, node, 0)->type = VALUE_BOOL;
    else if (!failed)
        node_output(graph, node, 0)->type = in->type;
    return failed;
}

bool node_is_unary(const struct node *node, enum unary which)
{
    return node->op->infer == infer_unary && node->op->variant == (int)which;
}

bool unary_activation(const struct graph *graph, const struct node *node,
                      struct activation *activation)
{
    struct unary_parameters p;
    if (node->op->infer != infer_unary || unary_read(graph, node, &p, NULL) != 0)
        return false;
    static const struct {
        enum unary unary;
        enum activation_kind kind;
    } pairs[] = {{UNARY_RELU, ACT_RELU},       {UNARY_LEAKY_RELU, ACT_LEAKY},
                 {UNARY_TANH, ACT_TANH},       {UNARY_SIGMOID, ACT_SIGMOID},
                 {UNARY_CLIP, ACT_CLIP},       {UNARY_ELU, ACT_ELU}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (node->op->variant == (int)pairs[i].unary) {
            *activation = (struct activation){pairs[i].kind, p.a, p.b};
            return true;
        }
    return false;
}

static void define_parameter(struct step *step, const char *name, float number)
{
    if (isfinite(number))
        step_define(step, "-D%s=(%af)", name, (double)number);
    else
        step_define(step, "-D%s=(%sINFINITY)", name, number < 0 ? "-" : "");
}

static int emit(struct lowering *lowering, struct node *node, enum unary which,
                const struct unary_parameters *parameters, struct error *err)
{
    enum layout layout = lower_is_channels_last(lowering, node->inputs[0]) ? LAYOUT_CHANNELS_LAST
                                                                           : LAYOUT_PLAIN;
    int in, out;
    struct step *step;
    int failed = lower_input(lowering, node->inputs[0], layout, &in, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], layout, &out, err);
    if (!failed)
        failed = lower_step(lowering, "elementwise.cl", "unary", out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DUNARY=%d", (int)which);
    define_parameter(step, "UNARY_A", parameters->a);
    define_parameter(step, "UNARY_B", parameters->b);
    step_tensor(step, in);
    step_tensor(step, out);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

int unary_step(struct lowering *lowering, struct node *node, enum unary which, struct error *err)
{
    return emit(lowering, node, which, &(struct unary_parameters){0, 0}, err);
}

static int lower_unary(struct lowering *lowering, struct node *node, struct error *err)
{
    struct unary_parameters parameters;
    int failed = unary_read(lowering->graph, node, &parameters, err);
    return failed ? failed
                  : emit(lowering, node, (enum unary)node->op->variant, &parameters, err);
}

#define GELU_ERF 0.70710678118654752f  /* 1/√2 */
#define GELU_TANH 0.79788456080286536f /* √(2/π) */

static float apply(enum unary which, float x, const struct unary_parameters *p)
{
    switch (which) {
    case UNARY_COPY: return x;
    case UNARY_ABS: return fabsf(x);
    case UNARY_NEG: return -x;
    case UNARY_SQRT: return sqrtf(x);
    case UNARY_EXP: return expf(x);
    case UNARY_LOG: return logf(x);
    case UNARY_RECIPROCAL: return 1.0f / x;
    case UNARY_RELU: return x < 0 ? 0 : x;
    case UNARY_LEAKY_RELU: return x < 0 ? x * p->a : x;
    case UNARY_TANH: return tanhf(x);
    case UNARY_SIGMOID: return 1.0f / (1.0f + expf(-x));
    case UNARY_CLIP: return fminf(fmaxf(x, p->a), p->b);
    case UNARY_ELU: return x < 0 ? p->a * expm1f(x) : x;
    case UNARY_FLOOR: return floorf(x);
    case UNARY_CEIL: return ceilf(x);
    case UNARY_ERF: return erff(x);
    case UNARY_SOFTPLUS: return fmaxf(x, 0) + log1pf(expf(-fabsf(x)));
    case UNARY_SOFTSIGN: return x / (1.0f + fabsf(x));
    case UNARY_SELU: return p->b * (x < 0 ? p->a * expm1f(x) : x);
    case UNARY_HARD_SIGMOID: return fminf(fmaxf(p->a * x + p->b, 0), 1);
    case UNARY_HARD_SWISH: return x * fminf(fmaxf(x / 6 + 0.5f, 0), 1);
    case UNARY_THRESHOLDED_RELU: return x > p->a ? x : 0;
    case UNARY_SIN: return sinf(x);
    case UNARY_COS: return cosf(x);
    case UNARY_TAN: return tanf(x);
    case UNARY_ASIN: return asinf(x);
    case UNARY_ACOS: return acosf(x);
    case UNARY_ATAN: return atanf(x);
    case UNARY_SINH: return sinhf(x);
    case UNARY_COSH: return coshf(x);
    case UNARY_ASINH: return asinhf(x);
    case UNARY_ACOSH: return acoshf(x);
    case UNARY_ATANH: return atanhf(x);
    case UNARY_SIGN: return (float)((x > 0) - (x < 0));
    case UNARY_ROUND: return rintf(x);
    case UNARY_CELU: return fmaxf(x, 0) + fminf(p->a * expm1f(x / p->a), 0);
    case UNARY_SHRINK: return x < -p->a ? x + p->b : x > p->a ? x - p->b : 0;
    case UNARY_MISH: return x * tanhf(fmaxf(x, 0) + log1pf(expf(-fabsf(x))));
    case UNARY_GELU:
        return 0.5f * x * (1 + (p->a == 0 ? erff(x * GELU_ERF)
                                          : tanhf(GELU_TANH * (x + 0.044715f * x * x * x))));
    case UNARY_SWISH: return x / (1.0f + expf(-p->a * x));
    case UNARY_TO_FLOAT16: return element_round(ELEMENT_FLOAT16, x);
    case UNARY_TRUNCATE: return truncf(x);
    case UNARY_TO_BYTE: return fminf(fmaxf(rintf(x), 0), 255);
    case UNARY_NOT: return x == 0;
    case UNARY_IS_NAN: return isnan(x);
    case UNARY_IS_INFINITE: return !isinf(x) ? 0 : x < 0 ? p->a : p->b;
    }
    return x;
}

static int64_t apply_integer(enum unary which, int64_t x)
{
    if (which == UNARY_NOT)
        return x == 0;
    if (which == UNARY_SIGN)
        return (x > 0) - (x < 0);
    return which == UNARY_NEG || x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
}

static int fold_unary(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    struct unary_parameters parameters;
    int failed = unary_read(graph, node, &parameters, err);
    if (failed)
        return failed;
    failed = value_allocate(out, err);
    if (failed)
        return failed;
    enum unary which = (enum unary)node->op->variant;
    for (int64_t i = 0; i < value_elements(out); i++) {
        if (in->type != VALUE_FLOAT)
            ((int64_t *)out->data)[i] = apply_integer(which, ((const int64_t *)in->data)[i]);
        else if (out->type == VALUE_BOOL)
            ((int64_t *)out->data)[i] =
                apply(which, ((const float *)in->data)[i], &parameters) != 0;
        else
            ((float *)out->data)[i] = apply(which, ((const float *)in->data)[i], &parameters);
    }
    return 0;
}

const struct op op_bytes = {"Bytes", 1, OPSET_LAST, "", 1, 1, 1, UNARY_TO_BYTE, infer_unary, fold_unary, lower_unary};

#define UNARY(name, first, attributes, number)                                                     \
    {name, first, OPSET_LAST, attributes, 1, 1, 1, number, infer_unary, fold_unary, lower_unary}

const struct op ops_unary[] = {
    UNARY("Abs", 6, "", UNARY_ABS),
    UNARY("Neg", 6, "", UNARY_NEG),
    UNARY("Sqrt", 6, "", UNARY_SQRT),
    UNARY("Exp", 6, "", UNARY_EXP),
    UNARY("Log", 6, "", UNARY_LOG),
    UNARY("Reciprocal", 6, "", UNARY_RECIPROCAL),
    UNARY("Relu", 1, "consumed_inputs:I", UNARY_RELU),
    UNARY("LeakyRelu", 6, "alpha:f", UNARY_LEAKY_RELU),
    UNARY("Tanh", 6, "", UNARY_TANH),
    UNARY("Sigmoid", 6, "", UNARY_SIGMOID),
    {"Clip", 6, 10, "min:f max:f", 1, 1, 1, UNARY_CLIP, infer_unary, fold_unary, lower_unary},
    {"Clip", 11, OPSET_LAST, "", 1, 3, 1, UNARY_CLIP, infer_unary, fold_unary, lower_unary},
    UNARY("Elu", 1, "alpha:f consumed_inputs:I", UNARY_ELU),
    UNARY("Floor", 6, "", UNARY_FLOOR),
    UNARY("Ceil", 6, "", UNARY_CEIL),
    UNARY("Erf", 9, "", UNARY_ERF),
    UNARY("Softplus", 1, "", UNARY_SOFTPLUS),
    UNARY("Softsign", 1, "", UNARY_SOFTSIGN),
    UNARY("Selu", 1, "alpha:f gamma:f consumed_inputs:I", UNARY_SELU),
    UNARY("HardSigmoid", 6, "alpha:f beta:f", UNARY_HARD_SIGMOID),
    UNARY("HardSwish", 14, "", UNARY_HARD_SWISH),
    UNARY("ThresholdedRelu", 10, "alpha:f", UNARY_THRESHOLDED_RELU),
    UNARY("Sin", 7, "", UNARY_SIN),
    UNARY("Cos", 7, "", UNARY_COS),
    UNARY("Tan", 7, "", UNARY_TAN),
    UNARY("Asin", 7, "", UNARY_ASIN),
    UNARY("Acos", 7, "", UNARY_ACOS),
    UNARY("Atan", 7, "", UNARY_ATAN),
    UNARY("Sinh", 9, "", UNARY_SINH),
    UNARY("Cosh", 9, "", UNARY_COSH),
    UNARY("Asinh", 9, "", UNARY_ASINH),
    UNARY("Acosh", 9, "", UNARY_ACOSH),
    UNARY("Atanh", 9, "", UNARY_ATANH),
    UNARY("Sign", 9, "", UNARY_SIGN),
    UNARY("Round", 11, "", UNARY_ROUND),
    UNARY("Celu", 12, "alpha:f", UNARY_CELU),
    UNARY("Shrink", 9, "lambd:f bias:f", UNARY_SHRINK),
    UNARY("Mish", 18, "", UNARY_MISH),
    UNARY("Gelu", 20, "approximate:s", UNARY_GELU),
    UNARY("Swish", 24, "alpha:f", UNARY_SWISH),
    UNARY("Not", 1, "", UNARY_NOT),
    UNARY("IsNaN", 9, "", UNARY_IS_NAN),
    UNARY("IsInf", 10, "detect_negative:i detect_positive:i", UNARY_IS_INFINITE),
    {0},
};
