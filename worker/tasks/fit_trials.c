/* Trials, method by method through the solver, then all of them through one scoring of the samples.
 */
#include "worker/tasks/fit_trials.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/latent.h"

int fit_trials_add(struct fit_trials *trials, const struct fit_trial *trial, struct error *err)
{
    struct fit_trial *grown = realloc(trials->items, (trials->count + 1) * sizeof *grown);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for %zu fits", trials->count + 1);
    trials->items = grown;
    grown[trials->count++] = *trial;
    return 0;
}

void fit_trials_free(struct fit_trials *trials)
{
    free(trials->items);
    free(trials->normals);
    *trials = (struct fit_trials){0};
}

/* ---- which samples ---- */

/* FIT_PARTS: none of them. */
static enum fit_part whole_part(const struct fit_samples *samples, const struct fit_trial *trial,
                                size_t row, const uint32_t choices[4])
{
    bool whole = trial->fold < 0 && trial->halvings == 0;
    if (fit_samples_label(samples, row, trial->column) == 0)
        return FIT_PARTS;
    if (!fit_samples_selected(samples, row, trial->column))
        return whole ? FIT_REST : FIT_PARTS;
    if (samples->held_out[row])
        return trial->fold < 0 ? FIT_TEST : FIT_PARTS;
    if (trial->fold >= 0) {
        uint64_t fold = (uint64_t)choices[1] * samples->task->stage->folds >> 32;
        return fold == (uint64_t)trial->fold ? FIT_TEST : FIT_TRAIN;
    }
    return trial->halvings > 0 && choices[3] >> (32 - trial->halvings) != 0 ? FIT_PARTS : FIT_TRAIN;
}

/* The halves are told by the lowest bit of what says how training sets are halved, which that does
 * not read. */
static enum fit_part part_of(const struct fit_samples *samples, const struct fit_trial *trial,
                             size_t row, const uint32_t choices[4])
{
    enum fit_part part = whole_part(samples, trial, row, choices);
    if (trial->half == 0)
        return part;
    if (part != FIT_TRAIN)
        return FIT_PARTS;
    return (choices[3] & 1) + 1 == trial->half ? FIT_TEST : FIT_TRAIN;
}

static void choices_of(const struct fit_samples *samples, size_t row, uint32_t choices[4])
{
    latent_choices(samples->task->spec->seed, fit_samples_number(samples, row), choices);
}

#define GOING_ROWS 256 /* between two looks at whether the fit is still wanted */

/* E_INTERRUPTED where it is not; asked of every row, as a chunk of many lanes takes the host a second. */
static int going(const struct fit_samples *samples, size_t row, struct error *err)
{
    return row % GOING_ROWS == 0 ? task_check(samples->task, err) : 0;
}

/* ---- solving ---- */

struct solving {
    const struct fit_samples *samples;
    const struct fit_trial **trials; /* of one method */
};

static int give_labels(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       signed char *labels, struct error *err)
{
    const struct solving *solving = state;
    int failed = 0;
    for (size_t i = 0; i < rows && !(failed = going(solving->samples, i, err)); i++) {
        uint32_t choices[4];
        choices_of(solving->samples, first + i, choices);
        for (size_t k = 0; k < lanes; k++) {
            const struct fit_trial *trial = solving->trials[first_lane + k];
            bool trains = part_of(solving->samples, trial, first + i, choices) == FIT_TRAIN;
            labels[i * lanes + k] =
                trains ? fit_samples_label(solving->samples, first + i, trial->column) : 0;
        }
    }
    return failed;
}

/* What least squares fit: the score, counted from where the label turns. */
static float value_of(const struct fit_samples *samples, const struct fit_trial *trial, size_t row)
{
    return (float)((double)samples->values[row * samples->columns + trial->column] -
                   samples->thresholds[trial->column]);
}

static int give_values(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       float *values, struct error *err)
{
    const struct solving *solving = state;
    int failed = 0;
    for (size_t i = 0; i < rows && !(failed = going(solving->samples, i, err)); i++)
        for (size_t k = 0; k < lanes; k++)
            values[i * lanes + k] =
                value_of(solving->samples, solving->trials[first_lane + k], first + i);
    return failed;
}

