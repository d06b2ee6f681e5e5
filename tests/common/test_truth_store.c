/* Truth in a store: read back whole, and what is refused of a damaged one. */
#include "tests/common/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/truth_store.h"

#define ATTRIBUTES "file,Male\na.png,1\nb.png,0\n"
#define PARTITION "a.png 0\nb.png 2\n"
#define NOBODY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct error err;
static char store[] = "/tmp/facefarm-truths-XXXXXX";
static char attributes[DIGEST_HEX_BYTES], partition[DIGEST_HEX_BYTES];

static void remove_all(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", path);
    assert_int_equal(system(command), 0);
}

/* A folder with both files and this list; its hash. */
static const char *make(const char *list)
{
    static char hash[DIGEST_HEX_BYTES];
    char folder[256], path[512];
    digest_bytes(list, strlen(list), hash);
    digest_bytes(ATTRIBUTES, strlen(ATTRIBUTES), attributes);
    digest_bytes(PARTITION, strlen(PARTITION), partition);
    snprintf(folder, sizeof folder, "%s/truth/%s", store, hash);
    assert_ok(buffer_make_folders(folder, &err));
    snprintf(path, sizeof path, "%s/list", folder);
    assert_ok(buffer_write_file(path, list, strlen(list), &err));
    snprintf(path, sizeof path, "%s/%s", folder, attributes);
    assert_ok(buffer_write_file(path, ATTRIBUTES, strlen(ATTRIBUTES), &err));
    snprintf(path, sizeof path, "%s/%s", folder, partition);
    assert_ok(buffer_write_file(path, PARTITION, strlen(PARTITION), &err));
    return hash;
}

static const char *list_of(const char *first, const char *one, const char *second, const char *two)
{
    static char list[512];
    digest_bytes(ATTRIBUTES, strlen(ATTRIBUTES), attributes);
    digest_bytes(PARTITION, strlen(PARTITION), partition);
    snprintf(list, sizeof list, "%s %s\n%s%s%s%s", first, one, second, *second ? " " : "", two,
             *second ? "\n" : "");
    return list;
}

static void values_are_of_a_group(void **state)
{
    (void)state;
    struct truth *truth = NULL;
    assert_ok(truth_store_read(
        store, make(list_of(attributes, "attributes", partition, "partition")), &truth, &err));
    int64_t a = truth_find(truth, "a.png"), b = truth_find(truth, "b.png");
    assert_true(truth_has_parts(truth));
    assert_int_equal(truth_value_in(truth, a, 0, TRUTH_OF_ALL), 1);
    assert_int_equal(truth_value_in(truth, a, 0, TRUTH_OF_TRAIN), 1);
    assert_int_equal(truth_value_in(truth, a, 0, TRUTH_OF_TEST), 0);
    assert_int_equal(truth_value_in(truth, b, 0, TRUTH_OF_TEST), -1);
    assert_int_equal(truth_value_in(truth, b, -1, TRUTH_OF_TEST), 0);
    assert_int_equal(truth_value_in(truth, -1, 0, TRUTH_OF_ALL), 0);
    truth_free(&truth);
    assert_ok(
        truth_store_read(store, make(list_of(attributes, "attributes", "", "")), &truth, &err));
    assert_false(truth_has_parts(truth));
    assert_int_equal(truth_value_in(truth, a, 0, TRUTH_OF_TRAIN), 0);
    truth_free(&truth);
}

static void damaged_ones_are_refused(void **state)
{
    (void)state;
    struct truth *truth = NULL;
    char path[512];
    assert_error(truth_store_read(store, NOBODY, &truth, &err), E_NOT_FOUND,
                 "photos import --truth");
    assert_error(
        truth_store_read(store, make(list_of(attributes, "partition", "", "")), &truth, &err),
        E_PARSE, "expected the lines attributes and, or not, partition");
    assert_error(truth_store_read(store, make(list_of(attributes, "attributes", partition, "more")),
                                  &truth, &err),
                 E_PARSE, "expected the lines attributes");
    assert_error(truth_store_read(store, make("attributes\n"), &truth, &err), E_PARSE,
                 "line 1: expected a SHA-256");
    assert_error(truth_store_read(store, make(list_of(NOBODY, "attributes", "", "")), &truth, &err),
                 E_NOT_FOUND, NOBODY);
    /* The partition where the attributes should be. */
    assert_error(
        truth_store_read(store, make(list_of(partition, "attributes", "", "")), &truth, &err),
        E_PARSE, "line 1: expected a number");
    const char *hash = make(list_of(attributes, "attributes", "", ""));
    snprintf(path, sizeof path, "%s/truth/%s/%s", store, hash, attributes);
    assert_ok(buffer_write_file(path, "file,Male\na.png,0\n", 18, &err));
    assert_error(truth_store_read(store, hash, &truth, &err), E_DIGEST, "has the SHA-256");
    snprintf(path, sizeof path, "%s/truth/%s/list", store, hash);
    assert_ok(buffer_write_file(path, "x\n", 2, &err));
    assert_error(truth_store_read(store, hash, &truth, &err), E_DIGEST, "list: has the SHA-256");
    assert_null(truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_of_a_group),
        cmocka_unit_test(damaged_ones_are_refused),
    };
    assert_non_null(mkdtemp(store));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_all(store);
    return failed;
}
