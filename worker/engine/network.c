/*
 * Networks: loading and checking (run.c runs them, report.c describes them).
 *
 * Prepared, then committed: for one device and at most `batch` rows. Arena tensors are sub-buffers of one buffer.
 * A network belongs to its device's thread.
 */
#include "worker/engine/network.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/engine/half.h"
#include "worker/engine/noise.h"
#include "worker/engine/onnx.h"
#include "worker/engine/ops.h"
#include "worker/engine/passes.h"
#include "worker/engine/plan.h"
#include "worker/engine/reading.h"
#include "worker/engine/target.h"
#include "worker/engine/tuning.h"

#define CHECK_BATCH 3 /* unlike the sizes that stand in files, so that fixed batches show */

static int compile_steps(struct engine_network *network, struct error *err)
{
    struct lowering *lowering = &network->lowering;
    for (size_t i = 0; i < lowering->step_count; i++) {
        struct step *step = &lowering->steps[i];
        int failed = device_kernel(network->device, step->file, step->options, step->kernel,
                                   &step->compiled, err);
        if (failed)
            return error_prefix(err, failed, "node %s", step->title);
    }
    return 0;
}

static int upload_half(struct device *device, const struct tensor *tensor, struct error *err)
{
    size_t count = tensor->elements.each;
    uint16_t *halves = malloc(count * sizeof *halves);
    if (!halves)
        return error_set(err, E_MEMORY, "no memory for weights");
    half_from_floats(tensor->host, count, halves);
    int failed = device_write(device, tensor->memory, 0, halves, count * sizeof *halves, err);
    free(halves);
    return failed;
}

static int upload_constants(struct engine_network *network, struct error *err)
{
    for (size_t i = 0; i < network->lowering.tensor_count; i++) {
        struct tensor *tensor = &network->lowering.tensors[i];
        if (tensor->storage != STORAGE_CONSTANT)
            continue;
        size_t bytes = tensor_constant_bytes(tensor);
        int failed = device_buffer(network->device, bytes, &tensor->memory, err);
        if (!failed)
            failed = tensor->half ? upload_half(network->device, tensor, err)
                                  : device_write(network->device, tensor->memory, 0, tensor->host, bytes, err);
        if (failed)
            return failed;
        tensor->bytes = bytes;
        free(tensor->host);
        tensor->host = NULL;
    }
    return 0;
}

/* What the device asks of sub-buffers' offsets, and at least a cache line pair. */
static size_t memory_alignment(const struct device *device)
{
    cl_device_id id;
    cl_uint bits = 0;
    if (clGetCommandQueueInfo(device_queue(device), CL_QUEUE_DEVICE, sizeof id, &id, NULL) ==
        CL_SUCCESS)
        clGetDeviceInfo(id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof bits, &bits, NULL);
    return bits / 8 > 128 ? bits / 8 : 128;
}

