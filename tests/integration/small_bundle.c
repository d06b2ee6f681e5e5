/*
 * Writes a bundle of linear networks whose answers can be computed by hand, with everything that a
 * bundle can have: a generator, two labellers' worth of attributes, two age estimators, embedders
 * of both kinds (one of them a convolutional network), an encoder that is the generator's exact
 * inverse.
 *
 *     small_bundle FOLDER [nan]
 *
 * The latent has 8 numbers, a picture 8×8 pixels. With `nan` the labeller's attribute Odd is the
 * root of a score, so that it is no number for a few faces in a hundred.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buffer.h"
#include "common/digest.h"

#define LATENT 8
#define SIDE 8
#define PICTURE (3 * SIDE * SIDE)
#define SCALE 1.5f /* of a picture to its latent: pixels have a deviation of 0.31 */

static const char *folder;

struct layer {
    const char *file;
    bool reads_picture, makes_picture, root;
    int64_t inputs, outputs;
    const float *weights; /* [outputs][inputs] */
};

/* The model as a file of the folder; frees it. */
static void write_model(struct model *model, const char *file, char hash[DIGEST_HEX_BYTES])
{
    struct error err = {0};
    char path[512];
    size_t size = 0;
    uint8_t *data = model_pack(model, &size);
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (buffer_write_file(path, data, size, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    digest_bytes(data, size, hash);
    free(data);
    model_free(model);
}

/* The one that is not linear: two strided convolutions with rectifiers and a layer on top, of
 * random weights. */
static void write_portrait(const char *file, char hash[DIGEST_HEX_BYTES])
{
    static float first[8 * 3 * 9], second[16 * 8 * 9], last[8 * 64];
    struct model model;
    harness_random(first, 8 * 3 * 9, 4);
    harness_random(second, 16 * 8 * 9, 5);
    harness_random(last, 8 * 64, 6);
    model_init(&model, 13);
    model_input(&model, "x", 4, (int64_t[]){-1, 3, SIDE, SIDE});
    model_floats(&model, "first", 4, (int64_t[]){8, 3, 3, 3}, first);
    model_floats(&model, "second", 4, (int64_t[]){16, 8, 3, 3}, second);
    model_floats(&model, "last", 2, (int64_t[]){8, 64}, last);
    Onnx__NodeProto *convolve = model_node(&model, "Conv", "x first", "c1");
    node_ints(&model, convolve, "strides", 2, (int64_t[]){2, 2});
    node_ints(&model, convolve, "pads", 4, (int64_t[]){1, 1, 1, 1});
    model_node(&model, "Relu", "c1", "r1");
    convolve = model_node(&model, "Conv", "r1 second", "c2");
    node_ints(&model, convolve, "strides", 2, (int64_t[]){2, 2});
    node_ints(&model, convolve, "pads", 4, (int64_t[]){1, 1, 1, 1});
    model_node(&model, "Relu", "c2", "r2");
    Onnx__NodeProto *flatten = model_node(&model, "Flatten", "r2", "flat");
    node_int(&model, flatten, "axis", 1);
    Onnx__NodeProto *gemm = model_node(&model, "Gemm", "flat last", "y");
    node_int(&model, gemm, "transB", 1);
    model_output(&model, "y");
    write_model(&model, file, hash);
}

static void write_layer(const struct layer *layer, char hash[DIGEST_HEX_BYTES])
{
    struct model model;
    model_init(&model, 13);
    model_input(&model, "x", layer->reads_picture ? 4 : 2,
                layer->reads_picture ? (int64_t[]){-1, 3, SIDE, SIDE}
                                     : (int64_t[]){-1, layer->inputs});
    model_floats(&model, "weights", 2, (int64_t[]){layer->outputs, layer->inputs}, layer->weights);
    Onnx__NodeProto *flatten = model_node(&model, "Flatten", "x", "flat");
    node_int(&model, flatten, "axis", 1);
    bool more = layer->makes_picture || layer->root;
    Onnx__NodeProto *gemm = model_node(&model, "Gemm", "flat weights", more ? "linear" : "y");
    node_int(&model, gemm, "transB", 1);
    if (layer->makes_picture) {
        model_ints(&model, "shape", 4, (int64_t[]){0, 3, SIDE, SIDE});
        model_node(&model, "Reshape", "linear shape", "y");
    } else if (layer->root) {
        model_floats(&model, "two", 1, (int64_t[]){1}, (float[]){2});
        model_node(&model, "Add", "linear two", "moved");
        model_node(&model, "Sqrt", "moved", "y");
    }
    model_output(&model, "y");
    write_model(&model, layer->file, hash);
}

/* Columns of g[PICTURE][LATENT] orthogonal and as long as SCALE, by Gram and Schmidt. */
static void make_orthogonal(float *g)
{
    for (int c = 0; c < LATENT; c++) {
        double length = 0;
        for (int b = 0; b < c; b++) {
            double dot = 0;
            for (int i = 0; i < PICTURE; i++)
                dot += (double)g[i * LATENT + b] * (double)g[i * LATENT + c];
            for (int i = 0; i < PICTURE; i++)
                g[i * LATENT + c] -= (float)(dot / (SCALE * SCALE)) * g[i * LATENT + b];
        }
        for (int i = 0; i < PICTURE; i++)
            length += (double)g[i * LATENT + c] * (double)g[i * LATENT + c];
        for (int i = 0; i < PICTURE; i++)
            g[i * LATENT + c] *= (float)((double)SCALE / sqrt(length));
    }
}

#define PICTURE_FORM "{tensor: x, channels: rgb, height: 8, width: 8, range: [-1, 1]}"

int main(int argc, char **argv)
{
    static float generator[PICTURE * LATENT], encoder[LATENT * PICTURE], reads[4 * PICTURE],
        identity[6 * PICTURE], features[5 * PICTURE];
    char hash[8][DIGEST_HEX_BYTES], yaml[4096], path[512];
    bool broken = argc > 2 && strcmp(argv[2], "nan") == 0;
    struct error err = {0};
    if (argc < 2)
        return 2;
    folder = argv[1];
    mkdir(folder, 0777);
    harness_random(generator, PICTURE * LATENT, 1);
    make_orthogonal(generator);
    for (int i = 0; i < PICTURE; i++)
        for (int k = 0; k < LATENT; k++)
            encoder[k * PICTURE + i] = generator[i * LATENT + k] / (SCALE * SCALE);
    /* What is read of a face is a sum of two of its latent's numbers: scores s0 + s1/2, … */
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < PICTURE; i++)
            reads[k * PICTURE + i] = encoder[k * PICTURE + i] + encoder[(k + 1) * PICTURE + i] / 2;
    harness_random(identity, 6 * PICTURE, 2);
    harness_random(features, 5 * PICTURE, 3);
    write_layer(&(struct layer){"g.onnx", false, true, false, LATENT, PICTURE, generator}, hash[0]);
    write_layer(&(struct layer){"c.onnx", true, false, false, PICTURE, 2, reads}, hash[1]);
    write_layer(&(struct layer){"o.onnx", true, false, broken, PICTURE, 1, reads}, hash[2]);
    write_layer(&(struct layer){"a.onnx", true, false, false, PICTURE, 1, reads + 2 * PICTURE},
                hash[3]);
    write_layer(&(struct layer){"j.onnx", true, false, false, PICTURE, 1, reads + 3 * PICTURE},
                hash[4]);
    write_layer(&(struct layer){"i.onnx", true, false, false, PICTURE, 6, identity}, hash[5]);
    write_layer(&(struct layer){"f.onnx", true, false, false, PICTURE, 5, features}, hash[6]);
    write_portrait("p.onnx", hash[7]);
    int length = snprintf(
        yaml, sizeof yaml,
        "format: facefarm-bundle/1\nname: small\ndescription: linear networks\nlicence: none\n"
        "generator: {file: g.onnx, sha256: %s, input: x,\n"
        "  latent: {space: z, dimension: 8, prior: normal},\n"
        "  output: {tensor: y, channels: rgb, height: 8, width: 8, range: [-1, 1]}}\n"
        "labellers:\n"
        "- {name: colour, file: c.onnx, sha256: %s, input: " PICTURE_FORM ",\n"
        "   outputs: [{tensor: y, columns: [Smiling, Male]}]}\n"
        "- {name: odd, file: o.onnx, sha256: %s, input: " PICTURE_FORM ",\n"
        "   outputs: [{tensor: y, columns: [Odd]}]}\n"
        "age_estimators:\n"
        "- {name: fitted, role: fit, file: a.onnx, sha256: %s, input: " PICTURE_FORM ",\n"
        "   output: y, scale: 8, offset: 40}\n"
        "- {name: judging, role: judge, file: j.onnx, sha256: %s, input: " PICTURE_FORM ",\n"
        "   output: y, scale: 8, offset: 40}\n"
        "embedders:\n"
        "- {name: person, kind: identity, file: i.onnx, sha256: %s, input: " PICTURE_FORM ",\n"
        "   output: y, dimension: 6}\n"
        "- {name: looks, kind: features, file: f.onnx, sha256: %s, input: " PICTURE_FORM ",\n"
        "   output: y, dimension: 5}\n"
        "- {name: portrait, kind: identity, file: p.onnx, sha256: %s, input: " PICTURE_FORM ",\n"
        "   output: y, dimension: 8}\n",
        hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]);
    write_layer(&(struct layer){"e.onnx", true, false, false, PICTURE, LATENT, encoder}, hash[0]);
    snprintf(yaml + length, sizeof yaml - (size_t)length,
             "encoder: {file: e.onnx, sha256: %s, input: " PICTURE_FORM ", output: y}\n", hash[0]);
    snprintf(path, sizeof path, "%s/bundle.yaml", folder);
    if (buffer_write_file(path, yaml, strlen(yaml), &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    return 0;
}
