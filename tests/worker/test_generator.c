/*
 * What is asked of a generator beside its latents: noise, truncation, style mixing. On bundles of linear networks
 * made here, whose only labeller gives the picture itself as scores, so that every sum can be done
 * again.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/digest.h"
#include "worker/check.h"
#include "worker/photo.h"
#include "worker/sheet.h"
#include "worker/pipeline.h"
#include "worker/runner.h"
#include "run_lease.h"
#include "worker_test.h"

#define DRAWN 6
#define DIMENSION 5
#define LAYERS 3
#define IN (LAYERS * DIMENSION)
#define SIDE 4
#define PLANE (SIDE * SIDE)
#define PICTURE (3 * PLANE)
#define FACES 11
#define SEED 4
#define NOISES                                                                                     \
    3 /* an input [N,1,4,4]; an initializer [4,4], of which there is STRENGTH; a RandomNormalLike  \
         of mean 0.5 */
#define STRENGTH 0.75f
#define MEAN 0.5f

static struct error err;
static char folder[] = "/tmp/facefarm-generator-XXXXXX";
static float mapping[DIMENSION * DRAWN], weights[PICTURE * IN], own[PLANE], same[PICTURE * PICTURE];
static atomic_bool cancelled;

/* ---- the bundle ---- */

static void write_model(struct model *model, const char *file, char hash[DIGEST_HEX_BYTES])
{
    char path[256];
    size_t size = 0;
    uint8_t *data = model_pack(model, &size);
    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_ok(buffer_write_file(path, data, size, &err));
    digest_bytes(data, size, hash);
    free(data);
    model_free(model);
}

static void linear(struct model *model, const char *in, const char *out, size_t inputs,
                   size_t outputs, const float *matrix)
{
    char names[128];
    snprintf(names, sizeof names, "%s_flat %s_weights", out, out);
    char *space = strchr(names, ' ');
    model_floats(model, space + 1, 2, (int64_t[]){(int64_t)outputs, (int64_t)inputs}, matrix);
    *space = '\0';
    Onnx__NodeProto *flatten = model_node(model, "Flatten", in, names);
    node_int(model, flatten, "axis", 1);
    *space = ' ';
    Onnx__NodeProto *gemm = model_node(model, "Gemm", names, out);
    node_int(model, gemm, "transB", 1);
}

static void write_generator(bool noisy, char hash[DIGEST_HEX_BYTES])
{
    struct model model;
    model_init(&model, 13);
    model_input(&model, "w", 3, (int64_t[]){-1, LAYERS, DIMENSION});
    if (noisy)
        model_input(&model, "n", 4, (int64_t[]){-1, 1, SIDE, SIDE});
    linear(&model, "w", "sums", IN, PICTURE, weights);
    model_ints(&model, "shape", 4, (int64_t[]){0, 3, SIDE, SIDE});
    model_node(&model, "Reshape", "sums shape", noisy ? "plain" : "picture");
    if (noisy) {
        float strength = STRENGTH;
        model_floats(&model, "buffer", 2, (int64_t[]){SIDE, SIDE}, own);
        model_floats(&model, "strength", 0, NULL, &strength);
        model_node(&model, "Add", "plain n", "first");
        model_node(&model, "Mul", "buffer strength", "scaled");
        model_node(&model, "Add", "first scaled", "second");
        Onnx__NodeProto *node = model_node(&model, "RandomNormalLike", "second", "drawn");
        node_float(&model, node, "mean", MEAN);
        model_node(&model, "Add", "second drawn", "picture");
    }
    model_output(&model, "picture");
    write_model(&model, "g.onnx", hash);
}

static void write_linear(const char *file, const char *in, size_t rank, const int64_t *dims,
                         const char *out, size_t inputs, size_t outputs, const float *matrix,
                         char hash[DIGEST_HEX_BYTES])
{
    struct model model;
    model_init(&model, 13);
    model_input(&model, in, rank, dims);
    linear(&model, in, out, inputs, outputs, matrix);
    model_output(&model, out);
    write_model(&model, file, hash);
}

/* `space` w or w+; `noise` what stands in the generator, "" for nothing; `truncation` of the
 * mapping, likewise. */
static void write_bundle(const char *space, bool noisy, const char *noise, const char *truncation,
                         char hash[DIGEST_HEX_BYTES])
{
    char hashes[3][DIGEST_HEX_BYTES], yaml[8192], path[256];
    write_generator(noisy, hashes[0]);
    write_linear("m.onnx", "z", 2, (int64_t[]){-1, DRAWN}, "out", DRAWN, DIMENSION, mapping,
                 hashes[1]);
    write_linear("l.onnx", "x", 4, (int64_t[]){-1, 3, SIDE, SIDE}, "o", PICTURE, PICTURE, same,
                 hashes[2]);
    int length = snprintf(
        yaml, sizeof yaml,
        "format: facefarm-bundle/1\nname: linear\ndescription: sums\nlicence: none\n"
        "generator: {file: g.onnx, sha256: %s, input: w, latent: {space: %s, dimension: 5, layers: "
        "3},%s\n"
        "  output: {tensor: picture, channels: rgb, height: 4, width: 4, range: [-8, 8]}}\n"
        "mapping: {file: m.onnx, sha256: %s, input: z, output: out, latent: {space: z, dimension: "
        "6}%s}\n"
        "labellers:\n- {name: same, file: l.onnx, sha256: %s,\n"
        "   input: {tensor: x, channels: rgb, height: 4, width: 4, range: [-8, 8]},\n"
        "   outputs: [{tensor: o, columns: [",
        hashes[0], space, noise, hashes[1], truncation, hashes[2]);
    for (int i = 0; i < PICTURE; i++)
        length += snprintf(yaml + length, sizeof yaml - (size_t)length, "%sp%d", i ? ", " : "", i);
    snprintf(yaml + length, sizeof yaml - (size_t)length, "]}]}\n");
    snprintf(path, sizeof path, "%s/bundle.yaml", folder);
    assert_ok(buffer_write_file(path, yaml, strlen(yaml), &err));
    if (hash)
        digest_bytes(yaml, strlen(yaml), hash);
}

