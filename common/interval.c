/* Sorted, disjoint, merged intervals in one array; a binary search finds the place. */
#include "common/interval.h"

#include <stdlib.h>
#include <string.h>

void interval_set_free(struct interval_set *set)
{
    free(set->items);
    *set = (struct interval_set){0};
}

/* Index of the first interval whose end is at or behind `at`. */
static size_t find(const struct interval_set *set, uint64_t at)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->items[middle].end < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Replaces items [from, to) by `count` new ones. */
static int splice(struct interval_set *set, size_t from, size_t to, const struct interval *items,
                  size_t count, struct error *err)
{
    size_t rest = set->count - to;
    size_t need = from + count + rest;
    if (need > set->capacity) {
        size_t capacity = need * 2;
        struct interval *grown = realloc(set->items, capacity * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory for %zu intervals", capacity);
        set->items = grown;
        set->capacity = capacity;
    }
    if (rest)
        memmove(set->items + from + count, set->items + to, rest * sizeof *set->items);
    if (count)
        memcpy(set->items + from, items, count * sizeof *items);
    set->count = need;
    return 0;
}

int interval_set_add(struct interval_set *set, uint64_t start, uint64_t end, uint64_t *added,
                     struct error *err)
{
    if (start > end)
        return error_set(err, E_INVALID, "interval ends at %llu before it starts at %llu",
                         (unsigned long long)end, (unsigned long long)start);
    struct interval merged = {start, end};
    uint64_t fresh = end - start;
    size_t from = find(set, start), to = from;
    for (; to < set->count && set->items[to].start <= end; to++) {
        const struct interval *old = &set->items[to];
        uint64_t low = old->start > start ? old->start : start;
        uint64_t high = old->end < end ? old->end : end;
        if (high > low)
            fresh -= high - low;
        if (old->start < merged.start)
            merged.start = old->start;
        if (old->end > merged.end)
            merged.end = old->end;
    }
    int rc = start == end ? 0 : splice(set, from, to, &merged, 1, err);
    if (!rc && added)
        *added = fresh;
    return rc;
}

int interval_set_remove(struct interval_set *set, uint64_t start, uint64_t end, uint64_t *removed,
                        struct error *err)
{
    uint64_t gone = 0;
    if (removed)
        *removed = 0;
    if (start >= end)
        return 0;
    struct interval left[2];
    size_t pieces = 0, from = find(set, start), to = from;
    for (; to < set->count && set->items[to].start < end; to++) {
        const struct interval *old = &set->items[to];
        uint64_t low = old->start > start ? old->start : start;
        uint64_t high = old->end < end ? old->end : end;
        gone += high > low ? high - low : 0;
        if (old->start < start)
            left[pieces++] = (struct interval){old->start, old->end < start ? old->end : start};
        if (old->end > end)
            left[pieces++] = (struct interval){end, old->end};
    }
    int rc = splice(set, from, to, left, pieces, err);
    if (rc == 0 && removed)
        *removed = gone;
    return rc;
}

uint64_t interval_set_size(const struct interval_set *set)
{
    uint64_t size = 0;
    for (size_t i = 0; i < set->count; i++)
        size += set->items[i].end - set->items[i].start;
    return size;
}

bool interval_set_contains(const struct interval_set *set, uint64_t start, uint64_t end)
{
    if (start >= end)
        return true;
    size_t i = find(set, end);
    return i < set->count && set->items[i].start <= start;
}

bool interval_set_overlaps(const struct interval_set *set, uint64_t start, uint64_t end)
{
    if (start >= end)
        return false;
    size_t i = find(set, start + 1);
    return i < set->count && set->items[i].start < end;
}

/* The end of the interval that holds `at`, or `at`; *next is where the following one starts. */
static uint64_t skip(const struct interval_set *set, uint64_t at, uint64_t *next)
{
    if (!set)
        return at;
    size_t i = find(set, at + 1);
    if (i == set->count)
        return at;
    if (set->items[i].start <= at)
        return set->items[i].end;
    if (set->items[i].start < *next)
        *next = set->items[i].start;
    return at;
}

bool interval_first_gap(const struct interval_set *done, const struct interval_set *leased,
                        uint64_t start, uint64_t end, uint64_t length, uint64_t align,
                        struct interval *gap)
{
    while (start < end) {
        uint64_t next = end;
        uint64_t past = skip(leased, skip(done, start, &next), &next);
        if (past != start) {
            start = past;
            continue;
        }
        uint64_t stop = next - start < length ? next : start + length;
        if (align > 1 && stop > start - start % align + align)
            stop -= stop % align;
        *gap = (struct interval){start, stop};
        return true;
    }
    return false;
}
