/* A result judged: does it say what its stage asked for, and is it what another worker said? */
#ifndef BROKER_RESULT_H
#define BROKER_RESULT_H

#include "broker/farm.h"
#include "common/wire.h"

/* E_INVALID and the like name the field, what was found and what was expected. The range lies
 * inside the stage (E_INVALID otherwise); whether it is done already is not looked at. */
MUST_CHECK int result_check(const struct wire_result *result, const struct farm_stage *stage,
                            struct error *err);

/* Path and digest of one file: the path lies inside the store, the digest is one. */
MUST_CHECK int result_check_file(const struct wire_file *file, struct error *err);

/* SHA-256 over scores, boundaries and files; not over metrics, which differ from run to run. */
MUST_CHECK int result_digest(const struct wire_result *result, char hex[DIGEST_HEX_BYTES],
                             struct error *err);

/* Writes a checked result with its task row, in the caller's transaction. */
MUST_CHECK int result_store(struct database *db, const struct wire_result *result,
                            const struct farm_stage *stage, const struct results_task *task,
                            struct error *err);

#endif
