/* SHA-256 by libsodium, which needs no initialisation for hashing. */
#include "common/digest.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

void digest_bytes(const void *data, size_t size, char hex[DIGEST_HEX_BYTES])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, data, size);
    sodium_bin2hex(hex, DIGEST_HEX_BYTES, hash, sizeof hash);
}

int digest_file(const char *path, char hex[DIGEST_HEX_BYTES], struct error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: cannot open: %s", path,
                         strerror(errno));
    unsigned char chunk[65536], hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        crypto_hash_sha256_update(&state, chunk, n);
    int failed = ferror(file);
    fclose(file);
    if (failed)
        return error_set(err, E_IO, "%s: cannot read", path);
    crypto_hash_sha256_final(&state, hash);
    sodium_bin2hex(hex, DIGEST_HEX_BYTES, hash, sizeof hash);
    return 0;
}
