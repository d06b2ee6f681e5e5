/*
 * OpenCL devices: listing, opening, buffers, launches.
 *
 * The order of device_list (platforms as the loader gives them, devices as each platform gives
 * them) is what an index means, so it is computed the same way for listing and for opening.
 * A device belongs to one thread at a time; nothing here is shared between devices.
 */
#include "worker/device.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/text.h"
#include "worker/device_priv.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define PLATFORMS_MAX 16
#define DEVICES_PER_PLATFORM_MAX 64
/* What ICD loaders answer where no driver is installed (cl_khr_icd; not in the 1.2 headers). */
#define PLATFORM_NOT_FOUND (-1001)
/* What NVIDIA's driver answers for a kernel that touched memory that is not its own; the context is
 * of no use after it. */
#define ILLEGAL_ACCESS (-9999)

#define CL_NAMES(X)                                                                                \
    X(CL_SUCCESS)                                                                                  \
    X(CL_DEVICE_NOT_FOUND)                                                                         \
    X(CL_DEVICE_NOT_AVAILABLE)                                                                     \
    X(CL_COMPILER_NOT_AVAILABLE)                                                                   \
    X(CL_MEM_OBJECT_ALLOCATION_FAILURE)                                                            \
    X(CL_OUT_OF_RESOURCES)                                                                         \
    X(CL_OUT_OF_HOST_MEMORY)                                                                       \
    X(CL_PROFILING_INFO_NOT_AVAILABLE)                                                             \
    X(CL_MEM_COPY_OVERLAP)                                                                         \
    X(CL_BUILD_PROGRAM_FAILURE)                                                                    \
    X(CL_MAP_FAILURE)                                                                              \
    X(CL_MISALIGNED_SUB_BUFFER_OFFSET)                                                             \
    X(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)                                                \
    X(CL_COMPILE_PROGRAM_FAILURE)                                                                  \
    X(CL_LINKER_NOT_AVAILABLE)                                                                     \
    X(CL_LINK_PROGRAM_FAILURE)                                                                     \
    X(CL_DEVICE_PARTITION_FAILED)                                                                  \
    X(CL_KERNEL_ARG_INFO_NOT_AVAILABLE)                                                            \
    X(CL_INVALID_VALUE)                                                                            \
    X(CL_INVALID_DEVICE_TYPE)                                                                      \
    X(CL_INVALID_PLATFORM)                                                                         \
    X(CL_INVALID_DEVICE)                                                                           \
    X(CL_INVALID_CONTEXT)                                                                          \
    X(CL_INVALID_QUEUE_PROPERTIES)                                                                 \
    X(CL_INVALID_COMMAND_QUEUE)                                                                    \
    X(CL_INVALID_HOST_PTR)                                                                         \
    X(CL_INVALID_MEM_OBJECT)                                                                       \
    X(CL_INVALID_BINARY)                                                                           \
    X(CL_INVALID_BUILD_OPTIONS)                                                                    \
    X(CL_INVALID_PROGRAM)                                                                          \
    X(CL_INVALID_PROGRAM_EXECUTABLE)                                                               \
    X(CL_INVALID_KERNEL_NAME)                                                                      \
    X(CL_INVALID_KERNEL_DEFINITION)                                                                \
    X(CL_INVALID_KERNEL)                                                                           \
    X(CL_INVALID_ARG_INDEX)                                                                        \
    X(CL_INVALID_ARG_VALUE)                                                                        \
    X(CL_INVALID_ARG_SIZE)                                                                         \
    X(CL_INVALID_KERNEL_ARGS)                                                                      \
    X(CL_INVALID_WORK_DIMENSION)                                                                   \
    X(CL_INVALID_WORK_GROUP_SIZE)                                                                  \
    X(CL_INVALID_WORK_ITEM_SIZE)                                                                   \
    X(CL_INVALID_GLOBAL_OFFSET)                                                                    \
    X(CL_INVALID_EVENT_WAIT_LIST)                                                                  \
    X(CL_INVALID_EVENT)                                                                            \
    X(CL_INVALID_OPERATION)                                                                        \
    X(CL_INVALID_BUFFER_SIZE)                                                                      \
    X(CL_INVALID_GLOBAL_WORK_SIZE)                                                                 \
    X(CL_INVALID_PROPERTY)                                                                         \
    X(CL_INVALID_COMPILER_OPTIONS)                                                                 \
    X(CL_INVALID_LINKER_OPTIONS)                                                                   \
    X(CL_INVALID_DEVICE_PARTITION_COUNT)

