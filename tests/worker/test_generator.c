/* What is asked of a generator beside its latents: noise and truncation; and what is refused, of
 * style mixing too. */
#include "noisy_bundle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run_lease.h"
#include "worker/check.h"

#define FACES 11
#define NOISES 3

/* ---- noise ---- */

static void add_noise(uint64_t sample, double picture[PICTURE])
{
    float noise[NOISES][PICTURE];
    latent_noise(SEED, sample, 0, PLANE, 0, 1, noise[0]);
    latent_noise(SEED, sample, 1, PLANE, 0, 1, noise[1]);
    latent_noise(SEED, sample, 2, PICTURE, (double)MEAN, 1, noise[2]);
    for (size_t i = 0; i < PICTURE; i++)
        picture[i] += (double)noise[0][i % PLANE] + (double)STRENGTH * (double)noise[1][i % PLANE] +
                      (double)noise[2][i];
}

/* Pictures of samples 0 … FACES−1 in w+, with the noise of samples 100 …. */
static void make(size_t batch, enum bundle_noise noise, float *latents, float *scores)
{
    const struct stage_generator generator = {.noise = noise, .seed = SEED, .psi = 1};
    struct pipeline *pipeline = open_pipeline(batch, &generator);
    struct wire_stage_metrics metrics = {0};
    uint64_t samples[FACES];
    for (size_t i = 0; i < FACES; i++)
        samples[i] = 100 + i;
    const struct pipeline_wanted wanted = {.scores = scores, .samples = samples};
    assert_ok(pipeline_latents(pipeline, SEED, 0, FACES, latents, &err));
    assert_ok(pipeline_make(pipeline, latents, FACES, &wanted, &metrics, &err));
    pipeline_close(&pipeline);
}

static void seeded_noise_is_each_samples_own(void **state)
{
    (void)state;
    float latents[FACES * IN], first[FACES * PICTURE], scores[FACES * PICTURE];
    double expected[PICTURE];
    write_bundle("w+", true, NOISE(""), "", NULL);
    make(1, BUNDLE_NOISE_SEEDED, latents, first);
    for (size_t face = 0; face < FACES; face++) {
        plain_picture(latents + face * IN, expected);
        add_noise(100 + face, expected);
        expect_picture(expected, first + face * PICTURE);
    }
    for (size_t batch = 3; batch <= 8; batch += 5) {
        make(batch, BUNDLE_NOISE_SEEDED, latents, scores);
        assert_memory_equal(scores, first, sizeof first);
    }
}

static void no_noise_is_none(void **state)
{
    (void)state;
    float latents[FACES * IN], scores[FACES * PICTURE];
    double expected[PICTURE];
    write_bundle("w+", true, NOISE(", default: seeded"), "", NULL);
    make(4, BUNDLE_NOISE_NONE, latents, scores);
    for (size_t face = 0; face < FACES; face++) {
        plain_picture(latents + face * IN, expected);
        expect_picture(expected, scores + face * PICTURE);
    }
}

/* The buffer's own numbers, the node's own, and for the input one row: the same in every face. */
static void constant_noise_is_the_networks_own(void **state)
{
    (void)state;
    float latents[FACES * IN], scores[FACES * PICTURE], input[PLANE];
    double plain[PICTURE], rest[PICTURE], sum = 0;
    write_bundle("w+", true, NOISE(""), "", NULL);
    make(4, BUNDLE_NOISE_CONSTANT, latents, scores);
    latent_noise(0, 0, 0, PLANE, 0, 1, input);
    for (size_t face = 0; face < FACES; face++) {
        plain_picture(latents + face * IN, plain);
        for (size_t i = 0; i < PICTURE; i++) {
            double left = (double)scores[face * PICTURE + i] - plain[i] - (double)input[i % PLANE] -
                          (double)STRENGTH * (double)own[i % PLANE];
            rest[i] = face ? rest[i] : left;
            sum += face ? 0 : fabs(left);
            assert_true(fabs(left - rest[i]) < 1e-4);
        }
    }
    assert_true(sum > PICTURE * 0.3); /* the node's */
}

#define LABELS "  - {kind: label, name: labels, start: 7, count: 20, noise: seeded}\n"

