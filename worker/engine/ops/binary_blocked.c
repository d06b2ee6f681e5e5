/* Finding and launching what kernels/binary_blocked.cl does. */
#include "worker/engine/ops/binary_blocked.h"

#include <string.h>

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

int lower_binary_blocked(struct lowering *lowering, struct node *node, enum binary which,
                         const struct binary_blocked *blocked, struct error *err)
{
    const struct value *value = node_output(lowering->graph, node, 0);
    int64_t height = value->dims[2], width = value->dims[3];
    int image, other, out;
    struct step *step;
    int failed = lower_input(lowering, node->inputs[blocked->image], LAYOUT_CHANNELS_LAST, &image,
                             err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[blocked->other], LAYOUT_PLAIN, &other, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_CHANNELS_LAST, &out, err);
    if (!failed)
        failed = lower_step(lowering, "binary_blocked.cl", "binary_blocked", out, &step, err);
    if (failed)
        return failed;
    int64_t row = blocked->per_channel ? value->dims[1] : height * width;
    step_define(step, "-DCP=%zu -DH=%lld -DW=%lld -DB_ROW=%lld -DBINARY=%d",
                round_up((size_t)value->dims[1], CHANNEL_BLOCK), (long long)height,
                (long long)width, blocked->per_sample ? (long long)row : 0LL, (int)which);
    step_define(step, blocked->per_channel ? "-DPER_CHANNEL" : "-DPER_PIXEL");
    if (blocked->image == 1)
        step_define(step, "-DSWAPPED");
    step_tensor(step, image);
    step_tensor(step, other);
    step_tensor(step, out);
    step->global[0] = (struct count){(size_t)height, false};
    step->global[1] = value_rows(value, 1);
    step_activation(step, &node->fused.activation);
    return 0;
}
