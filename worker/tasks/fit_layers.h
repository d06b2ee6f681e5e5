/*
 * Fits of w+ layer by layer: every trial is solved on each layer's own d numbers, and its boundary
 * is made of what the L layers say, each with the weight that its separation of the classes has.
 * With n_l the unit normal of layer l, s_l = n_l·w_l,
 *
 *     a_l = δ_l / σ_l²      n = (a_0 n_0, …, a_{L−1} n_{L−1}) / ‖a‖      b = −m + (σ²/δ) log(P/N)
 *
 * δ_l is the difference of the classes' mean s_l and σ_l² its variance within them, so a is
 * Fisher's discriminant of the L scores with their covariance taken as diagonal: exact where layers
 * are independent within a class, and sound where there are many and few samples (Bickel & Levina,
 * "Some theory for Fisher's linear discriminant function, 'naive Bayes', and some alternatives when
 * there are many more variables than observations", Bernoulli 10, 2004). m is the middle of the
 * classes' mean n·w; the last term, for classes that are not balanced (P positives, N negatives, δ
 * and σ² those of n·w), is where Fisher's discriminant puts the boundary then. The difference of
 * means lies halfway.
 *
 * What a boundary says of its own training samples flatters a layer that only fits noise. So δ, σ²
 * and m are measured across: each half of the training samples by normals that the other half gave,
 * and the two put together; the held-out samples are not looked at. A layer counts no less than
 * LAYER_LEAST of the strongest, so that its n_l can be read off n: the part of n in a layer, made
 * as long as 1. A layer that is degenerate (its samples say nothing) has zeros. Where nothing can
 * be measured, because a half has one class only, every layer that is not degenerate counts alike,
 * and b = Σ a_l b_l/‖a‖.
 *
 * The latents are drawn once for each layer and twice for the whole, and again wherever a fit_set
 * draws them again.
 */
#ifndef WORKER_TASKS_FIT_LAYERS_H
#define WORKER_TASKS_FIT_LAYERS_H

#include "worker/tasks/fit_trials.h"

#define LAYER_LEAST 1e-3

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
