/*
 * Bundles of linear networks made here, through the pipeline, against the same sums in C: spaces z, w and w+,
 * truncation, shapes of inputs, crops, gray and NHWC pictures, classes, embeddings.
 */
#include "linear_bundle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/npy.h"
#include "worker/latents.h"
#include "worker/runner.h"
#include "worker/tasks/ways.h"

#define FACES 11
#define AVERAGED 4096

/* ---- the same in C ---- */

static double sum(const float *weights, const double *x, size_t inputs)
{
    double value = 0;
    for (size_t i = 0; i < inputs; i++)
        value += (double)weights[i] * x[i];
    return value;
}

/* Scores and the embedding of a face whose generator takes `in`. */
static void expect_face(const double *in, size_t inputs, const float *scores, const float *embedding)
{
    double picture[PICTURE], swapped[PICTURE], dark[GRAY], classes[CLASSES];
    for (size_t i = 0; i < PICTURE; i++)
        picture[i] = sum(generator + i * inputs, in, inputs);
    for (size_t i = 0; i < PICTURE; i++)
        swapped[i] = picture[(2 - i / (SIDE * SIDE)) * SIDE * SIDE + i % (SIDE * SIDE)];
    near("A", (double)scores[0], sum(colour, picture, PICTURE));
    near("B", (double)scores[1], sum(colour + PICTURE, picture, PICTURE));
    for (size_t i = 0; i < GRAY; i++) {
        const double *p = picture + SIDE + i;
        double luma = 0.299 * p[0] + 0.587 * p[SIDE * SIDE] + 0.114 * p[2 * SIDE * SIDE];
        dark[i] = ((luma + 1) / 2 - 0.5) / 0.25;
    }
    for (size_t k = 0; k < CLASSES; k++)
        classes[k] = exp(sum(gray + k * GRAY, dark, GRAY));
    double odds = log(classes[0] / (classes[1] + classes[2]));
    near("C", (double)scores[2], fmin(fmax(odds, -24 * log(2)), 24 * log(2)));
    for (size_t k = 0; k < EMBEDDING; k++)
        near("embedding", (double)embedding[k], sum(embedder + k * PICTURE, swapped, PICTURE));
}

/* ---- tests ---- */

static void a_latent_may_have_any_shape(void **state)
{
    (void)state;
    const struct setup flat = {"{space: z, dimension: 6, prior: uniform}", NULL, 1, {DRAWN}, 1};
    const struct setup deep = {"{space: z, dimension: 6, prior: uniform}", NULL, 3, {DRAWN, 1, 1}, 1};
    const struct latent_law law = {.prior = LATENT_UNIFORM, .low = -1, .high = 1};
    float drawn[FACES * DRAWN];
    latent_draw(&law, 4, 9, FACES, DRAWN, drawn);
    for (int i = 0; i < 2; i++) {
        float latents[FACES * DRAWN], scores[FACES * 3], embeddings[FACES * EMBEDDING];
        struct wire_stage_metrics metrics = {0};
        struct pipeline *pipeline = linear_open(i ? &deep : &flat, 4);
        assert_ok(pipeline_latents(pipeline, 4, 9, FACES, latents, &err));
        assert_memory_equal(latents, drawn, sizeof drawn);
        const struct pipeline_wanted wanted = {.scores = scores, .embeddings = {embeddings}};
        assert_ok(pipeline_make(pipeline, latents, FACES, &wanted, &metrics, &err));
        for (size_t face = 0; face < FACES; face++) {
            double in[DRAWN];
            for (size_t k = 0; k < DRAWN; k++)
                in[k] = (double)drawn[face * DRAWN + k];
            expect_face(in, DRAWN, scores + face * 3, embeddings + face * EMBEDDING);
        }
        pipeline_close(&pipeline);
    }
}

/* w of sample `index`, vector `layer` of those that the mapping gives. */
static void map(uint64_t seed, uint64_t index, size_t layer, double w[DIMENSION])
{
    float z[DRAWN];
    double wide[DRAWN];
    latent_sample(seed, index, 1, DRAWN, LATENT_AS_DRAWN, z);
    for (size_t i = 0; i < DRAWN; i++)
        wide[i] = (double)z[i];
    for (size_t k = 0; k < DIMENSION; k++)
        w[k] = sum(mapping + (layer * DIMENSION + k) * DRAWN, wide, DRAWN);
}

static void find_average(double average[DIMENSION])
{
    double w[DIMENSION];
    memset(average, 0, DIMENSION * sizeof *average);
    for (uint64_t i = 0; i < AVERAGED; i++) {
        map(0, i, 0, w);
        for (size_t k = 0; k < DIMENSION; k++)
            average[k] += w[k] / AVERAGED;
    }
}

