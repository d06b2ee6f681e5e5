/* What device.c, device_program.c and the programs' cache share. */
#ifndef WORKER_DEVICE_PRIV_H
#define WORKER_DEVICE_PRIV_H

#include <stdbool.h>

#include "worker/device.h"
#include "worker/program_cache.h"

/* A built program of the device's cache; a singly linked list, newest first. */
struct device_program {
    struct device_program *next;
    char *key; /* "file\noptions" */
    cl_program program;
    char *path; /* where the cache would keep what was built from source; NULL: nothing to keep */
};

struct device {
    struct device_info info;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    struct device_program *programs;
    bool cached; /* programs come from the cache and go there */
    const atomic_bool *stop; /* NULL: nobody stops it */
    double operations; /* enqueued since they were taken last */
};

void device_programs_free(struct device *device);

#endif
