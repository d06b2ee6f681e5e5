/* Style mixing: layers of one sample from another. */
#include "noisy_bundle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run_lease.h"
#include "worker/photo.h"
#include "worker/sheet.h"

#define MIXED 9
#define OFFSET 5

/* The picture of sample i with the layers in `mask` of sample i + OFFSET, psi 0.5 in all. */
static void mixed_picture(struct pipeline *pipeline, bool plus, uint64_t i, uint64_t mask,
                          double picture[PICTURE])
{
    float w[2][IN], mixed[IN];
    for (size_t k = 0; k < 2; k++) {
        assert_ok(pipeline_latents(pipeline, SEED, i + k * OFFSET, 1, w[k], &err));
        for (size_t layer = 1; !plus && layer < LAYERS; layer++)
            memcpy(w[k] + layer * DIMENSION, w[k], DIMENSION * sizeof(float));
    }
    for (size_t k = 0; k < IN; k++)
        mixed[k] = w[mask >> k / DIMENSION & 1][k];
    plain_picture(mixed, picture);
}

static void expect_mixed(struct pipeline *pipeline, bool plus, const struct outcome *outcome,
                         const struct mixing *mixing, size_t *kinds)
{
    double expected[PICTURE];
    uint64_t layers = 0;
    assert_ok(mixing_layers(mixing, LAYERS, &layers, &err));
    for (uint64_t i = 0; i < MIXED; i++) {
        uint64_t mask = mixing_of(mixing, layers, LAYERS, SEED, i);
        kinds[mask]++;
        mixed_picture(pipeline, plus, i, mask, expected);
        expect_picture(expected, outcome->scores + i * PICTURE);
    }
}

/* In w and in w+, where it is what boundaries are fitted on; the same in every batch. */
static void styles_are_mixed(void **state)
{
    (void)state;
    static const char spec[] =
        "  - {kind: label, name: a, count: 9, mixing: {layers: 1-2, offset: 5}}\n"
        "  - {kind: label, name: b, count: 9, mixing: {layers: random, offset: 5, probability: "
        "0.7}}\n";
    char layers[] = "1-2";
    const struct mixing fixed = {.given = true, .layers = layers, .probability = 1};
    const struct mixing drawn = {.given = true, .probability = 0.7};
    for (int plus = 0; plus < 2; plus++) {
        char hash[DIGEST_HEX_BYTES];
        size_t kinds[8] = {0};
        write_bundle(plus ? "w+" : "w", false, "", "", hash);
        struct runner *wide = open_runner(8, hash), *narrow = open_runner(2, hash);
        struct pipeline *pipeline = NULL;
        assert_ok(pipeline_open(harness_device(), folder, 1, &pipeline, &err));
        struct outcome *a = succeed(wide, hash, spec, 0, 0, MIXED);
        struct outcome *b = succeed(wide, hash, spec, 1, 0, MIXED);
        struct outcome *part = succeed(narrow, hash, spec, 1, 3, 4);
        assert_memory_equal(part->scores, b->scores + 3 * PICTURE, 4 * PICTURE * sizeof(float));
        expect_mixed(pipeline, plus, a, &fixed, kinds);
        assert_int_equal(kinds[6], MIXED);
        expect_mixed(pipeline, plus, b, &drawn, kinds);
        assert_true(kinds[0] > 0 && kinds[4] > 0 &&
                    kinds[6] > MIXED); /* none, the last, all but the first */
        outcome_free(&a), outcome_free(&b), outcome_free(&part);
        pipeline_close(&pipeline);
        runner_close(&wide);
        runner_close(&narrow);
    }
}

