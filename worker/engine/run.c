/*
 * Running a compiled network: the steps' arguments are resolved and enqueued in order.
 *
 * Arguments are set anew at each run, since the caller's buffers and the rows may change. Nothing
 * waits but engine_profile, the first runs, and those of a network that takes long (network.h's pace).
 * A single graph's rows are copied in and out one by one, in the queue's order.
 */
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/engine/network.h"

static size_t resolve(struct count count, size_t rows)
{
    return count.per_row ? count.each * rows : count.each;
}

struct run {
    struct engine_network *network;
    size_t rows;
    const cl_mem *inputs, *outputs; /* outputs NULL: none is wanted */
    double part;      /* seconds that are enqueued together, at most */
    double *enqueued; /* seconds that are, since the device was waited for */
};

static cl_mem tensor_memory(const struct run *run, int number)
{
    const struct tensor *tensor = &run->network->lowering.tensors[number];
    while (tensor->storage == STORAGE_VIEW)
        tensor = &run->network->lowering.tensors[tensor->index];
    if (tensor->storage == STORAGE_INPUT)
        return run->inputs[tensor->index];
    if (tensor->storage == STORAGE_OUTPUT && run->outputs && run->outputs[tensor->index])
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

static int check_rows(const struct engine_network *network, size_t rows, struct error *err)
{
    bool fixed = network->graph->fixed && !network->graph->single;
    if (rows < 1 || rows > network->batch || (fixed && rows != network->batch))
        return error_set(err, E_INVALID, "%zu rows (expected %s%zu)", rows, fixed ? "" : "1 to ", network->batch);
    return 0;
}

static void count_operations(const struct engine_network *network, size_t rows)
{
    struct engine_cost cost;
    engine_cost(network, &cost);
    device_count_operations(network->device, 1e9 * cost.gflop_per_row * (double)rows);
}

/* ---- in parts ---- */

/* Step by step, and what each took; the last time counts. */
static int run_measured(const struct run *run, struct error *err)
{
    struct engine_network *network = run->network;
    struct pace *pace = &network->pace;
    size_t steps = network->lowering.step_count;
    if (!pace->seconds && !(pace->seconds = calloc(steps + 1, sizeof *pace->seconds)))
        return error_set(err, E_MEMORY, "no memory for the times of %zu steps", steps);
    int failed = 0;
    for (size_t i = 0; !failed && i < steps; i++) {
        int64_t since = clock_now();
        failed = device_going(network->device, err);
        if (!failed)
            failed = run_step(run, &network->lowering.steps[i], err);
        if (!failed)
            failed = device_finish(network->device, err);
        pace->seconds[i] = (float)((double)(clock_now() - since) * 1e-9 / (double)run->rows);
    }
    pace->measured += !failed;
    return failed;
}

/* Seconds that one part of `rows` rows may take; no limit where all of them are not worth waiting for. */
static double part_of(const struct engine_network *network, size_t rows)
{
    const struct pace *pace = &network->pace;
    double all = 0;
    for (size_t i = 0; pace->seconds && i < network->lowering.step_count; i++)
        all += (double)pace->seconds[i] * (double)rows;
    return all < 2 * pace->part ? INFINITY : pace->part;
}

static int run_in_parts(const struct run *run, struct error *err)
{
    struct engine_network *network = run->network;
    int failed = device_going(network->device, err);
    for (size_t i = 0; !failed && i < network->lowering.step_count; i++) {
        double seconds = (double)network->pace.seconds[i] * (double)run->rows;
        if (*run->enqueued > 0 && *run->enqueued + seconds > run->part) {
            failed = device_finish(network->device, err);
            if (!failed)
                failed = device_going(network->device, err);
            *run->enqueued = 0;
        }
        *run->enqueued += seconds;
        if (!failed)
            failed = run_step(run, &network->lowering.steps[i], err);
    }
    return failed;
}

static int run_steps(const struct run *run, struct error *err)
{
    return run->network->pace.measured < PACE_RUNS ? run_measured(run, err) : run_in_parts(run, err);
}

/* ---- single graphs ---- */

/* Scalars are the same for all rows. */
static int copy_row_in(const struct run *all, size_t row, size_t i, struct error *err)
{
    const struct engine_network *network = all->network;
    size_t bytes = network->inputs[i].row_elements * sizeof(float);
    size_t from = network->inputs[i].rank > 0 ? row * bytes : 0;
    DEVICE_CL(err, clEnqueueCopyBuffer(device_queue(network->device), all->inputs[i], network->rows[i], from, 0, bytes, 0,
                                       NULL, NULL));
    return 0;
}

static int copy_row_out(const struct run *all, size_t row, const struct tensor *tensor, struct error *err)
{
    const struct engine_network *network = all->network;
    size_t bytes = network->outputs[tensor->index].row_elements * sizeof(float);
    DEVICE_CL(err, clEnqueueCopyBuffer(device_queue(network->device), tensor->memory, all->outputs[tensor->index], 0,
                                       row * bytes, bytes, 0, NULL, NULL));
    return 0;
}

static int run_rows(const struct run *all, struct error *err)
{
    const struct engine_network *network = all->network;
    const struct run one = {all->network, 1, network->rows, NULL, all->part, all->enqueued};
    int failed = 0;
    for (size_t row = 0; !failed && row < all->rows; row++) {
        for (size_t i = 0; !failed && i < network->graph->input_count; i++)
            failed = copy_row_in(all, row, i, err);
        if (!failed)
            failed = run_steps(&one, err);
        for (size_t t = 0; !failed && t < network->lowering.tensor_count; t++) {
            const struct tensor *tensor = &network->lowering.tensors[t];
            if (tensor->storage == STORAGE_OUTPUT && all->outputs[tensor->index])
                failed = copy_row_out(all, row, tensor, err);
        }
    }
    return failed;
}

int engine_run(struct engine_network *network, size_t rows, const cl_mem *inputs,
               const cl_mem *outputs, struct error *err)
{
    double enqueued = 0;
    const struct run run = {network, rows, inputs, outputs, part_of(network, rows), &enqueued};
    int failed = check_rows(network, rows, err);
    if (!failed)
        failed = network->graph->single ? run_rows(&run, err) : run_steps(&run, err);
    if (failed)
        return failed;
    count_operations(network, rows);
    DEVICE_CL(err, clFlush(device_queue(network->device)));
    return 0;
}

int engine_fill_input(struct engine_network *network, size_t i, size_t rows, cl_mem *buffer,
                      struct error *err)
{
    size_t count = network->inputs[i].row_elements * rows;
    float *data = malloc(count * sizeof *data);
    cl_mem filled = NULL;
    if (!data)
        return error_set(err, E_MEMORY, "no memory for an input of %zu elements", count);
    for (size_t k = 0; k < count; k++)
        data[k] = (float)(k * 2654435761u % 2001) / 1000.0f - 1.0f;
    int failed = device_buffer(network->device, count * sizeof *data, &filled, err);
    if (!failed)
        failed = device_write(network->device, filled, 0, data, count * sizeof *data, err);
    free(data);
    if (!failed)
        *buffer = filled;
    else if (filled)
        clReleaseMemObject(filled);
    return failed;
}

int engine_profile(struct engine_network *network, size_t rows, const cl_mem *inputs,
                   const cl_mem *outputs, size_t repeats, double *milliseconds, struct error *err)
{
    const bool single = network->graph->single;
    const struct run run = {network, single ? 1 : rows, inputs, outputs, 0, NULL};
    int failed = check_rows(network, rows, err);
    /* The first round compiles. A single graph's rows take as long as its first. */
    for (size_t r = 0; !failed && r <= repeats; r++)
        for (size_t i = 0; !failed && i < network->lowering.step_count; i++) {
            int64_t start = clock_now();
            failed = run_step(&run, &network->lowering.steps[i], err);
            if (!failed)
                failed = device_finish(network->device, err);
            double spent = (double)(clock_now() - start) * 1e-6 * (single ? (double)rows : 1);
            if (r < 2 || spent < milliseconds[i])
                milliseconds[i] = spent;
        }
    return failed;
}
