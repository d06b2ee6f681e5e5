/*
 * The data are cut into blocks of their own codes. A block is parsed into sequences: so many
 * literal bytes, then a match. Costs are in sixteenths of a bit and integers, so that decisions are
 * the same everywhere.
 *
 * Matches begin where ten bytes in a row are differences from -1 to 2. In pictures without exact
 * repetitions nearly all that pay are there (of 256 faces 87 % of the bits saved), and a bit a byte tells
 * where. Ten bytes, as shorter matches seldom pay, and finding out costs more than they save. So that exact
 * repetitions of anything are found, matches also begin at marks: one of 32 values, which comes with what is repeated.
 *
 * All that is looked at for every byte stays in the first-level cache: the hash table (16 KiB) and
 * a block. The table needs no mark for "none": whatever stands in it is a distance, and what lies
 * at that distance is compared.
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
#define HASH_BITS 13
#define LOAD 8 /* bytes that are read at once */
#define MATCH_LEAST 10
#define TAIL (MATCH_LEAST - LOAD) /* of a shortest match, behind its first word */
#define WORD_BITS 64
#define MATCH_MOST 258
#define BLOCK_BYTES 32768
#define BLOCK_MOST (BLOCK_BYTES + BLOCK_BYTES / 4) /* of the last block */

#define END 256 /* the symbol that ends a block */
#define LITERALS 286
#define DISTANCES 30
#define LENGTHS 19
#define HEADER_BYTES 512 /* more than a block's codes can take */
#define CODE_MOST 14     /* bits: four literals' codes are held at once */

#define BIT 16                /* a bit's cost */
#define FRACTIONS 128
#define MATCH_COST (12 * BIT) /* of a match's two symbols, about */

/* `literals` bytes as they are, then a match; the last one of a block has none, and length 0. */
struct sequence {
    uint32_t literals;
    uint16_t length, distance; /* minus one */
};

struct deflate {
    uint16_t newest[1 << HASH_BITS]; /* position of a hash, modulo 2^16 */
    struct sequence sequences[BLOCK_MOST / MATCH_LEAST + 1];
    size_t sequence_count;
    uint32_t literals[LITERALS], distances[DISTANCES]; /* frequencies in the block */
    /* A bit a byte of the block, 0 behind it: whether it is -1 to 2; whether it is a mark. */
    uint64_t calm[BLOCK_MOST / WORD_BITS + 2], marks[BLOCK_MOST / WORD_BITS + 2];
    uint32_t costs[256];                               /* of a byte as a literal */
    uint8_t fractions[FRACTIONS];                      /* 16 · log2(1 + i/FRACTIONS) */
};

struct bits {
    uint8_t *next;
    uint64_t held;
    unsigned count;
};

struct match {
    size_t length, distance; /* length 0: no match */
};

/* The lowest byte is the first. */
static inline uint64_t load(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return le64toh(word);
}

/* ---- bits ---- */

/* At most 63 bits are held; flush leaves 7 at most. */
static inline void put(struct bits *bits, uint64_t value, unsigned count)
{
    bits->held |= value << bits->count;
    bits->count += count;
}

/* Writes eight bytes, of which some are to be written over. */
static inline void flush(struct bits *bits)
{
    uint64_t word = htole64(bits->held);
    memcpy(bits->next, &word, sizeof word);
    bits->next += bits->count / 8;
    bits->held >>= bits->count & ~7u;
    bits->count &= 7;
}

static void align(struct bits *bits)
{
    flush(bits);
    if (bits->count > 0)
        *bits->next++ = (uint8_t)bits->held;
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
    flush(bits);
    for (size_t i = 0; i < c; i++) {
        put(bits, code.lengths[order[i]], 3);
        flush(bits);
    }
    for (size_t i = 0; i < count; i++) {
        put(bits, code.codes[symbols[i]], code.lengths[symbols[i]]);
        if (symbols[i] >= 16)
            put(bits, rests[i], symbols[i] == 16 ? 2 : symbols[i] == 17 ? 3 : 7);
        flush(bits);
    }
}

static inline void put_symbol(struct bits *bits, const struct huffman *code, struct symbol symbol)
{
    put(bits, code->codes[symbol.number], code->lengths[symbol.number]);
    put(bits, symbol.rest, symbol.extra);
}

