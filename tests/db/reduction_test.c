/*
 * What a stage's rows come to, made on a connection of its own and taken by the writer: the rows
 * are those that the writer makes itself. With a number of photos and one of attributes as
 * arguments it makes such a stage and says what its end takes.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/latent.h"
#include "db/classifier.h"
#include "db/jobs.h"
#include "db/measures.h"
#include "db/reduction.h"
#include "db/results.h"

#define ATTRIBUTES_MOST 40
#define VARIANTS 3 /* of the evaluation: as sampled, plain, projected */
#define FACES 60

struct scene {
    struct folder *folder;
    struct database *db;
    struct bundle bundle;
    const char *names[ATTRIBUTES_MOST];
    struct bundle_score scores[ATTRIBUTES_MOST];
    struct results_layout layout;
    int64_t labels, evaluation;
    size_t photos, attributes;
    struct truth *truth;
};

/* ---- what there is ---- */

static int64_t add_stage(struct scene *s, const char *kind, uint64_t total, uint32_t variants)
{
    int64_t job = 0, id = 0;
    struct jobs_row row = {.name = "j",
                           .owner = "me",
                           .bundle = s->layout.bundle,
                           .spec = "spec",
                           .seed = 9,
                           .submitted_ms = 5};
    CHECK(jobs_insert(s->db, &row, &job, err));
    struct jobs_stage stage = {
        .job = job, .name = "s", .kind = kind, .total = total, .unit = 1, .variants = variants};
    CHECK(jobs_insert_stage(s->db, &stage, &id, err));
    for (uint32_t v = 0; v < variants; v++)
        CHECK(jobs_insert_variant(
            s->db, id, v, &(struct spec_variant){v ? 0 : -1, v ? 2 : 0, v == 2, 0}, "", err));
    return id;
}

static void add_scores(struct scene *s, int64_t stage, uint64_t faces, uint32_t variants)
{
    size_t columns = s->attributes + 2;
    float *rows = malloc(variants * columns * sizeof *rows);
    for (uint64_t i = 0; i < faces; i++) {
        latent_sample(7, i, 1, variants * columns, LATENT_AS_DRAWN, rows);
        CHECK(results_insert_scores(s->db, stage, &s->layout, i, 1, variants, (uint8_t *)rows, NULL,
                                    NULL, err));
    }
    free(rows);
}

/* Every photo is of a part; what is known of it is right of most. */
static void add_photos(struct scene *s)
{
    char name[32];
    for (size_t i = 0; i < s->photos; i++) {
        snprintf(name, sizeof name, "p%06zu.jpg", i);
        CHECK(results_insert_photo(
            s->db, s->labels, i,
            &(struct wire_photo){.name = name, .sha256 = "", .code = "", .text = ""}, NULL, 0,
            err));
    }
}

static void write_truth(struct scene *s)
{
    char path[160], parts[160];
    float *row = malloc((s->attributes + 2) * sizeof *row);
    snprintf(path, sizeof path, "%s/truth.csv", s->folder->path);
    snprintf(parts, sizeof parts, "%s/parts.txt", s->folder->path);
    FILE *file = fopen(path, "w"), *part = fopen(parts, "w");
    fputs("file", file);
    for (size_t k = 0; k < s->attributes; k++)
        fprintf(file, ",%s", s->names[k]);
    for (size_t i = 0; i < s->photos; i++) {
        latent_sample(7, i, 1, s->attributes + 2, LATENT_AS_DRAWN, row);
        fprintf(file, "\np%06zu.jpg", i);
        for (size_t k = 0; k < s->attributes; k++)
            fprintf(file, ",%d", (row[k] > 0) != ((i + k) % 7 == 0));
        fprintf(part, "p%06zu.jpg %zu\n", i, i % 10 < 8 ? 0 : i % 10 - 7);
    }
    fputc('\n', file);
    fclose(file);
    fclose(part);
    free(row);
    CHECK(truth_read(path, &s->truth, err));
    CHECK(truth_read_parts(s->truth, parts, err));
}

