/*
 * Einsum of one or two operands: products, traces, sums and permutations by labels. A label of the
 * batch must be the first of the operand that has it and of the result, and of no other.
 */
#include <ctype.h>
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/move.h"

#define LABELS 128 /* by character */

struct einsum {
    char terms[2][ENGINE_RANK_MAX + 1], result[ENGINE_RANK_MAX + 1];
    char summed[2 * ENGINE_RANK_MAX + 1]; /* labels that the result does not have */
    int64_t dims[LABELS], strides[2][LABELS];
    size_t operands;
};

static int bad_equation(const char *equation, struct error *err)
{
    return error_set(err, E_UNSUPPORTED,
                     "equation %.60s (expected one or two terms of letters, 8 at most)", equation);
}

/* Labels up to one of `ends`; *at moves there. */
static bool read_term(const char **at, const char *ends, char term[ENGINE_RANK_MAX + 1])
{
    size_t count = 0;
    for (; **at && !strchr(ends, **at); (*at)++) {
        if (**at == ' ')
            continue;
        if (!isalpha((unsigned char)**at) || count == ENGINE_RANK_MAX)
            return false;
        term[count++] = **at;
    }
    term[count] = '\0';
    return true;
}

/* Without an arrow the result has the labels that occur once, in alphabetical order. */
static bool imply_result(struct einsum *einsum)
{
    size_t count = 0;
    for (int label = 'A'; label <= 'z'; label++) {
        int uses = 0;
        for (size_t k = 0; k < einsum->operands; k++)
            for (const char *at = einsum->terms[k]; *at; at++)
                uses += *at == label;
        if (uses == 1 && count == ENGINE_RANK_MAX)
            return false;
        if (uses == 1)
            einsum->result[count++] = (char)label;
    }
    return true;
}

static int read_equation(const struct node *node, struct einsum *einsum, struct error *err)
{
    char equation[64];
    const char *at = equation;
    attribute_text(node, "equation", equation);
    if (!*equation)
        return bad_equation("that is empty or longer than 63 characters", err);
    do {
        at += einsum->operands > 0; /* the comma */
        if (einsum->operands == 2 || !read_term(&at, ",-", einsum->terms[einsum->operands++]))
            return bad_equation(equation, err);
    } while (*at == ',');
    if (*at == '\0')
        return imply_result(einsum) ? 0 : bad_equation(equation, err);
    if (at[1] != '>')
        return bad_equation(equation, err);
    at += 2;
    return read_term(&at, "", einsum->result) ? 0 : bad_equation(equation, err);
}

static int bind_operand(const struct value *value, size_t k, struct einsum *einsum,
                        struct error *err)
{
    int64_t strides[ENGINE_RANK_MAX];
    if (value->type != VALUE_FLOAT || value->rank != strlen(einsum->terms[k]))
        return error_set(err, E_PARSE, "operand %zu of rank %zu is not a float tensor of %s", k,
                         value->rank, einsum->terms[k]);
    move_strides(value->rank, value->dims, strides);
    for (size_t r = 0; r < value->rank; r++) {
        int label = einsum->terms[k][r];
        if (einsum->dims[label] && einsum->dims[label] != value->dims[r])
            return error_set(err, E_UNSUPPORTED, "label %c is %lld and %lld", label,
                             (long long)einsum->dims[label], (long long)value->dims[r]);
        einsum->dims[label] = value->dims[r];
        einsum->strides[k][label] += strides[r];
    }
    return 0;
}

/* The labels that are summed over; those of the result must be an operand's, once each. */
static int find_summed(struct einsum *einsum, struct error *err)
{
    size_t count = 0;
    for (const char *at = einsum->result; *at; at++)
        if (!einsum->dims[(int)*at] || strchr(at + 1, *at))
            return error_set(err, E_PARSE, "label %c of the result", *at);
    for (int label = 'A'; label <= 'z'; label++)
        if (einsum->dims[label] && !strchr(einsum->result, label))
            einsum->summed[count++] = (char)label;
    return count <= ENGINE_RANK_MAX ? 0 : error_set(err, E_UNSUPPORTED, "%zu summed labels", count);
}

