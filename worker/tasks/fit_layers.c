/* Trials layer by layer, each on a set of the layer's numbers, then their boundaries weighed, put
 * together and judged on the whole latents. */
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

/* ---- layer by layer ---- */

#define WAYS 3 /* a trial is solved on all of its training samples, and without each half of them  \
                */

struct joining {
    struct fit_samples *samples;
    size_t layers, dimension; /* of a layer */
    size_t lanes;
    struct fit_trials *trials, *chosen;
    double *normals;      /* [trials][WAYS][layers][dimension] */
    double *offsets;      /* [trials][layers] */
    double *weights;      /* [trials][layers]: ‖a‖ = 1 */
    struct fit_classes *classes; /* [trials][layers][WAYS − 1]: of each half's samples */
    bool *degenerate;     /* [trials][layers] */
    unsigned *iterations; /* [trials]: of the slowest layer */
    bool *measured;       /* [trials]: separations are */
};

static double *normal_of(const struct joining *j, size_t trial, size_t way, size_t layer)
{
    return j->normals + ((trial * WAYS + way) * j->layers + layer) * j->dimension;
}

/* Copies of the trials that are to be solved, WAYS of each; only the boundary itself is judged with
 * intervals. */
static int list_layer(const struct joining *j, struct fit_trials *list, struct error *err)
{
    int failed = 0;
    for (size_t t = 0; !failed && t < j->trials->count; t++)
        for (unsigned way = 0; !failed && !j->trials->items[t].given && way < WAYS; way++) {
            struct fit_trial trial = j->trials->items[t];
            trial.half = way;
            trial.judged =
                trial.judged && way == 0 && j->chosen && strcmp(trial.role, "chosen") == 0;
            failed = fit_trials_add(list, &trial, err);
        }
    return failed;
}

static int take_trial(struct joining *j, size_t t, size_t layer,
                      const struct fit_trial solved[WAYS], struct error *err)
{
    size_t at = t * j->layers + layer;
    j->degenerate[at] = solved[0].boundary.degenerate;
    j->offsets[at] = solved[0].boundary.offset;
    for (size_t way = 0; way < WAYS; way++) {
        const struct fit_boundary *boundary = &solved[way].boundary;
        for (size_t i = 0; i < j->dimension; i++)
            normal_of(j, t, way, layer)[i] = (double)boundary->normal[i];
        if (boundary->iterations > j->iterations[t])
            j->iterations[t] = boundary->iterations;
        if (way > 0 && !boundary->degenerate)
            j->classes[at * (WAYS - 1) + way - 1] = solved[way].classes;
    }
    if (!j->chosen || strcmp(solved[0].role, "chosen") != 0)
        return 0;
    struct fit_trial kept = solved[0];
    kept.role = "layer";
    kept.step = (unsigned)layer;
    kept.boundary.normal = NULL;
    return fit_trials_add(j->chosen, &kept, err);
}

static int take_layer(struct joining *j, size_t layer, const struct fit_trials *list,
                      struct error *err)
{
    size_t solved = 0;
    int failed = 0;
    for (size_t t = 0; !failed && t < j->trials->count; t++)
        if (!j->trials->items[t].given) {
            failed = take_trial(j, t, layer, list->items + solved, err);
            solved += WAYS;
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
                              WAYS * j->lanes, j->samples->task->memory, &set, err);
    if (!failed && list.count > 0)
        failed = fit_trials_run(&narrow, set, &list, err);
    if (!failed)
        failed = take_layer(j, layer, &list, err);
    fit_set_close(&set);
    fit_trials_free(&list);
    free(numbers.whole);
    return failed;
}

/* ---- weighing ---- */

struct separation {
    double apart, middle, within; /* δ, m, σ² */
    double positives, negatives;
};

/* Of both halves, each with the weight of its samples; false where one has no two of each class. */
static bool separate(const struct fit_classes halves[WAYS - 1], struct separation *found)
{
    struct separation sum = {0};
    double all = 0;
    for (size_t h = 0; h < WAYS - 1; h++) {
        const struct fit_classes *c = &halves[h];
        double p = (c->n + c->y) / 2, n = (c->n - c->y) / 2;
        if (p < 2 || n < 2)
            return false;
        double high = (c->s + c->sy) / 2 / p, low = (c->s - c->sy) / 2 / n;
        sum.apart += c->n * (high - low);
        sum.middle += c->n * (high + low) / 2;
        sum.within += c->n * (c->ss - p * high * high - n * low * low) / (c->n - 2);
        sum.positives += p;
        sum.negatives += n;
        all += c->n;
    }
    *found = (struct separation){sum.apart / all, sum.middle / all, sum.within / all, sum.positives,
                                 sum.negatives};
    return found->within > 0;
}

/* a of a trial, of length 1; whether it is measured. */
static bool weigh(const struct joining *j, size_t t, double *a)
{
    const bool *degenerate = j->degenerate + t * j->layers;
    struct separation found;
    double most = 0, square = 0;
    bool silent = true;
    for (size_t l = 0; l < j->layers; l++) {
        silent = silent && degenerate[l];
        a[l] = !degenerate[l] && separate(j->classes + (t * j->layers + l) * (WAYS - 1), &found)
                   ? found.apart / found.within
                   : 0;
        most = fmax(most, a[l]);
    }
    for (size_t l = 0; l < j->layers; l++) {
        bool counts = silent || !degenerate[l];
        a[l] = !counts ? 0 : most > 0 ? fmax(a[l], LAYER_LEAST * most) : 1;
        square += a[l] * a[l];
    }
    for (size_t l = 0; l < j->layers; l++)
        a[l] /= sqrt(square);
    return most > 0;
}