static int solve_lanes(struct solving *solving, struct fit_set *set, enum spec_method method,
                       const struct fit_lane *lanes, size_t count, struct fit_boundary *boundaries,
                       struct error *err)
{
    const struct fit_labels labels = {solving, give_labels};
    const struct fit_values values = {solving, give_values};
    switch (method) {
    case SPEC_SVM:
        return fit_solve(set, &labels, lanes, count, boundaries, err);
    case SPEC_LEAST_SQUARES:
        return fit_least_squares(set, &labels, &values, lanes, count, boundaries, err);
    case SPEC_RIDGE:
        return fit_least_squares(set, &labels, NULL, lanes, count, boundaries, err);
    case SPEC_MEAN_DIFFERENCE:
        return fit_mean_difference(set, &labels, lanes, count, boundaries, err);
    }
    return error_set(err, E_INVALID, "method %d", (int)method);
}

static int solve_method(const struct fit_samples *samples, struct fit_set *set,
                        struct fit_trials *trials, enum spec_method method, struct error *err)
{
    size_t count = 0;
    struct fit_trial **chosen = calloc(trials->count, sizeof *chosen);
    struct fit_lane *lanes = calloc(trials->count, sizeof *lanes);
    struct fit_boundary *boundaries = calloc(trials->count, sizeof *boundaries);
    int failed = chosen && lanes && boundaries
                     ? 0
                     : error_set(err, E_MEMORY, "no memory for %zu fits", trials->count);
    for (size_t t = 0; !failed && t < trials->count; t++) {
        struct fit_trial *trial = &trials->items[t];
        if (trial->method != method || trial->given)
            continue;
        bool balanced =
            samples->task->stage->weights == SPEC_BALANCED && method != SPEC_LEAST_SQUARES;
        chosen[count] = trial;
        lanes[count] = (struct fit_lane){trial->cost, balanced, samples->first + trial->column};
        boundaries[count++] = trial->boundary;
    }
    struct solving solving = {samples, (const struct fit_trial **)chosen};
    if (!failed && count > 0)
        failed = solve_lanes(&solving, set, method, lanes, count, boundaries, err);
    for (size_t i = 0; !failed && i < count; i++)
        chosen[i]->boundary = boundaries[i];
    free(chosen);
    free(lanes);
    free(boundaries);
    return failed;
}

/* ---- judging ---- */

struct moments {
    double n, s, y, ss, yy, sy; /* sums over FIT_TEST of score, label and their products */
};

struct judging {
    const struct fit_samples *samples;
    struct fit_trials *trials;
    struct moments *moments; /* [trials] */
    size_t *place;           /* [trials]: column of what is kept, for those that are judged */
    size_t judged;
    float *scores; /* [held_outs][judged] */
    signed char *labels;
    size_t scored; /* held-out samples so far */
};

static void take_score(struct judging *judging, size_t t, size_t row, const uint32_t choices[4],
                       float score)
{
    struct fit_trial *trial = &judging->trials->items[t];
    signed char label = fit_samples_label(judging->samples, row, trial->column);
    enum fit_part part = part_of(judging->samples, trial, row, choices);
    if (part < FIT_PARTS)
        quality_add(&trial->counts[part], score, label);
    if (part == FIT_TEST) {
        bool values = trial->method == SPEC_LEAST_SQUARES;
        double s = (double)score,
               y = values ? (double)value_of(judging->samples, trial, row) : (double)label;
        struct moments *m = &judging->moments[t];
        struct fit_classes *c = &trial->classes;
        *c = (struct fit_classes){c->n + 1, c->y + label, c->s + s, c->sy + s * label,
                                  c->ss + s * s};
        *m = (struct moments){m->n + 1,      m->s + s,      m->y + y,
                              m->ss + s * s, m->yy + y * y, m->sy + s * y};
    }
    if (trial->judged && judging->samples->held_out[row]) {
        size_t at = judging->scored * judging->judged + judging->place[t];
        judging->scores[at] = score;
        judging->labels[at] = part == FIT_TEST ? label : 0;
    }
}