const char *device_cl_error_name(cl_int code)
{
    switch (code) {
#define NAME(name)                                                                                 \
    case name:                                                                                     \
        return #name;
        CL_NAMES(NAME)
#undef NAME
    }
    return "unknown OpenCL error";
}

int device_cl_code(cl_int code)
{
    switch (code) {
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_OUT_OF_RESOURCES: /* device_check tells whether it is more than memory */
    case CL_OUT_OF_HOST_MEMORY:
    case CL_INVALID_BUFFER_SIZE:
        return E_MEMORY;
    case CL_DEVICE_NOT_AVAILABLE:
    case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST:
    case CL_INVALID_DEVICE:
    case CL_INVALID_CONTEXT:
    case CL_INVALID_COMMAND_QUEUE:
    case ILLEGAL_ACCESS:
        return E_LOST;
    }
    return E_DEVICE;
}

const char *device_kind_name(enum device_kind kind)
{
    static const char *const names[] = {
        [DEVICE_CPU] = "cpu", [DEVICE_GPU] = "gpu", [DEVICE_OTHER] = "other"};
    return names[kind];
}

static enum device_kind kind_of(cl_device_type type)
{
    if (type & CL_DEVICE_TYPE_CPU) /* also what calls itself everything, as oclgrind does */
        return DEVICE_CPU;
    return type & CL_DEVICE_TYPE_GPU ? DEVICE_GPU : DEVICE_OTHER;
}

static int read_info(cl_platform_id platform, cl_device_id id, struct device_info *info,
                     struct error *err)
{
    char name[512] = "", platform_name[256] = "", driver[256] = "";
    cl_device_type type = 0;
    cl_uint units = 0;
    cl_ulong memory = 0, buffer = 0, local = 0;
    size_t items = 0;
    char vendor[256] = "";
    DEVICE_CL(err, clGetDeviceInfo(id, CL_DEVICE_VENDOR, sizeof vendor - 1, vendor, NULL));
    DEVICE_CL(err, clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof items, &items, NULL));
    DEVICE_CL(err, clGetDeviceInfo(id, CL_DEVICE_NAME, sizeof name - 1, name, NULL));
    DEVICE_CL(err, clGetDeviceInfo(id, CL_DRIVER_VERSION, sizeof driver - 1, driver, NULL));
    DEVICE_CL(err, clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof platform_name - 1,
                                     platform_name, NULL));
    DEVICE_CL(err, clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof type, &type, NULL));
    DEVICE_CL(err, clGetDeviceInfo(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL));
    DEVICE_CL(err, clGetDeviceInfo(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL));
    DEVICE_CL(err, clGetDeviceInfo(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof buffer, &buffer, NULL));
    DEVICE_CL(err, clGetDeviceInfo(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local, NULL));
    info->kind = kind_of(type);
    info->compute_units = units;
    info->memory_bytes = memory;
    info->buffer_bytes = buffer;
    info->local_memory_bytes = local;
    info->group_items = items;
    snprintf(info->vendor, sizeof info->vendor, "%.*s", DEVICE_NAME_MAX - 1, vendor);
    snprintf(info->name, sizeof info->name, "%.*s", DEVICE_NAME_MAX - 1, name);
    snprintf(info->driver, sizeof info->driver, "%.80s %.40s", platform_name, driver);
    text_scrub_line(info->vendor); /* a driver may call its device what it likes */
    text_scrub_line(info->name);
    text_scrub_line(info->driver);
    return 0;
}

