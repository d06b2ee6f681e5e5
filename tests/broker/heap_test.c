/* The heap against a list that is searched: additions, removals and changed keys in a random order.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/heap.h"

#define ITEMS 200

struct item {
    unsigned key;
    struct heap_place place;
};

static bool before(const void *a, const void *b)
{
    return ((const struct item *)a)->key < ((const struct item *)b)->key;
}

static unsigned draw(unsigned *state, unsigned below)
{
    *state = *state * 1664525U + 1013904223U;
    return (*state >> 8) % below;
}

static void check(const struct heap *heap, const struct item *items)
{
    unsigned count = 0, least = UINT32_MAX;
    for (size_t i = 0; i < ITEMS; i++) {
        if (!items[i].place.number)
            continue;
        count++;
        least = items[i].key < least ? items[i].key : least;
        assert_ptr_equal(heap->items[items[i].place.number - 1], &items[i]);
    }
    const struct item *first = heap_first(heap);
    assert_int_equal(heap->count, count);
    assert_true(count ? first->key == least : first == NULL);
}

static void the_least_is_first(void **state)
{
    (void)state;
    static struct item items[ITEMS];
    struct heap heap;
    unsigned random = 7;
    heap_init(&heap, offsetof(struct item, place), before);
    for (int round = 0; round < 20000; round++) {
        struct item *item = &items[draw(&random, ITEMS)];
        unsigned what = draw(&random, 3);
        if (what == 0) {
            heap_remove(&heap, item); /* also of what is not in it */
        } else {
            item->key = draw(&random, 100);
            if (item->place.number)
                heap_moved(&heap, item);
            else
                assert_int_equal(heap_add(&heap, item, NULL), 0);
        }
        check(&heap, items);
    }
    heap_free(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_least_is_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
