/*
 * The edits of a stage, prepared once a task: where each face's way leads, and every point of it. What
 * can be said without a network is said here; what a network has to judge is in worker/tasks/reach.h.
 *
 * A way is a curve z(α), α ≥ 0 or not the length of the step from the face's latent z before it is put
 * back onto the sphere, where the bundle has one:
 *   along a direction   z(α) = ∘(z + α u)                                      common/move.h
 *   several scores      z(α) = ∘(z + α (e − z)/‖e − z‖), e the latent that has them    common/meet.h
 *   re-projected        the nearest point of the sphere to z at which target and conditions have the
 *                       scores that they have at z + α u. Re-projecting after every step of a path comes
 *                       to this, whatever the steps: what is outside of the normals' span is only scaled,
 *                       and u lies inside of it.
 */
#ifndef WORKER_TASKS_WAYS_H
#define WORKER_TASKS_WAYS_H

#include "worker/tasks/task.h"

struct ways; /* of a list of variants; belongs to the compute thread */

/* The variants are copied, the task is borrowed. E_INVALID where boundaries of scores depend on each other. */
MUST_CHECK int ways_open(const struct task *task, const struct spec_variant *variants, size_t count,
                         struct ways **ways, struct error *err);
void ways_close(struct ways **ways);

size_t ways_count(const struct ways *ways);
const struct spec_variant *ways_variant(const struct ways *ways, size_t variant);
/* Whether the variant is the face as sampled. */
bool ways_is_still(const struct ways *ways, size_t variant);

/* How far the way goes, as far as that has a closed form. Of what a network judges: not called. */
enum move_end ways_end(const struct ways *ways, size_t variant, const float *z, double *alpha);
/* z(α) of the variant. moved may be z. */
void ways_point(const struct ways *ways, size_t variant, const float *z, double alpha,
                float *moved);

/* Of a grid that networks judge: a point along both directions, and how long the way to it is. */
bool ways_is_pair(const struct ways *ways);
void ways_point_pair(const struct ways *ways, size_t variant, const float *z, const double at[2],
                     float *moved);
double ways_pair_length(const struct ways *ways, size_t variant, const double at[2]);
/* misses[2] of its column's goal and of its row's logit, as ways_miss(). */
void ways_miss_pair(const struct ways *ways, size_t variant, const float *row, const float *before,
                    double misses[2]);

/* What a network judges of a variant: value of a row of scores less the goal, `before` the row of the face as
 * sampled. */
double ways_miss(const struct ways *ways, size_t variant, const float *row, const float *before);
/* 1 where that is expected to grow with α, −1 where it is expected to fall. */
int ways_side(const struct ways *ways, size_t variant);
/* Whether the attribute is named by the variant's target: then its logit is meant to move. */
bool ways_means(const struct ways *ways, size_t variant, size_t attribute);

#endif
