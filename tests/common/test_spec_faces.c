/* Specs: which faces a stage has (samples, photos, imported latents, those of a mix), and how they
 * are made. */
#include "tests/common/specs.h"

static void a_stage_says_how_its_generator_is_asked(void **state)
{
    (void)state;
    struct spec *spec =
        parse("format: facefarm-job/1\nstages:\n"
              "  - {kind: label, count: 9, noise: seeded, truncation: {psi: 0.5}}\n"
              "  - {kind: fit}\n"
              "  - {kind: edit, noise: none}\n"
              "  - {kind: sample, count: 9, truncation: {psi: 0, layers: 4}, noise: constant}\n"
              "  - {kind: label, name: b, count: 9, mixing: {layers: random, offset: 3, "
              "probability: 0.5}}\n"
              "  - {kind: sample, name: c, seeds: '5,7', mixing: {layers: '0,2-3', with: "
              "'100-101,9'}}\n");
    for (int i = 0; i < 2; i++) {
        const struct spec_stage *s = spec->stages;
        assert_true(s[0].noise_given && s[0].noise == BUNDLE_NOISE_SEEDED);
        assert_true(s[0].truncation_given && s[0].psi == 0.5 && s[0].truncated == 0);
        assert_true(!s[1].noise_given && !s[1].truncation_given);
        assert_true(s[2].noise_given && s[2].noise == BUNDLE_NOISE_NONE && !s[2].truncation_given);
        assert_true(s[3].truncation_given && s[3].psi == 0 && s[3].truncated == 4);
        assert_true(s[3].noise_given && s[3].noise == BUNDLE_NOISE_CONSTANT);
        assert_true(!s[3].mixing.given && s[4].mixing.given && !s[4].mixing.layers);
        assert_true(s[4].mixing.offset == 3 && s[4].mixing.probability == 0.5);
        assert_string_equal(s[5].mixing.layers, "0,2-3");
        assert_true(s[5].mixing.with.total == 3 && spec_stage_is_mixed_sheet(&s[5]));
        assert_true(spec_stage_unit(&s[5]) == 2 && spec_stage_unit(&s[4]) == 1);
        spec = print_and_parse(spec);
    }
    spec_free(&spec);
}

/* Stages that edit photos know which, and print so that they come back the same. */
static void photos_are_those_of_the_encode_stage(void **state)
{
    (void)state;
    struct buffer first, second;
    struct spec *spec =
        parse(HEAD LABEL FIT ENCODE
              "  - {kind: edit, photos: encode, faces: 4, identity: person}\n"
              "  - {kind: evaluate, photos: encode, features: none}\n"
              "  - {kind: evaluate, name: some, photos: encode, start: 5, count: 2}\n"
              "  - {kind: label, name: scored, images: " HASH ", count: 3, truth: " TRUTH "}\n");
    const struct spec_stage *s = spec->stages;
    assert_string_equal(s[3].images, HASH);
    assert_string_equal(s[3].identity, "person");
    assert_int_equal(s[3].start, 2);
    assert_int_equal(s[4].start, 2);
    assert_int_equal(s[4].count, 8);
    assert_int_equal(s[5].count, 2);
    assert_true(spec_stage_reads_photos(&s[5]) && spec_stage_reads_photos(&s[6]) &&
                !spec_stage_reads_photos(&s[0]));
    assert_int_equal(spec_stage_variants(&s[2], 3), 2);
    assert_int_equal(spec_stage_total(&s[2], 3, true), 8);
    buffer_init(&first, LIMIT_SPEC_BYTES);
    buffer_init(&second, LIMIT_SPEC_BYTES);
    assert_ok(spec_print(spec, &first, &err));
    spec_free(&spec);
    assert_ok(buffer_append(&first, "", 1, &err));
    spec = parse((char *)first.data);
    assert_string_equal(spec->stages[4].images, HASH);
    assert_string_equal(spec->stages[6].truth, TRUTH);
    assert_null(spec->stages[3].truth);
    assert_ok(spec_print(spec, &second, &err));
    spec_free(&spec);
    assert_ok(buffer_append(&second, "", 1, &err));
    assert_string_equal((char *)first.data, (char *)second.data);
    buffer_free(&first);
    buffer_free(&second);
}

