/* Element types: reading, rounding, wrapping, and their way through a graph. No state, no threads. */
#include "worker/engine/element.h"

#include <math.h>
#include <string.h>

#include "worker/engine/ops.h"

int element_held_as(int element, enum value_type *type, struct error *err)
{
    switch (element) {
    case ELEMENT_FLOAT:
    case ELEMENT_FLOAT16:
    case ELEMENT_DOUBLE:
    case ELEMENT_BFLOAT16:
        *type = VALUE_FLOAT;
        return 0;
    case ELEMENT_UINT8:
    case ELEMENT_INT8:
    case ELEMENT_UINT16:
    case ELEMENT_INT16:
    case ELEMENT_INT32:
    case ELEMENT_INT64:
    case ELEMENT_UINT32:
    case ELEMENT_UINT64:
        *type = VALUE_INT64;
        return 0;
    case ELEMENT_BOOL:
        *type = VALUE_BOOL;
        return 0;
    default: /* a file's number */
        return error_set(err, E_UNSUPPORTED, "element type %d (known: " ELEMENT_KNOWN ")", element);
    }
}

int element_code(int element)
{
    bool own = element == ELEMENT_FLOAT || element == ELEMENT_INT64 || element == ELEMENT_BOOL;
    return own ? 0 : element;
}

size_t element_bytes(int element)
{
    switch (element) {
    case ELEMENT_UINT8:
    case ELEMENT_INT8:
    case ELEMENT_BOOL:
        return 1;
    case ELEMENT_UINT16:
    case ELEMENT_INT16:
    case ELEMENT_FLOAT16:
    case ELEMENT_BFLOAT16:
        return 2;
    case ELEMENT_INT64:
    case ELEMENT_UINT64:
    case ELEMENT_DOUBLE:
        return 8;
    default:
        return 4;
    }
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t to_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* float16 has 5 bits of exponent and 10 of mantissa; below 2^-14 they count 2^-24s. */
static float from_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3ff;
    if (exponent == 0)
        return (sign ? -1.0f : 1.0f) * (float)mantissa * 0x1p-24f;
    uint32_t wide = exponent == 31 ? 255 : exponent + 127 - 15;
    return from_bits(sign | wide << 23 | mantissa << 13);
}

float element_read_float(int element, const uint8_t *raw)
{
    float x;
    double wide;
    switch (element) {
    case ELEMENT_FLOAT16:
        return from_half(raw[0] | (uint32_t)raw[1] << 8);
    case ELEMENT_BFLOAT16:
        return from_bits((raw[0] | (uint32_t)raw[1] << 8) << 16);
    case ELEMENT_DOUBLE:
        memcpy(&wide, raw, sizeof wide);
        return (float)wide;
    default:
        memcpy(&x, raw, sizeof x);
        return x;
    }
}

int64_t element_wrap(int element, int64_t x, bool *fits)
{
    switch (element) {
    case ELEMENT_UINT8:
        return (uint8_t)x;
    case ELEMENT_INT8:
        return (int8_t)x;
    case ELEMENT_UINT16:
        return (uint16_t)x;
    case ELEMENT_INT16:
        return (int16_t)x;
    case ELEMENT_INT32:
        return (int32_t)x;
    case ELEMENT_UINT32:
        return (uint32_t)x;
    case ELEMENT_UINT64:
        *fits &= x >= 0;
        return x;
    default:
        return x;
    }
}

int64_t element_read_integer(int element, const uint8_t *raw, bool *fits)
{
    uint64_t bits = 0;
    for (size_t i = element_bytes(element); i-- > 0;)
        bits = bits << 8 | raw[i];
    return element == ELEMENT_BOOL ? bits != 0 : element_wrap(element, (int64_t)bits, fits);
}

/* As kernels/elementwise.cl's to_float16. */
float element_round(int element, float x)
{
    uint32_t bits = to_bits(x);
    if (element != ELEMENT_FLOAT16 || isnan(x))
        return x;
    if (fabsf(x) < 0x1p-14f)
        return rintf(x * 0x1p24f) * 0x1p-24f;
    float rounded = from_bits((bits + 0xfff + (bits >> 13 & 1)) & ~UINT32_C(0x1fff));
    return fabsf(rounded) < 65536.0f ? rounded : copysignf(INFINITY, x);
}

/* The input whose element type the outputs have, or -1: the operator says it itself. */
static int giver(const struct node *node)
{
    static const struct {
        const char *type;
        int input;
    } others[] = {{"Cast", -1},   {"CastLike", -1}, {"ConstantOfShape", -1},
                  {"Shape", -1},  {"Size", -1},     {"NonZero", -1},
                  {"ArgMax", -1}, {"ArgMin", -1},   {"EyeLike", -1},
                  {"OneHot", 2},  {"Where", 1},     {"RandomNormalLike", -1}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(node->op->type, others[i].type) == 0)
            return others[i].input;
    return 0;
}

static int wrap_all(struct value *value, struct error *err)
{
    bool fits = true;
    int64_t *data = value->data;
    for (int64_t i = 0; i < value_elements(value); i++)
        data[i] = element_wrap(value->element, data[i], &fits);
    return fits ? 0 : error_set(err, E_UNSUPPORTED, "an unsigned number beyond int64");
}

int element_pass_on(struct graph *graph, const struct node *node, struct error *err)
{
    int input = giver(node), failed = 0;
    const struct value *in = input < 0 ? NULL : node_input(graph, node, (size_t)input);
    for (size_t i = 0; in && !failed && i < node->output_count; i++) {
        struct value *out = node_output(graph, node, i);
        if (!out || out->type != in->type)
            continue;
        out->element = in->element;
        if (out->data && out->type == VALUE_INT64 && out->element)
            failed = wrap_all(out, err);
    }
    return failed;
}
