/* The wide tables and views that SQL writes from attribute names, and the summary over them. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/jobs.h"
#include "db/results.h"
#include "tests/oracles/fit.h"

static const char *const awkward[] = {"5_o_Clock_Shadow", "Order",     "select",
                                      "it's \"so\"",      "Grey hair", "%d"};
#define AWKWARD 6

static int64_t add_bundle(struct database *db, const char *name, const char *const *attributes,
                          uint32_t count, const char *hash)
{
    struct bundle bundle;
    int64_t id = 0;
    bundle_of(&bundle, name, attributes, count);
    CHECK(database_begin(db, err));
    CHECK(bundles_insert(db, &bundle, hash, "yaml", 1, &id, err));
    CHECK(database_commit(db, err));
    return id;
}

static int64_t add_stage(struct database *db, int64_t job, int64_t position, const char *kind,
                         uint64_t unit, uint32_t variants)
{
    int64_t id = 0;
    struct jobs_stage stage = {.job = job,
                               .position = position,
                               .name = kind,
                               .kind = kind,
                               .start = 1000,
                               .total = 4,
                               .unit = unit,
                               .variants = variants};
    CHECK(jobs_insert_stage(db, &stage, &id, err));
    for (uint32_t v = 0; v < variants; v++)
        CHECK(jobs_insert_variant(db, id, v,
                                  &(struct spec_variant){v ? 0 : -1, v, v == 2, 0}, "", err));
    return id;
}

static int64_t add_job(struct database *db, int64_t bundle)
{
    int64_t id = 0;
    struct jobs_row job = {.name = "j",
                           .owner = "me",
                           .bundle = bundle,
                           .spec = "spec",
                           .seed = 1,
                           .submitted_ms = 5};
    CHECK(jobs_insert(db, &job, &id, err));
    return id;
}

/* Scores of 4 indices: logit a of index i, variant v is i − 1.5 + v + a/10; ages 30 + i + 10 v. */
static void add_scores(struct database *db, int64_t stage, int64_t bundle, size_t attributes,
                       uint32_t variants)
{
    struct results_layout layout = {bundle, attributes, attributes + 2, (int)attributes,
                                    (int)attributes + 1};
    float *scores = calloc(4 * variants * layout.columns, sizeof *scores), *at = scores;
    for (int i = 0; i < 4; i++)
        for (uint32_t v = 0; v < variants; v++) {
            for (size_t a = 0; a < attributes; a++)
                *at++ = (float)i - 1.5f + (float)v + (float)a / 10;
            *at++ = 30 + (float)i + 10 * (float)v;
            *at++ = 31 + (float)i + 10 * (float)v;
        }
    CHECK(results_insert_scores(db, stage, &layout, 0, 4, variants, (uint8_t *)scores, NULL, NULL, err));
    free(scores);
}

