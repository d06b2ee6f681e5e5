/*
 * Fits in w+: flattened, and layer by layer, where layers know nothing of each other and an attribute
 * lives in one of them, against its direction in closed form; imported rows.
 */
#include "linear_bundle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/boundary_files.h"
#include "common/buffer.h"
#include "common/digest.h"
#include "worker/runner.h"
#include "run_lease.h"

#define FITTED 400

/* Score A lies along number 7 of the flattened w+, which is number 2 of layer 1. */
static int give_scores(void *state, uint64_t stage, uint64_t start, uint64_t count, size_t first,
                       size_t columns, float *rows, struct error *error)
{
    (void)stage, (void)error;
    const float *latents = state;
    for (size_t i = 0; i < count * columns; i++) {
        const float *w = latents + (start + i / columns) * LAYERS * DIMENSION;
        rows[i] = first + i % columns == 0 ? w[7] : w[0];
    }
    return 0;
}

static const struct setup fitted_setup = {"{space: w+, dimension: 5, layers: 3}", Z_OF_MAPPING, 1,
                                          {LAYERS * DIMENSION}, LAYERS};

/* latents[count] of samples 9 …, of a bundle of that setup; it stands in the store, as FOLDER/bundles/hash. */
static void draw_fitted(float *latents, size_t count, char hash[DIGEST_HEX_BYTES])
{
    struct bundle *bundle = NULL;
    char path[256];
    struct pipeline *pipeline = linear_open(&fitted_setup, 64);
    assert_ok(pipeline_latents(pipeline, 4, 9, count, latents, &err));
    pipeline_close(&pipeline);
    assert_ok(bundle_load(folder, &bundle, hash, &err));
    bundle_free(&bundle);
    snprintf(path, sizeof path, "%s/bundles", folder);
    assert_ok(buffer_make_folders(path, &err));
    snprintf(path, sizeof path, "%s/bundles/%s", folder, hash);
    if (access(path, F_OK) != 0)
        assert_int_equal(symlink(folder, path), 0);
}

/* Stage 1 of the spec, boundaries start … start + count − 1. */
static struct outcome *run_fit(const char *text, const char *hash, float *latents, uint64_t start,
                               uint64_t count)
{
    const struct inputs inputs = {.state = latents, .scores = give_scores};
    const struct runner_options options = {.batch = 16, .store = folder};
    const struct wire_task task = {start, count, 1, 0};
    const struct wire_lease lease = {.job = 1, .stage = 2, .position = 1, .input = 1, .bundle = hash,
                                     .spec = text, .tasks = WIRE_LIST(&task, 1)};
    atomic_bool cancelled = false;
    struct runner *runner = NULL;
    assert_ok(runner_open(&options, &inputs, &cancelled, &runner, &err));
    struct outcome *outcome = run_lease(runner, &lease);
    runner_close(&runner);
    return outcome;
}

static void a_boundary_in_w_plus_spans_the_layers(void **state)
{
    (void)state;
    static const char text[] = "format: facefarm-job/1\nbundle: linear\nseed: 4\nstages:\n"
                               "  - {kind: label, name: labels, start: 9, count: 400}\n"
                               "  - {kind: fit, method: least_squares}\n";
    static float latents[FITTED * LAYERS * DIMENSION];
    char hash[DIGEST_HEX_BYTES];
    draw_fitted(latents, FITTED, hash);
    struct outcome *outcome = run_fit(text, hash, latents, 0, 1);
    if (outcome->code)
        fail_msg("%s", outcome->text);
    assert_int_equal(outcome->boundary_count, 1);
    assert_int_equal(outcome->boundaries[0].normal.size, LAYERS * DIMENSION * sizeof(float));
    /* The latents lie in DRAWN dimensions, so it is the scores that tell whether it was found. */
    const float *n = (const float *)outcome->boundaries[0].normal.data;
    double both = 0, scores = 0, values = 0;
    for (size_t i = 0; i < FITTED; i++) {
        const float *w = latents + i * LAYERS * DIMENSION;
        double score = 0;
        for (size_t k = 0; k < LAYERS * DIMENSION; k++)
            score += (double)n[k] * (double)w[k];
        both += score * (double)w[7];
        scores += score * score;
        values += (double)w[7] * (double)w[7];
    }
    assert_true(both / sqrt(scores * values) > 0.999);
    outcome_free(&outcome);
}

#define LAYERED 3000
#define EACH (DRAWN / LAYERS) /* numbers of z that a layer is made of */

