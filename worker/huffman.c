/*
 * Huffman's algorithm with two queues: leaves sorted by frequency, and inner nodes, which come
 * about in that order anyway. Ties are broken by symbol, so the result is a function of the
 * frequencies.
 */
#include "worker/huffman.h"

#include <stdlib.h>
#include <string.h>

struct leaf {
    uint32_t frequency;
    uint16_t symbol;
};

static int rarer(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;
    if (x->frequency != y->frequency)
        return x->frequency < y->frequency ? -1 : 1;
    return x->symbol < y->symbol ? -1 : 1;
}

static size_t sort_leaves(const uint32_t *frequencies, size_t symbols, struct leaf *leaves)
{
    size_t count = 0;
    for (size_t s = 0; s < symbols; s++)
        if (frequencies[s] > 0)
            leaves[count++] = (struct leaf){frequencies[s], (uint16_t)s};
    qsort(leaves, count, sizeof *leaves, rarer);
    return count;
}

/* counts[l] of the codes with l bits, before any limit; leaves at a depth beyond 32 count there. */
static void count_lengths(const struct leaf *leaves, size_t count, unsigned counts[33])
{
    uint32_t weights[HUFFMAN_SYMBOLS_MAX];     /* of inner node i */
    uint16_t parents[2 * HUFFMAN_SYMBOLS_MAX]; /* of leaf i; of inner node i at count + i */
    size_t leaf = 0, inner = 0, made = 0;
    for (; made + 1 < count; made++) {
        weights[made] = 0;
        for (int child = 0; child < 2; child++) {
            int take_leaf =
                leaf < count && (inner == made || leaves[leaf].frequency <= weights[inner]);
            weights[made] += take_leaf ? leaves[leaf].frequency : weights[inner];
            parents[take_leaf ? leaf : count + inner] = (uint16_t)made;
            leaf += (size_t)take_leaf;
            inner += (size_t)!take_leaf;
        }
    }
    uint16_t depths[HUFFMAN_SYMBOLS_MAX]; /* of inner nodes, from the root, which is the last */
    depths[made - 1] = 0;
    for (size_t i = made - 1; i-- > 0;)
        depths[i] = (uint16_t)(depths[parents[count + i]] + 1);
    for (size_t i = 0; i < count; i++) {
        unsigned depth = depths[parents[i]] + 1u;
        counts[depth < 32 ? depth : 32]++;
    }
}

/* Codes that are too long get `longest` bits; then shorter ones are lengthened, the longest of them
 * first, until Kraft's sum is one again. */
static void limit_lengths(unsigned counts[33], unsigned longest)
{
    for (unsigned l = longest + 1; l <= 32; l++) {
        counts[longest] += counts[l];
        counts[l] = 0;
    }
    uint64_t sum = 0;
    for (unsigned l = 1; l <= longest; l++)
        sum += (uint64_t)counts[l] << (longest - l);
    for (; sum > (uint64_t)1 << longest; sum--) {
        unsigned l = longest - 1;
        while (counts[l] == 0)
            l--;
        counts[longest]--;
        counts[l]--;
        counts[l + 1] += 2;
    }
}

static uint16_t reverse(unsigned code, unsigned bits)
{
    unsigned reversed = 0;
    for (unsigned i = 0; i < bits; i++)
        reversed |= (code >> i & 1) << (bits - 1 - i);
    return (uint16_t)reversed;
}

static void assign_codes(size_t symbols, const unsigned counts[33], struct huffman *huffman)
{
    unsigned next[HUFFMAN_LENGTH_MAX + 2] = {0};
    for (unsigned l = 1; l <= HUFFMAN_LENGTH_MAX; l++)
        next[l + 1] = (next[l] + counts[l]) << 1;
    for (size_t s = 0; s < symbols; s++) {
        unsigned length = huffman->lengths[s];
        huffman->codes[s] = length > 0 ? reverse(next[length]++, length) : 0;
    }
}

void huffman_make(const uint32_t *frequencies, size_t symbols, unsigned longest,
                  struct huffman *huffman)
{
    struct leaf leaves[HUFFMAN_SYMBOLS_MAX];
    unsigned counts[33] = {0};
    size_t count = sort_leaves(frequencies, symbols, leaves);
    memset(huffman, 0, sizeof *huffman);
    if (count > 1) {
        count_lengths(leaves, count, counts);
        limit_lengths(counts, longest);
    } else {
        counts[1] = (unsigned)count;
    }
    size_t leaf = count; /* the most frequent one first, with the shortest code */
    for (unsigned l = 1; l <= longest; l++)
        for (unsigned i = 0; i < counts[l]; i++)
            huffman->lengths[leaves[--leaf].symbol] = (uint8_t)l;
    assign_codes(symbols, counts, huffman);
}
