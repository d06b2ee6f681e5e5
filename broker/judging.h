/* A label stage over photos whose truth is in the store: whether the two fit, and the classifier's
 * quality. */
#ifndef BROKER_JUDGING_H
#define BROKER_JUDGING_H

#include "broker/farm.h"
#include "common/limits.h"
#include "common/photo_list.h"
#include "db/database.h"

/* Whether the stage's truth can be read, knows one of its photos (those from start on, count of the
 * list) and one of the bundle's attributes. */
MUST_CHECK int judging_check(const char *store, const struct spec_stage *stage,
                             const struct bundle *bundle, const struct photo_list *photos,
                             struct error *err);

/* Judges a stage whose photos are all labelled (db/classifier.h). Where its truth cannot be read
 * any more, `text` says so and nothing is written. */
MUST_CHECK int judging_make(struct database *db, const char *store, struct farm_stage *stage,
                            char text[LIMIT_TEXT_BYTES], struct error *err);

#endif
