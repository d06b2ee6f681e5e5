/* Writes the networks, and does their sums. */
#include "noisy_bundle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "run_lease.h"

struct error err;
char folder[] = "/tmp/facefarm-generator-XXXXXX";
float own[PLANE], normal[1][IN];
static float mapping[DIMENSION * DRAWN], weights[PICTURE * IN], same[PICTURE * PICTURE];
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

void write_bundle(const char *space, bool noisy, const char *noise, const char *truncation,
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

struct pipeline *open_pipeline(size_t batch, const struct stage_generator *generator)
{
    struct pipeline *pipeline = NULL;
    if (pipeline_prepare(harness_device(), folder, batch, pipeline_noise_of(generator->noise),
                         &pipeline, &err) ||
        pipeline_commit(pipeline, &err) || pipeline_set(pipeline, generator, &err))
        fail_msg("%s", err.text);
    return pipeline;
}

/* ---- the same in C ---- */

void plain_picture(const float *w, double picture[PICTURE])
{
    for (size_t i = 0; i < PICTURE; i++) {
        picture[i] = 0;
        for (size_t k = 0; k < IN; k++)
            picture[i] += (double)weights[i * IN + k] * (double)w[k];
    }
}

void expect_picture(const double *expected, const float *found)
{
    for (size_t i = 0; i < PICTURE; i++)
        if (!(fabs(expected[i] - (double)found[i]) <= 1e-4))
            fail_msg("pixel %zu: %.8g, expected %.8g", i, (double)found[i], expected[i]);
}

/* ---- through tasks ---- */

static int give_directions(void *state, uint64_t stage, size_t dimension,
                           struct directions **directions, struct error *error)
{
    (void)state, (void)stage;
    struct wire_direction item = {.name = "p0",
                                  .vector = {(const uint8_t *)normal[0], sizeof normal[0]}};
    return directions_copy(&(struct wire_directions){.directions = WIRE_LIST(&item, 1)}, dimension,
                           directions, error);
}

struct runner *open_runner(size_t batch, const char *hash)
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

struct outcome *run(struct runner *runner, const char *hash, const char *stages, uint64_t position,
                    uint64_t start, uint64_t count)
{
    char text[2000];
    snprintf(text, sizeof text, "format: facefarm-job/1\nbundle: linear\nseed: 4\nstages:\n%s",
             stages);
    const struct wire_task task = {start, count, 1, 0};
    const struct wire_lease lease = {.job = 3,
                                     .stage = 9,
                                     .position = position,
                                     .bundle = hash,
                                     .spec = text,
                                     .tasks = WIRE_LIST(&task, 1)};
    return run_lease(runner, &lease);
}

struct outcome *succeed(struct runner *runner, const char *hash, const char *stages,
                        uint64_t position, uint64_t start, uint64_t count)
{
    struct outcome *outcome = run(runner, hash, stages, position, start, count);
    if (outcome->code)
        fail_msg("%s%s", stages, outcome->text);
    return outcome;
}

/* ---- beginning and end ---- */

int noisy_begin(void)
{
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
    return 0;
}

int noisy_end(int failed)
{
    char command[128];
    harness_close();
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) || failed;
}
