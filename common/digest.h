/* SHA-256 (FIPS 180-4, by nettle, with the processor's own instructions where it has them) as 64
 * lower-case hexadecimal characters. */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"

#define DIGEST_HEX_BYTES 65 /* with the NUL */

/* Of no bytes. */
#define DIGEST_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Of bytes that come in parts; holds nothing that must be freed. */
struct digest {
    struct sha256_ctx state;
};

void digest_begin(struct digest *digest);
void digest_add(struct digest *digest, const void *data, size_t size);
void digest_end(struct digest *digest, char hex[DIGEST_HEX_BYTES]);

void digest_bytes(const void *data, size_t size, char hex[DIGEST_HEX_BYTES]);
MUST_CHECK int digest_file(const char *path, char hex[DIGEST_HEX_BYTES], struct error *err);

/* Reads a file that is named by its digest, or listed with it, as buffer_read_file does; E_DIGEST
 * where its bytes have another one. */
MUST_CHECK int digest_read_file(const char *path, const char *hex, size_t maximum,
                                struct buffer *file, struct error *err);

/* Of a folder: over the bytes of its files, one behind the other in the order of their names (as strcmp
 * orders them), and how many bytes these are. Anything in it but regular files is E_INVALID. The
 * error names what could not be read. */
MUST_CHECK int digest_folder(const char *path, char hex[DIGEST_HEX_BYTES], uint64_t *bytes,
                             struct error *err);

#endif
