/* What is left of an If once its branches stand before it: a choice between two values. */
#ifndef WORKER_ENGINE_BRANCH_H
#define WORKER_ENGINE_BRANCH_H

#include "worker/engine/graph.h"

/* Inputs: the condition, the value if it is true, the value if it is not. No file names it. */
extern const struct op op_branch;

/* Makes of node `at`, if it is such a choice and its condition is known, the identity of the value that is taken; the other
 * branch is dead then, and may have nodes that do not run. A condition that the samples or their number decide leaves a
 * problem. Any other node stays as it is. Errors: E_MEMORY. */
MUST_CHECK int branch_node(struct graph *graph, size_t at, struct error *err);

#endif