/* A byte's code and, in the lowest four bits, its length: one load. */
static void join_codes(const struct huffman *code, uint32_t joined[256])
{
    for (size_t i = 0; i < 256; i++)
        joined[i] = (uint32_t)code->codes[i] << 4 | code->lengths[i];
}

/* Four codes are put together in pairs, so that few steps wait for each other. */
static void put_literals(struct bits *bits, const uint32_t *joined, const uint8_t *data,
                         size_t count)
{
    for (; count >= 4; count -= 4, data += 4) {
        uint32_t a = joined[data[0]], b = joined[data[1]], c = joined[data[2]], d = joined[data[3]];
        unsigned ab = (a & 15) + (b & 15), cd = (c & 15) + (d & 15);
        uint64_t first = a >> 4 | (uint64_t)(b >> 4) << (a & 15);
        uint64_t second = c >> 4 | (uint64_t)(d >> 4) << (c & 15);
        put(bits, first | second << ab, ab + cd);
        flush(bits);
    }
    for (; count > 0; count--, data++)
        put(bits, joined[*data] >> 4, joined[*data] & 15);
    flush(bits);
}

/* The sequences of the block of `data`, with codes for them. */
static void put_block(struct deflate *deflate, const uint8_t *data, bool last, struct bits *to)
{
    struct huffman literals, distances;
    uint32_t joined[256];
    struct bits bits = *to;
    deflate->literals[END] = 1;
    huffman_smooth(deflate->literals, LITERALS);
    huffman_smooth(deflate->distances, DISTANCES);
    huffman_make(deflate->literals, LITERALS, CODE_MOST, &literals);
    huffman_make(deflate->distances, DISTANCES, CODE_MOST, &distances);
    put(&bits, last, 1);
    put(&bits, 2, 2); /* codes of its own */
    put_codes(&bits, &literals, &distances);
    join_codes(&literals, joined);
    for (size_t i = 0; i < deflate->sequence_count; i++) {
        const struct sequence *sequence = &deflate->sequences[i];
        put_literals(&bits, joined, data, sequence->literals);
        data += sequence->literals + sequence->length;
        if (sequence->length > 0) {
            put_symbol(&bits, &literals, length_symbol(sequence->length));
            put_symbol(&bits, &distances, distance_symbol(sequence->distance + 1u));
            flush(&bits);
        }
    }
    put(&bits, literals.codes[END], literals.lengths[END]);
    flush(&bits);
    *to = bits;
}

/* ---- what a block's bytes cost ---- */

/* The logarithm's bits by squaring, of mantissas with so many bits behind the first. */
static void make_fractions(uint8_t fractions[FRACTIONS])
{
    for (uint64_t i = 0; i < FRACTIONS; i++) {
        uint64_t mantissa = ((uint64_t)1 << 31) + (i << 31) / FRACTIONS, result = 0;
        for (int bit = 0; bit < 4; bit++) {
            mantissa = mantissa * mantissa >> 31;
            uint64_t set = mantissa >> 32;
            result = result << 1 | set;
            mantissa >>= set;
        }
        fractions[i] = (uint8_t)result;
    }
}

/* 16 · log2(x) for x > 0, rounded down, of x's first eight bits. */
static inline uint32_t log2_sixteenths(const struct deflate *deflate, uint64_t x)
{
    unsigned whole = log2_of(x);
    return whole * BIT + deflate->fractions[(x << (63 - whole) >> 56) - FRACTIONS];
}

/* Frequencies of bytes, in turn in eight tables: a value that repeats would wait for itself. */
static void count_bytes(const uint8_t *data, size_t size, uint32_t counts[256])
{
    uint16_t turns[LOAD][256] = {{0}}; /* of at most BLOCK_MOST / LOAD each */
    size_t i = 0;
    for (; i + LOAD <= size; i += LOAD) {
        uint64_t word = load(data + i);
        for (size_t turn = 0; turn < LOAD; turn++)
            turns[turn][word >> 8 * turn & 0xff]++;
    }
    for (; i < size; i++)
        turns[0][data[i]]++;
    for (size_t value = 0; value < 256; value++) {
        uint32_t sum = 0;
        for (size_t turn = 0; turn < LOAD; turn++)
            sum += turns[turn][value];
        counts[value] = sum;
    }
}