static void scene_open(struct folder *folder, struct scene *s, size_t photos, size_t attributes)
{
    static char names[ATTRIBUTES_MOST][24];
    *s = (struct scene){.folder = folder, .photos = photos, .attributes = attributes};
    for (size_t k = 0; k < attributes; k++) {
        snprintf(names[k], sizeof names[k], "A%zu", k);
        s->names[k] = names[k];
        s->scores[k].threshold = 0.25 * (double)(k % 3);
    }
    bundle_of(&s->bundle, "b", s->names, (uint32_t)attributes);
    s->bundle.scores = s->scores;
    CHECK(database_open(folder->db, &s->db, err));
    CHECK(database_begin(s->db, err));
    CHECK(bundles_insert(s->db, &s->bundle, "h", "yaml", 1, &s->layout.bundle, err));
    s->layout = (struct results_layout){s->layout.bundle, attributes, attributes + 2,
                                        (int)attributes, (int)attributes + 1};
    s->labels = add_stage(s, "label", photos, 1);
    add_scores(s, s->labels, photos, 1);
    add_photos(s);
    s->evaluation = add_stage(s, "evaluate", FACES, VARIANTS);
    float unit[8] = {1};
    for (uint64_t projected = 0; projected < 2; projected++)
        CHECK(results_insert_direction(
            s->db, s->evaluation,
            &(struct wire_direction){
                0, projected, s->names[0], {(uint8_t *)unit, sizeof unit}, 1, 0, 0},
            projected ? "exact" : "plain", "", err));
    add_scores(s, s->evaluation, FACES, VARIANTS);
    CHECK(database_commit(s->db, err));
    write_truth(s);
}

static void scene_close(struct scene *s)
{
    database_close(&s->db);
    truth_free(&s->truth);
}

/* ---- what it comes to ---- */

static void judge(struct scene *s, struct database *db)
{
    struct classifier_order order = {s->labels, &s->bundle, &s->layout, s->truth};
    CHECK(classifier_make(db, &order, err));
}

static void reduce(struct scene *s, struct database *db)
{
    struct measures_order order = {s->evaluation, s->layout.bundle, 9, 20, 71};
    judge(s, db);
    CHECK(results_summarise(db, s->labels, s->layout.bundle, err));
    CHECK(results_summarise(db, s->evaluation, s->layout.bundle, err));
    CHECK(measures_make(db, &order, err));
}

static const char *const tables[] = {"attribute_summary", "measure", "photo_quality"};

/* Puts what the writer made aside. */
static void set_aside(const char *path, const char *table)
{
    char sql[200];
    snprintf(sql, sizeof sql, "CREATE TABLE expected_%s AS SELECT * FROM %s; DELETE FROM %s", table,
             table, table);
    execute(path, sql);
}

static void assert_same(const char *path, const char *table)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "SELECT count(*) > 0 AND count(*) = (SELECT count(*) FROM expected_%s) AND NOT EXISTS "
             "(SELECT * FROM %s EXCEPT SELECT * FROM expected_%s) FROM %s",
             table, table, table, table);
    assert_string_equal(ask(path, sql), "1");
}

static void rows_are_those_of_the_writer(void **state)
{
    struct folder *f = *state;
    struct scene s;
    struct database *made;
    scene_open(f, &s, 200, 3);
    CHECK(database_begin(s.db, err));
    reduce(&s, s.db);
    CHECK(database_commit(s.db, err));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        set_aside(f->db, tables[i]);
    CHECK(reduction_open(f->db, &made, err));
    reduce(&s, made);
    assert_string_equal(
        ask(f->db, "SELECT (SELECT count(*) FROM attribute_summary) + (SELECT count(*) FROM "
                   "measure) + (SELECT count(*) FROM photo_quality)"),
        "0"); /* the farm has nothing of it yet */
    CHECK(database_begin(s.db, err));
    CHECK(reduction_take(made, s.db, s.labels, err));
    CHECK(reduction_take(made, s.db, s.evaluation, err));
    CHECK(database_commit(s.db, err));
    database_close(&made);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        assert_same(f->db, tables[i]);
    scene_close(&s);
}