static int check_batch(const struct graph *graph, const struct node *node,
                       const struct einsum *einsum, struct error *err)
{
    for (size_t k = 0; k < einsum->operands; k++) {
        if (!node_input(graph, node, k)->batched)
            continue;
        char label = einsum->terms[k][0];
        const char *other = einsum->operands == 2 ? strchr(einsum->terms[1 - k], label) : NULL;
        bool shared = other == einsum->terms[1 - k] && node_input(graph, node, 1 - k)->batched;
        if (label != einsum->result[0] || strchr(einsum->terms[k] + 1, label) ||
            (other && (!shared || strchr(other + 1, label))))
            return error_set(err, E_UNSUPPORTED, "label %c would mix samples", label);
    }
    return 0;
}

static int read_einsum(const struct graph *graph, const struct node *node, struct einsum *einsum,
                       struct error *err)
{
    *einsum = (struct einsum){.operands = 0};
    int failed = read_equation(node, einsum, err);
    if (!failed && einsum->operands != node->input_count)
        failed = error_set(err, E_PARSE, "%zu operands for %zu terms", node->input_count,
                           einsum->operands);
    for (size_t k = 0; !failed && k < einsum->operands; k++)
        failed = bind_operand(node_input(graph, node, k), k, einsum, err);
    if (!failed)
        failed = find_summed(einsum, err);
    return failed ? failed : check_batch(graph, node, einsum, err);
}

static int infer_einsum(struct graph *graph, struct node *node, struct error *err)
{
    struct einsum einsum;
    int64_t dims[ENGINE_RANK_MAX];
    bool batched = false;
    int failed = read_einsum(graph, node, &einsum, err);
    if (failed)
        return failed;
    for (size_t r = 0; einsum.result[r]; r++)
        dims[r] = einsum.dims[(int)einsum.result[r]];
    for (size_t k = 0; k < einsum.operands; k++)
        batched |= node_input(graph, node, k)->batched;
    return value_set_shape(graph, node_output(graph, node, 0), strlen(einsum.result), dims, batched,
                           err);
}

/* Dims and both operands' strides of these labels as arguments; returns the product of the dims. */
static int64_t label_arguments(struct step *step, const struct einsum *einsum, const char *labels)
{
    int32_t dims[8] = {1, 1, 1, 1, 1, 1, 1, 1}, strides[2][8] = {{0}};
    int64_t product = 1;
    for (size_t r = 0; labels[r]; r++) {
        int label = labels[r];
        dims[r] = (int32_t)einsum->dims[label];
        product *= einsum->dims[label];
        for (size_t k = 0; k < 2; k++)
            strides[k][r] = (int32_t)einsum->strides[k][label];
    }
    step_bytes(step, dims);
    step_bytes(step, strides[0]);
    step_bytes(step, strides[1]);
    return product;
}

static int lower_einsum(struct lowering *lowering, struct node *node, struct error *err)
{
    struct einsum einsum;
    struct step *step;
    int in[2], out;
    int failed = read_einsum(lowering->graph, node, &einsum, err);
    for (size_t k = 0; !failed && k < einsum.operands; k++)
        failed = lower_input(lowering, node->inputs[k], LAYOUT_PLAIN, &in[k], err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, &out, err);
    if (!failed)
        failed = lower_step(lowering, "einsum.cl", "einsum", out, &step, err);
    if (failed)
        return failed;
    step_tensor(step, in[0]);
    step_tensor(step, in[einsum.operands - 1]);
    step_tensor(step, out);
    label_arguments(step, &einsum, einsum.result);
    int64_t count = label_arguments(step, &einsum, einsum.summed);
    step_int(step, (int64_t)strlen(einsum.result));
    step_int(step, (int64_t)strlen(einsum.summed));
    step_int(step, count);
    step_int(step, einsum.operands == 2);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    step->operations = 2.0 * (double)lowering->tensors[out].elements.each * (double)count;
    return 0;
}

const struct op ops_einsum[] = {
    {"Einsum", 12, OPSET_LAST, "equation:s", 1, 2, 1, 0, infer_einsum, NULL, lower_einsum},
    {0},
};
