/*
 * A bundle at work on a device: latents become faces, faces become scores, and only scores,
 * embeddings or 8-bit pixels leave the device.
 *
 *     (z -> mapping ->) latent -> generator -> (form of each reader) -> labellers, embedders
 *
 * A row of scores is bundle_score_columns() float32: attribute scores in bundle order, then one age per
 * estimator in bundle order. A face's row and pixels do not depend on the batch it travels in.
 *
 * Noise of the generator is constant (the network's own; an input that has none of its own gets noise of sample 0 of seed
 * 0), none (zeros), or each sample's own: latent_noise() of seed, sample and the noise's number, in the order of the
 * network's inputs and then its nodes.
 */
#ifndef WORKER_PIPELINE_H
#define WORKER_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#include "common/bundle.h"
#include "common/limits.h"
#include "common/stage_generator.h"
#include "common/wire.h"
#include "worker/device.h"

struct pipeline; /* opaque; belongs to the device's thread */

/* The generator is compiled with its own noise, or with noise that it is given; only as bundle.yaml has it by default. */
enum pipeline_noise {
    PIPELINE_NOISE_DEFAULT,
    PIPELINE_NOISE_OWN,
    PIPELINE_NOISE_GIVEN,
};
/* What a stage's noise asks for. */
enum pipeline_noise pipeline_noise_of(enum bundle_noise noise);

/*
 * Reads and plans the networks of the bundle in `folder` for batches of at most `batch` faces; takes nothing on the
 * device. Tensor names and shapes are checked against bundle.yaml (E_INVALID names file and tensor). Only
 * pipeline_bundle, pipeline_batch, pipeline_need and pipeline_close may be called before pipeline_commit.
 */
MUST_CHECK int pipeline_prepare(struct device *device, const char *folder, size_t batch,
                                enum pipeline_noise noise, struct pipeline **pipeline,
                                struct error *err);

/* What pipeline_commit takes on the device, or took. */
struct pipeline_need {
    uint64_t bytes;        /* in all */
    uint64_t buffer_bytes; /* the largest single buffer of it */
};
void pipeline_need(const struct pipeline *pipeline, struct pipeline_need *need);

/* Takes kernels, weights and buffers, once. Where the device refuses the memory the error is E_MEMORY, and the
 * pipeline is good for nothing but pipeline_close: the caller tries a smaller batch (pipeline_fit.h). */
MUST_CHECK int pipeline_commit(struct pipeline *pipeline, struct error *err);

/* How the generator is asked from now on; until then, as bundle.yaml says, with seed 0. E_STATE where the noise is not the
 * one that it was prepared for. */
MUST_CHECK int pipeline_set(struct pipeline *pipeline, const struct stage_generator *generator,
                            struct error *err);

/* Both. */
MUST_CHECK int pipeline_open(struct device *device, const char *folder, size_t batch,
                             struct pipeline **pipeline, struct error *err);
void pipeline_close(struct pipeline **pipeline);

const struct bundle *pipeline_bundle(const struct pipeline *pipeline);
size_t pipeline_batch(const struct pipeline *pipeline);
size_t pipeline_columns(const struct pipeline *pipeline);
size_t pipeline_pixel_bytes(const struct pipeline *pipeline); /* of one face: height · width · 3 */

/*
 * The latents of samples start … start+count−1 of `seed`, as boundaries see them, in the generator's space:
 * latents[count][bundle_latent_size]. In z they are drawn; in w and w+ the mapping network makes them of
 * what is drawn (one vector that it gives becomes every layer's in w+; of several, w takes the first).
 * Truncation: latents in w+ are truncated; those in w are not, the generator's input is.
 */
MUST_CHECK int pipeline_latents(struct pipeline *pipeline, uint64_t seed, uint64_t start,
                                size_t count, float *latents, struct error *err);

/*
 * The latents that given rows stand for, in the generator's space: latents[count][bundle_latent_size]. Rows in z go the
 * way of drawn ones (those that are off their sphere by more than 1e-5 are put onto it); those in w are taken as the
 * mapping network's, in w+ as they are. latent_list_check has said that the bundle takes rows of that space and width.
 */
MUST_CHECK int pipeline_take(struct pipeline *pipeline, enum bundle_space space, const float *rows,
                             size_t count, float *latents, struct error *err);

/* What is wanted of faces; NULL: not. */
struct pipeline_wanted {
    float *scores;                      /* [count][pipeline_columns] */
    uint8_t *pixels;                    /* [count][height][width][3] */
    float *embeddings[LIMIT_EMBEDDERS]; /* of embedder i: [count][its dimension] */
    float *latents; /* of photos only: by the bundle's encoder, [count][bundle_latent_size] */
    /* In w, with styles mixed: [count][bundle_latent_size], and a bit for each layer that is taken from them. */
    const float *others;
    const uint64_t *layers;
    const uint64_t *samples; /* [count]: whose noise each face has; needed where noise is seeded */
};

/*
 * Makes `count` faces (any number) of latents[count][bundle_latent_size] and reads what is wanted of
 * them. Times go to metrics' latents_ms (upload), generate_ms and label_ms, faces to its faces; they
 * are added to what is there.
 */
MUST_CHECK int pipeline_make(struct pipeline *pipeline, const float *latents, size_t count,
                             const struct pipeline_wanted *wanted,
                             struct wire_stage_metrics *metrics, struct error *err);

/* pipeline_make of scores and pixels; either may be NULL. */
MUST_CHECK int pipeline_faces(struct pipeline *pipeline, const float *latents, size_t count,
                              float *scores, uint8_t *pixels, struct wire_stage_metrics *metrics,
                              struct error *err);

/*
 * What is wanted (but pixels) of `count` (at most a batch) photos of one size, pixels[count][height][width][3] in
 * RGB: a photo stands for the generator's whole picture, whatever its size; networks take their crop of it and
 * resize that as they do the generator's. Latents are put onto the sphere where the generator's lie on one. Times go
 * to metrics' label_ms, photos to its faces. E_UNSUPPORTED where latents are wanted of a bundle without encoder.
 */
MUST_CHECK int pipeline_photos(struct pipeline *pipeline, const uint8_t *pixels, size_t height,
                               size_t width, size_t count, const struct pipeline_wanted *wanted,
                               struct wire_stage_metrics *metrics, struct error *err);

/* pipeline_make of rows[count][dimension] of embedder `which` (bundle_embedder finds one). */
MUST_CHECK int pipeline_embed(struct pipeline *pipeline, uint32_t which, const float *latents,
                              const uint64_t *samples, size_t count, float *rows,
                              struct wire_stage_metrics *metrics, struct error *err);

#endif
