/* Which samples a stage's faces are: read back by range, and compared between stages. */
#include "support.h"

#include <stdio.h>

#include "db/jobs.h"

static struct error refusal;
static int64_t job;

static void open_farm(struct folder *f, struct database **db)
{
    static const char *const attributes[] = {"Male"};
    struct bundle bundle;
    int64_t id = 0;
    bundle_of(&bundle, "b", attributes, 1);
    CHECK(database_open(f->db, db, err));
    CHECK(database_begin(*db, err));
    CHECK(bundles_insert(*db, &bundle, "h", "yaml", 1, &id, err));
    CHECK(jobs_insert(
        *db, &(struct jobs_row){.name = "j", .owner = "me", .bundle = id, .spec = "s"}, &job, err));
}

static int64_t add_stage(struct database *db, int64_t position, const char *kind, uint64_t start,
                         uint64_t total, const char *latents)
{
    char name[8];
    int64_t id = 0;
    snprintf(name, sizeof name, "s%d", (int)position);
    CHECK(jobs_insert_stage(db,
                            &(struct jobs_stage){.job = job,
                                                 .position = position,
                                                 .name = name,
                                                 .kind = kind,
                                                 .start = start,
                                                 .total = total,
                                                 .unit = 1,
                                                 .latents = latents},
                            &id, err));
    return id;
}

static void add_samples(struct database *db, int64_t stage, const struct seeds_run *runs,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        CHECK(jobs_insert_samples(db, stage, &runs[i], err));
}

static void samples_are_read_by_range(void **state)
{
    struct database *db = NULL;
    uint64_t samples[8];
    open_farm(*state, &db);
    int64_t stage = add_stage(db, 0, "label", 0, 7, NULL);
    int64_t other = add_stage(db, 1, "label", 0, 7, NULL);
    add_samples(db, stage, (struct seeds_run[]){{0, 50, 3}, {3, 7, 1}, {4, 100, 3}}, 3);
    CHECK(jobs_read_samples(db, stage, 0, 7, samples, err));
    assert_memory_equal(samples, ((uint64_t[]){50, 51, 52, 7, 100, 101, 102}), 7 * sizeof *samples);
    CHECK(jobs_read_samples(db, stage, 2, 3, samples, err));
    assert_memory_equal(samples, ((uint64_t[]){52, 7, 100}), 3 * sizeof *samples);
    CHECK(jobs_read_samples(db, stage, 5, 1, samples, err));
    assert_int_equal(samples[0], 101);
    assert_int_equal(jobs_read_samples(db, stage, 5, 3, samples, &refusal), E_NOT_FOUND);
    assert_int_equal(jobs_read_samples(db, other, 0, 1, samples, &refusal), E_NOT_FOUND);
    size_t deleted = 0;
    CHECK(jobs_delete_samples(db, stage, 2, &deleted, err)); /* the first two rows */
    assert_int_equal(deleted, 2);
    CHECK(jobs_read_samples(db, stage, 4, 3, samples, err));
    assert_int_equal(samples[0], 100);
    CHECK(jobs_delete_samples(db, stage, 2, &deleted, err));
    assert_int_equal(deleted, 1);
    assert_int_equal(jobs_read_samples(db, stage, 0, 1, samples, &refusal), E_NOT_FOUND);
    database_rollback(db);
    database_close(&db);
}

/* Touching is not overlapping, and rows of latents are no samples. */
static void stages_that_measure_what_was_labelled_are_seen(void **state)
{
    struct folder *f = *state;
    struct database *db = NULL;
    open_farm(f, &db);
    add_stage(db, 0, "label", 100, 10, NULL);
    int64_t few = add_stage(db, 1, "label", 0, 4, NULL);
    add_samples(db, few, (struct seeds_run[]){{0, 200, 1}, {1, 10, 1}, {2, 300, 2}}, 3);
    add_stage(db, 2, "evaluate", 110, 90, NULL);
    add_stage(db, 3, "evaluate", 90, 10, NULL);
    add_stage(db, 4, "evaluate", 90, 11, NULL);
    add_stage(db, 5, "evaluate", 104, 2, NULL);
    add_stage(db, 6, "evaluate", 104, 2, "latents");
    int64_t ranges = add_stage(db, 7, "evaluate", 0, 4, NULL);
    add_samples(db, ranges, (struct seeds_run[]){{0, 400, 1}, {1, 301, 1}, {2, 9, 1}}, 3);
    int64_t apart = add_stage(db, 8, "evaluate", 0, 4, NULL);
    add_samples(db, apart, (struct seeds_run[]){{0, 302, 9}, {9, 299, 1}, {10, 11, 89}}, 3);
    add_stage(db, 9, "label", 0, 1000, "others");
    add_stage(db, 10, "evaluate", 10, 1, NULL);
    CHECK(database_commit(db, err));
    assert_string_equal(ask(f->db, "SELECT group_concat(stage, ' ') FROM (SELECT stage FROM "
                                   "seen_stages ORDER BY stage_id)"),
                        "s4 s5 s7 s10");
    database_close(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(samples_are_read_by_range, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(stages_that_measure_what_was_labelled_are_seen, folder_open,
                                        folder_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
