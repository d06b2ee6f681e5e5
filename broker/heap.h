/*
 * A binary heap of things that know where they stand in it, so that any of them can be taken out or
 * moved when what it is ordered by has changed. It owns nothing but its array.
 */
#ifndef BROKER_HEAP_H
#define BROKER_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

struct heap_place { /* a member of what stands in a heap; zeroed: in none */
    size_t number;  /* from 1 on */
};

struct heap {
    void **items;
    size_t count, capacity;
    size_t place; /* offset of the items' struct heap_place */
    bool (*before)(const void *a, const void *b);
};

void heap_init(struct heap *heap, size_t place, bool (*before)(const void *a, const void *b));
void heap_free(struct heap *heap);
MUST_CHECK int heap_add(struct heap *heap, void *item, struct error *err);
void heap_remove(struct heap *heap, void *item); /* fine where it is not in it */
/* What an item in it is ordered by has changed. */
void heap_moved(struct heap *heap, void *item);
void *heap_first(const struct heap *heap); /* or NULL */

#endif
