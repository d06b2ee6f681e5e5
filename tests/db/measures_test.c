/* Measures of an evaluation with known answers: a sweep whose every figure can be said beforehand.
 */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/move.h"
#include "db/jobs.h"
#include "db/measures.h"
#include "db/results.h"

#define FACES 40
#define VARIANTS 7 /* as sampled; plain and projected by 3, 1, 2 */

static const char *const attributes[] = {"Male", "Young"};
static const double distances[] = {0, 3, 3, 1, 1, 2, 2};

/* How far a face went: as asked, or each its own way, some back and some nowhere. */
static float way(int face, int v, bool moved)
{
    return moved && v > 0 ? 0.5f * (float)(face % 5 - 1) * (float)v : (float)distances[v];
}

/* Face i is i years past 20, male where i is odd. The edit adds 4 years a step (the projected one
 * 3), takes 1 from Young's logit and, plain, 0.5 from Male's. */
static float score(int face, int v, int column, float d)
{
    float projected = (float)(v > 0 && v % 2 == 0);
    switch (column) {
    case 0:
        return (face % 2 ? 2.0f : -2.0f) - 0.5f * d * (1 - projected);
    case 1:
        return 1 - (float)(face % 4) - d;
    default:
        return 20 + (float)face + (4 - projected) * d;
    }
}

static int64_t make_stage(struct database *db, int64_t bundle, const char *target, bool moved)
{
    int64_t job = 0, id = 0;
    struct jobs_row row = {
        .name = "j", .owner = "me", .bundle = bundle, .spec = "spec", .seed = 9, .submitted_ms = 5};
    CHECK(jobs_insert(db, &row, &job, err));
    struct jobs_stage stage = {.job = job,
                               .name = "e",
                               .kind = "evaluate",
                               .total = FACES,
                               .unit = 1,
                               .variants = VARIANTS};
    CHECK(jobs_insert_stage(db, &stage, &id, err));
    for (uint32_t v = 0; v < VARIANTS; v++)
        CHECK(jobs_insert_variant(
            db, id, v, &(struct spec_variant){v ? 0 : -1, distances[v], v && v % 2 == 0, 0}, "",
            err));
    float unit[8] = {1};
    for (uint64_t projected = 0; projected < 2; projected++)
        CHECK(results_insert_direction(
            db, id,
            &(struct wire_direction){0, projected, target, {(uint8_t *)unit, sizeof unit}, 1, 0, 0},
            projected ? "exact" : "plain", "", err));
    float *scores = calloc(FACES * VARIANTS * 4, sizeof *scores), *at = scores;
    for (int i = 0; i < FACES; i++)
        for (int v = 0; v < VARIANTS; v++)
            for (int c = 0; c < 4; c++)
                *at++ = score(i, v, c, way(i, v, moved));
    struct results_layout layout = {bundle, 2, 4, 2, 3};
    CHECK(results_insert_scores(db, id, &layout, 0, FACES, VARIANTS, (uint8_t *)scores, NULL, NULL,
                                err));
    float *moves = at = scores; /* as long */
    for (int i = 0; moved && i < FACES; i++)
        for (int v = 0; v < VARIANTS; v++, at += MOVE_NUMBERS)
            memcpy(at, (float[MOVE_NUMBERS]){way(i, v, moved), 1, MOVE_REACHED, 5},
                   MOVE_NUMBERS * sizeof *at);
    if (moved)
        CHECK(results_insert_moves(db, id, 0, FACES, VARIANTS, (uint8_t *)moves, err));
    free(scores);
    CHECK(results_summarise(db, id, bundle, err));
    return id;
}

static const char *measure(const char *path, const char *name, int variant, const char *what)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT %s FROM measure WHERE name = '%s' AND variant = %d AND part = 'all'", what,
             name, variant);
    return ask(path, sql);
}

/* A farm with one done evaluation towards `target`, measured. */
static void measured(struct folder *f, const char *target, bool moved)
{
    struct database *db;
    struct bundle bundle;
    int64_t id = 0;
    CHECK(database_open(f->db, &db, err));
    bundle_of(&bundle, "b", attributes, 2);
    CHECK(database_begin(db, err));
    CHECK(bundles_insert(db, &bundle, "h", "yaml", 1, &id, err));
    int64_t stage = make_stage(db, id, target, moved);
    struct measures_order order = {stage, id, 9, 20, 71};
    CHECK(measures_make(db, &order, err));
    CHECK(database_commit(db, err));
    database_close(&db);
}

