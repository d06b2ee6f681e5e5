/*
 * A stage's progress: which indices are done, leased, set aside; and where the next task is cut.
 *
 * Pure: no database, no sockets, no clock. Tasks are cut when a worker wants one, from sets of
 * intervals, so that a stage of a billion samples costs what one of ten costs. Cuts lie on
 * multiples of the task's size, so that a range that comes back is cut the same again, and its
 * failed attempts add up.
 */
#ifndef BROKER_PLAN_H
#define BROKER_PLAN_H

#include "common/bundle.h"
#include "common/interval.h"
#include "common/spec.h"

struct plan_attempts { /* a range that failed and is not done */
    uint64_t start, count;
    uint32_t times;
};

struct plan {
    uint64_t total; /* indices */
    uint64_t size;  /* of a task, a multiple of the unit that may not be cut */
    struct interval_set done;
    struct interval_set taken; /* leased or poisoned */
    uint64_t done_count, leased_count, poisoned_count;
    struct interval_set poisoned;
    struct plan_attempts *attempts;
    size_t attempts_count;
};

/* Sizes a stage for a bundle. E_LIMIT where the smallest task's result would not fit into a
 * message. The plan is zeroed first. */
MUST_CHECK int plan_init(struct plan *plan, const struct spec_stage *stage,
                         const struct bundle *bundle, struct error *err);
void plan_free(struct plan *plan);

/* Cuts the next task: 1 and *range, which is leased now; 0 where nothing is left to lease. */
MUST_CHECK int plan_cut(struct plan *plan, struct interval *range, struct error *err);
/* A leased range comes back without a result. What of it is done meanwhile stays done. */
MUST_CHECK int plan_return(struct plan *plan, uint64_t start, uint64_t count, struct error *err);
/* A range is done, whether it is leased, poisoned, or neither (a late result, a restart). */
MUST_CHECK int plan_done(struct plan *plan, uint64_t start, uint64_t count, struct error *err);
/* Counts failed attempts of a range; returns how many it has now, or an error. */
MUST_CHECK int plan_attempt(struct plan *plan, uint64_t start, uint64_t count, uint32_t times,
                            struct error *err);
uint32_t plan_attempts(const struct plan *plan, uint64_t start);
/* Sets a range aside that is not leased. */
MUST_CHECK int plan_poison(struct plan *plan, uint64_t start, uint64_t count, struct error *err);

bool plan_has_work(const struct plan *plan);    /* something is neither done nor taken */
bool plan_is_complete(const struct plan *plan); /* all is done */
bool plan_is_over(const struct plan *plan);     /* all is done or poisoned */

#endif
