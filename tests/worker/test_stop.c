/*
 * Tasks that are not wanted any more, by stage, with the default bundle: whichever launch was the
 * last when the worker was told, no more follow than one batch, or a fit's chunk, has. Counted, not timed.
 */
#include "default_store.h"
#include "run_lease.h"

#include "common/latent.h"
#include "tests/engine/opencl_faults.h"

#define BATCH 4
#define COLUMNS 42
#define CHUNK_LAUNCHES 3 /* of a fit: the product, two sums */

static char store[256], hash[DIGEST_HEX_BYTES];
static struct error err;
static atomic_bool cancelled;
static struct runner *runner;

static const char spec_text[] = //
    "format: facefarm-job/1\nname: test\nbundle: default\nseed: 7\nstages:\n"
    "  - {kind: label, name: labels, count: 3000}\n"
    "  - {kind: sample, name: faces, count: 160}\n"
    "  - {kind: fit, name: boundaries, from: labels, compare: [ridge], folds: 2}\n"
    "  - {kind: edit, name: sheets, from: boundaries, faces: 8, targets: [Smiling],\n"
    "     distances: {from: -2, to: 2, steps: 5}}\n"
    "  - {kind: evaluate, name: shift, from: boundaries, count: 40, targets: [Smiling], distance: 3}\n"
    "  - {kind: edit, name: searched, from: boundaries, faces: 8, targets: [Smiling], reach: logit,\n"
    "     distances: {from: -2, to: 2, steps: 5}}\n";
enum { LABELS, FACES, FIT, SHEETS, SHIFT, SEARCHED };

static int give_scores(void *state, uint64_t stage, uint64_t start, uint64_t count, size_t first,
                       size_t columns, float *rows, struct error *error)
{
    (void)state, (void)stage, (void)error;
    float z[128];
    for (size_t i = 0; i < count; i++, rows += columns) {
        latent_sample(7, start + i, 1, 128, LATENT_SPHERE, z);
        for (size_t k = 0; k < columns; k++)
            rows[k] = first + k < 40 ? z[first + k] : 40 + 10 * z[first + k];
    }
    return 0;
}

static int give_directions(void *state, uint64_t stage, size_t dimension,
                           struct directions **directions, struct error *error)
{
    (void)state, (void)stage;
    float vector[128] = {1};
    const struct wire_direction item = {.name = "Smiling", .vector = {(const uint8_t *)vector, 512}};
    return directions_copy(&(struct wire_directions){.directions = WIRE_LIST(&item, 1)}, dimension,
                           directions, error);
}

static const struct inputs inputs = {.scores = give_scores, .directions = give_directions};

/* Runs a task until its launch number `at` (0: to its end); returns how many there were. */
static unsigned long run(uint64_t position, uint64_t count, unsigned long at)
{
    const struct wire_task task = {0, count, 1, 0};
    const struct wire_lease lease = {.job = 3,
                                     .stage = 100 + position,
                                     .position = position,
                                     .input = 100,
                                     .bundle = hash,
                                     .spec = spec_text,
                                     .tasks = WIRE_LIST(&task, 1)};
    opencl_faults_set(&(struct opencl_faults){
        .function = "clEnqueueNDRangeKernel", .nth = at, .stop = &cancelled});
    struct outcome *outcome = run_lease(runner, &lease);
    if (outcome->code != (at ? E_INTERRUPTED : 0))
        fail_msg("stage %d, launch %lu: %d %s", (int)position, at, outcome->code, outcome->text);
    atomic_store(&cancelled, false);
    outcome_free(&outcome);
    return opencl_faults_calls();
}

/* At tenths of the task on the way, whose last launches are left out: they may be its end. */
static void stops_within(uint64_t position, uint64_t count, unsigned long most)
{
    unsigned long all = run(position, count, 0);
    assert_true(all > 4 * most);
    for (unsigned long tenth = 0; tenth < 10; tenth++) {
        unsigned long at = 1 + (all - 2 * most) * tenth / 10, launched = run(position, count, at);
        if (launched > at + most)
            fail_msg("stage %d: %lu launches after launch %lu, expected at most %lu", (int)position,
                     launched - at, at, most);
    }
}

/* Launches of one batch that is labelled. */
static unsigned long of_a_batch(void)
{
    run(LABELS, BATCH, 0); /* what is loaded first is */
    return run(LABELS, BATCH, 0);
}

static void faces_stop_within_a_batch(void **state)
{
    (void)state;
    unsigned long batch = of_a_batch();
    stops_within(LABELS, 40, batch);
    stops_within(FACES, 160, batch);
    stops_within(SHEETS, 8, batch);
    stops_within(SHIFT, 40, batch);
    stops_within(SEARCHED, 8, batch);
}

static void a_fit_stops_within_a_chunk(void **state)
{
    (void)state;
    stops_within(FIT, 41, CHUNK_LAUNCHES);
}

static int open_all(void **state)
{
    (void)state;
    const struct runner_options options = {.batch = BATCH, .store = store};
    make_default_store(store, hash);
    assert_ok(runner_open(&options, &inputs, &cancelled, &runner, &err));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    runner_close(&runner);
    remove_folder(store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faces_stop_within_a_batch),
        cmocka_unit_test(a_fit_stops_within_a_chunk),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