/* Calls `visit` for each device in the order that gives indices; stops when it answers non-zero. */
struct visit {
    int (*visit)(struct visit *self, int index, cl_platform_id platform, cl_device_id id,
                 struct error *err);
    void *state;
    bool done;
};

static int visit_devices(struct visit *visit, struct error *err)
{
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint platform_count = 0;
    cl_int code = clGetPlatformIDs(PLATFORMS_MAX, platforms, &platform_count);
    if (code == PLATFORM_NOT_FOUND)
        return 0;
    if (code != CL_SUCCESS)
        return error_set(err, device_cl_code(code), "clGetPlatformIDs: %s",
                         device_cl_error_name(code));
    int index = 0;
    for (cl_uint p = 0; p < platform_count && p < PLATFORMS_MAX; p++) {
        cl_device_id ids[DEVICES_PER_PLATFORM_MAX];
        cl_uint count = 0;
        code =
            clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, DEVICES_PER_PLATFORM_MAX, ids, &count);
        if (code != CL_SUCCESS) /* a platform without devices, or a driver that does not start */
            continue;
        for (cl_uint d = 0; d < count && d < DEVICES_PER_PLATFORM_MAX; d++, index++) {
            int failed = visit->visit(visit, index, platforms[p], ids[d], err);
            if (failed || visit->done)
                return failed;
        }
    }
    return 0;
}

struct listing {
    struct device_info *list;
    size_t capacity, count;
};

static int visit_to_list(struct visit *self, int index, cl_platform_id platform, cl_device_id id,
                         struct error *err)
{
    struct listing *listing = self->state;
    if (listing->count < listing->capacity) {
        struct device_info info = {.index = index};
        int failed = read_info(platform, id, &info, err);
        if (failed)
            return failed;
        listing->list[listing->count] = info;
    }
    listing->count++;
    return 0;
}

void device_keep_to_cores(void)
{
    cpu_set_t may;
    if (sched_getaffinity(0, sizeof may, &may) != 0 || CPU_COUNT(&may) != sysconf(_SC_NPROCESSORS_CONF))
        return;
    /* Both names that PoCL's releases have had. */
    if (!getenv("POCL_MAX_PTHREAD_COUNT") && !getenv("POCL_CPU_MAX_CU_COUNT"))
        (void)setenv("POCL_AFFINITY", "1", 0);
}

int device_list(struct device_info *list, size_t capacity, size_t *count, struct error *err)
{
    struct listing listing = {list, capacity, 0};
    struct visit visit = {visit_to_list, &listing, false};
    int failed = visit_devices(&visit, err);
    if (failed)
        return failed;
    *count = listing.count;
    return 0;
}

static int visit_to_open(struct visit *self, int index, cl_platform_id platform, cl_device_id id,
                         struct error *err)
{
    struct device *device = self->state;
    if (index != device->info.index)
        return 0;
    device->id = id;
    self->done = true;
    return read_info(platform, id, &device->info, err);
}

/*
 * Makes the device a sub-device of the threads asked for. Sub-devices that are cut in one call lie
 * side by side, so the threads before ours are cut off, too. They are never released: after
 * clFinish PoCL's threads may still look at the device of a command that has ended (PoCL 3.1 dies
 * of it), and nothing says when they do not. That costs some hundred bytes each time a CPU is
 * opened in part.
 */
static int limit_threads(struct device *device, const struct device_options *options,
                         struct error *err)
{
    struct device_info *info = &device->info;
    if (options->threads == 0 || info->kind != DEVICE_CPU ||
        (options->first_thread == 0 && options->threads >= info->compute_units))
        return 0;
    cl_device_partition_property by_counts[5] = {CL_DEVICE_PARTITION_BY_COUNTS};
    cl_uint parts = 0;
    if (options->first_thread > 0)
        by_counts[++parts] = options->first_thread;
    by_counts[++parts] = options->threads;
    by_counts[parts + 1] = CL_DEVICE_PARTITION_BY_COUNTS_LIST_END;
    cl_device_id cut[2] = {NULL};
    DEVICE_CL(err, clCreateSubDevices(device->id, by_counts, parts, cut, NULL));
    device->id = cut[parts - 1];
    info->compute_units = options->threads;
    return 0;
}