/* What the generator takes of sample `index`: psi in the first `cut` layers. */
static void expected_input(uint64_t index, size_t vectors, double psi, size_t cut,
                           const double average[DIMENSION], double in[LAYERS * DIMENSION])
{
    for (size_t layer = 0; layer < LAYERS; layer++) {
        double *w = in + layer * DIMENSION;
        map(4, index, vectors > 1 ? layer : 0, w);
        for (size_t k = 0; k < DIMENSION && layer < cut; k++)
            w[k] = average[k] + psi * (w[k] - average[k]);
    }
}

static const char *const truncated =
    "latent: {space: z, dimension: 6}, truncation: {psi: 0.5, layers: 2}";

static void check_mapped(const struct setup *setup, bool plus, double psi)
{
    float latents[FACES * LAYERS * DIMENSION], again[FACES * LAYERS * DIMENSION];
    float scores[FACES * 3], embeddings[FACES * EMBEDDING];
    double average[DIMENSION], in[LAYERS * DIMENSION], w[DIMENSION];
    size_t size = plus ? LAYERS * DIMENSION : DIMENSION;
    struct wire_stage_metrics metrics = {0};
    struct pipeline *pipeline = linear_open(setup, 4);
    find_average(average);
    assert_int_equal(bundle_latent_size(pipeline_bundle(pipeline)), size);
    assert_ok(pipeline_latents(pipeline, 4, 9, FACES, latents, &err));
    const struct pipeline_wanted wanted = {.scores = scores, .embeddings = {embeddings}};
    assert_ok(pipeline_make(pipeline, latents, FACES, &wanted, &metrics, &err));
    for (size_t face = 0; face < FACES; face++) {
        expected_input(9 + face, setup->mapped, psi, psi < 1 ? 2 : 0, average, in);
        map(4, 9 + face, 0, w);
        for (size_t k = 0; k < size; k++)
            near("latent", (double)latents[face * size + k], plus ? in[k] : w[k]);
        expect_face(in, LAYERS * DIMENSION, scores + face * 3, embeddings + face * EMBEDDING);
    }
    pipeline_close(&pipeline);
    pipeline = linear_open(setup, 7); /* the batch changes no bit */
    for (size_t face = 0; face < FACES; face++)
        assert_ok(pipeline_latents(pipeline, 4, 9 + face, 1, again + face * size, &err));
    assert_memory_equal(again, latents, FACES * size * sizeof *latents);
    pipeline_close(&pipeline);
}

static void w_is_one_vector(void **state)
{
    (void)state;
    const struct setup plain = {"{space: w, dimension: 5, layers: 3}", Z_OF_MAPPING, 2, {LAYERS, DIMENSION}, 1};
    const struct setup cut = {"{space: w, dimension: 5, layers: 3}", truncated, 2, {LAYERS, DIMENSION}, 1};
    check_mapped(&plain, false, 1);
    check_mapped(&cut, false, 0.5);
}

static void w_plus_is_one_a_layer(void **state)
{
    (void)state;
    const struct setup one = {"{space: w+, dimension: 5, layers: 3}", truncated, 2, {LAYERS, DIMENSION}, 1};
    const struct setup each = {"{space: w+, dimension: 5, layers: 3}", truncated, 1, {LAYERS * DIMENSION}, LAYERS};
    check_mapped(&one, true, 0.5);
    check_mapped(&each, true, 0.5);
}

/* The file has the rows that the pipeline gives, in the order of the ranges. */
static void latents_are_written(void **state)
{
    (void)state;
    const struct setup plus = {"{space: w+, dimension: 5, layers: 3}", truncated, 2, {LAYERS, DIMENSION}, 1};
    float first[LAYERS * DIMENSION], second[LAYERS * DIMENSION];
    char path[256];
    struct npy npy;
    struct pipeline *pipeline = linear_open(&plus, 4);
    assert_ok(pipeline_latents(pipeline, 9, 20, 1, first, &err));
    assert_ok(pipeline_latents(pipeline, 9, 4, 1, second, &err));
    pipeline_close(&pipeline);
    snprintf(path, sizeof path, "%s/w.npy", folder);
    struct latents_options options = {
        .bundle = folder, .samples = "20,2-4", .output = path, .seed = 9, .batch = 4};
    assert_ok(latents_write(&options, &err));
    assert_ok(npy_read(path, &npy, &err));
    assert_true(npy.rank == 3 && npy.dims[0] == 4 && npy.dims[1] == LAYERS && npy.dims[2] == DIMENSION);
    assert_memory_equal(npy.data, first, sizeof first);
    assert_memory_equal(npy.data + (size_t)3 * LAYERS * DIMENSION, second, sizeof second);
    npy_free(&npy);
    options.samples = "0-99999999";
    assert_error(latents_write(&options, &err), E_LIMIT, "LIMIT_LATENTS");
    options.bundle = "models/default"; /* z: no network is opened */
    options.samples = "7";
    float z[128];
    latent_sample(9, 7, 1, 128, LATENT_SPHERE, z);
    assert_ok(latents_write(&options, &err));
    assert_ok(npy_read(path, &npy, &err));
    assert_true(npy.rank == 2 && npy.dims[0] == 1 && npy.dims[1] == 128);
    assert_memory_equal(npy.data, z, sizeof z);
    npy_free(&npy);
}