/* A face's noise is its sample's, in whatever task and batch, and all its edits have it. */
static void an_edit_keeps_its_face_noise(void **state)
{
    (void)state;
    static const char spec[] = LABELS
        "  - {kind: fit}\n"
        "  - {kind: evaluate, start: 7, count: 20, targets: [p0], distance: 2, noise: seeded}\n"
        "  - {kind: evaluate, name: found, start: 7, count: 20, targets: [p0], reach: logit, "
        "distance: 0,\n"
        "     limit: 1000, noise: seeded}\n"
        "  - {kind: label, name: some, seeds: '12,7', noise: seeded}\n";
    char hash[DIGEST_HEX_BYTES];
    double step[PICTURE];
    float far[IN];
    write_bundle("w+", true, NOISE(""), "", hash);
    struct runner *wide = open_runner(8, hash), *narrow = open_runner(3, hash);
    struct outcome *labels = succeed(wide, hash, spec, 0, 0, 20);
    struct outcome *edits = succeed(wide, hash, spec, 2, 0, 20);
    struct outcome *part = succeed(narrow, hash, spec, 2, 5, 9);
    struct outcome *found = succeed(wide, hash, spec, 3, 0, 20);
    struct outcome *again = succeed(narrow, hash, spec, 3, 5, 9);
    assert_memory_equal(part->scores, edits->scores + (size_t)5 * 2 * PICTURE,
                        9 * 2 * PICTURE * sizeof(float));
    assert_memory_equal(again->scores, found->scores + (size_t)5 * 2 * PICTURE,
                        9 * 2 * PICTURE * sizeof(float));
    struct outcome *some = succeed(narrow, hash, spec, 4, 0, 2);
    assert_memory_equal(some->scores, labels->scores + (size_t)5 * PICTURE,
                        PICTURE * sizeof(float));
    assert_memory_equal(some->scores + PICTURE, labels->scores, PICTURE * sizeof(float));
    outcome_free(&some);
    for (size_t k = 0; k < IN; k++)
        far[k] = 2 * normal[0][k];
    plain_picture(far, step);
    for (size_t face = 0; face < 20; face++) {
        const float *before = edits->scores + face * 2 * PICTURE, *after = before + PICTURE;
        assert_memory_equal(before, labels->scores + face * PICTURE, PICTURE * sizeof(float));
        for (size_t i = 0; i < PICTURE; i++)
            assert_true(fabs((double)after[i] - (double)before[i] - step[i]) < 1e-4);
        assert_true(fabs((double)found->scores[(face * 2 + 1) * PICTURE]) <
                    0.06); /* its tolerance */
    }
    outcome_free(&labels), outcome_free(&edits), outcome_free(&part), outcome_free(&found),
        outcome_free(&again);
    runner_close(&wide);
    runner_close(&narrow);
}

/* ---- truncation ---- */

/* In w the picture of psi is w' = ŵ + psi (w − ŵ) in the first layers; psi 0 shows one face. */
static void a_stage_has_its_own_truncation(void **state)
{
    (void)state;
    for (int plus = 0; plus < 2; plus++) {
        char hash[DIGEST_HEX_BYTES];
        write_bundle(plus ? "w+" : "w", false, "", ", truncation: {psi: 0.5}", hash);
        struct runner *runner = open_runner(4, hash);
        static const char spec[] =
            "  - {kind: label, name: a, count: 6}\n"
            "  - {kind: label, name: b, count: 6, truncation: {psi: 1}}\n"
            "  - {kind: label, name: c, count: 6, truncation: {psi: 0}}\n"
            "  - {kind: label, name: d, count: 6, truncation: {psi: 0, layers: 1}}\n";
        struct outcome *psi[4];
        for (uint64_t i = 0; i < 4; i++)
            psi[i] = succeed(runner, hash, spec, i, 0, 6);
        for (size_t i = 0; i < 6 * PICTURE; i++) {
            double half = (double)psi[0]->scores[i], full = (double)psi[1]->scores[i];
            assert_true(fabs((full + (double)psi[2]->scores[i]) / 2 - half) < 1e-4);
            assert_true(psi[2]->scores[i] == psi[2]->scores[i % PICTURE]);
        }
        assert_memory_not_equal(psi[3]->scores, psi[3]->scores + PICTURE, PICTURE * sizeof(float));
        for (uint64_t i = 0; i < 4; i++)
            outcome_free(&psi[i]);
        runner_close(&runner);
    }
}

/* ---- what is refused ---- */

static void expect_bundle(const char *noise, bool noisy, int code, const char *part)
{
    struct pipeline *pipeline = NULL;
    write_bundle("w+", noisy, noise, "", NULL);
    assert_error(
        pipeline_prepare(harness_device(), folder, 2, PIPELINE_NOISE_GIVEN, &pipeline, &err), code,
        part);
}

