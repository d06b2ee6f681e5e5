/*
 * An OpenCL device as the worker uses it: one context, one in-order queue, a
 * cache of built programs.
 *
 * A device belongs to one thread at a time. Every failure of OpenCL is an E_DEVICE (E_MEMORY where
 * memory ran out, E_LOST where the device or its queue is gone) whose text names the call and the
 * cl_int; a device stays usable after a failed call unless that was E_LOST. Several devices may be
 * open in a process, each on its own thread, and also the same one twice.
 */
#ifndef WORKER_DEVICE_H
#define WORKER_DEVICE_H

#include <CL/cl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define DEVICE_NAME_MAX 128

enum device_kind {
    DEVICE_CPU,
    DEVICE_GPU,
    DEVICE_OTHER,
};

struct device_info {
    int index; /* position in device_list's order; what --device N names */
    enum device_kind kind;
    char name[DEVICE_NAME_MAX];
    char driver[DEVICE_NAME_MAX]; /* platform and driver version */
    char vendor[DEVICE_NAME_MAX];
    unsigned compute_units;       /* of an open part of a CPU: the part's */
    uint64_t memory_bytes;
    uint64_t buffer_bytes; /* the largest buffer that the driver promises to give */
    uint64_t local_memory_bytes;
    size_t group_items; /* work-items of a group, at most */
};

/* "cpu", "gpu", "other" */
const char *device_kind_name(enum device_kind kind);

/* Before a process's first OpenCL call, where it uses a CPU as a whole: keeps each of the driver's threads to a
 * core of its own, for drivers that can (PoCL), since a kernel ends when the last of them does, and the system may
 * leave two on one core for milliseconds. Nothing where the process may not use every core, or the driver's
 * threads are limited, as several such processes would share the first cores. */
void device_keep_to_cores(void);

/* All devices of all platforms, at most `capacity` written; *count is how many there are.
 * No platform at all is success with *count = 0. */
MUST_CHECK int device_list(struct device_info *list, size_t capacity, size_t *count,
                           struct error *err);

struct device_options {
    unsigned threads;      /* CPU devices: use this many compute units (a sub-device); 0 = all */
    unsigned first_thread; /* where they begin, so that two parts of a CPU do not share cores */
    bool cached; /* take built programs from the cache on disk, and, by program_keeper.h, keep them there */
};

struct device; /* opaque */

/* Opens device number `index` of device_list's order. The caller closes it. */
MUST_CHECK int device_open(int index, const struct device_options *options, struct device **device,
                           struct error *err);
void device_close(struct device **device);

/* What runs on the device is given up once *stop is set, by another thread: see device_going. Borrowed; NULL: never. */
void device_stop_by(struct device *device, const atomic_bool *stop);
/* E_INTERRUPTED where it is. Asked before a network or a part of one is enqueued, and before a program is built; who
 * enqueues much without asking that way asks here. */
MUST_CHECK int device_going(const struct device *device, struct error *err);

/* Counts floating-point operations that were enqueued; the taker gets what came since it took last. */
void device_count_operations(struct device *device, double operations);
double device_take_operations(struct device *device);

const struct device_info *device_describe(const struct device *device);
cl_context device_context(const struct device *device);
cl_command_queue device_queue(const struct device *device);

/*
 * A kernel from an embedded (or, with FACEFARM_KERNELS=FOLDER in the environment, a replaced)
 * source, e.g. device_kernel(d, "gemm.cl", "-DTILE=8", "gemm", …). Programs are cached per device
 * by (source, options) for the life of the device. The caller releases the kernel with
 * clReleaseKernel.
 */
MUST_CHECK int device_kernel(struct device *device, const char *file, const char *options,
                             const char *name, cl_kernel *kernel, struct error *err);

/* Buffers. bytes > 0. The caller releases with clReleaseMemObject. */
MUST_CHECK int device_buffer(struct device *device, size_t bytes, cl_mem *buffer,
                             struct error *err);
MUST_CHECK int device_write(struct device *device, cl_mem buffer, size_t offset, const void *data,
                            size_t bytes, struct error *err); /* blocking */
MUST_CHECK int device_read(struct device *device, cl_mem buffer, size_t offset, void *data,
                           size_t bytes, struct error *err); /* blocking */
MUST_CHECK int device_finish(struct device *device, struct error *err);

/* A mark in the queue, which the device is told to get on with: *mark is complete when all that was enqueued before is.
 * device_await takes and nulls it (NULL: nothing to wait for), so that the host sees the time of one part while the device
 * is at the next. */
MUST_CHECK int device_mark(struct device *device, cl_event *mark, struct error *err);
MUST_CHECK int device_await(cl_event *mark, struct error *err);

/* Whether the device still answers: a few bytes to it and back. E_LOST where they do not return. */
MUST_CHECK int device_check(struct device *device, struct error *err);

/* Sets the arguments of `kernel` in order from (size, pointer) pairs ended by size 0, and enqueues
 * it over `dims` dimensions; `local` may be NULL. Checked like everything else. */
struct device_arg {
    size_t size;
    const void *value;
};
#define DEVICE_ARG(x) ((struct device_arg){sizeof(x), &(x)})
MUST_CHECK int device_launch(struct device *device, cl_kernel kernel, unsigned dims,
                             const size_t *global, const size_t *local,
                             const struct device_arg *args, size_t arg_count, struct error *err);

/* CL(call) style macro for those who call OpenCL themselves: sets err and returns what
 * device_cl_code makes of the cl_int, with the call's text, file, line and error name. */
const char *device_cl_error_name(cl_int code); /* "CL_OUT_OF_RESOURCES", … */

/* E_MEMORY for the codes that mean that memory ran out, E_LOST for those that mean that the device,
 * its context or its queue is gone, else E_DEVICE. */
int device_cl_code(cl_int code);

#define DEVICE_CL(err, call)                                                                       \
    do {                                                                                           \
        cl_int device_cl_code_ = (call);                                                           \
        if (device_cl_code_ != CL_SUCCESS)                                                         \
            return error_set((err), device_cl_code(device_cl_code_), "%s at %s:%d: %s", #call,     \
                             __FILE__, __LINE__, device_cl_error_name(device_cl_code_));           \
    } while (0)

#endif
