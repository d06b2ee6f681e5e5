/* Streams of deflate.c as zlib reads them: every kind of data, every block and window edge. */
#include "worker_test.h"

#include <string.h>
#include <zlib.h>

#include "worker/deflate.h"
#include "worker/huffman.h"

#define SIZE_MOST (1 << 20)

static struct error err;
static struct deflate *deflate_;
static uint8_t data[SIZE_MOST], back[SIZE_MOST];

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Returns the stream's length. */
static size_t round_trip(size_t size)
{
    size_t length = 0;
    uLongf returned = SIZE_MOST;
    uint8_t *out = malloc(deflate_bound(size));
    assert_non_null(out);
    deflate_stream(deflate_, data, size, out, &length);
    assert_true(length <= deflate_bound(size));
    assert_int_equal(uncompress(back, &returned, out, (uLong)length), Z_OK);
    assert_int_equal(returned, size);
    assert_memory_equal(back, data, size);
    free(out);
    return length;
}

static void small_sizes(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (size_t size = 1; size < 300; size++) {
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)(size % 3 ? random_next(&seed) % size : 7);
        round_trip(size);
    }
}

/* Sizes around the window and the blocks, from one value to 256 of them. */
static void noise(void **state)
{
    (void)state;
    static const size_t sizes[] = {16383, 16384, 16385, 32767, 32768, 32769, 65541, 700001};
    uint32_t seed = 2;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (uint32_t values = 1; values <= 256; values *= 4) {
            for (size_t k = 0; k < sizes[i]; k++)
                data[k] = (uint8_t)(random_next(&seed) % values);
            round_trip(sizes[i]);
        }
}

/* Frequencies like Fibonacci's numbers ask for codes longer than fifteen bits. */
static void lopsided_frequencies(void **state)
{
    (void)state;
    size_t size = 0, a = 1, b = 1;
    for (uint8_t symbol = 0; size + a < 16384; symbol++) {
        memset(data + size, symbol, a);
        size += a;
        size_t sum = a + b;
        a = b;
        b = sum;
    }
    uint32_t seed = 3;
    for (size_t i = size; i-- > 1;) { /* shuffled, so that no run becomes a match */
        size_t k = random_next(&seed) % (i + 1);
        uint8_t held = data[i];
        data[i] = data[k];
        data[k] = held;
    }
    round_trip(size);
}

/* Neighbours that differ a little get one length; nothing that occurs is lost, nothing rare becomes
 * frequent. */
static void smooth_frequencies(void **state)
{
    (void)state;
    uint32_t frequencies[] = {90, 40, 41, 39, 40, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0};
    const uint32_t smooth[] = {90, 40, 40, 40, 40, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0};
    huffman_smooth(frequencies, sizeof frequencies / sizeof *frequencies);
    assert_memory_equal(frequencies, smooth, sizeof smooth);
    uint32_t seed = 5;
    for (int run = 0; run < 100; run++) {
        uint32_t before[HUFFMAN_SYMBOLS_MAX], after[HUFFMAN_SYMBOLS_MAX];
        for (size_t i = 0; i < HUFFMAN_SYMBOLS_MAX; i++)
            before[i] = after[i] = random_next(&seed) % 3 ? 0 : random_next(&seed) % 12;
        huffman_smooth(after, HUFFMAN_SYMBOLS_MAX);
        for (size_t i = 0; i < HUFFMAN_SYMBOLS_MAX; i++)
            assert_true(before[i] == 0 || after[i] > 0);
    }
}

/* Repeats at every distance that has a symbol of its own, and at the window's last byte. */
static void far_matches(void **state)
{
    (void)state;
    static const size_t distances[] = {1, 2, 5, 6, 257, 4097, 24577, 32767, 32768, 32769};
    uint32_t seed = 4;
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        size_t size = distances[i] + 1000;
        for (size_t k = 0; k < distances[i]; k++)
            data[k] = (uint8_t)random_next(&seed);
        for (size_t k = distances[i]; k < size; k++)
            data[k] = data[k - distances[i]];
        size_t length = round_trip(size);
        if (distances[i] > 1000 && distances[i] < 32768)
            assert_true(length < distances[i] + distances[i] / 50 + 300); /* the repeat was found */
    }
}

static void the_same_again(void **state)
{
    (void)state;
    size_t lengths[2];
    static uint8_t streams[2][100000];
    for (size_t i = 0; i < 50000; i++)
        data[i] = (uint8_t)(i * i >> 7);
    for (int run = 0; run < 2; run++) { /* what another picture left behind does not matter */
        deflate_stream(deflate_, data, 50000, streams[run], &lengths[run]);
        memset(back, 9, 40000);
        size_t ignored;
        uint8_t *out = malloc(deflate_bound(40000));
        deflate_stream(deflate_, back, 40000, out, &ignored);
        free(out);
    }
    assert_int_equal(lengths[0], lengths[1]);
    assert_memory_equal(streams[0], streams[1], lengths[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_sizes),          cmocka_unit_test(noise),
        cmocka_unit_test(lopsided_frequencies), cmocka_unit_test(far_matches),
        cmocka_unit_test(the_same_again),       cmocka_unit_test(smooth_frequencies),
    };
    if (deflate_open(&deflate_, &err) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    deflate_close(&deflate_);
    return failed;
}
