/* What `facefarm-worker --plan` prints, and what it refuses. */
#include "worker_test.h"

#include "worker/plan_report.h"

static struct error err;

static char *plan(const char *path, int expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(plan_report(path, NULL, 2, false, out, &err), expected);
    fclose(out);
    return text;
}

static void a_file_is_planned(void **state)
{
    (void)state;
    char *text = plan("models/default/age_fit.onnx", 0);
    assert_non_null(strstr(text, "GFLOP/s of multiply-adds, measured"));
    assert_non_null(strstr(text, "models/default/age_fit.onnx, 2 rows"));
    assert_non_null(strstr(text, "/body/body.0/body.0.0/Conv"));
    assert_non_null(strstr(text, "MB of scratch at 2 rows"));
    free(text);
}

static void a_bundle_is_planned(void **state)
{
    (void)state;
    char *text = plan("models/default", 0);
    assert_non_null(strstr(text, "models/default/generator.onnx, 2 rows"));
    assert_non_null(strstr(text, "models/default/age_judge.onnx, 2 rows"));
    free(text);
}

static void what_is_not_there_is_named(void **state)
{
    (void)state;
    free(plan("models/nothing", E_NOT_FOUND));
    assert_non_null(strstr(err.text, "models/nothing/bundle.yaml"));
    free(plan("models/nothing.onnx", E_NOT_FOUND));
    assert_non_null(strstr(err.text, "models/nothing.onnx"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_planned),
        cmocka_unit_test(a_bundle_is_planned),
        cmocka_unit_test(what_is_not_there_is_named),
    };
    return have_device() ? cmocka_run_group_tests(tests, NULL, NULL) : EXIT_SKIP;
}
