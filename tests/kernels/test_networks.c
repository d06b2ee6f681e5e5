/*
 * Whole networks once, a row each, with the kernels that a GPU would get (FACEFARM_TEST_AS): under
 * oclgrind every step's accesses and races are looked at. The networks are the default bundle's,
 * and those that conformance.architectures has exported, where it has run; arguments are other ONNX
 * files.
 */
#include "tests/engine/harness.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void run_file(const char *path)
{
    struct engine_network *network = NULL;
    struct error err = {0};
    struct network_options options = {.engine.tolerance = 1e-3};
    float *in[16] = {NULL}, *out[16] = {NULL};
    if (network_load(harness_device(), path, NULL, 0, 1, harness_options(&options), &network,
                     &err) != 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < engine_input_count(network); i++) {
        size_t elements = engine_input(network, i)->row_elements;
        in[i] = calloc(elements, sizeof(float));
        assert_non_null(in[i]);
        harness_random(in[i], elements, (uint32_t)i + 1);
    }
    for (size_t i = 0; i < engine_output_count(network); i++)
        out[i] = calloc(engine_output(network, i)->row_elements, sizeof(float));
    harness_run(network, 1, (const float *const *)in, out);
    for (size_t k = 0; k < engine_output(network, 0)->row_elements; k++)
        assert_true(isfinite(out[0][k]));
    printf("%s\n", path);
    engine_print_plan(network, NULL, 0, stdout);
    fflush(stdout);
    engine_free(&network);
    for (size_t i = 0; i < 16; i++) {
        free(in[i]);
        free(out[i]);
    }
}

static void run_files(const char *pattern)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0) {
        printf("none is %s\n", pattern);
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++)
        run_file(found.gl_pathv[i]);
    globfree(&found);
}

static char **files;

static void test_networks(void **state)
{
    (void)state;
    char exported[512];
    const char *build = getenv("FACEFARM_BUILD");
    for (char **file = files; *file; file++)
        run_file(*file);
    if (*files)
        return;
    run_files("models/default/*.onnx");
    snprintf(exported, sizeof exported, "%s/tests/architectures-small/*.onnx",
             build ? build : "build");
    run_files(exported);
}

int main(int argc, char **argv)
{
    (void)argc;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_networks)};
    files = argv + 1;
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
