/* The study's spec: what the default is to the letter (study.yaml), and what the options change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/study.h"
#include "common/limits.h"
#include "common/spec.h"

static const struct study base = {.name = "study",
                                  .bundle = "default",
                                  .seed = 1,
                                  .faces = 20000,
                                  .samples = 2000,
                                  .evaluate = 10000,
                                  .sheets = 3,
                                  .target = "age",
                                  .distance = 3,
                                  .conditions = "Male,Eyeglasses",
                                  .discount = 1,
                                  .sheet_discount = 0.9};

/* The study's spec as the broker would read it. */
static struct spec *build(const struct study *study)
{
    struct buffer yaml;
    struct error err = {0};
    struct spec *spec = NULL;
    buffer_init(&yaml, LIMIT_SPEC_BYTES);
    if (study_yaml(study, &yaml, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(spec_parse((const char *)yaml.data, yaml.size, &spec, &err), 0);
    buffer_free(&yaml);
    return spec;
}

static void default_is_golden(void **state)
{
    (void)state;
    struct buffer yaml, golden;
    struct error err = {0};
    buffer_init(&yaml, LIMIT_SPEC_BYTES);
    buffer_init(&golden, LIMIT_SPEC_BYTES);
    assert_int_equal(study_yaml(&base, &yaml, &err), 0);
    assert_int_equal(buffer_append(&yaml, "", 1, &err), 0);
    assert_int_equal(buffer_read_file(&golden, "tests/cli/study.yaml", LIMIT_SPEC_BYTES, &err), 0);
    assert_string_equal((const char *)yaml.data, (const char *)golden.data);
    buffer_free(&yaml);
    buffer_free(&golden);
}

/* Options of the judged edit reach its stages, and those only. */
static void the_judged_edit_has_options(void **state)
{
    (void)state;
    struct study study = base;
    study.projection = "soft";
    study.strength = 3;
    study.reach = "years";
    study.distance = 60;
    study.limit = 12;
    study.estimator = "fit";
    study.off_target = 0.5;
    struct spec *spec = build(&study);
    const struct spec_stage *ageing = &spec->stages[spec_find(spec, "ageing")];
    const struct spec_stage *dose = &spec->stages[spec_find(spec, "dose")];
    const struct spec_stage *effects = &spec->stages[spec_find(spec, "effects")];
    assert_true(ageing->projection == PROJECTION_SOFT && ageing->strength == 3);
    assert_true(ageing->reach == MOVE_YEARS && ageing->distance == 60 && ageing->limit == 12);
    assert_string_equal(ageing->estimator, "fit");
    assert_true(ageing->stop.off_target == 0.5 && ageing->stop.identity == -1);
    assert_true(dose->reach == MOVE_YEARS && dose->distances.from == 20 && dose->distances.to == 60);
    assert_true(effects->reach == MOVE_RELATIVE && effects->distance == 3 &&
                effects->projection == PROJECTION_EXACT && effects->discount == 0.9);
    spec_free(&spec);
    struct buffer yaml;
    struct error err = {0};
    buffer_init(&yaml, LIMIT_SPEC_BYTES);
    study = base;
    study.projection = "oblique";
    assert_int_equal(study_yaml(&study, &yaml, &err), E_INVALID);
    study = base;
    study.reach = "joint";
    assert_int_equal(study_yaml(&study, &yaml, &err), E_INVALID);
    buffer_free(&yaml);
}

static void no_face_is_used_twice(void **state)
{
    (void)state;
    struct spec *spec = build(&base);
    const struct spec_stage *labels = &spec->stages[spec_find(spec, "labels")];
    const struct spec_stage *sheets = &spec->stages[spec_find(spec, "sheets")];
    const struct spec_stage *ageing = &spec->stages[spec_find(spec, "ageing")];
    assert_int_equal(labels->start, 0);
    assert_true(ageing->start >= labels->start + labels->count);
    assert_true(sheets->start >= ageing->start + ageing->count);
    spec_free(&spec);
}

/* Other samples than the first, and rows of a file; what is judged lies behind them still. */
static void faces_can_be_said(void **state)
{
    (void)state;
    static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct study study = base;
    struct buffer yaml;
    struct error err = {0};
    study.seeds = "100-4099,50000,7";
    study.latents = hash;
    struct spec *spec = build(&study);
    const struct spec_stage *labels = &spec->stages[spec_find(spec, "labels")];
    assert_true(labels->count == 4002 && labels->seeds.count == 3 &&
                labels->seeds.runs[0].sample == 100);
    assert_int_equal(spec->stages[spec_find(spec, "ageing")].start, 50001);
    assert_int_equal(spec->stages[spec_find(spec, "sheets")].start, 60001);
    for (uint32_t i = 0; i < spec->stages_count; i++)
        if (spec->stages[i].kind == SPEC_FIT)
            assert_null(spec->stages[i].latents);
        else
            assert_string_equal(spec->stages[i].latents, hash);
    spec_free(&spec);
    study.seeds = "9-3";
    buffer_init(&yaml, LIMIT_SPEC_BYTES);
    assert_true(study_yaml(&study, &yaml, &err) != 0 && strstr(err.text, "--seeds: "));
    study.seeds = NULL;
    study.latents = "mine.npy";
    assert_int_equal(study_yaml(&study, &yaml, &err), E_INVALID);
    buffer_free(&yaml);
}

static void zero_leaves_stages_out(void **state)
{
    (void)state;
    struct study study = base;
    study.samples = study.evaluate = study.sheets = 0;
    struct spec *spec = build(&study);
    assert_int_equal(spec->stages_count, 2);
    assert_int_equal(spec->stages[0].kind, SPEC_LABEL);
    assert_int_equal(spec->stages[1].kind, SPEC_FIT);
    spec_free(&spec);
}

static void conditions(void **state)
{
    (void)state;
    struct study study = base;
    study.conditions = "none";
    struct spec *spec = build(&study);
    assert_int_equal(spec->stages[spec_find(spec, "ageing")].conditions_count, 0);
    assert_int_equal(spec->stages[spec_find(spec, "sheets")].conditions_count, 0);
    spec_free(&spec);
    study.conditions = "all";
    study.discount = 0.5;
    study.sheet_discount = 0.25;
    spec = build(&study);
    const struct spec_stage *ageing = &spec->stages[spec_find(spec, "ageing")];
    assert_int_equal(ageing->conditions_count, 1);
    assert_string_equal(ageing->conditions[0], "all");
    assert_true(ageing->discount == 0.5);
    assert_true(spec->stages[spec_find(spec, "sheets")].discount == 0.25);
    spec_free(&spec);
}

static void bad_values_are_refused_here(void **state)
{
    (void)state;
    struct study studies[] = {base, base, base};
    studies[0].faces = 0;
    studies[1].name = "two\nlines";
    studies[2].evaluate = LIMIT_SAMPLES;
    studies[2].faces = LIMIT_SAMPLES;
    for (size_t i = 0; i < sizeof studies / sizeof *studies; i++) {
        struct buffer yaml;
        struct error err = {0};
        buffer_init(&yaml, LIMIT_SPEC_BYTES);
        if (study_yaml(&studies[i], &yaml, &err) == 0)
            fail_msg("study %zu was taken", i);
        assert_true(strlen(err.text) > 0);
        buffer_free(&yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_is_golden),
        cmocka_unit_test(the_judged_edit_has_options),
        cmocka_unit_test(no_face_is_used_twice),
        cmocka_unit_test(faces_can_be_said),
        cmocka_unit_test(zero_leaves_stages_out),
        cmocka_unit_test(conditions),
        cmocka_unit_test(bad_values_are_refused_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
