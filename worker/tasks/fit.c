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

/* Which samples are scored together. */
enum part { PART_TRAIN, PART_TEST, PARTS };

struct fit {
    struct task *task;
    const struct spec_stage *from; /* the label stage */
    size_t rows;
    size_t columns; /* boundaries of this task */
    size_t first;   /* position of the first */
    float *values;  /* [rows][columns]: the scores that labels are made of */
    uint8_t *parts; /* [rows] */
    size_t counts[PARTS];
    double thresholds[LIMIT_ATTRIBUTES + 1];
    struct fit_lane *lanes;
    struct fit_boundary *boundaries;
    float *normals;
    struct quality_counts (*quality)[PARTS]; /* [columns] */
    float *scores;                           /* [counts[PART_TEST]][columns] */
    signed char *labels;                     /* the same samples' */
    size_t scored;                           /* test samples so far */
};

#define CHUNK_ROWS 4096 /* samples of one request for scores */

static const struct bundle *fit_bundle(const struct fit *fit)
{
    return pipeline_bundle(fit->task->pipeline);
}

/* ---- samples ---- */

static int split(struct fit *fit, struct error *err)
{
    const struct spec *spec = fit->task->spec;
    double held_out = 1 - fit->task->stage->train_share;
    fit->rows = fit->from->count;
    fit->parts = malloc(fit->rows);
    fit->values = malloc(fit->rows * fit->columns * sizeof *fit->values);
    if (!fit->parts || !fit->values)
        return error_set(err, E_MEMORY, "no memory for %zu samples of %zu columns", fit->rows,
                         fit->columns);
    for (size_t i = 0; i < fit->rows; i++) {
        fit->parts[i] =
            latent_held_out(spec->seed, fit->from->start + i, held_out) ? PART_TEST : PART_TRAIN;
        fit->counts[fit->parts[i]]++;
    }
    if (fit->counts[PART_TRAIN] == 0)
        return error_set(err, E_INVALID, "no training samples in %zu faces at train_share %g",
                         fit->rows, fit->task->stage->train_share);
    return 0;
}

/* Column of a row of scores that boundary `position` is fitted on. */
static int score_column(const struct fit *fit, size_t position)
{
    return position < fit_bundle(fit)->attributes_count
               ? (int)position
               : bundle_age_column(fit_bundle(fit), BUNDLE_FIT);
}

static int add_chunk(struct fit *fit, uint64_t start, size_t count, float *scores,
                     struct error *err)
{
    struct task *task = fit->task;
    size_t columns = pipeline_columns(task->pipeline);
    int failed = task_check(task, err);
    if (!failed)
        failed = task->inputs->scores(task->inputs->state, task->outcome->assignment->input, start,
                                      count, columns, scores, err);
    for (size_t i = 0; !failed && i < count; i++)
        for (size_t k = 0; k < fit->columns; k++)
            fit->values[(start + i) * fit->columns + k] =
                scores[i * columns + (size_t)score_column(fit, fit->first + k)];
    return failed;
}

static int load(struct fit *fit, struct error *err)
{
    float *scores = malloc(CHUNK_ROWS * pipeline_columns(fit->task->pipeline) * sizeof *scores);
    int failed = scores ? split(fit, err) : error_set(err, E_MEMORY, "no memory for a fit");
    for (uint64_t start = 0; !failed && start < fit->rows; start += CHUNK_ROWS) {
        uint64_t left = fit->rows - start;
        failed = add_chunk(fit, start, left < CHUNK_ROWS ? left : CHUNK_ROWS, scores, err);
    }
    free(scores);
    return failed;
}

/* A fit_source: the samples, drawn again. */
static int draw(void *state, uint64_t first, size_t count, float *x, struct error *err)
{
    const struct fit *fit = state;
    int failed = task_check(fit->task, err);
    int64_t since = clock_now();
    if (!failed)
        failed = pipeline_latents(fit->task->pipeline, fit->task->spec->seed,
                                  fit->from->start + first, count, x, err);
    fit->task->outcome->metrics.latents_ms += task_elapsed_ms(&since);
    return failed;
}

/* ---- labels ---- */

static int find_threshold(struct fit *fit, size_t k, struct error *err)
{
    fit->thresholds[k] = 0;
    if (fit->first + k < fit_bundle(fit)->attributes_count)
        return 0;
    float *ages = malloc(fit->counts[PART_TRAIN] * sizeof *ages);
    size_t count = 0;
    if (!ages)
        return error_set(err, E_MEMORY, "no memory for %zu ages", fit->counts[PART_TRAIN]);
    for (size_t i = 0; i < fit->rows; i++)
        if (fit->parts[i] == PART_TRAIN)
            ages[count++] = fit->values[i * fit->columns + k];
    fit->thresholds[k] = quality_median(ages, count);
    free(ages);
    return 0;
}

static signed char label_of(const struct fit *fit, size_t row, size_t k)
{
    float value = fit->values[row * fit->columns + k];
    size_t column = (size_t)score_column(fit, fit->first + k);
    if (isnan(value) || bundle_abstains(fit_bundle(fit), column, value))
        return 0;
    return (double)value > fit->thresholds[k] ? 1 : -1;
}

