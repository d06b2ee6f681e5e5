/* What a worker may say, and what is refused of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "broker/result.h"

static char smiling[] = "Smiling", male[] = "Male";
static const char *attributes[] = {smiling, male};
static const char *boundary_names[] = {smiling, male, "age"};
static struct bundle bundle = {
    .generator = {.latent = {.dimension = 4}},
    .attributes = attributes,
    .attributes_count = 2,
    .age_estimators_count = 1,
};
static struct farm_bundle farm_bundle = {.bundle = &bundle,
                                         .layout = {.attributes = 2, .columns = 3},
                                         .boundaries = boundary_names,
                                         .boundary_count = 3};
static struct farm_job job = {.bundle = &farm_bundle};
static struct wire_stage_metrics metrics;
static char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static struct farm_stage stage_of(const struct spec_stage *spec)
{
    struct farm_stage stage = {.job = &job, .spec = spec, .variants = spec_stage_variants(spec, 3)};
    stage.plan.total = spec_stage_total(spec, 2, true);
    assert_int_equal(stage_networks(spec, &bundle, &stage.networks, NULL), 0);
    return stage;
}

static void expect(const struct wire_result *result, const struct farm_stage *stage, int code,
                   const char *words)
{
    struct error err = {0};
    int rc = result_check(result, stage, &err);
    if (rc != code || !strstr(err.text, words))
        fail_msg("code %d, expected %d; \"%s\", expected \"%s\"", rc, code, err.text, words);
}

static void judges_scores(void **state)
{
    const struct spec_stage spec = {.kind = SPEC_LABEL, .count = 10};
    struct farm_stage stage = stage_of(&spec);
    float scores[6] = {1, 2, 30, -1, -2, 40};
    struct wire_task task = {8, 2, 1, 0};
    struct wire_result good = {.task = WIRE_LIST(&task, 1),
                               .metrics = WIRE_LIST(&metrics, 1),
                               .variants = 1,
                               .columns = 3,
                               .scores = {(uint8_t *)scores, sizeof scores}};
    struct wire_result bad = good;
    (void)state;
    expect(&good, &stage, 0, "");
    bad.columns = 2;
    expect(&bad, &stage, E_INVALID, "columns: 2, expected 3");
    bad = good;
    bad.variants = 3;
    expect(&bad, &stage, E_INVALID, "variants: 3, expected 1");
    bad = good;
    bad.scores.size -= 4;
    expect(&bad, &stage, E_INVALID, "scores: 20 bytes, expected 24");
    task.start = 9;
    expect(&good, &stage, E_INVALID, "task: 9 + 2, the stage has 10");
    task = (struct wire_task){UINT64_MAX, 2, 1, 0};
    expect(&good, &stage, E_INVALID, "task");
    task = (struct wire_task){8, 0, 1, 0};
    expect(&good, &stage, E_INVALID, "task");
    task = (struct wire_task){8, 2, 1, 0};
    scores[4] = INFINITY;
    expect(&good, &stage, E_INVALID, "value 4 is inf");
    scores[4] = NAN;
    expect(&good, &stage, E_INVALID, "value 4 is nan");
    scores[4] = 0;
    struct wire_file file = {"a", "tar", "", 0, 0, 1, 1, hash};
    good.files = WIRE_LIST(&file, 1);
    expect(&good, &stage, E_INVALID, "files: 1, a label stage writes none");
}

static void judges_moves(void **state)
{
    char age[] = "age", *targets[] = {age};
    const struct spec_stage spec = {.kind = SPEC_EVALUATE, .count = 10, .targets = targets, .targets_count = 1, .reach = MOVE_SCORE};
    struct farm_stage stage = stage_of(&spec);
    float scores[6] = {1, 2, 30, -1, -2, 40}, moves[8] = {0, 1, 0, 1, 2.5f, 0, 1, 5};
    struct wire_task task = {8, 1, 1, 0};
    struct wire_result result = {.task = WIRE_LIST(&task, 1),
                                 .metrics = WIRE_LIST(&metrics, 1),
                                 .variants = 2,
                                 .columns = 3,
                                 .scores = {(uint8_t *)scores, sizeof scores}};
    (void)state;
    expect(&result, &stage, E_INVALID, "moves: 0 bytes, expected 32");
    result.moves = (struct wire_bytes){(uint8_t *)moves, sizeof moves};
    expect(&result, &stage, 0, "");
    moves[2] = NAN;
    expect(&result, &stage, E_INVALID, "moves: value 2 is nan");
    moves[2] = MOVE_ENDS;
    expect(&result, &stage, E_INVALID, "moves: row 0 ends by 7 after 1 evaluations");
    moves[2] = 0;
    moves[7] = -1;
    expect(&result, &stage, E_INVALID, "moves: row 1 ends by 1 after -1");
    moves[7] = 5;
    const struct spec_stage relative = {.kind = SPEC_EVALUATE, .count = 10, .targets = targets, .targets_count = 1};
    stage.spec = &relative;
    expect(&result, &stage, E_INVALID, "moves: 32 bytes, expected 0");
}

static void judges_boundaries(void **state)
{
    const struct spec_stage spec = {.kind = SPEC_FIT};
    struct farm_stage stage = stage_of(&spec);
    float normal[4] = {0.6f, 0, 0.8f, 0};
    struct wire_boundary boundaries[2] = {{.position = 1,
                                           .name = "Male",
                                           .normal = {(uint8_t *)normal, sizeof normal},
                                           .test_auc = -1},
                                          {.position = 2,
                                           .name = "age",
                                           .normal = {(uint8_t *)normal, sizeof normal},
                                           .test_auc = 1}};
    struct wire_task task = {1, 2, 1, 0};
    struct wire_result result = {.task = WIRE_LIST(&task, 1),
                                 .metrics = WIRE_LIST(&metrics, 1),
                                 .boundaries = WIRE_LIST(boundaries, 2)};
    (void)state;
    expect(&result, &stage, 0, "");
    result.boundaries.count = 1;
    expect(&result, &stage, E_INVALID, "boundaries: 1, expected 2");
    result.boundaries.count = 2;
    boundaries[0].position = 2;
    expect(&result, &stage, E_INVALID, "boundary 0: position: 2, expected 1");
    boundaries[0].position = 1;
    boundaries[1].name = "Age";
    expect(&result, &stage, E_INVALID, "boundary 1: name: \"Age\", expected \"age\"");
    boundaries[1].name = "age";
    boundaries[1].normal.size = 8;
    expect(&result, &stage, E_INVALID, "normal: 8 bytes, expected 16");
    boundaries[1].normal.size = 16;
    boundaries[1].test_auc = 1.5;
    expect(&result, &stage, E_INVALID, "test_auc: 1.5");
    boundaries[1].test_auc = 0.5;
    normal[1] = 0.5f;
    expect(&result, &stage, E_INVALID, "expected a unit vector");
    normal[1] = NAN;
    expect(&result, &stage, E_INVALID, "normal: value 1 is nan");
}

static void judges_what_was_fitted_beside(void **state)
{
    const struct spec_stage spec = {.kind = SPEC_FIT}, label = {.kind = SPEC_LABEL, .count = 9};
    struct farm_stage stage = stage_of(&spec), labels = stage_of(&label);
    float normal[4] = {0.6f, 0, 0.8f, 0}, scores[3] = {0};
    struct wire_boundary boundary = {
        .position = 1, .name = "Male", .normal = {(uint8_t *)normal, sizeof normal}, .test_auc = -1};
    struct wire_fitted fitted[2] = {
        {.position = 1, .role = "chosen", .method = "svm"},
        {.position = 1, .role = "method", .method = "ridge", .normal = {(uint8_t *)normal, sizeof normal}}};
    struct wire_task task = {1, 1, 1, 0};
    struct wire_result result = {.task = WIRE_LIST(&task, 1),
                                 .metrics = WIRE_LIST(&metrics, 1),
                                 .boundaries = WIRE_LIST(&boundary, 1),
                                 .fitted = WIRE_LIST(fitted, 2)};
    struct error err;
    char digests[2][DIGEST_HEX_BYTES];
    (void)state;
    expect(&result, &stage, 0, "");
    assert_int_equal(result_digest(&result, digests[0], &err), 0);
    fitted[1].auc_low = 1e-3;
    assert_int_equal(result_digest(&result, digests[1], &err), 0);
    assert_string_not_equal(digests[0], digests[1]);
    fitted[1].position = 2;
    expect(&result, &stage, E_INVALID, "fitted 1: position: 2, expected 1 to 1");
    fitted[1].position = 1;
    fitted[1].role = "guess";
    expect(&result, &stage, E_INVALID, "fitted 1: role: \"guess\"");
    fitted[1].role = "method";
    fitted[1].method = "magic";
    expect(&result, &stage, E_INVALID, "fitted 1: method: \"magic\"");
    fitted[1].method = "ridge";
    fitted[1].normal.size = 8;
    expect(&result, &stage, E_INVALID, "fitted 1: normal: 8 bytes");
    const struct spec_stage by_layer = {.kind = SPEC_FIT, .per_layer = true};
    struct farm_stage layers = stage_of(&by_layer);
    fitted[1] = (struct wire_fitted){.position = 1, .role = "layer", .method = "svm"};
    expect(&result, &stage, E_INVALID, "fitted 1: role: \"layer\" of a stage without per_layer");
    expect(&result, &layers, 0, "");
    fitted[1].step = 1;
    expect(&result, &layers, E_INVALID, "fitted 1: step: layer 1, expected 0 to 0");
    fitted[1] = fitted[0];
    expect(&result, &stage, E_INVALID, "chosen 0 of boundary 1 stands there twice");
    result.scores = (struct wire_bytes){(uint8_t *)scores, sizeof scores};
    result.boundaries.count = 0;
    result.variants = 1;
    result.columns = 3;
    expect(&result, &labels, E_INVALID, "fitted: 2, only a fit has any");
}

static void judges_paths(void **state)
{
    static const char *const bad[] = {"",     "/etc/passwd", "..",   "a/../b", "a/..", "./a",
                                      "a//b", "a/",          "a\nb", "a\\b",   "../a"};
    static const char *const good[] = {"a", "a/b", "jobs/1/sheet..png", "..a/.b"};
    const struct spec_stage spec = {.kind = SPEC_SAMPLE, .count = 10};
    struct farm_stage stage = stage_of(&spec);
    struct wire_file files[2] = {{"x", "tar", "", 0, 0, 1, 1, hash},
                                 {"y", "tar", "", 0, 0, 1, 1, hash}};
    struct wire_task task = {0, 10, 1, 0};
    struct wire_result result = {.task = WIRE_LIST(&task, 1),
                                 .metrics = WIRE_LIST(&metrics, 1),
                                 .files = WIRE_LIST(files, 2)};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        files[0].path = bad[i];
        expect(&result, &stage, E_INVALID, "is not inside the store");
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        files[0].path = good[i];
        expect(&result, &stage, 0, "");
    }
    files[0].path = "y";
    expect(&result, &stage, E_INVALID, "\"y\" stands there twice");
    files[0].path = "x";
    files[1].sha256 = "0123";
    expect(&result, &stage, E_INVALID, "64 hexadecimal digits");
    result.files.count = 0;
    expect(&result, &stage, E_INVALID, "at least one");
}

/* What a stage says of photos: one line each, skipped where there is an error, and latents of the right size. */
static void judges_photos(void **state)
{
    char images[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct spec_stage spec = {.kind = SPEC_ENCODE, .count = 10, .images = images};
    struct farm_stage stage = stage_of(&spec);
    float scores[12] = {0}, latents[8] = {0};
    uint8_t skipped[2] = {0, 1};
    struct wire_photo photos[2] = {{.name = "a", .sha256 = hash, .height = 9, .width = 9, .error = 3, .code = "", .text = ""},
                                   {.name = "b", .sha256 = hash, .code = "E_PARSE", .text = "b: damaged"}};
    struct wire_task task = {8, 2, 1, 0};
    struct wire_result good = {.task = WIRE_LIST(&task, 1),
                               .metrics = WIRE_LIST(&metrics, 1),
                               .variants = 2,
                               .columns = 3,
                               .scores = {(uint8_t *)scores, sizeof scores},
                               .latents = {(uint8_t *)latents, sizeof latents},
                               .skipped = {skipped, 2},
                               .photos = WIRE_LIST(photos, 2)};
    struct wire_result bad = good;
    (void)state;
    expect(&good, &stage, 0, "");
    bad.latents.size = 16;
    expect(&bad, &stage, E_INVALID, "latents: 16 bytes, expected 32");
    bad = good;
    bad.photos.count = 1;
    expect(&bad, &stage, E_INVALID, "photos: 1, expected 2");
    bad = good;
    bad.skipped.size = 1;
    expect(&bad, &stage, E_INVALID, "skipped: 1 bytes, expected 0 or 2");
    bad.skipped.size = 0;
    expect(&bad, &stage, E_INVALID, "photo 1: code: \"E_PARSE\", and it has rows");
    skipped[1] = 2;
    expect(&good, &stage, E_INVALID, "skipped: value 1 is 2");
    skipped[1] = 1;
    photos[0].error = 256;
    expect(&good, &stage, E_INVALID, "photo 0: error: 256");
    photos[0].error = 3;
    photos[0].sha256 = "../x";
    expect(&good, &stage, E_INVALID, "photo 0: sha256");
    photos[0].sha256 = hash;
    latents[3] = NAN;
    expect(&good, &stage, E_INVALID, "latents: value 3");
    latents[3] = 0;
    const struct spec_stage samples = {.kind = SPEC_LABEL, .count = 10};
    stage = stage_of(&samples);
    bad = good;
    bad.variants = 1;
    bad.scores.size = 24;
    expect(&bad, &stage, E_INVALID, "skipped: 2 bytes, expected 0 or 0");
}

static void digests_tell_values_apart_and_metrics_not(void **state)
{
    char one[DIGEST_HEX_BYTES], two[DIGEST_HEX_BYTES];
    float scores[3] = {1, 2, 3};
    struct wire_file file = {"x", "tar", "", 0, 0, 1, 1, hash};
    struct wire_task task = {0, 1, 1, 0};
    struct wire_stage_metrics other = {.total_ms = 99};
    struct wire_result result = {.task = WIRE_LIST(&task, 1),
                                 .metrics = WIRE_LIST(&metrics, 1),
                                 .scores = {(uint8_t *)scores, sizeof scores},
                                 .files = WIRE_LIST(&file, 1)};
    (void)state;
    assert_int_equal(result_digest(&result, one, NULL), 0);
    result.metrics = WIRE_LIST(&other, 1);
    task.epoch = 7;
    assert_int_equal(result_digest(&result, two, NULL), 0);
    assert_string_equal(one, two);
    scores[1] = 2.0000002f;
    assert_int_equal(result_digest(&result, two, NULL), 0);
    assert_string_not_equal(one, two);
    scores[1] = 2;
    file.bytes = 2;
    assert_int_equal(result_digest(&result, two, NULL), 0);
    assert_string_not_equal(one, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_scores),
        cmocka_unit_test(judges_moves),
        cmocka_unit_test(judges_boundaries),
        cmocka_unit_test(judges_what_was_fitted_beside),
        cmocka_unit_test(judges_paths),
        cmocka_unit_test(judges_photos),
        cmocka_unit_test(digests_tell_values_apart_and_metrics_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
