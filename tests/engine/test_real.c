/*
 * Real networks by others, where they are at hand (../shared/models, see its README): outputs within
 * 1e-4 for images and probabilities, 1e-3 for years, as their reference asks.
 */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/npy.h"

#define FOLDER "../shared/models/"

static uint32_t little(const uint8_t *at, int bytes)
{
    uint32_t number = 0;
    while (bytes-- > 0)
        number = number << 8 | at[bytes];
    return number;
}

static uint8_t *read_all(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    fseek(in, 0, SEEK_END);
    *size = (size_t)ftell(in);
    rewind(in);
    uint8_t *data = malloc(*size);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *size, in), *size);
    fclose(in);
    return data;
}

static struct npy read_stored(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/facefarm-npy-XXXXXX";
    struct npy npy;
    struct error err = {0};
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, data, size), size);
    close(file);
    int failed = npy_read(path, &npy, &err);
    unlink(path);
    if (failed)
        fail_msg("%s", err.text);
    return npy;
}

/* The array `name` of an .npz whose members are stored, by its central directory. */
static struct npy read_member(const char *path, const char *name)
{
    size_t size, length = strlen(name);
    uint8_t *zip = read_all(path, &size);
    for (size_t at = 0; at + 46 + length < size; at++) {
        const uint8_t *entry = zip + at;
        if (memcmp(entry, "PK\1\2", 4) != 0 || little(entry + 28, 2) != length + 4 ||
            memcmp(entry + 46, name, length) != 0 || memcmp(entry + 46 + length, ".npy", 4) != 0)
            continue;
        const uint8_t *local = zip + little(entry + 42, 4);
        assert_int_equal(little(entry + 10, 2), 0); /* stored */
        const uint8_t *data = local + 30 + little(local + 26, 2) + little(local + 28, 2);
        struct npy npy = read_stored(data, little(entry + 24, 4));
        free(zip);
        return npy;
    }
    fail_msg("%s has no %s", path, name);
    return (struct npy){0};
}

static double largest_difference(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
    return largest;
}

static void check_network(const char *name, const struct network_options *options)
{
    char model[256], reference[256];
    struct engine_network *network = NULL;
    struct error err = {0};
    float *got[4] = {NULL};
    snprintf(model, sizeof model, FOLDER "%s.onnx", name);
    snprintf(reference, sizeof reference, FOLDER "%s.ref.npz", name);
    if (network_load(harness_device(), model, NULL, 0, 8, options, &network, &err) != 0)
        fail_msg("%s", err.text);
    struct npy in = read_member(reference, engine_input(network, 0)->name);
    assert_int_equal(in.dims[0], 8);
    for (size_t i = 0; i < engine_output_count(network); i++)
        got[i] = calloc(8 * engine_output(network, i)->row_elements, sizeof **got);
    harness_run(network, 8, (const float *const[]){in.data}, got);
    for (size_t i = 0; i < engine_output_count(network); i++) {
        const char *output = engine_output(network, i)->name;
        struct npy want = read_member(reference, output);
        double error = largest_difference(got[i], want.data, want.elements);
        printf("%s: %s differs by %.1e at most\n", name, output, error);
        assert_true(error <= (strcmp(output, "age") == 0 ? 1e-3 : 1e-4));
        npy_free(&want);
        free(got[i]);
    }
    npy_free(&in);
    engine_free(&network);
}

static const char *const names[] = {
    "age_gender_faceapi",       "age_ssrnet_imdb",    "age_ssrnet_imdb_bn",
    "enc_vae64_btcvae_encoder", "expr7_faceapi",      "gen_dcgan32_3zade",
    "gen_vae64_btcvae_decoder", "gender_minixception", "gender_minixception_bn",
};

static void test_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_network(names[i], NULL);
}

static void test_portable(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_network(names[i], &(struct network_options){.portable = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all),
                                       cmocka_unit_test(test_portable)};
    if (access(FOLDER "age_ssrnet_imdb.onnx", R_OK) != 0) {
        printf("skipped: there is no " FOLDER "\n");
        return 77;
    }
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
