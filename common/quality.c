/* Confusion counts, area under the curve, median. Pure functions. */
#include "common/quality.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

void quality_add(struct quality_counts *counts, float score, signed char label)
{
    bool says = score > 0;
    counts->true_positives += says && label > 0;
    counts->false_positives += says && label < 0;
    counts->true_negatives += !says && label < 0;
    counts->false_negatives += !says && label > 0;
}

struct scored {
    float score;
    signed char label;
};

static int by_score(const void *a, const void *b)
{
    float x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
    return (x > y) - (x < y);
}

/* The positives' ranks (from 1, ties sharing their mean) summed, over sorted samples. */
static double positive_ranks(const struct scored *sorted, size_t count)
{
    double sum = 0;
    for (size_t i = 0, end; i < count; i = end) {
        size_t positives = sorted[i].label > 0;
        for (end = i + 1; end < count && sorted[end].score == sorted[i].score; end++)
            positives += sorted[end].label > 0;
        sum += (double)positives * ((double)(i + 1) + (double)end) / 2;
    }
    return sum;
}

int quality_auc(const float *scores, const signed char *labels, size_t count, size_t stride,
                double *auc, struct error *err)
{
    struct scored *sorted = calloc(count + 1, sizeof *sorted);
    if (!sorted)
        return error_set(err, E_MEMORY, "no memory to sort %zu scores", count);
    size_t n = 0, positives = 0;
    for (size_t i = 0; i < count; i++) {
        if (labels[i * stride] == 0)
            continue;
        sorted[n++] = (struct scored){scores[i * stride], labels[i * stride]};
        positives += labels[i * stride] > 0;
    }
    double negatives = (double)(n - positives), p = (double)positives;
    if (positives > 0 && positives < n) {
        qsort(sorted, n, sizeof *sorted, by_score);
        *auc = (positive_ranks(sorted, n) - p * (p + 1) / 2) / (p * negatives);
    } else {
        *auc = -1;
    }
    free(sorted);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double quality_median(float *values, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            values[n++] = values[i];
    if (n == 0)
        return 0;
    qsort(values, n, sizeof *values, by_value);
    return ((double)values[(n - 1) / 2] + (double)values[n / 2]) / 2;
}