static void a_bundle_without_its_noise_is_refused(void **state)
{
    (void)state;
    expect_bundle("", true, E_UNSUPPORTED,
                  "g.onnx: 2 inputs (w, n), expected one, and noise that bundle.yaml names");
    expect_bundle(" noise: {},", false, E_INVALID,
                  "g.onnx: bundle.yaml says that there is noise, but names no tensor");
    expect_bundle(" noise: {inputs: [n, nobody]},", true, E_NOT_FOUND,
                  "no tensor nobody, which is to be noise");
    expect_bundle(" noise: {inputs: [n, first]},", true, E_UNSUPPORTED,
                  "noise first is computed, expected an input");
    expect_bundle(" noise: {inputs: [n, sums_weights]},", true, E_PARSE, "Gemm");
    expect_bundle(" noise: {inputs: [n, strength]},", true, E_UNSUPPORTED,
                  "noise strength has rank 0");
    FILE *out = tmpfile();
    write_bundle("w+", false, " noise: {},", "", NULL); /* as bundle check says it, too */
    assert_error(check_bundle(folder, NULL, out, &err), E_INVALID,
                 "bundle.yaml says that there is noise");
    write_bundle("w+", true, NOISE(""), "", NULL);
    assert_ok(check_bundle(folder, NULL, out, &err));
    fclose(out);
}

static void a_stage_asks_for_what_there_is(void **state)
{
    (void)state;
    char hash[DIGEST_HEX_BYTES];
    static const char spec[] =
        "  - {kind: label, name: a, count: 6, noise: none}\n"
        "  - {kind: label, name: b, count: 6, truncation: {psi: 0.5, layers: 4}}\n";
    write_bundle("w", false, "", "", hash);
    struct runner *runner = open_runner(4, hash);
    struct outcome *noise = run(runner, hash, spec, 0, 0, 6),
                   *psi = run(runner, hash, spec, 1, 0, 6);
    assert_int_equal(noise->code, E_INVALID);
    assert_non_null(
        strstr(noise->text, "stage a: noise: bundle linear names no noise of its generator"));
    assert_int_equal(psi->code, E_LIMIT);
    assert_non_null(strstr(
        psi->text, "stage b: truncation: layers: is 4, the generator of bundle linear has 3"));
    outcome_free(&noise), outcome_free(&psi);
    static const char mixed[] =
        "  - {kind: label, name: a, count: 6, mixing: {layers: 1-3, offset: 1}}\n"
        "  - {kind: label, name: b, count: 6, mixing: {layers: 0-2, offset: 1}}\n"
        "  - {kind: label, name: c, count: 6, mixing: {layers: 1, offset: 1}}\n"
        "  - {kind: fit, from: c}\n"
        "  - {kind: edit, targets: [p0], mixing: {layers: 1, offset: 1}}\n";
    static const struct {
        uint64_t position;
        int code;
        const char *part;
    } refused[] = {
        {0, E_LIMIT, "stage a: mixing: layers: \"1-3\", the generator has 3: 0 to 2"},
        {1, E_INVALID,
         "stage b: mixing: layers: all 3, or none, of the other sample are no mixing"},
        {3, E_INVALID, "from: stage c mixes styles, whose faces have no single w to fit on"},
        {4, E_INVALID, "mixing: stage edit mixes styles, whose faces have no single w to edit"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct outcome *outcome = run(runner, hash, mixed, refused[i].position, 0, 1);
        assert_int_equal(outcome->code, refused[i].code);
        if (!strstr(outcome->text, refused[i].part))
            fail_msg("%s, expected %s", outcome->text, refused[i].part);
        outcome_free(&outcome);
    }
    runner_close(&runner);
    struct pipeline *pipeline = NULL;
    const struct stage_generator seeded = {.noise = BUNDLE_NOISE_SEEDED, .psi = 1};
    write_bundle("w", true, NOISE(""), "", hash);
    assert_ok(pipeline_open(harness_device(), folder, 2, &pipeline, &err));
    assert_error(pipeline_set(pipeline, &seeded, &err), E_STATE,
                 "was not loaded for noise: seeded");
    pipeline_close(&pipeline);
    pipeline = open_pipeline(2, &seeded);
    float w[DIMENSION] = {0}, scores[PICTURE];
    struct wire_stage_metrics metrics = {0};
    assert_error(pipeline_faces(pipeline, w, 1, scores, NULL, &metrics, &err), E_STATE,
                 "faces that are no samples");
    pipeline_close(&pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeded_noise_is_each_samples_own),
        cmocka_unit_test(no_noise_is_none),
        cmocka_unit_test(constant_noise_is_the_networks_own),
        cmocka_unit_test(an_edit_keeps_its_face_noise),
        cmocka_unit_test(a_stage_has_its_own_truncation),
        cmocka_unit_test(a_bundle_without_its_noise_is_refused),
        cmocka_unit_test(a_stage_asks_for_what_there_is),
    };
    if (noisy_begin() != 0)
        return 1;
    return noisy_end(cmocka_run_group_tests(tests, NULL, NULL));
}
