/*
 * Edits that are told where to end: by the bundle's networks, by several scores, re-projected,
 * stopped on their way, as grids. On the default bundle, with boundaries fitted here on its own
 * labels.
 */
#include "default_store.h"
#include "run_lease.h"

#include <math.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/latent.h"
#include "worker/runner.h"
#include "worker/tasks/ways.h"

#define DIMENSION 128
#define FACES 400
#define COLUMNS 42
#define BOUNDARIES 41
#define SMILING 31
#define YOUNG 39
#define MALE 20
#define JUDGE 41

static struct error err;
static char store[256], hash[DIGEST_HEX_BYTES];
static atomic_bool cancelled;
static struct runner *wide, *narrow;
static float normals[BOUNDARIES][DIMENSION], moments[40][2];
static double offsets[BOUNDARIES];
static const char *names[BOUNDARIES];
static struct bundle *bundle;

/* ---- what the broker would answer ---- */

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < DIMENSION; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Smiling and −Young; projected against Male. */
static int give_directions(void *state, uint64_t stage, size_t dimension,
                           struct directions **directions, struct error *error)
{
    (void)state, (void)stage;
    static float vectors[4][DIMENSION];
    struct wire_direction items[4];
    struct wire_normal all[BOUNDARIES];
    for (size_t i = 0; i < 4; i++) {
        const float *from = normals[i < 2 ? SMILING : YOUNG];
        double sign = i < 2 ? 1 : -1, along = i % 2 ? dot(from, normals[MALE]) : 0, square = 0;
        for (size_t k = 0; k < DIMENSION; k++) {
            vectors[i][k] = (float)(sign * ((double)from[k] - along * (double)normals[MALE][k]));
            square += (double)vectors[i][k] * (double)vectors[i][k];
        }
        for (size_t k = 0; k < DIMENSION; k++)
            vectors[i][k] = (float)((double)vectors[i][k] / sqrt(square));
        items[i] = (struct wire_direction){.position = i / 2,
                                           .projected = i % 2,
                                           .name = i < 2 ? "Smiling" : "-Young",
                                           .offset = sign * offsets[i < 2 ? SMILING : YOUNG],
                                           .vector = {(const uint8_t *)vectors[i], 512}};
    }
    for (size_t i = 0; i < BOUNDARIES; i++)
        all[i] =
            (struct wire_normal){i, names[i], {(const uint8_t *)normals[i], 512}, offsets[i], {0}};
    const struct wire_directions message = {.directions = WIRE_LIST(items, 4),
                                            .normals = WIRE_LIST(all, BOUNDARIES),
                                            .logits = {(const uint8_t *)moments, sizeof moments}};
    return directions_copy(&message, dimension, directions, error);
}

static const struct inputs inputs = {.directions = give_directions};

/* ---- running ---- */

#define HEAD                                                                                       \
    "format: facefarm-job/1\nbundle: default\nseed: 7\nstages:\n"                                  \
    "  - {kind: label, name: labels, count: 400}\n  - {kind: fit}\n"

static struct outcome *run(struct runner *runner, const char *stage, uint64_t position,
                           uint64_t start, uint64_t count)
{
    char text[2000];
    snprintf(text, sizeof text, "%s%s", HEAD, stage);
    const struct wire_task task = {start, count, 1, 0};
    const struct wire_lease lease = {.job = 3,
                                     .stage = 100,
                                     .position = position,
                                     .bundle = hash,
                                     .spec = text,
                                     .tasks = WIRE_LIST(&task, 1)};
    return run_lease(runner, &lease);
}

static struct outcome *succeed(struct runner *runner, const char *stage, uint64_t start,
                               uint64_t count)
{
    struct outcome *outcome = run(runner, stage, 2, start, count);
    if (outcome->code)
        fail_msg("%s%s", stage, outcome->text);
    return outcome;
}

