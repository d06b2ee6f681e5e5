/*
 * ONNX's own backend vectors, as libonnx-testdata installs them, against suite.txt, which says of each
 * folder what we do with it: `run` on the device, `fold` at load (shape arithmetic and other side
 * computations, whose results may be integers), or `refused` with the end of the error text, from the
 * operator on. A vector that is wrong, that is not in the table, or that is refused for another
 * reason fails.
 *
 *     test_suite            all of the suite against the table
 *     test_suite --table    prints the table as the engine is now
 *     test_suite FOLDER     one vector, with its error text
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/vector.h"
#include "tests/engine/harness.h"

#define DATA "/usr/share/libonnx-testdata/data"
#define TABLE "tests/conformance/suite.txt"
#define LINE_MAX_BYTES 512

static const char *const groups[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};

/* The error text without paths and names of nodes: from "(Operator, opset" or "input" on. */
static const char *reason_of(const char *text)
{
    const char *opset = strstr(text, ", opset ");
    const char *at = opset;
    while (at && at > text && *at != '(')
        at--;
    if (opset)
        return at;
    const char *last = strrchr(text, '/');
    const char *colon = strstr(last ? last : text, ": ");
    return colon ? colon + 2 : text;
}

/* What the table should say of a vector: "run", "fold", "refused REASON", "wrong …". */
static void judge(const char *name, char line[LINE_MAX_BYTES])
{
    char folder[512];
    struct vector vector;
    struct error err = {0};
    snprintf(folder, sizeof folder, "%s/%s", DATA, name);
    if (!vector_open(folder, &vector)) {
        snprintf(line, LINE_MAX_BYTES, "wrong: it cannot be read");
        return;
    }
    enum vector_outcome outcome = vector_try(&vector, &err);
    vector_close(&vector);
    switch (outcome) {
    case VECTOR_RUN:
        snprintf(line, LINE_MAX_BYTES, "run");
        break;
    case VECTOR_FOLDED:
        snprintf(line, LINE_MAX_BYTES, "fold");
        break;
    case VECTOR_REFUSED:
        snprintf(line, LINE_MAX_BYTES, "refused %.480s", reason_of(err.text));
        break;
    case VECTOR_WRONG:
        snprintf(line, LINE_MAX_BYTES, "wrong: %.480s", err.text);
        break;
    }
}

static bool has_model(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/model.onnx", DATA, name);
    FILE *model = fopen(path, "rb");
    if (model)
        fclose(model);
    return model != NULL;
}

/* Calls `visit` with "group/vector" for each vector of the suite in alphabetical order. */
static void walk(void (*visit)(const char *name, void *context), void *context)
{
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        char folder[512], name[600];
        struct dirent **entries;
        snprintf(folder, sizeof folder, "%s/%s", DATA, groups[g]);
        int count = scandir(folder, &entries, NULL, alphasort);
        for (int i = 0; i < count; i++) {
            snprintf(name, sizeof name, "%s/%s", groups[g], entries[i]->d_name);
            if (entries[i]->d_name[0] != '.' && has_model(name))
                visit(name, context);
            free(entries[i]);
        }
        if (count >= 0)
            free(entries);
    }
}

static void print_line(const char *name, void *context)
{
    char line[LINE_MAX_BYTES];
    (void)context;
    judge(name, line);
    printf("%s %s\n", name, line);
    fflush(stdout);
}

struct tally {
    FILE *table;
    size_t run, folded, refused, others;
};

/* The next line of the table without its end; false at the end of the file. */
static bool next_line(FILE *table, char line[LINE_MAX_BYTES])
{
    while (fgets(line, LINE_MAX_BYTES, table)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line != '#' && *line != '\0')
            return true;
    }
    return false;
}

static void check_line(const char *name, void *context)
{
    struct tally *tally = context;
    char listed[LINE_MAX_BYTES], found[LINE_MAX_BYTES], expected[LINE_MAX_BYTES + 600];
    judge(name, found);
    snprintf(expected, sizeof expected, "%s %s", name, found);
    if (!next_line(tally->table, listed))
        snprintf(listed, sizeof listed, "the end");
    if (strcmp(listed, expected) != 0) {
        printf("%s is %s, the table says: %s\n", name, found, listed);
        tally->others++;
    }
    tally->run += strcmp(found, "run") == 0;
    tally->folded += strcmp(found, "fold") == 0;
    tally->refused += strncmp(found, "refused", 7) == 0;
}

static void test_suite(void **state)
{
    (void)state;
    struct tally tally = {.table = fopen(TABLE, "r")};
    char rest[LINE_MAX_BYTES];
    assert_non_null(tally.table);
    walk(check_line, &tally);
    bool more = next_line(tally.table, rest);
    fclose(tally.table);
    printf("%zu vectors run, %zu fold, %zu are refused by name; %zu differ from the table\n",
           tally.run, tally.folded, tally.refused, tally.others);
    if (more)
        fail_msg("the table goes on with %s", rest);
    assert_int_equal(tally.others, 0);
    assert_true(tally.run > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_suite)};
    int failed = 0;
    if (!has_model("node/test_add")) {
        printf("skipped: libonnx-testdata is not installed\n");
        return 77;
    }
    harness_device();
    if (argc == 2 && strcmp(argv[1], "--table") == 0)
        walk(print_line, NULL);
    else if (argc == 2)
        print_line(argv[1], NULL);
    else
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