/* Literals are counted as if there were no match; costs are what such a code would ask. */
static void begin_block(struct deflate *deflate, const uint8_t *data, size_t size)
{
    memset(deflate->literals, 0, sizeof deflate->literals);
    memset(deflate->distances, 0, sizeof deflate->distances);
    deflate->sequence_count = 0;
    count_bytes(data, size, deflate->literals);
    uint32_t all = log2_sixteenths(deflate, size);
    for (size_t value = 0; value < 256; value++) {
        uint32_t count = deflate->literals[value];
        uint32_t cost = count ? all - log2_sixteenths(deflate, count) : 0;
        deflate->costs[value] = cost < BIT ? BIT : cost;
    }
}

/* ---- matches ---- */

#define ONES 0x0101010101010101u
#define HIGH (ONES << 7)

/* A bit for each of the word's bytes: whether it is 0. */
static inline uint64_t zero_bytes(uint64_t word)
{
    uint64_t zero = ~(((word & ~HIGH) + ~HIGH) | word) & HIGH; /* the highest bit of each byte */
    return (zero >> 7) * 0x0102040810204080u >> (WORD_BITS - 8);
}

static inline uint64_t calm_bytes(uint64_t word)
{
    uint64_t above = ((word & ~HIGH) + ONES) ^ (word & HIGH); /* each byte and 1: 0 to 3 are calm */
    return zero_bytes(above & ONES * 0xfc);
}

static inline uint64_t mark_bytes(uint64_t word)
{
    return zero_bytes((word & ONES * 0x1f) ^ ONES * 0x10);
}

/* What is calm in a block, and what is marked at its places. */
static void find_places(struct deflate *deflate, const uint8_t *data, size_t size)
{
    size_t words = size / WORD_BITS, i = words * WORD_BITS;
    for (size_t word = 0; word < words; word++) {
        uint64_t calm = 0, marks = 0;
        for (size_t k = 0; k < WORD_BITS; k += LOAD) {
            uint64_t bytes = load(data + word * WORD_BITS + k);
            calm |= calm_bytes(bytes) << k;
            marks |= mark_bytes(bytes) << k;
        }
        deflate->calm[word] = calm;
        deflate->marks[word] = marks;
    }
    deflate->calm[words] = deflate->calm[words + 1] = deflate->marks[words] = 0;
    for (; i < size; i++)
        deflate->calm[words] |= (calm_bytes(data[i]) & 1) << i % WORD_BITS;
    for (i = size < MATCH_LEAST ? 0 : size - MATCH_LEAST + 1; i < words * WORD_BITS; i++)
        deflate->marks[i / WORD_BITS] &= ~((uint64_t)1 << i % WORD_BITS); /* no match fits behind */
}

/* Bits of those places in a word of the block that MATCH_LEAST calm bytes begin at, or a mark. */
static inline uint64_t places_in(const struct deflate *deflate, size_t word)
{
    unsigned __int128 one = (unsigned __int128)deflate->calm[word + 1] << WORD_BITS | deflate->calm[word];
    unsigned __int128 two = one & one >> 1, four = two & two >> 2, eight = four & four >> 4;
    return (uint64_t)(eight & two >> LOAD) | deflate->marks[word];
}

/* Remembers position i and tells the one before it with the same hash. */
static inline uint16_t remember(struct deflate *deflate, const uint8_t *data, size_t i)
{
    uint64_t hash = load(data + i) * 0x9e3779b97f4a7c15u + load(data + i + TAIL) * 0xd6e8feb86659fd93u;
    uint16_t *newest = &deflate->newest[hash >> (64 - HASH_BITS)];
    uint16_t before = *newest;
    *newest = (uint16_t)i;
    return before;
}

static inline bool differ(const uint8_t *a, const uint8_t *b)
{
    return (load(a) ^ load(b)) | (load(a + TAIL) ^ load(b + TAIL));
}

static size_t common_length(const uint8_t *a, const uint8_t *b, size_t most)
{
    size_t length = 0;
    for (; length + LOAD <= most; length += LOAD) {
        uint64_t differ = load(a + length) ^ load(b + length);
        if (differ)
            return length + (size_t)__builtin_ctzll(differ) / 8;
    }
    while (length < most && a[length] == b[length])
        length++;
    return length;
}