/* The same bytes from a part of the range in other batches. */
static void expect_same(const struct outcome *whole, const char *stage, uint64_t start,
                        uint64_t count)
{
    struct outcome *part = succeed(narrow, stage, start, count);
    size_t rows = whole->variants * start, size = whole->variants * count;
    assert_memory_equal(part->scores, whole->scores + rows * COLUMNS,
                        size * COLUMNS * sizeof(float));
    assert_memory_equal(part->moves, whole->moves + rows * MOVE_NUMBERS,
                        size * MOVE_NUMBERS * sizeof(float));
    outcome_free(&part);
}

/* ---- tests ---- */

#define EVALUATED 24

/* Every edit but the one as sampled: either it has what was asked within the tolerance, or it says
 * why not. */
static void check_reached(const struct outcome *outcome, double tolerance, double limit,
                          double (*miss)(const float *before, const float *row, size_t variant))
{
    size_t reached = 0, evaluations = EVALUATED;
    for (size_t face = 0; face < EVALUATED; face++) {
        const float *before = outcome->scores + face * outcome->variants * COLUMNS;
        for (size_t v = 1; v < outcome->variants; v++) {
            size_t row = face * outcome->variants + v;
            const float *move = outcome->moves + row * MOVE_NUMBERS;
            double missed = miss(before, outcome->scores + row * COLUMNS, v);
            assert_true(fabs((double)move[0]) <= limit);
            assert_true((move[1] == 1) == (fabs(missed) <= tolerance));
            assert_true((move[1] == 1) == (move[2] == MOVE_REACHED));
            assert_true(fabs(missed) <= fabs(miss(before, before, v))); /* the best that was seen */
            reached += move[1] == 1;
            evaluations += (size_t)move[3];
        }
    }
    assert_int_equal(outcome->metrics.evaluations, evaluations);
    assert_int_equal(outcome->metrics.faces, evaluations + EVALUATED * outcome->variants);
    print_message("%zu of %zu reached, %.1f evaluations each\n", reached,
                  EVALUATED * (outcome->variants - 1),
                  (double)evaluations / (double)(EVALUATED * (outcome->variants - 1)));
    assert_true(2 * reached > EVALUATED * (outcome->variants - 1));
}

static double miss_logit(const float *before, const float *row, size_t variant)
{
    (void)before;
    return variant <= 2 ? (double)row[SMILING] - 1 : -(double)row[YOUNG] - 1;
}

static void a_logit_is_reached(void **state)
{
    (void)state;
    static const char stage[] =
        "  - {kind: evaluate, count: 24, targets: [Smiling, -Young], reach: logit, distance: 1,\n"
        "     limit: 8, tolerance: 0.02, conditions: [Male]}\n";
    struct outcome *outcome = succeed(wide, stage, 0, EVALUATED);
    assert_int_equal(outcome->variants, 5);
    check_reached(outcome, 0.02, 8, miss_logit);
    expect_same(outcome, stage, 5, 7);
    outcome_free(&outcome);
}

static double miss_years(const float *before, const float *row, size_t variant)
{
    (void)variant;
    return (double)row[JUDGE] - (double)before[JUDGE] - 4;
}

static void years_are_reached(void **state)
{
    (void)state;
    static const char stage[] = "  - {kind: evaluate, count: 24, targets: [Smiling, -Young], "
                                "reach: more_years, distance: 4,\n"
                                "     estimator: judge, conditions: [Male]}\n";
    struct outcome *outcome = succeed(wide, stage, 0, EVALUATED);
    /* Along Smiling ages hardly change; those are said not to be reached. */
    size_t aged = 0;
    for (size_t face = 0; face < EVALUATED; face++)
        for (size_t v = 3; v < 5; v++)
            aged += outcome->moves[(face * 5 + v) * MOVE_NUMBERS + 1] == 1;
    assert_true(aged > EVALUATED);
    for (size_t face = 0; face < EVALUATED; face++)
        for (size_t v = 1; v < 5; v++) {
            const float *before = outcome->scores + face * 5 * COLUMNS;
            const float *move = outcome->moves + (face * 5 + v) * MOVE_NUMBERS;
            assert_true((move[1] == 1) ==
                        (fabs(miss_years(before, before + v * COLUMNS, v)) <= 0.5));
        }
    expect_same(outcome, stage, 3, 4);
    outcome_free(&outcome);
    outcome = run(wide,
                  "  - {kind: evaluate, count: 24, targets: [age], reach: years, distance: 4,\n"
                  "     estimator: nobody}\n",
                  2, 0, 1);
    assert_int_equal(outcome->code, E_NOT_FOUND);
    outcome_free(&outcome);
}

