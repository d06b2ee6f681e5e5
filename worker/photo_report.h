/* What is told of labelled photos: a table or JSON, and a CSV file of their scores. */
#ifndef WORKER_PHOTO_REPORT_H
#define WORKER_PHOTO_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/bundle.h"
#include "common/truth.h"

struct photo_report {
    const struct bundle *bundle;
    const struct truth *truth; /* or NULL */
    bool parts;                /* the truth has them */
    const char *const *names;  /* of the photos' files */
    size_t photos, unreadable;
    const float *scores; /* [photos][bundle_score_columns] */
};

/*
 * A line an attribute: the share of photos that have it, and of the test part (all photos where there are
 * no parts) accuracy with its interval, base rate, balanced accuracy, F1, AUC, squared error and calibration
 * error; the accuracy of the training part beside them. As JSON with every part and the reliability bins.
 */
MUST_CHECK int photo_report_print(const struct photo_report *report, bool json, FILE *out,
                                  struct error *err);

/* Writes name, attribute scores and ages, a line a photo. */
MUST_CHECK int photo_report_scores(const struct photo_report *report, const char *path,
                                   struct error *err);

#endif
