/*
 * Trials: fits of a column by one method at one cost on one part of its training samples, solved
 * all together and judged on what they were not fitted on.
 */
#ifndef WORKER_TASKS_FIT_TRIALS_H
#define WORKER_TASKS_FIT_TRIALS_H

#include "common/quality.h"
#include "common/quality_bootstrap.h"
#include "worker/tasks/fit_samples.h"

enum fit_part {
    FIT_TRAIN,
    FIT_TEST, /* held out; of a trial with a fold, the fold */
    FIT_REST, /* left out by the set */
    FIT_PARTS,
};

/* Scores on FIT_TEST by class: Σ 1, Σ y, Σ s, Σ s y, Σ s², y the label. */
struct fit_classes {
    double n, y, s, sy, ss;
};

struct fit_trial {
    size_t column;
    const char *role; /* as in messages.def */
    unsigned step;
    enum spec_method method;
    double cost;
    int fold;            /* left out of the training samples and tested on; −1: none */
    unsigned halvings;   /* of the training samples */
    unsigned half; /* 1 or 2: this half of the training samples is tested on instead; 0: none */
    bool judged;         /* with intervals */
    const double *given; /* where nothing is to be solved: the normal, and */
    double given_offset;
    /* results */
    struct fit_boundary boundary;
    struct quality_counts counts[FIT_PARTS];
    struct fit_classes classes;
    double
        kappa; /* squared correlation of score and label on FIT_TEST; least squares: of the value */
    unsigned resamples;
    struct quality_intervals intervals;
};

/* A growing list. A zeroed one is empty. */
struct fit_trials {
    struct fit_trial *items;
    size_t count;
    float *normals; /* [count][dimension], once run */
};

MUST_CHECK int fit_trials_add(struct fit_trials *trials, const struct fit_trial *trial,
                              struct error *err);
void fit_trials_free(struct fit_trials *trials);

/* Fills the results of all; of those that are given, what judging says. */
MUST_CHECK int fit_trials_run(const struct fit_samples *samples, struct fit_set *set,
                              struct fit_trials *trials, struct error *err);

#endif
