/* Lists of attributes: CelebA's own form and CSV; what is wrong with them is said by line. */
#include "tests/common/check.h"

#include <unistd.h>

#include "common/buffer.h"
#include "common/truth.h"

static struct error err;
static char folder[] = "/tmp/facefarm-truth-XXXXXX";

static const char *write_text(const char *name, const char *text)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(buffer_write_file(path, text, strlen(text), &err));
    return path;
}

static void celeba_s_own_list(void **state)
{
    (void)state;
    struct truth *truth = NULL;
    assert_ok(truth_read(write_text("list", "3\nMale Smiling \n000002.jpg -1  1\n000001.jpg  1 -1\r\n"
                                            "\n000003.png  1  1"),
                         &truth, &err));
    assert_int_equal(truth_rows(truth), 3);
    assert_int_equal(truth_attributes(truth), 2);
    assert_int_equal(truth_attribute(truth, "smiling"), 1);
    assert_int_equal(truth_attribute(truth, "Young"), -1);
    assert_int_equal(truth_find(truth, "000004.jpg"), -1);
    int64_t one = truth_find(truth, "000001.jpg"), two = truth_find(truth, "000002.jpg");
    assert_true(truth_value(truth, one, 0) == 1 && truth_value(truth, one, 1) == -1);
    assert_true(truth_value(truth, two, 0) == -1 && truth_value(truth, two, 1) == 1);
    assert_ok(truth_read_parts(truth, write_text("parts", "000001.jpg 0\n000002.jpg 2\nother.jpg 1\n"),
                               &err));
    assert_int_equal(truth_part_of(truth, one), TRUTH_TRAIN);
    assert_int_equal(truth_part_of(truth, two), TRUTH_TEST);
    assert_int_equal(truth_part_of(truth, truth_find(truth, "000003.png")), TRUTH_NO_PART);
    truth_free(&truth);
}

static void csv(void **state)
{
    (void)state;
    struct truth *truth = NULL;
    assert_ok(truth_read(write_text("csv", "image_id, Male ,Smiling\n\"a b.jpg\",1,0\nb.jpg , -1,1\n"),
                         &truth, &err));
    int64_t a = truth_find(truth, "a b.jpg"), b = truth_find(truth, "b.jpg");
    assert_true(a >= 0 && b >= 0);
    assert_true(truth_value(truth, a, 0) == 1 && truth_value(truth, a, 1) == -1);
    assert_true(truth_value(truth, b, 0) == -1 && truth_value(truth, b, 1) == 1);
    assert_ok(truth_read_parts(truth, write_text("parts", "image_id,partition\nb.jpg,1\n"), &err));
    assert_int_equal(truth_part_of(truth, b), TRUTH_VALIDATION);
    truth_free(&truth);
}

static void what_is_wrong_is_said_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } wrong[] = {
        {"", "the file is empty"},
        {"\n\n", "the file is empty"},
        {"hello", "line 1: expected a number (CelebA's list) or names"},
        {"2\n", "line 1: expected the names"},
        {"2\nMale Male\n", "line 2: an attribute stands twice, found \"Male\""},
        {"1\nMale Young\na.jpg 1\n", "line 3: too few values"},
        {"1\nMale\na.jpg 1 1\n", "line 3: more values than attributes"},
        {"1\nMale\na.jpg yes\n", "line 3: expected 1, 0 or -1, found \"yes\""},
        {"2\nMale\na.jpg 1\n", "line 1 says 2 pictures, found 1"},
        {"2\nMale\na.jpg 1\na.jpg 1\n", "\"a.jpg\" stands twice"},
        {"file,Male\n,1\n", "line 2: expected the name of a picture's file"},
        {"file,Male,\na,1,1\n", "line 1: expected a name of an attribute"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct truth *truth = NULL;
        int rc = truth_read(write_text("wrong", wrong[i].text), &truth, &err);
        assert_null(truth);
        if (rc != E_PARSE || !strstr(err.text, wrong[i].part))
            fail_msg("%s\ngives \"%s\", expected \"%s\"", wrong[i].text, err.text, wrong[i].part);
    }
    struct truth *truth = NULL;
    assert_error(truth_read("/nonexistent/list", &truth, &err), E_NOT_FOUND, "/nonexistent/list");
    assert_ok(truth_read(write_text("list", "1\nMale\na.jpg 1\n"), &truth, &err));
    assert_error(truth_read_parts(truth, write_text("parts", "a.jpg 3\n"), &err), E_PARSE,
                 "line 1: expected 0 (train), 1 (validation) or 2 (test), found \"3\"");
    assert_error(truth_read_parts(truth, write_text("parts", "a.jpg\n"), &err), E_PARSE, "line 1");
    truth_free(&truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(celeba_s_own_list),
        cmocka_unit_test(csv),
        cmocka_unit_test(what_is_wrong_is_said_by_line),
    };
    char command[128];
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) || failed;
}
