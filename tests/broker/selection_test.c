/* The faces of a mix, given to who takes them piece by piece: each piece's rows, and a broker that ends between any two. */
#include "tests/common/check.h"

#include <stdio.h>
#include <unistd.h>

#include "broker/selection.h"
#include "db/jobs.h"

#define FACES 10
#define TAKERS 2
#define ROWS (TAKERS * FACES)

static const char yaml[] = "format: facefarm-job/1\nbundle: b\nstages:\n"
                           "  - {kind: label, name: pool, count: 40, mix: [{faces: 10, of: [Male]}]}\n"
                           "  - {kind: sample, name: one, samples: pool}\n"
                           "  - {kind: probe, name: other, count: 1}\n"
                           "  - {kind: label, name: two, samples: pool}\n";

static struct error err;

struct bench {
    char folder[64], file[96];
    struct farm farm;
    struct farm_job *job;
    struct database *db;
};

static void begin(struct bench *b)
{
    if (!b->db)
        assert_ok(database_open(b->file, &b->db, &err));
    assert_ok(database_begin(b->db, &err));
}

static void insert_rows(struct bench *b)
{
    struct statement *q;
    int64_t job;
    begin(b);
    assert_ok(database_query(b->db, "bundle_insert", &q, &err));
    statement_bind_text(q, 1, "h");
    statement_bind_text(q, 2, "b");
    statement_bind_text(q, 3, "y");
    statement_bind_int(q, 4, 8);
    statement_bind_int(q, 5, 1);
    assert_ok(statement_run(q, &err));
    assert_ok(jobs_insert(b->db, &(struct jobs_row){.name = "j", .owner = "me", .bundle = 1, .spec = yaml},
                          &job, &err));
    for (uint32_t i = 0; i < b->job->spec->stages_count; i++) {
        struct farm_stage *stage = &b->job->stages[i];
        const struct jobs_stage row = {.job = job,
                                       .position = i,
                                       .name = stage->spec->name,
                                       .kind = spec_kind_name(stage->spec->kind),
                                       .total = stage->plan.total,
                                       .unit = 1};
        assert_ok(jobs_insert_stage(b->db, &row, &stage->id, &err));
    }
    assert_ok(database_commit(b->db, &err));
}

static int open_bench(void **state)
{
    static const char *const names[] = {"Smiling", "Male"};
    struct bench *b = calloc(1, sizeof *b);
    struct farm_bundle *added;
    struct bundle *bundle = calloc(1, sizeof *bundle);
    struct spec *spec = NULL;
    bundle->attributes = (const char **)(uintptr_t)names;
    bundle->attributes_count = 2;
    bundle->generator.latent.dimension = 8;
    assert_ok(farm_add_bundle(&b->farm, 1, "h", &bundle, &added, &err));
    assert_ok(spec_parse(yaml, strlen(yaml), &spec, &err));
    assert_ok(farm_make_job(added, &spec, yaml, &b->job, &err));
    strcpy(b->folder, "/tmp/facefarm-selection-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->file, sizeof b->file, "%s/farm.db", b->folder);
    insert_rows(b);
    *state = b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    char path[128];
    database_close(&b->db);
    farm_free_job(&b->job);
    free(b->farm.bundles->bundle); /* its texts are not its own */
    b->farm.bundles->bundle = NULL;
    farm_free(&b->farm);
    snprintf(path, sizeof path, "%s-lock", b->file);
    unlink(path);
    unlink(b->file);
    rmdir(b->folder);
    free(b);
    return 0;
}

/* Every third face, as far apart as a row each takes. */
static struct selection choose(void)
{
    struct selection found = {.cells = calloc(1, sizeof *found.cells), .selected = FACES, .draws = 40};
    found.cells[0] = FACES;
    for (uint64_t i = 0; i < FACES; i++)
        assert_ok(seeds_add(&found.seeds, 3 * i, &err));
    assert_int_equal(found.seeds.count, FACES);
    return found;
}

static int64_t rows_of(struct bench *b)
{
    struct statement *q;
    int64_t rows = 0;
    for (uint32_t i = 0; i < b->job->spec->stages_count; i++) {
        assert_ok(database_query(b->db, "sample_range_list", &q, &err));
        statement_bind_int(q, 1, b->job->stages[i].id);
        statement_bind_int(q, 2, 0);
        statement_bind_int(q, 3, 1000);
        while (statement_step(q, &err) > 0)
            rows++;
        statement_reset(q);
    }
    return rows;
}

/* One piece in a transaction of its own. */
static bool give(struct bench *b, struct selection *found, size_t most)
{
    bool done = false;
    begin(b);
    assert_ok(selection_give(b->db, &b->job->stages[0], found, most, &done, &err));
    assert_ok(database_commit(b->db, &err));
    return done;
}

static void expect_all(struct bench *b)
{
    uint64_t samples[FACES];
    assert_int_equal(rows_of(b), ROWS);
    for (uint32_t i = 1; i < 4; i += 2) {
        assert_ok(jobs_read_samples(b->db, b->job->stages[i].id, 0, FACES, samples, &err));
        for (uint64_t k = 0; k < FACES; k++)
            assert_int_equal(samples[k], 3 * k);
    }
}

static void pieces_have_so_many_rows(void **state)
{
    struct bench *b = *state;
    for (size_t most = 1; most <= ROWS + 1; most++) {
        struct selection found = choose();
        int64_t before = 0;
        begin(b); /* nobody has anything */
        for (uint32_t i = 0; i < 4; i++)
            assert_ok(jobs_delete_samples(b->db, b->job->stages[i].id, SIZE_MAX, &(size_t){0}, &err));
        assert_ok(database_commit(b->db, &err));
        for (bool done = false; !done;) {
            done = give(b, &found, most);
            int64_t rows = rows_of(b);
            assert_true(rows - before <= (int64_t)most);
            assert_true(rows > before || done);
            assert_true(done || rows - before == (int64_t)most || rows == ROWS);
            before = rows;
        }
        expect_all(b);
        selection_free(&found);
    }
}

/* A broker that ends after so many pieces, of whatever size; the next one begins anew, with another. */
static void who_ends_in_between_is_followed(void **state)
{
    struct bench *b = *state;
    for (int pieces = 0; pieces <= 12; pieces++)
        for (size_t most = 1; most <= 7; most += 3) {
            struct selection first = choose(), second = choose();
            for (int i = 0; i < pieces && !give(b, &first, most); i++)
                ;
            database_close(&b->db);
            while (!give(b, &second, 4))
                ;
            expect_all(b);
            selection_free(&first);
            selection_free(&second);
        }
}

static void nothing_is_given_of_a_mix_that_is_not_reached(void **state)
{
    struct bench *b = *state;
    struct selection found = choose();
    found.selected = FACES - 1;
    assert_true(give(b, &found, 1));
    assert_int_equal(rows_of(b), 0);
    selection_free(&found);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(pieces_have_so_many_rows),
        TEST(who_ends_in_between_is_followed),
        TEST(nothing_is_given_of_a_mix_that_is_not_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
