/* What the database's tests share: a folder of their own and a bundle that is only names. */
#ifndef TESTS_DB_SUPPORT_H
#define TESTS_DB_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "db/bundles.h"

struct folder {
    char path[64];
    char db[128];
};

int folder_open(void **state); /* cmocka set-up: *state is a struct folder */
int folder_close(void **state);

/* Fails the test with the error's text. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        struct error check_err = {0};                                                              \
        struct error *err = &check_err;                                                            \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, check_err.text);                                             \
    } while (0)

/* A bundle called `name` with these attributes; borrows them. */
void bundle_of(struct bundle *bundle, const char *name, const char *const *attributes,
               uint32_t count);

/* Runs one query and returns its only value as text (static). */
const char *ask(const char *path, const char *sql);
/* Runs statements of the test's own. */
void execute(const char *path, const char *sql);

#endif
