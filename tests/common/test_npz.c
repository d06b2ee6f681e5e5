/* .npz there and back, deflated as numpy.savez_compressed does, and everything that can be wrong
 * with one. */
#include "tests/common/check.h"

#include <unistd.h>
#include <zlib.h>

#include "common/npz.h"

static struct error err;
static char path[] = "/tmp/facefarm-npz-XXXXXX";
static const float values[6] = {1, -2.5f, 3e30f, 0, 5, 6};
static const uint64_t dims[2] = {2, 3};

static void expect_values(const char *name)
{
    struct npy npy;
    assert_ok(npz_read(path, name, &npy, &err));
    assert_int_equal(npy.rank, 2);
    assert_int_equal(npy.dims[1], 3);
    assert_memory_equal(npy.data, values, sizeof values);
    npy_free(&npy);
}

static void comes_back_equal(void **state)
{
    (void)state;
    assert_ok(npz_write(path, values, 2, dims, &err));
    expect_values(NULL);
    expect_values("latents");
    assert_ok(npy_write(path, values, 2, dims, &err));
    expect_values(NULL); /* .npy as well */
    assert_error(npz_read(path, "w", &(struct npy){0}, &err), E_INVALID, "is no .npz file");
}

/* ---- archives by hand ---- */

struct archive {
    struct buffer file, directory;
    size_t members;
};

static void put(struct buffer *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        assert_ok(buffer_append(out, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1, &err));
}

struct entry {
    const char *name;
    unsigned flags, method, extra;
    uint32_t crc_error, size_error, packed_error, offset_error;
};

static void common_fields(struct buffer *out, const struct entry *entry, uint32_t crc,
                          size_t packed, size_t size)
{
    put(out, 20, 2);
    put(out, entry->flags, 2);
    put(out, entry->method, 2);
    put(out, 0x21000000, 4);
    put(out, crc + entry->crc_error, 4);
    put(out, packed + entry->packed_error, 4);
    put(out, size + entry->size_error, 4);
    put(out, strlen(entry->name), 2);
}

/* Deflates where the method is 8. NumPy's local headers have 20 bytes of ZIP64 that the directory
 * has not. */
static void add(struct archive *a, const struct entry *entry, const void *data, size_t size)
{
    uint8_t packed[1000];
    z_stream stream = {.next_in = (Bytef *)data,
                       .avail_in = (uInt)size,
                       .next_out = packed,
                       .avail_out = sizeof packed};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t length = entry->method == 8 ? stream.total_out : size, offset = a->file.size;
    uint32_t crc = (uint32_t)crc32(0, data, (uInt)size);
    deflateEnd(&stream);
    put(&a->file, 0x04034b50, 4);
    common_fields(&a->file, entry, crc, length, size);
    put(&a->file, entry->extra, 2);
    assert_ok(buffer_append(&a->file, entry->name, strlen(entry->name), &err));
    for (unsigned i = 0; i < entry->extra; i++)
        put(&a->file, 0, 1);
    assert_ok(buffer_append(&a->file, entry->method == 8 ? packed : data, length, &err));
    put(&a->directory, 0x02014b50, 4);
    put(&a->directory, 20, 2);
    common_fields(&a->directory, entry, crc, length, size);
    put(&a->directory, 0, 8); /* extra, comment, disk, internal attributes, */
    put(&a->directory, 0, 4); /* external ones */
    put(&a->directory, offset + entry->offset_error, 4);
    assert_ok(buffer_append(&a->directory, entry->name, strlen(entry->name), &err));
    a->members++;
}

static void begin(struct archive *a)
{
    buffer_init(&a->file, 100000);
    buffer_init(&a->directory, 100000);
    a->members = 0;
}

