/*
 * Stages that take the faces of a mix: their workers ask which samples these are, task by task, and
 * what they make is what they make of the same samples written out.
 */
#include "default_store.h"
#include "run_lease.h"

#include "common/latent.h"
#include "worker/runner.h"

static struct error err;
static char store[256], hash[DIGEST_HEX_BYTES];
static atomic_bool cancelled;
static struct runner *runner;

#define POOL 8 /* what the broker calls the first stage */
#define FACES 40

/* The same stages twice: of samples that a mix found, and of those written out. */
#define STAGES(which)                                                                              \
    "  - {kind: sample, name: faces, output: tar, " which "}\n"                                    \
    "  - {kind: label, name: few, " which "}\n"                                                    \
    "  - {kind: fit, name: boundaries, from: few}\n"                                               \
    "  - {kind: edit, name: sheets, targets: [Smiling], distances: {from: -1, to: 1, steps: "      \
    "2}, " which "}\n"
#define HEAD                                                                                       \
    "format: facefarm-job/1\nbundle: default\nseed: 7\nstages:\n"                                  \
    "  - {kind: label, name: pool, count: 500, mix: [{faces: 40, of: [Male]}]}\n"
static const char mixed[] = HEAD STAGES("samples: pool");
static const char written[] =
    HEAD STAGES("seeds: [490, 12, 20-21, 300-319, 400, 1, 3, 5, 7, 9, 11, 410-414, 100-103]");
enum { FACES_STAGE = 1, LABEL_STAGE, FIT_STAGE, EDIT_STAGE };

static const uint64_t found[FACES] = {490, 12,  20,  21,  300, 301, 302, 303, 304, 305,
                                      306, 307, 308, 309, 310, 311, 312, 313, 314, 315,
                                      316, 317, 318, 319, 400, 1,   3,   5,   7,   9,
                                      11,  410, 411, 412, 413, 414, 100, 101, 102, 103};

/* ---- what the broker would answer ---- */

static uint64_t asked_stage, asked_start, asked_count;
static unsigned asked;
static bool wrong;

static int give_samples(void *state, uint64_t stage, uint64_t start, uint64_t count,
                        uint64_t *samples, struct error *error)
{
    (void)state, (void)error;
    assert_true(start + count <= FACES);
    for (uint64_t i = 0; i < count; i++)
        samples[i] = wrong ? LIMIT_SAMPLES : found[start + i];
    asked++;
    asked_stage = stage;
    asked_start = start;
    asked_count = count;
    return 0;
}

static int give_scores(void *state, uint64_t stage, uint64_t start, uint64_t count, size_t first,
                       size_t columns, float *rows, struct error *error)
{
    (void)state, (void)stage, (void)error;
    float z[128];
    for (size_t i = 0; i < count; i++, rows += columns) {
        latent_sample(7, found[start + i], 1, 128, LATENT_SPHERE, z);
        for (size_t k = 0; k < columns; k++)
            rows[k] = z[first + k];
    }
    return 0;
}

static int give_directions(void *state, uint64_t stage, size_t dimension,
                           struct directions **directions, struct error *error)
{
    (void)state, (void)stage;
    float vector[128] = {1};
    const struct wire_direction item = {.name = "Smiling",
                                        .vector = {(const uint8_t *)vector, sizeof vector}};
    return directions_copy(&(struct wire_directions){.directions = WIRE_LIST(&item, 1)}, dimension,
                           directions, error);
}

static const struct inputs inputs = {
    .scores = give_scores, .samples = give_samples, .directions = give_directions};

static struct outcome *run(const char *text, uint64_t position, uint64_t start, uint64_t count)
{
    const struct wire_task task = {start, count, 1, 0};
    const struct wire_lease lease = {.job = 3,
                                     .stage = POOL + position,
                                     .position = position,
                                     .input = POOL + position - 1,
                                     .bundle = hash,
                                     .spec = (char *)text,
                                     .tasks = WIRE_LIST(&task, 1)};
    return run_lease(runner, &lease);
}

static void check_asked(uint64_t stage, uint64_t start, uint64_t count)
{
    assert_int_equal(asked, 1);
    assert_int_equal(asked_stage, POOL + stage);
    assert_int_equal(asked_start, start);
    assert_int_equal(asked_count, count);
    asked = 0;
}

/* ---- tests ---- */

/* A task asks for its own range, whatever the stage has. */
static void labels_are_those_of_the_samples(void **state)
{
    (void)state;
    struct outcome *a = run(mixed, LABEL_STAGE, 3, 30);
    check_asked(LABEL_STAGE, 3, 30);
    struct outcome *b = run(written, LABEL_STAGE, 3, 30);
    assert_int_equal(asked, 0);
    assert_int_equal(a->code, 0);
    assert_int_equal(b->code, 0);
    assert_memory_equal(a->scores, b->scores, 30 * a->columns * sizeof(float));
    outcome_free(&a);
    outcome_free(&b);
}

static void check_files(uint64_t stage, uint64_t start, uint64_t count)
{
    struct outcome *a = run(mixed, stage, start, count), *b = run(written, stage, start, count);
    if (a->code || b->code)
        fail_msg("stage %llu: %s%s", (unsigned long long)stage, a->text, b->text);
    assert_int_equal(a->file_count, b->file_count);
    assert_string_equal(a->files[0].sha256, b->files[0].sha256);
    outcome_free(&a);
    outcome_free(&b);
}

/* The names in a tar file say the sample as well. */
static void files_are_those_of_the_samples(void **state)
{
    (void)state;
    check_files(FACES_STAGE, 20, 20);
    check_asked(FACES_STAGE, 20, 20);
}

/* A sheet is a face in columns, so its task needs more than its range says; and so does a fit. */
static void sheets_and_fits_ask_for_all(void **state)
{
    (void)state;
    check_files(EDIT_STAGE, 0, FACES);
    check_asked(EDIT_STAGE, 0, FACES);
    struct outcome *a = run(mixed, FIT_STAGE, 3, 2);
    check_asked(LABEL_STAGE, 0, FACES);
    struct outcome *b = run(written, FIT_STAGE, 3, 2);
    if (a->code || b->code)
        fail_msg("%s%s", a->text, b->text);
    assert_int_equal(a->boundary_count, 2);
    assert_memory_equal(a->boundaries[0].normal.data, b->boundaries[0].normal.data, 512);
    outcome_free(&a);
    outcome_free(&b);
}

static void an_answer_that_cannot_be_is_refused(void **state)
{
    (void)state;
    wrong = true;
    struct outcome *a = run(mixed, LABEL_STAGE, 3, 30);
    wrong = false;
    asked = 0;
    assert_int_equal(a->code, E_INVALID);
    assert_non_null(strstr(a->text, "samples: face 3 is sample 281474976710656"));
    outcome_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_those_of_the_samples),
        cmocka_unit_test(files_are_those_of_the_samples),
        cmocka_unit_test(sheets_and_fits_ask_for_all),
        cmocka_unit_test(an_answer_that_cannot_be_is_refused),
    };
    if (!have_device())
        return EXIT_SKIP;
    make_default_store(store, hash);
    const struct runner_options options = {.batch = 16, .store = store};
    assert_ok(runner_open(&options, &inputs, &cancelled, &runner, &err));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    runner_close(&runner);
    remove_folder(store);
    return failed;
}
