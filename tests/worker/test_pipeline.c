/* The default bundle through the pipeline, against what its recipe computed in PyTorch; and the
 * same faces in other batches, bit for bit. */
#include "worker_test.h"

#include <math.h>

#include "common/npy.h"
#include "worker/pipeline.h"
#include "worker/pipeline_network.h"

#define BUNDLE "models/default"

static struct error err;
static struct device *device;

static struct npy read_reference(const char *name)
{
    char path[256];
    struct npy npy;
    snprintf(path, sizeof path, BUNDLE "/reference/%s.npy", name);
    assert_ok(npy_read(path, &npy, &err));
    return npy;
}

/* Largest difference within 1e-4 of the reference's range. */
static void compare(const char *name, const struct npy *wanted, size_t columns, const float *found,
                    size_t stride)
{
    double low = INFINITY, high = -INFINITY, worst = 0;
    for (size_t i = 0; i < wanted->elements; i++) {
        double value = (double)wanted->data[i];
        double difference = fabs(value - (double)found[i / columns * stride + i % columns]);
        low = fmin(low, value);
        high = fmax(high, value);
        worst = difference > worst || isnan(difference) ? difference : worst;
    }
    double bound = 1e-4 * fmax(high - low, 1);
    if (!(worst <= bound))
        fail_msg("%s: differs by %g, allowed are %g", name, worst, bound);
}

static void agrees_with_the_recipe(void **state)
{
    (void)state;
    struct pipeline *pipeline = NULL;
    struct wire_stage_metrics metrics = {0};
    struct npy z = read_reference("z"), image = read_reference("image");
    struct npy logits = read_reference("logits"), fit = read_reference("age_fit");
    struct npy judge = read_reference("age_judge");
    assert_ok(pipeline_open(device, BUNDLE, 8, &pipeline, &err));
    size_t rows = z.dims[0], columns = pipeline_columns(pipeline);
    size_t bytes = pipeline_pixel_bytes(pipeline);
    float *scores = malloc(rows * columns * sizeof *scores);
    uint8_t *pixels = malloc(rows * bytes);
    assert_ok(pipeline_faces(pipeline, z.data, rows, scores, pixels, &metrics, &err));
    compare("logits", &logits, logits.dims[1], scores, columns);
    compare("age_fit", &fit, 1, scores + columns - 2, columns);
    compare("age_judge", &judge, 1, scores + columns - 1, columns);
    assert_int_equal(metrics.faces, rows);
    assert_true(metrics.generate_ms > 0 && metrics.label_ms > 0);

    size_t plane = bytes / 3, off = 0; /* pixels are rounded: a tie may fall either way */
    for (size_t i = 0; i < image.elements; i++) {
        size_t n = i / bytes, c = i % bytes / plane, p = i % plane;
        double wanted = fmin(fmax(((double)image.data[i] + 1) * 127.5, 0), 255);
        off += fabs(wanted - pixels[(n * plane + p) * 3 + c]) > 0.52;
    }
    assert_int_equal(off, 0);
    free(scores);
    free(pixels);
    pipeline_close(&pipeline);
    npy_free(&z), npy_free(&image), npy_free(&logits), npy_free(&fit), npy_free(&judge);
}

static void batches_do_not_matter(void **state)
{
    (void)state;
    struct npy z = read_reference("z");
    size_t rows = z.dims[0];
    float *first = NULL;
    uint8_t *first_pixels = NULL;
    for (size_t batch = 1; batch <= 8; batch = batch * 2 + 1) {
        struct pipeline *pipeline = NULL;
        struct wire_stage_metrics metrics = {0};
        assert_ok(pipeline_open(device, BUNDLE, batch, &pipeline, &err));
        size_t floats = rows * pipeline_columns(pipeline) * sizeof(float);
        size_t bytes = rows * pipeline_pixel_bytes(pipeline);
        float *scores = malloc(floats);
        uint8_t *pixels = malloc(bytes);
        assert_ok(pipeline_faces(pipeline, z.data, rows, scores, pixels, &metrics, &err));
        if (first) {
            assert_memory_equal(scores, first, floats);
            assert_memory_equal(pixels, first_pixels, bytes);
            free(scores);
            free(pixels);
        } else {
            first = scores;
            first_pixels = pixels;
        }
        pipeline_close(&pipeline);
    }
    free(first);
    free(first_pixels);
    npy_free(&z);
}

static void says_what_is_wrong_with_a_bundle(void **state)
{
    (void)state;
    struct pipeline *pipeline = NULL;
    struct engine_network *network = NULL;
    assert_int_not_equal(pipeline_open(device, "models/nothing", 8, &pipeline, &err), 0);
    struct bundle *bundle = NULL;
    struct pipeline_network described;
    assert_ok(bundle_load(BUNDLE, &bundle, NULL, &err));
    pipeline_network(bundle, 0, &described);
    described.input.name = "w";
    assert_error(pipeline_load(device, BUNDLE, &described, 1, &network, &err), E_INVALID,
                 "no input w, which bundle.yaml names; it has z");
    described.input.name = "z";
    described.input.dims[0] = 127;
    assert_error(pipeline_load(device, BUNDLE, &described, 1, &network, &err), E_INVALID,
                 "input z is [N,128], bundle.yaml says [N,127]");
    described.input.dims[0] = 128;
    described.outputs[0].dims[1] = 128;
    assert_error(pipeline_load(device, BUNDLE, &described, 1, &network, &err), E_INVALID,
                 "[N,3,64,64], bundle.yaml says [N,3,128,64]");
    described.outputs[0].dims[1] = 64;
    assert_ok(pipeline_load(device, BUNDLE, &described, 1, &network, &err));
    bundle_free(&bundle);
    engine_free(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_recipe),
        cmocka_unit_test(batches_do_not_matter),
        cmocka_unit_test(says_what_is_wrong_with_a_bundle),
    };
    if (!have_device())
        return EXIT_SKIP;
    if (device_open(0, NULL, &device, &err)) {
        printf("%s\n", err.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    device_close(&device);
    return failed;
}