static int create_queue(struct device *device, struct error *err)
{
    cl_int code = CL_SUCCESS;
    device->context = clCreateContext(NULL, 1, &device->id, NULL, NULL, &code);
    if (!device->context)
        return error_set(err, device_cl_code(code), "clCreateContext on %s: %s", device->info.name,
                         device_cl_error_name(code));
    device->queue = clCreateCommandQueue(device->context, device->id, 0, &code);
    if (!device->queue)
        return error_set(err, device_cl_code(code), "clCreateCommandQueue on %s: %s",
                         device->info.name, device_cl_error_name(code));
    return 0;
}

static int fill_device(struct device *device, const struct device_options *options,
                       struct error *err)
{
    struct visit visit = {visit_to_open, device, false};
    int failed = visit_devices(&visit, err);
    if (failed)
        return failed;
    if (!visit.done)
        return error_set(err, E_NOT_FOUND, "there is no OpenCL device %d", device->info.index);
    failed = options ? limit_threads(device, options, err) : 0;
    return failed ? failed : create_queue(device, err);
}

int device_open(int index, const struct device_options *options, struct device **device,
                struct error *err)
{
    struct device *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for a device");
    opened->info.index = index;
    opened->cached = options && options->cached;
    int failed = fill_device(opened, options, err);
    if (failed) {
        device_close(&opened);
        return failed;
    }
    *device = opened;
    return 0;
}

void device_close(struct device **device)
{
    struct device *closed = *device;
    if (!closed)
        return;
    *device = NULL;
    if (closed->queue) {
        clFinish(closed->queue);
        clReleaseCommandQueue(closed->queue);
    }
    device_programs_free(closed);
    if (closed->context)
        clReleaseContext(closed->context);
    free(closed);
}

void device_stop_by(struct device *device, const atomic_bool *stop)
{
    device->stop = stop;
}

int device_going(const struct device *device, struct error *err)
{
    return device->stop && atomic_load(device->stop)
               ? error_set(err, E_INTERRUPTED, "nobody waits for what runs on the device")
               : 0;
}

void device_count_operations(struct device *device, double operations)
{
    device->operations += operations;
}

double device_take_operations(struct device *device)
{
    double operations = device->operations;
    device->operations = 0;
    return operations;
}

const struct device_info *device_describe(const struct device *device)
{
    return &device->info;
}

cl_context device_context(const struct device *device)
{
    return device->context;
}

cl_command_queue device_queue(const struct device *device)
{
    return device->queue;
}

static void CL_CALLBACK free_memory(cl_mem buffer, void *memory)
{
    (void)buffer;
    free(memory);
}

/* A large buffer of a CPU lies in huge pages: the kernels' streams of weights are then not held up at
 * every 4 KiB by a miss of the TLB. NULL: the driver allocates. */
