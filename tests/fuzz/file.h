/* An input as a file that has a path, for decoders that read files: in memory, one for the whole process. */
#ifndef TESTS_FUZZ_FILE_H
#define TESTS_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Replaces the file's content; returns its path. */
const char *fuzz_file(const uint8_t *head, size_t head_size, const uint8_t *data, size_t size);

/* Makes a folder below `above` that goes with the process, and all that is in it; returns its path. Once a process. */
const char *fuzz_folder(const char *above);

#endif