static void views_have_a_column_an_attribute(void **state)
{
    struct folder *f = *state;
    struct database *db;
    CHECK(database_open(f->db, &db, err));
    int64_t bundle = add_bundle(db, "default", awkward, AWKWARD, "h1");
    CHECK(database_begin(db, err));
    int64_t job = add_job(db, bundle);
    int64_t label = add_stage(db, job, 0, "label", 1, 1);
    int64_t edit = add_stage(db, job, 1, "edit", 2, 3);
    int64_t evaluate = add_stage(db, job, 2, "evaluate", 1, 3);
    add_scores(db, label, bundle, AWKWARD, 1);
    add_scores(db, edit, bundle, AWKWARD, 3);
    add_scores(db, evaluate, bundle, AWKWARD, 3);
    float unit[8] = {1};
    for (uint64_t target = 0; target < 2; target++)
        for (uint64_t projected = 0; projected < 2; projected++)
            CHECK(results_insert_direction(
                db, edit,
                &(struct wire_direction){
                    target, projected, target ? "b" : "a", {(uint8_t *)unit, sizeof unit}, 1, 0, 0},
                projected ? "exact" : "plain", target ? "b" : "a", err));
    CHECK(results_insert_gain_leak(db, edit, 1, "exact", 0.5, 0.95, 0.6, err));
    const float moves[] = {0, 1, 0, 1, 2.5f, 0, 4, 6};
    CHECK(results_insert_moves(db, evaluate, 1, 1, 2, (const uint8_t *)moves, err));
    CHECK(results_summarise(db, label, bundle, err));
    CHECK(results_summarise(db, evaluate, bundle, err));
    CHECK(database_commit(db, err));
    database_close(&db);
    const char *p = f->db;
    assert_string_equal(
        ask(p, "SELECT avg(\"5_o_Clock_Shadow\" > 0) FROM default_labels WHERE job = 1"), "0.5");
    assert_string_equal(ask(p, "SELECT max(\"it's \"\"so\"\"\") > 1.7 FROM default_labels"), "1");
    assert_string_equal(ask(p, "SELECT group_concat(sample) FROM default_labels"),
                        "1000,1001,1002,1003");
    assert_string_equal(
        ask(p, "SELECT count(\"Grey hair\") FROM default_edits WHERE target = 'b' AND variant = 2 "
               "AND projected = 1 AND face = 1 AND sample = 1001 AND distance = 2"),
        "1");
    assert_string_equal(ask(p, "SELECT group_concat(distance || ' ' || reached) FROM (SELECT * FROM face_move "
                               "WHERE stage = 'evaluate' AND idx = 1 ORDER BY variant)"),
                        "0.0 1,2.5 0,2.0 1");
    assert_string_equal(ask(p, "SELECT group_concat(stopped || ' ' || coalesce(evaluations, '-')) FROM (SELECT * FROM "
                               "face_move WHERE stage = 'evaluate' AND idx = 1 ORDER BY variant)"),
                        "reached 1,off_target 6,reached -");
    float moments[2 * AWKWARD];
    struct database *again = NULL;
    CHECK(database_open_read_only(p, &again, err));
    CHECK(results_logits(again, label, AWKWARD, moments, err));
    assert_int_equal(results_logits(again, label, AWKWARD + 1, moments, NULL), E_NOT_FOUND);
    database_close(&again);
    assert_string_equal(ask(p, "SELECT count(*) FROM default_edits"), "12");
    assert_string_equal(ask(p, "SELECT target || ' ' || method || ' ' || weight || ' ' || gain || ' ' || "
                               "leak FROM gain_leak_curve"),
                        "b exact 0.5 0.95 0.6");
    assert_string_equal(ask(p, "SELECT avg(age_after - age_before) FROM default_evaluation"),
                        "10.0");
    assert_string_equal(
        ask(p, "SELECT avg(age_after_projected - age_before) FROM default_evaluation"), "20.0");
    assert_string_equal(ask(p, "SELECT round(min(\"select_change\"), 4) FROM default_evaluation"),
                        "1.0");
    assert_string_equal(ask(p, "SELECT mean_shift FROM age_shift WHERE projected = 1"), "20.0");
    assert_string_equal(ask(p, "SELECT count(*) FROM pragma_table_info('default_evaluation')"),
                        "21");
}

static void summary_is_the_rows_reduced(void **state)
{
    struct folder *f = *state;
    struct database *db;
    const char *many[512];
    char names[512][16];
    for (int i = 0; i < 512; i++) {
        snprintf(names[i], sizeof names[i], "A%d", i);
        many[i] = names[i];
    }
    CHECK(database_open(f->db, &db, err));
    int64_t bundle = add_bundle(db, "wide", many, 512, "h1");
    CHECK(database_begin(db, err));
    int64_t stage = add_stage(db, add_job(db, bundle), 0, "evaluate", 1, 3);
    add_scores(db, stage, bundle, 512, 3);
    CHECK(results_summarise(db, stage, bundle, err));
    CHECK(database_commit(db, err));
    database_close(&db);
    assert_string_equal(ask(f->db, "SELECT count(*) FROM attribute_summary"), "1536");
    assert_string_equal(ask(f->db, "SELECT count(DISTINCT position) FROM attribute_summary WHERE "
                                   "attribute = 'A' || position"),
                        "512");
    assert_string_equal(
        ask(f->db,
            "SELECT count(*) FROM attribute_summary WHERE (mean_change IS NULL) <> (variant = 0)"),
        "0");
    /* A7: logits i − 0.8, i = 0 … 3; one step of 1 flips the sign of the first only. */
    assert_string_equal(
        ask(f->db,
            "SELECT faces || ' ' || positives || ' ' || round(mean_logit, 4) || ' ' || "
            "round(sd_logit, 4) FROM attribute_summary WHERE variant = 0 AND attribute = 'A7'"),
        "4 3 0.7 1.118");
    assert_string_equal(ask(f->db,
                            "SELECT flipped || ' ' || round(mean_change, 4) FROM attribute_summary "
                            "WHERE variant = 1 AND attribute = 'A7'"),
                        "1 1.0");
    assert_string_equal(
        ask(f->db, "SELECT avg(\"A149\") = mean_logit FROM wide_evaluation, attribute_summary "
                   "WHERE attribute = 'A149' AND variant = 0"),
        "1");
}

