/* Loads each network, runs it on numbers, prints its plan. No state. */
#include "worker/plan_report.h"

#include <stdlib.h>
#include <string.h>

#include "worker/device_select.h"
#include "worker/pipeline_network.h"
#include "worker/worker.h"

#define TENSORS_MAX 64
#define REPEATS 5

struct planned {
    struct device *device;
    size_t batch;
    bool tune;
    double peak; /* GFLOP/s */
    FILE *out;
};

static int profile(struct planned *planned, struct engine_network *network, struct error *err)
{
    cl_mem in[TENSORS_MAX] = {NULL};
    const cl_mem out[TENSORS_MAX] = {NULL};
    size_t inputs = engine_input_count(network);
    double *milliseconds = calloc(engine_step_count(network) + 1, sizeof *milliseconds);
    int failed = milliseconds ? 0 : error_set(err, E_MEMORY, "no memory for times");
    if (!failed && (inputs > TENSORS_MAX || engine_output_count(network) > TENSORS_MAX))
        failed = error_set(err, E_LIMIT, "more than %d inputs or outputs", TENSORS_MAX);
    for (size_t i = 0; !failed && i < inputs; i++)
        failed = engine_fill_input(network, i, planned->batch, &in[i], err);
    if (!failed)
        failed = engine_profile(network, planned->batch, in, out, REPEATS, milliseconds, err);
    if (!failed)
        engine_print_plan(network, milliseconds, planned->peak, planned->out);
    for (size_t i = 0; i < TENSORS_MAX; i++)
        if (in[i])
            clReleaseMemObject(in[i]);
    free(milliseconds);
    return failed;
}

static int plan_file(struct planned *planned, const char *path, const struct engine_options *options,
                     struct error *err)
{
    struct engine_network *network = NULL;
    int failed = 0;
    if (planned->tune)
        failed = engine_tune(planned->device, path, planned->batch, options, planned->out, err);
    if (!failed)
        failed = engine_load(planned->device, path, planned->batch, options, &network, err);
    if (failed)
        return failed;
    fprintf(planned->out, "%s, %zu rows\n", path, planned->batch);
    failed = profile(planned, network, err);
    engine_free(&network);
    return failed ? error_prefix(err, failed, "%s", path) : 0;
}

static int plan_bundle(struct planned *planned, const char *folder, struct error *err)
{
    struct bundle *bundle = NULL;
    int failed = bundle_load(folder, &bundle, NULL, err);
    for (size_t i = 0; !failed && i < pipeline_network_count(bundle); i++) {
        char path[2 * LIMIT_PATH_BYTES];
        struct pipeline_network described;
        pipeline_network(bundle, i, &described);
        const struct engine_options options = pipeline_options(&described);
        failed = pipeline_network_path(folder, &described, path, err);
        if (!failed)
            failed = plan_file(planned, path, &options, err);
    }
    bundle_free(&bundle);
    return failed;
}

static bool is_file(const char *path)
{
    size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".onnx") == 0;
}

int plan_report(const char *path, const char *device, size_t batch, bool tune, FILE *out,
                struct error *err)
{
    struct planned planned = {.batch = batch, .tune = tune, .out = out};
    struct device_choice choices[DEVICE_CHOICES_MAX];
    size_t count = 0;
    int failed = worker_choose_devices(device, 0, choices, &count, err);
    if (!failed)
        failed = device_open(choices[0].index, &choices[0].options, &planned.device, err);
    if (!failed)
        failed = engine_peak(planned.device, &planned.peak, err);
    if (!failed)
        fprintf(out, "%s: %.0f GFLOP/s of multiply-adds, measured\n",
                device_describe(planned.device)->name, planned.peak);
    if (!failed)
        failed = is_file(path) ? plan_file(&planned, path, NULL, err)
                               : plan_bundle(&planned, path, err);
    device_close(&planned.device);
    return failed;
}
