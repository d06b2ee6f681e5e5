/*
 * Finding and launching what kernels/binary_blocked.cl does: the node, and those behind it that are
 * each the only reader of the one before (lower_absorb).
 */
#include "worker/engine/ops/binary_blocked.h"

#include <stdio.h>
#include <string.h>

#define LINKS_MAX 5

/* Dimension r of a value seen with the rank 4 of the result, from the right. */
static int64_t dimension(const struct value *value, size_t r)
{
    return r + value->rank >= 4 ? value->dims[r + value->rank - 4] : 1;
}

static bool is_image(const struct lowering *lowering, const struct node *node, size_t input)
{
    const struct value *in = node_input(lowering->graph, node, input);
    const struct value *out = node_output(lowering->graph, node, 0);
    return in->rank == 4 && in->type == VALUE_FLOAT && in->batched == out->batched &&
           memcmp(in->dims, out->dims, 4 * sizeof *in->dims) == 0 &&
           lower_is_channels_last(lowering, node->inputs[input]);
}

static bool describe_other(const struct value *other, const struct value *out,
                           struct binary_blocked *blocked)
{
    int64_t c = dimension(other, 1), y = dimension(other, 2), x = dimension(other, 3);
    blocked->per_sample = dimension(other, 0) > 1 || other->batched;
    blocked->per_channel = c == out->dims[1] && y == 1 && x == 1;
    if (other->type != VALUE_FLOAT || other->rank > 4 || (blocked->per_sample && other->rank < 4))
        return false;
    if (blocked->per_channel) /* whole vectors of channels are read */
        return out->dims[1] % CHANNEL_BLOCK == 0;
    return c == 1 && y == out->dims[2] && x == out->dims[3];
}

bool binary_blocked_fits(const struct lowering *lowering, const struct node *node, enum binary which,
                         struct binary_blocked *blocked)
{
    const struct value *out = node_output(lowering->graph, node, 0);
    if (!lowering->target.blocked || node->input_count != 2 || out->rank != 4 || which > BINARY_DIV)
        return false;
    for (size_t i = 0; i < 2; i++) {
        *blocked = (struct binary_blocked){.image = i, .other = !i};
        if (is_image(lowering, node, i) &&
            describe_other(node_input(lowering->graph, node, !i), out, blocked))
            return true;
    }
    return false;
}

/* One link of the kernel's chain; the kinds are its KINDs. */
struct link {
    const struct node *node;
    enum { LINK_ALONE, LINK_CHANNEL, LINK_PIXEL, LINK_SCALAR } kind;
    enum binary which;
    bool swapped;
    int other;      /* value; not of LINK_ALONE */
    int64_t row;    /* elements from one sample's operand to the next's, 0: all have the same */
    struct activation activation;
};

static struct link first_link(const struct node *node, enum binary which,
                              const struct binary_blocked *blocked, const struct value *out)
{
    int64_t row = blocked->per_channel ? out->dims[1] : out->dims[2] * out->dims[3];
    return (struct link){.node = node,
                         .kind = blocked->per_channel ? LINK_CHANNEL : LINK_PIXEL,
                         .which = which,
                         .swapped = blocked->image == 1,
                         .other = node->inputs[blocked->other],
                         .row = blocked->per_sample ? row : 0,
                         .activation = node->fused.activation};
}

static const struct node *only_user(const struct graph *graph, int value)
{
    if (graph->values[value].uses != 1)
        return NULL;
    for (size_t i = 0; i < graph->node_count; i++)
        for (size_t k = 0; !graph->nodes[i].dead && k < graph->nodes[i].input_count; k++)
            if (graph->nodes[i].inputs[k] == value)
                return &graph->nodes[i];
    return NULL;
}

static bool is_ready(const struct lowering *lowering, int value)
{
    return lowering->graph->values[value].data ||
           lowering->of_value[value][LAYOUT_PLAIN] >= 0 ||
           lowering->of_value[value][LAYOUT_CHANNELS_LAST] >= 0;
}

