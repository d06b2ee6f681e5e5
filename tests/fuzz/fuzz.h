/* What a fuzz target defines: libFuzzer, or replay.c, calls it with one input. It returns 0 and
 * aborts where an invariant is broken. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
