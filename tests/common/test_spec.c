/* Specs: defaults, what stages say of edits, fits and workers, printing. */
#include "tests/common/specs.h"

#include <math.h>

static const char study[] = "format: facefarm-job/1\n"
                            "seed: 7\n"
                            "stages:\n"
                            "  - {kind: sample, count: 10}\n"
                            "  - {kind: label, name: labels, start: 5, count: 100}\n"
                            "  - {kind: fit, name: planes}\n"
                            "  - {kind: edit, conditions: [Male], distances: {to: 2.5}}\n"
                            "  - {kind: evaluate, count: 20, conditions: [all], discount: 0.1,\n"
                            "     distance: 3, distances: {from: 1}}\n";

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
        cmocka_unit_test(absent_keys_get_defaults),
        cmocka_unit_test(conditions_have_a_short_and_a_long_form),
        cmocka_unit_test(an_edit_says_where_to_and_when_to_stop),
        cmocka_unit_test(a_fit_says_how),
        cmocka_unit_test(totals_follow_from_the_bundle),
        cmocka_unit_test(an_evaluation_has_a_row_an_edit),
        cmocka_unit_test(a_printed_spec_reads_back_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
