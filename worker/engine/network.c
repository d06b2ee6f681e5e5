/*
 * Networks: loading, running, describing.
 *
 * Compiled for one device and at most `batch` rows. Arena tensors are sub-buffers of one buffer.
 * Kernels' arguments are set anew at each run, since the caller's buffers and the rows may change;
 * nothing waits. A network belongs to its device's thread.
 */
#include "worker/engine/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/passes.h"
#include "worker/engine/plan.h"

/* float16 accumulators that leave room for weights: 28 of AVX-512's 32 registers, else of AVX's 16
 * half-sized ones. */
#define REGISTERS_512 28
#define REGISTERS_256 6
#define CHECK_BATCH 3 /* unlike the sizes that stand in files, so that fixed batches show */

static int prepare_graph(struct graph *graph, bool fuse, struct error *err)
{
    int failed = pass_infer(graph, err);
    return failed || !fuse ? failed : pass_fuse(graph, err);
}

/* True if the file's own dimensions are those of `batch` rows. */
static bool is_sized(const struct graph *graph, int64_t batch)
{
    const struct value *first = graph->input_count ? &graph->values[graph->inputs[0]] : NULL;
    return first && (first->rank == 0 || first->dims[0] == batch);
}

/* Reads the graph for `batch` rows. A graph that mixes rows runs only if that is the size that it
 * gives itself: there is no batch then, and `fixed` says so. */
static int read_graph(const char *path, const void *data, size_t size, int64_t batch, bool fuse,
                      struct graph **graph, struct error *err)
{
    struct error second = {0};
    struct graph *read = NULL;
    int failed = data ? graph_parse(data, size, batch, false, &read, err)
                      : graph_read(path, batch, false, &read, err);
    if (failed)
        return failed;
    failed = prepare_graph(read, fuse, err);
    if (failed == E_UNSUPPORTED || failed == E_PARSE) {
        struct graph *fixed = NULL;
        int again = data ? graph_parse(data, size, batch, true, &fixed, &second)
                         : graph_read(path, batch, true, &fixed, &second);
        if (!again)
            again = prepare_graph(fixed, fuse, &second);
        if (!again && is_sized(fixed, batch)) {
            graph_free(&read);
            *graph = fixed;
            return 0;
        }
        graph_free(&fixed);
    }
    if (failed) {
        graph_free(&read);
        return failed;
    }
    *graph = read;
    return 0;
}

static void describe_device(const struct device *device, const struct network_options *options,
                            struct lowering_target *target)
{
    const struct device_info *info = device_describe(device);
    cl_device_id id;
    cl_uint width = 0;
    if (clGetCommandQueueInfo(device_queue(device), CL_QUEUE_DEVICE, sizeof id, &id, NULL) ==
        CL_SUCCESS)
        clGetDeviceInfo(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width, NULL);
    target->blocked = info->kind == DEVICE_CPU && !options->portable;
    target->vector_registers = width >= 16 ? REGISTERS_512 : REGISTERS_256;
    target->local_bytes = info->local_memory_bytes;
}

/* Without a device, the check lowers for one that has everything. */
static const struct lowering_target ideal_target = {true, REGISTERS_512, 1 << 20};

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

static size_t constant_bytes(const struct tensor *tensor)
{
    return tensor->elements.each * sizeof(float);
}