static void prefixes_do_not_collide(void **state)
{
    struct folder *f = *state;
    struct database *db;
    struct bundles_row row = {0};
    const char *one[] = {"Smiling"};
    CHECK(database_open(f->db, &db, err));
    add_bundle(db, "faces", one, 1, "h1");
    add_bundle(db, "faces", one, 1, "h2");
    add_bundle(db, "Faces", one, 1, "h3");
    add_bundle(db, "sqlite_stat", one, 1, "h4");
    CHECK(bundles_find(db, "faces", &row, err));
    assert_string_equal(row.hash, "h2"); /* the newest */
    bundles_row_free(&row);
    CHECK(bundles_find(db, "h1", &row, err));
    assert_int_equal(row.id, 1);
    bundles_row_free(&row);
    assert_int_equal(bundles_find(db, "none", &row, NULL), E_NOT_FOUND);
    database_close(&db);
    assert_string_equal(
        ask(f->db, "SELECT group_concat(view_prefix) FROM (SELECT * FROM bundle ORDER BY id)"),
        "faces,faces_2,Faces_3,bundle_sqlite_stat");
    assert_string_equal(ask(f->db, "SELECT count(*) FROM faces_2_labels"), "0");
}

static void names_that_cannot_be_columns_are_refused(void **state)
{
    struct bundle bundle;
    struct error told = {0};
    const char *clash[] = {"Smiling", "Age_Fit"}, *twice[] = {"Young", "Male", "young"};
    (void)state;
    bundle_of(&bundle, "b", clash, 2);
    assert_int_equal(bundles_check_names(&bundle, &told), E_INVALID);
    assert_non_null(strstr(told.text, "Age_Fit"));
    bundle_of(&bundle, "b", twice, 3);
    assert_int_equal(bundles_check_names(&bundle, &told), E_INVALID);
    assert_non_null(strstr(told.text, "young"));
    bundle_of(&bundle, "b", awkward, AWKWARD);
    assert_int_equal(bundles_check_names(&bundle, &told), 0);
}

static void scores_read_back_as_they_came(void **state)
{
    struct folder *f = *state;
    struct database *db;
    struct results_layout layout = {1, 2, 2, -1, -1};
    float scores[3][2] = {{0.1f, -3e-38f}, {1e30f, 7}, {-1.5f, 1 / 3.0f}}, ages[3][2], logits[3][2];
    const char *two[] = {"A", "B"};
    CHECK(database_open(f->db, &db, err));
    add_bundle(db, "b", two, 2, "h1");
    CHECK(database_begin(db, err));
    int64_t stage = add_stage(db, add_job(db, 1), 0, "label", 1, 1);
    CHECK(results_insert_scores(db, stage, &layout, 5, 3, 1, (uint8_t *)scores, NULL, NULL, err));
    CHECK(database_commit(db, err));
    CHECK(results_read_scores(db, stage, &layout, 5, 3, &ages[0][0], &logits[0][0], err));
    assert_memory_equal(scores, logits, sizeof scores);
    assert_true(isnan(ages[0][0]));
    assert_int_equal(
        results_read_scores(db, stage, &layout, 5, 2, &ages[0][0], &logits[0][0], NULL), 0);
    assert_int_equal(
        results_read_scores(db, stage, &layout, 6, 3, &ages[0][0], &logits[0][0], NULL),
        E_NOT_FOUND);
    database_close(&db);
}

static double number(const char *db, const char *sql)
{
    const char *text = ask(db, sql);
    if (text[0] == '\0')
        fail_msg("%s: NULL", sql);
    return strtod(text, NULL);
}

