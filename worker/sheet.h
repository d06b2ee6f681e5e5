/*
 * A sheet: faces in a grid, at their own resolution, with a white gutter of two pixels between
 * cells. Rows are faces, columns the steps of an edit.
 */
#ifndef WORKER_SHEET_H
#define WORKER_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define SHEET_GUTTER 2

struct sheet {
    size_t rows, columns;           /* cells */
    size_t cell_height, cell_width; /* pixels of a face */
    size_t height, width;           /* pixels of the sheet */
    uint8_t *pixels;                /* [height][width][3], white at first */
};

/* E_LIMIT where the sheet would be larger than a PNG we write (SHEET_BYTES_MAX). */
#define SHEET_BYTES_MAX ((size_t)1 << 30)
MUST_CHECK int sheet_init(struct sheet *sheet, size_t rows, size_t columns, size_t cell_height,
                          size_t cell_width, struct error *err);
void sheet_free(struct sheet *sheet);

/* Puts face[cell_height][cell_width][3] into a cell. */
void sheet_put(struct sheet *sheet, size_t row, size_t column, const uint8_t *face);

/* A file name made of a direction's text: letters, digits and "_-+." stay, '*' becomes 'x', all
 * else '_'; `suffix` comes behind, and the whole is cut to `size`: "Smiling+0.5*Eyeglasses" with
 * "_projected.png" is "Smiling+0.5xEyeglasses_projected.png". */
void sheet_name(const char *target, const char *suffix, char *name, size_t size);

#endif
