/* Strided copies, on the host (folding) and on the device. */
#include "worker/engine/ops/move.h"

#include <string.h>

void move_strides(size_t rank, const int64_t *dims, int64_t *strides)
{
    int64_t stride = 1;
    for (size_t r = rank; r-- > 0; stride *= dims[r])
        strides[r] = stride;
}

void move_run(const struct move *move, const void *in, void *out, size_t width)
{
    int64_t total = dims_elements(move->rank, move->dims);
    for (int64_t i = 0; i < total; i++) {
        int64_t rest = i, at = move->from, put = move->to;
        for (size_t r = move->rank; r-- > 0; rest /= move->dims[r]) {
            at += rest % move->dims[r] * move->in_strides[r];
            put += rest % move->dims[r] * move->out_strides[r];
        }
        memcpy((char *)out + (size_t)put * width, (const char *)in + (size_t)at * width, width);
    }
}

int move_step(struct lowering *lowering, const struct move *move, int in, int out,
              const struct value *rows, struct error *err)
{
    int32_t dims[8] = {1, 1, 1, 1, 1, 1, 1, 1}, from[8] = {0}, to[8] = {0};
    size_t each = (size_t)dims_elements(move->rank, move->dims);
    struct count total = {each, false};
    struct step *step;
    int failed = lower_step(lowering, "move.cl", "move", out, &step, err);
    if (failed)
        return failed;
    for (size_t r = 0; r < move->rank; r++) {
        dims[r] = (int32_t)move->dims[r];
        from[r] = (int32_t)move->in_strides[r];
        to[r] = (int32_t)move->out_strides[r];
    }
    if (rows->batched)
        total = (struct count){each / (size_t)move->dims[0] * (size_t)rows->group, true};
    step_define(step, "-DRANK=%zu", move->rank);
    step_tensor(step, in);
    step_tensor(step, out);
    step_bytes(step, dims);
    step_bytes(step, from);
    step_bytes(step, to);
    step_int(step, move->from);
    step_int(step, move->to);
    step_count(step, total);
    step_linear(step, total);
    return 0;
}
