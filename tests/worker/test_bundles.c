/*
 * Bundles of linear networks made here, through the pipeline, against the same sums in C: spaces z, w and w+,
 * truncation, shapes of inputs, crops, gray and NHWC pictures, classes, embeddings.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/boundary_files.h"
#include "common/buffer.h"
#include "common/digest.h"
#include "common/npy.h"
#include "worker/latents.h"
#include "worker/pipeline.h"
#include "worker/runner.h"
#include "worker/tasks/ways.h"
#include "worker_test.h"

#define DRAWN 6
#define DIMENSION 5
#define LAYERS 3
#define SIDE 4
#define PICTURE (3 * SIDE * SIDE)
#define GRAY (2 * SIDE) /* rows 1 and 2 */
#define CLASSES 3
#define EMBEDDING 7
#define FACES 11
#define AVERAGED 4096

static struct error err;
static char folder[] = "/tmp/facefarm-bundles-XXXXXX";

/* Weights [outputs][inputs] of the networks, the same in every bundle. */
static float mapping[LAYERS * DIMENSION * DRAWN], generator[PICTURE * LAYERS * DIMENSION];
static float colour[2 * PICTURE], gray[CLASSES * GRAY], embedder[EMBEDDING * PICTURE];

static void make_weights(void)
{
    harness_random(mapping, sizeof mapping / sizeof *mapping, 1);
    harness_random(generator, sizeof generator / sizeof *generator, 2);
    harness_random(colour, sizeof colour / sizeof *colour, 3);
    harness_random(gray, sizeof gray / sizeof *gray, 4);
    harness_random(embedder, sizeof embedder / sizeof *embedder, 5);
}

/* A file with one linear layer between shapes; `shape` of the output (rank 1: as it is) and what follows it. */
static void write_network(const char *file, const char *in, size_t rank, const int64_t *dims,
                          const char *out, size_t outputs, const float *weights, size_t out_rank,
                          const int64_t *shape, bool softmax, char hash[DIGEST_HEX_BYTES])
{
    struct model model;
    int64_t inputs = 1, whole[4] = {-1};
    char path[256];
    for (size_t i = 0; i < rank; i++) {
        inputs *= dims[i];
        whole[i + 1] = dims[i];
    }
    model_init(&model, 13);
    model_input(&model, in, rank + 1, whole);
    model_floats(&model, "weights", 2, (int64_t[]){(int64_t)outputs, inputs}, weights);
    Onnx__NodeProto *flatten = model_node(&model, "Flatten", in, "flat");
    node_int(&model, flatten, "axis", 1);
    bool last = out_rank == 1 && !softmax;
    Onnx__NodeProto *gemm = model_node(&model, "Gemm", "flat weights", last ? out : "linear");
    node_int(&model, gemm, "transB", 1);
    if (softmax) {
        Onnx__NodeProto *node = model_node(&model, "Softmax", "linear", out);
        node_int(&model, node, "axis", 1);
    } else if (out_rank > 1) {
        model_ints(&model, "shape", out_rank + 1, shape);
        model_node(&model, "Reshape", "linear shape", out);
    }
    model_output(&model, out);
    size_t size = 0;
    uint8_t *data = model_pack(&model, &size);
    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_ok(buffer_write_file(path, data, size, &err));
    digest_bytes(data, size, hash);
    free(data);
    model_free(&model);
}

struct setup {
    const char *latent;     /* the generator's, as YAML */
    const char *mapping;    /* what stands behind its latent as YAML, or NULL */
    size_t rank;            /* of the generator's input */
    int64_t dims[3];
    size_t mapped;          /* vectors that the mapping gives */
};


