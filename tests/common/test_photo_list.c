/* Lists of photos: what is read back, and what is refused of a damaged one. */
#include "tests/common/check.h"

#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/photo_list.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct error err;

static void lines_are_photos(void **state)
{
    static const char text[] = A " one.png\n" B " two words, é.JPG\n";
    struct photo_list list;
    (void)state;
    assert_ok(photo_list_parse("x", text, sizeof text - 1, &list, &err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.sha256[1], B);
    assert_string_equal(list.names[0], "one.png");
    assert_string_equal(list.names[1], "two words, é.JPG");
    photo_list_free(&list);
}

static void damaged_lists_are_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "no photos"},
        {A " one.png", "line 1 has no end"},
        {A " one.png\n" A "\n", "line 2: expected a SHA-256"},
        {A "  \n", NULL}, /* a name of one space is a name */
        {A " \n", "line 1"},
        {"AAAA one.png\n", "line 1"},
        {A "a one.png\n", "line 1"},
        {A " a\tb\n", "line 1"},
        {"\n", "line 1"},
    };
    struct photo_list list;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int rc = photo_list_parse("x", cases[i].text, strlen(cases[i].text), &list, &err);
        if (!cases[i].words) {
            assert_int_equal(rc, 0);
            photo_list_free(&list);
        } else if (rc != E_PARSE || !strstr(err.text, cases[i].words)) {
            fail_msg("case %zu: %d %s", i, rc, err.text);
        }
    }
    assert_error(photo_list_parse("x", A " a\0b\n", 70, &list, &err), E_PARSE, "a byte of 0");
}

static void a_list_is_named_by_its_content(void **state)
{
    static const char text[] = A " one.png\n";
    char folder[] = "/tmp/facefarm-list-XXXXXX", path[64], hash[DIGEST_HEX_BYTES];
    struct photo_list list;
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_error(photo_list_read(folder, B, &list, &err), E_NOT_FOUND, "facefarm photos import");
    snprintf(path, sizeof path, "%s/list", folder);
    assert_ok(buffer_write_file(path, text, sizeof text - 1, &err));
    assert_error(photo_list_read(folder, B, &list, &err), E_DIGEST, "has the SHA-256");
    digest_bytes(text, sizeof text - 1, hash);
    assert_ok(photo_list_read(folder, hash, &list, &err));
    assert_int_equal(list.count, 1);
    photo_list_free(&list);
    unlink(path);
    rmdir(folder);
}

static void photos_are_told_by_their_endings(void **state)
{
    (void)state;
    assert_true(photo_list_is_photo("a.png") && photo_list_is_photo("A.JPeG"));
    assert_false(photo_list_is_photo(".png") || photo_list_is_photo("a.gif") ||
                 photo_list_is_photo(".a.png") || photo_list_is_photo("png"));
    assert_true(photo_list_is_hash(A));
    assert_false(photo_list_is_hash(A "a") || photo_list_is_hash("") || photo_list_is_hash("../x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_photos),
        cmocka_unit_test(damaged_lists_are_refused),
        cmocka_unit_test(a_list_is_named_by_its_content),
        cmocka_unit_test(photos_are_told_by_their_endings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
