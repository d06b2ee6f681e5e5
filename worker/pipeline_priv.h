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

struct pipeline {
    struct device *device;
    struct bundle *bundle;
    size_t batch, columns;
    struct engine_network *generator, *mapping;
    struct engine_image form;
    size_t taken, mapped; /* numbers a face that the generator takes, that the mapping gives */
    float *average; /* ŵ where w is truncated: [dimension] */
    cl_mem latents, image, converted, pixels, drawn, w;
    struct reader *readers; /* in the order of pipeline_network() */
    size_t reader_count;
    float *rows; /* [batch][widest], where outputs land on the host and latents leave it */
};

/* The mean of w over samples 0 … PIPELINE_AVERAGED − 1 of seed 0, into pipeline->average. */
#define PIPELINE_AVERAGED 4096
MUST_CHECK int pipeline_find_average(struct pipeline *pipeline, struct error *err);

#endif
