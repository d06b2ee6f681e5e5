/*
 * Lowering: the driver and what operators use to emit steps.
 *
 * Each value has at most one tensor per layout; a layout that is missing is made by a conversion
 * step the first time it is wanted. Tensor and step numbers stay valid while arrays grow,
 * pointers do not.
 */
#include "worker/engine/lower.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/half.h"
#include "worker/engine/ops.h"

#define GROUP_ITEMS 64 /* work-items of a group: one or two wavefronts, warps, … of any GPU */

size_t round_up(size_t number, size_t multiple)
{
    return (number + multiple - 1) / multiple * multiple;
}

struct count value_rows(const struct value *value, size_t each)
{
    size_t rows = value->rank ? (size_t)value->dims[0] : 1;
    return value->batched ? (struct count){each * (size_t)value->group, true}
                          : (struct count){each * rows, false};
}

struct count value_count(const struct value *value)
{
    size_t elements = (size_t)value_elements(value);
    if (!value->batched)
        return (struct count){elements, false};
    return (struct count){elements / (size_t)value->dims[0] * (size_t)value->group, true};
}

static int add_tensor(struct lowering *lowering, const struct tensor *tensor, int *number,
                      struct error *err)
{
    if (lowering->tensor_count == lowering->tensor_capacity) {
        size_t capacity = lowering->tensor_capacity ? 2 * lowering->tensor_capacity : 64;
        struct tensor *grown = realloc(lowering->tensors, capacity * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory for a tensor");
        lowering->tensors = grown;
        lowering->tensor_capacity = capacity;
    }
    *number = (int)lowering->tensor_count;
    lowering->tensors[lowering->tensor_count++] = *tensor;
    return 0;
}

static struct count layout_elements(const struct value *value, enum layout layout)
{
    if (layout == LAYOUT_PLAIN)
        return value_count(value);
    assert(value->rank == 4);
    return value_rows(value, round_up((size_t)value->dims[1], CHANNEL_BLOCK) *
                                 (size_t)value->dims[2] * (size_t)value->dims[3]);
}

int lower_output(struct lowering *lowering, int value, enum layout layout, int *tensor,
                 struct error *err)
{
    struct tensor made = {
        .layout = layout,
        .storage = STORAGE_ARENA,
        .elements = layout_elements(&lowering->graph->values[value], layout),
        .value = value,
        .first = -1,
        .last = -1,
    };
    int failed = add_tensor(lowering, &made, tensor, err);
    if (!failed)
        lowering->of_value[value][layout] = *tensor;
    return failed;
}

int lower_constant(struct lowering *lowering, float *host, size_t elements, int *tensor,
                   struct error *err)
{
    struct tensor made = {.storage = STORAGE_CONSTANT,
                          .elements = {elements, false},
                          .value = -1,
                          .host = host,
                          .first = -1,
                          .last = -1};
    int failed = add_tensor(lowering, &made, tensor, err);
    if (failed)
        free(host);
    return failed;
}

int lower_scratch(struct lowering *lowering, struct count elements, size_t slack, int *tensor,
                  struct error *err)
{
    struct tensor made = {.storage = STORAGE_ARENA,
                          .elements = elements,
                          .slack = slack,
                          .value = -1,
                          .first = -1,
                          .last = -1};
    return add_tensor(lowering, &made, tensor, err);
}

int lower_view(struct lowering *lowering, int value, int of, struct error *err)
{
    int tensor;
    int failed = lower_output(lowering, value, LAYOUT_PLAIN, &tensor, err);
    if (failed)
        return failed;
    lowering->tensors[tensor].storage = STORAGE_VIEW;
    lowering->tensors[tensor].index = of;
    return 0;
}

int lower_step(struct lowering *lowering, const char *file, const char *kernel, int output,
               struct step **step, struct error *err)
{
    if (lowering->step_count == lowering->step_capacity) {
        size_t capacity = lowering->step_capacity ? 2 * lowering->step_capacity : 64;
        struct step *grown = realloc(lowering->steps, capacity * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory for a step");
        lowering->steps = grown;
        lowering->step_capacity = capacity;
    }
    struct step *made = &lowering->steps[lowering->step_count++];
    *made = (struct step){
        .file = file,
        .kernel = kernel,
        .global = {{1, false}, {1, false}, {1, false}},
        .local = {1, 1, 1},
        .type = lowering->node ? lowering->node->op->type : "convert",
        .output = output,
    };
    if (lowering->node)
        snprintf(made->title, sizeof made->title, "%s", lowering->node->name);
    *step = made;
    return 0;
}

static struct step_arg *next_arg(struct step *step)
{
    assert(step->arg_count < STEP_ARGS_MAX);
    return &step->args[step->arg_count++];
}

void step_tensor(struct step *step, int tensor)
{
    *next_arg(step) = (struct step_arg){.kind = ARG_TENSOR, .as.tensor = tensor};
}

void step_int(struct step *step, int64_t integer)
{
    assert(integer >= INT32_MIN && integer <= INT32_MAX);
    *next_arg(step) = (struct step_arg){.kind = ARG_INT, .as.integer = (int)integer};
}

void step_float(struct step *step, float number)
{
    *next_arg(step) = (struct step_arg){.kind = ARG_FLOAT, .as.number = number};
}

void step_count(struct step *step, struct count count)
{
    *next_arg(step) = (struct step_arg){.kind = ARG_COUNT, .as.count = count};
}

void step_bytes(struct step *step, const void *bytes)
{
    struct step_arg *arg = next_arg(step);
    arg->kind = ARG_BYTES;
    memcpy(arg->as.bytes, bytes, sizeof arg->as.bytes);
}

void step_define(struct step *step, const char *format, ...)
{
    size_t used = strlen(step->options);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(step->options + used, sizeof step->options - used, format, args);
    va_end(args);
    used += (size_t)length;
    assert(length > 0 && used + 1 < sizeof step->options);
    step->options[used] = ' ';
    step->options[used + 1] = '\0';
}

static void define_float(struct step *step, const char *prefix, const char *name, float number)
{
    if (isfinite(number))
        step_define(step, "-D%s%s=(%af)", prefix, name, (double)number); /* exact */
    else
        step_define(step, "-D%s%s=(%sINFINITY)", prefix, name, number < 0 ? "-" : "");
}

void step_activation_of(struct step *step, const char *prefix, const struct activation *activation)
{
    if (activation->kind == ACT_NONE)
        return;
    step_define(step, "-D%sACT=%d", prefix, (int)activation->kind);
    define_float(step, prefix, "ACT_A", activation->a);
    define_float(step, prefix, "ACT_B", activation->b);
}

void step_activation(struct step *step, const struct activation *activation)
{
    step_activation_of(step, "", activation);
}

void step_linear(struct step *step, struct count count)
{
    step->global[0] = count;
    step->local[0] = GROUP_ITEMS;
}

size_t tensor_constant_bytes(const struct tensor *tensor)
{
    return tensor->elements.each * (tensor->half ? sizeof(uint16_t) : sizeof(float));
}

static bool is_read_before(const struct lowering *lowering, const struct step *step, int tensor)
{
    for (const struct step *before = lowering->steps; before < step; before++)
        for (size_t i = 0; i < before->arg_count; i++)
            if (before->args[i].kind == ARG_TENSOR && before->args[i].as.tensor == tensor)
                return true;
    return false;
}

void lower_half_weights(struct lowering *lowering, struct step *step, int tensor)
{
    struct tensor *weights = &lowering->tensors[tensor];
    if (!lowering->target.half_weights || weights->storage != STORAGE_CONSTANT ||
        is_read_before(lowering, step, tensor) || !half_holds(weights->host, weights->elements.each))
        return;
    weights->half = true;
    step_define(step, "-DHALF_WEIGHTS");
    strncat(step->algorithm, " half", sizeof step->algorithm - strlen(step->algorithm) - 1);
}

bool lower_choose_tile(const struct lowering *lowering, double m, double n, struct gpu_tile *tile)
{
    const struct lowering_target *target = &lowering->target;
    const struct gpu_limits limits = {target->group_items, target->local_bytes, target->cores};
    return target->gpu && gpu_choose_tile(target->gpu, &limits, m, n, tile);
}

void step_tile(struct step *step, const char *form, const struct gpu_tile *tile, struct count columns,
               struct count rows)
{
    step_define(step, "-DIM=%d -DIN=%d -DBM=%d -DBN=%d -DTK=%d", tile->items_m, tile->items_n,
                tile->block_m, tile->block_n, tile->depth);
    step->global[0] = columns;
    step->divide[0] = (size_t)tile->block_n;
    step->local[0] = (size_t)tile->items_n;
    step->global[1] = rows;
    step->divide[1] = (size_t)tile->block_m;
    step->local[1] = (size_t)tile->items_m;
    snprintf(step->algorithm, sizeof step->algorithm, "%s tiles %dx%d/%d", form,
             tile->items_m * tile->block_m, tile->items_n * tile->block_n, tile->depth);
}

void step_groups(struct step *step, struct count count)
{
    step_linear(step, (struct count){count.each * GROUP_ITEMS, count.per_row});
    step_define(step, "-DITEMS=%d", GROUP_ITEMS);
}

static int convert(struct lowering *lowering, int value, enum layout layout, int *tensor,
                   struct error *err)
{
    const struct value *of = &lowering->graph->values[value];
    int from = lowering->of_value[value][layout == LAYOUT_PLAIN];
    int failed = lower_output(lowering, value, layout, tensor, err);
    struct step *step;
    if (!failed)
        failed = lower_step(lowering, "layout.cl",
                            layout == LAYOUT_PLAIN ? "to_plain" : "to_channels_last", *tensor,
                            &step, err);
    if (failed)
        return failed;
    step->type = "convert";
    step_tensor(step, from);
    step_tensor(step, *tensor);
    step_int(step, of->dims[1]);
    step_int(step, (int64_t)round_up((size_t)of->dims[1], CHANNEL_BLOCK));
    step_int(step, of->dims[2] * of->dims[3]);
    step_count(step, lowering->tensors[*tensor].elements);
    step_linear(step, lowering->tensors[*tensor].elements);
    return 0;
}

static int upload(struct lowering *lowering, int value, struct error *err)
{
    const struct value *of = &lowering->graph->values[value];
    size_t elements = (size_t)value_elements(of);
    if (elements == 0)
        return error_set(err, E_UNSUPPORTED, "a tensor without elements on the device");
    if (of->type == VALUE_INT64)
        return error_set(err, E_UNSUPPORTED, "an integer tensor where float is expected");
    float *host = malloc(elements * sizeof *host + 1);
    if (!host)
        return error_set(err, E_MEMORY, "no memory for a constant");
    if (of->type == VALUE_FLOAT)
        memcpy(host, of->data, elements * sizeof *host);
    for (size_t i = 0; of->type == VALUE_BOOL && i < elements; i++)
        host[i] = (float)((const int64_t *)of->data)[i];
    int tensor;
    int failed = lower_constant(lowering, host, elements, &tensor, err);
    if (failed)
        return failed;
    lowering->tensors[tensor].value = value;
    lowering->of_value[value][LAYOUT_PLAIN] = tensor;
    return 0;
}

int lower_input(struct lowering *lowering, int value, enum layout layout, int *tensor,
                struct error *err)
{
    int *of = lowering->of_value[value];
    if (of[LAYOUT_PLAIN] < 0 && of[LAYOUT_CHANNELS_LAST] < 0) {
        assert(lowering->graph->values[value].data);
        int failed = upload(lowering, value, err);
        if (failed)
            return failed;
    }
    if (of[layout] < 0)
        return convert(lowering, value, layout, tensor, err);
    *tensor = of[layout];
    return 0;
}

int lower_plain(struct lowering *lowering, const struct node *node, const char *file, const char *kernel, int *in, int *out,
                struct step **step, struct error *err)
{
    int failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, in, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, out, err);
    return failed ? failed : lower_step(lowering, file, kernel, *out, step, err);
}

void lower_absorb(struct lowering *lowering, const struct node *node)
{
    lowering->graph->nodes[node - lowering->graph->nodes].dead = true;
}

bool lower_is_channels_last(const struct lowering *lowering, int value)
{
    return lowering->of_value[value][LAYOUT_PLAIN] < 0 &&
           lowering->of_value[value][LAYOUT_CHANNELS_LAST] >= 0;
}

static bool node_wants_plain(const struct node *node)
{
    static const char *const plain[] = {"Reshape",   "Flatten", "Squeeze", "Unsqueeze", "Gemm",
                                        "Transpose", "Slice",   "MatMul",  "Softmax",   "Split"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(node->op->type, plain[i]) == 0)
            return true;
    return false;
}

bool lower_wants_plain(const struct lowering *lowering, int value)
{
    const struct graph *graph = lowering->graph;
    int plain_uses = 0;
    for (size_t i = 0; i < graph->output_count; i++)
        plain_uses += graph->outputs[i] == value;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        for (size_t i = 0; !node->dead && i < node->input_count; i++)
            plain_uses += node->inputs[i] == value && node_wants_plain(node);
    }
    return plain_uses == graph->values[value].uses;
}

