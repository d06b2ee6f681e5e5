/* The table of all operators, from the families' arrays. */
#include <string.h>

#include "worker/engine/ops.h"

static const struct op *const families[] = {
    ops_conv_nd, ops_conv, ops_gemm,  ops_unary,  ops_binary, ops_reduce, ops_pool,
    ops_softmax, ops_resize, ops_view, ops_move,  ops_norm,   ops_shape,  ops_select,
    ops_cast,    ops_where,  ops_normalize, ops_pick, ops_generate,
    ops_line,    ops_random, ops_einsum, ops_grid_sample,
};

const struct op *op_at(size_t i)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const struct op *op = families[f]; op->type; op++)
            if (i-- == 0)
                return op;
    return NULL;
}

const struct op *op_find(const char *type, int opset, bool *exists)
{
    const struct op *op;
    *exists = false;
    for (size_t i = 0; (op = op_at(i)) != NULL; i++) {
        if (strcmp(op->type, type) != 0)
            continue;
        *exists = true;
        if (op->opset_first <= opset && opset <= op->opset_last)
            return op;
    }
    return NULL;
}
