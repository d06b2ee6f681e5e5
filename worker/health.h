/*
 * How a device does: counted by its compute thread, read by its network thread for heartbeats.
 */
#ifndef WORKER_HEALTH_H
#define WORKER_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "worker/device.h"

struct health {         /* zeroed at the start */
    atomic_llong busy;  /* nanoseconds of tasks that have ended */
    atomic_llong since; /* clock_now() when the present one began, 0: none */
    atomic_llong mflop;
};

/* Around a task; `operations` of the networks that it ran. */
void health_begin(struct health *health);
void health_end(struct health *health, double operations);
/* Microseconds busy until now. */
uint64_t health_busy_us(const struct health *health);

struct health_sensor { /* zeroed at the start */
    char path[600];    /* "": none was found */
    bool looked;
};

/*
 * The temperature that Linux's hwmon tells (`root`: /sys/class/hwmon) of the only CPU, or GPU, that
 * it knows: the first input of its driver (coretemp, k10temp, amdgpu, …). 0 where there is none or
 * more than one, since nothing says which of them OpenCL means. OpenCL itself does not tell
 * temperatures. The sensor is looked for once, and again where it cannot be read any more.
 */
#define HEALTH_HWMON "/sys/class/hwmon"
uint64_t health_millikelvin(struct health_sensor *sensor, const char *root, enum device_kind kind);

#endif
