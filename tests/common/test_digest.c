/* SHA-256 of bytes, whole and in parts: the standard's own examples (FIPS 180-4, appendix B). */
#include "tests/common/check.h"

#include "common/digest.h"

static const struct {
    const char *text, *digest;
} examples[] = {
    {"", DIGEST_OF_NOTHING},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void the_standards_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        char hex[DIGEST_HEX_BYTES];
        digest_bytes(examples[i].text, strlen(examples[i].text), hex);
        assert_string_equal(hex, examples[i].digest);
    }
}

static void parts_of_any_size_give_the_same(void **state)
{
    (void)state;
    uint8_t data[1000];
    char whole[DIGEST_HEX_BYTES], parts[DIGEST_HEX_BYTES];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(31 * i + i / 256);
    digest_bytes(data, sizeof data, whole);
    for (size_t part = 1; part < 200; part++) {
        struct digest digest;
        digest_begin(&digest);
        for (size_t at = 0; at < sizeof data; at += part)
            digest_add(&digest, data + at, sizeof data - at < part ? sizeof data - at : part);
        digest_end(&digest, parts);
        assert_string_equal(parts, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_examples),
        cmocka_unit_test(parts_of_any_size_give_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
