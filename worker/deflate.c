/*
 * A block of tokens is collected, then written with codes of its own. A token is a byte, or a match
 * as MATCH | length << 16 | distance − 1. Costs are in sixteenths of a bit and integers, so that
 * decisions are the same everywhere.
 */
#include "worker/deflate.h"

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "worker/huffman.h"

#define WINDOW 32768
#define HASH_BITS 15
#define LOAD 8 /* bytes that are read at once; nearer to the end no match is looked for */
#define MATCH_LEAST 6
#define MATCH_MOST 258
#define CHAIN 2          /* candidates looked at for a position */
#define LENGTH_ENOUGH 32 /* a match of this length is taken without a look at the next position */
#define BLOCK_TOKENS 16384
#define MATCH 0x80000000u

#define END 256 /* the symbol that ends a block */
#define LITERALS 286
#define DISTANCES 30
#define LENGTHS 19
#define HEADER_BYTES 512 /* more than a block's codes can take */

#define BIT 16                /* a bit's cost */
#define MATCH_COST (10 * BIT) /* of a match's two symbols, about */

struct deflate {
    int32_t head[1 << HASH_BITS]; /* newest position of a hash; -1: none */
    int32_t previous[WINDOW];     /* the one before it with the same hash */
    uint32_t tokens[BLOCK_TOKENS];
    size_t token_count;
    uint32_t literals[LITERALS], distances[DISTANCES]; /* frequencies in the block */
    uint32_t *costs; /* [i]: of the bytes before position i, were they literals; wraps around */
    size_t costs_room;
};

struct bits {
    uint8_t *next;
    uint64_t held;
    unsigned count;
};

struct match {
    size_t length, distance;
    int64_t gain;
};

/* ---- bits ---- */

static void put(struct bits *bits, uint64_t value, unsigned count)
{
    bits->held |= value << bits->count;
    bits->count += count;
    while (bits->count >= 32) {
        uint32_t word = (uint32_t)bits->held;
        const uint8_t bytes[4] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16),
                                  (uint8_t)(word >> 24)};
        memcpy(bits->next, bytes, 4);
        bits->next += 4;
        bits->held >>= 32;
        bits->count -= 32;
    }
}

static void align(struct bits *bits)
{
    for (; bits->count > 0; bits->count -= bits->count < 8 ? bits->count : 8) {
        *bits->next++ = (uint8_t)bits->held;
        bits->held >>= 8;
    }
}

/* ---- symbols (RFC 1951, section 3.2.5) ---- */

static unsigned log2_of(size_t x)
{
    return 63u - (unsigned)__builtin_clzll(x);
}

/* `extra` bits of `rest` follow the symbol. */
struct symbol {
    unsigned number, extra;
    size_t rest;
};

static struct symbol length_symbol(size_t length)
{
    size_t x = length - 3;
    if (length == MATCH_MOST)
        return (struct symbol){285, 0, 0};
    if (x < 8)
        return (struct symbol){257 + (unsigned)x, 0, 0};
    unsigned extra = log2_of(x) - 2;
    return (struct symbol){257 + 4 * (extra + 1) + (unsigned)(x >> extra & 3), extra,
                           x & (((size_t)1 << extra) - 1)};
}

static struct symbol distance_symbol(size_t distance)
{
    size_t x = distance - 1;
    if (x < 4)
        return (struct symbol){(unsigned)x, 0, 0};
    unsigned extra = log2_of(x) - 1;
    return (struct symbol){2 * (extra + 1) + (unsigned)(x >> extra & 1), extra,
                           x & (((size_t)1 << extra) - 1)};
}

/* ---- blocks ---- */

/* The lengths of both codes as one sequence of code-length symbols (section 3.2.7): runs of zeros
 * as 17 and 18, other repetitions as 16. symbols[i] with rests[i] behind. */
static size_t pack_lengths(const uint8_t *lengths, size_t count, uint8_t *symbols, uint8_t *rests)
{
    size_t packed = 0;
    for (size_t i = 0; i < count;) {
        size_t run = 1;
        while (i + run < count && lengths[i + run] == lengths[i])
            run++;
        size_t least = lengths[i] == 0 ? 3 : 4; /* 16 repeats what stands before */
        if (run < least) {
            symbols[packed] = lengths[i++];
            rests[packed++] = 0;
        } else if (lengths[i] == 0) {
            run = run < 138 ? run : 138;
            symbols[packed] = run < 11 ? 17 : 18;
            rests[packed++] = (uint8_t)(run - (run < 11 ? 3 : 11));
            i += run;
        } else {
            run = run < 7 ? run : 7;
            symbols[packed] = lengths[i];
            rests[packed++] = 0;
            symbols[packed] = 16;
            rests[packed++] = (uint8_t)(run - 4);
            i += run;
        }
    }
    return packed;
}

static size_t used(const struct huffman *huffman, size_t symbols, size_t least)
{
    while (symbols > least && huffman->lengths[symbols - 1] == 0)
        symbols--;
    return symbols;
}

