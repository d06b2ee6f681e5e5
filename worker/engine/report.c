/* What a compiled network costs, and its plan in words. */
#include <stdio.h>

#include "worker/engine/network.h"

void engine_cost(const struct engine_network *network, struct engine_cost *cost)
{
    *cost = (struct engine_cost){.scratch_bytes = network->arena_bytes,
                                 .buffer_bytes = network->arena_bytes};
    for (size_t i = 0; i < network->lowering.step_count; i++)
        cost->gflop_per_row += network->lowering.steps[i].operations * 1e-9;
    for (size_t i = 0; i < network->lowering.tensor_count; i++) {
        const struct tensor *tensor = &network->lowering.tensors[i];
        size_t bytes = tensor_constant_bytes(tensor);
        if (tensor->storage != STORAGE_CONSTANT)
            continue;
        cost->parameter_bytes += bytes;
        if (bytes > cost->buffer_bytes)
            cost->buffer_bytes = bytes;
    }
}

static void name_shape(const struct engine_network *network, const struct tensor *tensor,
                       char text[48])
{
    int used = 0;
    const struct value *value = tensor->value < 0 ? NULL : &network->graph->values[tensor->value];
    snprintf(text, 48, value ? "" : "scratch");
    for (size_t i = 0; value && i < value->rank && used < 40; i++)
        used += snprintf(text + used, 48 - (size_t)used, "%s%lld", i ? "x" : "",
                         (long long)value->dims[i]);
}

/* Milliseconds and what they mean; a dash where nothing is known. */
static void print_times(const struct engine_network *network, const struct step *step,
                        const double *spent, double peak, FILE *out)
{
    double clock = network->lowering.target.clock_hz, rows = (double)network->batch;
    if (step->cycles > 0 && clock > 0)
        fprintf(out, " %9.3f", step->cycles / clock * 1e3);
    else
        fprintf(out, " %9s", "-");
    if (!spent)
        return;
    double rate = step->executed * rows / *spent * 1e-6; /* GFLOP/s */
    fprintf(out, " %9.3f", *spent);
    if (step->executed > 0 && peak > 0)
        fprintf(out, " %7.0f %4.0f %%", rate, 100 * rate / peak);
}

static void print_step(const struct engine_network *network, size_t i, const double *milliseconds,
                       double peak, FILE *out)
{
    const struct step *step = &network->lowering.steps[i];
    const struct tensor *output = &network->lowering.tensors[step->output];
    char shape[48];
    name_shape(network, output, shape);
    fprintf(out, "%3zu %-17.17s %-30.30s %-27.27s %-18s %9.2f %10zu", i, step->type, step->title,
            step->algorithm[0] ? step->algorithm : step->kernel, shape, step->operations * 1e-6,
            output->bytes);
    print_times(network, step, milliseconds ? &milliseconds[i] : NULL, peak, out);
    fputc('\n', out);
}

void engine_print_plan(const struct engine_network *network, const double *milliseconds,
                       double peak_gflops, FILE *out)
{
    double sum = 0, executed = 0, rows = (double)network->batch;
    fprintf(out, "%3s %-17s %-30s %-27s %-18s %9s %10s %9s", "", "operator", "node", "algorithm",
            "output", "MFLOP/row", "bytes", "model ms");
    fputs(milliseconds ? "        ms GFLOP/s   peak\n" : "\n", out);
    for (size_t i = 0; i < network->lowering.step_count; i++) {
        print_step(network, i, milliseconds, peak_gflops, out);
        sum += milliseconds ? milliseconds[i] : 0;
        executed += network->lowering.steps[i].executed * rows * 1e-6; /* MFLOP */
    }
    struct engine_cost cost;
    engine_cost(network, &cost);
    fprintf(out, "%.3f GFLOP a row, %.1f MB of weights, %.1f MB of scratch at %zu rows",
            cost.gflop_per_row, (double)cost.parameter_bytes / 1e6,
            (double)cost.scratch_bytes / 1e6, network->batch);
    if (network->graph->single)
        fprintf(out, ", one row after the other");
    if (milliseconds)
        fprintf(out, ", %.3f ms", sum);
    if (milliseconds && peak_gflops > 0 && sum > 0)
        fprintf(out, ", %.0f GFLOP/s of multiply-adds done: %.0f %% of the peak", executed / sum,
                100 * executed / sum / peak_gflops);
    fputc('\n', out);
}

size_t engine_step_count(const struct engine_network *network)
{
    return network->lowering.step_count;
}
