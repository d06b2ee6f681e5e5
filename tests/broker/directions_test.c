/* Directions from boundaries: targets, "all", conditions that occur in the target, and refusals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/directions.h"
#include "db/jobs.h"
#include "db/results.h"

#define COUNT 3
#define DIMENSION 3

static const char *const names[COUNT] = {"Smiling", "Male", "age"};
static char smiling[] = "Smiling", male[] = "Male", all[] = "all", sum[] = "Smiling-0.5*Male",
            beard[] = "Beard", nothing[] = "age-age";

struct bench {
    char folder[64], file[96];
    struct database *db;
    int64_t fit, edit;
};

static void put(int rc, const struct error *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

/* Male is halfway to Smiling, age stands alone. */
static const float normals[COUNT][DIMENSION] = {{1, 0, 0}, {0.6f, 0.8f, 0}, {0, 0, 1}};

static int open_bench(void **state)
{
    struct error err = {0};
    struct statement *q;
    int64_t job;
    struct bench *b = calloc(1, sizeof *b);
    strcpy(b->folder, "/tmp/facefarm-directions-XXXXXX");
    if (!mkdtemp(b->folder))
        return -1;
    snprintf(b->file, sizeof b->file, "%s/farm.db", b->folder);
    put(database_open(b->file, &b->db, &err), &err);
    put(database_begin(b->db, &err), &err);
    put(database_query(b->db, "bundle_insert", &q, &err), &err);
    statement_bind_text(q, 1, "h");
    statement_bind_text(q, 2, "b");
    statement_bind_text(q, 3, "y");
    statement_bind_int(q, 4, DIMENSION);
    statement_bind_int(q, 5, 1);
    put(statement_run(q, &err), &err);
    put(jobs_insert(b->db, &(struct jobs_row){.name = "j", .owner = "me", .bundle = 1, .spec = "spec", .seed = 1, .submitted_ms = 1}, &job, &err), &err);
    struct jobs_stage stage = {.job = job, .name = "f", .kind = "fit", .total = COUNT, .unit = 1};
    put(jobs_insert_stage(b->db, &stage, &b->fit, &err), &err);
    stage = (struct jobs_stage){.job = job, .position = 1, .name = "e", .kind = "edit", .unit = 1};
    put(jobs_insert_stage(b->db, &stage, &b->edit, &err), &err);
    for (uint64_t i = 0; i < COUNT; i++)
        put(results_insert_boundary(
                b->db, b->fit,
                &(struct wire_boundary){.position = i,
                                        .name = names[i],
                                        .normal = {(const uint8_t *)normals[i], sizeof normals[i]}},
                1, &err),
            &err);
    *state = b;
    return 0;
}

static int close_bench(void **state)
{
    static const char *const tails[] = {"", "-lock", "-wal", "-shm"};
    struct bench *b = *state;
    char path[128];
    database_close(&b->db);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", b->file, tails[i]);
        unlink(path);
    }
    rmdir(b->folder);
    free(b);
    return 0;
}

static struct spec_stage edit(char **targets, uint32_t targets_count, char **conditions,
                              uint32_t conditions_count, double discount)
{
    return (struct spec_stage){.kind = SPEC_EDIT,
                               .name = smiling,
                               .targets = targets,
                               .targets_count = targets_count,
                               .conditions = conditions,
                               .conditions_count = conditions_count,
                               .discount = discount};
}

static int make(struct bench *b, const struct spec_stage *spec, bool *refused, struct error *err)
{
    struct directions_order order = {b->edit, b->fit, spec, names, COUNT, DIMENSION, NULL, 0};
    return directions_make(b->db, &order, refused, err);
}

static void read_all(struct bench *b, struct wire_direction **directions, size_t expected)
{
    size_t count;
    struct error err = {0};
    put(results_directions(b->db, b->edit, directions, &count, &err), &err);
    assert_int_equal(count, expected);
}

