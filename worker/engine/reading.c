/* Reading tries the forms of a graph one after the other; each begins at the file. No state, no threads. */
#include "worker/engine/reading.h"

#include "worker/engine/noise.h"
#include "worker/engine/passes.h"

int reading_parse(const struct source *from, const struct reading *how, enum graph_form form, struct graph **graph,
                  struct error *err)
{
    return from->data ? graph_parse(from->data, from->size, how->batch, form, how->sizes, graph, err)
                      : graph_read(from->path, how->batch, form, how->sizes, graph, err);
}

/* Takes the graph; gives it back where it runs. */
static int prepare(struct graph **taken, const struct reading *how, struct graph **graph, struct error *err)
{
    static const struct engine_noise none;
    struct graph *read = *taken;
    *taken = NULL;
    int failed = noise_mark(read, how->noise ? how->noise : &none, err);
    if (!failed)
        failed = pass_infer(read, err);
    if (!failed)
        failed = pass_check_outputs(read, err);
    if (!failed && how->fuse)
        failed = pass_fuse(read, err);
    if (!failed && how->half_weights)
        failed = pass_round_weights(read, err);
    if (failed)
        graph_free(&read);
    else
        *graph = read;
    return failed;
}

/* True if the file's own dimensions are those of `batch` rows. */
static bool is_sized(const struct graph *graph, int64_t batch)
{
    const struct value *first = graph->input_count ? &graph->values[graph->inputs[0]] : NULL;
    return first && (first->rank == 0 || first->dims[0] == batch);
}

/* False where the file is of no such form. */
static bool read_fixed(const struct source *from, const struct reading *how, struct graph **graph)
{
    struct graph *read = NULL;
    struct error ignored = {0};
    int failed = reading_parse(from, how, GRAPH_FIXED, &read, &ignored);
    if (!failed && is_sized(read, how->batch) && prepare(&read, how, graph, &ignored) == 0)
        return true;
    graph_free(&read);
    return false;
}

int reading_graph(const struct source *from, const struct reading *how, struct graph **graph,
                  struct error *together, struct error *err)
{
    struct graph *read = NULL;
    struct error mixes = {0}, second = {0};
    if (together)
        *together = mixes;
    int failed = reading_parse(from, how, GRAPH_ROWS, &read, err);
    if (!failed)
        failed = prepare(&read, how, graph, &mixes);
    if (!failed)
        return 0;
    if (!*mixes.text) /* the file itself */
        return failed;
    if ((failed == E_UNSUPPORTED || failed == E_PARSE) &&
        reading_parse(from, how, GRAPH_SINGLE, &read, &second) == 0) {
        failed = prepare(&read, how, graph, err);
        if (!failed && together)
            *together = mixes;
        return failed;
    }
    if (read_fixed(from, how, graph))
        return 0;
    *err = mixes;
    return failed;
}
