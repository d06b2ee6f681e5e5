/*
 * RandomNormal and RandomNormalLike: noise inputs that are the same in every run and on every machine.
 *
 * Element e of a sample is Φ⁻¹ of Philox4x32-10 (common/latent.h) with the node's seed as key and e as
 * counter: it depends neither on the sample nor on the batch it travels in, so that a latent
 * gives one image (StyleGAN calls this noise_mode 'const'). The key is the attribute `seed`, or the node's
 * place in the file where there is none, so that two nodes differ. Of known shape it is a constant;
 * for a batch, one row is computed at load and copied to all. A caller that wants other noise gets the nodes' outputs as
 * inputs of the network instead (noise.h).
 */
#include <stdlib.h>
#include <string.h>

#include "common/latent.h"
#include "worker/engine/lower.h"
#include "worker/engine/noise.h"
#include "worker/engine/ops.h"
#include "worker/engine/ops/move.h"

#define PURPOSE_NOISE 2u /* counter word 3: latents have 0, held-out shares 1 */
#define TYPE_FLOAT 1

static void node_key(const struct graph *graph, const struct node *node, uint32_t key[2])
{
    float seed = attribute_float(node, "seed", 0.0f);
    key[0] = (uint32_t)(node - graph->nodes);
    key[1] = 0;
    if (attribute_present(node, "seed")) {
        memcpy(&key[0], &seed, sizeof seed);
        key[1] = 1;
    }
}

static void draw(const struct graph *graph, const struct node *node, float *out, int64_t count)
{
    double mean = (double)attribute_float(node, "mean", 0.0f);
    double scale = (double)attribute_float(node, "scale", 1.0f);
    uint32_t key[2], words[4];
    node_key(graph, node, key);
    for (int64_t e = 0; e < count; e++) {
        const uint32_t counter[4] = {(uint32_t)(e / 4), 0, 0, PURPOSE_NOISE};
        if (e % 4 == 0)
            latent_philox(key, counter, words);
        out[e] = (float)(mean + scale * latent_normal(words[e % 4]));
    }
}

/* Whether the shape was made for the batch: exporters write torch.randn([x.shape[0], …]) as noise like a constant that
 * has the batch's size, and that does not count as rows of samples by itself. */
static bool is_sized_for_batch(const struct graph *graph, const struct value *like)
{
    const struct node *maker = like && like->producer >= 0 ? &graph->nodes[like->producer] : NULL;
    return maker && strcmp(maker->op->type, "ConstantOfShape") == 0 && !graph->fixed &&
           like->rank > 1 && like->dims[0] == graph->batch;
}

static int infer_random(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *like = node_input(graph, node, 0);
    struct value *out = node_output(graph, node, 0);
    const int64_t *dims = like ? like->dims : NULL;
    size_t rank = like ? like->rank : attribute_ints(node, "shape", &dims);
    int64_t type = attribute_int(node, "dtype", TYPE_FLOAT);
    if (type != TYPE_FLOAT || (like && like->type != VALUE_FLOAT))
        return error_set(err, E_UNSUPPORTED, "numbers of type %lld (expected 1, float)",
                         (long long)type);
    if (!like && rank == 0)
        return error_set(err, E_PARSE, "shape is missing");
    if (like && like->batched && like->group != 1)
        return error_set(err, E_UNSUPPORTED, "%lld rows a sample (expected one)", (long long)like->group);
    bool batched = like && (like->batched || is_sized_for_batch(graph, like));
    if (noise_varies(graph, batched, rank, dims))
        return noise_take(graph, node, rank, dims, attribute_float(node, "mean", 0.0f),
                          attribute_float(node, "scale", 1.0f), err);
    int failed = value_set_shape(graph, out, rank, dims, batched, err);
    if (failed || out->batched)
        return failed;
    failed = value_allocate(out, err);
    if (!failed)
        draw(graph, node, out->data, value_elements(out));
    return failed;
}

/* One row, copied to all: a move whose input does not advance along the batch. */
static int lower_random(struct lowering *lowering, struct node *node, struct error *err)
{
    const struct value *value = node_output(lowering->graph, node, 0);
    struct move move = {.rank = value->rank};
    int64_t row = value_elements(value) / value->dims[0];
    float *noise = malloc((size_t)row * sizeof *noise);
    int in, out;
    if (!noise)
        return error_set(err, E_MEMORY, "no memory for noise");
    draw(lowering->graph, node, noise, row);
    int failed = lower_constant(lowering, noise, (size_t)row, &in, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, &out, err);
    if (failed)
        return failed;
    memcpy(move.dims, value->dims, sizeof move.dims);
    move_strides(value->rank, value->dims, move.in_strides);
    move_strides(value->rank, value->dims, move.out_strides);
    move.in_strides[0] = 0;
    return move_step(lowering, &move, in, out, value, err);
}

const struct op ops_random[] = {
    {"RandomNormal", 1, OPSET_LAST, "dtype:i mean:f scale:f seed:f shape:I", 0, 0, 1, 0, infer_random, NULL,
     NULL},
    {"RandomNormalLike", 1, OPSET_LAST, "dtype:i mean:f scale:f seed:f", 1, 1, 1, 0, infer_random, NULL,
     lower_random},
    {0},
};
