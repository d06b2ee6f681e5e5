/*
 * The samples of a fit: scores fetched, latents drawn again; labels, the hold-out, and which
 * samples each boundary is fitted on.
 *
 * Labels: a logit above 0; an age above the median of the samples that are not held out. A sample
 * without a score has none. Of set `extremes`, the highest scores are positive and the lowest
 * negative. Held out is by a hash of the sample's index (common/latent.h), and so are fold, place
 * in a random selection and place in a learning curve.
 */
#ifndef WORKER_TASKS_FIT_SAMPLES_H
#define WORKER_TASKS_FIT_SAMPLES_H

#include "worker/fit.h"
#include "worker/latent_device.h"
#include "worker/tasks/task.h"

struct fit_samples {
    struct task *task;
    const struct spec_stage *from; /* the label stage */
    size_t rows, dimension;
    size_t columns;    /* boundaries of this task */
    size_t first;      /* position of the first */
    float *values;     /* [rows][columns]: the scores that labels are made of */
    uint8_t *roles;    /* [rows][columns]: private */
    uint8_t *held_out; /* [rows]: 0 or 1 */
    size_t held_outs;
    double *thresholds; /* [columns]: positive above */
    struct latent_device *drawer; /* draws on the device, or NULL */
};

/* Fetches and draws lots. `task` is borrowed. */
MUST_CHECK int fit_samples_load(struct task *task, const struct spec_stage *from,
                                struct fit_samples *samples, struct error *err);
void fit_samples_free(struct fit_samples *samples); /* a zeroed one is free */

/* The sample that a row is. */
uint64_t fit_samples_number(const struct fit_samples *samples, size_t row);
/* 1, −1, or 0 where there is none. */
signed char fit_samples_label(const struct fit_samples *samples, size_t row, size_t column);
/* Whether the column's set has the sample. */
bool fit_samples_selected(const struct fit_samples *samples, size_t row, size_t column);

/* The latents, for a fit_set; state: a struct fit_samples. */
MUST_CHECK int fit_samples_draw(void *state, uint64_t first, size_t count, float *x,
                                struct error *err);

/* The same on the device, where fit_samples_load found that it can; chunk of a fit_source. */
MUST_CHECK int fit_samples_chunk(void *state, uint64_t first, size_t count, size_t rows, cl_mem x,
                                 struct error *err);

/* "Smiling", …, "age" */
const char *fit_samples_name(const struct fit_samples *samples, size_t column);

#endif
