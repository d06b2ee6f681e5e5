/*
 * The functions that our code calls, defined here, so that the linker takes these; the loader's own
 * are found behind them. Calls come from several threads: counting is under a mutex, and a lost
 * device is one thread's.
 */
#include "tests/engine/opencl_faults.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct opencl_faults wanted;
static unsigned long calls;
static long alive;
static size_t bytes, peak;
static const char *hit;
static char function_name[64];
static _Thread_local bool lost;
static _Thread_local unsigned openings;

void opencl_faults_set(const struct opencl_faults *faults)
{
    pthread_mutex_lock(&mutex);
    wanted = faults ? *faults : (struct opencl_faults){0};
    calls = 0;
    hit = NULL;
    peak = bytes;
    lost = false;
    openings = 0;
    pthread_mutex_unlock(&mutex);
}

unsigned long opencl_faults_calls(void)
{
    return calls;
}

long opencl_faults_alive(void)
{
    return alive;
}

size_t opencl_faults_bytes(void)
{
    return bytes;
}

size_t opencl_faults_peak(void)
{
    return peak;
}

const char *opencl_faults_hit(void)
{
    return hit;
}

/* The number behind "name=", or 0. */
static long read_number(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("FACEFARM_OPENCL_FAULTS");
    const char *function = text ? strstr(text, "function=") : NULL;
    if (!text)
        return;
    if (function && sscanf(function, "function=%63s", function_name) == 1)
        wanted.function = function_name;
    wanted.nth = (unsigned long)read_number(text, "nth=");
    wanted.times = (unsigned long)read_number(text, "times=");
    wanted.code = (cl_int)read_number(text, "code=");
    wanted.lost = read_number(text, "lost=") != 0;
    wanted.openings = (unsigned)read_number(text, "openings=");
}

static bool needs_queue(const char *function)
{
    return strncmp(function, "clEnqueue", 9) == 0 || strcmp(function, "clFinish") == 0 ||
           strcmp(function, "clFlush") == 0;
}

/* Under the mutex. What becomes of a lost device's call. */
static cl_int fail_lost(const char *function)
{
    if (strcmp(function, "clCreateContext") != 0)
        return needs_queue(function) ? wanted.code : CL_SUCCESS;
    if (openings > 0) {
        openings--;
        return wanted.code;
    }
    lost = false;
    return CL_SUCCESS;
}

/* The code that this call, for `size` bytes, is to fail with, or CL_SUCCESS. */
static cl_int fault_of(const char *function, size_t size)
{
    cl_int code = CL_SUCCESS;
    pthread_mutex_lock(&mutex);
    if (lost)
        code = fail_lost(function);
    if ((!wanted.function || strcmp(wanted.function, function) == 0) && size >= wanted.bytes) {
        unsigned long call = ++calls, times = wanted.times ? wanted.times : 1;
        if (wanted.stop) {
            if (call == wanted.nth)
                atomic_store(wanted.stop, true);
        } else if (wanted.nth > 0 && call >= wanted.nth && call - wanted.nth < times) {
            code = wanted.code;
            hit = hit ? hit : function;
            lost = wanted.lost;
            openings = wanted.openings;
        }
    }
    pthread_mutex_unlock(&mutex);
    return code;
}

static void count_alive(long change)
{
    pthread_mutex_lock(&mutex);
    alive += change;
    pthread_mutex_unlock(&mutex);
}

static void *behind(const char *function)
{
    void *found = dlsym(RTLD_NEXT, function);
    if (!found) {
        fprintf(stderr, "no library behind opencl_faults.c has %s\n", function);
        abort();
    }
    return found;
}