static void younger_than_now_lies_behind(void **state)
{
    (void)state;
    struct outcome *outcome = succeed(wide,
                                      "  - {kind: evaluate, count: 24, targets: [Smiling, -Young], "
                                      "reach: more_years, distance: -3,\n"
                                      "     estimator: judge}\n",
                                      0, EVALUATED);
    size_t reached = 0;
    for (size_t face = 0; face < EVALUATED; face++) {
        const float *before = outcome->scores + face * 3 * COLUMNS, *row = before + 2 * COLUMNS;
        const float *move = outcome->moves + (face * 3 + 2) * MOVE_NUMBERS;
        bool there = fabs((double)row[JUDGE] - (double)before[JUDGE] + 3) <= 0.5;
        assert_true((move[1] == 1) == there);
        assert_true(!there || move[0] != 0);
        reached += there && move[0] < 0;
    }
    print_message("%zu of %d are three years younger behind\n", reached, EVALUATED);
    assert_true(reached > EVALUATED / 4);
    outcome_free(&outcome);
}

/* As the broker's check would have it. */
static void what_a_network_cannot_judge_is_refused(void **state)
{
    (void)state;
    struct outcome *outcome = run(
        wide, "  - {kind: evaluate, count: 24, targets: [Smiling], reach: logit, evaluations: 2}\n",
        2, 0, EVALUATED);
    assert_int_equal(outcome->code, 0); /* two evaluations are few: what was found is said */
    size_t given_up = 0;
    for (size_t face = 0; face < EVALUATED; face++)
        given_up += outcome->moves[(face * 2 + 1) * MOVE_NUMBERS + 2] == MOVE_EVALUATIONS;
    assert_true(given_up > EVALUATED / 2);
    outcome_free(&outcome);
}

static void a_face_stops_where_others_move(void **state)
{
    (void)state;
    static const char stage[] =
        "  - {kind: evaluate, count: 24, targets: [Smiling, -Young], distance: 6, conditions: "
        "[Male],\n"
        "     stop: {off_target: 0.4, identity: 0.5}, walk: 6, decay: 0.7}\n";
    struct outcome *outcome = succeed(wide, stage, 0, EVALUATED);
    size_t ends[MOVE_ENDS] = {0};
    for (size_t face = 0; face < EVALUATED; face++)
        for (size_t v = 1; v < 5; v++) {
            const float *before = outcome->scores + face * 5 * COLUMNS, *row = before + v * COLUMNS;
            const float *move = outcome->moves + (face * 5 + v) * MOVE_NUMBERS;
            double sum = 0;
            for (size_t k = 0; k < 40; k++)
                if (k != (size_t)(v < 3 ? SMILING : YOUNG))
                    sum += fabs((double)row[k] - (double)before[k]) / (double)moments[k][1];
            assert_true(sum / 39 <= 0.4 + 1e-9); /* of the face that was kept */
            assert_true((move[1] == 1) == (move[0] == 6));
            assert_true(move[0] >= 0 && move[0] <= 6);
            ends[(size_t)move[2]]++;
        }
    print_message("%zu reached, %zu off target, %zu by likeness\n", ends[MOVE_REACHED],
                  ends[MOVE_OFF_TARGET], ends[MOVE_LIKENESS]);
    assert_int_equal(ends[MOVE_IDENTITY], 0); /* the bundle has no such network */
    assert_true(ends[MOVE_OFF_TARGET] > 0);
    expect_same(outcome, stage, 9, 5);
    outcome_free(&outcome);
}

