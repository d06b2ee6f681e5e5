/* What the worker writes: PNG files, sheets, shards. */
#include "worker_test.h"

#include <png.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "worker/png_file.h"
#include "worker/shard.h"
#include "worker/sheet.h"

static struct error err;

static void fill(uint8_t *pixels, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        pixels[i] = (uint8_t)((seed = seed * 1103515245u + 12345u) >> 16);
}

/* ---- PNG ---- */

static void png_comes_back_pixel_for_pixel(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {64, 64}, {3, 100}, {257, 31}};
    for (size_t i = 0; i < 4; i++) {
        size_t height = sizes[i][0], width = sizes[i][1], bytes = height * width * 3;
        uint8_t *pixels = malloc(bytes), *back = malloc(bytes);
        struct buffer first, second;
        fill(pixels, bytes, 7);
        buffer_init(&first, 1 << 20);
        buffer_init(&second, 1 << 20);
        assert_ok(png_file_encode(pixels, height, width, &first, &err));
        assert_ok(png_file_encode(pixels, height, width, &second, &err));
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
        png_image image = {.version = PNG_IMAGE_VERSION};
        assert_true(png_image_begin_read_from_memory(&image, first.data, first.size));
        assert_int_equal(image.height, height);
        assert_int_equal(image.width, width);
        assert_int_equal(image.format, PNG_FORMAT_RGB);
        assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
        assert_memory_equal(back, pixels, bytes);
        buffer_free(&first);
        buffer_free(&second);
        free(pixels);
        free(back);
    }
}

static void png_without_room_is_an_error(void **state)
{
    (void)state;
    uint8_t pixels[64 * 64 * 3];
    struct buffer out;
    fill(pixels, sizeof pixels, 7);
    for (size_t most = 0; most < 300; most += 7) {
        buffer_init(&out, most);
        assert_error(png_file_encode(pixels, 64, 64, &out, &err), E_LIMIT, "");
        buffer_free(&out);
    }
    buffer_init(&out, 1 << 20);
    assert_error(png_file_encode(pixels, 0, 64, &out, &err), E_LIMIT, "0 by 64 pixels");
    assert_error(png_file_encode(pixels, 1, 1000001, &out, &err), E_LIMIT, "PNG_FILE_SIDE_MAX");
    assert_error(png_file_encode(pixels, 100000, 100000, &out, &err), E_LIMIT, "2^31");
    buffer_free(&out);
}

/* ---- sheets ---- */

static void a_sheet_has_white_gutters(void **state)
{
    (void)state;
    struct sheet sheet;
    uint8_t face[2 * 3 * 3];
    assert_ok(sheet_init(&sheet, 2, 3, 2, 3, &err));
    assert_int_equal(sheet.height, 2 * 2 + 2);
    assert_int_equal(sheet.width, 3 * 3 + 2 * 2);
    for (size_t row = 0; row < 2; row++)
        for (size_t column = 0; column < 3; column++) {
            memset(face, (int)(10 * row + column), sizeof face);
            sheet_put(&sheet, row, column, face);
        }
    for (size_t y = 0; y < sheet.height; y++)
        for (size_t x = 0; x < sheet.width; x++) {
            bool gutter = y % 4 >= 2 || x % 5 >= 3;
            int wanted = gutter ? 255 : (int)(10 * (y / 4) + x / 5);
            for (size_t c = 0; c < 3; c++)
                assert_int_equal(sheet.pixels[(y * sheet.width + x) * 3 + c], wanted);
        }
    sheet_free(&sheet);
    assert_error(sheet_init(&sheet, 4096, 64, 4096, 4096, &err), E_LIMIT, "SHEET_BYTES_MAX");
}

static void sheet_names_are_plain(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Smiling", "Smiling.png"},
        {"Smiling+0.5*Eyeglasses", "Smiling+0.5xEyeglasses.png"},
        {"-Young", "-Young.png"},
        {"a/b c\\d\n", "a_b_c_d_.png"},
        {"12345678901234567890123456789012345678901234567890", "123456789012345678901234567.png"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32];
        sheet_name(cases[i][0], ".png", name, sizeof name);
        assert_string_equal(name, cases[i][1]);
    }
}

/* ---- shards ---- */

static char folder[256];

