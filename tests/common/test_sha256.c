/* SHA-256 by the processor's instructions, where it has them, beside libsodium's and the standard's
 * examples. */
#include "tests/common/check.h"

#include <string.h>

#include "common/sha256.h"

#define MOST 700

static uint8_t data[MOST];

static void hex_of(struct sha256 *hash, char hex[2 * SHA256_BYTES + 1])
{
    uint8_t sum[SHA256_BYTES];
    sha256_end(hash, sum);
    sodium_bin2hex(hex, 2 * SHA256_BYTES + 1, sum, sizeof sum);
}

static void examples_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sum;
    } examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        for (int portably = 0; portably < 2; portably++) {
            struct sha256 hash;
            char hex[2 * SHA256_BYTES + 1];
            if (portably)
                sha256_begin_portably(&hash);
            else
                sha256_begin(&hash);
            sha256_add(&hash, examples[i].text, strlen(examples[i].text));
            hex_of(&hash, hex);
            assert_string_equal(hex, examples[i].sum);
        }
}

/* Every size around the blocks, in parts of every size around them. */
static void parts_make_the_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOST; i++)
        data[i] = (uint8_t)(i * i * 31 + i * 7 + (i >> 3));
    for (size_t size = 0; size < MOST; size += size < 200 ? 1 : 37)
        for (size_t part = 1; part < 150; part += part < 5 || (part > 60 && part < 68) ? 1 : 13) {
            uint8_t expected[crypto_hash_sha256_BYTES], sum[SHA256_BYTES];
            struct sha256 hash;
            crypto_hash_sha256(expected, data, size);
            sha256_begin(&hash);
            for (size_t at = 0; at < size; at += part)
                sha256_add(&hash, data + at, size - at < part ? size - at : part);
            sha256_end(&hash, sum);
            assert_memory_equal(sum, expected, sizeof sum);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_standard),
        cmocka_unit_test(parts_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
