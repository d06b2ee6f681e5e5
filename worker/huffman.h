/* Prefix codes as DEFLATE (RFC 1951, section 3.2.2) writes them. Pure functions on memory. */
#ifndef WORKER_HUFFMAN_H
#define WORKER_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

#define HUFFMAN_SYMBOLS_MAX 288
#define HUFFMAN_LENGTH_MAX 15

struct huffman {
    uint8_t lengths[HUFFMAN_SYMBOLS_MAX]; /* bits; 0: not used */
    uint16_t codes[HUFFMAN_SYMBOLS_MAX];  /* first bit of the code in the lowest bit */
};

/* A code of `symbols` (2 to HUFFMAN_SYMBOLS_MAX) symbols with these frequencies and no length above
 * `longest` (whose power of two is at least `symbols`): Huffman's, where that keeps the limit. A
 * single used symbol has one bit; frequencies sum to less than 2^32. */
void huffman_make(const uint32_t *frequencies, size_t symbols, unsigned longest,
                  struct huffman *huffman);

/* Makes neighbours with similar frequencies equal, so that their code lengths are, which a header
 * tells in fewer bits than the codes lose. No frequency becomes 0. */
void huffman_smooth(uint32_t *frequencies, size_t symbols);

#endif
