/*
 * NumPy's .npz files: a ZIP archive of .npy files, stored or deflated (numpy.savez,
 * numpy.savez_compressed), by libzip.
 */
#ifndef COMMON_NPZ_H
#define COMMON_NPZ_H

#include "common/npy.h"

/*
 * Reads the array called `name` (its member is name.npy), or with NULL the only one, as npy_read
 * does; float64 is converted. A file that is no .npz is read as .npy, which has no name. Errors
 * name the file, and the member: E_PARSE (cut off, damaged, a wrong checksum), E_UNSUPPORTED
 * (encrypted, another compression), E_NOT_FOUND with the names that there are, E_LIMIT
 * (NPZ_MEMBERS_MOST members, NPY_BYTES_MOST bytes).
 */
MUST_CHECK int npz_read(const char *path, const char *name, struct npy *npy, struct error *err);

/* Writes one array, stored, as member latents.npy; at most 4 GiB less a header (E_LIMIT). */
MUST_CHECK int npz_write(const char *path, const float *data, size_t rank, const uint64_t *dims,
                         struct error *err);

#define NPZ_MEMBERS_MOST 1024

#endif
