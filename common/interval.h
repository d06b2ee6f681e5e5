/*
 * A set of half-open intervals [start, end) of sample indices: a stage's progress.
 *
 * Kept sorted, disjoint and merged, so its size grows with fragmentation, never with samples.
 */
#ifndef COMMON_INTERVAL_H
#define COMMON_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct interval {
    uint64_t start, end;
};

struct interval_set {
    struct interval *items;
    size_t count, capacity;
};

void interval_set_free(struct interval_set *set); /* a zeroed set is an empty set */

/* Adds [start, end); overlapping what is there is fine. *added (if not NULL) says how many indices were
 * new. */
MUST_CHECK int interval_set_add(struct interval_set *set, uint64_t start, uint64_t end,
                                uint64_t *added, struct error *err);
/* *removed (may be NULL) says how many there were. */
MUST_CHECK int interval_set_remove(struct interval_set *set, uint64_t start, uint64_t end,
                                   uint64_t *removed, struct error *err);
uint64_t interval_set_size(const struct interval_set *set); /* indices in the set */
bool interval_set_contains(const struct interval_set *set, uint64_t start, uint64_t end);
bool interval_set_overlaps(const struct interval_set *set, uint64_t start, uint64_t end);

/* The first run of at most `length` indices of [start, end) that neither set holds. A run that would
 * reach beyond a multiple of `align` ends at one, if `length` allows (0 or 1: no alignment). False if there is
 * none. Either set may be NULL. */
bool interval_first_gap(const struct interval_set *done, const struct interval_set *leased,
                        uint64_t start, uint64_t end, uint64_t length, uint64_t align,
                        struct interval *gap);

#endif