static void expect_vector(const struct wire_direction *d, float x, float y, float z)
{
    float v[DIMENSION];
    assert_int_equal(d->vector.size, sizeof v);
    memcpy(v, d->vector.data, sizeof v);
    if (fabsf(v[0] - x) > 1e-5f || fabsf(v[1] - y) > 1e-5f || fabsf(v[2] - z) > 1e-5f)
        fail_msg("%s: %g %g %g", d->name, (double)v[0], (double)v[1], (double)v[2]);
}

static void plain_directions_have_gain_one(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused;
    struct wire_direction *d;
    char *targets[] = {smiling, sum};
    struct spec_stage spec = edit(targets, 2, NULL, 0, 1);
    put(make(b, &spec, &refused, &err), &err);
    read_all(b, &d, 2);
    expect_vector(&d[0], 1, 0, 0);
    /* 1 − 0.3, −0.4, normalised */
    expect_vector(&d[1], 0.868243f, -0.496139f, 0);
    assert_string_equal(d[1].name, "Smiling-0.5*Male");
    assert_true(d[0].gain == 1 && d[0].leak == 0);
    results_directions_free(d, 2);
}

static void all_means_every_boundary_and_every_other(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused;
    struct wire_direction *d;
    char *targets[] = {all}, *conditions[] = {all};
    struct spec_stage spec = edit(targets, 1, conditions, 1, 1);
    put(make(b, &spec, &refused, &err), &err);
    read_all(b, &d, 6);
    assert_string_equal(d[0].name, "Smiling");
    assert_int_equal(d[1].projected, 1);
    assert_true(fabs(d[0].leak - 0.6) < 1e-6); /* to Male */
    expect_vector(&d[1], 0.8f, -0.6f, 0);      /* Smiling without Male */
    assert_true(d[1].leak < 1e-6 && fabs(d[1].gain - 0.8) < 1e-6);
    expect_vector(&d[3], 0, 1, 0); /* Male without Smiling */
    expect_vector(&d[5], 0, 0, 1); /* age was free of both */
    results_directions_free(d, 6);
}

static void conditions_in_the_target_do_not_apply(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused;
    struct wire_direction *d;
    char *targets[] = {smiling, male}, *conditions[] = {male};
    struct spec_stage spec = edit(targets, 2, conditions, 1, 0.5);
    put(make(b, &spec, &refused, &err), &err);
    read_all(b, &d, 4);
    assert_true(d[1].gain < 1 && d[1].gain > 0.8);
    expect_vector(&d[3], 0.6f, 0.8f, 0); /* Male, with itself as the only condition: plain */
    assert_true(fabs(d[3].gain - 1) < 1e-6);
    results_directions_free(d, 4);
}

