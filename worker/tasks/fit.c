/*
 * fit: boundaries of attributes (and of age, as the position behind them) on a label stage's
 * samples. Scores are fetched, latents drawn again. Labels: logit > 0; age above the median of the
 * training samples. A sample without a score does not count.
 */
#include "worker/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/latent.h"
#include "common/log.h"
#include "worker/quality.h"
#include "worker/tasks/task.h"

/* One side of the split: its samples on the device, its labels. */
struct side {
    size_t rows;
    struct fit_set *set;
    float *values;       /* [rows][columns]: the scores that labels are made of */
    signed char *labels; /* [rows][columns] */
    size_t filled;
    float *scores; /* [rows][columns]: of the fitted boundaries */
};

struct fit {
    struct task *task;
    const struct spec_stage *from; /* the label stage */
    size_t columns;                /* boundaries of this task */
    size_t first;                  /* position of the first */
    struct side train, test;
    double thresholds[LIMIT_ATTRIBUTES + 1];
    struct fit_boundary *boundaries;
    float *normals;
};

#define CHUNK_ROWS 4096 /* samples of one request for scores */

static const struct bundle *fit_bundle(const struct fit *fit)
{
    return pipeline_bundle(fit->task->pipeline);
}

static bool held_out(const struct fit *fit, uint64_t index)
{
    return latent_held_out(fit->task->spec->seed, fit->from->start + index,
                           1 - fit->task->stage->train_share);
}

/* ---- samples ---- */

static int open_side(struct fit *fit, struct side *side, struct error *err)
{
    if (side->rows == 0)
        return 0;
    side->values = malloc(side->rows * fit->columns * sizeof *side->values);
    side->labels = malloc(side->rows * fit->columns * sizeof *side->labels);
    side->scores = malloc(side->rows * fit->columns * sizeof *side->scores);
    if (!side->values || !side->labels || !side->scores)
        return error_set(err, E_MEMORY, "no memory for %zu samples", side->rows);
    return fit_set_open(fit->task->device, side->rows, fit_bundle(fit)->generator.latent.dimension,
                        &side->set, err);
}

static void close_side(struct side *side)
{
    fit_set_close(&side->set);
    free(side->values);
    free(side->labels);
    free(side->scores);
}

static int split(struct fit *fit, struct error *err)
{
    for (uint64_t i = 0; i < fit->from->count; i++)
        (held_out(fit, i) ? &fit->test : &fit->train)->rows++;
    if (fit->train.rows == 0)
        return error_set(err, E_INVALID, "no training samples in %llu faces at train_share %g",
                         (unsigned long long)fit->from->count, fit->task->stage->train_share);
    int failed = open_side(fit, &fit->train, err);
    return failed ? failed : open_side(fit, &fit->test, err);
}

/* Column of a row of scores that boundary `position` is fitted on. */
static int score_column(const struct fit *fit, size_t position)
{
    return position < fit_bundle(fit)->classifier.attributes_count
               ? (int)position
               : bundle_age_column(fit_bundle(fit), BUNDLE_FIT);
}

static int add_sample(struct fit *fit, uint64_t index, const float *z, const float *scores,
                      struct error *err)
{
    struct side *side = held_out(fit, index) ? &fit->test : &fit->train;
    float *values = side->values + side->filled * fit->columns;
    for (size_t k = 0; k < fit->columns; k++)
        values[k] = scores[score_column(fit, fit->first + k)];
    side->filled++;
    return fit_set_add(side->set, z, err);
}

static int add_chunk(struct fit *fit, uint64_t start, size_t count, float *z, float *scores,
                     struct error *err)
{
    struct task *task = fit->task;
    const struct bundle_latent *latent = &fit_bundle(fit)->generator.latent;
    size_t columns = pipeline_columns(task->pipeline);
    int failed = task_check(task, err);
    if (!failed)
        failed = task->inputs->scores(task->inputs->state, task->outcome->assignment->input, start,
                                      count, columns, scores, err);
    if (failed)
        return failed;
    int64_t since = clock_now();
    latent_sample(task->spec->seed, fit->from->start + start, count, latent->dimension,
                  latent->normalisation, z);
    for (size_t i = 0; !failed && i < count; i++)
        failed = add_sample(fit, start + i, z + i * latent->dimension, scores + i * columns, err);
    task->outcome->metrics.latents_ms += task_elapsed_ms(&since);
    return failed;
}

static int load(struct fit *fit, struct error *err)
{
    size_t row = pipeline_columns(fit->task->pipeline);
    float *z = malloc(CHUNK_ROWS * fit_bundle(fit)->generator.latent.dimension * sizeof *z);
    float *scores = malloc(CHUNK_ROWS * row * sizeof *scores);
    int failed = z && scores ? split(fit, err) : error_set(err, E_MEMORY, "no memory for a fit");
    for (uint64_t start = 0; !failed && start < fit->from->count; start += CHUNK_ROWS) {
        uint64_t left = fit->from->count - start;
        failed = add_chunk(fit, start, left < CHUNK_ROWS ? left : CHUNK_ROWS, z, scores, err);
    }
    free(z);
    free(scores);
    return failed;
}

/* ---- labels ---- */

