/* NumPy's .npy files, version 1.0, little-endian float32 or float64, C order
 * (numpy.lib.format documents the form). */
#ifndef COMMON_NPY_H
#define COMMON_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NPY_RANK_MAX 8

struct npy {
    size_t rank;
    uint64_t dims[NPY_RANK_MAX];
    size_t elements;
    float *data;  /* float64 files are converted */
    double *wide; /* npy_read_double: instead of data */
};

MUST_CHECK int npy_read(const char *path, struct npy *npy, struct error *err);
/* The same in float64; float32 files are converted. */
MUST_CHECK int npy_read_double(const char *path, struct npy *npy, struct error *err);
void npy_free(struct npy *npy);
MUST_CHECK int npy_write(const char *path, const float *data, size_t rank, const uint64_t *dims,
                         struct error *err);

#endif
