/* The PNG encoder's filters against the specification's formulas, and the threads that encode. */
#include "worker_test.h"

#include <png.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/buffer.h"
#include "worker/encoder.h"
#include "worker/png_file.h"
#include "worker/png_filter.h"

static struct error err;

enum picture { NOISE, GRAY, BLACK, ACROSS, DOWN, SLOPE, PICTURES };

static uint32_t noise(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

/* Pictures that between them need every filter. */
static void draw(enum picture picture, size_t height, size_t width, uint8_t *pixels)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < 3; c++) {
                uint8_t *to = pixels + (y * width + x) * 3 + c;
                switch (picture) {
                case NOISE:
                    *to = (uint8_t)noise((uint32_t)((y * width + x) * 3 + c));
                    break;
                case GRAY:
                    *to = (uint8_t)(100 + noise((uint32_t)(y * width + x)) % 8);
                    break;
                case BLACK:
                    *to = 0;
                    break;
                case ACROSS:
                    *to = (uint8_t)noise((uint32_t)x * 3);
                    break;
                case DOWN:
                    *to = (uint8_t)noise((uint32_t)y * 3);
                    break;
                case SLOPE:
                    *to = (uint8_t)(3 * x + 5 * y + 80 * c + noise((uint32_t)(x * y)) % 4);
                    break;
                case PICTURES:
                    break;
                }
            }
}

/* ---- filters ---- */

static int predict(size_t filter, int a, int b, int c)
{
    int p = a + b - c, to_a = abs(p - a), to_b = abs(p - b), to_c = abs(p - c);
    int nearest = to_a <= to_b && to_a <= to_c ? a : to_b <= to_c ? b : c;
    const int predictions[] = {0, a, b, (a + b) / 2, nearest};
    return predictions[filter];
}

/* Byte i of row y under a filter. */
static uint8_t filtered(const uint8_t *pixels, size_t bytes, size_t y, size_t i, size_t filter)
{
    const uint8_t *row = pixels + y * bytes;
    int a = i >= 3 ? row[i - 3] : 0, b = y > 0 ? row[i - bytes] : 0;
    int c = i >= 3 && y > 0 ? row[i - bytes - 3] : 0;
    return (uint8_t)(row[i] - predict(filter, a, b, c));
}

static void check_row(const uint8_t *pixels, size_t bytes, size_t y, const uint8_t *row,
                      size_t used[PNG_FILTER_COUNT])
{
    long least = 0, sums[PNG_FILTER_COUNT] = {0};
    size_t best = 0;
    for (size_t f = 0; f < PNG_FILTER_COUNT; f++) {
        for (size_t i = 0; i < bytes; i++)
            sums[f] += abs((int8_t)filtered(pixels, bytes, y, i, f));
        if (f == 0 || sums[f] < least) {
            best = f;
            least = sums[f];
        }
    }
    assert_int_equal(row[0], best);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(row[1 + i], filtered(pixels, bytes, y, i, best));
    used[best]++;
}

static const size_t sizes[][2] = {{1, 1}, {1, 100}, {100, 1}, {64, 64}, {37, 91}, {5, 1400}};
#define SIZES (sizeof sizes / sizeof *sizes)

static void filters_are_the_specifications(void **state)
{
    (void)state;
    size_t used[PNG_FILTER_COUNT] = {0};
    for (size_t s = 0; s < SIZES; s++)
        for (int picture = 0; picture < PICTURES; picture++) {
            size_t height = sizes[s][0], width = sizes[s][1], bytes = 3 * width;
            uint8_t *pixels = malloc(height * bytes), *out = malloc(height * (1 + bytes));
            uint8_t *scratch = malloc(png_filter_scratch(width));
            draw((enum picture)picture, height, width, pixels);
            png_filter_image(pixels, height, width, scratch, out);
            for (size_t y = 0; y < height; y++)
                check_row(pixels, bytes, y, out + y * (1 + bytes), used);
            free(pixels);
            free(out);
            free(scratch);
        }
    for (size_t f = 0; f < PNG_FILTER_COUNT; f++)
        assert_true(used[f] > 0);
}

/* ---- files ---- */

static void check_file(const uint8_t *pixels, size_t height, size_t width, const void *file,
                       size_t size)
{
    uint8_t *back = malloc(height * width * 3);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&image, file, size));
    assert_int_equal(image.height, height);
    assert_int_equal(image.width, width);
    assert_int_equal(image.format, PNG_FORMAT_RGB);
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_int_equal(image.warning_or_error, 0);
    assert_memory_equal(back, pixels, height * width * 3);
    free(back);
}

