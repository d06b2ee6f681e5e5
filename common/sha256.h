/*
 * SHA-256 (FIPS 180-4) of bytes that come in parts: with the processor's own instructions where it
 * has them, else by libsodium, which has a fifth of the speed there. Both give the same.
 */
#ifndef COMMON_SHA256_H
#define COMMON_SHA256_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_BLOCK 64

/* One thread at a time; holds nothing that must be freed. */
struct sha256 {
    bool fast;
    crypto_hash_sha256_state slow;
    uint32_t state[SHA256_BYTES / 4];
    uint64_t bytes; /* so far; of them the last bytes % SHA256_BLOCK wait in block */
    uint8_t block[SHA256_BLOCK];
};

void sha256_begin(struct sha256 *hash);
void sha256_begin_portably(struct sha256 *hash); /* by libsodium, whatever the processor */
void sha256_add(struct sha256 *hash, const void *data, size_t size);
void sha256_end(struct sha256 *hash, uint8_t sum[SHA256_BYTES]);

#endif
