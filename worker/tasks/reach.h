/*
 * Where the edits of faces end: by closed form, or by asking the bundle's networks, and no further than
 * stop rules let them.
 *
 * All faces of a call step together: every round makes one latent of each edit that still has a
 * question, and the device judges them in full batches. An edit's questions and answers depend on its own
 * face only (common/search.h), and a face's scores do not depend on its batch, so neither does where it ends.
 *
 * Stop rules look at a face at `walk` points of its way, the last of them its end, and take it back to the
 * point before the first at which
 *     off_target: the mean over the attributes that the target does not name of |change of the logit|, in
 *                 standard deviations over the labelled faces, is above the budget; or
 *     identity:   the cosine of its embedding and that of the face as sampled is below the bound. Where the
 *                 bundle has no identity network, that of the standardised logits (`likeness`).
 */
#ifndef WORKER_TASKS_REACH_H
#define WORKER_TASKS_REACH_H

#include "worker/tasks/ways.h"

/*
 * z[faces][variants][dimension] receives the edited latents of drawn[faces][dimension], which have the noise of
 * samples[faces], moves[faces][variants]
 * [MOVE_NUMBERS] (may be NULL) how they got there. Times and evaluations are added to the outcome's metrics.
 */
MUST_CHECK int reach_place(struct task *task, const struct ways *ways, const float *drawn,
                           const uint64_t *samples, size_t faces, float *z, float *moves,
                           struct error *err);

#endif