/* ---- geometry ---- */

static struct pipeline *pipeline;
static struct device *device;

/* A task as far as ways need one. */
struct fixture {
    struct spec *spec;
    struct task task;
    struct ways *ways;
};

static void open_ways(struct fixture *f, const char *stage, const struct spec_variant *variants,
                      size_t count)
{
    char text[2000];
    *f = (struct fixture){0};
    snprintf(text, sizeof text, "%s%s", HEAD, stage);
    if (spec_parse(text, strlen(text), &f->spec, &err))
        fail_msg("%s", err.text);
    f->task = (struct task){.pipeline = pipeline, .spec = f->spec, .stage = &f->spec->stages[2]};
    assert_ok(give_directions(NULL, 0, DIMENSION, &f->task.directions, &err));
    if (ways_open(&f->task, variants, count, &f->ways, &err))
        fail_msg("%s", err.text);
}

static void close_ways(struct fixture *f)
{
    ways_close(&f->ways);
    directions_free(&f->task.directions);
    spec_free(&f->spec);
}

/* The broker's directions have other names than a joint target; only what lies behind them counts.
 */
static void several_scores_are_met_on_the_sphere(void **state)
{
    (void)state;
    float z[DIMENSION], moved[DIMENSION], half[DIMENSION];
    double alpha;
    const struct spec_variant variants[] = {
        {.target = 0, .distance = 1, .second = 0.75},
        {.target = 0, .distance = 1, .second = 0.75, .projected = true},
    };
    struct fixture f;
    open_ways(&f,
              "  - {kind: edit, targets: [Smiling, Young], reach: score, limit: 100, conditions: "
              "[Male, Bald],\n"
              "     discount: 1, rows: {from: -1, to: 1, steps: 2}}\n",
              variants, 2);
    for (uint64_t i = 0; i < 50; i++) {
        latent_sample(7, i, 1, DIMENSION, LATENT_SPHERE, z);
        for (size_t v = 0; v < 2; v++) {
            assert_int_equal(ways_end(f.ways, v, z, &alpha), MOVE_REACHED);
            ways_point(f.ways, v, z, alpha, moved);
            assert_true(fabs(dot(moved, moved) - DIMENSION) < 1e-3);
            assert_true(fabs(dot(moved, normals[SMILING]) + offsets[SMILING] - 1) < 1e-5);
            assert_true(fabs(dot(moved, normals[YOUNG]) + offsets[YOUNG] - 0.75) < 1e-5);
            if (v == 1)
                assert_true(fabs(dot(moved, normals[MALE]) - dot(z, normals[MALE])) < 1e-5);
            ways_point(f.ways, v, z, alpha / 2, half);
            assert_true(fabs(dot(half, half) - DIMENSION) < 1e-3);
        }
    }
    close_ways(&f);
}

static void what_is_reprojected_keeps_its_scores(void **state)
{
    (void)state;
    float z[DIMENSION], moved[DIMENSION];
    double alpha;
    const struct spec_variant variant = {.target = 0, .distance = 4, .projected = true};
    struct fixture plain, held;
    open_ways(&plain, "  - {kind: evaluate, count: 1, targets: [Smiling], conditions: [Male]}\n",
              &variant, 1);
    open_ways(&held,
              "  - {kind: evaluate, count: 1, targets: [Smiling], conditions: [Male],\n"
              "     reproject: true}\n",
              &variant, 1);
    const float *u;
    double worst = 0;
    assert_ok(directions_find(held.task.directions, 0, true, &u, NULL, &err));
    for (uint64_t i = 0; i < 50; i++) {
        latent_sample(7, i, 1, DIMENSION, LATENT_SPHERE, z);
        assert_int_equal(ways_end(held.ways, 0, z, &alpha), MOVE_REACHED);
        assert_true(alpha == 4);
        ways_point(held.ways, 0, z, alpha, moved);
        assert_true(fabs(dot(moved, moved) - DIMENSION) < 1e-3);
        assert_true(fabs(dot(moved, normals[MALE]) - dot(z, normals[MALE])) < 1e-4);
        assert_true(fabs(dot(moved, normals[SMILING]) - dot(z, normals[SMILING]) -
                         4 * dot(u, normals[SMILING])) < 1e-4);
        ways_point(plain.ways, 0, z, alpha, moved);
        worst = fmax(worst, fabs(dot(moved, normals[MALE]) - dot(z, normals[MALE])));
    }
    assert_true(worst > 0.05); /* which without it drift when the latent is put back */
    close_ways(&plain);
    close_ways(&held);
}

