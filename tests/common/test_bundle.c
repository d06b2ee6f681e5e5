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
    assert_int_equal(bundle->attributes_count, 40);
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

/* Everything at once: w+, several labellers with their forms and outputs, embedders, an encoder. */
#define FILE_(name) "file: " name ", sha256: " HEX
#define WIDE                                                                                       \
    HEAD "generator:\n"                                                                            \
         "  {" FILE_("g.onnx") ", input: w, latent: {space: w+, dimension: 16, layers: 4},\n"       \
         "   output: {tensor: i, channels: bgr, layout: nhwc, height: 64, width: 32, range: [0, 255]}}\n" \
         "mapping: {" FILE_("m.onnx") ", input: z, output: w,\n"                                   \
         "  latent: {space: z, dimension: 12, prior: uniform, range: [-2, 2]}}\n"                  \
         "labellers:\n"                                                                            \
         "- {name: faces, " FILE_("f.onnx") ",\n"                                                  \
         "   input: {tensor: x, channels: rgb, height: 112, width: 112, range: [0, 1], mean: [0.5, 0.4, 0.3],\n" \
         "           deviation: [0.2], crop: {rows: [14, 58], columns: [0, 32]}},\n"               \
         "   outputs: [{tensor: p, values: softmax, columns: [man, woman], attributes: [{name: Male, of: [man]}]},\n" \
         "             {tensor: a, values: years, name: first, role: fit}]}\n"                     \
         "- {name: gray, " FILE_("h.onnx") ",\n"                                                   \
         "   input: {tensor: x, channels: gray, height: 20, width: 20, range: [0, 1],\n"           \
         "           crop: {rows: [0.1, 0.9], columns: [0, 1]}},\n"                                \
         "   outputs: [{tensor: o, columns: [Smiling, Man],\n"                                     \
         "              attributes: [{name: Smiling}, {name: Male2, of: [Man], judges: Male}]}]}\n" \
         "age_estimators:\n"                                                                       \
         "- {name: second, role: judge, " FILE_("a.onnx") ", output: p, values: year_logits,\n"    \
         "   bins: {first: 0, last: 100, step: 1}, input: " IMAGE "}\n"                            \
         "embedders:\n"                                                                            \
         "- {name: arc, kind: identity, " FILE_("e.onnx") ", output: e, dimension: 512, input: " IMAGE "}\n" \
         "- {name: inc, kind: features, " FILE_("e.onnx") ", output: f, dimension: 64, input: " IMAGE "}\n" \
         "encoder: {" FILE_("n.onnx") ", output: mu, input: " IMAGE "}\n"                          \
         "data: [{" FILE_("n.onnx.data") "}]\n"

static void all_that_a_bundle_may_have(void **state)
{
    (void)state;
    struct bundle *bundle = NULL;
    uint32_t range[2];
    assert_ok(bundle_parse(WIDE, strlen(WIDE), &bundle, &err));
    assert_int_equal(bundle_latent_size(bundle), 64);
    assert_int_equal(bundle_drawn_size(bundle), 12);
    assert_int_equal(bundle_law(bundle)->prior, LATENT_UNIFORM);
    assert_true(bundle_law(bundle)->high == 2);
    assert_int_equal(bundle->labellers_count, 3);
    assert_int_equal(bundle->attributes_count, 3);
    assert_string_equal(bundle->attributes[2], "Male2");
    assert_int_equal(bundle->scores[2].judges, 0);
    assert_int_equal(bundle->scores[1].judges, -1);
    assert_int_equal(bundle_score_columns(bundle), 5);
    assert_int_equal(bundle_age_column(bundle, BUNDLE_FIT), 3);
    assert_int_equal(bundle_age_column(bundle, BUNDLE_JUDGE), 4);
    assert_int_equal(bundle->scores[3].output, 1);
    assert_int_equal(bundle->labellers[2].outputs[0].width, 101);
    bundle_crop_rows(&bundle->labellers[0].input.crop, 64, range);
    assert_true(range[0] == 14 && range[1] == 58);
    bundle_crop_rows(&bundle->labellers[1].input.crop, 64, range);
    assert_true(range[0] == 6 && range[1] == 58); /* 6.4 and 57.6 */
    bundle_crop_columns(&bundle->labellers[2].input.crop, 32, range);
    assert_true(range[0] == 0 && range[1] == 32);
    assert_true(bundle->labellers[0].input.deviation[2] == 0.2f);
    assert_int_equal(bundle->generator.output.layout, BUNDLE_NHWC);
    assert_int_equal(bundle_embedder(bundle, BUNDLE_FEATURES), 1);
    assert_string_equal(bundle->encoder->output, "mu");
    assert_int_equal(bundle_file_count(bundle), 8); /* e.onnx once */
    assert_string_equal(bundle_file(bundle, 5)->file, "e.onnx");
    assert_string_equal(bundle_file(bundle, 7)->file, "n.onnx.data");
    assert_null(bundle_file(bundle, 8));
    bundle_free(&bundle);
}

