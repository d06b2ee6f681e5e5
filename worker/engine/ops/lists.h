/* What operators read that is neither shape nor data: axes, and lists of integers. */
#ifndef WORKER_ENGINE_OPS_LISTS_H
#define WORKER_ENGINE_OPS_LISTS_H

#include "worker/engine/graph.h"

/* `axis` of a tensor of `rank`, counted from its end if negative. E_PARSE beyond it. */
MUST_CHECK int list_axis(int64_t axis, size_t rank, size_t *out, struct error *err);

/* A tensor taken apart at an axis: [outer][count][inner]. */
struct line {
    size_t axis;
    int64_t outer, count, inner;
};

/* `axis` as in list_axis; `coerced`: with all dimensions behind it as one, as operators had it before opset 13. E_UNSUPPORTED
 * where lines would go through samples. */
MUST_CHECK int list_line(const struct value *in, int64_t axis, bool coerced, struct line *line, struct error *err);

/* Input i as a constant list of integers; NULL and 0 if it is absent. A scalar is a list of one. */
MUST_CHECK int list_ints(const struct graph *graph, const struct node *node, size_t i,
                         const int64_t **list, size_t *count, struct error *err);

/* Input i as one constant number of any type; *number stays if it is absent. */
MUST_CHECK int list_number(const struct graph *graph, const struct node *node, size_t i,
                           double *number, struct error *err);

#endif
