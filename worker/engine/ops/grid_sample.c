/* GridSample: an image at computed places, as spatial transformers align faces. Plain. */
#include <string.h>

#include "worker/engine/lower.h"
#include "worker/engine/ops.h"

struct sampling {
    int mode, border; /* as kernels/grid_sample.cl numbers them */
};

/* The position of an attribute's text in `names`, the first if it is absent. */
static int read_choice(const struct node *node, const char *name, const char *const names[3],
                       int *choice, struct error *err)
{
    char text[64];
    attribute_text(node, name, text);
    for (*choice = 0; *choice < 3; (*choice)++)
        if (strcmp(text, names[*choice]) == 0)
            return 0;
    *choice = 0;
    return attribute_present(node, name)
               ? error_set(err, E_UNSUPPORTED, "%s %s (expected %s, %s or %s)", name, text,
                           names[0], names[1], names[2])
               : 0;
}

static int read_sampling(const struct graph *graph, const struct node *node, struct sampling *sampling,
                         struct error *err)
{
    static const char *const old[] = {"bilinear", "nearest", "bicubic"}; /* of opset 16 */
    static const char *const modes[] = {"linear", "nearest", "cubic"};
    static const char *const borders[] = {"zeros", "border", "reflection"};
    int failed = read_choice(node, "mode", graph->opset < 20 ? old : modes, &sampling->mode, err);
    return failed ? failed : read_choice(node, "padding_mode", borders, &sampling->border, err);
}

static int infer_grid_sample(struct graph *graph, struct node *node, struct error *err)
{
    const struct value *in = node_input(graph, node, 0), *grid = node_input(graph, node, 1);
    struct sampling sampling;
    int failed = read_sampling(graph, node, &sampling, err);
    if (failed)
        return failed;
    if (in->type != VALUE_FLOAT || grid->type != VALUE_FLOAT || in->rank != 4 || grid->rank != 4 ||
        grid->dims[3] != 2 || grid->dims[0] != in->dims[0])
        return error_set(err, E_UNSUPPORTED, "input of rank %zu, grid of rank %zu (expected float "
                         "[N,C,H,W] and [N,H,W,2])", in->rank, grid->rank);
    if (in->batched != grid->batched)
        return error_set(err, E_UNSUPPORTED, "one operand is of samples, the other is not");
    int64_t dims[4] = {in->dims[0], in->dims[1], grid->dims[1], grid->dims[2]};
    return value_set_shape(graph, node_output(graph, node, 0), 4, dims, in->batched, err);
}

static int lower_grid_sample(struct lowering *lowering, struct node *node, struct error *err)
{
    const struct value *image = node_input(lowering->graph, node, 0);
    const struct value *places = node_input(lowering->graph, node, 1);
    struct sampling sampling;
    struct step *step;
    int in, grid, out;
    int failed = read_sampling(lowering->graph, node, &sampling, err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[0], LAYOUT_PLAIN, &in, err);
    if (!failed)
        failed = lower_input(lowering, node->inputs[1], LAYOUT_PLAIN, &grid, err);
    if (!failed)
        failed = lower_output(lowering, node->outputs[0], LAYOUT_PLAIN, &out, err);
    if (!failed)
        failed = lower_step(lowering, "grid_sample.cl", "grid_sample", out, &step, err);
    if (failed)
        return failed;
    step_define(step, "-DMODE=%d -DBORDER=%d -DALIGN=%d", sampling.mode, sampling.border,
                attribute_int(node, "align_corners", 0) != 0);
    step_tensor(step, in);
    step_tensor(step, grid);
    step_tensor(step, out);
    step_int(step, image->dims[1]);
    step_int(step, image->dims[2]);
    step_int(step, image->dims[3]);
    step_int(step, places->dims[1] * places->dims[2]);
    step_count(step, lowering->tensors[out].elements);
    step_linear(step, lowering->tensors[out].elements);
    return 0;
}

const struct op ops_grid_sample[] = {
    {"GridSample", 16, OPSET_LAST, "mode:s padding_mode:s align_corners:i", 2, 2, 1, 0, infer_grid_sample,
     NULL, lower_grid_sample},
    {0},
};
