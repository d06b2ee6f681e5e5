/* Tensors become inputs. The list of inputs grows by one each; those that the file has stand first.
 */
#include "worker/engine/noise.h"

#include <stdlib.h>
#include <string.h>

#include "worker/engine/ops.h"

static int add_noise(struct graph *graph, int value, float mean, float scale, struct error *err)
{
    struct graph_noise *list = realloc(graph->noise, (graph->noise_count + 1) * sizeof *list);
    if (!list)
        return error_set(err, E_MEMORY, "no memory for noise");
    graph->noise = list;
    list[graph->noise_count++] = (struct graph_noise){value, mean, scale};
    return 0;
}

static int add_input(struct graph *graph, int value, struct error *err)
{
    int *inputs = realloc(graph->inputs, (graph->input_count + 1) * sizeof *inputs);
    if (!inputs)
        return error_set(err, E_MEMORY, "no memory for inputs");
    graph->inputs = inputs;
    inputs[graph->input_count++] = value;
    return 0;
}

static int find_value(const struct graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->value_count; i++)
        if (graph->values[i].name && strcmp(graph->values[i].name, name) == 0)
            return (int)i;
    return -1;
}

static bool is_input(const struct graph *graph, int value)
{
    for (size_t i = 0; i < graph->input_count; i++)
        if (graph->inputs[i] == value)
            return true;
    return false;
}

static bool is_random(const struct graph *graph, const struct value *value)
{
    const struct node *node = value->producer >= 0 ? &graph->nodes[value->producer] : NULL;
    return node && (strcmp(node->op->type, "RandomNormal") == 0 ||
                    strcmp(node->op->type, "RandomNormalLike") == 0);
}

/* An initializer: what it holds is forgotten. */
static int give_up(struct graph *graph, int at, struct error *err)
{
    struct value *value = &graph->values[at];
    int64_t dims[ENGINE_RANK_MAX] = {graph->batch, 1};
    size_t rank = value->rank;
    if (value->type != VALUE_FLOAT)
        return error_set(err, E_UNSUPPORTED, "noise %.120s holds no float numbers", value->name);
    if (rank > 0 && value->dims[0] == 1) {
        memcpy(dims + 1, value->dims + 1, (rank - 1) * sizeof *dims);
    } else if (rank == 2) {
        memcpy(dims + 2, value->dims, 2 * sizeof *dims);
        rank = 4;
    } else {
        return error_set(err, E_UNSUPPORTED,
                         "noise %.120s has rank %zu and %lld rows, expected one row or [H,W]",
                         value->name, rank, rank ? (long long)value->dims[0] : 0);
    }
    free(value->data);
    value->data = NULL;
    value->known = false;
    int failed = value_set_shape(graph, value, rank, dims, !graph->fixed, err);
    return failed ? failed : add_input(graph, at, err);
}

static int mark(struct graph *graph, const char *name, bool vary, struct error *err)
{
    int at = find_value(graph, name);
    if (at < 0)
        return error_set(err, E_NOT_FOUND, "no tensor %.120s, which is to be noise", name);
    if (is_random(graph, &graph->values[at]))
        return 0;
    bool constant = graph->values[at].data != NULL;
    if (!constant && !is_input(graph, at))
        return error_set(err, E_UNSUPPORTED,
                         "noise %.120s is computed, expected an input, an initializer or what "
                         "RandomNormal gives",
                         name);
    if (constant && !vary)
        return 0;
    int failed = constant ? give_up(graph, at, err) : 0;
    return failed ? failed : add_noise(graph, at, 0, 1, err);
}

int noise_mark(struct graph *graph, const struct engine_noise *noise, struct error *err)
{
    int failed = 0;
    if (graph->fixed && !graph->single && (noise->vary || noise->count > 0))
        return error_set(err, E_UNSUPPORTED, "noise of a network that mixes rows");
    graph->noise_varies = noise->vary;
    for (size_t i = 0; !failed && i < noise->count; i++)
        failed = mark(graph, noise->names[i], noise->vary, err);
    return failed;
}

bool noise_varies(const struct graph *graph, bool batched, size_t rank, const int64_t *dims)
{
    return graph->noise_varies && rank > 0 && (batched || dims[0] == 1);
}

int noise_take(struct graph *graph, struct node *node, size_t rank, const int64_t *dims, float mean,
               float scale, struct error *err)
{
    int64_t rows[ENGINE_RANK_MAX];
    int at = node->outputs[0];
    memcpy(rows, dims, rank * sizeof *rows);
    rows[0] = graph->batch;
    int failed = value_set_shape(graph, &graph->values[at], rank, rows, !graph->fixed, err);
    if (!failed)
        failed = add_input(graph, at, err);
    if (!failed)
        failed = add_noise(graph, at, mean, scale, err);
    if (failed)
        return failed;
    graph->values[at].producer = -1;
    node->outputs[0] = -1;
    return 0;
}

const struct graph_noise *noise_find(const struct graph *graph, int value)
{
    for (size_t i = 0; i < graph->noise_count; i++)
        if (graph->noise[i].value == value)
            return &graph->noise[i];
    return NULL;
}