/* As text, as a list, as a block; the name of a stage is no key. */
static void a_stage_says_which_samples(void **state)
{
    (void)state;
    struct buffer text;
    struct spec *spec =
        parse("format: facefarm-job/1\n"
              "stages:\n"
              "  - {kind: sample, name: seeds, seeds: [0-9999, 12000], count: 10001}\n"
              "  - {kind: label, seeds: '0-999999999,5000000000'}\n"
              "  - {kind: fit}\n"
              "  - kind: edit\n"
              "    seeds: 12, 7 # two of them\n"
              "    faces: 2\n"
              "  - kind: evaluate\n"
              "    seeds:\n"
              "      - 30-39\n"
              "      - 20-29\n"
              "  - {kind: evaluate, name: one, seeds: \"70-79\"}\n"
              "  - {kind: evaluate, name: behind, count: 1}\n");
    const struct spec_stage *s = spec->stages;
    assert_string_equal(s[0].name, "seeds");
    assert_int_equal(s[0].count, 10001);
    assert_int_equal(spec_stage_samples(&s[0], 10000, 5).sample, 12000);
    assert_int_equal(s[1].count, 1000000001);
    assert_int_equal(spec_stage_samples_end(&s[1]), 5000000001);
    assert_int_equal(s[3].faces, 2);
    assert_int_equal(s[3].start, 7);
    assert_int_equal(spec_stage_samples(&s[3], 0, 1).sample, 12);
    assert_int_equal(spec_stage_samples(&s[4], 10, 99).sample, 20);
    assert_int_equal(s[5].seeds.count, 0); /* as if with start and count */
    assert_int_equal(s[5].start, 70);
    assert_int_equal(spec_stage_samples(&s[5], 4, 2).sample, 74);
    assert_int_equal(s[6].start, 5000000001); /* behind the highest that is labelled */
    buffer_init(&text, 10000);
    assert_ok(spec_print(spec, &text, &err));
    assert_non_null(strstr((char *)text.data, "    seeds: [0-9999, 12000]\n"));
    spec_free(&spec);
    spec = parse((char *)text.data);
    assert_int_equal(spec_stage_samples(&spec->stages[4], 10, 99).sample, 20);
    assert_int_equal(spec->stages[3].faces, 2);
    buffer_free(&text);
    spec_free(&spec);
}

/* Shares are numbers of faces, all of which someone gets. */
static void a_mix_has_shares(void **state)
{
    (void)state;
    struct spec *spec =
        parse(HEAD "  - {kind: label, count: 50, faces: 10, mix: [{share: 0.333333, of: [a]},\n"
                   "     {share: 0.333333, of: [b]}, {share: 0.333334, of: [-b]}]}\n");
    for (int i = 0; i < 2; i++) {
        const struct spec_cell *mix = spec->stages[0].mix;
        assert_true(mix[0].faces == 3 && mix[1].faces == 3 && mix[2].faces == 4);
        spec = print_and_parse(spec);
    }
    spec_free(&spec);
    spec = parse(HEAD "  - {kind: label, count: 50, faces: 4096, mix: [{share: 0.5, of: [a]}, "
                      "{share: 0.25, of: [b]},\n"
                      "     {share: 0.25, of: [-b]}]}\n");
    assert_int_equal(spec_mix_faces(&spec->stages[0]), 4096);
    assert_int_equal(spec->stages[0].mix[0].faces, 2048);
    spec_free(&spec);
}

