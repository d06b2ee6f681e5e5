/* How a label stage's scores agree with what is known of its photos, as rows of `photo_quality`. */
#ifndef DB_CLASSIFIER_H
#define DB_CLASSIFIER_H

#include "common/bundle.h"
#include "common/truth.h"
#include "db/results.h"

struct classifier_order {
    int64_t stage;
    const struct bundle *bundle; /* of the layout: names and thresholds of its attributes */
    const struct results_layout *layout;
    const struct truth *truth;
};

/*
 * Judges each attribute that bundle and truth both know over the photos that could be read and are
 * known: of every part that was read and has one, and of all (common/photo_quality.h). The stage's
 * rows of an earlier time go. Memory is that of the known photos' logits. Needs a transaction.
 */
MUST_CHECK int classifier_make(struct database *db, const struct classifier_order *order,
                               struct error *err);

#endif
