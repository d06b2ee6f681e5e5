/* A binary heap; see heap.h. Items are numbered from 1, so that the parent of n is n / 2. */
#include "broker/heap.h"

#include <stdlib.h>

void heap_init(struct heap *heap, size_t place, bool (*before)(const void *a, const void *b))
{
    *heap = (struct heap){.place = place, .before = before};
}

void heap_free(struct heap *heap)
{
    free(heap->items);
    heap->items = NULL;
    heap->count = heap->capacity = 0;
}

static struct heap_place *place_of(const struct heap *heap, void *item)
{
    return (struct heap_place *)((char *)item + heap->place);
}

static void put(struct heap *heap, size_t number, void *item)
{
    heap->items[number - 1] = item;
    place_of(heap, item)->number = number;
}

static void rise(struct heap *heap, size_t number, void *item)
{
    while (number > 1 && heap->before(item, heap->items[number / 2 - 1])) {
        put(heap, number, heap->items[number / 2 - 1]);
        number /= 2;
    }
    put(heap, number, item);
}

static void sink(struct heap *heap, size_t number, void *item)
{
    for (;;) {
        size_t child = 2 * number;
        if (child < heap->count && heap->before(heap->items[child], heap->items[child - 1]))
            child++;
        if (child > heap->count || !heap->before(heap->items[child - 1], item))
            break;
        put(heap, number, heap->items[child - 1]);
        number = child;
    }
    put(heap, number, item);
}

int heap_add(struct heap *heap, void *item, struct error *err)
{
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity ? 2 * heap->capacity : 4;
        void **grown = realloc(heap->items, capacity * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory for a heap of %zu", capacity);
        heap->items = grown;
        heap->capacity = capacity;
    }
    rise(heap, ++heap->count, item);
    return 0;
}

void heap_moved(struct heap *heap, void *item)
{
    size_t number = place_of(heap, item)->number;
    rise(heap, number, item);
    sink(heap, place_of(heap, item)->number, item);
}

void heap_remove(struct heap *heap, void *item)
{
    size_t number = place_of(heap, item)->number;
    if (number == 0)
        return;
    void *last = heap->items[--heap->count];
    place_of(heap, item)->number = 0;
    if (last == item)
        return;
    put(heap, number, last);
    heap_moved(heap, last);
}

void *heap_first(const struct heap *heap)
{
    return heap->count ? heap->items[0] : NULL;
}