static void put_codes(struct bits *bits, const struct huffman *literals,
                      const struct huffman *distances)
{
    static const uint8_t order[LENGTHS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                           11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LITERALS + DISTANCES], symbols[LITERALS + DISTANCES];
    uint8_t rests[LITERALS + DISTANCES];
    uint32_t frequencies[LENGTHS] = {0};
    size_t l = used(literals, LITERALS, END + 1), d = used(distances, DISTANCES, 1), c = LENGTHS;
    memcpy(lengths, literals->lengths, l);
    memcpy(lengths + l, distances->lengths, d);
    size_t count = pack_lengths(lengths, l + d, symbols, rests);
    for (size_t i = 0; i < count; i++)
        frequencies[symbols[i]]++;
    struct huffman code;
    huffman_make(frequencies, LENGTHS, 7, &code);
    while (c > 4 && code.lengths[order[c - 1]] == 0)
        c--;
    put(bits, l - 257, 5);
    put(bits, d - 1, 5);
    put(bits, c - 4, 4);
    for (size_t i = 0; i < c; i++)
        put(bits, code.lengths[order[i]], 3);
    for (size_t i = 0; i < count; i++) {
        put(bits, code.codes[symbols[i]], code.lengths[symbols[i]]);
        if (symbols[i] >= 16)
            put(bits, rests[i], symbols[i] == 16 ? 2 : symbols[i] == 17 ? 3 : 7);
    }
}

static void put_symbol(struct bits *bits, const struct huffman *code, struct symbol symbol)
{
    put(bits, code->codes[symbol.number], code->lengths[symbol.number]);
    put(bits, symbol.rest, symbol.extra);
}

static void put_block(struct deflate *deflate, bool last, struct bits *bits)
{
    struct huffman literals, distances;
    deflate->literals[END] = 1;
    huffman_make(deflate->literals, LITERALS, HUFFMAN_LENGTH_MAX, &literals);
    huffman_make(deflate->distances, DISTANCES, HUFFMAN_LENGTH_MAX, &distances);
    put(bits, last, 1);
    put(bits, 2, 2); /* codes of its own */
    put_codes(bits, &literals, &distances);
    for (size_t i = 0; i < deflate->token_count; i++) {
        uint32_t token = deflate->tokens[i];
        if (token & MATCH) {
            put_symbol(bits, &literals, length_symbol(token >> 16 & 0x1ff));
            put_symbol(bits, &distances, distance_symbol((token & 0xffff) + 1));
        } else {
            put(bits, literals.codes[token], literals.lengths[token]);
        }
    }
    put(bits, literals.codes[END], literals.lengths[END]);
    memset(deflate->literals, 0, sizeof deflate->literals);
    memset(deflate->distances, 0, sizeof deflate->distances);
    deflate->token_count = 0;
}

/* ---- matches ---- */

/* 16 · log2(x) for x > 0, rounded down: the logarithm's bits by squaring. */
static uint32_t log2_sixteenths(uint64_t x)
{
    unsigned whole = log2_of(x);
    uint64_t mantissa = x << (63 - whole) >> 32, result = whole; /* in [2^31, 2^32) */
    for (int bit = 0; bit < 4; bit++) {
        mantissa = mantissa * mantissa >> 31;
        uint64_t set = mantissa >> 32;
        result = result << 1 | set;
        mantissa >>= set;
    }
    return (uint32_t)result;
}

