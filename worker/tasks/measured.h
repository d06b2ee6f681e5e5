/* What networks said of a face, checked and compared. */
#ifndef WORKER_TASKS_MEASURED_H
#define WORKER_TASKS_MEASURED_H

#include <stddef.h>

#include "common/bundle.h"
#include "common/error.h"

/* E_INVALID where a score of the row, scores[bundle_score_columns], is no finite number: names the
 * labeller, its file's output and what was to be read from it. */
MUST_CHECK int measured_check_scores(const struct bundle *bundle, const float *scores,
                                     struct error *err);
/* The same of a row of embedder `which`. */
MUST_CHECK int measured_check_embedding(const struct bundle *bundle, int which, const float *row,
                                        struct error *err);

/* The same of latents[count][size] that an encoder made. */
MUST_CHECK int measured_check_latents(const float *latents, size_t count, size_t size,
                                      struct error *err);

/* a·b / (‖a‖ ‖b‖) of rows of `size` numbers, in double and in one order: the same bits everywhere.
 * 0 where a row is zero. */
float measured_cosine(const float *a, const float *b, size_t size);

#endif