/* One encoder for pictures of all sizes, up and down. */
static void libpng_reads_every_picture(void **state)
{
    (void)state;
    static const size_t more[][2] = {{1024, 1024}, {64, 64}, {2, 3}, {257, 31}};
    struct png_encoder *encoder = NULL;
    struct buffer out;
    uint8_t *pixels = malloc(1024 * 1024 * 3);
    assert_ok(png_encoder_open(&encoder, &err));
    buffer_init(&out, 1 << 24);
    for (size_t s = 0; s < SIZES + 4; s++)
        for (int picture = 0; picture < PICTURES; picture++) {
            const size_t *size = s < SIZES ? sizes[s] : more[s - SIZES];
            draw((enum picture)picture, size[0], size[1], pixels);
            buffer_clear(&out);
            assert_ok(png_encoder_encode(encoder, pixels, size[0], size[1], &out, &err));
            check_file(pixels, size[0], size[1], out.data, out.size);
        }
    png_encoder_close(&encoder);
    buffer_free(&out);
    free(pixels);
}

static void pngcheck_finds_nothing(void **state)
{
    (void)state;
    char folder[256], path[300], command[600];
    if (system("command -v pngcheck > /dev/null") != 0)
        skip();
    make_folder(folder);
    for (size_t s = 0; s < SIZES; s++)
        for (int picture = 0; picture < PICTURES; picture++) {
            uint8_t *pixels = malloc(sizes[s][0] * sizes[s][1] * 3);
            struct buffer out;
            buffer_init(&out, 1 << 20);
            draw((enum picture)picture, sizes[s][0], sizes[s][1], pixels);
            assert_ok(png_file_encode(pixels, sizes[s][0], sizes[s][1], &out, &err));
            snprintf(path, sizeof path, "%s/%zu-%d.png", folder, s, picture);
            assert_ok(buffer_write_file(path, out.data, out.size, &err));
            buffer_free(&out);
            free(pixels);
        }
    snprintf(command, sizeof command, "pngcheck -q '%s'/*.png", folder);
    assert_int_equal(system(command), 0);
    remove_folder(folder);
}

/* ---- threads ---- */

#define HEIGHT 20
#define WIDTH 30
#define BATCH 7
#define BATCHES 9

struct taken { /* what a sink has seen */
    uint64_t count, fail_at;
    struct buffer all;
};

static int take(void *state, uint64_t image, const void *file, size_t size, struct error *error)
{
    struct taken *taken = state;
    assert_int_equal(image, taken->count);
    if (taken->count == taken->fail_at)
        return error_set(error, E_IO, "the disk is full");
    taken->count++;
    return buffer_append(&taken->all, file, size, error);
}

static uint8_t *batch_of(size_t batch)
{
    uint8_t *pixels = malloc(BATCH * HEIGHT * WIDTH * 3);
    for (size_t i = 0; i < BATCH; i++) {
        uint8_t *image = pixels + i * HEIGHT * WIDTH * 3;
        draw((enum picture)((batch + i) % PICTURES), HEIGHT, WIDTH, image);
        image[0] = (uint8_t)(batch * BATCH + i);
    }
    return pixels;
}

static struct taken encode_all(unsigned threads, bool in_turn)
{
    struct taken taken = {.fail_at = UINT64_MAX};
    struct encoder *encoder = NULL;
    buffer_init(&taken.all, 1 << 24);
    const struct encoder_way way = {threads, in_turn};
    assert_ok(encoder_begin(&way, HEIGHT, WIDTH, take, &taken, &encoder, &err));
    for (size_t batch = 0; batch < BATCHES; batch++) {
        uint8_t *pixels = batch_of(batch);
        assert_ok(encoder_put(encoder, &pixels, BATCH, &err));
        assert_null(pixels);
        if (in_turn && threads <= BATCH) /* all of it is there, and no thread encodes beside the device */
            assert_int_equal(taken.count, (batch + 1) * BATCH);
    }
    assert_ok(encoder_end(&encoder, &err));
    assert_null(encoder);
    assert_int_equal(taken.count, BATCH * BATCHES);
    return taken;
}

static void files_come_in_order_whatever_the_threads(void **state)
{
    (void)state;
    struct taken one = encode_all(1, false);
    struct buffer alone;
    buffer_init(&alone, 1 << 24);
    for (size_t batch = 0; batch < BATCHES; batch++) {
        uint8_t *pixels = batch_of(batch);
        for (size_t i = 0; i < BATCH; i++)
            assert_ok(
                png_file_encode(pixels + i * HEIGHT * WIDTH * 3, HEIGHT, WIDTH, &alone, &err));
        free(pixels);
    }
    assert_int_equal(one.all.size, alone.size);
    assert_memory_equal(one.all.data, alone.data, alone.size);
    for (unsigned threads = 0; threads <= ENCODER_THREADS_MAX; threads = 2 * threads + 1)
        for (int in_turn = 0; in_turn < 2; in_turn++) {
            struct taken more = encode_all(threads, in_turn);
            assert_int_equal(more.all.size, alone.size);
            assert_memory_equal(more.all.data, alone.data, alone.size);
            buffer_free(&more.all);
        }
    buffer_free(&one.all);
    buffer_free(&alone);
}