static void write_bundle(const struct setup *setup)
{
    char hashes[5][DIGEST_HEX_BYTES], yaml[4096], path[256];
    const int64_t picture[4] = {0, 3, SIDE, SIDE}, vectors[3] = {0, (int64_t)setup->mapped, DIMENSION};
    write_network("g.onnx", "in", setup->rank, setup->dims, "picture", PICTURE, generator, 3, picture,
                  false, hashes[0]);
    write_network("m.onnx", "z", 1, (int64_t[]){DRAWN}, "w", setup->mapped * DIMENSION, mapping,
                  setup->mapped > 1 ? 2 : 1, vectors, false, hashes[1]);
    write_network("c.onnx", "x", 3, (int64_t[]){3, SIDE, SIDE}, "o", 2, colour, 1, NULL, false,
                  hashes[2]);
    write_network("y.onnx", "x", 3, (int64_t[]){2, SIDE, 1}, "p", CLASSES, gray, 1, NULL, true,
                  hashes[3]);
    write_network("e.onnx", "x", 3, (int64_t[]){3, SIDE, SIDE}, "e", EMBEDDING, embedder, 1, NULL,
                  false, hashes[4]);
    int length = snprintf(
        yaml, sizeof yaml,
        "format: facefarm-bundle/1\nname: linear\ndescription: sums\nlicence: none\n"
        "generator: {file: g.onnx, sha256: %s, input: in, latent: %s,\n"
        "  output: {tensor: picture, channels: rgb, height: 4, width: 4, range: [-1, 1]}}\n",
        hashes[0], setup->latent);
    if (setup->mapping)
        length += snprintf(yaml + length, sizeof yaml - (size_t)length,
                           "mapping: {file: m.onnx, sha256: %s, input: z, output: w, %s}\n", hashes[1],
                           setup->mapping);
    snprintf(yaml + length, sizeof yaml - (size_t)length,
             "labellers:\n"
             "- {name: colour, file: c.onnx, sha256: %s, outputs: [{tensor: o, columns: [A, B]}],\n"
             "   input: {tensor: x, channels: rgb, height: 4, width: 4, range: [-1, 1]}}\n"
             "- {name: gray, file: y.onnx, sha256: %s,\n"
             "   outputs: [{tensor: p, values: softmax, columns: [c, d, e], attributes: [{name: C, of: [c]}]}],\n"
             "   input: {tensor: x, channels: gray, layout: nhwc, height: 2, width: 4, range: [0, 1],\n"
             "           mean: [0.5], deviation: [0.25], crop: {rows: [1, 3], columns: [0, 4]}}}\n"
             "embedders:\n"
             "- {name: e, kind: identity, file: e.onnx, sha256: %s, output: e, dimension: 7,\n"
             "   input: {tensor: x, channels: bgr, height: 4, width: 4, range: [-1, 1]}}\n",
             hashes[2], hashes[3], hashes[4]);
    snprintf(path, sizeof path, "%s/bundle.yaml", folder);
    assert_ok(buffer_write_file(path, yaml, strlen(yaml), &err));
}

static struct pipeline *open_bundle(const struct setup *setup, size_t batch)
{
    struct pipeline *pipeline = NULL;
    write_bundle(setup);
    if (pipeline_open(harness_device(), folder, batch, &pipeline, &err) != 0)
        fail_msg("%s", err.text);
    return pipeline;
}

/* ---- the same in C ---- */

static double sum(const float *weights, const double *x, size_t inputs)
{
    double value = 0;
    for (size_t i = 0; i < inputs; i++)
        value += (double)weights[i] * x[i];
    return value;
}

static void near(const char *what, double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-4 * fmax(1, fabs(expected))))
        fail_msg("%s: %.8g, expected %.8g", what, found, expected);
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
        struct pipeline *pipeline = open_bundle(i ? &deep : &flat, 4);
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

static const char *const z_of_mapping = "latent: {space: z, dimension: 6}";
static const char *const truncated =
    "latent: {space: z, dimension: 6}, truncation: {psi: 0.5, layers: 2}";