#define LABELLED(input, outputs)                                                                   \
    HEAD GENERATOR("8", IMAGE) "labellers:\n- name: l\n  file: l.onnx\n  sha256: " HEX           \
                               "\n  input: " input "\n  outputs: " outputs "\n"
#define CROPPED(crop)                                                                              \
    "{tensor: image, channels: rgb, height: 64, width: 64, range: [0, 1], crop: " crop "}"
#define DRAWN(latent)                                                                              \
    HEAD "generator:\n  file: g.onnx\n  sha256: " HEX "\n  input: z\n  latent: " latent         \
         "\n  output: " IMAGE "\n" CLASSIFIER("[a]")

#define NOISY(noise)                                                                               \
    HEAD "generator:\n  file: g.onnx\n  sha256: " HEX "\n  input: z\n  latent: {space: z, dimension: 8}\n" \
         "  noise: " noise "\n  output: " IMAGE "\n" CLASSIFIER("[a]")

static void a_generator_may_have_noise(void **state)
{
    (void)state;
    static const char *const texts[] = {NOISY("{}"), NOISY("{inputs: [n, m], default: seeded}")};
    for (uint32_t i = 0; i < 2; i++) {
        struct bundle *bundle = NULL;
        assert_ok(bundle_parse(texts[i], strlen(texts[i]), &bundle, &err));
        const struct bundle_generator *generator = &bundle->generator;
        assert_true(generator->noisy && generator->noise_count == 2 * i);
        assert_int_equal(generator->noise_mode, i ? BUNDLE_NOISE_SEEDED : BUNDLE_NOISE_CONSTANT);
        if (i)
            assert_string_equal(generator->noise[1], "m");
        bundle_free(&bundle);
    }
}