static int lower_inputs(struct lowering *lowering, struct error *err)
{
    const struct graph *graph = lowering->graph;
    for (size_t i = 0; i < graph->input_count; i++) {
        int tensor;
        int failed = lower_output(lowering, graph->inputs[i], LAYOUT_PLAIN, &tensor, err);
        if (failed)
            return failed;
        lowering->tensors[tensor].storage = STORAGE_INPUT;
        lowering->tensors[tensor].index = (int)i;
    }
    return 0;
}

/* Output i is written in place where its tensor is in the arena and no other output's, else copied. */
static int lower_graph_output(struct lowering *lowering, size_t i, struct error *err)
{
    int tensor;
    int failed = lower_input(lowering, lowering->graph->outputs[i], LAYOUT_PLAIN, &tensor, err);
    if (failed)
        return failed;
    int root = tensor;
    while (lowering->tensors[root].storage == STORAGE_VIEW)
        root = lowering->tensors[root].index;
    if (lowering->tensors[root].storage != STORAGE_ARENA) {
        struct tensor copy = lowering->tensors[tensor];
        struct step *step;
        copy.storage = STORAGE_ARENA;
        copy.host = NULL;
        failed = add_tensor(lowering, &copy, &root, err);
        if (!failed)
            failed = lower_step(lowering, "layout.cl", "copy", root, &step, err);
        if (failed)
            return failed;
        step->type = "copy";
        step_tensor(step, tensor);
        step_tensor(step, root);
        step_count(step, copy.elements);
        step_linear(step, copy.elements);
    }
    lowering->tensors[root].storage = STORAGE_OUTPUT;
    lowering->tensors[root].index = (int)i;
    return 0;
}

