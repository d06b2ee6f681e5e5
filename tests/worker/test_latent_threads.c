/* Latents drawn on threads are those drawn on one, whatever the number of either. */
#include "worker_test.h"

#include "worker/latent_threads.h"

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const struct {
        size_t count, dimension;
    } sizes[] = {{1, 1}, {7, 3000}, {300, 128}, {257, 512}, {0, 4}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int law = 0; law < 2; law++) {
            const struct latent_law laws[] = {{.normalisation = LATENT_AS_DRAWN},
                                              {.normalisation = LATENT_SPHERE}};
            size_t numbers = sizes[s].count * sizes[s].dimension;
            float *expected = calloc(numbers + 1, sizeof *expected),
                  *found = calloc(numbers + 1, sizeof *found);
            latent_draw(&laws[law], 5, 1000, sizes[s].count, sizes[s].dimension, expected);
            for (unsigned threads = 0; threads <= 100; threads = 2 * threads + 1) {
                memset(found, 0xff, numbers * sizeof *found);
                latent_draw_on(threads, &laws[law], 5, 1000, sizes[s].count, sizes[s].dimension,
                               found);
                assert_memory_equal(found, expected, numbers * sizeof *found);
                assert_true(found[numbers] == 0);
            }
            free(expected);
            free(found);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bits_do_not_depend_on_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
