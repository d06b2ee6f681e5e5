/* Programs that the cache on disk keeps: what comes back, what is damaged, what a driver refuses. */
#include "tests/engine/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/engine/opencl_faults.h"
#include "worker/program_cache.h"
#include "worker/program_keeper.h"

static char cache[] = "/tmp/facefarm-programs-XXXXXX";
static struct error err;

static struct device *open_cached(void)
{
    const struct device_options options = {.cached = true};
    struct device *device = NULL;
    assert_int_equal(device_open(0, &options, &device, &err), 0);
    return device;
}

/* Opens a device, makes a kernel, and says how many programs were built from source for it. */
static unsigned long sources_built(const char *options, bool keep)
{
    const struct opencl_faults count = {.function = "clCreateProgramWithSource"};
    struct device *device = open_cached();
    cl_kernel kernel = NULL;
    opencl_faults_set(&count);
    assert_int_equal(device_kernel(device, "layout.cl", options, "copy", &kernel, &err), 0);
    unsigned long built = opencl_faults_calls();
    clReleaseKernel(kernel);
    while (keep && device_keep_program(device))
        continue;
    device_close(&device);
    return built;
}

/* Where the only program that is kept lies. */
static void find_file(char path[PROGRAM_PATH_MAX])
{
    char command[2 * PROGRAM_PATH_MAX];
    snprintf(command, sizeof command, "find %s -type f", cache);
    FILE *found = popen(command, "r");
    assert_non_null(found);
    assert_non_null(fgets(path, PROGRAM_PATH_MAX, found));
    path[strcspn(path, "\n")] = '\0';
    pclose(found);
}

static void empty_cache(void)
{
    char command[2 * sizeof cache];
    snprintf(command, sizeof command, "rm -rf %s/programs", cache);
    assert_int_equal(system(command), 0);
}

static void a_kept_program_is_not_built_again(void **state)
{
    (void)state;
    empty_cache();
    assert_int_equal(sources_built("-DA=1", false), 1);
    assert_int_equal(sources_built("-DA=1", true), 1); /* nothing was kept yet */
    assert_int_equal(sources_built("-DA=1", true), 0);
    assert_int_equal(sources_built("-DA=2", false), 1); /* another program */
}

static void change_byte(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
}

static void what_is_damaged_is_built_and_kept_anew(void **state)
{
    (void)state;
    static const long places[] = {0, 20, 200, -1};
    char path[PROGRAM_PATH_MAX];
    empty_cache();
    assert_int_equal(sources_built("", true), 1);
    find_file(path);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        change_byte(path, places[i]);
        assert_int_equal(sources_built("", true), 1);
        assert_int_equal(sources_built("", true), 0);
    }
    assert_int_equal(truncate(path, 40), 0);
    assert_int_equal(sources_built("", true), 1);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(sources_built("", false), 1);
}

/* A file that is whole, but is no program of this driver's. */
static void what_the_driver_refuses_is_built(void **state)
{
    (void)state;
    static const char text[] = "no program at all";
    char path[PROGRAM_PATH_MAX];
    empty_cache();
    assert_int_equal(sources_built("", true), 1);
    find_file(path);
    assert_int_equal(program_cache_write(path, text, sizeof text, &err), 0);
    assert_int_equal(sources_built("", true), 1);
    assert_int_equal(sources_built("", false), 0);
}

static void a_cache_that_fails_fails_nothing(void **state)
{
    (void)state;
    empty_cache();
    setenv("FACEFARM_CACHE", "/dev/null/nowhere", 1);
    assert_int_equal(sources_built("", true), 1);
    unsetenv("FACEFARM_CACHE");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_int_equal(sources_built("", true), 1);
    setenv("FACEFARM_CACHE", cache, 1);
}

static void a_file_holds_what_was_written(void **state)
{
    (void)state;
    static const unsigned char data[] = {0, 1, 2, 255};
    char path[PROGRAM_PATH_MAX];
    struct buffer read;
    snprintf(path, sizeof path, "%s/programs/a/b", cache);
    assert_int_equal(program_cache_write(path, data, sizeof data, &err), 0);
    buffer_init(&read, PROGRAM_BINARY_MAX);
    assert_int_equal(program_cache_read(path, &read, &err), 0);
    assert_int_equal(read.size, sizeof data);
    assert_memory_equal(read.data, data, sizeof data);
    buffer_free(&read);
    buffer_init(&read, PROGRAM_BINARY_MAX);
    unlink(path);
    assert_int_equal(program_cache_read(path, &read, &err), E_NOT_FOUND);
    buffer_free(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_program_is_not_built_again),
        cmocka_unit_test(what_is_damaged_is_built_and_kept_anew),
        cmocka_unit_test(what_the_driver_refuses_is_built),
        cmocka_unit_test(a_cache_that_fails_fails_nothing),
        cmocka_unit_test(a_file_holds_what_was_written),
    };
    harness_device(); /* or a skip */
    harness_close();
    if (!mkdtemp(cache) || setenv("FACEFARM_CACHE", cache, 1))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    empty_cache();
    rmdir(cache);
    return failed;
}
