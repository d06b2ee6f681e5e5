/*
 * Lowering: live nodes become steps (kernel launches) over tensors (device memory with a layout).
 *
 * A tensor's memory is the caller's (an input, an output), a constant's, or a place in the arena
 * that plan.c gives it by lifetime. A view shares the memory of another tensor of the same layout.
 */
#ifndef WORKER_ENGINE_LOWER_H
#define WORKER_ENGINE_LOWER_H

#include "worker/engine/gpu.h"
#include "worker/engine/graph.h"

struct tuning;         /* tuning.h */
struct conv_candidate; /* ops/conv_choose.h */

#define STEP_ARGS_MAX 24
#define STEP_OPTIONS_MAX 1024
/* Channels-last tensors pad their channels to a multiple of this: one float16 of a kernel. */
#define CHANNEL_BLOCK 16

enum layout {
    LAYOUT_PLAIN,         /* as ONNX: dense, row-major, images [N][C][H][W] */
    LAYOUT_CHANNELS_LAST, /* rank 4 only: [N][H][W][CP], CP = C rounded up to CHANNEL_BLOCK */
};

enum storage {
    STORAGE_ARENA,
    STORAGE_INPUT,
    STORAGE_OUTPUT, /* the caller's buffer, or its place in the arena where the caller gives none */
    STORAGE_CONSTANT,
    STORAGE_VIEW,
};

/* A number that grows with the rows of a run, or does not. */
struct count {
    size_t each;
    bool per_row;
};

struct tensor {
    enum layout layout;
    enum storage storage;
    int index;            /* input or output number; the tensor that a view shares */
    struct count elements;
    size_t slack;         /* elements more, whatever the rows: what blocks may touch beyond the end */
    int value;            /* the graph's value, for shapes and names; -1: scratch */
    float *host;          /* a constant's data until it is on the device; owned */
    bool half;            /* a constant that is float16 there */
    cl_mem memory;        /* constants, and arena tensors after planning */
    size_t offset, bytes; /* in the arena */
    int first, last;      /* steps that write it first and touch it last */
};

enum arg_kind {
    ARG_TENSOR,
    ARG_INT,   /* int */
    ARG_FLOAT, /* float */
    ARG_COUNT, /* ulong, scaled by the rows */
    ARG_BYTES, /* up to 32 bytes: vectors */
};

struct step_arg {
    enum arg_kind kind;
    union {
        int tensor;
        int integer;
        float number;
        struct count count;
        unsigned char bytes[32];
    } as;
};

struct step {
    const char *file, *kernel;     /* static strings */
    char options[STEP_OPTIONS_MAX];
    cl_kernel compiled;
    struct step_arg args[STEP_ARGS_MAX];
    size_t arg_count;
    struct count global[3];        /* in work-items before rounding up to local */
    size_t divide[3];               /* global counts are divided by this, rounding up; 0: 1 */
    size_t local[3];
    char title[ENGINE_NAME_MAX];   /* the node's name, for the plan */
    const char *type;              /* the node's operator */
    char algorithm[48];            /* how, for the plan */
    double operations;             /* a row, of the direct algorithm: 1 multiply-add = 2 */
    double cycles;                 /* of a core, predicted for the rows planned; 0: not known */
    double executed;               /* a row, multiply-adds that the kernel really does, times 2 */
    int output;                    /* the tensor it writes */
};

/* What the device prefers, and what the network may lose. */
struct lowering_target {
    bool blocked;         /* CPU kernels: vector registers, one work-item a group */
    int vector_registers; /* float16 accumulators a kernel may hold */
    int registers;        /* all float16 registers */
    size_t local_bytes;   /* local memory of a group */
    size_t group_items;   /* work-items of a group, at most */
    const struct gpu_class *gpu; /* tiles of many work-items; NULL: none */
    bool half_weights;    /* constants that float16 holds to the bit may be so on the device */
    int cores;
    double block_rate;    /* float16 multiply-adds a core starts in a cycle */
    double cache_bytes;   /* second-level cache of a core */
    double stream_bytes;  /* a cycle, into one core from the cache that cores share while all read */
    double memory_bytes;  /* a cycle, into one core from memory while all read */
    double clock_hz;      /* 0: unknown */
    double tolerance;     /* of the outputs' range: what the algorithms may be off by */
    const struct tuning *tuning; /* NULL: none */
    const struct conv_candidate *forced; /* for every convolution that it fits; NULL: chosen */
};

struct lowering {
    struct graph *graph;
    const struct node *node; /* now being lowered */
    struct lowering_target target;
    struct tensor *tensors;
    size_t tensor_count, tensor_capacity;
    struct step *steps;
    size_t step_count, step_capacity;
    int (*of_value)[2];      /* per value: its tensor in each layout, or -1 */
};

