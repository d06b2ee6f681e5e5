/*
 * Fits of w+ layer by layer: every trial is solved on each layer's own d numbers, and its boundary
 * is made of what the L layers say. With n_l and b_l the unit normal and offset of layer l, and m
 * the layers that are not degenerate,
 *
 *     n = (n_0, …, n_{L−1}) / √m      b = Σ b_l / √m
 *
 * where a degenerate layer (its samples say nothing) has zeros, unless all are: then m = L. So ‖n‖
 * = 1, a step along n moves every layer by as much, the score is √m times the mean of the layers'
 * scores, and the part of n in a layer, made as long as 1, is that layer's n_l.
 *
 * The latents are drawn once for each layer and once to judge the whole, and again wherever a
 * fit_set draws them again.
 */
#ifndef WORKER_TASKS_FIT_LAYERS_H
#define WORKER_TASKS_FIT_LAYERS_H

#include "worker/tasks/fit_trials.h"

/*
 * fit_trials_run by layers, in the task's memory; `lanes` as of fit_set_open. Trials that are given
 * are judged only. `chosen`, where not NULL, receives for each solved trial of role chosen its L
 * layers in order: role "layer", the layer as step, counts and intervals of the layer's own score
 * n_l·w_l + b_l; their normals are NULL.
 */
MUST_CHECK int fit_layers_run(struct fit_samples *samples, size_t layers, size_t lanes,
                              struct fit_trials *trials, struct fit_trials *chosen,
                              struct error *err);

#endif
