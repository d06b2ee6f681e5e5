/* What the tests of worker/ share. */
#ifndef TESTS_WORKER_WORKER_TEST_H
#define TESTS_WORKER_WORKER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/error.h"
#include "worker/device.h"

/* The call succeeds; otherwise the test fails with the sentence. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        int assert_rc_ = (call);                                                                   \
        if (assert_rc_ < 0)                                                                        \
            fail_msg("%s: %s: %s", #call, error_name(assert_rc_), err.text);                       \
    } while (0)

/* The call fails with `code`, and the sentence holds `part`. */
#define assert_error(call, wanted, part)                                                           \
    do {                                                                                           \
        assert_int_equal((call), (wanted));                                                        \
        if (!strstr(err.text, (part)))                                                             \
            fail_msg("\"%s\" does not say \"%s\"", err.text, (part));                              \
    } while (0)

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
