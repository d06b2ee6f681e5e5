/* The toy bundle: a matrix each from latent to picture, and from picture to logits and ages. */
#include "toy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/digest.h"
#include "tests/engine/harness.h"

#define DIMENSION 8
#define SIDE 8
#define PICTURE (3 * SIDE * SIDE)
#define ATTRIBUTES 4

static const char form[] =
    "format: facefarm-bundle/1\n"
    "name: toy\n"
    "description: sums\n"
    "licence: Apache-2.0\n"
    "generator:\n"
    "  file: generator.onnx\n"
    "  sha256: %s\n"
    "  input: z\n"
    "  latent: {space: z, dimension: 8, prior: normal, normalisation: sphere}\n"
    "  output: {tensor: image, channels: rgb, height: 8, width: 8, range: [-1, 1]}\n"
    "classifier:\n"
    "  file: attributes.onnx\n"
    "  sha256: %s\n"
    "  input: {tensor: image, channels: rgb, height: 8, width: 8, range: [-1, 1]}\n"
    "  output: logits\n"
    "  attributes: [Smiling, Male, Young, Bald]\n"
    "age_estimators:\n"
    "- {name: fit, role: fit, file: age_fit.onnx, sha256: %s, output: age,\n"
    "   input: {tensor: image, channels: rgb, height: 8, width: 8, range: [-1, 1]}}\n"
    "- {name: judge, role: judge, file: age_judge.onnx, sha256: %s, output: age,\n"
    "   input: {tensor: image, channels: rgb, height: 8, width: 8, range: [-1, 1]}}\n";

static void write_file(const char *folder, const char *name, const void *data, size_t size)
{
    char path[512];
    struct error err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (buffer_write_file(path, data, size, &err) < 0) {
        fprintf(stderr, "chaos: %s\n", err.text);
        exit(2);
    }
}

static float *draw_weights(size_t count, uint32_t seed, float scale)
{
    float *weights = malloc(count * sizeof *weights);
    if (!weights)
        exit(2);
    harness_random(weights, count, seed);
    for (size_t i = 0; i < count; i++)
        weights[i] *= scale;
    return weights;
}

/* `dims` of the input without its rows; the picture, where it is one, is the only output of rank 4.
 */
static void write_network(const char *folder, const char *file, const char *in, size_t rank,
                          const int64_t *dims, const char *out, size_t outputs, uint32_t seed,
                          char hash[DIGEST_HEX_BYTES])
{
    struct model model;
    int64_t inputs = 1, whole[4] = {-1};
    bool picture = outputs == PICTURE;
    for (size_t i = 0; i < rank; i++) {
        inputs *= dims[i];
        whole[i + 1] = dims[i];
    }
    float *weights = draw_weights(outputs * (size_t)inputs, seed, picture ? 0.2f : 1);
    model_init(&model, 13);
    model_input(&model, in, rank + 1, whole);
    model_floats(&model, "weights", 2, (const int64_t[]){(int64_t)outputs, inputs}, weights);
    node_int(&model, model_node(&model, "Flatten", in, "flat"), "axis", 1);
    node_int(&model, model_node(&model, "Gemm", "flat weights", picture ? "linear" : out), "transB",
             1);
    if (picture) {
        model_ints(&model, "shape", 4, (const int64_t[]){0, 3, SIDE, SIDE});
        model_node(&model, "Reshape", "linear shape", out);
    }
    model_output(&model, out);
    size_t size = 0;
    uint8_t *data = model_pack(&model, &size);
    write_file(folder, file, data, size);
    digest_bytes(data, size, hash);
    free(data);
    free(weights);
    model_free(&model);
}

void toy_write(const char *folder)
{
    static const int64_t latent[] = {DIMENSION}, picture[] = {3, SIDE, SIDE};
    char hashes[4][DIGEST_HEX_BYTES], yaml[4096];
    write_network(folder, "generator.onnx", "z", 1, latent, "image", PICTURE, 1, hashes[0]);
    write_network(folder, "attributes.onnx", "image", 3, picture, "logits", ATTRIBUTES, 2,
                  hashes[1]);
    write_network(folder, "age_fit.onnx", "image", 3, picture, "age", 1, 3, hashes[2]);
    write_network(folder, "age_judge.onnx", "image", 3, picture, "age", 1, 4, hashes[3]);
    snprintf(yaml, sizeof yaml, form, hashes[0], hashes[1], hashes[2], hashes[3]);
    write_file(folder, "bundle.yaml", yaml, strlen(yaml));
}
