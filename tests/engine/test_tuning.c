/*
 * Tuning: the table and its file, damaged ones, and that it changes no bit of a network's results.
 */
#include "tests/engine/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "worker/engine/tuning.h"

static char folder[256];
static struct error err;

static const struct device_info card = {.name = "card", .driver = "1.0", .compute_units = 2};

static struct tuning *open_tuning(void)
{
    struct tuning *tuning = NULL;
    assert_int_equal(tuning_open(&card, &tuning, &err), 0);
    return tuning;
}

static void write_tuning(const char *lines)
{
    struct tuning *tuning = open_tuning();
    const struct winograd way = {.tiles = 14, .block = 7, .vectors = 2, .staged = true};
    assert_int_equal(tuning_set(tuning, "key", &way, &err), 0);
    assert_int_equal(tuning_save(tuning, &err), 0);
    FILE *file = fopen(tuning_path(tuning), "a");
    assert_non_null(file);
    fputs(lines, file);
    fclose(file);
    tuning_close(&tuning);
}

static void test_file(void **state)
{
    (void)state;
    write_tuning("other\twhole 8 8 1\n");
    struct tuning *tuning = open_tuning();
    const struct winograd *key = tuning_find(tuning, "key"), *other = tuning_find(tuning, "other");
    assert_true(key && key->staged && key->tiles == 14 && key->block == 7 && key->vectors == 2);
    assert_true(other && !other->staged && other->tiles == 8);
    assert_null(tuning_find(tuning, "third"));
    tuning_close(&tuning);
}

/* One bad line, and the whole file is as if it were not there; saving replaces it. */
static void test_damage(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "no tab\n",          "\twhole 8 8 1\n",     "k\tquick 8 8 1\n",      "k\twhole 8 8\n",
        "k\twhole 8 8 1 9\n", "k\twhole 8 3 1\n",    "k\twhole -8 8 1\n",     "k\twhole 8 0 1\n",
        "k\twhole 8 8 0\n",  "k\twhole 99999 1 1\n", "k\twhole 1e9 8 1\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        write_tuning(lines[i]);
        struct tuning *tuning = open_tuning();
        assert_null(tuning_find(tuning, "key"));
        tuning_close(&tuning);
    }
    write_tuning("");
    struct tuning *tuning = open_tuning();
    assert_non_null(tuning_find(tuning, "key"));
    truncate(tuning_path(tuning), 5);
    tuning_close(&tuning);
    tuning = open_tuning();
    assert_null(tuning_find(tuning, "key"));
    tuning_close(&tuning);
}

static void test_no_folder(void **state)
{
    (void)state;
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "");
    unsetenv("FACEFARM_CACHE");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    struct tuning *tuning = open_tuning();
    assert_string_equal(tuning_path(tuning), "");
    assert_int_equal(tuning_save(tuning, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.text, "FACEFARM_CACHE"));
    tuning_close(&tuning);
    setenv("HOME", home, 1);
    setenv("FACEFARM_CACHE", folder, 1);
    free(home);
}

/* The generator at three rows: untuned, tuned, and with a file of ways that do not fit. */
static void run_generator(float *image)
{
    struct engine_network *network = NULL;
    const struct engine_options options = {.tolerance = 1e-3};
    float z[3 * 128];
    assert_int_equal(engine_load(harness_device(), "models/default/generator.onnx", 3, &options,
                                 &network, &err), 0);
    harness_random(z, 3 * 128, 1);
    harness_run(network, 3, (const float *const[]){z}, &image);
    engine_free(&network);
}

static void test_results(void **state)
{
    (void)state;
    const size_t count = 3 * 3 * 64 * 64;
    const struct engine_options options = {.tolerance = 1e-3};
    float *before = calloc(count, sizeof *before), *after = calloc(count, sizeof *after);
    char *text = NULL, path[1024];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    run_generator(before);
    assert_int_equal(engine_tune(harness_device(), "models/default/generator.onnx", 3, &options, out,
                                 &err), 0);
    fclose(out);
    assert_non_null(strstr(text, "128 to 64 channels, 8x8 to 16x16, pad 1 1, normalised, 3 rows"));
    free(text);
    run_generator(after);
    assert_memory_equal(after, before, count * sizeof *after);

    struct tuning *tuning = NULL;
    assert_int_equal(tuning_open(device_describe(harness_device()), &tuning, &err), 0);
    const struct winograd odd = {.tiles = 4096, .block = 2, .vectors = 64};
    assert_int_equal(tuning_set(tuning, "form 9, 128 to 64 channels, 8x8 to 16x16, pad 1 1, "
                                        "normalised, 3 rows", &odd, &err), 0);
    assert_int_equal(tuning_save(tuning, &err), 0);
    snprintf(path, sizeof path, "%s", tuning_path(tuning));
    tuning_close(&tuning);
    run_generator(after);
    assert_memory_equal(after, before, count * sizeof *after);
    assert_int_equal(unlink(path), 0);
    free(before);
    free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_results),
    };
    const char *build = getenv("FACEFARM_BUILD");
    char command[512];
    harness_device();
    snprintf(folder, sizeof folder, "%s/tuning-XXXXXX", build ? build : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    setenv("FACEFARM_CACHE", folder, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) != 0 || failed;
}
