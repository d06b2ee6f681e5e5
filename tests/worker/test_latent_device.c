/*
 * Latents drawn on the device have the host's bits, whatever law, dimension, seed and index; a fit on them
 * is the fit on the host's, to the bit. With --bench COUNT: how long either takes.
 */
#include "worker_test.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "worker/fit_priv.h"
#include "worker/latent_device.h"
#include "worker/latent_threads.h"

static struct error err;
static struct device *device;

static const struct latent_law laws[] = {
    {.normalisation = LATENT_AS_DRAWN},
    {.normalisation = LATENT_SPHERE},
    {.prior = LATENT_UNIFORM, .low = -1.7, .high = 2.3},
    {.prior = LATENT_HYPERSPHERE, .normalisation = LATENT_SPHERE, .radius = 3},
};

/* Rows 0 … count−1 of a chunk against the host's, behind them 1 and zeros, then rows of zeros. */
static void check_chunk(const float *x, const float *expected, size_t d, size_t count, size_t rows)
{
    size_t width = (d / 8 + 1) * 8;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++) {
            float found = x[r / 256 * width * 256 + (j / 8 * 256 + r % 256) * 8 + j % 8];
            float wanted = r >= count ? 0 : j < d ? expected[r * d + j] : j == d;
            if (memcmp(&found, &wanted, sizeof found) != 0)
                fail_msg("d %zu row %zu number %zu: %a, expected %a", d, r, j, (double)found,
                         (double)wanted);
        }
}

static void bits_are_the_hosts(void **state)
{
    (void)state;
    static const size_t dimensions[] = {1, 7, 8, 12, 128, 512};
    static const uint64_t seeds[] = {0, 7, UINT64_MAX - 3}, starts[] = {0, 0xFFFFFF80u, 1ull << 40};
    for (size_t l = 0; l < sizeof laws / sizeof *laws; l++)
        for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
            size_t d = dimensions[i], rows = 1024, count = 700, width = (d / 8 + 1) * 8;
            struct latent_device *drawer = NULL;
            cl_mem x = NULL;
            float *found = malloc(rows * width * sizeof *found),
                  *expected = malloc(count * d * sizeof *expected);
            assert_ok(latent_device_open(device, &laws[l], d, &drawer, &err));
            if (!drawer) {
                print_message("skipped: the device draws other bits, or has no doubles\n");
                skip();
            }
            assert_ok(device_buffer(device, rows * width * sizeof *found, &x, &err));
            for (size_t s = 0; s < 3; s++) {
                assert_ok(latent_device_draw(drawer, seeds[s], starts[s], count, rows, x, &err));
                assert_ok(device_read(device, x, 0, found, rows * width * sizeof *found, &err));
                latent_draw(&laws[l], seeds[s], starts[s], count, d, expected);
                check_chunk(found, expected, d, count, rows);
            }
            clReleaseMemObject(x);
            latent_device_close(&drawer);
            free(found);
            free(expected);
        }
}

/* ---- fits ---- */

struct samples {
    struct latent_device *drawer;
    size_t dimension;
};

static int give_rows(void *state, uint64_t first, size_t count, float *x, struct error *error)
{
    const struct samples *samples = state;
    (void)error;
    latent_draw(&laws[1], 3, 100 + first, count, samples->dimension, x);
    return 0;
}

static int give_chunk(void *state, uint64_t first, size_t count, size_t rows, cl_mem x,
                      struct error *error)
{
    const struct samples *samples = state;
    return latent_device_draw(samples->drawer, 3, 100 + first, count, rows, x, error);
}

static int give_labels(void *state, uint64_t first, size_t rows, size_t first_lane, size_t lanes,
                       signed char *labels, struct error *error)
{
    (void)state, (void)error;
    for (size_t i = 0; i < rows; i++) {
        uint32_t words[4];
        latent_choices(9, first + i, words);
        for (size_t k = 0; k < lanes; k++)
            labels[i * lanes + k] = words[(first_lane + k) % 4] & 1 ? 1 : -1;
    }
    return 0;
}

