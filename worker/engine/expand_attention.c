/*
 * Attention of ONNX's opset 23 on:
 *
 *   Y = Softmax(Q · Kᵀ · scale + mask) · V        of [N, heads, length, size]
 *
 * scale is 1/√size where it is not given; of three dimensions, [N, length, heads · size], the heads are taken apart first and put
 * together last. No state, no threads.
 */
#include "worker/engine/expand_attention.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/onnx.h"

#define ATTENTION_FIRST 23

/* The attention's own inputs among the parts that nodes are made of. */
static const char *const own_inputs[] = {"Q", "K", "V", "mask"};

static int64_t whole(const Onnx__NodeProto *node, const char *name)
{
    const Onnx__AttributeProto *found = onnx_attribute(node, name);
    return found ? found->i : 0;
}

static bool has_input(const Onnx__NodeProto *node, size_t i)
{
    return i < node->n_input && *node->input[i];
}

bool expand_is_attention(const Onnx__NodeProto *node, int opset)
{
    const Onnx__AttributeProto *cap = onnx_attribute(node, "softcap");
    bool others = (node->domain && *node->domain) || !node->op_type || strcmp(node->op_type, "Attention") != 0;
    if (others || opset < ATTENTION_FIRST || !has_input(node, 0) || !has_input(node, 1) || !has_input(node, 2))
        return false;
    for (size_t i = 4; i < node->n_input; i++)
        if (has_input(node, i))
            return false;
    for (size_t i = 0; i < node->n_output; i++)
        if ((*node->output[i] != '\0') != (i == 0))
            return false;
    return node->n_output > 0 && whole(node, "is_causal") == 0 && (!cap || cap->f == 0) &&
           whole(node, "q_num_heads") >= 0 && whole(node, "q_num_heads") == whole(node, "kv_num_heads");
}

/* Nodes are made one after the other; after a failure nothing more is. */
struct maker {
    struct expansion *expansion;
    const Onnx__NodeProto *of;
    int failed;
    struct error *err;
};

/* The name of a tensor between the nodes: the attention's own output, and `part`. */
static char *name_of(const struct maker *maker, const char *part)
{
    size_t bytes = strlen(maker->of->output[0]) + strlen(part) + 12;
    char *name = malloc(bytes);
    if (name)
        snprintf(name, bytes, "%s/attention/%s", maker->of->output[0], part);
    return name;
}

/* The strings are the list's. A NULL among them leaves *list as it is. */
static bool set_list(char ***list, size_t *count, char *const strings[], size_t given)
{
    char **made = calloc(given + 1, sizeof *made);
    bool all = made != NULL;
    for (size_t i = 0; i < given; i++)
        all &= strings[i] != NULL;
    if (!all) {
        for (size_t i = 0; i < given; i++)
            free(strings[i]);
        free(made);
        return false;
    }
    memcpy(made, strings, given * sizeof *made);
    *list = made;
    *count = given;
    return true;
}

/* The name of one of the attention's inputs, or of a tensor between the nodes. */
static char *tensor(const struct maker *maker, const char *part)
{
    for (size_t i = 0; i < sizeof own_inputs / sizeof *own_inputs; i++)
        if (strcmp(own_inputs[i], part) == 0)
            return strdup(maker->of->input[i]);
    return name_of(maker, part);
}

/* A node of up to two inputs, or NULL; `part` NULL: its output is the attention's. */
static Onnx__NodeProto *make(struct maker *maker, const char *type, const char *first, const char *second, const char *part)
{
    Onnx__NodeProto *node = maker->failed ? NULL : malloc(sizeof *node);
    if (!node) {
        if (!maker->failed)
            maker->failed = error_set(maker->err, E_MEMORY, "no memory for a node");
        return NULL;
    }
    onnx__node_proto__init(node);
    char *inputs[2] = {first ? tensor(maker, first) : NULL, second ? tensor(maker, second) : NULL};
    char *output[1] = {part ? name_of(maker, part) : strdup(maker->of->output[0])};
    node->op_type = strdup(type);
    node->name = strdup(maker->of->name ? maker->of->name : "");
    bool good = set_list(&node->input, &node->n_input, inputs, (first != NULL) + (size_t)(second != NULL));
    good &= set_list(&node->output, &node->n_output, output, 1);
    if (!good || !node->op_type || !node->name) {
        onnx__node_proto__free_unpacked(node, NULL);
        maker->failed = error_set(maker->err, E_MEMORY, "no memory for a node");
        return NULL;
    }
    return node;
}

static void finish(struct maker *maker, Onnx__NodeProto *node)
{
    if (node && maker->failed)
        onnx__node_proto__free_unpacked(node, NULL);
    else if (node)
        maker->failed = expand_append(maker->expansion, node, maker->err);
}