/* A constant's elements are in the steps' constants once the last node that names it is lowered: weights
 * need not be held twice. */
static void drop_constants(struct graph *graph, const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        struct value *in = node_input(graph, node, i);
        if (!in || !in->data || --in->uses > 0)
            continue;
        free(in->data);
        in->data = NULL;
    }
}

static int lower_nodes(struct lowering *lowering, struct error *err)
{
    struct graph *graph = lowering->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        struct node *node = &graph->nodes[i];
        if (node->dead)
            continue;
        lowering->node = node;
        int failed = node->op->lower ? node->op->lower(lowering, node, err)
                                     : error_set(err, E_UNSUPPORTED,
                                                 "it depends on the input's content (expected a "
                                                 "constant)");
        if (failed)
            return node_error(graph, node, failed, err);
        drop_constants(graph, node);
    }
    lowering->node = NULL;
    return 0;
}

/* First and last step of each tensor; a view's touch its root. A single graph's outputs are fetched after the last step. */
static void find_lifetimes(struct lowering *lowering)
{
    for (size_t s = 0; s < lowering->step_count; s++) {
        const struct step *step = &lowering->steps[s];
        for (size_t a = 0; a < step->arg_count; a++) {
            if (step->args[a].kind != ARG_TENSOR)
                continue;
            struct tensor *tensor = &lowering->tensors[step->args[a].as.tensor];
            while (tensor->storage == STORAGE_VIEW)
                tensor = &lowering->tensors[tensor->index];
            if (tensor->first < 0)
                tensor->first = (int)s;
            tensor->last = (int)s;
        }
    }
    for (size_t t = 0; lowering->graph->single && t < lowering->tensor_count; t++)
        if (lowering->tensors[t].storage == STORAGE_OUTPUT)
            lowering->tensors[t].last = (int)lowering->step_count;
}