/* In w+ an edit begins at the mixed latent, also where stop rules and judges look on the way. */
static void an_edit_begins_at_the_mixed_latent(void **state)
{
    (void)state;
    static const char spec[] =
        "  - {kind: label, name: a, count: 9, mixing: {layers: 1-2, offset: 5, probability: 0.6}}\n"
        "  - {kind: fit}\n"
        "  - {kind: evaluate, start: 0, count: 9, targets: [p0], distance: 2,\n"
        "     mixing: {layers: 1-2, offset: 5, probability: 0.6}}\n"
        "  - {kind: evaluate, name: found, start: 0, count: 9, targets: [p0], reach: logit, "
        "distance: 0,\n"
        "     limit: 1000, mixing: {layers: 1-2, offset: 5, probability: 0.6}}\n";
    char hash[DIGEST_HEX_BYTES];
    double step[PICTURE];
    float far[IN];
    write_bundle("w+", false, "", "", hash);
    struct runner *runner = open_runner(4, hash);
    struct outcome *labels = succeed(runner, hash, spec, 0, 0, MIXED);
    struct outcome *edits = succeed(runner, hash, spec, 2, 0, MIXED);
    struct outcome *found = succeed(runner, hash, spec, 3, 0, MIXED);
    for (size_t k = 0; k < IN; k++)
        far[k] = 2 * normal[0][k];
    plain_picture(far, step);
    for (size_t face = 0; face < MIXED; face++) {
        const float *before = edits->scores + face * 2 * PICTURE, *after = before + PICTURE;
        assert_memory_equal(before, labels->scores + face * PICTURE, PICTURE * sizeof(float));
        for (size_t i = 0; i < PICTURE; i++)
            assert_true(fabs((double)after[i] - (double)before[i] - step[i]) < 1e-4);
        assert_memory_equal(found->scores + face * 2 * PICTURE, labels->scores + face * PICTURE,
                            PICTURE * sizeof(float));
        assert_true(fabs((double)found->scores[(face * 2 + 1) * PICTURE]) < 0.06);
    }
    outcome_free(&labels), outcome_free(&edits), outcome_free(&found);
    runner_close(&runner);
}

static void near_pixel(const double *picture, const uint8_t *found, size_t stride)
{
    for (size_t i = 0; i < PICTURE; i++) {
        double value = fmin(fmax((picture[i] + 8) / 16, 0), 1) * 255;
        double is = found[i % PLANE / SIDE * stride + i % SIDE * 3 + i / PLANE];
        assert_true(fabs(value - is) < 0.6);
    }
}

/* Samples 2 and 3 down, 7 and 8 across: (2, 7) and (3, 8) are OFFSET apart. */
static void a_sheet_has_all_pairs(void **state)
{
    (void)state;
    static const char spec[] =
        "  - {kind: sample, name: grid, start: 2, count: 2, mixing: {layers: 1, with: 7-8}}\n";
    for (int plus = 0; plus < 2; plus++) {
        char hash[DIGEST_HEX_BYTES], path[512];
        double picture[PICTURE];
        struct photo sheet = {0};
        write_bundle(plus ? "w+" : "w", false, "", "", hash);
        struct runner *wide = open_runner(64, hash), *narrow = open_runner(2, hash);
        struct pipeline *pipeline = NULL;
        assert_ok(pipeline_open(harness_device(), folder, 1, &pipeline, &err));
        struct outcome *first = succeed(wide, hash, spec, 0, 0, 2);
        struct outcome *second = succeed(narrow, hash, spec, 0, 0, 2);
        assert_int_equal(first->file_count, 1);
        assert_string_equal(first->files[0].kind, "mixing");
        assert_string_equal(first->files[0].sha256, second->files[0].sha256);
        snprintf(path, sizeof path, "%s/%s", folder, first->files[0].path);
        assert_ok(photo_read(path, &sheet, &err));
        size_t step = SIDE + SHEET_GUTTER, stride = sheet.width * 3;
        assert_true(sheet.width == 3 * SIDE + 2 * SHEET_GUTTER && sheet.height == sheet.width);
        for (uint64_t i = 0; i < 2;
             i++) { /* the pairs on the diagonal, and their own faces beside them */
            mixed_picture(pipeline, plus, 2 + i, 2, picture);
            near_pixel(picture, sheet.pixels + (i + 1) * (step * stride + step * 3), stride);
            mixed_picture(pipeline, plus, 2 + i, 0, picture);
            near_pixel(picture, sheet.pixels + (i + 1) * step * stride, stride);
            mixed_picture(pipeline, plus, 7 + i, 0, picture);
            near_pixel(picture, sheet.pixels + (i + 1) * step * 3, stride);
        }
        struct outcome *half = run(wide, hash, spec, 0, 1, 1);
        assert_non_null(strstr(half->text, "cuts a sheet of 2 rows"));
        photo_free(&sheet);
        outcome_free(&first), outcome_free(&second), outcome_free(&half);
        pipeline_close(&pipeline);
        runner_close(&wide);
        runner_close(&narrow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(styles_are_mixed),
        cmocka_unit_test(an_edit_begins_at_the_mixed_latent),
        cmocka_unit_test(a_sheet_has_all_pairs),
    };
    if (noisy_begin() != 0)
        return 1;
    return noisy_end(cmocka_run_group_tests(tests, NULL, NULL));
}
