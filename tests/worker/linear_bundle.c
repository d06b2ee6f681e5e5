/* Linear networks and the bundle of them. */
#include "linear_bundle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/digest.h"

struct error err;
char folder[] = "/tmp/facefarm-linear-XXXXXX";

float mapping[LAYERS * DIMENSION * DRAWN], generator[PICTURE * LAYERS * DIMENSION];
float colour[2 * PICTURE], gray[CLASSES * GRAY], embedder[EMBEDDING * PICTURE];

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

void linear_write(const struct setup *setup)
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

struct pipeline *linear_open(const struct setup *setup, size_t batch)
{
    struct pipeline *pipeline = NULL;
    linear_write(setup);
    if (pipeline_open(harness_device(), folder, batch, &pipeline, &err) != 0)
        fail_msg("%s", err.text);
    return pipeline;
}

void near(const char *what, double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-4 * fmax(1, fabs(expected))))
        fail_msg("%s: %.8g, expected %.8g", what, found, expected);
}

bool linear_begin(void)
{
    if (!mkdtemp(folder))
        return false;
    make_weights();
    harness_device();
    return true;
}

bool linear_end(void)
{
    char command[128];
    harness_close();
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) == 0;
}