static void a_failing_sink_fails_the_encoding(void **state)
{
    (void)state;
    for (uint64_t fail_at = 0; fail_at < BATCH * BATCHES; fail_at += 5) {
        struct taken taken = {.fail_at = fail_at};
        const struct encoder_way way = {3, fail_at % 2};
        struct encoder *encoder = NULL;
        int failed = 0;
        buffer_init(&taken.all, 1 << 24);
        assert_ok(encoder_begin(&way, HEIGHT, WIDTH, take, &taken, &encoder, &err));
        for (size_t batch = 0; batch < BATCHES && !failed; batch++) {
            uint8_t *pixels = batch_of(batch);
            failed = encoder_put(encoder, &pixels, BATCH, &err);
            assert_null(pixels);
        }
        if (failed)
            encoder_abandon(&encoder);
        else
            failed = encoder_end(&encoder, &err);
        assert_int_equal(failed, E_IO);
        assert_string_equal(err.text, "the disk is full");
        assert_int_equal(taken.count, fail_at);
        buffer_free(&taken.all);
    }
}

static void abandoning_stops_and_frees(void **state)
{
    (void)state;
    for (size_t batches = 0; batches < 4; batches++) {
        struct taken taken = {.fail_at = UINT64_MAX};
        struct encoder *encoder = NULL;
        buffer_init(&taken.all, 1 << 24);
        const struct encoder_way way = {2, false};
        assert_ok(encoder_begin(&way, HEIGHT, WIDTH, take, &taken, &encoder, &err));
        for (size_t batch = 0; batch < batches; batch++) {
            uint8_t *pixels = batch_of(batch);
            assert_ok(encoder_put(encoder, &pixels, BATCH, &err));
        }
        encoder_abandon(&encoder);
        assert_null(encoder);
        assert_true(taken.count <= batches * BATCH);
        buffer_free(&taken.all);
    }
    struct encoder *none = NULL;
    encoder_abandon(&none);
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static int wait_and_take(void *state, uint64_t image, const void *file, size_t size,
                         struct error *error)
{
    pthread_mutex_lock(&held);
    pthread_mutex_unlock(&held);
    return take(state, image, file, size, error);
}

/* The queue stays full, as the first file is not taken. */
static void who_is_stopped_does_not_put_into_a_full_queue(void **state)
{
    (void)state;
    atomic_bool stop = false;
    struct taken taken = {.fail_at = UINT64_MAX};
    struct encoder *encoder = NULL;
    buffer_init(&taken.all, 1 << 24);
    pthread_mutex_lock(&held);
    const struct encoder_way way = {2, false};
    assert_ok(encoder_begin(&way, HEIGHT, WIDTH, wait_and_take, &taken, &encoder, &err));
    encoder_stop_by(encoder, &stop);
    for (size_t batch = 0; batch < ENCODER_BATCHES; batch++) {
        uint8_t *pixels = batch_of(batch);
        assert_ok(encoder_put(encoder, &pixels, BATCH, &err));
    }
    uint8_t *pixels = batch_of(ENCODER_BATCHES);
    atomic_store(&stop, true);
    assert_error(encoder_put(encoder, &pixels, BATCH, &err), E_INTERRUPTED, "nobody waits");
    assert_null(pixels);
    pthread_mutex_unlock(&held);
    assert_ok(encoder_end(&encoder, &err)); /* what was put before is finished all the same */
    assert_int_equal(taken.count, ENCODER_BATCHES * BATCH);
    buffer_free(&taken.all);
}

static void the_way_follows_the_device(void **state)
{
    (void)state;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct device_info info = {.kind = DEVICE_CPU, .compute_units = (unsigned)cores};
    struct encoder_way way = encoder_way(&info);
    assert_true(way.in_turn);
    assert_int_equal(way.threads, cores < ENCODER_THREADS_MAX ? cores : ENCODER_THREADS_MAX);
    info.compute_units = (unsigned)cores - 1; /* a part */
    way = encoder_way(&info);
    assert_true(cores == 1 || !way.in_turn);
    assert_in_range(way.threads, 0, (cores + 7) / 8);
    info.kind = DEVICE_GPU;
    info.compute_units = 4096;
    way = encoder_way(&info);
    assert_false(way.in_turn);
    assert_in_range(way.threads, 1, ENCODER_BESIDE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_the_specifications),
        cmocka_unit_test(libpng_reads_every_picture),
        cmocka_unit_test(pngcheck_finds_nothing),
        cmocka_unit_test(files_come_in_order_whatever_the_threads),
        cmocka_unit_test(a_failing_sink_fails_the_encoding),
        cmocka_unit_test(abandoning_stops_and_frees),
        cmocka_unit_test(who_is_stopped_does_not_put_into_a_full_queue),
        cmocka_unit_test(the_way_follows_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
