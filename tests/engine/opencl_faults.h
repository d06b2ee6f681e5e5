/*
 * OpenCL calls that fail when a test wants it. Linked into a program this stands between our code
 * and the OpenCL loader: each call is counted, and forwarded or failed.
 *
 * A test sets what fails; a program that is started reads it from the environment:
 *
 *     FACEFARM_OPENCL_FAULTS="function=clEnqueueNDRangeKernel nth=300 code=-36 lost=1 openings=2"
 */
#ifndef TESTS_ENGINE_OPENCL_FAULTS_H
#define TESTS_ENGINE_OPENCL_FAULTS_H

#include <CL/cl.h>
#include <stdatomic.h>
#include <stdbool.h>

struct opencl_faults {
    const char *function; /* NULL: any of those that can fail; objects' releases never do */
    unsigned long nth;    /* the call of it that fails, from 1; 0: none */
    unsigned long times;  /* how many fail from there on; 0: one */
    cl_int code;
    size_t bytes; /* of clCreateBuffer: only calls for at least as many count */
    /* The device is lost with that call: everything the same thread enqueues fails, too, until it
     * has made a context again, which fails `openings` times. */
    bool lost;
    unsigned openings;
    atomic_bool *stop; /* not NULL: the nth call sets this, and does not fail */
};

/* Counts anew; NULL: nothing fails. */
void opencl_faults_set(const struct opencl_faults *faults);

/* Calls of the chosen function since opencl_faults_set, failed ones as well. */
unsigned long opencl_faults_calls(void);

/* Contexts, queues, buffers, programs and kernels made and not released since the program began. */
long opencl_faults_alive(void);

/* Bytes of the buffers alive, and the most there were since opencl_faults_set. */
size_t opencl_faults_bytes(void);
size_t opencl_faults_peak(void);

/* The function that failed first, or NULL. */
const char *opencl_faults_hit(void);

#endif