int lowering_run(struct lowering *lowering, struct graph *graph,
                 const struct lowering_target *target, struct error *err)
{
    lowering->graph = graph;
    lowering->target = *target;
    lowering->of_value = malloc((graph->value_count + 1) * sizeof *lowering->of_value);
    if (!lowering->of_value)
        return error_set(err, E_MEMORY, "no memory for lowering");
    for (size_t i = 0; i < graph->value_count; i++)
        lowering->of_value[i][0] = lowering->of_value[i][1] = -1;
    int failed = lower_inputs(lowering, err);
    if (!failed)
        failed = lower_nodes(lowering, err);
    for (size_t i = 0; !failed && i < graph->output_count; i++)
        failed = lower_graph_output(lowering, i, err);
    if (!failed)
        find_lifetimes(lowering);
    return failed;
}

void lowering_free(struct lowering *lowering)
{
    for (size_t i = 0; i < lowering->tensor_count; i++) {
        free(lowering->tensors[i].host);
        if (lowering->tensors[i].memory)
            clReleaseMemObject(lowering->tensors[i].memory);
    }
    for (size_t i = 0; i < lowering->step_count; i++)
        if (lowering->steps[i].compiled)
            clReleaseKernel(lowering->steps[i].compiled);
    free(lowering->tensors);
    free(lowering->steps);
    free(lowering->of_value);
    *lowering = (struct lowering){0};
}