static int upload_constants(struct engine_network *network, struct error *err)
{
    for (size_t i = 0; i < network->lowering.tensor_count; i++) {
        struct tensor *tensor = &network->lowering.tensors[i];
        if (tensor->storage != STORAGE_CONSTANT)
            continue;
        size_t bytes = constant_bytes(tensor);
        int failed = device_buffer(network->device, bytes, &tensor->memory, err);
        if (!failed)
            failed = device_write(network->device, tensor->memory, 0, tensor->host, bytes, err);
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
    int failed = plan_tensors(&network->lowering, network->batch,
                              memory_alignment(network->device), &network->arena_bytes, err);
    if (failed || network->arena_bytes == 0)
        return failed;
    failed = device_buffer(network->device, network->arena_bytes, &network->arena, err);
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

static void describe_value(const struct value *value, struct engine_tensor_info *info)
{
    size_t rows = value->batched ? (size_t)value->dims[0] : 1;
    snprintf(info->name, sizeof info->name, "%.*s", ENGINE_NAME_MAX - 1, value->name);
    info->rank = value->rank;
    memcpy(info->dims, value->dims, sizeof info->dims);
    info->row_elements = (size_t)value_elements(value) / rows;
}

static int describe_network(struct engine_network *network, struct error *err)
{
    const struct graph *graph = network->graph;
    network->inputs = calloc(graph->input_count + 1, sizeof *network->inputs);
    network->outputs = calloc(graph->output_count + 1, sizeof *network->outputs);
    if (!network->inputs || !network->outputs)
        return error_set(err, E_MEMORY, "no memory for a network");
    for (size_t i = 0; i < graph->input_count; i++)
        describe_value(&graph->values[graph->inputs[i]], &network->inputs[i]);
    for (size_t i = 0; i < graph->output_count; i++)
        describe_value(&graph->values[graph->outputs[i]], &network->outputs[i]);
    return 0;
}

static int fill_network(struct engine_network *network, const char *path, const void *data,
                        size_t size, const struct network_options *options, struct error *err)
{
    struct lowering_target target;
    describe_device(network->device, options, &target);
    int failed = read_graph(path, data, size, (int64_t)network->batch, !options->unfused,
                            &network->graph, err);
    if (!failed)
        failed = lowering_run(&network->lowering, network->graph, &target, err);
    if (!failed)
        failed = describe_network(network, err);
    if (!failed)
        failed = compile_steps(network, err);
    if (!failed)
        failed = upload_constants(network, err);
    if (!failed)
        failed = place_tensors(network, err);
    return failed;
}

int network_load(struct device *device, const char *path, const void *data, size_t size,
                 size_t batch, const struct network_options *options,
                 struct engine_network **network, struct error *err)
{
    static const struct network_options defaults;
    if (batch < 1 || batch > 1 << 20)
        return error_set(err, E_INVALID, "%s: a batch of %zu rows", path, batch);
    struct engine_network *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for a network");
    made->device = device;
    made->batch = batch;
    int failed = fill_network(made, path, data, size, options ? options : &defaults, err);
    if (failed) {
        engine_free(&made);
        return error_prefix(err, failed, "%s", path);
    }
    *network = made;
    return 0;
}

int engine_load(struct device *device, const char *path, size_t batch,
                struct engine_network **network, struct error *err)
{
    return network_load(device, path, NULL, 0, batch, NULL, network, err);
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
    graph_free(&freed->graph);
    free(freed->inputs);
    free(freed->outputs);
    free(freed);
}

static int check(const char *path, const void *data, size_t size, struct error *err)
{
    struct graph *graph = NULL;
    struct lowering lowering = {0};
    int failed = read_graph(path, data, size, CHECK_BATCH, true, &graph, err);
    if (!failed)
        failed = lowering_run(&lowering, graph, &ideal_target, err);
    lowering_free(&lowering);
    graph_free(&graph);
    return failed;
}

int network_check(const void *data, size_t size, struct error *err)
{
    return check(NULL, data, size, err);
}

int engine_check(const char *path, struct error *err)
{
    int failed = check(path, NULL, 0, err);
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

static size_t resolve(struct count count, size_t rows)
{
    return count.per_row ? count.each * rows : count.each;
}

struct run {
    struct engine_network *network;
    size_t rows;
    const cl_mem *inputs, *outputs;
};

static cl_mem tensor_memory(const struct run *run, int number)
{
    const struct tensor *tensor = &run->network->lowering.tensors[number];
    while (tensor->storage == STORAGE_VIEW)
        tensor = &run->network->lowering.tensors[tensor->index];
    if (tensor->storage == STORAGE_INPUT)
        return run->inputs[tensor->index];
    if (tensor->storage == STORAGE_OUTPUT && run->outputs[tensor->index])
        return run->outputs[tensor->index];
    return tensor->memory;
}

/* Where the value of an argument stands for clSetKernelArg. */
union arg_value {
    cl_mem memory;
    cl_int integer;
    cl_float number;
    cl_ulong count;
};

static struct device_arg resolve_arg(const struct run *run, const struct step_arg *arg,
                                     union arg_value *value)
{
    switch (arg->kind) {
    case ARG_TENSOR:
        value->memory = tensor_memory(run, arg->as.tensor);
        return DEVICE_ARG(value->memory);
    case ARG_INT:
        value->integer = arg->as.integer;
        return DEVICE_ARG(value->integer);
    case ARG_FLOAT:
        value->number = arg->as.number;
        return DEVICE_ARG(value->number);
    case ARG_COUNT:
        value->count = resolve(arg->as.count, run->rows);
        return DEVICE_ARG(value->count);
    case ARG_BYTES:
        return DEVICE_ARG(arg->as.bytes);
    }
    return (struct device_arg){0, NULL};
}

static int run_step(const struct run *run, const struct step *step, struct error *err)
{
    struct device_arg args[STEP_ARGS_MAX];
    union arg_value values[STEP_ARGS_MAX];
    size_t global[3];
    for (size_t i = 0; i < step->arg_count; i++)
        args[i] = resolve_arg(run, &step->args[i], &values[i]);
    for (int d = 0; d < 3; d++) {
        size_t items = resolve(step->global[d], run->rows);
        if (step->divide[d] > 1)
            items = (items + step->divide[d] - 1) / step->divide[d];
        global[d] = round_up(items, step->local[d]);
    }
    int failed = device_launch(run->network->device, step->compiled, 3, global, step->local, args,
                               step->arg_count, err);
    return failed ? error_prefix(err, failed, "node %s", step->title) : 0;
}

int engine_run(struct engine_network *network, size_t rows, const cl_mem *inputs,
               const cl_mem *outputs, struct error *err)
{
    struct run run = {network, rows, inputs, outputs};
    if (rows < 1 || rows > network->batch || (network->graph->fixed && rows != network->batch))
        return error_set(err, E_INVALID, "%zu rows (expected %s%zu)", rows,
                         network->graph->fixed ? "" : "1 to ", network->batch);
    for (size_t i = 0; i < network->lowering.step_count; i++) {
        int failed = run_step(&run, &network->lowering.steps[i], err);
        if (failed)
            return failed;
    }
    DEVICE_CL(err, clFlush(device_queue(network->device)));
    return 0;
}

void engine_cost(const struct engine_network *network, struct engine_cost *cost)
{
    *cost = (struct engine_cost){.scratch_bytes = network->arena_bytes,
                                 .buffer_bytes = network->arena_bytes};
    for (size_t i = 0; i < network->lowering.step_count; i++)
        cost->gflop_per_row += network->lowering.steps[i].operations * 1e-9;
    for (size_t i = 0; i < network->lowering.tensor_count; i++) {
        const struct tensor *tensor = &network->lowering.tensors[i];
        if (tensor->storage != STORAGE_CONSTANT)
            continue;
        cost->parameter_bytes += constant_bytes(tensor);
        if (constant_bytes(tensor) > cost->buffer_bytes)
            cost->buffer_bytes = constant_bytes(tensor);
    }
}

static int plan_network(struct engine_network *network, const char *path, struct error *err)
{
    static const struct network_options defaults;
    struct lowering_target target;
    describe_device(network->device, &defaults, &target);
    int failed =
        read_graph(path, NULL, 0, (int64_t)network->batch, true, &network->graph, err);
    if (!failed)
        failed = lowering_run(&network->lowering, network->graph, &target, err);
    return failed ? failed
                  : plan_tensors(&network->lowering, network->batch,
                                 memory_alignment(network->device), &network->arena_bytes, err);
}

int engine_estimate(struct device *device, const char *path, size_t batch,
                    struct engine_cost *cost, struct error *err)
{
    struct engine_network planned = {.device = device, .batch = batch};
    int failed = plan_network(&planned, path, err);
    if (!failed)
        engine_cost(&planned, cost);
    lowering_free(&planned.lowering);
    graph_free(&planned.graph);
    return failed ? error_prefix(err, failed, "%s", path) : 0;
}

static void print_shape(const struct engine_network *network, const struct tensor *tensor,
                        FILE *out)
{
    const struct value *value = &network->graph->values[tensor->value];
    for (size_t i = 0; i < value->rank; i++)
        fprintf(out, "%s%lld", i ? "x" : "", (long long)value->dims[i]);
    fputs(tensor->layout == LAYOUT_CHANNELS_LAST ? " last" : " plain", out);
}

void engine_print_plan(const struct engine_network *network, FILE *out)
{
    const struct lowering *lowering = &network->lowering;
    for (size_t i = 0; i < lowering->step_count; i++) {
        const struct step *step = &lowering->steps[i];
        const struct tensor *output = &lowering->tensors[step->output];
        fprintf(out, "%3zu %-18s %-40s %-14s ", i, step->type, step->title, step->kernel);
        print_shape(network, output, out);
        fprintf(out, "  %.3f MFLOP/row  ", step->operations * 1e-6);
        if (output->storage == STORAGE_OUTPUT)
            fprintf(out, "output %d\n", output->index);
        else
            fprintf(out, "arena %zu+%zu\n", output->offset, output->bytes);
    }
    fprintf(out, "scratch %zu bytes at %zu rows\n", network->arena_bytes, network->batch);
}
