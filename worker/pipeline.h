/*
 * A bundle at work on a device: latents become faces, faces become scores, and only scores (or
 * 8-bit pixels) leave the device.
 *
 *     z -> generator -> (form of each labeller) -> classifier, age estimators -> one row of scores
 *
 * A row is bundle_score_columns() float32: attribute logits in bundle order, then one age per
 * estimator in bundle order. A face's row and pixels do not depend on the batch it travels in.
 */
#ifndef WORKER_PIPELINE_H
#define WORKER_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#include "common/bundle.h"
#include "common/wire.h"
#include "worker/device.h"
#include "worker/engine/engine.h"

struct pipeline; /* opaque; belongs to the device's thread */

/*
 * Loads the bundle in `folder` for batches of at most `batch` faces. Tensor names and shapes are
 * checked against bundle.yaml (E_INVALID names file and tensor). Where the device refuses the
 * memory the error is E_MEMORY: the caller tries a smaller batch (pipeline_fit.h says what is
 * needed).
 */
MUST_CHECK int pipeline_open(struct device *device, const char *folder, size_t batch,
                             struct pipeline **pipeline, struct error *err);
void pipeline_close(struct pipeline **pipeline);

const struct bundle *pipeline_bundle(const struct pipeline *pipeline);
size_t pipeline_batch(const struct pipeline *pipeline);
size_t pipeline_columns(const struct pipeline *pipeline);
size_t pipeline_pixel_bytes(const struct pipeline *pipeline); /* of one face: height · width · 3 */

/*
 * Makes `count` faces (any number) of z[count][dimension]. scores[count][columns] and
 * pixels[count][height][width][3] may each be NULL. Times go to metrics' latents_ms (upload),
 * generate_ms and label_ms, faces to its faces; they are added to what is there.
 */
MUST_CHECK int pipeline_faces(struct pipeline *pipeline, const float *z, size_t count,
                              float *scores, uint8_t *pixels, struct wire_stage_metrics *metrics,
                              struct error *err);

/* A network of a bundle as bundle.yaml describes it, for checking and loading: number 0 is the
 * generator, 1 the classifier, then the age estimators. */
struct pipeline_network {
    const char *file;
    const char *input, *output;            /* tensor names */
    int64_t input_dims[4], output_dims[4]; /* without the batch, ended by 0 */
    double tolerance;                      /* the bundle's */
};
size_t pipeline_network_count(const struct bundle *bundle);
void pipeline_network(const struct bundle *bundle, size_t i, struct pipeline_network *network);

/* Loads network i of a bundle at `batch` and checks names and shapes. */
MUST_CHECK int pipeline_load(struct device *device, const char *folder,
                             const struct pipeline_network *described, size_t batch,
                             struct engine_network **network, struct error *err);

#endif