/* Rows that are given are the samples that they were taken of, in every space that leads there. */
static void latents_may_be_given(void **state)
{
    (void)state;
    const struct setup w = {"{space: w, dimension: 5, layers: 3}", truncated, 2, {LAYERS, DIMENSION}, 1};
    const struct setup plus = {"{space: w+, dimension: 5, layers: 3}", truncated, 2, {LAYERS, DIMENSION}, 1};
    float drawn[FACES * DRAWN], in_w[FACES * DIMENSION], in_plus[FACES * LAYERS * DIMENSION];
    float taken[FACES * LAYERS * DIMENSION];
    latent_sample(4, 9, FACES, DRAWN, LATENT_AS_DRAWN, drawn);
    struct pipeline *pipeline = linear_open(&w, 4);
    assert_ok(pipeline_latents(pipeline, 4, 9, FACES, in_w, &err));
    assert_ok(pipeline_take(pipeline, BUNDLE_Z, drawn, FACES, taken, &err));
    assert_memory_equal(taken, in_w, sizeof in_w);
    assert_ok(pipeline_take(pipeline, BUNDLE_W, in_w, FACES, taken, &err));
    assert_memory_equal(taken, in_w, sizeof in_w);
    pipeline_close(&pipeline);
    pipeline = linear_open(&plus, 4);
    assert_ok(pipeline_latents(pipeline, 4, 9, FACES, in_plus, &err));
    assert_ok(pipeline_take(pipeline, BUNDLE_Z, drawn, FACES, taken, &err));
    assert_memory_equal(taken, in_plus, sizeof in_plus);
    assert_ok(pipeline_take(pipeline, BUNDLE_W, in_w, FACES, taken, &err)); /* truncated on the way */
    assert_memory_equal(taken, in_plus, sizeof in_plus);
    assert_ok(pipeline_take(pipeline, BUNDLE_W_PLUS, in_plus, FACES, taken, &err));
    assert_memory_equal(taken, in_plus, sizeof in_plus);
    pipeline_close(&pipeline);
}

/* On a sphere, rows keep their bits where they lie on it, and get there where not. */
static void given_latents_are_on_their_sphere(void **state)
{
    (void)state;
    const struct setup sphere = {"{space: z, dimension: 6, prior: hypersphere}", NULL, 1, {DRAWN}, 1};
    float drawn[2 * DRAWN], far[2 * DRAWN], taken[2 * DRAWN];
    struct pipeline *pipeline = linear_open(&sphere, 4);
    assert_ok(pipeline_latents(pipeline, 4, 9, 2, drawn, &err));
    assert_ok(pipeline_take(pipeline, BUNDLE_Z, drawn, 2, taken, &err));
    assert_memory_equal(taken, drawn, sizeof drawn);
    for (size_t i = 0; i < 2 * DRAWN; i++)
        far[i] = 3 * drawn[i];
    assert_ok(pipeline_take(pipeline, BUNDLE_Z, far, 2, taken, &err));
    for (size_t i = 0; i < 2 * DRAWN; i++)
        near("number", (double)taken[i], (double)drawn[i]);
    pipeline_close(&pipeline);
}

/* ---- edits in w and w+ ---- */

#define ATTRIBUTES 3

static float edit_normals[ATTRIBUTES][LAYERS * DIMENSION], edit_vectors[2][LAYERS * DIMENSION];

/* Σ of the samples that covariance.h says, of a bundle in w. */
static void find_covariance(double covariance[DIMENSION][DIMENSION])
{
    double mean[DIMENSION], w[DIMENSION];
    find_average(mean);
    for (uint64_t i = 0; i < AVERAGED; i++) {
        map(0, i, 0, w);
        for (size_t a = 0; a < DIMENSION; a++)
            for (size_t b = 0; b < DIMENSION; b++)
                covariance[a][b] += (w[a] - mean[a]) * (w[b] - mean[b]) / (AVERAGED - 1);
    }
}