static void a_sweep_of_the_age(void **state)
{
    struct folder *f = *state;
    measured(f, "age", false);
    const char *p = f->db;
    assert_string_equal(measure(p, "age_shift", 1, "value || ' ' || low || ' ' || high"),
                        "12.0 12.0 12.0");
    assert_string_equal(measure(p, "age_shift", 3, "value"), "4.0");
    assert_string_equal(measure(p, "age_shift_difference", 2, "value || ' ' || high"), "-3.0 -3.0");
    assert_string_equal(measure(p, "age_q50", 0, "value"), "39.5");
    assert_string_equal(measure(p, "age_q50", 2, "value"), "48.5");
    assert_string_equal(measure(p, "older", 1, "value || ' ' || faces"), "1.0 40");
    assert_string_equal(measure(p, "monotone", 1, "value"), "1.0");
    /* 20 is the estimator's least and 71 its most: face 0 before, face 39 after by plain 3 */
    assert_string_equal(measure(p, "clipped_low", 0, "value"), "0.025");
    assert_string_equal(measure(p, "clipped_high", 1, "value"), "0.025");
    assert_string_equal(measure(p, "clipped_high", 2, "value"), "0.0");
    assert_string_equal(
        ask(p, "SELECT group_concat(part || ' ' || value || ' ' || faces) FROM measure "
               "WHERE name = 'age_shift' AND variant = 2 AND part <> 'all'"),
        "age_20 9.0 10,age_30 9.0 10,age_40 9.0 10,age_50 9.0 10,female 9.0 "
        "20,male 9.0 20");
    /* sd of Male is 2, of Young √1.25: plain by 3 moves them by 0.75 and 2.683 */
    assert_string_equal(measure(p, "dependency", 1, "round(value, 5)"), "1.71664");
    assert_string_equal(measure(p, "dependency_difference", 2, "round(value, 5)"), "-0.375");
    assert_string_equal(measure(p, "age_sd", 0, "round(value, 4)"), "11.5434");
    assert_string_equal(measure(p, "dependency_ratio", 1, "round(value, 4)"), "1.6513");
    assert_string_equal(ask(p, "SELECT count(*) FROM measure WHERE name LIKE 'identity%'"), "0");
    assert_string_equal(
        ask(p, "SELECT count(*) FROM measure WHERE low > value + 1e-9 OR high < value - 1e-9"),
        "0");
    assert_string_equal(ask(p, "SELECT round(change, 4) || ' ' || round(per_step, 4) || ' ' || "
                               "round(difference, 4) FROM "
                               "rescoring WHERE variant = 2 AND attribute = 'Male'"),
                        "0.0 0.0 0.75");
    assert_string_equal(ask(p, "SELECT low || ' ' || high || ' ' || resamples FROM age_shift WHERE "
                               "projected = 1"),
                        "9.0 9.0 1000");
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* The source of -Young are the young: faces i with i % 4 = 0 (logit 1), of which d takes Male
 * along. */
static void the_curve_of_an_attribute(void **state)
{
    struct folder *f = *state;
    measured(f, "-Young", false);
    double area = 0, t = 0, kept = 1;
    for (int d = 1; d <= 3; d++) {
        double moved = sigmoid(1) - sigmoid(1 - d);
        double male = sigmoid(-2) - sigmoid(-2 - 0.5 * d); /* i % 4 = 0 is even: not male */
        area += (moved - t) * (kept + 1 - male) / 2;
        t = moved;
        kept = 1 - male;
    }
    char expected[64];
    snprintf(expected, sizeof expected, "%.5f %.5f 10", area, t);
    assert_string_equal(
        ask(f->db,
            "SELECT printf('%.5f ', (SELECT value FROM measure WHERE name = 'disentanglement_area' "
            "AND variant = 1)) || printf('%.5f ', value) || faces FROM measure WHERE name = "
            "'disentanglement_reach' AND variant = 1"),
        expected);
    assert_string_equal(measure(f->db, "target_change", 1, "round(value, 4)"), "2.6833");
    assert_string_equal(measure(f->db, "dependency", 1, "value"), "0.75");
    assert_string_equal(measure(f->db, "dependency", 2, "value"), "0.0");
    assert_string_equal(measure(f->db, "dependency_ratio_difference", 2, "high < 0"), "1");
}

/* Whatever was asked: a step takes 1 of Young's deviation √1.25 and, plain, 0.5 of Male's 2. */
static void steps_are_those_that_were_made(void **state)
{
    struct folder *f = *state;
    measured(f, "age", true);
    assert_string_equal(
        ask(f->db,
            "SELECT group_concat(DISTINCT attribute || projected || ' ' || round(per_step, 6)) "
            "FROM (SELECT * FROM rescoring ORDER BY attribute, projected)"),
        "Male0 -0.25,Male1 0.0,Young0 -0.894427,Young1 -0.894427");
    /* half of (0 − 1 + 1 + 2 + 3) / 5 steps on the average */
    assert_string_equal(ask(f->db, "SELECT round(change * sqrt(1.25), 6) FROM rescoring WHERE "
                                   "variant = 1 AND attribute = 'Young'"),
                        "-0.5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sweep_of_the_age, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(steps_are_those_that_were_made, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(the_curve_of_an_attribute, folder_open, folder_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
