/*
 * Programs of a device: built from a source once per (file, options) and kept until the device closes; taken from the
 * cache on disk where an earlier process built the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "worker/device_priv.h"
#include "worker/device_source.h"

/* As much of a build log as an error's text carries. */
#define BUILD_LOG_SHOWN 700

static int build_failed(struct device *device, cl_program program, const char *file,
                        const char *options, cl_int code, struct error *err)
{
    size_t size = 0;
    char *log = NULL;
    if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) ==
            CL_SUCCESS &&
        size > 0)
        log = calloc(1, size + 1);
    if (log)
        clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    int failed =
        error_set(err, device_cl_code(code), "clBuildProgram of %s with \"%.160s\": %s: %.*s", file,
                  options, device_cl_error_name(code), BUILD_LOG_SHOWN, log ? log : "(no log)");
    free(log);
    return failed;
}

static int build(struct device *device, const char *file, const char *options, const char *text,
                 cl_program *program, struct error *err)
{
    cl_int code = CL_SUCCESS;
    cl_program built = clCreateProgramWithSource(device->context, 1, &text, NULL, &code);
    if (!built)
        return error_set(err, device_cl_code(code), "clCreateProgramWithSource of %s: %s", file,
                         device_cl_error_name(code));
    code = clBuildProgram(built, 1, &device->id, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        int failed = build_failed(device, built, file, options, code, err);
        clReleaseProgram(built);
        return failed;
    }
    *program = built;
    return 0;
}

/* From a binary of the same source and options. Drivers refuse those of another version. */
static int build_binary(struct device *device, const struct buffer *binary, const char *options,
                        cl_program *program, struct error *err)
{
    const unsigned char *data = binary->data;
    cl_int code = CL_SUCCESS, status = CL_SUCCESS;
    cl_program built = clCreateProgramWithBinary(device->context, 1, &device->id, &binary->size, &data,
                                                 &status, &code);
    if (!built)
        return error_set(err, device_cl_code(code), "clCreateProgramWithBinary: %s",
                         device_cl_error_name(code));
    code = clBuildProgram(built, 1, &device->id, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        clReleaseProgram(built);
        return error_set(err, device_cl_code(code), "clBuildProgram of a binary: %s",
                         device_cl_error_name(code));
    }
    *program = built;
    return 0;
}

/* The program that the cache keeps at `path`, or NULL: then the source is built. */
static cl_program take_kept(struct device *device, const char *path, const char *options)
{
    struct error err = {0};
    struct buffer binary;
    cl_program program = NULL;
    buffer_init(&binary, PROGRAM_BINARY_MAX);
    int failed = program_cache_read(path, &binary, &err);
    if (!failed)
        failed = build_binary(device, &binary, options, &program, &err);
    if (failed && failed != E_NOT_FOUND)
        log_warning("a kept kernel is compiled anew: %s", err.text);
    buffer_free(&binary);
    return program;
}

/* Builds `text`; with a cache, *path is where to keep it (the caller frees), or NULL if it came from there. */
static int build_text(struct device *device, const char *file, const char *options, const char *text,
                      cl_program *program, char **path, struct error *err)
{
    char kept[PROGRAM_PATH_MAX] = "";
    if (device->cached)
        program_cache_path(device, options, text, kept);
    *program = kept[0] ? take_kept(device, kept, options) : NULL;
    if (*program)
        return 0;
    int failed = device_going(device, err);
    if (!failed)
        failed = build(device, file, options, text, program, err);
    if (!failed && kept[0])
        *path = strdup(kept); /* without memory it is not kept */
    return failed;
}

static int build_file(struct device *device, const char *file, const char *options,
                      cl_program *program, char **path, struct error *err)
{
    struct buffer source;
    char *all = NULL;
    buffer_init(&source, DEVICE_SOURCE_MAX);
    int failed = device_source(file, &source, err);
    if (!failed && asprintf(&all, "-cl-std=CL1.2 %s", options) < 0) {
        all = NULL;
        failed = error_set(err, E_MEMORY, "no memory for the options of %s", file);
    }
    if (!failed)
        failed = build_text(device, file, all, (const char *)source.data, program, path, err);
    free(all);
    buffer_free(&source);
    return failed;
}

static int add_program(struct device *device, const char *key, cl_program program, char *path,
                       struct error *err)
{
    struct device_program *entry = calloc(1, sizeof *entry);
    char *copy = strdup(key);
    if (!entry || !copy) {
        free(entry);
        free(copy);
        return error_set(err, E_MEMORY, "no memory for the program cache");
    }
    *entry = (struct device_program){device->programs, copy, program, path};
    device->programs = entry;
    return 0;
}

static int find_program(struct device *device, const char *file, const char *options,
                        const char *key, cl_program *program, struct error *err)
{
    for (struct device_program *entry = device->programs; entry; entry = entry->next)
        if (strcmp(entry->key, key) == 0) {
            *program = entry->program;
            return 0;
        }
    cl_program built = NULL;
    char *path = NULL;
    int failed = build_file(device, file, options, &built, &path, err);
    if (failed)
        return failed;
    failed = add_program(device, key, built, path, err);
    if (failed) {
        clReleaseProgram(built);
        free(path);
        return failed;
    }
    *program = built;
    return 0;
}

int device_kernel(struct device *device, const char *file, const char *options, const char *name,
                  cl_kernel *kernel, struct error *err)
{
    char *key = NULL;
    if (!options)
        options = "";
    if (asprintf(&key, "%s\n%s", file, options) < 0)
        return error_set(err, E_MEMORY, "no memory for the program cache");
    cl_program program = NULL;
    int failed = find_program(device, file, options, key, &program, err);
    free(key);
    if (failed)
        return failed;
    cl_int code = CL_SUCCESS;
    cl_kernel created = clCreateKernel(program, name, &code);
    if (!created)
        return error_set(err, device_cl_code(code), "clCreateKernel %s of %s: %s", name, file,
                         device_cl_error_name(code));
    *kernel = created;
    return 0;
}

void device_programs_free(struct device *device)
{
    while (device->programs) {
        struct device_program *entry = device->programs;
        device->programs = entry->next;
        clReleaseProgram(entry->program);
        free(entry->key);
        free(entry->path);
        free(entry);
    }
}
