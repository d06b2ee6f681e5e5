/*
 * The processor's instructions do two rounds at once on a state that is held as the words a b e f
 * and c d g h, the first in the highest lane, and four words of the message schedule at once.
 */
#include "common/sha256.h"

#include <string.h>

/* Clang learned to ask for this feature late; it has libsodium. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>

#define STEPS 16 /* of four rounds */

static const uint32_t constants[4 * STEPS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static bool has_instructions(void)
{
    return __builtin_cpu_supports("sha") && __builtin_cpu_supports("sse4.1");
}

__attribute__((target("sha,sse4.1"))) static void compress(uint32_t state[8], const uint8_t *data,
                                                           size_t blocks)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
    for (; blocks > 0; blocks--, data += SHA256_BLOCK) {
        __m128i words[4], abef_before = abef, cdgh_before = cdgh;
#pragma GCC unroll 16
        for (int step = 0; step < STEPS; step++) {
            __m128i *now = &words[step % 4];
            const __m128i *last = &words[(step + 3) % 4];
            if (step < 4) {
                const __m128i *from = (const __m128i *)(data + (size_t)16 * (size_t)step);
                *now = _mm_shuffle_epi8(_mm_loadu_si128(from), big_endian);
            } else {
                __m128i sum = _mm_sha256msg1_epu32(*now, words[(step + 1) % 4]);
                sum = _mm_add_epi32(sum, _mm_alignr_epi8(*last, words[(step + 2) % 4], 4));
                *now = _mm_sha256msg2_epu32(sum, *last);
            }
            const __m128i *constant = (const __m128i *)(constants + 4 * step);
            __m128i add = _mm_add_epi32(*now, _mm_loadu_si128(constant));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, add);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(add, 0x0e));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    low = _mm_shuffle_epi32(abef, 0x1b);
    high = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

#else

static bool has_instructions(void)
{
    return false;
}

static void compress(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    (void)state;
    (void)data;
    (void)blocks;
}

#endif

void sha256_begin_portably(struct sha256 *hash)
{
    memset(hash, 0, sizeof *hash);
    crypto_hash_sha256_init(&hash->slow);
}

void sha256_begin(struct sha256 *hash)
{
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    sha256_begin_portably(hash);
    hash->fast = has_instructions();
    memcpy(hash->state, first, sizeof first);
}

static void add_fast(struct sha256 *hash, const uint8_t *data, size_t size)
{
    size_t waiting = hash->bytes % SHA256_BLOCK;
    hash->bytes += size;
    if (waiting > 0) {
        size_t taken = SHA256_BLOCK - waiting < size ? SHA256_BLOCK - waiting : size;
        memcpy(hash->block + waiting, data, taken);
        data += taken;
        size -= taken;
        if (waiting + taken < SHA256_BLOCK)
            return;
        compress(hash->state, hash->block, 1);
    }
    compress(hash->state, data, size / SHA256_BLOCK);
    memcpy(hash->block, data + size / SHA256_BLOCK * SHA256_BLOCK, size % SHA256_BLOCK);
}

void sha256_add(struct sha256 *hash, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (hash->fast)
        add_fast(hash, data, size);
    else
        crypto_hash_sha256_update(&hash->slow, data, size);
}

/* A one bit, zeros up to the last eight bytes of a block, the length in bits. */
static void pad(struct sha256 *hash)
{
    uint8_t padding[2 * SHA256_BLOCK] = {0x80};
    uint64_t bits = hash->bytes * 8;
    size_t waiting = hash->bytes % SHA256_BLOCK;
    size_t size = (waiting < SHA256_BLOCK - 8 ? SHA256_BLOCK : 2 * SHA256_BLOCK) - waiting;
    for (size_t i = 0; i < 8; i++)
        padding[size - 1 - i] = (uint8_t)(bits >> 8 * i);
    add_fast(hash, padding, size);
}

void sha256_end(struct sha256 *hash, uint8_t sum[SHA256_BYTES])
{
    if (!hash->fast) {
        crypto_hash_sha256_final(&hash->slow, sum);
        return;
    }
    pad(hash);
    for (size_t i = 0; i < SHA256_BYTES; i++)
        sum[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}
