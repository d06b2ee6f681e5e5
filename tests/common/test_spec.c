/* Specs: defaults, printing, and a sentence for everything that is wrong. */
#include "tests/common/check.h"

#include <math.h>

#include "common/spec.h"

static struct error err;

static const char study[] = "format: facefarm-job/1\n"
                            "seed: 7\n"
                            "stages:\n"
                            "  - {kind: sample, count: 10}\n"
                            "  - {kind: label, name: labels, start: 5, count: 100}\n"
                            "  - {kind: fit, name: planes}\n"
                            "  - {kind: edit, conditions: [Male], distances: {to: 2.5}}\n"
                            "  - {kind: evaluate, count: 20, conditions: [all], discount: 0.1,\n"
                            "     distance: 3, distances: {from: 1}}\n";

static struct spec *parse(const char *yaml)
{
    struct spec *spec = NULL;
    assert_ok(spec_parse(yaml, strlen(yaml), &spec, &err));
    return spec;
}

static void absent_keys_get_defaults(void **state)
{
    (void)state;
    struct spec *spec = parse(study);
    assert_string_equal(spec->name, "job");
    assert_string_equal(spec->bundle, "default");
    assert_int_equal(spec->max_attempts, 3);
    const struct spec_stage *s = spec->stages;
    assert_string_equal(s[0].name, "sample");
    assert_int_equal(s[0].output, SPEC_PNG);
    assert_string_equal(s[2].from, "labels");
    assert_int_equal(s[2].weights, SPEC_BALANCED);
    assert_string_equal(s[3].from, "planes");
    assert_string_equal(s[3].targets[0], "all");
    assert_int_equal(s[3].start, 105); /* behind the labelled faces */
    assert_true(s[3].distances.from == -3 && s[3].distances.to == 2.5);
    assert_string_equal(s[4].targets[0], "age");
    assert_int_equal(spec_find(spec, "planes"), 2);
    assert_int_equal(spec_find(spec, "nobody"), -1);
    spec_free(&spec);
    assert_null(spec);
}

static void conditions_have_a_short_and_a_long_form(void **state)
{
    (void)state;
    struct buffer text;
    struct spec *spec = parse("format: facefarm-job/1\n"
                              "name: job # λ, μ: two bytes each, before what is written out\n"
                              "stages:\n"
                              "  - {kind: label, count: 9}\n"
                              "  - {kind: fit}\n"
                              "  - kind: edit\n"
                              "    discount: 0.5\n"
                              "    conditions:\n"
                              "      - all\n"
                              "      - {name: Male, discount: 0.8}\n"
                              "      - name: Bald\n"
                              "        free: true\n"
                              "  - {kind: edit, name: soft, projection: soft, strength: 3,\n"
                              "     conditions: [\"Male\", {name: Bald, strength: 0}, 'Hat']}\n"
                              "  - {kind: edit, name: none, reach: score, limit: 4}\n"
                              "  - {kind: edit, name: c, projection: correlation, conditions: [all]}\n");
    const struct spec_stage *s = spec->stages;
    assert_int_equal(s[2].projection, PROJECTION_EXACT);
    assert_int_equal(s[2].conditions_count, 3);
    assert_true(spec_condition_weight(&s[2], 0) == 0.5 && spec_condition_weight(&s[2], 1) == 0.8);
    assert_true(s[2].condition_weights[2].is_free && !s[2].condition_weights[0].given);
    buffer_init(&text, 10000);
    assert_ok(spec_describe_conditions(&s[2], &text, &err));
    assert_string_equal((char *)text.data, "exact projection: every other boundary (discount 0.5), "
                                           "Male (discount 0.8), Bald free");
    buffer_clear(&text);
    assert_ok(spec_describe_conditions(&s[3], &text, &err));
    assert_string_equal((char *)text.data,
                        "soft projection: Male (strength 3), Bald (strength 0), Hat (strength 3)");
    buffer_clear(&text);
    assert_int_equal(s[4].conditions_count, 0);
    assert_ok(spec_print(spec, &text, &err));
    spec_free(&spec);
    spec = parse((char *)text.data);
    assert_true(spec->stages[2].condition_weights[1].value == 0.8);
    assert_true(spec->stages[3].condition_weights[1].value == 0);
    assert_string_equal(spec->stages[3].conditions[2], "Hat");
    assert_int_equal(spec->stages[5].projection, PROJECTION_CORRELATION);
    assert_int_equal(spec->stages[4].reach, MOVE_SCORE);
    assert_true(spec->stages[4].limit == 4 && spec->stages[5].reach == MOVE_RELATIVE);
    buffer_clear(&text);
    assert_ok(spec_describe_variant(&spec->stages[4],
                                    &(struct spec_variant){.distance = 1.5, .projected = true},
                                    &text, &err));
    assert_string_equal((char *)text.data, "moved to the score 1.5, projected");
    spec_free(&spec);
    buffer_free(&text);
}

