/*
 * Whole networks of ONNX's own suite, where they are at hand (../shared/onnx-vectors/light, see the README
 * above them): the input is float32 arange(n)/n, a dimension that the file leaves open is 1, and the output
 * is held to rtol 1e-3 and atol 1e-7, as upstream holds it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <onnx.pb-c.h>

#include "tests/engine/harness.h"
#include "worker/engine/onnx.h"

#define FOLDER "../shared/onnx-vectors/light/"

static const char *const names[] = {"light_bvlc_alexnet", "light_densenet121", "light_inception_v1",
                                    "light_inception_v2", "light_squeezenet"};

static FILE *open_file(const char *name, const char *file)
{
    char path[512];
    snprintf(path, sizeof path, FOLDER "%s/%s", name, file);
    return fopen(path, "rb");
}

static struct value read_output(const char *name)
{
    static uint8_t data[1 << 20];
    struct value value = {0};
    struct error err = {0};
    FILE *in = open_file(name, "output_0.pb");
    assert_non_null(in);
    size_t size = fread(data, 1, sizeof data, in);
    fclose(in);
    Onnx__TensorProto *tensor = onnx__tensor_proto__unpack(NULL, size, data);
    assert_non_null(tensor);
    if (onnx_tensor(tensor, &value, &err) != 0)
        fail_msg("%s: %s", name, err.text);
    onnx__tensor_proto__free_unpacked(tensor, NULL);
    return value;
}

static float *arange(size_t count)
{
    float *in = malloc(count * sizeof *in);
    assert_non_null(in);
    for (size_t i = 0; i < count; i++)
        in[i] = (float)i / (float)count;
    return in;
}

/* The largest difference as a multiple of what is allowed. */
static double compare(const float *got, const struct value *want)
{
    double worst = 0;
    const float *wanted = want->data;
    for (int64_t i = 0; i < value_elements(want); i++) {
        double allowed = 1e-7 + 1e-3 * fabs((double)wanted[i]);
        double off = fabs((double)got[i] - (double)wanted[i]) / allowed;
        worst = off <= worst ? worst : off; /* no number is worse than any */
    }
    return worst;
}

static void test_light(void **state)
{
    const char *name = *state;
    char path[512];
    struct engine_network *network = NULL;
    struct error err = {0};
    struct value want = read_output(name);
    snprintf(path, sizeof path, FOLDER "%s/model.onnx", name);
    if (engine_load(harness_device(), path, 1, NULL, &network, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(engine_input_count(network), 1);
    assert_int_equal(engine_output(network, 0)->row_elements, value_elements(&want));
    float *in = arange(engine_input(network, 0)->row_elements);
    float *out = calloc((size_t)value_elements(&want), sizeof *out);
    assert_non_null(out);
    harness_run(network, 1, (const float *const[]){in}, &out);
    double worst = compare(out, &want);
    printf("%s: %.3f of what is allowed\n", name, worst);
    assert_true(worst <= 1);
    engine_free(&network);
    free(in);
    free(out);
    free(want.data);
}

int main(void)
{
    struct CMUnitTest tests[sizeof names / sizeof *names];
    FILE *there = open_file(names[0], "model.onnx");
    if (!there) {
        printf("skipped: " FOLDER " is not there\n");
        return 77;
    }
    fclose(there);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        tests[i] = (struct CMUnitTest){names[i], test_light, NULL, NULL, (void *)names[i]};
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
