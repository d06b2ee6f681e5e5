/* The classifier table of photos: how a labeller's scores agree with what is known of them. */
#ifndef COMMON_PHOTO_QUALITY_H
#define COMMON_PHOTO_QUALITY_H

#include <stddef.h>

#include "common/error.h"
#include "common/quality.h"
#include "common/quality_bootstrap.h"

#define PHOTO_QUALITY_BINS 10

struct photo_quality_bin { /* of probabilities from bin/10 to (bin + 1)/10 */
    size_t photos;
    double probability, share; /* mean of the labeller's, and of the photos that have the attribute */
};

struct photo_quality_intervals {                    /* of 95 %; NaN where not defined */
    struct quality_interval balanced, f1, mcc, auc; /* by the bootstrap */
    struct quality_interval precision, recall;      /* Wilson's */
};

struct photo_quality {
    size_t photos, positives;
    struct quality_counts counts;
    double accuracy, accuracy_low, accuracy_high; /* Wilson's 95 % interval */
    double base_rate;                             /* accuracy of always saying what is more frequent */
    double balanced_accuracy, precision, recall, f1, mcc, auc; /* NaN where not defined */
    double squared_error;                  /* mean of (p − y)², Brier's score */
    double calibration_error;              /* Σ photos of a bin / photos · |probability − share| */
    struct photo_quality_bin bins[PHOTO_QUALITY_BINS];
};

/*
 * Of `count` > 0 photos: scores (above 0: there), truth (1, −1; 0: not known, left out), and the logit
 * `threshold` that was subtracted from the scores, so that p = 1/(1 + e^−(score + threshold)). `order`: the
 * photos by ascending score (quality_order), for those who judge the same scores several times, or NULL.
 */
MUST_CHECK int photo_quality(const float *scores, const signed char *truth, const uint32_t *order,
                             size_t count, double threshold, struct photo_quality *quality,
                             struct error *err);

/*
 * Intervals of what photo_quality said of the same arrays. The photos that count are drawn in their
 * order by one seed, so the same photos have the same intervals, whoever judges them and whatever
 * else the arrays hold.
 */
MUST_CHECK int photo_quality_intervals(const float *scores, const signed char *truth, size_t count,
                                       const struct photo_quality *quality,
                                       struct photo_quality_intervals *intervals,
                                       struct error *err);

#endif