/* Of the mapping what makes layer l of numbers EACH · l … of z only: layers know nothing of each other. */
static void part_layers(void)
{
    for (size_t o = 0; o < LAYERS * DIMENSION; o++)
        for (size_t k = 0; k < DRAWN; k++)
            if (k / EACH != o / DIMENSION)
                mapping[o * DRAWN + k] = 0;
}

/* The shortest n[DIMENSION] with n·w = number `number` of w in layer `layer`, unit: with M the layer's part of the
 * mapping and m its row, M (MᵀM)⁻¹ m. */
static void true_normal(size_t layer, size_t number, double *n)
{
    double g[3] = {0}, x[EACH], square = 0;
    const float *m = mapping + layer * DIMENSION * DRAWN + layer * EACH;
    assert_int_equal(EACH, 2);
    for (size_t o = 0; o < DIMENSION; o++) {
        double a = (double)m[o * DRAWN], b = (double)m[o * DRAWN + 1];
        g[0] += a * a;
        g[1] += a * b;
        g[2] += b * b;
    }
    double p = (double)m[number * DRAWN], q = (double)m[number * DRAWN + 1];
    x[0] = g[2] * p - g[1] * q;
    x[1] = g[0] * q - g[1] * p;
    for (size_t o = 0; o < DIMENSION; o++) {
        n[o] = (double)m[o * DRAWN] * x[0] + (double)m[o * DRAWN + 1] * x[1];
        square += n[o] * n[o];
    }
    for (size_t o = 0; o < DIMENSION; o++)
        n[o] /= sqrt(square);
}

/* The layer that carries the attribute finds its direction, the others are at chance; the boundary is made of them. */
static void expect_layers(const struct outcome *outcome, size_t column, size_t carries, size_t number)
{
    const struct wire_boundary *boundary = &outcome->boundaries[column];
    const float *n = (const float *)boundary->normal.data;
    double truth[DIMENSION], cosine = 0;
    size_t found = 0;
    true_normal(carries, number, truth);
    for (size_t i = 0; i < DIMENSION; i++)
        cosine += truth[i] * (double)n[carries * DIMENSION + i];
    if (cosine < 0.998) /* the other layers count next to nothing */
        fail_msg("cosine %g to the direction of layer %zu", cosine, carries);
    for (size_t i = 0; i < outcome->fitted_count; i++) {
        const struct wire_fitted *f = &outcome->fitted[i];
        if (f->position != boundary->position || strcmp(f->role, "layer") != 0)
            continue;
        assert_int_equal(f->step, found++);
        assert_string_equal(f->method, "svm");
        double square = 0;
        for (size_t k = 0; k < DIMENSION; k++)
            square += (double)n[f->step * DIMENSION + k] * (double)n[f->step * DIMENSION + k];
        near("cosine", f->cosine, sqrt(square));
        assert_true(f->step == carries ? f->cosine > 0.998
                                       : f->cosine > 0.0009 && f->cosine < 0.06);
        uint64_t test = f->test_tp + f->test_fp + f->test_tn + f->test_fn;
        double accuracy = (double)(f->test_tp + f->test_tn) / (double)test;
        assert_int_equal(test, boundary->test_tp + boundary->test_fp + boundary->test_tn + boundary->test_fn);
        assert_true(test > LAYERED / 10 && f->resamples > 0);
        /* By chance both have a standard deviation of 0.02 on 600 faces. */
        if (f->step == carries ? accuracy < 0.98 || f->auc < 0.999
                               : fabs(accuracy - 0.5) > 0.08 || fabs(f->auc - 0.5) > 0.08)
            fail_msg("layer %d of %s: test accuracy %.4f, AUC %.4f (%.4f to %.4f)", (int)f->step,
                     boundary->name, accuracy, f->auc, f->auc_low, f->auc_high);
    }
    assert_int_equal(found, LAYERS);
    uint64_t right = boundary->test_tp + boundary->test_tn;
    double accuracy = (double)right / (double)(right + boundary->test_fp + boundary->test_fn);
    if (!(boundary->test_auc > 0.998) || accuracy < 0.95) /* as one that knows which layer to ask */
        fail_msg("%s: AUC %g, test accuracy %g", boundary->name, boundary->test_auc, accuracy);
    assert_true(fabs(boundary->offset) < 0.1);
}

