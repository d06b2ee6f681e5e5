/* Lists of imported latents: there and back, what is wrong with one, which bundle takes which. */
#include "tests/common/check.h"

#include "common/latent_list.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
#define HEAD "facefarm-latents/1 space=w+ rows=5 vectors=3 dimension=4 block=2\n"

static struct error err;

static void reads_what_it_prints(void **state)
{
    (void)state;
    const char text[] = HEAD HASH HASH HASH;
    struct latent_list list;
    struct buffer again;
    buffer_init(&again, 10000);
    assert_ok(latent_list_parse(text, strlen(text), &list, &err));
    assert_int_equal(list.space, BUNDLE_W_PLUS);
    assert_int_equal(latent_list_width(&list), 12);
    assert_int_equal(list.blocks, 3);
    assert_int_equal(latent_list_rows(&list, 0), 2);
    assert_int_equal(latent_list_rows(&list, 2), 1);
    assert_ok(latent_list_print(&list, &again, &err));
    assert_string_equal((char *)again.data, text);
    assert_int_equal(latent_list_block(1), 1 << 20);
    assert_int_equal(latent_list_block(LATENT_BLOCK_BYTES), 1);
    buffer_free(&again);
    latent_list_free(&list);
}

static const struct {
    const char *text;
    int code;
    const char *part;
} wrong[] = {
    {"", E_PARSE, "line 1: has no end"},
    {"facefarm-latents/1", E_PARSE, "line 1: has no end"},
    {"facefarm-latents/2 space=z rows=1 vectors=1 dimension=4 block=1\n" HASH, E_PARSE,
     "line 1: expected"},
    {"facefarm-latents/1 space=w++ rows=1 vectors=1 dimension=4 block=1\n" HASH, E_PARSE,
     "line 1: expected"},
    {"facefarm-latents/1 space=z rows=1 vectors=1 dimension=4 block=1 x\n" HASH, E_PARSE,
     "line 1: expected"},
    {"facefarm-latents/1 space=z rows=1 vectors=2 dimension=4 block=1\n" HASH, E_LIMIT,
     "2 vectors of 4 numbers in z"},
    {"facefarm-latents/1 space=z rows=1 vectors=1 dimension=0 block=1\n" HASH, E_LIMIT,
     "vectors of 0 numbers"},
    {"facefarm-latents/1 space=z rows=0 vectors=1 dimension=4 block=1\n" HASH, E_LIMIT, "0 rows"},
    {"facefarm-latents/1 space=z rows=999999999999 vectors=1 dimension=4 block=1\n" HASH, E_LIMIT,
     "LIMIT_LATENTS"},
    {"facefarm-latents/1 space=z rows=1 vectors=1 dimension=4 block=0\n" HASH, E_LIMIT,
     "in blocks of 0"},
    {"facefarm-latents/1 space=z rows=9 vectors=1 dimension=65536 block=17\n" HASH, E_LIMIT,
     "LATENT_BLOCK_BYTES"},
    {"facefarm-latents/1 space=z rows=-1 vectors=1 dimension=4 block=1\n" HASH, E_LIMIT, "rows"},
    {HEAD HASH HASH, E_PARSE, "130 bytes behind line 1, expected 3 lines"},
    {HEAD HASH HASH HASH HASH, E_PARSE, "260 bytes behind line 1"},
    {HEAD HASH HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg\n", E_PARSE,
     "line 4: expected a SHA-256"},
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct latent_list list = {0};
        assert_error(latent_list_parse(wrong[i].text, strlen(wrong[i].text), &list, &err),
                     wrong[i].code, wrong[i].part);
        assert_null(list.sha256);
    }
}

static void a_bundle_takes_what_it_can_make_faces_of(void **state)
{
    (void)state;
    struct bundle_mapping mapping = {.dimension = 6};
    struct bundle z = {.name = "z", .generator.latent = {BUNDLE_Z, 5, 1, {0}}};
    struct bundle w = {.name = "w", .generator.latent = {BUNDLE_W, 5, 3, {0}}, .mapping = &mapping};
    struct bundle plus = {
        .name = "p", .generator.latent = {BUNDLE_W_PLUS, 5, 3, {0}}, .mapping = &mapping};
    const struct latent_list in_z = {.space = BUNDLE_Z, .vectors = 1, .dimension = 5},
                             drawn = {.space = BUNDLE_Z, .vectors = 1, .dimension = 6},
                             in_w = {.space = BUNDLE_W, .vectors = 1, .dimension = 5},
                             in_plus = {.space = BUNDLE_W_PLUS, .vectors = 3, .dimension = 5},
                             longer = {.space = BUNDLE_W_PLUS, .vectors = 4, .dimension = 5};
    assert_ok(latent_list_check(&in_z, &z, &err));
    assert_ok(latent_list_check(&drawn, &w, &err));
    assert_ok(latent_list_check(&in_w, &w, &err));
    assert_ok(latent_list_check(&drawn, &plus, &err));
    assert_ok(latent_list_check(&in_w, &plus, &err));
    assert_ok(latent_list_check(&in_plus, &plus, &err));
    assert_error(latent_list_check(&drawn, &z, &err), E_INVALID,
                 "have 1 vectors of 6 numbers, bundle z takes 1 of 5 in z");
    assert_error(latent_list_check(&in_w, &z, &err), E_INVALID,
                 "are in w, bundle z has its latents in z");
    assert_error(latent_list_check(&in_plus, &w, &err), E_INVALID,
                 "are in w+, bundle w has its latents in w");
    assert_error(latent_list_check(&longer, &plus, &err), E_INVALID,
                 "have 4 vectors of 5 numbers, bundle p takes 3 of 5");
    w.mapping = NULL;
    assert_error(latent_list_check(&drawn, &w, &err), E_INVALID, "and no mapping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_prints),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_bundle_takes_what_it_can_make_faces_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