static int place_tensors(struct engine_network *network, struct error *err)
{
    if (network->arena_bytes == 0)
        return 0;
    int failed = device_buffer(network->device, network->arena_bytes, &network->arena, err);
    for (size_t i = 0; !failed && i < network->lowering.tensor_count; i++) {
        struct tensor *tensor = &network->lowering.tensors[i];
        if (tensor->bytes == 0 || tensor->memory)
            continue;
        cl_buffer_region region = {tensor->offset, tensor->bytes};
        cl_int code = CL_SUCCESS;
        tensor->memory = clCreateSubBuffer(network->arena, CL_MEM_READ_WRITE,
                                           CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
        if (!tensor->memory)
            failed = error_set(err, device_cl_code(code), "clCreateSubBuffer of %zu bytes: %s", tensor->bytes,
                               device_cl_error_name(code));
    }
    return failed;
}

static void describe_value(const struct graph *graph, int at, size_t batch, struct engine_tensor_info *info)
{
    const struct value *value = &graph->values[at];
    const struct graph_noise *noise = noise_find(graph, at);
    size_t rows = value->batched ? (size_t)value->dims[0] : 1;
    snprintf(info->name, sizeof info->name, "%.*s", ENGINE_NAME_MAX - 1, value->name);
    info->rank = value->rank;
    memcpy(info->dims, value->dims, sizeof info->dims);
    if (graph->single && value->rank > 0 && value->dims[0] == 1)
        info->dims[0] = (int64_t)batch;
    info->row_elements = (size_t)value_elements(value) / rows;
    info->noise = noise != NULL;
    info->mean = noise ? noise->mean : 0;
    info->scale = noise ? noise->scale : 1;
}

static int describe_network(struct engine_network *network, struct error *err)
{
    const struct graph *graph = network->graph;
    network->inputs = calloc(graph->input_count + 1, sizeof *network->inputs);
    network->outputs = calloc(graph->output_count + 1, sizeof *network->outputs);
    if (!network->inputs || !network->outputs)
        return error_set(err, E_MEMORY, "no memory for a network");
    for (size_t i = 0; i < graph->input_count; i++)
        describe_value(graph, graph->inputs[i], network->batch, &network->inputs[i]);
    for (size_t i = 0; i < graph->output_count; i++)
        describe_value(graph, graph->outputs[i], network->batch, &network->outputs[i]);
    return 0;
}

static int lower_network(struct engine_network *network, const struct network_options *options,
                         struct error *err)
{
    struct lowering_target target;
    struct tuning *tuning = NULL;
    target_of(network->device, options, &target);
    int failed = target.blocked ? tuning_open(device_describe(network->device), &tuning, err) : 0;
    target.tuning = tuning;
    if (!failed)
        failed = lowering_run(&network->lowering, network->graph, &target, err);
    tuning_close(&tuning);
    network->lowering.target.tuning = NULL;
    graph_drop_file(network->graph);
    return failed;
}

/* All that needs nothing of the device but its description. */
static int plan_network(struct engine_network *network, const struct network_options *options,
                        struct error *err)
{
    int failed = lower_network(network, options, err);
    if (!failed)
        failed = describe_network(network, err);
    return failed ? failed
                  : plan_tensors(&network->lowering, network->batch, memory_alignment(network->device),
                                 &network->arena_bytes, err);
}

/* Of a single graph: where a row lies while it is computed. */
static int place_rows(struct engine_network *network, struct error *err)
{
    const struct graph *graph = network->graph;
    int failed = 0;
    if (!graph->single)
        return 0;
    network->rows = calloc(graph->input_count + 1, sizeof *network->rows);
    if (!network->rows)
        return error_set(err, E_MEMORY, "no memory for a network");
    for (size_t i = 0; !failed && i < graph->input_count; i++)
        failed = device_buffer(network->device, network->inputs[i].row_elements * sizeof(float), &network->rows[i], err);
    return failed;
}

static double elapsed_ms(int64_t *since)
{
    int64_t now = clock_now();
    double ms = (double)(now - *since) / 1e6;
    *since = now;
    return ms;
}

int engine_commit(struct engine_network *network, struct error *err)
{
    int64_t since = clock_now();
    double kernels = 0, weights = 0;
    assert(!network->arena);
    int failed = compile_steps(network, err);
    kernels = elapsed_ms(&since);
    if (!failed)
        failed = upload_constants(network, err);
    weights = elapsed_ms(&since);
    if (!failed)
        failed = place_tensors(network, err);
    if (!failed)
        failed = place_rows(network, err);
    if (failed)
        return network->path ? error_prefix(err, failed, "%s", network->path) : failed;
    log_debug("%s at %zu rows: kernels %.1f ms, weights %.1f ms, memory %.1f ms",
              network->path ? network->path : "a network", network->batch, kernels, weights,
              elapsed_ms(&since));
    return 0;
}

int network_read(const char *path, int64_t rows, const struct engine_sizes *sizes, struct graph **graph,
                 struct error *err)
{
    const struct reading how = {.batch = rows, .fuse = true, .sizes = sizes};
    return reading_graph(&(struct source){.path = path}, &how, graph, NULL, err);
}

/* Takes the graph, success or not. */
static int prepare_network(struct device *device, struct graph **graph, size_t batch,
                           const struct network_options *options, struct engine_network **network,
                           struct error *err)
{
    struct engine_network *made = calloc(1, sizeof *made);
    if (!made) {
        graph_free(graph);
        return error_set(err, E_MEMORY, "no memory for a network");
    }
    made->device = device;
    made->batch = batch;
    made->pace.part = PACE_PART;
    made->graph = *graph;
    *graph = NULL;
    int failed = plan_network(made, options, err);
    if (failed) {
        engine_free(&made);
        return failed;
    }
    *network = made;
    return 0;
}

/* What has been prepared is committed and given to the caller, or freed. */
static int hand_over(int failed, struct engine_network *made, struct engine_network **network,
                     struct error *err)
{
    if (!failed)
        failed = engine_commit(made, err);
    if (failed)
        engine_free(&made);
    else
        *network = made;
    return failed;
}

int network_build(struct device *device, struct graph **graph, size_t batch,
                  const struct network_options *options, struct engine_network **network,
                  struct error *err)
{
    struct engine_network *made = NULL;
    int failed = prepare_network(device, graph, batch, options, &made, err);
    return hand_over(failed, made, network, err);
}

static int prepare(struct device *device, const char *path, const void *data, size_t size, size_t batch,
                   const struct network_options *options, struct engine_network **network,
                   struct error *err)
{
    struct graph *graph = NULL;
    int64_t since = clock_now();
    if (batch < 1 || batch > 1 << 20)
        return error_set(err, E_INVALID, "%s: a batch of %zu rows", path, batch);
    const struct reading how = {(int64_t)batch, !options->unfused, &options->engine.noise,
                                options->engine.half_weights, &options->engine.sizes};
    struct error together;
    int failed = reading_graph(&(struct source){path, data, size}, &how, &graph, &together, err);
    double read = elapsed_ms(&since);
    if (!failed)
        failed = prepare_network(device, &graph, batch, options, network, err);
    if (failed)
        return error_prefix(err, failed, "%s", path);
    log_debug("%s at %zu rows: read %.1f ms, planned %.1f ms", path, batch, read, elapsed_ms(&since));
    (*network)->path = strdup(path); /* for messages: without memory they lack it */
    (*network)->together = together;
    return 0;
}

int network_load(struct device *device, const char *path, const void *data, size_t size,
                 size_t batch, const struct network_options *options,
                 struct engine_network **network, struct error *err)
{
    static const struct network_options defaults;
    struct engine_network *made = NULL;
    int failed = prepare(device, path, data, size, batch, options ? options : &defaults, &made, err);
    return hand_over(failed, made, network, err);
}

int engine_prepare(struct device *device, const char *path, size_t batch,
                   const struct engine_options *options, struct engine_network **network,
                   struct error *err)
{
    const struct network_options chosen = {.engine = options ? *options : (struct engine_options){0}};
    return prepare(device, path, NULL, 0, batch, &chosen, network, err);
}

int engine_load(struct device *device, const char *path, size_t batch,
                const struct engine_options *options, struct engine_network **network,
                struct error *err)
{
    const struct network_options chosen = {.engine = options ? *options : (struct engine_options){0}};
    return network_load(device, path, NULL, 0, batch, &chosen, network, err);
}

void engine_free(struct engine_network **network)
{
    struct engine_network *freed = *network;
    if (!freed)
        return;
    *network = NULL;
    clFinish(device_queue(freed->device));
    lowering_free(&freed->lowering);
    if (freed->arena)
        clReleaseMemObject(freed->arena);
    for (size_t i = 0; freed->rows && i < freed->graph->input_count; i++)
        if (freed->rows[i])
            clReleaseMemObject(freed->rows[i]);
    free(freed->rows);
    graph_free(&freed->graph);
    free(freed->inputs);
    free(freed->outputs);
    free(freed->path);
    free(freed->pace.seconds);
    free(freed);
}

static int check(const struct source *from, const struct engine_sizes *sizes, struct error *together, struct error *err)
{
    const struct reading how = {.batch = CHECK_BATCH, .fuse = true, .sizes = sizes};
    struct graph *graph = NULL;
    struct lowering lowering = {0};
    int failed = reading_graph(from, &how, &graph, together, err);
    if (!failed)
        failed = lowering_run(&lowering, graph, target_unknown(), err);
    lowering_free(&lowering);
    graph_free(&graph);
    return failed;
}

int network_check(const void *data, size_t size, struct error *err)
{
    return check(&(struct source){.data = data, .size = size}, NULL, NULL, err);
}

/* Whether node `at` has its problem already, or lies behind one, which left its outputs without shapes. */
static bool is_explained(const struct graph *graph, size_t at)
{
    const struct node *node = &graph->nodes[at];
    for (size_t i = 0; i < graph->problem_count; i++)
        if (graph->problems[i].node == at)
            return true;
    for (size_t i = 0; i < node->output_count; i++) {
        const struct value *out = node_output(graph, node, i);
        if (out && !out->known)
            return true;
    }
    return false;
}

/* What only the input's content decides has shapes, but no kernel. */
static int find_unlowered(struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        struct error error = {0};
        if (node->dead || node->op->lower || !node->op->infer || is_explained(graph, i))
            continue;
        error_set(&error, E_UNSUPPORTED, "it depends on the input's content (expected a constant)");
        node_error(graph, node, E_UNSUPPORTED, &error);
        int failed = graph_add_problem(graph, i, &error, err);
        if (failed)
            return failed;
    }
    return 0;
}

