/* What device.c and device_program.c share. */
#ifndef WORKER_DEVICE_PRIV_H
#define WORKER_DEVICE_PRIV_H

#include "worker/device.h"

/* A built program of the device's cache; a singly linked list, newest first. */
struct device_program {
    struct device_program *next;
    char *key; /* "file\noptions" */
    cl_program program;
};

struct device {
    struct device_info info;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    struct device_program *programs;
};

void device_programs_free(struct device *device);

#endif
