/*
 * The engine's graph: values (tensors by name) and nodes in topological order.
 *
 * A value is a constant (data != NULL: an initializer, or folded), a graph input, or the output of
 * one node. Dimension 0 of a batched value is the batch: rows of it are independent samples, or the batch times
 * `group`, where a reshape has put further dimensions into it ([N,C,H,W] as [N·C,1,H,W]): each sample then has
 * `group` rows in a row. No value of a fixed graph is batched: of one that mixes rows on purpose, with all dimensions given, and
 * of a single one, which is the graph of one row and runs once for each (its nodes may put the batch anywhere).
 */
#ifndef WORKER_ENGINE_GRAPH_H
#define WORKER_ENGINE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/engine/engine.h"

/* Most elements a tensor may have: its bytes fit an int32 offset of a kernel. */
#define GRAPH_ELEMENTS_MAX ((int64_t)1 << 29)

enum value_type {
    VALUE_FLOAT,
    VALUE_INT64,
    VALUE_BOOL, /* a constant's elements are int64_t 0 or 1; on the device they are floats */
};

struct value {
    char *name;
    enum value_type type;
    int element; /* the file's type where it is another (element.h); 0: the type's own. Of floats that are counted: int64 */
    bool known;  /* type, rank and dims are set */
    bool batched;
    int64_t group; /* of a batched value: rows a sample */
    size_t rank;
    int64_t dims[ENGINE_RANK_MAX];
    void *data;   /* float or int64_t, dense; owned. NULL: computed at run time */
    int producer; /* node that computes it, or -1 */
    int uses;     /* live nodes' inputs and graph outputs that name it */
};

enum activation_kind {
    ACT_NONE,
    ACT_RELU,
    ACT_LEAKY,   /* a: slope */
    ACT_TANH,
    ACT_SIGMOID,
    ACT_CLIP,    /* a: low, b: high */
    ACT_ELU,     /* a: alpha */
};

struct activation {
    enum activation_kind kind;
    float a, b;
};

/* What fusion attached to a node; all zero is nothing. */
struct fused {
    struct activation activation;
    bool pixel_norm;       /* divide by the root mean square over channels, after the activation */
    float pixel_norm_epsilon;
    int64_t pads[4];       /* zeros around the input beside the node's own: top, left, bottom, right */
    int upsample;          /* nearest ×upsample of the input first; 0: none */
    int residual;          /* value added before the activation, + 1; 0: none */
    float *scale, *shift;  /* per output channel: y·scale + shift, before the residual; owned */
};

struct op;
struct attributes; /* opaque: protobuf's */

struct node {
    const struct op *op;
    char name[ENGINE_NAME_MAX]; /* the file's, or "#position" */
    const struct attributes *attributes; /* belongs to the graph's model; may be NULL */
    int *inputs, *outputs;      /* values; -1: an absent optional input */
    size_t input_count, output_count;
    bool dead;
    struct fused fused;
};

/* A node that does not run. It matters if it is still used once all shapes are known. */
struct problem {
    size_t node;
    struct error error; /* E_UNSUPPORTED or E_PARSE; the text names the node */
};

/* An input that is noise: it stands for mean + scale · a normal number. */
struct graph_noise {
    int value;
    float mean, scale;
};

/* What the first dimension of the inputs is. */
enum graph_form {
    GRAPH_ROWS,   /* the batch, whatever the file has there */
    GRAPH_FIXED,  /* what the file gives: there is no batch */
    GRAPH_SINGLE, /* 1, as the file has it or leaves open: each row by itself */
};