/* The views' measures beside scikit-learn's and scipy's of the same counts (tests/oracles/fit.py). */
static void measures_agree_with_scikit_learn(void **state)
{
    struct folder *f = *state;
    struct database *db;
    const char *two[] = {"A", "B"};
    float normal[8] = {1};
    CHECK(database_open(f->db, &db, err));
    add_bundle(db, "b", two, 2, "h1");
    CHECK(database_begin(db, err));
    int64_t stage = add_stage(db, add_job(db, 1), 0, "fit", 1, 0);
    const char *names[] = {"A", "B", "age"};
    for (uint64_t k = 0; k < 3; k++) {
        struct wire_boundary boundary = {
            .position = k, .name = names[k], .normal = {(uint8_t *)normal, sizeof normal}};
        struct wire_fitted fitted = {.position = k,
                                     .role = "chosen",
                                     .method = "svm",
                                     .cosine = 1,
                                     .train_tp = k == 1 ? 0 : 700,
                                     .train_tn = 900,
                                     .test_tp = judged_counts[0],
                                     .test_fp = judged_counts[1],
                                     .test_tn = judged_counts[2],
                                     .test_fn = judged_counts[3],
                                     .resamples = k == 1 ? 0 : 1000,
                                     .auc = judged_auc,
                                     .auc_low = 0.45,
                                     .kappa = 0.4};
        CHECK(results_insert_boundary(db, stage, &boundary, 2, err));
        CHECK(results_insert_fitted(db, stage, &fitted, err));
        fitted.role = "fold";
        for (fitted.step = 0; k == 0 && fitted.step < 2; fitted.step++) {
            fitted.cosine_folds = fitted.step ? 0.9 : 0.8;
            CHECK(results_insert_fitted(db, stage, &fitted, err));
        }
        fitted.role = "layer";
        for (fitted.step = 0; k != 2 && fitted.step < 2; fitted.step++)
            CHECK(results_insert_fitted(db, stage, &fitted, err));
    }
    CHECK(database_commit(db, err));
    database_close(&db);
    const struct {
        const char *column;
        double value;
    } wanted[] = {
        {"test_accuracy", judged_accuracy},         {"balanced_accuracy", judged_balanced},
        {"precision", judged_precision},            {"recall", judged_recall},
        {"f1", judged_f1},                          {"mcc", judged_mcc},
        {"auc", judged_auc},                        {"entropy", judged_entropy},
        {"test_accuracy_low", wilson_accuracy[0]},  {"test_accuracy_high", wilson_accuracy[1]},
        {"precision_low", wilson_precision[0]},     {"precision_high", wilson_precision[1]},
        {"recall_low", wilson_recall[0]},           {"recall_high", wilson_recall[1]},
        {"base_rate", 248 / 400.0},                 {"train_accuracy", 1},
        {"fold_cosine_mean", 0.85},                 {"fold_cosine_min", 0.8},
        {"majority_wins", 0},
    };
    static const char *const layered[] = {"test_accuracy", "test_accuracy_low", "test_accuracy_high",
                                          "train_accuracy", "base_rate", "balanced_accuracy", "f1",
                                          "auc", "auc_low"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "SELECT printf('%%.15g', %s) FROM boundary_quality WHERE attribute = 'A'",
                 wanted[i].column);
        if (!(fabs(number(f->db, sql) - wanted[i].value) < 1e-9))
            fail_msg("%s: %.15g, expected %.15g", wanted[i].column, number(f->db, sql), wanted[i].value);
    }
    /* Layers have the same measures, in a table of their own: those above are not theirs. */
    for (size_t i = 0; i < sizeof layered / sizeof *layered; i++) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "SELECT printf('%%.15g', l.%s - q.%s) FROM boundary_layers l JOIN boundary_quality q "
                 "USING (stage_id, position) WHERE l.attribute = 'A' AND layer = 1",
                 layered[i], layered[i]);
        assert_true(fabs(number(f->db, sql)) < 1e-12);
    }
    assert_string_equal(ask(f->db, "SELECT group_concat(attribute || layer || dimension) FROM boundary_layers"),
                        "A04,A14,B04,B14");
    assert_string_equal(ask(f->db, "SELECT auc IS NULL AND f1 IS NOT NULL FROM boundary_layers WHERE position = 1"), "1");
    /* κ² M / (κ M + d (1 − κ)) = κ_test, by substitution; and the faces for cosine 0.99. */
    double cosine = number(f->db, "SELECT printf('%.15g', cosine_estimate) FROM boundary_quality WHERE position = 0");
    double kappa = 0.4 / (cosine * cosine);
    assert_true(fabs(kappa * kappa * 1600 / (kappa * 1600 + 8 * (1 - kappa)) - 0.4) < 1e-9);
    double faces = number(f->db, "SELECT faces_for_99 FROM boundary_quality WHERE position = 0");
    assert_true(fabs(1 / sqrt(1 + 8 * (1 - kappa) / (faces * kappa)) - 0.99) < 1e-4);
    /* Age is no attribute of the separability; each of two has the entropy of the counts. */
    assert_true(fabs(number(f->db, "SELECT printf('%.15g', separability) FROM linear_separability") -
                     pow(2, 2 * judged_entropy)) < 1e-9);
    assert_string_equal(ask(f->db, "SELECT attributes FROM linear_separability"), "2");
    assert_string_equal(ask(f->db, "SELECT count(*) FROM boundary_methods"), "3");
    assert_string_equal(ask(f->db, "SELECT count(*) FROM boundary_folds"), "2");
    assert_string_equal(ask(f->db, "SELECT count(*) FROM learning_curve"), "0");
    assert_string_equal(
        ask(f->db, "SELECT group_concat(code) FROM (SELECT * FROM boundary_warnings WHERE position = 1)"),
        "one class");
    assert_string_equal(
        ask(f->db, "SELECT group_concat(code) FROM (SELECT * FROM boundary_warnings WHERE position = 0)"),
        "no better than chance,unstable");
    assert_string_equal(ask(f->db, "SELECT auc IS NULL AND f1 IS NOT NULL FROM boundary_quality WHERE position = 1"),
                        "1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_open, folder_close)
    const struct CMUnitTest tests[] = {
        TEST(views_have_a_column_an_attribute), TEST(summary_is_the_rows_reduced),
        TEST(prefixes_do_not_collide),          TEST(names_that_cannot_be_columns_are_refused),
        TEST(scores_read_back_as_they_came),    TEST(measures_agree_with_scikit_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
