/* What the tests of worker/ share. */
#ifndef TESTS_WORKER_WORKER_TEST_H
#define TESTS_WORKER_WORKER_TEST_H

#include <stdbool.h>

#include "tests/common/check.h"
#include "worker/device.h"

#define EXIT_SKIP 77

/* Whether there is a device; says why the test is skipped where there is none. */
static inline int have_device(void)
{
    struct device_info info;
    struct error err;
    size_t count = 0;
    if (device_list(&info, 1, &count, &err) || count == 0) {
        printf("skipped: no OpenCL device\n");
        return 0;
    }
    return 1;
}

/* A folder of the test's own under the build folder, removed by remove_folder(). */
static inline void make_folder(char path[256])
{
    const char *build = getenv("FACEFARM_BUILD");
    snprintf(path, 256, "%s/worker-XXXXXX", build ? build : "/tmp");
    if (!mkdtemp(path))
        fail_msg("mkdtemp %s", path);
}

static inline void remove_folder(const char *path)
{
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0)
        printf("cannot remove %s\n", path);
}

#endif
