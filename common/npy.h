/* NumPy's .npy files, version 1.0, little-endian float32 or float64, C order
 * (numpy.lib.format documents the form). */
#ifndef COMMON_NPY_H
#define COMMON_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"

#define NPY_RANK_MAX 8
#define NPY_BYTES_MOST ((size_t)1 << 30) /* of a file that is read */

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
/* npy_read of a file in memory. */
MUST_CHECK int npy_parse(const void *data, size_t size, struct npy *npy, struct error *err);
void npy_free(struct npy *npy);
/* Appends what npy_write writes. */
MUST_CHECK int npy_print(struct buffer *out, const float *data, size_t rank, const uint64_t *dims,
                         struct error *err);
MUST_CHECK int npy_write(const char *path, const float *data, size_t rank, const uint64_t *dims,
                         struct error *err);

#endif