/* Σ n of the covariance that a fit reports, against the samples' own. */
static void expect_across(const struct wire_boundary *boundary)
{
    enum { SAMPLES = 4096, SIZE = LAYERS * DIMENSION };
    static float w[SAMPLES * SIZE];
    const float *n = (const float *)boundary->normal.data,
                *across = (const float *)boundary->across.data;
    double mean[SIZE] = {0}, expected[SIZE] = {0};
    struct pipeline *pipeline = linear_open(&fitted_setup, 64);
    assert_ok(pipeline_latents(pipeline, 0, 0, SAMPLES, w, &err));
    pipeline_close(&pipeline);
    assert_int_equal(boundary->across.size, SIZE * sizeof(float));
    for (size_t i = 0; i < SAMPLES * SIZE; i++)
        mean[i % SIZE] += (double)w[i] / SAMPLES;
    for (size_t i = 0; i < SAMPLES; i++) {
        double score = 0;
        for (size_t k = 0; k < SIZE; k++)
            score += (double)n[k] * ((double)w[i * SIZE + k] - mean[k]);
        for (size_t k = 0; k < SIZE; k++)
            expected[k] += score * ((double)w[i * SIZE + k] - mean[k]) / (SAMPLES - 1);
    }
    for (size_t k = 0; k < SIZE; k++)
        near("across", (double)across[k], expected[k]);
}

static size_t count_role(const struct outcome *outcome, const char *role)
{
    size_t count = 0;
    for (size_t i = 0; i < outcome->fitted_count; i++)
        count += strcmp(outcome->fitted[i].role, role) == 0;
    return count;
}

static void each_layer_has_its_own_boundary(void **state)
{
    (void)state;
    static const char text[] = "format: facefarm-job/1\nbundle: linear\nseed: 4\nstages:\n"
                               "  - {kind: label, name: labels, start: 9, count: 3000}\n"
                               "  - {kind: fit, per_layer: true, compare: [ridge], folds: 2, costs: [1000, 100000]}\n";
    static float latents[LAYERED * LAYERS * DIMENSION], whole[sizeof mapping / sizeof *mapping];
    char hash[DIGEST_HEX_BYTES];
    memcpy(whole, mapping, sizeof mapping);
    part_layers();
    draw_fitted(latents, LAYERED, hash);
    struct outcome *outcome = run_fit(text, hash, latents, 0, 2), *alone = run_fit(text, hash, latents, 1, 1);
    if (outcome->code || alone->code)
        fail_msg("%s%s", outcome->text, alone->text);
    assert_int_equal(outcome->boundary_count, 2);
    expect_layers(outcome, 0, 1, 2); /* A: number 7 */
    expect_layers(outcome, 1, 0, 0); /* B: number 0 */
    expect_across(&outcome->boundaries[0]);
    assert_int_equal(count_role(outcome, "layer"), 2 * LAYERS);
    assert_int_equal(count_role(outcome, "method"), 2);
    assert_int_equal(count_role(outcome, "fold"), 4);
    assert_int_equal(count_role(outcome, "cost"), 4);
    /* However it is spread. */
    assert_int_equal(alone->boundary_count, 1);
    assert_memory_equal(alone->boundaries[0].normal.data, outcome->boundaries[1].normal.data,
                        LAYERS * DIMENSION * sizeof(float));
    assert_true(alone->boundaries[0].offset == outcome->boundaries[1].offset);
    outcome_free(&outcome);
    outcome_free(&alone);
    memcpy(mapping, whole, sizeof mapping);
}

/* Boundaries A (layers[l] of d numbers each, all but one 0) in the store, as boundary import leaves them. */
static void import_rows(size_t layers, size_t d, char digest[DIGEST_HEX_BYTES])
{
    char made[128], named[256];
    struct boundaries boundaries = {0};
    double *normal = NULL;
    uint64_t bytes = 0;
    snprintf(made, sizeof made, "%s/boundaries/new", folder);
    assert_ok(buffer_make_folders(made, &err));
    assert_ok(boundaries_add(&boundaries, "A", 1, layers * d, &normal, &err));
    boundaries.layers = layers;
    for (size_t i = 0; i < layers * d; i++)
        normal[i] = i % 2 ? 0.1 * (double)i : -0.3;
    assert_ok(boundaries_normalise(&boundaries, &err));
    assert_ok(boundaries_write(made, &boundaries, &err));
    assert_ok(digest_folder(made, digest, &bytes, &err));
    snprintf(named, sizeof named, "%s/boundaries/%s", folder, digest);
    assert_int_equal(rename(made, named), 0);
    boundaries_free(&boundaries);
}