/* The layers' normals side by side. */
static void join(struct joining *j, size_t t, size_t way, const double *a)
{
    for (size_t l = 0; l < j->layers; l++)
        for (size_t i = 0; i < j->dimension; i++)
            normal_of(j, t, way, l)[i] *= a[l];
}

static void join_trial(struct joining *j, size_t t)
{
    struct fit_trial *trial = &j->trials->items[t];
    double *a = j->weights + t * j->layers;
    bool silent = true;
    j->measured[t] = weigh(j, t, a);
    for (size_t way = 0; way < WAYS; way++)
        join(j, t, way, a);
    trial->given = normal_of(j, t, 0, 0);
    trial->given_offset = 0;
    for (size_t l = 0; l < j->layers; l++) {
        silent = silent && j->degenerate[t * j->layers + l];
        trial->given_offset += a[l] * j->offsets[t * j->layers + l];
    }
    trial->boundary.degenerate = silent;
    trial->boundary.iterations = j->iterations[t];
}

/* ---- where the score is 0 ---- */

static int judge_whole(struct joining *j, struct fit_trials *trials, struct error *err)
{
    const struct fit_source source = {j->samples, fit_samples_draw, NULL};
    struct fit_set *set = NULL;
    int failed = fit_set_open(j->samples->task->device, &source, j->samples->rows,
                              j->samples->dimension, 1, j->samples->task->memory, &set, err);
    if (!failed)
        failed = fit_trials_run(j->samples, set, trials, err);
    fit_set_close(&set);
    return failed;
}

static int list_halves(struct joining *j, const bool *joined, struct fit_trials *list,
                       struct error *err)
{
    int failed = 0;
    for (size_t t = 0; !failed && t < j->trials->count; t++)
        for (unsigned way = 1; !failed && joined[t] && j->measured[t] && way < WAYS; way++) {
            struct fit_trial trial = j->trials->items[t];
            trial.half = way;
            trial.judged = false;
            trial.given = normal_of(j, t, way, 0);
            trial.given_offset = 0;
            failed = fit_trials_add(list, &trial, err);
        }
    return failed;
}

static double find_offset(const struct joining *j, const struct fit_trial halves[WAYS - 1])
{
    const struct spec_stage *stage = j->samples->task->stage;
    const struct fit_classes classes[WAYS - 1] = {halves[0].classes, halves[1].classes};
    struct separation found;
    bool halfway = halves[0].method == SPEC_MEAN_DIFFERENCE ||
                   (stage->weights == SPEC_BALANCED && halves[0].method != SPEC_LEAST_SQUARES);
    if (!separate(classes, &found))
        return 0;
    double prior = halfway || !(found.apart > 0) ? 0 : log(found.positives / found.negatives);
    return -found.middle + (prior != 0 ? prior * found.within / found.apart : 0);
}

static int find_offsets(struct joining *j, const bool *joined, struct error *err)
{
    struct fit_trials list = {0};
    size_t at = 0;
    int failed = list_halves(j, joined, &list, err);
    if (!failed && list.count > 0)
        failed = judge_whole(j, &list, err);
    for (size_t t = 0; !failed && t < j->trials->count; t++)
        if (joined[t] && j->measured[t]) {
            j->trials->items[t].given_offset = find_offset(j, list.items + at);
            at += WAYS - 1;
        }
    fit_trials_free(&list);
    return failed;
}

/* ---- the whole ---- */

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
    j.normals = calloc(count * WAYS * samples->dimension, sizeof *j.normals);
    j.offsets = calloc(count * layers, sizeof *j.offsets);
    j.weights = calloc(count * layers, sizeof *j.weights);
    j.classes = calloc(count * layers * (WAYS - 1), sizeof *j.classes);
    j.degenerate = calloc(count * layers, sizeof *j.degenerate);
    j.iterations = calloc(count, sizeof *j.iterations);
    j.measured = calloc(count, sizeof *j.measured);
    bool *joined = calloc(count, sizeof *joined);
    int failed = j.normals && j.offsets && j.weights && j.classes && j.degenerate && j.iterations &&
                         j.measured && joined
                     ? 0
                     : error_set(err, E_MEMORY, "no memory for %zu fits of %zu layers",
                                 trials->count, layers);
    for (size_t l = 0; !failed && l < layers; l++)
        failed = run_layer(&j, l, err);
    for (size_t t = 0; !failed && t < trials->count; t++) {
        joined[t] = !trials->items[t].given;
        if (joined[t])
            join_trial(&j, t);
    }
    if (!failed)
        failed = find_offsets(&j, joined, err);
    if (!failed)
        failed = judge_whole(&j, trials, err);
    for (size_t t = 0; joined && t < trials->count; t++)
        if (joined[t])
            trials->items[t].given = NULL; /* it goes with j */
    free(joined);
    free(j.normals);
    free(j.offsets);
    free(j.weights);
    free(j.classes);
    free(j.degenerate);
    free(j.iterations);
    free(j.measured);
    return failed;
}
