/* Kept and reduced dimensions. No state. */
#include "worker/engine/ops/axes.h"

static void layout_strides(const struct value *value, enum layout layout, int64_t *strides)
{
    int64_t stride = 1;
    for (size_t i = value->rank; i-- > 0; stride *= value->dims[i])
        strides[i] = stride;
    if (layout == LAYOUT_CHANNELS_LAST) {
        int64_t pitch = (int64_t)round_up((size_t)value->dims[1], CHANNEL_BLOCK);
        strides[1] = 1;
        strides[3] = pitch;
        strides[2] = pitch * value->dims[3];
        strides[0] = strides[2] * value->dims[2];
    }
}

void axes_split(const struct value *value, enum layout layout, unsigned mask,
                struct axes_split *split)
{
    int64_t strides[ENGINE_RANK_MAX];
    layout_strides(value, layout, strides);
    *split = (struct axes_split){.elements = 1};
    for (size_t i = 0; i < value->rank; i++) {
        unsigned which = mask >> i & 1;
        size_t at = split->count[which]++;
        split->dims[which][at] = (int32_t)value->dims[i];
        split->strides[which][at] = (int32_t)strides[i];
        split->elements *= which ? value->dims[i] : 1;
    }
    for (int which = 0; which < 2; which++) {
        if (split->count[which] == 0)
            split->count[which] = 1; /* one position, at stride 0 */
        for (size_t at = 0; at < 8; at++)
            if (split->dims[which][at] == 0)
                split->dims[which][at] = 1;
    }
}

void axes_arguments(struct step *step, const struct axes_split *split)
{
    for (int which = 0; which < 2; which++) {
        step_bytes(step, split->dims[which]);
        step_bytes(step, split->strides[which]);
    }
}
