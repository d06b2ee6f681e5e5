/*
 * What an evaluation found, as rows of `measure`. docs/schema.md says what each name means; the
 * figures are functions of the stage's rows, the job's seed and the estimator's range, and equal to
 * the bit wherever they are made.
 */
#ifndef DB_MEASURES_H
#define DB_MEASURES_H

#include "db/database.h"

struct measures_order {
    int64_t stage, bundle;
    uint64_t seed;              /* of the bootstrap */
    double age_least, age_most; /* the judging estimator's range in years; NAN: unknown */
};

/*
 * Makes the measures of an evaluate stage that is done and has its attribute_summary. Memory is
 * bounded: of very large stages the first faces are taken, and `faces` says how many. Needs a
 * transaction.
 */
MUST_CHECK int measures_make(struct database *db, const struct measures_order *order,
                             struct error *err);

#endif