static void check_mapped(const struct setup *setup, bool plus, double psi)
{
    float latents[FACES * LAYERS * DIMENSION], again[FACES * LAYERS * DIMENSION];
    float scores[FACES * 3], embeddings[FACES * EMBEDDING];
    double average[DIMENSION], in[LAYERS * DIMENSION], w[DIMENSION];
    size_t size = plus ? LAYERS * DIMENSION : DIMENSION;
    struct wire_stage_metrics metrics = {0};
    struct pipeline *pipeline = open_bundle(setup, 4);
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
    pipeline = open_bundle(setup, 7); /* the batch changes no bit */
    for (size_t face = 0; face < FACES; face++)
        assert_ok(pipeline_latents(pipeline, 4, 9 + face, 1, again + face * size, &err));
    assert_memory_equal(again, latents, FACES * size * sizeof *latents);
    pipeline_close(&pipeline);
}

static void w_is_one_vector(void **state)
{
    (void)state;
    const struct setup plain = {"{space: w, dimension: 5, layers: 3}", z_of_mapping, 2, {LAYERS, DIMENSION}, 1};
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
    struct pipeline *pipeline = open_bundle(&plus, 4);
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
    struct pipeline *pipeline = open_bundle(&w, 4);
    assert_ok(pipeline_latents(pipeline, 4, 9, FACES, in_w, &err));
    assert_ok(pipeline_take(pipeline, BUNDLE_Z, drawn, FACES, taken, &err));
    assert_memory_equal(taken, in_w, sizeof in_w);
    assert_ok(pipeline_take(pipeline, BUNDLE_W, in_w, FACES, taken, &err));
    assert_memory_equal(taken, in_w, sizeof in_w);
    pipeline_close(&pipeline);
    pipeline = open_bundle(&plus, 4);
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
    struct pipeline *pipeline = open_bundle(&sphere, 4);
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

/* ---- boundaries in w+ ---- */

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

static const struct setup fitted_setup = {"{space: w+, dimension: 5, layers: 3}", z_of_mapping, 1,
                                          {LAYERS * DIMENSION}, LAYERS};

/* latents[count] of samples 9 …, of a bundle of that setup; it stands in the store, as FOLDER/bundles/hash. */
static void draw_fitted(float *latents, size_t count, char hash[DIGEST_HEX_BYTES])
{
    struct bundle *bundle = NULL;
    char path[256];
    struct pipeline *pipeline = open_bundle(&fitted_setup, 64);
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
    struct assignment *assignment = NULL;
    assert_ok(runner_open(&options, &inputs, &cancelled, &runner, &err));
    assert_ok(assignment_copy(&lease, 0, &assignment, &err));
    struct outcome *outcome = outcome_new(&assignment);
    runner_run(runner, outcome);
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
    double truth[DIMENSION], cosine = 0, offset = 0;
    size_t found = 0;
    true_normal(carries, number, truth);
    for (size_t i = 0; i < DIMENSION; i++)
        cosine += truth[i] * (double)n[carries * DIMENSION + i] * sqrt(LAYERS);
    if (cosine < 0.999)
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
        near("length of a layer's part", square, 1.0 / LAYERS);
        near("cosine", f->cosine, 1 / sqrt(LAYERS));
        uint64_t test = f->test_tp + f->test_fp + f->test_tn + f->test_fn;
        double accuracy = (double)(f->test_tp + f->test_tn) / (double)test;
        assert_int_equal(test, boundary->test_tp + boundary->test_fp + boundary->test_tn + boundary->test_fn);
        assert_true(test > LAYERED / 10 && f->resamples > 0);
        /* By chance both have a standard deviation of 0.02 on 600 faces. */
        if (f->step == carries ? accuracy < 0.98 || f->auc < 0.999
                               : fabs(accuracy - 0.5) > 0.08 || fabs(f->auc - 0.5) > 0.08)
            fail_msg("layer %d of %s: test accuracy %.4f, AUC %.4f (%.4f to %.4f)", (int)f->step,
                     boundary->name, accuracy, f->auc, f->auc_low, f->auc_high);
        offset += f->offset / sqrt(LAYERS);
    }
    assert_int_equal(found, LAYERS);
    near("offset", boundary->offset, offset);
    assert_true(boundary->test_auc > 0.6 && boundary->test_auc < 0.999); /* two layers of noise in it */
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
    near("layer 0", squares[0], 0.5);
    near("layer 1", squares[1], 0.5);
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

/* ---- edits in w and w+ ---- */

#define ATTRIBUTES 3

static float edit_normals[ATTRIBUTES][LAYERS * DIMENSION];

/* Plain directions of A and B are their normals, in w+ those of layer 1 alone. */
static void give_edits(size_t size, bool layer, struct directions **directions)
{
    static const char *const labels[ATTRIBUTES] = {"A", "B", "C"};
    static float vectors[2][LAYERS * DIMENSION];
    struct wire_direction items[2];
    struct wire_normal all[ATTRIBUTES];
    harness_random(edit_normals[0], ATTRIBUTES * LAYERS * DIMENSION, 9);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        double square = 0, part = 0;
        for (size_t k = 0; k < size; k++)
            square += (double)edit_normals[i][k] * (double)edit_normals[i][k];
        for (size_t k = 0; k < size; k++)
            edit_normals[i][k] = (float)((double)edit_normals[i][k] / sqrt(square));
        all[i] = (struct wire_normal){i, labels[i], {(const uint8_t *)edit_normals[i], size * 4}, 0.1};
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
    const struct setup each = {"{space: w+, dimension: 5, layers: 3}", z_of_mapping, 1,
                               {LAYERS * DIMENSION}, LAYERS};
    struct pipeline *pipeline = open_bundle(&each, 16);
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
        near("score", score_of(0, moved, LAYERS * DIMENSION), 2); /* of the whole boundary */
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
    const struct setup setup = {"{space: w, dimension: 5, layers: 3}", z_of_mapping, 2, {LAYERS, DIMENSION}, 1};
    struct pipeline *pipeline = open_bundle(&setup, 16);
    struct task task;
    struct ways *ways = NULL;
    struct spec *spec = open_edit(pipeline, "  - {kind: edit, targets: [A, B], reach: score, limit: 1000,\n"
                                            "     rows: {from: 0, to: 1, steps: 2}}\n", false, &task);
    const struct spec_variant variant = {.target = 0, .distance = 2, .second = -1};
    double mean[DIMENSION], covariance[DIMENSION][DIMENSION] = {{0}}, w[DIMENSION], alpha;
    float from[DIMENSION], moved[DIMENSION];
    assert_ok(ways_open(&task, &variant, 1, &ways, &err));
    find_average(mean);
    for (uint64_t i = 0; i < AVERAGED; i++) {
        map(0, i, 0, w);
        for (size_t a = 0; a < DIMENSION; a++)
            for (size_t b = 0; b < DIMENSION; b++)
                covariance[a][b] += (w[a] - mean[a]) * (w[b] - mean[b]) / (AVERAGED - 1);
    }
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
    const struct setup setup = {"{space: w+, dimension: 5, layers: 3}", z_of_mapping, 2, {LAYERS, DIMENSION}, 2};
    struct pipeline *pipeline = NULL;
    write_bundle(&setup);
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
        cmocka_unit_test(a_boundary_in_w_plus_spans_the_layers),
        cmocka_unit_test(each_layer_has_its_own_boundary),
        cmocka_unit_test(imported_rows_are_the_layers),
        cmocka_unit_test(a_layer_that_says_nothing_has_no_part),
        cmocka_unit_test(layers_move_alone),
        cmocka_unit_test(scores_in_w_are_met_by_the_least_unusual_step),
        cmocka_unit_test(a_mapping_that_does_not_fit_is_refused),
    };
    char command[128];
    if (!mkdtemp(folder))
        return 1;
    make_weights();
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) || failed;
}
