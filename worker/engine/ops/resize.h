/* What fusion needs to know of resizing. */
#ifndef WORKER_ENGINE_OPS_RESIZE_H
#define WORKER_ENGINE_OPS_RESIZE_H

#include "worker/engine/graph.h"

/* The factor k if the node repeats each pixel k times along both image axes, else 0. */
int resize_factor(const struct graph *graph, const struct node *node);

#endif
