/* A store of the test's own, in which the default bundle stands as it does in a farm's. */
#ifndef TESTS_WORKER_DEFAULT_STORE_H
#define TESTS_WORKER_DEFAULT_STORE_H

#include "worker_test.h"

#include <unistd.h>

#include "common/buffer.h"
#include "common/bundle.h"
#include "common/digest.h"

/* Makes the folder `store`, in which bundles/HASH is the default bundle; `hash` gets its digest.
 * remove_folder(store) removes it. */
static inline void make_default_store(char store[256], char hash[DIGEST_HEX_BYTES])
{
    struct bundle *bundle = NULL;
    struct error err;
    char path[512], target[256];
    make_folder(store);
    assert_ok(bundle_load("models/default", &bundle, hash, &err));
    bundle_free(&bundle);
    snprintf(path, sizeof path, "%s/bundles", store);
    assert_ok(buffer_make_folders(path, &err));
    snprintf(path, sizeof path, "%s/bundles/%s", store, hash);
    assert_non_null(getcwd(target, sizeof target - sizeof "/models/default"));
    strcat(target, "/models/default");
    assert_int_equal(symlink(target, path), 0);
}

#endif