static void a_grid_is_a_sheet_a_face(void **state)
{
    (void)state;
    static const char stage[] =
        "  - {kind: edit, name: grids, start: 400, faces: 2, targets: [Smiling, -Young], "
        "conditions: [Male],\n"
        "     distances: {from: -2, to: 2, steps: 3}, rows: {from: 0, to: 3, steps: 2}}\n";
    static const char sheets[] = "  - {kind: edit, name: sheets, start: 400, faces: 2, targets: "
                                 "[Smiling, -Young], conditions: [Male],\n"
                                 "     distances: {from: -2, to: 2, steps: 3}}\n";
    struct outcome *grid = succeed(wide, stage, 0, 2), *sheet = succeed(wide, sheets, 0, 2);
    assert_int_equal(grid->variants, 12);
    assert_int_equal(grid->file_count, 4);
    assert_string_equal(grid->files[0].path, "jobs/3/grids/Smiling_by_-Young_000000400.png");
    assert_string_equal(grid->files[3].path,
                        "jobs/3/grids/Smiling_by_-Young_000000401_projected.png");
    assert_string_equal(grid->files[3].kind, "grid");
    assert_true(grid->files[3].projected == 1 && grid->files[3].start == 1);
    /* Its first row goes nowhere along the second target: it is the sheet's. */
    for (size_t face = 0; face < 2; face++)
        for (size_t kind = 0; kind < 2; kind++)
            for (size_t column = 0; column < 3; column++)
                assert_memory_equal(grid->scores + (face * 12 + kind * 6 + column) * COLUMNS,
                                    sheet->scores + (face * 6 + kind * 3 + column) * COLUMNS,
                                    COLUMNS * sizeof(float));
    outcome_free(&grid);
    outcome_free(&sheet);
}

/* ---- the farm ---- */

static void grids_are_searched(void **state)
{
    (void)state;
    static const char logits[] =
        "  - {kind: edit, name: grids, start: 400, faces: 4, targets: [Smiling, -Young], conditions: [Male], reach: logit,\n"
        "     tolerance: 0.1, evaluations: 40, distances: {from: -1, to: 2, steps: 3}, rows: {from: -1, to: 1, steps: 2}}\n";
    static const char years[] =
        "  - {kind: edit, name: grids, start: 400, faces: 4, targets: [-Young, Smiling], reach: years, estimator: judge,\n"
        "     evaluations: 40, distances: {from: 30, to: 50, steps: 3}, rows: {from: -1, to: 1, steps: 2}}\n";
    for (int way = 0; way < 2; way++) {
        struct outcome *grid = succeed(wide, way ? years : logits, 0, 4);
        size_t variants = way ? 6 : 12, reached = 0;
        assert_int_equal(grid->variants, variants);
        for (size_t face = 0; face < 4; face++)
            for (size_t v = 0; v < variants; v++) {
                const float *row = grid->scores + (face * variants + v) * COLUMNS;
                const float *move = grid->moves + (face * variants + v) * MOVE_NUMBERS;
                double across = v % 3 * (way ? 10 : 1.5), down = v % 6 / 3 * 2 - 1.0;
                double column = way ? (double)row[JUDGE] - 30 - across : (double)row[SMILING] + 1 - across;
                double other = way ? (double)row[SMILING] - down : -(double)row[YOUNG] - down;
                bool there = fabs(column) <= (way ? 0.5 : 0.1) && fabs(other) <= (way ? 0.05 : 0.1);
                assert_true((move[2] == MOVE_REACHED) == there);
                reached += there;
            }
        print_message("%zu of %zu cells reached\n", reached, 4 * variants);
        assert_true(2 * reached > 4 * variants);
        struct outcome *part = succeed(narrow, way ? years : logits, 0, 4);
        assert_memory_equal(part->scores, grid->scores, 4 * variants * COLUMNS * sizeof(float));
        outcome_free(&part);
        outcome_free(&grid);
    }
}

