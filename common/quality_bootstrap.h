/*
 * Intervals of a classifier's measures by the bootstrap: Efron & Tibshirani, "An introduction to
 * the bootstrap", 1993, section 13.3 (percentiles). Samples are drawn with replacement by Philox,
 * so that the same seed gives the same intervals, and all columns are judged on the same draws; a
 * column's intervals do not depend on the others.
 */
#ifndef COMMON_QUALITY_BOOTSTRAP_H
#define COMMON_QUALITY_BOOTSTRAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct quality_interval {
    double low, high; /* of 95 %; 0 and 0 where every draw lacked a class */
};

struct quality_intervals {
    double auc; /* of the samples themselves; −1 where one class is missing */
    struct quality_interval auc_interval, f1, mcc, balanced;
};

/* How many resamples are worth their time: fewer for many samples. */
unsigned quality_resamples(size_t count);

/*
 * scores and labels[count][columns]: labels 1, −1, or 0 for a sample that does not count; a score
 * above 0 says 1. A draw that lacks a class says nothing about the area, the balanced accuracy and
 * the correlation, and is left out there. `stop` (may be NULL) is looked at before each draw: E_INTERRUPTED once
 * another thread has set it.
 */
MUST_CHECK int quality_bootstrap(const float *scores, const signed char *labels, size_t count,
                                 size_t columns, uint64_t seed, unsigned resamples, const atomic_bool *stop,
                                 struct quality_intervals *intervals, struct error *err);

#endif