/* In w: the normals times Σ, as a fit reports them. */
static void find_across(float across[DIMENSION], const float normal[DIMENSION])
{
    double covariance[DIMENSION][DIMENSION] = {{0}};
    find_covariance(covariance);
    for (size_t k = 0; k < DIMENSION; k++) {
        double sum_of = 0;
        for (size_t j = 0; j < DIMENSION; j++)
            sum_of += covariance[k][j] * (double)normal[j];
        across[k] = (float)sum_of;
    }
}

/* Plain directions of A and B are their normals, in w+ those of layer 1 alone. */
static void give_edits(size_t size, bool layer, struct directions **directions)
{
    static const char *const labels[ATTRIBUTES] = {"A", "B", "C"};
    static float across[ATTRIBUTES][DIMENSION];
    float(*vectors)[LAYERS * DIMENSION] = edit_vectors;
    struct wire_direction items[2];
    struct wire_normal all[ATTRIBUTES];
    harness_random(edit_normals[0], ATTRIBUTES * LAYERS * DIMENSION, 9);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        double square = 0, part = 0;
        for (size_t k = 0; k < size; k++)
            square += (double)edit_normals[i][k] * (double)edit_normals[i][k];
        for (size_t k = 0; k < size; k++)
            edit_normals[i][k] = (float)((double)edit_normals[i][k] / sqrt(square));
        all[i] = (struct wire_normal){
            i, labels[i], {(const uint8_t *)edit_normals[i], size * 4}, 0.1, {0}};
        if (size == DIMENSION) {
            find_across(across[i], edit_normals[i]);
            all[i].across = (struct wire_bytes){(const uint8_t *)across[i], sizeof across[i]};
        }
        for (size_t k = 0; i < 2 && k < size; k++) {
            vectors[i][k] = layer && k / DIMENSION != 1 ? 0 : edit_normals[i][k];
            part += (double)vectors[i][k] * (double)vectors[i][k];
        }
        for (size_t k = 0; i < 2 && k < size; k++)
            vectors[i][k] = (float)((double)vectors[i][k] / sqrt(part));
        if (i < 2)
            items[i] = (struct wire_direction){.position = i, .name = i ? "B" : "A", .offset = 0.1,
                                               .vector = {(const uint8_t *)vectors[i], size * 4}};
    }
    const struct wire_directions message = {.directions = WIRE_LIST(items, 2),
                                            .normals = WIRE_LIST(all, ATTRIBUTES)};
    assert_ok(directions_copy(&message, size, directions, &err));
}

static double score_of(size_t which, const float *w, size_t size)
{
    double sum_of = 0.1;
    for (size_t k = 0; k < size; k++)
        sum_of += (double)edit_normals[which][k] * (double)w[k];
    return sum_of;
}

/* A task as far as ways need one. */
static struct spec *open_edit(struct pipeline *pipeline, const char *stage, bool layer, struct task *task)
{
    struct spec *spec = NULL;
    char text[1000];
    snprintf(text, sizeof text, "format: facefarm-job/1\nseed: 4\nstages:\n"
                                "  - {kind: label, name: labels, start: 9, count: 400}\n  - {kind: fit}\n%s", stage);
    if (spec_parse(text, strlen(text), &spec, &err))
        fail_msg("%s", err.text);
    *task = (struct task){.pipeline = pipeline, .spec = spec, .stage = &spec->stages[2]};
    give_edits(bundle_latent_size(pipeline_bundle(pipeline)), layer, &task->directions);
    return spec;
}

static void layers_move_alone(void **state)
{
    (void)state;
    const struct setup each = {"{space: w+, dimension: 5, layers: 3}", Z_OF_MAPPING, 1,
                               {LAYERS * DIMENSION}, LAYERS};
    struct pipeline *pipeline = linear_open(&each, 16);
    struct task task;
    struct ways *ways = NULL;
    struct spec *spec = open_edit(pipeline, "  - {kind: evaluate, count: 1, targets: [A], reach: score, distance: 2,\n"
                                            "     limit: 1000, layers: 1}\n", true, &task);
    const struct spec_variant variant = {.target = 0, .distance = 2};
    float w[LAYERS * DIMENSION], moved[LAYERS * DIMENSION];
    double alpha;
    assert_ok(ways_open(&task, &variant, 1, &ways, &err));
    for (uint64_t i = 0; i < 20; i++) {
        assert_ok(pipeline_latents(pipeline, 4, i, 1, w, &err));
        assert_int_equal(ways_end(ways, 0, w, &alpha), MOVE_REACHED);
        ways_point(ways, 0, w, alpha, moved);
        for (size_t k = 0; k < LAYERS * DIMENSION; k++)
            assert_true(k / DIMENSION == 1 || moved[k] == w[k]);
        double score = 0.1; /* along the layer */
        for (size_t k = 0; k < LAYERS * DIMENSION; k++)
            score += (double)edit_vectors[0][k] * (double)moved[k];
        near("score", score, 2);
    }
    ways_close(&ways);
    directions_free(&task.directions);
    spec_free(&spec);
    pipeline_close(&pipeline);
}

