/* bundle.yaml: the default bundle loads, and what is wrong is said. */
#include "tests/common/check.h"

#include "common/bundle.h"

static struct error err;

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define IMAGE "{tensor: image, channels: rgb, height: 64, width: 64, range: [-1, 1]}"
#define HEAD "format: facefarm-bundle/1\nname: b\ndescription: d\nlicence: l\n"
#define GENERATOR(dimension, image)                                                                \
    "generator: {file: g.onnx, sha256: " HEX ", input: z, latent: {space: z, dimension: "          \
    dimension ", prior: normal, normalisation: sphere}, output: " image "}\n"
#define CLASSIFIER(attributes)                                                                     \
    "classifier: {file: c.onnx, sha256: " HEX ", input: " IMAGE                                    \
    ", output: logits, attributes: " attributes "}\n"
#define GOOD HEAD GENERATOR("8", IMAGE) CLASSIFIER("[Smiling, Young]")

static void the_default_bundle_loads(void **state)
{
    (void)state;
    struct bundle *bundle = NULL;
    char hash[DIGEST_HEX_BYTES];
    assert_ok(bundle_load("models/default", &bundle, hash, &err));
    assert_int_equal(bundle->classifier.attributes_count, 40);
    assert_int_equal(bundle_attribute(bundle, "5_o_Clock_Shadow"), 0);
    assert_int_equal(bundle_attribute(bundle, "Young"), 39);
    assert_int_equal(bundle_attribute(bundle, "Old"), -1);
    assert_int_equal(bundle_score_columns(bundle), 42);
    assert_int_equal(bundle_age_column(bundle, BUNDLE_FIT), 40);
    assert_int_equal(bundle_age_column(bundle, BUNDLE_JUDGE), 41);
    assert_int_equal(strlen(hash), 64);
    assert_true(bundle->tolerance == 1e-3);
    bundle_free(&bundle);
}

static void a_bundle_needs_no_estimator(void **state)
{
    (void)state;
    struct bundle *bundle = NULL;
    assert_ok(bundle_parse(GOOD, strlen(GOOD), &bundle, &err));
    assert_true(bundle->tolerance == 0);
    assert_int_equal(bundle_age_column(bundle, BUNDLE_JUDGE), -1);
    assert_int_equal(bundle_score_columns(bundle), 2);
    bundle_free(&bundle);
}

static const struct {
    const char *yaml;
    int code;
    const char *part;
} wrong[] = {
    {HEAD "colour: red\n", E_PARSE, "line 5, column 1: Unexpected key: colour"},
    {"format: facefarm-bundle/2\nname: b\ndescription: d\nlicence: l\n" GENERATOR("8", IMAGE)
         CLASSIFIER("[a]"),
     E_VERSION, "expected facefarm-bundle/1"},
    {HEAD GENERATOR("0", IMAGE) CLASSIFIER("[a]"), E_LIMIT, "dimension is 0"},
    {HEAD GENERATOR("-5", IMAGE) CLASSIFIER("[a]"), E_LIMIT, "dimension is -5"},
    {HEAD GENERATOR("8", "{tensor: i, channels: rgb, height: 64, width: 64, range: [1, -1]}")
         CLASSIFIER("[a]"),
     E_INVALID, "range is [1, -1]"},
    {HEAD GENERATOR("8", "{tensor: i, channels: cmyk, height: 64, width: 64, range: [0, 1]}")
         CLASSIFIER("[a]"),
     E_PARSE, "line 5"},
    {HEAD GENERATOR("8", "{tensor: i, channels: gray, height: 64, width: 64, range: [0, 1]}")
         CLASSIFIER("[a]"),
     E_UNSUPPORTED, "expected rgb"},
    {HEAD GENERATOR("8", IMAGE) CLASSIFIER("[]"), E_PARSE, "attributes"},
    {HEAD "tolerance: 1\n" GENERATOR("8", IMAGE) CLASSIFIER("[a]"), E_INVALID,
     "tolerance is 1, expected 1e-06 to 0.01"},
    {HEAD "tolerance: nan\n" GENERATOR("8", IMAGE) CLASSIFIER("[a]"), E_INVALID, "tolerance is "},
    {HEAD "tolerance: much\n" GENERATOR("8", IMAGE) CLASSIFIER("[a]"), E_PARSE, "line 5"},
    {HEAD GENERATOR("8", IMAGE) CLASSIFIER("[a, A]"), E_INVALID, "\"A\" stands twice"},
    {HEAD GENERATOR("8", IMAGE) CLASSIFIER("[idx]"), E_INVALID, "reserved"},
    {HEAD GENERATOR("8", IMAGE) CLASSIFIER("['a\"; drop table face; --']"), E_INVALID,
     "expected letters"},
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bundle *bundle = NULL;
        int rc = bundle_parse(wrong[i].yaml, strlen(wrong[i].yaml), &bundle, &err);
        assert_null(bundle);
        if (rc != wrong[i].code || !strstr(err.text, wrong[i].part))
            fail_msg("%s\ngives %s \"%s\", expected %s \"%s\"", wrong[i].yaml, error_name(rc),
                     err.text, error_name(wrong[i].code), wrong[i].part);
    }
}

static void a_missing_folder_is_named(void **state)
{
    (void)state;
    struct bundle *bundle = NULL;
    assert_error(bundle_load("/nonexistent", &bundle, NULL, &err), E_NOT_FOUND,
                 "/nonexistent/bundle.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_bundle_loads),
        cmocka_unit_test(a_bundle_needs_no_estimator),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_missing_folder_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