/* The graph whose problems are the file's: of one row where the file may be read so, for then rows that mix are none. */
static int parse_to_explain(const struct source *from, struct graph **graph, struct error *err)
{
    const struct reading how = {.batch = CHECK_BATCH};
    struct error ignored = {0};
    if (reading_parse(from, &how, GRAPH_SINGLE, graph, &ignored) == 0)
        return 0;
    return reading_parse(from, &how, GRAPH_ROWS, graph, err);
}

int engine_explain(const char *path, void (*say)(void *context, const char *text), void *context,
                   size_t *count, struct error *together, struct error *err)
{
    const struct source from = {.path = path};
    struct graph *graph = NULL;
    struct error first = {0};
    *count = 0;
    if (check(&from, NULL, together, &first) == 0)
        return 0;
    int failed = parse_to_explain(&from, &graph, err);
    if (!failed)
        failed = pass_infer(graph, &first) == E_MEMORY ? error_set(err, E_MEMORY, "no memory")
                                                       : find_unlowered(graph, err);
    for (size_t i = 0; !failed && i < graph->problem_count; i++)
        if (!graph->nodes[graph->problems[i].node].dead) {
            say(context, graph->problems[i].error.text);
            ++*count;
        }
    if (!failed && *count == 0) { /* an output, or what lowering refuses */
        say(context, first.text);
        *count = 1;
    }
    graph_free(&graph);
    return failed ? error_prefix(err, failed, "%s", path) : 0;
}