/* Scores of several boundaries in every form that YAML has for them, networks' targets, stop rules, grids. */
static void an_edit_says_where_to_and_when_to_stop(void **state)
{
    (void)state;
    struct buffer text;
    struct spec *spec = parse("format: facefarm-job/1\n"
                              "stages:\n"
                              "  - {kind: label, count: 9}\n"
                              "  - {kind: fit}\n"
                              "  - {kind: evaluate, name: a, count: 1, targets: {Young: -2, Smiling: 1.5}, conditions: [Male]}\n"
                              "  - kind: evaluate\n"
                              "    name: b\n"
                              "    targets:\n"
                              "      Young: -2 # years, not score\n"
                              "      Smiling: +1.5e0\n"
                              "    count: 2\n"
                              "  - kind: edit\n"
                              "    name: c\n"
                              "    targets:\n"
                              "      - {Male: 1}\n"
                              "      - Male: 2\n"
                              "        Bald: 0\n"
                              "      - \"Male=3\"\n"
                              "    stop: {off_target: 0.5}\n"
                              "    decay: 0.5\n"
                              "    walk: 3\n"
                              "  - {kind: evaluate, name: d, count: 1, reach: more_years, distance: 10, estimator: judge,\n"
                              "     conditions: [all], reproject: true, layers: \"0-3,7\", stop: {identity: 0.6}}\n"
                              "  - {kind: evaluate, name: e, count: 1, reach: logit, distances: {from: -1, to: 1, steps: 3}}\n"
                              "  - {kind: edit, name: f, targets: [age, Smiling], distances: {from: -1, to: 1, steps: 3},\n"
                              "     rows: {from: 0, to: 2, steps: 2}, conditions: [Male]}\n");
    const struct spec_stage *s = spec->stages;
    assert_string_equal(s[2].targets[0], "Young=-2,Smiling=1.5");
    assert_true(s[2].reach == MOVE_JOINT && s[2].distance == 1 && s[2].conditions_count == 1);
    assert_string_equal(s[3].targets[0], "Young=-2,Smiling=+1.5e0");
    assert_int_equal(s[3].count, 2);
    assert_int_equal(s[4].targets_count, 3);
    assert_string_equal(s[4].targets[1], "Male=2,Bald=0");
    assert_string_equal(s[4].targets[2], "Male=3");
    assert_true(s[4].distances.from == 0 && s[4].distances.to == 1 && s[4].stop.identity == -1);
    assert_true(spec_stop_share(&s[4].stop, 0) == 0 && spec_stop_share(&s[4].stop, 3) == 1);
    assert_true(fabs(spec_stop_share(&s[4].stop, 1) - 4.0 / 7) < 1e-12 &&
                fabs(spec_stop_share(&s[4].stop, 2) - 6.0 / 7) < 1e-12);
    assert_true(s[5].reach == MOVE_MORE_YEARS && s[5].tolerance == 0.5 && s[5].reproject);
    assert_true(s[5].stop.identity == 0.6 && s[5].stop.walk == 8 && s[5].stop.decay == 1);
    bool layers[9];
    assert_ok(spec_layers(&s[5], 9, layers, &err));
    assert_true(layers[0] && layers[3] && !layers[4] && layers[7] && !layers[8]);
    assert_error(spec_layers(&s[5], 7, layers, &err), E_LIMIT, "the generator has 7: 0 to 6");
    assert_true(s[6].reach == MOVE_LOGIT && s[6].tolerance == 0.05);
    assert_int_equal(spec_stage_variants(&s[6], 41), 4); /* a logit of 0 is an edit as well */
    assert_int_equal(spec_stage_variants(&s[7], 41), 12);
    assert_int_equal(spec_stage_total(&s[7], 40, true), 3);
    struct spec_variant cell = spec_stage_variant(&s[7], 6 + 4);
    assert_true(cell.projected && cell.distance == 0 && cell.second == 2);
    assert_true(spec_stage_moves(&s[4]) && spec_stage_stops(&s[4]) && spec_stage_moves(&s[6]));
    assert_true(!spec_stage_moves(&s[7]) && !spec_stage_stops(&s[6]));
    buffer_init(&text, 10000);
    assert_ok(spec_describe_variant(&s[7], &cell, &text, &err));
    assert_string_equal((char *)text.data, "moved by 0 along age and 2 along Smiling, projected");
    buffer_clear(&text);
    assert_ok(spec_describe_variant(&s[5], &(struct spec_variant){.distance = 10}, &text, &err));
    assert_string_equal((char *)text.data,
                        "moved to an age of as many more years as 10 by estimator judge, layers 0-3,7 only, "
                        "while the likeness is at least 0.6");
    buffer_clear(&text);
    struct buffer again;
    buffer_init(&again, 20000);
    assert_ok(spec_print(spec, &text, &err));
    spec_free(&spec);
    spec = parse((char *)text.data);
    assert_ok(spec_print(spec, &again, &err));
    assert_string_equal((char *)text.data, (char *)again.data);
    spec_free(&spec);
    buffer_free(&text);
    buffer_free(&again);
}