/* A function that answers a cl_int. */
#define STATUS(name, parameters, arguments)                                                        \
    CL_API_ENTRY cl_int CL_API_CALL name parameters                                                \
    {                                                                                              \
        cl_int(*real) parameters = (cl_int(*) parameters)behind(#name);                            \
        cl_int code = fault_of(#name, 0);                                                          \
        return code ? code : real arguments;                                                       \
    }

/* A function that answers an object, and its cl_int through `errcode`. */
#define OBJECT(type, name, parameters, arguments)                                                  \
    CL_API_ENTRY type CL_API_CALL name parameters                                                  \
    {                                                                                              \
        type(*real) parameters = (type(*) parameters)behind(#name);                                \
        cl_int code = fault_of(#name, 0);                                                          \
        if (code == CL_SUCCESS) {                                                                  \
            type made = real arguments;                                                            \
            count_alive(made != NULL);                                                             \
            return made;                                                                           \
        }                                                                                          \
        if (errcode)                                                                               \
            *errcode = code;                                                                       \
        return NULL;                                                                               \
    }

#define RELEASE(type, name)                                                                        \
    CL_API_ENTRY cl_int CL_API_CALL name(type object)                                              \
    {                                                                                              \
        cl_int (*real)(type) = (cl_int(*)(type))behind(#name);                                     \
        count_alive(-1);                                                                           \
        return real(object);                                                                       \
    }

RELEASE(cl_context, clReleaseContext)
RELEASE(cl_command_queue, clReleaseCommandQueue)
RELEASE(cl_program, clReleaseProgram)
RELEASE(cl_kernel, clReleaseKernel)
RELEASE(cl_event, clReleaseEvent)

CL_API_ENTRY cl_int CL_API_CALL clRetainProgram(cl_program program)
{
    cl_int (*real)(cl_program) = (cl_int(*)(cl_program))behind("clRetainProgram");
    count_alive(1); /* one more to release */
    return real(program);
}

STATUS(clGetPlatformIDs, (cl_uint entries, cl_platform_id *ids, cl_uint *count),
       (entries, ids, count))
STATUS(clGetPlatformInfo,
       (cl_platform_id platform, cl_platform_info name, size_t size, void *value, size_t *used),
       (platform, name, size, value, used))
STATUS(clGetDeviceIDs,
       (cl_platform_id platform, cl_device_type type, cl_uint entries, cl_device_id *ids,
        cl_uint *count),
       (platform, type, entries, ids, count))
STATUS(clGetDeviceInfo,
       (cl_device_id device, cl_device_info name, size_t size, void *value, size_t *used),
       (device, name, size, value, used))
STATUS(clCreateSubDevices,
       (cl_device_id device, const cl_device_partition_property *properties, cl_uint entries,
        cl_device_id *ids, cl_uint *count),
       (device, properties, entries, ids, count))
OBJECT(cl_context, clCreateContext,
       (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
        void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data,
        cl_int *errcode),
       (properties, count, devices, notify, data, errcode))
OBJECT(cl_command_queue, clCreateCommandQueue,
       (cl_context context, cl_device_id device, cl_command_queue_properties properties,
        cl_int *errcode),
       (context, device, properties, errcode))
STATUS(clGetCommandQueueInfo,
       (cl_command_queue queue, cl_command_queue_info name, size_t size, void *value, size_t *used),
       (queue, name, size, value, used))
OBJECT(cl_mem, clCreateSubBuffer,
       (cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type, const void *info,
        cl_int *errcode),
       (buffer, flags, type, info, errcode))
OBJECT(cl_program, clCreateProgramWithSource,
       (cl_context context, cl_uint count, const char **strings, const size_t *lengths,
        cl_int *errcode),
       (context, count, strings, lengths, errcode))
OBJECT(cl_program, clCreateProgramWithBinary,
       (cl_context context, cl_uint count, const cl_device_id *devices, const size_t *lengths,
        const unsigned char **binaries, cl_int *statuses, cl_int *errcode),
       (context, count, devices, lengths, binaries, statuses, errcode))
STATUS(clBuildProgram,
       (cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
        void(CL_CALLBACK *notify)(cl_program, void *), void *data),
       (program, count, devices, options, notify, data))
STATUS(clGetProgramInfo,
       (cl_program program, cl_program_info name, size_t size, void *value, size_t *used),
       (program, name, size, value, used))
STATUS(clGetProgramBuildInfo,
       (cl_program program, cl_device_id device, cl_program_build_info name, size_t size,
        void *value, size_t *used),
       (program, device, name, size, value, used))
OBJECT(cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *errcode),
       (program, name, errcode))
STATUS(clGetKernelInfo,
       (cl_kernel kernel, cl_kernel_info name, size_t size, void *value, size_t *used),
       (kernel, name, size, value, used))
STATUS(clSetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value),
       (kernel, index, size, value))
STATUS(clEnqueueNDRangeKernel,
       (cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *offset,
        const size_t *global, const size_t *local, cl_uint waits, const cl_event *wait,
        cl_event *event),
       (queue, kernel, dims, offset, global, local, waits, wait, event))
STATUS(clEnqueueReadBuffer,
       (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
        void *to, cl_uint waits, const cl_event *wait, cl_event *event),
       (queue, buffer, blocking, offset, size, to, waits, wait, event))
STATUS(clEnqueueWriteBuffer,
       (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
        const void *from, cl_uint waits, const cl_event *wait, cl_event *event),
       (queue, buffer, blocking, offset, size, from, waits, wait, event))
STATUS(clWaitForEvents, (cl_uint count, const cl_event *events), (count, events))
STATUS(clFlush, (cl_command_queue queue), (queue))
STATUS(clFinish, (cl_command_queue queue), (queue))

CL_API_ENTRY cl_int CL_API_CALL clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint waits,
                                                            const cl_event *wait, cl_event *event)
{
    cl_int (*real)(cl_command_queue, cl_uint, const cl_event *, cl_event *) = (cl_int(*)(
        cl_command_queue, cl_uint, const cl_event *, cl_event *))behind("clEnqueueMarkerWithWaitList");
    cl_int code = fault_of("clEnqueueMarkerWithWaitList", 0);
    if (code == CL_SUCCESS)
        code = real(queue, waits, wait, event);
    count_alive(code == CL_SUCCESS);
    return code;
}

/* ---- buffers, whose bytes are counted ---- */

CL_API_ENTRY cl_mem CL_API_CALL clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size,
                                               void *host, cl_int *errcode)
{
    cl_mem (*real)(cl_context, cl_mem_flags, size_t, void *, cl_int *) =
        (cl_mem(*)(cl_context, cl_mem_flags, size_t, void *, cl_int *))behind("clCreateBuffer");
    cl_int code = fault_of("clCreateBuffer", size);
    cl_mem made = code ? NULL : real(context, flags, size, host, &code);
    if (errcode)
        *errcode = code;
    pthread_mutex_lock(&mutex);
    alive += made != NULL;
    bytes += made ? size : 0;
    peak = bytes > peak ? bytes : peak;
    pthread_mutex_unlock(&mutex);
    return made;
}

CL_API_ENTRY cl_int CL_API_CALL clReleaseMemObject(cl_mem object)
{
    cl_int (*real)(cl_mem) = (cl_int(*)(cl_mem))behind("clReleaseMemObject");
    cl_int (*info)(cl_mem, cl_mem_info, size_t, void *, size_t *) =
        (cl_int(*)(cl_mem, cl_mem_info, size_t, void *, size_t *))behind("clGetMemObjectInfo");
    cl_mem whole = NULL;
    size_t size = 0;
    info(object, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof whole, &whole, NULL);
    info(object, CL_MEM_SIZE, sizeof size, &size, NULL);
    pthread_mutex_lock(&mutex);
    alive--;
    bytes -= whole ? 0 : size; /* a sub-buffer has none of its own */
    pthread_mutex_unlock(&mutex);
    return real(object);
}