int engine_check(const char *path, const struct engine_options *options, struct error *err)
{
    int failed = check(&(struct source){.path = path}, options ? &options->sizes : NULL, NULL, err);
    return failed ? error_prefix(err, failed, "%s", path) : 0;
}

const char *engine_single(const struct engine_network *network)
{
    return network->graph->single ? network->together.text : NULL;
}

int engine_data_files(const char *path, void (*name)(void *context, const char *file), void *context,
                      struct error *err)
{
    int failed = onnx_name_files(path, name, context, err);
    return failed ? error_prefix(err, failed, "%s", path) : 0;
}

size_t engine_input_count(const struct engine_network *network)
{
    return network->graph->input_count;
}

size_t engine_output_count(const struct engine_network *network)
{
    return network->graph->output_count;
}

const struct engine_tensor_info *engine_input(const struct engine_network *network, size_t i)
{
    return i < engine_input_count(network) ? &network->inputs[i] : NULL;
}

const struct engine_tensor_info *engine_output(const struct engine_network *network, size_t i)
{
    return i < engine_output_count(network) ? &network->outputs[i] : NULL;
}

int engine_find_input(const struct engine_network *network, const char *name)
{
    for (size_t i = 0; i < engine_input_count(network); i++)
        if (strcmp(network->inputs[i].name, name) == 0)
            return (int)i;
    return -1;
}

int engine_find_output(const struct engine_network *network, const char *name)
{
    for (size_t i = 0; i < engine_output_count(network); i++)
        if (strcmp(network->outputs[i].name, name) == 0)
            return (int)i;
    return -1;
}