/* Attributes are judged with their photos sorted once: as by a sort for each part. */
static void parts_are_judged_alike(void **state)
{
    struct folder *f = *state;
    struct scene s;
    scene_open(f, &s, 200, 2);
    CHECK(database_begin(s.db, err));
    judge(&s, s.db);
    CHECK(database_commit(s.db, err));
    assert_string_equal(ask(f->db, "SELECT group_concat(part || ' ' || position || ' ' || photos) "
                                   "FROM photo_quality ORDER BY part, position"),
                        "all 0 200,all 1 200,test 0 20,test 1 20,train 0 160,train 1 160,"
                        "validation 0 20,validation 1 20");
    /* Every seventh is known otherwise than the score says. */
    assert_string_equal(ask(f->db, "SELECT 200 - tp - tn FROM photo_quality "
                                   "WHERE part = 'all' AND position = 0"),
                        "29");
    assert_string_equal(
        ask(f->db,
            "SELECT (SELECT max(abs(q.auc - (SELECT avg((p.\"A0\" > n.\"A0\") + 0.0) "
            "FROM face_attributes_1 p, face_attributes_1 n "
            "WHERE p.stage_id = 1 AND n.stage_id = 1 AND p.idx % 10 = 8 AND n.idx % 10 = 8 "
            "AND (p.\"A0\" > 0) <> (p.idx % 7 = 0) AND NOT (n.\"A0\" > 0) <> (n.idx % 7 = 0)))) "
            "FROM photo_quality q WHERE part = 'validation' AND position = 0) < 1e-12"),
        "1");
    scene_close(&s);
}

static void the_farm_cannot_be_written(void **state)
{
    struct folder *f = *state;
    struct scene s;
    struct database *made;
    struct statement *q;
    struct error refused = {0};
    scene_open(f, &s, 1, 1);
    CHECK(reduction_open(f->db, &made, err));
    CHECK(database_query(made, "event_insert", &q, err));
    statement_bind_int(q, 1, 1);
    statement_bind_text(q, 5, "broker_start");
    assert_int_equal(statement_run(q, &refused), E_STATE);
    database_close(&made);
    scene_close(&s);
}

/* ---- by hand ---- */

static double milliseconds_since(int64_t begun)
{
    return (double)(clock_now() - begun) / (double)CLOCK_MILLISECOND;
}

static int bench(size_t photos, size_t attributes)
{
    void *state = NULL;
    struct scene s;
    struct database *made;
    if (folder_open(&state) != 0)
        return 1;
    scene_open(state, &s, photos, attributes);
    char path[160];
    snprintf(path, sizeof path, "%s/truth.csv", s.folder->path);
    truth_free(&s.truth);
    int64_t begun = clock_now();
    CHECK(truth_read(path, &s.truth, err));
    printf("reading_truth_ms %.1f\n", milliseconds_since(begun));
    begun = clock_now();
    CHECK(reduction_open(s.folder->db, &made, err));
    judge(&s, made);
    printf("judging_ms %.1f\n", milliseconds_since(begun));
    begun = clock_now();
    CHECK(results_summarise(made, s.labels, s.layout.bundle, err));
    printf("summary_ms %.1f\n", milliseconds_since(begun));
    begun = clock_now();
    CHECK(database_begin(s.db, err));
    CHECK(reduction_take(made, s.db, s.labels, err));
    printf("taking_ms %.1f\n", milliseconds_since(begun));
    CHECK(database_commit(s.db, err));
    database_close(&made);
    scene_close(&s);
    return folder_close(&state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_those_of_the_writer, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(parts_are_judged_alike, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(the_farm_cannot_be_written, folder_open, folder_close),
    };
    if (argc == 3)
        return bench(strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
