/* SHA-256 (FIPS 180-4, by libsodium) as 64 lower-case hexadecimal characters. */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include <stddef.h>

#include "common/error.h"

#define DIGEST_HEX_BYTES 65 /* with the NUL */

void digest_bytes(const void *data, size_t size, char hex[DIGEST_HEX_BYTES]);
MUST_CHECK int digest_file(const char *path, char hex[DIGEST_HEX_BYTES], struct error *err);

#endif