static void *huge_memory(const struct device *device, size_t bytes)
{
    if (device->info.kind != DEVICE_CPU || bytes < HUGE_PAGE_BYTES ||
        bytes > device->info.memory_bytes)
        return NULL;
    size_t whole = (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    void *memory = aligned_alloc(HUGE_PAGE_BYTES, whole);
    if (memory)
        madvise(memory, whole, MADV_HUGEPAGE); /* advice: what it answers does not matter */
    return memory;
}

int device_buffer(struct device *device, size_t bytes, cl_mem *buffer, struct error *err)
{
    cl_int code = CL_SUCCESS;
    void *memory = huge_memory(device, bytes);
    cl_mem created =
        clCreateBuffer(device->context, CL_MEM_READ_WRITE | (memory ? CL_MEM_USE_HOST_PTR : 0),
                       bytes, memory, &code);
    if (!created) {
        free(memory);
        return error_set(err, device_cl_code(code), "clCreateBuffer of %zu bytes on %s: %s", bytes,
                         device->info.name, device_cl_error_name(code));
    }
    if (memory) {
        code = clSetMemObjectDestructorCallback(created, free_memory, memory);
        if (code != CL_SUCCESS) {
            clReleaseMemObject(created);
            free(memory);
            return error_set(err, E_DEVICE, "clSetMemObjectDestructorCallback on %s: %s",
                             device->info.name, device_cl_error_name(code));
        }
    }
    *buffer = created;
    return 0;
}

int device_write(struct device *device, cl_mem buffer, size_t offset, const void *data,
                 size_t bytes, struct error *err)
{
    DEVICE_CL(err, clEnqueueWriteBuffer(device->queue, buffer, CL_TRUE, offset, bytes, data, 0,
                                        NULL, NULL));
    return 0;
}

int device_read(struct device *device, cl_mem buffer, size_t offset, void *data, size_t bytes,
                struct error *err)
{
    DEVICE_CL(err, clEnqueueReadBuffer(device->queue, buffer, CL_TRUE, offset, bytes, data, 0, NULL,
                                       NULL));
    return 0;
}

int device_finish(struct device *device, struct error *err)
{
    DEVICE_CL(err, clFinish(device->queue));
    return 0;
}

int device_mark(struct device *device, cl_event *mark, struct error *err)
{
    cl_event made = NULL;
    DEVICE_CL(err, clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &made));
    cl_int code = clFlush(device->queue);
    if (code != CL_SUCCESS) {
        clReleaseEvent(made);
        return error_set(err, device_cl_code(code), "clFlush on %s: %s", device->info.name,
                         device_cl_error_name(code));
    }
    *mark = made;
    return 0;
}

int device_await(cl_event *mark, struct error *err)
{
    cl_event awaited = *mark;
    if (!awaited)
        return 0;
    *mark = NULL;
    cl_int code = clWaitForEvents(1, &awaited);
    clReleaseEvent(awaited);
    if (code != CL_SUCCESS)
        return error_set(err, device_cl_code(code), "clWaitForEvents: %s", device_cl_error_name(code));
    return 0;
}

int device_check(struct device *device, struct error *err)
{
    const uint32_t sent = 0x5eed;
    uint32_t returned = 0;
    cl_mem buffer = NULL;
    int failed = device_buffer(device, sizeof sent, &buffer, err);
    if (!failed)
        failed = device_write(device, buffer, 0, &sent, sizeof sent, err);
    if (!failed)
        failed = device_read(device, buffer, 0, &returned, sizeof returned, err);
    if (!failed)
        failed = device_finish(device, err);
    if (!failed && returned != sent)
        failed = error_set(err, E_LOST, "wrote %#x, read %#x", sent, returned);
    if (buffer)
        clReleaseMemObject(buffer);
    if (!failed)
        return 0;
    error_prefix(err, failed, "%s does not answer", device->info.name);
    if (err)
        err->code = E_LOST;
    return E_LOST;
}

int device_launch(struct device *device, cl_kernel kernel, unsigned dims, const size_t *global,
                  const size_t *local, const struct device_arg *args, size_t arg_count,
                  struct error *err)
{
    for (size_t i = 0; i < arg_count && args[i].size > 0; i++) {
        cl_int code = clSetKernelArg(kernel, (cl_uint)i, args[i].size, args[i].value);
        if (code != CL_SUCCESS)
            return error_set(err, device_cl_code(code), "clSetKernelArg %zu of %zu bytes: %s", i,
                             args[i].size, device_cl_error_name(code));
    }
    cl_int code =
        clEnqueueNDRangeKernel(device->queue, kernel, dims, NULL, global, local, 0, NULL, NULL);
    if (code != CL_SUCCESS) {
        char name[128] = "?";
        clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL);
        return error_set(err, device_cl_code(code), "clEnqueueNDRangeKernel of %s: %s", name,
                         device_cl_error_name(code));
    }
    return 0;
}
