/* Buffers keep their maximum; files appear whole; errors keep their sentences. */
#include "tests/common/check.h"

#include <unistd.h>

#include "common/buffer.h"
#include "common/digest.h"

static struct error err;

static void grows_to_its_maximum(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b, 10);
    assert_ok(buffer_append(&b, "12345", 5, &err));
    assert_ok(buffer_printf(&b, &err, "%d", 67890));
    assert_string_equal((char *)b.data, "1234567890");
    assert_error(buffer_append(&b, "x", 1, &err), E_LIMIT, "at most 10");
    assert_error(buffer_printf(&b, &err, "x"), E_LIMIT, "11 bytes");
    assert_int_equal(b.size, 10);
    buffer_free(&b);
}

static void writes_and_reads_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/facefarm-test-XXXXXX", path[160], deep[128], hex[DIGEST_HEX_BYTES];
    struct buffer b;
    assert_non_null(mkdtemp(folder));
    snprintf(deep, sizeof deep, "%s/a/b/c", folder);
    snprintf(path, sizeof path, "%s/file", deep);
    assert_ok(buffer_make_folders(deep, &err));
    assert_ok(buffer_make_folders(deep, &err));
    assert_ok(buffer_write_file(path, "abc", 3, &err));
    buffer_init(&b, 0);
    assert_ok(buffer_read_file(&b, path, 3, &err));
    assert_string_equal((char *)b.data, "abc");
    buffer_free(&b);
    assert_error(buffer_read_file(&b, path, 2, &err), E_LIMIT, path);
    buffer_free(&b);
    assert_error(buffer_read_file(&b, "/nonexistent/x", 2, &err), E_NOT_FOUND, "/nonexistent/x");
    assert_ok(digest_file(path, hex, &err));
    /* FIPS 180-4's own example */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    unlink(path);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rmdir(deep), 0);
        *strrchr(deep, '/') = '\0';
    }
}

static void errors_keep_code_and_sentence(void **state)
{
    (void)state;
    assert_int_equal(error_set(&err, E_PARSE, "found %d", 7), E_PARSE);
    assert_int_equal(error_prefix(&err, E_IO, "file %s", "x"), E_PARSE);
    assert_string_equal(err.text, "file x: found 7");
    assert_string_equal(error_name(E_DIGEST), "E_DIGEST");
    assert_string_equal(error_name(-999), "E_UNKNOWN");
    assert_int_equal(error_set(NULL, E_IO, "nobody listens"), E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_its_maximum),
        cmocka_unit_test(writes_and_reads_files),
        cmocka_unit_test(errors_keep_code_and_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