static Onnx__AttributeProto *add_attribute(struct maker *maker, Onnx__NodeProto *node, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *attribute = node ? malloc(sizeof *attribute) : NULL;
    Onnx__AttributeProto **list = node ? realloc(node->attribute, (node->n_attribute + 1) * sizeof *list) : NULL;
    if (list)
        node->attribute = list;
    if (attribute)
        onnx__attribute_proto__init(attribute);
    if (attribute)
        attribute->name = strdup(name);
    if (!attribute || !list || !attribute->name) {
        if (attribute)
            onnx__attribute_proto__free_unpacked(attribute, NULL);
        if (node && !maker->failed)
            maker->failed = error_set(maker->err, E_MEMORY, "no memory for an attribute");
        return NULL;
    }
    attribute->has_type = 1;
    attribute->type = type;
    node->attribute[node->n_attribute++] = attribute;
    return attribute;
}

static void set_int(struct maker *maker, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute = add_attribute(maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (!attribute)
        return;
    attribute->has_i = 1;
    attribute->i = value;
}

static void set_ints(struct maker *maker, Onnx__NodeProto *node, const char *name, const int64_t *values, size_t count)
{
    Onnx__AttributeProto *attribute = add_attribute(maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    if (!attribute)
        return;
    attribute->ints = malloc(count * sizeof *values);
    if (!attribute->ints) {
        maker->failed = error_set(maker->err, E_MEMORY, "no memory for an attribute");
        return;
    }
    memcpy(attribute->ints, values, count * sizeof *values);
    attribute->n_ints = count;
}

static void make_permuted(struct maker *maker, const char *from, const int64_t perm[4], const char *part)
{
    Onnx__NodeProto *node = make(maker, "Transpose", from, NULL, part);
    set_ints(maker, node, "perm", perm, 4);
    finish(maker, node);
}

static void make_shape(struct maker *maker, const int64_t *dims, size_t count, const char *part)
{
    Onnx__NodeProto *node = make(maker, "Constant", NULL, NULL, part);
    set_ints(maker, node, "value_ints", dims, count);
    finish(maker, node);
}

/* "scale": what scores are multiplied with where it is given, else what they are divided by, √size. */
static void make_scale(struct maker *maker, const char *queries)
{
    const Onnx__AttributeProto *scale = onnx_attribute(maker->of, "scale");
    if (scale) {
        Onnx__NodeProto *node = make(maker, "Constant", NULL, NULL, "scale");
        Onnx__AttributeProto *value = add_attribute(maker, node, "value_float", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
        if (value) {
            value->has_f = 1;
            value->f = scale->f;
        }
        finish(maker, node);
        return;
    }
    Onnx__NodeProto *node = make(maker, "Shape", queries, NULL, "size");
    set_int(maker, node, "start", 3);
    finish(maker, node);
    node = make(maker, "Cast", "size", NULL, "float");
    set_int(maker, node, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    finish(maker, node);
    finish(maker, make(maker, "Sqrt", "float", NULL, "scale"));
}

/* [N, length, heads · size] as [N, heads, length, size]. */
static void take_heads_apart(struct maker *maker, const char *from, const char *apart, const char *part)
{
    static const int64_t perm[4] = {0, 2, 1, 3};
    finish(maker, make(maker, "Reshape", from, "apart", apart));
    make_permuted(maker, apart, perm, part);
}

static void make_product(struct maker *maker, const char *queries, const char *keys, const char *values, bool heads)
{
    static const int64_t swapped[4] = {0, 1, 3, 2}, together[4] = {0, 2, 1, 3}, joined[3] = {0, 0, -1};
    const char *scores = "scaled";
    make_permuted(maker, keys, swapped, "transposed");
    finish(maker, make(maker, "MatMul", queries, "transposed", "scores"));
    make_scale(maker, queries);
    finish(maker, make(maker, onnx_attribute(maker->of, "scale") ? "Mul" : "Div", "scores", "scale", "scaled"));
    if (has_input(maker->of, 3)) {
        finish(maker, make(maker, "Add", "scaled", "mask", "masked"));
        scores = "masked";
    }
    Onnx__NodeProto *softmax = make(maker, "Softmax", scores, NULL, "weights");
    set_int(maker, softmax, "axis", -1);
    finish(maker, softmax);
    finish(maker, make(maker, "MatMul", "weights", values, heads ? "mixed" : NULL));
    if (!heads)
        return;
    make_permuted(maker, "mixed", together, "joined");
    make_shape(maker, joined, 3, "whole");
    finish(maker, make(maker, "Reshape", "joined", "whole", NULL));
}

int expand_attention(struct expansion *expansion, Onnx__NodeProto *node, struct error *err)
{
    struct maker maker = {expansion, node, 0, err};
    int64_t heads = whole(node, "q_num_heads");
    const int64_t apart[4] = {0, 0, heads, -1};
    if (heads > 0) {
        make_shape(&maker, apart, 4, "apart");
        take_heads_apart(&maker, "Q", "q_apart", "q");
        take_heads_apart(&maker, "K", "k_apart", "k");
        take_heads_apart(&maker, "V", "v_apart", "v");
        make_product(&maker, "q", "k", "v", true);
    } else {
        make_product(&maker, "Q", "K", "V", false);
    }
    onnx__node_proto__free_unpacked(node, NULL);
    return maker.failed;
}
