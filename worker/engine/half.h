/*
 * Numbers as float16 in a device's memory. Arithmetic is float32 always: kernels widen what they
 * read (vload_half, which OpenCL 1.0 has without any extension).
 */
#ifndef WORKER_ENGINE_HALF_H
#define WORKER_ENGINE_HALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if float16 has all of these, to the bit. */
bool half_holds(const float *numbers, size_t count);

/* Numbers that it has, as float16. */
void half_from_floats(const float *from, size_t count, uint16_t *to);

#endif