static bool binary_of(const struct node *node, enum binary *which)
{
    if (node->input_count != 2 || strcmp(node->op->type, "Mean") == 0)
        return false;
    for (*which = BINARY_ADD; *which <= BINARY_DIV; ++*which)
        if (node_is_binary(node, *which))
            return true;
    return false;
}

/* The link that alone reads `value`, an image shaped as `out`, if its other operand is there by now. */
static bool next_link(const struct lowering *lowering, int value, const struct value *image,
                      struct link *link)
{
    const struct graph *graph = lowering->graph;
    const struct node *node = only_user(graph, value);
    const struct value *out = node ? node_output(graph, node, 0) : NULL;
    struct binary_blocked blocked = {0};
    if (!out || out->rank != 4 || out->batched != image->batched ||
        memcmp(out->dims, image->dims, 4 * sizeof *out->dims) != 0)
        return false;
    *link = (struct link){.node = node};
    if (unary_activation(graph, node, &link->activation))
        return true;
    if (!binary_of(node, &link->which) || graph->opset < 7)
        return false;
    link->swapped = node->inputs[1] == value;
    link->other = node->inputs[!link->swapped];
    const struct value *other = &graph->values[link->other];
    if (link->other == value || !is_ready(lowering, link->other))
        return false;
    if (!other->batched && value_elements(other) == 1 && other->type == VALUE_FLOAT) {
        link->kind = LINK_SCALAR;
        link->activation = node->fused.activation;
        return true;
    }
    if (!describe_other(other, out, &blocked))
        return false;
    blocked.image = link->swapped;
    blocked.other = !link->swapped;
    *link = first_link(node, link->which, &blocked, out);
    return true;
}

static void define_link(struct step *step, size_t i, const struct link *link)
{
    const char prefix[] = {'L', (char)('0' + i), '_', '\0'};
    step_define(step, "-DKIND%zu=%d -DBINARY%zu=%d -DSWAPPED%zu=%d -DROW%zu=%lld", i,
                (int)link->kind, i, (int)link->which, i, link->swapped, i, (long long)link->row);
    step_activation_of(step, prefix, &link->activation);
}

int lower_binary_blocked(struct lowering *lowering, struct node *node, enum binary which,
                         const struct binary_blocked *blocked, struct error *err)
{
    const struct value *value = node_output(lowering->graph, node, 0);
    struct link links[LINKS_MAX];
    int image, others[LINKS_MAX], out;
    size_t count = 1;
    struct step *step;
    links[0] = first_link(node, which, blocked, value);
    int last = node->outputs[0];
    while (count < LINKS_MAX && next_link(lowering, last, value, &links[count]))
        last = links[count++].node->outputs[0];
    int failed = lower_input(lowering, node->inputs[blocked->image], LAYOUT_CHANNELS_LAST, &image,
                             err);
    for (size_t i = 0; !failed && i < LINKS_MAX; i++) {
        others[i] = image; /* not read */
        if (i < count && links[i].kind != LINK_ALONE)
            failed = lower_input(lowering, links[i].other, LAYOUT_PLAIN, &others[i], err);
    }
    if (!failed)
        failed = lower_output(lowering, last, LAYOUT_CHANNELS_LAST, &out, err);
    if (!failed)
        failed = lower_step(lowering, "binary_blocked.cl", "binary_blocked", out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DCP=%zu -DH=%lld -DW=%lld",
                round_up((size_t)value->dims[1], CHANNEL_BLOCK), (long long)value->dims[2],
                (long long)value->dims[3]);
    step_tensor(step, image);
    for (size_t i = 0; i < LINKS_MAX; i++)
        step_tensor(step, others[i]);
    for (size_t i = 0; i < count; i++) {
        define_link(step, i, &links[i]);
        if (i > 0)
            lower_absorb(lowering, links[i].node);
    }
    step_tensor(step, out);
    step->global[0] = (struct count){(size_t)value->dims[2], false};
    step->global[1] = value_rows(value, 1);
    if (count > 1)
        snprintf(step->algorithm, sizeof step->algorithm, "binary_blocked of %zu", count);
    return 0;
}
