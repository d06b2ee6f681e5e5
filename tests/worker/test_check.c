/* What `facefarm-worker --check-bundle` and `--list-devices` print, and what they refuse. */
#include "worker_test.h"

#include <jansson.h>

#include "common/buffer.h"
#include "worker/check.h"

static struct error err;
static char folder[256];

static void the_default_bundle_runs(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0, lines = 0;
    FILE *out = open_memstream(&text, &size);
    assert_ok(check_bundle("models/default", NULL, out, &err));
    fclose(out);
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, 7); /* four networks, two ages, the bundle */
    assert_non_null(strstr(text, "generator.onnx: z -> image, 0."));
    assert_non_null(strstr(text, "default: 40 attributes, 2 age estimators"));
    free(text);
}

/* A copy of the default bundle with one replacement in its bundle.yaml. */
static void copy_bundle(const char *from, const char *to)
{
    char command[1024];
    snprintf(command, sizeof command,
             "cp -r models/default/. '%s' && sed -i 's|%s|%s|' '%s/bundle.yaml'", folder, from, to,
             folder);
    assert_int_equal(system(command), 0);
}

static void a_bundle_that_lies_is_refused(void **state)
{
    (void)state;
    copy_bundle("output: logits", "output: scores");
    assert_error(check_bundle(folder, NULL, stderr, &err), E_INVALID,
                 "attributes.onnx: no output scores");
    copy_bundle("dimension: 128", "dimension: 64");
    assert_error(check_bundle(folder, NULL, stderr, &err), E_INVALID,
                 "generator.onnx: input z is [N,128], bundle.yaml says [N,64]");
    copy_bundle("file: age_fit.onnx", "file: age_judge.onnx");
    assert_error(check_bundle(folder, NULL, stderr, &err), E_INVALID,
                 "age_judge.onnx stands with two different sha256");
    copy_bundle("sha256: b6cf", "sha256: b6ce");
    assert_error(check_bundle(folder, NULL, stderr, &err), E_DIGEST, "age_fit.onnx: SHA-256 is b6cf");
    assert_int_not_equal(check_bundle("models/nothing", NULL, stderr, &err), 0);
}

static void expect_words(const char *words)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_ok(check_bundle(folder, NULL, out, &err));
    fclose(out);
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in %s", words, text);
    free(text);
}

/* The shapes are right, the values are not. */
static void values_that_cannot_be_are_said(void **state)
{
    (void)state;
    copy_bundle("role: fit", "role: fit\\n  scale: 0.01");
    expect_words("warning: age_fit.onnx: output age gives ages of 0.");
    copy_bundle("    range: .-1, 1.", "    range: [-90, 90]");
    expect_words("of the range [-90, 90]");
    copy_bundle("role: fit", "role: fit\\n  values: year_probabilities");
    assert_error(check_bundle(folder, NULL, stderr, &err), E_INVALID,
                 "age_fit.onnx: output age is [N,1], bundle.yaml says [N,71]");
    copy_bundle("role: fit", "role: fit\\n  values: year_probabilities");
    char command[1024];
    snprintf(command, sizeof command, "sed -i '0,/last: 85/s//last: 15/' '%s/bundle.yaml'", folder);
    assert_int_equal(system(command), 0);
    assert_error(check_bundle(folder, NULL, stderr, &err), E_INVALID,
                 "which are no probabilities: values: year_logits?");
}

/* Two operators that nobody knows, made of those that a file has. */
static void every_problem_of_a_file_is_listed(void **state)
{
    (void)state;
    char command[1024], path[300], *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/broken.onnx", folder);
    snprintf(command, sizeof command,
             "LC_ALL=C sed 's/\\x04Conv/\\x04Konv/; s/\\x04Gemm/\\x04Jemm/' models/default/age_fit.onnx "
             ">'%s'", path);
    assert_int_equal(system(command), 0);
    FILE *out = open_memstream(&text, &size);
    assert_error(check_bundle(path, NULL, out, &err), E_UNSUPPORTED, "would not run");
    fclose(out);
    assert_non_null(strstr(text, "(Konv, opset"));
    assert_non_null(strstr(text, "(Jemm, opset"));
    free(text);
    out = open_memstream(&text, &size);
    assert_ok(check_bundle("models/default/age_fit.onnx", NULL, out, &err));
    fclose(out);
    assert_string_equal(text, "models/default/age_fit.onnx: every node runs\n");
    free(text);
}

static void devices_as_json(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_ok(check_list_devices(true, out, &err));
    fclose(out);
    json_t *list = json_loads(text, 0, NULL);
    assert_true(json_is_array(list) && json_array_size(list) > 0);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "index")), 0);
    json_decref(list);
    free(text);
}

static int setup(void **state)
{
    (void)state;
    make_folder(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_bundle_runs),
        cmocka_unit_test(a_bundle_that_lies_is_refused),
        cmocka_unit_test(values_that_cannot_be_are_said),
        cmocka_unit_test(every_problem_of_a_file_is_listed),
        cmocka_unit_test(devices_as_json),
    };
    if (!have_device())
        return EXIT_SKIP;
    return cmocka_run_group_tests(tests, setup, teardown);
}
