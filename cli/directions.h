/* Boundaries as `facefarm direction` takes them: of a job's fit stage, or .npy files. */
#ifndef CLI_DIRECTIONS_H
#define CLI_DIRECTIONS_H

#include "common/boundary_files.h"
#include "common/spec.h"
#include "db/database.h"

/* Of the job's fit stage of that name, or where `stage` is NULL its last one. */
MUST_CHECK int boundaries_of_job(struct database *db, int64_t job, const char *stage,
                                 struct boundaries *boundaries, struct error *err);

/* A stage as the options say it: conditions "all,Male=0.5,Bald=free" (a number is λ, or μ of soft).
 * The caller frees with directions_free_stage, also on failure. */
MUST_CHECK int directions_stage(const char *conditions, const char *projection, double discount,
                                double strength, struct spec_stage *stage, struct error *err);
void directions_free_stage(struct spec_stage *stage);

#endif
