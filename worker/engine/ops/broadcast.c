/* Broadcasting arithmetic. No state. */
#include "worker/engine/ops/broadcast.h"

#include <string.h>

int broadcast_dims(size_t *rank, int64_t *dims, const struct value *other, struct error *err)
{
    if (other->rank > *rank) {
        size_t shift = other->rank - *rank;
        memmove(dims + shift, dims, *rank * sizeof *dims);
        for (size_t i = 0; i < shift; i++)
            dims[i] = 1;
        *rank = other->rank;
    }
    for (size_t i = 0; i < other->rank; i++) {
        int64_t *mine = &dims[*rank - other->rank + i];
        if (other->dims[i] != 1 && *mine != 1 && *mine != other->dims[i])
            return error_set(err, E_PARSE, "dimensions %lld and %lld do not broadcast",
                             (long long)*mine, (long long)other->dims[i]);
        if (*mine == 1)
            *mine = other->dims[i];
    }
    return 0;
}

void broadcast_strides(const struct value *value, size_t rank, const int64_t *dims,
                       int32_t strides[8])
{
    int64_t stride = 1;
    memset(strides, 0, 8 * sizeof *strides);
    for (size_t i = value->rank; i-- > 0;) {
        size_t at = rank - value->rank + i;
        strides[at] = value->dims[i] == 1 && dims[at] != 1 ? 0 : (int32_t)stride;
        stride *= value->dims[i];
    }
}

void broadcast_ints(size_t rank, const int64_t *dims, int32_t ints[8])
{
    for (size_t i = 0; i < 8; i++)
        ints[i] = i < rank ? (int32_t)dims[i] : 1;
}

bool broadcast_keeps_rows(const struct value *value, size_t rank)
{
    if (value->batched)
        return value->rank == rank;
    return value->rank < rank || value->dims[0] == 1;
}