/* The faces of a mix are made as they were found, unless a stage says otherwise. */
static void the_faces_of_a_mix_are_made_as_there(void **state)
{
    (void)state;
    struct spec *spec = parse(
        HEAD
        "  - {kind: label, name: pool, count: 50, mix: [{faces: 2, of: [Male]}], noise: seeded,\n"
        "     truncation: {psi: 0.5, layers: 3}, mixing: {layers: 1-2, offset: 7, probability: "
        "0.5}}\n"
        "  - {kind: sample, name: few, samples: pool}\n" FIT
        "  - {kind: edit, samples: pool, noise: none, truncation: {psi: 1}, mixing: {layers: 1, "
        "offset: 8}}\n"
        "  - {kind: evaluate, count: 3, mixing: {layers: 0, offset: 9}}\n");
    for (int i = 0; i < 2; i++) {
        const struct spec_stage *s = spec->stages;
        assert_true(s[1].noise_given && s[1].noise == BUNDLE_NOISE_SEEDED);
        assert_true(s[1].truncation_given && s[1].psi == 0.5 && s[1].truncated == 3);
        assert_true(s[1].mixing.given && s[1].mixing.offset == 7 && s[1].mixing.probability == 0.5);
        assert_string_equal(s[1].mixing.layers, "1-2");
        assert_true(!s[2].mixing.given);
        assert_true(s[3].noise == BUNDLE_NOISE_NONE && s[3].psi == 1 && s[3].truncated == 0);
        assert_true(s[3].mixing.offset == 8 && s[4].mixing.offset == 9);
        spec = print_and_parse(spec);
    }
    spec_free(&spec);
}

/* As many faces as the mix has. Jobs of brokers before have their seeds in the spec. */
static void a_stage_takes_the_faces_of_a_mix(void **state)
{
    (void)state;
    struct buffer text;
    struct spec *spec =
        parse(HEAD MIX "  - {kind: label, name: few, samples: pool, seeds: [3, 9, 7, 20-21]}\n" FIT
                       "  - {kind: edit, samples: pool, faces: 5}\n"
                       "  - {kind: evaluate, count: 5}\n");
    buffer_init(&text, 10000);
    assert_ok(spec_print(spec, &text, &err));
    spec_free(&spec);
    spec = parse((char *)text.data);
    const struct spec_stage *s = spec->stages;
    assert_int_equal(s[0].mix_count, 2);
    assert_string_equal(s[0].mix[0].of[1], "-Smiling");
    assert_int_equal(spec_mix_faces(&s[0]), 5);
    assert_string_equal(s[1].samples, "pool");
    assert_int_equal(s[1].count, 5);
    assert_int_equal(spec_stage_samples(&s[1], 4, 1).sample, 21);
    assert_int_equal(s[3].faces, 5);
    assert_int_equal(s[4].start, 50); /* behind all that was looked at */
    buffer_free(&text);
    spec_free(&spec);
}

/* Rows begin at 0; behind those that were labelled where they are the same latents. */
static void a_stage_takes_imported_latents(void **state)
{
    (void)state;
    struct buffer text;
    struct spec *spec = parse(HEAD "  - {kind: sample, latents: " HASH ", count: 4}\n"
                                   "  - {kind: label, latents: " HASH ", count: 100}\n" FIT
                                   "  - {kind: edit, latents: " HASH ", seeds: [3, 1]}\n"
                                   "  - {kind: evaluate, latents: " HASH ", count: 5}\n"
                                   "  - {kind: evaluate, name: drawn, count: 5}\n");
    buffer_init(&text, 10000);
    assert_ok(spec_print(spec, &text, &err));
    spec_free(&spec);
    spec = parse((char *)text.data);
    const struct spec_stage *s = spec->stages;
    assert_string_equal(s[0].latents, HASH);
    assert_string_equal(s[3].latents, HASH);
    assert_int_equal(spec_stage_samples(&s[3], 1, 1).sample, 1);
    assert_int_equal(s[4].start, 100);
    assert_int_equal(s[5].start, 0);
    assert_null(s[5].latents);
    buffer_free(&text);
    spec_free(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photos_are_those_of_the_encode_stage),
        cmocka_unit_test(a_stage_says_which_samples),
        cmocka_unit_test(a_stage_takes_imported_latents),
        cmocka_unit_test(a_stage_takes_the_faces_of_a_mix),
        cmocka_unit_test(a_mix_has_shares),
        cmocka_unit_test(the_faces_of_a_mix_are_made_as_there),
        cmocka_unit_test(a_stage_says_how_its_generator_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
