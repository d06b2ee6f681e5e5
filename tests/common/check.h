/* What the tests of common/ share. */
#ifndef TESTS_COMMON_CHECK_H
#define TESTS_COMMON_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/error.h"

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

#endif
