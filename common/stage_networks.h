/*
 * Which networks of a bundle a stage measures faces with, beside the labellers: both ends take it
 * from the same spec and bundle, so that a result's sizes are known before it comes.
 *
 * Features are kept for the first faces of an evaluation only (LIMIT_FEATURE_FACES, and so that all
 * of a stage's fit into LIMIT_FEATURE_BYTES), of the face as sampled and of the first target's
 * edits by the stage's own distance. Rows and not sums of them (a mean and a covariance a task) are
 * kept, because kernel and sliced distances and the correction for the sample's size need rows;
 * which faces they are depends on the spec alone, so the figures do not depend on how the stage was
 * cut into tasks.
 */
#ifndef COMMON_STAGE_NETWORKS_H
#define COMMON_STAGE_NETWORKS_H

#include "common/bundle.h"
#include "common/spec.h"

#define STAGE_NONE "none" /* as the name of an embedder: not measured */

struct stage_networks {
    int identity; /* edit, evaluate, encode: the embedder whose cosine is taken, or -1 */
    int features; /* evaluate: the embedder whose rows are kept, or -1 */
    uint32_t dimension,
        variants;   /* of the features: numbers, and edits of a face from variant 0 on */
    uint64_t faces; /* of the stage, from index 0 on, that have features */
};

/*
 * `identity` is the embedder that the stage names, else the bundle's first of kind identity.
 * `features` is the named one, else the first of kind features, else the first of kind identity.
 * E_NOT_FOUND where a name is no embedder's, E_INVALID where identity would be judged by one of
 * kind features.
 */
MUST_CHECK int stage_networks(const struct spec_stage *stage, const struct bundle *bundle,
                              struct stage_networks *networks, struct error *err);

/* How many of the stage's indices start … start+count−1 have features. */
uint64_t stage_networks_faces(const struct stage_networks *networks, uint64_t start,
                              uint64_t count);
/* float32 numbers of features of these indices. */
uint64_t stage_networks_features(const struct stage_networks *networks, uint64_t start,
                                 uint64_t count);

#endif