struct graph {
    void *model; /* the unpacked file; nodes borrow their attributes from it */
    int opset;
    int64_t batch;
    int64_t own_batch; /* the inputs' first dimension in the file; 0 if left open or not the same */
    bool fixed;  /* not GRAPH_ROWS */
    bool single; /* GRAPH_SINGLE */
    struct value *values;
    size_t value_count, value_capacity;
    struct node *nodes;
    size_t node_count;
    int *inputs, *outputs; /* values */
    size_t input_count, output_count;
    struct problem *problems;
    size_t problem_count;
    struct graph_noise *noise; /* noise.h */
    size_t noise_count;
    bool noise_varies; /* what random nodes draw becomes inputs */
};

/* The graph of the file at `path` (or of `size` bytes at `data`) without any shape but those of its
 * inputs and constants, for `batch` rows, of which a single graph has one. `sizes` may be NULL.
 * Operators, their opsets and the attributes' names and types are checked; nodes that fail are among
 * the graph's problems and have an op without infer. The caller frees with graph_free. */
MUST_CHECK int graph_read(const char *path, int64_t batch, enum graph_form form, const struct engine_sizes *sizes,
                          struct graph **graph, struct error *err);
MUST_CHECK int graph_parse(const void *data, size_t size, int64_t batch, enum graph_form form,
                           const struct engine_sizes *sizes, struct graph **graph, struct error *err);
void graph_free(struct graph **graph);

/* Appends an unnamed value; returns its number, or -1 without memory. Pointers to values become
 * invalid. */
int graph_add_value(struct graph *graph);

/* Element i of a constant, whatever its type. */
double value_number(const struct value *value, int64_t i);
/* The number of elements of a known value. */
int64_t value_elements(const struct value *value);
/* The same for dims; -1 where it exceeds GRAPH_ELEMENTS_MAX or a dimension is negative. */
int64_t dims_elements(size_t rank, const int64_t *dims);

/* Gives a known value zeroed data of its type: it becomes a constant. */
MUST_CHECK int value_allocate(struct value *value, struct error *err);

/* Sets type float and the shape, which is checked for size; `batched` values must keep the batch,
 * or a multiple of it, in dimension 0. An empty result is a constant once its node is inferred (infer.c). */
MUST_CHECK int value_set_shape(const struct graph *graph, struct value *value, size_t rank,
                               const int64_t *dims, bool batched, struct error *err);

/* Input i of a node, or NULL if absent. */
struct value *node_input(const struct graph *graph, const struct node *node, size_t i);
struct value *node_output(const struct graph *graph, const struct node *node, size_t i);
/* Prints "node NAME (OP, opset N)" before the text of err. */
int node_error(const struct graph *graph, const struct node *node, int code, struct error *err);

/* Attributes; types were checked when the graph was made. */
bool attribute_present(const struct node *node, const char *name);
int64_t attribute_int(const struct node *node, const char *name, int64_t otherwise);
float attribute_float(const struct node *node, const char *name, float otherwise);
/* Returns the number of integers, 0 if absent. */
size_t attribute_ints(const struct node *node, const char *name, const int64_t **ints);
/* The same of floats. */
size_t attribute_floats(const struct node *node, const char *name, const float **floats);
/* True if the attribute is `text`, or is absent and `otherwise`. */
bool attribute_is(const struct node *node, const char *name, const char *text, bool otherwise);
/* The attribute's string for messages, at most 63 characters, or "". */
void attribute_text(const struct node *node, const char *name, char text[64]);
/* Makes a constant of a tensor attribute. */
MUST_CHECK int attribute_tensor(const struct node *node, const char *name, struct value *value,
                                struct error *err);

/* Notes that node `node` does not run, because of `error`. */
MUST_CHECK int graph_add_problem(struct graph *graph, size_t node, const struct error *error,
                                 struct error *err);

/* Whether a node or the graph's outputs name the value, before uses are counted. */
bool graph_names(const struct graph *graph, int value);

/* Frees the file, once nobody asks for attributes any more: after lowering. */
void graph_drop_file(struct graph *graph);

/* Counts uses anew and marks nodes dead none of whose outputs is used. */
void graph_count_uses(struct graph *graph);

#endif
