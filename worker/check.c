/* Devices and bundles for people and for `facefarm bundle check`. */
#include "worker/check.h"

#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <sys/stat.h>

#include "worker/check_values.h"
#include "worker/pipeline_network.h"
#include "worker/worker.h"

static int print_json(const struct device_info *list, size_t count, FILE *out, struct error *err)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct device_info *info = &list[i];
        json_t *device = json_pack(
            "{s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "index", info->index, "kind",
            device_kind_name(info->kind), "name", info->name, "driver", info->driver,
            "compute_units", (json_int_t)info->compute_units, "memory_bytes",
            (json_int_t)info->memory_bytes, "buffer_bytes", (json_int_t)info->buffer_bytes,
            "local_memory_bytes", (json_int_t)info->local_memory_bytes);
        json_array_append_new(array, device);
    }
    int failed = json_dumpf(array, out, JSON_INDENT(2)) != 0;
    fputc('\n', out);
    json_decref(array);
    return failed ? error_set(err, E_IO, "cannot write the list of devices") : 0;
}

int check_list_devices(bool json, FILE *out, struct error *err)
{
    struct device_info list[DEVICE_CHOICES_MAX];
    size_t count = 0;
    int failed = device_list(list, DEVICE_CHOICES_MAX, &count, err);
    if (failed)
        return failed;
    count = count < DEVICE_CHOICES_MAX ? count : DEVICE_CHOICES_MAX;
    if (json)
        return print_json(list, count, out, err);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%d  %-5s  %s  (%s; %u compute units, %llu MiB, buffers of up to %llu MiB)\n",
                list[i].index, device_kind_name(list[i].kind), list[i].name, list[i].driver,
                list[i].compute_units, (unsigned long long)(list[i].memory_bytes >> 20),
                (unsigned long long)(list[i].buffer_bytes >> 20));
    if (count == 0)
        fprintf(stderr, "no OpenCL device (for cores: install pocl-opencl-icd)\n");
    return 0;
}

static int check_without_device(const char *folder, const struct pipeline_network *described,
                                FILE *out, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    const struct engine_options options = pipeline_options(described);
    snprintf(path, sizeof path, "%s/%s", folder, described->file);
    int failed = engine_check(path, &options, err);
    if (!failed)
        fprintf(out, "%s: runs; shapes not checked, there is no OpenCL device\n", described->file);
    return failed;
}

static int check_on_device(struct device *device, const char *folder,
                           const struct pipeline_network *described, FILE *out, struct error *err)
{
    struct engine_network *network = NULL;
    struct engine_cost cost;
    int failed = pipeline_load(device, folder, described, 1, &network, err);
    if (failed)
        return failed;
    engine_cost(network, &cost);
    fprintf(out, "%s: %s: %s -> ", described->name, described->file, described->input.name);
    for (size_t i = 0; i < described->output_count; i++)
        fprintf(out, "%s%s", i ? ", " : "", described->outputs[i].name);
    fprintf(out, ", %.4f GFLOP a face, %.2f MB of weights%s\n", cost.gflop_per_row,
            (double)cost.parameter_bytes / 1e6, engine_single(network) ? ", one face after the other" : "");
    engine_free(&network);
    return 0;
}

/* Operators are checked first, so that the error is the same whether there is a device or not. */
static int check_network(struct device *device, const char *folder,
                         const struct pipeline_network *described, FILE *out, struct error *err)
{
    const struct engine_options options = pipeline_options(described);
    char path[2 * LIMIT_PATH_BYTES];
    if (!device)
        return check_without_device(folder, described, out, err);
    snprintf(path, sizeof path, "%s/%s", folder, described->file);
    int failed = engine_check(path, &options, err);
    return failed ? failed : check_on_device(device, folder, described, out, err);
}

/* Data files of a network that bundle.yaml does not list: they would not travel with the bundle. */
struct listing {
    const struct bundle *bundle;
    char missing[LIMIT_TENSOR_BYTES];
};

static void note_unlisted(void *context, const char *file)
{
    struct listing *listing = context;
    for (size_t i = 0; i < bundle_file_count(listing->bundle); i++)
        if (strcmp(bundle_file(listing->bundle, i)->file, file) == 0)
            return;
    snprintf(listing->missing, sizeof listing->missing, "%s", file);
}

static int check_data_files(const struct bundle *bundle, const char *folder, const char *file, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    struct listing listing = {.bundle = bundle};
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int failed = engine_data_files(path, note_unlisted, &listing, err);
    if (failed || !*listing.missing)
        return failed;
    return error_set(err, E_INVALID, "%s: its weights are in %s, which bundle.yaml does not list (data: [{file: "
                     "%s, sha256: …}])", path, listing.missing, listing.missing);
}

static void say_problem(void *context, const char *text)
{
    fprintf(context, "  %s\n", text);
}

/* One ONNX file, of which every problem is printed. */
static int check_file(const char *path, FILE *out, struct error *err)
{
    struct error together;
    size_t count;
    int failed = engine_explain(path, say_problem, out, &count, &together, err);
    if (failed)
        return failed;
    if (count)
        return error_set(err, E_UNSUPPORTED, "%s: %zu node%s would not run", path, count,
                         count == 1 ? "" : "s");
    if (*together.text)
        fprintf(out, "%s: every node runs, for one face after the other: %s\n", path, together.text);
    else
        fprintf(out, "%s: every node runs\n", path);
    return 0;
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

int check_bundle(const char *folder, const char *wanted, FILE *out, struct error *err)
{
    struct bundle *bundle = NULL;
    struct device *device = NULL;
    char hash[DIGEST_HEX_BYTES];
    struct device_choice choices[DEVICE_CHOICES_MAX];
    size_t count = 0;
    if (is_file(folder))
        return check_file(folder, out, err);
    int failed = bundle_load(folder, &bundle, hash, err);
    if (failed)
        return failed;
    failed = worker_choose_devices(wanted, 0, choices, &count, err);
    if (!failed)
        failed = device_open(choices[0].index, &choices[0].options, &device, err);
    else if (failed == E_NOT_FOUND && !wanted)
        failed = 0; /* no device at all: checked without */
    for (size_t i = 0; !failed && i < pipeline_network_count(bundle); i++) {
        struct pipeline_network described;
        pipeline_network(bundle, i, &described);
        described.noise.vary = described.noisy; /* as a stage may ask for it */
        failed = check_data_files(bundle, folder, described.file, err);
        if (!failed)
            failed = check_network(device, folder, &described, out, err);
    }
    if (!failed && device)
        failed = check_values(device, folder, out, err);
    if (!failed)
        fprintf(out, "%s: %u attributes, %u age estimators, bundle %s\n", bundle->name,
                bundle->attributes_count, bundle->age_estimators_count, hash);
    device_close(&device);
    bundle_free(&bundle);
    return failed;
}