/* Lowers the whole graph into `lowering`, which the caller has zeroed. Free with lowering_free. The graph's
 * constants are given up on the way: it cannot be lowered twice. */
MUST_CHECK int lowering_run(struct lowering *lowering, struct graph *graph,
                            const struct lowering_target *target, struct error *err);
void lowering_free(struct lowering *lowering);

/* For operators. All answer a tensor (or step) number in *result, or fail for memory. */

/* Input `value` in this layout: found, uploaded, or converted by a step. */
MUST_CHECK int lower_input(struct lowering *lowering, int value, enum layout layout, int *tensor,
                           struct error *err);
/* A new tensor for `value` in this layout. */
MUST_CHECK int lower_output(struct lowering *lowering, int value, enum layout layout, int *tensor,
                            struct error *err);
/* A view of `of` as `value`, both in the plain layout. */
MUST_CHECK int lower_view(struct lowering *lowering, int value, int of, struct error *err);
/* A constant of `elements` floats; takes `host`. */
MUST_CHECK int lower_constant(struct lowering *lowering, float *host, size_t elements, int *tensor,
                              struct error *err);
/* The weights of a step of tiles.cl, which reads them as float16 from now on where the target wants that, float16 holds
 * them and no step before reads them; none that comes may. */
void lower_half_weights(struct lowering *lowering, struct step *step, int tensor);
/* Bytes on the device. */
size_t tensor_constant_bytes(const struct tensor *tensor);
/* A new scratch tensor of `elements`, and `slack` more, in the arena. */
MUST_CHECK int lower_scratch(struct lowering *lowering, struct count elements, size_t slack,
                             int *tensor, struct error *err);
/* A new step for the node being lowered; the pointer is valid until the next one. */
MUST_CHECK int lower_step(struct lowering *lowering, const char *file, const char *kernel,
                          int output, struct step **step, struct error *err);
/* A new step that reads the node's first input, and makes its first output, both plain. */
MUST_CHECK int lower_plain(struct lowering *lowering, const struct node *node, const char *file, const char *kernel,
                           int *in, int *out, struct step **step, struct error *err);

/* The step of a node before it does this node's work as well: it is dead from now on. */
void lower_absorb(struct lowering *lowering, const struct node *node);

/* True if the value exists channels-last and not plain. */
bool lower_is_channels_last(const struct lowering *lowering, int value);
/* True if whoever uses `value` wants it plain: it is a graph output, or used by views and products. */
bool lower_wants_plain(const struct lowering *lowering, int value);

/* Arguments of a step, in the kernel's order. */
void step_tensor(struct step *step, int tensor);
void step_int(struct step *step, int64_t integer);
void step_float(struct step *step, float number);
void step_count(struct step *step, struct count count);
void step_bytes(struct step *step, const void *bytes); /* 32 bytes */
/* Appends printf-formatted -D options, separated by a space. */
void step_define(struct step *step, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* -DACT=… -DACT_A=… -DACT_B=…, as the kernels declare them. */
void step_activation(struct step *step, const struct activation *activation);
/* The same with a prefix before ACT, for a kernel that applies two. */
void step_activation_of(struct step *step, const char *prefix, const struct activation *activation);
/* One dimension over `count` work-items in groups of 64, for kernels that guard. */
void step_linear(struct step *step, struct count count);

/* The target's tile for `m` × `n` sums; false if it has none. */
bool lower_choose_tile(const struct lowering *lowering, double m, double n, struct gpu_tile *tile);
/* From so many on, numbers that become one are added up by a group where the target is a GPU. */
#define GROUPED_LEAST 256
/* One group of -DITEMS (a power of two) for each of `count`, in one dimension. */
void step_groups(struct step *step, struct count count);
/* For a kernel of tiles.cl: dimensions 0 and 1 over the columns and the rows of its result, the tile's options, and what the
 * plan says of it. */
void step_tile(struct step *step, const char *form, const struct gpu_tile *tile, struct count columns,
               struct count rows);

/* Emits a pixel norm of `from` as `to`, which may be the same value (it then replaces it). */
MUST_CHECK int lower_pixel_norm(struct lowering *lowering, int from, int to, float epsilon,
                                struct error *err);

/* Elements of a value: per row if batched, else all. */
struct count value_count(const struct value *value);
/* `each` times dimension 0 of the value: its rows if it is batched. */
struct count value_rows(const struct value *value, size_t each);
size_t round_up(size_t number, size_t multiple);

#endif
