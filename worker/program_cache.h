/*
 * Programs that a driver has built, on disk: FOLDER/programs/DEVICE/KEY, with FOLDER from FACEFARM_CACHE, or
 * XDG_CACHE_HOME/facefarm, or HOME/.cache/facefarm (without any, nothing is kept). KEY is the SHA-256 of the
 * source and its options, DEVICE of what the device and its driver call themselves, so a file is never of
 * another kernel or machine. A file is a line "facefarm-program/1 SHA256" and the binary of that digest.
 */
#ifndef WORKER_PROGRAM_CACHE_H
#define WORKER_PROGRAM_CACHE_H

#include "common/buffer.h"
#include "worker/device.h"

#define PROGRAM_PATH_MAX 1280
#define PROGRAM_BINARY_MAX ((size_t)64 << 20) /* bytes of a file */
#define PROGRAMS_KEPT 2048                    /* files of a device: one more drops the oldest */

/* Where the program of `text` with `options` lies, or would lie; "" where nothing is kept. */
void program_cache_path(const struct device *device, const char *options, const char *text,
                        char path[PROGRAM_PATH_MAX]);

/* The binary of the file into the empty `binary`, which the caller frees. E_NOT_FOUND where there is none, E_PARSE
 * where it is damaged. */
MUST_CHECK int program_cache_read(const char *path, struct buffer *binary, struct error *err);

/* Writes the file, whole or not at all. */
MUST_CHECK int program_cache_write(const char *path, const void *binary, size_t size,
                                   struct error *err);

#endif