static void fit(const struct samples *samples, bool on_device, uint64_t memory, float *normals,
                double *offsets)
{
    const struct fit_source source = {(void *)samples, give_rows, on_device ? give_chunk : NULL};
    const struct fit_labels labels = {NULL, give_labels};
    struct fit_lane lanes[4] = {{1, true, 0}, {1, true, 0}, {0.1, false, 0}, {1, true, 0}};
    struct fit_boundary boundaries[4];
    struct fit_set *set = NULL;
    for (size_t k = 0; k < 4; k++)
        boundaries[k] = (struct fit_boundary){.normal = normals + k * samples->dimension};
    assert_ok(fit_set_open(device, &source, 9000, samples->dimension, 4, memory, &set, &err));
    assert_ok(fit_solve(set, &labels, lanes, 4, boundaries, &err));
    for (size_t k = 0; k < 4; k++)
        offsets[k] = boundaries[k].offset;
    fit_set_close(&set);
}

static void a_fit_is_the_same(void **state)
{
    (void)state;
    struct samples samples = {.dimension = 60};
    float host[4 * 60], drawn[4 * 60], again[4 * 60];
    double offsets[3][4];
    assert_ok(latent_device_open(device, &laws[1], 60, &samples.drawer, &err));
    if (!samples.drawer)
        skip();
    fit(&samples, false, 1u << 30, host, offsets[0]);
    fit(&samples, true, 1u << 30, drawn, offsets[1]);
    fit(&samples, true, 6u << 20, again, offsets[2]); /* drawn again at every pass */
    assert_memory_equal(drawn, host, sizeof host);
    assert_memory_equal(again, host, sizeof host);
    assert_memory_equal(offsets[1], offsets[0], sizeof offsets[0]);
    assert_memory_equal(offsets[2], offsets[0], sizeof offsets[0]);
    latent_device_close(&samples.drawer);
}

/* ---- the clock ---- */

static int bench(size_t count)
{
    enum { D = 512, WIDTH = D + 8 };
    struct latent_device *drawer = NULL;
    cl_mem x = NULL;
    size_t rows = (count + 255) / 256 * 256;
    float *host = malloc(count * D * sizeof *host);
    assert_ok(latent_device_open(device, &laws[1], D, &drawer, &err));
    assert_ok(device_buffer(device, rows * WIDTH * sizeof(float), &x, &err));
    for (int round = 0; round < 3; round++) {
        int64_t since = clock_now();
        clock_t busy = clock();
        assert_ok(latent_device_draw(drawer, 1, 0, count, rows, x, &err));
        assert_ok(device_finish(device, &err));
        int64_t middle = clock_now();
        clock_t then = clock();
        latent_draw_on(latent_threads(device), &laws[1], 1, 0, count, D, host);
        double device_us = (double)(middle - since) / 1e3, host_us = (double)(clock_now() - middle) / 1e3;
        printf("%zu latents of %d: device %.2f us each (%.2f of processors), host's threads %.2f us "
               "(%.2f)\n",
               count, D, device_us / (double)count,
               (double)(then - busy) * 1e6 / CLOCKS_PER_SEC / (double)count, host_us / (double)count,
               (double)(clock() - then) * 1e6 / CLOCKS_PER_SEC / (double)count);
    }
    clReleaseMemObject(x);
    latent_device_close(&drawer);
    free(host);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_the_hosts),
        cmocka_unit_test(a_fit_is_the_same),
    };
    if (!have_device())
        return EXIT_SKIP;
    assert_ok(device_open(0, NULL, &device, &err));
    int failed = argc > 2 ? bench((size_t)atol(argv[2]))
                          : cmocka_run_group_tests(tests, NULL, NULL);
    device_close(&device);
    return failed;
}
