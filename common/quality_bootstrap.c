/* The bootstrap: each column is sorted once, and a resample is how often each sample was drawn. */
#include "common/quality_bootstrap.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/statistics.h"

#define RESAMPLES_MOST 1000
#define RESAMPLES_LEAST 200
#define DRAWS_WORTH 8e6 /* samples drawn in all */

/* A sample that counts, in the order of its score. */
struct place {
    float score;
    uint32_t row;
    signed char label;
    bool last_of_ties;
};

struct column {
    struct place *places;
    size_t count;
    double *auc, *f1, *mcc, *balanced; /* [resamples] each; those that say something come first */
    size_t areas, f1s, correlations;
};

unsigned quality_resamples(size_t count)
{
    double worth = DRAWS_WORTH / (double)(count ? count : 1);
    return worth > RESAMPLES_MOST    ? RESAMPLES_MOST
           : worth < RESAMPLES_LEAST ? RESAMPLES_LEAST
                                     : (unsigned)worth;
}

static int by_score(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static int open_column(struct column *column, const float *scores, const signed char *labels,
                       size_t count, size_t stride, unsigned resamples, struct error *err)
{
    column->places = malloc((count + 1) * sizeof *column->places);
    column->auc = malloc(4 * (size_t)resamples * sizeof *column->auc);
    if (!column->places || !column->auc)
        return error_set(err, E_MEMORY, "no memory to draw from %zu samples", count);
    column->f1 = column->auc + resamples;
    column->mcc = column->f1 + resamples;
    column->balanced = column->mcc + resamples;
    for (size_t i = 0; i < count; i++)
        if (labels[i * stride] != 0)
            column->places[column->count++] =
                (struct place){scores[i * stride], (uint32_t)i, labels[i * stride], false};
    qsort(column->places, column->count, sizeof *column->places, by_score);
    for (size_t i = 0; i < column->count; i++)
        column->places[i].last_of_ties =
            i + 1 == column->count || column->places[i + 1].score != column->places[i].score;
    return 0;
}

struct sums {
    double area;      /* pairs in the right order, ties a half */
    double counts[4]; /* true and false positives, true and false negatives */
};

/* drawn NULL: each sample once. */
static struct sums add_up(const struct column *column, const uint32_t *drawn)
{
    struct sums sums = {0};
    double below = 0, tied_negatives = 0, tied_positives = 0;
    for (size_t i = 0; i < column->count; i++) {
        const struct place *place = &column->places[i];
        double times = drawn ? drawn[place->row] : 1;
        bool says = place->score > 0, is = place->label > 0;
        sums.counts[says ? (is ? 0 : 1) : (is ? 3 : 2)] += times;
        *(is ? &tied_positives : &tied_negatives) += times;
        if (place->last_of_ties) {
            sums.area += tied_positives * (below + tied_negatives / 2);
            below += tied_negatives;
            tied_positives = tied_negatives = 0;
        }
    }
    return sums;
}

static void judge(struct column *column, const struct sums *sums)
{
    double tp = sums->counts[0], fp = sums->counts[1], tn = sums->counts[2], fn = sums->counts[3];
    if (2 * tp + fp + fn > 0)
        column->f1[column->f1s++] = 2 * tp / (2 * tp + fp + fn);
    if (tp + fn > 0 && tn + fp > 0) {
        column->auc[column->areas] = sums->area / ((tp + fn) * (tn + fp));
        column->balanced[column->areas++] = (tp / (tp + fn) + tn / (tn + fp)) / 2;
        double norm = sqrt((tp + fp) * (tp + fn)) * sqrt((tn + fp) * (tn + fn));
        if (norm > 0)
            column->mcc[column->correlations++] = (tp * tn - fp * fn) / norm;
    }
}

static struct quality_interval interval(double *values, size_t n)
{
    if (n == 0)
        return (struct quality_interval){0, 0};
    struct statistics_interval found = statistics_percentile(values, n);
    return (struct quality_interval){found.low, found.high};
}

static void finish(struct column *column, struct quality_intervals *intervals)
{
    struct sums sums = add_up(column, NULL);
    double positives = sums.counts[0] + sums.counts[3], negatives = sums.counts[1] + sums.counts[2];
    *intervals = (struct quality_intervals){
        .auc = positives > 0 && negatives > 0 ? sums.area / (positives * negatives) : -1,
        .auc_interval = interval(column->auc, column->areas),
        .f1 = interval(column->f1, column->f1s),
        .mcc = interval(column->mcc, column->correlations),
        .balanced = interval(column->balanced, column->areas),
    };
}

int quality_bootstrap(const float *scores, const signed char *labels, size_t count, size_t columns,
                      uint64_t seed, unsigned resamples, const atomic_bool *stop,
                      struct quality_intervals *intervals, struct error *err)
{
    if (count > UINT32_MAX)
        return error_set(err, E_LIMIT, "a bootstrap over %zu samples, at most %u are possible",
                         count, UINT32_MAX);
    struct column *column = calloc(columns ? columns : 1, sizeof *column);
    uint32_t *drawn = malloc((count + 1) * sizeof *drawn);
    int failed =
        column && drawn ? 0 : error_set(err, E_MEMORY, "no memory to draw from %zu samples", count);
    for (size_t k = 0; !failed && k < columns; k++)
        failed = open_column(&column[k], scores + k, labels + k, count, columns, resamples, err);
    for (unsigned b = 0; !failed && count > 0 && b < resamples; b++) {
        if (stop && atomic_load(stop)) {
            failed = error_set(err, E_INTERRUPTED, "after %u of %u draws", b, resamples);
            break;
        }
        statistics_resample(seed, 0, b, (uint32_t)count, drawn);
        for (size_t k = 0; k < columns; k++) {
            struct sums sums = add_up(&column[k], drawn);
            judge(&column[k], &sums);
        }
    }
    for (size_t k = 0; !failed && k < columns; k++)
        finish(&column[k], &intervals[k]);
    for (size_t k = 0; column && k < columns; k++) {
        free(column[k].places);
        free(column[k].auc);
    }
    free(column);
    free(drawn);
    return failed;
}
