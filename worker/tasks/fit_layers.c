/* Trials layer by layer, each on a set of the layer's numbers, then their boundaries put together
 * and judged on the whole latents. */
#include "worker/tasks/fit_layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a layer's numbers ---- */

struct numbers {
    struct fit_samples *samples;
    size_t layer, dimension; /* of a layer */
    float *whole;            /* [room][samples->dimension] */
    size_t room;
};

static int draw(void *state, uint64_t first, size_t count, float *x, struct error *err)
{
    struct numbers *n = state;
    size_t all = n->samples->dimension;
    if (count > n->room) {
        float *grown = realloc(n->whole, count * all * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory for %zu latents", count);
        n->whole = grown;
        n->room = count;
    }
    int failed = fit_samples_draw(n->samples, first, count, n->whole, err);
    for (size_t i = 0; !failed && i < count; i++)
        memcpy(x + i * n->dimension, n->whole + i * all + n->layer * n->dimension,
               n->dimension * sizeof *x);
    return failed;
}

/* ---- putting together ---- */

struct joining {
    struct fit_samples *samples;
    size_t layers, dimension; /* of a layer */
    size_t lanes;
    struct fit_trials *trials, *chosen;
    double *normals;      /* [trials][layers][dimension] */
    double *offsets;      /* [trials][layers] */
    bool *degenerate;     /* [trials][layers] */
    unsigned *iterations; /* [trials]: of the slowest layer */
};

/* Copies of the trials that are to be solved; only the boundary itself is judged with intervals. */
static int list_layer(const struct joining *j, struct fit_trials *list, struct error *err)
{
    int failed = 0;
    for (size_t t = 0; !failed && t < j->trials->count; t++) {
        struct fit_trial trial = j->trials->items[t];
        trial.judged = trial.judged && j->chosen && strcmp(trial.role, "chosen") == 0;
        if (!trial.given)
            failed = fit_trials_add(list, &trial, err);
    }
    return failed;
}

static int take_layer(struct joining *j, size_t layer, const struct fit_trials *list,
                      struct error *err)
{
    size_t solved = 0;
    int failed = 0;
    for (size_t t = 0; !failed && t < j->trials->count; t++) {
        if (j->trials->items[t].given)
            continue;
        struct fit_trial trial = list->items[solved++];
        size_t at = t * j->layers + layer;
        for (size_t i = 0; i < j->dimension; i++)
            j->normals[at * j->dimension + i] = (double)trial.boundary.normal[i];
        j->offsets[at] = trial.boundary.offset;
        j->degenerate[at] = trial.boundary.degenerate;
        if (trial.boundary.iterations > j->iterations[t])
            j->iterations[t] = trial.boundary.iterations;
        bool kept = j->chosen && strcmp(trial.role, "chosen") == 0;
        trial.role = "layer";
        trial.step = (unsigned)layer;
        trial.boundary.normal = NULL;
        if (kept)
            failed = fit_trials_add(j->chosen, &trial, err);
    }
    return failed;
}

static int run_layer(struct joining *j, size_t layer, struct error *err)
{
    struct numbers numbers = {.samples = j->samples, .layer = layer, .dimension = j->dimension};
    struct fit_samples narrow = *j->samples;
    const struct fit_source source = {&numbers, draw, NULL};
    struct fit_trials list = {0};
    struct fit_set *set = NULL;
    narrow.dimension = j->dimension;
    int failed = list_layer(j, &list, err);
    if (!failed && list.count > 0)
        failed = fit_set_open(j->samples->task->device, &source, j->samples->rows, j->dimension,
                              j->lanes, j->samples->task->memory, &set, err);
    if (!failed && list.count > 0)
        failed = fit_trials_run(&narrow, set, &list, err);
    if (!failed)
        failed = take_layer(j, layer, &list, err);
    fit_set_close(&set);
    fit_trials_free(&list);
    free(numbers.whole);
    return failed;
}

/* The trial's boundary, as one that is given. */
static void join(struct joining *j, size_t t)
{
    struct fit_trial *trial = &j->trials->items[t];
    const bool *degenerate = j->degenerate + t * j->layers;
    size_t width = j->layers * j->dimension, silent = 0;
    double *normal = j->normals + t * width;
    for (size_t l = 0; l < j->layers; l++)
        silent += degenerate[l];
    bool none = silent == j->layers;
    double root = sqrt((double)(none ? j->layers : j->layers - silent));
    trial->given_offset = 0;
    for (size_t l = 0; l < j->layers; l++) {
        bool counts = none || !degenerate[l];
        trial->given_offset += counts ? j->offsets[t * j->layers + l] / root : 0;
        for (size_t i = 0; i < j->dimension; i++)
            normal[l * j->dimension + i] = counts ? normal[l * j->dimension + i] / root : 0;
    }
    trial->given = normal;
    trial->boundary.degenerate = none;
    trial->boundary.iterations = j->iterations[t];
}

static int judge_whole(struct joining *j, struct error *err)
{
    const struct fit_source source = {j->samples, fit_samples_draw, NULL};
    struct fit_set *set = NULL;
    int failed = fit_set_open(j->samples->task->device, &source, j->samples->rows,
                              j->samples->dimension, 1, j->samples->task->memory, &set, err);
    if (!failed)
        failed = fit_trials_run(j->samples, set, j->trials, err);
    fit_set_close(&set);
    return failed;
}

int fit_layers_run(struct fit_samples *samples, size_t layers, size_t lanes,
                   struct fit_trials *trials, struct fit_trials *chosen, struct error *err)
{
    struct joining j = {.samples = samples,
                        .layers = layers,
                        .dimension = samples->dimension / layers,
                        .lanes = lanes,
                        .trials = trials,
                        .chosen = chosen};
    size_t count = trials->count + 1;
    j.normals = calloc(count * samples->dimension, sizeof *j.normals);
    j.offsets = calloc(count * layers, sizeof *j.offsets);
    j.degenerate = calloc(count * layers, sizeof *j.degenerate);
    j.iterations = calloc(count, sizeof *j.iterations);
    bool *joined = calloc(count, sizeof *joined);
    int failed = j.normals && j.offsets && j.degenerate && j.iterations && joined
                     ? 0
                     : error_set(err, E_MEMORY, "no memory for %zu fits of %zu layers",
                                 trials->count, layers);
    for (size_t l = 0; !failed && l < layers; l++)
        failed = run_layer(&j, l, err);
    for (size_t t = 0; !failed && t < trials->count; t++) {
        joined[t] = !trials->items[t].given;
        if (joined[t])
            join(&j, t);
    }
    if (!failed)
        failed = judge_whole(&j, err);
    for (size_t t = 0; joined && t < trials->count; t++)
        if (joined[t])
            trials->items[t].given = NULL; /* it goes with j */
    free(joined);
    free(j.normals);
    free(j.offsets);
    free(j.degenerate);
    free(j.iterations);
    return failed;
}
