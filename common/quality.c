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
    uint32_t at;
};

/* NaN behind all others, and equal scores in the order that they came in: one order everywhere. */
static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    int order = isnan(x->score) - isnan(y->score);
    if (!order)
        order = (x->score > y->score) - (x->score < y->score);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

int quality_order(const float *scores, size_t count, size_t stride, uint32_t *order,
                  struct error *err)
{
    struct scored *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted)
        return error_set(err, E_MEMORY, "no memory to sort %zu scores", count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct scored){scores[i * stride], (uint32_t)i};
    qsort(sorted, count, sizeof *sorted, by_score);
    for (size_t i = 0; i < count; i++)
        order[i] = sorted[i].at;
    free(sorted);
    return 0;
}

double quality_auc_of(const float *scores, const signed char *labels, const uint32_t *order,
                      size_t count, size_t stride)
{
    double ranks = 0, n = 0, positives = 0; /* ranks: of the positives, from 1, ties sharing their mean */
    for (size_t i = 0; i < count && !isnan(scores[order[i] * stride]);) {
        float score = scores[order[i] * stride];
        double same = 0, positive = 0;
        for (; i < count && scores[order[i] * stride] == score; i++) {
            signed char label = labels[order[i] * stride];
            same += label != 0;
            positive += label > 0;
        }
        ranks += positive * (n + (same + 1) / 2);
        n += same;
        positives += positive;
    }
    double negatives = n - positives;
    return positives > 0 && negatives > 0
               ? (ranks - positives * (positives + 1) / 2) / (positives * negatives)
               : -1;
}

int quality_auc(const float *scores, const signed char *labels, size_t count, size_t stride,
                double *auc, struct error *err)
{
    uint32_t *order = malloc((count + 1) * sizeof *order);
    int rc = order ? quality_order(scores, count, stride, order, err)
                   : error_set(err, E_MEMORY, "no memory to sort %zu scores", count);
    if (rc == 0)
        *auc = quality_auc_of(scores, labels, order, count, stride);
    free(order);
    return rc;
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