static void a_fit_says_how(void **state)
{
    (void)state;
    struct spec *spec = parse("format: facefarm-job/1\nstages:\n"
                              "  - {kind: label, count: 9}\n"
                              "  - {kind: fit, name: a}\n"
                              "  - {kind: fit, name: b, method: ridge, compare: [svm, ridge, mean_difference],\n"
                              "     extremes: 0.1, costs: [0.1, 1, 10], learning_curve: 3}\n"
                              "  - {kind: fit, name: c, set: study, folds: 10, costs: [2], per_layer: true,\n"
                              "     files: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}\n");
    const struct spec_stage *s = spec->stages;
    assert_true(s[1].method == SPEC_SVM && s[1].compare == 0 && s[1].set == SPEC_SET_ALL);
    assert_true(s[1].folds == 0 && s[1].costs_count == 0 && s[1].cost == 1);
    assert_int_equal(s[2].compare, 1u << SPEC_SVM | 1u << SPEC_MEAN_DIFFERENCE);
    assert_true(s[2].set == SPEC_SET_EXTREMES && s[2].extremes == 0.1);
    assert_true(s[2].folds == 5 && s[2].costs_count == 3 && s[2].costs[2] == 10);
    assert_int_equal(s[2].learning_curve, 3);
    assert_true(s[3].set == SPEC_SET_STUDY && s[3].folds == 10 && s[3].costs[0] == 2);
    struct buffer first, second;
    buffer_init(&first, 10000);
    buffer_init(&second, 10000);
    assert_ok(spec_print(spec, &first, &err));
    spec_free(&spec);
    spec = parse((char *)first.data);
    assert_int_equal(spec->stages[2].compare, 1u << SPEC_SVM | 1u << SPEC_MEAN_DIFFERENCE);
    assert_int_equal(strlen(spec->stages[3].files), 64);
    assert_true(spec->stages[3].per_layer && !spec->stages[2].per_layer);
    assert_true(spec->stages[2].extremes == 0.1 && spec->stages[2].costs[0] == 0.1);
    assert_ok(spec_print(spec, &second, &err));
    assert_string_equal((char *)first.data, (char *)second.data);
    spec_free(&spec);
    buffer_free(&first);
    buffer_free(&second);
}

static void a_stage_says_how_its_generator_is_asked(void **state)
{
    (void)state;
    struct spec *spec = parse("format: facefarm-job/1\nstages:\n"
                              "  - {kind: label, count: 9, noise: seeded, truncation: {psi: 0.5}}\n"
                              "  - {kind: fit}\n"
                              "  - {kind: edit, noise: none}\n"
                              "  - {kind: sample, count: 9, truncation: {psi: 0, layers: 4}, noise: constant}\n"
                              "  - {kind: label, name: b, count: 9, mixing: {layers: random, offset: 3, probability: 0.5}}\n"
                              "  - {kind: sample, name: c, seeds: '5,7', mixing: {layers: '0,2-3', with: '100-101,9'}}\n");
    struct buffer text;
    buffer_init(&text, 10000);
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
        buffer_clear(&text);
        assert_ok(spec_print(spec, &text, &err));
        spec_free(&spec);
        spec = parse((char *)text.data);
    }
    spec_free(&spec);
    buffer_free(&text);
}

static void totals_follow_from_the_bundle(void **state)
{
    (void)state;
    struct spec *spec = parse(study);
    const struct spec_stage *s = spec->stages;
    assert_int_equal(spec_stage_total(&s[1], 40, true), 100);
    assert_int_equal(spec_stage_total(&s[2], 40, true), 41);
    assert_int_equal(spec_stage_total(&s[2], 40, false), 40);
    assert_int_equal(spec_stage_total(&s[3], 40, true), 41 * 3);
    assert_int_equal(spec_stage_unit(&s[3]), 3);
    assert_int_equal(spec_stage_variants(&s[3], 41), 14);
    assert_int_equal(spec_stage_variants(&s[4], 41), 1 + 2 * 7);
    assert_int_equal(spec_stage_variants(&s[1], 41), 1);
    spec_free(&spec);
}

static void check_variant(const struct spec_stage *stage, uint32_t v, int64_t target,
                          double distance, bool projected)
{
    struct spec_variant found = spec_stage_variant(stage, v);
    assert_int_equal(found.target, target);
    assert_true(found.distance == distance);
    assert_int_equal(found.projected, projected);
}

/* The headline edit comes first, 0 and its own distance are not rendered twice. */
static void an_evaluation_has_a_row_an_edit(void **state)
{
    (void)state;
    struct spec *spec = parse(
        "format: facefarm-job/1\nstages:\n  - {kind: label, count: 9}\n  - {kind: fit}\n"
        "  - {kind: evaluate, name: a, count: 2, targets: [age, Male], conditions: [Bald],\n"
        "     distances: {from: -3, to: 3, steps: 7}}\n"
        "  - {kind: evaluate, name: b, count: 2, targets: [all], distance: 2,\n"
        "     distances: {from: 0.5, to: 1.5, steps: 3}}\n");
    const struct spec_stage *a = &spec->stages[2], *b = &spec->stages[3];
    assert_true(a->distance == 3); /* the sweep's end where nothing else is said */
    assert_int_equal(spec_stage_total(a, 40, true), 2);
    assert_int_equal(spec_stage_variants(a, 41), 1 + 2 * 6 * 2);
    check_variant(a, 0, -1, 0, false);
    check_variant(a, 1, 0, 3, false);
    check_variant(a, 2, 0, 3, true);
    check_variant(a, 3, 0, -3, false);
    check_variant(a, 12, 0, 2, true);
    check_variant(a, 13, 1, 3, false);
    check_variant(a, 24, 1, 2, true);
    assert_int_equal(spec_stage_variants(b, 41), 1 + 41 * 4);
    check_variant(b, 1, 0, 2, false);
    check_variant(b, 2, 0, 0.5, false);
    check_variant(b, 164, 40, 1.5, false);
    spec_free(&spec);
}