/* Boundaries: the difference of means, weighed by the scores; a score's offset is the negative
 * mean. */
static void fit(const float *scores)
{
    for (size_t k = 0; k < BOUNDARIES; k++) {
        double sum[DIMENSION] = {0}, mean = 0, square = 0, squares = 0;
        for (size_t i = 0; i < FACES; i++) {
            mean += (double)scores[i * COLUMNS + k] / FACES;
            squares += (double)scores[i * COLUMNS + k] * (double)scores[i * COLUMNS + k] / FACES;
        }
        for (size_t i = 0; i < FACES; i++) {
            float z[DIMENSION];
            latent_sample(7, i, 1, DIMENSION, LATENT_SPHERE, z);
            for (size_t j = 0; j < DIMENSION; j++)
                sum[j] += ((double)scores[i * COLUMNS + k] - mean) * (double)z[j];
        }
        for (size_t j = 0; j < DIMENSION; j++)
            square += sum[j] * sum[j];
        for (size_t j = 0; j < DIMENSION; j++)
            normals[k][j] = (float)(sum[j] / sqrt(square));
        offsets[k] = 0.1 * (double)k - 2;
        if (k < 40) {
            moments[k][0] = (float)mean;
            moments[k][1] = (float)sqrt(squares - mean * mean);
        }
    }
}

static int make_store(void **state)
{
    (void)state;
    make_default_store(store, hash);
    assert_ok(bundle_load("models/default", &bundle, hash, &err));
    for (size_t i = 0; i < 40; i++)
        names[i] = bundle->attributes[i];
    names[40] = "age";
    struct runner_options options = {.batch = 64, .store = store};
    assert_ok(runner_open(&options, &inputs, &cancelled, &wide, &err));
    options.batch = 7;
    assert_ok(runner_open(&options, &inputs, &cancelled, &narrow, &err));
    struct outcome *labels = run(wide, "", 0, 0, FACES);
    assert_int_equal(labels->code, 0);
    fit(labels->scores);
    outcome_free(&labels);
    assert_ok(device_open(0, NULL, &device, &err));
    assert_ok(pipeline_open(device, "models/default", 4, &pipeline, &err));
    return 0;
}

static int drop_store(void **state)
{
    (void)state;
    pipeline_close(&pipeline);
    device_close(&device);
    runner_close(&wide);
    runner_close(&narrow);
    bundle_free(&bundle);
    remove_folder(store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_logit_is_reached),
        cmocka_unit_test(years_are_reached),
        cmocka_unit_test(younger_than_now_lies_behind),
        cmocka_unit_test(what_a_network_cannot_judge_is_refused),
        cmocka_unit_test(a_face_stops_where_others_move),
        cmocka_unit_test(several_scores_are_met_on_the_sphere),
        cmocka_unit_test(what_is_reprojected_keeps_its_scores),
        cmocka_unit_test(a_grid_is_a_sheet_a_face),
        cmocka_unit_test(grids_are_searched),
    };
    if (!have_device())
        return EXIT_SKIP;
    return cmocka_run_group_tests(tests, make_store, drop_store);
}
