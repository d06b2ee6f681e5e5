/*
 * Tasks that are lent a second time: when nothing is left to cut and a worker has nothing to do, it
 * gets a range that another one has. The first result counts, the other lease is revoked.
 *
 * Which: first what waits longest behind other tasks of its worker, as nobody has begun it; then
 * what runs for over STRAGGLERS_FACTOR times as long as its stage's mean says. Never a third lease
 * of a range, never interactive tasks (they go round credits anyway), never what has failed
 * already, and only to a worker that holds nothing.
 */
#ifndef BROKER_STRAGGLERS_H
#define BROKER_STRAGGLERS_H

#include "broker/farm.h"

#define STRAGGLERS_FACTOR 2
#define STRAGGLERS_SLACK_MS 1000    /* beside the factor; what is sooner over is not worth it */
#define STRAGGLERS_UNKNOWN_MS 60000 /* where the stage's mean is not known yet */
#define STRAGGLERS_WAIT_MS 200      /* what waits behind others is left alone for so long */

/* Lends the worker a range that another one has: 1 and *lease; 0 where there is none to be lent
 * now; then *due_ms is when there may be one (wall clock), INT64_MAX: not as things are. */
MUST_CHECK int stragglers_lend(struct farm *farm, struct farm_worker *worker, int64_t now_ms,
                               struct farm_lease **lease, int64_t *due_ms, struct error *err);

#endif
