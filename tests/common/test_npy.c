/* .npy there and back, and damaged files. */
#include "tests/common/check.h"

#include <unistd.h>

#include "common/buffer.h"
#include "common/npy.h"

static struct error err;
static char path[] = "/tmp/facefarm-npy-XXXXXX";

static void comes_back_equal(void **state)
{
    (void)state;
    const float values[] = {1, -2.5f, 3e30f, 0, 5, 6};
    const uint64_t dims[] = {2, 3};
    struct npy npy;
    assert_ok(npy_write(path, values, 2, dims, &err));
    assert_ok(npy_read(path, &npy, &err));
    assert_int_equal(npy.rank, 2);
    assert_int_equal(npy.dims[1], 3);
    assert_memory_equal(npy.data, values, sizeof values);
    npy_free(&npy);
}

static void refused(const char *header, size_t body, int code, const char *part)
{
    struct buffer file;
    struct npy npy;
    static const char zeros[64];
    size_t size = strlen(header);
    const uint8_t length[2] = {(uint8_t)size, (uint8_t)(size >> 8)};
    buffer_init(&file, 10000);
    assert_ok(buffer_append(&file, "\x93NUMPY\x01\x00", 8, &err));
    assert_ok(buffer_append(&file, length, 2, &err));
    assert_ok(buffer_append(&file, header, size, &err));
    assert_ok(buffer_append(&file, zeros, body, &err));
    assert_ok(buffer_write_file(path, file.data, file.size, &err));
    buffer_free(&file);
    assert_error(npy_read(path, &npy, &err), code, part);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    struct npy npy;
#define DICT(type, order, shape) "{'descr': " type ", 'fortran_order': " order ", 'shape': " shape "}"
    refused("", 0, E_UNSUPPORTED, "missing");
    refused(DICT("'<i8'", "False", "(1,)"), 8, E_UNSUPPORTED, "'<i8'");
    refused(DICT("'<f4'", "True", "(1,)"), 4, E_UNSUPPORTED, "Fortran");
    refused(DICT("'<f4'", "False", "(2,)"), 4, E_PARSE, "body has 4 bytes, its shape needs 8");
    refused(DICT("'<f4'", "False", "(a,)"), 4, E_PARSE, "expected a number");
    refused(DICT("'<f4'", "False", "(9999999999, 9999999999)"), 4, E_LIMIT, "elements");
    refused(DICT("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4, E_LIMIT, "rank");
    assert_ok(buffer_write_file(path, "\x93NUMPY\x01\x00\xff\xff", 10, &err));
    assert_error(npy_read(path, &npy, &err), E_PARSE, "cut off");
    assert_ok(buffer_write_file(path, "hello", 5, &err));
    assert_error(npy_read(path, &npy, &err), E_PARSE, "not an .npy file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_equal),
        cmocka_unit_test(damaged_files_are_refused),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
