/* A compiled network, as the files of the engine share it. */
#ifndef WORKER_ENGINE_NETWORK_H
#define WORKER_ENGINE_NETWORK_H

#include "worker/engine/lower.h"

/*
 * How a network that takes long is enqueued: in parts of about `part` seconds, each waited for, so that it can be
 * given up in between. What its steps take is measured in its first runs, step by step; one that takes less than
 * two parts is then enqueued as a whole.
 */
struct pace {
    double part;       /* seconds */
    unsigned measured; /* runs, up to PACE_RUNS */
    float *seconds;    /* [steps], a row; NULL before the first run */
};
#define PACE_PART 0.25
#define PACE_RUNS 2 /* kernels may be compiled in the first */

struct engine_network {
    struct device *device;
    struct graph *graph;
    struct lowering lowering;
    size_t batch;
    cl_mem arena;
    size_t arena_bytes;
    struct engine_tensor_info *inputs, *outputs;
    char *path; /* of the file, for messages; may be NULL */
    struct error together; /* of a single graph: why it does not take more than a row */
    cl_mem *rows;          /* of a single graph: each input's one row */
    struct pace pace;
};

/* What tests and tools choose beyond engine_load. */
struct network_options {
    bool unfused;  /* skip fusion */
    bool portable; /* the kernels of other devices, on a CPU */
    const struct gpu_class *gpu; /* portable: as on a GPU of this class; NULL: the kernels that run anywhere */
    const struct conv_candidate *forced; /* how convolutions run that can run so */
    struct engine_options engine;
};

/* engine_load with options; `data` instead of a file if it is not NULL. */
MUST_CHECK int network_load(struct device *device, const char *path, const void *data, size_t size,
                            size_t batch, const struct network_options *options,
                            struct engine_network **network, struct error *err);

/* The graph of the file at `path` for `rows` rows, fused. */
MUST_CHECK int network_read(const char *path, int64_t rows, const struct engine_sizes *sizes, struct graph **graph,
                            struct error *err);
/* A network from a graph, fused or not, which it takes, success or not. */
MUST_CHECK int network_build(struct device *device, struct graph **graph, size_t batch,
                             const struct network_options *options, struct engine_network **network,
                             struct error *err);

/* engine_check of `size` bytes at `data`. */
MUST_CHECK int network_check(const void *data, size_t size, struct error *err);

#endif