static int take_scores(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       const float *scores, struct error *err)
{
    struct judging *judging = state;
    int failed = 0;
    if (first == 0)
        judging->scored = 0;
    for (size_t i = 0; i < rows && !(failed = going(judging->samples, i, err)); i++) {
        uint32_t choices[4];
        choices_of(judging->samples, first + i, choices);
        for (size_t k = 0; k < lanes; k++)
            take_score(judging, first_lane + k, first + i, choices, scores[i * lanes + k]);
        judging->scored += judging->samples->held_out[first + i];
    }
    return failed;
}

static double squared_correlation(const struct moments *m)
{
    double vs = m->n * m->ss - m->s * m->s, vy = m->n * m->yy - m->y * m->y,
           c = m->n * m->sy - m->s * m->y;
    return vs > 0 && vy > 0 ? c * c / (vs * vy) : 0;
}

static int find_intervals(struct judging *judging, struct error *err)
{
    size_t count = judging->samples->held_outs;
    unsigned resamples = quality_resamples(count);
    struct quality_intervals *intervals = calloc(judging->judged + 1, sizeof *intervals);
    int failed =
        intervals ? 0 : error_set(err, E_MEMORY, "no memory for %zu intervals", judging->judged);
    if (!failed)
        failed = quality_bootstrap(judging->scores, judging->labels, count, judging->judged,
                                   judging->samples->task->spec->seed, resamples,
                                   judging->samples->task->cancelled, intervals, err);
    for (size_t t = 0; !failed && t < judging->trials->count; t++) {
        struct fit_trial *trial = &judging->trials->items[t];
        trial->kappa = squared_correlation(&judging->moments[t]);
        if (!trial->judged)
            continue;
        trial->intervals = intervals[judging->place[t]];
        trial->resamples = trial->intervals.auc >= 0 ? resamples : 0;
    }
    free(intervals);
    return failed;
}

static int judge(const struct fit_samples *samples, struct fit_set *set, struct fit_trials *trials,
                 struct error *err)
{
    struct judging judging = {.samples = samples, .trials = trials};
    struct fit_boundary *boundaries = calloc(trials->count, sizeof *boundaries);
    judging.place = calloc(trials->count, sizeof *judging.place);
    judging.moments = calloc(trials->count, sizeof *judging.moments);
    for (size_t t = 0; judging.place && boundaries && t < trials->count; t++) {
        boundaries[t] = trials->items[t].boundary;
        judging.place[t] = judging.judged;
        judging.judged += trials->items[t].judged;
    }
    judging.scores = calloc(samples->held_outs * judging.judged + 1, sizeof *judging.scores);
    judging.labels = calloc(samples->held_outs * judging.judged + 1, 1);
    const struct fit_sink sink = {&judging, take_scores};
    int failed = boundaries && judging.place && judging.moments && judging.scores && judging.labels
                     ? fit_scores(set, boundaries, trials->count, &sink, err)
                     : error_set(err, E_MEMORY, "no memory to judge %zu fits", trials->count);
    if (!failed)
        failed = find_intervals(&judging, err);
    free(boundaries);
    free(judging.place);
    free(judging.moments);
    free(judging.scores);
    free(judging.labels);
    return failed;
}

int fit_trials_run(const struct fit_samples *samples, struct fit_set *set,
                   struct fit_trials *trials, struct error *err)
{
    trials->normals = calloc(trials->count * samples->dimension + 1, sizeof *trials->normals);
    if (!trials->normals)
        return error_set(err, E_MEMORY, "no memory for %zu normals", trials->count);
    for (size_t t = 0; t < trials->count; t++) {
        struct fit_trial *trial = &trials->items[t];
        trial->boundary.normal = trials->normals + t * samples->dimension;
        trial->boundary.offset = trial->given_offset;
        for (size_t j = 0; trial->given && j < samples->dimension; j++)
            trial->boundary.normal[j] = (float)trial->given[j];
    }
    int failed = 0;
    for (int method = 0; !failed && method < SPEC_METHODS; method++)
        failed = solve_method(samples, set, trials, (enum spec_method)method, err);
    return failed ? failed : judge(samples, set, trials, err);
}