#define NOISE(rest) " noise: {inputs: [n, buffer]" rest "},"

static struct pipeline *open_pipeline(size_t batch, const struct stage_generator *generator)
{
    struct pipeline *pipeline = NULL;
    if (pipeline_prepare(harness_device(), folder, batch, pipeline_noise_of(generator->noise),
                         &pipeline, &err) ||
        pipeline_commit(pipeline, &err) || pipeline_set(pipeline, generator, &err))
        fail_msg("%s", err.text);
    return pipeline;
}

/* ---- the same in C ---- */

/* The picture without noise. */
static void plain_picture(const float *w, double picture[PICTURE])
{
    for (size_t i = 0; i < PICTURE; i++) {
        picture[i] = 0;
        for (size_t k = 0; k < IN; k++)
            picture[i] += (double)weights[i * IN + k] * (double)w[k];
    }
}

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

static void expect_picture(const double *expected, const float *found)
{
    for (size_t i = 0; i < PICTURE; i++)
        if (!(fabs(expected[i] - (double)found[i]) <= 1e-4))
            fail_msg("pixel %zu: %.8g, expected %.8g", i, (double)found[i], expected[i]);
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

/* ---- noise ---- */

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

/* ---- through tasks ---- */

static float normal[1][IN]; /* along which p0 grows fastest */

static int give_directions(void *state, uint64_t stage, size_t dimension,
                           struct directions **directions, struct error *error)
{
    (void)state, (void)stage;
    struct wire_direction item = {.name = "p0",
                                  .vector = {(const uint8_t *)normal[0], sizeof normal[0]}};
    return directions_copy(&(struct wire_directions){.directions = WIRE_LIST(&item, 1)}, dimension,
                           directions, error);
}

static struct runner *open_runner(size_t batch, const char *hash)
{
    static const struct inputs inputs = {.directions = give_directions};
    const struct runner_options options = {.batch = batch, .store = folder};
    struct runner *runner = NULL;
    char path[256];
    snprintf(path, sizeof path, "%s/bundles", folder);
    assert_ok(buffer_make_folders(path, &err));
    snprintf(path, sizeof path, "%s/bundles/%s", folder, hash);
    if (access(path, F_OK) != 0)
        assert_int_equal(symlink(folder, path), 0);
    assert_ok(runner_open(&options, &inputs, &cancelled, &runner, &err));
    return runner;
}

static struct outcome *run(struct runner *runner, const char *hash, const char *spec,
                           uint64_t position, uint64_t start, uint64_t count)
{
    char text[2000];
    snprintf(text, sizeof text, "format: facefarm-job/1\nbundle: linear\nseed: 4\nstages:\n%s",
             spec);
    const struct wire_task task = {start, count, 1, 0};
    const struct wire_lease lease = {.job = 3,
                                     .stage = 9,
                                     .position = position,
                                     .bundle = hash,
                                     .spec = text,
                                     .tasks = WIRE_LIST(&task, 1)};
    return run_lease(runner, &lease);
}

static struct outcome *succeed(struct runner *runner, const char *hash, const char *spec,
                               uint64_t position, uint64_t start, uint64_t count)
{
    struct outcome *outcome = run(runner, hash, spec, position, start, count);
    if (outcome->code)
        fail_msg("%s%s", spec, outcome->text);
    return outcome;
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

/* ---- style mixing ---- */

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
        cmocka_unit_test(styles_are_mixed),
        cmocka_unit_test(an_edit_begins_at_the_mixed_latent),
        cmocka_unit_test(a_sheet_has_all_pairs),
        cmocka_unit_test(a_bundle_without_its_noise_is_refused),
        cmocka_unit_test(a_stage_asks_for_what_there_is),
    };
    char command[128];
    if (!mkdtemp(folder))
        return 1;
    harness_random(mapping, sizeof mapping / sizeof *mapping, 1);
    harness_random(weights, sizeof weights / sizeof *weights, 2);
    harness_random(own, PLANE, 3);
    for (size_t i = 0; i < PICTURE; i++)
        same[i * PICTURE + i] = 1;
    double square = 0;
    for (size_t k = 0; k < IN; k++)
        square += (double)weights[k] * (double)weights[k];
    for (size_t k = 0; k < IN; k++)
        normal[0][k] = (float)((double)weights[k] / sqrt(square));
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) || failed;
}
