/*
 * PNG's filters (PNG specification, third edition, section 9) for 8-bit RGB, chosen row by row:
 * each byte becomes its difference from a prediction by its neighbours a (left), b (above),
 * c (above left).
 *
 *     0 none   x          2 up       x - b                  4 Paeth  x - nearest of a, b, c
 *     1 sub    x - a      3 average  x - floor((a + b)/2)            to a + b - c
 */
#ifndef WORKER_PNG_FILTER_H
#define WORKER_PNG_FILTER_H

#include <stddef.h>
#include <stdint.h>

#define PNG_FILTER_COUNT 5
#define PNG_FILTER_PIXEL 3 /* bytes */

/* Bytes of scratch that png_filter_image wants for rows of `width` pixels. */
size_t png_filter_scratch(size_t width);

/*
 * Filters pixels[height][width][3] into out[height][1 + 3·width]: of each row the filter's number
 * and the filtered bytes. Of the five filters the one is taken whose bytes, read as signed numbers,
 * have the least sum of magnitudes (section 12.7), and of equal ones the first. A pure function:
 * the same pixels are the same bytes on every machine.
 */
void png_filter_image(const uint8_t *pixels, size_t height, size_t width, uint8_t *scratch,
                      uint8_t *out);

#endif