/* Whether a match takes fewer bits than literals. */
static bool saves_bits(const struct deflate *deflate, const uint8_t *data, size_t length,
                       size_t distance)
{
    uint32_t cost = 0;
    for (size_t k = 0; k < MATCH_LEAST; k++) /* most matches are little longer */
        cost += deflate->costs[data[k]];
    for (size_t k = MATCH_LEAST; k < length; k++)
        cost += deflate->costs[data[k]];
    unsigned extra = length_symbol(length).extra + distance_symbol(distance).extra;
    return cost > MATCH_COST + extra * BIT;
}

/* Takes data[at … at+length−1] out of the literals and into a sequence with those since `since`. */
static void add_match(struct deflate *deflate, const uint8_t *data, size_t since, size_t at,
                      const struct match *match)
{
    deflate->sequences[deflate->sequence_count++] = (struct sequence){
        (uint32_t)(at - since), (uint16_t)match->length, (uint16_t)(match->distance - 1)};
    deflate->literals[length_symbol(match->length).number]++;
    deflate->distances[distance_symbol(match->distance).number]++;
    for (size_t k = 0; k < MATCH_LEAST; k++)
        deflate->literals[data[at + k]]--;
    for (size_t k = MATCH_LEAST; k < match->length; k++)
        deflate->literals[data[at + k]]--;
}

/* The match at position i, where it saves anything. */
static inline struct match find_match(struct deflate *deflate, const uint8_t *data, size_t i,
                                      size_t end)
{
    size_t distance = (uint16_t)(i - remember(deflate, data, i));
    if (distance - 1 >= WINDOW || distance > i || differ(data + i - distance, data + i))
        return (struct match){0};
    size_t most = end - i < MATCH_MOST ? end - i : MATCH_MOST;
    size_t length = common_length(data + i - distance, data + i, most);
    bool saves = saves_bits(deflate, data + i, length, distance);
    return (struct match){saves ? length : 0, distance};
}

/* Sequences of data[from … end−1], whose matches may lie before. */
static void parse_block(struct deflate *deflate, const uint8_t *data, size_t from, size_t end)
{
    size_t since = from;
    find_places(deflate, data + from, end - from);
    for (size_t word = 0; word * WORD_BITS < end - from; word++)
        for (uint64_t places = places_in(deflate, word); places; places &= places - 1) {
            size_t i = from + word * WORD_BITS + (size_t)__builtin_ctzll(places);
            if (i < since) { /* in a match */
                (void)remember(deflate, data, i);
                continue;
            }
            struct match match = find_match(deflate, data, i, end);
            if (match.length == 0)
                continue;
            add_match(deflate, data, since, i, &match);
            since = i + match.length;
        }
    deflate->sequences[deflate->sequence_count++] =
        (struct sequence){(uint32_t)(end - since), 0, 0};
}

/* ---- streams ---- */

size_t deflate_bound(size_t size)
{
    /* A literal has at most 14 bits, a match of ten bytes or more at most 46. */
    return 2 * size + (size / BLOCK_BYTES + 1) * HEADER_BYTES + 16;
}

void deflate_stream(struct deflate *deflate, const uint8_t *data, size_t size, uint8_t *out,
                    size_t *length)
{
    assert(size > 0 && size <= INT32_MAX);
    memset(deflate->newest, 0, sizeof deflate->newest);
    struct bits bits = {.next = out};
    put(&bits, 0x9c78, 16); /* method 8, window 32 KiB, default level */
    for (size_t from = 0, end; from < size; from = end) {
        end = size - from <= BLOCK_MOST ? size : from + BLOCK_BYTES;
        begin_block(deflate, data + from, end - from);
        parse_block(deflate, data, from, end);
        put_block(deflate, data + from, end == size, &bits);
    }
    align(&bits);
    uint32_t sum = (uint32_t)adler32_z(adler32_z(0, NULL, 0), data, size);
    for (int shift = 24; shift >= 0; shift -= 8)
        *bits.next++ = (uint8_t)(sum >> shift);
    *length = (size_t)(bits.next - out);
}

int deflate_open(struct deflate **deflate, struct error *err)
{
    struct deflate *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory to compress with");
    make_fractions(opened->fractions);
    *deflate = opened;
    return 0;
}

void deflate_close(struct deflate **deflate)
{
    free(*deflate);
    *deflate = NULL;
}
