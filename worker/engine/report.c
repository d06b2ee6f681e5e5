/* What a compiled network costs, and its plan in words. */
#include <stdio.h>

#include "worker/engine/network.h"

void engine_cost(const struct engine_network *network, struct engine_cost *cost)
{
    *cost = (struct engine_cost){.scratch_bytes = network->arena_bytes};
    for (size_t i = 0; i < network->lowering.step_count; i++)
        cost->gflop_per_row += network->lowering.steps[i].operations * 1e-9;
    for (size_t i = 0; i < network->lowering.tensor_count; i++)
        if (network->lowering.tensors[i].storage == STORAGE_CONSTANT)
            cost->parameter_bytes += network->lowering.tensors[i].bytes;
}

static void print_shape(const struct engine_network *network, const struct tensor *tensor,
                        FILE *out)
{
    if (tensor->value < 0) {
        fputs("scratch", out);
        return;
    }
    const struct value *value = &network->graph->values[tensor->value];
    for (size_t i = 0; i < value->rank; i++)
        fprintf(out, "%s%lld", i ? "x" : "", (long long)value->dims[i]);
    fputs(tensor->layout == LAYOUT_CHANNELS_LAST ? " last" : " plain", out);
}

static double run_operations(const struct step *step, double each, size_t rows)
{
    return step->operations > 0 ? each * (double)rows : 0;
}

static void print_step(const struct engine_network *network, size_t i, const double *milliseconds,
                       FILE *out)
{
    const struct step *step = &network->lowering.steps[i];
    const struct tensor *output = &network->lowering.tensors[step->output];
    double executed = run_operations(step, step->executed, network->batch);
    fprintf(out, "%3zu %-14s %-28.28s %-12s %-26s ", i, step->type, step->title, step->kernel,
            step->algorithm);
    print_shape(network, output, out);
    fprintf(out, "  %.2f", step->operations * 1e-6);
    if (milliseconds)
        fprintf(out, "  %.3f ms  %.0f GFLOP/s direct  %.0f executed", milliseconds[i],
                run_operations(step, step->operations, network->batch) / milliseconds[i] * 1e-6,
                executed / milliseconds[i] * 1e-6);
    if (output->storage == STORAGE_OUTPUT)
        fprintf(out, "  output %d\n", output->index);
    else
        fprintf(out, "  arena %zu+%zu\n", output->offset, output->bytes);
}

void engine_print_plan(const struct engine_network *network, const double *milliseconds, FILE *out)
{
    for (size_t i = 0; i < network->lowering.step_count; i++)
        print_step(network, i, milliseconds, out);
    fprintf(out, "scratch %zu bytes at %zu rows\n", network->arena_bytes, network->batch);
}

size_t engine_step_count(const struct engine_network *network)
{
    return network->lowering.step_count;
}