static char *ask(struct bench *b, const char *sql)
{
    static char answer[256];
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(b->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    snprintf(answer, sizeof answer, "%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    sqlite3_close(db);
    return answer;
}

static void conditions_have_discounts_of_their_own(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused;
    struct wire_direction *d;
    char *targets[] = {smiling}, *conditions[] = {all, male};
    struct spec_weight weights[2] = {{0}, {.given = true, .value = 0}};
    struct spec_stage spec = edit(targets, 1, conditions, 2, 1);
    spec.condition_weights = weights;
    put(make(b, &spec, &refused, &err), &err);
    read_all(b, &d, 2);
    expect_vector(&d[1], 1, 0, 0); /* Male is held where it goes by itself, age goes nowhere */
    assert_true(fabs(d[1].leak - 0.6) < 1e-6);
    results_directions_free(d, 2);
    put(database_commit(b->db, &err), &err);
    assert_string_equal(
        ask(b, "SELECT method || ': ' || description FROM direction WHERE projected"),
        "exact: Smiling, exact projection: every other boundary (discount 1), "
        "Male (discount 0)");
    assert_string_equal(ask(b, "SELECT count(*) FROM gain_leak_curve WHERE target = 'Smiling'"),
                        "52");
    assert_string_equal(ask(b,
                            "SELECT round(gain, 6) || ' ' || round(leak, 6) FROM gain_leak_curve "
                            "WHERE method = 'exact' AND weight = 1"),
                        "0.8 0.0");
}

/* A stage that is tried again begins again: what it wrote when it began is forgotten first. */
static void a_retried_stage_makes_them_again(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused;
    struct wire_direction *d;
    char *targets[] = {smiling}, *conditions[] = {all};
    struct spec_stage spec = edit(targets, 1, conditions, 1, 1);
    put(make(b, &spec, &refused, &err), &err);
    put(results_forgive(b->db, b->edit, true, &err), &err);
    put(make(b, &spec, &refused, &err), &err);
    read_all(b, &d, 2);
    results_directions_free(d, 2);
}

static void a_condition_can_be_free(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused;
    struct wire_direction *d;
    char *targets[] = {smiling}, *conditions[] = {male, all};
    struct spec_weight weights[2] = {{.is_free = true}, {0}};
    struct spec_stage spec = edit(targets, 1, conditions, 2, 1);
    spec.condition_weights = weights;
    spec.projection = PROJECTION_NAIVE;
    put(make(b, &spec, &refused, &err), &err);
    read_all(b, &d, 2);
    assert_true(d[0].leak == 0 && d[1].leak == 0); /* age alone is a condition */
    results_directions_free(d, 2);
    put(database_commit(b->db, &err), &err);
    assert_string_equal(ask(b, "SELECT description FROM direction WHERE projected"),
                        "Smiling, naive projection (for comparison only): Male free, every other "
                        "boundary (discount 1)");
}

/* (1, 0, 0) has the scores 1 and 0.6. */
static void several_scores_have_a_direction(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused;
    struct wire_direction *d;
    char joint[] = "Smiling=1,Male=0.6", age[] = "age", unknown[] = "Smiling=1,Beard=2", *targets[] = {joint};
    char *conditions[] = {age};
    struct spec_stage spec = edit(targets, 1, conditions, 1, 1);
    spec.reach = MOVE_JOINT;
    assert_int_equal(directions_check(&spec, names, COUNT, &err), 0);
    put(make(b, &spec, &refused, &err), &err);
    read_all(b, &d, 2);
    expect_vector(&d[0], 1, 0, 0);
    expect_vector(&d[1], 1, 0, 0);
    assert_true(fabs(d[0].gain - sqrt(1.36)) < 1e-6 && d[0].leak == 0 && d[0].offset == 0);
    results_directions_free(d, 2);
    targets[0] = unknown;
    assert_int_equal(directions_check(&spec, names, COUNT, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no boundary is called \"Beard\""));
}

/* Σ = [4 2 0; 2 2 0; 0 0 1]. The step to Smiling = 1 goes along Σ n = (4, 2, 0), and takes Male
 * to 1. */
static void scores_in_a_metric_have_its_direction(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused;
    struct wire_direction *d;
    static const float across[COUNT][DIMENSION] = {{4, 2, 0}, {4, 2.8f, 0}, {0, 0, 1}};
    char joint[] = "Smiling=1", *targets[] = {joint}, *conditions[] = {male};
    for (uint64_t i = 0; i < COUNT; i++)
        put(results_insert_boundary(
                b->db, b->edit, /* as good as another fit */
                &(struct wire_boundary){.position = i,
                                        .name = names[i],
                                        .normal = {(const uint8_t *)normals[i], sizeof normals[i]},
                                        .across = {(const uint8_t *)across[i], sizeof across[i]}},
                1, &err),
            &err);
    struct spec_stage spec = edit(targets, 1, conditions, 1, 0.5);
    spec.reach = MOVE_JOINT;
    struct directions_order order = {b->edit, b->edit, &spec, names, COUNT, DIMENSION, NULL, 0};
    put(directions_make(b->db, &order, &refused, &err), &err);
    read_all(b, &d, 2);
    expect_vector(&d[0], 0.894427f, 0.447214f, 0);
    assert_true(fabs(d[0].gain - sqrt(0.8)) < 1e-6); /* of Smiling by a unit step */
    assert_true(fabs(d[0].leak - sqrt(0.8)) < 1e-6); /* of Male */
    /* Smiling 1 and half of Male's drift are met by one latent of the plane: (1, −0.125). */
    expect_vector(&d[1], 0.992278f, -0.124035f, 0);
    assert_true(fabs(d[1].gain - 0.992278) < 1e-5);
    results_directions_free(d, 2);
}

/* Boundaries that were fitted layer by layer have a score along some layers: Σ c_l b_l over the
 * length of what is there. */
static void scores_along_layers_have_offsets(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused = false, layers[DIMENSION] = {true, false, false};
    struct wire_direction *d;
    char text[] = "0", *targets[] = {male};
    struct spec_stage spec = edit(targets, 1, NULL, 0, 1);
    spec.layers = text;
    spec.reach = MOVE_SCORE;
    struct directions_order order = {b->edit, b->fit,    &spec,  names,
                                     COUNT,   DIMENSION, layers, DIMENSION};
    float all_layers[COUNT][DIMENSION] = {{0.6f, 0.8f, 0}, {0.6f, 0, 0.8f}, {0.8f, 0.6f, 0}};
    order.fit = b->edit; /* as good as another fit */
    for (uint64_t i = 0; i < COUNT; i++)
        put(results_insert_boundary(
                b->db, b->edit,
                &(struct wire_boundary){
                    .position = i,
                    .name = names[i],
                    .normal = {(const uint8_t *)all_layers[i], sizeof all_layers[i]}},
                DIMENSION, &err),
            &err);
    assert_int_equal(directions_make(b->db, &order, &refused, &err), E_INVALID);
    assert_true(refused);
    assert_non_null(strstr(err.text, "the boundary of Smiling has one score for all layers, none "
                                     "along layers \"0\": expected boundaries of a fit with "
                                     "per_layer: true, or another reach"));
    for (uint64_t i = 0; i < COUNT; i++)
        for (uint64_t l = 0; l < DIMENSION; l++)
            put(results_insert_fitted(b->db, b->edit,
                                      &(struct wire_fitted){.position = i,
                                                            .role = "layer",
                                                            .step = l,
                                                            .method = "svm",
                                                            .offset = 2.0 + (double)l,
                                                            .cosine = (double)all_layers[i][l]},
                                      &err),
                &err);
    put(directions_make(b->db, &order, &refused, &err), &err);
    read_all(b, &d, 1);
    expect_vector(&d[0], 1, 0, 0);
    assert_true(fabs(d[0].offset - 2) < 1e-6); /* 0.6 · 2 of the layer, over 0.6 */
    results_directions_free(d, 1);
    layers[1] = layers[2] = true; /* all of them are none in particular */
    put(results_forgive(b->db, b->edit, true, &err), &err);
    put(directions_make(b->db, &order, &refused, &err), &err);
    read_all(b, &d, 1);
    expect_vector(&d[0], 0.6f, 0, 0.8f);
    assert_true(d[0].offset == 0);
    results_directions_free(d, 1);
}

/* Every number is a layer of its own. */
static void layers_are_moved_alone(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused = false, layers[DIMENSION] = {true, false, true};
    struct wire_direction *d;
    char joint[] = "Smiling=1,Male=0.6", text[] = "0,2", *targets[] = {male}, *conditions[] = {smiling};
    struct spec_stage spec = edit(targets, 1, NULL, 0, 1);
    spec.layers = text;
    struct directions_order order = {b->edit, b->fit, &spec, names, COUNT, DIMENSION, layers, DIMENSION};
    put(directions_make(b->db, &order, &refused, &err), &err);
    read_all(b, &d, 1);
    expect_vector(&d[0], 1, 0, 0);
    assert_true(fabs(d[0].gain - 0.6) < 1e-6);
    results_directions_free(d, 1);
    spec = edit(targets, 1, conditions, 1, 1); /* in these layers they are one */
    spec.layers = text;
    assert_int_equal(directions_make(b->db, &order, &refused, &err), E_INVALID);
    assert_true(refused);
    targets[0] = joint;
    spec = edit(targets, 1, NULL, 0, 1);
    spec.reach = MOVE_JOINT;
    spec.layers = text;
    assert_int_equal(directions_make(b->db, &order, &refused, &err), E_INVALID);
    assert_non_null(strstr(err.text, "has one score for all layers"));
    layers[2] = false;
    spec.reach = MOVE_RELATIVE;
    assert_int_equal(directions_make(b->db, &order, &refused, &err), E_INVALID);
    assert_true(refused && strstr(err.text, "have nothing of the boundary of age"));
}

static void judges_only_what_has_a_judge(void **state)
{
    (void)state;
    struct error err = {0};
    char age[] = "age", minus[] = "-Male", *targets[] = {minus};
    struct spec_stage spec = edit(targets, 1, NULL, 0, 1);
    spec.reach = MOVE_LOGIT;
    assert_int_equal(directions_check(&spec, names, COUNT, &err), 0);
    targets[0] = sum;
    assert_int_equal(directions_check(&spec, names, COUNT, &err), E_INVALID);
    targets[0] = age;
    assert_int_equal(directions_check(&spec, names, COUNT, &err), E_INVALID);
    assert_non_null(strstr(err.text, "an age has no logit"));
    char *axes[] = {male, minus};
    spec = edit(axes, 2, NULL, 0, 1);
    spec.reach = MOVE_SCORE;
    spec.rows.steps = 3;
    assert_int_equal(directions_check(&spec, names, COUNT, &err), E_INVALID);
    assert_non_null(strstr(err.text, "\"-Male\": expected a boundary's name in a grid"));
}

static void says_what_cannot_be(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    bool refused;
    char *targets[] = {sum}, *unknown[] = {smiling, beard}, *zero[] = {nothing};
    struct spec_stage spec = edit(unknown, 2, NULL, 0, 1);
    assert_int_equal(directions_check(&spec, names, COUNT, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.text, "targets"));
    assert_non_null(strstr(err.text, "Smiling, Male, age"));
    spec = edit(targets, 1, unknown, 2, 1);
    assert_int_equal(directions_check(&spec, names, COUNT, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.text, "conditions"));
    spec = edit(zero, 1, NULL, 0, 1);
    assert_int_equal(directions_check(&spec, names, COUNT, &err), E_INVALID);
    assert_int_equal(make(b, &spec, &refused, &err), E_INVALID);
    assert_true(refused);
    spec = edit(targets, 1, targets, 1, 1); /* an expression is no condition */
    assert_int_equal(directions_check(&spec, names, COUNT, &err), E_INVALID);
    /* Boundaries that are not there are the database's fault, not the spec's. */
    struct directions_order order = {b->edit, b->edit, &spec, names, COUNT, DIMENSION, NULL, 0};
    spec = edit(targets, 1, NULL, 0, 1);
    assert_int_equal(directions_make(b->db, &order, &refused, &err), E_DATABASE);
    assert_false(refused);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(plain_directions_have_gain_one),        TEST(all_means_every_boundary_and_every_other),
        TEST(conditions_in_the_target_do_not_apply), TEST(conditions_have_discounts_of_their_own),
        TEST(a_retried_stage_makes_them_again),      TEST(a_condition_can_be_free),
        TEST(several_scores_have_a_direction),       TEST(scores_in_a_metric_have_its_direction),
        TEST(scores_along_layers_have_offsets),      TEST(layers_are_moved_alone),
        TEST(judges_only_what_has_a_judge),          TEST(says_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