static void finish(struct archive *a)
{
    size_t at = a->file.size;
    assert_ok(buffer_append(&a->file, a->directory.data, a->directory.size, &err));
    put(&a->file, 0x06054b50, 4);
    put(&a->file, 0, 4);
    put(&a->file, a->members, 2);
    put(&a->file, a->members, 2);
    put(&a->file, a->directory.size, 4);
    put(&a->file, at, 4);
    put(&a->file, 0, 2);
    assert_ok(buffer_write_file(path, a->file.data, a->file.size, &err));
    buffer_free(&a->file);
    buffer_free(&a->directory);
}

/* The bytes of a .npy file. */
static void make_npy(struct buffer *npy)
{
    buffer_init(npy, 10000);
    assert_ok(npy_print(npy, values, 2, dims, &err));
}

static void savez_compressed_is_read(void **state)
{
    (void)state;
    struct archive a;
    struct buffer npy;
    make_npy(&npy);
    begin(&a);
    add(&a, &(struct entry){.name = "notes.txt", .method = 0}, "text", 4);
    add(&a, &(struct entry){.name = "w.npy", .method = 8, .extra = 20}, npy.data, npy.size);
    finish(&a);
    expect_values("w");
    expect_values(NULL); /* the only array */
    begin(&a);
    add(&a, &(struct entry){.name = "w.npy", .method = 8}, npy.data, npy.size);
    add(&a, &(struct entry){.name = "z.npy"}, npy.data, npy.size);
    finish(&a);
    expect_values("z");
    assert_error(npz_read(path, NULL, &(struct npy){0}, &err), E_INVALID,
                 "has the arrays w, z: say which");
    assert_error(npz_read(path, "v", &(struct npy){0}, &err), E_NOT_FOUND,
                 "has no array \"v\"; it has w, z");
    buffer_free(&npy);
}

static void refused(const struct entry *entry, int code, const char *part)
{
    struct archive a;
    struct buffer npy;
    make_npy(&npy);
    begin(&a);
    add(&a, entry, npy.data, npy.size);
    finish(&a);
    buffer_free(&npy);
    assert_error(npz_read(path, NULL, &(struct npy){0}, &err), code, part);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    refused(&(struct entry){.name = "w.npy", .flags = 1}, E_UNSUPPORTED, "w.npy: is encrypted");
    refused(&(struct entry){.name = "w.npy", .method = 12}, E_UNSUPPORTED, "compression method 12");
    refused(&(struct entry){.name = "w.npy", .crc_error = 1}, E_PARSE, "CRC error");
    refused(&(struct entry){.name = "w.npy", .method = 8, .size_error = 1}, E_PARSE,
            "come out of it");
    refused(&(struct entry){.name = "w.npy", .method = 8, .packed_error = (uint32_t)-3}, E_PARSE,
            "come out of it");
    refused(&(struct entry){.name = "w.npy", .method = 8, .size_error = 0x7f000000}, E_LIMIT,
            "NPY_BYTES_MOST");
    refused(&(struct entry){.name = "w.npy", .packed_error = 100000}, E_PARSE,
            "damaged or cut off");
    refused(&(struct entry){.name = "w.npy", .offset_error = 5}, E_PARSE, "damaged or cut off");
    refused(&(struct entry){.name = "w.npy", .offset_error = 0x7fffffff}, E_PARSE,
            "damaged or cut off");
    refused(&(struct entry){.name = "w.txt"}, E_NOT_FOUND, "has no array; it has none");
}

/* Whatever is cut off, something is said, and nothing is read that is not there. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    struct buffer whole;
    buffer_init(&whole, 10000);
    assert_ok(npz_write(path, values, 2, dims, &err));
    assert_ok(buffer_read_file(&whole, path, 9999, &err));
    for (size_t size = 0; size < whole.size; size++) {
        assert_ok(buffer_write_file(path, whole.data, size, &err));
        assert_true(npz_read(path, NULL, &(struct npy){0}, &err) < 0);
        assert_non_null(strstr(err.text, path));
    }
    buffer_free(&whole);
}

static int make_path(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? fd : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_equal),
        cmocka_unit_test(savez_compressed_is_read),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(cut_files_are_refused),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