static int find_costs(struct deflate *deflate, const uint8_t *data, size_t size, struct error *err)
{
    if (size + 1 > deflate->costs_room) {
        uint32_t *grown = realloc(deflate->costs, (size + 1) * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory to compress %zu bytes", size);
        deflate->costs = grown;
        deflate->costs_room = size + 1;
    }
    uint32_t counts[256] = {0}, costs[256];
    for (size_t i = 0; i < size; i++)
        counts[data[i]]++;
    for (size_t value = 0; value < 256; value++) {
        uint32_t cost = counts[value] ? log2_sixteenths(size) - log2_sixteenths(counts[value]) : 0;
        costs[value] = cost < BIT ? BIT : cost;
    }
    deflate->costs[0] = 0;
    for (size_t i = 0; i < size; i++)
        deflate->costs[i + 1] = deflate->costs[i] + costs[data[i]];
    return 0;
}

static uint64_t load(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* Remembers position i and returns the newest one before with the same hash, or -1. */
static int32_t remember(struct deflate *deflate, const uint8_t *data, size_t i)
{
    uint64_t six = le64toh(load(data + i)) << 8 * (LOAD - MATCH_LEAST);
    int32_t *head = &deflate->head[six * 0x9e3779b97f4a7c15u >> (64 - HASH_BITS)];
    int32_t candidate = *head;
    deflate->previous[i % WINDOW] = candidate;
    *head = (int32_t)i;
    return candidate;
}

/* Whether the first MATCH_LEAST bytes of two words in memory are the same. */
static bool same_six(uint64_t a, uint64_t b)
{
    return le64toh(a ^ b) << 8 * (LOAD - MATCH_LEAST) == 0;
}

static size_t common_length(const uint8_t *a, const uint8_t *b, size_t most)
{
    size_t length = 0;
    while (length + LOAD <= most && load(a + length) == load(b + length))
        length += LOAD;
    while (length < most && a[length] == b[length])
        length++;
    return length;
}

/* What is saved, in sixteenths of a bit, by a match instead of literals. */
static int64_t gain_of(const struct deflate *deflate, size_t i, size_t length, size_t distance)
{
    unsigned extra = length_symbol(length).extra + distance_symbol(distance).extra;
    return (int64_t)(uint32_t)(deflate->costs[i + length] - deflate->costs[i]) - MATCH_COST -
           (int64_t)extra * BIT;
}

/* The match at position i that saves most; its gain is 0 where none saves anything. */
static struct match find_match(struct deflate *deflate, const uint8_t *data, size_t size, size_t i)
{
    struct match best = {0};
    if (size - i < LOAD)
        return best;
    size_t most = size - i < MATCH_MOST ? size - i : MATCH_MOST;
    int32_t candidate = remember(deflate, data, i);
    uint64_t here = load(data + i);
    for (int tries = 0; tries < CHAIN && candidate >= 0 && i - (size_t)candidate <= WINDOW;
         tries++) {
        const uint8_t *there = data + candidate;
        if (same_six(load(there), here) &&
            (best.length < most && there[best.length] == data[i + best.length])) {
            size_t length = common_length(there, data + i, most);
            int64_t gain = gain_of(deflate, i, length, i - (size_t)candidate);
            if (gain > best.gain)
                best = (struct match){length, i - (size_t)candidate, gain};
        }
        if (best.length >= LENGTH_ENOUGH)
            break;
        candidate = deflate->previous[(size_t)candidate % WINDOW];
    }
    return best;
}

static void add_literal(struct deflate *deflate, uint8_t value)
{
    deflate->tokens[deflate->token_count++] = value;
    deflate->literals[value]++;
}

static void add_match(struct deflate *deflate, const struct match *match)
{
    deflate->tokens[deflate->token_count++] =
        MATCH | (uint32_t)match->length << 16 | (uint32_t)(match->distance - 1);
    deflate->literals[length_symbol(match->length).number]++;
    deflate->distances[distance_symbol(match->distance).number]++;
}

/* Takes a match unless the one at the next position saves more. */
static void put_blocks(struct deflate *deflate, const uint8_t *data, size_t size, struct bits *bits)
{
    struct match match = {0};
    bool known = false; /* `match` is the one at i already */
    for (size_t i = 0; i < size;) {
        if (deflate->token_count == BLOCK_TOKENS)
            put_block(deflate, false, bits);
        if (!known)
            match = find_match(deflate, data, size, i);
        known = false;
        struct match next = {0};
        bool look = match.gain > 0 && match.length < LENGTH_ENOUGH && i + 1 < size;
        if (look)
            next = find_match(deflate, data, size, i + 1);
        if (match.gain == 0 || next.gain > match.gain) {
            add_literal(deflate, data[i++]);
            match = next;
            known = look;
            continue;
        }
        add_match(deflate, &match);
        for (size_t j = i + (look ? 2 : 1); j < i + match.length && size - j >= LOAD; j++)
            remember(deflate, data, j);
        i += match.length;
    }
    put_block(deflate, true, bits);
}

/* ---- streams ---- */

size_t deflate_bound(size_t size)
{
    /* A literal has at most 15 bits, a match of six bytes or more at most 48. */
    return 2 * size + (size / BLOCK_TOKENS + 1) * HEADER_BYTES + 16;
}

int deflate_stream(struct deflate *deflate, const uint8_t *data, size_t size, uint8_t *out,
                   size_t *length, struct error *err)
{
    assert(size > 0 && size <= INT32_MAX);
    int failed = find_costs(deflate, data, size, err);
    if (failed)
        return failed;
    memset(deflate->head, 0xff, sizeof deflate->head);
    struct bits bits = {.next = out};
    put(&bits, 0x9c78, 16); /* method 8, window 32 KiB, default level */
    put_blocks(deflate, data, size, &bits);
    align(&bits);
    uint32_t sum = (uint32_t)adler32_z(adler32_z(0, NULL, 0), data, size);
    for (int shift = 24; shift >= 0; shift -= 8)
        *bits.next++ = (uint8_t)(sum >> shift);
    *length = (size_t)(bits.next - out);
    return 0;
}

int deflate_open(struct deflate **deflate, struct error *err)
{
    struct deflate *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory to compress with");
    *deflate = opened;
    return 0;
}

void deflate_close(struct deflate **deflate)
{
    if (*deflate)
        free((*deflate)->costs);
    free(*deflate);
    *deflate = NULL;
}
