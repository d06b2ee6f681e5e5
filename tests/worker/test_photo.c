/* Photos: read or refused, labelled as the generator's own pictures are, and judged. */
#include "worker_test.h"

#include <jansson.h>
#include <math.h>
#include <png.h>
#include <turbojpeg.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/limits.h"
#include "worker/photo.h"
#include "worker/photo_label.h"
#include "common/photo_quality.h"
#include "worker/pipeline.h"

#define BUNDLE "models/default"
#define HEIGHT 20
#define WIDTH 24
#define FACES 24

static struct error err;
static char folder[] = "/tmp/facefarm-photo-XXXXXX";

/* A smooth picture, so that JPEG keeps it. */
static void paint(uint8_t *pixels, int channels)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < channels; c++)
                pixels[(y * WIDTH + x) * channels + c] = (uint8_t)(20 + 8 * y + 2 * x + 20 * c);
}

static size_t make_png(uint32_t format, const void *pixels, uint8_t *file, size_t room)
{
    png_image image = {.version = PNG_IMAGE_VERSION, .width = WIDTH, .height = HEIGHT, .format = format};
    png_alloc_size_t size = room;
    assert_true(png_image_write_to_memory(&image, file, &size, 0, pixels, 0, NULL));
    return size;
}

static size_t make_jpeg(const uint8_t *pixels, int height, int width, int format, uint8_t *file, size_t room)
{
    unsigned char *made = NULL;
    unsigned long size = 0;
    tjhandle handle = tjInitCompress();
    assert_int_equal(tjCompress2(handle, pixels, width, 0, height, format, &made, &size,
                                 format == TJPF_GRAY ? TJSAMP_GRAY : TJSAMP_444, 98, 0),
                     0);
    assert_true(size <= room);
    memcpy(file, made, size);
    tjFree(made);
    tjDestroy(handle);
    return size;
}

static void expect_photo(const uint8_t *file, size_t size, const uint8_t *pixels, int most)
{
    struct photo photo = {0};
    assert_ok(photo_decode("it", file, size, &photo, &err));
    assert_true(photo.height == HEIGHT && photo.width == WIDTH);
    for (int i = 0; i < HEIGHT * WIDTH * 3; i++)
        assert_true(abs(photo.pixels[i] - pixels[i]) <= most);
    photo_free(&photo);
}

static void png_and_jpeg_are_read(void **state)
{
    (void)state;
    uint8_t rgb[HEIGHT * WIDTH * 3], gray[HEIGHT * WIDTH], rgba[HEIGHT * WIDTH * 4], file[16384];
    uint8_t three[HEIGHT * WIDTH * 3];
    paint(rgb, 3);
    paint(gray, 1);
    expect_photo(file, make_png(PNG_FORMAT_RGB, rgb, file, sizeof file), rgb, 0);
    expect_photo(file, make_jpeg(rgb, HEIGHT, WIDTH, TJPF_RGB, file, sizeof file), rgb, 6);
    for (int i = 0; i < HEIGHT * WIDTH * 3; i++)
        three[i] = gray[i / 3];
    expect_photo(file, make_png(PNG_FORMAT_GRAY, gray, file, sizeof file), three, 0);
    expect_photo(file, make_jpeg(gray, HEIGHT, WIDTH, TJPF_GRAY, file, sizeof file), three, 4);
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        for (int c = 0; c < 3; c++)
            rgba[4 * i + c] = rgb[3 * i + c];
        rgba[4 * i + 3] = i < WIDTH ? 0 : 255; /* the first row is clear: black */
    }
    memset(rgb, 0, (size_t)WIDTH * 3);
    expect_photo(file, make_png(PNG_FORMAT_RGBA, rgba, file, sizeof file), rgb, 0);
}

/* Cut at every length, and with bytes changed: read whole or refused with a sentence, never more. */
static void damaged_files_are_refused(void **state)
{
    (void)state;
    uint8_t rgb[HEIGHT * WIDTH * 3], file[16384], broken[16384];
    paint(rgb, 3);
    for (int kind = 0; kind < 2; kind++) {
        size_t size = kind ? make_jpeg(rgb, HEIGHT, WIDTH, TJPF_RGB, file, sizeof file)
                           : make_png(PNG_FORMAT_RGB, rgb, file, sizeof file);
        /* A PNG's last bytes are checksums and its end, which no pixel needs. */
        for (size_t cut = 0; cut + 32 < size; cut++) {
            struct photo photo = {0};
            int rc = photo_decode("cut.png", file, cut, &photo, &err);
            if (rc != E_PARSE && rc != E_UNSUPPORTED)
                fail_msg("kind %d, %zu of %zu bytes: %d %s", kind, cut, size, rc, err.text);
            assert_non_null(strstr(err.text, "cut.png: "));
            assert_null(photo.pixels);
        }
        for (size_t i = 0; i < 3 * size; i++) {
            struct photo photo = {0};
            memcpy(broken, file, size);
            broken[i % size] ^= (uint8_t)(i < size ? 0xff : i < 2 * size ? 0x01 : 0x80);
            if (photo_decode("b", broken, size, &photo, &err) != 0)
                assert_true(err.text[0] != '\0' && !photo.pixels);
            photo_free(&photo);
        }
    }
}