static struct shard_summary write_shard(const char *path, enum shard_kind kind, size_t files)
{
    struct shard *shard = NULL;
    struct shard_summary summary;
    assert_ok(shard_begin(folder, path, kind, &shard, &err));
    for (size_t i = 0; i < files; i++) {
        char name[32], content[600];
        snprintf(name, sizeof name, "%03zu.txt", i);
        memset(content, (int)('a' + i), sizeof content);
        assert_ok(shard_add(shard, name, content, 500 + i * 12, &err));
    }
    assert_ok(shard_commit(&shard, &summary, &err));
    return summary;
}

static bool exists(const char *path)
{
    char full[600];
    snprintf(full, sizeof full, "%s/%s", folder, path);
    return access(full, F_OK) == 0;
}

static void a_folder_appears_whole_and_again(void **state)
{
    (void)state;
    struct shard_summary first = write_shard("a/b/00000", SHARD_FOLDER, 3);
    assert_int_equal(first.bytes, 500 + 512 + 524);
    assert_true(exists("a/b/00000/002.txt"));
    struct shard_summary second = write_shard("a/b/00000", SHARD_FOLDER, 3);
    assert_string_equal(first.sha256, second.sha256);
    assert_true(exists("a/b/00000/002.txt"));
    char whole[2000], hex[DIGEST_HEX_BYTES];
    memset(whole, 'a', 500);
    memset(whole + 500, 'b', 512);
    memset(whole + 1012, 'c', 524);
    digest_bytes(whole, 1536, hex);
    assert_string_equal(hex, first.sha256);
    char command[600]; /* nothing temporary is left */
    snprintf(command, sizeof command, "test \"$(ls -A '%s/a/b')\" = 00000", folder);
    assert_int_equal(system(command), 0);
}

static void a_tar_is_read_by_tar(void **state)
{
    (void)state;
    char path[600], hex[DIGEST_HEX_BYTES], command[1300];
    struct shard_summary first = write_shard("t/00000.tar", SHARD_TAR, 3);
    struct shard_summary second = write_shard("t/00000.tar", SHARD_TAR, 3);
    assert_string_equal(first.sha256, second.sha256);
    snprintf(path, sizeof path, "%s/t/00000.tar", folder);
    assert_ok(digest_file(path, hex, &err));
    assert_string_equal(hex, first.sha256);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, first.bytes);
    assert_int_equal(first.bytes, 3 * 512 + 512 + 512 + 1024 + 1024);
    snprintf(command, sizeof command,
             "cd '%s/t' && tar xf 00000.tar && test $(cat 000.txt 001.txt 002.txt | wc -c) = 1536 "
             "&& test $(tr -d c < 002.txt | wc -c) = 0",
             folder);
    assert_int_equal(system(command), 0);
}

static void an_abandoned_shard_leaves_nothing(void **state)
{
    (void)state;
    for (int kind = SHARD_FOLDER; kind <= SHARD_TAR; kind++) {
        struct shard *shard = NULL;
        assert_ok(shard_begin(folder, "gone/x", (enum shard_kind)kind, &shard, &err));
        assert_ok(shard_add(shard, "a", "a", 1, &err));
        assert_error(shard_add(shard, "../b", "b", 1, &err), E_INVALID, "plain");
        assert_error(shard_add(shard, "", "b", 1, &err), E_INVALID, "plain");
        shard_abandon(&shard);
        char command[600];
        snprintf(command, sizeof command, "test -z \"$(ls -A '%s/gone')\"", folder);
        assert_int_equal(system(command), 0);
    }
    struct shard *shard = NULL;
    assert_error(shard_begin(folder, "a/../../x", SHARD_TAR, &shard, &err), E_INVALID, "path");
    assert_error(shard_begin("/proc", "x/y", SHARD_TAR, &shard, &err), E_IO, "");
    /* Nobody makes a folder there, root neither. */
    assert_error(shard_begin("/sys", "x/y", SHARD_TAR, &shard, &err), E_READONLY, "/sys/x");
    assert_error(shard_begin("/sys", "x", SHARD_FOLDER, &shard, &err), E_READONLY, "/sys");
}

static int setup(void **state)
{
    (void)state;
    make_folder(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_comes_back_pixel_for_pixel),
        cmocka_unit_test(png_without_room_is_an_error),
        cmocka_unit_test(a_sheet_has_white_gutters),
        cmocka_unit_test(sheet_names_are_plain),
        cmocka_unit_test(a_folder_appears_whole_and_again),
        cmocka_unit_test(a_tar_is_read_by_tar),
        cmocka_unit_test(an_abandoned_shard_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