static void a_printed_spec_reads_back_equal(void **state)
{
    (void)state;
    struct buffer first, second;
    buffer_init(&first, 100000);
    buffer_init(&second, 100000);
    struct spec *spec = parse(study);
    assert_ok(spec_print(spec, &first, &err));
    spec_free(&spec);
    spec = parse((char *)first.data);
    assert_true(spec->stages[4].discount == 0.1);
    assert_ok(spec_print(spec, &second, &err));
    spec_free(&spec);
    assert_string_equal((char *)first.data, (char *)second.data);
    buffer_free(&first);
    buffer_free(&second);
}

#define HEAD "format: facefarm-job/1\nstages:\n"
#define NEEDS(text) "  - {kind: label, count: 9, needs: {" text "}}\n"
#define LABEL "  - {kind: label, count: 9}\n"
#define MIXED(kind, text) HEAD "  - {kind: " kind ", count: 9, mixing: {" text "}}\n"
#define FIT "  - {kind: fit}\n"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TRUTH "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define ENCODE "  - {kind: encode, images: " HASH ", start: 2, count: 8}\n"

/* Stages that edit photos know which, and print so that they come back the same. */
static void photos_are_those_of_the_encode_stage(void **state)
{
    (void)state;
    struct buffer first, second;
    struct spec *spec = parse(HEAD LABEL FIT ENCODE
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
    struct spec *spec = parse("format: facefarm-job/1\n"
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

#define MIX "  - {kind: label, name: pool, count: 50, mix: [{faces: 2, of: [Male, -Smiling]}, {faces: 3, of: [-Male]}]}\n"

/* As many faces as the mix has; their seeds may be there, once they are found. */
static void a_stage_takes_the_faces_of_a_mix(void **state)
{
    (void)state;
    struct buffer text;
    struct spec *spec = parse(HEAD MIX "  - {kind: label, name: few, samples: pool, seeds: [3, 9, 7, 20-21]}\n" FIT
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

static const struct {
    const char *yaml;
    int code;
    const char *part;
} wrong[] = {
    {"", E_PARSE, ""},
    {"[", E_PARSE, "line 2, column 1: did not find expected node"},
    {"a: b: c", E_PARSE, "line 1, column 5"},
    {"format: facefarm-job/1\nseeds: 1\n", E_PARSE, "line 2, column 1: Unexpected key: seeds"},
    {"format: facefarm-job/1\nseed: x\n", E_PARSE, "line 2, column 7"},
    {HEAD "  - {kind: label, count: 9, colour: red}\n", E_PARSE,
     "line 3, column 29: Unexpected key: colour"},
    {"format: facefarm-job/1\nformat: facefarm-job/1\n", E_PARSE, "line 2, column 1"},
    {"format: facefarm-job/1\n", E_PARSE, "stages"},
    {HEAD "  []\n", E_PARSE, ""},
    {HEAD "  - {kind: paint}\n", E_PARSE, "line 3"},
    {"format: facefarm-job/2\nstages:\n" LABEL, E_VERSION, "expected facefarm-job/1"},
    {"seed: -1\n" HEAD LABEL, E_LIMIT, "seed: is -1, expected 0 to"},
    {"seed: 99999999999999999999\n" HEAD LABEL, E_PARSE, "line 1"},
    {"name: ../x\n" HEAD LABEL, E_INVALID, "name: is \"../x\""},
    {"max_attempts: 0\n" HEAD LABEL, E_LIMIT, "max_attempts: is 0, expected 1 to 100"},
    {HEAD "  - {kind: label}\n", E_INVALID, "stage 1 (label): count: missing"},
    {HEAD "  - {kind: label, count: 0}\n", E_LIMIT, "count: is 0"},
    {HEAD "  - {kind: label, count: 9, start: 281474976710656}\n", E_LIMIT, "count: is 9"},
    {HEAD "  - {kind: label, count: 9, distance: 1}\n", E_INVALID, "distance: a stage of kind label"},
    {HEAD "  - {kind: label, seeds: 0-9999;12000}\n", E_PARSE,
     "stage 1 (label): seeds: samples \"0-9999;12000\": at character 7: expected a comma"},
    {HEAD "  - {kind: label, seeds: [9-0]}\n", E_INVALID, "seeds: samples \"9-0\": 9-0 falls"},
    {HEAD "  - {kind: label, seeds: [0-9, 5-14]}\n", E_INVALID, "seeds: 0-9 and 5-14 overlap"},
    {HEAD "  - {kind: label, seeds: 281474976710656}\n", E_LIMIT, "LIMIT_SAMPLES"},
    {HEAD "  - {kind: label, seeds: 0-9, count: 9}\n", E_INVALID, "count: is 9, seeds has 10 samples"},
    {HEAD "  - {kind: label, seeds: 0-9, start: 3}\n", E_INVALID, "start: stands beside seeds"},
    {HEAD "  - {kind: label, seeds: 0-9, images: " HASH "}\n", E_INVALID, "seeds: stands beside images"},
    {HEAD "  - {kind: label, seeds: }\n", E_PARSE, "line 3"},
    {HEAD "  - {kind: label, seeds: {a: 1}}\n", E_PARSE, "line 3"},
    {HEAD "  - {kind: label, seeds: 0-9, colour: red}\n", E_PARSE,
     "line 3, column 31: Unexpected key: colour"},
    {HEAD "  - {kind: encode, images: " HASH ", seeds: 0-9}\n", E_INVALID, "seeds: a stage of kind encode"},
    {HEAD LABEL FIT "  - {kind: edit, seeds: 0-64}\n", E_LIMIT, "65 faces on a sheet, LIMIT_STEPS is 64"},
    {HEAD LABEL FIT "  - {kind: edit, seeds: 0-3, faces: 3}\n", E_INVALID, "faces: is 3, seeds has 4"},
    {HEAD "  - {kind: label, count: 9, latents: ../x}\n", E_INVALID,
     "latents: is \"../x\", expected the 64 hexadecimal digits that facefarm latents import"},
    {HEAD "  - {kind: label, count: 9, latents: " HASH ", images: " HASH "}\n", E_INVALID,
     "latents: stands beside images"},
    {HEAD "  - {kind: label, latents: " HASH "}\n", E_INVALID, "count: missing"},
    {HEAD LABEL "  - {kind: fit, latents: " HASH "}\n", E_INVALID, "latents: a stage of kind fit"},
    {HEAD "  - {kind: sample, count: 9, mix: [{faces: 1, of: [Male]}]}\n", E_INVALID, "mix: a stage of kind sample"},
    {HEAD "  - {kind: label, count: 9, mix: [{faces: 1}]}\n", E_PARSE, "line 3"},
    {HEAD "  - {kind: label, count: 9, mix: [{of: [Male]}]}\n", E_LIMIT, "mix: cell 1: faces: is 0, expected 1 to 4096"},
    {HEAD "  - {kind: label, count: 9, mix: [{faces: 4000, of: [a]}, {faces: 97, of: [-a]}]}\n", E_LIMIT,
     "mix: 4097 faces, LIMIT_RANGES is 4096"},
    {HEAD "  - {kind: label, count: 9, mix: [{faces: 1, of: [a+b]}]}\n", E_INVALID, "of: \"a+b\": expected an attribute"},
    {HEAD "  - {kind: label, count: 9, images: " HASH ", mix: [{faces: 1, of: [a]}]}\n", E_INVALID,
     "mix: stands beside images"},
    {HEAD LABEL "  - {kind: sample, samples: label}\n", E_NOT_FOUND, "no label stage \"label\" with a mix"},
    {HEAD MIX "  - {kind: sample, samples: pool, count: 9}\n", E_INVALID, "count: is 9, the mix of pool has 5"},
    {HEAD MIX "  - {kind: sample, samples: pool, latents: " HASH "}\n", E_INVALID, "samples: stands beside latents"},
    {HEAD LABEL LABEL, E_EXISTS, "stage 2 (label): name: another stage"},
    {HEAD FIT, E_NOT_FOUND, "stage 1 (fit): from: no label stage"},
    {HEAD LABEL "  - {kind: fit, from: nobody}\n", E_NOT_FOUND, "no label stage \"nobody\""},
    {HEAD LABEL "  - {kind: fit, train_share: 1}\n", E_LIMIT, "train_share: is 1"},
    {HEAD LABEL "  - {kind: fit, cost: .nan}\n", E_PARSE, ""},
    {HEAD LABEL "  - {kind: fit, method: magic}\n", E_PARSE, "line 4"},
    {HEAD LABEL "  - {kind: fit, compare: [svm, magic]}\n", E_PARSE, "line 4"},
    {HEAD LABEL "  - {kind: fit, folds: 1}\n", E_INVALID, "folds: is 1, expected 2 to 20, or 0"},
    {HEAD LABEL "  - {kind: fit, folds: 21}\n", E_LIMIT, "folds: is 21"},
    {HEAD LABEL "  - {kind: fit, folds: 0, costs: [1, 2]}\n", E_INVALID, "to choose a cost"},
    {HEAD LABEL "  - {kind: fit, cost: 1, costs: [1, 2]}\n", E_INVALID, "costs: stands beside cost"},
    {HEAD LABEL "  - {kind: fit, costs: [1, 0]}\n", E_LIMIT, "costs: is 0"},
    {HEAD LABEL "  - {kind: fit, set: all, extremes: 0.1}\n", E_INVALID, "only a fit on set: extremes"},
    {HEAD LABEL "  - {kind: fit, extremes: 0.7}\n", E_INVALID, "expected a share up to 0.5"},
    {HEAD LABEL "  - {kind: fit, learning_curve: 13}\n", E_LIMIT, "learning_curve: is 13"},
    {HEAD LABEL "  - {kind: fit, files: ../x}\n", E_INVALID, "files: is \"../x\", expected the 64"},
    {HEAD LABEL "  - {kind: fit, per_layer: 3-5}\n", E_PARSE, "line 4"},
    {HEAD LABEL FIT "  - {kind: edit, reproject: maybe}\n", E_PARSE, "line 5"},
    {HEAD "  - {kind: label, count: 9, per_layer: true}\n", E_INVALID, "per_layer: a stage of kind label"},
    {HEAD "  - {kind: label, count: 9, folds: 2}\n", E_INVALID, "folds: a stage of kind label"},
    {HEAD LABEL "  - {kind: fit, cost: nan}\n", E_LIMIT, "cost: is"},
    {HEAD LABEL FIT "  - {kind: evaluate, count: 1, targets: [all, b]}\n", E_INVALID, "alone"},
    {HEAD LABEL FIT "  - {kind: evaluate, count: 1, distances: {steps: 65}}\n", E_LIMIT, "is 65"},
    {HEAD "  - {kind: label, count: 9, truth: " TRUTH "}\n", E_INVALID, "truth: stands without images"},
    {HEAD "  - {kind: label, count: 9, images: " HASH ", truth: list.txt}\n", E_INVALID,
     "truth: is \"list.txt\", expected the 64 hexadecimal digits that facefarm photos import --truth"},
    {HEAD "  - {kind: encode, count: 9, images: " HASH ", truth: " TRUTH "}\n", E_INVALID,
     "truth: a stage of kind encode"},
    {HEAD "  - {kind: encode, count: 9}\n", E_INVALID, "images: is \"\", expected the 64"},
    {HEAD "  - {kind: encode, images: ../x, count: 9}\n", E_INVALID, "images: is \"../x\""},
    {HEAD "  - {kind: encode, images: " HASH "}\n", E_INVALID, "count: missing"},
    {HEAD "  - {kind: encode, images: " HASH ", count: 5000000}\n", E_LIMIT, "LIMIT_PHOTOS is"},
    {HEAD LABEL "  - {kind: fit, images: " HASH "}\n", E_INVALID, "images: a stage of kind fit"},
    {HEAD "  - {kind: label, count: 9, images: " HASH "}\n" FIT, E_INVALID, "no latents to fit on"},
    {HEAD LABEL FIT "  - {kind: edit, photos: label}\n", E_NOT_FOUND, "no encode stage \"label\""},
    {HEAD LABEL FIT ENCODE "  - {kind: edit, photos: encode, start: 8, faces: 3}\n", E_INVALID,
     "photos 8 to 10, stage encode encodes 2 to 9"},
    {HEAD LABEL FIT ENCODE "  - {kind: evaluate, photos: encode, start: 1}\n", E_INVALID,
     "photos 1 to 9, stage encode encodes 2 to 9"},
    {HEAD LABEL FIT "  - {kind: edit, features: x}\n", E_INVALID, "features: a stage of kind edit"},
    {HEAD LABEL FIT "  - {kind: edit, targets: [all, b]}\n", E_INVALID, "expected alone"},
    {HEAD LABEL FIT "  - {kind: edit, targets: ['a\"b']}\n", E_INVALID, "expected names joined"},
    {HEAD LABEL FIT "  - {kind: edit, discount: 1.5}\n", E_LIMIT, "discount: is 1.5"},
    {HEAD LABEL FIT "  - {kind: edit, conditions: [{name: Male, discount: 1.5}]}\n", E_LIMIT,
     "stage 3 (edit): conditions: Male: discount: is 1.5"},
    {HEAD LABEL FIT "  - {kind: edit, conditions: [Male, Male]}\n", E_EXISTS,
     "conditions: \"Male\" stands there twice"},
    {HEAD LABEL FIT "  - {kind: edit, conditions: ['a\"b']}\n", E_INVALID, "expected the name"},
    {HEAD LABEL FIT "  - {kind: edit, conditions: [a, {name: b, colour: 1}]}\n", E_PARSE,
     "line 5, column 44: Unexpected key: colour"},
    {HEAD LABEL FIT "  - {kind: edit, conditions: [a, b], colour: 1}\n", E_PARSE,
     "line 5, column 38: Unexpected key: colour"},
    {HEAD LABEL FIT "  - {kind: edit, conditions: [[a]]}\n", E_PARSE, "line 5"},
    {HEAD LABEL FIT "  - {kind: edit, conditions: [{name: a, free: true, discount: 1}]}\n", E_INVALID,
     "free: a condition that is held"},
    {HEAD LABEL FIT "  - {kind: edit, projection: soft, discount: 1}\n", E_INVALID,
     "discount: the soft projection does not take it, expected strength"},
    {HEAD LABEL FIT "  - {kind: edit, strength: 1}\n", E_INVALID,
     "strength: the exact projection does not take it, expected discount"},
    {HEAD LABEL FIT "  - {kind: edit, projection: correlation, discount: 1}\n", E_INVALID,
     "discount: the correlation projection does not take it"},
    {HEAD LABEL FIT "  - {kind: edit, projection: soft, conditions: [{name: a, strength: -1}]}\n",
     E_LIMIT, "strength: is -1"},
    {HEAD LABEL FIT "  - {kind: edit, limit: 5}\n", E_INVALID, "limit: only what is no relative"},
    {HEAD LABEL FIT "  - {kind: edit, targets: {Young: -2, Smiling: x}}\n", E_PARSE,
     "targets: \"Young=-2,Smiling=x\": Smiling: \"x\" is no score"},
    {HEAD LABEL FIT "  - {kind: edit, targets: {Young: -2}, colour: 1}\n", E_PARSE,
     "line 5, column 40: Unexpected key: colour"},
    {HEAD LABEL FIT "  - {kind: edit, targets: {Young: 1, Young: 2}}\n", E_EXISTS, "Young has two scores"},
    {HEAD LABEL FIT "  - {kind: edit, targets: {Young: [1]}}\n", E_PARSE, "line 5"},
    {HEAD LABEL FIT "  - {kind: edit, targets: [Male, {Young: 1}]}\n", E_INVALID, "some have scores"},
    {HEAD LABEL FIT "  - {kind: edit, targets: {Young: 1}, reach: logit}\n", E_INVALID, "reached by score"},
    {HEAD LABEL FIT "  - {kind: edit, reach: joint}\n", E_INVALID, "reach: joint needs targets with scores"},
    {HEAD LABEL FIT "  - {kind: edit, reach: years}\n", E_INVALID, "distances: of reach: years need from and to"},
    {HEAD LABEL FIT "  - {kind: evaluate, count: 1, reach: years}\n", E_INVALID, "distance: missing"},
    {HEAD LABEL FIT "  - {kind: edit, estimator: fit}\n", E_INVALID, "estimator: only reach: years"},
    {HEAD LABEL FIT "  - {kind: edit, reach: score, evaluations: 9}\n", E_INVALID, "evaluations: only"},
    {HEAD LABEL FIT "  - {kind: edit, reach: logit, evaluations: 1}\n", E_LIMIT, "evaluations: is 1"},
    {HEAD LABEL FIT "  - {kind: edit, reach: logit, tolerance: 0}\n", E_LIMIT, "tolerance: is 0"},
    {HEAD LABEL FIT "  - {kind: edit, stop: {}}\n", E_INVALID, "stop: expected off_target"},
    {HEAD LABEL FIT "  - {kind: edit, walk: 4}\n", E_INVALID, "walk: only a stage with stop"},
    {HEAD LABEL FIT "  - {kind: edit, stop: {identity: 2}}\n", E_LIMIT, "stop: identity: is 2"},
    {HEAD LABEL FIT "  - {kind: edit, stop: {identity: 0}, decay: 0}\n", E_LIMIT, "decay: is 0"},
    {HEAD LABEL FIT "  - {kind: edit, reproject: true}\n", E_INVALID, "reproject: the stage has no conditions"},
    {HEAD LABEL FIT "  - {kind: edit, layers: 3-1}\n", E_INVALID, "layers: "},
    {HEAD LABEL FIT "  - {kind: edit, targets: [Male], rows: {}}\n", E_INVALID, "rows: a grid has two targets"},
    {HEAD LABEL FIT "  - {kind: edit, targets: [age, Male], reach: years, rows: {}}\n", E_INVALID,
     "need from and to"},
    {HEAD LABEL FIT "  - {kind: edit, reach: score, limit: -5}\n", E_LIMIT, "limit: is -5"},
    {HEAD LABEL FIT "  - {kind: edit, reach: far}\n", E_PARSE, "line 5"},
    {HEAD LABEL "  - {kind: fit, reach: score}\n", E_INVALID, "reach: a stage of kind fit"},
    {HEAD LABEL FIT "  - {kind: edit, projection: oblique}\n", E_PARSE, "line 5"},
    {HEAD LABEL FIT "  - {kind: edit, distances: {steps: 1}}\n", E_LIMIT, "steps: is 1"},
    {HEAD "  - {kind: label, count: 9, noise: loud}\n", E_PARSE, "line 3"},
    {MIXED("label", "offset: 3"), E_INVALID, "mixing: layers: missing, expected layers as 4-7"},
    {MIXED("label", "layers: 1"), E_INVALID, "mixing: expected offset or with"},
    {MIXED("sample", "layers: 1, offset: 1, with: 7"), E_INVALID, "offset or with, not both"},
    {MIXED("label", "layers: 3-1, offset: 1"), E_INVALID, "mixing: layers: "},
    {MIXED("label", "layers: 1, offset: 0"), E_LIMIT, "mixing: offset: is 0, expected 1 to"},
    {MIXED("label", "layers: 1, offset: 281474976710656"), E_LIMIT, "mixing: offset: is 281474976710656"},
    {MIXED("label", "layers: 1, offset: 1, probability: 2"), E_LIMIT, "mixing: probability: is 2"},
    {MIXED("label", "layers: 1, with: 7"), E_INVALID, "which takes a sample stage"},
    {MIXED("sample", "layers: random, with: 7"), E_INVALID, "which takes its layers, none at random"},
    {MIXED("sample", "layers: 1, with: 7, probability: 1"), E_INVALID, "which takes no probability"},
    {MIXED("sample", "layers: 1, with: 0-64"), E_LIMIT, "9 by 65 samples, LIMIT_STEPS is 64"},
    {MIXED("sample", "layers: 1, with: 'x'"), E_PARSE, "mixing: with: "},
    {MIXED("sample", "layers: 1, with: 1, colour: red"), E_PARSE, "line 3"},
    {HEAD LABEL "  - {kind: fit, mixing: {layers: 1, offset: 1}}\n", E_INVALID, "mixing: a stage of kind fit"},
    {HEAD LABEL "  - {kind: fit, noise: none}\n", E_INVALID, "noise: a stage of kind fit"},
    {HEAD "  - {kind: label, count: 9, images: " HASH ", noise: none}\n", E_INVALID,
     "noise: the stage labels photos"},
    {HEAD "  - {kind: label, count: 9, truncation: {layers: 2}}\n", E_INVALID, "truncation: psi: missing"},
    {HEAD "  - {kind: label, count: 9, truncation: {psi: 2.5}}\n", E_LIMIT, "truncation: psi: is 2.5"},
    {HEAD "  - {kind: label, count: 9, truncation: {psi: .5, layers: 0}}\n", E_LIMIT, "truncation: layers: is 0"},
    {HEAD "  - {kind: label, count: 9, truncation: 0.5}\n", E_PARSE, "line 3"},
    {HEAD ENCODE LABEL FIT "  - {kind: edit, photos: encode, truncation: {psi: 1}}\n", E_INVALID,
     "truncation: the stage's latents are those of photos"},
    {HEAD "  - {kind: encode, images: " HASH ", count: 8, truncation: {psi: 1}}\n", E_INVALID,
     "truncation: a stage of kind encode"},
    {"a: &x 1\nb: *x\n", E_PARSE, "line 1"},
    {HEAD NEEDS("memory: lots"), E_INVALID, "stage 1 (label): needs: memory: is \"lots\", expected bytes"},
    {HEAD NEEDS("memory: 0"), E_INVALID, "needs: memory: is \"0\""},
    {HEAD NEEDS("device: tpu"), E_PARSE, "line 3"},
    {HEAD NEEDS("labels: {zone: a, zone: b}"), E_EXISTS, "needs: label zone: stands there twice"},
    {HEAD NEEDS("labels: {zone: a b}"), E_INVALID, "label \"zone=a b\": expected KEY=VALUE"},
    {HEAD NEEDS("labels: {zone: [a]}"), E_PARSE, "line 3"},
    {HEAD NEEDS("labels: {zone}"), E_PARSE, "line 3"},
    {HEAD NEEDS("labels: {zone: a}, colour: 1"), E_PARSE, "line 3, column 56: Unexpected key: colour"},
    {HEAD NEEDS("labels: zone"), E_PARSE, "line 3"},
    {HEAD "  - {kind: fit, conditions: [labels, {a: b}]}\n", E_PARSE, "line 3"},
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct spec *spec = NULL;
        int rc = spec_parse(wrong[i].yaml, strlen(wrong[i].yaml), &spec, &err);
        assert_null(spec);
        /* .nan is a float to some parsers: only the refusal counts then */
        if (wrong[i].part[0] == '\0')
            assert_true(rc < 0);
        else if (rc != wrong[i].code || !strstr(err.text, wrong[i].part))
            fail_msg("%s\ngives %s \"%s\", expected %s \"%s\"", wrong[i].yaml, error_name(rc),
                     err.text, error_name(wrong[i].code), wrong[i].part);
    }
}

static void check_needs(const struct spec *spec)
{
    const struct spec_stage *s = spec->stages;
    assert_true(s[0].needs.device == NEEDS_GPU && s[0].needs.memory == (uint64_t)8 << 30);
    assert_string_equal(s[0].needs.labels, "rack=3,zone=a");
    assert_string_equal(s[1].needs.labels, "site=x,tier=fast");
    assert_true(s[1].needs.device == NEEDS_ANY && s[1].needs.memory == 1000);
    assert_true(needs_nothing(&s[2].needs) && needs_nothing(&s[3].needs));
    assert_string_equal(s[4].needs.labels, "a=b");
    assert_string_equal(s[4].name, "labels");
}

static void a_stage_says_what_it_needs(void **state)
{
    (void)state;
    struct buffer text;
    struct spec *spec = parse("format: facefarm-job/1\n"
                              "stages:\n"
                              "  - {kind: label, name: a, count: 9, needs: {labels: {zone: a, \"rack\":3}, "
                              "device: gpu, memory: 8G}}\n"
                              "  - kind: label\n"
                              "    name: b\n"
                              "    needs:\n"
                              "      labels: # where they are\n"
                              "        tier: 'fast' # not slow\n"
                              "        site: x\n"
                              "      memory: 1000\n"
                              "    count: 9\n"
                              "  - {kind: label, name: c, count: 9, needs: {labels: {}}}\n"
                              "  - {kind: label, name: d, count: 9, needs: {}}\n"
                              "  - {kind: label, needs: {labels: {a: b}}, count: 9, name: labels}\n");
    check_needs(spec);
    buffer_init(&text, 10000);
    assert_ok(spec_print(spec, &text, &err));
    spec_free(&spec);
    spec = parse((char *)text.data);
    check_needs(spec);
    spec_free(&spec);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_says_what_it_needs),
        cmocka_unit_test(photos_are_those_of_the_encode_stage),
        cmocka_unit_test(a_stage_says_which_samples),
        cmocka_unit_test(a_stage_takes_imported_latents),
        cmocka_unit_test(a_stage_takes_the_faces_of_a_mix),
        cmocka_unit_test(absent_keys_get_defaults),
        cmocka_unit_test(conditions_have_a_short_and_a_long_form),
        cmocka_unit_test(an_edit_says_where_to_and_when_to_stop),
        cmocka_unit_test(a_fit_says_how),
        cmocka_unit_test(a_stage_says_how_its_generator_is_asked),
        cmocka_unit_test(totals_follow_from_the_bundle),
        cmocka_unit_test(an_evaluation_has_a_row_an_edit),
        cmocka_unit_test(a_printed_spec_reads_back_equal),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
