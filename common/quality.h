/* How well scores tell classes apart. Labels are 1, −1, or 0 for a sample that does not count;
 * scores and labels stand `stride` apart, so that a column of a matrix can be judged where it is.
 */
#ifndef COMMON_QUALITY_H
#define COMMON_QUALITY_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct quality_counts {
    uint64_t true_positives, false_positives, true_negatives, false_negatives;
};

/* Counts a sample; a score above 0 says 1. */
void quality_add(struct quality_counts *counts, float score, signed char label);

/* Area under the ROC curve: the probability that a positive scores above a negative, ties counting
 * half (Mann–Whitney U, by ranks). A score that is NaN does not count. −1 where one class is missing. */
MUST_CHECK int quality_auc(const float *scores, const signed char *labels, size_t count,
                           size_t stride, double *auc, struct error *err);

/* The same of several labellings of the same scores, which are sorted once: the samples by ascending score,
 * order[count], and the area by it. */
MUST_CHECK int quality_order(const float *scores, size_t count, size_t stride, uint32_t *order,
                             struct error *err);
double quality_auc_of(const float *scores, const signed char *labels, const uint32_t *order,
                      size_t count, size_t stride);

/* The median of the finite values; the mean of the two middle ones where their number is even; 0
 * where there is none. Reorders `values`. */
double quality_median(float *values, size_t count);

#endif