/* In w the step to several scores is Σ Bᵀ y, Σ the covariance of the mapped samples. */
static void scores_in_w_are_met_by_the_least_unusual_step(void **state)
{
    (void)state;
    const struct setup setup = {"{space: w, dimension: 5, layers: 3}", Z_OF_MAPPING, 2, {LAYERS, DIMENSION}, 1};
    struct pipeline *pipeline = linear_open(&setup, 16);
    struct task task;
    struct ways *ways = NULL;
    struct spec *spec = open_edit(pipeline, "  - {kind: edit, targets: [A, B], reach: score, limit: 1000,\n"
                                            "     rows: {from: 0, to: 1, steps: 2}}\n", false, &task);
    const struct spec_variant variant = {.target = 0, .distance = 2, .second = -1};
    double covariance[DIMENSION][DIMENSION] = {{0}}, alpha;
    float from[DIMENSION], moved[DIMENSION];
    assert_ok(ways_open(&task, &variant, 1, &ways, &err));
    find_covariance(covariance);
    assert_ok(pipeline_latents(pipeline, 4, 3, 1, from, &err));
    assert_int_equal(ways_end(ways, 0, from, &alpha), MOVE_REACHED);
    ways_point(ways, 0, from, alpha, moved);
    near("A", score_of(0, moved, DIMENSION), 2);
    near("B", score_of(1, moved, DIMENSION), -1);
    /* Two rows of Σ span the step: what is left of it after both is nothing. */
    double rows[2][DIMENSION], step[DIMENSION], length = 0, left = 0;
    for (size_t k = 0; k < DIMENSION; k++) {
        step[k] = (double)moved[k] - (double)from[k];
        length += step[k] * step[k];
        for (size_t r = 0; r < 2; r++) {
            rows[r][k] = 0;
            for (size_t j = 0; j < DIMENSION; j++)
                rows[r][k] += covariance[k][j] * (double)edit_normals[r][j];
        }
    }
    for (size_t r = 0; r < 2; r++) { /* Gram-Schmidt */
        double square = 0, along = 0, other = 0, first = 0;
        for (size_t k = 0; r == 1 && k < DIMENSION; k++) {
            other += rows[0][k] * rows[1][k];
            first += rows[0][k] * rows[0][k];
        }
        for (size_t k = 0; k < DIMENSION; k++) {
            rows[r][k] -= r == 1 ? other / first * rows[0][k] : 0;
            square += rows[r][k] * rows[r][k];
            along += rows[r][k] * step[k];
        }
        for (size_t k = 0; k < DIMENSION; k++)
            step[k] -= along / square * rows[r][k];
    }
    for (size_t k = 0; k < DIMENSION; k++)
        left += step[k] * step[k];
    assert_true(left < 1e-8 * length);
    ways_close(&ways);
    directions_free(&task.directions);
    spec_free(&spec);
    pipeline_close(&pipeline);
}

static void a_mapping_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    const struct setup setup = {"{space: w+, dimension: 5, layers: 3}", Z_OF_MAPPING, 2, {LAYERS, DIMENSION}, 2};
    struct pipeline *pipeline = NULL;
    linear_write(&setup);
    assert_error(pipeline_open(harness_device(), folder, 4, &pipeline, &err), E_INVALID,
                 "m.onnx: output w has 10 numbers a face, bundle.yaml says 5, or 3 vectors of them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_latent_may_have_any_shape),
        cmocka_unit_test(w_is_one_vector),
        cmocka_unit_test(w_plus_is_one_a_layer),
        cmocka_unit_test(latents_are_written),
        cmocka_unit_test(latents_may_be_given),
        cmocka_unit_test(given_latents_are_on_their_sphere),
        cmocka_unit_test(layers_move_alone),
        cmocka_unit_test(scores_in_w_are_met_by_the_least_unusual_step),
        cmocka_unit_test(a_mapping_that_does_not_fit_is_refused),
    };
    if (!linear_begin())
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return !linear_end() || failed;
}
