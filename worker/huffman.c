/*
 * Huffman's algorithm with two queues: leaves sorted by frequency, and inner nodes, which come
 * about in that order anyway. Ties are broken by symbol, so the result is a function of the
 * frequencies.
 */
#include "worker/huffman.h"

#include <string.h>

#define DIGIT 256
#define SMOOTH 4
#define SMOOTH_LEAST 4 /* the fewest that a header writes as a repetition */
#define SMOOTH_ZEROS 3 /* the same of zeros */

struct leaf {
    uint32_t frequency;
    uint16_t symbol;
};

/* By the frequencies' bytes, the lowest first, as far as the most frequent one has any: symbols
 * stay in their order where frequencies are the same. */
static void sort_leaves(struct leaf *leaves, size_t count, uint32_t most)
{
    struct leaf sorted[HUFFMAN_SYMBOLS_MAX];
    for (unsigned shift = 0; shift < 32 && most >> shift > 0; shift += 8) {
        uint16_t ends[DIGIT] = {0}; /* of a digit; first its count, then where its next one goes */
        for (size_t i = 0; i < count; i++)
            ends[leaves[i].frequency >> shift & (DIGIT - 1)]++;
        for (size_t digit = 0, sum = 0; digit < DIGIT; digit++) {
            size_t here = ends[digit];
            ends[digit] = (uint16_t)sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++)
            sorted[ends[leaves[i].frequency >> shift & (DIGIT - 1)]++] = leaves[i];
        memcpy(leaves, sorted, count * sizeof *leaves);
    }
}

/* The symbols that occur, the rarest first. */
static size_t list_leaves(const uint32_t *frequencies, size_t symbols, struct leaf *leaves)
{
    size_t count = 0;
    uint32_t most = 0;
    for (size_t s = 0; s < symbols; s++) {
        if (frequencies[s] > 0)
            leaves[count++] = (struct leaf){frequencies[s], (uint16_t)s};
        most = frequencies[s] > most ? frequencies[s] : most;
    }
    sort_leaves(leaves, count, most);
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

/* Of 16 bits, then of those that there are. */
static uint16_t reverse(unsigned code, unsigned bits)
{
    code = (code & 0x5555) << 1 | (code >> 1 & 0x5555);
    code = (code & 0x3333) << 2 | (code >> 2 & 0x3333);
    code = (code & 0x0f0f) << 4 | (code >> 4 & 0x0f0f);
    code = (code & 0x00ff) << 8 | (code >> 8 & 0x00ff);
    return (uint16_t)(code >> (16 - bits));
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
    size_t count = list_leaves(frequencies, symbols, leaves);
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

/* How many of the frequencies from the first on are zero. */
static size_t zeros(const uint32_t *frequencies, size_t count)
{
    size_t length = 0;
    while (length < count && frequencies[length] == 0)
        length++;
    return length;
}

/* How many frequencies from the first on stay near the first four's mean, before zeros that are
 * worth a repetition; their sum. */
static size_t similar(const uint32_t *frequencies, size_t count, uint64_t *sum)
{
    int64_t mean = 0;
    size_t length = 0;
    for (size_t i = 0; i < 4 && count >= 4; i++)
        mean += frequencies[i];
    mean = count >= 4 ? (mean + 2) / 4 : frequencies[0];
    for (*sum = 0; length < count; length++) {
        int64_t apart = (int64_t)frequencies[length] - mean;
        if ((length > 0 && (apart >= SMOOTH || apart <= -SMOOTH)) ||
            (frequencies[length] == 0 &&
             zeros(frequencies + length, count - length) >= SMOOTH_ZEROS))
            break;
        *sum += frequencies[length];
    }
    return length;
}

void huffman_smooth(uint32_t *frequencies, size_t symbols)
{
    for (size_t i = 0; i < symbols;) {
        uint64_t sum = 0;
        size_t length = similar(frequencies + i, symbols - i, &sum);
        uint64_t mean = length ? (sum + length / 2) / length : 0;
        for (size_t k = 0; k < length && length >= SMOOTH_LEAST && sum > 0; k++)
            frequencies[i + k] = mean > 0 ? (uint32_t)mean : 1;
        i += length > 0 ? length : zeros(frequencies + i, symbols - i);
    }
}
