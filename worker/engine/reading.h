/* From an ONNX file to the graph that is lowered: which form it takes, shapes, fusion. */
#ifndef WORKER_ENGINE_READING_H
#define WORKER_ENGINE_READING_H

#include "worker/engine/graph.h"

/* Where a file comes from. */
struct source {
    const char *path;
    const void *data; /* instead, if it is not NULL */
    size_t size;
};

/* How a file is read. */
struct reading {
    int64_t batch;
    bool fuse;
    const struct engine_noise *noise; /* NULL: none */
    bool half_weights;
    const struct engine_sizes *sizes; /* NULL: none */
};

/* The graph of the file in the given form, as it is before any pass. The caller frees with graph_free. */
MUST_CHECK int reading_parse(const struct source *from, const struct reading *how, enum graph_form form,
                             struct graph **graph, struct error *err);

/*
 * The graph of the file, ready to be lowered, in the first form that runs:
 *
 * - GRAPH_ROWS, for `batch` rows;
 * - GRAPH_SINGLE, where the inputs' first dimensions allow it; *together then says why it cannot take more than a row;
 * - GRAPH_FIXED, where `batch` is the size that the file gives itself.
 *
 * *together, which may be NULL, is empty otherwise. The error is that of the single form where the file may be read so: what is wrong
 * besides the batch. The caller frees with graph_free.
 */
MUST_CHECK int reading_graph(const struct source *from, const struct reading *how, struct graph **graph,
                             struct error *together, struct error *err);

#endif