/* fit_labels: the training samples'. */
static int give_labels(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       signed char *labels, struct error *err)
{
    (void)err;
    const struct fit *fit = state;
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < lanes; k++)
            labels[i * lanes + k] =
                fit->parts[first + i] == PART_TRAIN ? label_of(fit, first + i, first_lane + k) : 0;
    return 0;
}

/* ---- results ---- */

static const char *boundary_name(const struct fit *fit, size_t k)
{
    const struct bundle *bundle = fit_bundle(fit);
    size_t position = fit->first + k;
    return position < bundle->attributes_count ? bundle->attributes[position] : SPEC_AGE;
}

/* fit_sink: counts, and keeps what the test set's area under the curve is made of. */
static int take_scores(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       const float *scores, struct error *err)
{
    (void)err;
    struct fit *fit = state;
    size_t scored = first == 0 ? 0 : fit->scored;
    for (size_t i = 0; i < rows; i++) {
        enum part part = fit->parts[first + i];
        for (size_t k = 0; k < lanes; k++) {
            signed char label = label_of(fit, first + i, first_lane + k);
            quality_add(&fit->quality[first_lane + k][part], scores[i * lanes + k], label);
            if (part == PART_TEST) {
                fit->scores[scored * fit->columns + first_lane + k] = scores[i * lanes + k];
                fit->labels[scored * fit->columns + first_lane + k] = label;
            }
        }
        scored += part == PART_TEST;
    }
    fit->scored = scored;
    return 0;
}

static int report(struct fit *fit, size_t k, struct error *err)
{
    const struct fit_boundary *boundary = &fit->boundaries[k];
    const struct quality_counts on_train = fit->quality[k][PART_TRAIN],
                                on_test = fit->quality[k][PART_TEST];
    if (boundary->degenerate)
        log_warning(
            "boundary %s: one class only in %zu training samples; its direction says nothing",
            boundary_name(fit, k), fit->counts[PART_TRAIN]);
    double auc = -1;
    int failed = fit->scored == 0 ? 0
                                  : quality_auc(fit->scores + k, fit->labels + k, fit->scored,
                                                fit->columns, &auc, err);
    if (failed)
        return failed;
    const struct wire_boundary message = {
        .position = fit->first + k,
        .name = boundary_name(fit, k),
        .normal = {(const uint8_t *)boundary->normal,
                   bundle_latent_size(fit_bundle(fit)) * sizeof(float)},
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
    const struct fit_source source = {fit, draw};
    const struct fit_labels labels = {fit, give_labels};
    const struct fit_sink sink = {fit, take_scores};
    struct fit_set *set = NULL;
    int failed = 0;
    for (size_t k = 0; !failed && k < fit->columns; k++)
        failed = find_threshold(fit, k, err);
    if (!failed)
        failed = fit_set_open(fit->task->device, &source, fit->rows,
                              bundle_latent_size(fit_bundle(fit)), fit->columns,
                              fit->task->memory, &set, err);
    if (!failed)
        failed = fit_solve(set, &labels, fit->lanes, fit->columns, fit->boundaries, err);
    if (!failed)
        failed = fit_scores(set, fit->boundaries, fit->columns, &sink, err);
    fit_set_close(&set);
    return failed;
}

static int make_room(struct fit *fit, struct error *err)
{
    size_t dimension = bundle_latent_size(fit_bundle(fit)),
           tests = fit->counts[PART_TEST] * fit->columns;
    fit->lanes = calloc(fit->columns, sizeof *fit->lanes);
    fit->boundaries = calloc(fit->columns, sizeof *fit->boundaries);
    fit->normals = calloc(fit->columns * dimension, sizeof *fit->normals);
    fit->quality = calloc(fit->columns, sizeof *fit->quality);
    fit->scores = calloc(tests + 1, sizeof *fit->scores);
    fit->labels = calloc(tests + 1, sizeof *fit->labels);
    if (!fit->lanes || !fit->boundaries || !fit->normals || !fit->quality || !fit->scores ||
        !fit->labels)
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", fit->columns);
    for (size_t k = 0; k < fit->columns; k++) {
        fit->boundaries[k].normal = fit->normals + k * dimension;
        fit->lanes[k] = (struct fit_lane){.cost = fit->task->stage->cost,
                                          .balanced = fit->task->stage->weights == SPEC_BALANCED,
                                          .axis = fit->first + k};
    }
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
    int failed = load(&fit, err);
    if (!failed)
        failed = make_room(&fit, err);
    int64_t since = clock_now();
    if (!failed)
        failed = solve(&fit, err);
    for (size_t k = 0; !failed && k < fit.columns; k++)
        failed = report(&fit, k, err);
    task->outcome->metrics.solve_ms += task_elapsed_ms(&since);
    free(fit.values);
    free(fit.parts);
    free(fit.lanes);
    free(fit.boundaries);
    free(fit.normals);
    free(fit.quality);
    free(fit.scores);
    free(fit.labels);
    return failed;
}