static int find_threshold(struct fit *fit, size_t k, struct error *err)
{
    fit->thresholds[k] = 0;
    if (fit->first + k < fit_bundle(fit)->classifier.attributes_count)
        return 0;
    float *ages = malloc(fit->train.rows * sizeof *ages);
    if (!ages)
        return error_set(err, E_MEMORY, "no memory for %zu ages", fit->train.rows);
    for (size_t i = 0; i < fit->train.rows; i++)
        ages[i] = fit->train.values[i * fit->columns + k];
    fit->thresholds[k] = quality_median(ages, fit->train.rows);
    free(ages);
    return 0;
}

static void label_side(const struct fit *fit, struct side *side)
{
    for (size_t i = 0; i < side->rows * fit->columns; i++) {
        double value = (double)side->values[i];
        double threshold = fit->thresholds[i % fit->columns];
        side->labels[i] = isnan(value) ? 0 : value > threshold ? 1 : -1;
    }
}

/* ---- results ---- */

static const char *boundary_name(const struct fit *fit, size_t k)
{
    const struct bundle_classifier *classifier = &fit_bundle(fit)->classifier;
    size_t position = fit->first + k;
    return position < classifier->attributes_count ? classifier->attributes[position] : SPEC_AGE;
}

static int report(struct fit *fit, size_t k, struct error *err)
{
    const struct side *train = &fit->train, *test = &fit->test;
    const struct fit_boundary *boundary = &fit->boundaries[k];
    if (boundary->degenerate)
        log_warning(
            "boundary %s: one class only in %zu training samples; its direction says nothing",
            boundary_name(fit, k), train->rows);
    double auc = -1;
    int failed = test->rows == 0 ? 0
                                 : quality_auc(test->scores + k, test->labels + k, test->rows,
                                               fit->columns, &auc, err);
    if (failed)
        return failed;
    struct quality_counts on_train =
        quality_count(train->scores + k, train->labels + k, train->rows, fit->columns);
    struct quality_counts on_test = {0};
    if (test->rows > 0)
        on_test = quality_count(test->scores + k, test->labels + k, test->rows, fit->columns);
    const struct wire_boundary message = {
        .position = fit->first + k,
        .name = boundary_name(fit, k),
        .normal = {(const uint8_t *)boundary->normal,
                   fit_bundle(fit)->generator.latent.dimension * sizeof(float)},
        .offset = boundary->offset,
        .threshold = fit->thresholds[k],
        .cost = fit->task->stage->cost,
        .iterations = boundary->iterations,
        .train_tp = on_train.true_positives,
        .train_fp = on_train.false_positives,
        .train_tn = on_train.true_negatives,
        .train_fn = on_train.false_negatives,
        .test_tp = on_test.true_positives,
        .test_fp = on_test.false_positives,
        .test_tn = on_test.true_negatives,
        .test_fn = on_test.false_negatives,
        .test_auc = auc,
    };
    return outcome_add_boundary(fit->task->outcome, &message, err);
}

static int solve(struct fit *fit, struct error *err)
{
    const struct fit_options options = {
        .cost = fit->task->stage->cost,
        .balanced = fit->task->stage->weights == SPEC_BALANCED,
    };
    int failed = 0;
    for (size_t k = 0; !failed && k < fit->columns; k++)
        failed = find_threshold(fit, k, err);
    if (failed)
        return failed;
    label_side(fit, &fit->train);
    label_side(fit, &fit->test);
    failed = fit_solve(fit->train.set, fit->train.labels, fit->columns, fit->first, &options,
                       fit->boundaries, err);
    if (!failed)
        failed = fit_scores(fit->train.set, fit->boundaries, fit->columns, fit->train.scores, err);
    if (!failed && fit->test.rows > 0)
        failed = fit_scores(fit->test.set, fit->boundaries, fit->columns, fit->test.scores, err);
    return failed;
}

static int make_boundaries(struct fit *fit, struct error *err)
{
    size_t dimension = fit_bundle(fit)->generator.latent.dimension;
    fit->boundaries = calloc(fit->columns, sizeof *fit->boundaries);
    fit->normals = calloc(fit->columns * dimension, sizeof *fit->normals);
    if (!fit->boundaries || !fit->normals)
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", fit->columns);
    for (size_t k = 0; k < fit->columns; k++)
        fit->boundaries[k].normal = fit->normals + k * dimension;
    return 0;
}

int task_fit(struct task *task, struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    int from = task->stage->from ? spec_find(task->spec, task->stage->from) : -1;
    if (from < 0 || task->spec->stages[from].kind != SPEC_LABEL)
        return error_set(err, E_INVALID, "fit %s: from must name a label stage", task->stage->name);
    struct fit fit = {.task = task,
                      .from = &task->spec->stages[from],
                      .columns = range->count,
                      .first = range->start};
    int failed = make_boundaries(&fit, err);
    if (!failed)
        failed = load(&fit, err);
    int64_t since = clock_now();
    if (!failed)
        failed = solve(&fit, err);
    for (size_t k = 0; !failed && k < fit.columns; k++)
        failed = report(&fit, k, err);
    task->outcome->metrics.solve_ms += task_elapsed_ms(&since);
    close_side(&fit.train);
    close_side(&fit.test);
    free(fit.boundaries);
    free(fit.normals);
    return failed;
}
