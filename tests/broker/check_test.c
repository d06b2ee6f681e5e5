/* A spec against its bundle: scores along some layers need a fit that has them. */
#include "tests/common/check.h"

#include <stdio.h>

#include "broker/check.h"

static struct error err;

static const char *attributes[] = {"Male", "Young"};
static const char *boundaries[] = {"Male", "Young"};

static int check(const char *fit, const char *edit)
{
    char text[1024];
    struct spec *spec = NULL;
    struct bundle bundle = {
        .name = "wide",
        .attributes = attributes,
        .attributes_count = 2,
        .generator.latent = {.space = BUNDLE_W_PLUS, .dimension = 4, .layers = 3},
    };
    const struct farm_bundle farm = {
        .name = "wide", .bundle = &bundle, .boundaries = boundaries, .boundary_count = 2};
    snprintf(text, sizeof text,
             "format: facefarm-job/1\nbundle: wide\nseed: 1\nstages:\n"
             "  - {kind: label, count: 9}\n  - {kind: fit, name: bounds%s}\n  - {kind: edit, %s}\n",
             fit, edit);
    assert_ok(spec_parse(text, strlen(text), &spec, &err));
    int rc = check_spec(spec, &farm, &err);
    spec_free(&spec);
    return rc;
}

#define SCORE "targets: [Male], reach: score, distances: {from: -1, to: 1, steps: 2}, "
#define JOINT "targets: {Male: 1, Young: -1}, "
#define PLAIN "targets: [Male], distances: {from: -1, to: 1, steps: 2}, "

static void scores_along_layers_need_a_fit_by_layers(void **state)
{
    (void)state;
    assert_int_equal(check("", SCORE "layers: 0-1"), E_INVALID);
    assert_non_null(strstr(err.text, "stage edit: layers: the boundaries of stage bounds have one "
                                     "score for all layers, none along \"0-1\""));
    assert_int_equal(check("", JOINT "layers: 2"), E_INVALID);
    assert_non_null(strstr(err.text, "none along \"2\""));
    assert_ok(check(", per_layer: true", SCORE "layers: 0-1"));
    assert_ok(check(", per_layer: true", JOINT "layers: 2"));
    assert_ok(check("", PLAIN "layers: 0-1"));
    assert_ok(check("", SCORE "layers: 0-2"));
    assert_ok(check("", JOINT "layers: '0,1,2'"));
    /* They may have been fitted by layers; their files say so. */
    assert_ok(check(", files: 0123456789012345678901234567890123456789012345678901234567890123",
                    SCORE "layers: 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_along_layers_need_a_fit_by_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