/* A PNG of 60,000 × 60,000 pixels in 45 bytes is refused by its head. */
static void sizes_are_checked_before_memory_is_taken(void **state)
{
    (void)state;
    uint8_t rgb[HEIGHT * WIDTH * 3], file[16384];
    struct photo photo = {0};
    paint(rgb, 3);
    size_t size = make_png(PNG_FORMAT_RGB, rgb, file, sizeof file);
    const uint8_t wide[8] = {0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60};
    memcpy(file + 16, wide, sizeof wide);
    uint32_t crc = 0xffffffffu; /* of "IHDR" and its 13 bytes */
    for (int i = 12; i < 29; i++) {
        crc ^= file[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    for (int i = 0; i < 4; i++)
        file[29 + i] = (uint8_t)(~crc >> (24 - 8 * i));
    assert_error(photo_decode("wide.png", file, size, &photo, &err), E_LIMIT,
                 "wide.png: 60000x60000 pixels");
    assert_error(photo_decode("a.gif", "GIF89a", 6, &photo, &err), E_UNSUPPORTED,
                 "neither PNG nor JPEG");
    assert_error(photo_read("/nonexistent/a.png", &photo, &err), E_NOT_FOUND, "/nonexistent/a.png");
}

/* Eight photos by hand. */
static void quality_is_what_its_formulas_say(void **state)
{
    (void)state;
    const float scores[9] = {2, 1, -1, 0.5f, -2, -0.5f, 3, -3, 9};
    const signed char truth[9] = {1, 1, 1, -1, -1, -1, 1, -1, 0};
    struct photo_quality q;
    assert_ok(photo_quality(scores, truth, NULL, 9, 0.25, &q, &err));
    assert_int_equal(q.photos, 8);
    assert_int_equal(q.positives, 4);
    assert_true(q.counts.true_positives == 3 && q.counts.false_positives == 1 &&
                q.counts.true_negatives == 3 && q.counts.false_negatives == 1);
    assert_true(fabs(q.accuracy - 0.75) < 1e-12 && fabs(q.base_rate - 0.5) < 1e-12);
    assert_true(fabs(q.f1 - 0.75) < 1e-12 && fabs(q.balanced_accuracy - 0.75) < 1e-12);
    assert_true(fabs(q.mcc - 0.5) < 1e-12);
    assert_true(fabs(q.auc - 14.0 / 16) < 1e-12); /* -1 is below 0.5 and -0.5 */
    double squared = 0, n = 0, bins[PHOTO_QUALITY_BINS] = {0}, ece = 0;
    for (int i = 0; i < 8; i++) {
        double p = 1 / (1 + exp(-((double)scores[i] + 0.25))), y = truth[i] > 0;
        squared += (p - y) * (p - y);
        bins[(int)(10 * p)] += p - y;
    }
    for (int i = 0; i < PHOTO_QUALITY_BINS; i++) {
        ece += fabs(bins[i]) / 8;
        n += (double)q.bins[i].photos;
    }
    assert_true(n == 8);
    assert_true(fabs(q.squared_error - squared / 8) < 1e-12);
    assert_true(fabs(q.calibration_error - ece) < 1e-12);
    /* statsmodels' proportion_confint(6, 8, method="wilson") */
    assert_true(fabs(q.accuracy_low - 0.40927) < 1e-4 && fabs(q.accuracy_high - 0.92852) < 1e-4);
    struct photo_quality_intervals i;
    assert_ok(photo_quality_intervals(scores, truth, 9, &q, &i, &err));
    /* proportion_confint(3, 4, method="wilson") */
    assert_true(fabs(i.precision.low - 0.30064) < 1e-4 && fabs(i.precision.high - 0.95441) < 1e-4);
    assert_true(i.recall.low == i.precision.low && i.recall.high == i.precision.high);
    assert_true(i.auc.low < q.auc && i.auc.high == 1 && i.auc.low > 0.4);
    assert_true(i.f1.low > 0 && i.f1.low < q.f1 && i.f1.high == 1);
    assert_true(i.mcc.low < q.mcc && i.mcc.high == 1 && i.balanced.low < 0.75 &&
                i.balanced.high == 1);
    /* Of positives only there is no area and no balanced accuracy. */
    assert_ok(photo_quality(scores, truth, NULL, 3, 0, &q, &err));
    assert_ok(photo_quality_intervals(scores, truth, 3, &q, &i, &err));
    assert_true(isnan(i.auc.low) && isnan(i.balanced.high) && isnan(i.mcc.low) &&
                i.precision.high == 1);
    assert_ok(photo_quality(scores + 8, truth + 8, NULL, 1, 0, &q, &err));
    assert_int_equal(q.photos, 0);
}

/* ---- a folder ---- */

static void write_face(const uint8_t *pixels, size_t height, size_t width, int i)
{
    static uint8_t file[1 << 20];
    char path[128];
    size_t size;
    snprintf(path, sizeof path, "%s/%03d.%s", folder, i, i % 2 ? "jpg" : "png");
    if (i % 2) {
        size = make_jpeg(pixels, (int)height, (int)width, TJPF_RGB, file, sizeof file);
    } else {
        png_image image = {.version = PNG_IMAGE_VERSION,
                           .width = (png_uint_32)width,
                           .height = (png_uint_32)height,
                           .format = PNG_FORMAT_RGB};
        png_alloc_size_t made = sizeof file;
        assert_true(png_image_write_to_memory(&image, file, &made, 0, pixels, 0, NULL));
        size = made;
    }
    assert_ok(buffer_write_file(path, file, size, &err));
}

/* The same faces as 8-bit photos: rounded, and clipped where the generator leaves its range. */
static void label_photos(struct pipeline *pipeline, const uint8_t *pixels, const float *scores,
                         float *of_photos)
{
    const struct bundle_image *form = &pipeline_bundle(pipeline)->generator.output;
    size_t bytes = pipeline_pixel_bytes(pipeline), columns = pipeline_columns(pipeline);
    struct wire_stage_metrics metrics = {0};
    double change = 0;
    for (size_t i = 0; i < FACES; i += 8)
        assert_ok(pipeline_photos(
            pipeline, pixels + i * bytes, form->height, form->width, 8,
            &(struct pipeline_wanted){.scores = of_photos + i * columns}, &metrics, &err));
    for (size_t i = 0; i < FACES * columns; i++)
        change += fabs((double)of_photos[i] - (double)scores[i]) / (double)(FACES * columns);
    printf("mean change of a score by 8 bits: %.3f\n", change);
    assert_true(change < 0.2);
}

/* What the labellers say of the faces as generated becomes the truth of their pictures; of_photos: what
 * they say of these. */
static void fill_folder(float *of_photos)
{
    static float scores[FACES * 42];
    struct device *device = NULL;
    struct pipeline *pipeline = NULL;
    struct wire_stage_metrics metrics = {0};
    assert_ok(device_open(0, NULL, &device, &err));
    assert_ok(pipeline_open(device, BUNDLE, 8, &pipeline, &err));
    const struct bundle *bundle = pipeline_bundle(pipeline);
    const struct bundle_image *form = &bundle->generator.output;
    size_t bytes = pipeline_pixel_bytes(pipeline), columns = pipeline_columns(pipeline);
    float *latents = malloc(FACES * bundle_latent_size(bundle) * sizeof *latents);
    uint8_t *pixels = malloc(FACES * bytes);
    assert_ok(pipeline_latents(pipeline, 3, 0, FACES, latents, &err));
    assert_ok(pipeline_faces(pipeline, latents, FACES, scores, pixels, &metrics, &err));
    label_photos(pipeline, pixels, scores, of_photos);
    struct buffer truth, parts;
    buffer_init(&truth, 1 << 20);
    buffer_init(&parts, 1 << 20);
    int smiling = bundle_attribute(bundle, "Smiling"), male = bundle_attribute(bundle, "Male");
    assert_ok(buffer_printf(&truth, &err, "file,Male,Smiling,Unknown\n"));
    for (int i = 0; i < FACES; i++) {
        write_face(pixels + (size_t)i * bytes, form->height, form->width, i);
        const float *row = scores + (size_t)i * columns;
        assert_ok(buffer_printf(&truth, &err, "%03d.%s,%d,%d,1\n", i, i % 2 ? "jpg" : "png",
                                row[male] > 0, row[smiling] > 0 ? 1 : -1));
        assert_ok(buffer_printf(&parts, &err, "%03d.%s %d\n", i, i % 2 ? "jpg" : "png", i < 8 ? 0 : 2));
    }
    char path[128];
    snprintf(path, sizeof path, "%s/truth.csv", folder);
    assert_ok(buffer_write_file(path, truth.data, truth.size, &err));
    snprintf(path, sizeof path, "%s/parts.txt", folder);
    assert_ok(buffer_write_file(path, parts.data, parts.size, &err));
    snprintf(path, sizeof path, "%s/900.jpg", folder);
    assert_ok(buffer_write_file(path, "nothing", 7, &err));
    buffer_free(&truth);
    buffer_free(&parts);
    free(latents);
    free(pixels);
    pipeline_close(&pipeline);
    device_close(&device);
}

/* The scores in the CSV, against those of the pictures before they became files. */
static void compare_scores(const char *path, const float *scores, size_t columns)
{
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_ok(buffer_read_file(&text, path, 1 << 20, &err));
    char *at = strchr((char *)text.data, '\n') + 1;
    double worst[2] = {0, 0};
    for (int i = 0; i < FACES; i++) {
        assert_int_equal(atoi(at), i);
        at = strchr(at, ',');
        for (size_t c = 0; c < columns - 2; c++) {
            double found = strtod(at + 1, &at);
            worst[i % 2] = fmax(worst[i % 2], fabs(found - (double)scores[(size_t)i * columns + c]));
        }
        at = strchr(at, '\n') + 1;
    }
    printf("largest change of a logit: %.3f as PNG, %.3f as JPEG\n", worst[0], worst[1]);
    assert_true(worst[0] < 1e-4 && worst[1] < 3);
    buffer_free(&text);
}

static const json_t *attribute_of(const json_t *report, const char *name)
{
    size_t i;
    json_t *attribute;
    json_array_foreach(json_object_get(report, "attributes"), i, attribute)
        if (strcmp(json_string_value(json_object_get(attribute, "attribute")), name) == 0)
            return attribute;
    fail_msg("no attribute %s", name);
    return NULL;
}

static json_t *label_as_json(const struct photo_label_options *options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_ok(photo_label(options, out, &err));
    fclose(out);
    json_t *report = json_loads(text, 0, NULL);
    assert_non_null(report);
    free(text);
    return report;
}

static void a_folder_is_labelled(void **state)
{
    (void)state;
    static float scores[FACES * 42];
    char truth[128], parts[128], csv[128];
    if (!have_device())
        skip();
    fill_folder(scores);
    snprintf(truth, sizeof truth, "%s/truth.csv", folder);
    snprintf(parts, sizeof parts, "%s/parts.txt", folder);
    snprintf(csv, sizeof csv, "%s/scores.csv", folder);
    struct photo_label_options options = {.images = folder,
                                          .bundle = BUNDLE,
                                          .truth = truth,
                                          .partition = parts,
                                          .scores = csv,
                                          .batch = 5,
                                          .json = true};
    json_t *report = label_as_json(&options);
    assert_int_equal(json_integer_value(json_object_get(report, "photos")), FACES);
    assert_int_equal(json_integer_value(json_object_get(report, "unreadable")), 1);
    const json_t *male = json_object_get(attribute_of(report, "Male"), "quality");
    const json_t *test = json_object_get(male, "test");
    assert_int_equal(json_integer_value(json_object_get(test, "photos")), 16);
    assert_true(json_real_value(json_object_get(test, "accuracy")) > 0.9);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(male, "train"), "photos")), 8);
    assert_null(json_object_get(male, "validation"));
    assert_int_equal(json_object_size(json_object_get(attribute_of(report, "Young"), "quality")), 0);
    json_decref(report);
    compare_scores(csv, scores, 42);

    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    options.json = false;
    assert_ok(photo_label(&options, out, &err));
    fclose(out);
    assert_non_null(strstr(text, "24 photos by bundle default, 1 could not be read; quality of the test part"));
    assert_non_null(strstr(text, "mean of 2 attributes: accuracy "));
    free(text);
    options.truth = NULL;
    assert_error(photo_label(&options, stdout, &err), E_INVALID, "--truth");
    options.partition = NULL;
    options.images = "models/recipe";
    assert_error(photo_label(&options, stdout, &err), E_INVALID, "no .png, .jpg or .jpeg file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_and_jpeg_are_read),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(sizes_are_checked_before_memory_is_taken),
        cmocka_unit_test(quality_is_what_its_formulas_say),
        cmocka_unit_test(a_folder_is_labelled),
    };
    char command[128];
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) || failed;
}
