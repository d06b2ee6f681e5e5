/*
 * A stage's progress: which indices are done, leased, set aside; and where the next task is cut.
 *
 * Pure: no database, no sockets, no clock. Tasks are cut when a worker wants one, from sets of
 * intervals, so that a stage of a billion samples costs what one of ten costs. Cuts lie on
 * multiples of the task's size, so that a range that comes back is cut the same again.
 *
 * Sizes: the spec's, or else, where a task's files are named by its range or it is not cut by
 * samples, one a stage. The other kinds adapt: a task is what its worker does in PLAN_SECONDS, a
 * power of two of units (so that ranges of different workers lie inside of each other, and are
 * whole batches), less when a stage's end is near, so that nobody waits long for the last. A result
 * is rows by index, and does not know its task.
 *
 * Bisecting: a range that fails is tried once more as it is, because it may not have been its
 * fault. After the second time it is cut in two, and each half that fails is cut again, until the
 * units that fail stand alone; a unit that has failed `max_attempts` times is set aside. Of n units
 * with one bad one about 2 + log2 n + max_attempts attempts fail, and the others are done.
 */
#ifndef BROKER_PLAN_H
#define BROKER_PLAN_H

#include "common/bundle.h"
#include "common/interval.h"
#include "common/spec.h"

/* A range that failed and is not done: the next task there is exactly this. */
struct plan_suspect {
    uint64_t start, count;
    uint32_t times; /* failed attempts, its own and half-way those of the range it was cut from */
    int64_t worker; /* where it failed last */
};

/* What a failed attempt comes to. */
enum plan_verdict {
    PLAN_AGAIN,  /* the same range once more */
    PLAN_HALVED, /* its halves, each by itself */
    PLAN_SPENT,  /* one unit that has failed as often as it may: to be set aside */
};

struct plan {
    uint64_t total; /* indices */
    uint64_t unit;  /* may not be cut */
    uint64_t size;  /* of a task, a multiple of the unit; where it adapts, queues are counted by it */
    bool adapts;    /* tasks may have any size up to `most`: nothing but their rows depends on it */
    uint64_t most;  /* indices in a task */
    struct interval_set done;
    struct interval_set taken; /* leased or poisoned */
    uint64_t done_count, leased_count, poisoned_count;
    uint64_t first_free; /* nothing below is free; where the search for the next task begins */
    struct interval_set poisoned;
    struct plan_suspect *suspects; /* by start, disjoint */
    size_t suspects_count, suspects_capacity;
};

/* Sizes a stage for a bundle. E_LIMIT where the smallest task's result would not fit into a
 * message. The plan is zeroed first. */
MUST_CHECK int plan_init(struct plan *plan, const struct spec_stage *stage,
                         const struct bundle *bundle, struct error *err);
void plan_free(struct plan *plan);

/* How many indices a task should have for a worker that takes `seconds` for an index (0: not known
 * yet), where `slots` tasks are under way when all are busy. plan->size where that does not adapt.
 */
uint64_t plan_length(const struct plan *plan, double seconds, uint64_t slots);
/* Cuts the next task, of at most `length` indices: 1 and *range, which is leased now; 0 where
 * nothing is left to lease. What failed last on the worker `avoid` is left to others (0: nothing
 * is). */
MUST_CHECK int plan_cut(struct plan *plan, int64_t avoid, uint64_t length, struct interval *range,
                        struct error *err);
/* Takes a range that is leased already, as far as its holder says: 1; 0 where it is not all free,
 * or not of whole units. */
MUST_CHECK int plan_take(struct plan *plan, uint64_t start, uint64_t count, struct error *err);
/* A leased range comes back without a result. What of it is done meanwhile stays done. */
MUST_CHECK int plan_return(struct plan *plan, uint64_t start, uint64_t count, struct error *err);
/* A range is done, whether it is leased, poisoned, or neither (a late result, a restart). */
MUST_CHECK int plan_done(struct plan *plan, uint64_t start, uint64_t count, struct error *err);
/* Counts a failed attempt of a range that is not leased; returns a plan_verdict or an error. */
MUST_CHECK int plan_failed(struct plan *plan, uint64_t start, uint64_t count, uint32_t max_attempts,
                           int64_t worker, struct error *err);
/* Failed attempts of the range that begins at `start`, or that holds it. */
uint32_t plan_attempts(const struct plan *plan, uint64_t start);
/* Sets a range aside that is not leased. */
MUST_CHECK int plan_poison(struct plan *plan, uint64_t start, uint64_t count, struct error *err);
/* Forgets all failed attempts, and puts what was set aside back. */
MUST_CHECK int plan_forgive(struct plan *plan, struct error *err);
/* Forgets the failed attempts of ranges that are done: after both were read back. */
void plan_prune(struct plan *plan);

/* Whether some of a range is lent to somebody. */
bool plan_is_leased(const struct plan *plan, uint64_t start, uint64_t count);
bool plan_has_work(const struct plan *plan);    /* something is neither done nor taken */
bool plan_is_complete(const struct plan *plan); /* all is done */
bool plan_is_over(const struct plan *plan);     /* all is done or poisoned */
/* So much has been set aside that the rest is not worth trying: PLAN_HOPELESS_UNITS with nothing
 * done at all, or PLAN_POISON_MOST in any case. */
bool plan_is_hopeless(const struct plan *plan);
#define PLAN_SECONDS 4.0  /* that a task should take, where its size adapts */
#define PLAN_FIRST 16     /* units in the first task of a worker that nothing is known of */
#define PLAN_BATCH 64     /* units: what workers do at once; fewer only where it takes longer than … */
#define PLAN_LEAST_SECONDS 0.5
#define PLAN_HOPELESS_UNITS 8
#define PLAN_POISON_MOST 1000

#endif
