/* Text files compiled into the programs: kernels (.cl) and statements (.sql). */
#ifndef COMMON_EMBEDDED_H
#define COMMON_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char *name; /* the file's base name, e.g. "conv.cl" */
    const char *text; /* NUL-terminated content */
    size_t size;      /* bytes, without the NUL */
};

/* The entry called `name` in a table that ends with a NULL name, or NULL. */
const struct embedded_file *embedded_find(const struct embedded_file *table, const char *name);

#endif
