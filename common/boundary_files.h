/*
 * Boundaries in a folder, as InterFaceGAN keeps them: a .npy file each, (1, d) or (d), in w+ (L, d),
 * (1, L, d) or flattened (1, L·d), called after its attribute, NAME_boundary.npy or boundary_NAME.npy or NAME.npy. InterFaceGAN throws the
 * offsets away; ours stand beside the files in offsets.csv, a line "NAME,offset" each.
 */
#ifndef COMMON_BOUNDARY_FILES_H
#define COMMON_BOUNDARY_FILES_H

#include <stddef.h>

#include "common/digest.h"
#include "common/error.h"

#define BOUNDARY_OFFSETS "offsets.csv"

struct boundaries {
    size_t count, dimension; /* dimension: of w+ L·d */
    size_t layers;           /* L where a file or the database says so; else 0: one row */
    char **names;    /* [count] */
    double *normals; /* [count][dimension] */
    double *offsets; /* [count]; 0 where none is given */
};
void boundaries_free(struct boundaries *boundaries);

/* Room for one more, of the dimension that the others have, offset 0; *normal is to be filled. */
MUST_CHECK int boundaries_add(struct boundaries *boundaries, const char *name, size_t length,
                              size_t dimension, double **normal, struct error *err);

/* Every .npy file of a folder, sorted by name, and the offsets where there are any. E_INVALID where
 * a file has another shape, or another number of layers than those before it. */
MUST_CHECK int boundaries_of_folder(const char *folder, struct boundaries *boundaries,
                                    struct error *err);

/* Writes FOLDER/NAME_boundary.npy, (1, d) float32, of layers (L, d), and the offsets; the folder is there. Names must
 * be fit for a file.
 */
MUST_CHECK int boundaries_write(const char *folder, const struct boundaries *boundaries,
                                struct error *err);

/* Makes normals of length 1 and scales the offsets with them; those that have it in float32 stay as they
 * are, so that what was exported comes back bit for bit. E_INVALID where one is 0 or not
 * finite, or stands there twice. */
MUST_CHECK int boundaries_normalise(struct boundaries *boundaries, struct error *err);

/* Index of the boundary of that name, or −1. */
int boundaries_find(const struct boundaries *boundaries, const char *name);

#endif