static void imported_rows_are_the_layers(void **state)
{
    (void)state;
    static const struct {
        size_t layers, d;
        const char *refused;
    } shapes[] = {{LAYERS, DIMENSION, NULL},
                  {1, LAYERS * DIMENSION, NULL},
                  {DIMENSION, LAYERS, "of the shape (5, 3), the bundle's latents have (3, 5)"},
                  {LAYERS, 2, "of the shape (3, 2), the bundle's latents have (3, 5)"},
                  {1, 14, "boundaries of dimension 14, the bundle's latents have 15"}};
    static float latents[FITTED * LAYERS * DIMENSION];
    float first[LAYERS * DIMENSION];
    char hash[DIGEST_HEX_BYTES], digest[DIGEST_HEX_BYTES], text[512];
    draw_fitted(latents, FITTED, hash);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        import_rows(shapes[i].layers, shapes[i].d, digest);
        snprintf(text, sizeof text,
                 "format: facefarm-job/1\nbundle: linear\nseed: 4\nstages:\n"
                 "  - {kind: label, name: labels, start: 9, count: 400}\n"
                 "  - {kind: fit, per_layer: true, files: %s}\n", digest);
        struct outcome *outcome = run_fit(text, hash, latents, 0, 2);
        if (shapes[i].refused) {
            assert_int_equal(outcome->code, E_INVALID);
            if (!strstr(outcome->text, shapes[i].refused))
                fail_msg("\"%s\", expected \"%s\"", outcome->text, shapes[i].refused);
        } else {
            assert_int_equal(outcome->code, 0);
            assert_int_equal(count_role(outcome, "layer"), LAYERS); /* B's: A is taken as it is */
            if (i == 0)
                memcpy(first, outcome->boundaries[0].normal.data, sizeof first);
            assert_memory_equal(outcome->boundaries[0].normal.data, first, sizeof first);
        }
        outcome_free(&outcome);
    }
}

/* A layer whose numbers are all alike has no part; where no layer says anything each has its axis. */
static void a_layer_that_says_nothing_has_no_part(void **state)
{
    (void)state;
    static const char text[] = "format: facefarm-job/1\nbundle: linear\nseed: 4\nstages:\n"
                               "  - {kind: label, name: labels, start: 9, count: 400}\n"
                               "  - {kind: fit, per_layer: true}\n";
    static float latents[FITTED * LAYERS * DIMENSION], whole[sizeof mapping / sizeof *mapping];
    char hash[DIGEST_HEX_BYTES];
    memcpy(whole, mapping, sizeof mapping);
    part_layers();
    for (size_t i = 2 * DIMENSION * DRAWN; i < LAYERS * DIMENSION * DRAWN; i++)
        mapping[i] = 0;
    draw_fitted(latents, FITTED, hash);
    struct outcome *outcome = run_fit(text, hash, latents, 0, 1);
    if (outcome->code)
        fail_msg("%s", outcome->text);
    const float *n = (const float *)outcome->boundaries[0].normal.data;
    double squares[LAYERS] = {0};
    for (size_t i = 0; i < LAYERS * DIMENSION; i++)
        squares[i / DIMENSION] += (double)n[i] * (double)n[i];
    assert_true(squares[0] > 0 && squares[0] < 0.05); /* at chance, but it says something */
    assert_true(squares[1] > 0.95);
    assert_true(squares[2] == 0);
    assert_true(fabs(outcome->boundaries[0].offset) < 1);
    outcome_free(&outcome);
    for (size_t i = 0; i < FITTED; i++)
        latents[i * LAYERS * DIMENSION + 7] = -1; /* one class */
    outcome = run_fit(text, hash, latents, 0, 1);
    if (outcome->code)
        fail_msg("%s", outcome->text);
    n = (const float *)outcome->boundaries[0].normal.data;
    for (size_t i = 0; i < LAYERS; i++)
        near("axis", (double)n[i * DIMENSION], 1 / sqrt(LAYERS));
    assert_true(outcome->boundaries[0].offset < -10);
    outcome_free(&outcome);
    memcpy(mapping, whole, sizeof mapping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boundary_in_w_plus_spans_the_layers),
        cmocka_unit_test(each_layer_has_its_own_boundary),
        cmocka_unit_test(imported_rows_are_the_layers),
        cmocka_unit_test(a_layer_that_says_nothing_has_no_part),
    };
    if (!linear_begin())
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return !linear_end() || failed;
}
