/* The pipeline, as pipeline.c (which makes it) and pipeline_run.c (which runs it) share it. */
#ifndef WORKER_PIPELINE_PRIV_H
#define WORKER_PIPELINE_PRIV_H

#include "worker/pipeline.h"
#include "worker/pipeline_network.h"

/* A network that reads pictures: a labeller, an embedder, the encoder. */
struct reader {
    struct engine_network *network;
    struct pipeline_network described;
    struct engine_image form;
    struct engine_window window; /* of the generator's picture */
    bool convert;                /* the generator's form differs */
    cl_mem outputs[LIMIT_OUTPUTS]; /* [batch][numbers of the output] */
};

/* An input of the generator that is noise. */
struct noise_input {
    size_t input, row; /* the generator's number, numbers of a row */
    float mean, scale;
    cl_mem rows; /* [batch][row] */
};

/* What noise inputs hold. */
enum noise_held {
    NOISE_NOTHING,
    NOISE_FIXED, /* the same in every row */
    NOISE_ZEROS,
    NOISE_DRAWN,
};

struct pipeline {
    struct device *device;
    struct bundle *bundle;
    size_t batch, columns;
    struct engine_network *generator, *mapping;
    struct engine_image form;
    size_t taken, mapped; /* numbers a face that the generator takes, that the mapping gives */
    float *average;       /* ŵ once w is truncated: [dimension] */
    struct stage_generator set;
    bool noise_given; /* PIPELINE_NOISE_GIVEN */
    struct noise_input *noise;
    size_t noise_count;
    enum noise_held noise_held;
    cl_mem latents, image, converted, pixels, drawn, w;
    struct reader *readers; /* in the order of pipeline_network() */
    size_t reader_count;
    float *rows; /* [batch][widest], where outputs land on the host and latents leave it */
};

/* The mean of w over samples 0 … PIPELINE_AVERAGED − 1 of seed 0, into pipeline->average. */
#define PIPELINE_AVERAGED 4096
MUST_CHECK int pipeline_find_average(struct pipeline *pipeline, struct error *err);

/* Finds the generator's noise inputs (pipeline_noise.c), makes their buffers, and counts these. */
MUST_CHECK int pipeline_noise_find(struct pipeline *pipeline, struct error *err);
MUST_CHECK int pipeline_noise_make(struct pipeline *pipeline, struct error *err);
void pipeline_noise_release(struct pipeline *pipeline);

/* Fills them for `rows` faces of samples[rows]. */
MUST_CHECK int pipeline_noise_fill(struct pipeline *pipeline, const uint64_t *samples, size_t rows,
                                   struct error *err);

#endif
