/*
 * Published architectures as PyTorch exports them, randomly initialised: 1e-4 of the output's range to
 * PyTorch's own outputs, and the same bits for a row in batches of 1, 3, 8 and 64.
 *
 *     test_architectures [small|full [NAME]]
 *
 * The networks come from tests/oracles/export_networks.py, run here by Debian's python3; without
 * python3-torch and python3-torchvision the test is skipped. `full` has the published sizes and small
 * batches; NAME is one of its networks.
 */
#include "tests/engine/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/npy.h"

#define NETWORKS_MOST 32
#define BOUND 1e-4

static struct {
    char folder[512];
    char names[NETWORKS_MOST][64];
    size_t count;
} exported;

static struct npy read_array(const char *name, const char *which)
{
    char path[1024];
    struct npy npy;
    struct error err = {0};
    snprintf(path, sizeof path, "%s/%s.%s.npy", exported.folder, name, which);
    if (npy_read(path, &npy, &err) != 0)
        fail_msg("%s", err.text);
    return npy;
}

static struct engine_network *load(const char *name, size_t batch)
{
    char path[1024];
    struct engine_network *network = NULL;
    struct error err = {0};
    snprintf(path, sizeof path, "%s/%s.onnx", exported.folder, name);
    if (network_load(harness_device(), path, NULL, 0, batch, harness_options(NULL), &network, &err) != 0)
        fail_msg("%s", err.text);
    return network;
}

/* Runs the first `rows` rows, compiled for as many; the caller frees. */
static float *run(const char *name, size_t rows, const struct npy *in, size_t *row_elements)
{
    struct engine_network *network = load(name, rows);
    *row_elements = engine_output(network, 0)->row_elements;
    float *out = calloc(rows * *row_elements, sizeof *out);
    assert_non_null(out);
    harness_run(network, rows, (const float *const[]){in->data}, &out);
    engine_free(&network);
    return out;
}

static void compare(const char *name)
{
    struct npy in = read_array(name, "in"), want = read_array(name, "out");
    size_t rows = (size_t)want.dims[0], elements;
    float *got = run(name, rows, &in, &elements);
    assert_int_equal(rows * elements, want.elements);
    double error = harness_error(got, want.data, want.elements, 1e-6);
    printf("%s: %.1e of the range\n", name, error);
    if (!(error <= BOUND))
        fail_msg("%s: %.1e of the range (expected %.0e at most)", name, error, BOUND);
    free(got);
    npy_free(&in);
    npy_free(&want);
}

static void compare_batches(const char *name)
{
    static const size_t batches[] = {1, 3, 8, 64};
    struct npy in = read_array(name, "in");
    size_t elements, most = (size_t)in.dims[0];
    float *all = run(name, most, &in, &elements);
    for (size_t i = 0; i < sizeof batches / sizeof *batches && batches[i] < most; i++) {
        float *part = run(name, batches[i], &in, &elements);
        if (memcmp(part, all, batches[i] * elements * sizeof *part) != 0)
            fail_msg("%s: other bits in a batch of %zu than of %zu", name, batches[i], most);
        free(part);
    }
    free(all);
    npy_free(&in);
}

static void test_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < exported.count; i++)
        compare(exported.names[i]);
}

static void test_batches(void **state)
{
    (void)state;
    for (size_t i = 0; i < exported.count; i++)
        compare_batches(exported.names[i]);
}

/* Lets PyTorch write the networks and notes their names. Returns false if it cannot. */
static bool export_networks(const char *size, const char *name)
{
    char command[2048];
    const char *build = getenv("FACEFARM_BUILD");
    snprintf(exported.folder, sizeof exported.folder, "%s/tests/architectures-%s",
             build ? build : "build", size);
    snprintf(command, sizeof command,
             "/usr/bin/python3 -W ignore tests/oracles/export_networks.py %s '%s' %s 2>&1", size,
             exported.folder, name);
    FILE *names = popen(command, "r");
    char line[256];
    while (names && fgets(line, sizeof line, names)) {
        line[strcspn(line, "\n")] = '\0';
        if (strchr(line, ' ') || exported.count == NETWORKS_MOST)
            printf("%s\n", line);
        else
            snprintf(exported.names[exported.count++], sizeof *exported.names, "%.60s", line);
    }
    return names && pclose(names) == 0 && exported.count > 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_batches),
    };
    if (system("/usr/bin/python3 -c 'import torch, torchvision' 2>/dev/null") != 0) {
        printf("skipped: python3-torch and python3-torchvision are not installed\n");
        return 77;
    }
    harness_device();
    if (!export_networks(argc > 1 ? argv[1] : "small", argc > 2 ? argv[2] : "")) {
        printf("cannot export the networks\n");
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