static const struct {
    const char *yaml;
    int code;
    const char *part;
} wrong[] = {
    {HEAD "colour: red\n", E_PARSE, "line 5, column 1: Unexpected key: colour"},
    {"format: facefarm-bundle/1\nname: b\nlicence: l\n" GENERATOR("8", IMAGE) CLASSIFIER("[a]"), E_PARSE,
     "Missing required mapping field: description beside 'classifier'"},
    {HEAD "generator: {}\n", E_PARSE, "Missing required mapping field: file"},
    {"format: facefarm-bundle/2\nname: b\ndescription: d\nlicence: l\n" GENERATOR("8", IMAGE)
         CLASSIFIER("[a]"),
     E_VERSION, "expected facefarm-bundle/1"},
    {HEAD GENERATOR("0", IMAGE) CLASSIFIER("[a]"), E_LIMIT, "dimension: is 0"},
    {HEAD GENERATOR("-5", IMAGE) CLASSIFIER("[a]"), E_LIMIT, "dimension: is -5"},
    {HEAD GENERATOR("8", "{tensor: i, channels: rgb, height: 64, width: 64, range: [1, -1]}")
         CLASSIFIER("[a]"),
     E_INVALID, "range: is [1, -1]"},
    {HEAD GENERATOR("8", "{tensor: i, channels: cmyk, height: 64, width: 64, range: [0, 1]}")
         CLASSIFIER("[a]"),
     E_PARSE, "line 5"},
    {HEAD GENERATOR("8", IMAGE) CLASSIFIER("[]"), E_PARSE, "attributes"},
    {HEAD "tolerance: 1\n" GENERATOR("8", IMAGE) CLASSIFIER("[a]"), E_INVALID,
     "tolerance: is 1, expected 1e-06 to 0.01"},
    {HEAD "tolerance: nan\n" GENERATOR("8", IMAGE) CLASSIFIER("[a]"), E_INVALID, "tolerance: is "},
    {HEAD "tolerance: 0.001\nweights: float16\n" GENERATOR("8", IMAGE) CLASSIFIER("[a]"), E_INVALID,
     "weights: is float16, expected a tolerance of 0.005 or more"},
    {HEAD "weights: float8\n" GENERATOR("8", IMAGE) CLASSIFIER("[a]"), E_PARSE, "line 5"},
    {HEAD "tolerance: much\n" GENERATOR("8", IMAGE) CLASSIFIER("[a]"), E_PARSE, "line 5"},
    {HEAD GENERATOR("8", IMAGE) CLASSIFIER("[a, A]"), E_INVALID, "\"A\" stands twice"},
    {HEAD GENERATOR("8", IMAGE) CLASSIFIER("[idx]"), E_INVALID, "reserved"},
    {HEAD GENERATOR("8", IMAGE), E_INVALID, "line 1, column 1: classifier: missing"},
    {DRAWN("{space: w, dimension: 8}"), E_INVALID,
     "line 9, column 19: generator: latent: space: is w, expected z where there is no mapping"},
    {DRAWN("{space: z+, dimension: 8}"), E_INVALID, "is \"z+\", expected z, w or w+"},
    {DRAWN("{space: z, dimension: 8, layers: 2}"), E_INVALID, "layers: belongs to the spaces w"},
    {DRAWN("{space: z, dimension: 8, range: [0, 1]}"), E_INVALID,
     "line 9, column 43: generator: latent: range: belongs to the prior uniform"},
    {DRAWN("{space: z, dimension: 8, prior: uniform, range: [1, 1]}"), E_INVALID,
     "range: is [1, 1], expected two rising"},
    {DRAWN("{space: z, dimension: 8, radius: 1}"), E_INVALID, "belongs to the prior hypersphere"},
    {DRAWN("{space: z, dimension: 8, prior: hypersphere, radius: -1}"), E_INVALID, "is -1"},
    {DRAWN("{space: z, dimension: 8, prior: gaussian}"), E_PARSE, "line 9"},
    {DRAWN("{space: w, dimension: 8, layers: 3}") "mapping: {" FILE_("m.onnx")
         ", input: z, output: w, latent: {space: z, dimension: 8}, truncation: {psi: -1}}\n",
     E_INVALID, "mapping: truncation: psi: is -1, expected 0 to 2"},
    {DRAWN("{space: w, dimension: 8, layers: 3}") "mapping: {" FILE_("m.onnx")
         ", input: z, output: w, latent: {space: z, dimension: 8}, truncation: {psi: 0.7, layers: 4}}\n",
     E_LIMIT, "mapping: truncation: layers: is 4, expected 1 to 3"},
    {DRAWN("{space: w, dimension: 8}") "mapping: {" FILE_("m.onnx")
         ", input: z, output: w, latent: {space: w, dimension: 8}}\n",
     E_INVALID, "mapping: latent: space: is \"w\", expected z"},
    {DRAWN("{space: w, dimension: 8, prior: normal}") "mapping: {" FILE_("m.onnx")
         ", input: z, output: w, latent: {space: z, dimension: 8}}\n",
     E_INVALID, "generator: latent: prior: says how z is drawn"},
    {NOISY("{default: loud}"), E_PARSE, "line 10"},
    {NOISY("{inputs: []}"), E_PARSE, "line 10"},
    {NOISY("{inputs: [n, m, n]}"), E_EXISTS, "line 10, column 19: generator: noise: inputs: names n twice"},
    {NOISY("{inputs: [image]}"), E_INVALID, "generator: noise: inputs: names image, which is no noise"},
    {NOISY("{inputs: [n, z]}"), E_INVALID, "inputs: names z, which is no noise"},
    {NOISY("seeded"), E_PARSE, "line 10"},
    {LABELLED(IMAGE, "[]"), E_PARSE, "line 11"},
    {LABELLED(IMAGE, "[{tensor: o}]"), E_INVALID,
     "line 11, column 13: labellers[0]: outputs[0]: columns: missing, values: logits needs it"},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a], role: fit}]"), E_INVALID,
     "line 11, column 45: labellers[0]: outputs[0]: role: does not go with values: logits"},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a], values: softmax}]"), E_INVALID,
     "attributes: missing, values: softmax needs it"},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a, a]}]"), E_INVALID, "\"a\" stands twice"},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a]}, {tensor: o, columns: [b]}]"), E_EXISTS,
     "outputs[1]: tensor: is \"o\""},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a], attributes: [{name: B, of: [c]}]}]"), E_NOT_FOUND,
     "attributes[0]: of: no column is called \"c\""},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a, b], attributes: [{name: B, of: [a, b]}]}]"),
     E_INVALID, "names 2 columns, expected one"},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a, b], values: softmax, attributes: [{name: B, of: "
                     "[a, b]}]}]"),
     E_INVALID, "names 2 of 2 columns"},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a], values: probabilities, attributes: [{name: a, "
                     "threshold: 1.5}]}]"),
     E_INVALID, "threshold: holds 1.5, expected a probability"},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a], attributes: [{name: a, abstain: [1, 2]}]}]"),
     E_INVALID, "abstain: is [1, 2], expected two rising numbers around the threshold"},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a], attributes: [{name: a, judges: a}]}]"),
     E_NOT_FOUND, "judges: no attribute before this is called \"a\""},
    {LABELLED(IMAGE, "[{tensor: o, values: year_logits, name: n, role: fit}]"), E_INVALID,
     "bins: missing"},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a], attributes: [{name: a, negate: maybe}]}]"), E_PARSE, "line 11"},
    {LABELLED(IMAGE, "[{tensor: o, values: years, name: n}]"), E_INVALID, "role: missing"},
    {GOOD "data: []\n", E_PARSE, "line 7"},
    {GOOD "data: [{file: ../w.data, sha256: " HEX "}]\n", E_INVALID, "data[0]: file: "},
    {GOOD "data: [{file: c.data, sha256: 12}]\n", E_INVALID, "data[0]: sha256: "},
    {LABELLED(IMAGE, "[{tensor: o, columns: [a]}, {tensor: p, values: years, name: n, role: fit, "
                     "bins: {first: 9, last: 3, step: 1}}]"),
     E_INVALID, "bins: are 9 to 3 by 1"},
    {LABELLED(CROPPED("{rows: [0, 65], columns: [0, 64]}"), "[{tensor: o, columns: [a]}]"),
     E_INVALID,
     "line 10, column 92: labellers[0]: input: crop: rows: is [0, 65], expected two rising numbers "
     "from 0 to 64"},
    {LABELLED(CROPPED("{rows: [0.5, 10], columns: [0, 64]}"), "[{tensor: o, columns: [a]}]"),
     E_INVALID, "expected whole pixels"},
    {LABELLED(CROPPED("{rows: [0.5, 0.5001], columns: [0, 1]}"), "[{tensor: o, columns: [a]}]"),
     E_INVALID, "is none"},
    {LABELLED(CROPPED("{rows: [0, nan], columns: [0, 1]}"), "[{tensor: o, columns: [a]}]"),
     E_INVALID, "rows: is [0, nan]"},
    {LABELLED("{tensor: i, channels: gray, height: 9, width: 9, range: [0, 1], mean: [1, 2, 3]}",
              "[{tensor: o, columns: [a]}]"),
     E_INVALID, "mean: has 3 numbers, expected 1"},
    {LABELLED("{tensor: i, channels: rgb, height: 9, width: 9, range: [0, 1], deviation: [0]}",
              "[{tensor: o, columns: [a]}]"),
     E_INVALID, "deviation: holds 0"},
    {GOOD "embedders: [{name: e, kind: identity, file: e.onnx, sha256: " HEX
          ", output: o, dimension: 0, input: " IMAGE "}]\n",
     E_LIMIT, "embedders[0]: dimension: is 0"},
    {GOOD "encoder: {file: ../e.onnx, sha256: " HEX ", output: o, input: " IMAGE "}\n", E_INVALID,
     "encoder: file: is \"../e.onnx\""},
    {GOOD "encoder: {file: bundle.yaml, sha256: " HEX ", output: o, input: " IMAGE "}\n", E_INVALID,
     "itself, expected another file"},
    {GOOD "encoder: {file: c.onnx, sha256: 1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
          ", output: o, input: " IMAGE "}\n",
     E_INVALID, "two different sha256"},
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
        cmocka_unit_test(all_that_a_bundle_may_have),
        cmocka_unit_test(a_generator_may_have_noise),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_missing_folder_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
