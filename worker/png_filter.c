/*
 * Rows are filtered 16 bytes at once with the compiler's vector extension, which is SSE2 on x86-64
 * and NEON on ARM without any code of its own. The row and the one above it are copied between
 * zeros, so that neighbours outside of the image are the zeros that the specification wants and the
 * last vector may run over the row's end.
 */
#include "worker/png_filter.h"

#include <string.h>

#define LANES 16

typedef uint8_t bytes_t __attribute__((vector_size(LANES)));
typedef int8_t mask_t __attribute__((vector_size(LANES)));
typedef uint16_t pairs_t __attribute__((vector_size(LANES)));

/* Each of the two 16-bit sums of a pair grows by at most 2 · 128 a step. */
#define STEPS_PER_SUM (UINT16_MAX / 256)

static bytes_t load(const uint8_t *from)
{
    bytes_t vector;
    memcpy(&vector, from, LANES);
    return vector;
}

static void store(uint8_t *to, bytes_t vector)
{
    memcpy(to, &vector, LANES);
}

static bytes_t choose(mask_t mask, bytes_t yes, bytes_t no)
{
    return ((bytes_t)mask & yes) | (~(bytes_t)mask & no);
}

static bytes_t distance(bytes_t a, bytes_t b)
{
    return choose(a > b, a - b, b - a);
}

/*
 * The distances of p = a + b - c are |p-a| = |b-c|, |p-b| = |a-c| and |p-c| = |(b-c) + (a-c)|.
 * Where b-c and a-c have the same sign the last is their sum, which is never the least; else it is
 * their difference. So bytes are wide enough.
 */
static bytes_t paeth(bytes_t a, bytes_t b, bytes_t c)
{
    bytes_t to_a = distance(b, c), to_b = distance(a, c);
    mask_t opposite = (b > c) ^ (a > c);
    bytes_t to_c = choose(opposite, distance(to_a, to_b), ~(bytes_t){0});
    mask_t is_a = (to_a <= to_b) & (to_a <= to_c);
    return choose(is_a, a, choose(to_b <= to_c, b, c));
}

static size_t padded(size_t bytes)
{
    return (bytes + LANES - 1) / LANES * LANES;
}

/* All five filters of a row: out[f][padded(bytes)] of filter f. Bytes behind the row are zero. */
static void filter_row(const uint8_t *row, const uint8_t *above, size_t bytes, uint8_t *out)
{
    size_t stride = padded(bytes);
    for (size_t i = 0; i < stride; i += LANES) {
        bytes_t x = load(row + i), a = load(row + i - PNG_FILTER_PIXEL);
        bytes_t b = load(above + i), c = load(above + i - PNG_FILTER_PIXEL);
        store(out + i, x);
        store(out + stride + i, x - a);
        store(out + 2 * stride + i, x - b);
        store(out + 3 * stride + i, x - ((a & b) + ((a ^ b) >> 1)));
        store(out + 4 * stride + i, x - paeth(a, b, c));
    }
    for (size_t f = 0; f < PNG_FILTER_COUNT; f++)
        memset(out + f * stride + bytes, 0, stride - bytes);
}

/* The sum of the magnitudes of signed bytes; `bytes` is a multiple of LANES. */
static uint64_t magnitude(const uint8_t *from, size_t bytes)
{
    uint64_t total = 0;
    for (size_t i = 0; i < bytes;) {
        pairs_t sums = {0};
        for (size_t step = 0; step < STEPS_PER_SUM && i < bytes; step++, i += LANES) {
            bytes_t x = load(from + i);
            pairs_t magnitudes = (pairs_t)choose(x > -x, -x, x);
            sums += (magnitudes & 0xff) + (magnitudes >> 8);
        }
        for (size_t lane = 0; lane < LANES / 2; lane++)
            total += sums[lane];
    }
    return total;
}

size_t png_filter_scratch(size_t width)
{
    return (PNG_FILTER_COUNT + 2) * padded(width * PNG_FILTER_PIXEL) + 2 * LANES;
}

void png_filter_image(const uint8_t *pixels, size_t height, size_t width, uint8_t *scratch,
                      uint8_t *out)
{
    size_t bytes = width * PNG_FILTER_PIXEL, stride = padded(bytes);
    uint8_t *row = scratch + LANES, *above = row + stride + LANES, *filtered = above + stride;
    memset(scratch, 0, 2 * (stride + LANES));
    for (size_t y = 0; y < height; y++, out += 1 + bytes) {
        memcpy(row, pixels + y * bytes, bytes);
        filter_row(row, above, bytes, filtered);
        size_t best = 0;
        uint64_t least = UINT64_MAX;
        for (size_t f = 0; f < PNG_FILTER_COUNT; f++) {
            uint64_t sum = magnitude(filtered + f * stride, stride);
            best = sum < least ? f : best;
            least = sum < least ? sum : least;
        }
        *out = (uint8_t)best;
        memcpy(out + 1, filtered + best * stride, bytes);
        uint8_t *last = above;
        above = row;
        row = last;
    }
}
