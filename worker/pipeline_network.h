/*
 * The networks of a bundle as bundle.yaml describes them, for loading and checking: number 0 is the
 * generator, then the mapping if there is one, the labellers, the embedders, the encoder.
 */
#ifndef WORKER_PIPELINE_NETWORK_H
#define WORKER_PIPELINE_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include "common/bundle.h"
#include "common/limits.h"
#include "worker/device.h"
#include "worker/engine/engine.h"

/* A tensor as bundle.yaml says it is, without the batch. */
struct pipeline_tensor {
    const char *name;
    int64_t dims[3]; /* of a picture; of a vector the numbers of it, in any shape, then 0 */
};

enum pipeline_use {
    PIPELINE_GENERATOR,
    PIPELINE_MAPPING,
    PIPELINE_LABELLER,
    PIPELINE_EMBEDDER,
    PIPELINE_ENCODER,
};

struct pipeline_network {
    enum pipeline_use use;
    const char *name; /* "generator", a labeller's own, … */
    uint32_t position;              /* among the labellers or embedders */
    const char *file;
    const struct bundle_image *picture; /* its input; NULL: latents */
    struct pipeline_tensor input, outputs[LIMIT_OUTPUTS];
    size_t output_count; /* that are read; it may have more */
    double tolerance;    /* the bundle's */
    bool half_weights;   /* its weights are float16 */
    struct engine_noise noise; /* the generator's; `vary` is the caller's to set */
    bool noisy;                /* bundle.yaml says that there is some */
};

size_t pipeline_network_count(const struct bundle *bundle);
void pipeline_network(const struct bundle *bundle, size_t i, struct pipeline_network *network);
/* Number of the first network of that use. */
size_t pipeline_network_first(const struct bundle *bundle, enum pipeline_use use);

/* FOLDER/FILE of a network. */
MUST_CHECK int pipeline_network_path(const char *folder, const struct pipeline_network *network,
                                     char path[2 * LIMIT_PATH_BYTES], struct error *err);

/* How the engine reads it: as bundle.yaml says, which also knows the sizes that the file leaves open. Lives as long as
 * `network`'s bundle. */
struct engine_options pipeline_options(const struct pipeline_network *network);

/* Prepares a network at `batch` (engine_prepare) and checks names and shapes of its tensors (E_INVALID names the file,
 * its tensors, and what bundle.yaml says). */
MUST_CHECK int pipeline_prepare_network(struct device *device, const char *folder,
                                        const struct pipeline_network *described, size_t batch,
                                        struct engine_network **network, struct error *err);

/* The same, and commits it. */
MUST_CHECK int pipeline_load(struct device *device, const char *folder,
                             const struct pipeline_network *described, size_t batch,
                             struct engine_network **network, struct error *err);

/* The form of a picture for the engine. */
struct engine_image pipeline_form(const struct bundle_image *image);
/* The part that an input takes of a picture of height × width which stands for one of the generator's: a
 * crop in pixels is of the generator's picture, and the same share of any other. Never empty. */
struct engine_window pipeline_window(const struct bundle_image *input,
                                     const struct bundle_image *made, size_t height, size_t width);
/* Whether a labeller takes the generator's picture as it is. */
bool pipeline_takes(const struct bundle_image *input, const struct bundle_image *made);
size_t pipeline_form_elements(const struct bundle_image *image);

#endif
