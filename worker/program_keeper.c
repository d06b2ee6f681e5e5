/*
 * The thread has programs of its own (retained) in an array that nobody else touches; `stop` and `done` are all
 * that it shares with the device's thread.
 */
#include "worker/program_keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/device_priv.h"

#define LOWEST_PRIORITY 19

struct kept {
    cl_program program;
    char path[PROGRAM_PATH_MAX];
};

struct program_keeper {
    pthread_t thread;
    atomic_bool stop, done;
    size_t count;
    struct kept programs[];
};

static int write_program(const struct kept *kept, struct error *err)
{
    size_t size = 0;
    DEVICE_CL(err, clGetProgramInfo(kept->program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL));
    if (size == 0 || size > PROGRAM_BINARY_MAX)
        return error_set(err, E_LIMIT, "a binary of %zu bytes", size);
    unsigned char *binary = malloc(size);
    if (!binary)
        return error_set(err, E_MEMORY, "no memory for a binary of %zu bytes", size);
    cl_int code = clGetProgramInfo(kept->program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL);
    int failed = code == CL_SUCCESS
                     ? program_cache_write(kept->path, binary, size, err)
                     : error_set(err, device_cl_code(code), "clGetProgramInfo of binaries: %s",
                                 device_cl_error_name(code));
    free(binary);
    return failed;
}

static void *keep_all(void *state)
{
    struct program_keeper *keeper = state;
    setpriority(PRIO_PROCESS, (id_t)gettid(), LOWEST_PRIORITY);
    size_t written = 0;
    for (size_t i = 0; i < keeper->count && !atomic_load(&keeper->stop); i++) {
        struct error err = {0};
        if (write_program(&keeper->programs[i], &err))
            log_warning("a compiled kernel is not kept: %s", err.text);
        else
            written++;
    }
    log_debug("%zu of %zu compiled kernels are kept for the next start", written, keeper->count);
    atomic_store(&keeper->done, true);
    return NULL;
}

static void end(struct device *device)
{
    struct program_keeper *keeper = device->keeper;
    device->keeper = NULL;
    pthread_join(keeper->thread, NULL);
    for (size_t i = 0; i < keeper->count; i++)
        clReleaseProgram(keeper->programs[i].program);
    free(keeper);
}

static size_t count_new(const struct device *device)
{
    size_t count = 0;
    for (const struct device_program *entry = device->programs; entry; entry = entry->next)
        count += entry->path != NULL;
    return count;
}

/* Takes what is to be kept; each program once, whether that succeeds or not. */
static struct program_keeper *collect(struct device *device, size_t count)
{
    struct program_keeper *keeper = calloc(1, sizeof *keeper + count * sizeof *keeper->programs);
    for (struct device_program *entry = device->programs; keeper && entry; entry = entry->next) {
        if (!entry->path)
            continue;
        struct kept *kept = &keeper->programs[keeper->count++];
        kept->program = entry->program;
        clRetainProgram(entry->program);
        snprintf(kept->path, sizeof kept->path, "%s", entry->path);
        free(entry->path);
        entry->path = NULL;
    }
    return keeper;
}

void device_keep_programs(struct device *device)
{
    if (device->keeper && !atomic_load(&device->keeper->done))
        return;
    if (device->keeper)
        end(device);
    size_t count = count_new(device);
    struct program_keeper *keeper = count > 0 ? collect(device, count) : NULL;
    if (!keeper)
        return;
    device->keeper = keeper;
    if (pthread_create(&keeper->thread, NULL, keep_all, keeper) == 0)
        return;
    log_warning("no thread to keep %zu compiled kernels", count);
    device->keeper = NULL;
    for (size_t i = 0; i < count; i++)
        clReleaseProgram(keeper->programs[i].program);
    free(keeper);
}

void device_keep_wait(struct device *device)
{
    if (device->keeper)
        end(device);
}

void program_keeper_stop(struct device *device)
{
    if (!device->keeper)
        return;
    atomic_store(&device->keeper->stop, true);
    end(device);
}
